"""What a fitted model must hold, checked by other means than those that made it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from features import catalogue
from features.errors import UserError
from features.indicator import Direction
from training import load_model
from training.artifact.contract import Calibration
from training.artifact.points import points_by_item
from training.artifact.scale import sigmoid
from training.artifact.tiers import CAPACITY, Tier, tier_ranks
from training.calibration import cross_fit, fit_line, line_intervals, margins, tier_cuts
from training.evaluation.alarms import shuffled_label_probe
from training.families.fitter import raw_scores


@pytest.fixture(scope="module")
def crossed(fitted):
    return cross_fit(fitted.train, fitted.train, fitted.fitter, folds=5, step=lambda _done: None)


def test_no_pair_and_no_dispute_is_on_both_sides(fitted):
    assert not set(fitted.train.pair) & set(fitted.test.pair)
    assert not set(fitted.train.dispute) & set(fitted.test.dispute)


def test_training_ends_an_embargo_before_the_test_begins(fitted):
    day = 86_400_000_000
    assert fitted.test.as_of.min() - fitted.train.as_of.max() >= 240 * day - 1


def test_all_positives_are_kept_and_a_negative_stands_for_ten(fitted):
    positive = fitted.train.label == 1
    stands_for = fitted.train.pair_weight
    assert np.allclose(fitted.train.weight, np.where(positive, stands_for, 10 * stands_for))
    assert len(set(stands_for[positive])) == 1
    assert stands_for.min() >= 1


def test_weighted_the_training_rows_are_as_many_as_before_the_test_pairs_left(fitted):
    """What left with its pair is made up for, so that the base rate is that of all rows of the training period."""
    counted = fitted.counted.training
    before = counted.train + counted.negatives_not_sampled + counted.of_test_pairs
    assert counted.of_test_pairs > 0.1 * before
    assert fitted.train.weight.sum() == pytest.approx(before, rel=0.03)


def test_contributions_are_those_of_shap_scaled_by_the_slope(fitted):
    rows = fitted.test.values[:200]
    explained = fitted.model.explain_rows(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap says that its output became an array
        told = shap.TreeExplainer(fitted.model.booster).shap_values(rows)
    slope, names = fitted.model.contract.calibration.slope, fitted.model.contract.indicator_ids
    by_indicator = [told[:, [name == each for each in names]].sum(axis=1) for name in explained.indicators]
    assert np.allclose(explained.contributions, slope * np.column_stack(by_indicator), atol=1e-12)


def test_base_margin_and_contributions_add_up_to_the_margin(fitted):
    explained = fitted.model.explain_rows(fitted.test.values[:2000])
    total = explained.base_margin + explained.contributions.sum(axis=1)
    assert np.abs(total - explained.margin).max() < 1e-9


def test_columns_are_taken_by_name_in_any_order(fitted):
    names = fitted.model.feature_names_in_
    frame = pd.DataFrame(fitted.test.values[:50], columns=names)
    shuffled = frame[list(reversed(names))]
    assert fitted.model.margin(shuffled).tolist() == fitted.model.margin(frame).tolist()
    with pytest.raises(KeyError, match=names[3]):
        fitted.model.margin(frame.drop(columns=[names[3]]))


def test_one_row_and_many_rows_give_the_same_bits(fitted):
    rows = fitted.test.values[:64]
    together = fitted.model.explain_rows(rows)
    for position in range(len(rows)):
        alone = fitted.model.explain_rows(rows[position : position + 1])
        assert alone.margin[0].hex() == together.margin[position].hex()
        assert alone.probability[0].hex() == together.probability[position].hex()
        assert alone.contributions[0].tolist() == together.contributions[position].tolist()


@pytest.mark.parametrize("name", [name for i in catalogue.INDICATORS if i.direction.monotone for name in i.columns])
def test_no_column_moves_the_score_against_its_direction(fitted, name):
    indicator = catalogue.BY_ID[name[:3]]
    rows = np.repeat(fitted.test.values[:300], 2, axis=0)
    column = fitted.model.contract.column_names.index(name)
    spread = np.unique(fitted.train.values[:, column][~np.isnan(fitted.train.values[:, column])])
    rows[0::2, column], rows[1::2, column] = spread.min(), spread.max()
    margin = fitted.model.margin_of_rows(rows)
    change = (margin[1::2] - margin[0::2]) * indicator.direction.monotone
    assert change.min() >= -1e-12


def test_cross_fitted_scores_never_saw_the_row_s_pair(fitted, crossed):
    """A model that had seen the pairs would rank the training rows better than one that had not."""
    seen = raw_scores(fitted.fitter.fit(fitted.train), fitted.train.values)
    label = fitted.train.label
    assert roc_auc_score(label, crossed) < roc_auc_score(label, seen)


def test_calibration_is_a_logistic_regression_on_the_weighted_population(fitted, crossed):
    log_rate = np.log(0.1)
    line = fit_line(crossed, fitted.train.label, fitted.train.weight, log_sampling_rate=log_rate)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        (crossed + log_rate)[:, None], fitted.train.label, sample_weight=fitted.train.weight
    )
    assert line.slope == pytest.approx(float(other.coef_[0, 0]), rel=1e-4)
    assert line.intercept == pytest.approx(float(other.intercept_[0]), rel=1e-3)
    risk = sigmoid(margins(crossed, line))
    expected = (risk * fitted.train.weight).sum()
    assert expected == pytest.approx((fitted.train.label * fitted.train.weight).sum(), rel=1e-6)


def test_the_sampling_correction_is_exact(fitted):
    """Odds learnt on a tenth of the negatives are ten times too high: ln(0.1) takes them back."""
    rate = float(np.average(fitted.train.label, weights=fitted.train.pair_weight))
    population = float(np.average(fitted.train.label, weights=fitted.train.weight))
    odds, true_odds = rate / (1 - rate), population / (1 - population)
    assert np.log(odds) + np.log(0.1) == pytest.approx(np.log(true_odds), abs=1e-9)


def test_tier_cuts_take_the_weighted_top_shares(fitted, crossed):
    line = fit_line(crossed, fitted.train.label, fitted.train.weight, log_sampling_rate=np.log(0.1))
    margin = margins(crossed, line)
    cuts = tier_cuts(margin, fitted.train.weight)
    ranks, total = tier_ranks(margin, cuts), fitted.train.weight.sum()
    for rank, tier, cut in ((3, Tier.RED, cuts.red), (2, Tier.ORANGE, cuts.orange), (1, Tier.YELLOW, cuts.yellow)):
        assert fitted.train.weight[margin > cut].sum() / total < CAPACITY[tier]
        assert fitted.train.weight[ranks >= rank].sum() / total >= CAPACITY[tier]


def test_the_interval_holds_the_probability_and_widens_where_little_is_known(fitted):
    margin = fitted.model.margin_of_rows(fitted.test.values[:500])
    low, high = fitted.model.interval(margin)
    probability = sigmoid(margin)
    assert (low < probability).all()
    assert (probability < high).all()


def test_a_draw_that_turns_the_line_round_widens_the_interval_and_stops_nothing(fitted):
    """With a handful of incidents some bootstrap draws have a slope below 0: that is part of what is not known."""
    rows = fitted.train
    few = np.flatnonzero(rows.label == 1)[::25]
    some = np.sort(np.concatenate([few, np.flatnonzero(rows.label == 0)[:3000]]))
    small, noise = rows[some], np.random.default_rng(5).normal(size=len(some))
    line = Calibration(intercept=-5.0, slope=0.1)
    wide = line_intervals(noise, small, line, refits=60, seed=3)
    assert np.isfinite(wide.standard_error).all()
    assert max(wide.standard_error) > 0.1
    with pytest.raises(UserError, match="bootstrap draws"):
        none = np.flatnonzero(rows.label == 0)[:500]
        one = np.sort(np.append(none, few[0]))
        line_intervals(np.arange(len(one)) / 100.0, rows[one], line, refits=60, seed=3)


def test_the_points_score_is_a_sum_a_person_can_do(fitted):
    model = fitted.model
    columns = fitted.test.columns(model.contract.column_names)
    explained = model.explain_points(columns)
    earned = points_by_item(columns, model.contract.points.items)
    assert len(model.contract.points.items) == 10
    assert set(np.unique(earned)) <= {0.0, 1.0, 2.0, 3.0}
    total = explained.base_margin + explained.contributions.sum(axis=1)
    assert np.abs(total - explained.margin).max() < 1e-9


def test_trees_trained_on_shuffled_labels_find_nothing(fitted):
    """Labels handed round among whole pairs, eight times: a mean AUC outside the range of chance would be a leak.

    Without the catalogue's directions: they are knowledge of their own, and rank above chance whatever the labels say.
    """
    free = tuple(replace(indicator, direction=Direction.FREE) for indicator in fitted.fitter.indicators)
    knows_nothing = replace(fitted.fitter, indicators=free)
    rng = np.random.default_rng(3)
    pairs, pair = np.unique(fitted.train.pair, return_inverse=True)
    had = np.zeros(len(pairs), bool)
    had[pair[fitted.train.label == 1]] = True
    scores = []
    for _ in range(8):
        gets = rng.permutation(had)
        scorer = knows_nothing.fit(replace(fitted.train, label=gets[pair].astype(np.int8)))
        scores.append(raw_scores(scorer, fitted.test.values))
    chance = shuffled_label_probe(
        label=fitted.test.label, score=scores[0], dispute=fitted.test.dispute, permutations=400, seed=1
    )
    assert chance.low < 0.5 < chance.high
    mean = np.mean([roc_auc_score(fitted.test.label, score) for score in scores])
    assert chance.low <= mean <= chance.high
    true = raw_scores(fitted.model.scorer, fitted.test.values)
    assert roc_auc_score(fitted.test.label, true) > chance.high


def test_saved_and_loaded_again_it_says_the_same(fitted, tmp_path):
    from training.artifact.store import save_model

    folder = save_model(fitted.model.booster.model_to_string(), fitted.model.contract, tmp_path)
    assert folder.name == fitted.model.digest
    again = load_model(folder)
    assert again.margin_of_rows(fitted.test.values[:100]).tolist() == (
        fitted.model.margin_of_rows(fitted.test.values[:100]).tolist()
    )
