"""The table of right answers in the README of the sample neighbourhood, put to the matrix and to a case record."""

from datetime import UTC, datetime

import pytest

from data_samples.neighbourhood.build import FOLDER
from features.case_export import case_record
from features.catalogue import BY_ID
from features.clock import parse_time
from features.records import read_records
from tests import rows as r
from tests.spec.test_samples import ANSWERS

NOW = datetime(2021, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The matrix of the sample at every time that is asked, and its open records."""
    times = r.at(*(parse_time(as_of) for _, as_of, _, _ in ANSWERS))
    with read_records(FOLDER, strict=True, now=NOW) as records:
        yield r.build_records(records, tmp_path_factory.mktemp("sample") / "out", as_of=times), records


def test_every_asked_indicator_is_there():
    assert {what for _, _, what, _ in ANSWERS} <= {*BY_ID, "label"}
    assert len(ANSWERS) > 40


@pytest.mark.parametrize(("dispute_id", "as_of", "what", "answer"), ANSWERS)
def test_right_answer(sample, dispute_id, as_of, what, answer):
    matrix, records = sample
    time = parse_time(as_of)
    if what == "label":
        assert matrix.label(dispute_id, time) == (int(answer) if answer else None)
        return
    right = pytest.approx(float(answer), rel=1e-9)
    assert matrix.of(dispute_id, time)[what] == right
    assert r.online(case_record(records, dispute_id, as_of=time))[what] == right


def test_the_five_twins_differ_in_what_the_institution_did(sample):
    """Answered in time is as if never lodged; ten overdue are as one: the whole row, not C02 alone."""
    matrix, _ = sample
    time = parse_time("2020-04-25T09:00:00+08:00")
    rows = {name: matrix.of(name, time) for name in ("D-NO-PETITION", "D-ANSWERED", "D-OVERDUE", "D-TEN-OVERDUE")}
    assert r.bits(rows["D-ANSWERED"]) == r.bits(rows["D-NO-PETITION"])
    assert r.bits(rows["D-TEN-OVERDUE"]) == r.bits(rows["D-OVERDUE"])
    differs = [name for name in BY_ID if rows["D-OVERDUE"][name] != rows["D-NO-PETITION"][name]]
    assert [name for name in differs if rows["D-OVERDUE"][name] == rows["D-OVERDUE"][name]] == ["C02"]
