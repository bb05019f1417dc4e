"""Petitioning is a right: what is answered in time, and not upheld, leaves no trace in a matrix or a score.

Charter rule 3.  Petitions are added to random worlds: any number of them, lodged at any time, also before the dispute
was known and after everything else was recorded, with versions and withdrawals.
"""

import copy
import hashlib
import random

import lightgbm as lgb
import numpy as np
import pytest

import features.records
from features import catalogue
from features.request_model import parse_case
from features.schema import TABLES
from serving.access import Role
from serving.assessment import assessment
from serving.policy import Policy
from serving.scorer import Scorer
from tests import rows as r
from tests import slow_reading as slow
from tests import worlds
from training.artifact.contract import (
    Calibration,
    ColumnContract,
    IntervalKnots,
    ModelContract,
    PointsContract,
    Provenance,
    TierCuts,
)
from training.artifact.model import RiskModel
from training.artifact.points import default_items
from training.artifact.scorer import TreeScorer

# --- petitions -------------------------------------------------------------------------------------------------------


def answered_in_time(rng, number, name, lodged):
    """The versions of a petition whose answer was known by its due date, and that was not upheld."""
    answered = lodged + rng.choice((0, 1, 20 * r.DAY))
    known = answered + rng.choice((0, 1, 5 * r.DAY))
    row = r.petition(
        f"P-{number}", name, lodged, lodged + rng.choice(worlds.LAGS), due_at=known + rng.choice((0, 0, 1, 30 * r.DAY)),
        answered_at=answered, answer_recorded_at=known, upheld=rng.choice((None, False)),
    )  # fmt: skip
    later = row | {"recorded_at": row["recorded_at"] + rng.choice((1, 10 * r.DAY, 200 * r.DAY))}
    later |= rng.choice(({"withdrawn": True}, {"upheld": False}, {"due_at": row["due_at"] + r.DAY}))
    return [row, later] if rng.random() < 0.3 else [row]


def with_petitions(rng, tables, number, last=worlds.DAYS + 300):
    """The same records with so many petitions more."""
    tables = {name: list(rows) for name, rows in tables.items()}
    for count in range(number):
        name = rng.choice(worlds.names(tables))
        tables["petitions"] += answered_in_time(rng, count, name, worlds.moment(rng, last=last))
    return tables


def check_matrix(seed, place):
    """Every byte of the matrix, its labels and its outcomes is as without the petitions."""
    rng = random.Random(seed)
    plain = worlds.world(rng, disputes=40, events=6)
    petitioned = with_petitions(rng, plain, 200)
    without, within = (r.build(each, place / str(n)) for n, each in enumerate((plain, petitioned)))
    differs = [key for key in set(without.keys) ^ set(within.keys)][:3]
    assert within.manifest["files"] == without.manifest["files"], f"petitions changed the matrix {differs}"
    return without


@pytest.mark.parametrize("seed", range(2))
def test_no_byte_of_the_matrix_changes(tmp_path, seed):
    matrix = check_matrix(seed, tmp_path)
    assert len(matrix.keys) > 500
    assert set(matrix.labels) == {None, 0, 1}


def known_at_with_petitions(connection):
    times = " UNION ALL ".join(
        f"SELECT max({column}) AS t FROM {table}"
        for table, column in (("disputes", "recorded_at"), ("petitions", "recorded_at"), ("incidents", "verified_at"))
    )
    return int(connection.execute(f"SELECT max(t) FROM ({times})").fetchall()[0][0])


@pytest.mark.parametrize(("place", "mutation"), [
    ("features.families.handling._answered", lambda petitions: np.zeros(len(petitions.row), bool)),
    ("features.records._known_at", known_at_with_petitions),
])  # fmt: skip
def test_a_path_into_the_matrix_is_found(tmp_path, monkeypatch, place, mutation):
    """Petitions that always count as unanswered, or that move the end of the records."""
    monkeypatch.setattr(place, mutation)
    with pytest.raises(AssertionError, match="petitions changed the matrix"):
        check_matrix(0, tmp_path)


def test_a_late_petition_counts_without_moving_the_end(tmp_path):
    """Recorded after everything else, a petition still tells of a delay at a landmark after it."""
    start = r.NEW_YEAR
    tables = r.no_rows()
    tables["disputes"] = [r.dispute("D1", start)]
    tables["events"] = [r.event("E1", "D1", "assigned", start), r.event("E2", "D1", "replied", start)]
    tables["petitions"] = [r.petition("P1", "D1", start + 3 * r.DAY, due_at=start + 5 * r.DAY)]
    as_of = start + 8 * r.DAY
    matrix = r.build(tables, tmp_path, as_of=r.at(as_of))
    assert matrix.of("D1", as_of)["C02"] == 3
    assert matrix.manifest["known_at"] == "2023-12-31T16:00:00Z"
    assert slow.known_at(tables) == start


def test_the_petition_table_cannot_tell_where_it_was_lodged_or_how_high():
    petitions = next(table for table in TABLES if table.name == "petitions")
    assert set(petitions.names) == {
        "petition_id", "dispute_id", "lodged_at", "recorded_at", "due_at", "answered_at", "answer_recorded_at",
        "upheld", "withdrawn",
    }  # fmt: skip
    assert features.records.PETITIONS is petitions


# --- scores ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scorer():
    """A small model over every indicator, trained on noise in which every column tells something."""
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 2, (600, len(catalogue.columns_of()))).astype(float)
    names = [r.short(column) for column in catalogue.columns_of()]
    overdue, upheld = (names.index(name) for name in ("C02", "C12"))
    rows[:, overdue] *= rng.random(600) * 60
    target = rng.random(600) < 1 / (1 + np.exp(6 - rows.clip(max=1).sum(axis=1) / 5 - 2 * rows[:, upheld]))
    settings = {"num_leaves": 4, "min_data_in_leaf": 5, "seed": 1, "num_threads": 1, "verbosity": -1}
    settings |= {"deterministic": True, "objective": "binary", "feature_fraction": 0.3}
    booster = lgb.train(settings, lgb.Dataset(rows, target), num_boost_round=80)
    split = dict(zip(names, booster.feature_importance(), strict=True))
    assert split["C02"] > 0
    assert split["C12"] > 0
    scale = {
        "calibration": Calibration(intercept=-1.0, slope=0.9, log_sampling_rate=-2.0),
        "intervals": IntervalKnots(margin=(-9.0, 0.0), standard_error=(0.5, 0.2)),
        "tiers": TierCuts(red=-2.0, orange=-2.5, yellow=-3.0),
    }
    text = booster.model_to_string()
    contract = ModelContract(
        horizon_days=90, reference_income_cny=40_000.0, base_rate=1e-3, **scale,
        raw_base=float(booster.predict(rows[:1], pred_contrib=True)[0, -1]),
        columns=tuple(
            ColumnContract(indicator=one.id, column=name, categories=one.category_codes, typical=0, low=0, high=3)
            for one in catalogue.INDICATORS for name in one.columns
        ),
        points=PointsContract(items=default_items(), **scale),
        provenance=Provenance(
            experiment="test", experiment_digest="0", data_digest="0", catalogue_digest=catalogue.digest(),
            trained_through="2024-01-01T00:00:00Z", synthetic=True,
        ),
        scorer_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    return Scorer(RiskModel(TreeScorer(booster), contract, digest="test"))


def scored(scorer, tables, name, as_of, *, evidence=True):
    """All that is told of a case to the role that sees most, as plain records."""
    case = parse_case(r.case_record(tables, name, as_of), now_us=r.NOW_US)
    result = scorer.score_case(case)
    told = assessment(
        result, scorer.model, Policy(), version="1", role=Role.CARE, scored_at=r.NOW_US, assessment_id="a-1"
    )  # fmt: skip
    records = {"scored": result.to_record(), "told": told}
    return records if evidence else without_evidence(records)


def without_evidence(record):
    if isinstance(record, dict):
        return {name: without_evidence(value) for name, value in record.items() if name not in ("evidence", "floors")}
    return [without_evidence(one) for one in record] if isinstance(record, list | tuple) else record


def cases(seed, count):
    """Some cases of random worlds: the records, a dispute, and a landmark at which it is visible."""
    rng = random.Random(seed)
    while count:
        tables = worlds.world(rng, disputes=1, events=6)
        as_of = worlds.interesting_time(rng, tables)
        if slow.visible_dispute(tables, "D000", as_of) is not None:
            yield rng, tables, as_of
            count -= 1


def test_no_part_of_a_score_changes(scorer):
    """Answered in time, or lodged and not yet due: nothing that is told of the case changes, thin or not."""
    thin = set()
    for rng, tables, as_of in cases(1, 80):
        more = with_petitions(rng, tables, rng.choice((1, 10)))
        waiting = [
            r.petition(f"W{n}", "D000", lodged, due_at=max(lodged, as_of + late))
            for n, late in enumerate((0, 1, r.DAY))
            for lodged in [worlds.moment(rng)]
        ]
        more["petitions"] += waiting
        before, after = (scored(scorer, each, "D000", as_of) for each in (tables, more))
        assert after == before or repr(after) == repr(before)  # repr: NaN is not equal to itself
        thin.add(before["scored"]["thin"])
    assert thin == {True, False}


def test_answered_in_time_is_nothing_at_every_moment_of_its_life(scorer):
    """Looked at before its answer, at it, between answer and due date, at the due date, and long after."""
    for rng, tables, _ in cases(2, 12):
        lodged = worlds.moment(rng, first=260, last=480)
        rows = answered_in_time(rng, 0, "D000", lodged)
        more = {**tables, "petitions": [*tables["petitions"], *rows]}
        known = {row[name] for row in rows for name in ("lodged_at", "recorded_at", "answer_recorded_at", "due_at")}
        for as_of in sorted({time + nudge for time in known for nudge in (-1, 0, 1, 90 * r.DAY)}):
            if slow.visible_dispute(tables, "D000", as_of) is not None:
                before, after = (scored(scorer, each, "D000", as_of) for each in (tables, more))
                assert repr(after) == repr(before)


def test_ten_equally_overdue_count_as_one(scorer):
    """One petition overdue changes the score, nine more of the same delay nothing but the list of evidence."""
    changed = 0
    for _rng, tables, as_of in cases(3, 60):
        tables["petitions"] = []
        if slow.is_closed(tables, "D000", as_of):
            continue
        due = as_of - 59 * r.DAY
        ten = [r.petition(f"W{n}", "D000", due - r.DAY, due_at=due) for n in range(10)]
        none, one, many = (
            scored(scorer, {**tables, "petitions": ten[:count]}, "D000", as_of, evidence=False) for count in (0, 1, 10)
        )
        assert repr(one) == repr(many)
        changed += repr(none) != repr(one)
    assert changed > 10


def test_an_upheld_petition_does_change_a_score(scorer):
    """Guards the tests above: the model does listen to what the institution owes."""
    changed = 0
    for _rng, tables, as_of in cases(4, 20):
        more = copy.deepcopy(tables)
        lodged = as_of - 30 * r.DAY
        more["petitions"].append(
            r.petition("W", "D000", lodged, due_at=as_of, answered_at=lodged, answer_recorded_at=lodged, upheld=True)
        )
        before, after = (scored(scorer, each, "D000", as_of) for each in (tables, more))
        changed += before["scored"]["margin"] != after["scored"]["margin"]
    assert changed > 5
