"""Probes, moves against the champion, and the numbers of an origin: on rows whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from benchmarks.coverage import METRICS, Generator, intervals_of, truth_of, world
from features import catalogue, read_records
from features.clock import DAY_US, NEVER
from features.matrix import build_matrix
from features.partition import pairs_alone
from training.audit.groups import GAPS, completeness
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.moves import moves_between, top_rows
from training.evaluation.origins import numbers_of
from training.evaluation.probes import paired_probe, shuffled_by_pair, trained_on_shuffled_labels
from training.evaluation.rankers import evaluate
from training.probing import busiest_channels
from training.weekly_rows import records_known


@pytest.fixture(scope="module")
def told():
    """4,000 rows of as many disputes, about 200 incidents; ``truth`` is a score that knows the label."""
    rng = np.random.default_rng(6)
    n = 4000
    label = (rng.random(n) < 0.05).astype(np.int8)
    happens = np.where(label == 1, 10 * DAY_US, NEVER)
    rows = HeldOutRows(
        dispute=np.arange(n),
        pair=np.arange(n) // 2,
        as_of_us=np.zeros(n, np.int64),
        incident_at_us=happens,
        label=label,
    )
    return rows, rng.normal(size=n), label


def scores(values):
    return Scores(score=values, probability=expit(values - 3))


def test_columns_that_know_the_future_fall_off_a_cliff_a_week_earlier(told):
    rows, noise, label = told
    leaking, honest = noise + 3.0 * label, noise + 1.2 * label
    for now, before, verdict in (
        (leaking, noise + 1.0 * label, "look for a leak"),
        (honest, noise + 1.1 * label, "passed"),
    ):
        probe = paired_probe(
            "delayed_features", "7 days", rows, as_it_is=scores(now), probed=scores(before), draws=80, seed=1
        )
        assert probe.verdict == verdict
        assert probe.suspicious == (verdict == "look for a leak")
        change = probe.find("auc").difference
        assert change.low <= change.value <= change.high < 0
        assert change.n_events == label.sum()


def test_a_channel_is_leaned_on_only_where_clearly_more_is_lost_than_allowed(told):
    rows, noise, label = told
    given = {"as_it_is": scores(noise + 1.5 * label), "draws": 80, "seed": 1}
    lost = paired_probe("missing_channel", "grid", rows, probed=scores(noise + 0.5 * label), **given)
    kept = paired_probe("missing_channel", "grid", rows, probed=scores(noise + 1.5 * label + 0.01), **given)
    assert (lost.verdict, kept.verdict) == ("leans on it", "holds up")
    none = HeldOutRows(
        dispute=rows.dispute, pair=rows.pair, as_of_us=rows.as_of_us, incident_at_us=np.full(len(label), NEVER),
        label=np.zeros_like(label),
    )  # fmt: skip
    silent = paired_probe("missing_channel", "grid", none, probed=scores(noise), **given)
    assert silent.verdict == "too few to say"


def test_a_model_of_shuffled_labels_that_still_knows_the_test_is_suspicious(told):
    rows, noise, label = told
    assert trained_on_shuffled_labels(rows, scores(noise), draws=60, seed=2).verdict == "passed"
    assert trained_on_shuffled_labels(rows, scores(noise + label), draws=60, seed=2).verdict == "look for a leak"


def test_labels_are_shuffled_between_pairs_and_whole_pairs_get_them():
    pair = np.repeat(np.arange(200), 3)
    label = (pair < 20).astype(np.int8)
    shuffled = shuffled_by_pair(label, pair, seed=4)
    assert shuffled.sum() == label.sum() and (shuffled != label).any()
    assert (shuffled.reshape(-1, 3) == shuffled.reshape(-1, 3)[:, :1]).all()


def test_who_stays_enters_and_leaves_adds_up_and_has_its_rates(told):
    rows, noise, label = told
    new, old = noise + 2 * label, noise
    moved = moves_between(rows, new, old, capacity=0.05, draws=60, seed=1)
    assert moved.n_stay + moved.n_enter == moved.n_stay + moved.n_leave == 200
    entering = np.setdiff1d(top_rows(new, 0.05), top_rows(old, 0.05))
    assert moved.rate_of_entering.value == pytest.approx(label[entering].mean())
    assert moved.rate_of_entering.low <= moved.rate_of_entering.value <= moved.rate_of_entering.high
    assert moved.rate_of_entering.value > moved.rate_of_leaving.value
    same = moves_between(rows, old, old, capacity=0.05, draws=20, seed=1)
    assert (same.n_enter, same.n_leave, same.rate_of_entering) == (0, 0, None)


def test_the_few_numbers_of_an_origin_are_those_of_the_whole_evaluation(told):
    rows, noise, label = told
    rankers = {"model": scores(noise + label), "points": scores(np.round(noise))}
    few = numbers_of(rows, rankers, draws=40, seed=3)
    whole = evaluate(rows, rankers=rankers, draws=40, seed=3)
    for item in few.measured:
        assert item == whole.find(item.name, ranker=item.ranker)
    theirs = {(d.metric, d.baseline): d for d in whole.differences if d.difference.population == "all"}
    assert all(theirs[one.metric, one.baseline] == one for one in few.differences)


def test_completeness_parts_rows_by_their_missing_values():
    values = np.zeros((9, 4))
    values[3:6, :2] = np.nan
    values[6:, :4] = np.nan
    assert completeness(values).tolist() == [GAPS[0]] * 3 + [GAPS[1]] * 3 + [GAPS[2]] * 3


def test_the_busiest_channels_are_told_and_records_are_counted_as_of_when_they_were_known():
    with read_records("data_samples/neighbourhood") as records:
        count = "SELECT channel, count(*) FROM events WHERE channel IS NOT NULL GROUP BY channel"
        told = dict(records.connection.sql(count).fetchall())
        busiest = busiest_channels(records, before=records.known_at + 1)
        assert sorted(told.values())[-2:] == sorted(told[one] for one in busiest)
        ids = np.array(["D-LATE-EVENT"] * 2, dtype=object)
        known = records_known(records, ids, np.array([0, records.known_at + 1]))
        assert known[0] == 0 < known[1]


def test_without_other_pairs_the_columns_of_a_dispute_stay_as_they_are(tmp_path):
    at = "2023-03-01T00:00:00+08:00"
    columns = catalogue.columns_of()
    with read_records("data_samples/neighbourhood") as records:
        build_matrix(records, tmp_path / "whole", as_of=at, workers=1)
        whole = pq.read_table(tmp_path / "whole" / "matrix").to_pandas()
        paired = pq.read_table(tmp_path / "whole" / "outcomes").to_pandas()
        of_pairs = paired.pair[paired.pair != paired.dispute_id]
        some = np.array(sorted(of_pairs)[:2] + sorted(whole.dispute_id)[:3], dtype=object)
        with pairs_alone(records.connection, some, known_at=records.known_at):
            build_matrix(records, tmp_path / "alone", as_of=at, workers=1)
        alone = pq.read_table(tmp_path / "alone" / "matrix").to_pandas()
        assert len(of_pairs) and {*some} <= {*alone.dispute_id} and len(alone) < len(whole)
        assert set(paired.dispute_id[paired.pair.isin(some[:2])]) <= {*alone.dispute_id}
        kept = whole[whole.dispute_id.isin(alone.dispute_id)]
        assert kept[["dispute_id", *columns]].reset_index(drop=True).equals(alone[["dispute_id", *columns]])


def test_the_records_are_whole_again_after_an_error():
    with read_records("data_samples/neighbourhood") as records:
        count = "SELECT count(*) FROM disputes"
        ((every,),) = records.connection.sql(count).fetchall()
        one = np.array(["D-LATE-EVENT"], dtype=object)
        for _ in range(2):
            with (
                pytest.raises(ZeroDivisionError),
                pairs_alone(records.connection, one, known_at=records.known_at),
            ):
                assert 0 < records.connection.sql(count).fetchall()[0][0] < every
                raise ZeroDivisionError
            assert records.connection.sql(count).fetchall() == [(every,)]


def test_the_light_worlds_have_the_raised_rate_and_their_truth():
    """The benchmark of interval coverage: labels and soft labels agree, and its intervals are the report's."""
    generator = Generator(disputes=4000, draws=40)
    drawn = [world(generator, seed) for seed in range(6)]
    label, soft = (np.concatenate(parts) for parts in zip(*((one.rows.label, one.soft) for one in drawn), strict=True))
    assert 0.003 < label.mean() < 0.008
    assert label.sum() == pytest.approx(soft.sum(), rel=0.35)
    truth, ends = truth_of(generator, 3), intervals_of(generator, 1)
    assert set(ends) == {*METRICS, "events"}
    assert 0.6 < truth["auc"] < 0.8 and ends["auc"][0] < truth["auc"] < ends["auc"][1]
    assert ends == intervals_of(generator, 1)
