"""Puts the interval to a number: cluster bootstrap, exact where that is blind, "too few to say" where neither holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluation.bootstrap import percentile_interval
from training.evaluation.measured import Difference, IntervalMethod, Measured, Verdict
from training.evaluation.metrics import exact_binomial, exact_poisson, split_capacity

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]
Ends = tuple[float, float]

FEWEST_EVENT_PAIRS = 5
UNITS = {
    "auc": "probability",
    "ap_over_base": "times the base rate",
    "recall": "share of positive rows",
    "dispute_recall": "share of disputes with an incident",
    "precision": "share of rows taken",
    "observed_over_expected": "ratio",
    "observed_over_expected_exact": "ratio",
    "calibration_slope": "slope",
    "calibration_intercept": "log-odds",
    "base_rate": "probability",
    "observed_rate": "probability",
    "mean_probability": "probability",
    "weekly_recall": "share of positive rows",
    "weekly_dispute_recall": "share of disputes with an incident",
    "weekly_precision": "share of rows listed",
    "flagged": "share of disputes with an incident",
    "flagged_7_days_before": "share of disputes with an incident",
    "median_lead_days": "days",
    "weekly_jaccard": "share of cases in either week",
    "tier_changed_without_record": "share of cases without a new record",
    "net_benefit": "finds per 100,000 rows",
    "net_benefit_of_treating_all": "finds per 100,000 rows",
    "net_benefit_difference": "finds per 100,000 rows",
}
HIGHER_IS_BETTER = ("auc", "ap_over_base", "recall", "dispute_recall", "precision")
NEEDS_NO_EVENT = ("mean_probability", "weekly_jaccard", "tier_changed_without_record")
RATES = ("base_rate", "observed_rate")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The counts behind the numbers of one ranker and population."""

    population: str
    ranker: str
    n_rows: int
    n_positive_rows: int
    n_events: int
    n_event_pairs: int

    @classmethod
    def of(cls, *, label: Integers, dispute: Integers, pair: Integers, population: str, ranker: str) -> Sample:
        """Returns the counts of rows given as columns (n,)."""
        positive = label == 1
        return cls(
            population=population,
            ranker=ranker,
            n_rows=len(label),
            n_positive_rows=int(positive.sum()),
            n_events=len(np.unique(dispute[positive])),
            n_event_pairs=len(np.unique(pair[positive])),
        )

    def measured(
        self, name: str, value: float | None, ends: Ends | None, *, method: IntervalMethod | None, reason: str = ""
    ) -> Measured:
        """Returns the number with these counts; ``ends`` None makes it "too few to say", for ``reason``."""
        silent = value is None or ends is None
        return Measured(
            name=name,
            value=None if silent else value,
            low=None if ends is None else ends[0],
            high=None if ends is None else ends[1],
            n_events=self.n_events,
            n_positive_rows=self.n_positive_rows,
            n_rows=self.n_rows,
            unit=UNITS[split_capacity(name)[0]],
            population=self.population,
            ranker=self.ranker,
            interval=None if silent else method,
            reason=reason if silent else None,
        )

    def too_few(self) -> str:
        """Returns why nothing can be said, empty where something can."""
        if self.n_event_pairs == 0:
            return "no event"
        if self.n_event_pairs < FEWEST_EVENT_PAIRS:
            return f"events in {self.n_event_pairs} pairs only; at least {FEWEST_EVENT_PAIRS} are needed"
        return ""


def measure(
    name: str, value: float | None, *, drawn: Floats, sample: Sample, scale: float | None = None
) -> Measured:  # fmt: skip
    """Returns ``value`` with the percentile interval of its draws (draws,).

    ``scale`` is what a share of finds would be if all were found; by default that of the metric's own name.

    A share that is 0 or 1 in every draw gets the exact binomial interval over pairs with an event instead: the
    bootstrap cannot see beyond what happened, and "0% (0% to 0%)" would be a lie.  A rate with too few events gets
    the exact Poisson interval of its events.  Else, with fewer than five pairs with an event, there is no value.
    """
    few = "" if name in NEEDS_NO_EVENT else sample.too_few()
    if few and name in RATES and value is not None:
        return sample.measured(name, value, _exact_rate(value, sample), method="exact Poisson")
    if few or value is None:
        return sample.measured(name, None, None, method=None, reason=few or "no fit was reached with these rows")
    exact = _exact_share(value, scale or _share_scale(name, sample.n_positive_rows, sample.n_rows), sample)
    if exact is not None:
        return sample.measured(name, value, exact, method="exact binomial")
    ends = percentile_interval(drawn)
    reason = "more than one draw in ten gave no answer"
    return sample.measured(name, value, ends, method="cluster bootstrap", reason=reason)


def _exact_rate(value: float, sample: Sample) -> Ends:
    low, high = exact_poisson(sample.n_events)
    per_event = value / sample.n_events if sample.n_events else 1.0 / sample.n_rows
    return low * per_event, min(high * per_event, 1.0)


def _exact_share(value: float, scale: float | None, sample: Sample) -> Ends | None:
    """Returns the exact interval of a share of finds that found none or all; None otherwise."""
    if scale is None or 0 < value < scale * (1 - 1e-12):
        return None
    count = 0 if value <= 0 else sample.n_event_pairs
    low, high = exact_binomial(count, sample.n_event_pairs)
    return low * scale, min(high * scale, 1.0)


def _share_scale(name: str, n_positive_rows: int, n_rows: int) -> float | None:
    """Returns what the metric would be if all were found; None for one that is no share."""
    stem, capacity = split_capacity(name)
    if stem in ("recall", "dispute_recall"):
        return 1.0
    if stem == "precision" and capacity is not None:
        return n_positive_rows / (capacity * n_rows)
    return None


def compare(model: Measured, baseline: Measured, *, drawn: Floats, n_event_pairs: int) -> Difference:
    """Returns model - baseline with the interval of the paired draws, and what may be said of it.

    "not better" where the interval holds 0.  Of a metric whose best value is in the middle (O/E, slope, intercept)
    it only says whether the two differ.
    """
    ends = None if model.value is None or baseline.value is None else percentile_interval(drawn)
    if model.value is None or baseline.value is None or ends is None:
        reason = model.reason or baseline.reason or "more than one draw in ten gave no answer"
        silent = {"value": None, "low": None, "high": None, "interval": None, "reason": reason}
        return _difference(model, baseline, silent, verdict="too few to say")
    value = model.value - baseline.value
    method: IntervalMethod = "cluster bootstrap"
    scale = _share_scale(model.name, model.n_positive_rows, model.n_rows)
    if ends[0] == ends[1] and scale is not None:
        reach = exact_binomial(0, n_event_pairs)[1] * scale
        ends, method = (value - reach, value + reach), "exact binomial"
    told = {"value": value, "low": ends[0], "high": ends[1], "interval": method, "reason": None}
    return _difference(model, baseline, told, verdict=_verdict(model.name, ends))


def _difference(
    model: Measured, baseline: Measured, told: Mapping[str, float | str | None], *, verdict: Verdict
) -> Difference:
    return Difference(
        metric=model.name,
        ranker=str(model.ranker),
        baseline=str(baseline.ranker),
        difference=Measured.model_validate(model.model_dump() | dict(told)),
        verdict=verdict,
    )


def _verdict(name: str, ends: Ends) -> Verdict:
    holds_zero = ends[0] <= 0 <= ends[1]
    if split_capacity(name)[0] not in HIGHER_IS_BETTER:
        return "no clear difference" if holds_zero else "differs"
    if holds_zero:
        return "not better"
    return "better" if ends[0] > 0 else "worse"
