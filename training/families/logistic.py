"""Penalised logistic regression that keeps to the catalogue's directions, written down as tables.

Each column becomes one standardised number (signed log1p of the value, straight between quantiles of the training rows,
flat outside them), a mark where it is not known, and one mark for each code of a category.  A column that may only raise
the score gets no coefficient below 0: bounds of L-BFGS-B (Byrd et al. 1995).  What an unknown value adds is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from features.history import Array
from features.indicator import Indicator
from features.view import Values
from training.artifact.tables import Table, Tables, TableScorer
from training.matrix_parts import Rows

KNOT_SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
MOST_STEPS = 300
ITS_OWN_BLOCK = 65_536


@dataclass(frozen=True)
class LogisticFitter:
    """How the regression is fitted: the ridge penalty on standardised coefficients, the indicators, and the seed."""

    penalty: float
    indicators: tuple[Indicator, ...]
    seed: int

    def fit(self, rows: Rows, *, times: Array | None = None) -> TableScorer:
        """The regression fitted on some rows, as tables whose mean over these rows is 0."""
        weight = rows.pair_weight if times is None else rows.pair_weight * times
        places = [(i, name) for i in self.indicators for name in i.columns]
        columns = [_column(i, name, rows.values[:, at], weight) for at, (i, name) in enumerate(places)]
        features = np.column_stack([one.features(rows.values[:, at]) for at, one in enumerate(columns)])
        signs = [sign for one in columns for sign in one.signs]
        solved = _solve(features, rows.label.astype(np.float64), weight, penalty=self.penalty, signs=signs)
        means = np.einsum("i,ij->j", weight, features) / weight.sum()
        tables, base, start = [], float(solved[0]), 1
        for one in columns:
            end = start + len(one.signs)
            centre = float(np.sum(solved[start:end] * means[start - 1 : end - 1]))
            tables.append(one.table(solved[start:end], centre))
            base, start = base + centre, end
        return TableScorer(Tables(base=base, columns=tuple(tables)))


@dataclass(frozen=True)
class _Number:
    """A column of numbers: a standardised level between knots, and a mark where nothing is known."""

    name: str
    knots: Values
    levels: Values
    monotone: int

    @property
    def signs(self) -> tuple[int, ...]:
        return (self.monotone, 0)

    def features(self, values: Values) -> Values:
        known = ~np.isnan(values)
        level = np.where(known, np.interp(np.where(known, values, self.knots[0]), self.knots, self.levels), 0.0)
        return np.column_stack([level, ~known])

    def table(self, found: Values, centre: float) -> Table:
        adds = found[0] * self.levels - centre
        return Table(
            column=self.name, shape="line", at=tuple(self.knots.tolist()), adds=tuple(adds.tolist()),
            missing=float(found[1] - centre),
        )  # fmt: skip


@dataclass(frozen=True)
class _Category:
    """A column of codes: a mark for each, and one where nothing is known."""

    name: str
    codes: int

    @property
    def signs(self) -> tuple[int, ...]:
        return (0,) * (self.codes + 1)

    def features(self, values: Values) -> Values:
        code = np.where(np.isnan(values), self.codes, values)
        return (code[:, None] == np.arange(self.codes + 1)).astype(np.float64)

    def table(self, found: Values, centre: float) -> Table:
        return Table(
            column=self.name,
            shape="codes",
            adds=tuple((found[:-1] - centre).tolist()),
            missing=float(found[-1] - centre),
        )


def _column(indicator: Indicator, name: str, values: Values, weight: Values) -> _Number | _Category:
    if indicator.categories and name == indicator.column:
        return _Category(name, len(indicator.category_codes))
    known = ~np.isnan(values)
    if not known.any():
        return _Number(name, np.zeros(1), np.zeros(1), indicator.direction.monotone)
    knots = np.unique(np.quantile(values[known], KNOT_SHARES))
    raw = np.sign(knots) * np.log1p(np.abs(knots))
    level = np.interp(values[known], knots, raw)
    mean = np.average(level, weights=weight[known])
    spread = np.sqrt(np.average((level - mean) ** 2, weights=weight[known]))
    return _Number(name, knots, (raw - mean) / (spread or 1.0), indicator.direction.monotone)


def _solve(features: Values, label: Values, weight: Values, *, penalty: float, signs: Sequence[int]) -> Values:
    """Intercept and coefficients that minimise weighted log loss + penalty / 2 x their squares, within their signs.

    Products are summed by ``einsum`` (block by block) and ``sum``: one order, and one digest, whatever the number of cores.
    The ``@`` of numpy hands long vectors to BLAS, which cuts them into as many parts as there are cores.
    """
    share = float(np.average(label, weights=weight))
    start = np.zeros(features.shape[1] + 1)
    start[0] = np.log(share) - np.log1p(-share)
    blocks = [slice(at, at + ITS_OWN_BLOCK) for at in range(0, len(label), ITS_OWN_BLOCK)]
    scale = 1.0 / float(np.sum(weight * label))

    def loss(found: Values) -> tuple[float, Values]:
        total, slope = 0.5 * penalty * float(np.sum(found[1:] ** 2)), np.concatenate([[0.0], penalty * found[1:]])
        for block in blocks:
            margin = found[0] + np.einsum("ij,j->i", features[block], found[1:])
            total += float(np.sum(weight[block] * (np.logaddexp(0.0, margin) - label[block] * margin)))
            pull = weight[block] * (expit(margin) - label[block])
            slope[0] += pull.sum()
            slope[1:] += np.einsum("ij,i->j", features[block], pull)
        return total * scale, slope * scale

    bounds = [(None, None), *((0.0 if sign > 0 else None, 0.0 if sign < 0 else None) for sign in signs)]
    done = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST_STEPS})
    return done.x
