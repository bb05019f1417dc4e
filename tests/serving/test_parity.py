"""The same record gets the same bits: `defuse score` on CSV in one process, JSON over HTTP to the service in another."""

import json
import math

import numpy as np
import pytest

from features import catalogue
from features.case_export import case_record
from features.case_history import case_history, spine_of_one
from features.clock import parse_time
from features.history import Spine
from features.loading import Partition
from features.partition import write_partitions
from features.records import read_records
from features.request_model import parse_case
from features.view import View
from serving.desk import now_us
from serving.scorer import Scorer
from tests.serving.conftest import LATE, MIDDLE, SAMPLES
from tests.serving.drawn_records import LANDMARKS, drawn_folder
from tests.serving.plain_records import moment, plain_case, table, waiting

OF_THE_ANSWER = ("assessment_id", "scored_at")  # who asked when; everything else is of the case


def bits(assessment):
    """All of an assessment but its id and time, as text in which every float is told to the last bit."""
    record = {name: value for name, value in assessment.items() if name not in OF_THE_ANSWER}
    return json.dumps(record, ensure_ascii=False, sort_keys=True, allow_nan=False)


def wanted(by_batch):
    """(as_of, dispute) of every row of the two main times, and of the others what those do not hold."""
    seen = set()
    for as_of in by_batch:
        for dispute_id in by_batch[as_of]:
            if as_of in (MIDDLE, LATE) or dispute_id not in seen:
                yield as_of, dispute_id
            seen.add(dispute_id)


def test_the_batch_covers_every_sample_dispute_and_every_tier(by_batch):
    """Guards the test below: nothing is left out, and it is not all of one colour."""
    ever = {row["dispute_id"] for row in table(SAMPLES, "disputes")}
    assert {dispute for _, dispute in wanted(by_batch)} == ever
    assert len(by_batch[MIDDLE]) > 50 < len(by_batch[LATE])
    tiers = {by_batch[as_of][dispute]["tier"] for as_of, dispute in wanted(by_batch)}
    assert tiers >= {"blue", "contact_first", "yellow"}


@pytest.mark.parametrize("source", ["csv module", "case_export"])
def test_the_service_gives_the_bits_of_the_batch(source, by_batch, service, tokens):
    export = source == "case_export"
    with read_records(SAMPLES) as records, service.client(tokens["reviewer"]) as client:
        for as_of, dispute_id in wanted(by_batch):
            case = plain_case(SAMPLES, dispute_id, as_of)
            if export:
                case = case_record(records, dispute_id, as_of=parse_time(as_of))
            answer = client.post("/v1/score", json=case)
            assert answer.status_code == 200, (as_of, dispute_id, answer.text)
            assert bits(answer.json()) == bits(by_batch[as_of][dispute_id]), (as_of, dispute_id)


def test_the_batch_route_gives_the_same(by_batch, service, tokens):
    disputes = sorted(by_batch[LATE])[:60]
    with service.client(tokens["reviewer"]) as client:
        answer = client.post("/v1/score/batch", json={"cases": [plain_case(SAMPLES, one, LATE) for one in disputes]})
    results = answer.json()["results"]
    assert [bits(result["assessment"]) for result in results] == [bits(by_batch[LATE][one]) for one in disputes]


def test_who_is_in_the_batch(by_batch):
    """Open disputes and those closed less than 90 days before: worked out from the CSV, as its reader would."""
    for as_of, assessments in by_batch.items():
        assert set(assessments) == waiting(SAMPLES, moment(as_of))


def test_contributions_add_up_and_are_those_of_the_trees(by_batch, model):
    """The receiver's own sum, and the trees asked directly on the features of the case."""
    calibration, names = model.contract.calibration, model.contract.column_names
    for as_of, dispute_id in list(wanted(by_batch))[::5]:
        one = by_batch[as_of][dispute_id]
        parts = [reason["contribution"] for reason in one["reasons"]]
        assert math.isclose(one["base_margin"] + sum(parts) + one["other_contribution"], one["margin"], abs_tol=1e-9)
        assert one["probability"] == 1 / (1 + np.exp(-one["margin"]))

        case = parse_case(plain_case(SAMPLES, dispute_id, as_of), now_us=now_us())
        view = View(case_history(case), spine_of_one(case.as_of), reference_income_cny=model.contract.reference_income_cny)  # fmt: skip
        values = catalogue.values_of(catalogue.measure_all(view, catalogue.INDICATORS))
        rows = values[:, [catalogue.columns_of().index(name) for name in names]]
        direct = model.booster.predict(rows, pred_contrib=True)[0]
        assert one["base_margin"] == calibration.intercept + calibration.slope * (
            direct[-1] + calibration.log_sampling_rate
        )
        raw = dict.fromkeys(model.contract.indicator_ids, 0.0)
        for name, value in zip(model.contract.indicator_ids, direct[:-1], strict=True):
            raw[name] += value
        listed = {reason["indicator"] for reason in one["reasons"]}
        asked = [calibration.slope * raw[reason["indicator"]] for reason in one["reasons"]]
        assert parts == pytest.approx(asked, rel=0, abs=1e-12)
        unlisted = math.fsum(calibration.slope * value for name, value in raw.items() if name not in listed)
        assert math.isclose(one["other_contribution"], unlisted, abs_tol=1e-9)
        shown = sorted((i for i in raw if not catalogue.BY_ID[i].care_only), key=lambda i: -abs(raw[i]))[:10]
        assert listed == set(shown) or abs(abs(raw[shown[-1]]) - min(map(abs, parts)) / calibration.slope) < 1e-12


def test_one_or_many_rows_are_the_same_to_the_kernel(model, tmp_path):
    """Every sample dispute known late, also those closed for long: scored together and one by one."""
    scorer, at = Scorer(model), parse_time(LATE)
    with read_records(SAMPLES) as records:
        together = {one.dispute_id: one for one in batch_of(scorer, records, at, tmp_path / "parts")}
    assert len(together) == len({row["dispute_id"] for row in table(SAMPLES, "disputes")})
    for dispute_id, scored in together.items():
        alone = scorer.score_case(parse_case(plain_case(SAMPLES, dispute_id, LATE), now_us=now_us()))
        assert repr(alone) == repr(scored)


@pytest.mark.parametrize("seed", [1, 2])
def test_drawn_disputes_are_the_same_in_a_folder_and_as_requests(seed, model, tmp_path):
    """The kernel's two ways in, on records with every version, tie and boundary: all of a scored case, to the bit."""
    folder = drawn_folder(tmp_path / "records", seed=seed, disputes=110)
    scorer, floors, compared = Scorer(model), set(), 0
    for landmark in LANDMARKS:
        as_of, text = parse_time(landmark.isoformat()), landmark.isoformat()
        with read_records(folder) as records:
            assert records.report.ok, records.report.faults[:3]
            asked, answered = [], []
            for number, scored in enumerate(batch_of(scorer, records, as_of, tmp_path / text)):
                case = plain_case(folder, scored.dispute_id, text)
                asked.append(parse_case(case, now_us=now_us()))
                alone = scorer.score_case(asked[-1])
                answered.append(repr(alone))
                assert repr(alone) == repr(scored), (text, scored.dispute_id)
                if number % 10 == 0:
                    exported = case_record(records, scored.dispute_id, as_of=as_of)
                    assert repr(scorer.score_case(parse_case(exported, now_us=now_us()))) == repr(scored)
                floors |= {name for name, _ in scored.floors}
                compared += 1
            assert [repr(one) for one in scorer.score_cases(asked)] == answered, "requests of one round"
    assert floors == {"F1", "F2", "F3", "F4", "F5"}
    assert compared > 180


def batch_of(scorer, records, as_of, parts):
    """Every visible dispute of some records at one time, by the batch's own steps."""
    for folder in write_partitions(records.connection, parts, known_at=as_of - 1):
        partition = Partition(folder, with_ids=True)
        history = partition.history()
        spine = Spine(np.arange(len(history)), np.full(len(history), as_of))
        seen = View(history, spine, reference_income_cny=1.0).is_visible
        yield from scorer.score_history(history, spine[seen])
        partition.close()
