"""The assessments of a whole block by columns: what ``serving.assessment`` says of one case, without an object a case.

The tests compare the two over every kind of record there can be.
"""

from __future__ import annotations

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
        self._computed, self._texts = computed, texts
        self._care = role in CARE_ROLES
        view, indicators = computed.view, computed.explained.indicators
        self._places = [place for place, name in enumerate(indicators) if self._care or not BY_ID[name].care_only]
        self._indicators = indicators
        self._contributions = computed.explained.contributions
        hidden = None if self._care else view.conduct.of("self_harm_statement")
        self._evidence = EvidenceTexts(view, hidden=hidden)
        self.dispute_ids = [view.dispute_id(row) for row in range(len(view))]
        self.tiers: list[Tier] = _TIERS[
            computed.ranks, computed.floor_ranks, computed.facts.thin.astype(np.intp)
        ].tolist()  # fmt: skip

    def columns(self, assessment_ids: list[str], *, scored_at: int) -> dict[str, Any]:
        """Every column by name: arrays, or lists of texts; nested fields are JSON text."""
        computed = self._computed
        low, high = computed.interval
        shown = self._largest()
        held, floors = self._floors()
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
            "floors": floors,
            "margin": computed.explained.margin,
            "base_margin": np.full(size, computed.explained.base_margin),
            "reasons": self._reasons(shown),
            "other_contribution": self._others(shown),
            "cautions": [self._texts.cautions(codes) for codes in computed.cautions],
            "routing": self._routing(held),
        }

    def _largest(self) -> Array:
        """The places of the reasons, shape (landmarks, reasons): by size, of one size by the name of the indicator."""
        by_name = np.array(sorted(self._places, key=lambda place: self._indicators[place]))
        sizes = -np.abs(self._contributions[:, by_name])
        return by_name[np.argsort(sizes, axis=1, kind="stable")[:, :MOST_REASONS]]

    def _reasons(self, shown: Array) -> list[str]:
        size, most = shown.shape
        flat = shown.ravel()
        heads = self._heads(shown)
        contributions = _numbers(np.take_along_axis(self._contributions, shown, axis=1))
        evidence = self._evidence_of(flat, most)
        reasons = [
            f'{head}{contribution},"evidence":{ids}}}'
            for head, contribution, ids in zip(heads, contributions, evidence, strict=True)
        ]
        return [f"[{','.join(reasons[row * most : (row + 1) * most])}]" for row in range(size)]

    def _heads(self, shown: Array) -> list[str]:
        values = _numbers(np.take_along_axis(self._computed.own, shown, axis=1))
        names, reason = self._indicators, self._texts.reason
        return [reason(names[place], value) for place, value in zip(shown.ravel().tolist(), values, strict=True)]

    def _evidence_of(self, flat: Array, most: int) -> list[str]:
        """The evidence of every reason, worked out indicator by indicator."""
        found = np.empty(len(flat), object)
        order = np.argsort(flat, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(flat[order])) + 1):
            measure = self._computed.measures[self._indicators[flat[at[0]]]]
            found[at] = self._evidence.of(measure, at // most)
        return found.tolist()

    def _others(self, shown: Array) -> list[float]:
        """What the parts that are not listed add up to."""
        listed = np.take_along_axis(self._contributions, shown, axis=1).tolist()
        return [
            other_contribution(parts, reasons)
            for parts, reasons in zip(self._contributions.tolist(), listed, strict=True)
        ]

    def _floors(self) -> tuple[list[tuple[str, ...]], list[str]]:
        """The floors that hold and may be seen, by landmark: their names, and their text."""
        names: dict[int, list[str]] = {}
        texts: dict[int, list[str]] = {}
        for name, floor in self._computed.facts.floors.items():
            if FLOOR_BY_ID[name].care_only and not self._care:
                continue
            rows = np.flatnonzero(floor.values > 0)
            head = self._texts.floor(name)
            for row, ids in zip(rows.tolist(), self._evidence.of(floor, rows), strict=True):
                names.setdefault(row, []).append(name)
                texts.setdefault(row, []).append(f"{head}{ids}}}")
        every = range(len(self._computed))
        return [tuple(names.get(row, ())) for row in every], [f"[{','.join(texts.get(row, ()))}]" for row in every]

    def _routing(self, held: list[tuple[str, ...]]) -> list[str]:
        raising = self._raising()
        as_of = self._computed.view.spine.as_of.tolist()
        violent = self._computed.facts.violent_family_tie.tolist()
        return [
            self._texts.routing(tier, time, raising.get(row, ()), floors, tie)
            for row, (tier, time, floors, tie) in enumerate(zip(self.tiers, as_of, held, violent, strict=True))
        ]

    def _raising(self) -> dict[int, tuple[str, ...]]:
        """The indicators whose help is offered, by landmark, where the tier offers any: the most raising first."""
        rows = np.array([row for row, tier in enumerate(self.tiers) if tier in _ELEVATED], np.intp)
        contributions = self._contributions[rows][:, self._places]
        raises = (contributions > 0) & (self._computed.own[rows][:, self._places] > 0)
        order = np.argsort(np.where(raises, -contributions, np.inf), axis=1, kind="stable")[:, :MOST_RAISING]
        counts = raises.sum(axis=1)
        return {
            int(row): tuple(self._indicators[self._places[place]] for place in places[:count])
            for row, places, count in zip(rows, order.tolist(), counts.tolist(), strict=True)
        }


def _numbers(values: Array) -> list[str]:
    """Numbers as JSON writes them, in one pass."""
    return to_json(values.ravel().tolist())[1:-1].decode().split(",")


def _times(times: Array) -> list[str]:
    known = {time: format_time(time) for time in np.unique(times).tolist()}
    return [known[time] for time in times.tolist()]
