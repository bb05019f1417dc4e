"""One dispute of a records folder at one time: what was visible, and the value of every indicator beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from features import catalogue
from features.case_export import case_record
from features.case_history import case_history, spine_of_one
from features.clock import format_time
from features.records import Records
from features.request_model import parse_case
from features.schema import NEVER_SEVERE
from features.view import View


@dataclass(frozen=True)
class Known:
    """One row as it was known: when it occurred, when it was recorded, and what it is."""

    occurred_at: str
    recorded_at: str
    what: str
    row_id: str


@dataclass(frozen=True)
class Valued:
    """The value of one column (None = unknown), and the rows that made its indicator."""

    column: str
    value: float | None
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class CaseTimeline:
    """A dispute's timeline beside its values."""

    dispute_id: str
    as_of: str
    timeline: tuple[Known, ...]
    values: tuple[Valued, ...]

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return {
            "dispute_id": self.dispute_id,
            "as_of": self.as_of,
            "timeline": [row.__dict__ for row in self.timeline],
            "values": [{**one.__dict__, "evidence": list(one.evidence)} for one in self.values],
        }


def case_timeline(records: Records, dispute_id: str, *, as_of: int) -> CaseTimeline:
    """The timeline and values of a dispute.  Raises MissingInput where it was not on record before ``as_of``.

    What is for the care role alone (charter: a statement of wanting to die) has neither a value nor a row here.
    """
    record = case_record(records, dispute_id, as_of=as_of)
    case = parse_case(record, now_us=max(as_of, records.known_at) + 1)
    view = View(
        case_history(case), spine_of_one(as_of), reference_income_cny=catalogue.DEFAULT_REFERENCE_INCOME_CNY
    )  # fmt: skip
    measures = catalogue.measure_all(view, catalogue.INDICATORS)
    values = tuple(
        Valued(column, None if math.isnan(values[0]) else float(values[0]), tuple(measure.row_ids(0)))
        for name, measure in measures.items()
        if not catalogue.BY_ID[name].care_only
        for column, values in zip(catalogue.BY_ID[name].columns, (measure.values, *measure.further), strict=True)
    )
    rows = [_known(row, row["opened_at"], f"dispute: {row['kind']}", row["dispute_id"]) for row in case.dispute]
    rows += [
        _known(row, row["occurred_at"], _event(row), row["event_id"])
        for row in case.events
        if row["type"] != NEVER_SEVERE
    ]
    rows += [_known(row, row["lodged_at"], "petition", row["petition_id"]) for row in case.petitions]
    return CaseTimeline(dispute_id, format_time(as_of), tuple(sorted(rows, key=lambda row: row.occurred_at)), values)


def _known(row: dict[str, Any], occurred_at: int, what: str, row_id: str) -> Known:
    withdrawn = " (withdrawn)" if row.get("withdrawn") else ""
    return Known(format_time(occurred_at), format_time(row["recorded_at"]), what + withdrawn, row_id)


def _event(row: dict[str, Any]) -> str:
    details = [str(row[name]) for name in ("channel", "assertion") if row.get(name)]
    severity = "" if row.get("severity") is None else f", severity {row['severity']}"
    return f"{row['type']} ({', '.join(details)}{severity})"
