"""The same few numbers at every origin, and for any pair of scores of the same rows: without bands, months and gains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.cores import in_order
from training.evaluation.bootstrap import Statistic, bootstrap
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.interval import compare, measure
from training.evaluation.measured import Difference, Measured
from training.evaluation.rankers import ALL, CAPACITIES, Judged

NOT_COMPARED = ("base_rate", "mean_probability")


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The measured numbers of every ranker, and the paired differences first minus each other."""

    measured: tuple[Measured, ...]
    differences: tuple[Difference, ...]

    def find(self, name: str, *, ranker: str) -> Measured:
        """Returns one number; raises ``KeyError`` where there is none."""
        return {(item.name, item.ranker): item for item in self.measured}[name, ranker]


def numbers_of(
    rows: HeldOutRows, rankers: Mapping[str, Scores], *, draws: int, seed: int,
    capacities: tuple[float, ...] = CAPACITIES, lines: bool = True,
) -> Numbers:  # fmt: skip
    """Returns ranking and calibration of each ranker with intervals, and the first one's differences to the others."""
    pair = np.unique(rows.pair, return_inverse=True)[1]
    judged = {
        name: Judged(ranker=name, label=rows.label, dispute=rows.dispute, pair=pair, scores=scores, population=ALL)
        for name, scores in rankers.items()
    }
    n_clusters = int(pair.max()) + 1
    statistics: dict[str, Statistic] = {
        name: item.draws(n_clusters=n_clusters, lines=lines, capacities=capacities) for name, item in judged.items()
    }
    drawn = bootstrap(statistics, n_clusters=n_clusters, draws=draws, seed=seed)
    points = in_order(lambda item: item.points(capacities, lines=lines), judged.values())
    measured = {
        (ranker, name): measure(name, value, drawn=drawn[ranker, ALL, name], sample=item.sample)
        for (ranker, item), values in zip(judged.items(), points, strict=True)
        for name, value in values.items()
    }
    model, *others = judged
    differences = tuple(
        compare(
            number, measured[other, name], drawn=drawn[model, ALL, name] - drawn[other, ALL, name],
            n_event_pairs=judged[model].sample.n_event_pairs,
        )
        for other in others
        for (ranker, name), number in measured.items()
        if ranker == model and name not in NOT_COMPARED
    )  # fmt: skip
    return Numbers(measured=tuple(measured.values()), differences=differences)
