"""The assessments of a batch in the decision log: chunk by chunk, each all or not at all, and each once.

An id follows from the run and the dispute, and a chunk is stored under one entry of the chain: so a run gone on with
after a kill asks for the first id of a chunk, and knows of the whole chunk.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from features.case_rows import CaseFiles, CaseRows
from features.errors import LogUnavailable, MissingInput
from features.request_model import CaseRecord
from serving.assessment import Scored, due_at
from serving.batch.columns import Columns
from serving.batch.halves import written
from serving.batch.plan import Batch
from serving.desk import facts_of
from serving.log.decision_log import DecisionLog, policy_digest
from serving.log.stored import Assessed, Written
from serving.scorer import Scorer

ROWS_PER_ENTRY = 2_048
"""Few enough that the service's own writes, which wait for a chunk, do not wait long."""


def log_block(batch: Batch, folder: Path, block: Columns, scorer: Scorer, *, part: int, first: int) -> None:
    """Store the assessments of a block of a part (the first is its row ``first``), unless they are there.

    ``block`` is what a reviewer may see.  Raises LogUnavailable where the log can't be written: then the part is not
    finished, and the same command goes on from there.
    """
    log, content = _log(batch.log_url), batch.policy.model_dump_json()
    digest = policy_digest(content)
    scored: list[Scored | Written] = []
    for start in range(0, len(block.dispute_ids), ROWS_PER_ENTRY):
        disputes = block.dispute_ids[start : start + ROWS_PER_ENTRY]
        if _is_logged(log, batch.assessment_id(disputes[0])):
            continue
        scored = scored or written(block, scorer)
        rows = _files(folder, batch.as_of).of(disputes)
        log.append_part(
            [_assessed(batch, one, rows[one.dispute_id], digest) for one in scored[start : start + ROWS_PER_ENTRY]],
            source={"run": batch.run, "part": part, "first_row": first + start}, policy=content,
        )  # fmt: skip


def open_first(url: str) -> None:
    """Make the log, or bring it up to date, before the workers all want to.

    Raises LogUnavailable where it can't be written: before anything is scored.
    """
    log = DecisionLog(url)
    try:
        if not log.is_writable():
            raise LogUnavailable("the decision log can't be written: nothing was scored")
    finally:
        log.close()


@lru_cache(maxsize=1)
def _log(url: str) -> DecisionLog:
    """The log of a worker process, opened once; it ends with the process."""
    return DecisionLog(url)


@lru_cache(maxsize=1)
def _files(folder: Path, as_of: int) -> CaseFiles:
    """The case rows of the partition at work."""
    return CaseFiles(folder, as_of=as_of)


def _is_logged(log: DecisionLog, assessment_id: str) -> bool:
    try:
        log.find(assessment_id)
    except MissingInput:
        return False
    return True


def _assessed(batch: Batch, scored: Scored | Written, rows: CaseRows, policy: str) -> Assessed:
    case = CaseRecord(
        dispute_id=scored.dispute_id, dispute=tuple(rows.dispute), events=tuple(rows.turns), petitions=(),
        prior_disputes=(), as_of=batch.as_of,
    )  # fmt: skip
    facts = facts_of(case)  # which asks for no other rows
    due, care_due = due_at(scored, batch.policy), due_at(scored, batch.policy, care=True)
    return Assessed(
        batch.assessment_id(scored.dispute_id), batch.scored_at, facts.area, batch.model_folder.name, batch.version,
        scored, kind=facts.kind, channel=facts.channel, due_at=due, care_due_at=care_due if care_due < due else None,
        closed_at=facts.closed_at, policy_digest=policy, case_record=rows.record,
    )  # fmt: skip
