"""Histories to scored cases: the same few lines for one request and for a province."""

from __future__ import annotations

from collections.abc import Iterator

from features import catalogue
from features.case_history import case_history, spine_of_one
from features.errors import Fault, InvalidRecords
from features.history import History, Spine
from features.request_model import CaseRecord
from features.view import View, blocks
from serving.assessment import Part, Scored
from training.artifact.floors import BY_ID as FLOOR_BY_ID
from training.artifact.floors import Facts, read_facts
from training.artifact.model import RiskModel
from training.artifact.scale import sigmoid
from training.artifact.tiers import decided_tier, tier_ranks


class Scorer:
    """A verified model ready to score: the indicators of its contract, in its order."""

    def __init__(self, model: RiskModel) -> None:
        self.model = model
        self.indicators = catalogue.chosen(model.indicators)

    def score_case(self, case: CaseRecord) -> Scored:
        """One case record at its ``as_of``.

        Raises InvalidRecords where the record does not know the dispute before ``as_of``.
        """
        history, spine = case_history(case), spine_of_one(case.as_of)
        view = View(history, spine, reference_income_cny=self.model.contract.reference_income_cny)
        if not view.is_visible[0]:
            allowed = "a version of the dispute recorded before as_of and not withdrawn"
            raise InvalidRecords(
                "the dispute is not known at as_of", faults=(Fault("dispute.recorded_at", "unknown_dispute", allowed),)
            )
        return self._score(view)[0]

    def score_history(self, history: History, spine: Spine) -> Iterator[Scored]:
        """Every landmark of a spine whose disputes are visible, block by block."""
        for block in blocks(history, spine):
            view = View(history, spine[block], reference_income_cny=self.model.contract.reference_income_cny)
            yield from self._score(view)

    def _score(self, view: View) -> list[Scored]:
        model = self.model
        measures = catalogue.measure_all(view, self.indicators)
        explained = model.explain_rows(catalogue.values_of(measures))
        facts = read_facts(view)
        probability = sigmoid(explained.margin)
        low, high = model.interval(explained.margin)
        ranks = tier_ranks(explained.margin, model.contract.tiers)
        care = view.conduct.of("self_harm_statement")
        scored = []
        for row in range(len(view)):
            names = _EvidenceOf(view, row)
            floors = _floors_that_hold(facts, row, names)
            floor_rank = max([0, *(FLOOR_BY_ID[name].rank for name, _ in floors)])
            scored.append(
                Scored(
                    dispute_id=view.dispute_id(row),
                    as_of=int(view.spine.as_of[row]),
                    probability=float(probability[row]),
                    interval=(float(low[row]), float(high[row])),
                    margin=float(explained.margin[row]),
                    base_margin=explained.base_margin,
                    tier=decided_tier(int(ranks[row]), floor_rank, thin=bool(facts.thin[row])),
                    parts=tuple(
                        Part(name, float(measure.values[row]), float(explained.contributions[row, n]), names(measure))
                        for n, (name, measure) in enumerate(measures.items())
                    ),
                    floors=floors,
                    thin=bool(facts.thin[row]),
                    violent_family_tie=bool(facts.violent_family_tie[row]),
                    care_rows=frozenset(care.ids_in(row)),
                )
            )
        return scored


class _EvidenceOf:
    """The row ids behind a measure at one landmark; the dispute's own id where its columns took part."""

    def __init__(self, view: View, row: int) -> None:
        self.row = row
        self.dispute_id = view.dispute_id(row)

    def __call__(self, measure: catalogue.Measure) -> tuple[str, ...]:
        own = (self.dispute_id,) if measure.from_case else ()
        return (*own, *measure.row_ids(self.row))


def _floors_that_hold(facts: Facts, row: int, names: _EvidenceOf) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, names(measure)) for name, measure in facts.floors.items() if measure.values[row] > 0)
