"""The case record of a request: pydantic models made from ``schema.py``, and its parsing into plain rows.

The rules and their names are those of records folders.  A valid record takes one pass of pydantic and one over its
times; only a faulty one is looked at row by row, to report every fault at once (``features.request_faults``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import PydanticCustomError, from_json

from features.errors import Fault, InvalidRecords, UserError
from features.refused import refused_shape
from features.request_faults import FAULTS_KEPT, RowPart, case_faults
from features.rules import Rule, TimeRule, is_opaque, parse_time, time_rules
from features.schema import DISPUTES, EVENTS, PETITIONS, Column, Kind, Table

MAX_EVENTS = 2_000
MAX_ROWS = {"dispute": 200, "events": MAX_EVENTS, "petitions": MAX_EVENTS, "prior_disputes": 500}
"""The most rows of each list that a request may hold."""

PRIOR_DISPUTES = Table(
    "prior_disputes",
    (
        DISPUTES["dispute_id"],
        DISPUTES["opened_at"],
        Column("closed_at", Kind.TIME, True, meaning="when it was closed"),
        Column("closed_recorded_at", Kind.TIME, True, meaning="when the closure was known"),
        DISPUTES["recorded_at"],
        DISPUTES["pair_confidence"],
    ),
    row_id="dispute_id", occurred="opened_at", recorded="recorded_at",
    meaning="Earlier disputes of the same pair, without the token that links them.",
)  # fmt: skip
"""The one table that only a request has: in a folder it follows from ``pair_token``."""

PARTS: dict[str, Table] = {
    "dispute": DISPUTES, "events": EVENTS, "petitions": PETITIONS, "prior_disputes": PRIOR_DISPUTES,
}  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class CaseRecord:
    """One case as the kernel takes it: row versions as plain dicts with every column but narratives.

    Times are microseconds UTC, ``stakes`` a list or None.  Rows recorded at or after ``as_of`` are still there.
    """

    dispute_id: str
    as_of: int
    dispute: tuple[Row, ...]
    events: tuple[Row, ...]
    petitions: tuple[Row, ...]
    prior_disputes: tuple[Row, ...]


# --- the model -------------------------------------------------------------------------------------------------------


def _time_value(value: object) -> int:
    moment = parse_time(value) if isinstance(value, str) else Rule.BAD_TYPE
    if isinstance(moment, Rule):
        raise PydanticCustomError(moment, "not an RFC 3339 time with an offset")
    return moment


def _shape_check(*, opaque: bool) -> Callable[[str], str]:
    def check(text: str) -> str:
        if refused_shape(text, opaque=opaque) is not None:
            raise PydanticCustomError(Rule.REFUSED_VALUE_SHAPE, "a refused value shape")
        return text

    return check


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_TIME_SCHEMA = {"type": "string", "format": "date-time"}


def _annotation(column: Column) -> Any:
    """The pydantic type of a column."""
    bounds = [sign(bound) for sign, bound in ((Ge, column.low), (Le, column.high)) if bound is not None]
    code: Any = Literal[column.codes] if column.codes else str
    kind: Any = {
        Kind.TEXT: Annotated[
            str, Strict(), StringConstraints(min_length=1, pattern=column.pattern),
            AfterValidator(_shape_check(opaque=is_opaque(column))),
        ],
        Kind.TIME: Annotated[int, PlainValidator(_time_value), WithJsonSchema(_TIME_SCHEMA)],
        Kind.CODE: code,
        Kind.CODES: Annotated[list[code], Strict(), AfterValidator(lambda codes: codes or None)],
        Kind.NUMBER: Annotated[float, Strict(), AllowInfNan(False), *bounds],
        Kind.INTEGER: Annotated[int, Strict(), *bounds, BeforeValidator(_whole)],
        Kind.BOOLEAN: Annotated[bool, Strict()],
    }[column.kind]  # fmt: skip
    return kind | None if column.nullable else kind


_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@cache
def row_model(part: str) -> type[BaseModel]:
    """The model of one row of ``dispute``, ``events``, ``petitions`` or ``prior_disputes``."""
    table = PARTS[part]
    fields: dict[str, Any] = {
        column.name: (_annotation(column), Field(None if column.nullable else ..., description=column.meaning))
        for column in table.columns
    }
    name = table.name.title().replace("_", "") + "Row"
    return create_model(name, __config__=_CONFIG, __doc__=table.meaning, **fields)


def _as_versions(value: object) -> object:
    return [value] if isinstance(value, dict) else value


@cache
def case_model() -> type[BaseModel]:
    """The model of a case record."""

    def rows(part: str, *, at_least: int = 0) -> Any:
        row: Any = row_model(part)
        return Annotated[list[row], Strict(), Field(min_length=at_least, max_length=MAX_ROWS[part])]

    dispute: Any = row_model("dispute")
    one_or_more = BeforeValidator(_as_versions, json_schema_input_type=dispute | list[dispute])
    versions: Any = Annotated[rows("dispute", at_least=1), one_or_more]
    as_of = _annotation(Column("as_of", Kind.TIME, nullable=True))
    return create_model(
        "CaseRecord",
        __config__=_CONFIG,
        __doc__="One dispute with everything recorded about it.",
        dispute=(versions, Field(description="the dispute, or its versions")),
        events=(rows("events"), ...),
        petitions=(rows("petitions"), ...),
        prior_disputes=(rows("prior_disputes"), Field(default_factory=list)),
        as_of=(as_of, Field(None, description="the landmark; null = now")),
    )


def case_schema(*, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema (2020-12) of a case record; OpenAPI passes its own ``ref_template``."""
    return case_model().model_json_schema(ref_template=ref_template, mode="validation")


# --- parsing ---------------------------------------------------------------------------------------------------------


def parse_case(body: bytes | dict[str, Any], *, now_us: int, most_faults: int = FAULTS_KEPT) -> CaseRecord:
    """The case record in ``body`` (JSON, or what JSON gave).

    Raises:
        UserError: the body is not JSON.
        InvalidRecords: it breaks the contract; ``faults`` has the first ``most_faults``, none with a value in it.

    """
    data = read_json(body) if isinstance(body, bytes) else body
    case = _validated(data)
    if case is None:
        data = _without_empty_text(data)
        case = _validated(data)
    if case is None or _breaks_a_rule(case, now_us):
        faults = case_faults(data, parts=row_parts(), limits=MAX_ROWS, now_us=now_us, most=most_faults)
        raise _invalid(faults, most=most_faults)
    rows = {part: tuple(_plain(part, row) for row in getattr(case, part)) for part in PARTS}
    as_of = case.as_of  # type: ignore[attr-defined]
    return CaseRecord(rows["dispute"][0]["dispute_id"], now_us if as_of is None else as_of, **rows)


def read_json(body: bytes) -> Any:
    """What JSON gives.  Raises UserError for what is none, without a word of it."""
    try:
        return from_json(body)
    except ValueError:
        pass
    raise UserError("the body is not JSON")  # outside the handler: the parser's error may quote the body


def _validated(data: object) -> BaseModel | None:
    try:
        return case_model().model_validate(data)
    except ValidationError:
        return None


def _without_empty_text(data: Any) -> Any:
    """The record with empty texts in rows as null, as they are in CSV."""
    if not isinstance(data, dict):
        return data
    return {
        part: [_row_without_empty_text(row) for row in value] if isinstance(value, list)
        else _row_without_empty_text(value) if part in PARTS else value
        for part, value in data.items()
    }  # fmt: skip


def _row_without_empty_text(row: Any) -> Any:
    return {name: None if value == "" else value for name, value in row.items()} if isinstance(row, dict) else row


def _plain(part: str, row: BaseModel) -> Row:
    """The columns of a row without free text."""
    values = dict(row.__dict__)
    if part in ("dispute", "events"):
        values.pop("narrative", None)
    return values


def row_parts() -> tuple[RowPart, ...]:
    """The lists of a case record with the model of their rows, for reporting faults."""
    return tuple(RowPart(part, table, row_model(part)) for part, table in PARTS.items())


@cache
def _part_checks() -> tuple[tuple[str, tuple[TimeRule, ...], tuple[str, str]], ...]:
    """Of every list: its name, the rules between its times, and its key (looked up once, not for each row)."""
    return tuple((part, time_rules(table), (table.key[0], table.key[1])) for part, table in PARTS.items())


def _breaks_a_rule(case: BaseModel, now_us: int) -> bool:
    """Whether a well-formed record breaks a rule between its times, its keys or its rows."""
    if (case.as_of or 0) > now_us:  # type: ignore[attr-defined]
        return True
    dispute_id = case.dispute[0].dispute_id  # type: ignore[attr-defined]
    for part, rules, (row_id, recorded) in _part_checks():
        rows = [row.__dict__ for row in getattr(case, part)]
        if any(rule.is_broken_in(rows, now_us=now_us) for rule in rules):
            return True
        if len({(row[row_id], row[recorded]) for row in rows}) < len(rows):
            return True
        own = sum([row["dispute_id"] == dispute_id for row in rows])
        if own != (0 if part == "prior_disputes" else len(rows)):
            return True
    return False


def _invalid(faults: tuple[Fault, ...], *, most: int) -> InvalidRecords:
    if not faults:
        raise AssertionError("a case record was rejected, but no rule was found broken")
    return InvalidRecords(f"the case record breaks the contract in {_count(faults, most)}", faults=faults)


def _count(faults: tuple[Fault, ...], most: int) -> str:
    places = "one place" if len(faults) == 1 else f"{len(faults)} places"
    return places if len(faults) < most else f"{places} or more"
