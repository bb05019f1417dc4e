"""The cases that wait for a reviewer: the last assessment of each dispute that no decision has settled.

The one home of the question: the pages, the oversight and the benchmarks ask it here.  Each order has an index that
holds every column one may narrow by, so that whatever is asked for is found along it, or is known to be absent, without
a look at the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from serving.log.database import Database
from serving.log.tables import CASES

COLUMNS = ("dispute_id", "assessment_id", "number", "area", "kind", "channel", "tier", "urgency", "due_at", "care_due_at",
           "as_of", "scored_at", "closed_at", "probability")  # fmt: skip
MOST_ROWS = 1_000
AREA_DIGITS = 9
WAITS: sa.ColumnElement[bool] = sa.text("cases.waits = 1")  # type: ignore[assignment]
"""Written out: with a parameter no planner knows that the partial index may be used."""

Condition = sa.ColumnElement[bool]


class Order(Enum):
    """In which order cases are listed: most urgent tier and earliest deadline first, or by the deadline alone."""

    URGENCY = ("urgency", "due_at", "number")
    DEADLINE = ("due_at", "number")
    CARE = ("care_due_at", "number")


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
    database: Database, which: Which, *, also: Sequence[Condition] = (), after: tuple[int, int, int] | None = None,
    skip: int = 0, limit: int = 50, order: Order = Order.URGENCY,
) -> list[WaitingCase]:  # fmt: skip
    """A page of the queue; the care queue has its own order.  ``also`` are further conditions on ``cases``.

    ``after`` is the place of the last case before the page, ``skip`` how many more to pass over.  Raises LogUnavailable.
    """
    order = Order.CARE if which.for_care else order
    place = [CASES.c[name] for name in order.value]
    conditions = [*_conditions(which), *also]
    if after is not None:
        conditions.append(sa.tuple_(*place) > sa.tuple_(*(sa.literal(part) for part in after[-len(place) :])))
    wanted = (
        sa.select(*(CASES.c[name] for name in COLUMNS)).where(*conditions).order_by(*place)
        .offset(skip).limit(min(limit, MOST_ROWS))
    )  # fmt: skip
    with database.reading() as connection:
        return [WaitingCase(*row) for row in connection.execute(wanted)]


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


def in_area(column: sa.ColumnElement[str], prefix: str) -> list[Condition]:
    """The column begins with a prefix of digits, or holds one whole township code.

    One township's few cases come in order from the index by area.  A county's are many, and found faster along the
    order of the queue: said in a way that no planner reads as a range of areas to be sorted.
    """
    if len(prefix) >= AREA_DIGITS:
        return [column == prefix]
    return [sa.func.substr(column, 1, len(prefix)) == prefix] if prefix else []


def _conditions(which: Which) -> list[Condition]:
    table = CASES.c
    found: list[Any] = [table.care_due_at.is_not(None) if which.for_care else WAITS, *in_area(table.area, which.area)]
    found += [
        column == value
        for column, value in ((table.kind, which.kind), (table.channel, which.channel), (table.tier, which.tier))
        if value is not None
    ]
    if which.overdue_at is not None:
        found.append((table.care_due_at if which.for_care else table.due_at) < which.overdue_at)
    return found
