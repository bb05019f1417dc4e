"""A number with its interval and the count of events behind it: nothing measured stands in a record without them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

IntervalMethod = Literal["cluster bootstrap", "exact binomial", "exact Poisson", "permutation", "product of bounds"]
Verdict = Literal["better", "worse", "not better", "differs", "no clear difference", "too few to say"]
FORBIDDEN_METRIC = "accuracy"


class Record(BaseModel):
    """A frozen record that takes no unknown field and no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measured(Record):
    """One number with its 95% interval and the count of events behind it, or the reason why there is none.

    ``n_events`` counts disputes with an incident, ``n_positive_rows`` rows (a dispute at a date) with a positive
    label, ``n_rows`` all rows of the population.  ``value`` is None where the events are too few to say: then
    ``reason`` says why.  Raises ``ValueError`` for a value without an interval, an interval upside down, a None
    without a reason, and for the forbidden metric.
    """

    name: str = Field(min_length=1)
    value: float | None
    low: float | None
    high: float | None
    n_events: int = Field(ge=0)
    n_positive_rows: int = Field(ge=0)
    n_rows: int = Field(ge=0)
    unit: str = Field(min_length=1)
    population: str = Field(min_length=1)
    ranker: str | None = None
    interval: IntervalMethod | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if FORBIDDEN_METRIC in self.name.lower():
            raise ValueError("a rare event makes that metric meaningless: report recall and precision at capacity")
        if self.value is None:
            if self.low is not None or self.high is not None or not self.reason:
                raise ValueError(f"{self.name}: no value needs a reason, and has no interval")
            return self
        if self.low is None or self.high is None or self.interval is None:
            raise ValueError(f"{self.name}: a value needs both ends of its interval and the method of the interval")
        if self.low > self.high:
            raise ValueError(f"{self.name}: the interval is upside down")
        if self.reason is not None:
            raise ValueError(f"{self.name}: a value needs no reason")
        return self


class Difference(Record):
    """The paired difference of two rankers on the same rows and draws; "not better" where its interval holds 0."""

    metric: str
    ranker: str
    baseline: str
    difference: Measured
    verdict: Verdict
