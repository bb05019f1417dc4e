"""Histories to scored cases: the same few lines for one request and for a province."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features import catalogue
from features.case_history import case_histories, spine_of
from features.errors import Fault, InvalidRecords
from features.evidence import Evidence
from features.history import Array, History, Spine
from features.request_model import CaseRecord
from features.rules import Rule
from features.view import Measure, Values, View, blocks
from serving.assessment import MOST_REASONS, Part, Scored
from serving.cautions import CautionRules, Codes, Watch
from training.artifact.floors import BY_ID as FLOOR_BY_ID
from training.artifact.floors import Facts, read_facts
from training.artifact.model import Explained
from training.artifact.points_model import Model
from training.artifact.scale import sigmoid
from training.artifact.tiers import decided_tier, tier_ranks

SUM_TOLERANCE = 1e-9
PAIRS_AT_ONCE = 50_000
"""Explained rows take far more memory than measured ones: so many pairs of landmark and row are scored at a time."""


class SumMismatch(ArithmeticError):
    """Contributions that do not add up to the margin: a bug, so that no answer is given."""


@dataclass(frozen=True)
class Computed:
    """All that is computed for the landmarks of a view, by columns; what is told of each is read from here.

    ``own`` holds the values of the indicators, shape (landmarks, indicators); ``ranks`` are those of the tier by score
    alone, ``floor_ranks`` those of the highest floor that holds.
    """

    view: View
    measures: dict[str, Measure]
    own: Values
    explained: Explained
    probability: Values
    interval: tuple[Values, Values]
    ranks: Array
    floor_ranks: Array
    facts: Facts
    cautions: list[Codes]

    def __len__(self) -> int:
        return len(self.view)


class Scorer:
    """A verified model ready to score: the indicators of its contract, in its order.

    ``watch`` says what counts as late, silent or stale; ``fallback`` is the caution of a model that stands in for
    another.
    """

    def __init__(self, model: Model, *, watch: Watch | None = None, fallback: str | None = None) -> None:
        self.model = model
        self.indicators = catalogue.chosen(model.indicators)
        self.ids = [indicator.id for indicator in self.indicators]
        self._columns = _own_columns(self.ids)
        self._open = [not indicator.care_only for indicator in self.indicators]
        self._closed = len(self._open) - sum(self._open)
        self._by_id = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        self._cautions = CautionRules(model.contract, self.ids, watch=watch or Watch(), fallback=fallback)

    def score_case(self, case: CaseRecord) -> Scored:
        """One case record at its ``as_of``.

        Raises InvalidRecords where the record does not know the dispute before ``as_of``.
        """
        (scored,) = self.score_cases((case,))
        if isinstance(scored, InvalidRecords):
            raise scored
        return scored

    def score_cases(self, cases: Sequence[CaseRecord]) -> Sequence[Scored | InvalidRecords]:
        """The same for some case records at once, in order; the error of one takes nothing from the others."""
        history, spine = case_histories(cases), spine_of(cases)
        view = View(history, spine, reference_income_cny=self.model.contract.reference_income_cny)
        if view.is_visible.all():
            return self.told(self.compute(view))
        known = spine[view.is_visible]
        scored = iter(self.score_history(history, known) if len(known) else ())
        return [next(scored) if is_visible else _not_known() for is_visible in view.is_visible]

    def score_history(self, history: History, spine: Spine) -> Iterator[Scored]:
        """Every landmark of a spine whose disputes are visible, block by block."""
        for computed in self.compute_history(history, spine):
            yield from self.told(computed)

    def compute_history(self, history: History, spine: Spine) -> Iterator[Computed]:
        """The same by columns, a block at a time."""
        for block in blocks(history, spine, pairs=PAIRS_AT_ONCE):
            view = View(history, spine[block], reference_income_cny=self.model.contract.reference_income_cny)
            yield self.compute(view)

    def compute(self, view: View) -> Computed:
        """Everything about the landmarks of a view, which all see their dispute.

        Raises SumMismatch where contributions do not add up to a margin.
        """
        model = self.model
        measures = catalogue.measure_all(view, self.indicators)
        values = catalogue.values_of(measures)
        explained = model.explain_rows(values)
        _check_sums(explained)
        facts = read_facts(view)
        own = values[:, self._columns]
        return Computed(
            view=view,
            measures=measures,
            own=own,
            explained=explained,
            probability=sigmoid(explained.margin),
            interval=model.interval(explained.margin),
            ranks=tier_ranks(explained.margin, model.tiers),
            floor_ranks=_floor_ranks(facts),
            facts=facts,
            cautions=self._cautions.of(view, own, thin=facts.thin),
        )

    def told(self, computed: Computed, *, among: Iterable[int] | None = None) -> list[Scored]:
        """Each landmark (or some, by their number) for itself, with the evidence of what somebody sees as a reason."""
        view, explained, facts = computed.view, computed.explained, computed.facts
        low, high = computed.interval
        care = view.conduct.of("self_harm_statement")
        evidence = Evidence(view)
        scored = []
        for row in range(len(view)) if among is None else among:
            floors = tuple(
                (name, evidence.of(floor, row)) for name, floor in facts.floors.items() if floor.values[row] > 0
            )
            contributions = explained.contributions[row].tolist()
            rows: list[tuple[str, ...]] = [()] * len(contributions)
            for place in self._shown(contributions):
                rows[place] = evidence.of(computed.measures[self.ids[place]], row)
            scored.append(
                Scored(
                    dispute_id=view.dispute_id(row),
                    as_of=int(view.spine.as_of[row]),
                    probability=float(computed.probability[row]),
                    interval=(float(low[row]), float(high[row])),
                    margin=float(explained.margin[row]),
                    base_margin=explained.base_margin,
                    tier=decided_tier(
                        int(computed.ranks[row]), int(computed.floor_ranks[row]), thin=bool(facts.thin[row])
                    ),
                    parts=tuple(map(Part, self.ids, computed.own[row].tolist(), contributions, rows)),
                    floors=floors,
                    thin=bool(facts.thin[row]),
                    violent_family_tie=bool(facts.violent_family_tie[row]),
                    care_rows=frozenset(evidence.ids_in(care, row)) if care.index.size else frozenset(),
                    cautions=computed.cautions[row],
                )
            )
        return scored

    def _shown(self, contributions: list[float]) -> set[int]:
        """The places of what some role sees as a reason: only their evidence is ever told."""
        sizes = [abs(one) for one in contributions]
        order = sorted(self._by_id, key=sizes.__getitem__, reverse=True)[: MOST_REASONS + self._closed]
        return {*order[:MOST_REASONS], *[place for place in order if self._open[place]][:MOST_REASONS]}


def _floor_ranks(facts: Facts) -> Array:
    """The rank of the highest floor that holds at each landmark, 0 where none does."""
    return np.max([(floor.values > 0) * FLOOR_BY_ID[name].rank for name, floor in facts.floors.items()], axis=0)


def _not_known() -> InvalidRecords:
    allowed = "a version of the dispute recorded before as_of and not withdrawn"
    fault = Fault("dispute.recorded_at", Rule.UNKNOWN_DISPUTE, allowed)
    return InvalidRecords("the dispute is not known at as_of", faults=(fault,))


def _own_columns(ids: list[str]) -> list[int]:
    """Where the own value of each indicator stands among its columns and further windows."""
    places, place = [], 0
    for name in ids:
        places.append(place)
        place += len(catalogue.BY_ID[name].columns)
    return places


def _check_sums(explained: Explained) -> None:
    """Raise SumMismatch unless every margin is the sum of its parts: also where one of them is no number."""
    off = np.abs(explained.base_margin + explained.contributions.sum(axis=1) - explained.margin)
    if not (off <= SUM_TOLERANCE).all():
        raise SumMismatch("contributions do not add up to the margin: no score is given")
