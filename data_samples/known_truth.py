"""What is truly the case in a simulated world: soft labels, the oracle's score, coverage, potential outcomes.

For evaluation code only: no floor of the product may import this module or read the folder it reads.  Every figure
made with it is SYNTHETIC.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_samples.simulator.clock import DAY, HORIZON_DAYS, WEEK
from data_samples.simulator.truth import PART_OF_WEEK
from features.errors import MissingInput

Ids: TypeAlias = Sequence[str] | NDArray[Any] | pa.Array | pa.ChunkedArray
Reals: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Coverage:
    """True incidents in three parts: on no book; on the books, but without a scored row in the 90 days before; scored."""

    no_dispute: int
    not_scored: int
    scored: int

    @property
    def total(self) -> int:
        """All incidents."""
        return self.no_dispute + self.not_scored + self.scored

    @property
    def share_scored(self) -> float:
        """The share of all incidents that had a scored row; NaN without any incident."""
        return self.scored / self.total if self.total else float("nan")


@dataclass(frozen=True)
class Truth:
    """The truth of one simulated world.

    Ids are dispute ids, landmarks microseconds UTC, one of each per asked row.  Where the truth has no row (an unknown
    dispute, a landmark before its opening, after its incident or more than 30 weeks after it truly closed) the
    answer is NaN.
    """

    folder: Path
    meta: dict[str, Any]

    def soft_labels(self, dispute_ids: Ids, as_of_us: NDArray[np.int64]) -> Reals:
        """The true probability of an incident in ``[as_of, as_of + 90 days)``: 1 - exp of the exact integral."""
        within, rows = self._find(dispute_ids, as_of_us)
        values = self._take(rows, "p90", "hazard", "hazard_in_12_weeks", "hazard_in_13_weeks")
        gained = np.minimum(within, 1 - PART_OF_WEEK), np.maximum(within - (1 - PART_OF_WEEK), 0.0)
        hazard = -np.log1p(-values["p90"]) - within * values["hazard"]
        hazard += gained[0] * values["hazard_in_12_weeks"] + gained[1] * values["hazard_in_13_weeks"]
        return -np.expm1(-np.maximum(hazard, 0.0))

    def untreated_soft_labels(self, dispute_ids: Ids, as_of_us: NDArray[np.int64]) -> Reals:
        """The same along the same path had no help and no contact borne on the hazard, as of the start of the week.

        What help did to the state stays in it; the start of a week is at most seven days before the landmark.
        """
        _, rows = self._find(dispute_ids, as_of_us)
        return self._take(rows, "untreated_p90")["untreated_p90"]

    def outcomes_under(self, course: str, dispute_ids: Ids, as_of_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the incident would have come within 90 days of each landmark under a course of help.

        ``course`` is a column of ``potential``: ``without_services``, ``as_it_was`` and the like.
        """
        potential = self.potential
        of, when = _numbers(potential["dispute_id"]), potential[course].cast(pa.int64()).fill_null(-1).to_numpy()
        order = np.argsort(of)
        of, when = of[order], when[order]
        number, as_of = _numbers(dispute_ids), np.asarray(as_of_us, np.int64)
        place = np.minimum(np.searchsorted(of, number), max(len(of) - 1, 0))
        at = np.where(of[place] == number, when[place], -1) if len(of) else np.full(len(number), -1)
        return (at >= as_of) & (at < as_of + HORIZON_DAYS * DAY)

    def hazards(self, dispute_ids: Ids, as_of_us: NDArray[np.int64]) -> Reals:
        """The oracle's score: the true hazard per week at the landmark."""
        _, rows = self._find(dispute_ids, as_of_us)
        return self._take(rows, "hazard")["hazard"]

    def weekly(self, dispute_ids: Ids, as_of_us: NDArray[np.int64], *columns: str) -> dict[str, Reals]:
        """Any columns of the weekly truth (state, help, u, ...) in the week of the landmark, as floats."""
        _, rows = self._find(dispute_ids, as_of_us)
        return self._take(rows, *columns)

    def coverage(
        self, dispute_ids: Ids, as_of_us: NDArray[np.int64], *, start_us: int | None = None, end_us: int | None = None
    ) -> Coverage:
        """The true incidents of ``[start, end)`` (default: all) in three parts, given every scored row."""
        occurred = self.incidents["occurred_at"].cast(pa.int64()).to_numpy()
        of = _numbers(self.incidents["dispute_id"])
        low, high = start_us or 0, end_us or self.meta["end_us"]
        within = (occurred >= low) & (occurred < high)
        occurred, of = occurred[within], of[within]
        number = _numbers(dispute_ids)
        asked = np.isin(number, of[of > 0])
        number, as_of = number[asked], np.asarray(as_of_us)[asked]
        scored = np.zeros(len(of), np.bool_)
        by_dispute = np.argsort(number, kind="stable")
        first, last = (np.searchsorted(number[by_dispute], of, side=side) for side in ("left", "right"))
        for incident in np.flatnonzero((of > 0) & (last > first)):
            times = as_of[by_dispute[first[incident] : last[incident]]]
            before = occurred[incident] - times
            scored[incident] = ((before >= 0) & (before < HORIZON_DAYS * DAY)).any()
        no_dispute = int((of <= 0).sum())
        return Coverage(no_dispute, len(of) - no_dispute - int(scored.sum()), int(scored.sum()))

    @cached_property
    def incidents(self) -> pa.Table:
        """Every true incident: incident_id (null until verified), its true dispute_id (null: on no book), times."""
        return self._table("incidents")

    @cached_property
    def duplicates(self) -> pa.Table:
        """event_id and of_event_id: which event is a report of which other one through another channel."""
        return self._table("duplicates")

    @cached_property
    def disputes(self) -> pa.Table:
        """Every written dispute in order of id: true kind, true pair, when its first affirmed conduct was recorded."""
        return self._table("disputes")

    @cached_property
    def potential(self) -> pa.Table:
        """When the incident comes under each course of help, for disputes that have one under any; null = never."""
        return self._table("potential")

    @cached_property
    def offers(self) -> pa.Table | None:
        """The offers of the red package, near and above its line; None where no policy made any."""
        return self._table("offers") if (self.folder / "offers.parquet").exists() else None

    def _table(self, name: str) -> pa.Table:
        return pq.read_table(self.folder / f"{name}.parquet")

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Opening, first weekly row and number of rows of each dispute, by id number; number 0 is nobody."""
        table = self.disputes
        columns = (table["opened_at"].cast(pa.int64()), table["first_row"], table["rows"])
        opened, first, count = (np.concatenate([[0], column.to_numpy()]).astype(np.int64) for column in columns)
        return opened, first, count

    def _find(self, dispute_ids: Ids, as_of_us: NDArray[np.int64]) -> tuple[Reals, NDArray[np.int64]]:
        """How far into its week each landmark lies (0 to 1), and its weekly row (-1: none)."""
        opened, first, count = self._places
        number = _numbers(dispute_ids)
        number = np.where(number < len(opened), number, 0)
        week, rest = np.divmod(np.asarray(as_of_us, np.int64) - opened[number], WEEK)
        there = (week >= 0) & (week < count[number])
        return rest / WEEK, np.where(there, first[number] + week, -1)

    def _take(self, rows: NDArray[np.int64], *columns: str) -> dict[str, Reals]:
        """Columns of the weekly truth at these rows: one pass over the file, group of rows by group of rows."""
        order = np.argsort(rows, kind="stable")
        in_order = rows[order]
        out = {name: np.full(len(rows), np.nan) for name in columns}
        with pq.ParquetFile(self.folder / "truth.parquet") as file:
            start = 0
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                low, high = np.searchsorted(in_order, (start, end))
                if high > low:
                    table = file.read_row_group(group, columns=list(columns))
                    for name in columns:
                        out[name][order[low:high]] = table[name].to_numpy()[in_order[low:high] - start]
                start = end
        return out


def read_truth(folder: Path | str) -> Truth:
    """The truth in ``folder``: that of the records in OUT lies in OUT.truth.  Raises MissingInput if it does not."""
    folder = Path(folder)
    if not (folder / "meta.json").exists():
        raise MissingInput(f"{folder} holds no truth of a simulated world: give the folder OUT.truth")
    return Truth(folder, json.loads((folder / "meta.json").read_text(encoding="utf-8")))


def _numbers(dispute_ids: Ids) -> NDArray[np.int64]:
    """The numbers in ids such as D0000123; 0 for null and any other id."""
    ids = dispute_ids if isinstance(dispute_ids, pa.Array | pa.ChunkedArray) else pa.array(dispute_ids, pa.string())
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(pa.string())
    known = pc.match_substring_regex(ids, "^D[0-9]{7}$")
    number = pc.if_else(known, pc.utf8_slice_codeunits(ids, 1, 8), "0")
    return pc.fill_null(number.cast(pa.int64()), 0).to_numpy().astype(np.int64)
