"""What a model says of rows had their records been others: some days earlier, or with a channel that told of nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from features import catalogue
from features.clock import DAY_US, NEVER, Times
from features.errors import UserError
from features.history import Array, History, Spine
from features.loading import Partition
from features.matrix import measure_rows
from features.partition import pairs_alone, write_partitions
from features.records import Records
from features.resting import resting
from features.spine import is_lately_open, is_visible
from features.view import Values
from training.artifact.model import RiskModel
from training.cores import in_order

Step = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Spoiling:
    """How the records are spoilt.

    A version of an event counts for the channel that it names itself: where another channel corrected what the silent one
    had told of, the correction stands; where the silent one corrected, the event ends with the correction.
    """

    days_earlier: int = 0
    silent_channel: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Rows by dispute and landmark, (rows,) each; those of disputes closed for longer are not found."""

    dispute_ids: Array
    as_of: Times
    closed_within_days: float

    @cached_property
    def coded(self) -> tuple[Array, Array]:
        """The code of the dispute of each row, and the dispute of each code."""
        code, ids = pd.factorize(self.dispute_ids)
        return code, ids


@dataclass(frozen=True)
class SpoiltMargins:
    """The margins of the wanted rows that were found, in order, and which these are, (wanted rows,)."""

    margin: Values
    found: Array


def spoilt_margins(
    records: Records, model: RiskModel, wanted: Wanted, spoilings: Sequence[Spoiling], *, step: Step
) -> list[SpoiltMargins]:
    """What the model says of the wanted rows under each spoiling.

    A row is not found where its dispute was not on the books at that time.  The records are dealt out once, and each part
    of them is read anew for each spoiling: nothing is written that would be read back.  Raises UserError where the disk
    has no room for the parts.
    """
    margin = np.full((len(spoilings), len(wanted.as_of)), np.nan)
    found = np.zeros(margin.shape, dtype=bool)
    with _dealt_out(records, wanted.coded[1]) as folders:

        def under_each(folder: Path) -> list[tuple[Array, Values]]:
            return [_of_part(folder, model, wanted, spoiling) for spoiling in spoilings]

        for number, answers in enumerate(in_order(under_each, folders), 1):
            for place, (rows, said) in enumerate(answers):
                margin[place, rows], found[place, rows] = said, True
            step(number / len(folders))
    return [SpoiltMargins(own[rows], rows) for own, rows in zip(margin, found, strict=True)]


def _of_part(folder: Path, model: RiskModel, wanted: Wanted, spoiling: Spoiling) -> tuple[Array, Values]:
    """Which wanted rows a part holds, and what the model says of them."""
    with closing(Partition(folder, silent_channel=spoiling.silent_channel)) as part:
        history = part.history()
    rows, spine = _landmarks(history, wanted, spoiling)
    indicators, contract = catalogue.chosen(model.indicators), model.contract
    if catalogue.columns_of(indicators) != contract.column_names:
        raise ValueError("the columns of the model are not in the order of the catalogue")
    values = measure_rows(history, spine, indicators, reference_income_cny=contract.reference_income_cny)
    return rows, model.margin_of_rows(values)


def _landmarks(history: History, wanted: Wanted, spoiling: Spoiling) -> tuple[Array, Spine]:
    """The wanted rows that a history holds, by dispute and time, and their landmarks."""
    code, ids = wanted.coded
    place = pd.Index(history.dispute_ids).get_indexer(pd.Index(ids))[code]
    rows = np.flatnonzero(place >= 0)
    rows = rows[np.lexsort((wanted.as_of[rows], place[rows]))]
    spine = Spine(place[rows].astype(np.int64), wanted.as_of[rows] - spoiling.days_earlier * DAY_US)
    closed_for = wanted.closed_within_days + spoiling.days_earlier
    for keeps in (is_visible, partial(is_lately_open, closed_within_days=closed_for)):
        kept = keeps(history, spine)
        rows, spine = rows[kept], spine[kept]
    return rows, spine


@contextmanager
def _dealt_out(records: Records, dispute_ids: Array) -> Iterator[list[Path]]:
    """Partition folders of these disputes and all others of their pairs, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="defuse-probe-") as folder:
        try:
            with pairs_alone(records.connection, dispute_ids, known_at=records.known_at):
                folders = write_partitions(records.connection, Path(folder), known_at=NEVER)
        except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"the probes could not deal out the records into {Path(folder).parent}: {reason}. They need about the size of "
                "the records there: make room, or name another folder by TMPDIR, and train again"
            ) from error
        with resting(records.connection):
            yield folders
