"""The case records of all disputes at once, by partition: what ``case_export`` gives for one, by one query a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from features.case_export import ANSWER, OF_KNOWN, PRIORS, last_versions, plain
from features.clock import format_time
from features.request_model import PRIOR_DISPUTES
from features.schema import DISPUTES, EVENTS, PETITIONS, Table

Row = dict[str, Any]
TABLES = (DISPUTES, EVENTS, PETITIONS)
PRIORS_FILE = "prior_disputes.parquet"


def write_case_rows(connection: duckdb.DuckDBPyConnection, folders: list[Path], *, as_of: int) -> None:
    """Write into each partition folder the rows of its disputes' case records at ``as_of`` (microseconds UTC).

    ``connection`` is that of ``write_partitions``, after it: the same disputes stand in the same folders.
    """
    for table in TABLES:
        names = ", ".join(column.name for column in table.columns if not column.free_text)
        _deal(connection, f"case_{table.name}.parquet", _rows_of_all(table, names, as_of), folders)
    disputes, events = (
        last_versions(name, row_id) for name, row_id in (("disputes", "dispute_id"), ("events", "event_id"))
    )
    priors = PRIORS.replace(
        "WITH here AS (SELECT * FROM last WHERE dispute_id = $id)",
        f"WITH last AS ({disputes}), last_events AS ({events}), here AS (SELECT * FROM last)",
    ).replace("SELECT there.dispute_id,", "SELECT here.dispute_id AS of_dispute, there.dispute_id,")
    priors = priors.replace("$as_of", str(as_of)).replace("ORDER BY there.dispute_id", "")
    _deal(connection, PRIORS_FILE, priors, folders, key="of_dispute", order="of_dispute, dispute_id")


def _rows_of_all(table: Table, names: str, as_of: int) -> str:
    return (
        f"SELECT {names} FROM (SELECT *, arg_max(dispute_id, {table.recorded}) OVER (PARTITION BY {table.row_id}) "
        f"AS belongs_to FROM {table.name} WHERE {table.recorded} < $as_of AND {OF_KNOWN}) WHERE belongs_to = dispute_id"
    ).replace("$as_of", str(as_of))


def _deal(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, folders: list[Path], *, key: str = "dispute_id",
    order: str | None = None,
) -> None:  # fmt: skip
    """Write the rows of a query into the folder of their dispute's partition."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE dealt AS SELECT r.*, g.part FROM ({query}) r "
        f"JOIN (SELECT dispute_id AS of_group, part FROM pair_groups) g ON g.of_group = r.{key}"
    )
    for part, folder in enumerate(folders):
        sort = f" ORDER BY {order}" if order else ""
        connection.execute(
            f"COPY (SELECT * EXCLUDE (part) FROM dealt WHERE part = {part}{sort}) "
            f"TO '{str(folder / name).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
        )
    connection.execute("DROP TABLE dealt")


@dataclass(frozen=True)
class CaseRows:
    """The rows of one dispute, times as microseconds UTC."""

    dispute: list[Row]
    events: list[Row]
    petitions: list[Row]
    prior_disputes: list[Row]

    def to_record(self, *, as_of: int) -> dict[str, Any]:
        """The case record as ``case_export.case_record`` gives it."""
        return {
            "dispute": [plain(row, DISPUTES, without=("pair_token",)) for row in self.dispute],
            "events": [plain(row, EVENTS) for row in self.events],
            "petitions": [
                plain(row, PETITIONS, without=() if (row["answer_recorded_at"] or as_of) < as_of else ANSWER)
                for row in self.petitions
            ],
            "prior_disputes": [plain(row, PRIOR_DISPUTES) for row in self.prior_disputes],
            "as_of": format_time(as_of),
        }


def read_case_rows(folder: Path, disputes: set[str]) -> dict[str, CaseRows]:
    """The rows of some disputes of a partition folder, by dispute."""
    found = {name: CaseRows([], [], [], []) for name in disputes}
    for table, attribute in zip(TABLES, ("dispute", "events", "petitions"), strict=True):
        for row in _read(folder / f"case_{table.name}.parquet", "dispute_id", disputes):
            getattr(found[row["dispute_id"]], attribute).append(row)
        for rows in found.values():
            getattr(rows, attribute).sort(key=lambda row: tuple(row[name] for name in table.key))
    for row in _read(folder / PRIORS_FILE, "of_dispute", disputes):
        found[row.pop("of_dispute")].prior_disputes.append(row)
    return found


def _read(file: Path, key: str, disputes: set[str]) -> list[Row]:
    return pq.read_table(file, filters=[(key, "in", disputes)]).to_pylist() if disputes else []
