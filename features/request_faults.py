"""Every fault of a case record that was not accepted: where it is, the rule, what was allowed; never the value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from features.errors import Fault
from features.refused import printable_name, refused_column, refused_shape
from features.rules import Rule, allowed_cell, parse_time, time_rules
from features.schema import Kind, Table

FAULTS_KEPT = 1_000
"""The most faults that one answer lists."""


@dataclass(frozen=True)
class RowPart:
    """A list of a case record: its attribute name, the table its rows belong to, and the model of a row."""

    name: str
    table: Table
    model: type[BaseModel]


@dataclass(frozen=True)
class _Case:
    """What the rows of one case are held against: its dispute (None if that is at fault itself), now, keys so far."""

    dispute_id: str | None
    now_us: int
    keys: set[tuple[object, ...]] = field(default_factory=set)


_ORDER = {rule: place for place, rule in enumerate(Rule)}
_RULES_OF_ERRORS = {
    "missing": Rule.REQUIRED,
    "string_too_short": Rule.REQUIRED,
    "literal_error": Rule.UNKNOWN_CODE,
    "string_pattern_mismatch": Rule.BAD_PATTERN,
    "finite_number": Rule.NOT_A_NUMBER,
    "greater_than_equal": Rule.OUT_OF_RANGE,
    "less_than_equal": Rule.OUT_OF_RANGE,
}


def case_faults(
    data: object, *, parts: tuple[RowPart, ...], limits: dict[str, int], now_us: int, most: int = FAULTS_KEPT
) -> tuple[Fault, ...]:
    """The first faults of the record ``data``, at most ``most``: nothing is looked for beyond them."""
    if not isinstance(data, dict):
        return (Fault("case", Rule.BAD_TYPE, "an object with " + ", ".join(part.name for part in parts)),)
    return tuple(islice(_all_faults(data, parts, limits, now_us), most))


def _all_faults(
    data: dict[Any, Any], parts: tuple[RowPart, ...], limits: dict[str, int], now_us: int
) -> Iterator[Fault]:
    yield from _top_level_faults(data, parts, now_us)
    case = _Case(_dispute_id(data, parts[0].table), now_us)
    for part in parts:
        if part.name in data:
            yield from _part_faults(part, data[part.name], limits[part.name], case)
        elif part.name != "prior_disputes":
            yield Fault(part.name, Rule.REQUIRED, "a list of rows, which may be empty")


def _top_level_faults(data: dict[Any, Any], parts: tuple[RowPart, ...], now_us: int) -> Iterator[Fault]:
    known = (*(part.name for part in parts), "as_of")
    is_header = not data.keys().isdisjoint(known)
    for position, name in enumerate(data, start=1):
        if name not in known:
            yield _name_fault("", str(name), position, known, is_header=is_header)
    as_of = data.get("as_of")
    if as_of is None:
        return
    moment = parse_time(as_of) if isinstance(as_of, str) else Rule.BAD_TYPE
    if isinstance(moment, Rule):
        yield Fault("as_of", moment, "an RFC 3339 time with an offset, or null for now")
    elif moment > now_us:
        yield Fault("as_of", Rule.AS_OF_IN_FUTURE, "not later than now")


def _name_fault(where: str, name: str, position: int, known: tuple[str, ...], *, is_header: bool) -> Fault:
    path = where + printable_name(name, position, is_header=is_header).replace("column ", "attribute ")
    entry = refused_column(name)
    if entry is not None:
        return Fault(path, Rule.REFUSED_INPUT, f"no such attribute: {entry.label} is never read")
    return Fault(path, Rule.UNKNOWN_COLUMN, "only " + ", ".join(known))


def _dispute_id(data: dict[Any, Any], disputes: Table) -> str | None:
    """The id of the dispute; None if it is at fault, so that one fault is not reported for every row."""
    dispute = data.get("dispute")
    first = dispute[0] if isinstance(dispute, list) and dispute else dispute
    own = first.get("dispute_id") if isinstance(first, dict) else None
    return own if isinstance(own, str) and re.fullmatch(disputes["dispute_id"].pattern or "", own) else None


def _part_faults(part: RowPart, value: object, limit: int, case: _Case) -> Iterator[Fault]:
    is_single = part.name == "dispute" and isinstance(value, dict)
    rows = [value] if is_single else value
    if not isinstance(rows, list):
        yield Fault(part.name, Rule.BAD_TYPE, "a list of rows")
        return
    if not rows and part.name == "dispute":
        yield Fault(part.name, Rule.REQUIRED, "at least one version of the dispute")
    if len(rows) > limit:
        yield Fault(part.name, Rule.TOO_MANY_ROWS, f"at most {limit:,} rows")
    for number, row in enumerate(rows[:limit]):
        where = part.name if is_single else f"{part.name}[{number}]"
        if not isinstance(row, dict):
            yield Fault(where, Rule.BAD_TYPE, "an object with " + ", ".join(part.table.names))
            continue
        yield from _cell_faults(part, row, where)
        yield from _row_faults(part, row, where, case)


def _cell_faults(part: RowPart, row: dict[Any, Any], where: str) -> Iterator[Fault]:
    """One fault for every cell that is wrong: the first in the order of the rules."""
    try:
        part.model.model_validate(row)
        return
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    broken: dict[str, Rule] = {}
    is_header = not row.keys().isdisjoint(part.table.names)
    positions = {str(name): position for position, name in enumerate(row, start=1)}
    for detail in details:
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            yield _name_fault(where + ".", name, positions[name], part.table.names, is_header=is_header)
            continue
        rule = _rule_of(detail, part.table)
        broken[name] = min(rule, broken.get(name, rule), key=lambda rule: _ORDER[rule])
    for name, rule in broken.items():
        yield Fault(f"{where}.{name}", rule, allowed_cell(part.table[name], rule))


def _rule_of(detail: ErrorDetails, table: Table) -> Rule:
    """The rule for one error of pydantic."""
    column, value = table[str(detail["loc"][0])], detail["input"]
    is_whole_cell = len(detail["loc"]) == 1
    if detail["type"] in _ORDER:
        rule = Rule(detail["type"])
    elif isinstance(value, float) and not math.isfinite(value):
        rule = Rule.NOT_A_NUMBER
    else:
        rule = _RULES_OF_ERRORS.get(detail["type"], Rule.BAD_TYPE)
    if value is None and is_whole_cell:
        return Rule.REQUIRED
    if isinstance(value, str) and column.kind in (Kind.TEXT, Kind.CODE, Kind.CODES):
        return Rule.REFUSED_VALUE_SHAPE if refused_shape(value, opaque=not column.free_text) is not None else rule
    if rule is Rule.UNKNOWN_CODE and value is not None:
        return Rule.BAD_TYPE
    return rule


def _row_faults(part: RowPart, row: dict[Any, Any], where: str, case: _Case) -> Iterator[Fault]:
    """The faults between the times of a row, of its key, and of the dispute it belongs to."""
    table = part.table
    times = {column.name: _moment(row.get(column.name)) for column in table.columns if column.kind is Kind.TIME}
    for rule in time_rules(table):
        if rule.is_broken(times, now_us=case.now_us):
            yield Fault(f"{where}.{rule.column}", rule.rule, rule.allowed)
    key = (part.name, *(times[name] if name in times else row.get(name) for name in table.key))
    if all(isinstance(value, str | int) for value in key):
        if key in case.keys:
            yield Fault(f"{where}.{table.row_id}", Rule.REPEATED_KEY, "each " + " and ".join(table.key) + " once")
        case.keys.add(key)
    if case.dispute_id is None or not isinstance(row.get("dispute_id"), str):
        return
    is_own = row["dispute_id"] == case.dispute_id
    if is_own and part.name == "prior_disputes":
        yield Fault(f"{where}.dispute_id", Rule.REPEATED_KEY, "another dispute than the one of the case")
    elif not is_own and part.name != "prior_disputes":
        yield Fault(f"{where}.dispute_id", Rule.UNKNOWN_DISPUTE, "the dispute_id of the case")


def _moment(value: object) -> int | None:
    moment = parse_time(value) if isinstance(value, str) else None
    return None if isinstance(moment, Rule) else moment
