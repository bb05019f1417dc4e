"""From a margin and the floors to a tier.  Floors only raise; a thin case is never blue."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.view import Values
from training.artifact.contract import TierCuts


class Tier(StrEnum):
    """How soon help should be offered.  ``blue`` reads "no elevated signal in the records", never "no risk"."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    BLUE = "blue"
    CONTACT_FIRST = "contact_first"


ORDER = (Tier.BLUE, Tier.YELLOW, Tier.ORANGE, Tier.RED)
CAPACITY = {Tier.RED: 0.0015, Tier.ORANGE: 0.01, Tier.YELLOW: 0.05}
"""The cumulative share of calibration rows from which each tier is cut."""


def tier_ranks(margin_log_odds: Values, cuts: TierCuts) -> NDArray[np.intp]:
    """The rank of the tier by score alone, shape (rows,): 0 blue, 1 yellow, 2 orange, 3 red."""
    return np.searchsorted(np.array([cuts.yellow, cuts.orange, cuts.red]), margin_log_odds, side="right")


def decided_tier(rank: int, floor_rank: int, *, thin: bool) -> Tier:
    """The tier of one case: the higher of score and floor; a thin case that would be blue becomes contact_first."""
    highest = max(rank, floor_rank)
    return Tier.CONTACT_FIRST if thin and highest == 0 else ORDER[highest]
