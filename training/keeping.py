"""Weights that make up for the training rows that the pairs of the test take away.

No pair may lie on both sides of a split, so the pairs of the test leave training.  That is a choice by outcome: with its
first incident a dispute leaves evaluation, and its pair seldom occurs in the test, while a long quiet dispute is still
there and its early rows go.  Trained on what stays, a model sees too many incidents: on a simulated world of 250,000
disputes a year observed over expected was 0.76.

Each row that stays therefore stands for ``1 / P(stays | its values, its label)`` rows (inverse-probability weighting,
Horvitz and Thompson 1952).  Of the rows that left, only their values and the number of their positives are used.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np

from features.history import Array
from features.view import Values

LEAST_CHANCE = 0.05
"""Chances below this are taken for this: what such rows stood for is spread over all (on bench worlds there are none)."""
FEWEST_ROWS = 1_000
"""Below so many rows on either side, one chance for all: nothing finer could be fitted."""
SETTINGS = {
    "objective": "binary", "max_depth": 4, "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 200,
    "max_bin": 63, "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": 1, "verbosity": -1,
}  # fmt: skip
ROUNDS = 60


def pair_weights(stays: Values, label: Array, left: Values, left_label: Array) -> Values:
    """How many rows each row that stays stands for, shape (rows,); at least 1.

    ``stays`` and ``left`` are values (rows, columns), with the landmark's time as a column; labels are 0 or 1.
    Positives are few: they share one chance.
    """
    weight = np.ones(len(label))
    for positive in (True, False):
        own, gone = (label == 1) == positive, (left_label == 1) == positive
        if not own.any() or not gone.any():
            continue
        total = own.sum() + gone.sum()
        if positive or min(own.sum(), gone.sum()) < FEWEST_ROWS:
            weight[own] = total / own.sum()
            continue
        chance = np.maximum(_chance_of_staying(stays[own], left[gone]), LEAST_CHANCE)
        weight[own] = total / (1 / chance).sum() / chance
    return np.maximum(weight, 1.0)


def _chance_of_staying(stays: Values, left: Values) -> Values:
    """The fitted chance of each row that stays."""
    stayed = np.concatenate([np.ones(len(stays)), np.zeros(len(left))])
    data = lgb.Dataset(np.concatenate([stays, left]), label=stayed, params={"max_bin": 63, "verbosity": -1})
    booster = lgb.train(SETTINGS, data, num_boost_round=ROUNDS)
    return booster.predict(stays, num_threads=1)
