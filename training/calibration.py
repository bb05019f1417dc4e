"""Calibration by cross-fitting over pairs: intercept and slope, tier cut-offs and the interval of a margin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold

from features.errors import UserError
from features.history import Array
from features.view import Values
from training.artifact.contract import Calibration, IntervalKnots, TierCuts
from training.artifact.scale import sigmoid
from training.artifact.tiers import CAPACITY, Tier
from training.calibration_line import calibration_line
from training.cores import in_order
from training.families.fitter import Fitter
from training.matrix_parts import Rows

KNOT_SHARES = (1.0, 0.75, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003, 0.0)
"""Bands of the weighted calibration rows, from the lowest margins to the highest, between whose means lie knots."""

SHARES = (CAPACITY[Tier.RED], CAPACITY[Tier.ORANGE], CAPACITY[Tier.YELLOW])
LEAST_SHARE_OF_DRAWS = 2 / 3
Step = Callable[[float], None]


def cross_fit(train: Rows, calibration: Rows, fitter: Fitter, *, folds: int, step: Step) -> Values:
    """Raw scores of the calibration rows, each by a model that never saw the row's pair; shape (rows,)."""
    raw = np.zeros(len(calibration))
    pair = np.concatenate([train.pair, calibration.pair])
    splitter = GroupKFold(n_splits=folds, shuffle=True, random_state=fitter.seed)

    def scored(fold: tuple[Array, Array]) -> tuple[Array, Values]:
        seen, unseen = fold
        fitted, held = seen[seen < len(train)], unseen[unseen >= len(train)] - len(train)
        return held, fitter.fit(train[fitted]).raw(calibration.values[held])

    for number, (held, scores) in enumerate(in_order(scored, splitter.split(pair, groups=pair))):
        raw[held] = scores
        step((number + 1) / folds)
    return raw


def fit_line(raw: Values, label: Array, weight: Values, *, log_sampling_rate: float) -> Calibration:
    """The intercept and slope that calibrate raw scores on weighted rows.

    ``margin = intercept + slope x (raw + log_sampling_rate)``.  Raises UserError where there are too few positives.
    """
    intercept, slope = _line(raw + log_sampling_rate, label, weight)
    if not np.isfinite(intercept) or slope <= 0:
        raise UserError(
            f"the calibration can't be fitted: {int(label.sum())} positive rows are too few, or the score does not "
            "separate them; bring more records or a longer period"
        )
    return Calibration(intercept=intercept, slope=slope, log_sampling_rate=log_sampling_rate)


def _line(x: Values, label: Array, weight: Values) -> tuple[float, float]:
    """Intercept and slope of the weighted logistic regression of labels on x; NaN where there is none."""
    line = calibration_line(x, total=weight[:, None], positive=(weight * label)[:, None])
    return float(line.intercept[0]), float(line.slope[0])


def margins(raw: Values, calibration: Calibration) -> Values:
    """Calibrated log-odds of raw scores."""
    return calibration.intercept + calibration.slope * (raw + calibration.log_sampling_rate)


def tier_cuts(margin: Values, weight: Values, *, shares: tuple[float, float, float] = SHARES) -> TierCuts:
    """The margins from which the top ``shares`` (red, orange, yellow) of the weighted calibration rows begin."""
    order = np.argsort(-margin, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    red, orange, yellow = (float(margin[order[np.searchsorted(share, capacity)]]) for capacity in shares)
    return TierCuts(red=red, orange=orange, yellow=yellow)


@dataclass(frozen=True)
class Bands:
    """Bands of rows by margin: ``band`` (rows,) and the weighted mean margin of each band, ascending."""

    band: Array
    centre: Values


def margin_bands(margin: Values, weight: Values) -> Bands:
    """Bands between the weighted quantiles of ``KNOT_SHARES``; bands that ties leave empty are dropped."""
    order = np.argsort(-margin, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    edges = sorted(
        {float(margin[order[min(int(np.searchsorted(share, s)), len(order) - 1)]]) for s in KNOT_SHARES[1:-1]}
    )
    raw_band = np.searchsorted(np.array(edges), margin, side="right")
    band = np.unique(raw_band, return_inverse=True)[1]
    return Bands(band, _mean_by(band, margin, weight))


def _mean_by(band: Array, values: Values, weight: Values) -> Values:
    total = np.bincount(band, weights=weight)
    return np.bincount(band, weights=weight * values) / np.where(total > 0, total, np.nan)


def refit_intervals(
    train: Rows, calibration: Rows, raw: Values, line: Calibration, fitter: Fitter, *, refits: int, step: Step
) -> IntervalKnots:  # fmt: skip
    """Standard errors of the margin by cluster-bootstrap refits of model and calibration.

    Each refit draws pairs with replacement (Poisson weights), fits a new model on the drawn ones, calibrates with the
    same draw of the cross-fitted scores ``raw``, and scores the calibration rows of the pairs that were not drawn.  The
    mean risk per margin band of each refit gives, over the refits, the standard error of the band's log-odds.
    """
    rate = line.log_sampling_rate
    bands = margin_bands(margins(raw, line), calibration.weight)
    times_of = _PairDraws((train.pair, calibration.pair), (fitter.seed, 1))

    def logits(times: tuple[Array, ...]) -> Values:
        drawn, left = times[0] > 0, times[1] == 0
        scorer = fitter.fit(train[drawn], times=times[0][drawn])
        intercept, slope = _line(raw + rate, calibration.label, calibration.weight * times[1])
        risk = sigmoid(intercept + slope * (scorer.raw(calibration.values[left]) + rate))
        return _band_logits(bands, left, risk, calibration.weight[left])

    drawn_logits = []
    for number, one in enumerate(in_order(logits, (times_of.draw() for _ in range(refits)))):
        drawn_logits.append(one)
        step((number + 1) / refits)
    return _knots(bands, np.array(drawn_logits))


class _PairDraws:
    """Poisson(1) weights of pairs, the same for every row of a pair in each of some lists of rows."""

    def __init__(self, pairs: tuple[Array, ...], seed: tuple[int, ...]) -> None:
        self._size, codes = _coded(pairs)
        self._codes = np.split(codes, np.cumsum([len(rows) for rows in pairs])[:-1])
        self._rng = np.random.default_rng(seed)

    def draw(self) -> tuple[Array, ...]:
        """The weight of every row, list by list."""
        times = self._rng.poisson(1.0, self._size)
        return tuple(times[codes] for codes in self._codes)


def _coded(pairs: tuple[Array, ...]) -> tuple[int, Array]:
    names, codes = np.unique(np.concatenate(pairs), return_inverse=True)
    return len(names), codes


def line_intervals(
    raw: Values, rows: Rows, calibration: Calibration, *, refits: int, seed: int
) -> IntervalKnots:  # fmt: skip
    """The same for a fixed score such as the points: only the calibration is fitted again."""
    bands = margin_bands(margins(raw, calibration), rows.weight)
    times_of = _PairDraws((rows.pair,), (seed, 2))
    everyone = np.ones(len(rows), bool)
    logits = []
    for _ in range(refits):
        weight: Values = rows.weight * times_of.draw()[0]
        intercept, slope = _line(raw + calibration.log_sampling_rate, rows.label, weight)
        risk = sigmoid(intercept + slope * (raw + calibration.log_sampling_rate))
        logits.append(_band_logits(bands, everyone, risk, rows.weight))
    return _knots(bands, np.array(logits))


def _band_logits(bands: Bands, rows: Array, risk: Values, weight: Values) -> Values:
    total = np.bincount(bands.band[rows], weights=weight, minlength=len(bands.centre))
    summed = np.bincount(bands.band[rows], weights=weight * risk, minlength=len(bands.centre))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = summed / total
        return np.log(mean) - np.log1p(-mean)


def _knots(bands: Bands, logits: Values) -> IntervalKnots:
    """Knots from drawn log-odds of shape (refits, bands).

    A draw may turn the line round: that is part of what is not known.  A draw without any line, or a band that no row of
    a draw fell into, is left out of the spread.  Raises UserError where fewer than two draws in three have a line.
    """
    drawn: Array = np.asarray(np.isfinite(logits).any(axis=1))
    if drawn.mean() < LEAST_SHARE_OF_DRAWS:
        raise UserError(
            f"only {drawn.sum()} of {drawn.size} bootstrap draws hold enough incidents to calibrate: an interval made from "
            "them would be too narrow; bring longer or more records"
        )
    logits = logits[drawn]
    error = np.nanstd(logits, axis=0, ddof=1)
    return IntervalKnots(margin=tuple(bands.centre.tolist()), standard_error=tuple(error.tolist()))
