"""The same pair twice: gives every dispute with a history an earlier, closed dispute of the same kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import Times
from data_samples.simulator.world import Cases

NO_CASE = -1


def link_pairs(rng: np.random.Generator, cases: Cases, closed_known: Times) -> NDArray[np.int32]:
    """The earlier dispute of each dispute's pair, or ``NO_CASE``.

    ``closed_known`` is when each dispute's first closing was known (``NEVER`` if it was not).  An earlier dispute is
    one whose closing was known before the later one was opened: of the same kind and district where there is one,
    else of the same kind, else any.
    """
    earlier = np.full(len(cases), NO_CASE, np.int32)
    kind = cases.kind.astype(np.int32)
    whole = np.zeros(len(cases), np.int32)
    for group in (kind * 1_000 + cases.district, kind, whole):
        wanting = cases.history & (earlier == NO_CASE)
        if wanting.any():
            found, before = _link_within(rng, cases, closed_known, group=group, later=np.flatnonzero(wanting))
            earlier[found] = before
    return earlier


def roots(earlier: NDArray[np.int32]) -> NDArray[np.int32]:
    """The first dispute of each dispute's pair: itself where it has no history."""
    root = np.where(earlier == NO_CASE, np.arange(len(earlier)), earlier)
    while True:
        further = root[root]
        if (further == root).all():
            return root.astype(np.int32)
        root = further


def with_histories(earlier: NDArray[np.int32], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The wanted disputes and all earlier ones of their pairs."""
    wanted = wanted.copy()
    front = np.flatnonzero(wanted)
    while len(front):
        before = np.unique(earlier[front])
        before = before[before != NO_CASE]
        front = before[~wanted[before]]
        wanted[front] = True
    return wanted


def _link_within(
    rng: np.random.Generator, cases: Cases, closed_known: Times, *, group: NDArray[np.int32], later: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Links the later disputes within groups: each takes any one closed before it, all equally likely.

    Returns the disputes for which there was one, and what they took.
    """
    by_closing = np.lexsort((closed_known, group))
    # One sorted key for (group, closing): ranks of times within the whole keep it exact.
    times = np.sort(closed_known)
    span = np.int64(len(times) + 1)
    keys = group[by_closing] * span + np.searchsorted(times, closed_known[by_closing], side="left")
    first = np.searchsorted(keys, group[later] * span, side="left")
    past = np.searchsorted(keys, group[later] * span + np.searchsorted(times, cases.opened[later], side="left"))
    available = past - first
    chosen = first + (rng.random(len(later)) * available).astype(np.int64)
    found = available > 0
    return later[found], by_closing[chosen[found]]
