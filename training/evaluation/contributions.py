"""Which indicators move the score, and which way, over a sample of test rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from training.evaluation.record import ContributionPoint, ContributionSummary, Direction, IndicatorContribution

Floats = npt.NDArray[np.float64]

CLEAR_TREND = 0.3


@dataclass(frozen=True, kw_only=True)
class IndicatorName:
    """An indicator's id, its names for people, and whether its values are codes without an order."""

    indicator: str
    en: str
    zh: str
    categorical: bool = False


def summarise_contributions(
    contributions: Floats,
    values: Floats,
    *,
    names: Sequence[IndicatorName],
    most: int = 15,
    fold: Collection[str] = (),
    most_points: int = 200,
) -> ContributionSummary:
    """Returns the ``most`` strongest indicators by mean absolute contribution; the rest is summed as other.

    ``contributions`` (rows, indicators) in log-odds, ``values`` the same shape, NaN = missing, ``names`` in column
    order.  ``fold`` names indicators that go into other whatever their strength (charter rule 10).  At most
    ``most_points`` rows, evenly spread, are kept for the picture.  Raises ``ValueError`` where shapes disagree.
    """
    if contributions.shape != values.shape or contributions.shape[1] != len(names) or len(contributions) == 0:
        raise ValueError("contributions and values need one shape: (rows, indicators), at least one row")
    strength = np.abs(contributions).mean(axis=0)
    open_ones = [column for column, name in enumerate(names) if name.indicator not in fold]
    shown = sorted(open_ones, key=lambda column: (-strength[column], names[column].indicator))[:most]
    rest = [column for column in range(len(names)) if column not in shown]
    kept = np.unique(np.linspace(0, len(values) - 1, min(most_points, len(values))).astype(np.int64))
    other = np.abs(contributions[:, rest].sum(axis=1)).mean() if rest else 0.0
    return ContributionSummary(
        n_rows=len(values),
        indicators=tuple(_one(contributions[:, column], values[:, column], names[column], kept) for column in shown),
        n_other=len(rest),
        other_mean_absolute=float(other),
    )


def _one(
    contribution: Floats, value: Floats, name: IndicatorName, kept: npt.NDArray[np.int64]
) -> IndicatorContribution:
    missing = np.isnan(value)
    rank = np.full(len(value), np.nan)
    if (~missing).sum() > 0:
        ranks = rankdata(value[~missing])
        span = ranks.max() - ranks.min()
        rank[~missing] = (ranks - ranks.min()) / span if span > 0 else 0.5
    points = tuple(
        ContributionPoint(
            value_rank=None if missing[row] else round(float(rank[row]), 4), contribution=float(contribution[row])
        )
        for row in kept
    )
    return IndicatorContribution(
        indicator=name.indicator,
        name_en=name.en,
        name_zh=name.zh,
        mean_absolute=float(np.abs(contribution).mean()),
        lowest=float(contribution.min()),
        highest=float(contribution.max()),
        share_missing=float(missing.mean()),
        direction="by category"
        if name.categorical
        else _direction(contribution[~missing], rank[~missing], all_of_it=contribution),
        points=points,
    )


def _direction(contribution: Floats, rank: Floats, *, all_of_it: Floats) -> Direction:
    if not np.abs(all_of_it).any():
        return "no effect in the sample"
    if len(rank) < 3 or np.ptp(rank) == 0 or np.ptp(contribution) == 0:
        return "mixed"
    trend = float(np.corrcoef(rank, contribution)[0, 1])
    if abs(trend) < CLEAR_TREND:
        return "mixed"
    return "higher values raise" if trend > 0 else "higher values lower"
