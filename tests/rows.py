"""Record rows as plain dicts (times in microseconds UTC), how to write them, and the two ways to measure them.

``build`` runs the batch path: files, the door, DuckDB, the matrix.  ``online`` runs the path of a scoring request: the
rows as JSON, the door, one history, a spine of one.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features import catalogue
from features.case_history import case_history, spine_of_one
from features.clock import format_time
from features.matrix import build_matrix
from features.records import read_records
from features.request_model import parse_case
from features.schema import FEATURE_TABLES, TABLES_BY_NAME, Kind
from features.view import View
from tests.door_records import csv_text, write_csv

HOUR = 3_600_000_000
DAY = 24 * HOUR
NEW_YEAR = 1_704_038_400_000_000  # 2024-01-01T00:00:00+08:00
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
AREA = "330106001"


def no_rows():
    """The four tables, empty."""
    return {table.name: [] for table in FEATURE_TABLES}


def dispute(dispute_id, opened_at, recorded_at=None, **columns):
    """One version of a dispute; what is not said is null."""
    known = opened_at if recorded_at is None else recorded_at
    given = {"dispute_id": dispute_id, "opened_at": opened_at, "recorded_at": known, "area": AREA}
    return _row("disputes", {"channel": "grid", "kind": "neighbour", **given, **columns})


def event(event_id, dispute_id, type_, occurred_at, recorded_at=None, **columns):
    """One version of an event."""
    known = occurred_at if recorded_at is None else recorded_at
    given = {"event_id": event_id, "dispute_id": dispute_id, "type": type_, "occurred_at": occurred_at}
    return _row("events", {"channel": "grid", "recorded_at": known, **given, **columns})


def petition(petition_id, dispute_id, lodged_at, recorded_at=None, *, due_at, **columns):
    """One version of a petition."""
    known = lodged_at if recorded_at is None else recorded_at
    given = {"petition_id": petition_id, "dispute_id": dispute_id, "lodged_at": lodged_at, "recorded_at": known}
    return _row("petitions", {**given, "due_at": due_at, **columns})


def incident(incident_id, dispute_id, occurred_at, verified_at=None, **columns):
    """One version of an incident, surely linked if nothing else is said."""
    known = occurred_at if verified_at is None else verified_at
    given = {"incident_id": incident_id, "dispute_id": dispute_id, "occurred_at": occurred_at, "verified_at": known}
    return _row("incidents", {"type": "homicide", "link_confidence": 1.0, **given, **columns})


def _row(table, values):
    names = TABLES_BY_NAME[table].names
    assert set(values) <= set(names), set(values) - set(names)
    return {name: values.get(name) for name in names}


# --- files -----------------------------------------------------------------------------------------------------------

_TYPES = {
    Kind.TEXT: pa.string(), Kind.CODE: pa.string(), Kind.CODES: pa.list_(pa.string()),
    Kind.TIME: pa.timestamp("us", "UTC"), Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
}  # fmt: skip


def _parquet(name, rows):
    columns = TABLES_BY_NAME[name].columns
    return pa.table({c.name: pa.array([row[c.name] for row in rows], _TYPES[c.kind]) for c in columns})


def as_text(table, row):
    """A row with its times as text, as JSON and CSV take them."""
    kinds = {column.name: column.kind for column in TABLES_BY_NAME[table].columns}
    return {
        name: format_time(value) if value is not None and kinds[name] is Kind.TIME else value
        for name, value in row.items()
    }


def write_records(folder, tables, *, form="parquet", parts=1):
    """Write a records folder as Parquet or CSV, each table whole or dealt out into part files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        for part in range(parts):
            dealt = rows[part::parts]
            place, stem = (folder, name) if parts == 1 else (folder / name, f"part-{part}")
            place.mkdir(exist_ok=True)
            if form == "parquet":
                pq.write_table(_parquet(name, dealt), place / f"{stem}.parquet")
            elif parts == 1:
                write_csv(place, {name: [as_text(name, row) for row in dealt]})
            else:
                lines = [",".join(TABLES_BY_NAME[name].names)]
                lines += [",".join(map(csv_text, as_text(name, row).values())) for row in dealt]
                Path(place, f"{stem}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


# --- the batch path --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Matrix:
    """A matrix read back: rows by (dispute, as_of in microseconds), in that order."""

    keys: list[tuple[str, int]]
    values: np.ndarray
    labels: list[int | None]
    columns: list[str]
    after_incident: list[bool]
    manifest: dict

    def of(self, dispute_id, as_of):
        """The values of one row by indicator id (``B01``), those of further windows beside it (``B01__30d``)."""
        row = self.values[self.keys.index((dispute_id, as_of))]
        return {short(column): float(value) for column, value in zip(self.columns, row, strict=True)}

    def label(self, dispute_id, as_of):
        """The label of one row: 1, 0 or None."""
        return self.labels[self.keys.index((dispute_id, as_of))]

    def until(self, as_of):
        """Every row up to ``as_of``: its key, and the bits of its values."""
        return {
            key: self.values[row].view(np.int64).tolist() for row, key in enumerate(self.keys) if key[1] <= as_of
        }  # fmt: skip


def read_matrix(out, manifest):
    """The parts of a matrix as one, by key."""
    parts = [
        (pq.read_table(path), pq.read_table(out / "outcomes" / path.name))
        for path in sorted((out / "matrix").iterdir())
    ]
    table, beside = (pa.concat_tables(both) for both in zip(*parts, strict=True))
    names = table.column_names[3:]
    as_of = table["as_of"].cast(pa.int64()).to_pylist()
    keys = list(zip(table["dispute_id"].to_pylist(), as_of, strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    values = np.column_stack([table[name].to_numpy() for name in names])[order]
    labels, after = table.column(2).to_pylist(), beside["after_incident"].to_pylist()
    return Matrix(
        [keys[n] for n in order], np.ascontiguousarray(values), [labels[n] for n in order], names,
        [after[n] for n in order], manifest,
    )  # fmt: skip


def build_folder(folder, out, **options):
    """The matrix of a records folder, every row of which must pass the door."""
    with read_records(folder, strict=True, now=NOW) as records:
        return build_records(records, out, **options)


def build_records(records, out, **options):
    """The matrix of open records, in this process and in two partitions, to be quick."""
    with patch("features.partition.PARTITIONS", 2):
        return read_matrix(out, build_matrix(records, out, workers=1, **options))


def build(tables, place, *, form="parquet", parts=1, **options):
    """The matrix of some rows, by way of files under the new folder ``place``."""
    folder = write_records(place / "records", tables, form=form, parts=parts)
    return build_folder(folder, place / "out", **options)


def at(*times):
    """Landmarks as ``--as-of`` takes them."""
    return ",".join(format_time(time) for time in sorted(set(times)))


# --- the online path -------------------------------------------------------------------------------------------------


def case_record(tables, dispute_id, as_of, prior_disputes=()):
    """Everything ever recorded of a dispute as the body of a request; rows known later are still in it."""
    parts = {"dispute": "disputes", "events": "events", "petitions": "petitions"}
    rows = {
        part: [as_text(table, row) for row in tables[table] if row["dispute_id"] == dispute_id]
        for part, table in parts.items()
    }
    for row in rows["dispute"]:
        del row["pair_token"]  # upstream's, not for requests
    return {**rows, "prior_disputes": list(prior_disputes), "as_of": format_time(as_of)}


def online_view(record, *, income=catalogue.DEFAULT_REFERENCE_INCOME_CNY):
    """The view that the service scores."""
    case = parse_case(json.dumps(record).encode(), now_us=NOW_US)
    return View(case_history(case), spine_of_one(case.as_of), reference_income_cny=income)


def online(record, **options):
    """The values of a case record by indicator id, those of further windows beside it."""
    values = catalogue.values_of(catalogue.measure_all(online_view(record, **options), catalogue.INDICATORS))[0]
    return {short(column): float(value) for column, value in zip(catalogue.columns_of(), values, strict=True)}


def short(column):
    """The indicator's id of a column, with the window of a further one."""
    name, _, window = column.partition("__")
    return name.partition("_")[0] + (f"__{window}" if window else "")


def bits(values):
    """Values as the bits they are: NaN equals NaN, -0.0 is not 0.0."""
    return np.array(list(values.values()), np.float64).view(np.int64).tolist()
