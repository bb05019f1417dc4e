"""How often rows are positive by the value of one column, and how well that column alone ranks them.

Rows of one pair are not independent: an interval that takes them as such would be far too narrow.  Rates get a Wilson
interval with the effective number of rows, AUC an interval by the influence of each pair.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.profile_record import FEWEST, Auc, Bin, in_tens

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

Z95 = 1.959964
MOST_VALUES = 12
PARTS = 5
LARGE_DEFAULT = 0.2
GRID = np.linspace(0, 1, 1001)[1:-1]
FIRST_LOOK = 100_000


@dataclass(frozen=True)
class Labelled:
    """The rows a rate is told of: ``label`` 0 or 1, ``pair`` and ``dispute`` as whole-number codes, each (rows,)."""

    label: NDArray[np.int8]
    pair: Whole
    dispute: Whole

    @property
    def n_pairs(self) -> int:
        """One more than the largest code of a pair."""
        return int(self.pair.max(initial=-1)) + 1


@dataclass(frozen=True)
class Cut:
    """The bin of every row, (rows,), and what each bin is called."""

    place: Whole
    names: tuple[str, ...]


def cut(values: Floats, rows: Labelled, *, codes: tuple[str, ...], default: float | None) -> Cut:
    """The bins of a column: one per value where these are few, else the default and five parts of equal size.

    ``codes`` names the values of a categorical column.  Large values with positives of few disputes are taken
    together, and rows of unknown value have the last bin.
    """
    known = ~np.isnan(values)
    distinct = distinct_values(values[known])
    if codes:
        place = np.searchsorted(distinct, values)
        names = tuple(codes[int(value)] for value in distinct)
    elif len(distinct) <= MOST_VALUES:
        place, names = _by_value(values, distinct, rows, known & (rows.label == 1))
    else:
        place, names = _by_part(values, known, default)
    if not known.all():
        place = np.where(known, place, len(names))
        names = (*names, "unknown")
    return Cut(place.astype(np.int64), names)


def distinct_values(values: Floats) -> Floats:
    """The distinct values in order; where a first look finds too many for a list, only those of that look."""
    first = np.unique(_spread_out(values))
    return first if len(first) > len(GRID) else np.sort(pc.unique(pa.array(values)).to_numpy(zero_copy_only=False))


def _spread_out(values: Floats) -> Floats:
    """Some hundred thousand of the values, at even distances."""
    return values[:: max(1, len(values) // FIRST_LOOK)]


def _by_value(values: Floats, distinct: Floats, rows: Labelled, positive: Mask) -> tuple[Whole, tuple[str, ...]]:
    """One bin per value, but the largest together until ten disputes are positive there; the smallest stays alone."""
    place = np.searchsorted(distinct, values)
    last, held = len(distinct) - 1, set[int]()
    while last > 1:
        held |= set(rows.dispute[positive & (place == last)].tolist())
        if len(held) >= FEWEST:
            break
        last -= 1
    names = [f"{value:.3g}" for value in distinct[: last + 1]]
    if last < len(distinct) - 1:
        names[-1] += " or more"
    return np.minimum(place, last), tuple(names)


def _by_part(values: Floats, known: Mask, default: float | None) -> tuple[Whole, tuple[str, ...]]:
    """Five parts of equal size, the default value apart where many rows have it."""
    at_default = values == default if default is not None else np.zeros(len(values), np.bool_)
    apart = at_default.sum() >= LARGE_DEFAULT * known.sum()
    rest = values[known & ~at_default] if apart else values[known]
    edges = np.unique(np.quantile(rest, np.arange(1, PARTS) / PARTS))
    place = np.searchsorted(edges, values, side="right")
    ends = [f"{edge:.3g}" for edge in edges]
    names = [f"below {ends[0]}", *(f"{a} to {b}" for a, b in itertools.pairwise(ends)), f"{ends[-1]} and more"]
    if apart:
        place = np.where(at_default, 0, place + 1)
        names = [f"{default:g} (default)", *names]
    return place, tuple(names)


def rates(cuts: Cut, rows: Labelled) -> tuple[Bin, ...]:
    """Every bin with its rows, positives, rate and interval."""
    size = len(cuts.names)
    positive = rows.label == 1
    count = np.bincount(cuts.place, minlength=size)
    hits = np.bincount(cuts.place[positive], minlength=size)
    disputes = np.bincount(np.unique(rows.dispute[positive] * size + cuts.place[positive]) % size, minlength=size)
    by_pair = np.bincount(rows.pair * size + cuts.place, minlength=rows.n_pairs * size).reshape(-1, size)
    hits_by_pair = np.bincount(
        (rows.pair * size + cuts.place)[positive], minlength=rows.n_pairs * size
    ).reshape(-1, size)  # fmt: skip
    found = []
    for place, name in enumerate(cuts.names):
        n, k = int(count[place]), int(hits[place])
        rate = low = high = None
        if k >= FEWEST and disputes[place] >= FEWEST:
            spread = float(((hits_by_pair[:, place] - k / n * by_pair[:, place]) ** 2).sum()) / n**2
            rate = k / n
            low, high = wilson(rate, effective_rows(rate, n, spread))
        enough = k >= FEWEST
        found.append(
            Bin(label=name, rows=in_tens(n), positives=in_tens(k) if enough else None,
                rate=_two_digits(rate), low=_two_digits(low), high=_two_digits(high))
        )  # fmt: skip
    return tuple(found)


def effective_rows(rate: float, rows: int, variance: float) -> float:
    """How many independent rows would give the rate this (clustered) variance; never more than there are.

    Source: Korn and Graubard 1998, confidence intervals for proportions with small expected counts from surveys.
    """
    plain = rate * (1 - rate) / rows
    return rows if variance <= plain else rows * plain / variance


def wilson(rate: float, rows: float) -> tuple[float, float]:
    """The 95% Wilson interval of a rate among so many independent rows (Wilson 1927)."""
    square = Z95**2
    middle = (rate + square / (2 * rows)) / (1 + square / rows)
    half = Z95 / (1 + square / rows) * np.sqrt(rate * (1 - rate) / rows + square / (4 * rows**2))
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _two_digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.2g}")


def auc_of(values: Floats, rows: Labelled, *, categorical: bool) -> Auc | None:
    """The AUC of one column over its known values; None with positives of fewer than ten disputes, or one kind only.

    Ties count half.  More than a thousand values are taken in a thousand parts of equal size.  Categories are ordered
    by their own rate.  Interval: Obuchowski 1997, the variance from the sum of each pair's influence.
    """
    known = ~np.isnan(values)
    values, label, pair = values[known], rows.label[known], rows.pair[known]
    positive = label == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if len(np.unique(rows.dispute[known][positive])) < FEWEST or n_negative < FEWEST:
        return None
    place, size = _grid(values)
    hits = np.bincount(place[positive], minlength=size).astype(float)
    misses = np.bincount(place[~positive], minlength=size).astype(float)
    if categorical:
        order = np.argsort(hits / np.maximum(hits + misses, 1), kind="stable")
        place = np.argsort(order)[place]
        hits, misses = hits[order], misses[order]
    beaten = (np.cumsum(misses) - misses / 2) / n_negative
    beating = (n_positive - np.cumsum(hits) + hits / 2) / n_positive
    value = float((hits * beaten).sum() / n_positive)
    influence = np.where(positive, (beaten[place] - value) / n_positive, (beating[place] - value) / n_negative)
    error = float(np.sqrt((np.bincount(pair, weights=influence) ** 2).sum()))
    low, high = max(value - Z95 * error, 0.0), min(value + Z95 * error, 1.0)
    return Auc(value=round(value, 3), low=round(low, 3), high=round(high, 3))


def _grid(values: Floats) -> tuple[Whole, int]:
    """The place of each value among the distinct ones, or among a thousand quantiles, and how many places there are."""
    distinct = distinct_values(values)
    if len(distinct) > len(GRID):
        distinct = np.unique(np.quantile(_spread_out(values), GRID))
    return np.searchsorted(distinct, values, side="right"), len(distinct) + 1
