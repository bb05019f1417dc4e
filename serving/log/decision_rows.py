"""Decisions as they are stored, and the rows that one writes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from features.clock import format_time
from serving.log.chain import Kind, number_of
from serving.log.content import Content, opened
from serving.log.decisions import DecisionRequest, Earlier, Effect, Reviewer, check, effect, outcome
from serving.log.request_keys import RequestKey
from serving.log.settling import COLUMNS, settlement
from serving.log.statements import NO, YES, Statements
from serving.log.stored import StoredAssessment
from serving.log.tables import CASES, DECISIONS
from serving.log.transaction import Transaction, now_us
from training.artifact.tiers import Tier


@dataclass(frozen=True)
class StoredDecision:
    """One decision found again; ``text`` is None where none was written, or it was erased."""

    seq: int
    record: Mapping[str, Any]
    text: str | None

    @classmethod
    def of(cls, seq: int, payload: str, content: bytes | None) -> StoredDecision:
        """The decision of its entry and its words."""
        return cls(seq, json.loads(payload), opened(content))

    @property
    def text_was_erased(self) -> bool:
        """Whether words were written that are no longer there."""
        return self.record["text"] is not None and self.text is None

    def answer(self) -> dict[str, Any]:
        """What the service answers: everything but the words."""
        names = ("decision_id", "assessment_id", "dispute_id", "stage", "view", "assessed_tier", "tier",
                 "tier_in_force", "second_look", "reason_code", "offers")  # fmt: skip
        return {
            **{name: self.record[name] for name in names},
            "at": format_time(self.record["at_utc"]),
            "reviewer": {"account": self.record["account"], "role": self.record["role"]},
        }


class DecisionRows:
    """Writes decisions; its statements are compiled once."""

    def __init__(self, statements: Statements) -> None:
        table, mine = DECISIONS.c, DECISIONS.c.assessment_id == sa.bindparam("assessment_id")
        self._earlier = statements.compiled(
            sa.select(table.account, table.stage, table.view, table.tier).where(mine).order_by(table.seq)
        )
        named: dict[str, Any] = {
            name: sa.bindparam(name) for name in ("decided_seq", "decided_urgency", "decided_until")
        }
        stays = sa.and_(
            CASES.c.urgency >= sa.bindparam("decided_urgency"), CASES.c.as_of < sa.bindparam("decided_until")
        )  # fmt: skip
        on_last = CASES.c.number == sa.bindparam("on_number")
        self._settle = statements.compiled(
            sa.update(CASES).where(CASES.c.dispute_id == sa.bindparam("of_dispute"))
            .values(named | {"waits": sa.case((sa.or_(on_last, stays), NO), else_=YES)})
        )  # fmt: skip
        self._reopen = statements.compiled(
            sa.update(CASES).where(CASES.c.dispute_id == sa.bindparam("of_dispute"))
            .values(waits=YES, decided_seq=sa.null(), decided_urgency=sa.null(), decided_until=sa.null())
        )  # fmt: skip

    def append(
        self, transaction: Transaction, assessment: StoredAssessment, request: DecisionRequest, reviewer: Reviewer,
        *, text: Content | None, key: RequestKey | None,
    ) -> StoredDecision:  # fmt: skip
        """The decision, appended with everything that follows from it.  Raises InvalidRecords."""
        assessed = Tier(assessment.record["scored"]["tier"])
        check(request, assessed=assessed)
        found = transaction.rows(self._earlier, {"assessment_id": assessment.assessment_id})
        done = effect(request, assessed=assessed, reviewer=reviewer, earlier=[Earlier(*row) for row in found])
        record = self._record(assessment, request, reviewer, done) | {"text": None if text is None else text.digest}
        sealed_key = None
        if key is not None:
            salt, digest = key.sealed()
            sealed_key = salt
            record["request"] = digest
        entry = transaction.entry(Kind.DECISION, record)
        transaction.add("decisions", {"seq": entry.seq} | {name: record[name] for name in COLUMNS})
        if text is not None:
            row = {
                "number": number_of(entry.seq, 0),
                "part": text.part.value,
                "salt": text.salt,
                "content": text.content,
            }
            transaction.add("contents", row)
        if key is not None and sealed_key is not None:
            transaction.add("request_keys", key.row(seq=entry.seq, answer_id=record["decision_id"], salt=sealed_key))
        if request.stage == "decision":
            self._follow(transaction, assessment, record, seq=entry.seq)
        return StoredDecision(entry.seq, record, request.text)

    def _record(
        self, assessment: StoredAssessment, request: DecisionRequest, reviewer: Reviewer, done: Effect
    ) -> dict[str, Any]:
        assessed = Tier(assessment.record["scored"]["tier"])
        stands_for = outcome(request, assessed=assessed)
        return {
            "decision_id": f"d-{uuid.uuid4().hex}",
            "assessment_id": assessment.assessment_id,
            "dispute_id": assessment.record["scored"]["dispute_id"],
            "area": assessment.area,
            "at_utc": now_us(),
            "account": reviewer.account,
            "role": reviewer.role,
            "stage": request.stage,
            "view": request.view,
            "assessed_tier": assessed.value,
            "tier": None if stands_for is None else stands_for.value,
            "tier_in_force": None if done.tier_in_force is None else done.tier_in_force.value,
            "second_look": done.second_look,
            "reason_code": request.reason_code,
            "offers": [action.value for action in request.offers],
        }

    def _follow(
        self, transaction: Transaction, assessment: StoredAssessment, record: Mapping[str, Any], *, seq: int
    ) -> None:
        """Whether the case waits on: not where the decision settles it, and not where it settles its last assessment."""
        dispute_id = assessment.record["scored"]["dispute_id"]
        settled = settlement(record)
        if settled is None:
            transaction.run(self._reopen, {"of_dispute": dispute_id})
            return
        transaction.run(self._settle, {
            "of_dispute": dispute_id, "on_number": assessment.number, "decided_seq": seq,
            "decided_urgency": settled[0], "decided_until": settled[1],
        })  # fmt: skip
