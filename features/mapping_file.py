"""What a mapping file says: which foreign file and column becomes which column of the records contract.

One TOML file: ``zone``, and a list of sources under the name of each table, each with its ``columns``.  Read and checked
against the contract before any foreign file is opened; all faults are told at once, by their path in the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.errors import Fault, InvalidConfiguration, MissingInput
from features.refused import refused_column
from features.rules import NUMBER_FORM, Rule, parse_time
from features.schema import AUDIT, PETITIONS, TABLES, Column, Kind, Table

Constant = bool | int | float | str
_ZONE_ALLOWED = "the IANA name of a time zone, such as Asia/Shanghai"
_PETITION_NAMES = "R07"
"""The register entry whose names stand for the table of petitions itself."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_ZONE_ALLOWED) from None
    return name


class Section(BaseModel):
    """A closed, frozen part of a mapping file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ColumnRule(Section):
    """Where the values of one column come from, and what is done to them.

    Exactly one of ``column``, ``columns`` (joined by a hyphen), ``row`` (the number of the row) and ``constant``.
    ``otherwise`` stands where a value is not among ``codes`` or cannot be read as what the column holds, ``if_empty``
    where there is none; an empty text means null.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    row: bool = False
    constant: Constant | None = None
    prefix: str = ""
    codes: dict[str, str] = {}
    otherwise: str | None = None
    if_empty: str | None = None
    zone: str | None = None
    format: str | None = None
    day: str | None = Field(default=None, pattern="^(start|end)$")
    separator: str | None = Field(default=None, min_length=1, max_length=3)
    factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    bands: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        """``kind = "category"`` is short for ``kind = {column = "category"}``."""
        return {"column": given} if isinstance(given, str) else given

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str | None) -> str | None:
        return name if name is None else _zone(name)

    @field_validator("format")
    @classmethod
    def _format_has_no_zone(cls, text: str | None) -> str | None:
        if text is not None and ("%" not in text or "%z" in text.lower()):
            raise ValueError("a strptime format without an offset, such as %d.%m.%Y %H:%M; an offset is read by itself")
        return text

    @field_validator("bands")
    @classmethod
    def _bands_ascend(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if list(bounds) != sorted(set(bounds)):
            raise ValueError("numbers in ascending order: the value becomes how many of them it reaches")
        return bounds

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum((self.column is not None, bool(self.columns), self.row, self.constant is not None)) != 1:
            raise ValueError("exactly one of column, columns, row = true and constant")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The source columns that are read for it."""
        return self.columns if self.column is None else (self.column,)

    @property
    def options(self) -> frozenset[str]:
        """The keys that were set beyond the origin."""
        return frozenset(self.model_fields_set - {"column", "columns", "row", "constant"})


class FirstOf(Section):
    """Keep the earliest row, by ``by``, of all rows with the same ``each``: a case table out of a table of events."""

    each: str
    by: str


class Source(Section):
    """One foreign table, or part files of one, and the contract columns that are made from it."""

    file: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    rows: dict[str, tuple[Constant, ...]] = {}
    first_of: FirstOf | None = None
    columns: dict[str, ColumnRule]

    @field_validator("file")
    @classmethod
    def _lies_inside(cls, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.suffix not in (".csv", ".parquet"):
            raise ValueError("a .csv or .parquet file inside the source folder; * stands for any part of a name")
        return name

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError("the name of a text encoding, such as utf-8 or gb18030") from None
        return name

    @property
    def reads(self) -> tuple[str, ...]:
        """Every source column that is read, in order of first mention; no other is looked at."""
        named = [name for rule in self.columns.values() for name in rule.reads]
        ordering = [] if self.first_of is None else [self.first_of.each, self.first_of.by]
        return tuple(dict.fromkeys([*named, *self.rows, *ordering]))


class Mapping(Section):
    """A whole mapping file; ``zone`` is that of times without an offset and of dates."""

    zone: str | None = None
    disputes: tuple[Source, ...] = ()
    events: tuple[Source, ...] = ()
    petitions: tuple[Source, ...] = ()
    incidents: tuple[Source, ...] = ()
    audit: tuple[Source, ...] = ()

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str | None) -> str | None:
        return name if name is None else _zone(name)

    def sources(self) -> Iterator[tuple[Table, int, Source]]:
        """Every source with its table and its place in the list, in the order of the contract."""
        for table in TABLES:
            for number, source in enumerate(getattr(self, table.name)):
                yield table, number, source


@dataclass(frozen=True)
class ReadMapping:
    """A mapping as far as it could be read, its text, and what is wrong with it."""

    mapping: Mapping
    text: str
    faults: tuple[Fault, ...]
    dropped: frozenset[str] = frozenset()

    def sound_sources(self) -> Iterator[tuple[Table, int, Source]]:
        """Every source that could be read."""
        for table, number, source in self.mapping.sources():
            if f"{table.name}[{number}]" not in self.dropped:
                yield table, number, source


def read_mapping(path: Path) -> ReadMapping:
    """The mapping of a TOML file, with every fault that shows before a foreign file is opened.

    Raises MissingInput where there is no file, InvalidConfiguration where it is not TOML.
    """
    try:
        return parse_mapping(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingInput(f"no mapping {path}; defuse init-records OUT writes a template") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path} is not TOML in UTF-8: {error}") from None


def parse_mapping(text: str) -> ReadMapping:
    """The same for the text of a mapping.  Raises ``tomllib.TOMLDecodeError`` where it is not TOML."""
    content = tomllib.loads(text)
    mapping, faults, dropped = _sound_part(content)
    if not mapping.disputes and not faults:
        faults.append(
            Fault("disputes", Rule.MISSING_TABLE, "at least one [[disputes]]: without cases there is nothing")
        )
    for table, number, source in mapping.sources():
        faults += _source_faults(table, source, f"{table.name}[{number}]", dropped)
    return ReadMapping(mapping, text, tuple(faults), frozenset(dropped))


def _sound_part(content: dict[str, Any]) -> tuple[Mapping, list[Fault], set[str]]:
    """What is left of a mapping when every key that pydantic refuses is taken away, the faults, and their paths."""
    faults: list[Fault] = []
    dropped: set[str] = set()
    while True:
        try:
            return Mapping.model_validate(content), faults, dropped
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        for one in found:
            place = list(one["loc"])
            message = one["msg"].removeprefix("Value error, ")
            faults.append(Fault(_path(place), "invalid" if one["type"] == "value_error" else one["type"], message))
            sick = _sick_part(place)
            dropped.add(_path(sick))
            _take_away(content, sick)


def _sick_part(place: list[Any]) -> list[Any]:
    """What must go so that the rest can be read: a key, one column, or a source that lacks its file or columns."""
    if len(place) > 3 and place[2] == "columns":
        return place[:4]
    return place[:2] if len(place) > 2 and place[2] in ("file", "columns") else place[:3]


def _path(place: list[Any]) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _take_away(content: Any, place: list[Any]) -> None:
    """Take the value at a place out of nested tables and lists."""
    *way, last = place
    for part in way:
        content = content[part]
    if isinstance(content, list):
        content[last] = {"file": "left_out.csv", "columns": {}}  # keeps the numbers of the others
    elif isinstance(content, dict):
        content.pop(last, None)


# --- a source against the contract -----------------------------------------------------------------------------------


def _source_faults(table: Table, source: Source, path: str, dropped: set[str]) -> Iterator[Fault]:
    if path in dropped:
        return
    for name, rule in source.columns.items():
        where = f"{path}.columns.{name}"
        if name not in table.names:
            yield Fault(where, Rule.UNKNOWN_COLUMN, "only " + ", ".join(table.names))
        else:
            yield from _rule_faults(table[name], rule, where)
            yield from _refusals(rule.reads, where, table, table[name])
    for column in table.columns:
        where = f"{path}.columns.{column.name}"
        if not column.nullable and column.name not in source.columns and where not in dropped:
            yield Fault(where, Rule.MISSING_COLUMN, f"where {column.name} comes from: {column.meaning}")
    yield from _refusals(tuple(source.rows), f"{path}.rows", table, None)
    if source.first_of is not None:
        yield from _refusals((source.first_of.each, source.first_of.by), f"{path}.first_of", table, None)
        times = [name for name, rule in source.columns.items() if rule.column == source.first_of.by]
        if not any(name in table.names and table[name].kind is Kind.TIME for name in times[:1]):
            yield Fault(f"{path}.first_of.by", "does_not_fit", "a source column that a time of this table comes from")


def _refusals(names: tuple[str, ...], path: str, table: Table, column: Column | None) -> Iterator[Fault]:
    """A source column by a refused name is never mapped, under whatever name it would arrive.

    Two tables are about such a thing by nature: the audit attribute may come from a column that is called like it,
    the ids and times of petitions from columns that are called after petitions.
    """
    for name in names:
        entry = refused_column(name)
        if entry is None:
            continue
        if column is not None and table is AUDIT and refused_column(column.name, table=None) == entry:
            continue
        is_clock_or_id = column is None or column.kind in (Kind.TEXT, Kind.TIME)
        if table is PETITIONS and entry.id == _PETITION_NAMES and is_clock_or_id:
            continue
        yield Fault(path, Rule.REFUSED_INPUT, f"no such column of the source: {entry.label} is never read")


_FITS: dict[str, frozenset[Kind]] = {
    "prefix": frozenset({Kind.TEXT}),
    "codes": frozenset(Kind) - {Kind.TIME},
    "zone": frozenset({Kind.TIME}),
    "format": frozenset({Kind.TIME}),
    "day": frozenset({Kind.TIME}),
    "separator": frozenset({Kind.CODES}),
    "factor": frozenset({Kind.NUMBER}),
    "bands": frozenset({Kind.INTEGER, Kind.NUMBER}),
}


def _rule_faults(column: Column, rule: ColumnRule, path: str) -> Iterator[Fault]:
    for option in sorted(rule.options & set(_FITS)):
        if column.kind not in _FITS[option]:
            kinds = ", ".join(sorted(_FITS[option]))
            yield Fault(f"{path}.{option}", "does_not_fit", f"only for a column that holds {kinds}, not {column.kind}")
    if (rule.row or rule.columns) and column.kind is not Kind.TEXT:
        yield Fault(path, "does_not_fit", "row and columns make a text, such as an id")
    given: list[tuple[str, str]] = [(f"codes.{number}", code) for number, code in enumerate(rule.codes.values(), 1)]
    given += [(key, value) for key in ("otherwise", "if_empty") if (value := getattr(rule, key)) is not None]
    if rule.constant is not None:
        given.append(("constant", constant_text(rule.constant)))
    for key, value in given:
        if not _is_allowed(column, value):
            yield Fault(f"{path}.{key}", Rule.UNKNOWN_CODE if column.codes else Rule.BAD_TYPE, column.allowed)


def constant_text(value: Constant) -> str:
    """A constant as a CSV file of the contract would write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_allowed(column: Column, text: str) -> bool:
    """Whether a value that the mapping itself writes may stand in a column; an empty text is null."""
    if text == "":
        return column.nullable
    if column.kind in (Kind.NUMBER, Kind.INTEGER):
        return _is_number(column, text)
    holds = {
        Kind.CODE: text in column.codes,
        Kind.CODES: set(text.split("|")) <= set(column.codes),
        Kind.BOOLEAN: text in ("true", "false"),
        Kind.TIME: isinstance(parse_time(text), int),
        Kind.TEXT: column.pattern is None or re.search(column.pattern, text) is not None,
    }
    return holds[column.kind]


def _is_number(column: Column, text: str) -> bool:
    if re.fullmatch(NUMBER_FORM, text) is None:
        return False
    low, high = column.low, column.high
    whole = column.kind is not Kind.INTEGER or float(text).is_integer()
    return whole and (low is None or float(text) >= low) and (high is None or float(text) <= high)
