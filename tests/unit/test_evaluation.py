"""The evaluation of rankers: what a number must carry, the populations, bands, months, coverage and alarms."""

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit

from features.clock import DAY_US, HOUR_US
from features.clock import NEVER as NEVER_US
from training.evaluation.alarms import shuffled_label_probe, too_good
from training.evaluation.bands import risk_bands
from training.evaluation.contributions import IndicatorName, summarise_contributions
from training.evaluation.coverage import found_among_all, measure_coverage
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.interval import Sample, measure
from training.evaluation.measured import Measured
from training.evaluation.rankers import evaluate
from training.report.frequencies import denominator_for, natural_frequency

NEW_YEAR_2024_US = 1_704_038_400_000_000  # 2024-01-01 00:00 in Asia/Shanghai
COUNTED = {"n_events": 12, "n_positive_rows": 30, "n_rows": 900, "unit": "probability", "population": "all"}


def world(*, n_rows=6000, base=-3.2, seed=3, early=0.25):
    """Weekly rows of 1,000 disputes in 600 pairs over four months of 2024; a quarter of incidents come within a day."""
    generator = np.random.default_rng(seed)
    dispute = np.sort(generator.integers(0, 1000, n_rows))
    pair = dispute % 600
    margin = base + generator.normal(size=1000)[dispute] + 0.4 * generator.normal(size=n_rows)
    label = (generator.random(n_rows) < expit(margin)).astype(np.int8)
    as_of = NEW_YEAR_2024_US + generator.integers(0, 120, n_rows) * DAY_US
    wait = np.where(generator.random(n_rows) < early, 5 * HOUR_US, 30 * DAY_US)
    incident = np.where(label == 1, as_of + wait, NEVER_US)
    rows = HeldOutRows(dispute=dispute, pair=pair, as_of_us=as_of, incident_at_us=incident, label=label)
    points = np.clip(np.round(margin + generator.normal(size=n_rows)), -6, 0)
    return rows, {
        "lightgbm": Scores(score=margin, probability=expit(margin)),
        "points": Scores(score=points, probability=expit(0.5 * points - 2)),
    }


@pytest.fixture(scope="module")
def judged():
    rows, rankers = world()
    return rows, rankers, evaluate(rows, rankers=rankers, draws=120, seed=4)


# ---- a number is refused without what it must carry


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 0.7, "low": None, "high": None},
        {"value": 0.7, "low": 0.6, "high": 0.8},
        {"value": 0.7, "low": 0.8, "high": 0.6, "interval": "cluster bootstrap"},
        {"value": math.nan, "low": 0.6, "high": 0.8, "interval": "cluster bootstrap"},
        {"value": None, "low": None, "high": None},
        {"value": None, "low": 0.1, "high": 0.2, "reason": "no event"},
        {"value": 0.7, "low": 0.6, "high": 0.8, "interval": "cluster bootstrap", "reason": "no event"},
        {"value": 0.7, "low": 0.6, "high": 0.8, "interval": "cluster bootstrap", "name": "Accuracy"},
    ],
)
def test_a_number_without_interval_reason_or_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Measured(**({"name": "auc"} | COUNTED | wrong))


@pytest.mark.parametrize("missing", ["n_events", "n_rows", "n_positive_rows", "population", "unit"])
def test_a_number_without_its_counts_is_refused(missing):
    whole = {"name": "auc", "value": 0.7, "low": 0.6, "high": 0.8, "interval": "cluster bootstrap"} | COUNTED
    Measured(**whole)
    with pytest.raises(ValidationError):
        Measured(**{name: value for name, value in whole.items() if name != missing})


def test_test_rows_whose_label_and_incident_disagree_are_refused():
    whole = {
        "dispute": np.array([1, 2]),
        "pair": np.array([1, 2]),
        "as_of_us": np.array([0, 0]),
        "incident_at_us": np.array([90 * DAY_US - 1, 90 * DAY_US]),
        "label": np.array([1, 0], dtype=np.int8),
    }
    HeldOutRows(**whole)
    with pytest.raises(ValueError, match="disagree"):
        HeldOutRows(**whole | {"incident_at_us": np.array([90 * DAY_US, NEVER_US])})
    with pytest.raises(ValueError, match="disagree"):
        HeldOutRows(**whole | {"incident_at_us": np.array([0, 0])})
    with pytest.raises(ValueError, match="not yet known"):
        HeldOutRows(**whole | {"label": np.array([1, -1], dtype=np.int8)})
    with pytest.raises(ValueError, match="one length"):
        HeldOutRows(**whole | {"pair": np.array([1])})


@pytest.mark.parametrize("probability", [0.0, 1.0, math.nan])
def test_a_probability_that_leaves_no_doubt_is_refused(probability):
    with pytest.raises(ValueError, match="never either"):
        Scores(score=np.zeros(1), probability=np.array([probability]))


# ---- the evaluation as a whole


def test_every_headline_stands_for_both_rankers_and_both_populations(judged):
    _, rankers, found = judged
    names = {"auc", "ap_over_base", "observed_over_expected", "observed_over_expected_exact", "calibration_slope"}
    names |= {
        f"{stem}_at_{k}pct" for stem in ("recall", "dispute_recall", "precision") for k in ("0.15", "1", "5", "10")
    }
    for ranker in rankers:
        for population in ("all", "without_first_24h"):
            for name in names:
                item = found.find(name, ranker=ranker, population=population)
                assert item.value is not None and item.low <= item.high and item.n_events > 0


def test_rows_whose_incident_comes_within_a_day_are_removed_from_the_second_population(judged):
    rows, _, found = judged
    early = rows.within(24 * HOUR_US)
    assert 0 < early.sum() < rows.label.sum()
    later = found.find("auc", ranker="lightgbm", population="without_first_24h")
    assert later.n_rows == len(rows.label) - early.sum()
    assert later.n_positive_rows == rows.label.sum() - early.sum()
    assert later.n_events == len(np.unique(rows.dispute[(rows.label == 1) & ~early]))


def test_the_24_hours_are_half_open():
    rows = HeldOutRows(
        dispute=np.arange(3),
        pair=np.arange(3),
        as_of_us=np.zeros(3, dtype=np.int64),
        incident_at_us=np.array([0, 24 * HOUR_US - 1, 24 * HOUR_US]),
        label=np.ones(3, dtype=np.int8),
    )
    assert rows.within(24 * HOUR_US).tolist() == [True, True, False]


def test_events_are_disputes_not_rows(judged):
    rows, _, found = judged
    item = found.find("recall_at_5pct", ranker="lightgbm")
    assert item.n_positive_rows == rows.label.sum() > item.n_events == len(np.unique(rows.dispute[rows.label == 1]))


def test_the_difference_is_paired(judged):
    _, _, found = judged
    auc = {ranker: found.find("auc", ranker=ranker) for ranker in found.rankers}
    told = next(d for d in found.differences if d.metric == "auc" and d.difference.population == "all")
    assert told.difference.value == pytest.approx(auc["lightgbm"].value - auc["points"].value)
    assert told.verdict == "better" and told.difference.low > 0
    unpaired = auc["lightgbm"].high - auc["points"].low - (auc["lightgbm"].low - auc["points"].high)
    assert told.difference.high - told.difference.low < 0.7 * unpaired


def test_a_ranker_is_not_better_than_its_twin_and_worse_than_its_better():
    rows, rankers = world(n_rows=3000)
    twin = evaluate(rows, rankers={"a": rankers["points"], "b": rankers["points"]}, draws=40)
    assert {d.verdict for d in twin.differences} == {"not better", "no clear difference"}
    assert next(d for d in twin.differences if d.metric == "auc").difference.value == 0
    swapped = evaluate(rows, rankers={"points": rankers["points"], "lightgbm": rankers["lightgbm"]}, draws=40)
    assert next(d for d in swapped.differences if d.metric == "auc").verdict == "worse"


def test_a_band_holds_ten_events_and_the_bands_hold_every_row(judged):
    rows, _, found = judged
    for ranker in found.rankers:
        own = [band for band in found.bands if band.ranker == ranker]
        assert len(own) >= 3
        assert all(band.observed_rate.n_events >= 10 for band in own)
        assert sum(band.observed_rate.n_rows for band in own) == len(rows.label)
        assert sum(band.observed_rate.n_positive_rows for band in own) == rows.label.sum()
        assert own[0].mean_probability > own[-1].mean_probability
        assert (own[0].top_share_from, own[-1].top_share_to) == (0, 1)


def test_bands_never_part_one_score_and_join_until_events_suffice():
    score = np.repeat([3.0, 2.0, 1.0, 0.0], [5, 20, 25, 50])
    label = np.zeros(100, dtype=np.int8)
    label[[0, 1, 6, 30, 60, 61, 62]] = 1
    band = risk_bands(label=label, score=score, dispute=np.arange(100), fewest_events=3)
    assert {value: set(band[score == value].tolist()) for value in (3.0, 2.0, 1.0, 0.0)} == {
        3.0: {0}, 2.0: {0}, 1.0: {1}, 0.0: {1},
    }  # fmt: skip
    one_dispute = risk_bands(label=label, score=score, dispute=np.zeros(100, dtype=int), fewest_events=3)
    assert set(one_dispute.tolist()) == {0}


def test_months_are_those_of_shanghai(judged):
    rows, _, found = judged
    own = [month for month in found.months if month.ranker == "lightgbm"]
    assert [month.month for month in own] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert sum(month.observed_rate.n_rows for month in own) == len(rows.label)
    assert own[0].observed_rate.n_rows == int((rows.as_of_us < NEW_YEAR_2024_US + 31 * DAY_US).sum())
    assert own[0].auc.low < own[0].auc.value < own[0].auc.high


def test_gains_rise_from_little_to_all(judged):
    _, _, found = judged
    for ranker in found.rankers:
        recall = [point.recall.value for point in found.gains if point.recall.ranker == ranker]
        assert recall == sorted(recall) and recall[-1] == pytest.approx(1) and recall[0] < 0.05


def test_tied_scores_leave_room_between_worst_and_best_and_distinct_ones_none(judged):
    _, _, found = judged
    for tie in found.ties:
        told = found.find(f"recall_at_{tie.capacity * 100:g}pct", ranker=tie.ranker).value
        assert tie.recall_worst <= told + 1e-12 and told <= tie.recall_best + 1e-12
        assert (tie.rows_tied_at_cut > 1) == (tie.ranker == "points")
    assert any(tie.recall_best > tie.recall_worst for tie in found.ties if tie.ranker == "points")


def test_the_same_seed_gives_the_same_record_and_json_holds_no_nan(judged):
    rows, rankers, found = judged
    again = evaluate(rows, rankers=rankers, draws=120, seed=4)
    assert again == found
    assert "NaN" not in found.model_dump_json()
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_metrics_for_a_tracker_are_flat_floats(judged):
    _, _, found = judged
    flat = found.as_metrics()
    assert flat["all/lightgbm/auc.low"] < flat["all/lightgbm/auc"] < flat["all/lightgbm/auc.high"]


def test_without_events_there_is_a_reason_and_no_number():
    rows, rankers = world(n_rows=500)
    quiet = HeldOutRows(
        dispute=rows.dispute,
        pair=rows.pair,
        as_of_us=rows.as_of_us,
        incident_at_us=np.full(500, NEVER_US),
        label=np.zeros(500, dtype=np.int8),
    )
    found = evaluate(quiet, rankers=rankers, draws=20)
    assert found.find("auc", ranker="lightgbm").value is None
    assert found.find("auc", ranker="lightgbm").reason == "no event"
    assert found.find("recall_at_5pct", ranker="points").reason == "no event"
    assert {d.verdict for d in found.differences} == {"too few to say"}
    assert found.base_rate.value == 0 and found.base_rate.high == pytest.approx(3.6888794541 / 500)


def test_settings_that_do_not_hold_together_are_refused():
    rows, rankers = world(n_rows=200)
    with pytest.raises(ValueError, match="no ranker"):
        evaluate(rows, rankers={})
    with pytest.raises(ValueError, match="3 scores for 200 rows"):
        evaluate(rows, rankers={"a": Scores(score=np.zeros(3), probability=np.full(3, 0.5))})
    with pytest.raises(ValueError, match="capacity is a share"):
        evaluate(rows, rankers=rankers, capacities=(0.01, 0.05, 1.5))


# ---- the interval where the bootstrap is blind


def _sample(n_pairs):
    label = np.r_[np.ones(n_pairs, dtype=np.int8), np.zeros(1000 - n_pairs, dtype=np.int8)]
    return Sample.of(label=label, dispute=np.arange(1000), pair=np.arange(1000), population="all", ranker="a")


def test_finding_none_is_not_told_as_zero_to_zero():
    found = measure("recall_at_1pct", 0.0, drawn=np.zeros(50), sample=_sample(20))
    assert (found.low, found.interval) == (0, "exact binomial")
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))
    precision = measure("precision_at_1pct", 0.0, drawn=np.zeros(50), sample=_sample(20))
    assert precision.high == pytest.approx(found.high * 20 / 10, abs=1e-9)


def test_finding_all_is_not_told_as_one_to_one():
    found = measure("dispute_recall_at_10pct", 1.0, drawn=np.ones(50), sample=_sample(20))
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 20)), 1)


def test_four_pairs_with_an_event_are_too_few_and_five_are_not():
    drawn = np.linspace(0.6, 0.9, 50)
    assert "4 pairs" in measure("auc", 0.7, drawn=drawn, sample=_sample(4)).reason
    assert measure("auc", 0.7, drawn=drawn, sample=_sample(5)).value == 0.7


# ---- coverage


def test_coverage_in_three_parts_with_the_labels_boundary():
    day = DAY_US
    found = measure_coverage(
        incident_dispute=np.array([-1, 5, 5, 6, 7, 8, -1]),
        #                            exactly as_of; 90 days after; just inside; dispute without rows; only a later row
        incident_at_us=np.array([0, 100 * day, 190 * day, 190 * day - 1, 10 * day, 10 * day, 9 * day]),
        row_dispute=np.array([5, 6, 8]),
        row_as_of_us=np.array([100 * day, 100 * day, 11 * day]),
    )
    counts = {part.part: part.count for part in found.parts}
    assert counts == {"no_dispute_on_the_books": 2, "dispute_but_no_scored_row": 3, "scored": 2}
    assert found.n_incidents == 7
    scored = found.part("scored").share
    assert scored.value == pytest.approx(2 / 7) and (scored.low, scored.high) == pytest.approx(
        (0.03669, 0.70958), abs=1e-5
    )
    assert scored.interval == "exact binomial"


def test_coverage_without_incidents_has_no_share():
    none = np.zeros(0, dtype=np.int64)
    found = measure_coverage(incident_dispute=none, incident_at_us=none, row_dispute=none, row_as_of_us=none)
    assert [part.count for part in found.parts] == [0, 0, 0]
    assert found.part("scored").share.reason == "no incident in the period"


def test_what_is_found_among_all_is_recall_times_coverage(judged):
    _, _, found = judged
    coverage = measure_coverage(
        incident_dispute=np.array([1, 1, -1, -1]),
        incident_at_us=np.array([5, 6, 7, 8]),
        row_dispute=np.array([1]),
        row_as_of_us=np.array([5]),
    )
    recall = found.find("dispute_recall_at_5pct", ranker="lightgbm")
    told = found_among_all(recall, coverage)
    assert told.value == pytest.approx(recall.value / 2)
    assert told.low == pytest.approx(recall.low * coverage.part("scored").share.low)
    assert told.n_events == 4


# ---- alarms


@pytest.mark.parametrize(
    ("auc", "precision", "base", "alarms"),
    [
        (0.90, 0.03, 5e-4, []),
        (0.901, 0.03, 5e-4, ["auc"]),
        (0.901, 0.0, 0.2, ["auc"]),
        (0.8, 0.031, 9e-4, ["precision_at_1pct"]),
        (0.8, 0.031, 1e-3, []),
        (None, None, 5e-4, []),
    ],
)
def test_too_good_is_an_alarm(auc, precision, base, alarms):
    found = too_good(ranker="lightgbm", auc=auc, precision_at_1pct=precision, base_rate=base)
    assert [alarm.metric for alarm in found] == alarms
    assert all("leak" in alarm.message_en and "泄漏" in alarm.message_zh for alarm in found)


def test_an_evaluation_of_an_oracle_raises_the_alarm():
    rows, _ = world(n_rows=2000)
    score = rows.label + 0.3 * np.random.default_rng(1).normal(size=2000)
    found = evaluate(rows, rankers={"oracle": Scores(score=score, probability=expit(score - 3))}, draws=20)
    assert [alarm.metric for alarm in found.alarms] == ["auc"]


def test_shuffled_labels_have_an_auc_of_a_half_and_a_leak_lies_outside(judged):
    rows, rankers, found = judged
    probe = shuffled_label_probe(label=rows.label, score=rankers["lightgbm"].score, dispute=rows.dispute, seed=1)
    assert probe.low < 0.5 < probe.high
    assert abs(probe.value - 0.5) < 0.01
    assert found.find("auc", ranker="lightgbm").value > probe.high
    blocks = (rows.dispute % 7 == 0).astype(np.int8)
    by_dispute = shuffled_label_probe(label=blocks, score=rankers["lightgbm"].score, dispute=rows.dispute, seed=1)
    by_row = shuffled_label_probe(label=blocks, score=rankers["lightgbm"].score, dispute=np.arange(6000), seed=1)
    assert by_dispute.high - by_dispute.low > 1.3 * (by_row.high - by_row.low)


# ---- natural frequencies


def test_natural_frequencies_read_as_people_count():
    told = natural_frequency(0.0062, low=0.0041, high=0.0088)
    assert told.en == "about 6 in 1,000 such cases in 90 days (range 4 to 9)"
    assert told.zh == "每 1,000 件此类案件中，90 天内约 6 件（范围 4 至 9 件）"


def test_rare_cases_get_a_larger_crowd_and_compared_ones_share_it():
    assert natural_frequency(5e-4, low=4e-4, high=7e-4).en.startswith("about 5 in 10,000")
    assert denominator_for(0.02, 5e-4, 0.0) == 10_000
    assert natural_frequency(0.0, low=0.0, high=3e-4, per=10_000).en == (
        "0 in 10,000 such cases in 90 days (range 0 to 3)"
    )
    assert natural_frequency(1e-5, low=0.0, high=3e-4, per=10_000).en.startswith("fewer than 1 in 10,000")


def test_a_range_that_does_not_hold_together_is_refused():
    with pytest.raises(ValueError, match="low end first"):
        natural_frequency(0.01, low=0.02, high=0.01)


# ---- contributions


def test_contributions_are_ordered_told_by_direction_and_folded():
    value = np.array([[0.0, 5, 1], [1, 4, np.nan], [2, 3, 1], [3, 2, 1]])
    contribution = np.array([[-0.2, -0.9, 0.5], [0.0, -0.3, 0.5], [0.1, 0.3, 0.5], [0.3, 0.9, -0.1]])
    names = [IndicatorName(indicator=i, en=i, zh=i) for i in ("A01", "B02", "B12")]
    found = summarise_contributions(contribution, value, names=names, fold={"B12"})
    assert [item.indicator for item in found.indicators] == ["B02", "A01"]
    assert [item.direction for item in found.indicators] == ["higher values lower", "higher values raise"]
    assert found.indicators[1].mean_absolute == pytest.approx(0.15)
    assert (found.n_other, found.other_mean_absolute) == (1, pytest.approx(0.4))
    assert [point.value_rank for point in found.indicators[1].points] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-4)
    every = summarise_contributions(contribution, value, names=names)
    folded = next(item for item in every.indicators if item.indicator == "B12")
    assert folded.share_missing == 0.25 and folded.points[1].value_rank is None
    with pytest.raises(ValueError, match="one shape"):
        summarise_contributions(contribution, value[:2], names=names)
