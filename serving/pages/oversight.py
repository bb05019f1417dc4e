"""The oversight page as a plain record: how reviewers and institutions do, in aggregates alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from features.clock import DAY_US
from serving.desk import Desk
from serving.log.decision_log import DecisionLog
from serving.log.tables import CASES, DECISIONS
from serving.log.waiting import WAITS, in_area
from serving.pages.counts import LEAST, Stratum, missed_need, share, suppressed
from serving.pages.draws import AUDITED
from serving.pages.queue import is_sampled
from serving.policy import Review
from training.artifact.tiers import Tier

WINDOW_DAYS = 90
REVIEWS_FOR_ALARM = 200
ALARM_ABOVE = 0.95
TIERS = ("red", "orange", "yellow", "blue", "contact_first")
RAISED = {"blue": ("yellow", "orange", "red"), "yellow": ("orange", "red")}
"""Which own views say that a case of a tier is in need of more than its tier offers."""
CARDS = ("red", "orange")


def oversight_page(desk: Desk, *, within: str, now_us: int) -> dict[str, Any]:
    """The record of the oversight page of an area, ready for JSON.  Nothing in it is of one case or one reviewer."""
    since = now_us - WINDOW_DAYS * DAY_US
    reviews = _reviews(desk.log, within=within, since=since)
    units, total = suppressed(_overdue_by_unit(desk.log, within=within, now_us=now_us))
    return {
        "page": "oversight",
        "area": within,
        "window_days": WINDOW_DAYS,
        "least_count": LEAST,
        "overdue": {"units": [{"area": area, "cases": count} for area, count in units.items()], "total": total},
        "overrides": [
            {"tier": tier} | asdict(share(reviews.get((tier, "disagree"), 0), _told(reviews, tier))) for tier in TIERS
        ],
        "agreement": _agreement(desk.log, within=within),
        "precision": [
            {"tier": tier} | asdict(share(*_confirmed(desk.log, tier, within=within, since=since))) for tier in CARDS
        ],
        "missed_need": _missed(desk.log, desk.policy.review, within=within),
    }


def _reviews(log: DecisionLog, *, within: str, since: int) -> dict[tuple[str, str], int]:
    """How many decisions there were, by the tier that the score said and the view that was taken."""
    c = DECISIONS.c
    wanted = sa.select(c.assessed_tier, c.view, sa.func.count()).where(
        c.at_utc >= since, c.stage == "decision", *in_area(c.area, within)
    ).group_by(c.assessed_tier, c.view)  # fmt: skip
    with log.database.reading() as connection:
        return {(tier, view): count for tier, view, count in connection.execute(wanted)}


def _told(reviews: dict[tuple[str, str], int], tier: str) -> int:
    return reviews.get((tier, "agree"), 0) + reviews.get((tier, "disagree"), 0)


def _agreement(log: DecisionLog, *, within: str) -> dict[str, Any]:
    """The share of agreement over the last 200 reviews, and whether it is too high to be anybody's own judgement."""
    c = DECISIONS.c
    wanted = sa.select(c.view).where(
        c.stage == "decision", c.view.in_(("agree", "disagree")), *in_area(c.area, within)
    ).order_by(c.seq.desc()).limit(REVIEWS_FOR_ALARM)  # fmt: skip
    with log.database.reading() as connection:
        views = list(connection.execute(wanted).scalars())
    agreed = views.count("agree")
    is_alarm = len(views) >= REVIEWS_FOR_ALARM and agreed > ALARM_ABOVE * len(views)
    return asdict(share(agreed, len(views))) | {
        "is_alarm": is_alarm,
        "alarm_above": ALARM_ABOVE,
        "reviews": REVIEWS_FOR_ALARM,
    }


def _confirmed(log: DecisionLog, tier: str, *, within: str, since: int) -> tuple[int, int]:
    """Of the cards of a tier that somebody judged before seeing the score: how many were found in need, of how many."""
    c = DECISIONS.c
    wanted = sa.select(c.assessment_id, sa.func.max(sa.case((c.tier.in_(CARDS), 1), else_=0))).where(
        c.at_utc >= since, c.stage == "preliminary", c.tier.is_not(None), c.assessed_tier == tier, *in_area(c.area, within)
    ).group_by(c.assessment_id)  # fmt: skip
    with log.database.reading() as connection:
        needs = [need for _, need in connection.execute(wanted)]
    return sum(needs), len(needs)


def _overdue_by_unit(log: DecisionLog, *, within: str, now_us: int) -> dict[str, int]:
    """How many waiting cases are past their deadline, by township."""
    c = CASES.c
    wanted = sa.select(c.area, sa.func.count()).where(
        WAITS, c.due_at < now_us, c.tier != Tier.BLUE.value, *in_area(c.area, within)
    ).group_by(c.area).order_by(c.area)  # fmt: skip
    with log.database.reading() as connection:
        return {area: count for area, count in connection.execute(wanted)}


def _missed(log: DecisionLog, review: Review, *, within: str) -> dict[str, Any] | None:
    """The estimate of need that the tiers missed, from the random audit, with what non-response may hide."""
    strata = [one for one in _strata(log, review, within=within) if one.cases]
    estimate = missed_need(strata)
    if estimate is None:
        return None
    drawn, judged = sum(one.drawn for one in strata), sum(one.judged for one in strata)
    return {
        "cases": sum(one.cases for one in strata), "drawn": drawn, "judged": judged, "response": asdict(share(judged, drawn)),
    } | {name: _rounded(value) for name, value in asdict(estimate).items()}  # fmt: skip


def _strata(log: DecisionLog, review: Review, *, within: str) -> Iterator[Stratum]:
    """The audited tiers inside an area; whoever could not say counts as not having judged."""
    c, d = CASES.c, DECISIONS.c
    sampled = is_sampled(review)
    counted = sa.select(c.tier, sa.func.count(), sa.func.sum(sa.case((sampled, 1), else_=0))).where(
        c.tier.in_(AUDITED), *in_area(c.area, within)
    ).group_by(c.tier)  # fmt: skip
    judged = (
        sa.select(c.tier, c.assessment_id, *(_says(d.tier, tier) for tier in AUDITED))
        .join(DECISIONS, sa.and_(d.dispute_id == c.dispute_id, d.assessment_id == c.assessment_id))
        .where(d.stage == "preliminary", d.tier.is_not(None), c.tier.in_(AUDITED), sampled, *in_area(c.area, within)).group_by(c.tier, c.assessment_id)
    )  # fmt: skip
    with log.database.reading() as connection:
        counts = {tier: (int(cases), int(drawn)) for tier, cases, drawn in connection.execute(counted)}
        views = connection.execute(judged).all()
    for place, tier in enumerate(AUDITED):
        needs = [row[2 + place] for row in views if row[0] == tier]
        yield Stratum(*counts.get(tier, (0, 0)), len(needs), sum(needs))


def _says(view: sa.ColumnElement[str | None], tier: str) -> sa.ColumnElement[int]:
    """1 where an own view of a case says that it needs more than this tier offers."""
    return sa.func.max(sa.case((view.in_(RAISED[tier]), 1), else_=0))


def _rounded(count: float) -> float:
    """To two digits: an estimate is no count."""
    return float(f"{count:.2g}")
