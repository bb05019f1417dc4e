"""The cases that wait for a reviewer: the last assessment of each dispute that no decision has settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serving.log.database import Database
from serving.log.tables import CASES

COLUMNS = ("dispute_id", "assessment_id", "number", "area", "kind", "channel", "tier", "urgency", "due_at", "care_due_at",
           "as_of", "scored_at", "closed_at", "probability")  # fmt: skip
MOST_ROWS = 1_000


@dataclass(frozen=True)
class Which:
    """Which waiting cases: all fields narrow, None does not.  ``overdue_at`` keeps those due before that time.

    ``area`` is the beginning of a township code.  ``for_care`` asks for the care queue: cases with a statement of
    wanting to die, by their own deadline, decided or not; for the care role alone.
    """

    area: str = ""
    kind: str | None = None
    channel: str | None = None
    tier: str | None = None
    overdue_at: int | None = None
    for_care: bool = False


@dataclass(frozen=True)
class WaitingCase:
    """One waiting case.  Times are microseconds UTC; ``care_due_at`` is for the care role alone."""

    dispute_id: str
    assessment_id: str
    number: int
    area: str
    kind: str
    channel: str
    tier: str
    urgency: int
    due_at: int
    care_due_at: int | None
    as_of: int
    scored_at: int
    closed_at: int | None
    probability: float

    @property
    def place(self) -> tuple[int, int, int]:
        """Its place in the queue: pass the last one's as ``after`` to get the next page."""
        return (self.urgency, self.due_at, self.number)

    @property
    def care_place(self) -> tuple[int, int, int]:
        """The same in the care queue."""
        return (0, self.care_due_at or 0, self.number)


def waiting_cases(
    database: Database, which: Which, *, after: tuple[int, int, int] | None = None, limit: int = 50
) -> list[WaitingCase]:
    """A page of the queue, most urgent tier and earliest deadline first.  Raises LogUnavailable."""
    table = CASES.c
    place: tuple[Any, ...] = (table.urgency, table.due_at, table.number)
    conditions = _conditions(which)
    if which.for_care:
        place = (table.care_due_at, table.number)
        after = None if after is None else after[1:]  # type: ignore[assignment]
    if after is not None:
        conditions.append(sa.tuple_(*place) > sa.tuple_(*(sa.literal(part) for part in after)))
    wanted = sa.select(*(table[name] for name in COLUMNS)).where(*conditions).order_by(*place)
    with database.reading() as connection:
        return [WaitingCase(*row) for row in connection.execute(wanted.limit(min(limit, MOST_ROWS)))]


def waiting_counts(database: Database, which: Which) -> dict[str, tuple[int, int]]:
    """By tier, how many cases wait and how many of those are due before ``which.overdue_at``.  Raises LogUnavailable."""
    late = CASES.c.due_at < (0 if which.overdue_at is None else which.overdue_at)
    counted = Which(which.area, which.kind, which.channel, which.tier, None, which.for_care)
    wanted = (
        sa.select(CASES.c.tier, sa.func.count(), sa.func.sum(sa.case((late, 1), else_=0)))
        .where(*_conditions(counted)).group_by(CASES.c.tier)
    )  # fmt: skip
    with database.reading() as connection:
        return {tier: (int(count), int(overdue)) for tier, count, overdue in connection.execute(wanted)}


def case_of(database: Database, dispute_id: str) -> WaitingCase | None:
    """The last assessment of a dispute, whether it waits or not; None for one that was never assessed."""
    wanted = sa.select(*(CASES.c[name] for name in COLUMNS)).where(CASES.c.dispute_id == dispute_id)
    with database.reading() as connection:
        row = connection.execute(wanted).first()
    return None if row is None else WaitingCase(*row)


def _conditions(which: Which) -> list[Any]:
    table = CASES.c
    # "waits = 1" is written out: with a parameter no planner knows that the partial index may be used
    found: list[Any] = [table.care_due_at.is_not(None) if which.for_care else sa.text("cases.waits = 1")]
    if which.area:
        end = which.area[:-1] + chr(ord(which.area[-1]) + 1)
        found += [table.area >= which.area, table.area < end]
    found += [
        column == value
        for column, value in ((table.kind, which.kind), (table.channel, which.channel), (table.tier, which.tier))
        if value is not None
    ]
    if which.overdue_at is not None:
        found.append((table.care_due_at if which.for_care else table.due_at) < which.overdue_at)
    return found
