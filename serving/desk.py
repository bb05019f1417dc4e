"""The desk behind the routes: one verified model, one policy, one log.  It knows no HTTP."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from features.request_faults import FAULTS_KEPT
from features.request_model import CaseRecord, parse_case
from serving.access import MAY_READ_CASES, MAY_SCORE, Grant, demand
from serving.assessment import assessment
from serving.log import AssessmentLog, Entry
from serving.policy import Policy, read_policy
from serving.scorer import Scorer
from training.artifact.home import Home
from training.artifact.points_model import Model
from training.artifact.store import load_champion, load_model

BATCH_FAULTS = 50


def now_us() -> int:
    """The wall clock in microseconds UTC."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class InForce:
    """The model that is in force, with its registered version."""

    scorer: Scorer
    version: str

    @property
    def model(self) -> Model:
        """The verified model."""
        return self.scorer.model


class Desk:
    """Scores case records and finds assessments again, as each role may see them."""

    def __init__(self, home: Home) -> None:
        """Load the verified champion, the policy and the log of a home.

        Raises MissingInput where nothing was promoted, ModelNotVerified for a damaged model, InvalidConfiguration for
        a policy that is not one.
        """
        self.home = home
        model, champion = load_champion(home.root)
        self.policy: Policy = read_policy(home.root)
        self.in_force = InForce(Scorer(model, watch=self.policy.watch), champion["version"])
        self.log = AssessmentLog(home.log_database)

    def is_ready(self) -> bool:
        """Whether a score could be given and logged now."""
        return self.log.is_writable()

    def score(self, body: bytes | dict[str, Any], grant: Grant) -> dict[str, Any]:
        """The logged assessment of one case record, as the grant's role may see it.

        Raises InvalidRecords for a record with faults, Problem 403 outside the grant.
        """
        answer, entry = self._assess(body, grant)
        self.log.append([entry])
        return answer

    def score_all(self, cases: list[Any], grant: Grant) -> list[tuple[dict[str, Any] | None, Exception | None]]:
        """The same for many records, in order: an assessment or the error of each, logged in one transaction.

        Each error lists its first ``BATCH_FAULTS`` faults, so that a small body can't ask for a huge answer.
        """
        results: list[tuple[dict[str, Any] | None, Exception | None]] = []
        entries = []
        for case in cases:
            try:
                answer, entry = self._assess(case, grant, most_faults=BATCH_FAULTS)
            except Exception as error:
                results.append((None, error))
                continue
            results.append((answer, None))
            entries.append(entry)
        self.log.append(entries)
        return results

    def _assess(
        self, body: bytes | dict[str, Any], grant: Grant, *, most_faults: int = FAULTS_KEPT
    ) -> tuple[dict[str, Any], Entry]:
        in_force, scored_at = self.in_force, now_us()
        case = parse_case(body, now_us=scored_at, most_faults=most_faults)
        area = area_of(case)
        demand(grant, MAY_SCORE, area=area)
        scored = in_force.scorer.score_case(case)
        entry = Entry(
            f"a-{uuid.uuid4().hex}", scored_at, area, in_force.model.digest, in_force.version, scored
        )  # fmt: skip
        return self._view(entry, in_force.model, grant), entry

    def find(self, assessment_id: str, grant: Grant) -> dict[str, Any]:
        """A stored assessment as the grant's role may see it.

        Raises MissingInput for an unknown id, Problem 403 outside the grant.
        """
        entry = self.log.find(assessment_id)
        demand(grant, MAY_READ_CASES, area=entry.area)
        model: Model = self.in_force.model
        if entry.model_digest != model.digest:
            model = load_model(self.home.models / entry.model_digest)
        return self._view(entry, model, grant)

    def _view(self, entry: Entry, model: Model, grant: Grant) -> dict[str, Any]:
        return assessment(
            entry.scored, model, self.policy, version=entry.model_version, role=grant.role,
            assessment_id=entry.assessment_id, scored_at=entry.scored_at,
        )  # fmt: skip

    def model_record(self) -> dict[str, Any]:
        """What is in force: version, digests, catalogue and thresholds."""
        model = self.in_force.model
        contract = model.contract
        return {
            "name": contract.name,
            "version": self.in_force.version,
            "digest": model.digest,
            "provenance": contract.provenance.model_dump(),
            "horizon_days": contract.horizon_days,
            "base_rate": contract.base_rate,
            "base_margin": model.base_margin,
            "tiers": contract.tiers.model_dump(),
            "policy": self.policy.version,
            "catalogue": [indicator.declaration() for indicator in self.in_force.scorer.indicators],
        }

    def close(self) -> None:
        """Give the log back."""
        self.log.close()


def area_of(case: CaseRecord) -> str:
    """The township of the last dispute version recorded before ``as_of`` (of the first, where there is none)."""
    known = [row for row in case.dispute if row["recorded_at"] < case.as_of] or list(case.dispute[:1])
    return str(max(known, key=lambda row: row["recorded_at"])["area"])
