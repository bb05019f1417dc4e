"""What a saved model states about itself: columns, calibration, tiers, points, and where it came from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 2
ScorerKind = Literal["trees", "tables"]


class Frozen(BaseModel):
    """A closed, frozen record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnContract(Frozen):
    """One model input: its indicator, column name and the ranges seen in training.

    ``typical`` is the median of the calibration rows (of a categorical column its most frequent code); ``low`` and ``high`` are their extremes (null: never known).
    ``unseen`` are the categories that neither training nor calibration rows held.
    """

    indicator: str
    column: str
    categories: tuple[str, ...] = ()
    typical: float | None
    low: float | None
    high: float | None
    unseen: tuple[str, ...] = ()


class Calibration(Frozen):
    """``margin = intercept + slope x (raw score + log_sampling_rate)``: log-odds of the 90-day risk."""

    intercept: float
    slope: float = Field(gt=0)
    log_sampling_rate: float = 0.0


class IntervalKnots(Frozen):
    """Standard error of the margin (log-odds) as a function of the margin, linear between knots."""

    margin: tuple[float, ...]
    standard_error: tuple[float, ...]


class TierCuts(Frozen):
    """The margin from which a case is red, orange or yellow: the top 0.15, 1 and 5% of the calibration rows."""

    red: float
    orange: float
    yellow: float


class PointsItem(Frozen):
    """One line of the points score: ``points`` where the column is at least (or at most) ``threshold``."""

    indicator: str
    column: str
    at: Literal["least", "most"] = "least"
    threshold: float
    points: int = Field(gt=0)


class PointsContract(Frozen):
    """The compulsory baseline and fallback: its items, calibration, intervals and tier cut-offs."""

    items: tuple[PointsItem, ...]
    calibration: Calibration
    intervals: IntervalKnots
    tiers: TierCuts


class Provenance(Frozen):
    """Digests of what the model was made from.  No time and no run id: the same data and file give the same digest."""

    experiment: str
    experiment_digest: str
    data_digest: str
    catalogue_digest: str
    trained_through: str
    synthetic: bool


class ModelContract(Frozen):
    """Everything about a saved model but its trees or tables."""

    schema_version: int = SCHEMA_VERSION
    name: str = "defuse"
    horizon_days: int
    reference_income_cny: float
    columns: tuple[ColumnContract, ...]
    calibration: Calibration
    intervals: IntervalKnots
    tiers: TierCuts
    base_rate: float
    raw_base: float
    points: PointsContract
    provenance: Provenance
    family: str = "lightgbm"
    scorer: ScorerKind = "trees"
    scorer_sha256: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """The model's columns, in the order of its rows."""
        return tuple(column.column for column in self.columns)

    @property
    def own_columns(self) -> dict[str, ColumnContract]:
        """The own column of each indicator, the one whose value is shown: the first, before further windows."""
        return {column.indicator: column for column in reversed(self.columns)}

    @property
    def indicator_ids(self) -> tuple[str, ...]:
        """The indicators behind the columns, in column order."""
        return tuple(column.indicator for column in self.columns)
