"""What a model says of rows had their records been others: some days earlier, or with a channel that told of nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features import catalogue
from features.clock import DAY_US, NEVER, Times
from features.history import Array, History, Spine
from features.loading import Partition
from features.matrix import measure_rows
from features.partition import group_pairs, write_partitions
from features.records import Records
from features.resting import resting
from features.spine import is_lately_open, is_visible
from features.view import Values
from training.artifact.model import RiskModel
from training.cores import in_order

Step = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Spoiling:
    """How the records are spoilt.  A version of an event counts for the channel that it names itself."""

    days_earlier: int = 0
    silent_channel: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Rows by dispute and landmark, (rows,) each; those of disputes closed for longer are not found."""

    dispute_ids: Array
    as_of: Times
    closed_within_days: float


@dataclass(frozen=True)
class Found:
    """The margins of the wanted rows that were found, in order, and which these are, (wanted rows,)."""

    margin: Values
    found: Array


def spoilt_margins(
    records: Records, model: RiskModel, wanted: Wanted, spoilings: Sequence[Spoiling], *, step: Step
) -> list[Found]:
    """What the model says of the wanted rows under each spoiling.

    A row is not found where its dispute was not on the books at that time.  The records are dealt out once, and each part
    of them is read anew for each spoiling: nothing is written that would be read back.
    """
    margin = np.full((len(spoilings), len(wanted.as_of)), np.nan)
    code, ids = pd.factorize(wanted.dispute_ids)
    with _dealt_out(records, ids) as folders:

        def of_part(folder: Path) -> list[tuple[Array, Values]]:
            return [_of_part(folder, model, wanted, (code, ids), spoiling) for spoiling in spoilings]

        for number, answers in enumerate(in_order(of_part, folders), 1):
            for own, (rows, said) in zip(margin, answers, strict=True):
                own[rows] = said
            step(number / len(folders))
    return [Found(own[~np.isnan(own)], ~np.isnan(own)) for own in margin]


def _of_part(
    folder: Path, model: RiskModel, wanted: Wanted, disputes: tuple[Array, Array], spoiling: Spoiling
) -> tuple[Array, Values]:
    """Which wanted rows a part holds, and what the model says of them."""
    part = Partition(folder, silent_channel=spoiling.silent_channel)
    history = part.history()
    part.close()
    rows, spine = _spine(history, wanted, disputes, spoiling)
    values = measure_rows(
        history, spine, catalogue.chosen(model.indicators), reference_income_cny=model.contract.reference_income_cny
    )
    return rows, model.margin_of_rows(values)


def _spine(
    history: History, wanted: Wanted, disputes: tuple[Array, Array], spoiling: Spoiling
) -> tuple[Array, Spine]:  # fmt: skip
    """The wanted rows that a history holds, by dispute and time, and their landmarks."""
    code, ids = disputes
    place = pd.Index(history.dispute_ids).get_indexer(pd.Index(ids))[code]
    rows = np.flatnonzero(place >= 0)
    rows = rows[np.lexsort((wanted.as_of[rows], place[rows]))]
    spine = Spine(place[rows].astype(np.int64), wanted.as_of[rows] - spoiling.days_earlier * DAY_US)
    for keeps in (
        is_visible,
        partial(is_lately_open, closed_within_days=wanted.closed_within_days + spoiling.days_earlier),
    ):
        kept = keeps(history, spine)
        rows, spine = rows[kept], spine[kept]
    return rows, spine


@contextmanager
def _dealt_out(records: Records, dispute_ids: Array) -> Iterator[list[Path]]:
    """Partition folders of these disputes and all others of their pairs, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="defuse-probe-") as folder:
        with pairs_alone(records, dispute_ids):
            folders = write_partitions(records.connection, Path(folder), known_at=NEVER)
        with resting(records.connection):
            yield folders


@contextmanager
def pairs_alone(records: Records, dispute_ids: Array) -> Iterator[None]:
    """The records without disputes of other pairs than these disputes', as long as the block lasts.

    No row of another pair bears on a dispute's columns, so that they stay the same and are built sooner.
    """
    connection = records.connection
    group_pairs(connection, known_at=records.known_at)
    connection.register("asked_for", pa.table({"dispute_id": pa.array(np.unique(dispute_ids.astype(str)))}))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE alone AS SELECT dispute_id FROM pair_groups "
        "WHERE pair IN (SELECT pair FROM pair_groups JOIN asked_for USING (dispute_id))"
    )
    connection.unregister("asked_for")
    connection.execute("ALTER VIEW disputes RENAME TO all_disputes")
    try:
        connection.execute("CREATE VIEW disputes AS SELECT * FROM all_disputes SEMI JOIN alone USING (dispute_id)")
        yield
    finally:
        connection.execute("DROP VIEW IF EXISTS disputes")
        connection.execute("ALTER VIEW all_disputes RENAME TO disputes")
        connection.execute("DROP TABLE alone")
