"""The truth of a simulated world: weekly states, hazards and 90-day probabilities, kept apart from the records.

It is for judging models and the evaluation itself.  No floor of the product may import this module or read its folder.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator.clock import HORIZON_DAYS, WEEK, Times
from data_samples.simulator.parquet import open_parquet
from data_samples.simulator.process import Paths
from data_samples.simulator.tables import DISPUTE_DIGITS, numbered
from data_samples.simulator.world import Cases

WEEKS_AFTER_CLOSING = 26
_ROWS_AT_A_TIME = 1_000_000
SCHEMA = pa.schema([
    pa.field("dispute_id", pa.string(), False),
    pa.field("at", pa.timestamp("us", tz="UTC"), False),
    pa.field("state", pa.int8(), False),
    pa.field("u", pa.float32(), False),
    pa.field("hazard", pa.float64(), False),
    pa.field("p90", pa.float64(), False),
])  # fmt: skip


@dataclass(frozen=True)
class TruthRows:
    """Weekly truth in columns, in order of dispute and week.  ``case`` is the row of the dispute."""

    case: NDArray[np.int32]
    week: NDArray[np.int16]
    state: NDArray[np.int8]
    hazard: NDArray[np.float32]
    p90: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.case)

    def part(self, which: slice | NDArray[np.bool_]) -> TruthRows:
        """A range of the rows, or those of a mask."""
        return TruthRows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def probability_90d(hazard: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of an incident in the 90 days from the start of each week, from weekly hazards [week, case].

    1 - exp(-H), where H is the hazard of twelve weeks and six sevenths of the thirteenth.  The last twelve weeks of the
    path have no complete horizon and are left out.
    """
    whole, part = divmod(HORIZON_DAYS, 7)
    total = np.concatenate([np.zeros((1, hazard.shape[1])), np.cumsum(hazard, axis=0, dtype=np.float64)])
    weeks = len(hazard) - whole
    ahead = total[whole : whole + weeks] - total[:weeks] + part / 7 * hazard[whole:]
    return -np.expm1(-ahead)


def truth_rows(cases: Cases, paths: Paths, incident: Times, *, first_case: int, end: int) -> TruthRows:
    """The truth of a block from opening to 26 weeks after the last closing, the incident or the end."""
    p90 = probability_90d(paths.hazard)
    at = cases.opened[None, :] + np.arange(len(p90), dtype=np.int64)[:, None] * WEEK
    written = (at < end) & (at <= incident[None, :])
    still_open = paths.is_open[: len(p90)] & (at < end)
    last_open = len(p90) - 1 - np.argmax(still_open[::-1], axis=0)
    written &= np.arange(len(p90))[:, None] <= last_open[None, :] + WEEKS_AFTER_CLOSING
    case, week = np.nonzero(written.T)
    return TruthRows(
        case=(case + first_case).astype(np.int32),
        week=week.astype(np.int16),
        state=paths.state[week, case],
        hazard=paths.hazard[week, case],
        p90=p90[week, case].astype(np.float32),
    )


def write_truth(path: Path, blocks: list[TruthRows], *, cases: Cases, dispute_number: NDArray[np.integer]) -> int:
    """Writes the truth of the disputes that have a number, and returns how many rows that is."""
    written = 0
    with open_parquet(path, SCHEMA) as writer:
        for block in blocks:
            rows = block.part(dispute_number[block.case] > 0)
            for start in range(0, len(rows), _ROWS_AT_A_TIME):
                writer.write_table(_arrow(rows.part(slice(start, start + _ROWS_AT_A_TIME)), cases, dispute_number))
            written += len(rows)
    return written


def _arrow(rows: TruthRows, cases: Cases, dispute_number: NDArray[np.integer]) -> pa.Table:
    at = cases.opened[rows.case] + rows.week.astype(np.int64) * WEEK
    columns = [
        numbered("D", dispute_number[rows.case], digits=DISPUTE_DIGITS),
        pa.array(at).cast(SCHEMA.field("at").type),
        pa.array(rows.state),
        pa.array(cases.hostility[rows.case]),
        pa.array(rows.hazard.astype(np.float64)),
        pa.array(rows.p90.astype(np.float64)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
