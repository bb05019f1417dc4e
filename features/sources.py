"""Where a table of a records folder lies, what its header says, and how its rows come into DuckDB.

A table is ``events.parquet``, ``events.csv`` or a folder ``events/`` of part files.  Parquet is scanned by DuckDB, CSV
by Arrow: it numbers the rows that have too many or too few fields without stopping, and never guesses a type.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from features.cells import Physical, column_rule, physical_type
from features.refused import printable_name, refused_column
from features.rules import RecordFault, Rule
from features.schema import Table

FORMATS = (".parquet", ".csv")
_CSV_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class TableFile:
    """One file of a table: where it is, its name inside the records folder, and whether it is a part of several."""

    path: Path
    name: str
    is_part: bool

    @property
    def is_csv(self) -> bool:
        """Whether the file is CSV (else Parquet)."""
        return self.path.suffix == ".csv"

    def row_label(self, row: int | None) -> str:
        """How a quarantine file names a data row: ``12``, or ``part-0001.csv:12`` where there are part files."""
        number = "" if row is None else str(row)
        return f"{self.path.name}:{number}" if self.is_part else number

    def sha256(self) -> str:
        """The digest of the file's bytes."""
        with self.path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True)
class FoundTable:
    """The files of a table, in order of name, or the faults that keep it from being read."""

    files: tuple[TableFile, ...] = ()
    faults: tuple[RecordFault, ...] = ()


def find_table(root: Path, table: Table) -> FoundTable:
    """Where ``table`` lies under ``root``; neither files nor faults if it is not there."""
    single = [root / (table.name + suffix) for suffix in FORMATS]
    present = [path for path in single if path.is_file()]
    folder = root / table.name
    if len(present) + folder.is_dir() > 1:
        allowed = f"one of {table.name}.parquet, {table.name}.csv or a folder {table.name}/"
        return FoundTable(faults=(RecordFault.at(table.name, rule=Rule.AMBIGUOUS_TABLE, allowed=allowed),))
    if not folder.is_dir():
        return FoundTable(tuple(TableFile(path, path.name, is_part=False) for path in present))
    inside = sorted(path for path in folder.iterdir() if path.name[0] not in "._")
    readable = [path for path in inside if path.is_file() and path.suffix in FORMATS]
    return FoundTable(
        tuple(TableFile(path, f"{table.name}/{path.name}", is_part=True) for path in readable),
        tuple(
            RecordFault.at(table.name, rule=Rule.UNREADABLE_FILE, allowed="only .parquet and .csv part files",
                           file=f"{table.name}/{path.name}")
            for path in inside if path not in readable
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a file says of its columns: those of the contract by name with position and type, and the faults.

    ``rejected`` names columns of the contract that are of a type the contract does not allow.
    """

    positions: dict[str, int] = field(default_factory=dict)
    physical: dict[str, Physical] = field(default_factory=dict)
    width: int = 0
    rejected: frozenset[str] = frozenset()
    faults: tuple[RecordFault, ...] = ()
    is_readable: bool = True


def _unreadable(table: Table, file: TableFile) -> Header:
    return Header(faults=(unreadable_fault(table, file),), is_readable=False)


def unreadable_fault(table: Table, file: TableFile) -> RecordFault:
    """The fault of a file that is broken, cut short or wrongly encoded."""
    allowed = "UTF-8 CSV with a header line" if file.is_csv else "a complete Parquet file"
    return RecordFault.at(table.name, rule=Rule.UNREADABLE_FILE, allowed=allowed, file=file.name)


def read_header(table: Table, file: TableFile) -> Header:
    """The header of ``file`` checked against the contract.  No row is read."""
    try:
        if file.is_csv:
            with file.path.open(encoding="utf-8-sig", newline="") as handle:
                names = next(csv.reader(handle, strict=True))
            types = [Physical.TEXT] * len(names)
        else:
            schema = pa_parquet.read_schema(file.path)
            names = list(schema.names)
            types = [physical_type(arrow) for arrow in schema.types]
    except (OSError, UnicodeDecodeError, StopIteration, csv.Error, pa.ArrowException):
        return _unreadable(table, file)
    return _check_names(table, file, names, types)


def _check_names(table: Table, file: TableFile, names: list[str], types: list[Physical]) -> Header:
    positions: dict[str, int] = {}
    physical: dict[str, Physical] = {}
    faults = []
    rejected: set[str] = set()
    is_header = any(name in table.names for name in names)
    for position, (name, kind) in enumerate(zip(names, types, strict=True)):
        rule_allowed = _name_fault(table, name, kind, is_repeated=name in positions)
        if rule_allowed is not None:
            rule, allowed = rule_allowed
            shown = printable_name(name, position + 1, is_header=is_header)
            faults.append(RecordFault.at(table.name, rule=rule, allowed=allowed, file=file.name, column=shown))
        if name in table.names and name not in positions:
            positions[name] = position
            physical[name] = kind
            rejected |= {name} if rule_allowed is not None else set()
    for column in table.columns:
        if column.name not in positions and not column.nullable:
            faults.append(
                RecordFault.at(table.name, rule=Rule.MISSING_COLUMN, allowed=f"a column {column.name}",
                               file=file.name, column=column.name)
            )  # fmt: skip
    # beside a column of this name DuckDB could not number the rows; the column is a fault anyway
    can_number = not any(name.lower() == "file_row_number" for name in names)
    return Header(positions, physical, len(names), frozenset(rejected), tuple(faults), is_readable=can_number)


def _name_fault(table: Table, name: str, physical: Physical, *, is_repeated: bool) -> tuple[Rule, str] | None:
    """The rule that a column breaks by its name or by the type of all its values, and what was allowed."""
    entry = refused_column(name, table=table.name)
    if entry is not None:
        return Rule.REFUSED_INPUT, f"no such column: {entry.label} is never read"
    if name not in table.names:
        return Rule.UNKNOWN_COLUMN, "only " + ", ".join(table.names)
    if is_repeated:
        return Rule.REPEATED_COLUMN, "each column once"
    rule = column_rule(table[name], physical)
    return None if rule is None else (rule, table[name].allowed)


# --- rows ------------------------------------------------------------------------------------------------------------


class UnreadableRows(Exception):
    """A file whose header was good turned out broken further on."""


def parquet_relation(file: TableFile) -> str:
    """The SQL of a scan of ``file`` that has the 0-based row number as ``file_row_number``."""
    path = str(file.path).replace("'", "''")
    return f"read_parquet('{path}', file_row_number = true)"


def is_sound_parquet(file: TableFile) -> bool:
    """Whether Arrow can read ``file`` to its end: DuckDB raises anything at all at a broken one."""
    try:
        for _ in pa_parquet.ParquetFile(file.path).iter_batches():
            pass
    except (OSError, pa.ArrowException):
        return False
    return True


class CsvRows:
    """The rows of a CSV file as an Arrow stream of text columns, each with its 1-based ``row``.

    Columns are called ``c0``, ``c1``, ... by position and only the ``wanted`` ones are made at all.  Rows with a wrong
    number of fields are left out of the stream and listed in ``misfits``.
    """

    def __init__(self, file: TableFile, *, wanted: list[int], width: int) -> None:
        self._file = file
        self._wanted = wanted
        self._width = width
        self.misfits: list[int] = []
        self.failed = False

    def open(self) -> pa.RecordBatchReader:
        """A stream to be read once.  ``failed`` is set when the file breaks off or is not UTF-8."""
        names = [f"c{position}" for position in self._wanted]
        schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in names)])
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema, names))

    def _on_misfit(self, row: pa_csv.InvalidRow) -> str:
        self.misfits.append(row.number - 1)  # the header line is row 1
        return "skip"

    def _batches(self, schema: pa.Schema, names: list[str]) -> Iterator[pa.RecordBatch]:
        if not self._has_rows():
            return
        following = 1
        try:
            reader = pa_csv.open_csv(
                self._file.path,
                read_options=pa_csv.ReadOptions(
                    use_threads=False, block_size=_CSV_BLOCK_BYTES, skip_rows=1,
                    column_names=[f"c{position}" for position in range(self._width)],
                ),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._on_misfit),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=names,
                    null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
                ),
            )  # fmt: skip
            for batch in reader:
                numbers, following = self._numbers(following, batch.num_rows)
                yield pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), *batch.columns], schema=schema)
        except pa.ArrowException:
            self.failed = True
            raise UnreadableRows from None  # Arrow's message may quote the file

    def _has_rows(self) -> bool:
        """Whether anything follows the header line (Arrow takes a file without rows for an error)."""
        with self._file.path.open("rb") as handle:
            handle.readline()
            return any(line.strip() for line in handle)

    def _numbers(self, following: int, count: int) -> tuple[list[int], int]:
        """The numbers of the next ``count`` rows, passing over the misfits among them."""
        misfits = {row for row in self.misfits if row >= following}
        numbers: list[int] = []
        row = following
        while len(numbers) < count:
            if row not in misfits:
                numbers.append(row)
            row += 1
        return numbers, row
