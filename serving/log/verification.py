"""Whether the log is what was written: the whole chain, and every row that hangs on it, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from features.progress import Report
from serving.log.anchors import Anchor
from serving.log.chain import START, digest_of, link
from serving.log.database import Database
from serving.log.tables import ASSESSMENTS, CONTENTS, DECISIONS, ENTRIES, POLICIES, REQUEST_KEYS
from serving.log.verified_cases import check_cases
from serving.log.verified_rows import Found, Rows

ROWS_AT_ONCE = 1_000
ENTRIES_A_STEP = 5_000


@dataclass(frozen=True)
class Break:
    """The first thing that is not what was written: at which entry, and what."""

    seq: int
    what: str


@dataclass
class Verification:
    """What a check of a log found."""

    entries: int = 0
    assessments: int = 0
    decisions: int = 0
    erased: int = 0
    anchors: int = 0
    head_hash: str = START
    steps_back: int = 0
    first_break: Break | None = None
    seen: dict[int, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.first_break is None

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        names = ("entries", "assessments", "decisions", "erased", "anchors", "head_hash", "steps_back")
        broken = self.first_break
        return {name: getattr(self, name) for name in names} | {
            "ok": self.ok, "first_break": None if broken is None else {"seq": broken.seq, "what": broken.what},
        }  # fmt: skip

    def to_text(self) -> str:
        """The same for people."""
        counts = (
            f"{self.entries:,} entries, {self.assessments:,} assessments, {self.decisions:,} decisions, "
            f"{self.erased:,} parts erased by rule; {self.anchors:,} anchors\nhead {self.head_hash}"
        )
        clock = f"\nthe clock went back {self.steps_back:,} time(s) between entries" if self.steps_back else ""
        if self.first_break is None:
            return f"the chain is whole: {counts}{clock}"
        return f"BROKEN at entry {self.first_break.seq:,}: {self.first_break.what}\nbefore it: {counts}{clock}"


class Broken(Exception):
    """Carries the first break out of the pass."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.found = Break(seq, what)


def verify(database: Database, *, anchors: Iterable[Anchor] = (), progress: Report | None = None) -> Verification:
    """The result of checking one moment of a log: every entry, every row, every anchor.  Raises LogUnavailable.

    Found is any change of a stored value, a missing or added row, and, by an anchor, a chain cut off at its end.
    """
    wanted = sorted(anchors, key=lambda anchor: anchor.seq)
    result = Verification()
    with database.snapshot() as connection:
        try:
            _check_file(connection, database)
            _check_chain(connection, result, {anchor.seq for anchor in wanted}, progress or (lambda *_: None))
            for anchor in wanted:
                if anchor.seq > 0 and result.seen.get(anchor.seq) != anchor.hash:
                    what = "the chain ends before it" if anchor.seq > result.entries else "its hash is another"
                    raise Broken(anchor.seq, f"an anchor outside names this entry, and {what}")
                result.anchors += 1
        except Broken as broken:
            result.first_break = broken.found
        except (sa.exc.OperationalError, sa.exc.DataError) as error:
            if not str(error.orig).startswith("Could not decode"):
                raise
            result.first_break = Break(result.entries + 1, "a text at or after this entry is no text any more")
    return result


def _check_file(connection: sa.Connection, database: Database) -> None:
    """SQLite's own check of its pages and indexes (quick: the rows themselves are read below)."""
    if database.is_sqlite:
        told = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if told != "ok":
            raise Broken(0, "SQLite finds the file damaged: restore it from a backup")


def _check_chain(connection: sa.Connection, result: Verification, anchored: set[int], progress: Report) -> None:
    head = connection.execute(sa.select(sa.func.max(ENTRIES.c.seq))).scalar() or 0
    policies = _policies(connection)
    rows = Rows(
        assessments=_stream(connection, sa.select(ASSESSMENTS).order_by(ASSESSMENTS.c.number)),
        contents=_stream(connection, sa.select(CONTENTS).order_by(CONTENTS.c.number, CONTENTS.c.part)),
        decisions=_stream(connection, sa.select(DECISIONS).order_by(DECISIONS.c.seq)),
        keys=_stream(connection, sa.select(REQUEST_KEYS).order_by(REQUEST_KEYS.c.seq)),
        policies=policies,
    )
    previous, last_at = START, 0
    for entry in _stream(connection, sa.select(ENTRIES).order_by(ENTRIES.c.seq)):
        if entry.seq != result.entries + 1:
            raise Broken(result.entries + 1, "the entry is missing")
        _check_entry(entry, previous)
        fault = rows.fault_of(entry)
        if fault is not None:
            raise Broken(entry.seq, fault)
        previous, result.entries, result.head_hash = entry.hash, entry.seq, entry.hash
        result.steps_back += entry.at_utc < last_at
        last_at = entry.at_utc
        _count(result, rows.found)
        if entry.seq in anchored:
            result.seen[entry.seq] = entry.hash
        if entry.seq % ENTRIES_A_STEP == 0 and entry.seq < head:
            progress("verify", entry.seq / head)
    at_end = rows.left_over() or check_cases(connection, rows.found)
    if at_end is not None:
        raise Broken(at_end.seq, at_end.what)
    progress("verify", 1.0)


def _count(result: Verification, found: Found) -> None:
    result.assessments, result.decisions, result.erased = found.assessments, found.decisions, found.erased


def _check_entry(entry: Any, previous: str) -> None:
    if entry.previous != previous:
        raise Broken(entry.seq, "it does not follow the entry before it")
    if entry.payload_digest != digest_of(entry.payload.encode()):
        raise Broken(entry.seq, "its payload was changed")
    if entry.hash != link(entry.seq, entry.at_utc, entry.kind, entry.payload_digest, entry.previous):
        raise Broken(entry.seq, "its time, kind or hash was changed")


def _policies(connection: sa.Connection) -> frozenset[str]:
    found = set()
    for row in connection.execute(sa.select(POLICIES)):
        if row.digest != digest_of(row.content.encode()):
            raise Broken(0, f"a kept policy was changed ({row.digest})")
        found.add(row.digest)
    return frozenset(found)


def _stream(connection: sa.Connection, wanted: sa.Select[Any]) -> Iterator[Any]:
    return iter(connection.execute(wanted, execution_options={"stream_results": True, "yield_per": ROWS_AT_ONCE}))
