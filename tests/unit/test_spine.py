"""At which landmarks a dispute is looked at: drawn histories, random ones, and how a spec is written."""

import random

import pytest

from features.errors import UserError
from features.spine import SpineSpec
from tests import rows as r
from tests import slow_reading as slow
from tests import worlds
from tests.spec.drawn import draw, moment

START, LATER = "2024-05-01T00:00:00+08:00", "2024-05-20T00:00:00+08:00"
DAY_US = 86_400_000_000

# --- drawn -----------------------------------------------------------------------------------------------------------

PAGE = draw("""
OPEN  Opened on the 1st, known on the 2nd: a day later, then every week.
    opened  01-01 09:00  01-02 09:00

EVENTS  A microsecond after an event is known, at most one in 24 hours.
    opened                 01-01 09:00
    E1 verbal_altercation  01-02 10:00  01-03 10:00
    E2 threat              01-03 20:00
    E3 registered          01-04 10:00
    E4 hearing_scheduled   01-04 10:00-
    E2 threat              01-03 20:00  01-06 10:00  severity=5
    E2 threat              01-03 20:00  01-12 10:00  withdrawn
    P1 petition            01-14 09:00               due_at=01-20T09:00

BEFORE-IT-IS-KNOWN  An event known before its dispute makes no landmark, and does not keep a later one away.
    opened                 01-01 09:00  01-05 09:00
    E1 verbal_altercation  01-05 03:00
    E2 threat              01-05 20:00

CLOSED  Closed on the 10th, known on the 20th: weekly until then, 30 and 90 days later once each.
    opened     01-01 09:00
    E1 closed  01-10 09:00  01-20 09:00

REOPENED  Reopened before the 90 days are over: weekly again, on the days of the week it began with.
    opened       01-01 09:00
    E1 closed    01-03 09:00
    E2 reopened  03-01 09:00

CLOSED-AGAIN  A second closure of a closed dispute starts nothing anew; withdrawn, it was open all along.
    opened     01-01 09:00
    E1 closed  01-03 09:00
    E2 closed  01-23 09:00
    E1 closed  01-03 09:00  03-25 09:00  withdrawn
    E2 closed  01-23 09:00  03-25 09:00  withdrawn

WITHDRAWN  The dispute itself is withdrawn: no landmark from then on.
    opened   01-01 09:00
    dispute  01-01 09:00  01-16 09:00  withdrawn

THE-END  What makes the records known until 10 April.
    opened  04-10 09:00
""")
WEEKS = ["01-02 09:00", "01-09 09:00", "01-16 09:00", "01-23 09:00", "01-30 09:00", "02-06 09:00", "02-13 09:00",
         "02-20 09:00", "02-27 09:00", "03-05 09:00", "03-12 09:00", "03-19 09:00", "03-26 09:00", "04-02 09:00",
         "04-09 09:00"]  # fmt: skip
LANDMARKS = {
    "OPEN": [f"{month}-{int(day) + 1:02d} 09:00" for month, day in (week[:5].split("-") for week in WEEKS)],
    "EVENTS": [*WEEKS, "01-03 10:00+", "01-04 10:00+", "01-06 10:00+"],
    "BEFORE-IT-IS-KNOWN": [
        "01-05 20:00+", "01-06 09:00", "01-13 09:00", "01-20 09:00", "01-27 09:00", "02-03 09:00", "02-10 09:00",
        "02-17 09:00", "02-24 09:00", "03-02 09:00", "03-09 09:00", "03-16 09:00", "03-23 09:00", "03-30 09:00",
        "04-06 09:00",
    ],
    "CLOSED": ["01-02 09:00", "01-09 09:00", "01-16 09:00", "01-20 09:00+", "02-19 09:00"],
    "REOPENED": ["01-02 09:00", "01-03 09:00+", "02-02 09:00", "03-01 09:00+", *WEEKS[9:]],
    "CLOSED-AGAIN": ["01-02 09:00", "01-03 09:00+", "01-23 09:00+", "02-02 09:00", *WEEKS[12:]],
    "WITHDRAWN": ["01-02 09:00", "01-09 09:00", "01-16 09:00"],
    "THE-END": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    return r.build(PAGE.tables, tmp_path_factory.mktemp("spine"))


@pytest.mark.parametrize("name", LANDMARKS)
def test_drawn(matrix, name):
    expected = sorted({moment(text) for text in LANDMARKS[name]})
    found = [as_of for dispute_id, as_of in matrix.keys if dispute_id == name]
    assert found == expected


def test_ninety_days_after_a_closure_that_stands(tmp_path):
    """And at the very instant of a later withdrawal it still stands; a microsecond earlier it would not."""
    start, closed = r.NEW_YEAR, r.NEW_YEAR + r.HOUR
    tables = r.no_rows()
    for name, late in (("STANDS", 0), ("FELL", -1)):
        closure = r.event(f"E-{name}", name, "closed", closed)
        gone = closure | {"recorded_at": closed + 90 * r.DAY + late, "withdrawn": True}
        tables["disputes"].append(r.dispute(name, start))
        tables["events"] += [closure, gone]
    tables["disputes"].append(r.dispute("END", start + 91 * r.DAY))
    keys = r.build(tables, tmp_path).keys
    assert ("STANDS", closed + 90 * r.DAY) in keys
    assert ("FELL", closed + 90 * r.DAY) not in keys
    assert {(name, closed + 30 * r.DAY) for name in ("STANDS", "FELL")} <= set(keys)


def test_a_petition_and_an_incident_make_no_landmark(tmp_path):
    start = r.NEW_YEAR
    tables = r.no_rows()
    tables["disputes"] = [r.dispute("D1", start)]
    tables["petitions"] = [r.petition("P1", "D1", start + 9 * r.DAY, due_at=start + 12 * r.DAY)]
    tables["incidents"] = [r.incident("I1", "D1", start + 10 * r.DAY)]
    assert [time - start for _, time in r.build(tables, tmp_path).keys] == [r.DAY, 8 * r.DAY]


# --- random ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100, 104))
def test_random_histories_against_a_slow_reading(tmp_path, seed):
    """Also the last landmark there can be: one at the very end of the records."""
    tables = worlds.world(random.Random(seed), disputes=40, events=14, pairs=1)
    known = slow.known_at(tables)
    matrix = r.build(tables, tmp_path)
    assert matrix.keys == [(name, t) for name in worlds.names(tables) for t in slow.landmarks(tables, name, known)]


# --- specs -----------------------------------------------------------------------------------------------------------


def test_one_time():
    spec = SpineSpec.parse(START)
    assert spec.text == "2024-04-30T16:00:00Z"
    assert len(spec.times) == 1


def test_some_times_in_order_and_once():
    spec = SpineSpec.parse(f"{LATER}, {START},2024-04-30T16:00:00Z")
    assert spec.text == "2024-04-30T16:00:00Z,2024-05-19T16:00:00Z"
    assert spec.times == tuple(sorted(spec.times))
    assert len(spec.times) == 2


@pytest.mark.parametrize(("step", "days"), [("7d", [0, 7, 14]), ("19d", [0]), ("18d", [0, 18]), ("9999d", [0])])
def test_a_range_leaves_its_end_out(step, days):
    spec = SpineSpec.parse(f"{START}..{LATER}/{step}")
    assert [(time - spec.times[0]) / DAY_US for time in spec.times] == days
    assert spec.text == f"2024-04-30T16:00:00Z..2024-05-19T16:00:00Z/{step}"
    assert SpineSpec.parse(spec.text) == spec


def test_the_default_spine():
    assert SpineSpec.parse("spine") == SpineSpec("spine", None)


@pytest.mark.parametrize("text", [
    "", "Spine", "2024-05-01", "2024-05-01T00:00:00", f"{START},", f"{START}..{LATER}", f"{START}..{LATER}/7",
    f"{START}..{LATER}/0d", f"{START}..{LATER}/-7d", f"{START}..{LATER}/1.5d", f"{START}..{LATER}/7d/7d",
    f"{START}..{LATER}/²d", f"{START}..{LATER}/d", f"{START}..{LATER}/7w", f"{LATER}..{START}/7d",
    f"{START}..{START}/7d", f"..{LATER}/7d", f"{START}../7d", f"{START}..{LATER}/{'9' * 5000}d",
    f"{START}..2024-05-20T00:00:00/7d",
])  # fmt: skip
def test_what_is_no_spec_is_a_user_error(text):
    with pytest.raises(UserError, match=r"--as-of|offset|is not a time"):
        SpineSpec.parse(text)


def test_fixed_times_keep_only_disputes_that_are_visible(tmp_path):
    """At the very instant of registration a dispute is not visible; withdrawn, it is no more."""
    known = r.NEW_YEAR + r.DAY
    tables = r.no_rows()
    tables["disputes"] = [
        r.dispute("D1", r.NEW_YEAR, known),
        r.dispute("D1", r.NEW_YEAR, known + 5 * r.DAY, withdrawn=True),
        r.dispute("D1", r.NEW_YEAR, known + 9 * r.DAY),
    ]
    times = [known, known + 1, known + 5 * r.DAY, known + 5 * r.DAY + 1, known + 9 * r.DAY, known + 9 * r.DAY + 1]
    matrix = r.build(tables, tmp_path, as_of=r.at(*times))
    assert [time - known for _, time in matrix.keys] == [1, 5 * r.DAY, 9 * r.DAY + 1]
