"""The audit table, opened here and nowhere else: protected attributes for the fairness report alone (charter rule 4).

They are joined to disputes in memory; no attribute of a single dispute leaves this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from features.errors import Fault, InvalidRecords, MissingInput
from features.history import Array
from features.refused import refused_shape
from features.rules import RecordFault, Rule
from features.schema import AUDIT
from features.sources import TableFile, find_table, read_header

ATTRIBUTES = AUDIT.names[1:]
MOST_VALUES = 24
"""An attribute of more values than this is no band but a description, and could point at somebody."""


@dataclass(frozen=True)
class AuditTable:
    """The files of an audit table whose columns were checked."""

    files: tuple[TableFile, ...]

    def of_disputes(self, dispute_ids: Array) -> dict[str, Array]:
        """Each attribute of some disputes by its name, as an object array beside ``dispute_ids``; None = not recorded.

        A dispute that is told of twice is not recorded: nobody can say which row holds.  Raises InvalidRecords for a
        file that cannot be read, an attribute of more than ``MOST_VALUES`` values, and a value of a refused shape.
        """
        try:
            found = self._joined(dispute_ids)
        except duckdb.Error:
            names = ", ".join(file.name for file in self.files)
            raise InvalidRecords(f"{names}: the audit table cannot be read; mend it, or take it away") from None
        attributes = {name: found[name].to_numpy(zero_copy_only=False) for name in ATTRIBUTES}
        for name, values in attributes.items():
            _check_values(name, {value for value in values if value is not None})
        return attributes

    def _joined(self, dispute_ids: Array) -> pa.Table:
        wanted = pa.table({"place": range(len(dispute_ids)), "dispute_id": pa.array(dispute_ids, pa.string())})
        columns = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in AUDIT.names)
        told = ", ".join(f"nullif(trim(any_value({name})), '') AS {name}" for name in ATTRIBUTES)
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(f"CREATE TABLE told ({', '.join(f'{name} VARCHAR' for name in AUDIT.names)})")
            for file in self.files:
                source = (
                    "read_csv(?, header=true, all_varchar=true, delim=',', quote='\"')"
                    if file.is_csv
                    else "read_parquet(?)"
                )
                connection.execute(f"INSERT INTO told SELECT {columns} FROM {source}", [str(file.path)])
            connection.register("wanted", wanted)
            return connection.sql(
                f"SELECT {', '.join(ATTRIBUTES)} FROM wanted LEFT JOIN (SELECT dispute_id, {told} FROM told "
                "GROUP BY dispute_id HAVING count(*) = 1) USING (dispute_id) ORDER BY place"
            ).to_arrow_table()


def find_audit_table(folder: Path | None) -> AuditTable | None:
    """The audit table of a records folder, its columns checked; None where there is none.

    Raises MissingInput where ``folder`` is no folder, InvalidRecords where the table is there twice, cannot be read,
    or has other columns than its five.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise MissingInput(f"{folder} is not a folder with records")
    found = find_table(folder, AUDIT)
    faults = [*found.faults, *(fault for file in found.files for fault in _header_faults(file))]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise InvalidRecords(
            f"{folder}: the audit table must have the columns {', '.join(AUDIT.names)}, and no other:\n{listed}\n"
            "Mend it, or take it away: the report then goes without",
            faults=tuple(faults),
        )
    return AuditTable(found.files) if found.files else None


def _header_faults(file: TableFile) -> tuple[Fault, ...]:
    header = read_header(AUDIT, file)
    if header.faults or not header.is_readable:
        return header.faults
    return tuple(
        RecordFault.at(AUDIT.name, rule=Rule.MISSING_COLUMN, allowed=f"a column {name}", file=file.name, column=name)
        for name in AUDIT.names
        if name not in header.positions
    )


def _check_values(name: str, values: set[str]) -> None:
    """Raise where the values of an attribute could point at somebody; they are not echoed."""
    if len(values) > MOST_VALUES:
        raise InvalidRecords(
            f"audit.{name} has {len(values)} values for the disputes of the test; an audit attribute has at most "
            f"{MOST_VALUES}: put them into bands"
        )
    if any(refused_shape(value, opaque=False) is not None for value in values):
        raise InvalidRecords(f"audit.{name} holds a value shaped like an ID card, phone or plate number: take it out")
