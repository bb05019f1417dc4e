"""Records that passed the door: the accepted rows of four tables, typed, in a DuckDB connection."""

from __future__ import annotations

import json
import weakref
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from features.errors import InvalidRecords, RefusedInput, UserError
from features.quarantine import ValidationReport
from features.rules import REFUSALS
from features.schema import FEATURE_TABLES, INCIDENTS, PETITIONS
from features.sources import FoundTable
from features.staging import Engine, open_engine
from features.validation import Door, Progress, find_tables, input_bytes

_READ_TABLES = tuple(table.name for table in FEATURE_TABLES)
_FAULTS_SHOWN = 20


class Records:
    """The accepted rows of a records folder, and what is known of them.

    ``connection`` has the tables ``disputes``, ``events``, ``petitions`` and ``incidents`` (empty if absent) with the
    columns of the contract but for narratives: times as BIGINT microseconds UTC, codes and ids as VARCHAR, ``stakes``
    as VARCHAR[] (an empty list is null), numbers as DOUBLE, scales as INTEGER, flags as BOOLEAN.  The order of rows
    means nothing.  Use as a context manager, or ``close()`` it: a large one keeps a temporary file.
    """

    def __init__(
        self, engine: Engine, *, report: ValidationReport, digests: dict[str, str], source: dict[str, Any]
    ) -> None:
        self._finalizer = weakref.finalize(self, engine.close)
        self.connection: duckdb.DuckDBPyConnection = engine.connection
        self.report = report
        self.digests = digests
        self.source = source
        self.known_at = _known_at(engine.connection)

    @property
    def has_incidents(self) -> bool:
        """Whether there was a table of incidents: without one there are no labels."""
        return INCIDENTS.name not in self.report.absent_tables

    @property
    def synthetic(self) -> bool:
        """Whether the records say of themselves that a simulator made them."""
        return self.source.get("synthetic") is True

    def close(self) -> None:
        """Give back the connection and its temporary file.  May be called twice."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_records(
    path: Path | str,
    *,
    strict: bool = False,
    quarantine: Path | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Records:
    """The accepted rows of the records folder ``path``; ``audit`` is never opened.

    Args:
        path: a folder with disputes, events, petitions and, where labels are asked for, incidents.
        strict: stop at any fault instead of going on with the accepted rows.
        quarantine: where to write the faults of rows that were not accepted, if there are any; None writes nothing.
        now: the wall clock, aware; a row recorded later is at fault.
        progress: called with the file being read, and how many of how many are done.

    Raises:
        MissingInput: ``path`` is not a folder.
        RefusedInput: a table has a column that the charter refuses (under ``strict`` also: a value).
        InvalidRecords: a table is missing, broken or has wrong columns (under ``strict``: any fault).
        UserError: the temporary folder or the memory does not suffice.

    """
    found = find_tables(path, _READ_TABLES)
    engine = open_engine(input_bytes=input_bytes(found))
    try:
        report = Door(engine.connection, found, now=now).pass_through(
            quarantine=quarantine, progress=progress, write_if_clean=False
        )
        _raise_faults(Path(path), report, strict=strict)
        return Records(engine, report=report, digests=_digests(found), source=_read_source(Path(path)))
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        engine.close()
        raise UserError(
            f"{path} could not be read: {str(error).partition(chr(10))[0]}. Larger records are laid out in a temporary "
            f"folder ({engine.folder.name}) and need about their own size there: make room, or name another by TMPDIR"
        ) from error
    except BaseException:
        engine.close()
        raise


def _raise_faults(path: Path, report: ValidationReport, *, strict: bool) -> None:
    stopping = report.faults if strict else report.table_faults
    if not stopping:
        return
    lines = [f"{path}: the records break the contract", *(f"  {fault}" for fault in stopping[:_FAULTS_SHOWN])]
    total = sum(report.fault_counts.values()) if strict else len(stopping)
    if total > _FAULTS_SHOWN:
        lines.append(f"  and {total - _FAULTS_SHOWN} more")
    lines.append(f"Mend them, or see all with: defuse validate {path}")
    refused = any(fault.rule in REFUSALS for fault in stopping)
    raise (RefusedInput if refused else InvalidRecords)("\n".join(lines), faults=stopping)


def _digests(found: dict[str, FoundTable]) -> dict[str, str]:
    """The sha256 of every file that was read, by its name inside the folder."""
    return {file.name: file.sha256() for table in found.values() for file in table.files}


def _read_source(path: Path) -> dict[str, Any]:
    """What ``source.json`` says of where the records come from; empty if there is none."""
    file = path / "source.json"
    if not file.is_file():
        return {}
    try:
        source = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        source = None
    if not isinstance(source, dict):
        raise InvalidRecords(f"{file} is not a JSON object: mend it or take it away")
    return source


def _known_at(connection: duckdb.DuckDBPyConnection) -> int:
    """The greatest recorded or verified time of the accepted rows, in microseconds UTC; 0 without any row.

    Petitions are left out: one lodged or answered after everything else would add landmarks and ripen labels, and so
    have a path into a score (charter rule 3).
    """
    times = [(table.name, table.recorded) for table in FEATURE_TABLES if table is not PETITIONS]
    parts = " UNION ALL ".join(f"SELECT max({column}) AS t FROM {table}" for table, column in times)
    greatest = connection.execute(f"SELECT max(t) FROM ({parts})").fetchall()[0][0]
    return 0 if greatest is None else int(greatest)
