"""Validation of a records folder: every fault of every table at once, and the accepted rows.

The rules are set-based SQL made from ``schema.py``; no row is looked at in Python.  Two decisions about repeated keys
(two rows with the same id and recorded time), which do not depend on the order of the rows: of copies that agree in
every column one is accepted; of copies that contradict each other none is, since nobody can say which one is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from features.cells import RULE_NUMBERS, RULES_BY_NUMBER, register_shapes, unregister_shapes
from features.errors import MissingInput
from features.quarantine import RowCount, ValidationReport, write_quarantine, write_reconciliation
from features.rules import RecordFault, Rule, allowed_cell, microseconds, time_rules
from features.schema import AUDIT, DISPUTES, INCIDENTS, TABLES, TABLES_BY_NAME, Table
from features.sources import FoundTable, TableFile, find_table, read_header
from features.staging import create_stage, kept_columns, load_file, open_engine

FAULTS_KEPT = 100
"""How many faults of each table and rule a report holds; the quarantine files hold them all."""

OPTIONAL_TABLES = frozenset({AUDIT.name, INCIDENTS.name})
ALL_TABLES = tuple(table.name for table in TABLES)

Progress = Callable[[str, int, int], None]
"""Called with what is being read, and how many of how many files are done."""


def validate_records(
    path: Path | str,
    *,
    quarantine: Path | None = None,
    now: datetime | None = None,
    tables: tuple[str, ...] = ALL_TABLES,
    progress: Progress | None = None,
) -> ValidationReport:
    """The report on all faults of the records folder ``path``.

    Args:
        path: a folder with the tables of the contract.
        quarantine: where to write the quarantine files and ``reconciliation.json``; None writes nothing.
        now: the wall clock, aware; a row recorded later is at fault.
        tables: which tables to look at.
        progress: called as files are read.

    Raises:
        MissingInput: ``path`` is not a folder.

    """
    found = find_tables(path, tables)
    engine = open_engine(input_bytes=input_bytes(found))
    try:
        door = Door(engine.connection, found, now=now)
        return door.pass_through(quarantine=quarantine, progress=progress)
    finally:
        engine.close()


def find_tables(path: Path | str, tables: tuple[str, ...]) -> dict[str, FoundTable]:
    """Where the tables lie.  Raises ``MissingInput`` if ``path`` is not a folder."""
    root = Path(path)
    if not root.is_dir():
        raise MissingInput(
            f"{root} is not a folder with records: give the folder that holds disputes, events, petitions"
        )
    return {name: find_table(root, TABLES_BY_NAME[name]) for name in tables}


def input_bytes(found: dict[str, FoundTable]) -> int:
    """The size of all files together."""
    return sum(file.path.stat().st_size for table in found.values() for file in table.files)


class Door:
    """One pass of records through validation, on a connection that ends up with the accepted rows as views."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, found: dict[str, FoundTable], *, now: datetime | None
    ) -> None:
        moment = datetime.now(UTC) if now is None else now
        if moment.tzinfo is None:
            raise ValueError("now must have an offset")
        self._connection = connection
        self._found = found
        self._now_us = microseconds(moment)
        self._table_faults: list[RecordFault] = []
        self._counts: dict[str, RowCount] = {}
        self._absent_tables: list[str] = []
        self._absent_columns: dict[str, tuple[str, ...]] = {}

    def pass_through(
        self, *, quarantine: Path | None, progress: Progress | None, write_if_clean: bool = True
    ) -> ValidationReport:
        """Load, check and reconcile every table; afterwards the connection has each as a view of accepted rows.

        Without ``write_if_clean`` the quarantine is written only where rows were left out, or one is there already.
        """
        self._connection.execute(
            'CREATE TABLE faults (tab VARCHAR, file_no INTEGER, "row" BIGINT, col VARCHAR, rule UTINYINT)'
        )
        total = sum(len(table.files) for table in self._found.values())
        done = 0
        register_shapes(self._connection)
        try:
            for name, found in self._found.items():
                self._load(TABLES_BY_NAME[name], found, progress=progress, done=done, total=total)
                done += len(found.files)
                self._judge(TABLES_BY_NAME[name])
        finally:
            unregister_shapes(self._connection)
        clean = not self._table_faults and self._scalar("SELECT count(*) FROM faults") == 0
        if quarantine is not None and (write_if_clean or quarantine.exists() or not clean):
            self._write(quarantine)
        return self._report(quarantine)

    # --- one table --------------------------------------------------------------------------------------------------

    def _load(self, table: Table, found: FoundTable, *, progress: Progress | None, done: int, total: int) -> None:
        self._table_faults.extend(found.faults)
        create_stage(self._connection, table)
        if not found.files and not found.faults:
            self._note_absent(table)
        absent: set[str] = set()
        for file_no, file in enumerate(found.files):
            if progress is not None:
                progress(file.name, done + file_no, total)
            absent |= self._load_file(table, file, file_no)
        if absent:
            self._absent_columns[table.name] = tuple(name for name in table.names if name in absent)

    def _load_file(self, table: Table, file: TableFile, file_no: int) -> set[str]:
        """Stage one file; returns the columns that may be null and are not there."""
        header = read_header(table, file)
        self._table_faults.extend(header.faults)
        if not header.is_readable:
            return set()
        misfits, broken = load_file(self._connection, table, file, header, file_no=file_no, now_us=self._now_us)
        if broken is not None:
            self._table_faults.append(broken)
        if misfits:
            self._connection.execute(
                "INSERT INTO faults SELECT ?, ?, unnest(?::BIGINT[]), NULL, ?",
                [table.name, file_no, misfits, RULE_NUMBERS[Rule.WRONG_FIELD_COUNT]],
            )
        return {column.name for column in table.columns if column.nullable and column.name not in header.positions}

    def _note_absent(self, table: Table) -> None:
        if table.name in OPTIONAL_TABLES:
            self._absent_tables.append(table.name)
            return
        allowed = f"{table.name}.parquet, {table.name}.csv or a folder {table.name}/ with part files"
        self._table_faults.append(RecordFault.at(table.name, rule=Rule.MISSING_TABLE, allowed=allowed))

    def _judge(self, table: Table) -> None:
        """Collect the faults of the rows of a stage, set the faulty rows apart, and show the rest as the table."""
        staged = self._scalar(f"SELECT count(*) FROM stage_{table.name}")
        self._collect_cell_faults(table)
        self._collect_repeated_keys(table)
        self._collect_unknown_disputes(table)
        quarantined = self._scalar(
            f"SELECT count(*) FROM (SELECT DISTINCT file_no, \"row\" FROM faults WHERE tab = '{table.name}')"
        )
        misfits = self._scalar(
            f"SELECT count(*) FROM faults WHERE tab = '{table.name}' AND rule = {RULE_NUMBERS[Rule.WRONG_FIELD_COUNT]}"
        )
        if quarantined > misfits:
            self._connection.execute(
                f'DELETE FROM stage_{table.name} AS s USING (SELECT DISTINCT file_no, "row" FROM faults '
                f'WHERE tab = \'{table.name}\') AS f WHERE s.file_no = f.file_no AND s."row" = f."row"'
            )
        kept = ", ".join(column.name for column in kept_columns(table))
        self._connection.execute(f"CREATE VIEW {table.name} AS SELECT {kept} FROM stage_{table.name}")
        rows_in = staged + misfits
        if any(fault.table == table.name for fault in self._table_faults):
            quarantined = rows_in
        self._counts[table.name] = RowCount(rows_in, rows_in - quarantined, quarantined)

    def _collect_cell_faults(self, table: Table) -> None:
        """Faults of cells and between times, after one look at which columns have any."""
        flags = [f"coalesce(max(f_{name}), 0)" for name in table.names]
        looked = f"SELECT {', '.join(flags)}, coalesce(bit_or(f_times), 0) FROM stage_{table.name}"
        *worst, bits = self._connection.execute(looked).fetchall()[0]
        for name, number in zip(table.names, worst, strict=True):
            if number:
                self._insert_faults(table, name, f"f_{name}", f"f_{name} <> 0")
        for bit, rule in enumerate(time_rules(table)):
            if bits & 1 << bit:
                self._insert_faults(table, rule.column, str(RULE_NUMBERS[rule.rule]), f"(f_times & {1 << bit}) <> 0")

    def _insert_faults(self, table: Table, column: str, rule: str, where: str) -> None:
        self._connection.execute(
            f"INSERT INTO faults SELECT '{table.name}', file_no, \"row\", '{column}', {rule} "
            f"FROM stage_{table.name} WHERE {where}"
        )

    def _collect_repeated_keys(self, table: Table) -> None:
        """Faults for repeated keys; keys are counted by their hash first, since hardly any repeats."""
        stage, key = f"stage_{table.name}", ", ".join(table.key)
        repeats = f"SELECT hash({key}) AS h FROM {stage} GROUP BY h HAVING count(*) > 1"
        self._connection.execute(f"CREATE TEMP TABLE repeats AS {repeats}")
        if self._scalar("SELECT count(*) FROM repeats"):
            content = ", ".join([column.name for column in kept_columns(table)] + [f"f_{name}" for name in table.names])
            known = " AND ".join(f"{name} IS NOT NULL" for name in table.key)
            self._connection.execute(f"""
                INSERT INTO faults
                SELECT '{table.name}', file_no, "row", '{table.row_id}', {RULE_NUMBERS[Rule.REPEATED_KEY]} FROM (
                    SELECT file_no, "row",
                           row_number() OVER (PARTITION BY {key} ORDER BY file_no, "row") AS copy,
                           min(c) OVER (PARTITION BY {key}) <> max(c) OVER (PARTITION BY {key}) AS differ
                    FROM (SELECT file_no, "row", {key}, hash({content}) AS c FROM {stage}
                          WHERE {known} AND hash({key}) IN (SELECT h FROM repeats)))
                WHERE copy > 1 OR differ""")
        self._connection.execute("DROP TABLE repeats")

    def _collect_unknown_disputes(self, table: Table) -> None:
        """Faults for rows of a dispute that has no accepted row; a null dispute_id is a matter of the column."""
        if table is DISPUTES or DISPUTES.name not in self._counts or self._is_unusable(DISPUTES):
            return
        unknown = RULE_NUMBERS[Rule.UNKNOWN_DISPUTE]
        self._insert_faults(
            table, "dispute_id", str(unknown),
            "dispute_id IS NOT NULL AND dispute_id NOT IN (SELECT dispute_id FROM disputes)",
        )  # fmt: skip

    def _is_unusable(self, table: Table) -> bool:
        """Whether a table lacks rows for a reason that its own faults already tell."""
        telling = {Rule.MISSING_TABLE, Rule.AMBIGUOUS_TABLE, Rule.UNREADABLE_FILE}
        return any(
            fault.table == table.name and (fault.rule in telling or fault.column == table.row_id)
            for fault in self._table_faults
        )

    def _scalar(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchall()[0][0])

    # --- what was found ---------------------------------------------------------------------------------------------

    def _fault(self, tab: str, file_no: int, row: int, column: str | None, number: int) -> RecordFault:
        rule = RULES_BY_NUMBER[number]
        return RecordFault.at(
            tab, rule=rule, allowed=self._allowed(tab, column, rule), file=self._found[tab].files[file_no].name,
            row=row, column=column,
        )  # fmt: skip

    def _allowed(self, tab: str, column: str | None, rule: Rule) -> str:
        table = TABLES_BY_NAME[tab]
        if column is None:
            return "as many fields as the header has"
        if rule is Rule.REPEATED_KEY:
            return "each " + " and ".join(table.key) + " once"
        if rule is Rule.UNKNOWN_DISPUTE:
            return "the dispute_id of an accepted row of disputes"
        for time_rule in time_rules(table):
            if (time_rule.rule, time_rule.column) == (rule, column):
                return time_rule.allowed
        return allowed_cell(table[column], rule)

    def _report(self, quarantine: Path | None) -> ValidationReport:
        counts: dict[tuple[str, str], int] = {}
        for fault in self._table_faults:
            counts[fault.table, fault.rule] = counts.get((fault.table, fault.rule), 0) + 1
        for tab, number, count in self._connection.execute(
            "SELECT tab, rule, count(*) FROM faults GROUP BY ALL"
        ).fetchall():
            rule = str(RULES_BY_NUMBER[number])
            counts[tab, rule] = counts.get((tab, rule), 0) + count
        kept = self._connection.execute(
            f'SELECT tab, file_no, "row", col, rule FROM (SELECT *, row_number() OVER '
            f'(PARTITION BY tab, rule ORDER BY file_no, "row", col) AS place FROM faults) WHERE place <= {FAULTS_KEPT}'
        ).fetchall()
        order = {name: place for place, name in enumerate(self._found)}
        kept.sort(key=lambda fault: (order[fault[0]], fault[1], fault[2], fault[3] or "", fault[4]))
        self._connection.execute("DROP TABLE faults")
        return ValidationReport(
            faults=(*self._table_faults, *(self._fault(*fault) for fault in kept)),
            fault_counts=counts,
            reconciliation=dict(self._counts),
            table_faults=tuple(self._table_faults),
            absent_tables=tuple(self._absent_tables),
            absent_columns=dict(self._absent_columns),
            quarantine=quarantine,
        )

    def _write(self, folder: Path) -> None:
        for name in self._found:
            write_quarantine(folder, name, self._quarantine_rows(name))
        write_reconciliation(folder, self._counts)

    def _quarantine_rows(self, name: str) -> Iterator[tuple[str, str, str, str]]:
        for fault in self._table_faults:
            if fault.table == name:
                part = Path(fault.file).name + ":" if "/" in fault.file else ""
                yield part, fault.column or "", fault.rule, fault.allowed
        cursor = self._connection.execute(
            f"SELECT file_no, \"row\", col, rule FROM faults WHERE tab = '{name}' ORDER BY ALL NULLS FIRST"
        )
        while batch := cursor.fetchmany(10_000):
            for file_no, row, column, number in batch:
                rule = RULES_BY_NUMBER[number]
                label = self._found[name].files[file_no].row_label(row)
                yield label, column or "", str(rule), self._allowed(name, column, rule)
