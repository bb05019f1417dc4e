"""No indicator without a drawn case, and none whose drawn cases all have the same answer."""

import pytest

from features.catalogue import BY_ID, INDICATORS
from tests.spec import test_circumstances_and_dynamics, test_conduct, test_handling, test_kind_and_stakes

PAGES = [each.PAGE for each in (test_kind_and_stakes, test_conduct, test_handling, test_circumstances_and_dynamics)]
ASKED = [question for page in PAGES for question in page.asked]


@pytest.mark.parametrize("indicator", BY_ID)
def test_is_drawn(indicator):
    answers = {repr(question.answer) for question in ASKED if question.what == indicator}
    assert len(answers) >= 2, f"{indicator} needs drawn cases with different answers"


@pytest.mark.parametrize("indicator", [one.id for one in INDICATORS if one.missing.startswith("missing = NaN")])
def test_its_unknown_is_drawn(indicator):
    assert any(question.answer != question.answer for question in ASKED if question.what == indicator)


def test_only_indicators_are_asked():
    assert {question.what for question in ASKED} == set(BY_ID)


def test_a_dispute_is_drawn_once():
    names = [row["dispute_id"] for page in PAGES for row in page.tables["disputes"]]
    assert set(names) >= {question.dispute_id for question in ASKED}
