"""One experiment file: a problem and how it is attacked, frozen and closed."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features import catalogue
from features.clock import format_time, parse_time
from features.errors import Fault, InvalidConfiguration, MissingInput, UserError
from features.labels import LabelRule
from features.spine import SpineSpec
from training.artifact.contract import PointsItem

Given = TypeVar("Given")
Made = TypeVar("Made")


def _checked(check: Callable[[Given], Made], value: Given) -> Made:
    """What ``check`` makes of a value; its user error becomes a fault of the file, beside the others."""
    try:
        return check(value)
    except UserError as error:
        raise ValueError(str(error)) from None


Family = Literal["points", "logistic", "lightgbm", "tuned_lightgbm", "explainable_boosting"]


class Section(BaseModel):
    """A closed, frozen part of an experiment file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """How many origins are judged, how long each test is, from which landmark on rows are used, what stays on one side.

    The tests lie end to end, the last one ending with the last complete label; before each lies an embargo of
    horizon + label delay.  ``group = "none"`` (nothing is kept together) needs a ``group_reason``.
    """

    origins: int = Field(default=3, ge=1, le=12)
    test_days: int = Field(default=182, ge=1)
    first_as_of: str | None = None
    group: Literal["pair", "none"] = "pair"
    group_reason: str = ""

    @field_validator("first_as_of")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        return value if value is None else format_time(_checked(parse_time, value))

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

    negative_rate: float = Field(default=0.1, gt=0, le=1)


class ModelSection(Section):
    """The family that makes the model, and the peers that are fitted and judged beside it on the same splits.

    The points score is always judged, whatever the family.
    """

    family: Family = "lightgbm"
    peers: tuple[Family, ...] = ()

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({self.family, *self.peers}) <= len(self.peers):
            raise ValueError("a family stands among the peers once, and not where it is the model's own")
        return self

    @property
    def families(self) -> tuple[Family, ...]:
        """All families to fit, the model's first; the points score only where it is the model."""
        return (self.family, *(peer for peer in self.peers if peer != "points"))


class LightGBMSection(Section):
    """The trees: shallow, with large leaves and monotone constraints from the catalogue."""

    rounds: int = Field(default=150, ge=1, le=5000)
    max_depth: int = Field(default=3, ge=1, le=6)
    num_leaves: int = Field(default=8, ge=2, le=64)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    min_data_in_leaf: int = Field(default=100, ge=1)
    lambda_l2: float = Field(default=50.0, ge=0)
    max_bin: int = Field(default=63, ge=3, le=255)
    feature_fraction: float = Field(default=0.5, gt=0, le=1)


class CalibrationSection(Section):
    """Intercept and slope by cross-fitting over pairs."""

    folds: int = Field(default=5, ge=2, le=20)


class IntervalSection(Section):
    """Bootstrap refits behind the interval of a probability."""

    refits: int = Field(default=20, ge=5, le=500)


class EvaluationSection(Section):
    """What the test rows are, and the bootstrap draws behind the intervals: at the last origin, and at those before.

    ``monthly``: one row a month for each dispute that is open, or was closed less than ``closed_within_days`` before;
    ``matrix``: the landmarks of the training matrix.
    """

    population: Literal["monthly", "matrix"] = "monthly"
    closed_within_days: int = Field(default=180, ge=0)
    draws: int = Field(default=1000, ge=20, le=10_000)
    draws_before: int = Field(default=200, ge=20, le=10_000)


class Experiment(Section):
    """A whole experiment file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    question: str
    seed: int = Field(ge=0)
    matrix: MatrixSection = MatrixSection()
    label: LabelRule = LabelRule()
    split: SplitSection = SplitSection()
    sampling: SamplingSection = SamplingSection()
    model: ModelSection = ModelSection()
    points: PointsSection = PointsSection()
    lightgbm: LightGBMSection = LightGBMSection()
    calibration: CalibrationSection = CalibrationSection()
    interval: IntervalSection = IntervalSection()
    evaluation: EvaluationSection = EvaluationSection()

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
