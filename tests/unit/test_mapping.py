"""Foreign tables to records: every key of a mapping by hand-worked values, and every fault at once by its path."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import read_records
from features.clock import format_time
from features.errors import InvalidConfiguration, MissingInput, RefusedInput, UserError
from features.mapping import map_records
from features.mapping_file import parse_mapping
from features.record_templates import mapping_template, write_templates
from features.schema import TABLES
from features.validation import validate_records

CASES = """
[[disputes]]
file = "cases.csv"
[disputes.columns]
dispute_id = { column = "no", prefix = "D" }
opened_at = "opened"
recorded_at = { column = "opened", day = "end" }
channel = { constant = "grid" }
kind = { constant = "other" }
area = { constant = "990100001" }
"""
"""The smallest table of cases: a number and a date."""


def write(folder: Path, **files: str | pa.Table) -> Path:
    """A folder with the files of a mapping test; ``cases_csv`` is ``cases.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".", 1)
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, "utf-8")
        else:
            pq.write_table(content, path)
    return folder


def mapped(tmp_path: Path, mapping: str, **files: str | pa.Table) -> Path:
    """The records folder that a mapping makes of some files."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "mapping.toml").write_text(mapping, "utf-8")
    map_records(tmp_path / "mapping.toml", write(tmp_path / "in", **files), tmp_path / "out")
    return tmp_path / "out"


def rows(records: Path, table: str, *columns: str) -> list[tuple]:
    """Some columns of the accepted rows, times as RFC 3339, in order."""
    with read_records(records, strict=True) as opened:
        found = opened.connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY ALL").fetchall()
    return [
        tuple(
            format_time(v) if name.endswith("_at") and v is not None else v
            for name, v in zip(columns, row, strict=True)
        )
        for row in found
    ]


def faults_of(tmp_path: Path, mapping: str, **files: str | pa.Table) -> dict[str, str]:
    """The rule of every fault by its path; nothing may have been written."""
    with pytest.raises(UserError) as caught:
        mapped(tmp_path, mapping, **files)
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "mapping.toml"]
    for fault in caught.value.faults:
        assert str(fault) in str(caught.value)
    return {fault.path: str(fault.rule) for fault in caught.value.faults}


# --- what each key does ----------------------------------------------------------------------------------------------

EXPORT = """
zone = "Asia/Shanghai"

[[disputes]]
file = "cases.csv"
delimiter = ";"
encoding = "gb18030"
[disputes.columns]
dispute_id = { column = "编号", prefix = "D-" }
opened_at = { column = "opened", format = "%d.%m.%Y" }
recorded_at = { column = "entered", format = "%d.%m.%Y %H:%M" }
channel = { column = "way", codes = { "来访" = "walk_in", P = "police_110" }, otherwise = "sector" }
kind = { column = "sort", codes = { 1 = "neighbour", 2 = "debt_finance" }, if_empty = "other" }
stakes = { column = "matters", separator = ",", codes = { wall = "boundary", road = "access" }, otherwise = "other" }
amount_cny = { column = "amount", factor = 10000, otherwise = "" }
minors_in_household = { column = "children", codes = { Y = "true", N = "false", "?" = "" } }
area = { constant = "990100001" }
"""
EXPORTED = """编号;opened;entered;way;sort;matters;amount;children;姓名
7;01.02.2024;01.02.2024 09:30;来访; 1 ;wall, road;2.5;Y;甲
8;02.02.2024;03.02.2024 10:00;post;;wall,noise;unknown;?;乙
9;02.02.2024;03.02.2024 10:00;P;2;;;N;丙
"""


def test_codes_lists_units_constants_and_defaults_in_a_chinese_export(tmp_path):
    source = write(tmp_path / "in")
    (source / "cases.csv").write_text(EXPORTED, "gb18030")
    out = mapped(tmp_path, EXPORT)
    columns = (
        "dispute_id",
        "opened_at",
        "recorded_at",
        "channel",
        "kind",
        "stakes",
        "amount_cny",
        "minors_in_household",
    )
    assert rows(out, "disputes", *columns) == [
        ("D-7", "2024-01-31T16:00:00Z", "2024-02-01T01:30:00Z", "walk_in", "neighbour", ["boundary", "access"], 25000.0, True),
        ("D-8", "2024-02-01T16:00:00Z", "2024-02-03T02:00:00Z", "sector", "other", ["boundary", "other"], None, None),
        ("D-9", "2024-02-01T16:00:00Z", "2024-02-03T02:00:00Z", "police_110", "debt_finance", None, None, False),
    ]  # fmt: skip


def test_what_became_otherwise_is_counted(tmp_path):
    source = write(tmp_path / "in")
    (source / "cases.csv").write_text(EXPORTED, "gb18030")
    (tmp_path / "mapping.toml").write_text(EXPORT, "utf-8")
    summary = map_records(tmp_path / "mapping.toml", source, tmp_path / "out")
    (one,) = summary.sources
    assert (one.rows_read, one.rows_left_out, one.rows_written) == (3, 0, 3)
    assert one.replaced == {"channel": 1, "stakes": 1, "amount_cny": 1}
    assert summary.empty_tables == ("events", "petitions")
    assert "post" not in summary.to_text()


@pytest.mark.parametrize(
    ("zone", "day", "span"),
    [
        ("America/New_York", "2015-01-01", ("2015-01-01T05:00:00Z", "2015-01-02T04:59:59.999999Z")),
        ("America/New_York", "2015-07-01", ("2015-07-01T04:00:00Z", "2015-07-02T03:59:59.999999Z")),
        ("America/New_York", "2015-03-08", ("2015-03-08T05:00:00Z", "2015-03-09T03:59:59.999999Z")),  # 23 hours
        ("America/New_York", "2015-11-01", ("2015-11-01T04:00:00Z", "2015-11-02T04:59:59.999999Z")),  # 25 hours
        ("America/Sao_Paulo", "2015-10-18", ("2015-10-18T03:00:00Z", "2015-10-19T01:59:59.999999Z")),  # no midnight
        ("Asia/Shanghai", "2015-07-01", ("2015-06-30T16:00:00Z", "2015-07-01T15:59:59.999999Z")),
    ],
)
@pytest.mark.parametrize("as_parquet", [False, True])
def test_a_day_is_local_from_midnight_to_midnight(tmp_path, zone, day, span, as_parquet):
    mapping = f'zone = "{zone}"\n' + CASES
    if as_parquet:
        table = pa.table({"no": [1], "opened": [date.fromisoformat(day)]})
        out = mapped(tmp_path, mapping.replace("cases.csv", "cases.parquet"), cases_parquet=table)
    else:
        out = mapped(tmp_path, mapping, cases_csv=f"no,opened\n1,{day}\n")
    assert rows(out, "disputes", "opened_at", "recorded_at") == [span]


def test_an_hour_that_comes_twice_is_the_later_and_one_that_never_comes_the_next(tmp_path):
    text = "no,opened\n1,2015-11-01 01:30\n2,2015-03-08T02:30:00\n3,2015-11-01T01:30:00-04:00\n"
    out = mapped(tmp_path, 'zone = "America/New_York"\n' + CASES, cases_csv=text)
    assert rows(out, "disputes", "dispute_id", "opened_at") == [
        ("D1", "2015-11-01T06:30:00Z"), ("D2", "2015-03-08T07:30:00Z"), ("D3", "2015-11-01T05:30:00Z"),
    ]  # fmt: skip


def test_parquet_of_pandas_whole_doubles_nan_and_zoned_times(tmp_path):
    table = pa.table(
        {
            "no": [1.0, 2.0],
            "opened": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("ns", "Europe/Berlin")),
            "amount": [float("nan"), 12.5],
            "matters": [["wall"], []],
        }
    )
    mapping = CASES.replace("cases.csv", "cases.parquet").replace(', day = "end"', "")
    mapping += 'amount_cny = "amount"\nstakes = { column = "matters", codes = { wall = "boundary" } }\n'
    out = mapped(tmp_path, mapping, cases_parquet=table)
    assert rows(out, "disputes", "dispute_id", "opened_at", "amount_cny", "stakes") == [
        ("D1", "2024-01-01T00:00:00Z", None, ["boundary"]), ("D2", "2024-01-01T00:00:00Z", 12.5, None),
    ]  # fmt: skip


EVENTS = """
[[events]]
file = "diary/*.csv"
rows = { kind = ["blow", "word"], valid = [true] }
[events.columns]
event_id = { row = true, prefix = "E" }
dispute_id = { column = "no", prefix = "D" }
type = { column = "kind", codes = { blow = "physical_contact", word = "verbal_altercation" } }
occurred_at = "at"
recorded_at = "at"
channel = { constant = "grid" }
severity = { column = "grade", bands = [1, 5, 9] }

[[events]]
file = "diary/*.csv"
first_of = { each = "no", by = "at" }
[events.columns]
event_id = { columns = ["no", "kind"], prefix = "F" }
dispute_id = { column = "no", prefix = "D" }
type = { constant = "first_contact" }
occurred_at = "at"
recorded_at = "at"
channel = { constant = "grid" }
"""
DIARY = {
    "diary__a_csv": "no,kind,at,valid,grade\n1,word,2024-03-05,true,0.9\n1,other,2024-03-04,true,\n",
    "diary__b_csv": "no,kind,at,valid,grade\n1,blow,2024-03-06,true,9\n1,blow,2024-03-07,false,9\n",
}


def test_several_sources_row_numbers_across_files_filters_and_the_first_of_each(tmp_path):
    out = mapped(tmp_path, 'zone = "UTC"\n' + CASES + EVENTS, cases_csv="no,opened\n1,2024-03-01\n", **DIARY)
    assert rows(out, "events", "event_id", "type", "severity", "occurred_at") == [
        ("E1", "verbal_altercation", 0, "2024-03-05T00:00:00Z"),
        ("E3", "physical_contact", 3, "2024-03-06T00:00:00Z"),
        ("F1-other", "first_contact", None, "2024-03-04T00:00:00Z"),
    ]  # fmt: skip


def test_the_same_files_give_the_same_bytes(tmp_path):
    made = []
    for name in ("one", "two"):
        out = mapped(tmp_path / name, 'zone = "UTC"\n' + CASES + EVENTS, cases_csv="no,opened\n1,2024-03-01\n", **DIARY)
        made.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert made[0] == made[1]


def test_the_source_note_names_the_files_and_keeps_synthetic(tmp_path):
    source = {"cases_csv": "no,opened\n1,2024-03-01\n", "source_json": '{"synthetic": true}'}
    out = mapped(tmp_path, 'zone = "UTC"\n' + CASES, **source)
    assert list(json.loads((out / "source.json").read_text("utf-8"))["files"]) == ["cases.csv"]
    with read_records(out) as records:
        assert records.synthetic


# --- faults ----------------------------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once_with_its_path(tmp_path):
    mapping = """
zone = "Asia/Peking"
[[disputes]]
file = "cases.csv"
[disputes.columns]
dispute_id = { column = "no", prefix = "D" }
opened_at = { column = "opened", zone = "Asia/Shanghai" }
recorded_at = { column = "written", zone = "Mars/Base" }
channel = { column = "way", codes = { A = "grid" } }
kind = { constant = "quarrel" }
minors_in_household = { column = "no", bands = [1] }
colour = "way"
amount_cny = { colum = "no" }
[[events]]
file = "nowhere.csv"
columns = { event_id = { row = true } }
[[petitions]]
columns = {}
[[incidents]]
file = "../other.csv"
columns = {}
"""
    found = faults_of(tmp_path, mapping, cases_csv="no,opened,way\n1,2024-03-01,A\n")
    assert found == {
        "zone": "invalid",
        "disputes[0].columns.recorded_at.zone": "invalid",
        "disputes[0].columns.amount_cny.colum": "extra_forbidden",
        "disputes[0].columns.kind.constant": "unknown_code",
        "disputes[0].columns.minors_in_household.bands": "does_not_fit",
        "disputes[0].columns.colour": "unknown_column",
        "disputes[0].columns.area": "missing_column",
        "events[0].file": "missing_file",
        **{f"events[0].columns.{name}": "missing_column" for name in ("dispute_id", "type", "occurred_at", "recorded_at", "channel")},
        "petitions[0].file": "missing",
        "incidents[0].file": "invalid",
    }  # fmt: skip


def test_codes_that_are_not_mapped_are_counted_and_never_repeated(tmp_path):
    mapping = 'zone = "UTC"\n' + CASES.replace('{ constant = "grid" }', '{ column = "way", codes = { A = "grid" } }')
    mapping += 'amount_cny = "sum"\nwage_arrears_months = "late"\n'
    text = (
        "no,opened,way,sum,late\n1,2024-03-01,A,1,2\n2,2024-03-02,secret,x,-1\n3,2024-03-01,secret,NaN,3\n4,soon,A,,\n"
    )
    with pytest.raises(InvalidConfiguration) as caught:
        mapped(tmp_path, mapping, cases_csv=text)
    told = {fault.path: fault for fault in caught.value.faults}
    assert set(told) == {f"disputes[0].columns.{name}" for name in ("channel", "amount_cny", "wage_arrears_months", "opened_at", "recorded_at")}  # fmt: skip
    assert "2 value(s)" in told["disputes[0].columns.channel"].allowed
    assert "2 value(s)" in told["disputes[0].columns.amount_cny"].allowed
    assert "1 value(s)" in told["disputes[0].columns.wage_arrears_months"].allowed
    assert "secret" not in str(caught.value)
    assert "soon" not in str(caught.value)


@pytest.mark.parametrize("place", ["kind", "rows", "first_of", "columns"])
def test_a_refused_column_may_lie_in_the_source_but_is_never_mapped(tmp_path, place):
    text = "no,opened,民族,religion\n1,2024-03-01,x,y\n"
    plain = 'zone = "UTC"\n' + CASES
    assert rows(mapped(tmp_path / "unread", plain, cases_csv=text), "disputes", "dispute_id") == [("D1",)]
    mapping = {
        "kind": plain.replace('kind = { constant = "other" }', 'kind = { column = "民族", otherwise = "other" }'),
        "rows": plain.replace("[disputes.columns]", 'rows = { religion = ["y"] }\n[disputes.columns]'),
        "first_of": plain.replace(
            "[disputes.columns]", 'first_of = { each = "民族", by = "opened" }\n[disputes.columns]'
        ),
        "columns": plain.replace('column = "no"', 'columns = ["no", "religion"]'),
    }[place]
    with pytest.raises(RefusedInput, match="is never read") as caught:
        mapped(tmp_path / "named", mapping, cases_csv=text)
    assert [fault.rule for fault in caught.value.faults] == ["refused_input"]


def test_the_tables_that_are_about_it_may_have_columns_called_like_it():
    petitions = """
[[petitions]]
file = "letters.csv"
[petitions.columns]
petition_id = "petition_no"
dispute_id = "no"
lodged_at = "xinfang_date"
recorded_at = "at"
due_at = "due"
upheld = "petition_level"
[[audit]]
file = "audit.csv"
[audit.columns]
dispute_id = "no"
sex_mix = "gender"
age_band = "religion"
"""
    found = {fault.path: str(fault.rule) for fault in parse_mapping('zone = "UTC"\n' + CASES + petitions).faults}
    assert found == {"petitions[0].columns.upheld": "refused_input", "audit[0].columns.age_band": "refused_input"}


def test_times_without_an_offset_need_a_zone(tmp_path):
    table = pa.table({"no": [1], "opened": [date(2024, 3, 1)]})
    found = faults_of(tmp_path, CASES.replace("cases.csv", "cases.parquet"), cases_parquet=table)
    assert found == {f"disputes[0].columns.{name}": "naive_time" for name in ("opened_at", "recorded_at")}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"no,opened\n1,2024-03-01,more\n", "wrong_field_count"),
        (b"no,opened\n1,\xff\xfe\n", "unreadable_file"),
        (b"no,opened,no\n1,2024-03-01,2\n", "repeated_column"),
        (b"", "unreadable_file"),
    ],
)
def test_broken_files_are_faults(tmp_path, content, rule):
    source = write(tmp_path / "in")
    (source / "cases.csv").write_bytes(content)
    assert rule in faults_of(tmp_path, 'zone = "UTC"\n' + CASES).values()


def test_nothing_is_written_over(tmp_path):
    with pytest.raises(MissingInput, match="init-records"):
        map_records(tmp_path / "none.toml", tmp_path, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x", "utf-8")
    with pytest.raises(UserError, match="is not empty"):
        mapped(tmp_path, 'zone = "UTC"\n' + CASES, cases_csv="no,opened\n1,2024-03-01\n")


# --- templates -------------------------------------------------------------------------------------------------------


def test_the_templates_name_every_column_and_are_sound(tmp_path):
    written = write_templates(tmp_path / "new")
    assert sorted(path.name for path in written) == sorted(
        [*(f"{t.name}.csv" for t in TABLES), "mapping.toml", "README.md"]
    )
    for table in TABLES:
        assert (tmp_path / "new" / f"{table.name}.csv").read_text("utf-8") == ",".join(table.names) + "\n"
        assert all(
            f"\n{name} = " in mapping_template() or f"\n# {name} = " in mapping_template() for name in table.names
        )
    assert validate_records(tmp_path / "new").ok
    assert parse_mapping(mapping_template()).faults == ()
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = \"your_" in line else line
        for line in mapping_template().splitlines()
    )  # fmt: skip
    assert len(uncommented.splitlines()) == len(mapping_template().splitlines())
    assert parse_mapping(uncommented).faults == ()
    with pytest.raises(UserError, match="is not empty"):
        write_templates(tmp_path / "new")
