"""Help and contact: what each does to the hazard, and the red package for the disputes that a score ranks highest."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.constants import RedPackage, Treatments
from features.errors import InvalidConfiguration

MEDIATION, SERVICES, RED_PACKAGE, HEAVY_CONTACT = 1, 2, 4, 8
"""The bits that say what is in force in a week."""
ALL_HELP = MEDIATION | SERVICES | RED_PACKAGE
POLICIES = ("off", "top", "band")
"""Of the red package: to nobody; to the top ranks; the same, but by chance for ranks about the capacity line."""


@dataclass(frozen=True)
class Offers:
    """The red package by dispute (row) and week: who ranked near or above the line, in the band or not, and got it.

    ``rank`` is the place among the open disputes of the same age, as a share of the capacity: 1 is the line.
    """

    case: NDArray[np.int32]
    week: NDArray[np.int32]
    rank: NDArray[np.float32]
    in_band: NDArray[np.bool_]
    given: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.case)

    def keep(self, which: NDArray[np.bool_]) -> Offers:
        """The rows of a mask."""
        return Offers(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def shifted(self, first_case: int) -> Offers:
        """The same rows, disputes counted from another first one."""
        return replace(self, case=self.case + np.int32(first_case))


def ratios(treatments: Treatments) -> NDArray[np.float32]:
    """What the hazard is multiplied with, by [is it a family dispute, bits of what is in force]."""
    package = treatments.red_package
    in_family = package.hazard_ratio**package.family_share_of_effect
    table = np.ones((2, 16), np.float32)
    for bits in range(16):
        for family, red in enumerate((package.hazard_ratio, in_family)):
            ratio = treatments.mediation.hazard_ratio if bits & MEDIATION else 1.0
            ratio *= treatments.services.hazard_ratio if bits & SERVICES else 1.0
            ratio *= red if bits & RED_PACKAGE else 1.0
            ratio *= 1.0 + treatments.heavy_contact.hazard_excess if bits & HEAVY_CONTACT else 1.0
            table[family, bits] = ratio
    return table


def check_policy(policy: str) -> str:
    """The policy, if there is one of that name.  Raises InvalidConfiguration."""
    if policy not in POLICIES:
        raise InvalidConfiguration(f"no red package policy {policy!r}: choose one of {', '.join(POLICIES)}")
    return policy


class RankedHelp:
    """Offers the red package week by week.  It has a random stream of its own: without it nothing else changes."""

    def __init__(self, rng: np.random.Generator, package: RedPackage, disputes: int, *, policy: str) -> None:
        self._package = package
        self._policy = check_policy(policy)
        self._noise = package.rank_noise * rng.standard_normal(disputes) if policy != "off" else None
        self._chosen = rng.random(disputes) < package.band_chance
        self._offers: list[Offers] = []

    def offered(
        self, week: int, open_cases: NDArray[np.integer], untreated: NDArray[np.float32], left: NDArray[np.int8]
    ) -> NDArray[np.integer]:
        """The open disputes that get it this week.  A dispute that has it keeps its rank and gets no second one.

        In the band each dispute's lot is drawn once: asking again next week gives the same answer.
        """
        if self._noise is None or not len(open_cases):
            return open_cases[:0]
        package = self._package
        score = np.log(untreated[open_cases]) + self._noise[open_cases]
        rank = np.empty(len(open_cases))
        rank[np.argsort(-score, kind="stable")] = (np.arange(len(open_cases)) + 0.5) / len(open_cases)
        rank /= package.capacity
        near = (rank <= 1 + package.band) & (left[open_cases] == 0)
        case, rank = open_cases[near], rank[near]
        in_band = (rank > 1 - package.band) & (self._policy == "band")
        given = np.where(in_band, self._chosen[case], rank <= 1)
        weeks = np.full(len(case), week, np.int32)
        self._offers.append(Offers(case.astype(np.int32), weeks, rank.astype(np.float32), in_band, given))
        return case[given]

    def offers(self) -> Offers:
        """All offers so far."""
        nothing = Offers(
            np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, bool), np.empty(0, bool)
        )
        return offers_together([nothing, *self._offers])


def offers_together(parts: list[Offers]) -> Offers:
    """All rows of the parts, in their order."""
    return Offers(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Offers)})
