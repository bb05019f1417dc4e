"""The files of a foreign table: which there are, what columns they have, and their rows as a DuckDB relation.

Only the columns that a mapping names are read at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from features.errors import Fault
from features.mapping_file import Source
from features.mapping_sql import Foreign
from features.rules import Rule

_CSV_BLOCK_BYTES = 4 << 20
_ROW_NUMBER = "file_row_number"


class UnreadableForeign(Exception):
    """A file that broke off, or whose text is not in the encoding; carries no value of it."""


@dataclass(frozen=True)
class ForeignTable:
    """The files of one source, in order of name, and where each wanted column stands in each of them."""

    source: Source
    files: tuple[Path, ...]
    headers: tuple[tuple[str, ...], ...]

    @property
    def is_csv(self) -> bool:
        """Whether the files are CSV (else Parquet)."""
        return self.source.file.endswith(".csv")


def find_foreign(root: Path, source: Source, path: str) -> tuple[ForeignTable | None, list[Fault]]:
    """The files of a source under ``root``, or the faults that keep them from being read."""
    files = tuple(sorted(file for file in root.glob(source.file) if file.is_file()))
    if not files:
        return None, [Fault(f"{path}.file", "missing_file", f"a file {source.file} inside the source folder")]
    headers, faults = [], []
    for file in files:
        try:
            header = _csv_header(file, source) if file.suffix == ".csv" else tuple(pa_parquet.read_schema(file).names)
        except (OSError, UnicodeError, StopIteration, csv.Error, pa.ArrowException):
            what = f"text in {source.encoding} with a header line" if file.suffix == ".csv" else "a whole Parquet file"
            faults.append(Fault(f"{path}.file", Rule.UNREADABLE_FILE, f"{what}: {file.name} is none"))
            continue
        headers.append(header)
        faults += _header_faults(header, source, path, file)
    return (None if faults else ForeignTable(source, files, tuple(headers))), faults


def _csv_header(file: Path, source: Source) -> tuple[str, ...]:
    with file.open(encoding=source.encoding, newline="") as handle:
        names = next(csv.reader(handle, delimiter=source.delimiter, strict=True))
    return tuple(name.strip().removeprefix("\ufeff") for name in names)


def _header_faults(header: tuple[str, ...], source: Source, path: str, file: Path) -> Iterator[Fault]:
    """The wanted columns that are not there once.  Names come from the mapping, never from the file."""
    for name in source.reads:
        where = next((f"{path}.columns.{key}" for key, rule in source.columns.items() if name in rule.reads), path)
        if header.count(name) != 1:
            rule = Rule.REPEATED_COLUMN if header.count(name) else Rule.MISSING_COLUMN
            yield Fault(where, rule, f"a column {name}, once, in {file.name}")
    if file.suffix == ".parquet" and _ROW_NUMBER in map(str.lower, header):
        yield Fault(path, Rule.REPEATED_COLUMN, f"no column called {_ROW_NUMBER} in {file.name}")


class ForeignRows:
    """The wanted columns of a foreign table as the DuckDB relation ``relation``: ``c0``, ``c1``, ... and ``source_row``.

    ``source_row`` numbers all rows of all files from 1.  Use as a context manager; a CSV relation can be scanned once
    in it.  ``misfit_rows`` counts CSV rows with too many or too few fields (they are left out of the relation).
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: ForeignTable) -> None:
        self._connection = connection
        self._table = table
        self._names = table.source.reads
        self.misfit_rows = 0
        self.rows = 0
        self.failed = False

    def __enter__(self) -> ForeignRows:
        if self._table.is_csv:
            self._connection.register("foreign_rows", self._stream())
            self.relation = "foreign_rows"
        else:
            self.relation = f"({self._union()})"
        return self

    def __exit__(self, *_: object) -> None:
        if self._table.is_csv:
            self._connection.unregister("foreign_rows")

    def columns(self) -> dict[str, Foreign]:
        """The wanted columns by their foreign name."""
        if self._table.is_csv:
            return {name: Foreign(f"c{place}", "VARCHAR") for place, name in enumerate(self._names)}
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {self.relation}").fetchall()
        types = {row[0]: str(row[1]) for row in described}
        return {name: Foreign(f"c{place}", types[f"c{place}"]) for place, name in enumerate(self._names)}

    def _union(self) -> str:
        parts = []
        for file in self._table.files:
            path = str(file).replace("'", "''")
            wanted = ", ".join(
                f'"{name.replace(chr(34), chr(34) * 2)}" AS c{place}' for place, name in enumerate(self._names)
            )
            number = f"{_ROW_NUMBER} + {self.rows + 1} AS source_row"
            parts.append(
                f"SELECT {', '.join(filter(None, [wanted, number]))} FROM read_parquet('{path}', {_ROW_NUMBER} = true)"
            )
            self.rows += pa_parquet.ParquetFile(file).metadata.num_rows
        return " UNION ALL ".join(parts)

    # --- CSV ---------------------------------------------------------------------------------------------------------

    def _stream(self) -> pa.RecordBatchReader:
        names = [f"c{place}" for place in range(len(self._names))]
        schema = pa.schema([*((name, pa.string()) for name in names), ("source_row", pa.int64())])
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for file, header in zip(self._table.files, self._table.headers, strict=True):
            try:
                for batch in self._reader(file, header) if _has_rows(file) else ():
                    first = self.rows + 1
                    self.rows += batch.num_rows
                    numbers = pa.array(range(first, self.rows + 1), pa.int64())
                    places = [header.index(name) for name in self._names]
                    yield pa.RecordBatch.from_arrays(
                        [*(batch.column(f"f{place}") for place in places), numbers], schema=schema
                    )
            except (pa.ArrowException, UnicodeError):
                self.failed = True
                raise UnreadableForeign from None  # the message may quote the file

    def _on_misfit(self, _row: pa_csv.InvalidRow) -> str:
        self.misfit_rows += 1
        return "skip"

    def _reader(self, file: Path, header: tuple[str, ...]) -> pa_csv.CSVStreamingReader:
        wanted = [f"f{header.index(name)}" for name in self._names]
        return pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=_CSV_BLOCK_BYTES, skip_rows=1, encoding=self._table.source.encoding,
                column_names=[f"f{place}" for place in range(len(header))],
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._table.source.delimiter, newlines_in_values=True, invalid_row_handler=self._on_misfit
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted or ["f0"],
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip


def _has_rows(file: Path) -> bool:
    """Whether anything follows the header line (Arrow takes a file without rows for an error)."""
    with file.open("rb") as handle:
        handle.readline()
        return any(line.strip() for line in handle)
