"""The rows that hang on the entries of the chain, checked entry by entry as both are read in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic_core import from_json

from serving.log.chain import Kind, digest_of, digest_of_many, number_of, salted_digest, seq_of
from serving.log.content import Part
from serving.log.decision_rows import COLUMNS as DECISION_COLUMNS
from serving.log.decision_rows import settlement
from serving.log.request_keys import sealed_digest
from serving.log.stored import columns_in

CHANGED = "was changed"


class Fault(NamedTuple):
    """A break that shows only at the end: at which entry, and what."""

    seq: int
    what: str


@dataclass
class Found:
    """What the pass has come by so far."""

    assessments: int = 0
    decisions: int = 0
    erased: int = 0
    missing: set[tuple[int, str]] = field(default_factory=set)
    """Contents that are not there, and that no erasure has named yet."""
    care_due: dict[int, int] = field(default_factory=dict)
    settled: dict[str, tuple[int, str, int, int]] = field(default_factory=dict)
    """By dispute the decision that settles it: seq, assessment, urgency, until."""


class _Ahead:
    """Rows in order, taken as far as an entry reaches."""

    def __init__(self, rows: Iterator[Any], seq_of_row: Any) -> None:
        self._rows, self._seq = rows, seq_of_row
        self.next = next(rows, None)

    def of(self, seq: int) -> Iterator[Any]:
        """The rows of an entry, and of any before it that nobody asked for."""
        while self.next is not None and self._seq(self.next) <= seq:
            row, self.next = self.next, next(self._rows, None)
            yield row

    def next_seq(self) -> int | None:
        """The entry of the next row."""
        return None if self.next is None else int(self._seq(self.next))


class Rows:
    """All rows beside the entries, in their order."""

    def __init__(
        self, *, assessments: Iterator[Any], contents: Iterator[Any], decisions: Iterator[Any], keys: Iterator[Any],
        policies: frozenset[str],
    ) -> None:  # fmt: skip
        self.found = Found()
        self._assessments = _Ahead(assessments, lambda row: seq_of(row.number))
        self._contents = _Ahead(contents, lambda row: seq_of(row.number))
        self._decisions = _Ahead(decisions, lambda row: row.seq)
        self._keys = _Ahead(keys, lambda row: row.seq)
        self._policies = policies

    def fault_of(self, entry: Any) -> str | None:
        """What is wrong with the rows of an entry; None where nothing is."""
        payload = json.loads(entry.payload)
        contents: dict[int, dict[str, Any]] = {}
        for row in self._contents.of(entry.seq):
            contents.setdefault(row.number, {})[row.part] = row
        assessments = list(self._assessments.of(entry.seq))
        decisions = list(self._decisions.of(entry.seq))
        return (
            self._assessments_fault(entry, payload, assessments, contents)
            or self._decision_fault(entry, payload, decisions, contents)
            or ("there is content that it does not name" if contents else None)
            or self._key_fault(entry, payload)
            or (self._erasure_fault(payload) if entry.kind == Kind.ERASURE else None)
        )

    def left_over(self) -> Fault | None:
        """Rows that belong to no entry, and contents that are gone without an erasure."""
        for name in ("assessments", "contents", "decisions", "keys"):
            seq = getattr(self, f"_{name}").next_seq()
            if seq is not None:
                return Fault(seq, f"there are {name} of an entry that does not exist")
        if self.found.missing:
            number, part = min(self.found.missing)
            return Fault(seq_of(number), f"the {part} content is gone, and no erasure names it")
        return None

    # --- one entry -------------------------------------------------------------------------------------------------

    def _assessments_fault(
        self, entry: Any, payload: Mapping[str, Any], rows: list[Any], contents: dict[int, dict[str, Any]]
    ) -> str | None:
        count = {Kind.ASSESSMENT: 1, Kind.BATCH_PART: payload.get("count")}.get(entry.kind, 0)
        if [row.number for row in rows] != [number_of(entry.seq, place) for place in range(len(rows))]:
            return "an assessment stands in a wrong place"
        if len(rows) != count:
            return f"it holds {len(rows):,} assessments, not {count:,}"
        if not rows:
            return None
        digests = [digest_of(row.record.encode()) for row in rows]
        told = digests[0] if entry.kind == Kind.ASSESSMENT else digest_of_many(digests)
        if told != payload["digest"] or payload.get("assessment_id", rows[0].assessment_id) != rows[0].assessment_id:
            return f"an assessment {CHANGED}"
        for row in rows:
            fault = self._record_fault(row, contents.pop(row.number, {}))
            if fault is not None:
                return fault
        self.found.assessments += len(rows)
        return None

    def _record_fault(self, row: Any, contents: dict[str, Any]) -> str | None:
        record = json.loads(row.record)
        columns = columns_in(record)
        if any(getattr(row, name) != value for name, value in columns.items()):
            return f"a column beside the record of {row.assessment_id} {CHANGED}"
        if record["policy"] and record["policy"] not in self._policies:
            return f"the policy of {row.assessment_id} is gone"
        fault = self._contents_fault(row.number, record["contents"], contents)
        care = contents.get(Part.CARE)
        if fault is None and care is not None and care.content is not None:
            due = from_json(care.content).get("due_at")
            if due is not None:
                self.found.care_due[row.number] = due
        return fault

    def _contents_fault(self, number: int, named: Mapping[str, str], contents: dict[str, Any]) -> str | None:
        if named.keys() != contents.keys():
            return "content is missing, or there is some that nothing names"
        for part, row in contents.items():
            if row.content is None and row.salt is None:
                self.found.missing.add((number, part))
            elif row.content is None or row.salt is None or salted_digest(row.salt, row.content) != named[part]:
                return f"the {part} content {CHANGED}"
        return None

    def _decision_fault(
        self, entry: Any, payload: Mapping[str, Any], rows: list[Any], contents: dict[int, dict[str, Any]]
    ) -> str | None:
        if len(rows) != (entry.kind == Kind.DECISION):
            return "a decision is missing, or there is one too many"
        if not rows:
            return None
        (row,) = rows
        if row.seq != entry.seq or any(getattr(row, name) != payload[name] for name in DECISION_COLUMNS):
            return f"a column of the decision {CHANGED}"
        self.found.decisions += 1
        if payload["stage"] == "decision":
            settled = settlement(payload)
            if settled is None:
                self.found.settled.pop(payload["dispute_id"], None)
            else:
                self.found.settled[payload["dispute_id"]] = (entry.seq, payload["assessment_id"], *settled)
        number = number_of(entry.seq, 0)
        named = {} if payload["text"] is None else {Part.TEXT.value: payload["text"]}
        return self._contents_fault(number, named, contents.pop(number, {}))

    def _key_fault(self, entry: Any, payload: Mapping[str, Any]) -> str | None:
        named = payload.get("request")
        answered = payload.get("decision_id", payload.get("assessment_id"))
        for row in self._keys.of(entry.seq):
            if row.seq != entry.seq or row.answer_id != answered:
                return "an idempotency key names an answer that is not its own"
            if sealed_digest(row.salt, row.key_digest, row.body_digest, row.expires_at) != named:
                return f"an idempotency key {CHANGED}"
        return None

    def _erasure_fault(self, payload: Mapping[str, Any]) -> str | None:
        for part, numbers in payload["erased"].items():
            for number in numbers:
                if (number, part) not in self.found.missing:
                    return "content that it erased is there"
                self.found.missing.discard((number, part))
                self.found.erased += 1
        return None
