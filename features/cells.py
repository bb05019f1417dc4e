"""One cell of a records file, as DuckDB SQL: which rule it breaks, and its typed value if it breaks none.

Made from ``schema.py`` for every combination of a column and the physical type in which a file holds it.  Typing never
raises (a DuckDB conversion error would quote the value): a form is checked first, then ``try_cast``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from features.refused import FREE_TEXT_PREFILTER, OPAQUE_PREFILTER, refused_shape
from features.rules import NAIVE_FORM, NOT_FINITE_FORM, NUMBER_FORM, TIME_FORM, Rule, is_opaque
from features.schema import Column, Kind

RULE_NUMBERS: dict[Rule, int] = {rule: number for number, rule in enumerate(Rule, start=1)}
"""The number under which a broken rule is stored in the fault columns; 0 means none."""
RULES_BY_NUMBER: dict[int, Rule] = {number: rule for rule, number in RULE_NUMBERS.items()}


class Physical(StrEnum):
    """In what form a file holds a column."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time with zone"
    TIME_NS = "time with zone, nanoseconds"
    NAIVE_TIME = "time without zone"
    LIST = "list of text"
    NULL = "null"
    OTHER = "other"


@dataclass(frozen=True)
class CellSql:
    """Two expressions: the number of the broken rule (never null), and the typed value of a cell without fault."""

    fault: str
    value: str


SQL_TYPES: dict[Kind, str] = {
    Kind.TEXT: "VARCHAR", Kind.CODE: "VARCHAR", Kind.CODES: "VARCHAR[]", Kind.TIME: "BIGINT",
    Kind.NUMBER: "DOUBLE", Kind.INTEGER: "INTEGER", Kind.BOOLEAN: "BOOLEAN",
}  # fmt: skip

_HELD_AS: dict[Kind, frozenset[Physical]] = {
    Kind.TEXT: frozenset({Physical.TEXT}),
    Kind.CODE: frozenset({Physical.TEXT}),
    Kind.CODES: frozenset({Physical.TEXT, Physical.LIST}),
    Kind.TIME: frozenset({Physical.TEXT, Physical.TIME, Physical.TIME_NS}),
    Kind.NUMBER: frozenset({Physical.TEXT, Physical.NUMBER}),
    Kind.INTEGER: frozenset({Physical.TEXT, Physical.NUMBER}),
    Kind.BOOLEAN: frozenset({Physical.TEXT, Physical.BOOLEAN}),
}


def physical_type(arrow: pa.DataType) -> Physical:  # noqa: PLR0911 - a table of types reads best as one
    """In what form an Arrow column holds its values."""
    if pa.types.is_dictionary(arrow):
        return physical_type(arrow.value_type)
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
        return Physical.TEXT
    if pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return Physical.NUMBER
    if pa.types.is_boolean(arrow):
        return Physical.BOOLEAN
    if pa.types.is_null(arrow):
        return Physical.NULL
    if pa.types.is_timestamp(arrow):
        if arrow.tz is None:
            return Physical.NAIVE_TIME
        return Physical.TIME_NS if arrow.unit == "ns" else Physical.TIME
    if pa.types.is_date(arrow):
        return Physical.NAIVE_TIME
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return Physical.LIST if physical_type(arrow.value_type) in (Physical.TEXT, Physical.NULL) else Physical.OTHER
    return Physical.OTHER


def column_rule(column: Column, physical: Physical) -> Rule | None:
    """The rule broken by a whole column that is held as ``physical``, or None."""
    if physical is Physical.NULL or physical in _HELD_AS[column.kind]:
        return None
    return Rule.NAIVE_TIME if column.kind is Kind.TIME and physical is Physical.NAIVE_TIME else Rule.BAD_TYPE


def register_shapes(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``refused_shape_opaque`` and ``refused_shape_free`` known to SQL.

    ``unregister_shapes`` must follow: DuckDB 2.0 leaks functions that are still there at the end of the process.
    """
    for name, opaque in (("refused_shape_opaque", True), ("refused_shape_free", False)):
        function = _shape_function(opaque=opaque)
        connection.create_function(name, function, ["VARCHAR"], "BOOLEAN", type=ARROW, null_handling=SPECIAL)


def _shape_function(*, opaque: bool) -> Callable[[pa.ChunkedArray], pa.Array]:
    def holds(texts: pa.ChunkedArray) -> pa.Array:
        found = [text is not None and refused_shape(text, opaque=opaque) is not None for text in texts.to_pylist()]
        return pa.array(found, pa.bool_())

    return holds


def unregister_shapes(connection: duckdb.DuckDBPyConnection) -> None:
    """Undo ``register_shapes``."""
    for name in ("refused_shape_opaque", "refused_shape_free"):
        connection.remove_function(name)


def cell_sql(column: Column, raw: str, physical: Physical) -> CellSql:
    """The two expressions for ``column`` whose stored value is the SQL expression ``raw``."""
    required = "0" if column.nullable else str(RULE_NUMBERS[Rule.REQUIRED])
    if physical is Physical.NULL:
        return CellSql(required, f"CAST(NULL AS {SQL_TYPES[column.kind]})")
    parts = _PARTS[column.kind](column, raw, physical)
    empty = f"{raw} IS NULL" + (f" OR {raw} = ''" if physical is Physical.TEXT else "")
    if physical is Physical.LIST:
        empty += f" OR len({raw}) = 0"
    branches = " ".join(f"WHEN {condition} THEN {outcome}" for condition, outcome in parts.branches)
    value = f"CASE WHEN {empty} THEN NULL ELSE {parts.value} END"
    return CellSql(f"CASE WHEN {empty} THEN {required} {branches} ELSE 0 END", value)


@dataclass(frozen=True)
class _Parts:
    """The branches of a fault expression, in order of precedence, and the typed value."""

    branches: tuple[tuple[str, str], ...]
    value: str


def _number(rule: Rule) -> str:
    return str(RULE_NUMBERS[rule])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _holds_shape(raw: str, *, opaque: bool) -> str:
    """Whether a text has a refused shape: the pattern in SQL first, the exact test only on what it lets through."""
    prefilter, exact = (OPAQUE_PREFILTER, "opaque") if opaque else (FREE_TEXT_PREFILTER, "free")
    pattern = _quoted(prefilter)
    return (
        f"CASE WHEN strlen({raw}) < 7 THEN false WHEN regexp_matches({raw}, {pattern}) "
        f"THEN refused_shape_{exact}({raw}) ELSE false END"
    )


def _text(column: Column, raw: str, _physical: Physical) -> _Parts:
    branches = [(_holds_shape(raw, opaque=is_opaque(column)), _number(Rule.REFUSED_VALUE_SHAPE))]
    if column.pattern is not None:
        branches.append((f"NOT regexp_matches({raw}, {_quoted(column.pattern)})", _number(Rule.BAD_PATTERN)))
    return _Parts(tuple(branches), raw)


def _wrong_code(raw: str) -> str:
    """The rule that a text which is not an allowed code breaks; wrong codes are few, so no pattern goes before."""
    shape, code = _number(Rule.REFUSED_VALUE_SHAPE), _number(Rule.UNKNOWN_CODE)
    return f"CASE WHEN refused_shape_opaque({raw}) THEN {shape} ELSE {code} END"


def _code(column: Column, raw: str, _physical: Physical) -> _Parts:
    codes = ", ".join(_quoted(code) for code in column.codes)
    return _Parts(((f"{raw} NOT IN ({codes})", _wrong_code(raw)),), raw)


def _codes(column: Column, raw: str, physical: Physical) -> _Parts:
    codes = "[" + ", ".join(_quoted(code) for code in column.codes) + "]"
    items = raw if physical is Physical.LIST else f"string_split({raw}, '|')"
    joined = f"array_to_string({raw}, '|')" if physical is Physical.LIST else raw
    wrong = f"NOT list_has_all({codes}, {items}) OR list_count({items}) < len({items})"
    return _Parts(((wrong, _wrong_code(joined)),), items)


def _time(_column: Column, raw: str, physical: Physical) -> _Parts:
    if physical is Physical.TIME_NS:
        return _Parts((), f"(epoch_ns({raw}) - ((epoch_ns({raw}) % 1000 + 1000) % 1000)) // 1000")
    if physical is Physical.TIME:
        return _Parts(((f"NOT isfinite({raw})", _number(Rule.BAD_TYPE)),), f"epoch_us({raw})")
    moment = f"epoch_us(try_cast(upper({raw}) AS TIMESTAMPTZ))"
    branches = (
        (
            f"regexp_full_match({raw}, {_quoted(TIME_FORM)})",
            f"CASE WHEN {moment} IS NULL THEN {_number(Rule.BAD_TYPE)} ELSE 0 END",
        ),
        (f"regexp_full_match({raw}, {_quoted(NAIVE_FORM)})", _number(Rule.NAIVE_TIME)),
        ("true", _number(Rule.BAD_TYPE)),
    )
    return _Parts(branches, moment)


def _numeric(column: Column, raw: str, physical: Physical) -> _Parts:
    value = f"try_cast({raw} AS DOUBLE)"
    branches = []
    if physical is Physical.TEXT:
        not_finite = f"regexp_full_match(lower({raw}), {_quoted(NOT_FINITE_FORM)})"
        branches.append((not_finite, _number(Rule.NOT_A_NUMBER)))
        branches.append((f"NOT regexp_full_match({raw}, {_quoted(NUMBER_FORM)})", _number(Rule.BAD_TYPE)))
    branches.append((f"{value} IS NULL OR NOT isfinite({value})", _number(Rule.NOT_A_NUMBER)))
    if column.kind is Kind.INTEGER:
        branches.append((f"{value} <> floor({value})", _number(Rule.BAD_TYPE)))
    bounds = [
        f"{value} {sign} {bound!r}" for sign, bound in (("<", column.low), (">", column.high)) if bound is not None
    ]
    if bounds:
        branches.append((" OR ".join(bounds), _number(Rule.OUT_OF_RANGE)))
    return _Parts(tuple(branches), f"try_cast({value} AS {SQL_TYPES[column.kind]})")


def _boolean(_column: Column, raw: str, physical: Physical) -> _Parts:
    if physical is Physical.BOOLEAN:
        return _Parts((), raw)
    return _Parts(((f"lower({raw}) NOT IN ('true', 'false')", _number(Rule.BAD_TYPE)),), f"lower({raw}) = 'true'")


_PARTS = {
    Kind.TEXT: _text, Kind.CODE: _code, Kind.CODES: _codes, Kind.TIME: _time,
    Kind.NUMBER: _numeric, Kind.INTEGER: _numeric, Kind.BOOLEAN: _boolean,
}  # fmt: skip
