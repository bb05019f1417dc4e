"""The temporal splits: rolling origins, an embargo of horizon + label delay before each, no pair on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from features.clock import DAY_US, format_time, parse_time, to_us
from features.errors import UserError
from features.history import Array
from training.experiment import Experiment

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Split:
    """Times of the landmarks on each side, in microseconds UTC, all half-open.

    ``train_end`` is exclusive; between it and ``test_start`` lies the embargo.
    """

    train_start: int
    train_end: int
    test_start: int
    test_end: int

    def is_training(self, as_of: Array) -> Array:
        """Which landmarks lie before the embargo."""
        return (as_of >= self.train_start) & (as_of < self.train_end)

    def is_test(self, as_of: Array) -> Array:
        """Which landmarks lie in the test."""
        return (as_of >= self.test_start) & (as_of < self.test_end)


def last_origin(experiment: Experiment, *, first_as_of: int, known_at: int) -> Split:
    """The split at the last origin: the test ends with the last complete label.

    Raises UserError where the records are too short for a test, an embargo and some training before it.
    """
    first_as_of = _first_landmark(experiment, first_as_of)
    split = _origin(experiment, first_as_of, known_at, back=0)
    if split is None:
        need = 2 * experiment.embargo_days + experiment.split.test_days
        have = (known_at - first_as_of) / DAY_US
        raise UserError(
            f"the records span {have:.0f} days from the first landmark ({format_time(first_as_of)}); a test of "
            f"{experiment.split.test_days} days with an embargo of {experiment.embargo_days:g} days on both sides "
            f"leaves no training rows before day {need:.0f}: bring longer records, or shorten split.test_days"
        )
    return split


def all_origins(experiment: Experiment, *, first_as_of: int, known_at: int) -> tuple[Split, ...]:
    """The splits of an experiment, the earliest first: tests end to end, walked back from the last complete label.

    Fewer than asked for where the records leave an earlier one no training rows; never none.  Raises UserError where
    they are too short for the last one.
    """
    last = last_origin(experiment, first_as_of=first_as_of, known_at=known_at)
    start = _first_landmark(experiment, first_as_of)
    before = (_origin(experiment, start, known_at, back=back) for back in range(1, experiment.split.origins))
    return (*reversed([split for split in before if split is not None]), last)


def _first_landmark(experiment: Experiment, first_as_of: int) -> int:
    asked = experiment.cohort.first_as_of
    return first_as_of if asked is None else max(first_as_of, parse_time(asked))


def _origin(experiment: Experiment, first_as_of: int, known_at: int, *, back: int) -> Split | None:
    """The origin so many tests before the last one; None where no training row lies before its embargo."""
    embargo = round(experiment.embargo_days * DAY_US)
    test = experiment.split.test_days * DAY_US
    test_end = known_at - embargo + 1 - back * test
    train_end = test_end - test - embargo + 1
    return Split(first_as_of, train_end, test_end - test, test_end) if train_end > first_as_of else None


def training_rows(split: Split, as_of: Array, pair: Array, test_pairs: Array) -> Array:
    """Which rows may train: before the embargo, and of no pair that occurs in the test."""
    return split.is_training(as_of) & ~np.isin(pair, test_pairs)


def month_starts(start: int, end: int) -> tuple[int, ...]:
    """The first instant of every month (Asia/Shanghai) in ``[start, end)``; ``start`` itself where there is none."""
    first = datetime.fromtimestamp(start / 1e6, UTC).astimezone(ZONE)
    months = (first.year * 12 + first.month - 1 + step for step in range((end - start) // (28 * DAY_US) + 2))
    times = (to_us(datetime(month // 12, month % 12 + 1, 1, tzinfo=ZONE)) for month in months)
    return tuple(at for at in times if start <= at < end) or (start,)
