"""Small records for the tests of the door: one good row of each table, and how to write a folder or a request."""

import copy
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.records import read_records
from features.rules import parse_time
from features.schema import FEATURE_TABLES, TABLES_BY_NAME, Kind

NOW = datetime(2024, 7, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000

GOOD = {
    "disputes": {
        "dispute_id": "D1", "opened_at": "2024-05-01T09:30:00+08:00", "recorded_at": "2024-05-01T10:30:00.25+08:00",
        "channel": "grid", "kind": "labour", "relation": "work", "proximity": None, "stakes": ["wages", "debt"],
        "amount_cny": 13800.5, "wage_arrears_months": 3, "unpaid_medical_cny": None, "minors_in_household": True,
        "pair_token": "pt-1", "pair_confidence": 0.9, "area": "330106001", "narrative": "欠薪三个月，\n双方争吵",
        "withdrawn": None,
    },
    "events": {
        "event_id": "E1", "dispute_id": "D1", "type": "threat", "occurred_at": "2024-05-02T01:30:00Z",
        "recorded_at": "2024-05-02T10:30:00+08:00", "channel": "police_110", "severity": 3, "specifics": 2,
        "assertion": None, "alcohol": False, "due_at": None, "scheduled_at": "2024-09-01T00:00:00Z", "service": None,
        "narrative": "口头威胁", "withdrawn": None,
    },
    "petitions": {
        "petition_id": "P1", "dispute_id": "D1", "lodged_at": "2024-05-02T09:30:00Z",
        "recorded_at": "2024-05-02T10:30:00Z", "due_at": "2024-06-02T09:30:00Z", "answered_at": "2024-05-20T09:30:00Z",
        "answer_recorded_at": "2024-05-21T09:30:00Z", "upheld": True, "withdrawn": None,
    },
    "incidents": {
        "incident_id": "I1", "dispute_id": None, "occurred_at": "2024-05-02T09:30:00Z",
        "verified_at": "2024-06-02T09:30:00Z", "type": "arson", "link_confidence": 0.8, "withdrawn": None,
    },
    "audit": {"dispute_id": "D1", "sex_mix": "mixed", "age_band": "30-45", "urban_rural": "rural", "origin": "local"},
}  # fmt: skip


def row(table, **changes):
    """The good row of ``table`` with some columns changed."""
    return {**copy.deepcopy(GOOD[table]), **changes}


def tables(**changes):
    """One good row in each table; ``tables(events=[...])`` puts other rows into one."""
    return {**{name: [row(name)] for name in GOOD}, **changes}


def csv_text(value):
    """A value as CSV writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "|".join(value) if isinstance(value, list) else str(value)


def write_csv(folder, records):
    """The tables as CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in records.items():
        columns = list(dict.fromkeys(column for each in rows for column in each)) or TABLES_BY_NAME[name].names
        with Path(folder, f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(columns)
            writer.writerows([csv_text(each.get(column)) for column in columns] for each in rows)
    return folder


ARROW_TYPES = {
    Kind.TEXT: pa.string(), Kind.CODE: pa.string(), Kind.CODES: pa.list_(pa.string()),
    Kind.TIME: pa.timestamp("us", "UTC"), Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
}  # fmt: skip


def arrow_column(column, values):
    """The values as the type of the column, or as text where one of them does not fit."""
    try:
        if column.kind is Kind.TIME:
            values = [None if value is None else parse_time(value) for value in values]
            if any(isinstance(value, str) for value in values):
                raise ValueError
        return pa.array(values, ARROW_TYPES[column.kind])
    except (ValueError, TypeError, pa.ArrowException):
        return None


def parquet_table(name, rows):
    """The rows as an Arrow table with native types."""
    arrays = {}
    for column in TABLES_BY_NAME[name].columns:
        values = [each[column.name] for each in rows]
        native = arrow_column(column, values)
        arrays[column.name] = pa.array([csv_text(v) or None for v in values], pa.string()) if native is None else native
    return pa.table(arrays)


def write_parquet(folder, records):
    """The tables as Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in records.items():
        pq.write_table(parquet_table(name, rows), folder / f"{name}.parquet")
    return folder


def case(**changes):
    """A good case record for ``parse_case``."""
    prior = {
        "dispute_id": "D0", "opened_at": "2023-05-01T09:30:00+08:00", "closed_at": "2023-06-01T09:30:00+08:00",
        "closed_recorded_at": "2023-06-02T09:30:00+08:00", "recorded_at": "2023-05-01T09:30:00+08:00",
        "pair_confidence": 0.9,
    }  # fmt: skip
    good = {
        "dispute": row("disputes"), "events": [row("events")], "petitions": [row("petitions")],
        "prior_disputes": [prior], "as_of": None,
    }  # fmt: skip
    return {**good, **changes}


def body(record):
    """A case record as the bytes of a request."""
    return json.dumps(record, ensure_ascii=False).encode()


def found(report):
    """The faults as (table, row, column, rule)."""
    return [(fault.table, fault.row, fault.column, fault.rule) for fault in report.faults]


def accepted(folder, **options):
    """The accepted rows of the four tables."""
    with read_records(folder, now=NOW, **options) as records:
        return {
            table.name: sorted(records.connection.execute(f"SELECT * FROM {table.name}").fetchall(), key=str)
            for table in FEATURE_TABLES
        }
