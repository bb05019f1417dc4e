"""Sorted ragged logs: the rows of many disputes, or of one, in the shape the kernel works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.clock import Times

Array = NDArray[Any]


@dataclass(frozen=True)
class Log:
    """The versions of one kind of row, grouped by dispute.

    ``offsets`` has shape (disputes + 1,): the rows of dispute d are ``offsets[d]:offsets[d + 1]``.  All other
    arrays have one entry per version; ``ids`` may be empty where nobody asks for evidence.
    """

    offsets: Times
    known_from: Times
    known_until: Times
    columns: Mapping[str, Array]
    ids: Array


@dataclass(frozen=True)
class History:
    """All that is known, at any time, about a block of disputes.

    ``cases`` is sorted by (dispute, recorded_at); ``conduct`` (affirmed conduct events) by (dispute, type,
    occurred_at, event_id); ``steps`` (handling, proceedings, support) by (dispute, occurred_at, event_id);
    ``petitions`` by (dispute, lodged_at, petition_id); ``priors`` (closed or not, one row per earlier dispute of
    the same pair and closure) by (dispute, prior dispute).  Withdrawn versions are not in a log: they only end
    the version before them.
    """

    dispute_ids: Array
    cases: Log
    conduct: Log
    steps: Log
    petitions: Log
    priors: Log

    def __len__(self) -> int:
        return len(self.dispute_ids)


@dataclass(frozen=True)
class Spine:
    """The landmarks to build: ``dispute`` (index into a history) and ``as_of``, both of shape (rows,)."""

    dispute: Times
    as_of: Times

    def __len__(self) -> int:
        return len(self.as_of)

    def __getitem__(self, rows: slice | Array) -> Spine:
        return Spine(self.dispute[rows], self.as_of[rows])


def offsets_of(counts: Times) -> Times:
    """Row offsets, shape (disputes + 1,), of ragged rows with these counts per dispute."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
