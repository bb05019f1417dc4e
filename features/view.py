"""What each landmark can see, and the few verbs that indicators are written in.

A ``View`` pairs every landmark of a spine with the rows visible to it.  A ``Selection`` is some of those pairs; it
is narrowed (``of``, ``within``, ``where``) and reduced to one value per landmark (``count``, ``any``, ``max`` ...).
The reduced ``Measure`` remembers its selection, so that the very rows that made a value can be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY_US, looking_ahead, looking_back, visible
from features.duplicates import leaders
from features.history import Array, History, Log, Spine
from features.schema import CONDUCT_TYPES, EVENT_TYPES

Values = NDArray[np.float64]

TYPE_CODE: dict[str, int] = {name: code for code, name in enumerate(EVENT_TYPES)}
PAIRS_PER_BLOCK = 1_000_000


class Pairs:
    """Visible rows of one log, one entry per (landmark, row), sorted by landmark and then in the log's order."""

    def __init__(self, log: Log, spine: Spine) -> None:
        start = log.offsets[spine.dispute]
        counts = log.offsets[spine.dispute + 1] - start
        row = np.repeat(np.arange(len(spine)), counts)
        ends = np.cumsum(counts)
        item = np.arange(len(row)) + np.repeat(start - ends + counts, counts)
        as_of = spine.as_of[row]
        seen = visible(log.known_from[item], log.known_until[item], as_of)
        self._keep(log, len(spine), row[seen], item[seen], as_of[seen])

    def _keep(self, log: Log, rows: int, row: Array, item: Array, as_of: Array) -> None:
        self.log, self.rows, self.row, self.item, self.as_of = log, rows, row, item, as_of
        self._columns: dict[str, Array] = {}

    def column(self, name: str) -> Array:
        """The values of a log column, one per pair."""
        values = self._columns.get(name)
        if values is None:
            values = self._columns[name] = self.log.columns[name][self.item]
        return values

    def ids_of(self, pairs: Array) -> list[str]:
        """The row ids behind some pairs."""
        return [str(name) for name in self.log.ids[self.item[pairs]]]


class Occurrences(Pairs):
    """Conduct after merging: one entry per landmark and occurrence, led by its first report.

    ``severity``, ``specifics`` and ``alcohol`` are the highest among the occurrence's visible reports.
    """

    def __init__(self, reports: Pairs) -> None:
        leader = leaders(reports.row, reports.column("type"), reports.column("occurred_at"), reports.column("channel"))
        self._reports, self._leader = reports, leader
        firsts = np.flatnonzero(leader == np.arange(len(leader)))
        self._firsts = firsts
        self._keep(reports.log, reports.rows, reports.row[firsts], reports.item[firsts], reports.as_of[firsts])
        if len(firsts) < len(leader):
            for name in ("severity", "specifics", "alcohol"):
                highest = reports.column(name).copy()
                np.maximum.at(highest, leader, reports.column(name))
                self._columns[name] = highest[firsts]

    @cached_property
    def _members(self) -> tuple[Array, Array]:
        """The reports in order of their leader, and where each occurrence begins among them."""
        order = np.argsort(self._leader, kind="stable")
        return order, np.searchsorted(self._leader[order], self._firsts)

    def ids_of(self, pairs: Array) -> list[str]:
        """The ids of every report of these occurrences."""
        order, starts = self._members
        ends = np.append(starts[1:], len(order))
        return [name for pair in pairs for name in self._reports.ids_of(order[starts[pair] : ends[pair]])]


class Selection:
    """Some pairs of a view.  Narrowing keeps their order; reducing gives one float64 per landmark."""

    __slots__ = ("index", "pairs")

    def __init__(self, pairs: Pairs, index: Array | None = None) -> None:
        self.pairs = pairs
        self.index = index

    def column(self, name: str) -> Array:
        """The values of a column, one per selected pair."""
        values = self.pairs.column(name)
        return values if self.index is None else values[self.index]

    @property
    def row(self) -> Array:
        """The landmark number of each selected pair, ascending."""
        return self.pairs.row if self.index is None else self.pairs.row[self.index]

    @property
    def as_of(self) -> Array:
        """The landmark time of each selected pair."""
        return self.pairs.as_of if self.index is None else self.pairs.as_of[self.index]

    @property
    def age_days(self) -> Values:
        """Days from the occurrence to the landmark, one per selected pair."""
        return (self.as_of - self.column("occurred_at")) / DAY_US

    def where(self, condition: Array) -> Selection:
        """Only the selected pairs for which ``condition`` (one flag per selected pair) holds."""
        chosen = np.flatnonzero(condition)
        return Selection(self.pairs, chosen if self.index is None else self.index[chosen])

    def of(self, *types: str) -> Selection:
        """Only rows of these event types."""
        codes = [TYPE_CODE[name] for name in types]
        column = self.column("type")
        chosen = column == codes[0]
        for code in codes[1:]:
            chosen |= column == code
        return self.where(chosen)

    def within(self, days: float) -> Selection:
        """Only rows that occurred in ``[as_of - days, as_of)``."""
        return self.where(looking_back(self.column("occurred_at"), self.as_of, days))

    def scheduled_within(self, days: float, *, since_days: float = 0) -> Selection:
        """Only rows whose ``scheduled_at`` lies in ``[as_of - since_days, as_of + days)``."""
        origin = self.as_of - round(since_days * DAY_US)
        return self.where(looking_ahead(self.column("scheduled_at"), origin, days + since_days))

    def at_least(self, name: str, low: int) -> Selection:
        """Only rows whose column ``name`` is ``low`` or more."""
        return self.where(self.column(name) >= low)

    def count(self, *, cap: int | None = None) -> Measure:
        """How many rows, at most ``cap``."""
        values = np.bincount(self.row, minlength=self.pairs.rows).astype(np.float64)
        return Measure(values if cap is None else np.minimum(values, cap), (self,))

    def any(self) -> Measure:
        """1 where there is a row, else 0."""
        values = np.zeros(self.pairs.rows)
        values[self.row] = 1.0
        return Measure(values, (self,))

    def max(self, values: str | Array, *, empty: float = 0.0) -> Measure:
        """The largest value of a column (or of one value per selected pair); ``empty`` where there is no row."""
        return self._extreme(values, np.maximum, empty)

    def min(self, values: str | Array, *, empty: float = 0.0) -> Measure:
        """The smallest value of a column (or of one value per selected pair); ``empty`` where there is no row."""
        return self._extreme(values, np.minimum, empty)

    def sum(self, values: Array) -> Measure:
        """The sum of one value per selected pair, added in the log's order so that the bits never differ."""
        total = np.bincount(self.row, weights=values, minlength=self.pairs.rows)
        return Measure(total.astype(np.float64, copy=False), (self,))

    def _extreme(self, values: str | Array, better: np.ufunc, empty: float) -> Measure:
        chosen = self.column(values) if isinstance(values, str) else values
        out = np.full(self.pairs.rows, empty, np.float64)
        if len(chosen):
            row = self.row
            starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
            out[row[starts]] = better.reduceat(chosen, starts)
        return Measure(out, (Extreme(self, chosen, out),))

    def ids_in(self, row: int) -> list[str]:
        """The ids of the selected rows of one landmark."""
        chosen = np.arange(len(self.pairs.row)) if self.index is None else self.index
        low, high = np.searchsorted(self.pairs.row[chosen], (row, row + 1))
        return self.pairs.ids_of(chosen[low:high])


@dataclass(frozen=True)
class Extreme:
    """The rows of a selection that reach the largest or smallest value of their landmark."""

    selection: Selection
    values: Array
    best: Values

    def ids_in(self, row: int) -> list[str]:
        """The ids of those rows at one landmark."""
        return self.selection.where(self.values == self.best[self.selection.row]).ids_in(row)


@dataclass(frozen=True)
class Measure:
    """One value per landmark (float64, NaN = unknown), with the selections that made it.

    ``from_case`` says that columns of the dispute itself took part.
    """

    values: Values
    evidence: tuple[Selection | Extreme, ...] = ()
    from_case: bool = False

    def capped(self, cap: float) -> Measure:
        """The same, with values above ``cap`` cut down to it."""
        return Measure(np.minimum(self.values, cap), self.evidence, self.from_case)

    def unknown_where(self, condition: Array) -> Measure:
        """The same, with NaN where the condition holds."""
        return Measure(np.where(condition, np.nan, self.values), self.evidence, self.from_case)

    def row_ids(self, row: int) -> list[str]:
        """The ids of the rows that made the value of one landmark."""
        return list(dict.fromkeys(name for selection in self.evidence for name in selection.ids_in(row)))


class View:
    """Every landmark of a spine with the rows that are visible to it."""

    def __init__(self, history: History, spine: Spine, *, reference_income_cny: float) -> None:
        self.history = history
        self.spine = spine
        self.reference_income_cny = reference_income_cny

    def __len__(self) -> int:
        return len(self.spine)

    @cached_property
    def _version(self) -> Array:
        """The visible dispute version of each landmark, as an index into the log; -1 where there is none."""
        pairs = Pairs(self.history.cases, self.spine)
        version = np.full(len(self), -1)
        version[pairs.row] = pairs.item
        return version

    @cached_property
    def is_visible(self) -> Array:
        """Which landmarks see their dispute at all."""
        return self._version >= 0

    def case(self, name: str) -> Array:
        """A column of the visible dispute version, one value per landmark; every landmark must see its dispute."""
        return self.history.cases.columns[name][self._version]

    def dispute_id(self, row: int) -> str:
        """The id of the dispute of a landmark."""
        return str(self.history.dispute_ids[self.spine.dispute[row]])

    @property
    def since_opening_us(self) -> Array:
        """Microseconds from opening to the landmark, at least 0."""
        return np.maximum(self.spine.as_of - self.case("opened_at"), 0)

    @cached_property
    def conduct(self) -> Selection:
        """Affirmed conduct, reports of the same occurrence merged."""
        return Selection(Occurrences(Pairs(self.history.conduct, self.spine)))

    @cached_property
    def steps(self) -> Selection:
        """Handling, proceedings and support events."""
        return Selection(Pairs(self.history.steps, self.spine))

    @cached_property
    def petitions(self) -> Selection:
        """Petitions: only ever asked how an institution answered them."""
        return Selection(Pairs(self.history.petitions, self.spine))

    @cached_property
    def priors(self) -> Selection:
        """Earlier disputes of the same pair with a visible closure."""
        return Selection(Pairs(self.history.priors, self.spine))

    @cached_property
    def closed_at(self) -> Array:
        """When each dispute was last closed (occurred, microseconds); -1 while no closure is visible.

        A later reopening takes the closure back.
        """
        turns = self.steps.of("closed", "reopened")
        closed = turns.column("type") == TYPE_CODE["closed"]
        at = np.full(len(self), -1)
        at[turns.row] = np.where(closed, turns.column("occurred_at"), -1)  # the last of a row wins
        return at

    @cached_property
    def has_handling(self) -> Array:
        """Which landmarks see at least one handling event."""
        return self.steps.where(self.steps.column("is_handling")).any().values > 0


def blocks(history: History, spine: Spine, *, pairs: int = PAIRS_PER_BLOCK) -> Iterator[slice]:
    """Slices of the spine whose views stay within about ``pairs`` pairs each (at least one landmark a slice)."""
    logs = (history.cases, history.conduct, history.steps, history.petitions, history.priors)
    size = sum(log.offsets[spine.dispute + 1] - log.offsets[spine.dispute] for log in logs) + 1
    total = np.cumsum(size)
    start = 0
    while start < len(spine):
        done = total[start - 1] if start else 0
        stop = max(int(np.searchsorted(total, done + pairs, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


CONDUCT_CODES = tuple(TYPE_CODE[name] for name in CONDUCT_TYPES)
