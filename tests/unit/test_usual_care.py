"""Risk under usual care: who is censored, what the others weigh, and that a known answer comes out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.clock import DAY_US
from features.errors import InvalidConfiguration
from training.evaluation.held_out import Scores
from training.experiment import TreatmentSection, read_experiment
from training.matrix_parts import Rows
from training.split import Split
from training.treatment.figures import usual_care_record
from training.treatment.telling import told
from training.treatment.uptake import Stretches, Uptake, chance_of_none, fit_uptake
from training.treatment.weights import UsualCare

PART = "part-0000.parquet"
FACT = "A03_forced_proximity"
TELLS = "D07_unmet_support_request_days"
SETTINGS = TreatmentSection(estimand="usual_care", effect_days=182, least_chance=0.05, folds=2)
TIME = pa.timestamp("us", "UTC")


def write(folder, rows):
    """A matrix of one part; rows are (dispute, day, fact, incident day, before day, support day, is open)."""
    names, days, fact, incident, before, support, is_open = (list(column) for column in zip(*rows, strict=True))

    def times(values):
        return pa.array([None if day is None else round(day * DAY_US) for day in values], pa.int64()).cast(TIME)

    keys = {"dispute_id": pa.array(names), "as_of": times(days)}
    after = [day is not None and day < at for day, at in zip(incident, days, strict=True)]
    ahead = [None if gone else day for day, gone in zip(incident, after, strict=True)]
    tables = {
        "matrix": {**keys, FACT: pa.array(fact, pa.float64()), TELLS: pa.array(fact, pa.float64())},
        "outcomes": {"pair": pa.array(names), "incident_at": times(ahead), "after_incident": pa.array(after)},
        "treatments": {
            **keys,
            "support_before": times(before),
            "support_at": times(support),
            "is_open": pa.array(is_open),
        },
    }
    for name, columns in tables.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / name / PART)
    return folder


def constant(rate):
    """An uptake of so many starts a day for everybody."""

    class Same(Uptake):
        def rates(self, stretches):
            return np.full(len(stretches.as_of), rate)

    return Same((), rate, 1)


def care(spine, *, early=0.01, late=0.02):
    split = Split(0, 500 * DAY_US, 500 * DAY_US, 900 * DAY_US)
    return UsualCare(spine, (FACT,), split, 90, SETTINGS, constant(early), constant(late))


ROWS = {
    "followed to the end": (("D1", 10, 0.0, None, None, None, True), np.exp(0.9)),
    "an incident ends the following": (("D1", 10, 0.0, 40, None, None, True), np.exp(0.3)),
    "support begins first": (("D1", 10, 0.0, 40, None, 39, True), 0.0),
    "support begins with the landmark": (("D1", 10, 0.0, None, None, 10, True), 0.0),
    "support at the very instant of the incident": (("D1", 10, 0.0, 40, None, 40, True), 0.0),
    "the incident comes first": (("D1", 10, 0.0, 40, None, 41, True), np.exp(0.3)),
    "support with the end of the horizon": (("D1", 10, 0.0, None, None, 100, True), np.exp(0.9)),
    "an incident after the horizon": (("D1", 10, 0.0, 300, None, 200, True), np.exp(0.9)),
    "former support wears off": (("D1", 400, 0.0, None, 217, None, True), np.exp(0.9)),
    "under support": (("D1", 400, 0.0, None, 218, None, True), np.nan),
    "in the test period": (("D1", 600, 0.0, None, None, None, True), np.exp(1.8)),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_a_row_weighs(name, tmp_path):
    row, expected = ROWS[name]
    matrix = write(tmp_path, [row])
    assert care(matrix).weights(matrix, PART) == pytest.approx([expected], nan_ok=True)


def test_no_chance_counts_as_less_than_the_least(tmp_path):
    matrix = write(tmp_path, [ROWS["followed to the end"][0]])
    assert care(matrix, early=0.5).weights(matrix, PART).tolist() == [20.0]


def test_rates_add_up_over_the_stretches_of_the_very_dispute():
    day = np.array([0, 7, 20, 3, 10]) * DAY_US
    ids = np.array(["A", "A", "A", "B", "B"], object)
    none = np.zeros(5)
    stretches = Stretches(none, ids, none, day, none, none, none)
    rates = np.array([0.1, 0.2, 0.3, 1.0, 2.0])
    asked = np.array(["A", "A", "B", "B", "C"], object)
    start, stop = np.array([0, 5, 3, 1, 1]) * DAY_US, np.array([7, 22, 12, 12, 2]) * DAY_US
    found = -np.log(chance_of_none(stretches, rates, asked, start, stop))
    assert found == pytest.approx([0.7, 2 * 0.1 + 13 * 0.2 + 2 * 0.3, 7 * 1.0 + 2 * 2.0, 0.0, 0.0], abs=1e-9)


def many(rng, folder, *, ratio, disputes=6_000):
    """Disputes of two kinds on weekly landmarks: those with the fact have more incidents and more support.

    Times to support and to the incident are exponential given the fact; support multiplies the rest by ``ratio``.
    """
    fact = (rng.random(disputes) < 0.3).astype(float)
    hazard, uptake = np.where(fact == 1, 0.006, 0.0005), np.where(fact == 1, 0.012, 0.002)
    support = rng.exponential(1 / uptake)
    lived = rng.exponential(1.0, disputes)
    untreated = lived / hazard
    incident = np.where(untreated <= support, untreated, support + (lived - hazard * support) / (hazard * ratio))
    spine, monthly = [], []
    for n in range(disputes):
        for week in range(13):
            day = 7.0 * week
            if day < min(incident[n], support[n]):
                spine.append((f"D{n:05}", day, fact[n], incident[n], None, support[n], True))
        monthly.append((f"D{n:05}", 0.0, fact[n], incident[n], None, support[n], True))
    return write(folder / "spine", spine), write(folder / "monthly", monthly), fact, incident, untreated


@pytest.fixture(scope="module", params=[0.2, 1.0])
def judged(request, tmp_path_factory):
    """What comes out where support is nearly all that is needed, and where it does nothing; and the truth."""
    spine, monthly, fact, incident, untreated = many(
        np.random.default_rng(5), tmp_path_factory.mktemp("many"), ratio=request.param
    )
    split = Split(0, DAY_US, DAY_US, 2 * DAY_US)
    weigher = UsualCare.fitted(spine, (FACT, TELLS), split, horizon_days=90, settings=SETTINGS, seed=1)
    assert weigher.columns == (FACT,), "what announces support has no part"
    label, number = (incident < 90).astype(np.int8), np.arange(len(fact))
    rows = Rows(
        values=fact[:, None], dispute=number, pair=number, as_of=np.zeros(len(fact), np.int64),
        incident_at=np.where(label == 1, (incident * DAY_US).astype(np.int64), np.iinfo(np.int64).max), label=label,
        weight=np.ones(len(fact)), pair_weight=np.ones(len(fact)), care=weigher.weights(monthly, PART),
    )  # fmt: skip
    scores = {"lightgbm": Scores(score=fact + 0.01 * number / len(fact), probability=np.where(fact == 1, 0.4, 0.04))}
    record = usual_care_record(rows, scores, settings=SETTINGS, horizon_days=90, draws=200, seed=1)
    return request.param, record, (untreated < 90), fact


def test_the_known_risk_under_usual_care_comes_out(judged):
    ratio, record, truth, fact = judged
    risk, top = record.find("base_rate", ranker="lightgbm"), record.find("precision_at_5pct", ranker="lightgbm")
    assert risk.usual_care.low < truth.mean() < risk.usual_care.high
    assert top.usual_care.low < truth[fact == 1].mean() < top.usual_care.high
    if ratio < 1:
        assert risk.as_observed.high < truth.mean(), "what was observed is less than usual care would have been"
        assert risk.ratio.low > 1
        assert record.n_events_censored > 0
    else:
        assert risk.ratio.low <= 1 <= risk.ratio.high, "no effect, none reported"
    assert record.n_rows == len(truth)
    assert record.n_censored > 500
    assert 1 < record.largest_weight < 20


def test_without_any_support_all_weigh_one(tmp_path):
    matrix = write(tmp_path, [("D1", 0, 0.0, None, None, None, True), ("D2", 0, 1.0, 20, None, None, True)])
    found = UsualCare.fitted(
        matrix, (FACT,), Split(0, DAY_US, DAY_US, 2 * DAY_US), horizon_days=90, settings=SETTINGS, seed=1
    )
    assert found.early.starts == 0
    assert found.weights(matrix, PART).tolist() == [1.0, 1.0]


def test_trees_never_see_the_pairs_that_they_weigh(tmp_path):
    """One pair is changed: the rates of no other pair in its own fold move."""
    rng = np.random.default_rng(3)
    rows = [(f"D{n:04}", 0, float(n % 2), None, None, None if rng.random() < 0.5 else 10, True) for n in range(800)]
    other = [(name, day, fact, end, before, 5 if name == "D0007" else at, is_open)
             for name, day, fact, end, before, at, is_open in rows]  # fmt: skip
    fits = [
        fit_uptake(write(tmp_path / str(number), one), (FACT,), start=0, end=DAY_US, effect_days=182, folds=2, seed=1)
        for number, one in enumerate((rows, other))
    ]
    texts = [[booster.model_to_string() for booster in fit.boosters] for fit in fits]
    assert len({*texts[0], *texts[1]}) > 2


def test_usual_care_needs_the_spine(tmp_path):
    text = 'name = "x"\nquestion = "q"\nseed = 1\n[treatment]\nestimand = "usual_care"\n[matrix]\nas_of = "2024-01-01T00:00:00Z"\n'
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(InvalidConfiguration, match="along the spine"):
        read_experiment(tmp_path / "x.toml")


def test_the_report_is_told_of_it_in_both_languages(judged):
    _, record, _, _ = judged
    english, chinese = told(record, ranker="lightgbm")
    for text in (english, chinese):
        assert str(record.n_censored) in text
        assert str(record.n_rows) in text
    assert "usual care" in english
    assert "常规照护" in chinese
