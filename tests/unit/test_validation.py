"""The door for folders of records: every rule of a row by name, nothing lost, nothing echoed."""

import csv
import json

import pytest

from features.errors import InvalidRecords, RefusedInput
from features.quarantine import RowCount
from features.records import read_records
from features.records_reference import REFERENCE_PATH, records_reference
from features.rules import MEANINGS, Rule
from features.schema import TABLES_BY_NAME
from features.validation import FAULTS_KEPT, validate_records
from tests.door_records import NOW, accepted, found, row, tables, write_csv, write_parquet

WRITERS = pytest.mark.parametrize("write", [write_csv, write_parquet])


@WRITERS
def test_good_records_have_no_fault(tmp_path, write):
    report = validate_records(write(tmp_path / "r", tables()), now=NOW)
    assert found(report) == []
    assert report.ok
    assert set(report.reconciliation.values()) == {RowCount(1, 1, 0)}


def test_csv_and_parquet_give_the_same_typed_tables(tmp_path):
    records = tables(
        events=[row("events"), row("events", event_id="E2", severity=None, recorded_at="2024-05-02T02:30:00.000001Z")],
        disputes=[row("disputes"), row("disputes", dispute_id="D2", stakes=None, pair_token=None)],
    )
    from_csv = accepted(write_csv(tmp_path / "c", records))
    assert from_csv == accepted(write_parquet(tmp_path / "p", records))
    first = dict(
        zip([n for n in TABLES_BY_NAME["disputes"].names if n != "narrative"], from_csv["disputes"][0], strict=True)
    )
    assert first["opened_at"] == 1_714_527_000_000_000  # 2024-05-01T01:30:00Z
    assert first["recorded_at"] == 1_714_530_600_250_000
    assert first["stakes"] == ["wages", "debt"]
    assert (first["amount_cny"], first["minors_in_household"], first["withdrawn"]) == (13800.5, True, None)
    assert "narrative" not in first


FAULTS = [
    ("disputes", {"dispute_id": None}, "dispute_id", "required"),
    ("disputes", {"dispute_id": "1"}, "dispute_id", "bad_pattern"),
    ("disputes", {"area": "33010600"}, "area", "bad_pattern"),
    ("disputes", {"channel": "telepathy"}, "channel", "unknown_code"),
    ("disputes", {"stakes": ["wages", "gold"]}, "stakes", "unknown_code"),
    ("disputes", {"amount_cny": -1}, "amount_cny", "out_of_range"),
    ("disputes", {"amount_cny": float("nan")}, "amount_cny", "not_a_number"),
    ("disputes", {"amount_cny": float("inf")}, "amount_cny", "not_a_number"),
    ("disputes", {"amount_cny": "a lot"}, "amount_cny", "bad_type"),
    ("disputes", {"amount_cny": "1_0"}, "amount_cny", "bad_type"),
    ("disputes", {"pair_confidence": 1.01}, "pair_confidence", "out_of_range"),
    ("disputes", {"minors_in_household": "yes"}, "minors_in_household", "bad_type"),
    ("disputes", {"narrative": "打他电话138 1234 5678"}, "narrative", "refused_value_shape"),
    ("disputes", {"pair_token": "11010519491231002X"}, "pair_token", "refused_value_shape"),
    ("disputes", {"kind": "13812345678"}, "kind", "refused_value_shape"),
    ("disputes", {"stakes": ["wages", "13812345678"]}, "stakes", "refused_value_shape"),
    ("disputes", {"opened_at": "2024-05-01T09:30:00"}, "opened_at", "naive_time"),
    ("disputes", {"opened_at": "2024-05-01"}, "opened_at", "naive_time"),
    ("disputes", {"opened_at": "2024-02-30T09:30:00Z"}, "opened_at", "bad_type"),
    ("disputes", {"opened_at": "yesterday"}, "opened_at", "bad_type"),
    ("disputes", {"opened_at": "2024-05-01T10:30:00.250001+08:00"}, "recorded_at", "recorded_before_occurred"),
    ("disputes", {"recorded_at": "2024-07-01T00:00:00.000001Z"}, "recorded_at", "recorded_in_future"),
    ("events", {"severity": 6}, "severity", "out_of_range"),
    ("events", {"severity": 2.5}, "severity", "bad_type"),
    ("events", {"specifics": -1}, "specifics", "out_of_range"),
    ("events", {"event_id": "E13812345678"}, "event_id", "refused_value_shape"),
    ("events", {"dispute_id": "D9"}, "dispute_id", "unknown_dispute"),
    ("events", {"due_at": "2024-05-01 09:30"}, "due_at", "naive_time"),
    ("petitions", {"dispute_id": "D9"}, "dispute_id", "unknown_dispute"),
    ("petitions", {"answered_at": None}, "answer_recorded_at", "answer_incomplete"),
    ("petitions", {"answer_recorded_at": None}, "answered_at", "answer_incomplete"),
    ("petitions", {"answered_at": "2024-05-02T09:29:59Z"}, "answered_at", "answer_before_lodged"),
    ("petitions", {"answer_recorded_at": "2024-05-20T09:29:59Z"}, "answer_recorded_at", "recorded_before_occurred"),
    ("petitions", {"answer_recorded_at": "2025-05-20T09:29:59Z"}, "answer_recorded_at", "recorded_in_future"),
    ("petitions", {"lodged_at": "2024-05-02T10:30:01Z"}, "recorded_at", "recorded_before_occurred"),
    ("incidents", {"dispute_id": "D9"}, "dispute_id", "unknown_dispute"),
    ("incidents", {"link_confidence": 2}, "link_confidence", "out_of_range"),
    ("incidents", {"occurred_at": "2024-06-02T09:30:01Z"}, "verified_at", "recorded_before_occurred"),
    ("incidents", {"verified_at": "2024-07-02T09:30:01Z"}, "verified_at", "recorded_in_future"),
    ("audit", {"dispute_id": "D9"}, "dispute_id", "unknown_dispute"),
]
ROW_IDS = {"disputes": "dispute_id", "events": "event_id", "petitions": "petition_id", "incidents": "incident_id"}


@pytest.fixture(scope="module", params=[write_csv, write_parquet], ids=["csv", "parquet"])
def faulty(request, tmp_path_factory):
    """The report on one folder with all of ``FAULTS``, each in a row of its own after the good row."""
    records = tables()
    expected = {}
    for number, (table, changes, column, rule) in enumerate(FAULTS):
        own_id = {ROW_IDS[table]: f"X{number}"} if table in ROW_IDS else {}
        records[table].append(row(table, **{**own_id, **changes}))
        expected[table, len(records[table])] = (column, rule)
    base = tmp_path_factory.mktemp("faulty")
    folder = request.param(base / "r", records)
    return folder, base / "q", expected, validate_records(folder, quarantine=base / "q", now=NOW)


def test_every_rule_is_found_where_it_is_broken(faulty):
    _, _, expected, report = faulty
    assert {(t, r): (c, rule) for t, r, c, rule in found(report)} == expected
    assert len(report.faults) == len(FAULTS)


def test_rows_in_are_rows_accepted_and_quarantined(faulty):
    _, quarantine, expected, report = faulty
    for table, count in report.reconciliation.items():
        bad = sum(1 for name, _ in expected if name == table)
        assert count == RowCount(bad + 1, 1, bad)
    stored = json.loads((quarantine / "reconciliation.json").read_text())
    assert stored["events"] == report.to_record()["reconciliation"]["events"]


def test_quarantine_files_have_the_four_columns_and_every_fault(faulty):
    _, quarantine, _, report = faulty
    for table in report.reconciliation:
        with (quarantine / f"{table}.csv").open(encoding="utf-8") as handle:
            lines = list(csv.DictReader(handle))
            assert lines == [] or list(lines[0]) == ["row", "column", "rule", "allowed"]
        wanted = [(str(f.row), f.column, f.rule, f.allowed) for f in report.faults if f.table == table]
        assert sorted(tuple(line.values()) for line in lines) == sorted(wanted)


def test_commands_go_on_with_the_accepted_rows_unless_strict(faulty):
    folder, _, _, report = faulty
    assert {name: len(rows) for name, rows in accepted(folder).items()} == dict.fromkeys(ROW_IDS, 1)
    with pytest.raises(RefusedInput) as caught:
        read_records(folder, strict=True, now=NOW)
    assert len(caught.value.faults) == len([f for f in report.faults if f.table != "audit"])


def test_no_offending_value_is_echoed(faulty):
    folder, quarantine, _, report = faulty
    told = [json.dumps(report.to_record(), ensure_ascii=False), repr(report)]
    told += [path.read_text(encoding="utf-8") for path in quarantine.iterdir()]
    with pytest.raises(InvalidRecords) as caught:
        read_records(folder, strict=True, now=NOW)
    told += [str(caught.value), repr(caught.value.faults)]
    for secret in ("13812345678", "138 1234", "11010519491231002X", "telepathy", "yesterday", "a lot", "gold"):
        assert not [text for text in told if secret in text], secret


@WRITERS
def test_a_fault_is_told_once_for_a_cell_but_for_every_cell(tmp_path, write):
    bad = row("events", severity=9, channel="x", dispute_id="D9", recorded_at="2024-05-01T00:00:00Z")
    report = validate_records(write(tmp_path, tables(events=[bad])), now=NOW)
    assert {(column, rule) for _, _, column, rule in found(report)} == {
        ("severity", "out_of_range"), ("channel", "unknown_code"), ("dispute_id", "unknown_dispute"),
        ("recorded_at", "recorded_before_occurred"),
    }  # fmt: skip
    assert report.reconciliation["events"] == RowCount(1, 0, 1)


@WRITERS
def test_equal_instants_are_fine(tmp_path, write):
    now = NOW.isoformat()
    records = tables(
        disputes=[row("disputes", opened_at=now, recorded_at=now)],
        petitions=[row("petitions", lodged_at=now, recorded_at=now, answered_at=now, answer_recorded_at=now)],
    )
    assert validate_records(write(tmp_path, records), now=NOW).ok


# --- rows among others -----------------------------------------------------------------------------------------------


@WRITERS
def test_of_equal_copies_one_is_accepted(tmp_path, write):
    folder = write(tmp_path, tables(events=[row("events"), row("events"), row("events")]))
    report = validate_records(folder, now=NOW)
    assert found(report) == [("events", 2, "event_id", "repeated_key"), ("events", 3, "event_id", "repeated_key")]
    assert len(accepted(folder)["events"]) == 1


@WRITERS
@pytest.mark.parametrize("order", [1, -1])
def test_of_copies_that_contradict_each_other_none_is_accepted(tmp_path, write, order):
    copies = [row("events"), row("events", severity=5)][::order]
    folder = write(tmp_path, tables(events=copies))
    assert [fault[3] for fault in found(validate_records(folder, now=NOW))] == ["repeated_key"] * 2
    assert accepted(folder)["events"] == []


@WRITERS
def test_a_later_version_is_not_a_repeated_key(tmp_path, write):
    versions = [row("events"), row("events", recorded_at="2024-05-03T00:00:00Z", withdrawn=True)]
    folder = write(tmp_path, tables(events=versions))
    assert validate_records(folder, now=NOW).ok
    assert len(accepted(folder)["events"]) == 2


def test_the_same_instant_with_another_offset_is_a_repeated_key(tmp_path):
    copies = [row("events"), row("events", recorded_at="2024-05-02T02:30:00Z", severity=1)]
    report = validate_records(write_csv(tmp_path, tables(events=copies)), now=NOW)
    assert report.fault_counts == {("events", "repeated_key"): 2}


@WRITERS
def test_events_of_a_dispute_without_accepted_row_are_of_an_unknown_dispute(tmp_path, write):
    disputes = [row("disputes"), row("disputes", dispute_id="D2", kind="x")]
    events = [row("events"), row("events", event_id="E2", dispute_id="D2")]
    report = validate_records(write(tmp_path, tables(disputes=disputes, events=events)), now=NOW)
    assert found(report)[1:] == [("events", 2, "dispute_id", "unknown_dispute")]


# --- the report ------------------------------------------------------------------------------------------------------


def test_report_keeps_some_faults_of_each_rule_and_counts_all(tmp_path):
    events = [row("events", event_id=f"E{i}", severity=9) for i in range(FAULTS_KEPT + 20)]
    report = validate_records(write_csv(tmp_path / "r", tables(events=events)), quarantine=tmp_path / "q", now=NOW)
    assert len(report.faults) == FAULTS_KEPT
    assert report.fault_counts == {("events", "out_of_range"): FAULTS_KEPT + 20}
    assert len((tmp_path / "q" / "events.csv").read_text().splitlines()) == FAULTS_KEPT + 21


def test_quarantine_of_an_earlier_run_does_not_stay(tmp_path):
    bad, good = tables(events=[row("events", severity=9)]), tables()
    for records in (bad, good):
        validate_records(write_csv(tmp_path / "r", records), quarantine=tmp_path / "q", now=NOW)
    assert (tmp_path / "q" / "events.csv").read_text() == "row,column,rule,allowed\n"


def test_row_counts_that_do_not_add_up_are_a_bug():
    with pytest.raises(AssertionError, match="lost"):
        RowCount(3, 1, 1)


def test_progress_is_told_file_by_file(tmp_path):
    told = []
    validate_records(write_csv(tmp_path, tables()), now=NOW, progress=lambda *step: told.append(step))
    assert told[0] == ("disputes.csv", 0, 5)
    assert [name for name, _, _ in told] == [f"{name}.csv" for name in tables()]


# --- the reference page ----------------------------------------------------------------------------------------------


def test_reference_page_is_up_to_date(request):
    page = (request.config.rootpath / REFERENCE_PATH).read_text(encoding="utf-8")
    assert page == records_reference(), "run: python -m features.records_reference"


def test_reference_page_has_every_rule_and_column():
    page = records_reference()
    assert set(MEANINGS) == set(Rule)
    assert all(f"| `{rule}` |" in page for rule in Rule)
    assert all(f"| `{name}` |" in page for table in TABLES_BY_NAME.values() for name in table.names)
    assert all(f"| R{number:02d} |" in page for number in range(1, 25))
