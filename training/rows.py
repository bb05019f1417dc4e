"""Matrix files to the rows of a split: all positives, sampled negatives, and the untouched test rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.clock import NEVER, Times
from features.errors import MissingInput
from features.history import Array
from features.view import Values
from training.evaluation.held_out import HeldOutRows
from training.keeping import pair_weights
from training.split import Split, training_rows

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

    def held_out(self, horizon_days: int) -> HeldOutRows:
        """The same as test rows to be judged on, checked."""
        return HeldOutRows(
            dispute=self.dispute, pair=self.pair, as_of_us=self.as_of, incident_at_us=self.incident_at,
            label=self.label, horizon_days=horizon_days,
        )  # fmt: skip

    def columns(self, names: tuple[str, ...]) -> dict[str, Values]:
        """The values by column name."""
        return {name: self.values[:, position] for position, name in enumerate(names)}


@dataclass
class Drawing:
    """What became of every row of the training matrix: rows in = used (``train``) + left out, by reason."""

    rows: int = 0
    not_yet_known: int = 0
    after_incident: int = 0
    before_the_first_landmark: int = 0
    after_training_ends: int = 0
    of_test_pairs: int = 0
    under_extra_support: int = 0
    extra_support_began: int = 0
    negatives_not_sampled: int = 0
    train: int = 0


@dataclass
class Counted:
    """What became of every row: of the training matrix, and of the test's matrix.

    ``train_effective`` is how many equal rows the weighted training rows are worth (Kish 1965), sampling left aside.
    """

    training: Drawing = field(default_factory=Drawing)
    test_rows: int = 0
    test_not_yet_known: int = 0
    test_after_incident: int = 0
    test_outside_the_period: int = 0
    test: int = 0
    train_effective: int = 0
    largest_pair_weight: float = 1.0

    def to_record(self) -> dict[str, int]:
        """All counts of rows, flat."""
        apart = {"training", *self.weights_record()}
        return self.training.__dict__ | {name: value for name, value in self.__dict__.items() if name not in apart}

    def weights_record(self) -> dict[str, float]:
        """What the weights of the training rows come to; no counts of rows, so apart from them."""
        return {"train_effective": self.train_effective, "largest_pair_weight": self.largest_pair_weight}


@dataclass(frozen=True)
class Sampling:
    """How training rows are drawn: the share of negatives kept, the seed, and whether pairs stay on one side."""

    negative_rate: float
    seed: int
    by_pair: bool = True


def matrix_bounds(folder: Path) -> tuple[dict[str, Any], int]:
    """The manifest of a matrix and its first landmark (microseconds).  Raises MissingInput where there is none."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise MissingInput(f"no matrix in {folder}: run `defuse features` first")
    firsts = [
        part["as_of"].cast("int64").to_numpy().min()
        for part in (pq.read_table(path, columns=["as_of"]) for path in _parts(folder / "matrix"))
        if len(part)
    ]
    if not firsts:
        raise MissingInput(f"the matrix in {folder} has no row")
    return json.loads(manifest.read_text("utf-8")), int(min(firsts))


@dataclass(frozen=True)
class SplitRows:
    """The rows of a split.  No pair of ``test`` is in ``train`` or ``calibration`` (unless sampling says otherwise).

    ``train`` fits the trees.  ``calibration`` are rows of the training period from the population of the test: on them
    the calibration, the tier cut-offs and the typical values are fixed.  The ids of the disputes stand beside the rows.
    """

    train: Rows
    calibration: Rows
    test: Rows
    train_dispute_ids: Array
    calibration_dispute_ids: Array
    test_dispute_ids: Array
    counted: Counted


def split_rows(
    train_matrix: Path, test_matrix: Path, split: Split, columns: tuple[str, ...], *, label: str, sampling: Sampling,
    care: Weigher | None = None,
) -> SplitRows:  # fmt: skip
    """The rows of a split from a training matrix and one of the test's population, with the account of all rows.

    Both matrices may be the same.  Left out: labels not yet known, landmarks after the dispute's first incident,
    landmarks outside the split, and training rows of a pair that occurs in the test.  Negatives before the embargo are
    sampled, and weigh accordingly.  A pair lies in the same part of every matrix of the same records, so that each
    part is split by itself.  What the pairs of the test take away is made up for by weights (``training.keeping``).
    ``care`` weighs the rows of a part for risk under usual care; the test keeps all its rows, with their weight.
    """
    counted = Counted()
    found: tuple[list[_DrawnRows], list[_DrawnRows], list[Rows]] = ([], [], [])
    names = []
    offset = 0
    for number, path in enumerate(_parts(train_matrix / "matrix")):
        parts = [_read(matrix, path.name, columns, label, care) for matrix in (train_matrix, test_matrix)]
        early, late = _number_alike(parts[0], parts[1], offset)
        test, ids = _test_rows(late, split, counted)
        names.append(ids)
        drawn = _Drawn(split, test.pair, number, sampling)
        found[0].append(drawn.rows_of(early, counted.training))
        found[1].append(drawn.rows_of(late, Drawing()))
        found[2].append(test)
        offset += len(early.rows) + len(late.rows)
    held = _joined(found[2])
    counted.test = len(held)
    train, calibration = (_weighted(drawn, sampling.negative_rate) for drawn in found[:2])
    if len(train):
        counted.train_effective = round(train.pair_weight.sum() ** 2 / (train.pair_weight**2).sum())
        counted.largest_pair_weight = round(float(train.pair_weight.max()), 3)
    train_ids, calibration_ids = (np.concatenate([part.kept_ids for part in drawn]) for drawn in found[:2])
    return SplitRows(train, calibration, held, train_ids, calibration_ids, np.concatenate(names), counted)


def test_rows(folder: Path, split: Split, columns: tuple[str, ...], *, label: str) -> tuple[Rows, Array]:
    """The labelled rows of a matrix in the test, up to each dispute's incident, and the dispute ids beside them."""
    found, names, offset = [], [], 0
    for path in _parts(folder / "matrix"):
        part = _read(folder, path.name, columns, label, None)
        numbered, _ = _number_alike(part, part, offset)
        rows, ids = _test_rows(numbered, split, Counted())
        found.append(rows)
        names.append(ids)
        offset += len(part.rows)
    return _joined(found), np.concatenate(names)


def matrix_values(
    folder: Path, columns: tuple[str, ...], *, dispute_ids: Array, as_of: Times
) -> tuple[Values, Array]:  # fmt: skip
    """The columns of a matrix for wanted rows, by dispute and landmark: (found rows, columns), and which were found."""
    wanted = pd.MultiIndex.from_arrays([dispute_ids.astype(str), as_of])
    values = np.full((len(wanted), len(columns)), np.nan)
    found = np.zeros(len(wanted), dtype=bool)
    for path in _parts(folder / "matrix"):
        part = pq.read_table(path, columns=["dispute_id", "as_of", *columns])
        ids = part["dispute_id"].to_numpy(zero_copy_only=False).astype(str)
        place = wanted.get_indexer(pd.MultiIndex.from_arrays([ids, part["as_of"].cast("int64").to_numpy()]))
        here = place >= 0
        found[place[here]] = True
        for position, name in enumerate(columns):
            values[place[here], position] = part[name].to_numpy()[here]
    return values[found], found


def _weighted(parts: list[_DrawnRows], negative_rate: float) -> Rows:
    rows, left_out = _joined([part.kept for part in parts]), _joined([part.left_out for part in parts])
    pair_weight = rows.care * pair_weights(_with_time(rows), rows.label, _with_time(left_out), left_out.label)
    sampled = np.where(rows.label == 1, 1.0, 1.0 / negative_rate)
    return replace(rows, weight=pair_weight * sampled, pair_weight=pair_weight)


def _with_time(rows: Rows) -> Values:
    return np.column_stack([rows.values, rows.as_of])


@dataclass(frozen=True)
class _Part:
    """The rows of one matrix file, which labels are known, and which rows lie after an incident."""

    rows: Rows
    known: Array
    after: Array
    dispute_ids: Array


def _test_rows(part: _Part, split: Split, counted: Counted) -> tuple[Rows, Array]:
    usable = part.known & ~part.after
    held = usable & split.is_test(part.rows.as_of)
    counted.test_rows += len(part.rows)
    counted.test_not_yet_known += int((~part.known).sum())
    counted.test_after_incident += int((part.known & part.after).sum())
    counted.test_outside_the_period += int((usable & ~held).sum())
    return part.rows[held], part.dispute_ids[held]


@dataclass(frozen=True)
class _Drawn:
    """How the rows before the embargo are drawn from one part."""

    split: Split
    test_pairs: Array
    part_number: int
    sampling: Sampling

    def rows_of(self, part: _Part, counted: Drawing) -> _DrawnRows:
        """All positives and a share of the negatives, of no pair that occurs in the test; and such of those pairs."""
        rows, usable, split = part.rows, part.known & ~part.after, self.split
        early = usable & split.is_training(rows.as_of)
        test_pairs = self.test_pairs if self.sampling.by_pair else self.test_pairs[:0]
        trains = usable & training_rows(split, rows.as_of, rows.pair, test_pairs)
        chance = np.random.default_rng((self.sampling.seed, self.part_number)).random(len(rows))
        drawn = (rows.label == 1) | (chance < self.sampling.negative_rate)
        followed = rows.care > 0  # neither censored nor NaN
        kept = trains & followed & drawn
        before = usable & (rows.as_of < split.train_start)
        counted.rows += len(rows)
        counted.not_yet_known += int((~part.known).sum())
        counted.after_incident += int((part.known & part.after).sum())
        counted.before_the_first_landmark += int(before.sum())
        counted.after_training_ends += int((usable & ~before & ~early).sum())
        counted.of_test_pairs += int((early & ~trains).sum())
        counted.under_extra_support += int((trains & np.isnan(rows.care)).sum())
        counted.extra_support_began += int((trains & (rows.care == 0)).sum())
        counted.negatives_not_sampled += int((trains & followed & ~drawn).sum())
        counted.train += int(kept.sum())
        return _DrawnRows(rows[kept], rows[early & ~trains & followed & drawn], part.dispute_ids[kept])


@dataclass(frozen=True)
class _DrawnRows:
    """Rows that train, and rows of the training period, drawn alike, that don't because their pair is in the test."""

    kept: Rows
    left_out: Rows
    kept_ids: Array


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _read(folder: Path, name: str, columns: tuple[str, ...], label: str, care: Weigher | None) -> _Part:
    """One part of a matrix; disputes and pairs are still their ids."""
    matrix = pq.read_table(folder / "matrix" / name, columns=["dispute_id", "as_of", label, *columns])
    beside = pq.read_table(folder / "outcomes" / name, columns=["pair", "incident_at", "after_incident"])
    values = [matrix[column].to_numpy() for column in columns]
    rows = Rows(
        values=np.stack(values).T
        if len(matrix)
        else np.zeros((0, len(columns))),  # column by column: few rows are kept
        dispute=matrix["dispute_id"].to_numpy(zero_copy_only=False),
        pair=beside["pair"].to_numpy(zero_copy_only=False),
        as_of=matrix["as_of"].cast("int64").to_numpy(),
        incident_at=beside["incident_at"].cast("int64").fill_null(NEVER).to_numpy(),
        label=matrix[label].fill_null(0).to_numpy().astype(np.int8),
        weight=np.ones(len(matrix)),
        pair_weight=np.ones(len(matrix)),
        care=np.ones(len(matrix)) if care is None else care(folder, name),
    )
    known = matrix[label].is_valid().to_numpy()
    return _Part(rows, known, beside["after_incident"].to_numpy(zero_copy_only=False), rows.dispute)


def _number_alike(first: _Part, second: _Part, offset: int) -> tuple[_Part, _Part]:
    """The same parts with disputes and pairs as whole numbers from ``offset``, the same number for the same id."""
    numbered = []
    for name in ("dispute", "pair"):
        ids = np.concatenate([getattr(first.rows, name), getattr(second.rows, name)])
        numbered.append(pd.factorize(ids)[0] + offset)
    cut = len(first.rows)

    def renamed(part: _Part, side: slice) -> _Part:
        return replace(part, rows=replace(part.rows, dispute=numbered[0][side], pair=numbered[1][side]))

    return renamed(first, slice(None, cut)), renamed(second, slice(cut, None))


def _joined(parts: list[Rows]) -> Rows:
    return Rows(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__dataclass_fields__})
