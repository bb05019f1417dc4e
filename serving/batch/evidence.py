"""The evidence of many landmarks as JSON lists: each selection is named and divided once, whatever is asked of it."""

from __future__ import annotations

import numpy as np
from pydantic_core import to_json

from features.evidence import reaching
from features.history import Array, offsets_of
from features.view import Extreme, Measure, Pairs, Selection, View

NONE, _BETWEEN = "[]", '","'
Names = list[str]


class EvidenceTexts:
    """What ``features.evidence.Evidence`` gives for one landmark, for many and as text; hidden rows are left out."""

    def __init__(self, view: View, *, hidden: Selection | None) -> None:
        """Take a view; the ids of the ``hidden`` rows show in no evidence of their landmark."""
        self._view = view  # below, what is found by its identity is kept beside it
        self._named: dict[int, tuple[Pairs, Array, Array]] = {}
        self._divided: dict[int, tuple[Selection | Extreme, Names, Array]] = {}
        self._disputes = escaped([str(name) for name in view.history.dispute_ids[view.spine.dispute]])
        self._hidden = {} if hidden is None else self._by_landmark(hidden)

    def of(self, measure: Measure, rows: Array) -> list[str]:
        """The ids that made the values of some landmarks, as JSON lists: each id once, the dispute's own first."""
        sources = [self._divide(source) for source in measure.evidence]
        bounds = [(names, ends[rows].tolist(), ends[rows + 1].tolist()) for names, ends in sources]
        if len(bounds) == 1:
            names, lows, highs = bounds[0]
            found = [names[low:high] for low, high in zip(lows, highs, strict=True)]
        else:
            found = [
                [name for names, lows, highs in bounds for name in names[lows[place] : highs[place]]]
                for place in range(len(rows))
            ]
        if measure.from_case:
            own = [self._disputes[row] for row in rows.tolist()]
            found = [[one, *dict.fromkeys(names)] for one, names in zip(own, found, strict=True)]
        else:
            found = [[*dict.fromkeys(names)] if len(names) > 1 else names for names in found]
        if self._hidden:
            found = [
                [name for name in names if name not in self._hidden.get(row, ())]
                for names, row in zip(found, rows.tolist(), strict=True)
            ]
        return [f'["{_BETWEEN.join(names)}"]' if names else NONE for names in found]

    def _by_landmark(self, selection: Selection) -> dict[int, frozenset[str]]:
        if not selection.index.size:
            return {}
        names, ends = self._divide(selection)
        return {row: frozenset(names[ends[row] : ends[row + 1]]) for row in np.unique(selection.row).tolist()}

    def _divide(self, source: Selection | Extreme) -> tuple[Names, Array]:
        """The names of a selection in order, and the place from which each landmark's stand."""
        known = self._divided.get(id(source))
        if known is None:
            selection = reaching(source) if isinstance(source, Extreme) else source
            names, starts = self._names_of(selection.pairs)
            counts = np.diff(starts)[selection.index]
            ends = offsets_of(counts)
            places = np.arange(ends[-1]) + np.repeat(starts[selection.index] - ends[:-1], counts)
            of_landmark = ends[np.searchsorted(selection.row, np.arange(len(self._view) + 1))]
            known = self._divided[id(source)] = source, names[places].tolist(), of_landmark
        return known[1:]

    def _names_of(self, pairs: Pairs) -> tuple[Array, Array]:
        """The names of all pairs, and where those of each begin: one, or those of every report of an occurrence."""
        known = self._named.get(id(pairs))
        if known is None:
            names = pairs.ids_of(pairs.every)
            starts = np.arange(len(pairs.every) + 1)
            if len(names) > len(pairs.every):
                starts = offsets_of(np.array([len(pairs.ids_of(pairs.every[[pair]])) for pair in pairs.every]))
            known = self._named[id(pairs)] = pairs, np.array(escaped(names), object), starts
        return known[1:]


def escaped(ids: list[str]) -> Names:
    """Texts as they stand between the quotes of JSON.

    All at once: a quote inside a text is escaped, so that only the ends of two texts look like the end of two texts.
    """
    return to_json(ids)[2:-2].decode().split(_BETWEEN) if ids else []
