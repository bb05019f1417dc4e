"""What takes effect: up at once, down with words, red by two, undone by the next; and what the queue makes of it."""

import pytest

from features.errors import InvalidRecords, KeyReused, UserError
from serving.log.decisions import DecisionRequest, Reviewer, read_decision
from serving.log.request_keys import request_key
from serving.log.verification import verify
from serving.log.waiting import Which, case_of, waiting_cases, waiting_counts
from tests.log.drawn_cases import NOW, assessed, many
from training.artifact.tiers import Tier

LI, WANG = Reviewer("li", "reviewer"), Reviewer("wang", "reviewer")
YES = {"view": "agree", "reason_code": "agree_facts"}
NO = {"view": "disagree", "reason_code": "already_helped"}


def stored(log, tier=Tier.YELLOW, dispute_id="D1", **more):
    one = assessed(dispute_id, tier=tier, **more)
    log.append([one])
    return log.find(one.assessment_id)


def decide(log, assessment, reviewer=LI, **request):
    return log.decide(assessment, DecisionRequest(**request), reviewer).record


def waits(log):
    return [case.dispute_id for case in waiting_cases(log.database, Which())]


def faults(error):
    return {(fault.path, fault.rule) for fault in error.value.faults}


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("request_", "broken"), [
    ({}, {("view", "required"), ("reason_code", "required")}),
    ({"view": "agree"}, {("reason_code", "required")}),
    (YES | {"tier": "red"}, {("tier", "not_agreeing")}),
    (NO | {"tier": "yellow"}, {("tier", "not_disagreeing")}),
    (NO | {"tier": "blue"}, {("text", "required")}),
    (NO | {"tier": "blue", "text": "  "}, {("text", "required")}),
    (NO | {"tier": "contact_first"}, {("text", "required")}),
    ({"view": "cannot_say", "reason_code": "other", "tier": "red"}, {("tier", "not_said")}),
    ({"stage": "preliminary"}, {("tier", "required")}),
    ({"stage": "preliminary", "tier": "red", "view": "agree"}, {("view", "not_a_decision")}),
    ({"stage": "objection", "tier": "red"}, {("tier", "not_a_decision")}),
])  # fmt: skip
def test_a_decision_that_breaks_a_rule_is_refused_with_every_fault_and_not_logged(log, request_, broken):
    one = stored(log)
    with pytest.raises(InvalidRecords) as error:
        decide(log, one, **request_)
    assert faults(error) == broken
    assert log.decisions_on(one.assessment_id) == []


@pytest.mark.parametrize("text", ["电话13812345678", "call 138 1234 5678", "浙A12345", "身份证11010519491231002X"])
def test_a_number_of_a_person_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidRecords) as error:
        read_decision({"view": "agree", "reason_code": "other", "text": text})
    assert faults(error) == {("text", "refused_value_shape")}
    assert text not in str(error.value) + repr(error.value.faults)


def test_a_strange_body_is_refused_and_not_repeated():
    for body in (b"{", b"[]", b'"x"', b'{"secret13812345678": 1}', b'{"tier": "secret"}', b'{"text": 1}'):
        with pytest.raises(UserError) as error:
            read_decision(body)
        assert "secret" not in str(error.value) + repr(error.value.faults)
    with pytest.raises(InvalidRecords) as error:
        read_decision({"text": "x" * 4_001, "offers": ["detention"], "view": "perhaps"})
    assert {path for path, _ in faults(error)} == {"text", "offers.0", "view"}


# --- what takes effect -------------------------------------------------------------------------------------------------


def test_to_agree_puts_the_tier_in_force_and_settles_the_case(log):
    one = stored(log)
    assert waits(log) == ["D1"]
    record = decide(log, one, **YES)
    assert (record["tier"], record["tier_in_force"], record["second_look"]) == ("yellow", "yellow", None)
    assert waits(log) == []
    assert verify(log.database).ok


def test_up_at_once_down_with_words_and_undone_by_the_next(log):
    one = stored(log)
    assert decide(log, one, **NO, tier="orange")["tier_in_force"] == "orange"
    assert decide(log, one, **NO, tier="blue", text="已签协议")["tier_in_force"] == "blue"
    assert decide(log, one, view="cannot_say", reason_code="other")["tier_in_force"] is None
    assert waits(log) == ["D1"]
    assert decide(log, one, **YES)["tier_in_force"] == "yellow"
    found = log.decisions_on(one.assessment_id)
    assert [one.record["tier_in_force"] for one in found] == ["orange", "blue", None, "yellow"]
    assert found[1].text == "已签协议"
    assert verify(log.database).ok


def test_to_disagree_without_a_tier_leaves_the_manual_path(log):
    assert decide(log, stored(log), **NO)["tier_in_force"] is None
    assert waits(log) == []


@pytest.mark.parametrize("request_", [YES, NO | {"tier": "orange", "text": "已签协议"}, NO])
def test_a_red_case_stays_red_until_a_second_account_comes_to_the_same(log, request_):
    one = stored(log, Tier.RED)
    for reviewer in (LI, LI):
        record = decide(log, one, reviewer, **request_)
        assert (record["tier_in_force"], record["second_look"]) == ("red", "due")
        assert waits(log) == ["D1"]
    record = decide(log, one, WANG, **request_)
    expected = "red" if request_ is YES else request_.get("tier")
    assert (record["tier_in_force"], record["second_look"]) == (expected, "done")
    assert waits(log) == []
    assert verify(log.database).ok


def test_two_who_do_not_agree_keep_it_red(log):
    one = stored(log, Tier.RED)
    decide(log, one, LI, **NO, tier="blue", text="已签协议")
    assert decide(log, one, WANG, **NO, tier="yellow", text="已签协议")["tier_in_force"] == "red"
    assert decide(log, one, LI, **NO, tier="yellow", text="同意")["tier_in_force"] == "yellow"


def test_to_raise_to_red_is_in_force_at_once(log):
    record = decide(log, stored(log), **NO, tier="red")
    assert (record["tier_in_force"], record["second_look"]) == ("red", "due")


def test_a_view_before_the_score_and_an_objection_put_nothing_in_force(log):
    one = stored(log)
    for request in ({"stage": "preliminary", "tier": "orange"}, {"stage": "objection", "text": "本人不同意"}):
        assert decide(log, one, **request)["tier_in_force"] is None
    assert waits(log) == ["D1"]
    assert [d.record["stage"] for d in log.decisions_of("D1")] == ["preliminary", "objection"]
    assert verify(log.database).ok


def test_a_retried_decision_is_the_first(log):
    one = stored(log)
    key = request_key("k", holder="h", body=b"1", hours=1)
    first = log.decide(one, DecisionRequest(**YES), LI, key=key)
    assert log.decide(one, DecisionRequest(**YES), LI, key=key).record["decision_id"] == first.record["decision_id"]
    with pytest.raises(KeyReused):
        log.decide(one, DecisionRequest(**NO), LI, key=request_key("k", holder="h", body=b"2", hours=1))
    assert len(log.decisions_on(one.assessment_id)) == 1
    assert verify(log.database).ok


# --- later assessments -------------------------------------------------------------------------------------------------


def test_a_decided_case_waits_again_only_when_it_gets_more_urgent_or_a_month_is_over(log):
    from serving.log.transaction import now_us

    now, day = now_us(), 86_400_000_000
    decide(log, stored(log, as_of=now), **YES)
    stored(log, as_of=now + 1)
    assert waits(log) == []
    stored(log, Tier.ORANGE, as_of=now + 2)
    assert waits(log) == ["D1"]
    stored(log, Tier.BLUE, as_of=now + 3)
    assert waits(log) == []
    stored(log, Tier.BLUE, as_of=now + 31 * day)
    assert waits(log) == ["D1"]
    assert verify(log.database).ok


def test_a_correction_stands_beside_the_old_and_an_older_landmark_changes_no_queue(log):
    first = stored(log, as_of=NOW)
    second = stored(log, Tier.ORANGE, as_of=NOW + 1)
    stored(log, Tier.RED, as_of=NOW - 5)
    assert case_of(log.database, "D1").assessment_id == second.assessment_id
    assert [tier for _, _, tier in log.assessments_of("D1")] == ["red", "yellow", "orange"]
    decide(log, first, **NO, tier="red")
    assert waits(log) == ["D1"]
    assert verify(log.database).ok


# --- the queue ---------------------------------------------------------------------------------------------------------


def test_the_queue_is_by_urgency_then_deadline_and_paged_without_gaps(log):
    cases = many(23)
    for number, one in enumerate(cases):
        log.append(
            [
                assessed(
                    one.scored.dispute_id,
                    tier=one.scored.tier,
                    due_at=NOW + (number * 7) % 11,
                    area=f"33010600{number % 3}",
                )
            ]
        )
    whole = waiting_cases(log.database, Which())
    assert [case.place for case in whole] == sorted(case.place for case in whole)
    assert [case.urgency for case in whole] == sorted(case.urgency for case in whole)
    paged, after = [], None
    while page := waiting_cases(log.database, Which(), after=after, limit=5):
        paged += page
        after = page[-1].place
    assert paged == whole and len(whole) == 23
    assert waiting_counts(log.database, Which(overdue_at=NOW + 5))["red"][0] == 4


def test_the_queue_is_narrowed(log):
    log.append([
        assessed("D1", area="330106001", kind="labour", due_at=5), assessed("D2", area="330199001", channel="court"),
        assessed("D3", area="340100001", tier=Tier.RED, statement=False),
    ])  # fmt: skip
    for which, expected in (
        (Which(area="3301"), {"D1", "D2"}), (Which(area="330106"), {"D1"}), (Which(area="9"), set()),
        (Which(kind="labour"), {"D1"}), (Which(channel="court"), {"D2"}), (Which(tier="red"), {"D3"}),
        (Which(overdue_at=6), {"D1"}), (Which(for_care=True), {"D1", "D2"}), (Which(area="33", tier="red"), set()),
    ):  # fmt: skip
        assert {case.dispute_id for case in waiting_cases(log.database, which)} == expected, which
    (first, second) = waiting_cases(log.database, Which(for_care=True))
    assert waiting_cases(log.database, Which(for_care=True), after=first.care_place) == [second]
