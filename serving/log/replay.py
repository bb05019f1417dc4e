"""Replaying an assessment: its stored case record, scored again with its stored model, compared field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from features.errors import MissingInput
from features.request_model import parse_case
from serving.log.chain import canonical
from serving.log.decision_log import DecisionLog
from serving.log.stored import StoredAssessment
from serving.policy import Policy
from serving.scorer import Scorer
from training.artifact.home import Home
from training.artifact.store import load_model

SAME_PART = 1e-12


@dataclass(frozen=True)
class Replay:
    """What came of a replay: ``differing`` names the fields that are not the same.

    Margin, probability, tier, values and evidence to the last bit; contributions within ``SAME_PART``, as sums in another
    order (LightGBM's own, of which the tables of today are a shorter way) differ in their last bits.
    """

    assessment_id: str
    outcome: Literal["same", "different", "content erased", "no record kept"]
    model_digest: str
    differing: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return {
            "assessment_id": self.assessment_id, "outcome": self.outcome, "model_digest": self.model_digest,
            "differing": list(self.differing),
        }  # fmt: skip

    def to_text(self) -> str:
        """The same for people."""
        words = {
            "same": "the same",
            "different": f"DIFFERENT in {', '.join(self.differing)}",
            "content erased": "not replayed: the case content was erased",
            "no record kept": "not replayed: no case record was kept with it",
        }
        return f"{self.assessment_id}, model {self.model_digest[:12]}: {words[self.outcome]}"


def replay(home: Home, log: DecisionLog, assessment_id: str) -> Replay:
    """What came of scoring a stored assessment's case record again.

    Raises MissingInput for an unknown id, ModelNotVerified where its model is gone or damaged.
    """
    found = log.find(assessment_id)
    record = found.case_record
    if record is None:
        outcome: Any = "content erased" if found.erased else "no record kept"
        return Replay(assessment_id, outcome, found.model_digest)
    model = load_model(home.models / found.model_digest)
    scorer = Scorer(model, watch=_policy(log, found).watch)
    case = parse_case(record, now_us=found.scored_at)
    again, before = scorer.score_case(case).to_record(), found.scored.to_record()
    kept = {row["event_id"] for row in record["events"]}  # a statement too old to be kept moves nothing but this list
    before["care_rows"] = [row for row in before["care_rows"] if row in kept]
    differing = tuple(sorted(name for name in {*again, *before} if not _is_same(name, again, before)))
    return Replay(assessment_id, "different" if differing else "same", found.model_digest, differing)


def _policy(log: DecisionLog, found: StoredAssessment) -> Policy:
    try:
        return Policy.model_validate_json(log.policy(found.policy_digest))
    except MissingInput:
        return Policy()


def _is_same(name: str, again: dict[str, Any], before: dict[str, Any]) -> bool:
    if name == "parts" and len(again["parts"]) == len(before["parts"]):
        return all(map(_is_same_part, again["parts"], before["parts"]))
    return canonical(again.get(name)) == canonical(before.get(name))


def _is_same_part(again: dict[str, Any], before: dict[str, Any]) -> bool:
    rest = [canonical(part | {"contribution": None}) for part in (again, before)]
    return rest[0] == rest[1] and abs(again["contribution"] - before["contribution"]) <= SAME_PART
