"""Pairs of the test leave training by a choice that depends on the outcome: the weights must make up for it."""

import numpy as np
import pytest

from training.keeping import pair_weights


@pytest.fixture(scope="module")
def world():
    """Rows with a value; the higher it is the likelier an incident, and the likelier the pair comes back in the test.

    With an incident the dispute leaves: its pair comes back only now and then.
    """
    rng = np.random.default_rng(5)
    value = rng.normal(size=200_000)
    label = (rng.random(len(value)) < 0.01 * np.exp(value)).astype(np.int8)
    back = rng.random(len(value)) < np.where(label == 1, 0.1, 1 / (1 + np.exp(-value)))
    return value[:, None], label, back


def test_left_as_they_are_the_rows_show_too_many_incidents(world):
    _, label, back = world
    assert label[~back].mean() > 1.5 * label.mean()


def test_weighted_the_rows_show_the_rate_of_all(world):
    values, label, back = world
    weight = pair_weights(values[~back], label[~back], values[back], label[back])
    assert np.average(label[~back], weights=weight) == pytest.approx(label.mean(), rel=0.02)
    assert weight.sum() == pytest.approx(len(label), rel=0.02)
    assert weight.min() >= 1


def test_weighted_the_rows_show_the_rate_at_every_value(world):
    """One weight for all negatives would mend the rate, but not where it lies: high values would look too risky."""
    values, label, back = world
    weight = pair_weights(values[~back], label[~back], values[back], label[back])
    high = values[:, 0] > 1
    kept = high & ~back
    assert np.average(label[kept], weights=weight[high[~back]]) == pytest.approx(label[high].mean(), rel=0.08)
    negative = label[~back] == 0
    flat = np.where(negative, (label == 0).sum() / negative.sum(), (label == 1).sum() / (~negative).sum())
    assert np.average(label[kept], weights=flat[high[~back]]) > 1.3 * label[high].mean()


def test_where_nothing_left_every_row_stands_for_itself(world):
    values, label, _ = world
    assert np.array_equal(pair_weights(values, label, values[:0], label[:0]), np.ones(len(label)))


def test_few_rows_share_one_chance():
    values, label = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 0, 1, 1])
    weight = pair_weights(values, label, values[:3], np.array([0, 0, 1]))
    assert weight.tolist() == [4 / 3] * 6 + [1.5] * 2


def test_the_same_rows_give_the_same_weights(world):
    values, label, back = world
    first, second = (pair_weights(values[~back], label[~back], values[back], label[back]) for _ in range(2))
    assert np.array_equal(first, second)
