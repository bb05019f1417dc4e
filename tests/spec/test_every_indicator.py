"""No indicator without a drawn case, and none whose drawn cases all have the same answer."""

import pytest

from features.catalogue import BY_ID, INDICATORS, columns_of
from tests.rows import short
from tests.spec.drawn_cases import ASKED, PAGES


@pytest.mark.parametrize("indicator", [short(column) for column in columns_of()])
def test_is_drawn(indicator):
    answers = {repr(question.answer) for question in ASKED if question.what == indicator}
    assert len(answers) >= 2, f"{indicator} needs drawn cases with different answers"


@pytest.mark.parametrize("indicator", [one.id for one in INDICATORS if one.missing.startswith("missing = NaN")])
def test_its_unknown_is_drawn(indicator):
    assert any(question.answer != question.answer for question in ASKED if question.what == indicator)


def test_only_indicators_are_asked():
    assert {question.what.partition("__")[0] for question in ASKED} == set(BY_ID)


def test_a_dispute_is_drawn_once():
    names = [row["dispute_id"] for page in PAGES.values() for row in page.tables["disputes"]]
    assert set(names) >= {question.dispute_id for question in ASKED}
