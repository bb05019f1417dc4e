"""Whether the score of a case may show to who asks: one rule for the pages and for the routes for machines.

It does not show where a party refused the machine's ranking, nor to a reviewer who is to judge first and has not.
"""

from __future__ import annotations

from collections.abc import Sequence

from features.errors import Fault, InvalidRecords
from serving.access import MAY_DECIDE, Grant
from serving.log.decision_rows import StoredDecision
from serving.log.stored import StoredAssessment
from serving.pages.draws import is_judged_first
from serving.policy import Review
from serving.problems import Problem

JUDGE_FIRST, MANUAL = "judge_first", "manual"
WHY = {
    JUDGE_FIRST: (
        "this case is judged before its score shows: record your own view first",
        "POST .../decisions with stage preliminary, and a tier or view cannot_say",
    ),
    MANUAL: (
        "a party refused the machine's ranking of this dispute: it goes the manual path",
        "decide from the record: its page shows it without the score",
    ),
}


def hidden_from(
    grant: Grant, stored: StoredAssessment, decisions: Sequence[StoredDecision], review: Review
) -> str | None:  # fmt: skip
    """Why the score must not show: a party refused the ranking, or this reviewer has not judged the case yet.

    ``decisions`` are those of the whole dispute, ``review`` the rules of the policy it was routed by.
    """
    if any(is_refusal(one) for one in decisions):
        return MANUAL
    tier = str(stored.record["scored"]["tier"])
    if grant.role not in MAY_DECIDE or not is_judged_first(stored.assessment_id, tier, review):
        return None
    mine = [
        one for one in decisions
        if one.record["account"] == grant.account_id and one.record["assessment_id"] == stored.assessment_id
    ]  # fmt: skip
    return None if any(one.record["stage"] != "objection" for one in mine) else JUDGE_FIRST


def is_refusal(decision: StoredDecision) -> bool:
    """Whether a decision is the objection that sends a dispute the manual path; contesting a fact alone does not."""
    return decision.record["stage"] == "objection" and decision.record["reason_code"] is None


def demand_shown(hidden: str | None) -> None:
    """Raise Problem 403 where the score does not show, with what to do instead."""
    if hidden is not None:
        detail, instead = WHY[hidden]
        raise Problem(403, detail, (Fault("assessment", hidden, instead),))


def demand_judged(hidden: str, text: str | None) -> None:
    """Raise Problem 403 for a decision before an own view that is owed, InvalidRecords for one without words on the manual path."""
    if hidden == JUDGE_FIRST:
        demand_shown(hidden)
    if not (text or "").strip():
        missing = Fault("text", "required", "on the manual path every decision has its reason in words")
        raise InvalidRecords("something is missing in this decision", faults=(missing,))
