"""Which rows stand in the top under one ranking and not under another, and what became of them."""

from __future__ import annotations

import numpy as np

from training.evaluation.bootstrap import Draws, Weights, bootstrap, totals_by_cluster
from training.evaluation.champion_record import Moves
from training.evaluation.held_out import Floats, HeldOutRows, Integers
from training.evaluation.interval import Sample, measure
from training.evaluation.measured import Measured

TOPS = (0.0015, 0.01, 0.05)
_GROUPS = ("staying", "entering", "leaving")


class _RateDraws:
    """The observed rate of each group of rows in each draw; rows of group -1 are in none."""

    def __init__(self, group: Integers, label: Integers, cluster: Integers, n_clusters: int) -> None:
        inside, hit = group >= 0, (group >= 0) & (label == 1)
        n_groups = len(_GROUPS)
        self._rows = totals_by_cluster(group[inside], cluster[inside], n_groups=n_groups, n_clusters=n_clusters)
        self._hits = totals_by_cluster(group[hit], cluster[hit], n_groups=n_groups, n_clusters=n_clusters)

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed by the name of the group."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.asarray(self._hits @ weights, np.float64) / np.asarray(self._rows @ weights, np.float64)
        return {(name,): rates[place] for place, name in enumerate(_GROUPS)}


def top_rows(score: Floats, capacity: float) -> Integers:
    """Returns the rows (k,) with the highest scores; ties are broken by their place among the rows, alike for all."""
    count = max(1, round(capacity * len(score)))
    return np.argsort(-score, kind="stable")[:count]


def moves_between(rows: HeldOutRows, new: Floats, old: Floats, *, capacity: float, draws: int, seed: int) -> Moves:
    """Returns who stays in the top ``capacity``, who enters and who leaves when ``old`` gives way to ``new``."""
    in_new, in_old = (np.isin(np.arange(len(new)), top_rows(score, capacity)) for score in (new, old))
    group = np.select([in_new & in_old, in_new & ~in_old, in_old & ~in_new], [0, 1, 2], default=-1)
    cluster = np.unique(rows.pair, return_inverse=True)[1]
    n_clusters = int(cluster.max()) + 1
    drawn = bootstrap(
        {"rates": _RateDraws(group, rows.label, cluster, n_clusters)}, n_clusters=n_clusters, draws=draws, seed=seed
    )
    rates: dict[str, Measured | None] = {}
    for place, name in enumerate(_GROUPS):
        inside = group == place
        rates[name] = _rate(rows, inside, drawn["rates", name], name) if inside.any() else None
    return Moves(
        capacity=capacity,
        n_stay=int((group == 0).sum()),
        n_enter=int((group == 1).sum()),
        n_leave=int((group == 2).sum()),
        rate_of_staying=rates["staying"],
        rate_of_entering=rates["entering"],
        rate_of_leaving=rates["leaving"],
    )


def _rate(rows: HeldOutRows, inside: Integers, draws: Floats, name: str) -> Measured:
    sample = Sample.of(
        label=rows.label[inside], dispute=rows.dispute[inside], pair=rows.pair[inside], population=name, ranker="model"
    )
    return measure("observed_rate", float(rows.label[inside].mean()), drawn=draws, sample=sample)
