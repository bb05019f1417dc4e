"""The timeline of a case: what was visible, with both times; and the institution's overdue duties."""

import math

import pytest

from features.case_export import case_record
from features.case_history import case_history, spine_of_one
from features.catalogue import BY_ID, DEFAULT_REFERENCE_INCOME_CNY
from features.records import read_records
from features.request_model import parse_case
from features.rules import parse_time
from features.view import View
from serving.pages.duties import overdue_duties
from serving.pages.timeline import facts_of, timeline
from tests.serving.cases import AS_OF, case, days_before, event
from tests.serving.conftest import SAMPLES

NOW = int(AS_OF.timestamp() * 1_000_000)


def rows(*events, care=False, **facts):
    return timeline(case(*events, **facts), as_of=NOW, care=care)


def only(type_, found):
    return [row for row in found if row.type == type_]


def petition(number, *, due, answered=None, known=None, upheld=None):
    return {
        "petition_id": f"P{number}", "dispute_id": "D1", "lodged_at": days_before(40), "recorded_at": days_before(39),
        "due_at": days_before(due), "answered_at": None if answered is None else days_before(answered),
        "answer_recorded_at": None if known is None else days_before(known), "upheld": upheld,
    }  # fmt: skip


def test_a_row_recorded_at_the_very_instant_is_not_there():
    at_once = event(1, "threat", 3, recorded_at=days_before(0))
    just_before = event(2, "threat", 3, recorded_at="2024-05-31T23:59:59.999999+00:00")
    assert [row.ids for row in only("threat", rows(at_once, just_before))] == [("E2",)]


def test_the_last_version_known_counts_and_is_marked_as_corrected():
    """It is known since its first version, which is no later than usual; the second says something else since day 4."""
    first = event(1, "weapon", 9, severity=5)
    second = event(1, "physical_contact", 9, severity=3, recorded_at=days_before(4))
    too_late = event(1, "threat", 9, recorded_at=days_before(-1))
    (row,) = [row for row in rows(first, second, too_late) if row.lane == "conduct"]
    assert (row.type, row.severity, row.days_late) == ("physical_contact", 3, 0)
    assert (row.recorded_at, row.corrected_at) == tuple(
        one["recorded_at"].replace("+00:00", "Z") for one in (first, second)
    )
    (plain,) = [row for row in rows(first) if row.lane == "conduct"]
    assert plain.corrected_at is None and plain.recorded_at == row.recorded_at
    later = event(1, "physical_contact", 2, recorded_at=days_before(1))
    (moved,) = [row for row in rows(first, later) if row.lane == "conduct"]
    assert moved.recorded_at == moved.corrected_at, "nobody knew of it before it occurred"
    withdrawn = event(1, "weapon", 9, withdrawn=True, recorded_at=days_before(4))
    assert not [row for row in rows(first, withdrawn) if row.lane == "conduct"]


def test_a_row_is_late_from_seven_days_on():
    found = rows(
        event(1, "threat", 10, recorded_at=days_before(3)), event(2, "injury", 10, recorded_at=days_before(3.01))
    )
    assert [(row.days_late, row.is_late) for row in only("threat", found)] == [(7, True)]
    assert [(row.days_late, row.is_late) for row in only("injury", found)] == [(6, False)]


@pytest.mark.parametrize(
    ("assertion", "counts"),
    [(None, True), ("affirmed", True), ("denied", False), ("hearsay", False), ("feared", False), ("past", False)],
)
def test_only_what_was_affirmed_counts_and_the_others_stay(assertion, counts):
    (row,) = only("threat", rows(event(1, "threat", 3, assertion=assertion)))
    assert row.counts is counts and row.assertion == (assertion or "affirmed")


def test_a_statement_of_wanting_to_die_leaves_no_gap_for_others():
    events = (event(1, "threat", 5), event(2, "self_harm_statement", 4), event(3, "weapon", 3))
    others, care = rows(*events), rows(*events, care=True)
    assert not only("self_harm_statement", others)
    assert [row.anchor for row in others] == [f"row-{n}" for n in range(1, len(others) + 1)]
    assert len(care) == len(others) + 1
    assert only("self_harm_statement", care)[0].severity is None


def test_another_channel_s_report_points_to_the_first():
    first, same = event(1, "threat", 5), event(2, "threat", 4.5, channel="police_110")
    again, denied = (
        event(3, "threat", 2.9, channel="court"),
        event(4, "threat", 5.1, channel="walk_in", assertion="denied"),
    )
    found = {row.ids[0]: row for row in rows(first, same, again, denied)}
    assert found["E2"].merged_into == found["E1"].anchor
    assert found["E1"].merged_into is found["E3"].merged_into is found["E4"].merged_into is None


def test_how_many_petitions_there_were_is_not_told():
    record = case()
    for number in range(1, 11):
        record["petitions"].append(petition(number, due=7))
    many = timeline(record, as_of=NOW, care=False)
    record["petitions"] = record["petitions"][:1]
    one = timeline(record, as_of=NOW, care=False)
    assert len(many) == len(one) and len(only("answer_overdue", many)) == 1
    assert len(only("answer_overdue", many)[0].ids) == 10, "a reason that names any of them still finds its row"


def test_a_petition_that_was_answered_in_time_has_no_row():
    record = case()
    plain = timeline(record, as_of=NOW, care=False)
    record["petitions"] = [petition(n, due=10, answered=12, known=12, upheld=False) for n in range(5)]
    assert timeline(record, as_of=NOW, care=False) == plain
    record["petitions"] = [petition(1, due=10, answered=12, known=-1)]
    assert only("answer_overdue", timeline(record, as_of=NOW, care=False)), "overdue until we knew"
    record["petitions"] = [petition(1, due=10, answered=12, known=11, upheld=True)]
    assert only("petition_upheld", timeline(record, as_of=NOW, care=False))


def test_an_earlier_dispute_is_there_once_the_link_and_its_closure_are_known():
    prior = {"dispute_id": "D0", "opened_at": days_before(90), "closed_at": days_before(60),
             "closed_recorded_at": days_before(59), "recorded_at": days_before(10), "pair_confidence": 0.9}  # fmt: skip
    record = case() | {"prior_disputes": [prior]}
    (row,) = only("earlier_dispute", timeline(record, as_of=NOW, care=False))
    assert row.ids == ("D0",) and row.recorded_at == days_before(10).replace("+00:00", "Z")
    record["prior_disputes"] = [prior | {"closed_recorded_at": days_before(-1)}]
    assert not only("earlier_dispute", timeline(record, as_of=NOW, care=False))


def test_the_pair_token_is_never_told():
    record = case(pair_token="secret-pair", pair_confidence=0.9, narrative="<b>")
    assert "secret-pair" not in str(facts_of(record, as_of=NOW)) + str(timeline(record, as_of=NOW, care=True))


# --- duties --------------------------------------------------------------------------------------------------------


def test_the_duties_are_those_of_the_indicator():
    """The latest overdue duty is C02's value, on every planted dispute and some others, at several times."""
    seen = 0
    with read_records(SAMPLES) as records:
        names = [name for (name,) in records.connection.execute(
            "SELECT dispute_id FROM disputes WHERE dispute_id LIKE 'D-%' OR dispute_id LIKE '%7' GROUP BY 1 ORDER BY 1"
        ).fetchall()]  # fmt: skip
        for name in names[::2]:
            record = case_record(records, name, as_of=parse_time("2021-01-01T00:00:00Z"))
            for time in ("2020-04-25T09:00:00+08:00", "2020-05-20T09:00:00+08:00", "2020-06-02T09:00:00+08:00"):
                expected = overdue_by_indicator(record, parse_time(time))
                if expected is None:
                    continue
                told = overdue_duties(record, as_of=parse_time(time))
                assert min(max([one.days_overdue for one in told], default=0.0), 60.0) == pytest.approx(
                    expected, abs=0.06
                )
                seen += expected > 0
    assert seen > 10


def overdue_by_indicator(record, as_of):
    parsed = parse_case(record | {"as_of": None}, now_us=parse_time("2021-06-01T00:00:00Z"))
    view = View(case_history(parsed), spine_of_one(as_of), reference_income_cny=DEFAULT_REFERENCE_INCOME_CNY)
    if not view.is_visible[0]:
        return None
    value = float(view.measured(BY_ID["C02"].measure).values[0])
    return None if math.isnan(value) else value


def test_a_closed_case_owes_nothing_until_it_is_reopened():
    closed, again = event(1, "closed", 5), event(2, "reopened", 4)
    record = case(closed)
    record["dispute"]["opened_at"] = days_before(60)
    assert overdue_duties(record, as_of=NOW) == ()
    assert [one.duty for one in overdue_duties(case(), as_of=NOW)] == ["assign", "reply"]
    record["events"].append(again)
    assert "close" not in [one.duty for one in overdue_duties(record, as_of=NOW)], "30 days from the reopening"
