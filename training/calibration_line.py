"""The calibration line: logistic regression of the label on the margin, for one sample or many draws at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]

MOST_STEPS = 60
LONGEST_STEP = 2.0
CLOSE_ENOUGH = 1e-9
FARTHEST_SLOPE = 50.0


@dataclass(frozen=True, kw_only=True)
class CalibrationLine:
    """Intercept and slope of logit P(label) = intercept + slope x margin, (draws,); NaN where no fit was reached."""

    intercept: Floats
    slope: Floats


def calibration_line(
    margin: Floats, *, total: Floats, positive: Floats, start: tuple[float, float] = (0.0, 1.0)
) -> CalibrationLine:
    """Returns the unpenalised maximum-likelihood line for each column of weights, by Newton's method.

    ``margin`` (n,) in log-odds; ``total`` and ``positive`` (n, draws) the weight of all and of the positive rows
    with that margin.  A column without both kinds of rows, or whose kinds a cut in the margin separates (the slope
    runs away), gives NaN: too few to say.  Source: Cox 1958, two further applications of a model for binary regression.
    """
    draws = total.shape[1]
    centre = float(np.average(margin, weights=total.sum(axis=1))) if total.any() else 0.0
    x = (margin - centre)[:, None]
    level = np.full(draws, start[0] + start[1] * centre)
    slope = np.full(draws, start[1])
    going = _both_kinds(total, positive)
    settled = np.zeros(draws, dtype=bool)
    for _ in range(MOST_STEPS):
        columns = np.flatnonzero(going & ~settled)
        if not len(columns):
            break
        step = _newton_step(x, level[columns], slope[columns], total=total[:, columns], positive=positive[:, columns])
        level[columns] += step[0]
        slope[columns] += step[1]
        settled[columns] = np.abs(step).max(axis=0) < CLOSE_ENOUGH
        going[columns] = np.isfinite(slope[columns]) & (np.abs(slope[columns]) < FARTHEST_SLOPE)
    good = settled & going
    return CalibrationLine(
        intercept=np.where(good, level - slope * centre, np.nan), slope=np.where(good, slope, np.nan)
    )


def _both_kinds(total: Floats, positive: Floats) -> npt.NDArray[np.bool_]:
    hits = positive.sum(axis=0)
    return (hits > 0) & (total.sum(axis=0) - hits > 0)


def _newton_step(x: Floats, level: Floats, slope: Floats, *, total: Floats, positive: Floats) -> Floats:
    """Returns the (2, draws) step towards the maximum, shortened to ``LONGEST_STEP``; NaN where it is not defined."""
    chance = expit(level + slope * x)
    fitted = total * chance
    pull = positive - fitted
    spread = fitted * (1.0 - chance)
    gradient = np.stack([pull.sum(axis=0), (x * pull).sum(axis=0)])
    curve_00, curve_01, curve_11 = spread.sum(axis=0), (x * spread).sum(axis=0), (x * x * spread).sum(axis=0)
    determinant = curve_00 * curve_11 - curve_01**2
    defined = determinant > 1e-12 * curve_00 * curve_11
    safe = np.where(defined, determinant, 1.0)
    step = np.stack(
        [
            (curve_11 * gradient[0] - curve_01 * gradient[1]) / safe,
            (curve_00 * gradient[1] - curve_01 * gradient[0]) / safe,
        ]
    )
    step[:, ~defined] = np.nan
    size = np.maximum(np.abs(step).max(axis=0), LONGEST_STEP)
    return step * (LONGEST_STEP / size)


def calibration_intercept(margin: Floats, *, total: Floats, positive: Floats) -> Floats:
    """Returns the shift of the margin that makes expected equal observed (slope held at 1), (draws,); NaN without both.

    Calibration in the large: above 0 the model says too little, below 0 too much.  Arguments as in
    ``calibration_line``; Newton on the offset, kept monotone by the same longest step.
    """
    shift = np.zeros(total.shape[1])
    going = _both_kinds(total, positive)
    settled = np.zeros(total.shape[1], dtype=bool)
    observed = positive.sum(axis=0)
    for _ in range(MOST_STEPS):
        columns = np.flatnonzero(going & ~settled)
        if not len(columns):
            break
        chance = expit(margin[:, None] + shift[columns])
        weight = total[:, columns]
        fitted = weight * chance
        slope = np.maximum((fitted * (1.0 - chance)).sum(axis=0), 1e-300)
        step = np.clip((observed[columns] - fitted.sum(axis=0)) / slope, -LONGEST_STEP, LONGEST_STEP)
        shift[columns] += step
        settled[columns] = np.abs(step) < CLOSE_ENOUGH
    return np.where(settled, shift, np.nan)
