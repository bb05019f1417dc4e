"""The queue, checked against the assessments and decisions it follows from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from serving.log.chain import seq_of
from serving.log.settling import URGENCY
from serving.log.tables import ASSESSMENTS, CASES
from serving.log.verified_chain import Everything
from serving.log.verified_rows import Fault, stream

COPIED = ("assessment_id", "dispute_id", "area", "kind", "channel", "tier", "due_at", "as_of", "scored_at", "closed_at",
          "probability")  # fmt: skip


def check_cases(connection: sa.Connection, found: Everything) -> Fault | None:
    """What is wrong with the queue; None where it is what follows from the chain."""
    for wanted, what in (
        (_changed(), "the queue shows something else than its assessment"),
        (_not_last(), "the queue does not show the last assessment of a dispute"),
        (sa.select(CASES.c.number).where(CASES.c.decided_seq.is_(None), CASES.c.waits != 1), "an undecided case does not wait"),
    ):  # fmt: skip
        number = connection.execute(wanted.limit(1)).scalar()
        if number is not None:
            return Fault(seq_of(int(number)), what)
    disputes = connection.execute(sa.select(sa.func.count(ASSESSMENTS.c.dispute_id.distinct()))).scalar()
    cases = connection.execute(sa.select(sa.func.count()).select_from(CASES)).scalar()
    if disputes != cases:
        return Fault(0, f"{disputes:,} disputes were assessed, and {cases:,} stand in the queue")
    return _wrong_decision(connection, found) or _wrong_care(connection, found)


def _changed() -> sa.Select[Any]:
    same = [CASES.c[name].is_not_distinct_from(ASSESSMENTS.c[name]) for name in COPIED]
    urgency = sa.case(*((CASES.c.tier == tier, rank) for tier, rank in URGENCY.items()), else_=-1)
    joined = CASES.outerjoin(ASSESSMENTS, ASSESSMENTS.c.number == CASES.c.number)
    wrong = sa.not_(sa.and_(*same, CASES.c.urgency == urgency))
    return sa.select(CASES.c.number).select_from(joined).where(sa.or_(ASSESSMENTS.c.number.is_(None), wrong))


def _not_last() -> sa.Select[Any]:
    later = sa.exists().where(
        ASSESSMENTS.c.dispute_id == CASES.c.dispute_id,
        sa.or_(
            ASSESSMENTS.c.as_of > CASES.c.as_of,
            sa.and_(ASSESSMENTS.c.as_of == CASES.c.as_of, ASSESSMENTS.c.number > CASES.c.number),
        ),
    )
    return sa.select(CASES.c.number).where(later)


def _wrong_decision(connection: sa.Connection, found: Everything) -> Fault | None:
    expected = dict(found.settled)
    for row in stream(connection, sa.select(CASES).where(CASES.c.decided_seq.is_not(None))):
        seq, assessment_id, urgency, until = expected.pop(row.dispute_id, (None, None, None, None))
        if (seq, urgency, until) != (row.decided_seq, row.decided_urgency, row.decided_until):
            return Fault(row.decided_seq, "the queue rests on another decision than the last one")
        stands = assessment_id == row.assessment_id or (row.urgency >= urgency and row.as_of < until)
        if row.waits != (not stands):
            return Fault(row.decided_seq, "whether a case waits was changed")
    if expected:
        return Fault(min(seq for seq, *_ in expected.values()), "the queue does not know of a decision")
    return None


def _wrong_care(connection: sa.Connection, found: Everything) -> Fault | None:
    """The care deadline is that of the care content, or null once that was erased."""
    for number, care_due_at in stream(connection, sa.select(CASES.c.number, CASES.c.care_due_at)):
        if care_due_at != found.care_due.get(number):
            return Fault(seq_of(number), "a deadline of the care queue was changed")
    return None
