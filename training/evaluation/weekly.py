"""The weekly view: lists at a capacity of so many cases a week and area, lead time, and churn.

weekly_evaluation(WeeklyRows(...), rankers={"lightgbm": WeeklyScores(...)}, draws=1000, seed=7)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.evaluation.bootstrap import Draws, Statistic, bootstrap
from training.evaluation.held_out import Floats, HeldOutRows, Integers, Mask
from training.evaluation.interval import Sample, measure
from training.evaluation.lead_time import LeadTimes, Steadiness
from training.evaluation.measured import Measured
from training.evaluation.metrics import exact_binomial
from training.evaluation.weekly_lists import WeeklyLists
from training.evaluation.weekly_record import AreaLevel, Churn, LeadTime, Weekly, WeeklyCapacity

CASES_A_WEEK = (1, 3, 10)
FEWEST_CASES = 20
"""An area's list is worth making where it has at least so many cases to choose from in the median week."""
LEVELS: tuple[AreaLevel, ...] = ("district", "prefecture", "everywhere")


@dataclass(frozen=True, kw_only=True)
class WeeklyRows:
    """The landmarks of the spine in the test, arrays (n,) in any order.

    ``week`` counts 7-day weeks from the start of the test; ``areas`` has a code for each level, the finest first;
    ``known`` is how many records of the dispute were visible.
    """

    rows: HeldOutRows
    week: Integers
    areas: Mapping[AreaLevel, Integers]
    known: Integers


@dataclass(frozen=True, kw_only=True)
class WeeklyScores:
    """What one ranker says of the landmarks: ``score`` orders them, ``tier`` is the rank of the tier, 2 = orange."""

    score: Floats
    tier: Integers

    @property
    def flagged(self) -> Mask:
        """Which rows stand in orange or above."""
        return self.tier >= 2


def weekly_evaluation(
    given: WeeklyRows, *, rankers: Mapping[str, WeeklyScores], draws: int, seed: int,
    capacities: tuple[int, ...] = CASES_A_WEEK,
) -> Weekly:  # fmt: skip
    """Returns the weekly view for every ranker, with intervals from ``draws`` bootstrap draws of pairs."""
    rows = given.rows
    order = np.lexsort((rows.as_of_us, given.week, rows.dispute))
    key_changes = (np.diff(rows.dispute[order]) != 0) | (np.diff(given.week[order]) != 0)
    last = order[np.r_[key_changes, True]]
    cluster = np.unique(rows.pair, return_inverse=True)[1]
    n_clusters = int(cluster.max()) + 1
    level = area_level(given, last)
    group = _codes(given.areas[level][last], given.week[last])
    lists = {
        name: WeeklyLists(
            label=rows.label[last], score=scores.score[last], dispute=rows.dispute[last], cluster=cluster[last],
            group=group, n_clusters=n_clusters, capacities=capacities,
        )
        for name, scores in rankers.items()
    }  # fmt: skip
    hit = rows.label == 1
    leads = {
        name: LeadTimes(
            flagged=scores.flagged[hit], wait_us=rows.incident_at_us[hit] - rows.as_of_us[hit],
            dispute=rows.dispute[hit], cluster=cluster[hit],
        )
        for name, scores in rankers.items()
    }  # fmt: skip
    steady = {
        name: Steadiness(
            dispute=rows.dispute[last], week=given.week[last], tier=scores.tier[last], flagged=scores.flagged[last],
            known=given.known[last], cluster=cluster[last], n_clusters=n_clusters,
        )
        for name, scores in rankers.items()
    }  # fmt: skip
    statistics: dict[str, Statistic] = {f"lists {name}": one for name, one in lists.items()}
    statistics |= {f"lead {name}": one for name, one in leads.items()}
    statistics |= {f"steady {name}": one for name, one in steady.items()}
    drawn = bootstrap(statistics, n_clusters=n_clusters, draws=draws, seed=seed)
    samples = {name: _sample(rows, np.arange(len(hit)), name) for name in rankers}
    weekly = {name: _sample(rows, last, name) for name in rankers}
    return Weekly(
        n_weeks=len(np.unique(given.week)),
        n_areas=len(np.unique(given.areas[level][last])),
        n_rows=len(last),
        n_events=weekly[next(iter(rankers))].n_events,
        area_level=level,
        median_cases=float(np.median(np.bincount(group))),
        capacities=tuple(
            one for name in rankers for one in _capacities(lists[name], drawn, weekly[name], capacities=capacities)
        ),
        lead_times=tuple(_lead_time(leads[name], drawn, samples[name]) for name in rankers),
        churn=tuple(_churn(steady[name], drawn, weekly[name]) for name in rankers),
    )


def area_level(given: WeeklyRows, last: Integers) -> AreaLevel:
    """Returns the finest level at which the median area has ``FEWEST_CASES`` in a week; else everywhere."""
    for level in LEVELS[:-1]:
        if level in given.areas:
            sizes = np.bincount(_codes(given.areas[level][last], given.week[last]))
            if np.median(sizes) >= FEWEST_CASES:
                return level
    return LEVELS[-1]


def _codes(area: Integers, week: Integers) -> Integers:
    return np.unique(area.astype(np.int64) * (int(week.max()) + 1) + week, return_inverse=True)[1]


def _sample(rows: HeldOutRows, chosen: Integers, ranker: str) -> Sample:
    return Sample.of(
        label=rows.label[chosen], dispute=rows.dispute[chosen], pair=rows.pair[chosen], population="weekly",
        ranker=ranker,
    )  # fmt: skip


def _capacities(
    lists: WeeklyLists, drawn: Draws, sample: Sample, *, capacities: tuple[int, ...]
) -> list[WeeklyCapacity]:
    values, n_positive = lists.values(), max(sample.n_positive_rows, 1)
    made = []
    for capacity in capacities:
        tie = lists.ties(capacity)
        scales = {"weekly_recall": 1.0, "weekly_dispute_recall": 1.0, "weekly_precision": n_positive / tie.listed}
        told = {
            name: measure(
                name, _sound(values[capacity, name]), drawn=drawn[f"lists {sample.ranker}", str(capacity), name],
                sample=sample, scale=scale,
            )
            for name, scale in scales.items()
        }  # fmt: skip
        made.append(
            WeeklyCapacity(
                ranker=sample.ranker,
                cases_a_week=capacity,
                recall=told["weekly_recall"],
                dispute_recall=told["weekly_dispute_recall"],
                precision=told["weekly_precision"],
                cases_listed=tie.listed,
                cases_tied_at_cut=tie.n_tied,
                recall_worst=tie.hits_worst / n_positive,
                recall_best=tie.hits_best / n_positive,
                precision_worst=tie.hits_worst / tie.listed,
                precision_best=tie.hits_best / tie.listed,
            )
        )
    return made


def _sound(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _lead_time(leads: LeadTimes, drawn: Draws, sample: Sample) -> LeadTime:
    values = leads.values()
    told = {
        name: measure(name, values[name], drawn=drawn[f"lead {sample.ranker}", name], sample=sample, scale=scale)
        for name, scale in (("flagged", 1.0), ("flagged_7_days_before", 1.0), ("median_lead_days", None))
    }
    return LeadTime(
        ranker=sample.ranker,
        flagged=told["flagged"],
        flagged_7_days_before=told["flagged_7_days_before"],
        median_days=told["median_lead_days"],
    )


def _churn(steady: Steadiness, drawn: Draws, sample: Sample) -> Churn:
    values = steady.values()
    jaccard = measure(
        "weekly_jaccard", values["weekly_jaccard"], drawn=drawn[f"steady {sample.ranker}", "weekly_jaccard"],
        sample=sample,
    )  # fmt: skip
    return Churn(
        ranker=sample.ranker,
        jaccard=jaccard,
        cases_a_week=steady.flagged_a_week,
        changed_without_record=_changed(values["tier_changed_without_record"], steady, drawn, sample),
    )


def _changed(value: float | None, steady: Steadiness, drawn: Draws, sample: Sample) -> Measured:
    name = "tier_changed_without_record"
    if value in (0.0, 1.0) and steady.n_quiet:
        ends = exact_binomial(round(value * steady.n_quiet), steady.n_quiet)
        return sample.measured(name, value, ends, method="exact binomial")
    return measure(name, value, drawn=drawn[f"steady {sample.ranker}", name], sample=sample)
