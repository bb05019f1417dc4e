"""The matrices of an experiment: the one it trains on, and the one row a month of the headline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from features.clock import format_time
from features.matrix import build_matrix, matrix_plan_digest
from features.records import Records
from training.artifact.home import Home
from training.experiment import Experiment
from training.split import Split, month_starts

Progress = Callable[[str, float], None]


def matrix_for(experiment: Experiment, records: Records, *, home: Home, progress: Progress) -> Path:
    """The training matrix of an experiment."""
    return _built(experiment, records, home, progress, as_of=experiment.matrix.as_of, closed_within_days=None)


def monthly_matrix(
    experiment: Experiment, records: Records, splits: Sequence[Split], *, home: Home, progress: Progress
) -> Path:  # fmt: skip
    """The population of the headline: the first instant of each month (Asia/Shanghai) of all training periods and
    tests, for disputes that are open or were closed lately.
    """
    starts = {start for split in splits for start in monthly_landmarks(split)}
    times = ",".join(format_time(at) for at in sorted(starts))
    days = experiment.cohort.closed_within_days
    return _built(experiment, records, home, progress, as_of=times, closed_within_days=days)


def monthly_landmarks(split: Split) -> tuple[int, ...]:
    """The months of a split's training period and test."""
    return month_starts(split.train_start, split.train_end) + month_starts(split.test_start, split.test_end)


def _built(
    experiment: Experiment, records: Records, home: Home, progress: Progress, *,
    as_of: str, closed_within_days: int | None,
) -> Path:  # fmt: skip
    """A matrix, built once for everything that its bytes depend on, then found again."""
    settings: dict[str, Any] = {
        "as_of": as_of, "indicators": experiment.matrix.indicator_ids, "label": experiment.label,
        "reference_income_cny": experiment.matrix.reference_income_cny, "closed_within_days": closed_within_days,
    }  # fmt: skip
    folder = home.matrices / matrix_plan_digest(records, **settings)[:16]
    if not (folder / "manifest.json").exists():
        build_matrix(records, folder, **settings, progress=progress)
    return folder
