"""A page of the queue: the cases that wait, with a few of the audit's sample mixed in, and what was done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from features.clock import DAY_US
from serving.log.decision_log import DecisionLog
from serving.log.tables import ASSESSMENTS, CASES, DECISIONS
from serving.log.waiting import WAITS, Order, WaitingCase, Which, in_area, waiting_cases
from serving.pages.draws import AUDIT_PLACE, AUDITED, DIGITS, JUDGE_PLACE, audit_probability, threshold
from serving.policy import Review

A_PAGE = 25
SAMPLES_A_PAGE = 2
LOOKED_AT_DAYS = 7
BLUE_URGENCY = 4


@dataclass(frozen=True)
class Filters:
    """What of the queue is asked for; an empty text is no filter.  ``area`` is the beginning of a township code."""

    area: str = ""
    kind: str = ""
    channel: str = ""
    tier: str = ""
    overdue: bool = False

    def query(self) -> dict[str, str]:
        """The filters that are set, as the query of an address."""
        return {name: "1" if value is True else value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Place:
    """Where a page of the queue begins: after this case, and after so many of the sample."""

    urgency: int = -1
    due_at: int = 0
    number: int = 0
    samples: int = 0

    def text(self) -> str:
        """The place as it stands in an address."""
        return f"{self.urgency}.{self.due_at}.{self.number}.{self.samples}"

    @classmethod
    def of(cls, text: str) -> Place:
        """The place of an address; the start where it is none."""
        parts = text.split(".")
        whole = len(parts) == 4 and all(part.lstrip("-").isdigit() and len(part) < 20 for part in parts)
        return cls(*(int(part) for part in parts)) if whole else cls()


@dataclass(frozen=True)
class Page:
    """A page of the queue and the place of the next one, None at the end; ``sampled`` are its cases of the audit."""

    cases: tuple[WaitingCase, ...]
    following: Place | None
    sampled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capacity:
    """How many cases wait above the lowest tier, and how many were looked at in the last seven days."""

    waiting: int
    decided: int


def waiting_page(
    log: DecisionLog, filters: Filters, *, within: str, after: Place, now_us: int, review: Review
) -> Page:  # fmt: skip
    """One page of the cases that wait inside an area, by urgency, deadline and age.

    A few cases of the audit's sample stand among them, at a place that says nothing about their tier.  A filter by tier
    leaves out every case whose tier is not shown yet: it would tell it.
    """
    which = _which(filters, within=within, now_us=now_us)
    if which is None:
        return Page((), None)
    sampled = is_sampled(review)
    apart = sa.or_(sampled, _is_judged(review)) if filters.tier else sampled
    rows = waiting_cases(
        log.database, which, also=[sa.not_(apart)], after=(after.urgency, after.due_at, after.number), limit=A_PAGE + 1
    )
    extra = [] if filters.tier else waiting_cases(
        log.database, which, also=[sampled], skip=after.samples, limit=SAMPLES_A_PAGE + 1, order=Order.DEADLINE
    )  # fmt: skip
    here, samples = rows[:A_PAGE], extra[:SAMPLES_A_PAGE]
    is_more = len(rows) > A_PAGE or len(extra) > SAMPLES_A_PAGE
    return Page(
        _mixed(here, samples),
        _following(after, here, len(samples)) if is_more else None,
        frozenset(one.assessment_id for one in samples),
    )


def _following(after: Place, here: Sequence[WaitingCase], samples: int) -> Place:
    last = here[-1] if here else after
    return Place(last.urgency, last.due_at, last.number, after.samples + samples)


def _mixed(here: Sequence[WaitingCase], samples: Sequence[WaitingCase]) -> tuple[WaitingCase, ...]:
    """The samples at places drawn from their own ids, as anything else would be told from their order."""
    mixed = list(here)
    for one in samples:
        mixed.insert(int(one.assessment_id[-6:], 16) % (len(mixed) + 1), one)
    return tuple(mixed)


def capacity(log: DecisionLog, *, within: str, now_us: int) -> Capacity:
    """What waits and what was looked at inside an area."""
    waiting = sa.select(sa.func.count()).select_from(CASES).where(
        WAITS, CASES.c.urgency < BLUE_URGENCY, *in_area(CASES.c.area, within)
    )  # fmt: skip
    decided = sa.select(sa.func.count(sa.distinct(DECISIONS.c.dispute_id))).where(
        DECISIONS.c.at_utc >= now_us - LOOKED_AT_DAYS * DAY_US, DECISIONS.c.stage == "decision",
        *in_area(DECISIONS.c.area, within),
    )  # fmt: skip
    with log.database.reading() as connection:
        return Capacity(connection.execute(waiting).scalar_one(), connection.execute(decided).scalar_one())


@dataclass(frozen=True)
class Standing:
    """What was recorded on the cases of a page: who judged which, which go the manual path, which want a second look."""

    judged: frozenset[str]
    manual: frozenset[str]
    second_look: frozenset[str]


def standing(log: DecisionLog, cases: Sequence[WaitingCase], *, account: str) -> Standing:
    """The standing of the cases of a page for an account: ids of assessments (``manual``: of disputes)."""
    ids, disputes = [one.assessment_id for one in cases], [one.dispute_id for one in cases]
    own = sa.select(DECISIONS.c.assessment_id, DECISIONS.c.account, DECISIONS.c.stage, DECISIONS.c.view).where(
        DECISIONS.c.assessment_id.in_(ids)
    )
    refused = sa.select(DECISIONS.c.dispute_id).where(
        DECISIONS.c.dispute_id.in_(disputes), DECISIONS.c.stage == "objection", DECISIONS.c.reason_code.is_(None)
    )
    with log.database.reading() as connection:
        rows = connection.execute(own).all()
        manual = frozenset(connection.execute(refused).scalars())
    return Standing(
        frozenset(row.assessment_id for row in rows if row.account == account and row.stage != "objection"),
        manual,
        frozenset(row.assessment_id for row in rows if row.stage == "decision" and row.view != "cannot_say"),
    )


def records_of(log: DecisionLog, cases: Sequence[WaitingCase]) -> dict[str, str]:
    """The stored records of the cases of a page, by assessment id, as JSON text."""
    wanted = sa.select(ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.record).where(
        ASSESSMENTS.c.assessment_id.in_([one.assessment_id for one in cases])
    )
    with log.database.reading() as connection:
        return {row.assessment_id: row.record for row in connection.execute(wanted)}


def _which(filters: Filters, *, within: str, now_us: int) -> Which | None:
    """What the filters ask for inside an area; None where nothing can be in both."""
    if not (filters.area.startswith(within) or within.startswith(filters.area)):
        return None
    return Which(
        max(filters.area, within, key=len), filters.kind or None, filters.channel or None, filters.tier or None,
        now_us if filters.overdue else None,
    )  # fmt: skip


def _drawn(place: int, share: float) -> sa.ColumnElement[bool]:
    return sa.func.substr(CASES.c.assessment_id, place, DIGITS) < threshold(share)


def _is_judged(review: Review) -> sa.ColumnElement[bool]:
    return _drawn(JUDGE_PLACE, review.judge_first_share)


def is_sampled(review: Review) -> sa.ColumnElement[bool]:
    """Whether a case is in the random audit of the lower tiers, as a condition on ``cases``."""
    of_tier = [sa.and_(CASES.c.tier == tier, _drawn(AUDIT_PLACE, audit_probability(tier, review))) for tier in AUDITED]
    return sa.or_(*of_tier)
