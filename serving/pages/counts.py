"""Counts that may be shown: none under 10, none that could be worked out from the others, and intervals of shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST = 10
Z95 = 1.959963984540054


def suppressed(counts: Mapping[str, int]) -> tuple[dict[str, int | None], int | None]:
    """The counts that may be shown beside their sum, and the sum; None for what is held back.

    A count under 10 is held back.  Where only one is, it would follow from the sum, so the next smallest is held back
    as well; where what is held back adds up to less than 10 and nothing else is left to hold back, the sum is.
    """
    held = {name for name, count in counts.items() if count < LEAST}
    rest = sorted((count, name) for name, count in counts.items() if name not in held)
    while held and (len(held) == 1 or sum(counts[name] for name in held) < LEAST) and rest:
        held.add(rest.pop(0)[1])
    total = sum(counts.values())
    is_open = not held or (len(held) > 1 and sum(counts[name] for name in held) >= LEAST)
    return (
        {name: None if name in held else count for name, count in counts.items()},
        total if is_open and total >= LEAST else None,
    )


@dataclass(frozen=True)
class Share:
    """A share of a number as it may be shown: exactly, or only on which side of a bound it lies, or not at all."""

    of: int | None
    share: float | None = None
    low: float | None = None
    high: float | None = None
    below: float | None = None
    above: float | None = None


def share(part: int, whole: int) -> Share:
    """A share with its 95% interval (Wilson), or the side of a bound where one of its two counts is under 10."""
    if whole < LEAST:
        return Share(None)
    if part < LEAST:
        return Share(whole, below=min(1.0, LEAST / whole))
    if whole - part < LEAST:
        return Share(whole, above=max(0.0, 1 - LEAST / whole))
    low, high = wilson(part, whole)
    return Share(whole, part / whole, low, high)


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95% interval of a share after Wilson (1927): it holds for small counts and for none at all."""
    observed, square = part / whole, Z95**2
    middle = (observed + square / (2 * whole)) / (1 + square / whole)
    half = Z95 / (1 + square / whole) * math.sqrt(observed * (1 - observed) / whole + square / (4 * whole**2))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Stratum:
    """One tier of the random audit: its cases, how many were drawn, how many of these were judged, how many in need."""

    cases: int
    drawn: int
    judged: int
    in_need: int


@dataclass(frozen=True)
class Missed:
    """Estimated cases in need below the line: ``total`` with its 95% interval, were the unjudged draws like the judged.

    ``least`` and ``most`` go without that: none of them were in need, or all.  ``least_low`` and ``most_high`` are the
    outer ends of the 95% intervals of those two.
    """

    total: float
    low: float
    high: float
    least: float
    least_low: float
    most: float
    most_high: float


def missed_need(strata: list[Stratum]) -> Missed | None:
    """The estimated number of cases in need below the line; None before enough of each tier were judged.

    Horvitz and Thompson (1952): each case in need counts 1 / (its probability of being judged), which within a tier is
    judged / cases: drawn with a known probability, and judged as far as reviewers got, taken to be at random within it.
    The bounds do without the last words (Manski 1989): of the drawn, the unjudged were none or all in need.  Each
    interval adds Wilson's of the tiers by the method of Zou and Donner (2008), so that it is honest with no case found.
    """
    if any(one.judged < LEAST for one in strata) or not strata:
        return None
    total, low, high = _added((one.cases, one.in_need, one.judged) for one in strata)
    least, least_low, _ = _added((one.cases, one.in_need, one.drawn) for one in strata)
    most, _, most_high = _added((one.cases, one.in_need + one.drawn - one.judged, one.drawn) for one in strata)
    return Missed(total, low, high, least, least_low, most, most_high)


def _added(tiers: Iterable[tuple[int, int, int]]) -> tuple[float, float, float]:
    """The sum over tiers of cases x part / whole, given as (cases, part, whole), with its 95% interval."""
    parts = [
        (cases * part / whole, *(cases * end for end in wilson(part, whole))) for cases, part, whole in tiers
    ]  # fmt: skip
    total = sum(part for part, _, _ in parts)
    below = math.sqrt(sum((part - low) ** 2 for part, low, _ in parts))
    above = math.sqrt(sum((high - part) ** 2 for part, _, high in parts))
    return total, max(0.0, total - below), total + above
