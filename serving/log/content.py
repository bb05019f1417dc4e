"""Case content: the case record of a request, in the two parts in which it is kept and erased."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic_core import from_json, to_json

from features.clock import DAY_US
from features.rules import parse_time
from features.schema import NEVER_SEVERE as CARE_EVENT
from serving.log.chain import SALT_BYTES, salted_digest

CARE_DAYS = 180
"""No policy may keep a statement of wanting to die for longer."""
NOT_KEPT = "pair_token"
"""Links two disputes of one pair: never in a response, page or log."""


class Part(StrEnum):
    """The parts of erasable content, each with its own time to live."""

    CASE = "case"
    """The case record without statements of wanting to die."""
    CARE = "care"
    """Those statements, and what follows from them in the score: for the care role, and not for long."""
    TEXT = "text"
    """The words of a decision."""


@dataclass(frozen=True)
class Content:
    """Some erasable bytes with their salt."""

    part: Part
    salt: bytes
    content: bytes

    @property
    def digest(self) -> str:
        """How the chain refers to it."""
        return salted_digest(self.salt, self.content)


def sealed(part: Part, record: Any) -> Content:
    """A record as erasable content, under a new salt."""
    return sealed_bytes(part, to_json(record))


def sealed_bytes(part: Part, content: bytes) -> Content:
    """The same for a record that is JSON already."""
    return Content(part, secrets.token_bytes(SALT_BYTES), content)


def opened(content: bytes | None) -> Any:
    """The record of stored content, None where it was erased."""
    return None if content is None else from_json(content)


def parted(record: Mapping[str, Any], *, as_of: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """A case record as it is kept, and its statements of wanting to die as ``[place in events, row]``.

    ``as_of`` is the landmark that was scored (the record's own may be null).  Left out are the pair token, which no
    indicator reads, and statements that are older than they may be kept, which none looks back to.
    """
    sent = record["dispute"]
    versions = sent if isinstance(sent, list) else [sent]
    dispute = [{name: value for name, value in row.items() if name != NOT_KEPT} for row in versions]
    events = record["events"]
    stated = [row for row in events if row.get("type") == CARE_EVENT]
    care: list[list[Any]] = []
    if stated:
        kept = [row for row in events if row.get("type") != CARE_EVENT or _is_recent(row, as_of)]
        care = [[place, row] for place, row in enumerate(kept) if row.get("type") == CARE_EVENT]
        events = [row for row in events if row.get("type") != CARE_EVENT]
    return {**record, "dispute": dispute, "events": events, "as_of": as_of}, care


def _is_recent(row: Mapping[str, Any], as_of: str) -> bool:
    known, now = parse_time(str(row["recorded_at"])), parse_time(as_of)
    return not (isinstance(known, int) and isinstance(now, int) and known < now - CARE_DAYS * DAY_US)


def joined(case: Mapping[str, Any], care_events: list[list[Any]]) -> dict[str, Any]:
    """The whole case record again, its rows in their old order."""
    events = list(case["events"])
    for place, row in care_events:
        events.insert(place, row)
    return {**case, "events": events}
