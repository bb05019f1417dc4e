"""One assessment as it is stored: a record that stays, and content that can be erased.

What stays is what every role may see.  The self-harm indicator, its floor and its rows lie apart, for the care role,
and with them the small contributions: as long as those were there, its own could be worked out from the sum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from features.catalogue import BY_ID
from features.clock import format_time
from serving.assessment import CARE_ONLY, Scored, known, shown_contributions
from serving.log.chain import digest_of
from serving.log.content import Content, Part, joined, opened, parted, sealed, sealed_bytes
from serving.log.settling import URGENCY
from serving.log.stored_text import FORM
from training.artifact.floors import BY_ID as FLOOR_BY_ID
from training.artifact.tiers import Tier


@dataclass(frozen=True)
class Written:
    """A scored case whose record is written already: ``lasting`` and ``care`` are its two halves as JSON.

    ``floors`` are those that hold, for the deadline; their evidence stands in the halves.
    """

    dispute_id: str
    as_of: int
    probability: float
    tier: Tier
    floors: tuple[tuple[str, tuple[str, ...]], ...]
    lasting: bytes
    care: bytes


@dataclass(frozen=True)
class Assessed:
    """One assessment about to be stored.  Times are microseconds UTC.

    ``case_record`` is the request's (None: nothing to replay is kept); ``closed_at`` the visible closure at ``as_of``;
    ``due_at`` the deadline that every role sees, ``care_due_at`` the one of the care queue.
    """

    assessment_id: str
    scored_at: int
    area: str
    model_digest: str
    model_version: str
    scored: Scored | Written
    kind: str = ""
    channel: str = ""
    due_at: int = 0
    care_due_at: int | None = None
    closed_at: int | None = None
    policy_digest: str = ""
    case_record: Mapping[str, Any] | None = None

    @cached_property
    def contents(self) -> tuple[Content, ...]:
        """The erasable parts, each under its own salt."""
        care_events: list[list[Any]] = []
        parts = []
        if self.case_record is not None:
            case, care_events = parted(self.case_record, as_of=format_time(self.scored.as_of))
            parts.append(sealed(Part.CASE, case))
        more = to_json({"events": care_events, "due_at": self.care_due_at})
        return (*parts, sealed_bytes(Part.CARE, self._halves.care[:-1] + b"," + more[1:]))

    @cached_property
    def _halves(self) -> Written:
        """What was computed, in its two halves."""
        return self.scored if isinstance(self.scored, Written) else halves_of(self.scored)

    @cached_property
    def text(self) -> str:
        """The record that stays, as JSON; its digest is that of these very bytes."""
        head = to_json(
            {
                "form": FORM,
                "assessment_id": self.assessment_id,
                "scored_at": self.scored_at,
                "area": self.area,
                "kind": self.kind,
                "channel": self.channel,
                "due_at": self.due_at,
                "closed_at": self.closed_at,
                "model": {"digest": self.model_digest, "version": self.model_version},
                "policy": self.policy_digest,
            }
        )
        contents = to_json({content.part.value: content.digest for content in self.contents})
        return b"".join((head[:-1], b',"scored":', self._halves.lasting, b',"contents":', contents, b"}")).decode()

    @cached_property
    def digest(self) -> str:
        """The digest by which the chain refers to the record."""
        return digest_of(self.text.encode())

    def columns(self, number: int) -> dict[str, Any]:
        """The row of ``assessments``."""
        return columns_of(
            number, self.text, assessment_id=self.assessment_id, dispute_id=self.scored.dispute_id, area=self.area,
            kind=self.kind, channel=self.channel, tier=self.scored.tier.value, as_of=self.scored.as_of,
            scored_at=self.scored_at, due_at=self.due_at, closed_at=self.closed_at,
            probability=self.scored.probability, model_digest=self.model_digest,
        )  # fmt: skip

    def case_columns(self, number: int) -> dict[str, Any]:
        """The row of ``cases``."""
        row = self.columns(number)
        del row["record"], row["model_digest"]
        return row | {"urgency": URGENCY[row["tier"]], "care_due_at": self.care_due_at}


def columns_of(number: int, text: str, **columns: Any) -> dict[str, Any]:
    """A row of ``assessments``: its number, its columns, its record."""
    return {"number": number, "record": text, **columns}


@dataclass(frozen=True)
class StoredAssessment:
    """One assessment found again; ``erased`` names the parts that are no longer there."""

    number: int
    record: Mapping[str, Any]
    case: Mapping[str, Any] | None
    care: Mapping[str, Any] | None
    erased: frozenset[Part]

    @property
    def assessment_id(self) -> str:
        """Its id."""
        return str(self.record["assessment_id"])

    @property
    def area(self) -> str:
        """The township of the case."""
        return str(self.record["area"])

    @property
    def scored_at(self) -> int:
        """When it was made."""
        return int(self.record["scored_at"])

    @property
    def model_digest(self) -> str:
        """The saved model it was made with."""
        return str(self.record["model"]["digest"])

    @property
    def model_version(self) -> str:
        """That model's registered version."""
        return str(self.record["model"]["version"])

    @property
    def policy_digest(self) -> str:
        """The policy it was routed by; "" where none was kept."""
        return str(self.record["policy"])

    @cached_property
    def scored(self) -> Scored:
        """What was computed; without the care part and the small contributions where those were erased."""
        return Scored.from_record(_whole_record(self.record["scored"], self.care))

    @property
    def case_record(self) -> dict[str, Any] | None:
        """The whole case record for replay; None where it was never kept, or any of it was erased."""
        return None if self.case is None or self.care is None else joined(self.case, self.care["events"])

    def case_as_seen(self, *, care: bool) -> dict[str, Any] | None:
        """The case record as a role may see it: statements of wanting to die for the care role alone."""
        if self.case is None:
            return None
        return joined(self.case, self.care["events"]) if care and self.care is not None else dict(self.case)


def stored(number: int, text: str, contents: Mapping[str, bytes | None]) -> StoredAssessment:
    """The assessment of its row and its contents by part."""
    erased = frozenset(Part(part) for part, content in contents.items() if content is None)
    return StoredAssessment(
        number, json.loads(text), opened(contents.get("case")), opened(contents.get("care")), erased
    )


# --- the two halves of what was computed ------------------------------------------------------------------------------


def halves_of(scored: Scored) -> Written:
    """A scored case with its record written: what every role may see, and what the care role alone."""
    shown = shown_contributions(scored)
    return Written(
        scored.dispute_id, scored.as_of, scored.probability, scored.tier, scored.floors,
        to_json(_lasting_record(scored, shown)), to_json(_care_record(scored, shown)),
    )  # fmt: skip


def _lasting_record(scored: Scored, shown: frozenset[str]) -> dict[str, Any]:
    """All that every role may see, with the contributions that are ever shown to them, and the rest as one sum."""
    parts = [
        [part.indicator, known(part.value), part.contribution if part.indicator in shown else None,
         _open_rows(part.evidence, scored)]
        for part in scored.parts if part.indicator not in CARE_ONLY
    ]  # fmt: skip
    floors = [
        [name, _open_rows(rows, scored)] for name, rows in scored.floors if not FLOOR_BY_ID[name].care_only
    ]  # fmt: skip
    hidden = [part.contribution for part in scored.parts if part.indicator not in shown]
    return {
        **scored.without_parts(), "parts": parts, "floors": floors, "care_rows": [], "folded": math.fsum(hidden),
    }  # fmt: skip


def _open_rows(rows: tuple[str, ...], scored: Scored) -> tuple[str, ...]:
    return tuple(row for row in rows if row not in scored.care_rows) if scored.care_rows else rows


def _care_record(scored: Scored, shown: frozenset[str]) -> dict[str, Any]:
    """What the lasting record leaves out."""
    whole = {
        part.indicator: [place, known(part.value), part.contribution, part.evidence]
        for place, part in enumerate(scored.parts)
        if part.indicator in CARE_ONLY or not scored.care_rows.isdisjoint(part.evidence)
    }
    hidden = {
        part.indicator: part.contribution
        for part in scored.parts
        if part.indicator not in shown and part.indicator not in whole
    }
    return {
        "whole": whole, "hidden": hidden, "floors": scored.floors, "care_rows": sorted(scored.care_rows),
        "folded": scored.folded,
    }  # fmt: skip


def _whole_record(lasting: Mapping[str, Any], care: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record of a scored case out of its two halves, or out of the first alone."""
    hidden = {} if care is None else care["hidden"]
    parts = [
        {"indicator": name, "value": value, "evidence": evidence,
         "contribution": hidden.get(name, 0.0) if contribution is None else contribution}
        for name, value, contribution, evidence in lasting["parts"]
    ]  # fmt: skip
    if care is None:
        return {**lasting, "parts": parts}
    for name, (place, value, contribution, evidence) in sorted(care["whole"].items(), key=lambda one: one[1][0]):
        row = {"indicator": name, "value": value, "contribution": contribution, "evidence": evidence}
        if BY_ID[name].care_only:
            parts.insert(place, row)
        else:
            parts[place] = row
    return {
        **lasting, "parts": parts, "floors": care["floors"], "care_rows": care["care_rows"], "folded": care["folded"],
    }  # fmt: skip
