"""The page of the queue as a plain record: why each case is here in one line, and nothing that ranks anybody."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from features.catalogue import BY_ID
from features.clock import format_time
from serving.access import Grant
from serving.desk import Desk
from serving.log.waiting import WaitingCase
from serving.pages.draws import is_judged_first
from serving.pages.numbers import ON_A_LOG_SCALE, value_words
from serving.pages.queue import Filters, Place, Standing, capacity, records_of, standing, waiting_page
from serving.policy import Review
from serving.showing import JUDGE_FIRST, MANUAL
from serving.wording import sentence
from training.artifact.floors import BY_ID as FLOOR_BY_ID

CSV_FIELDS = (
    "assessment_id",
    "dispute_id",
    "area",
    "kind",
    "channel",
    "tier",
    "due_at",
    "is_overdue",
    "hidden",
    "why_zh",
    "why_en",
)


def queue_page(desk: Desk, filters: Filters, place: Place, grant: Grant, *, now_us: int) -> dict[str, Any]:
    """The record of one page of the queue, ready for JSON."""
    review = desk.policy.review
    found = waiting_page(desk.log, filters, within=grant.area, after=place, now_us=now_us, review=review)
    stands = standing(desk.log, found.cases, account=grant.account_id)
    records = records_of(desk.log, found.cases)
    used = capacity(desk.log, within=grant.area, now_us=now_us)
    cases = [
        _case(one, json.loads(records[one.assessment_id]), stands, desk, now_us=now_us) for one in found.cases
    ]  # fmt: skip
    query = filters.query()
    return {
        "page": "queue",
        "role": grant.role.value,
        "filters": {"area": filters.area, "kind": filters.kind, "channel": filters.channel, "tier": filters.tier,
                    "overdue": filters.overdue},
        "capacity": {"a_week": review.capacity_a_week, "decided": used.decided, "waiting": used.waiting},
        # a filter by tier would tell the tier of what goes the manual path, or was drawn under an earlier policy
        "cases": [one for one in cases if not (filters.tier and one["hidden"])],
        "first": None if place == Place() else _address("/review", query),
        "next": None if found.following is None else _address("/review", query | {"after": found.following.text()}),
        "json": _address("/review/queue.json", query | ({} if place == Place() else {"after": place.text()})),
        "csv": _address("/review/queue.csv", query | ({} if place == Place() else {"after": place.text()})),
    }  # fmt: skip


def csv_row(case: dict[str, Any]) -> dict[str, Any]:
    """A case of the page as a row of its CSV; a text that a spreadsheet would run as a formula is quoted first."""
    why = case["why"] or {"zh": "", "en": ""}
    row = case | {"why_zh": why["zh"], "why_en": why["en"]}
    return {
        name: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        for name, value in row.items()
    }


def _case(
    one: WaitingCase, record: dict[str, Any], stands: Standing, desk: Desk, *, now_us: int
) -> dict[str, Any]:  # fmt: skip
    hidden = _hidden(one, stands, desk.policy_under(record["policy"]).review)
    return {
        "assessment_id": one.assessment_id,
        "dispute_id": one.dispute_id,
        "area": one.area,
        "kind": one.kind,
        "channel": one.channel,
        "tier": None if hidden else one.tier,
        "due_at": None if hidden == JUDGE_FIRST else format_time(one.due_at),
        "is_overdue": hidden != JUDGE_FIRST and one.due_at < now_us,
        "hidden": hidden,
        "why": None if hidden else _why(record["scored"]),
        "awaits_second_look": not hidden and one.assessment_id in stands.second_look,
    }


def _hidden(one: WaitingCase, stands: Standing, review: Review) -> str | None:
    """Why the score does not show yet (or at all), by the policy that the case was assessed under, as on its page."""
    if one.dispute_id in stands.manual:
        return MANUAL
    drawn = is_judged_first(one.assessment_id, one.tier, review)
    return JUDGE_FIRST if drawn and one.assessment_id not in stands.judged else None


def _why(scored: dict[str, Any]) -> dict[str, str]:
    """The one line: the floor that holds, else what raises the score most among what everybody may see.

    What the catalogue tells as a logarithm comes last, and in plain numbers.
    """
    floors = sorted((FLOOR_BY_ID[name] for name, _ in scored["floors"]), key=lambda floor: -floor.rank)
    if floors:
        return {"en": floors[0].rule.en, "zh": floors[0].rule.zh}
    raising = [
        (name not in ON_A_LOG_SCALE, contribution, name, value) for name, value, contribution, _ in scored["parts"]
        if contribution is not None and contribution > 0 and value is not None and value > 0
    ]  # fmt: skip
    if not raising:
        return {"en": "No reason stands out", "zh": "没有突出的理由"}
    _, _, name, value = max(raising)
    if name in ON_A_LOG_SCALE:
        told, title = value_words(name, value), BY_ID[name].title
        return {"en": f"{title.en}: {told['en']}", "zh": f"{title.zh}:{told['zh']}"}
    words = sentence(BY_ID[name], value)
    return {"en": words.en, "zh": words.zh}


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
