"""When a decision settles a case, and at which urgency: what the queue and whoever checks it follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.clock import DAY_US
from serving.log.tables import DECISIONS

URGENCY = {"red": 0, "contact_first": 1, "orange": 2, "yellow": 3, "blue": 4}
"""The order of the queue; contact first has the deadline of red and no elevated signal."""
STANDS_DAYS = 30
"""So long a decision stands for later assessments of the dispute that are no more urgent."""
COLUMNS = tuple(column.name for column in DECISIONS.columns if column.name != "seq")


def settlement(record: Mapping[str, Any]) -> tuple[int, int] | None:
    """The urgency that a decision settles a dispute at, and until when it stands; None where it settles nothing."""
    if record["view"] not in ("agree", "disagree") or record["second_look"] == "due":
        return None
    return URGENCY[record["tier_in_force"] or record["assessed_tier"]], record["at_utc"] + STANDS_DAYS * DAY_US
