"""The door for folders of records: whole tables, files, headers and types, and what is known of records once read."""

import csv
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InvalidRecords, MissingInput, RefusedInput, UserError
from features.quarantine import RowCount
from features.records import read_records
from features.schema import FEATURE_TABLES
from features.validation import validate_records
from tests.door_records import NOW, accepted, found, row, tables, write_csv, write_parquet

WRITERS = pytest.mark.parametrize("write", [write_csv, write_parquet])


# --- whole tables ----------------------------------------------------------------------------------------------------


def stopped(folder, error=InvalidRecords):
    """What a command is stopped with."""
    with pytest.raises(error) as caught:
        read_records(folder, now=NOW)
    return caught.value


@pytest.mark.parametrize("table", ["disputes", "events", "petitions"])
def test_missing_table(tmp_path, table):
    folder = write_csv(tmp_path, tables())
    (folder / f"{table}.csv").unlink()
    report = validate_records(folder, now=NOW)
    assert found(report) == [(table, None, None, "missing_table")]
    assert f"{table}.parquet" in str(stopped(folder))


def test_incidents_and_audit_may_be_absent(tmp_path):
    folder = write_csv(tmp_path, tables())
    for table in ("incidents", "audit"):
        (folder / f"{table}.csv").unlink()
    report = validate_records(folder, now=NOW)
    assert report.ok
    assert report.absent_tables == ("incidents", "audit")
    with read_records(folder, now=NOW) as records:
        assert not records.has_incidents
        assert records.connection.execute("SELECT count(*) FROM incidents").fetchall() == [(0,)]


@WRITERS
def test_refused_column_stops_every_command_and_is_named(tmp_path, write):
    folder = write(tmp_path, tables())
    if write is write_csv:
        write_csv(folder, {"disputes": [{**row("disputes"), "民族": "secret-value"}]})
    else:
        table = pq.read_table(folder / "disputes.parquet").append_column("民族", pa.array(["secret-value"]))
        pq.write_table(table, folder / "disputes.parquet")
    report = validate_records(folder, now=NOW)
    assert found(report) == [("disputes", None, "民族", "refused_input")]
    assert report.reconciliation["disputes"] == RowCount(1, 0, 1)
    error = stopped(folder, RefusedInput)
    assert "R01 ethnicity" in str(error)
    assert "secret-value" not in str(error) + repr(report)


def test_audit_attributes_are_refused_outside_audit(tmp_path):
    folder = write_csv(tmp_path, tables(disputes=[{**row("disputes"), "age_band": "30-45"}]))
    assert found(validate_records(folder, now=NOW)) == [("disputes", None, "age_band", "refused_input")]


def test_unknown_missing_and_repeated_columns_are_all_told(tmp_path):
    folder = write_csv(tmp_path, tables())
    lines = (folder / "events.csv").read_text(encoding="utf-8").splitlines()
    header = lines[0].replace("severity", "severty").replace("channel", "type")
    (folder / "events.csv").write_text("\n".join([header, *lines[1:]]), encoding="utf-8")
    report = validate_records(folder, now=NOW)
    assert [fault[2:] for fault in found(report)] == [
        ("type", "repeated_column"), ("severty", "unknown_column"), ("channel", "missing_column")
    ]  # fmt: skip
    assert report.absent_columns == {"events": ("severity",)}
    stopped(folder)


def test_a_column_that_may_be_null_may_be_left_out_and_is_named(tmp_path):
    short = {key: value for key, value in row("events").items() if key not in ("withdrawn", "severity")}
    folder = write_csv(tmp_path, tables(events=[short]))
    report = validate_records(folder, now=NOW)
    assert report.ok
    assert report.absent_columns == {"events": ("severity", "withdrawn")}
    assert accepted(folder)["events"][0][6] is None


def test_data_taken_for_a_header_is_not_echoed(tmp_path):
    folder = write_csv(tmp_path, tables())
    lines = (folder / "events.csv").read_text(encoding="utf-8").splitlines()
    (folder / "events.csv").write_text(lines[1].replace("口头威胁", "张三") + "\n", encoding="utf-8")
    text = repr(validate_records(folder, now=NOW).faults)
    assert "column 14" in text
    assert "张三" not in text
    assert "police_110" not in text.replace("one of", "")


@pytest.mark.parametrize(
    ("unit", "rule"), [(pa.timestamp("us"), "naive_time"), (pa.date32(), "naive_time"), (pa.int64(), "bad_type")]
)
def test_parquet_columns_of_a_wrong_type(tmp_path, unit, rule):
    folder = write_parquet(tmp_path, tables())
    table = pq.read_table(folder / "events.parquet")
    place = table.schema.get_field_index("occurred_at")
    values = pa.array([0], pa.int32() if unit == pa.date32() else pa.int64()).cast(unit)
    pq.write_table(table.set_column(place, "occurred_at", values), folder / "events.parquet")
    assert found(validate_records(folder, now=NOW)) == [("events", None, "occurred_at", rule)]
    stopped(folder)


def with_due_at(folder, nanoseconds, unit):
    """The folder with one ``due_at`` written in another unit and zone."""
    table = pq.read_table(folder / "events.parquet")
    place = table.schema.get_field_index("due_at")
    per_unit = {"s": 1_000_000_000, "ms": 1_000_000, "ns": 1}[unit]
    times = pa.array([nanoseconds // per_unit], pa.int64()).cast(pa.timestamp(unit, "Asia/Shanghai"))
    pq.write_table(table.set_column(place, "due_at", times), folder / "events.parquet")
    return folder


@pytest.mark.parametrize(
    ("unit", "nanoseconds", "microseconds"),
    [
        ("s", 1_714_613_400_000_000_000, 1_714_613_400_000_000),
        ("ms", 1_714_613_400_001_000_000, 1_714_613_400_001_000),
        ("ns", 1_714_613_400_000_000_999, 1_714_613_400_000_000),
        ("ns", -1, -1),
    ],
)
def test_parquet_times_of_any_unit_and_zone(tmp_path, unit, nanoseconds, microseconds):
    """What is finer than microseconds is cut off, towards the past also before 1970."""
    folder = with_due_at(write_parquet(tmp_path, tables()), nanoseconds, unit)
    assert accepted(folder)["events"][0][10] == microseconds


@pytest.mark.parametrize(
    ("name", "content"),
    [("events.parquet", b"PAR1 not really"), ("events.csv", "事件".encode("gbk")), ("events.csv", b"")],
)
def test_unreadable_file(tmp_path, name, content):
    folder = write_csv(tmp_path, tables())
    (folder / "events.csv").unlink()
    (folder / name).write_bytes(content)
    report = validate_records(folder, now=NOW)
    assert found(report) == [("events", None, None, "unreadable_file")]
    stopped(folder)


def test_csv_in_another_encoding_further_down(tmp_path):
    folder = write_csv(tmp_path, tables())
    with (folder / "events.csv").open("ab") as handle:
        handle.write("E2,D1,threat,2024-05-02T01:30:00Z,2024-05-02T10:30:00Z,grid,,,,,,,,威胁,\n".encode("gbk"))
    assert found(validate_records(folder, now=NOW)) == [("events", None, None, "unreadable_file")]


def test_parquet_cut_short_inside(tmp_path):
    folder = write_parquet(tmp_path, tables(events=[row("events", event_id=f"E{i}") for i in range(2_000)]))
    raw = bytearray((folder / "events.parquet").read_bytes())
    raw[4:2_000] = bytes(1_996)
    (folder / "events.parquet").write_bytes(raw)
    assert found(validate_records(folder, now=NOW)) == [("events", None, None, "unreadable_file")]


def test_a_table_that_is_there_twice(tmp_path):
    folder = write_parquet(write_csv(tmp_path, tables()), {"events": [row("events")]})
    assert found(validate_records(folder, now=NOW)) == [("events", None, None, "ambiguous_table")]


def test_not_a_folder(tmp_path):
    for call in (validate_records, read_records):
        with pytest.raises(MissingInput, match="not a folder"):
            call(tmp_path / "nowhere")


# --- CSV and part files ----------------------------------------------------------------------------------------------


def test_rows_with_a_wrong_number_of_fields_keep_the_numbers_of_the_others(tmp_path):
    folder = write_csv(tmp_path, tables(events=[row("events", event_id=f"E{i}") for i in range(4)]))
    lines = (folder / "events.csv").read_text(encoding="utf-8").splitlines()
    lines.insert(2, "E9,13812345678")
    lines[5] = lines[5].replace("threat", "thread")
    (folder / "events.csv").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    report = validate_records(folder, quarantine=tmp_path / "q", now=NOW)
    assert found(report) == [("events", 2, None, "wrong_field_count"), ("events", 5, "type", "unknown_code")]
    assert report.reconciliation["events"] == RowCount(5, 3, 2)
    assert "13812345678" not in (tmp_path / "q" / "events.csv").read_text(encoding="utf-8") + repr(report)


def test_byte_order_mark_windows_lines_and_quoted_newlines(tmp_path):
    folder = write_csv(tmp_path, tables())
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert validate_records(folder, now=NOW).ok


def test_header_without_rows_is_an_empty_table(tmp_path):
    folder = write_csv(tmp_path, tables(events=[]))
    report = validate_records(folder, now=NOW)
    assert report.ok
    assert report.reconciliation["events"] == RowCount(0, 0, 0)


def test_part_files_of_both_kinds_are_one_table(tmp_path):
    folder = write_csv(tmp_path / "r", tables())
    (folder / "events.csv").unlink()
    parts = folder / "events"
    write_csv(parts, {"events": [row("events", event_id="E1"), row("events", event_id="E2", severity=7)]})
    (parts / "events.csv").rename(parts / "part-0001.csv")
    write_parquet(parts, {"events": [row("events", event_id="E3"), row("events", event_id="E1")]})
    (parts / "events.parquet").rename(parts / "part-0002.parquet")
    (parts / "_SUCCESS").touch()
    report = validate_records(folder, quarantine=tmp_path / "q", now=NOW)
    assert [(fault.path, fault.rule) for fault in report.faults] == [
        ("events/part-0001.csv row 2 column severity", "out_of_range"),
        ("events/part-0002.parquet row 2 column event_id", "repeated_key"),
    ]
    with (tmp_path / "q" / "events.csv").open(encoding="utf-8") as handle:
        assert [line["row"] for line in csv.DictReader(handle)] == ["part-0001.csv:2", "part-0002.parquet:2"]
    assert len(accepted(folder)["events"]) == 2


# --- what is known of the records ------------------------------------------------------------------------------------


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(*_, **__):
        raise duckdb.IOException("IO Error: could not write: No space left on device\nand more")

    folder = write_csv(tmp_path, tables())
    monkeypatch.setattr("features.records.Door.pass_through", full)
    error = stopped(folder, UserError)
    assert "No space left on device. Larger records" in str(error)
    assert "TMPDIR" in str(error)


def test_read_records_never_opens_audit(tmp_path):
    folder = write_csv(tmp_path, tables())
    (folder / "audit.csv").write_bytes(b"\xff\xfe broken")
    with read_records(folder, now=NOW) as records:
        assert set(records.digests) == {"disputes.csv", "events.csv", "petitions.csv", "incidents.csv"}
        names = {
            name
            for (name,) in records.connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE NOT internal"
            ).fetchall()
        }
        assert names == {table.name for table in FEATURE_TABLES}
    assert not validate_records(folder, now=NOW).ok


@pytest.mark.parametrize(
    ("changes", "known_at"),
    [
        ({}, "2024-06-02T09:30:00"),
        ({"incidents": []}, "2024-05-02T02:30:00"),  # not the petition's answer of 21 May: charter rule 3
        ({"incidents": [], "petitions": []}, "2024-05-02T02:30:00"),
    ],
)
def test_known_at_is_the_last_time_anything_was_known(tmp_path, changes, known_at):
    with read_records(write_csv(tmp_path, tables(**changes)), now=NOW) as records:
        expected = datetime.fromisoformat(known_at).replace(tzinfo=UTC)
        assert records.known_at == int(expected.timestamp()) * 1_000_000


def test_known_at_does_not_take_quarantined_rows_for_known(tmp_path):
    late = row("incidents", incident_id="I2", verified_at="2024-06-20T00:00:00Z", link_confidence=3)
    with read_records(write_csv(tmp_path, tables(incidents=[row("incidents"), late])), now=NOW) as records:
        assert records.known_at == int(datetime(2024, 6, 2, 9, 30, tzinfo=UTC).timestamp()) * 1_000_000


def test_source_says_whether_the_records_are_synthetic(tmp_path):
    folder = write_csv(tmp_path, tables())
    with read_records(folder, now=NOW) as records:
        assert (records.synthetic, records.source) == (False, {})
    (folder / "source.json").write_text('{"synthetic": true, "seed": 1}')
    with read_records(folder, now=NOW) as records:
        assert (records.synthetic, records.source["seed"]) == (True, 1)
    (folder / "source.json").write_text("[")
    stopped(folder)
