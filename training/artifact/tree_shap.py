"""TreeSHAP of shallow trees by tables: LightGBM's own parts (path-dependent), at a quarter of the time where depth is 2 or 3.

For each feature on the path to a leaf, a row either keeps to the path or leaves it.  What the leaf gives each of these
features depends on these answers alone, so it is worked out once for every pattern of them: 2^k times k numbers for k
features, eight times three in trees of depth 3.  A row then costs one look-up a leaf.  The parts are those of Lundberg
2018, "Consistent Individualized Feature Attribution for Tree Ensembles"; to work them out beforehand is the idea of
Yang 2021, "Fast TreeSHAP".  Where the score alone is asked for, a tree is one look-up by the turns at all its nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np

from features.compiled import compilable, compiled
from features.history import Array
from features.view import Values

MOST_NUMBERS = 1 << 19
"""Tables beyond this (4 MB) are not made: LightGBM's own way is no slower then."""
MOST_BITS = 64
"""A tree's turns, and the categories of a node, are kept as the bits of one number."""
MOST_NODES = 10
"""Of trees with more nodes LightGBM adds up the scores: there is no table of all patterns of their turns."""
BLOCK = 256
"""Rows that are scored together: their columns fit into the cache of a core."""
CATEGORICAL = 1
LEFT_IF_MISSING = 2
ZERO_IS_MISSING = 4
NAN_IS_MISSING = 8
_MISSING = {"None": 0, "Zero": ZERO_IS_MISSING, "NaN": NAN_IS_MISSING}

TREE = np.dtype([("nodes_from", "i8"), ("leaves_from", "i8")])
NODE = np.dtype([("column", "i8"), ("kind", "i8"), ("threshold", "f8"), ("categories", "u8")])
LEAF = np.dtype([("slots_from", "i8"), ("table_from", "i8"), ("value", "f8")])
SLOT = np.dtype([("column", "i8"), ("nodes", "u8"), ("lefts", "u8"), ("share", "f8")])
"""A feature on the path to a leaf: its nodes there, those of them that turn left, and the share of rows that keep to it."""


class _Step(NamedTuple):
    """One turn on the way to a leaf: at which node, on which column, to which side, taken by which share of its rows."""

    node: int
    column: int
    left: bool
    share: float


class _Trees(NamedTuple):
    """All trees of a booster, flat; ``trees`` and ``leaves`` end with an entry that says where the last one ends."""

    trees: Array
    nodes: Array
    leaves: Array
    slots: Array
    table: Values


class TreeTables:
    """What every leaf of a booster gives the features on its path, for every pattern of a row's answers."""

    def __init__(self, booster: lgb.Booster) -> None:
        """Work the tables out.  Raises OverflowError where the trees are too deep or too large for sensible ones."""
        self._columns = booster.num_feature()
        nodes: list[tuple[Any, ...]] = []
        slots: list[tuple[Any, ...]] = []
        leaves: list[tuple[int, int, float]] = []
        trees: list[tuple[int, int]] = []
        size = 0
        for tree in booster.dump_model()["tree_info"]:
            trees.append((len(nodes), len(leaves)))
            own: list[tuple[Any, ...]] = []
            for path, value in _leaves(tree["tree_structure"], (), own):
                leaves.append((len(slots), size, value))
                on_path = _slots(path)
                slots += on_path
                size += len(on_path) << len(on_path)
            nodes += own
            if len(own) > MOST_BITS or size > MOST_NUMBERS:
                raise OverflowError("these trees are too large for tables")
        self._trees = _Trees(
            np.array([*trees, (len(nodes), len(leaves))], TREE), np.array(nodes, NODE),
            np.array([*leaves, (len(slots), size, 0.0)], LEAF), np.array(slots, SLOT), np.empty(size),
        )  # fmt: skip
        _fill(self._trees)

    def explained(self, rows: Values) -> tuple[Values, Values]:
        """The raw scores of rows (rows, columns), and in them the part of every column: (rows,) and (rows, columns).

        The same bits whether a row comes alone or among others.  The scores are LightGBM's own to the bit, the parts to
        within 1e-12.  Raises ValueError for rows of another width.
        """
        self._check(rows)
        raw, parts = np.zeros(len(rows)), np.zeros((len(rows), self._columns))
        _add_up(np.ascontiguousarray(rows, np.float64), raw, parts, self._trees)
        return raw, parts

    def raw(self, rows: Values) -> Values:
        """The raw scores of rows (rows, columns) alone, LightGBM's own to the bit: (rows,), in a tenth of its time.

        Raises ValueError for rows of another width, OverflowError unless ``are_narrow``.
        """
        self._check(rows)
        if not self.are_narrow:
            raise OverflowError(f"a tree of more than {MOST_NODES} nodes")
        raw = np.zeros(len(rows))
        _sum_up(np.ascontiguousarray(rows, np.float64), raw, self._trees, self._values)
        return raw

    @property
    def are_narrow(self) -> bool:
        """Whether each tree has so few nodes that its score can be looked up by all their turns at once."""
        return self._most_nodes <= MOST_NODES

    @property
    def _most_nodes(self) -> int:
        return int(np.diff(self._trees.trees["nodes_from"]).max(initial=0))

    @cached_property
    def _values(self) -> Values:
        """What each tree says for each pattern of turns at its nodes: (trees, patterns)."""
        values = np.empty((len(self._trees.trees) - 1, 1 << self._most_nodes))
        _spread(self._trees, values)
        return values

    def _check(self, rows: Values) -> None:
        if rows.ndim != 2 or rows.shape[1] != self._columns:
            raise ValueError(f"rows of {self._columns} columns, not of shape {rows.shape}")


def _leaves(node: dict[str, Any], path: tuple[_Step, ...], nodes: list[tuple[Any, ...]]) -> Iterator[tuple[tuple[_Step, ...], float]]:  # fmt: skip
    """The leaves below a node of LightGBM's dump, each with the way to it; the nodes are added to ``nodes``."""
    if "split_feature" not in node:
        yield path, float(node["leaf_value"])
        return
    number, column = len(nodes), int(node["split_feature"])
    nodes.append((column, *_question(node)))
    for side in ("left", "right"):
        child = node[f"{side}_child"]
        yield from _leaves(
            child, (*path, _Step(number, column, side == "left", _count(child) / _count(node))), nodes
        )  # fmt: skip


def _question(node: dict[str, Any]) -> tuple[int, float, int]:
    """What a node asks: its kind, its threshold, and the categories (as bits) that turn left."""
    kind = _MISSING[node["missing_type"]] | (LEFT_IF_MISSING if node["default_left"] else 0)
    if node["decision_type"] != "==":
        return kind, float(node["threshold"]), 0
    categories = [int(code) for code in node["threshold"].split("||")]
    if max(categories) >= MOST_BITS:
        raise OverflowError("a category of these trees is too large for tables")
    return kind | CATEGORICAL, 0.0, sum(1 << code for code in categories)


def _slots(path: tuple[_Step, ...]) -> list[tuple[int, int, int, float]]:
    """The features on a path, each with all its turns."""
    by_column = {
        column: [step for step in path if step.column == column] for column in dict.fromkeys(s.column for s in path)
    }
    return [
        (
            column, sum(1 << step.node for step in steps), sum(1 << step.node for step in steps if step.left),
            math.prod(step.share for step in steps),
        )
        for column, steps in by_column.items()
    ]  # fmt: skip


def _count(node: dict[str, Any]) -> int:
    """How many training rows came by."""
    return int(node["internal_count"] if "split_feature" in node else node["leaf_count"])


@compiled
def _fill(of: _Trees) -> None:
    """For each leaf, pattern of features kept to, and feature: the feature's part of the leaf's value."""
    leaves, slots = of.leaves, of.slots
    for place in range(len(leaves) - 1):
        leaf, first = leaves[place], leaves[place].slots_from
        count = leaves[place + 1].slots_from - first
        for pattern in range(1 << count):
            for own in range(count):
                keeps = pattern >> own & 1
                weight = (keeps - slots[first + own].share) * _weight(slots, first, count, pattern, own)
                of.table[leaf.table_from + pattern * count + own] = leaf.value * weight


@compilable
def _weight(slots: Array, first: int, count: int, pattern: int, own: int) -> float:
    """The mean over all orders in which features may be told, of the chance that those not told yet keep to the path.

    Shapley's sum: over s of s! (k - s - 1)! / k! times the coefficient of t^s in the product, over the other features,
    of (z + o t), where z is the share of rows that keep to it and o whether this row does.
    """
    coefficients = np.zeros(count + 1)
    coefficients[0] = 1.0
    for other in range(count):
        if other != own:
            for power in range(count, 0, -1):
                coefficients[power] *= slots[first + other].share
                coefficients[power] += coefficients[power - 1] * (pattern >> other & 1)
            coefficients[0] *= slots[first + other].share
    total, share = 0.0, 1.0 / count
    for size in range(count):
        total += share * coefficients[size]
        share *= (size + 1.0) / max(count - size - 1.0, 1.0)
    return total


@compiled
def _add_up(rows: Values, raw: Values, parts: Values, of: _Trees) -> None:
    """Add to ``raw`` the leaves that rows come to, tree by tree, and to ``parts`` what every leaf gives its path's columns."""
    trees, leaves, slots = of.trees, of.leaves, of.slots
    for row in range(len(rows)):
        for tree in range(len(trees) - 1):
            lefts = _turns(rows[row], of.nodes, trees[tree].nodes_from, trees[tree + 1].nodes_from)
            for leaf in range(trees[tree].leaves_from, trees[tree + 1].leaves_from):
                first, end = leaves[leaf].slots_from, leaves[leaf + 1].slots_from
                pattern = 0
                for slot in range(first, end):
                    if lefts & slots[slot].nodes == slots[slot].lefts:
                        pattern |= 1 << (slot - first)
                if pattern == (1 << (end - first)) - 1:
                    raw[row] += leaves[leaf].value
                place = leaves[leaf].table_from + pattern * (end - first)
                for slot in range(first, end):
                    parts[row, slots[slot].column] += of.table[place + slot - first]


@compiled
def _spread(of: _Trees, values: Values) -> None:
    """For each tree and each pattern of turns at its nodes (a bit where it is left): the leaf that a row comes to."""
    for tree in range(len(of.trees) - 1):
        for leaf in range(of.trees[tree].leaves_from, of.trees[tree + 1].leaves_from):
            nodes = lefts = np.uint64(0)
            for slot in range(of.leaves[leaf].slots_from, of.leaves[leaf + 1].slots_from):
                nodes |= of.slots[slot].nodes
                lefts |= of.slots[slot].lefts
            for pattern in range(values.shape[1]):
                if np.uint64(pattern) & nodes == lefts:
                    values[tree, pattern] = of.leaves[leaf].value


@compiled
def _sum_up(rows: Values, raw: Values, of: _Trees, values: Values) -> None:
    """Add to ``raw`` the leaves that rows come to, tree by tree: a block of rows at once, its columns side by side."""
    trees, nodes = of.trees, of.nodes
    turns = np.empty(BLOCK, np.int64)
    columns = np.empty((rows.shape[1], BLOCK))
    for start in range(0, len(rows), BLOCK):
        count = min(BLOCK, len(rows) - start)
        for row in range(count):
            for column in range(rows.shape[1]):
                columns[column, row] = rows[start + row, column]
        for tree in range(len(trees) - 1):
            turns[:] = 0
            first = trees[tree].nodes_from
            for place in range(first, trees[tree + 1].nodes_from):
                _add_turns(columns[nodes[place].column, :count], nodes[place], 1 << (place - first), turns)
            for row in range(count):
                raw[start + row] += values[tree, turns[row]]


@compilable
def _add_turns(given: Values, node: Any, bit: int, turns: Array) -> None:
    """Add a bit where values turn left at a node."""
    if node.kind & (CATEGORICAL | ZERO_IS_MISSING):
        for row in range(len(given)):
            turns[row] |= bit * _turns_left(given[row], node)
        return
    threshold = node.threshold
    is_left = bit * _turns_left(np.nan, node)
    for row in range(len(given)):
        value = given[row]
        turns[row] |= is_left if np.isnan(value) else bit * (value <= threshold)


@compilable
def _turns(given: Values, nodes: Array, first: int, end: int) -> np.uint64:
    """At which nodes of a tree a row turns left, as bits; all nodes are asked, also those it never comes by."""
    lefts = np.uint64(0)
    for place in range(first, end):
        if _turns_left(given[nodes[place].column], nodes[place]):
            lefts |= np.uint64(1) << np.uint64(place - first)
    return lefts


@compilable
def _turns_left(value: float, node: Any) -> bool:
    """LightGBM's rule: what is missing goes where the node says, an unknown category right."""
    if node.kind & CATEGORICAL:
        return -1.0 < value < MOST_BITS and node.categories >> np.uint64(int(value)) & np.uint64(1) != 0
    if np.isnan(value) and not node.kind & NAN_IS_MISSING:
        value = 0.0
    if np.isnan(value) or (node.kind & ZERO_IS_MISSING and abs(value) <= 1e-35):
        return node.kind & LEFT_IF_MISSING != 0
    return value <= node.threshold
