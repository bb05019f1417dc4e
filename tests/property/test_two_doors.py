"""A bad row is refused for the same reason at both doors, whatever it is written in, and its value is never told.

Rows with one wrong cell each are drawn for every column of the contract that a request has too.  They are written as
CSV, as Parquet with native types, and as JSON; each must be told with the same column and rule.
"""

import csv
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.errors import InvalidRecords
from features.records import read_records
from features.request_model import parse_case
from features.schema import DISPUTES, EVENTS, PETITIONS, Kind
from features.validation import validate_records
from tests.door_records import NOW, NOW_US, body, case, row, tables, write_csv, write_parquet

PARTS = {"disputes": "dispute", "events": "events", "petitions": "petitions"}
IDS = {"disputes": "dispute_id", "events": "event_id", "petitions": "petition_id"}

SECRET_SHAPES = ("13812345678", "X13987654321", "+8613812345678", "11010519491231002X", "浙A12345", "粤BD12345")
SECRET_PROSE = ("打 138-1234-5678 找他", "身份证１１０１０５１９４９１２３１００２Ｘ", "开沪A·Z9876走了")
BAD_TIMES = (
    "2024-05-03T09:31:00", "2024-05-03 09:31", "2024-05-03", "2024-02-30T00:00:00Z", "2024-05-03T24:00:00Z",
    "2024-05-03T09:31:00+0800", "2024-05-03T09:31:60Z", "05/01/2024", "9999999999", "0000-01-01T00:00:00Z",
    "2024-05-03T09:31:00.1234567891Z", "2099-01-01T00:00:00Z", "2024-05-03T09:31:00 Z", " 2024-05-03T09:31:00Z", "2024-05-03T09:31:00Z\n", "٢٠٢٤-05-03T09:31:00Z",
)  # fmt: skip
BAD_NUMBERS = (-1, -0.001, float("nan"), float("inf"), float("-inf"), "qqq", "1,5", "0x10")


def bad_values(column):
    """Values that a column might wrongly hold; some break a rule only in some columns, which is the doors' to say."""
    if column.kind is Kind.TIME:
        values = list(BAD_TIMES)
    elif column.kind is Kind.NUMBER:
        values = [*BAD_NUMBERS, 1.5, 1e300]
    elif column.kind is Kind.INTEGER:
        values = [*BAD_NUMBERS, 2.5, 6, 1e300]
    elif column.kind is Kind.BOOLEAN:
        values = ["yes", "qqq", "0", "T"]
    elif column.kind is Kind.CODES:
        values = [["qqq"], ["wages", "qqq"], ["wages", SECRET_SHAPES[0]], ["Wages"]]
    elif column.kind is Kind.CODE:
        values = ["qqq", "Grid", " grid", *SECRET_SHAPES[:3]]
    else:
        values = [*SECRET_SHAPES, *(SECRET_PROSE if column.free_text else ())]
        values += ["1 2", "D" * 80, "330106001\n", "３３０１０６００１"] if column.pattern else []
    return values if column.nullable else [*values, None]


CELLS = [
    (table.name, column.name, value)
    for table in (DISPUTES, EVENTS, PETITIONS)
    for column in table.columns
    for value in bad_values(column)
]


def told_by_json(table, bad):
    """The (column, rule) of the faults that a request with the row is answered with."""
    part = PARTS[table]
    record = case(**{part: bad if part == "dispute" else [bad]})
    try:
        parse_case(body(record), now_us=NOW_US)
    except InvalidRecords as error:
        own = {(f.path.rpartition(".")[2], str(f.rule)) for f in error.faults if f.path.startswith(part)}
        return own, str(error) + repr(error.faults)
    return set(), ""


def told_by_folder(write, rows):
    """The same for every row of a folder, and all that validation wrote and said."""
    records = tables(incidents=[], audit=[])
    for table, bad in rows:
        records[table].append(bad)
    places = {name: iter(range(2, len(each) + 1)) for name, each in records.items()}
    with tempfile.TemporaryDirectory() as base:
        folder = write(Path(base, "records"), records)
        report = validate_records(folder, quarantine=Path(base, "q"), now=NOW)
        told = "".join(path.read_text(encoding="utf-8") for path in Path(base, "q").iterdir())
        with Path(base, "q", "events.csv").open(encoding="utf-8") as handle:
            quarantined = {line["row"] for line in csv.DictReader(handle)}
    faulty = {str(fault.row) for fault in report.faults if fault.table == "events"}
    assert quarantined == faulty
    found = []
    for table, _ in rows:
        place = next(places[table])
        found.append({(f.column, f.rule) for f in report.faults if f.table == table and f.row == place})
    return found, told + repr(report) + json.dumps(report.to_record(), ensure_ascii=False)


def secrets(value):
    """The parts of a bad value that nobody may repeat (short numbers and words stand in messages by chance)."""
    texts = value if isinstance(value, list) else [value]
    return [text for text in texts if isinstance(text, str) and (len(text) > 6 or text == "qqq")]


def without_cascade(found, wrong):
    """The faults of a row but that its dispute is unknown, if it is the dispute id that is wrong."""
    return {fault for fault in found if "dispute_id" not in wrong or fault[1] != "unknown_dispute"}


@st.composite
def wrong_rows(draw):
    """A table, and up to four columns of it with a wrong value."""
    table = draw(st.sampled_from([DISPUTES, EVENTS, PETITIONS]))
    columns = draw(st.lists(st.sampled_from(table.columns), min_size=1, max_size=4, unique_by=lambda c: c.name))
    return table.name, {column.name: draw(st.sampled_from(bad_values(column))) for column in columns}


@settings(
    max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(st.lists(wrong_rows(), min_size=40, max_size=80))
def test_rows_with_several_faults_are_told_alike(wrong):
    check(wrong)


def test_every_wrong_cell_is_told_alike():
    """Each of ``CELLS`` in a row of its own, so that nothing is left to the draw."""
    check([(table, {column: value}) for table, column, value in CELLS])


def check(wrong):
    rows = []
    for number, (table, changes) in enumerate(wrong):
        own_id = {} if IDS[table] in changes else {IDS[table]: f"X{number}"}
        rows.append((table, {**row(table), **own_id, **changes}))
    in_csv, csv_told = told_by_folder(write_csv, rows)
    in_parquet, parquet_told = told_by_folder(write_parquet, rows)
    for (table, changes), (_, bad), by_csv, by_parquet in zip(wrong, rows, in_csv, in_parquet, strict=True):
        if table == "disputes" and "dispute_id" not in changes:
            bad["dispute_id"] = "D1"  # the one that the other rows of the request belong to
        by_json, json_told = told_by_json(table, bad)
        by_json = without_cascade(by_json, changes)
        where = f"{table} {changes!r}"
        assert without_repeats(by_csv, changes) == by_json, where
        assert without_repeats(by_parquet, changes) == by_json, where
        for secret in (text for value in changes.values() for text in secrets(value)):
            assert secret not in json_told + csv_told + parquet_told, where


def without_repeats(found, wrong):
    """The same, and without a repeated key where several rows were given the same wrong id."""
    return {fault for fault in without_cascade(found, wrong) if fault[1] != "repeated_key"}


def test_the_values_do_break_rules():
    """Guards the test above: nearly every value must be refused, and every cell rule must come up."""
    told = [told_by_json(table, {**row(table), column: value})[0] for table, column, value in CELLS]
    assert sum(not found for found in told) < len(CELLS) / 20
    rules = {rule for found in told for _, rule in found}
    assert rules >= {
        "required", "refused_value_shape", "naive_time", "not_a_number", "bad_type", "out_of_range", "unknown_code",
        "bad_pattern", "recorded_in_future", "recorded_before_occurred",
    }  # fmt: skip


ODD_BUT_GOOD_TIMES = (
    "2024-05-02T01:30:00Z", "2024-05-02t01:30:00z", "2024-05-02 01:30:00+00:00", "2024-05-02T01:30:00.9999999Z",
    "2024-05-02T01:30:00.123456789-11:59", "2024-05-02T01:30:00.5+23:59", "1899-12-31T23:59:59.000001-00:00",
    "1969-12-31T23:59:59.9999999Z", "2000-02-29T00:00:00+08:00",
)  # fmt: skip


def test_both_doors_give_the_same_values(tmp_path):
    """Every odd but lawful way to write a value means the same in CSV and in a request."""
    numbers = (0, 0.1, 1e-7, 123456789.123456789, 4.35, 1e22)
    events = [row("events", event_id=f"E{i}", due_at=time) for i, time in enumerate(ODD_BUT_GOOD_TIMES)]
    disputes = [
        row("disputes", recorded_at=f"2024-06-01T00:00:0{i}Z", amount_cny=number) for i, number in enumerate(numbers)
    ]
    parsed = parse_case(body(case(dispute=disputes, events=events)), now_us=NOW_US)
    with read_records(write_csv(tmp_path, tables(disputes=disputes, events=events)), now=NOW) as records:
        for table, rows in (("disputes", parsed.dispute), ("events", parsed.events)):
            cursor = records.connection.execute(f"SELECT * FROM {table} ORDER BY ALL")
            names = [each[0] for each in cursor.description]
            from_csv = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
            key = "recorded_at" if table == "disputes" else "event_id"
            assert sorted(from_csv, key=lambda each: each[key]) == sorted(rows, key=lambda each: each[key])
    assert records.report.ok
    assert next(r for r in parsed.events if r["event_id"] == "E3")["due_at"] == 1_714_613_400_999_999
