"""What the institution owes in a case and is late with: its duties, never a party's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from features.clock import DAY_US, HOUR_US, format_time
from features.families.handling import ASSIGN_HOURS, CLOSE_DAYS, REPLY_DAYS
from serving.pages.timeline import microseconds, visible_rows

TURNS = ("closed", "reopened")


@dataclass(frozen=True)
class OverdueDuty:
    """One deadline that passed with nothing on record: which duty, when it was due, and for how many days it is late."""

    duty: str
    due_at: str
    days_overdue: float


def overdue_duties(case: Mapping[str, Any], *, as_of: int) -> tuple[OverdueDuty, ...]:
    """The duties of a case record that are overdue at ``as_of``, the latest one first; none once it is closed.

    The deadlines are those of the indicator C02: assignment, reply, closing, the answer to a petition.  Petitions equally
    overdue are one duty.
    """
    versions = case["dispute"] if isinstance(case["dispute"], list) else [case["dispute"]]
    dispute = next((row for row, _ in visible_rows(versions, row_id="dispute_id", as_of=as_of)), None)
    if dispute is None:
        return ()
    events = [row for row, _ in visible_rows(case["events"], row_id="event_id", as_of=as_of)]
    last = _last_times(events, as_of)
    turns = [(microseconds(e["occurred_at"]), e["event_id"], e["type"]) for e in events if e["type"] in TURNS]
    if turns and max(turns)[2] == "closed":
        return ()
    owed = [*_steps(microseconds(dispute["opened_at"]), last), *_answers(case, as_of)]
    late = [
        OverdueDuty(duty, format_time(due), round((as_of - due) / DAY_US, 1)) for duty, due in owed if due < as_of
    ]  # fmt: skip
    return tuple(sorted(late, key=lambda one: (-one.days_overdue, one.duty)))


def _last_times(events: list[Mapping[str, Any]], as_of: int) -> dict[str, int]:
    """When each type of event last occurred."""
    last: dict[str, int] = {}
    for event in events:
        at = microseconds(event["occurred_at"])
        if at < as_of:
            last[event["type"]] = max(at, last.get(event["type"], -1))
    return last


def _steps(opened: int, last: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    if "assigned" not in last:
        yield "assign", opened + ASSIGN_HOURS * HOUR_US
    if "replied" not in last:
        yield "reply", opened + REPLY_DAYS * DAY_US
    yield "close", last.get("reopened", opened) + CLOSE_DAYS * DAY_US


def _answers(case: Mapping[str, Any], as_of: int) -> Iterator[tuple[str, int]]:
    seen = [row for row, _ in visible_rows(case["petitions"], row_id="petition_id", as_of=as_of)]
    owed = [
        microseconds(row["due_at"]) for row in seen if microseconds(row.get("answer_recorded_at")) >= as_of
    ]  # fmt: skip
    if owed:
        yield "answer", min(owed)
