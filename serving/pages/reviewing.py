"""What a reviewer does at the desk: open a case, put down a view, decide, object for a party, correct the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.clock import format_time
from features.errors import Fault, InvalidRecords
from serving.access import MAY_DECIDE, MAY_READ_CASES, Grant, Role, demand
from serving.desk import Desk
from serving.log.decision_rows import StoredDecision
from serving.log.stored import StoredAssessment
from serving.log.transaction import now_us
from serving.pages.case import CaseFile, case_page
from serving.pages.timeline import Row, microseconds, timeline
from serving.problems import Problem
from serving.showing import JUDGE_FIRST, MANUAL, hidden_from

CHANGES = ("withdrawn", "denied", "hearsay", "affirmed")
CARE = "care"


MOST_BESIDE = 50
"""So many other assessments of a case its page lists; it says how many more there are."""


@dataclass(frozen=True)
class Opened:
    """A case as it lies open before one reviewer."""

    stored: StoredAssessment
    decisions: tuple[StoredDecision, ...]
    hidden: str | None
    page: dict[str, Any]


def open_case(desk: Desk, assessment_id: str, grant: Grant) -> Opened:
    """A case with its page record, as the grant's role and account may see it.

    Raises MissingInput for an unknown id, Problem 403 outside the grant.
    """
    demand(grant, MAY_READ_CASES)
    stored = desk.found(assessment_id, grant)
    told = desk.view(stored, grant)
    all_decisions = desk.log.decisions_of(told["dispute_id"])
    own = [one for one in all_decisions if one.record["assessment_id"] == assessment_id]
    hidden = hidden_from(grant, stored, all_decisions, desk.policy_of(stored).review)
    beside, beside_more = _beside(desk, told, hidden=hidden)
    page = case_page(
        CaseFile(
            assessment=told,
            case=stored.case_as_seen(care=grant.role == Role.CARE),
            cuts=desk.model_of(stored).tiers,
            role=grant.role.value,
            hidden=hidden,
            decisions=_told(all_decisions, hidden=hidden),
            beside=beside,
            beside_more=beside_more,
            awaits_second_look=hidden is None and _awaits_second_look(own),
            looked_yourself=hidden is None and _looked_last(own) == grant.account_id,
            may_decide=grant.role in MAY_DECIDE,
        )
    )
    return Opened(stored, tuple(own), hidden, page)


def _awaits_second_look(decisions: Sequence[StoredDecision]) -> bool:
    made = [one for one in decisions if one.record["stage"] == "decision"]
    return bool(made) and made[-1].record["second_look"] == "due"


def _looked_last(decisions: Sequence[StoredDecision]) -> str | None:
    """The account of the last decision."""
    made = [str(one.record["account"]) for one in decisions if one.record["stage"] == "decision"]
    return made[-1] if made else None


def _told(decisions: Sequence[StoredDecision], *, hidden: str | None) -> list[dict[str, Any]]:
    """The decisions as the page tells them, the last first; none while an own view is still owed."""
    if hidden == JUDGE_FIRST:
        return []
    made = [one for one in decisions if one.record["stage"] == "decision" and one.record["tier_in_force"] is not None]
    told = []
    for one in reversed(decisions):
        record = one.record
        told.append(
            {
                "at": format_time(record["at_utc"]), "role": record["role"], "account": record["account"],
                "stage": record["stage"], "view": None if hidden else record["view"], "tier": record["tier"],
                "reason_code": record["reason_code"], "offers": list(record["offers"]), "text": one.text,
                "second_look": record["second_look"], "in_force": bool(made) and one is made[-1],
                "assessment_id": record["assessment_id"],
            }
        )  # fmt: skip
    return told


def _beside(desk: Desk, told: Mapping[str, Any], *, hidden: str | None) -> tuple[list[dict[str, Any]], int]:
    """The last other assessments of the dispute, and how many more there are; their tiers only where the score shows."""
    dispute, own = told["dispute_id"], told["assessment_id"]
    last = [one for one in reversed(desk.log.assessments_of(dispute, most=MOST_BESIDE + 1)) if one[0] != own]
    listed = [
        {"assessment_id": name, "as_of": format_time(as_of), "tier": None if hidden else tier}
        for name, as_of, tier in last[:MOST_BESIDE]
    ]
    return listed, desk.log.assessment_count(dispute) - 1 - len(listed)


# --- what is recorded ----------------------------------------------------------------------------------------------


def record_view(desk: Desk, assessment_id: str, grant: Grant, *, tier: str) -> None:
    """Put down a reviewer's own view before the score shows."""
    _decide(desk, assessment_id, grant, _said(tier) | {"stage": "preliminary"})


def record_decision(
    desk: Desk, assessment_id: str, grant: Grant, *, tier: str, reason_code: str, text: str, offered: list[str]
) -> None:  # fmt: skip
    """Record what a reviewer decides.  The view of the score follows from the tier: the form asks for one thing only.

    Raises Problem 409 where an own view is still owed, InvalidRecords for a decision that breaks a rule.
    """
    opened = open_case(desk, assessment_id, grant)
    if opened.hidden == JUDGE_FIRST:
        raise Problem(409, "put down your own view first")
    if opened.hidden == MANUAL and not text:
        raise _missing("text", "on the manual path every decision has its reason in words")
    if reason_code == "other" and not text:
        raise _missing("text", "another reason is written down")
    assessed = opened.stored.record["scored"]["tier"]
    said = _said(tier)
    view = said.get("view") or ("agree" if tier == assessed else "disagree")
    _decide(
        desk, assessment_id, grant,
        {"stage": "decision", "view": view, "tier": said["tier"], "reason_code": reason_code or None,
         "text": text or None, "offers": offered},
    )  # fmt: skip


def record_objection(desk: Desk, assessment_id: str, grant: Grant, *, objection: str, text: str) -> None:
    """Record a party's objection: to the machine's ranking, or to something in the record."""
    if objection not in ("refuses_ranking", "contests_record"):
        raise _missing("objection", "refuses_ranking or contests_record")
    reason = None if objection == "refuses_ranking" else "facts_wrong"
    _decide(desk, assessment_id, grant, {"stage": "objection", "reason_code": reason, "text": text or None})


async def correct(desk: Desk, assessment_id: str, grant: Grant, *, row: str, change: str, text: str) -> str:
    """The id of the new assessment after a row of the record got a new version; the old ones stay.

    Raises InvalidRecords where the row or the change is none, Problem 409 where the score does not show.
    """
    opened = open_case(desk, assessment_id, grant)
    if opened.hidden is not None:
        raise Problem(409, "a record is corrected where its score shows")
    if change not in CHANGES or not text:
        raise _missing("change", f"one of {', '.join(CHANGES)}, with how this is known")
    whole = opened.stored.case_record
    if whole is None:
        raise Problem(409, "the record of this case was erased")
    corrected = _corrected(whole, _row(opened, grant, row), change)
    _decide(
        desk, assessment_id, grant,
        {"stage": "decision", "view": "cannot_say", "tier": None, "reason_code": "facts_wrong", "text": text},
    )  # fmt: skip
    answer = await desk.score(corrected, grant)
    return str(answer["assessment_id"])


def _row(opened: Opened, grant: Grant, number: str) -> Row:
    """The row of a number on the page, among those that the role sees and that can be corrected here."""
    case = opened.stored.case_as_seen(care=grant.role == Role.CARE)
    assert case is not None
    as_of = microseconds(opened.page["as_of"])
    rows = {row.anchor: row for row in timeline(case, as_of=as_of, care=grant.role == Role.CARE)}
    anchor = f"row-{number}"
    if anchor not in opened.page["correctable"] or anchor not in rows:
        raise _missing("row", "the number of a row of this page")
    return rows[anchor]


def _corrected(case: Mapping[str, Any], row: Row, change: str) -> dict[str, Any]:
    """The case record with one more version of an event, recorded now, to be assessed anew."""
    (event_id,) = row.ids
    versions = [event for event in case["events"] if event["event_id"] == event_id]
    last = max(versions, key=lambda event: microseconds(event["recorded_at"]))
    said = {"withdrawn": True} if change == "withdrawn" else {"assertion": change}
    version = dict(last) | said | {"recorded_at": format_time(now_us() - 1)}
    return dict(case) | {"events": [*case["events"], version], "as_of": None}


def _said(tier: str) -> dict[str, Any]:
    """The tier of a form, or that nothing can be said."""
    return {"tier": None, "view": "cannot_say"} if tier == "cannot_say" else {"tier": tier or None}


def _decide(desk: Desk, assessment_id: str, grant: Grant, decision: dict[str, Any]) -> None:
    desk.decide(assessment_id, decision, grant)


def _missing(field: str, allowed: str) -> InvalidRecords:
    return InvalidRecords("something is missing in this form", faults=(Fault(field, "required", allowed),))
