"""What each landmark can see, and the few verbs that indicators are written in.

A ``View`` pairs every landmark of a spine with the rows visible to it.  A ``Selection`` is some of those pairs; it
is narrowed (``of``, ``within``, ``where``) and reduced to one value per landmark (``count``, ``any``, ``max`` ...).
The reduced ``Measure`` remembers its selection, so that the very rows that made a value can be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features import loops
from features.clock import DAY_US, Flags, looking_ahead, passed, visible_pairs, within_window
from features.duplicates import highest, leaders
from features.history import Array, History, Log, Spine
from features.schema import CONDUCT_TYPES, EVENT_TYPES, HANDLING_TYPES

Values = NDArray[np.float64]

TYPE_CODE: dict[str, int] = {name: code for code, name in enumerate(EVENT_TYPES)}
PAIRS_PER_BLOCK = 1_000_000
_NOTHING = np.empty(0, np.int64)


class Pairs:
    """Visible rows of one log, one entry per (landmark, row), sorted by landmark and then in the log's order."""

    def __init__(self, log: Log, spine: Spine) -> None:
        row, item = visible_pairs(log.offsets, log.known_from, log.known_until, spine.dispute, spine.as_of)
        self._keep(log, len(spine), row, item, spine.as_of[row])

    def _keep(self, log: Log, rows: int, row: Array, item: Array, as_of: Array) -> None:
        self.log, self.rows, self.row, self.item, self.as_of = log, rows, row, item, as_of
        self.every = np.arange(len(row))
        self._columns: dict[str, Array] = {}

    @cached_property
    def present(self) -> int:
        """The event types among the pairs, as bits: a type that is not there needs no search."""
        return int(loops.types_among(self.column("type")))

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
        firsts = np.flatnonzero(leader == reports.every)
        self._firsts = firsts
        self._keep(reports.log, reports.rows, reports.row[firsts], reports.item[firsts], reports.as_of[firsts])
        if len(firsts) < len(leader):
            for name in ("severity", "specifics", "alcohol"):
                self._columns[name] = highest(leader, reports.column(name))[firsts]

    @cached_property
    def _members(self) -> tuple[Array, Array]:
        """The reports in order of their leader, and where each occurrence begins among them."""
        order = np.argsort(self._leader, kind="stable")
        return order, np.searchsorted(self._leader[order], self._firsts)

    def ids_of(self, pairs: Array) -> list[str]:
        """The ids of every report of these occurrences."""
        if len(self._firsts) == len(self._leader):
            return super().ids_of(pairs)
        order, starts = self._members
        ends = np.append(starts[1:], len(order))
        return [name for pair in pairs for name in self._reports.ids_of(order[starts[pair] : ends[pair]])]


class Selection:
    """Some pairs of a view: ``index`` holds their numbers, ascending.

    Narrowing keeps their order; reducing gives one float64 per landmark.  A narrowing that was asked for before is
    given again: many indicators read the same rows.
    """

    __slots__ = ("_narrower", "index", "pairs")

    def __init__(self, pairs: Pairs, index: Array | None = None) -> None:
        self.pairs = pairs
        self.index = pairs.every if index is None else index
        self._narrower: dict[object, Selection] = {}

    def column(self, name: str) -> Array:
        """The values of a column, one per selected pair."""
        return self._selected(self.pairs.column(name))

    @property
    def row(self) -> Array:
        """The landmark number of each selected pair, ascending."""
        return self._selected(self.pairs.row)

    @property
    def as_of(self) -> Array:
        """The landmark time of each selected pair."""
        return self._selected(self.pairs.as_of)

    @property
    def age_days(self) -> Values:
        """Days from the occurrence to the landmark, one per selected pair."""
        return (self.as_of - self.column("occurred_at")) / DAY_US

    def where(self, condition: Array) -> Selection:
        """Only the selected pairs for which ``condition`` (one flag per selected pair) holds."""
        return Selection(self.pairs, self.index[condition])

    def of(self, *types: str) -> Selection:
        """Only rows of these event types."""
        found = self._known(types)
        if found is None:
            bits = _bits(types)
            is_there = bits & self.pairs.present
            chosen = loops.of_types(self.index, self.pairs.column("type"), bits) if is_there else _NOTHING
            found = self._kept(types, chosen)
        return found

    def are(self, *types: str) -> Flags:
        """Which of the selected rows are of these event types."""
        return loops.are_of_types(self.index, self.pairs.column("type"), _bits(types))

    def within(self, days: float, *, time: str = "occurred_at") -> Selection:
        """Only rows that occurred (or whose other ``time`` lies) in ``[as_of - days, as_of)``."""
        how = days if time == "occurred_at" else (time, days)
        return self._known(how) or self._kept(
            how, within_window(self.index, self.pairs.column(time), self.pairs.as_of, float(days))
        )  # fmt: skip

    def passed(self, time: str) -> Flags:
        """For which of the selected rows a time lies before the landmark."""
        return passed(self.column(time), self.as_of)

    def at_least(self, name: str, low: int) -> Selection:
        """Only rows whose column ``name`` is ``low`` or more."""
        how = (name, low)
        return self._known(how) or self._kept(how, loops.at_least(self.index, self.pairs.column(name), low))

    def scheduled_within(self, days: float, *, since_days: float = 0) -> Selection:
        """Only rows whose ``scheduled_at`` lies in ``[as_of - since_days, as_of + days)``."""
        if not self.index.size:
            return self
        origin = self.as_of - round(since_days * DAY_US)
        return self.where(looking_ahead(self.column("scheduled_at"), origin, days + since_days))

    def count(self, *, cap: int | None = None) -> Measure:
        """How many rows, at most ``cap``."""
        if not self.index.size:
            return Measure(np.zeros(self.pairs.rows), (self,))
        values = loops.count(self.index, self.pairs.row, self.pairs.rows)
        return Measure(values if cap is None else np.minimum(values, cap), (self,))

    def any(self) -> Measure:
        """1 where there is a row, else 0."""
        if not self.index.size:
            return Measure(np.zeros(self.pairs.rows), (self,))
        return Measure(loops.any_of(self.index, self.pairs.row, self.pairs.rows), (self,))

    def max(self, values: str | Array, *, empty: float = 0.0) -> Measure:
        """The largest value of a column (or of one value per selected pair); ``empty`` where there is no row."""
        return self._extreme(values, 1, empty)

    def min(self, values: str | Array, *, empty: float = 0.0) -> Measure:
        """The smallest value of a column (or of one value per selected pair); ``empty`` where there is no row."""
        return self._extreme(values, -1, empty)

    def sum(self, values: str | Array) -> Measure:
        """The sum of a column (or of one value per selected pair), added in the log's order: the same bits always."""
        given, of_pairs = self._values(values)
        return Measure(loops.total(self.index, self.pairs.row, self.pairs.rows, given, of_pairs), (self,))

    def _extreme(self, values: str | Array, sign: int, empty: float) -> Measure:
        if not self.index.size:
            return Measure(np.full(self.pairs.rows, float(empty)), (self,))
        given, of_pairs = self._values(values)
        best = loops.extreme(self.index, self.pairs.row, self.pairs.rows, given, of_pairs, sign, float(empty))
        return Measure(best, (Extreme(self, values, best),))

    def _values(self, values: str | Array) -> tuple[Array, bool]:
        """The values of a reduction, and whether there is one per pair rather than one per selected pair."""
        return (self.pairs.column(values), True) if isinstance(values, str) else (values, False)

    def _selected(self, values: Array) -> Array:
        return values if self.index is self.pairs.every else values[self.index]

    def _known(self, how: object) -> Selection | None:
        """What is left after a narrowing that was made before; of nothing, nothing is left."""
        return self._narrower.get(how) if self.index.size else self

    def _kept(self, how: object, index: Array) -> Selection:
        found = self._narrower[how] = Selection(self.pairs, index)
        return found

    def ids_in(self, row: int) -> list[str]:
        """The ids of the selected rows of one landmark."""
        if self.pairs.rows == 1:
            return self.pairs.ids_of(self.index)
        low, high = np.searchsorted(self.row, (row, row + 1))
        return self.pairs.ids_of(self.index[low:high])


@cache
def _bits(types: tuple[str, ...]) -> int:
    """Event types as bits, one for each code."""
    return sum(1 << TYPE_CODE[name] for name in types)


class Extreme(NamedTuple):
    """The rows of a selection that reach the largest or smallest value of their landmark."""

    selection: Selection
    values: str | Array
    best: Values

    def ids_in(self, row: int) -> list[str]:
        """The ids of those rows at one landmark."""
        values = self.selection.column(self.values) if isinstance(self.values, str) else self.values
        return self.selection.where(values == self.best[self.selection.row]).ids_in(row)


class Measure(NamedTuple):
    """One value per landmark (float64, NaN = unknown), with the selections that made it.

    ``from_case`` says that columns of the dispute itself took part.  ``further`` holds the values of further columns of
    the same indicator, such as a shorter window.
    """

    values: Values
    evidence: tuple[Selection | Extreme, ...] = ()
    from_case: bool = False
    further: tuple[Values, ...] = ()

    def capped(self, cap: float) -> Measure:
        """The same, with values above ``cap`` cut down to it."""
        return Measure(np.minimum(self.values, cap), self.evidence, self.from_case, self.further)

    def unknown_where(self, condition: Array) -> Measure:
        """The same, with NaN where the condition holds."""
        values = np.where(condition, np.nan, self.values)
        return Measure(values, self.evidence, self.from_case, self.further)

    def beside(self, *others: Measure) -> Measure:
        """The same, with the values of others as further columns; their evidence must be among its own."""
        return Measure(self.values, self.evidence, self.from_case, tuple(other.values for other in others))

    def row_ids(self, row: int) -> list[str]:
        """The ids of the rows that made the value of one landmark."""
        return list(dict.fromkeys(name for selection in self.evidence for name in selection.ids_in(row)))


class View:
    """Every landmark of a spine with the rows that are visible to it."""

    def __init__(self, history: History, spine: Spine, *, reference_income_cny: float) -> None:
        self.history = history
        self.spine = spine
        self.reference_income_cny = reference_income_cny
        self._measures: dict[Callable[[View], Measure], Measure] = {}

    def __len__(self) -> int:
        return len(self.spine)

    def measured(self, measure: Callable[[View], Measure]) -> Measure:
        """What a measure gives for this view; one that was asked for before is given again."""
        found = self._measures.get(measure)
        if found is None:
            found = self._measures[measure] = measure(self)
        return found

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
        closed = turns.are("closed")
        at = np.full(len(self), -1)
        at[turns.row] = np.where(closed, turns.column("occurred_at"), -1)  # the last of a row wins
        return at

    @cached_property
    def has_handling(self) -> Array:
        """Which landmarks see at least one handling event."""
        return self.steps.of(*HANDLING_TYPES).any().values > 0


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
