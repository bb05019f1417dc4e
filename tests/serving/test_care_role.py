"""The one sensitive indicator: a recorded statement of wanting to die is for the care role alone (charter rule 10)."""

import json
import math
import sqlite3

import pytest

from tests.serving.cases import PARTNERS, case

STATEMENT = "ESELFHARM"
EVENTS = (("self_harm_statement", 3, {"event_id": STATEMENT, "severity": 5}), ("threat", 2, {"severity": 4}))
STATED = ("self_harm_statement", 3, {"event_id": STATEMENT})
OTHERS = ("router", "reviewer")


@pytest.fixture
def views(client):
    """The same stored assessment as each role sees it, scored by a reviewer."""
    stored = client.post("/v1/score", json=case(*EVENTS, **PARTNERS)).json()["assessment_id"]
    path = f"/v1/assessments/{stored}"
    return {role: client.get(path, headers=client.token(role)).json() for role in (*OTHERS, "care")}


def test_the_care_role_sees_it(views):
    care = views["care"]
    reasons = {reason["indicator"]: reason for reason in care["reasons"]}
    assert reasons["B12"]["evidence"] == [STATEMENT]
    (floor,) = [floor for floor in care["floors"] if floor["floor"] == "F3"]
    assert floor["evidence"] == [STATEMENT]
    assert "psychological" in care["routing"]["actions"]
    assert care["routing"]["due"] <= "2024-06-02T00:00:00Z"


@pytest.mark.parametrize("role", OTHERS)
def test_for_others_indicator_floor_evidence_and_offer_are_absent(role, views, client):
    one = views[role]
    told = json.dumps(one, ensure_ascii=False)
    for trace in (STATEMENT, "B12", "F3", "wanting to die", "轻生", "self_harm", "self-harm"):
        assert trace not in told
    page = client.get(f"/review/{one['assessment_id']}", headers=client.token(role)).text
    for trace in (STATEMENT, "B12", "F3", "wanting to die", "轻生"):
        assert trace not in page


def test_its_part_folds_into_the_others_and_the_sum_holds(views):
    care = views["care"]
    (part,) = [reason["contribution"] for reason in care["reasons"] if reason["indicator"] == "B12"]
    assert abs(part) > 1e-6
    for role, one in views.items():
        total = one["base_margin"] + math.fsum(r["contribution"] for r in one["reasons"]) + one["other_contribution"]
        assert math.isclose(total, one["margin"], abs_tol=1e-9), role
        assert len(one["reasons"]) == 10
    other = views["reviewer"]
    tenth = ({r["indicator"] for r in other["reasons"]} - {r["indicator"] for r in care["reasons"]}).pop()
    taken_up = next(r["contribution"] for r in other["reasons"] if r["indicator"] == tenth)
    assert math.isclose(other["other_contribution"], care["other_contribution"] + part - taken_up, abs_tol=1e-9)


def test_all_else_is_the_same_for_every_role(views):
    same = (
        "probability",
        "margin",
        "base_margin",
        "interval",
        "tier",
        "as_of",
        "scored_at",
        "cautions",
        "assessment_id",
    )
    for role in OTHERS:
        assert {name: views[role][name] for name in same} == {name: views["care"][name] for name in same}


def test_the_offer_and_its_day_come_with_the_floor(client):
    """The statement alone sets no tier; for others neither its offer nor its 24 hours show."""
    quiet = client.post("/v1/score", json=case(STATED)).json()
    assert quiet["tier"] == "blue"
    assert "psychological" not in quiet["routing"]["actions"]
    assert quiet["routing"]["due"] == "2024-07-01T00:00:00Z"
    care = client.post("/v1/score", json=case(STATED), headers=client.token("care")).json()
    assert care["routing"]["actions"][0] == "psychological"
    assert care["routing"]["due"] == "2024-06-02T00:00:00Z"
    assert care["tier"] == "blue"


def test_no_other_indicator_rests_on_a_statement_whatever_severity_was_written_beside_it(client, app):
    """A code of 5 must not show in what everybody sees: neither its row, nor its value."""
    record = case(("self_harm_statement", 3, {"event_id": STATEMENT, "severity": 5}))
    for role in (*OTHERS, "care"):
        headers = client.token(role)
        scored = client.post("/v1/score", json=record, headers=headers).json()
        entry = app.state.desk.log.find(scored["assessment_id"])
        behind = {part.indicator for part in entry.scored.parts if STATEMENT in part.evidence}
        assert behind == {"B12"}
        assert {part.indicator: part.value for part in entry.scored.parts}["E04"] == 0
        assert (STATEMENT in json.dumps(scored)) is (role == "care")


def test_duplicates_of_a_statement_are_hidden_too(client):
    record = case(*EVENTS[:1], ("self_harm_statement", 2.5, {"event_id": "ESECOND", "channel": "police_110"}))
    told = client.post("/v1/score", json=record).text
    assert STATEMENT not in told and "ESECOND" not in told


def test_one_assessment_is_stored(client, home):
    """Whoever asked, the same bytes are kept, and each role's view is derived from them."""
    for role in (*OTHERS, "care"):
        client.post("/v1/score", json=case(*EVENTS), headers=client.token(role))
    with sqlite3.connect(home.log_database) as log:
        records = [json.loads(record) for (record,) in log.execute("SELECT record FROM assessments").fetchall()]
        stored = {json.dumps(record["scored"]) for record in records}
        care = log.execute("SELECT content FROM contents WHERE part = 'care'").fetchall()
    log.close()
    assert len(stored) == 1
    assert STATEMENT not in stored.pop()
    assert len(set(care)) == 1 and STATEMENT.encode() in care[0][0]


def test_the_batch_route_derives_the_view_as_well(client):
    body = {"cases": [case(*EVENTS)]}
    assert STATEMENT not in client.post("/v1/score/batch", json=body).text
    assert STATEMENT in client.post("/v1/score/batch", json=body, headers=client.token("care")).text


def test_a_statement_that_is_denied_moves_nothing(client):
    plain = client.post("/v1/score", json=case(EVENTS[1])).json()
    denied = case(EVENTS[1], ("self_harm_statement", 3, {"assertion": "denied", "event_id": STATEMENT}))
    answer = client.post("/v1/score", json=denied, headers=client.token("care")).json()
    assert answer["margin"] == plain["margin"]
    assert "F3" not in {floor["floor"] for floor in answer["floors"]}
