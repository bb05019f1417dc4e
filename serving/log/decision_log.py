"""The decision log: every assessment and every decision, on disk before it is answered, only ever appended to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from features.errors import KeyReused, LogUnavailable, LogUnusable, MissingInput
from serving.log.anchors import Anchorer, Anchoring
from serving.log.chain import MOST_PLACES, START, Kind, digest_of, digest_of_many, number_of
from serving.log.content import Part, sealed
from serving.log.database import Database
from serving.log.decision_rows import DecisionRows, StoredDecision
from serving.log.decisions import DecisionRequest, Reviewer
from serving.log.request_keys import RequestKey
from serving.log.shadow_rows import ShadowScore, append_shadow_scores
from serving.log.statements import Statements
from serving.log.stored import Assessed, StoredAssessment, stored
from serving.log.tables import ASSESSMENTS, CONTENTS, DECISIONS, ENTRIES, POLICIES
from serving.log.transaction import Transaction
from serving.log.writer import ANSWER_SECONDS, PATIENT_SECONDS, Writer

PART_ROWS = 500
"""So many assessments of a part are prepared at a time, to bound memory."""


class DecisionLog:
    """The log of one home.  Raises LogUnavailable wherever the database fails; what failed was not written."""

    def __init__(self, url: str, *, anchoring: Anchoring | None = None) -> None:
        """Open the log at an address, make it, or bring it up to date; ``anchoring`` says where its head is told.

        A database that can't be reached now is tried again at the next use.  Raises LogUnusable for a log that is none
        or of a newer version, InvalidConfiguration for an address that is none.
        """
        self.database = Database(url)
        self._statements = Statements(is_sqlite=self.database.is_sqlite)
        self.writer = Writer(self.database)
        self._decision_rows = DecisionRows(self._statements)
        self._policies: set[str] = set()
        self.policy = lru_cache(maxsize=64)(self._policy)
        self.anchorer = Anchorer(anchoring or Anchoring())
        self.writer.on_commit = self.anchorer.advance
        try:
            self.writer.open()
        except Exception as error:
            if not isinstance(error, LogUnavailable) or isinstance(error, LogUnusable):
                self.close()
                raise
            self.writer.is_failing = True

    # --- appending -------------------------------------------------------------------------------------------------

    def append(
        self, assessed: Sequence[Assessed], *, keys: Sequence[RequestKey | None] = (), policy: str = ""
    ) -> list[str | KeyReused]:
        """The id of each assessment, once all are on disk: one entry each, one commit.

        Where a key came before, it is the id of the first answer and nothing is written, or KeyReused where that was
        for another body.  ``policy`` is the content behind the assessments' ``policy_digest``.
        """
        return self.writer.append(self._appending(assessed, keys, policy))

    async def append_soon(
        self, assessed: Sequence[Assessed], *, keys: Sequence[RequestKey | None] = (), policy: str = ""
    ) -> list[str | KeyReused]:
        """The same on the event loop; requests at the same time share one commit."""
        return await self.writer.append_soon(self._appending(assessed, keys, policy))

    def append_part(self, assessed: Sequence[Assessed], *, source: dict[str, Any], policy: str = "") -> int:
        """The ``seq`` of the one entry under which a part of a batch is stored, once it is on disk.

        All of the part or nothing.  The entry's payload holds the count, ``source`` (say which records, which
        landmark, which part; no case content) and the digest over the assessments' digests in order; each assessment is
        found by its id, replayed, decided on and erased like any other.  A part holds 1 to 1,048,576; parts of 1,000 to
        5,000 keep the service's own writes waiting least.
        """
        if not 0 < len(assessed) <= MOST_PLACES:
            raise ValueError(f"a part holds 1 to {MOST_PLACES:,} assessments, not {len(assessed):,}")
        digest = digest_of_many([one.digest for one in assessed])  # also seals the contents, outside the transaction

        def job(transaction: Transaction) -> int:
            self._keep_policy(transaction, policy)
            payload = {"count": len(assessed), "digest": digest, "source": source}
            entry = transaction.entry(Kind.BATCH_PART, payload)
            for start in range(0, len(assessed), PART_ROWS):
                for place, one in enumerate(assessed[start : start + PART_ROWS], start):
                    _add(transaction, one, number_of(entry.seq, place))
                transaction.flush()
            return entry.seq

        return self.writer.append(job, seconds=PATIENT_SECONDS)

    def _appending(self, assessed: Sequence[Assessed], keys: Sequence[RequestKey | None], policy: str) -> Any:
        for one in assessed:
            one.digest  # noqa: B018 - worked out here, not while others wait for the writer
        paired = list(zip(assessed, keys or [None] * len(assessed), strict=True))

        def job(transaction: Transaction) -> list[str | KeyReused]:
            self._keep_policy(transaction, policy)
            return [self._append_one(transaction, one, key) for one, key in paired]

        return job

    def _append_one(self, transaction: Transaction, one: Assessed, key: RequestKey | None) -> str | KeyReused:
        payload = {"assessment_id": one.assessment_id, "digest": one.digest}
        if key is None:
            entry = transaction.entry(Kind.ASSESSMENT, payload)
        else:
            earlier = key.earlier(transaction, self._statements)
            if earlier is not None:
                return earlier
            salt, sealed_key = key.sealed()
            entry = transaction.entry(Kind.ASSESSMENT, payload | {"request": sealed_key})
            transaction.add("request_keys", key.row(seq=entry.seq, answer_id=one.assessment_id, salt=salt))
        _add(transaction, one, number_of(entry.seq, 0))
        return one.assessment_id

    def _keep_policy(self, transaction: Transaction, content: str) -> None:
        digest = policy_digest(content)
        if content and digest not in self._policies:
            transaction.add("policies", {"digest": digest, "content": content})
            transaction.after_commit(lambda: self._policies.add(digest))

    def decide(
        self, assessment: StoredAssessment, request: DecisionRequest, reviewer: Reviewer, *,
        key: RequestKey | None = None, seconds: float = ANSWER_SECONDS,
    ) -> StoredDecision:  # fmt: skip
        """The decision as it is stored, once it is on disk.  Raises InvalidRecords for one that breaks a rule.

        With a key that came before: the first decision, or KeyReused.
        """
        text = None if request.text is None else sealed(Part.TEXT, request.text)

        def job(transaction: Transaction) -> StoredDecision | str:
            if key is not None:
                earlier = key.earlier(transaction, self._statements)
                if isinstance(earlier, KeyReused):
                    raise earlier
                if earlier is not None:
                    return earlier
            return self._decision_rows.append(transaction, assessment, request, reviewer, text=text, key=key)

        decision = self.writer.append(job, seconds=seconds)
        return self.find_decision(decision) if isinstance(decision, str) else decision

    def keep_shadow(self, scores: Sequence[ShadowScore], *, seconds: float = ANSWER_SECONDS) -> None:
        """Store what a challenger would have said: one entry for all of them."""
        self.writer.append(lambda transaction: append_shadow_scores(transaction, scores), seconds=seconds)

    # --- finding ---------------------------------------------------------------------------------------------------

    def find(self, assessment_id: str) -> StoredAssessment:
        """The stored assessment of an id.  Raises MissingInput where there is none."""
        wanted = sa.select(ASSESSMENTS.c.number, ASSESSMENTS.c.record).where(
            ASSESSMENTS.c.assessment_id == assessment_id
        )
        with self.database.reading() as connection:
            row = connection.execute(wanted).first()
            if row is None:
                raise MissingInput("there is no assessment of this id")
            parts = sa.select(CONTENTS.c.part, CONTENTS.c.content).where(CONTENTS.c.number == row.number)
            contents = {part: content for part, content in connection.execute(parts)}
        return stored(row.number, row.record, contents)

    def earlier_answer(self, key: RequestKey) -> str | KeyReused | None:
        """The id of the first answer under a key, before anything is computed; None where there is none."""
        with self.database.reading() as connection:
            return key.earlier_on(connection)

    def find_decision(self, decision_id: str) -> StoredDecision:
        """The stored decision of an id.  Raises MissingInput where there is none."""
        found = self._decisions(DECISIONS.c.decision_id == decision_id)
        if not found:
            raise MissingInput("there is no decision of this id")
        return found[0]

    def decisions_on(self, assessment_id: str) -> list[StoredDecision]:
        """The decisions on an assessment, in order; the last one of the stage ``decision`` is what counts."""
        return self._decisions(DECISIONS.c.assessment_id == assessment_id)

    def decisions_of(self, dispute_id: str) -> list[StoredDecision]:
        """The decisions on all assessments of a dispute, in order."""
        return self._decisions(DECISIONS.c.dispute_id == dispute_id)

    def _decisions(self, which: sa.ColumnElement[bool]) -> list[StoredDecision]:
        wanted = (
            sa.select(DECISIONS.c.seq, ENTRIES.c.payload, CONTENTS.c.content)
            .join(ENTRIES, ENTRIES.c.seq == DECISIONS.c.seq)
            .outerjoin(
                CONTENTS,
                sa.and_(
                    CONTENTS.c.number == DECISIONS.c.seq * number_of(1, 0), CONTENTS.c.part == Part.TEXT.value
                ),
            )
            .where(which).order_by(DECISIONS.c.seq)
        )  # fmt: skip
        with self.database.reading() as connection:
            return [StoredDecision.of(*row) for row in connection.execute(wanted)]

    def assessments_of(self, dispute_id: str, *, most: int | None = None) -> list[tuple[str, int, str]]:
        """The id, landmark and tier of every assessment of a dispute, by landmark: a correction stands beside the old.

        ``most`` keeps the last so many: one that is scored every night has a thousand after three years.
        """
        columns = (ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.as_of, ASSESSMENTS.c.tier)
        wanted = (
            sa.select(*columns).where(ASSESSMENTS.c.dispute_id == dispute_id)
            .order_by(ASSESSMENTS.c.as_of.desc(), ASSESSMENTS.c.number.desc()).limit(most)
        )  # fmt: skip
        with self.database.reading() as connection:
            return [(row.assessment_id, row.as_of, row.tier) for row in connection.execute(wanted)][::-1]

    def assessment_count(self, dispute_id: str) -> int:
        """How many assessments of a dispute there are."""
        wanted = sa.select(sa.func.count()).select_from(ASSESSMENTS).where(ASSESSMENTS.c.dispute_id == dispute_id)
        with self.database.reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def _policy(self, digest: str) -> str:
        with self.database.reading() as connection:
            found = connection.execute(sa.select(POLICIES.c.content).where(POLICIES.c.digest == digest)).scalar()
        if found is None:
            raise MissingInput("the policy of this assessment was not kept")
        return str(found)

    # --- state -----------------------------------------------------------------------------------------------------

    def head(self) -> tuple[int, str]:
        """How many entries the chain has, and the hash of the last."""
        with self.database.reading() as connection:
            found = connection.exec_driver_sql(self._statements.head).first()
        return (found.seq, found.hash) if found is not None else (0, START)

    def is_writable(self) -> bool:
        """Whether something could be written now."""
        return self.writer.is_writable()

    def close(self) -> None:
        """Write what waits and give the database back."""
        self.writer.close()
        self.anchorer.close()
        self.database.close()


def policy_digest(content: str) -> str:
    """The digest of a policy's content."""
    return digest_of(content.encode())


def new_id(prefix: str) -> str:
    """A new random id."""
    return f"{prefix}-{uuid.uuid4().hex}"


def _add(transaction: Transaction, one: Assessed, number: int) -> None:
    transaction.add("assessments", one.columns(number))
    transaction.extend(
        "contents",
        ({"number": number, "part": c.part.value, "salt": c.salt, "content": c.content} for c in one.contents),
    )
    transaction.add("cases", one.case_columns(number))
