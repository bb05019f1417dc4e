"""Reports of the same conduct through different channels, merged among the rows visible at a landmark."""

from __future__ import annotations

import numpy as np

from features.clock import HOUR_US, Times
from features.compiled import compiled
from features.history import Array

WINDOW_US = 48 * HOUR_US


@compiled
def leaders(row: Times, type_: Times, occurred_at: Times, channel: Times) -> Times:
    """The index of the first report of the group that each report belongs to, shape (reports,).

    The reports must be sorted by (row, type, occurred_at, event_id).  Within one landmark and type, a report joins
    the earliest group whose first report lies less than 48 h before it and that holds no report from its channel;
    otherwise it leads a group of its own.  The window is anchored at the first report, never chained: reports at
    0 h, 40 h and 80 h are two groups.
    """
    leader = np.arange(len(row))
    channels = np.zeros(len(row), np.int64)  # of each group, as bits, kept at its leader
    oldest = 0
    for report in range(len(row)):
        bit = np.int64(1) << channel[report]
        while oldest < report and (
            row[oldest] != row[report]
            or type_[oldest] != type_[report]
            or occurred_at[report] - occurred_at[oldest] >= WINDOW_US
        ):
            oldest += 1
        for first in range(oldest, report):
            if leader[first] == first and not channels[first] & bit:
                leader[report] = first
                break
        channels[leader[report]] |= bit
    return leader


@compiled
def highest(leader: Times, values: Array) -> Array:
    """The highest of the values that share a leader, kept at the leader; elsewhere the value itself."""
    out = values.copy()
    for report in range(len(leader)):
        out[leader[report]] = max(out[leader[report]], values[report])
    return out
