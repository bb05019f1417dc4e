"""Judges rankers on held-out rows: every number with its count of events and a cluster-bootstrap interval.

evaluate(rows, rankers={"lightgbm": Scores(...), "points": Scores(...)}, draws=1000, seed=7)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from features.clock import HOUR_US
from training.cores import in_order
from training.evaluation.alarms import PRECISION_CAPACITY, too_good
from training.evaluation.bands import BandDraws, risk_bands
from training.evaluation.bootstrap import Draws, Statistic, bootstrap
from training.evaluation.coverage import found_among_all
from training.evaluation.decision_curve import DecisionDraws, decision_points
from training.evaluation.held_out import HeldOutRows, Integers, Mask, Scores
from training.evaluation.interval import Sample, compare, measure
from training.evaluation.measured import Difference, Measured
from training.evaluation.metrics import (
    INTERVAL_LEVEL,
    at_capacity,
    calibration_metrics,
    cut_at_capacity,
    exact_poisson,
    rank_metrics,
)
from training.evaluation.ranking_draws import RankingDraws
from training.evaluation.record import Alarm, Band, Coverage, Evaluation, GainsPoint, Month, TieBounds

CAPACITIES = (0.0015, 0.01, 0.05, 0.10)
GAINS_CAPACITIES = tuple(float(f"{share:.3g}") for share in np.geomspace(0.0005, 1.0, 34))
EARLY_HOURS = 24
ALL = "all"
LATER = f"without_first_{EARLY_HOURS}h"
MONTH_CAPACITY = 0.05
POINTS = "points"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One ranker on one set of rows, with what the point estimates need."""

    ranker: str
    label: npt.NDArray[np.int8]
    dispute: Integers
    pair: Integers
    scores: Scores
    population: str

    def taken(self, mask: Mask, *, population: str | None = None) -> Judged:
        """Returns the same on the rows of ``mask``."""
        return replace(
            self,
            label=self.label[mask],
            dispute=self.dispute[mask],
            pair=self.pair[mask],
            scores=self.scores.taken(mask),
            population=population or self.population,
        )

    @property
    def sample(self) -> Sample:
        """The counts that stand beside each number."""
        return Sample.of(
            label=self.label, dispute=self.dispute, pair=self.pair, population=self.population, ranker=self.ranker
        )

    def points(self, capacities: tuple[float, ...], *, lines: bool = True) -> dict[str, float | None]:
        """Returns every metric, exact, by name; ``lines`` False leaves the calibration line out."""
        scores = self.scores
        ranked = rank_metrics(self.label, scores.score, self.dispute, capacities=capacities)
        return ranked | calibration_metrics(self.label, scores.probability, scores.margin, lines=lines)

    def draws(self, *, n_clusters: int, later: Mask | None = None, lines: bool = True, **given: tuple) -> RankingDraws:
        """Returns the statistic that answers the same metrics in each draw; ``later`` marks the rows of ``LATER``."""
        positive = self.label == 1
        populations = {ALL: np.ones(int(positive.sum()), dtype=bool)}
        if later is not None:
            populations[LATER] = later[positive]
        return RankingDraws(
            label=self.label,
            score=self.scores.score,
            probability=self.scores.probability,
            margin=self.scores.margin,
            dispute=self.dispute,
            cluster=self.pair,
            n_clusters=n_clusters,
            populations=populations,
            lines=lines,
            **given,
        )


def evaluate(
    rows: HeldOutRows,
    *,
    rankers: Mapping[str, Scores],
    draws: int = 1000,
    seed: int = 0,
    coverage: Coverage | None = None,
    leak_probe: Measured | None = None,
    capacities: tuple[float, ...] = CAPACITIES,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Returns everything measured on ``rows`` for each ranker, and the paired differences first minus each other.

    ``rankers``: the model first, then its baselines.  ``draws`` bootstrap draws of pairs, the same for all, fixed by
    ``seed``; ``progress`` is called with (done, draws).  ``capacities`` must hold 0.01 and 0.05.
    Raises ``ValueError`` for no ranker, scores of another length than the rows, or a capacity outside (0, 1].
    """
    _check(rows, rankers, capacities)
    pair = np.unique(rows.pair, return_inverse=True)[1]
    judged = {
        name: Judged(ranker=name, label=rows.label, dispute=rows.dispute, pair=pair, scores=scores, population=ALL)
        for name, scores in rankers.items()
    }
    later = ~rows.within(EARLY_HOURS * HOUR_US)
    n_clusters = int(pair.max()) + 1
    bands = {
        name: risk_bands(label=rows.label, score=item.scores.score, dispute=rows.dispute)
        for name, item in judged.items()
    }
    decisions = {
        name: DecisionDraws(label=rows.label, probability=item.scores.probability, cluster=pair, n_clusters=n_clusters)
        for name, item in judged.items()
    }
    statistics = _statistics(rows, judged, later, bands=bands, capacities=capacities)
    statistics |= {f"decision {name}": one for name, one in decisions.items()}
    drawn = bootstrap(statistics, n_clusters=n_clusters, draws=draws, seed=seed, progress=progress)
    numbers = partial(_population_numbers, later=later, drawn=drawn, capacities=capacities)
    measured = tuple(chain.from_iterable(in_order(numbers, judged.values())))
    return _assemble(
        rows,
        judged=judged,
        drawn=drawn,
        measured=measured,
        bands=bands,
        decisions=decisions,
        draws=draws,
        seed=seed,
        capacities=capacities,
        coverage=coverage,
        leak_probe=leak_probe,
    )


def _statistics(
    rows: HeldOutRows, judged: Mapping[str, Judged], later: Mask, *, bands: Mapping[str, npt.NDArray[np.int64]],
    capacities: tuple[float, ...],
) -> dict[str, Statistic]:  # fmt: skip
    """Ranking, bands and months of every ranker, by name."""
    months, statistics = rows.month, dict[str, Statistic]()
    for name, item in judged.items():
        n_clusters = int(item.pair.max()) + 1
        statistics[f"ranking {name}"] = item.draws(
            n_clusters=n_clusters, later=later, capacities=capacities, gains=GAINS_CAPACITIES
        )
        statistics[f"bands {name}"] = BandDraws(
            band=bands[name], label=rows.label, probability=item.scores.probability, cluster=item.pair,
            n_clusters=n_clusters,
        )  # fmt: skip
        for month in np.unique(months):
            part = item.taken(months == month)
            statistics[f"month {month} {name}"] = part.draws(
                n_clusters=n_clusters, lines=False, capacities=(MONTH_CAPACITY,)
            )
    return statistics


def _check(rows: HeldOutRows, rankers: Mapping[str, Scores], capacities: tuple[float, ...]) -> None:
    if not rankers:
        raise ValueError("there is no ranker to evaluate")
    for name, scores in rankers.items():
        if len(scores.score) != len(rows.label):
            raise ValueError(f"{name}: {len(scores.score)} scores for {len(rows.label)} rows")
    if not all(0 < capacity <= 1 for capacity in capacities):
        raise ValueError("a capacity is a share of the rows above 0 and up to 1")
    if not {PRECISION_CAPACITY, MONTH_CAPACITY} <= set(capacities):
        raise ValueError("the capacities must hold 0.01 (the alarm reads it) and 0.05 (so do coverage and months)")


def _assemble(
    rows: HeldOutRows,
    *,
    judged: Mapping[str, Judged],
    drawn: Draws,
    measured: tuple[Measured, ...],
    bands: Mapping[str, npt.NDArray[np.int64]],
    decisions: Mapping[str, DecisionDraws],
    draws: int,
    seed: int,
    capacities: tuple[float, ...],
    coverage: Coverage | None,
    leak_probe: Measured | None,
) -> Evaluation:
    model = next(iter(judged.values()))
    by_address = {(number.ranker, number.population, number.name): number for number in measured}
    found = tuple(
        found_among_all(by_address[name, ALL, at_capacity("dispute_recall", MONTH_CAPACITY)], coverage)
        for name in judged
        if coverage is not None
    )
    return Evaluation(
        horizon_days=rows.horizon_days,
        early_hours=EARLY_HOURS,
        interval_level=INTERVAL_LEVEL,
        rankers=tuple(judged),
        n_rows=model.sample.n_rows,
        n_positive_rows=model.sample.n_positive_rows,
        n_events=model.sample.n_events,
        n_disputes=len(np.unique(rows.dispute)),
        n_pairs=len(np.unique(rows.pair)),
        base_rate=by_address[model.ranker, ALL, "base_rate"],
        measured=measured,
        differences=tuple(_differences(judged, drawn, by_address)),
        ties=tuple(tie for item in judged.values() for tie in _ties(item, capacities)),
        bands=tuple(band for name, item in judged.items() for band in _bands(item, bands[name], drawn)),
        months=tuple(month for item in judged.values() for month in _months(item, rows.month, drawn)),
        gains=tuple(point for item in judged.values() for point in _gains(item, drawn)),
        decision_curve=decision_points(
            decisions,
            drawn,
            samples={name: item.sample for name, item in judged.items()},
            points=POINTS if POINTS in judged else None,
        ),
        coverage=coverage,
        found_among_all=found,
        leak_probe=leak_probe,
        alarms=_alarms(judged, by_address),
        draws=draws,
        seed=seed,
        capacities=capacities,
    )


def _population_numbers(item: Judged, *, later: Mask, drawn: Draws, capacities: tuple[float, ...]) -> list[Measured]:
    numbers = []
    for part in (item, item.taken(later, population=LATER)):
        sample = part.sample
        numbers += [
            measure(name, value, drawn=drawn[f"ranking {item.ranker}", part.population, name], sample=sample)
            for name, value in part.points(capacities).items()
        ]
        numbers.append(_exact_ratio(numbers, sample))
    return numbers


def _exact_ratio(numbers: list[Measured], sample: Sample) -> Measured:
    """Returns O/E once more with the exact Poisson interval of the count of *disputes* with an incident.

    The rows of a dispute share one incident: a Poisson interval on rows would be far too narrow.
    """
    ratio = next(
        number
        for number in numbers
        if (number.name, number.population) == ("observed_over_expected", sample.population)
    )
    low, high = exact_poisson(sample.n_events)
    name = "observed_over_expected_exact"
    if ratio.value is None or sample.n_events == 0:
        return sample.measured(name, None, None, method=None, reason=ratio.reason or "no event")
    ends = (ratio.value * low / sample.n_events, ratio.value * high / sample.n_events)
    return sample.measured(name, ratio.value, ends, method="exact Poisson")


def _differences(
    judged: Mapping[str, Judged], drawn: Draws, by_address: Mapping[tuple[str | None, str, str], Measured]
) -> list[Difference]:
    model, *others = judged
    left_out = {"base_rate", "mean_probability", "observed_over_expected_exact"}
    return [
        compare(
            number,
            by_address[other, number.population, number.name],
            drawn=drawn[f"ranking {model}", number.population, number.name]
            - drawn[f"ranking {other}", number.population, number.name],
            n_event_pairs=judged[model].sample.n_event_pairs,
        )
        for other in others
        for (ranker, _, name), number in by_address.items()
        if ranker == model and name not in left_out
    ]


def _ties(item: Judged, capacities: tuple[float, ...]) -> list[TieBounds]:
    cuts = [(share, cut_at_capacity(item.label, item.scores.score, capacity=share)) for share in capacities]
    n_positive = max(item.sample.n_positive_rows, 1)
    return [
        TieBounds(
            ranker=item.ranker,
            population=item.population,
            capacity=share,
            rows_taken=cut.rows_taken,
            rows_tied_at_cut=cut.rows_tied,
            recall_worst=cut.hits_worst / n_positive,
            recall_best=cut.hits_best / n_positive,
            precision_worst=cut.hits_worst / cut.rows_taken,
            precision_best=cut.hits_best / cut.rows_taken,
        )
        for share, cut in cuts
    ]


def _bands(item: Judged, band: npt.NDArray[np.int64], drawn: Draws) -> list[Band]:
    n_rows = len(band)
    edges = np.r_[0, np.cumsum(np.bincount(band))] / n_rows
    made = []
    for number, (start, stop) in enumerate(pairwise(edges)):
        part = item.taken(band == number)
        mean = float(part.scores.probability.mean())
        rate = float(part.label.mean())
        values = {"observed_rate": rate, "observed_over_expected": rate / mean}
        rates = {
            name: measure(name, value, drawn=drawn[f"bands {item.ranker}", str(number), name], sample=part.sample)
            for name, value in values.items()
        }
        made.append(Band(ranker=item.ranker, top_share_from=start, top_share_to=stop, mean_probability=mean, **rates))
    return made


def _months(item: Judged, months: npt.NDArray[np.datetime64], drawn: Draws) -> list[Month]:
    wanted = ("auc", "observed_over_expected", at_capacity("recall", MONTH_CAPACITY), "mean_probability")
    made = []
    for month in np.unique(months):
        part = item.taken(months == month)
        values = part.points((MONTH_CAPACITY,), lines=False)
        key, sample = f"month {month} {item.ranker}", part.sample
        rate = measure("observed_rate", values["base_rate"], drawn=drawn[key, ALL, "base_rate"], sample=sample)
        numbers = {name: measure(name, values[name], drawn=drawn[key, ALL, name], sample=sample) for name in wanted}
        made.append(Month(ranker=item.ranker, month=str(month), observed_rate=rate, **numbers))
    return made


def _gains(item: Judged, drawn: Draws) -> list[GainsPoint]:
    sample, key = item.sample, f"ranking {item.ranker}"
    hits = {share: cut_at_capacity(item.label, item.scores.score, capacity=share).hits for share in GAINS_CAPACITIES}
    n_positive = max(sample.n_positive_rows, 1)
    return [
        GainsPoint(
            capacity=share,
            recall=measure(
                at_capacity("recall", share),
                hits[share] / n_positive,
                drawn=drawn[key, ALL, at_capacity("gain", share)],
                sample=sample,
            ),
        )
        for share in GAINS_CAPACITIES
    ]


def _alarms(
    judged: Mapping[str, Judged], by_address: Mapping[tuple[str | None, str, str], Measured]
) -> tuple[Alarm, ...]:
    return tuple(
        alarm
        for name in judged
        for alarm in too_good(
            ranker=name,
            auc=by_address[name, ALL, "auc"].value,
            precision_at_1pct=by_address[name, ALL, at_capacity("precision", PRECISION_CAPACITY)].value,
            base_rate=by_address[name, ALL, "base_rate"].value or 0.0,
        )
    )
