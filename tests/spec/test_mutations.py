"""Each indicator's drawn cases notice a wrong window and a row that is known too early: the indicator is broken on
purpose, one place at a time, and must then give another answer to one of its own drawn questions.

A window is whatever days the measure hands to ``within`` and ``scheduled_within``, and the constants named below.
"""

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from unittest.mock import patch

import numpy as np
import pytest

from features.catalogue import BY_ID, DEFAULT_REFERENCE_INCOME_CNY, INDICATORS
from features.history import Spine
from features.loading import Partition
from features.partition import write_partitions
from features.records import read_records
from features.view import Selection, View
from tests import rows as r
from tests.spec.drawn_cases import PAGES, cases

LONG_AGO = -(2**62)
WINDOW_FREE = {"A01", "A02", "A03", "A04", "A05", "A06", "B03", "B09", "C01", "C03", "C06", "D01", "D03", "D04", "E06"}
"""Nothing in these looks back or ahead by a number of days, and no number of days caps them."""
CONSTANTS = {
    "A09": {"kind_and_stakes.PRIOR_DISPUTE_DAYS": 1},
    "C02": {
        "handling.ASSIGN_HOURS": 24, "handling.REPLY_DAYS": 1, "handling.CLOSE_DAYS": 1, "handling.OVERDUE_CAP_DAYS": 1,
    },
    "C09": {"handling.UNPERFORMED_CAP_DAYS": 1},
    "C12": {"handling.UPHELD_DAYS": 1},
    "D07": {"circumstances.UNMET_CAP_DAYS": 1},
    "E01": {"dynamics.QUIET_DAYS": 1},
    "E02": {"dynamics.RECENT_DAYS": 1, "dynamics.BEFORE_DAYS": 1},
    "E05": {"dynamics.HALF_LIFE_DAYS": 1},
}  # fmt: skip
"""Numbers of days (or hours) of a measure that are no argument of a verb, and what a day more is in their unit."""


@dataclass(frozen=True)
class Drawn:
    """The drawn questions of one page as landmarks of one history."""

    history: object

    def view(self, questions):
        """A fresh view of some questions."""
        place = {str(name): number for number, name in enumerate(self.history.dispute_ids)}
        disputes = np.array([place[one.dispute_id] for one in questions])
        spine = Spine(disputes, np.array([one.as_of for one in questions]))
        return View(self.history, spine, reference_income_cny=DEFAULT_REFERENCE_INCOME_CNY)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Each page as the history that the matrix is built from."""
    found = {}
    for name, page in PAGES.items():
        place = tmp_path_factory.mktemp(name)
        folder = r.write_records(place / "records", page.tables)
        with read_records(folder, strict=True, now=r.NOW) as records, patch("features.partition.PARTITIONS", 1):
            (part,) = write_partitions(records.connection, place / "parts", known_at=r.NOW_US)
        partition = Partition(part)
        found[name] = Drawn(partition.history())
        partition.close()
    return found


def wrong(pages, indicator, broken=nullcontext):
    """The drawn questions to which the indicator, perhaps broken, does not give the drawn answer."""
    found = []
    for page, questions in cases(indicator).items():
        with broken():
            measure = BY_ID[indicator].measure(pages[page].view(questions))
        columns = dict(zip(("", *BY_ID[indicator].further_windows), (measure.values, *measure.further), strict=True))
        values = np.array([columns[one.what.partition("__")[2]][row] for row, one in enumerate(questions)])
        right = np.array([one.answer for one in questions])
        same = np.isclose(values, right, rtol=1e-6, atol=1e-12, equal_nan=True)
        found += [str(one) for one, is_same in zip(questions, same, strict=True) if not is_same]
    return found


# --- breaking an indicator -------------------------------------------------------------------------------------------

VERBS = {"within": ("days",), "scheduled_within": ("days", "since_days")}


class Shifted:
    """While it is open, the ``number``-th day that a measure hands to a window is so many days more.

    ``days`` are all the days handed over, in order, as the measure wrote them.
    """

    def __init__(self, number=-1, by=0):
        self.number, self.by, self.days = number, by, []

    def __enter__(self):
        self._patches = [patch.object(Selection, verb, self._verb(verb)) for verb in VERBS]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_):
        for each in self._patches:
            each.stop()

    def _verb(self, name):
        verb = getattr(Selection, name)

        def shifted(selection, days, **since):
            given = {"days": days, **since}
            for word in VERBS[name]:
                if word in given:
                    moved = given[word] + self.by * (len(self.days) == self.number)
                    self.days.append(given[word])
                    given[word] = moved
            return verb(selection, given.pop("days"), **given)

        return shifted


def windows(pages, indicator):
    """The days that an indicator hands to windows, in the order in which it does."""
    page, questions = next(iter(cases(indicator).items()))
    with Shifted() as seen:
        BY_ID[indicator].measure(pages[page].view(questions))
    return seen.days


def all_at_once(pages):
    """The same pages with every row visible before it was recorded."""

    def known(log):
        return replace(log, known_from=np.full_like(log.known_from, LONG_AGO))

    logs = ("cases", "conduct", "steps", "petitions", "priors")
    return {
        name: replace(
            drawn, history=replace(drawn.history, **{log: known(getattr(drawn.history, log)) for log in logs})
        )
        for name, drawn in pages.items()
    }


# --- the tests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indicator", BY_ID)
def test_unbroken_it_gives_every_drawn_answer(pages, indicator):
    """Guards the tests below: what they find is the mutation."""
    assert cases(indicator)
    assert wrong(pages, indicator) == []


@pytest.mark.parametrize("indicator", BY_ID)
def test_a_row_known_too_early_is_noticed(pages, indicator):
    assert wrong(all_at_once(pages), indicator), "no drawn case notices"


@pytest.mark.parametrize("indicator", [name for name in BY_ID if name not in WINDOW_FREE])
def test_a_window_a_day_off_is_noticed(pages, indicator, monkeypatch):
    edges = windows(pages, indicator)
    assert edges or indicator in CONSTANTS
    for number, days in enumerate(edges):
        for by in (-1, 1):
            shifted = partial(Shifted, number, by)
            assert wrong(pages, indicator, shifted), f"{days}{by:+d} days: no drawn case notices"
    for name, day in CONSTANTS.get(indicator, {}).items():
        module, _, constant = name.rpartition(".")
        family = import_module(f"features.families.{module}")
        for by in (-day, day):
            with monkeypatch.context() as changed:
                changed.setattr(family, constant, getattr(family, constant) + by)
                assert wrong(pages, indicator), f"{constant}{by:+d}: no drawn case notices"


@pytest.mark.parametrize("indicator", sorted(WINDOW_FREE))
def test_what_is_exempt_declares_no_window_and_has_none(pages, indicator):
    assert BY_ID[indicator].window in ("as of t", "all since opening")
    assert windows(pages, indicator) == []
    assert indicator not in CONSTANTS


@pytest.mark.parametrize("one", [one for one in INDICATORS if one.id not in WINDOW_FREE], ids=lambda one: one.id)
def test_the_declared_window_is_the_one_that_is_read(pages, one):
    """Every number of days in the declared window is one that the measure uses, and the other way round."""
    declared = {int(days) for days in re.findall(r"(\d+)d\b", " ".join((one.window, *one.further_windows)))}
    assert declared or one.window in ("as of t", "5 years before opening")
    used = {int(days) for days in windows(pages, one.id)}
    if one.id == "E02":
        used -= {30}  # its last 30 days are the newer part of the 120
    assert used == declared


@pytest.mark.parametrize(("indicator", "name"), [(one, name) for one in CONSTANTS for name in CONSTANTS[one]])
def test_the_declared_constant_is_the_one_that_is_read(indicator, name):
    module, _, constant = name.rpartition(".")
    value = getattr(import_module(f"features.families.{module}"), constant)
    told = {1_826: "5 years"}.get(value, str(value))
    assert told in BY_ID[indicator].definition + BY_ID[indicator].window
