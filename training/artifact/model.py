"""The saved model at work: margins, probabilities and exact contributions, by column name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from features.view import Values
from training.artifact.contract import ModelContract, TierCuts
from training.artifact.points import points_by_item, points_margin
from training.artifact.scale import interval, sigmoid
from training.artifact.scorer import Scorer, TreeScorer

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Explained:
    """Scores with their exact parts: ``base_margin + contributions.sum(axis=1) = margin`` to 1e-9.

    ``margin`` has shape (rows,), ``contributions`` (rows, indicators): log-odds, in the order of ``indicators``.
    """

    margin: Values
    base_margin: float
    contributions: Values
    indicators: tuple[str, ...]

    @property
    def probability(self) -> Values:
        """The 90-day risk, shape (rows,)."""
        return sigmoid(self.margin)


class RiskModel:
    """A verified model, in the manner of a scikit-learn classifier.

    Inputs are tables by column name (a DataFrame, or a mapping of names to arrays): a row is always built from the
    column contract, since LightGBM would silently answer for columns in another order.
    """

    def __init__(self, scorer: Scorer, contract: ModelContract, *, digest: str) -> None:
        self.scorer = scorer
        self.contract = contract
        self.digest = digest
        self.classes_ = np.array([0, 1])
        self.indicators = tuple(dict.fromkeys(contract.indicator_ids))
        self.own_columns = contract.own_columns
        groups = [self.indicators.index(name) for name in contract.indicator_ids]
        self._first = np.array([groups.index(group) for group in range(len(self.indicators))], np.intp)
        self._further = [(group, place) for place, group in enumerate(groups) if place != self._first[group]]

    @property
    def booster(self) -> lgb.Booster:
        """LightGBM's booster.  Raises AttributeError for a model that is not made of trees."""
        if not isinstance(self.scorer, TreeScorer):
            raise AttributeError(f"the model is of the family {self.contract.family}: it has tables, no trees")
        return self.scorer.booster

    @property
    def feature_names_in_(self) -> tuple[str, ...]:
        """The columns the model reads, by name."""
        return self.contract.column_names

    @property
    def name(self) -> str:
        """Its registered name."""
        return self.contract.name

    @property
    def tiers(self) -> TierCuts:
        """The margins from which a case is red, orange or yellow."""
        return self.contract.tiers

    @property
    def base_margin(self) -> float:
        """The margin (log-odds) before any indicator speaks."""
        calibration = self.contract.calibration
        return calibration.intercept + calibration.slope * (self.contract.raw_base + calibration.log_sampling_rate)

    def rows(self, columns: Columns) -> Values:
        """The model's input rows, shape (rows, columns), built by name.  Raises KeyError for a missing column."""
        missing = [name for name in self.contract.column_names if name not in columns]
        if missing:
            raise KeyError(f"the matrix lacks the columns {', '.join(missing)} of the model's contract")
        return np.column_stack([np.asarray(columns[name], np.float64) for name in self.contract.column_names])

    def margin(self, columns: Columns) -> Values:
        """The calibrated log-odds of the 90-day risk, shape (rows,)."""
        return self.margin_of_rows(self.rows(columns))

    def margin_of_rows(self, rows: Values) -> Values:
        """The calibrated log-odds of rows built by the contract."""
        return self._calibrated(self.scorer.raw(rows))

    def _calibrated(self, raw: Values) -> Values:
        calibration = self.contract.calibration
        return calibration.intercept + calibration.slope * (raw + calibration.log_sampling_rate)

    def predict_proba(self, columns: Columns) -> Values:
        """Probabilities of (no, yes), shape (rows, 2)."""
        positive = sigmoid(self.margin(columns))
        return np.column_stack([1 - positive, positive])

    def explain(self, columns: Columns) -> Explained:
        """Margins with one exact contribution per indicator, scaled by the slope: of trees TreeSHAP, else the tables' own."""
        return self.explain_rows(self.rows(columns))

    def explain_rows(self, rows: Values) -> Explained:
        """The same for rows built by the contract."""
        raw, parts = self.scorer.explained(rows)
        by_indicator = parts[:, self._first]
        for group, place in self._further:
            by_indicator[:, group] += parts[:, place]
        return Explained(
            margin=self._calibrated(raw),
            base_margin=self.base_margin,
            contributions=self.contract.calibration.slope * by_indicator,
            indicators=self.indicators,
        )

    def interval(self, margin_log_odds: Values) -> tuple[Values, Values]:
        """The 95% interval of the mean 90-day risk of cases with this margin."""
        return interval(margin_log_odds, self.contract.intervals)

    def explain_points(self, columns: Columns) -> Explained:
        """The points score of the same rows, explained by its lines: the baseline and the fallback."""
        points = self.contract.points
        earned = points_by_item(columns, points.items)
        calibration = points.calibration
        return Explained(
            margin=points_margin(earned.sum(axis=1), points),
            base_margin=calibration.intercept + calibration.slope * calibration.log_sampling_rate,
            contributions=calibration.slope * earned,
            indicators=tuple(item.indicator for item in points.items),
        )
