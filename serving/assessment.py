"""One scored case as a plain record, and the view of it that each role may see."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from features.catalogue import BY_ID
from features.clock import HOUR_US, format_time
from serving.cautions import words_of
from serving.policy import Policy, offers
from serving.wording import plain_value, sentence
from training.artifact.floors import BY_ID as FLOOR_BY_ID
from training.artifact.floors import Floor
from training.artifact.points_model import Model
from training.artifact.tiers import Tier

SCHEMA_VERSION = 1
MOST_REASONS = 10
MOST_RAISING = 5
CARE_ROLES = frozenset({"care"})
CARE_ONLY = frozenset(indicator.id for indicator in BY_ID.values() if indicator.care_only)


class Part(NamedTuple):
    """One indicator's part in a score: its value (NaN = unknown), contribution (log-odds) and evidence row ids."""

    indicator: str
    value: float
    contribution: float
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """Everything computed for one case at one time; what each role sees is a view of it.

    ``floors`` are those that hold, with their evidence; ``care_rows`` are ids only the care role may see.
    """

    dispute_id: str
    as_of: int
    probability: float
    interval: tuple[float, float]
    margin: float
    base_margin: float
    tier: Tier
    parts: tuple[Part, ...]
    floors: tuple[tuple[str, tuple[str, ...]], ...]
    thin: bool
    violent_family_tie: bool
    care_rows: frozenset[str]
    cautions: tuple[str, ...] = ()
    folded: float = 0.0
    """The sum of contributions that were erased one by one; 0 while all parts are there."""

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record for JSON: NaN is null, sets are sorted lists."""
        return self.without_parts() | {
            "parts": [part._asdict() | {"value": known(part.value)} for part in self.parts]
        }  # fmt: skip

    def without_parts(self) -> dict[str, Any]:
        """That record, but for its parts."""
        record = {name: vars(self)[name] for name in self.__dataclass_fields__}
        return record | {"parts": None, "care_rows": sorted(self.care_rows), "cautions": list(self.cautions)}

    @cached_property
    def open_parts(self) -> list[Part]:
        """The parts that every role may see."""
        return [part for part in self.parts if part.indicator not in CARE_ONLY]

    @cached_property
    def open_largest(self) -> list[Part]:
        """The reasons of every role but care, largest first."""
        return _largest(self.open_parts)

    @cached_property
    def open_raising(self) -> list[Part]:
        """Those of them that call for help, for every role but care."""
        return _raising(self.open_parts)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Scored:
        """The scored case of a plain record."""
        parts = tuple(
            Part(
                part["indicator"],
                math.nan if part["value"] is None else part["value"],
                part["contribution"],
                tuple(part["evidence"]),
            )
            for part in record["parts"]
        )
        changed = {
            "interval": tuple(record["interval"]),
            "tier": Tier(record["tier"]),
            "parts": parts,
            "floors": tuple((name, tuple(rows)) for name, rows in record["floors"]),
            "care_rows": frozenset(record["care_rows"]),
            "cautions": tuple(record.get("cautions", ())),
        }
        return cls(**record | changed)


def known(value: float) -> float | None:
    """The value of a part as JSON holds it: None for NaN."""
    return None if math.isnan(value) else value


def assessment(
    scored: Scored,
    model: Model,
    policy: Policy,
    *,
    version: str,
    role: str,
    assessment_id: str | None = None,
    scored_at: int,
    erased: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The assessment of a scored case as a role may see it, ready for JSON.

    For every role but care, the self-harm indicator folds into ``other_contribution`` and its floor, offers and row
    ids are absent (charter rule 10).  ``erased`` are the parts of its content that are gone (``case``, ``care``).
    """
    care = role in CARE_ROLES
    reasons = _largest([*scored.parts]) if care else scored.open_largest
    raising = _raising([*scored.parts]) if care else scored.open_raising
    floors = [one for one in scored.floors if care or not FLOOR_BY_ID[one[0]].care_only]
    hidden = frozenset() if care else scored.care_rows
    whole, listed = ([part.contribution for part in parts] for parts in (scored.parts, reasons))
    return {
        "schema_version": SCHEMA_VERSION,
        "assessment_id": assessment_id or f"a-{uuid.uuid4().hex}",
        "dispute_id": scored.dispute_id,
        "as_of": format_time(scored.as_of),
        "scored_at": format_time(scored_at),
        "model": model_record(model, version),
        "probability": scored.probability,
        "interval": list(scored.interval),
        "base_rate": model.contract.base_rate,
        "tier": scored.tier.value,
        "floors": [floor_record(name, rows, hidden) for name, rows in floors],
        "margin": scored.margin,
        "base_margin": scored.base_margin,
        "reasons": [reason_record(part, model, hidden) for part in reasons],
        "other_contribution": other_contribution(whole, listed, folded=scored.folded),
        "cautions": [caution_record(code) for code in (*scored.cautions, *_erased(erased, care=care))],
        "routing": routing_record(
            scored.tier, policy, as_of=scored.as_of, raising=[part.indicator for part in raising],
            floors=[name for name, _ in floors], violent_family_tie=scored.violent_family_tie,
        ),
    }  # fmt: skip


def model_record(model: Model, version: str) -> dict[str, Any]:
    """Which model gave a score."""
    provenance = model.contract.provenance
    return {
        "name": model.name,
        "version": version,
        "digest": model.digest,
        "catalogue": provenance.catalogue_digest,
        "synthetic": provenance.synthetic,
    }


def other_contribution(whole: Iterable[float], listed: Iterable[float], *, folded: float = 0.0) -> float:
    """What the parts that are not listed add up to."""
    return math.fsum(whole) + folded - math.fsum(listed)


def shown_contributions(scored: Scored) -> frozenset[str]:
    """The indicators whose own contribution shows in anybody's view but care's; of the others only the sum does."""
    return frozenset([part.indicator for part in (*scored.open_largest, *scored.open_raising)])


def _largest(shown: list[Part]) -> list[Part]:
    """The largest by size; of the same size the one with the smaller id comes first."""
    by_id = sorted(shown, key=itemgetter(0))
    return sorted(by_id, key=lambda part: abs(part.contribution), reverse=True)[:MOST_REASONS]


def _raising(shown: list[Part]) -> list[Part]:
    """The parts that raise the score most by something that is there: their kinds of help are offered."""
    raising = [part for part in shown if part.contribution > 0 and part.value > 0]
    return sorted(raising, key=lambda part: -part.contribution)[:MOST_RAISING]


def reason_record(part: Part, model: Model, hidden: frozenset[str]) -> dict[str, Any]:
    """One reason in words and numbers, with its evidence but for the hidden rows."""
    indicator = BY_ID[part.indicator]
    return {
        "indicator": part.indicator,
        "name": indicator.title.to_record(),
        "sentence": sentence(indicator, part.value).to_record(),
        "value": plain_value(indicator, part.value),
        "typical": plain_value(indicator, model.own_columns[part.indicator].typical),
        "contribution": part.contribution,
        "evidence": [row for row in part.evidence if row not in hidden],
    }


def floor_record(name: str, rows: tuple[str, ...], hidden: frozenset[str]) -> dict[str, Any]:
    """One floor that holds, with its evidence but for the hidden rows."""
    floor = FLOOR_BY_ID[name]
    return {
        "floor": name,
        "rule": floor.rule.to_record(),
        "tier": None if floor.tier is None else floor.tier.value,
        "evidence": [row for row in rows if row not in hidden],
    }


def _erased(parts: frozenset[str], *, care: bool) -> list[str]:
    return [
        *(["content_erased"] if "case" in parts else []),
        *(["care_content_erased"] if care and "care" in parts else []),
    ]


def caution_record(code: str) -> dict[str, Any]:
    """One caution in words."""
    return {"caution": code, "sentence": words_of(code).to_record()}


def routing_record(
    tier: Tier, policy: Policy, *, as_of: int, raising: Sequence[str], floors: Sequence[str], violent_family_tie: bool
) -> dict[str, Any]:
    """Who acts by when, and what is offered.

    ``raising`` are the indicators that raise the score most, ``floors`` those that hold, of what the reader may see.
    """
    route = policy.route(tier)
    elevated = tier in (Tier.RED, Tier.ORANGE, Tier.YELLOW)
    held = [FLOOR_BY_ID[name] for name in floors]
    actions = offers(
        route,
        tuple(support for name in raising for support in BY_ID[name].support) if elevated else (),
        tuple(offer for floor in held for offer in floor.offers),
        violent_family_tie=violent_family_tie,
    )
    due = _due(tier, as_of, policy, held)
    return {
        "actions": [action.value for action in actions],
        "due": format_time(due),
        "follow_up_due": format_time(due + round(24 * route.follow_up_days * HOUR_US)),
        "owner_rank": route.owner_rank,
        "policy": policy.version,
    }


class Held(Protocol):
    """A case with the floors that hold: all that its deadline needs."""

    @property
    def as_of(self) -> int:
        """The landmark."""

    @property
    def tier(self) -> Tier:
        """The tier."""

    @property
    def floors(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The floors, each with its evidence."""


def due_at(scored: Held, policy: Policy, *, care: bool = False) -> int:
    """The deadline of a case in microseconds UTC: its tier's, or a floor's that is earlier."""
    held = [FLOOR_BY_ID[name] for name, _ in scored.floors]
    return _due(scored.tier, scored.as_of, policy, [floor for floor in held if care or not floor.care_only])


def _due(tier: Tier, as_of: int, policy: Policy, held: list[Floor]) -> int:
    within = [floor.within_hours for floor in held if floor.within_hours is not None]
    return as_of + round(min([policy.route(tier).due_hours, *within]) * HOUR_US)
