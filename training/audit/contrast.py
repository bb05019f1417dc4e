"""Which groups differ from all: Holm's step-down correction (Holm 1979) over every comparison of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from training.audit.record import ALPHA, Contrast, Direction, Figure

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A group against all rows, before correction: ``shift`` and its standard error, on the log scale for a ratio."""

    attribute: str
    group: str
    figure: Figure
    shift: float
    error: float
    n_events: int
    is_ratio: bool

    @property
    def p_value(self) -> float:
        """Two-sided, by the normal approximation."""
        return float(2 * ndtr(-abs(self.shift) / self.error))

    def at_level(self, alpha: float) -> Contrast:
        """The contrast with its interval at the level 1 - ``alpha``."""
        reach = -float(ndtri(alpha / 2)) * self.error
        low, high = self.shift - reach, self.shift + reach
        side: Direction | None = "above" if low > 0 else "below" if high < 0 else None
        told = [float(np.exp(end)) if self.is_ratio else end for end in (self.shift, low, high)]
        return Contrast(
            figure=self.figure, value=told[0], low=told[1], high=told[2], n_events=self.n_events,
            p_value=min(self.p_value, 1.0), differs=side,
        )  # fmt: skip


def holm_levels(p_values: Sequence[float], *, alpha: float = ALPHA) -> Floats:
    """Returns the level that each comparison is judged at, in their order.

    The smallest of m is judged at alpha / m, the next at alpha / (m - 1) and so on; from the first that does not
    pass, all others share its level.  So a comparison passes under Holm iff its p is at most its level.
    """
    count = len(p_values)
    levels = np.zeros(count)
    level, stopped = 0.0, False
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if not stopped:
            level = alpha / (count - step)
            stopped = p_values[place] > level
        levels[place] = level
    return levels


def corrected(comparisons: Sequence[Comparison], *, alpha: float = ALPHA) -> list[Contrast]:
    """Returns the contrast of each comparison at the level that Holm leaves to it, in their order."""
    levels = holm_levels([one.p_value for one in comparisons], alpha=alpha)
    return [one.at_level(float(level)) for one, level in zip(comparisons, levels, strict=True)]
