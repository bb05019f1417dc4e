"""Whether a protected attribute shows in the model's columns: better than kind and district alone would tell it?

A warning, never a gate: an attribute can show because records differ, because lives differ, or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from training.audit.contrast import holm_levels
from training.audit.record import FEWEST_EVENTS, NOT_RECORDED, PROXY_MARGIN, SMALLEST_COUNT, Proxy
from training.evaluation.bootstrap import Draws, Statistic, Weights, bootstrap, percentile_interval, totals_by_cluster
from training.evaluation.held_out import HeldOutRows
from training.evaluation.measured import Measured
from training.evaluation.metrics import auc

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Coded = tuple[Integers, tuple[str, ...]]

MOST_DISPUTES = 20_000
FOLDS = 3
ROUNDS = 60
_TREES: dict[str, Any] = {
    "objective": "binary", "max_depth": 4, "num_leaves": 12, "learning_rate": 0.1, "min_data_in_leaf": 50,
    "lambda_l2": 10.0, "max_bin": 63, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What the model reads of the test rows: ``values`` (n, columns), and which columns are codes."""

    values: Floats
    categorical: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Task:
    """One value of one attribute against all others, on the disputes where the attribute is recorded."""

    attribute: str
    group: str
    label: npt.NDArray[np.int8]
    cluster: Integers
    columns: Floats
    base: Floats


class AucDraws:
    """The AUC of some scores of the same rows in each draw of pairs, ties half."""

    def __init__(self, label: Integers, cluster: Integers, scores: Mapping[str, Floats], *, n_clusters: int) -> None:
        self._groups = {}
        for name, score in scores.items():
            values, group = np.unique(score, return_inverse=True)
            self._groups[name] = tuple(
                totals_by_cluster(group[rows], cluster[rows], n_groups=len(values), n_clusters=n_clusters)
                for rows in (label == 1, label != 1)
            )

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed by the name of the score."""
        found: Draws = {}
        for name, groups in self._groups.items():
            positive, negative = ((group @ weights).astype(np.float64) for group in groups)
            below = np.cumsum(negative, axis=0) - 0.5 * negative
            with np.errstate(invalid="ignore", divide="ignore"):
                found[name,] = (positive * below).sum(axis=0) / (positive.sum(axis=0) * negative.sum(axis=0))
        return found


def proxies_of(
    inputs: Inputs, protected: Mapping[str, Coded], *, kind: Integers, district: Integers, rows: HeldOutRows,
    draws: int, seed: int,
) -> tuple[Proxy, ...]:  # fmt: skip
    """Returns the proxy audit of every value of every protected attribute, on the last row of sampled disputes.

    Of an attribute with two values only the rarer is told: the other's AUC is the same.  The warnings are corrected
    for their number by Holm.
    """
    last = _last_rows(rows, seed)
    base = np.column_stack([kind, district])[last].astype(np.float64)
    tasks = [
        _Task(name, names[place], (codes[last][known] == place).astype(np.int8), rows.pair[last][known],
              inputs.values[last][known], base[known])
        for name, (codes, names) in protected.items()
        for known in (codes[last] != (names.index(NOT_RECORDED) if NOT_RECORDED in names else -1),)
        for place in _values_to_tell(codes[last][known])
    ]  # fmt: skip
    judged = [_judge(task, inputs.categorical, draws=draws, seed=seed) for task in tasks]
    p_values = [p for _, p in judged if p is not None]
    levels = iter(holm_levels(p_values))
    return tuple(
        proxy if p is None else proxy.model_copy(update={"warning": bool(p <= next(levels))})
        for proxy, p in judged
    )  # fmt: skip


def _last_rows(rows: HeldOutRows, seed: int) -> Integers:
    order = np.lexsort((rows.as_of_us, rows.dispute))
    last = order[np.flatnonzero(np.r_[np.diff(rows.dispute[order]) != 0, True])]
    if len(last) <= MOST_DISPUTES:
        return last
    return np.sort(np.random.default_rng(seed).choice(last, MOST_DISPUTES, replace=False))


def _values_to_tell(codes: Integers) -> list[int]:
    counts = np.bincount(codes) if len(codes) else np.zeros(0, np.int64)
    told = [int(place) for place in np.flatnonzero(counts >= SMALLEST_COUNT)]
    if len(told) < 2:
        return []
    return [min(told, key=lambda place: int(counts[place]))] if len(told) == 2 else told


def _judge(task: _Task, categorical: tuple[int, ...], *, draws: int, seed: int) -> tuple[Proxy, float | None]:
    """The proxy of one value, and the one-sided p that the model's columns tell hardly more than kind and district.

    Nor hardly more than a coin: held-out scores that know nothing come out on either side of a half, by more than the
    draws of pairs can tell; "hardly" is ``PROXY_MARGIN``.
    """
    n_with = int(task.label.sum())
    if min(n_with, len(task.label) - n_with) < FEWEST_EVENTS:
        silent = _measured(task, "proxy_auc", None, None)
        return _proxy(task, silent, silent, silent), None
    scores = {
        "columns": _cross_fitted(task, task.columns, categorical, seed),
        "base": _cross_fitted(task, task.base, (0, 1), seed),
    }
    cluster = np.unique(task.cluster, return_inverse=True)[1].ravel()
    n_clusters = int(cluster.max()) + 1
    statistics: dict[str, Statistic] = {"auc": AucDraws(task.label, cluster, scores, n_clusters=n_clusters)}
    drawn = bootstrap(statistics, n_clusters=n_clusters, draws=draws, seed=seed)
    values = {name: auc(task.label, score) or 0.5 for name, score in scores.items()}
    shift, shifts = values["columns"] - values["base"], drawn["auc", "columns"] - drawn["auc", "base"]
    p_value = max(
        _p_above(shift - PROXY_MARGIN, shifts), _p_above(values["columns"] - 0.5 - PROXY_MARGIN, drawn["auc", "columns"])
    )  # fmt: skip
    found = _proxy(
        task,
        _measured(task, "proxy_auc_of_columns", values["columns"], drawn["auc", "columns"]),
        _measured(task, "proxy_auc_of_kind_and_district", values["base"], drawn["auc", "base"]),
        _measured(task, "proxy_auc_difference", shift, shifts),
    )
    return found, p_value


def _p_above(value: float, draws: Floats) -> float:
    """The one-sided p that what was drawn is not above 0, by the normal approximation."""
    return 1 - NormalDist().cdf(value / max(float(np.nanstd(draws)), 1e-9))


def _proxy(task: _Task, columns: Measured, base: Measured, difference: Measured) -> Proxy:
    return Proxy(
        attribute=task.attribute, group=task.group, from_columns=columns, from_kind_and_district=base,
        difference=difference, warning=False,
    )  # fmt: skip


def _cross_fitted(task: _Task, values: Floats, categorical: tuple[int, ...], seed: int) -> Floats:
    """The scores of rows by trees that saw no row of their pair."""
    pairs, of_row = np.unique(task.cluster, return_inverse=True)
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(pairs))[of_row.ravel()]
    scores = np.zeros(len(task.label))
    for number in range(FOLDS):
        held = fold == number
        data = lgb.Dataset(
            values[~held], label=task.label[~held].astype(np.float64), categorical_feature=list(categorical),
            params={"max_bin": _TREES["max_bin"], "verbosity": -1},
        )  # fmt: skip
        booster = lgb.train({**_TREES, "seed": seed}, data, num_boost_round=ROUNDS)
        raw = booster.predict(values[held], raw_score=True, num_threads=1)
        scores[held] = raw - float(np.mean(raw))
    return scores


def _measured(task: _Task, name: str, value: float | None, draws: Floats | None) -> Measured:
    ends = None if draws is None else percentile_interval(draws)
    counted = {
        "name": name, "n_events": int(task.label.sum()), "n_positive_rows": int(task.label.sum()),
        "n_rows": len(task.label), "unit": "probability", "ranker": None,
        "population": f"one row of a dispute, {task.attribute}={task.group} against all others",
    }  # fmt: skip
    if value is None or ends is None:
        reason = f"fewer than {FEWEST_EVENTS} disputes with the value, or without it"
        return Measured.model_validate(counted | {"value": None, "low": None, "high": None, "reason": reason})
    told = {"value": value, "low": ends[0], "high": ends[1], "interval": "cluster bootstrap"}
    return Measured.model_validate(counted | told)
