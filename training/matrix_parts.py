"""The parts of a matrix, file by file: which rows there are, and the values of the few that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import NEVER, Times
from features.history import Array
from features.view import Values
from training.evaluation.held_out import HeldOutRows

Weigher = Callable[[Path, str], Values]
"""The weight of every row of a part (named by its file) of a matrix folder, for risk under usual care."""


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix: ``values`` (rows, columns), the rest (rows,).

    ``dispute`` and ``pair`` are whole-number codes, ``weight`` is the number of rows that each stands for.
    ``pair_weight`` is the part of it that makes up for the pairs left out of training and for rows censored; the rest is
    the sampling of negatives, which the margin corrects.  ``care`` is the part for rows censored (``training.treatment``):
    1 where the estimand is risk as treated; 0 for a censored row, NaN for one not under usual care, both only in a test.
    """

    values: Values
    dispute: Array
    pair: Array
    as_of: Times
    incident_at: Times
    label: Array
    weight: Values
    pair_weight: Values
    care: Values

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, chosen: Array) -> Rows:
        return Rows(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})

    def numbered_from(self, offset: int) -> Rows:
        """The same with numbers of disputes and pairs that begin with ``offset``."""
        return replace(self, dispute=self.dispute + offset, pair=self.pair + offset)

    @property
    def bare(self) -> Rows:
        """The same without their values."""
        return replace(self, values=np.zeros((len(self), 0)))

    def held_out(self, horizon_days: int) -> HeldOutRows:
        """The same as test rows to be judged on, checked."""
        return HeldOutRows(
            dispute=self.dispute, pair=self.pair, as_of_us=self.as_of, incident_at_us=self.incident_at,
            label=self.label, horizon_days=horizon_days,
        )  # fmt: skip

    def columns(self, names: tuple[str, ...]) -> dict[str, Values]:
        """The values by column name."""
        return {name: self.values[:, position] for position, name in enumerate(names)}


@dataclass(frozen=True)
class Part:
    """The rows of one matrix file without their values, which labels are known, and which rows lie after an incident.

    Few rows of a part are kept: the values are read once these are chosen, one column after the other, so that no part
    ever lies in memory whole.
    """

    rows: Rows
    known: Array
    after: Array
    path: Path
    columns: tuple[str, ...]
    dispute_ids: pa.ChunkedArray
    pair_ids: pa.ChunkedArray

    @property
    def usable(self) -> Array:
        """Which rows have a label and lie before any incident."""
        return self.known & ~self.after

    def taken(self, *choices: Array) -> Iterator[Rows]:
        """Some choices of rows, with their values."""
        values = [np.empty((int(chosen.sum()), len(self.columns))) for chosen in choices]
        with pq.ParquetFile(self.path) as file:
            for place, name in enumerate(self.columns):
                column = file.read(columns=[name])[name].to_numpy()
                for chosen, own in zip(choices, values, strict=True):
                    own[:, place] = column[chosen]
        return (replace(self.rows[chosen], values=own) for chosen, own in zip(choices, values, strict=True))

    def ids_of(self, chosen: Array) -> Array:
        """The ids of the disputes of some rows."""
        return self.dispute_ids.filter(pa.array(chosen)).to_numpy()


def parts_of(folder: Path) -> list[Path]:
    """The files of the parts, in order."""
    return sorted(folder.glob("part-*.parquet"))


def read_part(folder: Path, name: str, columns: tuple[str, ...], label: str, care: Weigher | None) -> Part:
    """One part of a matrix; disputes and pairs have no numbers yet."""
    matrix = pq.read_table(folder / "matrix" / name, columns=["dispute_id", "as_of", label])
    beside = pq.read_table(folder / "outcomes" / name, columns=["pair", "incident_at", "after_incident"])
    none = np.zeros(len(matrix), np.int64)
    rows = Rows(
        values=np.zeros((len(matrix), 0)),
        dispute=none,
        pair=none,
        as_of=matrix["as_of"].cast("int64").to_numpy(),
        incident_at=beside["incident_at"].cast("int64").fill_null(NEVER).to_numpy(),
        label=matrix[label].fill_null(0).to_numpy().astype(np.int8),
        weight=np.ones(len(matrix)),
        pair_weight=np.ones(len(matrix)),
        care=np.ones(len(matrix)) if care is None else care(folder, name),
    )
    return Part(
        rows=rows, known=matrix[label].is_valid().to_numpy(),
        after=beside["after_incident"].to_numpy(), path=folder / "matrix" / name, columns=columns,
        dispute_ids=matrix["dispute_id"], pair_ids=beside["pair"],
    )  # fmt: skip


def number_alike(first: Part, second: Part) -> tuple[Part, Part]:
    """The same parts with disputes and pairs as whole numbers from 0 as they come, the same number for the same id."""
    cut = len(first.rows)
    dispute = _numbers(first.dispute_ids, second.dispute_ids)
    pair = _numbers(first.pair_ids, second.pair_ids)
    return (
        replace(first, rows=replace(first.rows, dispute=dispute[:cut], pair=pair[:cut])),
        replace(second, rows=replace(second.rows, dispute=dispute[cut:], pair=pair[cut:])),
    )


def _numbers(first: pa.ChunkedArray, second: pa.ChunkedArray) -> Array:
    """A whole number for each id, in order of first appearance."""
    ids = pa.chunked_array([*first.chunks, *second.chunks], first.type).combine_chunks()
    return ids.dictionary_encode().indices.to_numpy().astype(np.int64)


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts, one after the other."""
    return Rows(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__dataclass_fields__})
