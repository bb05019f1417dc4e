"""The second opinion on the split: it passes the true one and finds every kind of fault that is planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features import read_records
from features.clock import DAY_US
from training.split import all_origins
from training.split_check import Promise, SplitPromiseBroken, check_origins, check_split


@pytest.fixture(scope="module")
def records(unit_world):
    with read_records(unit_world) as opened:
        yield opened


@pytest.fixture(scope="module")
def promise(fitted, records):
    return Promise(fitted.matrix, fitted.matrix, fitted.experiment.label, records.known_at, pairs_stay_apart=True)


def test_the_true_split_passes(fitted, promise, records):
    check_split(fitted.rows, fitted.split, promise, records)


def without(rows, ids, gone):
    kept = np.ones(len(rows), bool)
    kept[gone] = False
    return rows[kept], ids[kept]


def swapped(fitted, **parts):
    return replace(fitted.rows, **parts)


def a_test_row_is_dropped(fitted):
    test, ids = without(fitted.rows.test, fitted.rows.test_dispute_ids, 5)
    return swapped(fitted, test=test, test_dispute_ids=ids)


def all_rows_of_a_test_pair_are_dropped(fitted):
    """A splitter that keeps pairs apart by taking them out of the test."""
    gone = fitted.rows.test.pair == fitted.rows.test.pair[0]
    test, ids = without(fitted.rows.test, fitted.rows.test_dispute_ids, gone)
    return swapped(fitted, test=test, test_dispute_ids=ids)


def a_test_row_trains(fitted):
    one = np.array([0])
    train = fitted.rows.train
    joined = replace(train, **{name: np.concatenate([getattr(train, name), getattr(fitted.rows.test[one], name)])
                               for name in train.__dataclass_fields__})  # fmt: skip
    ids = np.concatenate([fitted.rows.train_dispute_ids, fitted.rows.test_dispute_ids[one]])
    return swapped(fitted, train=joined, train_dispute_ids=ids)


def a_positive_is_dropped(fitted):
    train, ids = without(
        fitted.rows.train, fitted.rows.train_dispute_ids, np.flatnonzero(fitted.rows.train.label == 1)[0]
    )
    return swapped(fitted, train=train, train_dispute_ids=ids)


def a_label_is_turned_round(fitted):
    label = fitted.rows.test.label.copy()
    label[3] = 1 - label[3]
    return swapped(fitted, test=replace(fitted.rows.test, label=label))


def a_row_is_given_twice(fitted):
    train = fitted.rows.train
    twice = np.r_[np.arange(len(train)), 0]
    return swapped(fitted, train=train[twice], train_dispute_ids=fitted.rows.train_dispute_ids[twice])


def a_landmark_is_made_up(fitted):
    as_of = fitted.rows.train.as_of.copy()
    as_of[0] += 1
    return swapped(fitted, train=replace(fitted.rows.train, as_of=as_of))


PLANTED = {
    a_test_row_is_dropped: "test: rows of its period that were dropped: 1,",
    all_rows_of_a_test_pair_are_dropped: "test: rows of its period that were dropped",
    a_test_row_trains: "train: rows whose label was not complete when the test began: 1,",
    a_positive_is_dropped: "train: positives before the embargo that were dropped: 1,",
    a_label_is_turned_round: "test: labels that the incidents do not bear out: 1,",
    a_row_is_given_twice: "train: rows given out twice: 1,",
    a_landmark_is_made_up: "train: rows that are not in the matrix: 1,",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant, fitted, promise, records):
    with pytest.raises(SplitPromiseBroken) as told:
        check_split(plant(fitted), fitted.split, promise, records)
    assert PLANTED[plant] in str(told.value)


def test_a_pair_on_both_sides_is_found(fitted, promise, records):
    """The rows of a splitter that forgot the pairs."""
    from features import catalogue
    from training.rows import Sampling, split_rows

    sampling = Sampling(0.02, fitted.experiment.seed, by_pair=False)
    rows = split_rows(
        fitted.matrix, fitted.matrix, fitted.split, catalogue.columns_of(), label="label_90", sampling=sampling
    )
    with pytest.raises(SplitPromiseBroken, match="train: rows of a pair that occurs in the test"):
        check_split(rows, fitted.split, promise, records)
    check_split(rows, fitted.split, replace(promise, pairs_stay_apart=False), records)


def test_an_embargo_that_is_too_short_is_found(fitted, promise, records):
    """The promise of a label that takes a day longer: the same rows break it."""
    label = promise.label.model_copy(update={"label_delay_days": 151.0})
    with pytest.raises(SplitPromiseBroken) as told:
        check_split(fitted.rows, fitted.split, replace(promise, label=label), records)
    assert "train: rows whose label was not complete when the test began" in str(told.value)
    assert "test: labels that were not complete yet" in str(told.value)


def test_rows_after_the_first_incident_are_found(fitted, promise, records):
    """With links believed from 0.0 on, more incidents end disputes than the splitter knew."""
    label = promise.label.model_copy(update={"min_link_confidence": 0.0})
    with pytest.raises(SplitPromiseBroken, match="after the incident that ended the dispute"):
        check_split(fitted.rows, fitted.split, replace(promise, label=label), records)


def test_origins_out_of_order_overlapping_or_late_are_found(fitted, records):
    label = fitted.experiment.label
    splits = all_origins(fitted.experiment, first_as_of=0, known_at=records.known_at)
    assert len(splits) == 3
    check_origins(splits, label=label, known_at=records.known_at)
    late = [replace(one, test_start=one.test_start + DAY_US, test_end=one.test_end + DAY_US) for one in splits]
    near = [replace(one, train_end=one.train_end + DAY_US) for one in splits]
    for wrong, told in (
        (splits[::-1], "end to end"),
        (splits[::2], "end to end"),
        (late, "not complete"),
        (near, "before its test"),
    ):
        with pytest.raises(SplitPromiseBroken, match=told):
            check_origins(wrong, label=label, known_at=records.known_at)
