"""Whether the log is what was written: the whole chain, and every row that hangs on it, in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from features.progress import Report
from serving.log.anchors import Anchor
from serving.log.chain import START, digest_of
from serving.log.database import Database
from serving.log.tables import ENTRIES, POLICIES
from serving.log.verified_cases import check_cases
from serving.log.verified_chain import Chain, Everything
from serving.log.verified_rows import UNDECODED, numbers_beyond, undecoded
from serving.log.verifying import Check, one_moment


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
    shadow_scores: int = 0
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
        names = ("entries", "assessments", "decisions", "shadow_scores", "erased", "anchors", "head_hash", "steps_back")
        broken = self.first_break
        return {name: getattr(self, name) for name in names} | {
            "ok": self.ok, "first_break": None if broken is None else {"seq": broken.seq, "what": broken.what},
        }  # fmt: skip

    def to_text(self) -> str:
        """The same for people."""
        counts = (
            f"{self.entries:,} entries, {self.assessments:,} assessments, {self.decisions:,} decisions, "
            f"{self.shadow_scores:,} shadow scores, {self.erased:,} parts erased by rule; {self.anchors:,} anchors\nhead {self.head_hash}"
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


def verify(
    database: Database, *, anchors: Iterable[Anchor] = (), progress: Report | None = None, workers: int | None = 1
) -> Verification:
    """The result of checking one moment of a log: every entry, every row, every anchor.

    Found is any change of a stored value, a missing or added row, and, by an anchor, a chain cut off at its end.  The
    chain is read once, here; the rows that hang on it are checked by so many processes (None: one a core where there is
    enough to do), which see the same moment.  Raises LogUnavailable, UserError where a process ends early.
    """
    wanted = sorted(anchors, key=lambda anchor: anchor.seq)
    result = Verification()
    with one_moment(database, workers=workers) as (connection, check):
        try:
            _check_file(connection, database)
            _check_all(connection, check, result, {anchor.seq for anchor in wanted}, progress or (lambda *_: None))
            for anchor in wanted:
                if anchor.seq > 0 and result.seen.get(anchor.seq) != anchor.hash:
                    what = "the chain ends before it" if anchor.seq > result.entries else "its hash is another"
                    raise Broken(anchor.seq, f"an anchor outside names this entry, and {what}")
                result.anchors += 1
        except Broken as broken:
            _end_at(connection, result, broken.found)
        except sa.exc.DBAPIError as error:
            if not undecoded(error):
                raise
            result.first_break = Break(result.entries + 1, UNDECODED)
    return result


def _check_file(connection: sa.Connection, database: Database) -> None:
    """SQLite's own check of its pages and indexes (quick: the rows themselves are read below)."""
    if database.is_sqlite:
        told = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if told != "ok":
            raise Broken(0, "SQLite finds the file damaged: restore it from a backup")


def _check_all(
    connection: sa.Connection, check: Check, result: Verification, anchored: set[int], progress: Report
) -> None:
    policies = _policies(connection)
    head = connection.execute(sa.select(sa.func.max(ENTRIES.c.seq))).scalar() or 0
    chain, every = Chain(connection, anchored=anchored), Everything()
    for found in check(chain.pieces(), policies):
        every.add(found)
        result.assessments, result.decisions = every.assessments, every.decisions
        result.shadow_scores = every.shadow_scores
        if found.fault is not None:
            raise Broken(*found.fault)
        progress("verify", min(0.99, chain.seq / head))
    result.entries, result.head_hash, result.steps_back, result.seen = (
        chain.seq,
        chain.hash,
        chain.steps_back,
        chain.seen,
    )
    if chain.fault is not None:
        raise Broken(*chain.fault)
    result.erased = len(chain.erased)
    at_end = numbers_beyond(connection, head) or chain.erasures_fault(every.missing) or check_cases(connection, every)
    if at_end is not None:
        raise Broken(*at_end)
    progress("verify", 1.0)


def _end_at(connection: sa.Connection, result: Verification, found: Break) -> None:
    """A result that ends before its first break: what was read ahead is not told as checked."""
    result.first_break = found
    if 0 < found.seq <= result.entries or (found.seq > 0 and result.entries == 0):
        last = sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == found.seq - 1)
        result.entries = found.seq - 1
        with suppress(sa.exc.DBAPIError):
            result.head_hash = connection.execute(last).scalar() or START


def _policies(connection: sa.Connection) -> frozenset[str]:
    found = set()
    for row in connection.execute(sa.select(POLICIES)):
        if row.digest != digest_of(row.content.encode()):
            raise Broken(0, f"a kept policy was changed ({row.digest})")
        found.add(row.digest)
    return frozenset(found)
