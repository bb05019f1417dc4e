"""Who settles what, and what came last: loops over the rows of a landmark in the order in which they occurred.

Of two rows of one instant the one with the smaller id comes first.
"""

from __future__ import annotations

import numpy as np

from features.clock import Flags, Times
from features.compiled import compiled
from features.view import Measure, Selection


@compiled
def matched(row: Times, settles: Flags, kind: Times) -> Times:
    """The place of what settles each row or is settled by it, -1 where there is none; shape (rows,).

    The rows must be sorted by landmark (``row``), then by time and id.  First in, first out: a settling row settles
    the oldest row before it of its landmark and ``kind`` (-1 or more) that is still open; where none is, it settles
    nothing, and nothing that comes later.
    """
    partner = np.full(len(row), -1)
    kinds = 1 if len(kind) == 0 else kind.max() + 2
    oldest = np.zeros(kinds, np.int64)  # of each kind, where the search for an open row begins
    begin = 0
    for place in range(len(row)):
        if row[place] != row[begin]:
            begin = place
        if not settles[place]:
            continue
        first = max(oldest[kind[place] + 1], begin)
        while first < place and (settles[first] or kind[first] != kind[place] or partner[first] >= 0):
            first += 1
        oldest[kind[place] + 1] = first
        if first < place:
            partner[first], partner[place] = place, first
    return partner


@compiled
def latest(row: Times, occurred_at: Times, id_order: Times, rows: int, number: int) -> Times:
    """The places of the last ``number`` rows of each landmark, newest first, -1 where there are fewer.

    Shape (rows, number).  The rows may come in any order; they count by their time, then by their id.
    """
    found = np.full((rows, number), -1)
    for place in range(len(row)):
        held = place
        for slot in range(number):
            other = found[row[place], slot]
            if other < 0:
                found[row[place], slot] = held
                break
            later = occurred_at[held] > occurred_at[other]
            if later or (occurred_at[held] == occurred_at[other] and id_order[held] > id_order[other]):
                found[row[place], slot], held = held, other
    return found


def counterparts(steps: Selection, *settling: str, kind: str | None = None) -> Times:
    """For each of some steps the one among them that settles it or is settled by it, -1 where there is none.

    Steps of the types ``settling`` settle the others, first in, first out; with ``kind`` only those with the same
    value in that column.
    """
    return _counterparts(steps, steps.are(*settling), kind)


def days_unsettled(steps: Selection, *settling: str, kind: str | None = None, cap: float) -> Measure:
    """Days since the oldest of some steps that is not settled yet, at most ``cap``; 0 where all are."""
    if not steps.index.size:
        return steps.count()
    settles = steps.are(*settling)
    unsettled = steps.where(~settles & (_counterparts(steps, settles, kind) < 0))
    return unsettled.max(unsettled.age_days).capped(cap)


def _counterparts(steps: Selection, settles: Flags, kind: str | None) -> Times:
    row = steps.row
    return matched(row, settles, np.zeros(len(row), np.int64) if kind is None else steps.column(kind))
