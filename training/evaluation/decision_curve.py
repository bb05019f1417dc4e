"""The decision curve: what a threshold on the probability gains, against treating all and treating none.

Net benefit at threshold t = found / n - falsely treated / n * t / (1 - t) (Vickers and Elkin 2006): t is the risk from
which an offer is worth its cost, so a false alarm costs t / (1 - t) of what a find is worth.  Told in finds per 100,000
rows.  Treating none is 0 by definition.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.evaluation.bootstrap import Draws, Floats, Integers, Weights, totals_by_cluster
from training.evaluation.interval import Sample, measure
from training.evaluation.measured import Measured
from training.evaluation.record import DecisionPoint

THRESHOLDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02)
PER = 100_000
TREAT_ALL = "treat_all"


class DecisionDraws:
    """Net benefit of one ranker's probabilities at every threshold, and of treating all, in each draw."""

    def __init__(
        self, *, label: Integers, probability: Floats, cluster: Integers, n_clusters: int,
        thresholds: tuple[float, ...] = THRESHOLDS,
    ) -> None:  # fmt: skip
        self.thresholds = np.array(thresholds)
        step = np.searchsorted(self.thresholds, probability, side="right")
        hit = label == 1
        self._rows = totals_by_cluster(step, cluster, n_groups=len(thresholds) + 1, n_clusters=n_clusters)
        self._hits = totals_by_cluster(step[hit], cluster[hit], n_groups=len(thresholds) + 1, n_clusters=n_clusters)
        self.n_clusters = n_clusters

    def values(self) -> dict[tuple[str, ...], float]:
        """Returns the numbers of the sample itself."""
        drawn = self.draw(np.ones((self.n_clusters, 1), dtype=np.float32))
        return {key: float(values[0]) for key, values in drawn.items()}

    def treated(self) -> Integers:
        """Returns how many rows reach each threshold, (thresholds,)."""
        counts = np.asarray(self._rows.sum(axis=1)).ravel()
        return np.cumsum(counts[::-1])[::-1][1:].astype(np.int64)

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed ("net_benefit" or "net_benefit_of_treating_all", place of the threshold)."""
        rows = np.cumsum((self._rows @ weights).astype(np.float64)[::-1], axis=0)[::-1]
        hits = np.cumsum((self._hits @ weights).astype(np.float64)[::-1], axis=0)[::-1]
        odds = (self.thresholds / (1 - self.thresholds))[:, None]
        own = PER * (hits[1:] - (rows[1:] - hits[1:]) * odds) / rows[0]
        every = PER * (hits[0] - (rows[0] - hits[0]) * odds) / rows[0]
        found: Draws = {}
        for place in range(len(self.thresholds)):
            found["net_benefit", str(place)] = own[place]
            found["net_benefit_of_treating_all", str(place)] = every[place]
        return found


def decision_points(
    statistics: Mapping[str, DecisionDraws], drawn: Draws, *, samples: Mapping[str, Sample], points: str | None
) -> tuple[DecisionPoint, ...]:
    """Returns the curve of every ranker, and that of treating all; ``points`` names the ranker to compare with."""
    made = []
    for ranker, statistic in statistics.items():
        values, treated = statistic.values(), statistic.treated()
        for place, threshold in enumerate(statistic.thresholds):
            own = drawn[f"decision {ranker}", "net_benefit", str(place)]
            every = drawn[f"decision {ranker}", "net_benefit_of_treating_all", str(place)]
            value, value_all = values["net_benefit", str(place)], values["net_benefit_of_treating_all", str(place)]
            sample = samples[ranker]
            over = None
            if points is not None and ranker != points:
                other = statistics[points].values()["net_benefit", str(place)]
                shift = own - drawn[f"decision {points}", "net_benefit", str(place)]
                over = measure("net_benefit_difference", value - other, drawn=shift, sample=sample)
            made.append(
                DecisionPoint(
                    ranker=ranker,
                    threshold=float(threshold),
                    n_treated=int(treated[place]),
                    net_benefit=_told(value, own, sample, n_treated=int(treated[place])),
                    of_treating_all=measure("net_benefit_of_treating_all", value_all, drawn=every, sample=sample),
                    over_treating_all=measure(
                        "net_benefit_difference", value - value_all, drawn=own - every, sample=sample
                    ),
                    over_points=over,
                )
            )
    return tuple(made)


def _told(value: float, draws: Floats, sample: Sample, *, n_treated: int) -> Measured:
    if n_treated == 0:
        reason = "no row reaches the threshold: nothing is gained over treating none"
        return sample.measured("net_benefit", None, None, method=None, reason=reason)
    return measure("net_benefit", value, drawn=draws, sample=sample)
