"""The explainable boosting machine (Lou, Caruana, Gehrke 2012; Nori et al. 2019), written down as tables.

interpret fits one step function of each column.  Directions of the catalogue are kept among known values; what an unknown
value adds has a bin of its own, which is free.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.history import Array
from features.indicator import Indicator
from features.view import Values
from training.artifact.tables import Table, Tables, TableScorer
from training.family_settings import ExplainableBoostingSection
from training.matrix_parts import Rows


@dataclass(frozen=True)
class BoostingFitter:
    """How the machine is fitted: its settings, how many bags, the indicators in column order, and the seed."""

    settings: ExplainableBoostingSection
    indicators: tuple[Indicator, ...]
    seed: int
    bags: int

    def fit(self, rows: Rows, *, times: Array | None = None) -> TableScorer:
        """The machine fitted on some rows.  Each bag stops by the pairs it left out, never by rows of pairs it saw."""
        from interpret.glassbox import ExplainableBoostingClassifier  # noqa: PLC0415  (two seconds: only where it fits)

        chosen = self.settings
        places = [(i, name) for i in self.indicators for name in i.columns]
        nominal = [bool(i.categories) and name == i.column for i, name in places]
        machine = ExplainableBoostingClassifier(
            feature_names=[name for _, name in places],
            feature_types=["nominal" if codes else "continuous" for codes in nominal],
            max_bins=chosen.max_bins, interactions=chosen.interactions, outer_bags=self.bags,
            learning_rate=chosen.learning_rate, max_rounds=chosen.max_rounds, min_samples_leaf=chosen.min_samples_leaf,
            monotone_constraints=[0 if codes else i.direction.monotone for codes, (i, _) in zip(nominal, places, strict=True)],
            n_jobs=1, random_state=self.seed % 2**31,
        )  # fmt: skip
        weight = rows.pair_weight if times is None else rows.pair_weight * times
        # It warns that its own pictures leave missing values out; ours do not.  No catch_warnings: several threads fit.
        warnings.filterwarnings("ignore", message="Missing values detected")
        machine.fit(rows.values, rows.label, sample_weight=weight, bags=self._bags(rows.pair))
        return TableScorer(_tables(machine, places, weight, rows.values))

    def _bags(self, pair: Array) -> Array:
        """1 where a bag fits, -1 where it is stopped by: shape (rows, bags); whole pairs on one side."""
        pairs, place = np.unique(pair, return_inverse=True)
        held_out = np.random.default_rng((self.seed, 3)).random((len(pairs), self.bags)) < self.settings.held_out_share
        return np.where(held_out[place.ravel()], -1, 1).astype(np.int8)


def _tables(
    machine: Any, places: list[tuple[Indicator, str]], weight: Values, values: Values
) -> Tables:  # fmt: skip
    """The machine as tables, each with mean 0 over the rows it was fitted on."""
    tables, base = [], float(machine.intercept_[0])
    scores = {features[0]: own for features, own in zip(machine.term_features_, machine.term_scores_, strict=True)}
    for at, (_, name) in enumerate(places):
        table = _table(name, scores.get(at), machine.bins_[at][0])
        mean = float(np.average(TableScorer(Tables(base=0.0, columns=(table,))).raw(values[:, [at]]), weights=weight))
        base += mean
        adds = tuple(one - mean for one in table.adds)
        tables.append(table.model_copy(update={"adds": adds, "missing": table.missing - mean}))
    return Tables(base=base, columns=tuple(tables))


def _table(name: str, scores: Values | None, bins: Any) -> Table:
    """Interpret keeps what is missing first and what was never seen last; in between are the bins in order."""
    if scores is None:
        return Table(column=name, shape="steps", adds=(0.0,), missing=0.0)
    if isinstance(bins, dict):
        codes = {int(float(code)): float(scores[place]) for code, place in bins.items()}
        highest = max(codes, default=-1)
        unseen = float(scores[0])
        adds = tuple(codes.get(code, unseen) for code in range(highest + 1))
        return Table(column=name, shape="codes", adds=adds or (unseen,), missing=unseen)
    return Table(
        column=name, shape="steps", at=tuple(bins.tolist()), adds=tuple(scores[1:-1].tolist()), missing=float(scores[0])
    )
