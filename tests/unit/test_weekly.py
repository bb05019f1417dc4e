"""Weekly lists, lead time, churn and the decision curve, against plain counting and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features.clock import DAY_US, HOUR_US, NEVER
from training.evaluation.bootstrap import FewSums
from training.evaluation.decision_curve import THRESHOLDS, DecisionDraws
from training.evaluation.held_out import HeldOutRows
from training.evaluation.lead_time import LeadTimes, Steadiness
from training.evaluation.weekly import WeeklyRows, WeeklyScores, weekly_evaluation
from training.evaluation.weekly_lists import WeeklyLists


def drawn_rows(n=400, seed=3, ties=False):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    label = (rng.random(n) < 0.05 + 0.1 * (score > 1)).astype(np.int8)
    return {
        "label": label, "score": np.round(score) if ties else score, "dispute": np.arange(n) // 2,
        "cluster": np.arange(n) // 4, "group": rng.integers(0, 6, n),
    }  # fmt: skip


def counted(rows, capacity):
    """Recall and precision of rows by sorting each list."""
    hits = listed = 0
    for group in np.unique(rows["group"]):
        inside = np.flatnonzero(rows["group"] == group)
        top = inside[np.argsort(-rows["score"][inside], kind="stable")][:capacity]
        hits, listed = hits + rows["label"][top].sum(), listed + len(top)
    return hits / rows["label"].sum(), hits / listed


def test_lists_hold_what_sorting_each_area_and_week_gives():
    rows = drawn_rows()
    lists = WeeklyLists(**rows, n_clusters=100, capacities=(1, 5, 200))
    values = lists.values()
    for capacity in (1, 5, 200):
        recall, precision = counted(rows, capacity)
        assert values[capacity, "weekly_recall"] == pytest.approx(recall)
        assert values[capacity, "weekly_precision"] == pytest.approx(precision)
        tie = lists.ties(capacity)
        assert (tie.hits_worst, tie.hits_best, tie.n_tied) == (tie.hits_best, tie.hits_best, 0)
    assert values[5, "weekly_dispute_recall"] >= values[5, "weekly_recall"]
    assert values[200, "weekly_recall"] == values[200, "weekly_dispute_recall"] == 1


def test_a_draw_weighs_the_cases_of_the_lists_by_how_often_their_pair_was_drawn():
    rows = drawn_rows()
    weight = np.random.default_rng(8).poisson(1, 100)
    drawn = WeeklyLists(**rows, n_clusters=100, capacities=(3,)).draw(weight[:, None].astype(np.float32))
    of_row, listed = weight[rows["cluster"]], np.zeros(400, bool)
    for group in range(6):
        inside = np.flatnonzero(rows["group"] == group)
        listed[inside[np.argsort(-rows["score"][inside])][:3]] = True
    hits = (of_row * listed * rows["label"]).sum()
    assert hits > 0
    assert drawn["3", "weekly_recall"][0] == pytest.approx(hits / (of_row * rows["label"]).sum())
    assert drawn["3", "weekly_precision"][0] == pytest.approx(hits / (of_row * listed).sum())


def test_a_tie_at_the_end_of_a_list_counts_in_part_between_its_bounds():
    """Five cases, two above the tie, three tied of which one is positive; room for three."""
    lists = WeeklyLists(
        label=np.array([0, 1, 0, 1, 0], np.int8), score=np.array([9.0, 8.0, 5.0, 5.0, 5.0]), dispute=np.arange(5),
        cluster=np.arange(5), group=np.zeros(5, np.int64), n_clusters=5, capacities=(3,),
    )  # fmt: skip
    assert lists.values()[3, "weekly_recall"] == pytest.approx((1 + 1 / 3) / 2)
    tie = lists.ties(3)
    assert (tie.hits_worst, tie.hits_best, tie.n_tied, tie.listed) == (1, 2, 3, 3)


def test_lead_time_is_whole_days_from_the_first_flag_and_a_flag_on_the_day_counts_nothing():
    waits = np.array([20 * DAY_US, 9 * DAY_US + HOUR_US, 5 * HOUR_US, 30 * DAY_US])
    leads = LeadTimes(
        flagged=np.array([False, True, True, False]), wait_us=waits, dispute=np.array([1, 1, 2, 3]),
        cluster=np.array([0, 0, 1, 2]),
    )  # fmt: skip
    assert leads.days.tolist() == [-1, 0, 9]
    assert leads.values() == {
        "flagged": pytest.approx(2 / 3), "flagged_7_days_before": pytest.approx(1 / 3), "median_lead_days": 0.0,
    }  # fmt: skip
    none = LeadTimes(
        flagged=np.zeros(1, bool), wait_us=waits[:1], dispute=np.array([1]), cluster=np.array([0])
    ).values()
    assert none == {"flagged": 0.0, "flagged_7_days_before": 0.0, "median_lead_days": None}


def test_churn_compares_each_week_with_the_next_and_knows_quiet_cases():
    """Dispute 1 is flagged in both weeks, 2 in the second after a new record, 3 in the first without one."""
    steady = Steadiness(
        dispute=np.repeat([1, 2, 3], 2), week=np.tile([0, 1], 3), tier=np.array([2, 2, 0, 2, 3, 1]),
        flagged=np.array([True, True, False, True, True, False]), known=np.array([4, 4, 1, 2, 7, 7]),
        cluster=np.repeat([0, 1, 2], 2), n_clusters=3,
    )  # fmt: skip
    assert steady.values() == {"weekly_jaccard": pytest.approx(1 / 3), "tier_changed_without_record": 0.5}
    assert (steady.n_quiet, steady.flagged_a_week) == (2, 2.0)


def test_a_week_left_out_is_no_week_to_compare_with():
    steady = Steadiness(
        dispute=np.array([1, 1]), week=np.array([0, 2]), tier=np.array([2, 0]), flagged=np.array([True, False]),
        known=np.array([1, 1]), cluster=np.array([0, 0]), n_clusters=1,
    )  # fmt: skip
    assert steady.values() == {"weekly_jaccard": 0.0, "tier_changed_without_record": None}


def test_net_benefit_is_the_published_formula():
    """Vickers and Elkin 2006: TP/n - FP/n * t/(1-t), here in finds per 100,000 rows."""
    probability = np.array([0.0001, 0.004, 0.012, 0.03])
    label = np.array([0, 1, 0, 1], np.int8)
    curve = DecisionDraws(label=label, probability=probability, cluster=np.arange(4), n_clusters=4)
    values, place = curve.values(), THRESHOLDS.index(0.01)
    assert curve.treated()[place] == 2
    odds = 0.01 / 0.99
    assert values["net_benefit", str(place)] == pytest.approx(100_000 * (1 - 1 * odds) / 4)
    assert values["net_benefit_of_treating_all", str(place)] == pytest.approx(100_000 * (2 - 2 * odds) / 4)


@pytest.fixture(scope="module")
def weekly():
    rng = np.random.default_rng(5)
    n, weeks = 300, 6
    dispute = np.repeat(np.arange(n), weeks)
    week = np.tile(np.arange(weeks), n)
    as_of = week * 7 * DAY_US
    happens = np.repeat(np.where(rng.random(n) < 0.15, rng.integers(45, 60, n) * DAY_US, NEVER), weeks)
    label = ((happens != NEVER) & (happens - as_of < 90 * DAY_US)).astype(np.int8)
    rows = HeldOutRows(dispute=dispute, pair=dispute, as_of_us=as_of, incident_at_us=happens, label=label)
    score = rng.normal(size=len(label)) + 1.2 * label
    given = WeeklyRows(
        rows=rows, week=week, areas={"district": dispute % 40, "prefecture": dispute % 4}, known=np.ones_like(week)
    )
    scores = WeeklyScores(score=score, tier=np.searchsorted([1.0, 2.0, 3.0], score))
    return weekly_evaluation(given, rankers={"model": scores}, draws=60, seed=1)


def test_areas_with_too_few_cases_are_pooled(weekly):
    assert (weekly.area_level, weekly.n_areas, weekly.n_weeks) == ("prefecture", 4, 6)
    assert weekly.median_cases == 75


def test_every_weekly_number_has_its_events_and_its_interval(weekly):
    numbers = [
        *(item for one in weekly.capacities for item in (one.recall, one.dispute_recall, one.precision)),
        *(item for one in weekly.lead_times for item in (one.flagged, one.flagged_7_days_before, one.median_days)),
        *(item for one in weekly.churn for item in (one.jaccard, one.changed_without_record)),
    ]
    assert len(numbers) == 3 * 3 + 3 + 2
    for item in numbers:
        assert item.n_events == weekly.n_events > 20
        assert item.low <= item.value <= item.high
    recalls = [one.recall.value for one in weekly.capacities]
    assert recalls == sorted(recalls)
    for one in weekly.capacities:
        assert one.recall_worst <= one.recall.value <= one.recall_best


def test_totals_of_few_clusters_are_those_of_all():
    rng = np.random.default_rng(8)
    sums = np.where(rng.random(500) < 0.1, rng.random(500), 0.0)
    weights = rng.poisson(1.0, (500, 7)).astype(np.float32)
    assert FewSums(sums) @ weights == pytest.approx(sums @ weights, rel=1e-12)
    assert (FewSums(np.zeros(500)) @ weights == 0).all()
