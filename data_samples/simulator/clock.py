"""Times of the simulated world: integers in microseconds UTC, weeks counted from each dispute's own opening."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
SHANGHAI_OFFSET = 8 * HOUR
SHANGHAI = timezone(timedelta(hours=8))
FIRST_YEAR = 2020
HORIZON_DAYS = 90
HORIZON_WEEKS = 13
"""Whole weeks that must follow a row for its 90-day probability to be complete."""

NO_TIME = np.iinfo(np.int64).min
"""Stands for a null time in the integer columns."""
NEVER = np.iinfo(np.int64).max


def new_year(years_after_start: int) -> int:
    """The instant 1 January 00:00 +08:00, so many years after the first simulated year."""
    return int(datetime(FIRST_YEAR + years_after_start, 1, 1, tzinfo=SHANGHAI).timestamp()) * SECOND


def quarter_start(quarters_after_start: int) -> int:
    """The first instant (+08:00) of a quarter, counted from the first of the first simulated year."""
    years, quarter = divmod(quarters_after_start, 4)
    return int(datetime(FIRST_YEAR + years, 1 + 3 * quarter, 1, tzinfo=SHANGHAI).timestamp()) * SECOND


def years_since_start(times: Times) -> NDArray[np.float64]:
    """Years of 365.25 days since the first instant of the first simulated year; negative before it."""
    return (times - new_year(0)) / (365.25 * DAY)


def days(values: NDArray[np.floating]) -> Times:
    """Durations given in days, as whole microseconds."""
    return np.rint(np.asarray(values, np.float64) * DAY).astype(np.int64)


def next_month_start(times: Times) -> Times:
    """The first instant (+08:00) of the month after each time."""
    local = (times + SHANGHAI_OFFSET).astype("datetime64[us]").astype("datetime64[M]") + 1
    return local.astype("datetime64[us]").astype(np.int64) - SHANGHAI_OFFSET
