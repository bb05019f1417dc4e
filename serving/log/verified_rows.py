"""The rows that hang on some entries of the chain, checked as both are read in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import from_json

from serving.log.chain import PLACES, Kind, digest_of, digest_of_many, number_of, salted_digest, seq_of
from serving.log.content import Part
from serving.log.settling import COLUMNS as DECISION_COLUMNS
from serving.log.settling import settlement
from serving.log.shadow_rows import ShadowScore
from serving.log.stored_text import read_again
from serving.log.tables import ASSESSMENTS, CONTENTS, DECISIONS, ENTRIES, SHADOW_SCORES

CHANGED = "was changed"
UNDECODED = "a text at or after this entry is no text any more"
ROWS_AT_ONCE = 1_000
NO_CARE_DUE = b',"due_at":null}'
CODES = {part.value: code for code, part in enumerate(Part)}
CODE_BITS = 2


class Fault(NamedTuple):
    """A break: at which entry, and what."""

    seq: int
    what: str


class Piece(NamedTuple):
    """Neighbouring entries, from the first to the last."""

    first: int
    last: int


@dataclass
class Found:
    """What a piece holds, up to its first fault."""

    assessments: int = 0
    decisions: int = 0
    shadow_scores: int = 0
    missing: list[int] = field(default_factory=list)
    """Contents that are not there, as ``content_code``: an erasure must name each."""
    care_due: dict[int, int] = field(default_factory=dict)
    settled: dict[str, tuple[int, str, int, int] | None] = field(default_factory=dict)
    """By dispute the decision that settles it (seq, assessment, urgency, until); None where it was reopened."""
    fault: Fault | None = None


def content_code(number: int, part: str) -> int:
    """One whole number for a part of the content of a numbered row."""
    return number << CODE_BITS | CODES[part]


def content_named(code: int) -> tuple[int, str]:
    """The number and the part of a code."""
    return code >> CODE_BITS, list(CODES)[code & (1 << CODE_BITS) - 1]


def check_piece(connection: sa.Connection, piece: Piece, policies: frozenset[str]) -> Found:
    """What the rows of some entries hold, and the first thing that is wrong with them.

    That the entries themselves follow each other and are what was written is checked by whoever reads the chain.
    """
    found, seq = Found(), piece.first
    wanted = sa.select(ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.payload).where(
        ENTRIES.c.seq >= piece.first, ENTRIES.c.seq <= piece.last
    )
    try:
        rows = _Rows(connection, piece, policies, found)
        for seq, kind, payload in stream(connection, wanted.order_by(ENTRIES.c.seq)):
            what = rows.fault_of(seq, kind, json.loads(payload))
            if what is not None:
                found.fault = Fault(seq, what)
                break
    except sa.exc.DBAPIError as error:
        if not undecoded(error):
            raise
        found.fault = Fault(seq, UNDECODED)
    return found


def undecoded(error: sa.exc.DBAPIError) -> bool:
    """Whether a driver could not read a stored text, as its bytes are no UTF-8 any more."""
    return str(error.orig).startswith("Could not decode")


def stream(connection: sa.Connection, wanted: sa.Select[Any]) -> Iterator[Any]:
    """The rows of a query, so many at a time, whatever their number."""
    with connection.execute(wanted, execution_options={"stream_results": True, "yield_per": ROWS_AT_ONCE}) as result:
        yield from result


class _Ahead:
    """Rows in the order of their first column, taken as far as it reaches."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self.next = next(rows, None)

    def below(self, bound: int) -> list[Any]:
        """The rows before a number that were not taken yet."""
        rows, row, found = self._rows, self.next, []
        while row is not None and row[0] < bound:
            found.append(row)
            row = next(rows, None)
        self.next = row
        return found


class _Rows:
    """All rows of a piece beside its entries."""

    def __init__(self, connection: sa.Connection, piece: Piece, policies: frozenset[str], found: Found) -> None:
        self.found, self._policies = found, policies

        def of_numbers(table: sa.Table, *order: str) -> _Ahead:
            number = table.c.number
            within = (number >= number_of(piece.first, 0), number < number_of(piece.last + 1, 0))
            return _Ahead(stream(connection, sa.select(table).where(*within).order_by(*(table.c[o] for o in order))))

        def of_entries(table: sa.Table, *columns: str) -> _Ahead:
            wanted = sa.select(table.c.seq, *(table.c[name] for name in columns))
            within = (table.c.seq >= piece.first, table.c.seq <= piece.last)
            order = [table.c[name] for name in ("seq", "place") if name in table.c]
            return _Ahead(stream(connection, wanted.where(*within).order_by(*order)))

        self._assessments = of_numbers(ASSESSMENTS, "number")
        self._contents = of_numbers(CONTENTS, "number", "part")
        self._decisions = of_entries(DECISIONS, *DECISION_COLUMNS)
        self._shadow_scores = of_entries(SHADOW_SCORES, "place", *ShadowScore.names())

    def fault_of(self, seq: int, kind: str, payload: Mapping[str, Any]) -> str | None:
        """What is wrong with the rows of an entry; None where nothing is."""
        end = (seq + 1) << PLACES
        contents: dict[int, dict[str, Any]] = {}
        for number, part, salt, content in self._contents.below(end):
            contents.setdefault(number, {})[part] = (salt, content)
        return (
            self._assessments_fault(seq, kind, payload, self._assessments.below(end), contents)
            or self._decision_fault(seq, kind, payload, self._decisions.below(seq + 1), contents)
            or ("there is content that it does not name" if contents else None)
            or self._shadow_fault(kind, payload, self._shadow_scores.below(seq + 1))
        )

    def _assessments_fault(
        self, seq: int, kind: str, payload: Mapping[str, Any], rows: list[Any], contents: dict[int, dict[str, Any]]
    ) -> str | None:
        count = 1 if kind == Kind.ASSESSMENT else payload["count"] if kind == Kind.BATCH_PART else 0
        first = seq << PLACES
        if [row[0] for row in rows] != list(range(first, first + len(rows))):
            return "an assessment stands in a wrong place"
        if len(rows) != count:
            return f"it holds {len(rows):,} assessments, not {count:,}"
        if not rows:
            return None
        digests = [digest_of(row.record.encode()) for row in rows]
        told = digests[0] if kind == Kind.ASSESSMENT else digest_of_many(digests)
        assessment_id = rows[0].assessment_id
        if told != payload["digest"] or payload.get("assessment_id", assessment_id) != assessment_id:
            return f"an assessment {CHANGED}"
        for row in rows:
            fault = self._record_fault(row, contents.pop(row[0], {}))
            if fault is not None:
                return fault
        self.found.assessments += len(rows)
        return None

    def _record_fault(self, row: Any, contents: dict[str, Any]) -> str | None:
        told = read_again(row.record)
        if told.columns != row[1:-1]:
            return f"a column beside the record of {row.assessment_id} {CHANGED}"
        if told.policy and told.policy not in self._policies:
            return f"the policy of {row.assessment_id} is gone"
        fault = self._contents_fault(row[0], told.contents, contents)
        if fault is None and (care := contents.get(Part.CARE)) is not None:
            content = care[1]
            if content is not None and not content.endswith(NO_CARE_DUE):
                due = from_json(content).get("due_at")
                if due is not None:
                    self.found.care_due[row[0]] = due
        return fault

    def _contents_fault(self, number: int, named: Mapping[str, str], contents: dict[str, Any]) -> str | None:
        if named.keys() != contents.keys():
            return "content is missing, or there is some that nothing names"
        for part, (salt, content) in contents.items():
            if content is None and salt is None:
                self.found.missing.append(content_code(number, part))
            elif content is None or salt is None or salted_digest(salt, content) != named[part]:
                return f"the {part} content {CHANGED}"
        return None

    def _decision_fault(
        self, seq: int, kind: str, payload: Mapping[str, Any], rows: list[Any], contents: dict[int, dict[str, Any]]
    ) -> str | None:
        if len(rows) != (kind == Kind.DECISION):
            return "a decision is missing, or there is one too many"
        if not rows:
            return None
        if rows[0] != (seq, *(payload[name] for name in DECISION_COLUMNS)):
            return f"a column of the decision {CHANGED}"
        self.found.decisions += 1
        if payload["stage"] == "decision":
            settled = settlement(payload)
            self.found.settled[payload["dispute_id"]] = (
                None if settled is None else (seq, payload["assessment_id"], *settled)
            )  # fmt: skip
        number = number_of(seq, 0)
        named = {} if payload["text"] is None else {Part.TEXT.value: payload["text"]}
        return self._contents_fault(number, named, contents.pop(number, {}))

    def _shadow_fault(self, kind: str, payload: Mapping[str, Any], rows: list[Any]) -> str | None:
        count = payload["count"] if kind == Kind.SHADOW_PART else 0
        if [row[1] for row in rows] != list(range(count)):
            return "a shadow score is missing, or there is one too many"
        if rows and digest_of_many([ShadowScore(*row[2:]).digest for row in rows]) != payload["digest"]:
            return f"a shadow score {CHANGED}"
        self.found.shadow_scores += len(rows)
        return None


def numbers_beyond(connection: sa.Connection, head: int) -> Fault | None:
    """Rows of entries that do not exist: behind the last one, or before the first."""
    numbered = {"assessments": ASSESSMENTS.c.number, "contents": CONTENTS.c.number}
    in_entries = {"decisions": DECISIONS.c.seq, "shadow scores": SHADOW_SCORES.c.seq}
    for name, column in (numbered | in_entries).items():
        low, high = (1, head) if name in in_entries else (number_of(1, 0), number_of(head + 1, 0) - 1)
        for wanted in (sa.select(sa.func.min(column)), sa.select(sa.func.max(column))):
            found = connection.execute(wanted).scalar()
            if found is not None and not low <= found <= high:
                seq = found if name in in_entries else seq_of(found)
                return Fault(seq, f"there are {name} of an entry that does not exist")
    return None
