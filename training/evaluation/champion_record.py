"""The model beside the champion on the same test rows: who enters the top, who leaves it, and which ranks better."""

from __future__ import annotations

from pydantic import Field

from training.evaluation.measured import Difference, Measured, Record


class Moves(Record):
    """The top share of the rows under both models: how many stay, enter and leave, and what became of them.

    ``rate_of_entering`` and ``rate_of_leaving`` are the observed rates of those rows.
    """

    capacity: float = Field(gt=0, le=1)
    n_stay: int = Field(ge=0)
    n_enter: int = Field(ge=0)
    n_leave: int = Field(ge=0)
    rate_of_staying: Measured | None = None
    rate_of_entering: Measured | None = None
    rate_of_leaving: Measured | None = None


class Marks(Record):
    """How often an indicator is above its median among the rows that enter the top, and among those that leave it."""

    indicator: str
    name_en: str
    name_zh: str
    among_entering: float
    among_leaving: float


class AgainstChampion(Record):
    """The comparison; ``absent_en`` says why there is none.  ``differences`` are model minus champion.

    ``saw_test_period``: the champion learned from rows of the test's time, so that the comparison favours it.
    """

    absent_en: str = ""
    absent_zh: str = ""
    version: str | None = None
    digest: str | None = None
    trained_through: str | None = None
    is_same_model: bool = False
    saw_test_period: bool = False
    measured: tuple[Measured, ...] = ()
    differences: tuple[Difference, ...] = ()
    moves: tuple[Moves, ...] = ()
    marks: tuple[Marks, ...] = ()
