"""One experiment file: a problem and how it is attacked, frozen and closed."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from features import catalogue
from features.clock import format_time, parse_time
from features.errors import Fault, InvalidConfiguration, MissingInput, UserError
from features.labels import LabelRule
from features.spine import SpineSpec
from training.artifact.contract import PointsItem
from training.family_settings import (
    ExplainableBoostingSection,
    LightGBMSection,
    LogisticSection,
    ModelSection,
    Section,
    TunedLightGBMSection,
)

Given = TypeVar("Given")
Made = TypeVar("Made")


def _checked(check: Callable[[Given], Made], value: Given) -> Made:
    """What ``check`` makes of a value; its user error becomes a fault of the file, beside the others."""
    try:
        return check(value)
    except UserError as error:
        raise ValueError(str(error)) from None


class CohortSection(Section):
    """Which disputes are looked at, and when: from which landmark on, and what a row of the headline is.

    ``monthly``: one row a month for each dispute that is open, or was closed less than ``closed_within_days`` before;
    ``matrix``: the landmarks of the training matrix.
    """

    first_as_of: str | None = None
    population: Literal["monthly", "matrix"] = "monthly"
    closed_within_days: int = Field(default=180, ge=0)

    @field_validator("first_as_of")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        return value if value is None else format_time(_checked(parse_time, value))


class MatrixSection(Section):
    """Which matrix to build."""

    as_of: str = "spine"
    indicators: Literal["all"] | tuple[str, ...] = "all"
    reference_income_cny: float = Field(default=catalogue.DEFAULT_REFERENCE_INCOME_CNY, gt=0)

    @field_validator("as_of")
    @classmethod
    def _is_a_spine(cls, value: str) -> str:
        _checked(SpineSpec.parse, value)
        return value

    @field_validator("indicators")
    @classmethod
    def _are_in_the_catalogue(cls, value: Literal["all"] | tuple[str, ...]) -> Literal["all"] | tuple[str, ...]:
        if value != "all":
            _checked(catalogue.chosen, value)
        return value

    @property
    def indicator_ids(self) -> tuple[str, ...] | None:
        """The ids to build, None for the whole catalogue."""
        return None if self.indicators == "all" else tuple(self.indicators)


class SplitSection(Section):
    """How many origins are judged, how long each test is, and what stays on one side.

    The tests lie end to end, the last one ending with the last complete label; before each lies an embargo of
    horizon + label delay.  ``group = "none"`` (nothing is kept together) needs a ``group_reason``.
    """

    origins: int = Field(default=3, ge=1, le=12)
    test_days: int = Field(default=182, ge=1)
    group: Literal["pair", "none"] = "pair"
    group_reason: str = ""

    @model_validator(mode="after")
    def _says_why_it_does_not_group(self) -> Self:
        if self.group == "none" and not self.group_reason:
            raise ValueError('group = "none" lets the same pair train and test: say why in group_reason')
        return self


class PointsSection(Section):
    """The lines of the points score; none named: the ten of the published instruments."""

    items: tuple[PointsItem, ...] = ()


class SamplingSection(Section):
    """The share of negatives kept for fitting."""

    negative_rate: float = Field(default=0.05, gt=0, le=1)


class TreatmentSection(Section):
    """Which risk is estimated: as the disputes were treated, or under usual care, with no extra support begun meanwhile.

    ``usual_care`` censors rows where support_delivered begins within the horizon and weighs those that are left by the
    chance of being left, at least ``least_chance``; rows within ``effect_days`` of a former start are left out.
    Indicators in ``announced_by`` foretell support itself and have no part in that chance.
    """

    estimand: Literal["as_treated", "usual_care"] = "as_treated"
    effect_days: int = Field(default=182, ge=1)
    least_chance: float = Field(default=0.05, gt=0, le=0.5)
    folds: int = Field(default=3, ge=2, le=10)
    announced_by: tuple[str, ...] = ("D07",)

    @field_validator("announced_by")
    @classmethod
    def _are_in_the_catalogue(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _checked(catalogue.chosen, value)
        return value


class CalibrationSection(Section):
    """Intercept and slope by cross-fitting over pairs."""

    folds: int = Field(default=5, ge=2, le=20)


class IntervalSection(Section):
    """Bootstrap refits behind the interval of a probability."""

    refits: int = Field(default=20, ge=5, le=500)


class EvaluationSection(Section):
    """The bootstrap draws behind the intervals of the report: at the last origin, and at those before."""

    draws: int = Field(default=1000, ge=20, le=10_000)
    draws_before: int = Field(default=200, ge=20, le=10_000)


class TiersSection(Section):
    """The share of the calibration rows from which each tier is cut, cumulative."""

    red: float = Field(default=0.0015, gt=0, lt=1)
    orange: float = Field(default=0.01, gt=0, lt=1)
    yellow: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _widen(self) -> Self:
        if not self.red < self.orange < self.yellow:
            raise ValueError("red must be a smaller share than orange, and orange than yellow")
        return self

    @property
    def shares(self) -> tuple[float, float, float]:
        """Red, orange, yellow."""
        return (self.red, self.orange, self.yellow)


class GatesSection(Section):
    """What a version must hold to be put in force.  A file may be stricter than the house, never laxer."""

    points_margin: float = Field(default=-0.005, ge=-0.005, le=0.5)
    observed_over_expected: tuple[float, float] = (0.8, 1.25)
    calibration_slope: tuple[float, float] = (0.85, 1.15)
    subgroup_ratio: tuple[float, float] = (0.5, 2.0)

    @model_validator(mode="after")
    def _are_no_laxer(self) -> Self:
        for name, field in type(self).model_fields.items():
            if isinstance(field.default, tuple):
                (low, high), (least, most) = getattr(self, name), field.default
                if not least <= low < high <= most:
                    raise ValueError(f"{name}: a range within {least} to {most}, which is the house's")
        return self


class Experiment(Section):
    """A whole experiment file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    question: str
    seed: int = Field(ge=0)
    cohort: CohortSection = CohortSection()
    matrix: MatrixSection = MatrixSection()
    label: LabelRule = LabelRule()
    split: SplitSection = SplitSection()
    sampling: SamplingSection = SamplingSection()
    treatment: TreatmentSection = TreatmentSection()
    model: ModelSection = ModelSection()
    points: PointsSection = PointsSection()
    logistic: LogisticSection = LogisticSection()
    lightgbm: LightGBMSection = LightGBMSection()
    tuned_lightgbm: TunedLightGBMSection = TunedLightGBMSection()
    explainable_boosting: ExplainableBoostingSection = ExplainableBoostingSection()
    calibration: CalibrationSection = CalibrationSection()
    interval: IntervalSection = IntervalSection()
    evaluation: EvaluationSection = EvaluationSection()
    tiers: TiersSection = TiersSection()
    gates: GatesSection = GatesSection()

    @model_validator(mode="after")
    def _points_are_in_the_matrix(self) -> Self:
        columns = catalogue.columns_of(catalogue.chosen(self.matrix.indicator_ids))
        lost = [item.column for item in self.points.items if item.column not in columns]
        if lost and self.matrix.indicators != "all":
            raise ValueError(f"points.items: {', '.join(lost)} is not among the columns of matrix.indicators")
        return self

    @model_validator(mode="after")
    def _follows_disputes_week_by_week(self) -> Self:
        if self.treatment.estimand == "usual_care" and self.matrix.as_of != "spine":
            raise ValueError('treatment.estimand = "usual_care" follows disputes along the spine: as_of = "spine"')
        return self

    @property
    def embargo_days(self) -> float:
        """Days between the last training landmark and the first test landmark: horizon + label delay."""
        return self.label.embargo_days

    @property
    def digest(self) -> str:
        """The digest of what the file says, whatever its layout and comments."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_experiment(path: Path | str) -> Experiment:
    """The experiment of a TOML file.

    Raises MissingInput where there is no file, InvalidConfiguration with every fault and its path.
    """
    path = Path(path)
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingInput(f"no experiment file {path}; the shipped ones are in experiments/") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}") from None
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        faults = tuple(
            Fault(".".join(map(str, one["loc"])), one["type"], one["msg"]) for one in error.errors(include_url=False)
        )
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise InvalidConfiguration(f"{path} has {len(faults)} fault(s):\n{listed}", faults=faults) from None
