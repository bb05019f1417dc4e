"""The points score as a model that can stand in for the trees: it needs their contract alone."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from features import catalogue
from features.view import Values
from training.artifact.contract import ColumnContract, ModelContract, TierCuts
from training.artifact.model import Explained
from training.artifact.points import points_by_item, points_margin
from training.artifact.scale import interval

POINTS_NAME = "defuse-points"


class Model(Protocol):
    """What scoring asks of a model, be it trees, tables or points."""

    contract: ModelContract
    digest: str
    indicators: tuple[str, ...]
    own_columns: dict[str, ColumnContract]

    @property
    def name(self) -> str:
        """Its registered name."""
        ...

    @property
    def tiers(self) -> TierCuts:
        """The margins from which a case is red, orange or yellow."""
        ...

    @property
    def base_margin(self) -> float:
        """The margin (log-odds) before any indicator speaks."""
        ...

    def explain_rows(self, rows: Values) -> Explained:
        """Margins and contributions of rows built from the columns of its indicators, in catalogue order."""
        ...

    def interval(self, margin_log_odds: Values) -> tuple[Values, Values]:
        """The 95% interval of the mean 90-day risk of cases with this margin."""
        ...


class PointsModel:
    """The compulsory baseline of a contract, with its own calibration, interval and tiers.

    ``digest`` is that of the contract file.  Its rows hold the columns of its own indicators alone, in catalogue order.
    """

    name = POINTS_NAME

    def __init__(self, contract: ModelContract, *, digest: str) -> None:
        self.contract = contract
        self.digest = digest
        chosen = catalogue.chosen({item.indicator for item in contract.points.items})
        self.indicators = tuple(indicator.id for indicator in chosen)
        self._names = catalogue.columns_of(chosen)
        self.own_columns = {name: contract.own_columns[name] for name in self.indicators}
        self._groups = np.array([self.indicators.index(item.indicator) for item in contract.points.items])

    @property
    def tiers(self) -> TierCuts:
        """The margins from which a case is red, orange or yellow."""
        return self.contract.points.tiers

    @property
    def base_margin(self) -> float:
        """The margin (log-odds) of no point at all."""
        calibration = self.contract.points.calibration
        return calibration.intercept + calibration.slope * calibration.log_sampling_rate

    def explain_rows(self, rows: Values) -> Explained:
        """Margins with the calibrated points of each indicator as its contribution."""
        points = self.contract.points
        columns = {name: rows[:, place] for place, name in enumerate(self._names)}
        earned = points_by_item(columns, points.items)
        by_indicator = np.zeros((len(rows), len(self.indicators)))
        for place, group in enumerate(self._groups):
            by_indicator[:, group] += earned[:, place]
        return Explained(
            margin=points_margin(earned.sum(axis=1), points),
            base_margin=self.base_margin,
            contributions=points.calibration.slope * by_indicator,
            indicators=self.indicators,
        )

    def interval(self, margin_log_odds: Values) -> tuple[Values, Values]:
        """The 95% interval of the mean 90-day risk of cases with this margin."""
        return interval(margin_log_odds, self.contract.points.intervals)
