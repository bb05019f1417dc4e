"""Every family of models: an exact additive account, directions kept, saved as text, the same bits again."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from features import catalogue
from training.artifact.points import default_items, points_by_item
from training.artifact.scorer import FILES, TreeScorer, read_scorer
from training.artifact.tables import Table, Tables, TableScorer
from training.calibration import margins
from training.experiment import Experiment
from training.families.choosing import choose
from training.family_settings import LightGBMSection
from training.matrix_parts import Rows

INDICATORS = catalogue.chosen(("A01", "A02", "A06", "A09", "B02", "B04", "B06", "E01"))
COLUMNS = catalogue.columns_of(INDICATORS)
FAMILIES = ("points", "logistic", "lightgbm", "tuned_lightgbm", "explainable_boosting")
SETTINGS = {
    "lightgbm": {"rounds": 40, "min_data_in_leaf": 20, "lambda_l2": 1.0},
    "tuned_lightgbm": {"trials": 3, "folds": 2, "rounds": (20, 40)},
    "explainable_boosting": {"max_rounds": 40, "outer_bags": 2},
    "logistic": {"penalties": (1.0, 30.0), "folds": 2},
}


def rows_of(seed: int = 1, count: int = 4_000) -> Rows:
    """Rows whose label follows every column, some values unknown, four rows of a pair."""
    rng = np.random.default_rng(seed)
    values, risk = np.zeros((count, len(COLUMNS))), np.full(count, -6.5)
    for at, indicator in enumerate(i for i in INDICATORS for _ in i.columns):
        if indicator.categories:
            values[:, at] = rng.integers(0, len(indicator.category_codes), count)
            risk += 0.3 * (values[:, at] == 1)
        else:
            values[:, at] = rng.integers(0, 4, count) if at % 2 else rng.exponential(2.0, count)
            risk += 0.4 * (indicator.direction.monotone or 1) * np.minimum(values[:, at], 3)
        values[rng.random(count) < 0.1, at] = np.nan
    risk = np.nan_to_num(risk, nan=-5.0)
    label = (rng.random(count) < 1 / (1 + np.exp(-risk))).astype(np.int8)
    pair = np.arange(count) // 4
    never, ones = np.full(count, np.iinfo(np.int64).max), np.ones(count)
    return Rows(values, pair, pair, np.zeros(count, np.int64), never, label, ones, rng.uniform(1, 2, count), ones)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return rows_of()


def experiment(family: str) -> Experiment:
    return Experiment(name="x", question="?", seed=7, matrix={"indicators": [i.id for i in INDICATORS]},
                      model={"family": family}, **SETTINGS)  # fmt: skip


@pytest.fixture(scope="module")
def fitted(rows):
    """Each family fitted once."""
    return {family: choose(family, experiment(family), INDICATORS, rows).fitter.fit(rows) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_base_and_contributions_are_the_raw_score(family, fitted, rows):
    scorer = fitted[family]
    total = scorer.base + scorer.explained(rows.values)[1].sum(axis=1)
    assert np.abs(total - scorer.raw(rows.values)).max() < 1e-9
    assert np.ptp(scorer.raw(rows.values)) > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_read_back_from_its_text_it_says_the_same_bits(family, fitted, rows):
    scorer = fitted[family]
    again = read_scorer(scorer.to_text().encode(), scorer.kind, place="here")
    assert again.column_names == COLUMNS
    assert again.raw(rows.values).tolist() == scorer.raw(rows.values).tolist()
    assert again.base == scorer.base
    assert (isinstance(scorer, TreeScorer)) == (FILES[scorer.kind] == "booster.txt")


@pytest.mark.parametrize("family", FAMILIES)
def test_one_row_and_many_rows_give_the_same_bits(family, fitted, rows):
    scorer, some = fitted[family], rows.values[:40]
    raw, parts = scorer.explained(some)
    assert raw.tolist() == scorer.raw(some).tolist()
    for position in range(len(some)):
        assert scorer.raw(some[[position]])[0].hex() == raw[position].hex()
        alone, own_parts = scorer.explained(some[[position]])
        assert (alone[0].hex(), own_parts[0].tolist()) == (raw[position].hex(), parts[position].tolist())


@pytest.mark.parametrize("family", FAMILIES)
def test_no_known_value_moves_the_score_against_its_direction(family, fitted, rows):
    scorer = fitted[family]
    for at, indicator in enumerate(i for i in INDICATORS for _ in i.columns):
        if not indicator.direction.monotone:
            continue
        known = np.unique(rows.values[~np.isnan(rows.values[:, at]), at])
        ladder = np.repeat(rows.values[:50], len(known), axis=0)
        ladder[:, at] = np.tile(known, 50)
        steps = np.diff(scorer.raw(ladder).reshape(50, -1), axis=1) * indicator.direction.monotone
        assert steps.min() >= -1e-12, indicator.id


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rows_give_the_same_text(family, fitted, rows):
    again = choose(family, experiment(family), INDICATORS, rows).fitter.fit(rows)
    assert again.to_text() == fitted[family].to_text()


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "points"])
def test_a_bootstrap_draw_changes_the_fit(family, fitted, rows):
    """``times`` must reach the fit: an interval made of equal refits would be none."""
    times = np.random.default_rng(3).poisson(1.0, len(rows))
    drawn = choose(family, experiment(family), INDICATORS, rows).often.fit(rows[times > 0], times=times[times > 0])
    assert drawn.to_text() != fitted[family].to_text()


def test_the_tables_of_the_points_are_the_points(fitted, rows):
    items = tuple(item for item in default_items() if item.column in COLUMNS)
    by_item = points_by_item(rows.columns(COLUMNS), items)
    assert {item.at for item in items} == {"least", "most"}
    assert fitted["points"].raw(rows.values).tolist() == by_item.sum(axis=1).tolist()
    edges = np.array([[item.threshold if column == item.column else np.nan for column in COLUMNS] for item in items])
    assert fitted["points"].raw(edges).tolist() == [
        float(item.points) for item in items
    ]  # the threshold itself earns them


def test_the_boosting_tables_are_what_interpret_says(rows):
    from interpret.glassbox import ExplainableBoostingClassifier

    told = {}

    class Watched(ExplainableBoostingClassifier):
        def fit(self, *given, **named):
            told["machine"] = self
            return super().fit(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("interpret.glassbox.ExplainableBoostingClassifier", Watched)
        scorer = choose("explainable_boosting", experiment("explainable_boosting"), INDICATORS, rows).fitter.fit(rows)
    assert np.abs(told["machine"].decision_function(rows.values) - scorer.raw(rows.values)).max() < 1e-9


def test_the_logistic_regression_is_that_of_scikit_learn_where_no_bound_binds(rows):
    """Directions off: penalty 1 / C, the intercept not penalised, the same weights."""
    from dataclasses import replace as change

    from sklearn.linear_model import LogisticRegression

    from features.indicator import Direction
    from training.families.logistic import LogisticFitter, _column

    free = tuple(change(one, direction=Direction.FREE) for one in INDICATORS)
    scorer = LogisticFitter(3.0, free, 1).fit(rows)
    places = [(i, name) for i in free for name in i.columns]
    made = [_column(i, name, rows.values[:, at], rows.pair_weight) for at, (i, name) in enumerate(places)]
    features = np.column_stack([one.features(rows.values[:, at]) for at, one in enumerate(made)])
    other = LogisticRegression(C=1 / 3.0, tol=1e-10, max_iter=2000).fit(
        features, rows.label, sample_weight=rows.pair_weight
    )
    assert np.abs(other.decision_function(features) - scorer.raw(rows.values)).max() < 5e-3


def test_a_table_that_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="values for"):
        Table(column="x", shape="steps", at=(1.0,), adds=(0.0,), missing=0.0)
    with pytest.raises(ValueError, match="ascend"):
        Table(column="x", shape="line", at=(1.0, 1.0), adds=(0.0, 1.0), missing=0.0)


def test_a_table_reads_edges_knots_codes_and_the_unknown_as_it_says():
    columns = (
        Table(column="s", shape="steps", at=(1.0, 2.0), adds=(0.0, 1.0, 2.0), missing=9.0),
        Table(column="l", shape="line", at=(0.0, 10.0), adds=(0.0, 5.0), missing=9.0),
        Table(column="c", shape="codes", adds=(0.5, 0.25), missing=9.0),
    )
    scorer = TableScorer(Tables(base=1.0, columns=columns))
    rows = np.array([[0.9, -1, 0], [1.0, 4, 1], [2.0, 11, 2], [np.nan, np.nan, np.nan]])
    assert scorer.explained(rows)[1].tolist() == [[0, 0, 0.5], [1, 2, 0.25], [2, 5, 9], [9, 9, 9]]
    assert scorer.raw(rows).tolist() == [1.5, 4.25, 17, 28]


def test_the_correction_of_the_sampling_is_exact_for_every_family(fitted, rows):
    """``slope x ln(rate)`` goes to the margin and nowhere else."""
    from training.artifact.contract import Calibration

    line = Calibration(intercept=0.1, slope=0.9, log_sampling_rate=float(np.log(0.1)))
    for scorer in fitted.values():
        raw = scorer.raw(rows.values[:5])
        assert np.allclose(margins(raw, line), 0.1 + 0.9 * (raw + np.log(0.1)), atol=1e-12)


def test_few_rows_are_split_whatever_the_size_of_a_leaf_in_the_file(rows):
    """Settings made for a province: a county's trees would have no split at all."""
    wide = experiment("lightgbm").model_copy(update={"lightgbm": LightGBMSection(min_data_in_leaf=10_000)})
    chosen = choose("lightgbm", wide, INDICATORS, rows)
    assert chosen.fitter.settings.min_data_in_leaf == 80, "a fiftieth of 4,000 rows"
    assert chosen.often == chosen.fitter, "cross-fitting and refits have fewer rows, and the same leaves"
    assert np.ptp(chosen.fitter.fit(rows).raw(rows.values)) > 0


@pytest.mark.parametrize("family", ["logistic", "lightgbm", "explainable_boosting"])
def test_the_number_of_cores_changes_no_bit(family):
    """BLAS cuts sums of more than 10,000 numbers into a part for each core: the digest of a model must not tell."""
    many = rows_of(count=12_000)
    texts = []
    for cores in (1, 2):
        with threadpool_limits(cores):
            texts.append(choose(family, experiment(family), INDICATORS, many).fitter.fit(many).to_text())
    assert texts[0] == texts[1]
