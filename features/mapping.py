"""Foreign tables to a records folder, by one mapping file: other names, codes, times and units, and no code.

What comes out goes through the usual door like any records.  Nothing is written while anything is at fault.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from features.errors import Fault, InvalidConfiguration, MissingInput, RefusedInput, UserError
from features.foreign_files import ForeignRows, ForeignTable, find_foreign
from features.mapping_file import ReadMapping, Source, read_mapping
from features.mapping_sql import OUT_TYPES, Foreign, MappedSql, literal, mapped_sql
from features.rules import Rule
from features.schema import DISPUTES, EVENTS, PETITIONS, Table
from features.staging import open_engine

REQUIRED_TABLES = (DISPUTES, EVENTS, PETITIONS)
"""What the door asks for; one that is not mapped is written without rows."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class MappedSource:
    """What became of one foreign table: rows read = rows left out (by ``rows`` or ``first_of``) + rows written.

    ``replaced`` counts, by contract column, the values that fitted nothing and became ``otherwise``.
    """

    path: str
    file: str
    files: int
    rows_read: int
    rows_left_out: int
    rows_written: int
    replaced: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MappingSummary:
    """The folder that was written, and what became of every source."""

    out: Path
    sources: tuple[MappedSource, ...]
    empty_tables: tuple[str, ...]

    @property
    def rows(self) -> dict[str, int]:
        """Rows written, by table."""
        counts: dict[str, int] = {}
        for source in self.sources:
            table = source.path.split("[")[0]
            counts[table] = counts.get(table, 0) + source.rows_written
        return counts

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        sources = [dict(source.__dict__) for source in self.sources]
        return {"out": str(self.out), "rows": self.rows, "empty_tables": list(self.empty_tables), "sources": sources}

    def to_text(self) -> str:
        """The same for a terminal."""
        lines = []
        for one in self.sources:
            lines.append(
                f"{one.path} from {one.file} ({one.files} file(s)): {one.rows_read:,} rows read = "
                f"{one.rows_left_out:,} left out + {one.rows_written:,} written"
            )
            lines += [f"  {column}: {count:,} value(s) became `otherwise`" for column, count in one.replaced.items()]
        lines += [f"{name}: not mapped, written without rows" for name in self.empty_tables]
        return "\n".join([*lines, f"check them at the door: defuse validate {self.out}"])


def map_records(
    mapping: Path | str, source: Path | str, out: Path | str, *, progress: Progress | None = None
) -> MappingSummary:
    """Write the records folder ``out`` from the foreign tables under ``source``, as the file ``mapping`` says.

    Raises:
        MissingInput: there is no mapping or no source folder.
        RefusedInput: the mapping reads a column that the charter refuses.
        InvalidConfiguration: anything else is wrong with the mapping, or it does not fit the files: all of it at once.
        UserError: ``out`` is not empty.

    """
    root, target, step = Path(source), Path(out), progress or (lambda _stage, _done: None)
    if not root.is_dir():
        raise MissingInput(f"{root} is not a folder with the tables to map")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is not empty: name an empty or new folder")
    read = read_mapping(Path(mapping))
    faults = list(read.faults)
    tables, plans = [], []
    for table, number, one in read.sound_sources():
        path = f"{table.name}[{number}]"
        found, wrong = find_foreign(root, one, path)
        faults += wrong
        if found is not None and "zone" not in read.dropped and not _touches(read.faults, path):
            tables.append((table, found, path))
    engine = open_engine(input_bytes=sum(file.stat().st_size for _, found, _ in tables for file in found.files))
    try:
        for done, (table, found, path) in enumerate(tables):
            step("check", done / len(tables))
            plan = _Plan(engine.connection, table, found, path, zone=read.mapping.zone)
            faults += plan.look()
            plans.append(plan)
        step("check", 1.0)
        if faults:
            raise _failure(Path(mapping), faults)
        return _write_all(engine.connection, plans, read, root=root, out=target, step=step)
    finally:
        engine.close()


def _touches(faults: tuple[Fault, ...], path: str) -> bool:
    return any(fault.path == path or fault.path.startswith(f"{path}.") for fault in faults)


def _failure(path: Path, faults: list[Fault]) -> UserError:
    lines = "\n".join(f"  {fault}" for fault in faults)
    kind = RefusedInput if any(fault.rule == Rule.REFUSED_INPUT for fault in faults) else InvalidConfiguration
    return kind(f"{path} has {len(faults)} fault(s), and nothing was written:\n{lines}", faults=tuple(faults))


class _Plan:
    """One source with its SQL: looked at first, written when no source is at fault."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, found: ForeignTable, path: str, *, zone: str | None
    ) -> None:
        self._connection = connection
        self.table, self.found, self.path = table, found, path
        self._zone = zone
        self._misfits: dict[str, int] = {}
        self._rows_read = 0
        self._rows_kept = 0

    @property
    def _source(self) -> Source:
        return self.found.source

    def look(self) -> list[Fault]:
        """The faults of the rows, counted by column; no value is repeated."""
        with ForeignRows(self._connection, self.found) as rows:
            columns = rows.columns()
            faults = list(self._zone_faults(columns))
            if faults:
                return faults
            mapped = self._mapped(columns)
            counts = ", ".join(["count(*)", *(f"count_if({one.misfit})" for one in mapped.values())])
            try:
                query = f"SELECT {counts} FROM {self._kept(rows.relation, columns, mapped)}"
                kept, *misfits = self._connection.execute(query).fetchall()[0]
            except duckdb.Error:
                if not rows.failed:
                    raise
                allowed = f"whole files of text in {self._source.encoding}"
                return [Fault(f"{self.path}.file", Rule.UNREADABLE_FILE, allowed)]
        self._rows_read, self._rows_kept = rows.rows, kept
        self._misfits = {name: count for name, count in zip(mapped, misfits, strict=True) if count}
        if rows.misfit_rows:
            allowed = f"as many fields as the header has: {rows.misfit_rows:,} row(s) have more or fewer"
            faults.append(Fault(f"{self.path}.file", Rule.WRONG_FIELD_COUNT, allowed))
        return faults + list(self._misfit_faults())

    def _zone_faults(self, columns: dict[str, Foreign]) -> Iterator[Fault]:
        for name, rule in self._source.columns.items():
            needs = rule.day is not None or rule.format is not None
            naive = rule.column is not None and columns[rule.column].is_naive_time
            if (needs or (naive and OUT_TYPES[self.table[name].kind] == "TIMESTAMPTZ")) and not (
                rule.zone or self._zone
            ):
                allowed = "a zone, here or at the top of the mapping: these times have no offset"
                yield Fault(f"{self.path}.columns.{name}", Rule.NAIVE_TIME, allowed)

    def _misfit_faults(self) -> Iterator[Fault]:
        for name, count in self._misfits.items():
            rule, column = self._source.columns[name], self.table[name]
            if rule.otherwise is None:
                kind = Rule.UNKNOWN_CODE if rule.codes or column.codes else Rule.BAD_TYPE
                what = "one of the codes named in the mapping" if rule.codes else column.allowed
                allowed = f"{what}, or `otherwise`: {count:,} value(s) are none"
                yield Fault(f"{self.path}.columns.{name}", kind, allowed)

    def _mapped(self, columns: dict[str, Foreign]) -> dict[str, MappedSql]:
        rules = self._source.columns
        return {
            column.name: mapped_sql(column, rules[column.name], columns, zone=self._zone)
            for column in self.table.columns if column.name in rules
        }  # fmt: skip

    def _kept(self, relation: str, columns: dict[str, Foreign], mapped: dict[str, MappedSql]) -> str:
        """The rows that ``rows`` and ``first_of`` leave."""
        conditions = ["true"]
        for name, values in self._source.rows.items():
            listed = ", ".join(literal(str(v).lower() if isinstance(v, bool) else str(v)) for v in values)
            conditions.append(f"({columns[name].text}) IN ({listed})")
        first = ""
        if self._source.first_of is not None:
            each, by = self._source.first_of.each, self._source.first_of.by
            time = next(mapped[name].value for name, rule in self._source.columns.items() if rule.column == by)
            first = (
                f" QUALIFY row_number() OVER (PARTITION BY {columns[each].text} "
                f"ORDER BY {time} NULLS LAST, source_row) = 1"
            )
        return f"(SELECT * FROM {relation} WHERE {' AND '.join(conditions)}{first})"

    def write(self, file: Path) -> MappedSource:
        """Write the source's rows, in their order, as one Parquet file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with ForeignRows(self._connection, self.found) as rows:
            columns = rows.columns()
            mapped = self._mapped(columns)
            values = ", ".join(f"{one.value} AS {name}" for name, one in mapped.items())
            self._connection.execute(
                f"COPY (SELECT {values} FROM {self._kept(rows.relation, columns, mapped)} ORDER BY source_row) "
                f"TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)"
            )
        return MappedSource(
            path=self.path, file=self._source.file, files=len(self.found.files), rows_read=self._rows_read,
            rows_left_out=self._rows_read - self._rows_kept, rows_written=self._rows_kept, replaced=self._misfits,
        )  # fmt: skip


def _write_all(
    connection: duckdb.DuckDBPyConnection,
    plans: list[_Plan],
    read: ReadMapping,
    *,
    root: Path,
    out: Path,
    step: Progress,
) -> MappingSummary:
    """Write every table beside ``out`` first, then put them there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        built = Path(work)
        written: list[MappedSource] = []
        for done, plan in enumerate(plans):
            step("map", done / len(plans))
            number = sum(one.path.startswith(f"{plan.table.name}[") for one in written)
            written.append(plan.write(built / plan.table.name / f"part-{number:04d}.parquet"))
        empty = [table for table in REQUIRED_TABLES if not getattr(read.mapping, table.name)]
        for table in empty:
            _write_empty(connection, table, built / f"{table.name}.parquet")
        (built / "source.json").write_text(_source_note(read, plans, root), "utf-8")
        out.mkdir(exist_ok=True)
        for name in sorted(built.iterdir()):
            name.replace(out / name.name)
        step("map", 1.0)
    return MappingSummary(out, tuple(written), tuple(table.name for table in empty))


def _write_empty(connection: duckdb.DuckDBPyConnection, table: Table, file: Path) -> None:
    columns = ", ".join(f"CAST(NULL AS {OUT_TYPES[column.kind]}) AS {column.name}" for column in table.columns)
    connection.execute(f"COPY (SELECT {columns} WHERE false) TO {literal(str(file))} (FORMAT parquet)")


def _source_note(read: ReadMapping, plans: list[_Plan], root: Path) -> str:
    """What ``source.json`` says: the digests of mapping and files, and SYNTHETIC where the source says so of itself."""
    files = sorted({file for plan in plans for file in plan.found.files})
    note: dict[str, Any] = {
        "mapping_sha256": hashlib.sha256(read.text.encode()).hexdigest(),
        "files": {str(file.relative_to(root)): _sha256(file) for file in files},
    }
    told = root / "source.json"
    if told.is_file():
        said = json.loads(told.read_text("utf-8"))
        note["synthetic"] = isinstance(said, dict) and said.get("synthetic") is True
    return json.dumps(note, indent=1) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
