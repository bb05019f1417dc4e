"""Log-odds, probabilities and their intervals: one formula each, for training, batch and service."""

from __future__ import annotations

import numpy as np

from features.view import Values
from training.artifact.contract import IntervalKnots

Z_95 = 1.959963984540054


def sigmoid(margin_log_odds: Values) -> Values:
    """The probability of a margin in log-odds."""
    return 1.0 / (1.0 + np.exp(-margin_log_odds))


def interval(margin_log_odds: Values, knots: IntervalKnots) -> tuple[Values, Values]:
    """The 95% interval of the mean 90-day risk of cases with this margin: margin +- 1.96 standard errors."""
    error = Z_95 * np.interp(margin_log_odds, knots.margin, knots.standard_error)
    return sigmoid(margin_log_odds - error), sigmoid(margin_log_odds + error)
