"""Cautions, case by case: each appears where it should and nowhere else."""

import json

import pytest

from features.request_model import parse_case
from serving.cautions import FIXED, LATE, OF_INDICATOR, Watch, words_of
from serving.desk import now_us
from serving.policy import Policy
from serving.scorer import Scorer
from tests.serving.cases import case, days_before, event
from training.artifact.model import RiskModel

CONTACT = event(901, "first_contact", 19.9)


@pytest.fixture(scope="module")
def scorer(model):
    return Scorer(model)


def cautions(scorer, record):
    found = scorer.score_case(parse_case(json.dumps(record).encode(), now_us=now_us())).cautions
    return {code for code in found if code != "stale_model"}  # the samples end years before the cases of these tests


def late(days, **more):
    """A threat of 40 days ago, recorded so many days later."""
    return event(1, "threat", 40, recorded_at=days_before(40 - days), channel="police_110", **more)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (case(), set()),
        (case(contacted=False), {"thin_record"}),
        (case(late(13.9)), set()),
        (case(late(14.1)), {"late_source:police_110"}),
        (case(late(30, assertion="denied")), set()),
        (case(event(1, "self_harm_statement", 40, recorded_at=days_before(1))), set()),
        (case(event(1, "replied", 40, recorded_at=days_before(1))), set()),
    ],
)
def test_thin_and_late(record, expected, scorer):
    told = cautions(scorer, record)
    assert {code for code in told if code.split(":")[0] in ("thin_record", LATE)} == expected


@pytest.mark.parametrize(
    ("days", "closed", "expected"), [(59.9, False, False), (60.2, False, True), (100, False, True), (100, True, False)]
)
def test_an_open_dispute_of_which_nothing_is_heard(days, closed, expected, scorer):
    record = case(opened_at=days_before(days + 0.1), recorded_at=days_before(days + 0.05))
    record["events"] = [event(1, "first_contact", days + 1 / 24)]
    if closed:
        record["events"].append(event(2, "closed", days + 1 / 24))
    assert ("silent_source" in cautions(scorer, record)) is expected


def test_no_step_of_any_institution(scorer):
    record = case(("threat", 2))
    record["events"] = record["events"][-1:]
    assert "no_handling_on_record" in cautions(scorer, record)
    assert "no_handling_on_record" not in cautions(scorer, case(("threat", 2)))


def changed(model, **changes):
    return RiskModel(model.scorer, model.contract.model_copy(update=changes), digest=model.digest)


def test_outside_the_range_and_unseen_categories(model):
    columns = tuple(
        column.model_copy(update={"low": -2.0, "high": -1.0} if column.indicator == "E06" else {"unseen": ("labour",)} if column.indicator == "A01" else {})
        for column in model.contract.columns
    )  # fmt: skip
    scorer = Scorer(changed(model, columns=columns))
    told = cautions(scorer, case(kind="labour"))
    assert {"outside_training_range:E06", "unseen_category:A01"} <= told
    assert "unseen_category:A01" not in cautions(scorer, case(kind="neighbour"))


@pytest.mark.parametrize(("days", "expected"), [(1, True), (100_000, False)])
def test_a_stale_model(days, expected, model):
    scorer = Scorer(model, watch=Watch(stale_model_days=days))
    scored = scorer.score_case(parse_case(json.dumps(case()).encode(), now_us=now_us()))
    assert ("stale_model" in scored.cautions) is expected


def test_a_fallback_is_told_in_each_answer(model):
    scored = Scorer(model, fallback="former_model").score_case(parse_case(case(), now_us=now_us()))
    assert "former_model" in scored.cautions


def test_every_code_has_words_in_both_languages():
    for code in (*FIXED, *(f"{head}:B04" for head in OF_INDICATOR), f"{LATE}:court"):
        words = words_of(code)
        assert words.en and words.zh
        assert words.en != words.zh


def test_the_policy_says_what_is_late():
    policy = Policy.model_validate({"watch": {"late_days": 3}})
    assert policy.watch.late_days == 3
    with pytest.raises(ValueError, match="late_days"):
        Policy.model_validate({"watch": {"late_days": 0}})
