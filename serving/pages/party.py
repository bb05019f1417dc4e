"""What a party can be given about a case, in plain language: what was used, what was not, how to contest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serving.access import Grant, Role
from serving.desk import Desk
from serving.pages.case import MOST_EACH_WAY
from serving.pages.language import N_
from serving.pages.reviewing import open_case
from serving.problems import Problem
from serving.showing import JUDGE_FIRST, MANUAL

NOT_USED = (
    N_("who the parties are: no name, no number of an identity card or telephone, no address below the township"),
    N_("ethnicity, religion, politics, origin, occupation, diagnoses, criminal records, credit scores, watch lists"),
    N_("whether, where or how often anybody petitioned, sued, hired a lawyer, called a hotline or spoke to the press"),
    N_("where anybody was, what anybody wrote online, and the words of the reports"),
)
CONTEST = (
    N_(
        "Say what is wrong in the record. It is corrected, and the case is assessed anew; the old version stays on file."
    ),
    N_(
        "Refuse to be ranked by a machine. The case then goes the manual path, with the same deadlines and the same help."
    ),
    N_("Decline any help that is offered. That has no disadvantage and is not held against anybody."),
    N_("Ask who decided and why. A person decided, with a reason; a score alone decides nothing."),
)


def party_page(desk: Desk, assessment_id: str, grant: Grant) -> tuple[dict[str, Any], int]:
    """The record of what can be given to a party, ready for JSON, and the number of its assessment.

    It is the same whoever prints it, and may reach either side: it holds what every role may see, neither words of
    reports nor who reported.  Raises Problem 403 outside the grant, 409 while an own view of the case is still owed.
    """
    if open_case(desk, assessment_id, grant).hidden == JUDGE_FIRST:
        raise Problem(409, "put down your own view first")
    opened = open_case(desk, assessment_id, replace(grant, role=Role.ROUTER))  # sees what every role may, and no more
    page = opened.page
    record = {
        "page": "party",
        "assessment_id": page["assessment_id"],
        "dispute_id": page["dispute_id"],
        "as_of": page["as_of"],
        "synthetic": page["synthetic"],
        "manual": opened.hidden == MANUAL,
        "rows": [
            {"type": row["type"], "occurred_at": row["occurred_at"], "recorded_at": row["recorded_at"],
             "counts": row["counts"]}
            for row in page["timeline"] if row["merged_into"] is None
        ],
        "score": None if page["score"] is None else _score(page["score"]),
        "offers": page["routing"].get("actions", []),
        "due": page["routing"]["due"],
        "not_used": list(NOT_USED),
        "contest": list(CONTEST),
    }  # fmt: skip
    return record, opened.stored.number


def _score(score: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: score[name] for name in ("tier", "probability", "interval", "base_rate")},
        "raising": [one["sentence"] for one in score["raising"][:MOST_EACH_WAY]],
        "lowering": [one["sentence"] for one in score["lowering"][:MOST_EACH_WAY]],
    }
