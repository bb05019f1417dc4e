"""The fast bootstrap against the naive one: rows of drawn pairs really repeated, every metric computed from scratch."""

import numpy as np
import pytest
from scipy.special import expit

from training.evaluation import ranking_draws
from training.evaluation.bootstrap import bootstrap, percentile_interval, poisson_table, totals_by_cluster
from training.evaluation.metrics import at_capacity, calibration_metrics, rank_metrics
from training.evaluation.ranking_draws import RankingDraws, score_borders

CAPACITIES = (0.01, 0.05, 0.2)
N_PAIRS = 400


def world(seed=1, *, tied=False, base=-3.5):
    """A test set of 4,000 rows in 400 pairs and 900 disputes; ``tied`` scores are whole points."""
    generator = np.random.default_rng(seed)
    dispute = generator.integers(0, 900, 4000)
    pair = dispute % N_PAIRS
    margin = base + generator.normal(size=N_PAIRS)[pair] + 0.6 * generator.normal(size=4000)
    label = (generator.random(4000) < expit(margin)).astype(np.int8)
    score = np.round(margin * 2) if tied else margin
    return {
        "label": label,
        "score": score,
        "probability": expit(score / 2 if tied else margin),
        "margin": score / 2 if tied else margin,
        "dispute": dispute,
        "cluster": pair,
    }


def statistic(rows, *, keep=None, **settings):
    n_positive = int(rows["label"].sum())
    populations = {"all": np.ones(n_positive, dtype=bool)}
    if keep is not None:
        populations["kept"] = keep
    return RankingDraws(**rows, n_clusters=N_PAIRS, populations=populations, capacities=CAPACITIES, **settings)


def naive(rows, weight, *, kept=None):
    """Every metric after each row was really repeated as often as its pair was drawn; copies are other disputes."""
    rows = rows if kept is None else {name: values[kept] for name, values in rows.items()}
    times = weight.astype(int)[rows["cluster"]]
    again = {name: np.repeat(values, times) for name, values in rows.items()}
    copy = np.concatenate([np.arange(count) for count in times])
    dispute = again["dispute"] * 100 + copy
    found = rank_metrics(again["label"], again["score"], dispute, capacities=CAPACITIES)
    return found | calibration_metrics(again["label"], again["probability"], again["margin"])


def assert_same(drawn, population, column, expected, *, line=5e-3):
    for name, value in expected.items():
        close = line if name.startswith("calibration") else 1e-5
        assert drawn[population, name][column] == pytest.approx(value, rel=close, abs=close), name


@pytest.mark.parametrize("tied", [False, True])
def test_each_draw_is_the_naive_answer_with_the_pairs_repeated(tied):
    rows = world(tied=tied)
    weights = np.random.default_rng(3).poisson(1, size=(N_PAIRS, 6)).astype(np.float32)
    drawn = statistic(rows).draw(weights)
    for column in range(weights.shape[1]):
        assert_same(drawn, "all", column, naive(rows, weights[:, column]))


def test_weights_of_one_give_the_metrics_of_the_sample_itself():
    rows = world()
    drawn = statistic(rows).draw(np.ones((N_PAIRS, 1), dtype=np.float32))
    assert_same(drawn, "all", 0, naive(rows, np.ones(N_PAIRS)))


def test_a_population_without_some_positive_rows_is_as_if_they_had_been_removed():
    rows = world(seed=4, tied=True)
    keep = np.random.default_rng(0).random(int(rows["label"].sum())) < 0.7
    kept_rows = np.ones(4000, dtype=bool)
    kept_rows[np.flatnonzero(rows["label"])[~keep]] = False
    weights = np.random.default_rng(8).poisson(1, size=(N_PAIRS, 3)).astype(np.float32)
    drawn = statistic(rows, keep=keep).draw(weights)
    for column in range(3):
        assert_same(drawn, "kept", column, naive(rows, weights[:, column], kept=kept_rows))


def test_with_more_positive_scores_than_bins_the_error_is_far_below_the_interval(monkeypatch):
    rows = world(base=-1.5)
    exact = statistic(rows)
    monkeypatch.setattr(ranking_draws, "MOST_POSITIVE_SCORES", 300)
    binned = statistic(rows)
    assert int(rows["label"].sum()) > 800
    both = [bootstrap({"r": s}, n_clusters=N_PAIRS, draws=100, seed=2) for s in (exact, binned)]
    for name in ("auc", "ap_over_base", at_capacity("recall", 0.05), at_capacity("precision", 0.05)):
        fine, coarse = both[0]["r", "all", name], both[1]["r", "all", name]
        low, high = percentile_interval(fine)
        assert 0 < np.abs(fine - coarse).max() < 0.1 * (high - low), name


def test_every_positive_score_is_a_bin_of_its_own():
    score = np.array([1.0, 2.0, 2.0, np.nextafter(2.0, 3), 5.0])
    borders = score_borders(score, score[[1]])
    bins = np.searchsorted(borders, score, side="right")
    assert bins[1] == bins[2]
    assert len({int(bins[0]), int(bins[1]), int(bins[3])}) == 3


def test_the_interval_is_that_of_a_naive_cluster_bootstrap():
    rows = world(seed=9)
    drawn = bootstrap({"r": statistic(rows, lines=False)}, n_clusters=N_PAIRS, draws=400, seed=1)
    generator = np.random.default_rng(77)
    again = [naive(rows, np.bincount(generator.integers(0, N_PAIRS, N_PAIRS), minlength=N_PAIRS)) for _ in range(150)]
    for name in ("auc", at_capacity("dispute_recall", 0.05), "observed_over_expected"):
        ours = drawn["r", "all", name]
        theirs = np.array([draw[name] for draw in again])
        assert ours.std() == pytest.approx(theirs.std(), rel=0.2), name
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.25 * theirs.std()), name


def test_pairs_are_drawn_not_rows():
    rows = world(seed=2)
    rows["label"] = (rows["dispute"] % 7 == 0).astype(np.int8)  # one incident makes every row of its dispute positive
    by_pair = bootstrap({"r": statistic(rows, lines=False)}, n_clusters=N_PAIRS, draws=200, seed=1)
    alone = rows | {"cluster": np.arange(4000)}
    as_rows = RankingDraws(
        **alone,
        n_clusters=4000,
        populations={"all": np.ones(int(rows["label"].sum()), dtype=bool)},
        capacities=CAPACITIES,
        lines=False,
    )
    by_row = bootstrap({"r": as_rows}, n_clusters=4000, draws=200, seed=1)
    key = ("r", "all", "observed_over_expected")
    assert by_pair[key].std() > 1.5 * by_row[key].std()


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    rows = world()
    first, again, other = (
        bootstrap({"r": statistic(rows, lines=False)}, n_clusters=N_PAIRS, draws=70, seed=seed)["r", "all", "auc"]
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == 70


def test_progress_is_told_up_to_the_last_draw():
    told = []
    bootstrap({}, n_clusters=3, draws=130, seed=1, progress=lambda done, of: told.append((done, of)))
    assert told == [(64, 130), (128, 130), (130, 130)]


def test_the_table_of_weights_is_poisson_one():
    table = poisson_table().astype(np.float64)
    assert len(table) == 65_536
    assert table.mean() == pytest.approx(1, abs=1e-4)
    assert table.var() == pytest.approx(1, abs=1e-3)
    assert (table == 0).mean() == pytest.approx(np.exp(-1), abs=1e-5)


def test_totals_by_cluster_add_up_rows_of_one_group_and_cluster():
    totals = totals_by_cluster(np.array([0, 0, 1, 0]), np.array([2, 2, 2, 0]), n_groups=2, n_clusters=3)
    assert totals.toarray().tolist() == [[1, 0, 2], [0, 0, 1]]


def test_an_interval_needs_nine_draws_in_ten_that_can_say():
    values = np.r_[np.arange(95.0), np.full(5, np.nan)]
    assert percentile_interval(values) == pytest.approx(tuple(np.percentile(np.arange(95.0), [2.5, 97.5])))
    assert percentile_interval(np.r_[values, np.full(20, np.nan)]) is None
