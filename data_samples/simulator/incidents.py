"""Serious violence: the first incident of a dispute by its true hazard, and as much again that was on no book.

Each dispute has a threshold of its own, and its incident comes when the hazard it has lived through passes it.  Under
another course of help the same threshold gives the matched potential outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NEVER, WEEK, Times
from data_samples.simulator.help import ALL_HELP, RED_PACKAGE, SERVICES, ratios
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import verified_at
from data_samples.simulator.world import Cases, Setting, pick, shares
from features.schema import DISPUTE_KINDS, INCIDENT_TYPES

OFF_BOOK = -1
"""Stands for no dispute."""
COURSES: dict[str, tuple[int, int]] = {
    "as_it_was": (0, 0),
    "without_services": (SERVICES, 0),
    "with_services": (0, SERVICES),
    "without_red_package": (RED_PACKAGE, 0),
    "without_help": (ALL_HELP, 0),
}
"""The potential outcomes, each with the bits of help taken away and the bits added in every week.

Only what help does to the hazard is undone, on the same path of states; what it did to the state stays.
"""


@dataclass(frozen=True)
class PotentialOutcomes:
    """The disputes of a block that have an incident under at least one course, and when; ``NEVER`` for not at all."""

    case: NDArray[np.int32]
    at: dict[str, Times]

    def shifted(self, first_case: int) -> PotentialOutcomes:
        """The same, disputes counted from another first one."""
        return replace(self, case=self.case + np.int32(first_case))


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

    def followed_by(self, later: IncidentRows) -> IncidentRows:
        """These rows, then the others."""
        columns = {f.name: np.concatenate([getattr(self, f.name), getattr(later, f.name)]) for f in fields(self)}
        return IncidentRows(**columns)


def first_incidents(
    rng: np.random.Generator, setting: Setting, cases: Cases, paths: Paths
) -> tuple[Times, PotentialOutcomes]:
    """When each dispute of a block leads to its first serious incident (``NEVER`` for nearly all); and what if."""
    threshold = rng.standard_exponential(len(cases))
    table = ratios(setting.constants.treatments)
    most = paths.untreated.sum(axis=0, dtype=np.float64) * max(1.0, float(table.max()))
    case = np.flatnonzero(most >= threshold)
    family = (cases.kind[case] == DISPUTE_KINDS.index("marriage_family")).astype(np.int8)
    at = {}
    for name, (without, with_) in COURSES.items():
        help_given = (paths.help[:, case] & ~np.int8(without)) | np.int8(with_)
        hazard = paths.untreated[:, case].astype(np.float64) * table[family[None, :], help_given]
        at[name] = _crossing(hazard, threshold[case], cases.opened[case])
    first = np.full(len(cases), NEVER, np.int64)
    first[case] = at["as_it_was"]
    some = np.min(list(at.values()), axis=0) < NEVER if len(case) else np.zeros(0, np.bool_)
    return first, PotentialOutcomes(case[some].astype(np.int32), {name: times[some] for name, times in at.items()})


def _crossing(hazard: NDArray[np.float64], threshold: NDArray[np.float64], opened: Times) -> Times:
    """When the hazard lived through passes each threshold; ``NEVER`` if it does not.  Hazards [week, case]."""
    total = np.cumsum(hazard, axis=0)
    week = (total < threshold).sum(axis=0)
    passed = week < len(hazard)
    case = np.flatnonzero(passed)
    week = week[case]
    within = (threshold[case] - (total[week, case] - hazard[week, case])) / hazard[week, case]
    at = np.full(len(threshold), NEVER, np.int64)
    at[case] = opened[case] + week * WEEK + (np.clip(within, 0.0, 1.0) * (WEEK - 1)).astype(np.int64)
    return at


def on_and_off_book(
    rng: np.random.Generator, setting: Setting, first: Times, on_book: NDArray[np.bool_]
) -> IncidentRows:
    """All incidents before the end: those of the disputes (``first`` per dispute), and those on no book.

    Coverage is the planted share of serious incidents in the written period that had a dispute.  A dispute whose row
    was lost is not on the books (``on_book``): its incident stands without one.
    """
    case = np.flatnonzero(first < setting.end)
    within = int((first[case] >= setting.start).sum())
    coverage = setting.constants.recording.coverage
    hidden = rng.poisson(within * (1 - coverage) / coverage)
    occurred = np.concatenate([first[case], rng.integers(setting.start, setting.end, hidden)])
    count = len(occurred)
    confidence = np.where(np.arange(count) < len(case), np.round(rng.uniform(0.85, 1.0, count), 2), np.nan)
    linked = np.concatenate([np.where(on_book[case], case, OFF_BOOK), np.full(hidden, OFF_BOOK)]).astype(np.int32)
    return IncidentRows(
        case=linked,
        occurred=occurred,
        verified=verified_at(rng, setting, occurred),
        type=pick(rng, shares(INCIDENT_TYPES, setting.constants.recording.incident_types), count),
        confidence=np.where(linked == OFF_BOOK, np.nan, confidence),
    )
