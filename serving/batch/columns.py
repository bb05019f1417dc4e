"""The assessments of a whole block by columns: what ``serving.assessment`` says of one case, without an object a case.

The tests compare the two over every kind of record there can be.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from pydantic_core import to_json

from features.catalogue import BY_ID
from features.clock import format_time
from features.history import Array
from serving.access import Role
from serving.assessment import CARE_ROLES, MOST_RAISING, MOST_REASONS, SCHEMA_VERSION, other_contribution
from serving.batch.evidence import EvidenceTexts
from serving.batch.texts import Texts
from serving.scorer import Computed
from training.artifact.floors import BY_ID as FLOOR_BY_ID
from training.artifact.tiers import ORDER, Tier, decided_tier

_TIERS = np.array(
    [[[decided_tier(rank, floor, thin=thin) for thin in (False, True)] for floor in range(len(ORDER))]
     for rank in range(len(ORDER))], dtype=object,
)  # fmt: skip
_ELEVATED = (Tier.RED, Tier.ORANGE, Tier.YELLOW)


class Columns:
    """The columns of the assessments of one block, as a role may see them; times are microseconds UTC."""

    def __init__(self, computed: Computed, texts: Texts, *, role: Role) -> None:
        self.computed, self._texts = computed, texts
        self.role, self._care = role, role in CARE_ROLES
        view, indicators = computed.view, computed.explained.indicators
        self.places = [place for place, name in enumerate(indicators) if self._care or not BY_ID[name].care_only]
        self.indicators = indicators
        self.contributions = computed.explained.contributions
        hidden = None if self._care else view.conduct.of("self_harm_statement")
        self._evidence = EvidenceTexts(view, hidden=hidden)
        self.dispute_ids = [view.dispute_id(row) for row in range(len(view))]
        self.tiers: list[Tier] = _TIERS[
            computed.ranks, computed.floor_ranks, computed.facts.thin.astype(np.intp)
        ].tolist()  # fmt: skip

    def columns(self, assessment_ids: list[str], *, scored_at: int) -> dict[str, Any]:
        """Every column by name: arrays, or lists of texts; nested fields are JSON text."""
        computed = self.computed
        low, high = computed.interval
        size = len(computed)
        return {
            "schema_version": np.full(size, SCHEMA_VERSION),
            "assessment_id": assessment_ids,
            "dispute_id": self.dispute_ids,
            "as_of": _times(computed.view.spine.as_of),
            "scored_at": [format_time(scored_at)] * size,
            "model": [self._texts.model] * size,
            "probability": computed.probability,
            "interval_low": low,
            "interval_high": high,
            "base_rate": np.full(size, self._texts.base_rate),
            "tier": [tier.value for tier in self.tiers],
            "floors": self._floor_texts(),
            "margin": computed.explained.margin,
            "base_margin": np.full(size, computed.explained.base_margin),
            "reasons": self._reasons(),
            "other_contribution": self._others(),
            "cautions": [self._texts.cautions(codes) for codes in computed.cautions],
            "routing": self._routing(),
        }

    @cached_property
    def largest(self) -> Array:
        """The places of the reasons, shape (landmarks, reasons): by size, of one size by the name of the indicator."""
        by_name = np.array(sorted(self.places, key=lambda place: self.indicators[place]))
        sizes = -np.abs(self.contributions[:, by_name])
        return by_name[np.argsort(sizes, axis=1, kind="stable")[:, :MOST_REASONS]]

    def _reasons(self) -> list[str]:
        size, most = self.largest.shape
        contributions = numbers(np.take_along_axis(self.contributions, self.largest, axis=1))
        reasons = [
            f'{head}{contribution},"evidence":{ids}}}'
            for head, contribution, ids in zip(self._heads(), contributions, self.evidence, strict=True)
        ]
        return [f"[{','.join(reasons[row * most : (row + 1) * most])}]" for row in range(size)]

    def _heads(self) -> list[str]:
        values = numbers(np.take_along_axis(self.computed.own, self.largest, axis=1))
        names, reason = self.indicators, self._texts.reason
        return [reason(names[place], value) for place, value in zip(self.largest.ravel().tolist(), values, strict=True)]

    @cached_property
    def evidence(self) -> list[str]:
        """The evidence of every reason, landmark by landmark, worked out indicator by indicator."""
        flat, most = self.largest.ravel(), self.largest.shape[1]
        found = np.empty(len(flat), object)
        order = np.argsort(flat, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(flat[order])) + 1):
            measure = self.computed.measures[self.indicators[flat[at[0]]]]
            found[at] = self._evidence.of(measure, at // most)
        return found.tolist()

    def _others(self) -> list[float]:
        """What the parts that are not listed add up to."""
        listed = np.take_along_axis(self.contributions, self.largest, axis=1).tolist()
        return [
            other_contribution(parts, reasons)
            for parts, reasons in zip(self.contributions.tolist(), listed, strict=True)
        ]

    @cached_property
    def floors(self) -> list[list[tuple[str, str]]]:
        """The floors that hold and may be seen, by landmark, each with its evidence."""
        held: list[list[tuple[str, str]]] = [[] for _ in self.dispute_ids]
        for name, floor in self.computed.facts.floors.items():
            if FLOOR_BY_ID[name].care_only and not self._care:
                continue
            rows = np.flatnonzero(floor.values > 0)
            for row, ids in zip(rows.tolist(), self._evidence.of(floor, rows), strict=True):
                held[row].append((name, ids))
        return held

    def _floor_texts(self) -> list[str]:
        return [f"[{','.join(f'{self._texts.floor(name)}{ids}}}' for name, ids in held)}]" for held in self.floors]

    def _routing(self) -> list[str]:
        as_of = self.computed.view.spine.as_of.tolist()
        violent = self.computed.facts.violent_family_tie.tolist()
        return [
            self._texts.routing(
                tier, time, tuple(self.indicators[place] for place in raising) if tier in _ELEVATED else (),
                tuple(name for name, _ in held), tie,
            )
            for tier, time, raising, held, tie in zip(
                self.tiers, as_of, self.raising, self.floors, violent, strict=True
            )
        ]  # fmt: skip

    @cached_property
    def raising(self) -> list[list[int]]:
        """The places of what raises the score most by something that is there, by landmark, the most first."""
        contributions = self.contributions[:, self.places]
        raises = (contributions > 0) & (self.computed.own[:, self.places] > 0)
        order = np.argsort(np.where(raises, -contributions, np.inf), axis=1, kind="stable")[:, :MOST_RAISING]
        places, counts = np.array(self.places)[order].tolist(), raises.sum(axis=1).tolist()
        return [found[:count] for found, count in zip(places, counts, strict=True)]


def numbers(values: Array) -> list[str]:
    """Numbers as JSON writes them (``NO_NUMBER`` for NaN), row by row, in one pass."""
    return to_json(values.ravel().tolist())[1:-1].decode().split(",")


def _times(times: Array) -> list[str]:
    known = {time: format_time(time) for time in np.unique(times).tolist()}
    return [known[time] for time in times.tolist()]
