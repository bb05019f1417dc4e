"""Reports of the same conduct through different channels, merged among the rows visible at a landmark."""

from __future__ import annotations

import numpy as np

from features.clock import HOUR_US
from features.history import Array

WINDOW_US = 48 * HOUR_US


def leaders(row: Array, type_: Array, occurred_at: Array, channel: Array) -> Array:
    """The index of the first report of the group that each report belongs to, shape (reports,).

    The reports must be sorted by (row, type, occurred_at, event_id).  Within one landmark and type, a report joins
    the earliest group whose first report lies less than 48 h before it and that holds no report from its channel;
    otherwise it leads a group of its own.  The window is anchored at the first report, never chained: reports at
    0 h, 40 h and 80 h are two groups.
    """
    n = len(row)
    leader = np.arange(n)
    if n < 2:
        return leader
    near = (occurred_at[1:] - occurred_at[:-1] < WINDOW_US) & (row[1:] == row[:-1]) & (type_[1:] == type_[:-1])
    if not near.any():
        return leader
    cluster = np.concatenate([np.zeros(1, np.int64), np.cumsum(~near)])
    pending = np.flatnonzero(np.concatenate([near, [False]]) | np.concatenate([[False], near]))
    while len(pending):
        of = cluster[pending]
        is_first = np.concatenate([[True], of[1:] != of[:-1]])
        anchor = pending[is_first][np.cumsum(is_first) - 1]
        joins = (occurred_at[pending] - occurred_at[anchor] < WINDOW_US) & (channel[pending] != channel[anchor])
        taken = is_first.copy()
        taken[_first_of_each(of, channel[pending], joins)] = True
        leader[pending[taken]] = anchor[taken]
        pending = pending[~taken]
    return leader


def _first_of_each(cluster: Array, channel: Array, candidate: Array) -> Array:
    """The first candidate of each (cluster, channel)."""
    where = np.flatnonzero(candidate)
    key = cluster[where] * 64 + channel[where]
    return where[np.unique(key, return_index=True)[1]]
