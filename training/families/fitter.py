"""Fitting: what every family offers, and the trees: LightGBM with monotone constraints, the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import lightgbm as lgb
import numpy as np

from features.catalogue import columns_of
from features.history import Array
from features.indicator import Indicator
from features.view import Values
from training.artifact.scorer import Scorer, TreeScorer
from training.family_settings import LightGBMSection
from training.matrix_parts import Rows

MOST_OF_THE_ROWS = 0.02
"""Settings made for a province would leave the trees of a county without a split: no leaf asks for more of the training rows."""


class Fitter(Protocol):
    """A family with all its settings chosen: fits as often as asked, deterministically."""

    @property
    def seed(self) -> int:
        """Fixes folds, bootstrap draws and whatever else is drawn."""
        ...

    def fit(self, rows: Rows, *, times: Array | None = None) -> Scorer:
        """The scorer fitted on some rows, each as often as a bootstrap drew it (``times``).

        Rows weigh what makes up for the pairs left out, not the sampling of negatives: the margin corrects that.
        """
        ...


@dataclass(frozen=True)
class TreeFitter:
    """How trees are fitted: the settings, the indicators in column order, and the seed."""

    settings: LightGBMSection
    indicators: tuple[Indicator, ...]
    seed: int

    def fit(self, rows: Rows, *, times: Array | None = None) -> TreeScorer:
        """The trees fitted on some rows; one thread, same bytes."""
        names = list(columns_of(self.indicators))
        data = lgb.Dataset(
            rows.values,
            label=rows.label.astype(np.float64),
            weight=rows.pair_weight if times is None else rows.pair_weight * times,
            feature_name=names,
            categorical_feature=[i.column for i in self.indicators if i.categories],
            params={"max_bin": self.settings.max_bin, "verbosity": -1, "num_threads": 1},
            free_raw_data=True,
        )
        return TreeScorer(lgb.train(self._parameters(), data, num_boost_round=self.settings.rounds))

    def _parameters(self) -> dict[str, object]:
        settings = self.settings.model_dump()
        settings.pop("rounds")
        return {
            **settings,
            "objective": "binary",
            "monotone_constraints": [i.direction.monotone for i in self.indicators for _ in i.columns],
            "monotone_constraints_method": "basic",
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "seed": self.seed,
            "verbosity": -1,
        }


def settings_for(settings: LightGBMSection, rows: Rows) -> LightGBMSection:
    """The settings for some training rows: their folds, refits and final fit all get the same leaves."""
    most = max(1, int(MOST_OF_THE_ROWS * len(rows)))
    return settings.model_copy(update={"min_data_in_leaf": min(settings.min_data_in_leaf, most)})


def raw_scores(scorer: Scorer, values: Values) -> Values:
    """The uncalibrated log-odds of rows, shape (rows,)."""
    return scorer.raw(values)
