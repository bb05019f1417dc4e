"""Petitions and how they were answered.  Slow handling causes them; they cause nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.clock import NO_TIME, Times, days
from data_samples.simulator.handling import within_week
from data_samples.simulator.process import Paths
from data_samples.simulator.reporting import Block, entered_at, lag
from data_samples.simulator.rows import NO_CODE


@dataclass(frozen=True)
class PetitionRows:
    """Petitions in columns.  ``case`` is the row of the dispute; null times are ``NO_TIME``.

    ``number`` numbers the petitions in order of their first row; versions of one share it.
    """

    case: NDArray[np.int32]
    lodged: Times
    recorded: Times
    due: Times
    answered: Times
    answer_recorded: Times
    upheld: NDArray[np.int8]
    number: NDArray[np.int32]
    withdrawn: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.case)

    def keep(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> PetitionRows:
        """The rows of a mask or in an order."""
        return PetitionRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def shifted(self, first_case: int) -> PetitionRows:
        """The same rows, disputes counted from another first one."""
        return replace(self, case=self.case + np.int32(first_case))

    def with_answers(self, answered: Times) -> PetitionRows:
        """The same rows with other times of answering."""
        return replace(self, answered=answered)

    def in_order(self, order: NDArray[np.integer]) -> PetitionRows:
        """The rows in this order, numbered along it."""
        return replace(self.keep(order), number=np.arange(len(order), dtype=np.int32))

    def withdrawn_later(self, which: NDArray[np.bool_], at: Times) -> PetitionRows:
        """The rows of a mask once more, each as the version that withdraws it; one time for each row of the mask."""
        rows = self.keep(which)
        return replace(rows, recorded=at, withdrawn=np.ones(len(rows), np.int8))

    def unanswered_after(self, end: int) -> PetitionRows:
        """The rows as they stand at ``end``: an answer known later is not there yet."""
        later = self.answer_recorded >= end
        return replace(
            self,
            answered=np.where(later, NO_TIME, self.answered),
            answer_recorded=np.where(later, NO_TIME, self.answer_recorded),
            upheld=np.where(later, NO_CODE, self.upheld).astype(np.int8),
        )


def petition_rows(rng: np.random.Generator, block: Block, paths: Paths) -> PetitionRows:
    """The petitions of a block with their answers, however late these come."""
    paperwork, case = block.setting.constants.paperwork, paths.petitions.case
    count = len(case)
    lodged = within_week(rng, block, paths.petitions, (0.0, 1.0))
    recorded = entered_at(rng, block, case, lodged)
    due = lodged + days(paperwork.petition_due_days * block.setting.changes.deadline_factor(lodged))
    wait = lag(rng, paperwork.petition_answer, count) * block.delay_factor(case)
    answered = lodged + days(wait)
    answer_recorded = np.maximum(entered_at(rng, block, case, answered), recorded)
    upheld = (rng.random(count) < paperwork.petition_upheld).astype(np.int8)
    never = rng.random(count) < paperwork.petition_never_answered
    return PetitionRows(
        case=case,
        lodged=lodged,
        recorded=recorded,
        due=due,
        answered=np.where(never, NO_TIME, answered),
        answer_recorded=np.where(never, NO_TIME, answer_recorded),
        upheld=np.where(never, NO_CODE, upheld).astype(np.int8),
        number=np.full(count, NO_CODE, np.int32),
        withdrawn=np.zeros(count, np.int8),
    )


def together(parts: list[PetitionRows]) -> PetitionRows:
    """All rows of the parts, in their order."""
    columns = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(PetitionRows)}
    return PetitionRows(**columns)
