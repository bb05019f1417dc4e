"""Loading one table into a DuckDB stage: typed values beside the numbers of the rules that their cells break.

A stage has ``file_no`` and ``row``, the columns of the table (narratives left out), one ``f_<column>`` each with the
number of the broken rule, and ``f_times``, a bit for every rule between the times of the row.  A cell with a fault is
null in the stage: what was refused is not kept.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.cells import SQL_TYPES, CellSql, cell_sql
from features.rules import RecordFault, time_rules
from features.schema import Column, Table
from features.sources import (
    CsvRows,
    Header,
    TableFile,
    UnreadableRows,
    is_sound_parquet,
    parquet_relation,
    unreadable_fault,
)

MEMORY_LIMIT = "1500MB"
_IN_MEMORY_BYTES = 32 << 20
"""Inputs up to this size are held in memory; larger ones in a compressed temporary database."""


@dataclass(frozen=True)
class Engine:
    """A DuckDB connection of our own, and the temporary folder it may spill to."""

    connection: duckdb.DuckDBPyConnection
    folder: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """Close the database and remove the folder.  May be called twice."""
        self.connection.close()
        self.folder.cleanup()


def open_engine(*, input_bytes: int, threads: int | None = None) -> Engine:
    """A fresh engine with bounded memory, in UTC, for inputs of about ``input_bytes``."""
    folder = tempfile.TemporaryDirectory(prefix="defuse-", ignore_cleanup_errors=True)
    where = ":memory:" if input_bytes <= _IN_MEMORY_BYTES else str(Path(folder.name, "records.duckdb"))
    connection = duckdb.connect(where)
    settings = {
        "TimeZone": "UTC",
        "memory_limit": MEMORY_LIMIT,
        "threads": threads or min(2, os.cpu_count() or 1),
        "temp_directory": folder.name,
        "preserve_insertion_order": False,
        "enable_progress_bar": False,
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = '{value}'")
    return Engine(connection, folder)


def kept_columns(table: Table) -> tuple[Column, ...]:
    """The columns that go beyond the door: all but free text."""
    return tuple(column for column in table.columns if not column.free_text)


def create_stage(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """An empty stage for ``table``, under its name with ``stage_`` before it."""
    columns = [f"{column.name} {SQL_TYPES[column.kind]}" for column in kept_columns(table)]
    faults = [f"f_{column.name} UTINYINT" for column in table.columns]
    parts = ["file_no INTEGER", '"row" BIGINT', *columns, *faults, "f_times USMALLINT"]
    connection.execute(f"CREATE TABLE stage_{table.name} ({', '.join(parts)})")


def load_file(
    connection: duckdb.DuckDBPyConnection, table: Table, file: TableFile, header: Header, *, file_no: int, now_us: int
) -> tuple[list[int], RecordFault | None]:
    """Append the rows of ``file`` to the stage.

    Returns the numbers of CSV rows with a wrong number of fields (they are not in the stage), and a fault if the file
    proved broken, in which case none of its rows is in the stage.
    """
    if not file.is_csv:
        return [], _load_parquet(connection, table, file, header, file_no=file_no, now_us=now_us)
    wanted = sorted(position for name, position in header.positions.items() if name not in header.rejected)
    rows = CsvRows(file, wanted=wanted, width=header.width)
    source = {name: f"c{position}" for name, position in header.positions.items()}
    select = _select(table, header, source=source, row='"row"', relation="csv_rows", file_no=file_no, now_us=now_us)
    connection.register("csv_rows", rows.open())
    try:
        connection.execute(f"INSERT INTO stage_{table.name} {select}")
    except (duckdb.Error, UnreadableRows):
        if not rows.failed:
            raise
        return [], unreadable_fault(table, file)
    finally:
        connection.unregister("csv_rows")
    return rows.misfits, None


def _load_parquet(
    connection: duckdb.DuckDBPyConnection, table: Table, file: TableFile, header: Header, *, file_no: int, now_us: int
) -> RecordFault | None:
    source = {name: '"' + name + '"' for name in header.positions}
    relation = parquet_relation(file)
    select = _select(
        table, header, source=source, row="file_row_number + 1", relation=relation, file_no=file_no, now_us=now_us
    )
    try:
        connection.execute(f"INSERT INTO stage_{table.name} {select}")
    except duckdb.Error:
        if is_sound_parquet(file):  # then it was not the file: no memory, no space, a mistake of ours
            raise
        return unreadable_fault(table, file)
    return None


def _cell(column: Column, header: Header) -> CellSql:
    """The expressions for a column as the file holds it; of an absent or rejected column no cell is at fault."""
    if column.name not in header.positions or column.name in header.rejected:
        return CellSql("0", f"CAST(NULL AS {SQL_TYPES[column.kind]})")
    return cell_sql(column, f"r_{column.name}", header.physical[column.name])


def _select(
    table: Table, header: Header, *, source: dict[str, str], row: str, relation: str, file_no: int, now_us: int
) -> str:
    """The rows of a stage as one SQL statement: raw cells, their faults, their values, the rules between times."""
    present = [name for name in header.positions if name not in header.rejected]
    raw = ", ".join([f'{row} AS "row"', *(f"{source[name]} AS r_{name}" for name in present)])
    cells = {column.name: _cell(column, header) for column in table.columns}
    faults = ", ".join(f"{cell.fault} AS f_{name}" for name, cell in cells.items())
    values = ", ".join(
        f"CASE WHEN f_{column.name} = 0 THEN {cells[column.name].value} END AS {column.name}"
        for column in kept_columns(table)
    )
    flags = ", ".join(f"f_{name}" for name in table.names)
    bits = [
        f"CASE WHEN {rule.broken_sql(now_us=now_us)} THEN {1 << bit} ELSE 0 END"
        for bit, rule in enumerate(time_rules(table))
    ]
    kept = ", ".join(column.name for column in kept_columns(table))
    return (
        f'SELECT {file_no} AS file_no, "row", {kept}, {flags}, {" + ".join(bits) or "0"} AS f_times FROM '
        f'(SELECT "row", {values}, {flags} FROM (SELECT *, {faults} FROM (SELECT {raw} FROM {relation})))'
    )
