"""When extra support began, in a table of its own beside the matrix: what a model must never see.

Mediation is usual care; extra support is what ``support_delivered`` says.  A landmark's risk *under usual care* is
estimated by following it until extra support begins, so that fitting and evaluation need these times, as they need
outcomes.  No column of the matrix comes from here: support goes to those who seem worst off, and a model that knew of it
would learn who was helped.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.clock import NEVER
from features.history import Array, Log, offsets_of
from features.schema import SERVICES

EXTRA_SUPPORT = "support_delivered"
COLUMNS = ("dispute_id", "occurred_at", "recorded_at", "service")
_TIME = pa.timestamp("us", "UTC")


def treatment_table(dispute_ids: Array, support: Log) -> pa.Table:
    """One row per delivery of extra support, in order of dispute, occurred time and event id.

    ``support`` holds the last versions of such events, withdrawn and unaffirmed ones left out, grouped by the disputes
    of ``dispute_ids`` (sorted).
    """
    dispute = np.repeat(np.arange(len(dispute_ids)), np.diff(support.offsets))
    names = [None if code < 0 else SERVICES[code] for code in support.columns["service"].tolist()]
    return pa.table({
        "dispute_id": pa.array(dispute_ids[dispute], pa.string()),
        "occurred_at": pa.array(support.columns["occurred_at"], _TIME),
        "recorded_at": pa.array(support.known_from, _TIME),
        "service": pa.array(names, pa.string()),
    })  # fmt: skip


def support_around(treatments: pa.Table, dispute_ids: Array, as_of: Array) -> tuple[Array, Array]:
    """The last start of extra support before each landmark (-``NEVER`` for none), and the first at or after it.

    The second is ``NEVER`` where none is known.  Landmarks are given by dispute id and microseconds, both (rows,).
    """
    names = np.unique(treatments["dispute_id"].to_numpy(zero_copy_only=False).astype(object))
    starts = treatments["occurred_at"].cast("int64").to_numpy()
    before, after = np.full(len(as_of), -NEVER), np.full(len(as_of), NEVER)
    if not len(starts):
        return before, after
    own = np.searchsorted(names, treatments["dispute_id"].to_numpy(zero_copy_only=False))
    order = np.lexsort((starts, own))
    own, starts = own[order], starts[order]
    offsets = offsets_of(np.bincount(own, minlength=len(names)))
    asked = np.searchsorted(names, dispute_ids)
    there = (asked < len(names)) & (names[np.minimum(asked, len(names) - 1)] == dispute_ids)
    rows = np.flatnonzero(there)
    rank = _rank_within(own, starts, asked[rows], as_of[rows])
    first, last = offsets[asked[rows]], offsets[asked[rows] + 1]
    has_before, has_after = rank > first, rank < last
    before[rows[has_before]] = starts[rank[has_before] - 1]
    after[rows[has_after]] = starts[rank[has_after]]
    return before, after


def _rank_within(own: Array, starts: Array, asked: Array, as_of: Array) -> Array:
    """How many starts, by (dispute, time), lie before each (dispute, landmark): a search in both at once."""
    group = np.concatenate([asked, own])
    time = np.concatenate([as_of, starts])
    is_start = np.concatenate([np.zeros(len(asked), np.int8), np.ones(len(own), np.int8)])
    order = np.lexsort((is_start, time, group))  # at the equal instant the landmark comes first: then it is not before
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(is_start[order])
    return rank[: len(asked)]
