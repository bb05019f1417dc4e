"""The page of one case as a plain record: what was known first, then the score as one voice, then the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from features.catalogue import BY_ID
from features.clock import parse_time
from serving.assessment import CARE_ROLES
from serving.pages.duties import overdue_duties
from serving.pages.numbers import value_words
from serving.pages.timeline import Row, facts_of, timeline
from serving.showing import MANUAL
from training.artifact.contract import TierCuts
from training.artifact.tiers import ORDER

PAGE_VERSION = 1
MOST_EACH_WAY = 5
PRINTED_ROWS = 10
"""One printed sheet holds so many rows: those behind the reasons first, then the latest; the page holds all."""


@dataclass(frozen=True)
class CaseFile:
    """What the page of a case is made from.

    ``assessment`` is the stored answer as the role may see it, ``case`` the case record it was made from (None where it
    was erased), ``cuts`` the tier cut-offs of its model, ``hidden`` why the score must not show yet (or at all).
    """

    assessment: Mapping[str, Any]
    case: Mapping[str, Any] | None
    cuts: TierCuts
    role: str
    hidden: str | None = None
    decisions: Sequence[Mapping[str, Any]] = ()
    beside: Sequence[Mapping[str, Any]] = field(default=())
    beside_more: int = 0
    awaits_second_look: bool = False
    looked_yourself: bool = False
    may_decide: bool = True


def case_page(file: CaseFile) -> dict[str, Any]:
    """The record of one case's page, ready for JSON: the page shows this and nothing else.

    Where the score is hidden, nothing that would give it away is in the record: no tier, reasons, floors, cautions or
    offers, and no link from rows to reasons.
    """
    told = file.assessment
    as_of = parse_time(told["as_of"])
    care = file.role in CARE_ROLES
    rows = () if file.case is None else timeline(file.case, as_of=as_of, care=care)
    facts = None if file.case is None else facts_of(file.case, as_of=as_of)
    if not file.may_decide:  # narratives come from the public, about each other: for who decides, and nobody else
        rows = tuple(replace(row, narrative=None) for row in rows)
        facts = facts and facts | {"narrative": None}
    score = None if file.hidden else _score(file, rows)
    if score is not None:
        rows = _with_evidence(rows, score)
    duties = () if file.case is None else overdue_duties(file.case, as_of=as_of)
    return {
        "page": "case",
        "page_version": PAGE_VERSION,
        "role": file.role,
        "assessment_id": told["assessment_id"],
        "dispute_id": told["dispute_id"],
        "as_of": told["as_of"],
        "synthetic": told["model"]["synthetic"],
        "facts": facts,
        "timeline": [row.to_record() for row in rows],
        "printed_rows": _printed(rows),
        "hidden": file.hidden,
        "score": score,
        "duties": [asdict(duty) for duty in duties],
        "routing": _routing(file),
        "decisions": [dict(one) for one in file.decisions],
        "awaits_second_look": file.awaits_second_look,
        "looked_yourself": file.looked_yourself,
        "may_decide": file.may_decide,
        "correctable": [] if file.hidden or not file.may_decide else _correctable(rows),
        "beside": [dict(one) for one in file.beside],
        "beside_more": file.beside_more,
        "assessment": None if file.hidden else dict(told),
    }


def _routing(file: CaseFile) -> dict[str, Any]:
    """The offers and the deadline; nothing while an own view is owed, as the deadline alone would tell the tier."""
    routing = dict(file.assessment["routing"])
    return {None: routing, MANUAL: {"due": routing["due"]}}.get(file.hidden, {})


def _score(file: CaseFile, rows: Sequence[Row]) -> dict[str, Any]:
    """The score as one voice: frequency, rank against capacity, floors, and parts that add up to the margin."""
    told = file.assessment
    anchors = {name: row.anchor for row in rows for name in row.ids}
    reasons = [_reason(reason, anchors) for reason in told["reasons"]]
    raising = [one for one in reasons if one["contribution"] > 0][:MOST_EACH_WAY]
    lowering = [one for one in reasons if one["contribution"] < 0][:MOST_EACH_WAY]
    shown = [one["contribution"] for one in (*raising, *lowering)]
    rest = math.fsum(
        [*(one["contribution"] for one in told["reasons"]), told["other_contribution"], *(-x for x in shown)]
    )
    return {
        "tier": told["tier"],
        "probability": told["probability"],
        "interval": told["interval"],
        "base_rate": told["base_rate"],
        "rank": _rank(told["margin"], file.cuts),
        "floors": [dict(floor) | {"rows": _rows_of(floor["evidence"], anchors)} for floor in told["floors"]],
        "raising": raising,
        "lowering": lowering,
        "rest": rest,
        "base_margin": told["base_margin"],
        "margin": told["margin"],
        "cautions": told["cautions"],
    }


def _rank(margin: float, cuts: TierCuts) -> str:
    """The tier that the score alone would give, before any floor: its rank against capacity."""
    reached = sum(margin >= cut for cut in (cuts.yellow, cuts.orange, cuts.red))
    return ORDER[reached].value


def _reason(reason: Mapping[str, Any], anchors: Mapping[str, str]) -> dict[str, Any]:
    indicator = reason["indicator"]
    return dict(reason) | {
        "definition": BY_ID[indicator].definition,
        "value_words": value_words(indicator, reason["value"]),
        "typical_words": value_words(indicator, reason["typical"]),
        "rows": _rows_of(reason["evidence"], anchors),
    }


def _rows_of(evidence: Sequence[str], anchors: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows on this page behind a reason, each once."""
    found = {anchors[name]: name for name in reversed(evidence) if name in anchors}
    return [{"anchor": anchor, "id": name} for anchor, name in sorted(found.items(), key=lambda at: _number(at[0]))]


def _number(anchor: str) -> int:
    return int(anchor.rpartition("-")[2])


def _with_evidence(rows: Sequence[Row], score: Mapping[str, Any]) -> tuple[Row, ...]:
    """The rows, each naming the reasons on the page that it is behind."""
    behind: dict[str, list[str]] = {}
    for reason in (*score["raising"], *score["lowering"]):
        for row in reason["rows"]:
            behind.setdefault(row["anchor"], []).append(reason["indicator"])
    return tuple(replace(row, evidence_of=tuple(behind[row.anchor])) if row.anchor in behind else row for row in rows)


def _printed(rows: Sequence[Row]) -> list[str]:
    """The anchors of the rows that a printed sheet shows."""
    ordered = sorted(
        rows, key=lambda row: (bool(row.evidence_of), row.lane == "conduct", row.occurred_at), reverse=True
    )
    return [row.anchor for row in ordered[:PRINTED_ROWS]]


def _correctable(rows: Sequence[Row]) -> list[str]:
    """The anchors of the rows that can be corrected here: events; the rest is corrected where it came from."""
    apart = ("opened", "earlier_dispute", "answer_overdue", "petition_upheld")
    return [row.anchor for row in rows if row.type not in apart]
