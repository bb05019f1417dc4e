"""One column of the contract as DuckDB SQL over a foreign column: its value, and whether what stands there fits.

Nothing here can raise on a value (a DuckDB conversion error would quote it): a form is checked first, then ``try_cast``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from features.mapping_file import ColumnRule, constant_text
from features.rules import NAIVE_FORM, NUMBER_FORM, TIME_FORM
from features.schema import Column, Kind

OUT_TYPES: dict[Kind, str] = {
    Kind.TEXT: "VARCHAR", Kind.CODE: "VARCHAR", Kind.CODES: "VARCHAR[]", Kind.TIME: "TIMESTAMPTZ",
    Kind.NUMBER: "DOUBLE", Kind.INTEGER: "INTEGER", Kind.BOOLEAN: "BOOLEAN",
}  # fmt: skip
_FLOATS = ("FLOAT", "DOUBLE")
_NAIVE = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True)
class Foreign:
    """A column of a foreign table: its SQL expression and DuckDB type."""

    raw: str
    type: str

    @property
    def is_naive_time(self) -> bool:
        """Whether every value is a date, or a time without an offset."""
        return self.type in _NAIVE

    @property
    def text(self) -> str:
        """Its value as trimmed text, null where there is none (also for NaN); whole numbers without a fraction."""
        if self.type in _FLOATS:
            whole = f"abs({self.raw}) < 1e15 AND {self.raw} = trunc({self.raw})"
            return (
                f"CASE WHEN isnan({self.raw}) THEN NULL WHEN {whole} THEN CAST(CAST({self.raw} AS BIGINT) AS VARCHAR) "
                f"ELSE CAST({self.raw} AS VARCHAR) END"
            )
        if self.type.endswith("[]"):
            return f"nullif(array_to_string({self.raw}, '|'), '')"
        return f"nullif(trim(CAST({self.raw} AS VARCHAR)), '')"


@dataclass(frozen=True)
class MappedSql:
    """``value`` of the contract's type, and ``misfit``: that a value is there but is not one the column may hold."""

    value: str
    misfit: str


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def mapped_sql(column: Column, rule: ColumnRule, found: dict[str, Foreign], *, zone: str | None) -> MappedSql:
    """The SQL of one column; ``found`` has the foreign columns by name, ``zone`` is that of the whole mapping."""
    if rule.constant is not None:
        return MappedSql(_typed(column, constant_text(rule.constant)), "false")
    if rule.row:
        return MappedSql(f"{literal(rule.prefix)} || CAST(source_row AS VARCHAR)", "false")
    sources = [found[name] for name in rule.reads]
    empty = f"({' OR '.join(f'({source.text}) IS NULL' for source in sources)})"
    if column.kind is Kind.TIME:
        value = _time(sources[0], rule, zone)
    else:
        joined = " || '-' || ".join(f"({source.text})" for source in sources)
        value = _READERS[column.kind](column, rule, joined)
    absent = "NULL" if rule.if_empty is None else _typed(column, rule.if_empty)
    emptied = _emptied(column, rule, f"({sources[0].text})")
    read = value
    if column.kind is Kind.CODES and rule.otherwise is not None:  # there `otherwise` stands for single items
        read = _codes(column, rule.model_copy(update={"otherwise": None}), f"({sources[0].text})")
    misfit = f"(NOT {empty} AND NOT {emptied} AND ({read}) IS NULL)"
    if rule.otherwise is not None:
        value = f"coalesce({value}, {_typed(column, rule.otherwise)})"
    return MappedSql(f"CASE WHEN {empty} THEN {absent} WHEN {emptied} THEN NULL ELSE {value} END", misfit)


def _emptied(column: Column, rule: ColumnRule, text: str) -> str:
    """That a value is one which the codes turn into null (an item of a list is then left out of it)."""
    given = [value for value, code in rule.codes.items() if code == ""]
    if not given or column.kind is Kind.CODES:
        return "false"
    return f"coalesce({text} IN ({', '.join(map(literal, given))}), false)"


def _typed(column: Column, text: str) -> str:
    """A value written in the mapping, as the contract's type; an empty one is null."""
    if text == "":
        return f"CAST(NULL AS {OUT_TYPES[column.kind]})"
    if column.kind is Kind.CODES:
        return f"string_split({literal(text)}, '|')"
    return f"CAST({literal(text)} AS {OUT_TYPES[column.kind]})"


def _coded(rule: ColumnRule, text: str, column: Column) -> str:
    """A text through the codes of the mapping; without codes it must be one of the contract already."""
    if rule.codes:
        pairs = " ".join(f"WHEN {literal(given)} THEN {literal(code)}" for given, code in rule.codes.items())
        return f"CASE {text} {pairs} END"
    listed = ", ".join(map(literal, column.codes))
    return f"CASE WHEN {text} IN ({listed}) THEN {text} END"


def _code_of(column: Column, rule: ColumnRule, text: str) -> str:
    return _coded(rule, text, column)


def _text(column: Column, rule: ColumnRule, text: str) -> str:
    made = f"{literal(rule.prefix)} || ({_coded(rule, text, column) if rule.codes else text})"
    if column.pattern is None:
        return made
    return f"CASE WHEN regexp_matches({made}, {literal(column.pattern)}) THEN {made} END"


def _codes(column: Column, rule: ColumnRule, text: str) -> str:
    """Item by item; one that fits nothing becomes ``otherwise``, or makes the whole value a misfit."""
    separator = literal(rule.separator or "|")
    items = f"list_filter(list_transform(string_split({text}, {separator}), lambda i: trim(i)), lambda i: i <> '')"
    made = f"list_transform({items}, lambda i: {_coded(rule, 'i', column)})"
    if rule.otherwise is not None:
        made = f"list_transform({made}, lambda i: coalesce(i, {literal(rule.otherwise)}))"
    split = f"list_filter(string_split(array_to_string({made}, '|'), '|'), lambda i: i <> '')"
    return f"CASE WHEN list_count({made}) = len({made}) THEN {split} END"


def _number(column: Column, rule: ColumnRule, text: str) -> str:
    value = _read_number(rule, text)
    value = f"({value} * {rule.factor!r})" if rule.factor != 1 else value
    if rule.bands:
        reached = " + ".join(f"CAST({value} >= {bound!r} AS INTEGER)" for bound in rule.bands)
        value = f"({reached})"
    bounds = [f"{value} >= {column.low!r}"] if column.low is not None else []
    bounds += [f"{value} <= {column.high!r}"] if column.high is not None else []
    if column.kind is Kind.INTEGER:
        bounds.append(f"{value} = trunc({value})")
    return f"CAST(CASE WHEN {' AND '.join(bounds) or 'true'} THEN {value} END AS {OUT_TYPES[column.kind]})"


def _read_number(rule: ColumnRule, text: str) -> str:
    if rule.codes:
        pairs = " ".join(f"WHEN {literal(given)} THEN {literal(code)}" for given, code in rule.codes.items())
        text = f"CASE {text} {pairs} END"
    return f"CASE WHEN regexp_full_match({text}, {literal(NUMBER_FORM)}) THEN try_cast({text} AS DOUBLE) END"


def _boolean(_column: Column, rule: ColumnRule, text: str) -> str:
    given = rule.codes or {"true": "true", "false": "false", "1": "true", "0": "false"}
    pairs = " ".join(f"WHEN {literal(value)} THEN {code or 'NULL'}" for value, code in given.items())
    return f"CASE {text if rule.codes else f'lower({text})'} {pairs} END"


_READERS: dict[Kind, Callable[[Column, ColumnRule, str], str]] = {
    Kind.TEXT: _text, Kind.CODE: _code_of, Kind.CODES: _codes, Kind.NUMBER: _number, Kind.INTEGER: _number,
    Kind.BOOLEAN: _boolean,
}  # fmt: skip


def _time(source: Foreign, rule: ColumnRule, zone: str | None) -> str:
    """The moment; a time without an offset is local, a date local midnight (DuckDB's ICU knows the summer times).

    A local time that was skipped counts as the first one after the gap, one that came twice as the later: known later is
    the safe side.
    """
    here = None if (rule.zone or zone) is None else literal(rule.zone or zone or "")
    moment = _moment(source, rule, here)
    if rule.day is not None:
        midnight = f"date_trunc('day', timezone({here}, {moment}))"
        moment = (
            f"timezone({here}, {midnight})"
            if rule.day == "start"
            else f"timezone({here}, {midnight} + INTERVAL 1 DAY) - INTERVAL 1 MICROSECOND"
        )
    return f"CASE WHEN isfinite({_moment(source, rule, here)}) THEN {moment} END"


def _moment(source: Foreign, rule: ColumnRule, here: str | None) -> str:
    local = "CAST(NULL AS TIMESTAMPTZ)"
    if source.is_naive_time:
        return local if here is None else f"timezone({here}, CAST({source.raw} AS TIMESTAMP))"
    if "WITH TIME ZONE" in source.type or "TIMESTAMPTZ" in source.type:
        return f"CAST({source.raw} AS TIMESTAMPTZ)"
    text = f"({source.text})"
    if rule.format is not None:
        return local if here is None else f"timezone({here}, try_strptime({text}, {literal(rule.format)}))"
    if here is not None:
        local = f"timezone({here}, try_cast({text} AS TIMESTAMP))"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(TIME_FORM)}) THEN try_cast(upper({text}) AS TIMESTAMPTZ) "
        f"WHEN regexp_full_match({text}, {literal(NAIVE_FORM)}) THEN {local} END"
    )
