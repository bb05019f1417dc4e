"""The case that online benchmarks score: one dispute with twelve events (or more), a petition and an earlier dispute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
EVENTS = (
    ("registered", 60), ("assigned", 59.9), ("first_contact", 59.8), ("verbal_altercation", 40), ("mediation_failed", 35),
    ("physical_contact", 20), ("threat", 12), ("fear_expressed", 11), ("mediation_failed", 9), ("handed_on", 7),
    ("verbal_altercation", 3), ("hearing_scheduled", 2),
)  # fmt: skip


def case_record(*, size: int = 12) -> dict[str, Any]:
    """The case record as a request holds it; a larger ``size`` repeats the twelve events, each round an hour earlier."""
    events: list[dict[str, Any]] = [
        {"event_id": f"E{12 * earlier + number}", "dispute_id": "D1", "type": type_,
         "occurred_at": _before(days + earlier / 24), "recorded_at": _before(days + earlier / 24 - 0.05),
         "channel": "grid"}
        for earlier in range(-(-size // len(EVENTS)))
        for number, (type_, days) in enumerate(EVENTS)
    ][:size]  # fmt: skip
    events[6] |= {"severity": 4, "specifics": 2}
    events[11] |= {"scheduled_at": _before(-8)}
    dispute = {
        "dispute_id": "D1", "opened_at": _before(75), "recorded_at": _before(74.9), "channel": "grid",
        "kind": "neighbour", "relation": "neighbour", "proximity": "adjoining", "stakes": ["boundary", "access"],
        "amount_cny": 8000, "minors_in_household": False, "pair_confidence": 0.95, "area": "330106001",
    }  # fmt: skip
    petition = {"petition_id": "P1", "dispute_id": "D1", "lodged_at": _before(30), "recorded_at": _before(29),
                "due_at": _before(5)}  # fmt: skip
    prior = {"dispute_id": "D0", "opened_at": _before(700), "closed_at": _before(600), "pair_confidence": 0.95,
             "closed_recorded_at": _before(599), "recorded_at": _before(59)}  # fmt: skip
    return {
        "dispute": dispute, "events": events, "petitions": [petition], "prior_disputes": [prior],
        "as_of": AS_OF.isoformat(),
    }  # fmt: skip


def _before(days: float) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()
