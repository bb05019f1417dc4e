"""Metrics against answers worked out by hand, ties included, and against an outside library where one has them."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import beta, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from training.calibration_line import calibration_intercept, calibration_line
from training.evaluation.metrics import (
    at_capacity,
    auc,
    average_precision,
    chance_of_any,
    cut_at_capacity,
    dispute_recall,
    exact_binomial,
    exact_poisson,
    split_capacity,
)

# Ten rows from the highest score down; 7 is shared by three rows, one of them positive.
#            9  8  7  7  7  6  5  4  3  2
SCORE = np.array([9.0, 8, 7, 7, 7, 6, 5, 4, 3, 2])
LABEL = np.array([0, 1, 0, 1, 0, 0, 0, 0, 1, 0], dtype=np.int8)
DISPUTE = np.array([0, 1, 2, 1, 4, 5, 6, 7, 8, 9])


def test_auc_counts_ties_half():
    # wins of the positives over 7 negatives: score 8 beats 6; score 7 beats 4 and ties 2; score 3 beats 1
    assert auc(LABEL, SCORE) == pytest.approx((6 + 4 + 0.5 * 2 + 1) / 21)


def test_average_precision_takes_rows_of_one_score_as_one_step():
    # recall steps: 1/3 at row 2 (precision 1/2), 1/3 at rows 3-5 (2/5), 1/3 at row 9 (3/9)
    assert average_precision(LABEL, SCORE) == pytest.approx((1 / 2 + 2 / 5 + 3 / 9) / 3)


def test_agrees_with_scikit_learn_on_tied_scores():
    generator = np.random.default_rng(5)
    score = np.round(generator.normal(size=800), 1)
    label = (generator.random(800) < expit(score - 2)).astype(np.int8)
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert average_precision(label, score) == pytest.approx(average_precision_score(label, score), abs=1e-12)


def test_a_cut_inside_a_tie_counts_in_part_and_names_both_bounds():
    cut = cut_at_capacity(LABEL, SCORE, capacity=0.3)  # rows 1 and 2, and one of the three rows with score 7
    assert (cut.cut_score, cut.rows_taken, cut.rows_tied) == (7, pytest.approx(3), 3)
    assert cut.hits == pytest.approx(1 + 1 / 3)
    assert (cut.hits_worst, cut.hits_best) == (pytest.approx(1), pytest.approx(2))


def test_the_expected_hits_are_the_mean_over_all_orders_of_the_tied_rows():
    generator = np.random.default_rng(2)
    orders = [np.lexsort((generator.random(10), -SCORE)) for _ in range(20_000)]
    mean_hits = np.mean([LABEL[order][:4].sum() for order in orders])
    assert cut_at_capacity(LABEL, SCORE, capacity=0.4).hits == pytest.approx(mean_hits, abs=0.02)


def test_a_cut_between_two_scores_has_no_tie_to_argue_about():
    cut = cut_at_capacity(LABEL, SCORE, capacity=0.2)
    assert cut.hits == cut.hits_worst == cut.hits_best == 1


def test_capacity_survives_the_float_that_is_a_hair_too_large():
    score = np.arange(100, dtype=np.float64)
    assert 0.07 * 100 > 7
    assert cut_at_capacity(np.ones(100, dtype=np.int8), score, capacity=0.07).cut_score == 93


def test_a_dispute_counts_once_however_many_of_its_rows_are_found():
    # dispute 1 has two positive rows (scores 8 and 7), dispute 8 one (score 3)
    assert dispute_recall(LABEL, SCORE, DISPUTE, capacity=0.2) == pytest.approx(1 / 2)
    assert dispute_recall(LABEL, SCORE, DISPUTE, capacity=0.5) == pytest.approx(1 / 2)
    assert cut_at_capacity(LABEL, SCORE, capacity=0.5).hits == pytest.approx(2)


def test_a_dispute_with_two_rows_in_a_tie_of_four_is_found_by_two_draws_in_five_of_six_orders():
    label = np.array([1, 1, 0, 0], dtype=np.int8)
    found = dispute_recall(label, np.zeros(4), np.array([3, 3, 4, 5]), capacity=0.5)
    assert found == pytest.approx(1 - (2 / 4) * (1 / 3))


def test_chance_of_any_is_certain_when_too_few_others_are_left():
    assert chance_of_any(np.array(3.0), np.array(2.0), np.array([2])) == pytest.approx([1.0])
    assert chance_of_any(np.array(10.0), np.array(3.0), np.array([1, 2])) == pytest.approx([0.3, 1 - 0.7 * 6 / 9])


@pytest.mark.parametrize("label", [np.zeros(4, dtype=np.int8), np.ones(4, dtype=np.int8)])
def test_one_kind_of_rows_has_no_auc(label):
    assert auc(label, np.arange(4.0)) is None


def test_without_a_positive_row_there_is_nothing_to_find():
    label = np.zeros(4, dtype=np.int8)
    assert average_precision(label, np.arange(4.0)) is None
    assert dispute_recall(label, np.arange(4.0), np.arange(4), capacity=0.5) is None


def test_exact_intervals_are_the_textbook_ones():
    assert exact_binomial(3, 20) == pytest.approx((beta.ppf(0.025, 3, 18), beta.ppf(0.975, 4, 17)))
    assert exact_binomial(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert exact_binomial(20, 20) == pytest.approx((0.025 ** (1 / 20), 1))
    assert exact_poisson(7) == pytest.approx((chi2.ppf(0.025, 14) / 2, chi2.ppf(0.975, 16) / 2))
    assert exact_poisson(0) == pytest.approx((0, 3.6888794541))


def _weights(label):
    return {"total": np.ones((len(label), 1)), "positive": label[:, None].astype(np.float64)}


def test_the_calibration_line_is_the_unpenalised_logistic_fit():
    generator = np.random.default_rng(11)
    margin = generator.normal(-5, 1.2, size=20_000)
    label = (generator.random(20_000) < expit(0.4 + 0.8 * margin)).astype(np.int8)
    ours = calibration_line(margin, **_weights(label))
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(margin[:, None], label)
    assert ours.slope[0] == pytest.approx(fit.coef_[0, 0], abs=1e-4)
    assert ours.intercept[0] == pytest.approx(fit.intercept_[0], abs=1e-3)


def test_the_calibration_intercept_makes_expected_equal_observed():
    margin = np.repeat([-3.0, -1.0, 0.5], 40)
    label = np.tile(np.array([1, 0, 0, 0], dtype=np.int8), 30)
    shift = calibration_intercept(margin, **_weights(label))[0]
    assert expit(margin + shift).sum() == pytest.approx(30)


def test_labels_that_the_margin_separates_have_no_slope():
    margin = np.arange(10.0)
    label = (margin > 6).astype(np.int8)
    assert np.isnan(calibration_line(margin, **_weights(label)).slope[0])
    assert np.isnan(calibration_line(np.zeros(10), **_weights(label)).slope[0])
    assert np.isnan(calibration_line(margin, **_weights(np.zeros(10))).slope[0])
    assert np.isnan(calibration_intercept(margin, **_weights(np.zeros(10)))[0])


@pytest.mark.parametrize(("capacity", "name"), [(0.0015, "recall_at_0.15pct"), (0.1, "recall_at_10pct")])
def test_the_name_of_a_capacity_reads_both_ways(capacity, name):
    assert at_capacity("recall", capacity) == name
    assert split_capacity(name) == ("recall", pytest.approx(capacity))
    assert split_capacity("auc") == ("auc", None)
