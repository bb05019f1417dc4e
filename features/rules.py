"""The named rules of the records contract, and the forms in which a cell may be written.

Both doors use this list: files (``features.validation``) and requests (``features.request_model``).  The same bad row
gets the same rule name at either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from features.errors import Fault
from features.schema import Column, Table


class Rule(StrEnum):
    """The name of a rule, as it stands in reports, quarantine files and problem documents."""

    # about a whole table or column: no row of the table can be accepted
    MISSING_TABLE = "missing_table"
    AMBIGUOUS_TABLE = "ambiguous_table"
    UNREADABLE_FILE = "unreadable_file"
    MISSING_COLUMN = "missing_column"
    REPEATED_COLUMN = "repeated_column"
    UNKNOWN_COLUMN = "unknown_column"
    REFUSED_INPUT = "refused_input"
    # about one cell, in order of precedence: a cell is reported for the first rule it breaks
    REQUIRED = "required"
    REFUSED_VALUE_SHAPE = "refused_value_shape"
    NAIVE_TIME = "naive_time"
    NOT_A_NUMBER = "not_a_number"
    BAD_TYPE = "bad_type"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_CODE = "unknown_code"
    BAD_PATTERN = "bad_pattern"
    # about one row
    WRONG_FIELD_COUNT = "wrong_field_count"
    RECORDED_BEFORE_OCCURRED = "recorded_before_occurred"
    RECORDED_IN_FUTURE = "recorded_in_future"
    ANSWER_BEFORE_LODGED = "answer_before_lodged"
    ANSWER_INCOMPLETE = "answer_incomplete"
    # about a row among others
    REPEATED_KEY = "repeated_key"
    UNKNOWN_DISPUTE = "unknown_dispute"
    # about a request only
    CLOSED_BEFORE_OPENED = "closed_before_opened"
    CLOSURE_INCOMPLETE = "closure_incomplete"
    AS_OF_IN_FUTURE = "as_of_in_future"
    TOO_MANY_ROWS = "too_many_rows"


TABLE_RULES = frozenset(
    {
        Rule.MISSING_TABLE, Rule.AMBIGUOUS_TABLE, Rule.UNREADABLE_FILE, Rule.MISSING_COLUMN, Rule.REPEATED_COLUMN,
        Rule.UNKNOWN_COLUMN, Rule.REFUSED_INPUT,
    }
)  # fmt: skip
"""Faults of a table as a whole, for which no single row can be quarantined; a cell rule without a row counts too."""

REFUSALS = frozenset({Rule.REFUSED_INPUT, Rule.REFUSED_VALUE_SHAPE})

MEANINGS: dict[Rule, str] = {
    Rule.MISSING_TABLE: "the folder lacks a table that is asked for",
    Rule.AMBIGUOUS_TABLE: "a table is there more than once (Parquet, CSV, folder): one of them must go",
    Rule.UNREADABLE_FILE: "the file is not Parquet or not UTF-8 CSV with a header, or is cut short",
    Rule.MISSING_COLUMN: "a column that may not be null is not there",
    Rule.REPEATED_COLUMN: "two columns of one file have the same name",
    Rule.UNKNOWN_COLUMN: "the contract has no such column or attribute",
    Rule.REFUSED_INPUT: "the charter refuses to read such a column or attribute; its content was not looked at",
    Rule.REQUIRED: "a value that may not be null is null or empty",
    Rule.REFUSED_VALUE_SHAPE: "a text holds what looks like an ID card, mobile or plate number",
    Rule.NAIVE_TIME: "a time has no offset",
    Rule.NOT_A_NUMBER: "a number is NaN or infinite",
    Rule.BAD_TYPE: "a value, or the whole column of a Parquet file, is of another type",
    Rule.OUT_OF_RANGE: "a number lies outside its bounds",
    Rule.UNKNOWN_CODE: "a code is not in the list of its column",
    Rule.BAD_PATTERN: "a text has not the form of its column",
    Rule.WRONG_FIELD_COUNT: "a CSV row has more or fewer fields than the header",
    Rule.RECORDED_BEFORE_OCCURRED: "a thing was known before it happened",
    Rule.RECORDED_IN_FUTURE: "a thing is known later than now",
    Rule.ANSWER_BEFORE_LODGED: "a petition was answered before it was lodged",
    Rule.ANSWER_INCOMPLETE: "only one of answered_at and answer_recorded_at is given",
    Rule.REPEATED_KEY: "two rows have the same id and recorded time",
    Rule.UNKNOWN_DISPUTE: "the row belongs to a dispute of which no row was accepted",
    Rule.CLOSED_BEFORE_OPENED: "a prior dispute was closed before it was opened",
    Rule.CLOSURE_INCOMPLETE: "only one of closed_at and closed_recorded_at is given",
    Rule.AS_OF_IN_FUTURE: "the landmark lies in the future",
    Rule.TOO_MANY_ROWS: "a case record has more rows than a request may hold",
}


@dataclass(frozen=True)
class RecordFault(Fault):
    """A fault of a records folder: the table and file, the 1-based data row (null: whole table), and the column."""

    table: str = ""
    file: str = ""
    row: int | None = None
    column: str | None = None

    @classmethod
    def at(
        cls, table: str, *, rule: str, allowed: str, file: str = "", row: int | None = None, column: str | None = None
    ) -> RecordFault:
        """The fault with its path put together from the parts: ``events.csv row 12 column severity``."""
        path = file or table
        path += f" row {row}" if row is not None else ""
        path += f" column {column}" if column is not None else ""
        return cls(path=path, rule=str(rule), allowed=allowed, table=table, file=file, row=row, column=column)


# --- rules between the times of one row ------------------------------------------------------------------------------


class TimeForm(StrEnum):
    """How a time rule is broken."""

    BEFORE_OTHER = "earlier than the other column"
    AFTER_NOW = "later than now"
    WITHOUT_OTHER = "given without the other column"


@dataclass(frozen=True)
class TimeRule:
    """``column`` breaks ``rule`` when it stands to ``other`` (or to now) as ``form`` says; nulls break nothing else."""

    rule: Rule
    column: str
    form: TimeForm
    other: str = ""

    @property
    def allowed(self) -> str:
        """What the column may be, in words fit for an error message."""
        if self.form is TimeForm.BEFORE_OTHER:
            return f"not before {self.other}"
        if self.form is TimeForm.AFTER_NOW:
            return "not later than now"
        return f"given together with {self.other}"

    def is_broken(self, times: dict[str, int | None], *, now_us: int) -> bool:
        """Whether the times of a row (microseconds, None for null or unusable) break the rule."""
        time = times.get(self.column)
        if time is None:
            return False
        if self.form is TimeForm.AFTER_NOW:
            return time > now_us
        other = times.get(self.other)
        if self.form is TimeForm.WITHOUT_OTHER:
            return other is None
        return other is not None and time < other

    def is_broken_in(self, rows: Sequence[Mapping[str, Any]], *, now_us: int) -> bool:
        """Whether the times of any of some rows break the rule; every row has every column of it."""
        column, other = self.column, self.other
        if self.form is TimeForm.AFTER_NOW:
            return any([time > now_us for row in rows if (time := row[column]) is not None])
        given = [(time, row[other]) for row in rows if (time := row[column]) is not None]
        if self.form is TimeForm.WITHOUT_OTHER:
            return any([beside is None for _, beside in given])
        return any([beside is not None and time < beside for time, beside in given])

    def broken_sql(self, *, now_us: int) -> str:
        """The same as a DuckDB condition over typed columns, never null."""
        if self.form is TimeForm.AFTER_NOW:
            return f"coalesce({self.column} > {now_us}, false)"
        if self.form is TimeForm.WITHOUT_OTHER:
            return f"({self.column} IS NOT NULL AND {self.other} IS NULL)"
        return f"coalesce({self.column} < {self.other}, false)"


def known_later(known: str, happened: str) -> tuple[TimeRule, TimeRule]:
    """The two rules of every pair of clocks: known not before it happened, and not after now."""
    return (
        TimeRule(Rule.RECORDED_BEFORE_OCCURRED, known, TimeForm.BEFORE_OTHER, happened),
        TimeRule(Rule.RECORDED_IN_FUTURE, known, TimeForm.AFTER_NOW),
    )


_ANSWER_RULES = (
    *known_later("answer_recorded_at", "answered_at"),
    TimeRule(Rule.ANSWER_BEFORE_LODGED, "answered_at", TimeForm.BEFORE_OTHER, "lodged_at"),
    TimeRule(Rule.ANSWER_INCOMPLETE, "answered_at", TimeForm.WITHOUT_OTHER, "answer_recorded_at"),
    TimeRule(Rule.ANSWER_INCOMPLETE, "answer_recorded_at", TimeForm.WITHOUT_OTHER, "answered_at"),
)


_CLOSURE_RULES = (
    *known_later("closed_recorded_at", "closed_at"),
    TimeRule(Rule.CLOSED_BEFORE_OPENED, "closed_at", TimeForm.BEFORE_OTHER, "opened_at"),
    TimeRule(Rule.CLOSURE_INCOMPLETE, "closed_at", TimeForm.WITHOUT_OTHER, "closed_recorded_at"),
    TimeRule(Rule.CLOSURE_INCOMPLETE, "closed_recorded_at", TimeForm.WITHOUT_OTHER, "closed_at"),
)


@cache
def time_rules(table: Table) -> tuple[TimeRule, ...]:
    """The rules between the times of a row of ``table``."""
    if table.occurred is None or table.recorded is None:
        return ()
    rules = known_later(table.recorded, table.occurred)
    if "answered_at" in table.names:
        return (*rules, *_ANSWER_RULES)
    return (*rules, *_CLOSURE_RULES) if "closed_at" in table.names else rules


# --- the forms of a cell ---------------------------------------------------------------------------------------------

_CLOCK = r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
TIME_FORM = _CLOCK + r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
"""RFC 3339 with an offset; beyond microseconds the fraction is cut off, not rounded."""
NAIVE_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
"""A date or time to which only the offset is wanting."""
NUMBER_FORM = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NOT_FINITE_FORM = r"[+-]?(?:nan|inf|infinity)"

_TIME = re.compile(TIME_FORM)
_NAIVE = re.compile(NAIVE_FORM)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds UTC of an aware time, exactly (a float second would lose the last digits)."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def parse_time(text: str) -> int | Rule:
    """Microseconds UTC of an RFC 3339 text, or the rule it breaks."""
    if _TIME.fullmatch(text) is None:
        return Rule.NAIVE_TIME if _NAIVE.fullmatch(text) is not None else Rule.BAD_TYPE
    try:
        return microseconds(datetime.fromisoformat(text.upper()))
    except ValueError:  # 30 February
        return Rule.BAD_TYPE


def allowed_cell(column: Column, rule: Rule) -> str:
    """What was allowed where a cell of ``column`` broke ``rule``."""
    if rule is Rule.REFUSED_VALUE_SHAPE:
        return "no ID card, mobile or plate number anywhere in the records"
    if rule is Rule.NOT_A_NUMBER:
        return "a finite number" + (" or null" if column.nullable else "")
    if rule is Rule.REQUIRED:
        return "not null"
    return column.allowed


def is_opaque(column: Column) -> bool:
    """Whether a text of the column is an id, token or code rather than prose."""
    return not column.free_text
