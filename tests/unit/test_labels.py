"""Labels: positive, negative, not yet known; to the microsecond, and as the records knew it at a time."""

import numpy as np
import pytest
from pydantic import ValidationError

from features.clock import NEVER
from features.history import Log, Spine
from features.labels import UNKNOWN, LabelRule, outcomes
from tests import rows as r

DAY = 86_400_000_000
HORIZON, EMBARGO = 90 * DAY, 240 * DAY


def log(*incidents):
    """Incidents of one dispute: (occurred_at, link confidence)."""
    occurred, confidence = zip(*incidents, strict=True) if incidents else ((), ())
    columns = {"occurred_at": np.array(occurred, np.int64), "link_confidence": np.array(confidence, float)}
    none = np.zeros(0, np.int64)
    return Log(np.array([0, len(occurred)]), none, none, columns, np.zeros(0, object))


def label(as_of, *incidents, known_at=1000 * DAY, **options):
    """What became of one landmark."""
    spine = Spine(np.zeros(1, np.int64), np.array([as_of]))
    rule = LabelRule(**{name: value for name, value in options.items() if name != "labelled"})
    labelled = options.get("labelled", True)
    return outcomes(spine, log(*incidents), known_at=known_at, rule=rule, labelled=labelled)


@pytest.mark.parametrize(("occurred", "positive", "after"), [
    (-1, 0, True),  # a microsecond before the landmark
    (0, 1, False),  # at it
    (HORIZON - 1, 1, False),
    (HORIZON, 0, False),  # 90 days later to the microsecond
])  # fmt: skip
def test_the_horizon_is_half_open(occurred, positive, after):
    became = label(100 * DAY, (100 * DAY + occurred, 1.0))
    assert became.label.tolist() == [positive]
    assert became.after_incident.tolist() == [after]
    assert became.incident_at.tolist() == [NEVER if after else 100 * DAY + occurred]


@pytest.mark.parametrize(("known_at", "state"), [(EMBARGO, 1), (EMBARGO - 1, UNKNOWN)])
def test_known_once_horizon_and_delay_are_over(known_at, state):
    """The last microsecond decides, even if the incident is long verified; and the same for a negative."""
    assert label(0, (DAY, 1.0), known_at=known_at).label.tolist() == [state]
    assert label(0, known_at=known_at).label.tolist() == [UNKNOWN if state == UNKNOWN else 0]


def test_delay_and_horizon_are_settings():
    assert label(0, (DAY, 1.0), known_at=EMBARGO - 1, label_delay_days=149).label.tolist() == [1]
    assert label(0, (89 * DAY, 1.0), known_at=180 * DAY, horizon_days=30).label.tolist() == [0]
    assert label(0, (29 * DAY, 1.0), known_at=180 * DAY - 1, horizon_days=30).label.tolist() == [UNKNOWN]
    assert LabelRule(horizon_days=30).column == "label_30"
    for wrong in ({"label_delay_days": -1}, {"min_link_confidence": 1.1}, {"horizon_days": 0}, {"delay": 3}):
        with pytest.raises(ValidationError):
            LabelRule(**wrong)


@pytest.mark.parametrize(("confidence", "state"), [(0.8, 1), (0.7999999, 0), (0.0, 0)])
def test_only_a_sure_link_counts(confidence, state):
    """An unsure incident makes no positive, and ends nothing either."""
    became = label(0, (DAY, confidence))
    assert became.label.tolist() == [state]
    assert label(2 * DAY, (DAY, confidence)).after_incident.tolist() == [bool(state)]


def test_a_lower_threshold_is_a_setting():
    assert label(0, (DAY, 0.5), min_link_confidence=0.5).label.tolist() == [1]


def test_the_first_incident_ahead_and_the_rows_after_the_first():
    became = label(50 * DAY, (10 * DAY, 1.0), (70 * DAY, 0.1), (60 * DAY, 1.0), (80 * DAY, 1.0))
    assert (became.label.tolist(), became.incident_at.tolist()) == ([1], [60 * DAY])
    assert became.after_incident.tolist() == [True]


def test_without_a_table_of_incidents_no_zero_is_made_up():
    assert label(0, labelled=False).label.tolist() == [UNKNOWN]


# --- from records ----------------------------------------------------------------------------------------------------

AS_OF = r.NEW_YEAR + 10 * r.DAY
HAPPENED = AS_OF + 20 * r.DAY
KNOWN = AS_OF + EMBARGO


@pytest.fixture(scope="module")
def worlds_of_incidents(tmp_path_factory):
    """One world in which each dispute shows one way for an incident to change with its versions."""
    tables = r.no_rows()
    versions = {
        "VERIFIED": [{}],
        "NONE": [],
        "UNSURE": [{"link_confidence": None}],
        "WITHDRAWN": [{}, {"verified_at": HAPPENED + 30 * r.DAY, "withdrawn": True}],
        "BACK": [{}, {"verified_at": HAPPENED + 30 * r.DAY, "withdrawn": True}, {"verified_at": HAPPENED + 60 * r.DAY}],
        "SURE-LATER": [{"link_confidence": 0.3}, {"verified_at": HAPPENED + 60 * r.DAY}],
        "MOVED-OUT": [{}, {"verified_at": HAPPENED + 30 * r.DAY, "dispute_id": "MOVED-IN"}],
        "MOVED-IN": [],
        "OTHER-DAY": [{}, {"verified_at": HAPPENED + 60 * r.DAY, "occurred_at": AS_OF - 1}],
        "AT-THE-END": [{"verified_at": KNOWN}],
        "AFTER-THE-END": [{"verified_at": KNOWN + 1}],
    }
    for name, changes in versions.items():
        tables["disputes"].append(r.dispute(name, r.NEW_YEAR))
        for change in changes:
            row = r.incident(f"I-{name}", name, HAPPENED, HAPPENED + r.DAY)
            tables["incidents"].append(row | change)
    tables["incidents"].append(r.incident("I-UNKNOWN", None, HAPPENED))
    place = tmp_path_factory.mktemp("labels")
    folder = r.write_records(place / "records", tables)
    as_of = r.at(AS_OF)
    return {
        known: r.build_folder(folder, place / str(known), as_of=as_of, as_known_at=known)
        for known in (KNOWN, KNOWN + 1, KNOWN - 1, HAPPENED + 40 * r.DAY)
    } | {"quick": r.build_folder(
        folder, place / "quick", as_of=as_of, as_known_at=HAPPENED + 40 * r.DAY,
        label=LabelRule(horizon_days=30, label_delay_days=30),
    )}  # fmt: skip


@pytest.mark.parametrize(("name", "state", "after"), [
    ("VERIFIED", 1, False), ("NONE", 0, False), ("UNSURE", 0, False), ("WITHDRAWN", 0, False), ("BACK", 1, False),
    ("SURE-LATER", 1, False), ("MOVED-OUT", 0, False), ("MOVED-IN", 1, False), ("OTHER-DAY", 0, True),
    ("AT-THE-END", 1, False), ("AFTER-THE-END", 0, False),
])  # fmt: skip
def test_the_last_version_at_the_end_of_the_records(worlds_of_incidents, name, state, after):
    matrix = worlds_of_incidents[KNOWN]
    assert matrix.label(name, AS_OF) == state
    assert matrix.after_incident[matrix.keys.index((name, AS_OF))] == after


def test_a_microsecond_later_one_more_is_verified(worlds_of_incidents):
    assert worlds_of_incidents[KNOWN + 1].label("AFTER-THE-END", AS_OF) == 1


def test_a_microsecond_earlier_nothing_is_known_yet(worlds_of_incidents):
    assert set(worlds_of_incidents[KNOWN - 1].labels) == {None}
    assert worlds_of_incidents[KNOWN - 1].manifest["labels"] == {"positive": 0, "negative": 0, "not_yet_known": 11}


def test_as_known_at_asks_the_records_of_that_day(worlds_of_incidents):
    """Half-way, with a shorter embargo: what was withdrawn or moved by then, and what was not yet corrected."""
    matrix = worlds_of_incidents["quick"]
    found = {name: label for (name, _), label in zip(matrix.keys, matrix.labels, strict=True)}
    assert {name for name, label in found.items() if label == 1} == {"VERIFIED", "MOVED-IN", "OTHER-DAY"}
    assert set(found.values()) == {0, 1}
