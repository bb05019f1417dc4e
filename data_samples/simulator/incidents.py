"""Serious violence: the first incident of a dispute by its true hazard, and as much again that was on no book."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NEVER, WEEK, Times
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import verified_at
from data_samples.simulator.world import Cases, Setting, pick, shares
from features.schema import INCIDENT_TYPES

OFF_BOOK = -1
"""Stands for no dispute."""


@dataclass(frozen=True)
class IncidentRows:
    """Incidents in columns.  ``case`` is the row of the dispute or ``OFF_BOOK``; ``confidence`` is NaN where null."""

    case: NDArray[np.int32]
    occurred: Times
    verified: Times
    type: NDArray[np.int8]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.case)

    def keep(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> IncidentRows:
        """The rows of a mask or in an order."""
        return IncidentRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def first_incidents(rng: np.random.Generator, cases: Cases, paths: Paths) -> Times:
    """When each dispute of a block leads to its first serious incident; ``NEVER`` for nearly all.

    The hazard is constant within a week: incidents are a Poisson process of that rate, its first point counts.
    """
    cumulative = np.cumsum(paths.hazard.reshape(-1), dtype=np.float64)
    number = rng.poisson(cumulative[-1])
    cells = np.searchsorted(cumulative, rng.random(number) * cumulative[-1], side="right")
    week, case = np.divmod(np.minimum(cells, len(cumulative) - 1), len(cases))
    occurred = cases.opened[case] + week * WEEK + rng.integers(0, WEEK, number)
    first = np.full(len(cases), NEVER, np.int64)
    np.minimum.at(first, case, occurred)
    return first


def on_and_off_book(rng: np.random.Generator, setting: Setting, first: Times) -> IncidentRows:
    """All incidents known before the end: those of the disputes (``first`` per dispute), and those on no book.

    Coverage is the planted share of serious incidents in the written period that had a dispute on the books.
    """
    case = np.flatnonzero(first < setting.end)
    within = int((first[case] >= setting.start).sum())
    coverage = setting.constants.recording.coverage
    hidden = rng.poisson(within * (1 - coverage) / coverage)
    occurred = np.concatenate([first[case], rng.integers(setting.start, setting.end, hidden)])
    count = len(occurred)
    confidence = np.where(np.arange(count) < len(case), np.round(rng.uniform(0.85, 1.0, count), 2), np.nan)
    rows = IncidentRows(
        case=np.concatenate([case, np.full(hidden, OFF_BOOK)]).astype(np.int32),
        occurred=occurred,
        verified=verified_at(rng, setting, occurred),
        type=pick(rng, shares(INCIDENT_TYPES, setting.constants.recording.incident_types), count),
        confidence=confidence,
    )
    return rows.keep(rows.verified < setting.end)
