"""Matrix files to the rows of a split: all positives, sampled negatives, and the untouched test rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from features.errors import MissingInput
from features.history import Array
from features.view import Values
from training.cores import in_order
from training.keeping import pair_weights
from training.matrix_parts import Part, Rows, Weigher, joined, number_alike, parts_of, read_part
from training.split import Split, training_rows

Made = TypeVar("Made")


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

    def add(self, part: Counted) -> None:
        """Take in the counts of a part."""
        for own, other in ((self.training, part.training), (self, part)):
            for name in own.__dict__.keys() - {"training", *self.weights_record()}:
                setattr(own, name, getattr(own, name) + getattr(other, name))

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
        for part in (pq.read_table(path, columns=["as_of"]) for path in parts_of(folder / "matrix"))
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

    @property
    def bare(self) -> SplitRows:
        """The same without the values of any row."""
        return replace(self, train=self.train.bare, calibration=self.calibration.bare, test=self.test.bare)


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

    def split_part(place: tuple[int, Path]) -> _SplitPart:
        number, path = place
        parts = (read_part(matrix, path.name, columns, label, care) for matrix in (train_matrix, test_matrix))
        early, late = number_alike(*parts)
        counted = Counted()
        held = _held(late, split, counted)
        drawn = _Drawn(split, late.rows.pair[held], number, sampling)
        (trains, left), (calibrates, beside) = drawn.choices(early, counted.training), drawn.choices(late, Drawing())
        test, late_kept, late_left = late.taken(held, calibrates, beside)
        early_kept, early_left = early.taken(trains, left)
        return _SplitPart(
            _DrawnRows(early_kept, early_left, early.ids_of(trains)),
            _DrawnRows(late_kept, late_left, late.ids_of(calibrates)),
            test, late.ids_of(held), len(early.rows) + len(late.rows), counted,
        )  # fmt: skip

    counted, offset = Counted(), 0
    found: tuple[list[_DrawnRows], list[_DrawnRows], list[Rows]] = ([], [], [])
    names = []
    for part in in_order(split_part, enumerate(parts_of(train_matrix / "matrix"))):
        found[0].append(part.trains.numbered_from(offset))
        found[1].append(part.calibrates.numbered_from(offset))
        found[2].append(part.test.numbered_from(offset))
        names.append(part.test_ids)
        counted.add(part.counted)
        offset += part.size
    held = joined(found[2])
    counted.test = len(held)
    train, calibration = in_order(lambda drawn: _weighted(drawn, sampling.negative_rate), found[:2])
    if len(train):
        counted.train_effective = round(train.pair_weight.sum() ** 2 / (train.pair_weight**2).sum())
        counted.largest_pair_weight = round(float(train.pair_weight.max()), 3)
    train_ids, calibration_ids = (np.concatenate([part.kept_ids for part in drawn]) for drawn in found[:2])
    return SplitRows(train, calibration, held, train_ids, calibration_ids, np.concatenate(names), counted)


def test_rows(
    folder: Path, split: Split, columns: tuple[str, ...], *, label: str, work: Callable[[Rows], Made]
) -> tuple[Rows, Array, list[Made]]:  # fmt: skip
    """The labelled rows of a matrix in the test, up to each dispute's incident, and the dispute ids beside them.

    The rows come without their values, which may be too many to hold at once: ``work`` sees them part by part, and what
    it makes of each part is returned in order.
    """

    def read(path: Path) -> tuple[Part, Array, Made]:
        part, _ = number_alike(*[read_part(folder, path.name, columns, label, None)] * 2)
        held = part.usable & split.is_test(part.rows.as_of)
        (rows,) = part.taken(held)
        return part, held, work(rows)

    found, names, made, offset = [], [], [], 0
    for part, held, one in in_order(read, parts_of(folder / "matrix")):
        found.append(part.rows[held].numbered_from(offset))
        names.append(part.ids_of(held))
        made.append(one)
        offset += len(part.rows)
    return joined(found), np.concatenate(names), made


def _weighted(parts: list[_DrawnRows], negative_rate: float) -> Rows:
    rows, left_out = joined([part.kept for part in parts]), joined([part.left_out for part in parts])
    pair_weight = rows.care * pair_weights(_with_time(rows), rows.label, _with_time(left_out), left_out.label)
    sampled = np.where(rows.label == 1, 1.0, 1.0 / negative_rate)
    return replace(rows, weight=pair_weight * sampled, pair_weight=pair_weight)


def _with_time(rows: Rows) -> Values:
    return np.column_stack([rows.values, rows.as_of])


def _held(part: Part, split: Split, counted: Counted) -> Array:
    """Which rows of a part are test rows."""
    usable = part.usable
    held = usable & split.is_test(part.rows.as_of)
    counted.test_rows += len(part.rows)
    counted.test_not_yet_known += int((~part.known).sum())
    counted.test_after_incident += int((part.known & part.after).sum())
    counted.test_outside_the_period += int((usable & ~held).sum())
    return held


@dataclass(frozen=True)
class _Drawn:
    """How the rows before the embargo are drawn from one part."""

    split: Split
    test_pairs: Array
    part_number: int
    sampling: Sampling

    def choices(self, part: Part, counted: Drawing) -> tuple[Array, Array]:
        """All positives and a share of the negatives, of no pair that occurs in the test; and such of those pairs."""
        rows, usable, split = part.rows, part.usable, self.split
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
        return kept, early & ~trains & followed & drawn


@dataclass(frozen=True)
class _DrawnRows:
    """Rows that train, and rows of the training period, drawn alike, that don't because their pair is in the test."""

    kept: Rows
    left_out: Rows
    kept_ids: Array

    def numbered_from(self, offset: int) -> _DrawnRows:
        """The same with numbers of disputes and pairs that begin with ``offset``."""
        return replace(self, kept=self.kept.numbered_from(offset), left_out=self.left_out.numbered_from(offset))


@dataclass(frozen=True)
class _SplitPart:
    """What becomes of the rows of a part of both matrices, with numbers from 0: all that is kept of it."""

    trains: _DrawnRows
    calibrates: _DrawnRows
    test: Rows
    test_ids: Array
    size: int
    counted: Counted
