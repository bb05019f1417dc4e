"""What several worlds together say of a difference: one world's interval leaves out the luck of its training incidents."""

import pytest

from benchmarks.figure import Figure
from benchmarks.quality import across_seeds


def _figures(name, *values):
    return [Figure(f"seed {101 + place}/{name}", value, "") for place, value in enumerate(values)]


def test_the_mean_of_the_seeds_has_students_interval():
    told = {
        figure.figure: figure.value for figure in across_seeds(_figures("lightgbm - logistic/auc", 0.01, 0.02, 0.03))
    }
    assert told == {
        "mean of the seeds/lightgbm - logistic/auc": 0.02,
        "mean of the seeds/lightgbm - logistic/auc.low": pytest.approx(0.02 - 4.30265 * 0.01 / 3**0.5, abs=1e-5),
        "mean of the seeds/lightgbm - logistic/auc.high": pytest.approx(0.02 + 4.30265 * 0.01 / 3**0.5, abs=1e-5),
    }


def test_one_seed_other_worlds_and_other_figures_have_no_mean():
    others = [Figure("perturbed/lightgbm - points/auc", 1.0, ""), Figure("seed 302/lightgbm - points/auc", 1.0, "")]
    one = _figures("lightgbm - points/auc", 0.04)
    plain = [*_figures("lightgbm/auc", 0.8, 0.9), *_figures("lightgbm - points/auc.low", 0.1, 0.2)]
    assert list(across_seeds([*others, *one, *plain])) == []
