"""Matrix files to the rows of a split: all positives, sampled negatives, and the untouched test rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.clock import NEVER, Times
from features.errors import MissingInput
from features.history import Array
from features.view import Values
from training.split import Split, training_rows


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix: ``values`` (rows, columns), the rest (rows,).

    ``dispute`` and ``pair`` are whole-number codes, ``weight`` is the number of rows that each stands for.
    """

    values: Values
    dispute: Array
    pair: Array
    as_of: Times
    incident_at: Times
    label: Array
    weight: Values

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, chosen: Array) -> Rows:
        return Rows(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})

    def columns(self, names: tuple[str, ...]) -> dict[str, Values]:
        """The values by column name."""
        return {name: self.values[:, position] for position, name in enumerate(names)}


@dataclass
class Counted:
    """What the split left out, and why: so that rows in = rows used + rows left out."""

    rows: int = 0
    not_yet_known: int = 0
    after_incident: int = 0
    before_the_first_landmark: int = 0
    in_embargo: int = 0
    of_test_pairs: int = 0
    negatives_not_sampled: int = 0
    train: int = 0
    test: int = 0
    disputes: dict[str, int] = field(default_factory=dict)


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


def split_rows(
    folder: Path, split: Split, columns: tuple[str, ...], *, label: str, negative_rate: float, seed: int
) -> tuple[Rows, Rows, Counted]:
    """The training rows (negatives sampled), the test rows, and the account of all rows.

    Left out: labels not yet known, landmarks after the dispute's first incident, the embargo, and training rows of a
    pair that occurs in the test.  A pair lies in one part, so that each part is split by itself.
    """
    counted = Counted()
    train, test = [], []
    offset = 0
    for number, part in enumerate(_read(folder, columns, label)):
        rows, known, after = part
        counted.rows += len(rows)
        counted.not_yet_known += int((~known).sum())
        counted.after_incident += int((known & after).sum())
        usable = known & ~after
        is_test = usable & split.is_test(rows.as_of)
        test_pairs = np.unique(rows.pair[is_test])
        early = usable & split.is_training(rows.as_of)
        trains = early & training_rows(split, rows.as_of, rows.pair, test_pairs)
        before = usable & (rows.as_of < split.train_start)
        counted.before_the_first_landmark += int(before.sum())
        counted.in_embargo += int((usable & ~before & ~early & ~is_test).sum())
        counted.of_test_pairs += int((early & ~trains).sum())
        chance = np.random.default_rng((seed, number)).random(len(rows))
        kept = trains & ((rows.label == 1) | (chance < negative_rate))
        counted.negatives_not_sampled += int((trains & ~kept).sum())
        rows = _numbered(rows, offset)
        train.append(rows[kept])
        test.append(rows[is_test])
        offset += len(rows)
    training = _joined(train)
    weight = np.where(training.label == 1, 1.0, 1.0 / negative_rate)
    training = Rows(**{**training.__dict__, "weight": weight})
    testing = _joined(test)
    counted.train, counted.test = len(training), len(testing)
    counted.disputes = {"train": len(np.unique(training.dispute)), "test": len(np.unique(testing.dispute))}
    return training, testing, counted


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _read(folder: Path, columns: tuple[str, ...], label: str) -> Iterator[tuple[Rows, Array, Array]]:
    """Every part with which labels are known and which rows lie after an incident."""
    for path in _parts(folder / "matrix"):
        matrix = pq.read_table(path, columns=["dispute_id", "as_of", label, *columns])
        beside = pq.read_table(folder / "outcomes" / path.name, columns=["pair", "incident_at", "after_incident"])
        known = matrix[label].is_valid().to_numpy()
        incident_at = beside["incident_at"].cast("int64").fill_null(NEVER).to_numpy()
        values = [matrix[name].to_numpy() for name in columns]
        rows = Rows(
            values=np.column_stack(values) if len(matrix) else np.zeros((0, len(columns))),
            dispute=pd.factorize(matrix["dispute_id"].to_numpy(zero_copy_only=False))[0],
            pair=pd.factorize(beside["pair"].to_numpy(zero_copy_only=False))[0],
            as_of=matrix["as_of"].cast("int64").to_numpy(),
            incident_at=incident_at,
            label=matrix[label].fill_null(0).to_numpy().astype(np.int8),
            weight=np.ones(len(matrix)),
        )
        yield rows, known, beside["after_incident"].to_numpy(zero_copy_only=False)


def _numbered(rows: Rows, offset: int) -> Rows:
    return Rows(**{**rows.__dict__, "dispute": rows.dispute + offset, "pair": rows.pair + offset})


def _joined(parts: list[Rows]) -> Rows:
    return Rows(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__dataclass_fields__})
