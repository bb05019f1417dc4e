"""What an assessment says: frequencies, tiers, floors, offers and dates, as the charter and the interface want them."""

import json
import math
from datetime import UTC, datetime

import pytest

from features.errors import InvalidConfiguration
from serving.policy import Action, Policy, offers, read_policy
from tests.serving.cases import NEIGHBOURS, PARTNERS, case, days_before
from training.artifact.floors import FLOORS
from training.artifact.tiers import ORDER, Tier, decided_tier, tier_ranks

THIN = {"relation": None, "proximity": None, "stakes": None}
DANGERS = {
    "nothing": (),
    "a quarrel": (("verbal_altercation", 2),),
    "blows": (("physical_contact", 2), ("injury", 2)),
    "a threat": (("threat", 1, {"severity": 4, "specifics": 3}),),
    "an armed threat": (("threat", 1, {"severity": 5, "specifics": 3}), ("weapon", 1)),
    "petrol": (("arson_explosive_poison", 1),),
    "strangulation": (("strangulation", 3),),
    "a breach": (("breach_of_order", 3),),
    "fear": (("fear_expressed", 3),),
    "everything": tuple((kind, 2) for kind in ("threat", "weapon", "injury", "strangulation", "arson_explosive_poison",
                        "fear_expressed", "last_resort_statement", "stalking_blocking", "property_damage",
                        "physical_contact", "verbal_altercation", "breach_of_order", "mediation_failed",
                        "agreement_broken", "handed_on", "adverse_decision", "error_upheld", "separation_filed")),
}  # fmt: skip
TIES = {"neighbours": NEIGHBOURS, "partners": PARTNERS, "thin": THIN}


def scored(client, *events, **facts):
    answer = client.post("/v1/score", json=case(*events, **facts))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def all_scored(client):
    """The assessment of every danger in every tie."""
    return {(danger, tie): scored(client, *events, **facts) for danger, events in DANGERS.items() for tie, facts in TIES.items()}  # fmt: skip


def numbers(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, float):
        yield value


def test_numbers_dates_and_frequencies(all_scored, model):
    for one in all_scored.values():
        assert all(math.isfinite(number) for number in numbers(one))
        low, high = one["interval"]
        assert 0 < low <= one["probability"] <= high < 1
        assert low < high
        assert one["base_rate"] == model.contract.base_rate
        assert math.isclose(one["probability"], 1 / (1 + math.exp(-one["margin"])), rel_tol=1e-12)
        for time in (one["as_of"], one["scored_at"], one["routing"]["due"]):
            assert time.endswith("Z")
            assert datetime.fromisoformat(time).tzinfo == UTC
        assert one["as_of"] == "2024-06-01T00:00:00Z"
        assert datetime.fromisoformat(one["routing"]["due"]) > datetime.fromisoformat(one["as_of"])


def test_reasons_are_the_largest_in_order_and_add_up(all_scored):
    for one in all_scored.values():
        sizes = [abs(reason["contribution"]) for reason in one["reasons"]]
        assert sizes == sorted(sizes, reverse=True)
        total = one["base_margin"] + math.fsum(r["contribution"] for r in one["reasons"]) + one["other_contribution"]
        assert math.isclose(total, one["margin"], abs_tol=1e-9)
        for reason in one["reasons"]:
            assert all(text and "{" not in text and "nan" not in text.lower().split() for text in reason["sentence"].values())  # fmt: skip
            assert all(row.startswith(("E", "D")) for row in reason["evidence"])


def test_tiers_follow_the_cut_offs_and_floors_only_raise(all_scored, model):
    cuts = model.contract.tiers
    assert cuts.red >= cuts.orange >= cuts.yellow
    for (danger, tie), one in all_scored.items():
        by_score = sum(one["margin"] >= cut for cut in (cuts.yellow, cuts.orange, cuts.red))
        by_floor = max([0, *(ORDER.index(floor["tier"]) for floor in one["floors"] if floor["tier"])])
        if tie == "thin" and max(by_score, by_floor) == 0:
            assert one["tier"] == "contact_first"
        else:
            assert one["tier"] == ORDER[max(by_score, by_floor)], (danger, tie)
    assert {one["tier"] for one in all_scored.values()} == set(Tier)


def test_a_margin_at_the_cut_off_is_in_the_tier(model):
    cuts = model.contract.tiers
    for rank, cut in enumerate((cuts.yellow, cuts.orange, cuts.red), start=1):
        below = math.nextafter(cut, -math.inf)
        assert list(tier_ranks([below, cut], cuts)) == [rank - 1, rank]


def test_a_floor_never_lowers_and_thin_is_never_blue():
    for rank in range(4):
        for floor in range(4):
            for thin in (False, True):
                tier = decided_tier(rank, floor, thin=thin)
                assert tier is (Tier.CONTACT_FIRST if thin and rank == floor == 0 else ORDER[max(rank, floor)])
                assert not (thin and tier is Tier.BLUE)


@pytest.mark.parametrize(
    ("danger", "floor", "least"),
    [("petrol", "F1", "orange"), ("an armed threat", "F1", "orange"), ("strangulation", "F2", "yellow"),
     ("a breach", "F2", "yellow"), ("fear", "F4", "blue")],
)  # fmt: skip
def test_each_floor_holds_with_its_evidence(danger, floor, least, all_scored):
    one = all_scored[danger, "neighbours"]
    (held,) = [each for each in one["floors"] if each["floor"] == floor]
    assert ORDER.index(one["tier"]) >= ORDER.index(least)
    assert set(held["evidence"]) == {f"E{number}" for number in range(len(DANGERS[danger]))}
    for offer in next(each for each in FLOORS if each.id == floor).offers:
        assert offer in one["routing"]["actions"]


def test_floors_end_with_their_windows(client):
    """F1 and F4 look back 14 days, half-open: the instant itself counts, a microsecond earlier does not."""
    for type_, floor in (("arson_explosive_poison", "F1"), ("fear_expressed", "F4")):
        inside = scored(client, (type_, 14))
        outside = scored(client, (type_, 14, {"occurred_at": "2024-05-17T23:59:59.999999Z"}))
        assert floor in {each["floor"] for each in inside["floors"]}
        assert floor not in {each["floor"] for each in outside["floors"]}
    for type_ in ("strangulation", "breach_of_order"):
        assert "F2" in {each["floor"] for each in scored(client, (type_, 20))["floors"]}


@pytest.mark.parametrize(
    "events",
    [
        (("threat", 1, {"specifics": 1}), ("weapon", 1)), (("threat", 1, {"specifics": 3}),), (("weapon", 1),),
        (("arson_explosive_poison", 1, {"assertion": "hearsay"}),), (("arson_explosive_poison", 15),),
        (("strangulation", 1, {"assertion": "denied"}),), (("fear_expressed", 1, {"withdrawn": True}),),
        (("threat", 1, {"specifics": 3}), ("weapon", 15)),
        (("arson_explosive_poison", 1, {"recorded_at": "2024-06-01T00:00:00Z"}),),
    ],
)  # fmt: skip
def test_floors_do_not_hold_for_less(events, client):
    assert not {"F1", "F2", "F4"} & {each["floor"] for each in scored(client, *events)["floors"]}


def test_thin_records_ask_for_contact(client):
    """No first contact, or three unknown fields: F5, a caution, and never blue."""
    quiet = scored(client)
    assert quiet["tier"] == "blue"
    two = {"relation": None, "proximity": None}
    assert scored(client, **two)["tier"] == "blue"
    for facts in ({"contacted": False}, THIN, two | {"amount_cny": None}, two | {"minors_in_household": None}):
        one = scored(client, **facts)
        assert one["tier"] == "contact_first"
        assert "F5" in {floor["floor"] for floor in one["floors"]}
        assert "thin_record" in {caution["caution"] for caution in one["cautions"]}
        assert one["routing"]["actions"][0] == "follow_up_offered"
    petrol = scored(client, ("arson_explosive_poison", 1), **THIN)
    assert petrol["tier"] in ("orange", "red")
    assert "thin_record" in {caution["caution"] for caution in petrol["cautions"]}


def test_violence_in_a_family_gets_legal_aid_and_protection_first(all_scored):
    """Joint mediation never stands before protection where a family tie meets injury, threat or strangulation."""
    for danger in ("blows", "a threat", "an armed threat", "strangulation", "everything"):
        assert all_scored[danger, "partners"]["routing"]["actions"][:2] == ["legal_aid", "protection_order_help"]
        assert "protection_order_help" not in all_scored[danger, "neighbours"]["routing"]["actions"][:2] or danger in ("strangulation", "everything")  # fmt: skip
    assert all_scored["a quarrel", "partners"]["routing"]["actions"][:1] != ["legal_aid"]


@pytest.mark.parametrize(
    ("facts", "protected"),
    [
        ({"relation": "family", "proximity": "shared_dwelling"}, True),
        ({"relation": "family", "proximity": "none"}, True),
        ({"relation": "family", "proximity": None}, True),
        ({"relation": "ex_spouse_partner", "proximity": None}, True),
        ({"relation": None, "kind": "marriage_family"}, True),
        ({"relation": None, "kind": "labour"}, False),
        ({"relation": "work", "kind": "labour"}, False),
    ],
)
def test_any_family_tie_is_protected_under_one_roof_or_not(facts, protected, client):
    actions = scored(client, ("injury", 2), **facts)["routing"]["actions"]
    assert (actions[:2] == ["legal_aid", "protection_order_help"]) is protected


def test_every_action_is_help_and_offered_once(all_scored):
    for one in all_scored.values():
        actions = one["routing"]["actions"]
        assert actions
        assert set(actions) <= set(Action)
        assert len(set(actions)) == len(actions)


def test_a_fear_is_answered_within_a_day_and_red_within_hours(all_scored):
    fear = all_scored["fear", "neighbours"]
    hours = {"blue": 24, "yellow": 24, "orange": 24, "red": 4, "contact_first": 4}
    assert fear["routing"]["due"] == f"2024-06-0{1 + hours[fear['tier']] // 24}T{hours[fear['tier']] % 24:02d}:00:00Z"
    reds = [one for one in all_scored.values() if one["tier"] == "red"]
    assert reds
    assert {one["routing"]["due"] for one in reds} == {"2024-06-01T04:00:00Z"}


def test_synthetic_is_said(all_scored):
    for one in all_scored.values():
        assert one["model"]["synthetic"] is True
        assert "synthetic_model" in {caution["caution"] for caution in one["cautions"]}


def test_a_value_never_seen_in_training_is_a_caution(client, model):
    assert any(column.indicator == "A05" for column in model.contract.columns)
    one = scored(client, *[("mediation_failed", 1 + n / 10) for n in range(9)], ("handed_on", 3), amount_cny=1e300)
    assert all(math.isfinite(number) for number in numbers(one))
    told = {caution["caution"] for caution in one["cautions"]}
    assert all(code.partition(":")[0] in {"synthetic_model", "stale_model", "outside_training_range"} for code in told)


def test_rows_recorded_at_or_after_the_landmark_change_nothing(client):
    plain = scored(client, ("threat", 3, {"severity": 4}))
    later = case(("threat", 3, {"severity": 4}), ("arson_explosive_poison", 1, {"recorded_at": "2024-06-01T00:00:00Z"}),
                 ("weapon", 1, {"recorded_at": "2024-07-01T00:00:00Z"}))  # fmt: skip
    version = later["dispute"] | {"relation": "spouse_partner", "recorded_at": "2024-06-01T00:00:00Z"}
    later["dispute"] = [version, later["dispute"]]
    correction = later["events"][2] | {"severity": 0, "recorded_at": "2024-06-02T00:00:00Z"}
    later["events"].append(correction)
    later["events"].append(later["events"][2] | {"withdrawn": True, "recorded_at": "2024-06-03T00:00:00Z"})
    answer = client.post("/v1/score", json=later).json()
    same = {"assessment_id": "", "scored_at": ""}
    assert answer | same == plain | same


def test_petitions_answered_in_time_change_no_byte(client):
    record = case(("threat", 3))
    plain = client.post("/v1/score", json=record).json()
    petition = {
        "dispute_id": "D1", "lodged_at": days_before(15), "recorded_at": days_before(14), "due_at": days_before(-15),
        "answered_at": days_before(3), "answer_recorded_at": days_before(2), "upheld": False,
    }  # fmt: skip
    record["petitions"] = [petition | {"petition_id": f"P{number}"} for number in range(50)]
    petitioned = client.post("/v1/score", json=record).json()
    same = {"assessment_id": "", "scored_at": ""}
    assert json.dumps(petitioned | same) == json.dumps(plain | same)


# --- the policy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[red]\nactions = ["detain"]\nowner_rank = "x"\ndue_hours = 4', "red.actions.0"),
        ('[blue]\nactions = []\nowner_rank = ""\ndue_hours = 4', "blue.owner_rank"),
        ('[blue]\nactions = []\nowner_rank = "x"\ndue_hours = -1', "blue.due_hours"),
        ('[blue]\nactions = []\nowner_rank = "x"\ndue_hours = inf', "blue.due_hours"),
        ('[blue]\nactions = []\nowner_rank = "x"\ndue_hours = nan', "blue.due_hours"),
        ("[green]\nactions = []", "green"),
        ("red = ", "TOML"),
        ('[red]\nactions = ["watch_list"]\nowner_rank = "x"\ndue_hours = 0\n[blue]\nx = 1', "blue.x"),
    ],
)
def test_a_policy_outside_the_vocabulary_is_a_configuration_error(text, told, tmp_path):
    (tmp_path / "policy.toml").write_text(text, "utf-8")
    with pytest.raises(InvalidConfiguration, match=told):
        read_policy(tmp_path)


def test_a_policy_that_is_not_text_is_a_configuration_error(tmp_path):
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidConfiguration):
        read_policy(tmp_path)


def test_a_policy_of_ones_own(tmp_path):
    (tmp_path / "policy.toml").write_text(
        'version = "town-7"\n[blue]\nactions = ["hardship_aid"]\nowner_rank = "mediator"\ndue_hours = 48', "utf-8"
    )
    policy = read_policy(tmp_path)
    assert (policy.version, policy.route(Tier.BLUE).actions) == ("town-7", (Action.HARDSHIP_AID,))
    assert policy.red == Policy().red


def test_offers_come_in_order_and_protection_first():
    route = Policy().yellow
    assert offers(route, ("housing", "mediation"), ("legal_aid",), violent_family_tie=False) == (
        "legal_aid", "housing", "mediation",
    )  # fmt: skip
    assert offers(route, ("housing",), (), violent_family_tie=True) == (
        "legal_aid", "protection_order_help", "housing", "mediation",
    )  # fmt: skip
    with pytest.raises(ValueError, match="detain"):
        offers(route, ("detain",), (), violent_family_tie=False)
