"""Probabilities as natural frequencies: people read "about 6 in 1,000 such cases" better than 0.6%.

Source: Gigerenzer and Hoffrage 1995.  Numbers that are to be compared share one denominator.
"""

from __future__ import annotations

from dataclasses import dataclass

DENOMINATORS = (1_000, 10_000, 100_000, 1_000_000)
FEWEST_CASES = 3


@dataclass(frozen=True, kw_only=True)
class Frequency:
    """A probability with its range as whole cases in ``per`` cases, over ``horizon_days``."""

    cases: int
    low: int
    high: int
    per: int
    horizon_days: int
    none_seen: bool = False

    @property
    def en(self) -> str:
        """The English sentence part, such as ``about 6 in 1,000 such cases in 90 days (range 4 to 9)``."""
        return (
            f"{self._about('about', few='fewer than 1')} in {self.per:,} such cases in {self.horizon_days} days "
            f"(range {self.low:,} to {self.high:,})"
        )

    @property
    def zh(self) -> str:
        """The same in Chinese, such as ``每 1,000 件此类案件中，90 天内约 6 件（范围 4 至 9 件）``."""
        return (
            f"每 {self.per:,} 件此类案件中，{self.horizon_days} 天内{self._about('约', few='不足 1')} 件"
            f"（范围 {self.low:,} 至 {self.high:,} 件）"
        )

    def _about(self, about: str, *, few: str) -> str:
        if self.none_seen:
            return "0"
        return f"{about} {self.cases:,}" if self.cases else few


def denominator_for(*probabilities: float) -> int:
    """Returns the smallest of 1,000 to 1,000,000 in which every probability above 0 makes at least three cases."""
    smallest = min((value for value in probabilities if value > 0), default=1.0)
    for per in DENOMINATORS:
        if smallest * per >= FEWEST_CASES:
            return per
    return DENOMINATORS[-1]


def natural_frequency(
    probability: float, *, low: float, high: float, horizon_days: int = 90, per: int | None = None
) -> Frequency:
    """Returns the probability and its interval as whole cases; ``per`` None picks a denominator that shows them.

    The low end is rounded down and the high end up where rounding would hide that they differ from the middle.
    Raises ``ValueError`` unless 0 <= low <= high <= 1 and 0 <= probability <= 1.
    """
    if not (0 <= low <= high <= 1 and 0 <= probability <= 1):
        raise ValueError("a probability and its interval lie from 0 to 1, low end first")
    scale = per if per is not None else denominator_for(probability)
    cases = round(probability * scale)
    return Frequency(
        cases=cases,
        low=min(round(low * scale), cases),
        high=max(round(high * scale), cases),
        per=scale,
        horizon_days=horizon_days,
        none_seen=probability == 0,
    )
