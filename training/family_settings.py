"""The sections of an experiment file about models: which families, and the settings or the search space of each."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Family = Literal["points", "logistic", "lightgbm", "tuned_lightgbm", "explainable_boosting"]
MOST_TRIALS = 30


class Section(BaseModel):
    """A closed, frozen part of an experiment file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """The trees: shallow, with large leaves and monotone constraints from the catalogue.

    Of few rows a leaf asks for no more than a fiftieth, whatever ``min_data_in_leaf`` says.
    """

    rounds: int = Field(default=400, ge=1, le=5000)
    max_depth: int = Field(default=2, ge=1, le=6)
    num_leaves: int = Field(default=4, ge=2, le=64)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    min_data_in_leaf: int = Field(default=500, ge=1)
    lambda_l2: float = Field(default=1000.0, ge=0)
    max_bin: int = Field(default=63, ge=3, le=255)
    feature_fraction: float = Field(default=0.1, gt=0, le=1)


class LogisticSection(Section):
    """Logistic regression with a ridge penalty; coefficients never go against the catalogue's directions.

    The strength is chosen among ``penalties`` by cross-validated log loss over pairs of the training rows.
    """

    penalties: tuple[float, ...] = (30.0, 300.0, 3000.0)
    folds: int = Field(default=3, ge=2, le=10)

    @field_validator("penalties")
    @classmethod
    def _are_strengths(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or min(value) <= 0:
            raise ValueError("give at least one strength above 0")
        return value


class TunedLightGBMSection(Section):
    """Trees whose settings are searched by Optuna's TPE on the training rows of each split.

    Each range is (lowest, highest), both tried; the first trial is what ``[lightgbm]`` says.  A trial is judged by the
    mean log loss over folds of pairs, on all positives and ``negatives_per_positive`` negatives for each.
    """

    trials: int = Field(default=30, ge=1, le=MOST_TRIALS)
    folds: int = Field(default=3, ge=2, le=10)
    negatives_per_positive: float = Field(default=20, gt=0)
    rounds: tuple[int, int] = (60, 500)
    max_depth: tuple[int, int] = (1, 5)
    num_leaves: tuple[int, int] = (2, 24)
    learning_rate: tuple[float, float] = (0.02, 0.15)
    min_data_in_leaf: tuple[int, int] = (20, 1000)
    lambda_l2: tuple[float, float] = (10.0, 3000.0)
    feature_fraction: tuple[float, float] = (0.1, 1.0)

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in SEARCHED:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: a range is (lowest, highest)")
            for end in (low, high):
                LightGBMSection.model_validate({name: end})  # what the trees would refuse
        return self


class ExplainableBoostingSection(Section):
    """interpret's explainable boosting machine: one function of each column, no interactions.

    ``outer_bags`` models are averaged, each stopped by the pairs it left out; ``cross_fit_bags`` of them are enough for
    the models of the cross-fitting, whose scores only carry the calibration.
    """

    outer_bags: int = Field(default=4, ge=1, le=50)
    cross_fit_bags: int = Field(default=1, ge=1, le=50)
    interactions: Literal[0] = 0
    max_bins: int = Field(default=64, ge=3, le=1024)
    learning_rate: float = Field(default=0.02, gt=0, le=1)
    max_rounds: int = Field(default=1000, ge=1, le=50_000)
    min_samples_leaf: int = Field(default=50, ge=1)
    held_out_share: float = Field(default=0.15, gt=0, lt=0.5)


SEARCHED = (
    "rounds", "max_depth", "num_leaves", "learning_rate", "min_data_in_leaf", "lambda_l2", "feature_fraction",
)  # fmt: skip
"""What a search may change of the trees."""
