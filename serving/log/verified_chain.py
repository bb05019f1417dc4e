"""The chain itself, read once from its first entry to its last; and what its erasures say is gone."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

from serving.log.chain import PLACES, START, Kind, digest_of, link, seq_of
from serving.log.request_keys import sealed_digest
from serving.log.tables import ENTRIES, REQUEST_KEYS
from serving.log.verified_rows import (
    CHANGED,
    CODES,
    UNDECODED,
    Fault,
    Found,
    Piece,
    content_code,
    content_named,
    stream,
    undecoded,
)

PIECE_ROWS, PIECE_ENTRIES = 2_000, 1_000
"""A piece is complete with so many rows or entries: small enough that several processes end together."""


class Everything:
    """What all pieces hold together: 8 bytes for each content that is gone, and what the queue must follow from."""

    def __init__(self) -> None:
        self.assessments = self.decisions = self.shadow_scores = 0
        self.missing = array("Q")
        self.care_due: dict[int, int] = {}
        self.settled: dict[str, tuple[int, str, int, int]] = {}

    def add(self, found: Found) -> None:
        """Take in the next piece; pieces come in their order, as a later decision takes the place of an earlier one."""
        self.assessments += found.assessments
        self.decisions += found.decisions
        self.shadow_scores += found.shadow_scores
        self.missing.extend(found.missing)
        self.care_due.update(found.care_due)
        for dispute_id, settled in found.settled.items():
            if settled is None:
                self.settled.pop(dispute_id, None)
            else:
                self.settled[dispute_id] = settled


class Chain:
    """Reads the entries; after its pieces were taken it holds what came of it.

    ``seq`` and ``hash`` are those of the last entry that is as it was written, ``fault`` is what is wrong with the next.
    """

    def __init__(self, connection: sa.Connection, *, anchored: set[int]) -> None:
        self.seq, self.hash, self.steps_back = 0, START, 0
        self.seen: dict[int, str] = {}
        self.fault: Fault | None = None
        self.erased = array("Q")
        self._erased_from: list[int] = []
        self._erased_by: list[int] = []
        self._connection, self._anchored = connection, anchored
        self._last_at = 0

    def pieces(self) -> Iterator[Piece]:
        """The pieces whose rows are to be checked; where the chain breaks, the last one ends before the break."""
        first, rows = 1, 0
        try:
            for entry in self._entries():
                rows += entry
                if rows >= PIECE_ROWS or self.seq - first + 1 >= PIECE_ENTRIES:
                    yield Piece(first, self.seq)
                    first, rows = self.seq + 1, 0
        except _Wrong as wrong:
            self.fault = Fault(wrong.seq, str(wrong))
        if first <= self.seq:
            yield Piece(first, self.seq)

    def _entries(self) -> Iterator[int]:
        """How many rows hang on each entry, once it was checked."""
        columns = ENTRIES.c
        wanted = sa.select(
            columns.seq, columns.at_utc, columns.kind, columns.payload, columns.payload_digest, columns.previous,
            columns.hash,
        ).order_by(columns.seq)  # fmt: skip
        keys = stream(self._connection, sa.select(REQUEST_KEYS).order_by(REQUEST_KEYS.c.seq))
        key = next(keys, None)
        try:
            for entry in stream(self._connection, wanted):
                self._check(entry)
                seq, at_utc, kind, payload = entry[:4]
                parsed = None if kind == Kind.ASSESSMENT and (key is None or key.seq > seq) else json.loads(payload)
                while key is not None and key.seq <= seq:
                    _check_key(key, seq, parsed or {})
                    key = next(keys, None)
                if kind == Kind.ERASURE:
                    self._take_erasure(seq, parsed or {})
                self.steps_back += at_utc < self._last_at
                self.seq, self.hash, self._last_at = seq, entry.hash, at_utc
                if seq in self._anchored:
                    self.seen[seq] = self.hash
                yield 1 if parsed is None else parsed.get("count", 1)
        except sa.exc.DBAPIError as error:
            if not undecoded(error):
                raise
            raise _Wrong(self.seq + 1, UNDECODED) from None
        if key is not None:
            raise _Wrong(key.seq, "there are keys of an entry that does not exist")

    def _check(self, entry: Any) -> None:
        seq, at_utc, kind, payload, digest, previous, hash_ = entry
        if seq != self.seq + 1:
            raise _Wrong(self.seq + 1, "the entry is missing")
        if previous != self.hash:
            raise _Wrong(seq, "it does not follow the entry before it")
        if digest != digest_of(payload.encode()):
            raise _Wrong(seq, "its payload was changed")
        if hash_ != link(seq, at_utc, kind, digest, previous):
            raise _Wrong(seq, "its time, kind or hash was changed")

    def _take_erasure(self, seq: int, payload: Mapping[str, Any]) -> None:
        self._erased_from.append(len(self.erased))
        self._erased_by.append(seq)
        for part, numbers in payload["erased"].items():
            if part not in CODES or any(number >> PLACES >= seq for number in numbers):
                raise _Wrong(seq, "it erased content that was not there")
            self.erased.extend(content_code(number, part) for number in numbers)

    def erasures_fault(self, missing: array[int]) -> Fault | None:
        """Content that is gone without an erasure, or there in spite of one."""
        gone = np.frombuffer(missing, np.uint64) if missing else np.zeros(0, np.uint64)
        named = np.frombuffer(self.erased, np.uint64) if self.erased else np.zeros(0, np.uint64)
        unnamed = np.setdiff1d(gone, named)
        if unnamed.size:
            number, part = content_named(int(unnamed[0]))
            return Fault(seq_of(number), f"the {part} content is gone, and no erasure names it")
        there = np.flatnonzero(~np.isin(named, gone))
        repeated = np.setdiff1d(np.arange(named.size), np.unique(named, return_index=True)[1])
        wrong = np.concatenate([there, repeated])
        if wrong.size:
            by = self._erased_by[bisect_right(self._erased_from, int(wrong.min())) - 1]
            return Fault(by, "content that it erased is there, or was erased before")
        return None


class _Wrong(Exception):
    """Carries what is wrong with an entry out of the reading."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq


def _check_key(key: Any, seq: int, payload: Mapping[str, Any]) -> None:
    answered = payload.get("decision_id", payload.get("assessment_id"))
    if key.seq != seq or key.answer_id != answered:
        raise _Wrong(seq, "an idempotency key names an answer that is not its own")
    if sealed_digest(key.salt, key.key_digest, key.body_digest, key.expires_at) != payload.get("request"):
        raise _Wrong(seq, f"an idempotency key {CHANGED}")
