"""What validation found: the report, and the quarantine files for rows that were not accepted.

Neither holds an offending value.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.rules import RecordFault

QUARANTINE_COLUMNS = ("row", "column", "rule", "allowed")


@dataclass(frozen=True)
class RowCount:
    """The rows of one table: always ``rows_in == accepted + quarantined``."""

    rows_in: int
    accepted: int
    quarantined: int

    def __post_init__(self) -> None:
        if self.rows_in != self.accepted + self.quarantined:
            raise AssertionError(f"rows lost at the door: {self}")


@dataclass(frozen=True)
class ValidationReport:
    """All faults of a records folder.

    ``faults`` holds at most ``FAULTS_KEPT`` of each table and rule, ``fault_counts`` counts them all.
    ``table_faults`` are those of whole tables, because of which no row of the table was accepted.
    """

    faults: tuple[RecordFault, ...]
    fault_counts: dict[tuple[str, str], int]
    reconciliation: dict[str, RowCount]
    table_faults: tuple[RecordFault, ...] = ()
    absent_tables: tuple[str, ...] = ()
    absent_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    quarantine: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing at all was wrong."""
        return not self.fault_counts

    def to_record(self) -> dict[str, Any]:
        """The report as plain data for ``--json``: never a value of the records."""
        return {
            "ok": self.ok,
            "faults": [
                {"table": fault.table, "file": fault.file, "row": fault.row, "column": fault.column,
                 "rule": fault.rule, "allowed": fault.allowed}
                for fault in self.faults
            ],
            "fault_counts": [
                {"table": table, "rule": rule, "count": count}
                for (table, rule), count in sorted(self.fault_counts.items())
            ],
            "reconciliation": reconciliation_record(self.reconciliation),
            "absent_tables": list(self.absent_tables),
            "absent_columns": {table: list(columns) for table, columns in self.absent_columns.items()},
            "quarantine": None if self.quarantine is None else str(self.quarantine),
        }  # fmt: skip


def reconciliation_record(counts: dict[str, RowCount]) -> dict[str, dict[str, int]]:
    """The row counts as plain data."""
    return {
        table: {"rows_in": count.rows_in, "accepted": count.accepted, "quarantined": count.quarantined}
        for table, count in counts.items()
    }


def write_quarantine(folder: Path, table: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Write ``<table>.csv`` with a line for each fault: row, column, rule and what was allowed.

    It replaces the file of an earlier run, also when there is nothing to report, and appears whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{table}.csv.tmp"
    with unfinished.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(QUARANTINE_COLUMNS)
        writer.writerows(rows)
    unfinished.replace(folder / f"{table}.csv")


def write_reconciliation(folder: Path, counts: dict[str, RowCount]) -> None:
    """Write ``reconciliation.json``: of each table the rows in, accepted and quarantined."""
    unfinished = folder / ".reconciliation.json.tmp"
    unfinished.write_text(json.dumps(reconciliation_record(counts), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / "reconciliation.json")
