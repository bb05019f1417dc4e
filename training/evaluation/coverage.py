"""Coverage: of all incidents of the test period, how many any score could have reached at all.

Three parts (records.md): no dispute was on the books; a dispute but no scored row in the 90 days before; scored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.clock import DAY_US
from training.evaluation.measured import Measured
from training.evaluation.metrics import exact_binomial
from training.evaluation.record import Coverage, CoveragePart, CoveragePartName

Integers = npt.NDArray[np.integer]

NO_DISPUTE = -1
PARTS: tuple[CoveragePartName, ...] = ("no_dispute_on_the_books", "dispute_but_no_scored_row", "scored")


def measure_coverage(
    *,
    incident_dispute: Integers,
    incident_at_us: Integers,
    row_dispute: Integers,
    row_as_of_us: Integers,
    lookback_days: int = 90,
) -> Coverage:
    """Returns the three parts with counts and exact binomial (Clopper-Pearson) intervals.

    ``incident_dispute`` (i,) dispute codes, -1 where no dispute was on the books; ``incident_at_us`` (i,)
    microseconds UTC; ``row_dispute``, ``row_as_of_us`` (n,) the scored rows, same codes.  A row reaches an incident
    under the label's boundary: ``as_of <= occurred_at < as_of + lookback_days``.
    """
    known = incident_dispute != NO_DISPUTE
    age_us = _age_of_last_row(incident_dispute[known], incident_at_us[known], row_dispute, row_as_of_us)
    scored = int(((age_us >= 0) & (age_us < lookback_days * DAY_US)).sum())
    on_books = int(known.sum())
    total = len(incident_dispute)
    counts = (total - on_books, on_books - scored, scored)
    parts = tuple(
        CoveragePart(part=part, count=count, share=_share(part, count, total=total, n_rows=len(row_dispute)))
        for part, count in zip(PARTS, counts, strict=True)
    )
    return Coverage(n_incidents=total, lookback_days=lookback_days, parts=parts)


def _age_of_last_row(
    dispute: Integers, at_us: Integers, row_dispute: Integers, row_as_of_us: Integers
) -> npt.NDArray[np.int64]:
    """Returns, per incident, microseconds since its dispute's last row at or before it; -1 where there is none."""
    if len(dispute) == 0 or len(row_dispute) == 0:
        return np.full(len(dispute), -1, dtype=np.int64)
    dispute_code = np.unique(np.r_[row_dispute, dispute], return_inverse=True)[1]
    times, time_code = np.unique(np.r_[row_as_of_us, at_us], return_inverse=True)
    key = dispute_code.astype(np.int64) * len(times) + time_code
    row_keys = np.sort(key[: len(row_dispute)])
    last = np.searchsorted(row_keys, key[len(row_dispute) :], side="right") - 1
    row_key = row_keys[np.maximum(last, 0)]
    same = (last >= 0) & (row_key // len(times) == dispute_code[len(row_dispute) :])
    return np.where(same, at_us - times[row_key % len(times)], -1)


def _share(part: str, count: int, *, total: int, n_rows: int) -> Measured:
    counted: dict[str, Any] = {
        "name": f"coverage_{part}",
        "n_events": total,
        "n_positive_rows": 0,
        "n_rows": n_rows,
        "unit": "share of all incidents",
        "population": "incidents",
    }
    if total == 0:
        return Measured(value=None, low=None, high=None, reason="no incident in the period", **counted)
    low, high = exact_binomial(count, total)
    return Measured(value=count / total, low=low, high=high, interval="exact binomial", **counted)


def found_among_all(recall: Measured, coverage: Coverage) -> Measured:
    """Returns recall of disputes times the scored share: what is found of *all* incidents, on the books or not.

    Its interval multiplies low with low and high with high: wider than need be, never too narrow.
    """
    scored = coverage.part("scored").share
    counted: dict[str, Any] = {
        "name": f"found_among_all_{recall.name}",
        "n_events": coverage.n_incidents,
        "n_positive_rows": recall.n_positive_rows,
        "n_rows": recall.n_rows,
        "unit": "share of all incidents",
        "population": recall.population,
        "ranker": recall.ranker,
    }
    if recall.value is None or scored.value is None:
        reason = recall.reason or scored.reason
        return Measured(value=None, low=None, high=None, reason=reason, **counted)
    ends = [(recall.low or 0.0) * (scored.low or 0.0), (recall.high or 0.0) * (scored.high or 0.0)]
    value = recall.value * scored.value
    return Measured(value=value, low=ends[0], high=ends[1], interval="product of bounds", **counted)
