"""The splitter, and a checker that recomputes every promise of it from the rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from features.clock import DAY_US, parse_time
from features.errors import UserError
from training.experiment import Experiment
from training.split import all_origins, last_origin, training_rows

START = parse_time("2020-01-01T00:00:00+08:00")


def experiment(**settings) -> Experiment:
    return Experiment(name="x", question="?", seed=1, **settings)


def test_four_years_give_the_last_origin_of_the_field_notes():
    split = last_origin(experiment(), first_as_of=START, known_at=START + 1461 * DAY_US)
    days = [(at - START) / DAY_US for at in (split.train_end, split.test_start, split.test_end)]
    assert np.allclose(days, [799, 1039, 1221], atol=1e-6)


def test_four_years_give_three_origins_end_to_end():
    splits = all_origins(experiment(), first_as_of=START, known_at=START + 1461 * DAY_US)
    days = [[(at - START) / DAY_US for at in (one.train_end, one.test_start, one.test_end)] for one in splits]
    assert np.allclose(days, [[435, 675, 857], [617, 857, 1039], [799, 1039, 1221]], atol=1e-6)


def test_short_records_give_fewer_origins_and_never_none():
    for days, origins in ((1461, 3), (900, 2), (700, 1)):
        assert len(all_origins(experiment(), first_as_of=START, known_at=START + days * DAY_US)) == origins
    with pytest.raises(UserError, match="bring longer records"):
        all_origins(experiment(), first_as_of=START, known_at=START + 600 * DAY_US)


def test_every_label_of_training_was_known_before_the_test_began():
    split = last_origin(experiment(), first_as_of=START, known_at=START + 1200 * DAY_US)
    last_training_landmark = split.train_end - 1
    assert last_training_landmark + (90 + 150) * DAY_US == split.test_start
    last_test_landmark = split.test_end - 1
    assert last_test_landmark + (90 + 150) * DAY_US == START + 1200 * DAY_US


def test_a_pair_of_the_test_leaves_training_and_never_the_test():
    split = last_origin(experiment(), first_as_of=START, known_at=START + 1200 * DAY_US)
    as_of = np.array([split.train_end - 1, split.train_end - 1, split.train_end, split.test_start, split.test_end])
    pair = np.array([1, 2, 3, 1, 4])
    is_test = split.is_test(as_of)
    assert is_test.tolist() == [False, False, False, True, False]
    trains = training_rows(split, as_of, pair, np.unique(pair[is_test]))
    assert trains.tolist() == [False, True, False, False, False]


def test_rows_before_the_first_landmark_to_use_are_left_out():
    late = "2020-07-01T00:00:00+08:00"
    split = last_origin(experiment(cohort={"first_as_of": late}), first_as_of=START, known_at=START + 1461 * DAY_US)
    assert split.train_start == parse_time(late)


def test_records_that_are_too_short_say_how_long_they_must_be():
    with pytest.raises(UserError, match=r"span 600 days .* before day 662"):
        last_origin(experiment(), first_as_of=START, known_at=START + 600 * DAY_US)
