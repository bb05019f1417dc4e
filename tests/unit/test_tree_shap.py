"""Scores and parts by tables are LightGBM's own: whatever the trees ask, and whatever is missing."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from training.artifact import scorer, tree_shap
from training.artifact.scorer import TreeScorer
from training.artifact.tree_shap import TreeTables

CODES = 9
PLAIN = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 3, "min_data_in_leaf": 5}


def rows_of(columns: int, *, count: int = 1_500, seed: int = 1) -> np.ndarray:
    """Rows with zeros, ties, negative numbers and a tenth of the values missing; the last column is a category."""
    rng = np.random.default_rng(seed)
    rows = np.round(rng.normal(0, 2, (count, columns)))
    rows[:, -1] = rng.integers(0, CODES, count)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows


def trees(rows: np.ndarray, *, rounds: int = 30, **settings: object) -> lgb.Booster:
    rng = np.random.default_rng(2)
    told = np.nan_to_num(rows, nan=1.5)
    risk = told[:, 0] * (told[:, -1] > 4) - np.abs(told[:, 1]) + (told[:, -1] % 3)
    label = (rng.random(len(rows)) < 1 / (1 + np.exp(-risk))).astype(float)
    data = lgb.Dataset(rows, label=label, categorical_feature=[rows.shape[1] - 1], free_raw_data=False)
    return lgb.train(PLAIN | settings, data, num_boost_round=rounds)


SETTINGS = {
    "shallow": {"max_depth": 3, "num_leaves": 8},
    "shallow, zero is missing": {"max_depth": 3, "num_leaves": 8, "zero_as_missing": True},
    "shallow, nothing is missing": {"max_depth": 3, "num_leaves": 8, "use_missing": False},
    "stumps": {"max_depth": 1, "num_leaves": 2},
    "deep": {"max_depth": 6, "num_leaves": 40},
    "zero is missing": {"max_depth": 4, "num_leaves": 12, "zero_as_missing": True},
    "nothing is missing": {"max_depth": 4, "num_leaves": 12, "use_missing": False},
    "categories one by one": {"max_depth": 4, "num_leaves": 12, "max_cat_to_onehot": 20},
}


@pytest.mark.parametrize("columns", [3, 12], ids=["features again and again", "many features"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_scores_and_parts_are_those_of_lightgbm(settings, columns):
    """The scores to the bit, as they are cut into tiers; the parts as nearly as sums in another order can be."""
    rows = rows_of(columns)
    booster = trees(rows, **settings)
    asked = np.concatenate([rows, rows_of(columns, count=300, seed=9)])
    asked[:41, -1] = [-0.5, *np.linspace(-3, 70, 40)]  # categories that were never seen, and what is none
    tables = TreeTables(booster)
    raw, found = tables.explained(asked)
    own_raw = booster.predict(asked, raw_score=True, num_threads=1).tolist()
    assert raw.tolist() == own_raw
    if tables.are_narrow:
        assert tables.raw(asked).tolist() == own_raw
    else:
        with pytest.raises(OverflowError, match="more than 10 nodes"):
            tables.raw(asked)
    own = booster.predict(asked, pred_contrib=True, num_threads=1)[:, :-1]
    assert np.abs(found - own).max() < 1e-12
    assert np.abs(own).max() > 0.1


def test_rows_of_another_width_are_refused():
    tables = TreeTables(trees(rows_of(6), rounds=3))
    for columns in (5, 7):
        with pytest.raises(ValueError, match="rows of 6 columns"):
            tables.explained(rows_of(columns))
        with pytest.raises(ValueError, match="rows of 6 columns"):
            tables.raw(rows_of(columns))


def test_trees_that_never_split_say_nothing():
    rows = rows_of(4, count=60)
    booster = trees(rows, rounds=3, min_data_in_leaf=50)
    tables = TreeTables(booster)
    raw, parts = tables.explained(rows)
    assert parts.tolist() == np.zeros(rows.shape).tolist()
    assert tables.raw(rows).tolist() == raw.tolist()
    assert raw.tolist() == booster.predict(rows, raw_score=True, num_threads=1).tolist()


def test_many_rows_are_scored_by_tables_where_trees_are_narrow(monkeypatch):
    monkeypatch.setattr(scorer, "MANY_ROWS", 1)
    rows = rows_of(6)
    for settings in (SETTINGS["shallow"], SETTINGS["deep"]):
        booster = trees(rows, **settings)
        own = booster.predict(rows, raw_score=True, num_threads=1).tolist()
        with monkeypatch.context() as patched:
            if settings is SETTINGS["shallow"]:
                patched.delattr(lgb.Booster, "predict")
            assert TreeScorer(booster).raw(rows).tolist() == own
            assert TreeScorer(booster).raw(np.asfortranarray(rows)).tolist() == own


@pytest.mark.parametrize("limit, at_most", [("MOST_NUMBERS", 100), ("MOST_BITS", 5)])
def test_trees_too_large_for_tables_are_explained_all_the_same(limit, at_most, monkeypatch):
    """Beyond the size of sensible tables LightGBM's own, slower way is taken: to the letter its own parts."""
    rows = rows_of(6)
    booster = trees(rows, max_depth=4, num_leaves=12)
    monkeypatch.setattr(tree_shap, limit, at_most)
    with pytest.raises(OverflowError, match="too large for tables"):
        TreeTables(booster)
    own = booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1]
    raw, parts = TreeScorer(booster).explained(rows)
    assert parts.tolist() == own.tolist()
    assert raw.tolist() == booster.predict(rows, raw_score=True, num_threads=1).tolist()
