"""The kernel's inner loops over sorted ragged rows, compiled: each is one plain pass, the same for one row or a million.

A narrowing writes every pair and steps on past those that stay: the compiler needs no branch for it, which would be
guessed wrong too often.

All arrays are one-dimensional: times and codes int64, values int64 or float64, flags bool.  A *pair* is one landmark
with one row visible to it; ``row`` is its landmark, ``item`` its place in the log.
"""

from __future__ import annotations

import numpy as np

from features.clock import Flags, Times
from features.compiled import compiled
from features.history import Array


@compiled
def types_among(type_: Times) -> np.int64:
    """The types of some pairs as bits."""
    bits = np.int64(0)
    for code in type_:
        bits |= np.int64(1) << code
    return bits


@compiled
def of_types(chosen: Times, type_: Times, types: int) -> Times:
    """Those of the chosen pairs whose type is among some, given as bits."""
    kept = np.empty(len(chosen), np.int64)
    size = 0
    for pair in chosen:
        kept[size] = pair
        if types >> type_[pair] & 1:
            size += 1
    return kept[:size].copy()


@compiled
def are_of_types(chosen: Times, type_: Times, types: int) -> Flags:
    """Which of the chosen pairs have a type among some, given as bits."""
    found = np.empty(len(chosen), np.bool_)
    for place in range(len(chosen)):
        found[place] = types >> type_[chosen[place]] & 1
    return found


@compiled
def at_least(chosen: Times, values: Array, low: int) -> Times:
    """Those of the chosen pairs whose value is ``low`` or more."""
    kept = np.empty(len(chosen), np.int64)
    size = 0
    for pair in chosen:
        kept[size] = pair
        if values[pair] >= low:
            size += 1
    return kept[:size].copy()


@compiled
def count(chosen: Times, row: Times, rows: int) -> Array:
    """How many of the chosen pairs each landmark has, as float64."""
    out = np.zeros(rows)
    for pair in chosen:
        out[row[pair]] += 1.0
    return out


@compiled
def any_of(chosen: Times, row: Times, rows: int) -> Array:
    """1.0 for each landmark with a chosen pair, else 0.0."""
    out = np.zeros(rows)
    for pair in chosen:
        out[row[pair]] = 1.0
    return out


@compiled
def total(chosen: Times, row: Times, rows: int, values: Array, of_pairs: bool) -> Array:
    """The sum of the values of each landmark, added in the log's order.

    ``values`` holds one value per pair (``of_pairs``) or per chosen pair.
    """
    out = np.zeros(rows)
    for place in range(len(chosen)):
        pair = chosen[place]
        out[row[pair]] += values[pair if of_pairs else place]
    return out


@compiled
def extreme(chosen: Times, row: Times, rows: int, values: Array, of_pairs: bool, sign: int, empty: float) -> Array:
    """The largest (sign 1) or smallest (sign -1) value of each landmark; ``empty`` where there is no chosen pair.

    ``values`` holds one value per pair (``of_pairs``) or per chosen pair.
    """
    out = np.full(rows, empty)
    last = -1
    for place in range(len(chosen)):
        pair = chosen[place]
        value = values[pair if of_pairs else place]
        best = out[row[pair]] if row[pair] == last else value
        last = row[pair]
        out[last] = value if sign * value > sign * best else best
    return out
