"""Risk, precision, recall and observed over expected under usual care, beside the same as observed.

``sum over rows of weight x incident / number of rows``: a censored row counts among the rows and has weight 0, and those
that stand for it carry its share (Horvitz and Thompson 1952).  Intervals draw whole pairs again; the weights and the
places of the cuts are held as they are, so that what the fitted uptake itself may be off by is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from features.history import Array
from features.view import Values
from training.evaluation.bootstrap import Draws, Weights, bootstrap, percentile_interval
from training.evaluation.held_out import Mask, Scores
from training.evaluation.interval import Sample
from training.evaluation.measured import Measured
from training.evaluation.metrics import at_capacity
from training.evaluation.usual_care_record import UsualCareFigure, UsualCareRecord
from training.experiment import TreatmentSection
from training.matrix_parts import Rows

CAPACITIES = (0.01, 0.05)
POPULATION = "under usual care at the landmark"
RATIO = "usual_care_over_observed"


@dataclass
class _Sums:
    """Quotients of sums over pairs: of each draw, (weight of pairs x numerator) / (weight of pairs x denominator)."""

    pair: Array
    n_pairs: int
    names: list[str] = field(default_factory=list)
    tops: list[Values] = field(default_factory=list)
    bottoms: list[Values] = field(default_factory=list)

    def add(self, name: str, top: Values, bottom: Values) -> None:
        """Add a quotient of two columns (rows,)."""
        self.names.append(name)
        for columns, column in ((self.tops, top), (self.bottoms, bottom)):
            columns.append(np.bincount(self.pair, weights=column, minlength=self.n_pairs).astype(np.float64))

    def whole(self) -> dict[str, float]:
        """Every quotient over all rows once."""
        return dict(zip(self.names, map(float, self._over(np.ones((self.n_pairs, 1)))[:, 0]), strict=True))

    def draw(self, weights: Weights) -> Draws:
        """Every quotient for each draw of a block of weights (pairs, draws)."""
        return {(name,): one for name, one in zip(self.names, self._over(weights), strict=True)}

    def _over(self, weights: Weights | Values) -> Values:
        with np.errstate(invalid="ignore", divide="ignore"):
            return (np.array(self.tops) @ weights) / (np.array(self.bottoms) @ weights)


def usual_care_record(
    test: Rows, rankers: Mapping[str, Scores], *, settings: TreatmentSection, horizon_days: int, draws: int, seed: int
) -> UsualCareRecord:
    """Everything a report says of risk under usual care, from test rows with their weights (``Rows.care``)."""
    under = np.isnan(test.care)
    rows = test[~under]
    censored = rows.care == 0
    weight = rows.care[~censored]
    figures = [
        one
        for name, scores in rankers.items()
        for one in _figures_of(name, rows, scores.score[~under], scores.probability[~under], draws=draws, seed=seed)
    ]
    return UsualCareRecord(
        estimand=settings.estimand,
        horizon_days=horizon_days,
        effect_days=settings.effect_days,
        least_chance=settings.least_chance,
        announced_by=settings.announced_by,
        n_rows=len(rows),
        n_under_support=int(under.sum()),
        n_censored=int(censored.sum()),
        n_events_censored=len(np.unique(rows.dispute[censored & (rows.label == 1)])),
        n_truncated=int((weight >= 1 / settings.least_chance).sum()),
        largest_weight=float(weight.max(initial=0.0)),
        effective_rows=float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0,
        figures=tuple(figures),
    )


def _figures_of(
    ranker: str, rows: Rows, score: Values, probability: Values, *, draws: int, seed: int
) -> list[UsualCareFigure]:
    if not len(rows):
        return []
    pair = np.unique(rows.pair, return_inverse=True)[1]
    sums = _Sums(pair, int(pair.max()) + 1)
    everyone = np.ones(len(rows), bool)
    quotients: dict[str, tuple[Mask, Mask, Values]] = {
        "base_rate": (everyone, everyone, np.ones(len(rows))),
        "observed_over_expected": (everyone, everyone, probability),
    }
    for capacity in CAPACITIES:
        taken = score >= _cut(score, capacity)
        quotients[at_capacity("precision", capacity)] = (taken, taken, np.ones(len(rows)))
    columns = {"care": rows.care * rows.label, "observed": rows.label.astype(np.float64)}
    for name, (among, below, bottom) in quotients.items():
        for kind, incidents in columns.items():
            sums.add(f"{name}/{kind}", incidents * among, bottom * below)
    for capacity in CAPACITIES:
        taken = score >= _cut(score, capacity)
        name = at_capacity("recall", capacity)
        quotients[name] = (taken, everyone, np.ones(len(rows)))
        for kind, incidents in columns.items():
            sums.add(f"{name}/{kind}", incidents * taken, incidents)
    drawn = bootstrap({"sums": sums}, n_clusters=sums.n_pairs, draws=draws, seed=seed)
    whole = sums.whole()
    return [
        _figure(
            name,
            _sample(rows, everyone if name.startswith("recall") else among, ranker),
            *((whole[f"{name}/{kind}"], drawn["sums", f"{name}/{kind}"]) for kind in columns),
        )
        for name, (among, _, _) in quotients.items()
    ]


def _cut(score: Values, capacity: float) -> float:
    """The score from which the top share begins; rows tied with it are all taken."""
    last = min(max(round(capacity * len(score)), 1), len(score))
    return float(np.partition(score, len(score) - last)[len(score) - last])


def _sample(rows: Rows, among: Mask, ranker: str) -> Sample:
    return Sample.of(
        label=rows.label[among], dispute=rows.dispute[among], pair=rows.pair[among], population=POPULATION,
        ranker=ranker,
    )  # fmt: skip


def _figure(
    name: str, sample: Sample, care: tuple[float, Values], observed: tuple[float, Values]
) -> UsualCareFigure:  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (float(np.divide(care[0], observed[0])), care[1] / observed[1])
    return UsualCareFigure(
        usual_care=_measured(name, sample, care),
        as_observed=_measured(name, sample, observed),
        ratio=_measured(name, sample, ratio).model_copy(update={"name": f"{RATIO}/{name}", "unit": "ratio"}),
    )


def _measured(name: str, sample: Sample, told: tuple[float, Values]) -> Measured:
    value, drawn = told
    few = sample.too_few()
    ends = None if few else percentile_interval(drawn)
    reason = few or "more than one draw in ten gave no answer"
    return sample.measured(name, value, ends, method="cluster bootstrap", reason=reason)
