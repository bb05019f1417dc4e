"""What a profile of a matrix holds, as frozen records: the page is a view of these.

A profile is an aggregate, and stays one: counts are rounded to tens, a count from 1 to 9 is never given, and neither is
a share or a quantile that would tell it.  So no row can be found by taking one number from another.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FEWEST = 10
"""Counts below this are not given."""

WarningKind = Literal[
    "constant", "always_unknown", "missingness_jumps", "too_good", "not_yet_known", "too_few_positives"
]


class Record(BaseModel):
    """A frozen record that takes no unknown field and no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Bin(Record):
    """One value or range of an indicator, and how many of its rows are positive.

    ``rows`` are rows with a known label, ``positives`` the positive ones, both in tens, and None below ten.  The rate
    and its 95% interval (clustered by pair) are None where fewer than ten positives, or positives of fewer than ten
    disputes, are too few to say.
    """

    label: str
    rows: int | None
    positives: int | None
    rate: float | None
    low: float | None
    high: float | None


class Auc(Record):
    """How well one column alone ranks positive above negative rows, with its 95% interval, clustered by pair."""

    value: float
    low: float
    high: float


class MonthOfIndicator(Record):
    """An indicator in one month: share unknown, share off its default, quartiles of the known values."""

    month: str
    unknown: float | None
    off_default: float | None
    quartiles: tuple[float, float, float] | None


class IndicatorProfile(Record):
    """One column of the matrix.

    ``default`` is the value where nothing is on record (None where there is no such value); ``constant``
    the one known value, where there is but one; ``off_default`` the share of all rows whose known value is another.  ``unknown_by_channel`` is None without records.
    """

    id: str
    column: str
    family: str
    name_en: str
    name_zh: str
    value_type: str
    care_only: bool
    default: float | None
    constant: float | None
    unknown: float | None
    off_default: float | None
    quartiles: tuple[float, float, float] | None
    unknown_by_channel: dict[str, float | None] | None
    off_default_by_channel: dict[str, float | None] | None
    by_month: tuple[MonthOfIndicator, ...]
    bins: tuple[Bin, ...]
    auc: Auc | None
    auc_of_unknown: Auc | None


class Month(Record):
    """Rows of one month of ``as_of`` (Asia/Shanghai), by label state; in tens, None below ten."""

    month: str
    rows: int | None
    positive: int | None
    negative: int | None
    not_yet_known: int | None


class Caution(Record):
    """One thing to look at before a model is fitted."""

    kind: WarningKind
    column: str | None
    en: str
    zh: str


class Profile(Record):
    """The profile of one matrix, under the matrix's own digest."""

    schema_version: Literal[1] = 1
    matrix_digest: str
    catalogue: str
    spine: str
    known_at: str
    horizon_days: float
    label_delay_days: float
    synthetic: bool
    rows: int | None
    disputes: int | None
    labels: dict[str, int | None]
    after_incident: int | None
    all_labelled: Bin
    disputes_with_incident: int | None
    channels: dict[str, int | None] | None
    months: tuple[Month, ...]
    indicators: tuple[IndicatorProfile, ...]
    warnings: tuple[Caution, ...]


def in_tens(count: int) -> int | None:
    """The count to the nearest ten; 0 stays 0, and 1 to 9 is None."""
    if 0 < count < FEWEST:
        return None
    return round(count / 10) * 10


def share_of(count: int, rows: int) -> float | None:
    """The share to three digits; None where it would tell of 1 to 9 rows, in the part or in the rest."""
    rest = rows - count
    if rows < FEWEST or 0 < count < FEWEST or 0 < rest < FEWEST:
        return None
    return float(f"{count / rows:.3g}") if count <= rest else 1 - float(f"{rest / rows:.3g}")
