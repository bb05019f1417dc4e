"""The truth of a simulated world: weekly states, hazards and 90-day probabilities, kept apart from the records.

It is for judging models and the evaluation itself.  No floor of the product may import this module or read its folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.clock import HORIZON_DAYS, WEEK, Times
from data_samples.simulator.parquet import open_parquet_of_reals
from data_samples.simulator.process import Paths
from data_samples.simulator.tables import dispute_ids
from data_samples.simulator.world import Cases

WEEKS_AFTER_CLOSING = 30
ROWS_IN_GROUP = 1_000_000
WHOLE_WEEKS, PART_OF_WEEK = HORIZON_DAYS // 7, HORIZON_DAYS % 7 / 7
SCHEMA = pa.schema([
    pa.field("dispute_id", pa.string(), False),
    pa.field("at", pa.timestamp("us", tz="UTC"), False),
    pa.field("state", pa.int8(), False),
    pa.field("is_open", pa.bool_(), False),
    pa.field("help", pa.int8(), False),
    pa.field("u", pa.float32(), False),
    pa.field("hazard", pa.float32(), False),
    pa.field("hazard_in_12_weeks", pa.float32(), False),
    pa.field("hazard_in_13_weeks", pa.float32(), False),
    pa.field("p90", pa.float32(), False),
    pa.field("untreated_hazard", pa.float32(), False),
    pa.field("untreated_p90", pa.float32(), False),
])  # fmt: skip
"""One row a week.  Hazards are per week, from ``at`` on; p90 is the probability of an incident within 90 days."""


@dataclass(frozen=True)
class TruthRows:
    """Weekly truth in columns, in order of dispute and week.  ``case`` is the row of the dispute."""

    case: NDArray[np.int32]
    week: NDArray[np.int16]
    state: NDArray[np.int8]
    is_open: NDArray[np.bool_]
    help: NDArray[np.int8]
    hazard: NDArray[np.float32]
    hazard_in_12_weeks: NDArray[np.float32]
    hazard_in_13_weeks: NDArray[np.float32]
    p90: NDArray[np.float32]
    untreated_hazard: NDArray[np.float32]
    untreated_p90: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.case)

    def part(self, which: slice | NDArray[np.bool_]) -> TruthRows:
        """A range of the rows, or those of a mask."""
        return TruthRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


class TruthSpool:
    """The truth of block after block, on disk until it is known which disputes are written and under which ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocks: list[Path] = []

    def add(self, rows: TruthRows) -> None:
        """Takes in the truth of the next block."""
        path = self._folder / f"block-{len(self._blocks):05}.npz"
        np.savez(path, **{f.name: getattr(rows, f.name) for f in fields(rows)})
        self._blocks.append(path)

    def __iter__(self) -> Iterator[TruthRows]:
        for path in self._blocks:
            with np.load(path) as columns:
                yield TruthRows(**{f.name: columns[f.name] for f in fields(TruthRows)})


def probability_90d(hazard: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of an incident in the 90 days from the start of each week, from weekly hazards [week, case].

    1 - exp(-H), where H is the hazard of twelve weeks and six sevenths of the thirteenth.  The last twelve weeks of the
    path have no complete horizon and are left out.
    """
    total = np.concatenate([np.zeros((1, hazard.shape[1])), np.cumsum(hazard, axis=0, dtype=np.float64)])
    weeks = len(hazard) - WHOLE_WEEKS
    ahead = total[WHOLE_WEEKS : WHOLE_WEEKS + weeks] - total[:weeks] + PART_OF_WEEK * hazard[WHOLE_WEEKS:]
    return -np.expm1(-ahead)


def truth_rows(
    cases: Cases, paths: Paths, incident: Times, *, first_case: int, end: int, to_the_end: NDArray[np.bool_]
) -> TruthRows:
    """The truth of a block from opening to 30 weeks after the last closing, the incident or the end.

    ``to_the_end``: disputes that never close on record, and so have landmarks to the end.
    """
    p90, untreated_p90 = probability_90d(paths.hazard), probability_90d(paths.untreated)
    at = cases.opened[None, :] + np.arange(len(p90), dtype=np.int64)[:, None] * WEEK
    written = (at < end) & (at <= incident[None, :])
    still_open = (paths.is_open[: len(p90)] | to_the_end[None, :]) & (at < end)
    last_open = len(p90) - 1 - np.argmax(still_open[::-1], axis=0)
    written &= np.arange(len(p90))[:, None] <= last_open[None, :] + WEEKS_AFTER_CLOSING
    case, week = np.nonzero(written.T)
    return TruthRows(
        case=(case + first_case).astype(np.int32),
        week=week.astype(np.int16),
        state=paths.state[week, case],
        is_open=paths.is_open[week, case],
        help=paths.help[week, case],
        hazard=paths.hazard[week, case],
        hazard_in_12_weeks=paths.hazard[week + WHOLE_WEEKS, case],
        hazard_in_13_weeks=paths.hazard[np.minimum(week + WHOLE_WEEKS + 1, len(paths.hazard) - 1), case],
        p90=p90[week, case].astype(np.float32),
        untreated_hazard=paths.untreated[week, case],
        untreated_p90=untreated_p90[week, case].astype(np.float32),
    )


@dataclass(frozen=True)
class WrittenTruth:
    """How many rows were written, and for each dispute its first row and how many it has (-1 and 0 for none)."""

    rows: int
    first_row: NDArray[np.int64]
    row_count: NDArray[np.int32]


def write_truth(
    path: Path, blocks: TruthSpool | list[TruthRows], *, cases: Cases, dispute_number: NDArray[np.integer]
) -> WrittenTruth:
    """Writes the truth of the disputes that have a number, dispute by dispute in order of opening."""
    first_row = np.full(len(cases), -1, np.int64)
    row_count = np.zeros(len(cases), np.int32)
    written = 0
    with open_parquet_of_reals(path, SCHEMA) as writer:
        for block in blocks:
            rows = block.part(dispute_number[block.case] > 0)
            starts = np.flatnonzero(np.diff(rows.case, prepend=-1))
            first_row[rows.case[starts]] = written + starts
            row_count[rows.case[starts]] = np.diff(starts, append=len(rows))
            for start in range(0, len(rows), ROWS_IN_GROUP):
                writer.write_table(_arrow(rows.part(slice(start, start + ROWS_IN_GROUP)), cases, dispute_number))
            written += len(rows)
    return WrittenTruth(written, first_row, row_count)


def _arrow(rows: TruthRows, cases: Cases, dispute_number: NDArray[np.integer]) -> pa.Table:
    at = cases.opened[rows.case] + rows.week.astype(np.int64) * WEEK
    made = {
        "dispute_id": dispute_ids(rows.case, dispute_number),
        "at": pa.array(at).cast(SCHEMA.field("at").type),
        "u": pa.array(cases.hostility[rows.case]),
    }
    columns = [made[name] if name in made else pa.array(getattr(rows, name)) for name in SCHEMA.names]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
