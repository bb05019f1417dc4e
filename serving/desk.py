"""The desk behind the routes: one verified model, one policy, one log.  It knows no HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from features.errors import KeyReused, LogUnavailable
from features.request_faults import FAULTS_KEPT
from features.request_model import CaseRecord, parse_case, read_json
from serving.access import MAY_DECIDE, MAY_READ_CASES, MAY_SCORE, Grant, demand
from serving.assessment import Scored, assessment, due_at
from serving.in_force import InForce, Keeper
from serving.log.chain import canonical
from serving.log.decision_log import DecisionLog, new_id
from serving.log.decisions import Reviewer, read_decision
from serving.log.request_keys import RequestKey, request_key
from serving.log.stored import Assessed, StoredAssessment
from serving.metrics import Metrics
from serving.policy import Policy
from serving.rounds import Rounds
from serving.scorer import Scorer
from serving.shadow import Shadow
from serving.showing import demand_judged, demand_shown, hidden_from
from training.artifact.home import Home
from training.artifact.points_model import Model
from training.artifact.standing import load_points
from training.artifact.store import load_model

BATCH_FAULTS = 50
CASES_A_ROUND = 16
BYTES_A_ROUND = 1 << 20
"""A round is full at so many bytes of case records: it holds one more of the largest size at most."""


def now_us() -> int:
    """The wall clock in microseconds UTC."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class CaseFacts:
    """What routing and the queue need of a case at its landmark; ``closed_at`` is its visible closure, if any."""

    area: str
    kind: str
    channel: str
    closed_at: int | None


@dataclass(frozen=True)
class Asked:
    """One case record as it was sent, by whom, and under which key."""

    body: bytes | dict[str, Any]
    grant: Grant
    key: RequestKey | None
    most_faults: int = FAULTS_KEPT


@dataclass(frozen=True)
class Admitted:
    """One case record that is whole and may be scored, and when it was read."""

    asked: Asked
    record: dict[str, Any]
    case: CaseRecord
    facts: CaseFacts
    scored_at: int


class Desk:
    """Scores case records and finds assessments again, as each role may see them."""

    def __init__(self, home: Home, *, metrics: Metrics | None = None) -> None:
        """Load the verified champion, the policy and the log of a home.

        Raises MissingInput where nothing was promoted, ModelNotVerified for a damaged model, InvalidConfiguration for
        a policy that is not one.
        """
        self.home = home
        self.metrics = metrics or Metrics()
        self.keeper = Keeper(home, metrics=self.metrics)
        self.earlier_model = lru_cache(maxsize=4)(self._earlier_model)
        self.log = DecisionLog(home.database_url, anchoring=self.policy.anchor)
        self.shadow = Shadow(self.log.keep_shadow, metrics=self.metrics)
        self._rounds: Rounds[Asked, dict[str, Any] | str] = Rounds(
            self._round, most=CASES_A_ROUND, weigh=_size_of, weight_limit=BYTES_A_ROUND
        )

    def _earlier_model(self, digest: str) -> Model:
        if (self.home.models / digest).is_dir():
            return load_model(self.home.models / digest)
        return load_points(self.home.models, digest)

    @property
    def policy(self) -> Policy:
        """The policy of this moment."""
        return self.in_force.policy

    @property
    def in_force(self) -> InForce:
        """The model and policy of this moment; hold on to it while a request lasts."""
        return self.keeper.current

    def refresh(self) -> None:
        """Take over what was promoted or configured since."""
        self.keeper.refresh()

    def tell(self, metrics: Metrics) -> None:
        """Set the numbers that are read when they are asked for."""
        in_force = self.in_force
        metrics.now(
            model_age=(now_us() - in_force.trained_through) / 1e6, is_fallback=in_force.fallback is not None,
            is_ready=self.is_ready(), log_waiting=self.log.writer.waiting, log_lag=self.log.writer.lag_seconds,
        )  # fmt: skip
        metrics.anchored(failures=self.log.anchorer.failures, behind=self.log.anchorer.behind)

    def is_ready(self) -> bool:
        """Whether a score could be given and logged now."""
        return self.log.is_writable()

    async def score(self, body: bytes | dict[str, Any], grant: Grant, *, key: str | None = None) -> dict[str, Any]:
        """The logged assessment of one case record, as the grant's role may see it.

        With an idempotency ``key`` that came before, it is the first assessment.  Raises InvalidRecords for a record
        with faults, KeyReused for a key of another body, LogUnavailable, Problem 403 outside the grant.
        """
        request = None if key is None else self._request_key(key, grant, body)
        if request is not None:
            first = await asyncio.to_thread(self.log.earlier_answer, request)
            if first is not None:
                return await asyncio.to_thread(self._first_answer, first, grant)
        answer = await self._rounds.answer(Asked(body, grant, request))
        return answer if isinstance(answer, dict) else await asyncio.to_thread(self._first_answer, answer, grant)

    async def score_all(
        self, cases: list[Any], grant: Grant, *, key: str | None = None, first_place: int = 0
    ) -> list[tuple[dict[str, Any] | None, Exception | None]]:
        """The same for many records, in order: an assessment or the error of each, logged in one transaction.

        Each error lists its first ``BATCH_FAULTS`` faults, so that a small body can't ask for a huge answer.  A key
        stands for each case by its place, counted from ``first_place``.  Raises LogUnavailable for all of them.
        """
        asked = [
            Asked(case, grant, self._key_of_place(key, grant, case, place=place), BATCH_FAULTS)
            for place, case in enumerate(cases, first_place)
        ]
        results: list[tuple[dict[str, Any] | None, Exception | None]] = []
        for answer in await self._round(asked):
            if isinstance(answer, LogUnavailable):
                raise answer  # of the batch as a whole: it may be sent again
            if isinstance(answer, Exception):
                results.append((None, answer))
            elif isinstance(answer, str):
                results.append((await asyncio.to_thread(self._first_answer, answer, grant), None))
            else:
                results.append((answer, None))
        return results

    def _request_key(
        self, key: str, grant: Grant, body: bytes | dict[str, Any], *, place: int | None = None
    ) -> RequestKey:
        sent = body if isinstance(body, bytes) else canonical(body).encode()
        hours = self.policy.retention.idempotency_hours
        return request_key(key, holder=grant.token_sha256, body=sent, hours=hours, place=place)

    def _key_of_place(self, key: str | None, grant: Grant, case: Any, *, place: int) -> RequestKey | None:
        """The key of one case of a batch; none for what has no canonical text (NaN), as that is no case record."""
        try:
            return None if key is None else self._request_key(key, grant, case, place=place)
        except ValueError:
            return None

    def _first_answer(self, first: str | KeyReused, grant: Grant) -> dict[str, Any]:
        if isinstance(first, KeyReused):
            raise first
        return self.view(self.found(first, grant), grant)

    def _read(self, asked: Asked) -> Admitted | Exception:
        """A case record, validated, that its sender may have scored; else why it is none."""
        began, scored_at = time.perf_counter(), now_us()
        try:
            record = read_json(asked.body) if isinstance(asked.body, bytes) else asked.body
            case = parse_case(record, now_us=scored_at, most_faults=asked.most_faults)
            facts = facts_of(case)
            demand(asked.grant, MAY_SCORE, area=facts.area)
        except Exception as error:
            return error
        self.metrics.stage("parse", time.perf_counter() - began)
        return Admitted(asked, record, case, facts, scored_at)

    async def _round(self, asked: Sequence[Asked]) -> list[dict[str, Any] | str | Exception]:
        """Of each the logged assessment as its sender may see it, the id of the first one under its key, or its error.

        One model and one policy, from the beginning of the round to its end.
        """
        in_force = self.in_force
        read = [self._read(one) for one in asked]
        admitted = [one for one in read if isinstance(one, Admitted)]
        began = time.perf_counter()
        scores = scored_each(in_force.scorer, [one.case for one in admitted])
        told = [
            (one, self._assessed(in_force, one, scored))
            for one, scored in zip(admitted, scores, strict=True) if isinstance(scored, Scored)
        ]  # fmt: skip
        assessed_at = time.perf_counter()
        storing = asyncio.create_task(self._stored(in_force, told))
        await asyncio.sleep(0)  # the log is at the disk while the answers are made
        try:
            answers = [
                self._view(assessed, in_force.model, in_force.policy, one.asked.grant) for one, assessed in told
            ]  # fmt: skip
            viewed = time.perf_counter()
        finally:
            stored = await storing
        if told:
            self.metrics.round(
                len(told), score=assessed_at - began, view=viewed - assessed_at, log=time.perf_counter() - assessed_at
            )
        outcomes: list[dict[str, Any] | str | Exception] = [
            answer if under == assessed.assessment_id else under
            for answer, under, (_, assessed) in zip(answers, stored, told, strict=True)
        ]
        return _filled(read, _filled(scores, outcomes))

    def _assessed(self, in_force: InForce, one: Admitted, scored: Scored) -> Assessed:
        due, care_due = due_at(scored, in_force.policy), due_at(scored, in_force.policy, care=True)
        facts = one.facts
        assessed = Assessed(
            new_id("a"), one.scored_at, facts.area, in_force.model.digest, in_force.version, scored, kind=facts.kind,
            channel=facts.channel, due_at=due, care_due_at=care_due if care_due < due else None,
            closed_at=facts.closed_at, policy_digest=in_force.policy_digest, case_record=one.record,
        )  # fmt: skip
        self.metrics.scored(scored.tier)
        if (challenger := self.keeper.challenger) is not None:
            self.shadow.offer(assessed.assessment_id, one.case, challenger)
        return assessed

    async def _stored(self, in_force: InForce, told: Sequence[tuple[Admitted, Assessed]]) -> Sequence[str | Exception]:
        """Of each the id under which it is on disk, or why it is not; one commit for all, unless one of them fails."""
        if not told:
            return ()
        try:
            return await self.log.append_soon(
                [assessed for _, assessed in told], keys=[one.asked.key for one, _ in told],
                policy=in_force.policy_content,
            )  # fmt: skip
        except Exception as error:
            if len(told) == 1 or isinstance(error, LogUnavailable):
                return [error] * len(told)
        return [result for one in told for result in await self._stored(in_force, (one,))]

    def find(self, assessment_id: str, grant: Grant) -> dict[str, Any]:
        """A stored assessment as the grant's role may see it.

        Raises MissingInput for an unknown id, Problem 403 outside the grant or while its score does not show.
        """
        found = self.found(assessment_id, grant)
        demand_shown(self.hidden(found, grant))
        return self.view(found, grant)

    def hidden(self, found: StoredAssessment, grant: Grant) -> str | None:
        """Why the score of an assessment must not show to a grant; None where it may."""
        decisions = self.log.decisions_of(str(found.record["scored"]["dispute_id"]))
        return hidden_from(grant, found, decisions, self.policy_of(found).review)

    def view(self, found: StoredAssessment, grant: Grant) -> dict[str, Any]:
        """An assessment that was found already, as the grant's role may see it."""
        return self._view(found, self.model_of(found), self.policy_of(found), grant)

    def model_of(self, assessment: StoredAssessment) -> Model:
        """The model that an assessment was made with."""
        model = self.in_force.model
        return model if assessment.model_digest == model.digest else self.earlier_model(assessment.model_digest)

    def found(self, assessment_id: str, grant: Grant) -> StoredAssessment:
        """A stored assessment whole, for what may see it inside.  Raises like ``find``."""
        found = self.log.find(assessment_id)
        demand(grant, MAY_READ_CASES, area=found.area)
        return found

    def policy_of(self, assessment: StoredAssessment) -> Policy:
        """The policy that an assessment was routed by; the one in force where none was kept."""
        return self.policy_under(assessment.policy_digest)

    def policy_under(self, digest: str) -> Policy:
        """The policy of a digest; the one in force for that of none."""
        in_force = self.in_force
        if digest in ("", in_force.policy_digest):
            return in_force.policy
        return Policy.model_validate_json(self.log.policy(digest))

    def decide(
        self, assessment_id: str, body: bytes | dict[str, Any], grant: Grant, *, key: str | None = None
    ) -> dict[str, Any]:
        """The stored decision of a reviewer about an assessment.

        Raises MissingInput for an unknown id, InvalidRecords for what is no decision or breaks a rule, KeyReused,
        LogUnavailable, Problem 403 outside the grant or before an own view that is owed.
        """
        demand(grant, MAY_DECIDE)
        assessment = self.found(assessment_id, grant)
        request = None if key is None else self._request_key(key, grant, body)
        reviewer = Reviewer(grant.account_id, grant.role.value)
        decision = read_decision(body)
        if decision.stage == "decision" and (hidden := self.hidden(assessment, grant)) is not None:
            demand_judged(hidden, decision.text)
        return self.log.decide(assessment, decision, reviewer, key=request).answer()

    def _view(self, entry: Assessed | StoredAssessment, model: Model, policy: Policy, grant: Grant) -> dict[str, Any]:
        erased = entry.erased if isinstance(entry, StoredAssessment) else frozenset()
        assert isinstance(
            entry.scored, Scored
        )  # only a batch writes its records by columns, and is read again from there
        return assessment(
            entry.scored, model, policy, version=entry.model_version, role=grant.role,
            assessment_id=entry.assessment_id, scored_at=entry.scored_at, erased=erased,
        )  # fmt: skip

    def model_record(self) -> dict[str, Any]:
        """What is in force: version, digests, catalogue and thresholds."""
        model = self.in_force.model
        contract = model.contract
        return {
            "name": model.name,
            "fallback": self.in_force.fallback,
            "version": self.in_force.version,
            "digest": model.digest,
            "provenance": contract.provenance.model_dump(),
            "horizon_days": contract.horizon_days,
            "base_rate": contract.base_rate,
            "base_margin": model.base_margin,
            "tiers": model.tiers.model_dump(),
            "policy": self.in_force.policy.version,
            "catalogue": [indicator.declaration() for indicator in self.in_force.scorer.indicators],
        }

    def close(self) -> None:
        """Give the log back, with what waits in the shadow still scored."""
        self.shadow.close()
        self.log.close()


def scored_each(scorer: Scorer, cases: Sequence[CaseRecord]) -> list[Scored | Exception]:
    """Each case scored, or its error; where they fail together, each alone, so that no case fails for another's sake."""
    if not cases:
        return []
    try:
        return [*scorer.score_cases(cases)]
    except Exception as error:
        if len(cases) == 1:
            return [error]
    return [result for case in cases for result in scored_each(scorer, (case,))]


def _filled(results: Sequence[Any], further: Sequence[Any]) -> list[Any]:
    """Results with what came further of each that is no error."""
    rest = iter(further)
    return [one if isinstance(one, Exception) else next(rest) for one in results]


def _size_of(asked: Asked) -> int:
    return len(asked.body) if isinstance(asked.body, bytes) else 0


def facts_of(case: CaseRecord) -> CaseFacts:
    """The facts of the last dispute version recorded before ``as_of`` (of the first, where there is none)."""
    known = [row for row in case.dispute if row["recorded_at"] < case.as_of] or list(case.dispute[:1])
    last = max(known, key=lambda row: row["recorded_at"])
    turns = [
        row for row in case.events
        if row["type"] in ("closed", "reopened") and row["recorded_at"] < case.as_of and not row.get("withdrawn")
    ]  # fmt: skip
    turn = max(turns, key=lambda row: (row["occurred_at"], row["recorded_at"]), default=None)
    closed_at = turn["occurred_at"] if turn is not None and turn["type"] == "closed" else None
    return CaseFacts(str(last["area"]), str(last["kind"]), str(last["channel"]), closed_at)
