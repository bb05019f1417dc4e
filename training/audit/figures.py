"""The figures of every group of an attribute: observed/expected, recall of disputes, and score against alike cases.

Each has a cluster-bootstrap interval over pairs; the figures of a group and of all rows are drawn together, so that
the error of their contrast is that of paired draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.audit.contrast import Comparison
from training.audit.record import FEWEST_EVENTS, SMALLEST_COUNT, AuditGroup, Figure
from training.evaluation.bootstrap import Draws, Weights, percentile_interval, totals_by_cluster
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.interval import Sample, measure
from training.evaluation.measured import Measured
from training.evaluation.metrics import chance_of_any, cut_at_capacity, dispute_tops

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

CAPACITY = 0.05
RATIO: Figure = "observed_over_expected"
RECALL: Figure = "dispute_recall_at_5pct"
SCORE: Figure = "score_over_same_kind_and_district"
_TOO_FEW = (f"fewer than {FEWEST_EVENTS} disputes with an incident", f"fewer than {FEWEST_EVENTS} disputes")


@dataclass(frozen=True)
class AuditedRows:
    """The test rows as an audit needs them, arrays (n,).

    ``alike`` is the mean probability of all rows of the same kind and district.  ``found`` (disputes with an
    incident,) is the chance that the top ``CAPACITY`` of *all* rows holds one of the dispute's rows with the incident
    ahead, ``found_row`` its highest such row.
    """

    ranker: str
    rows: HeldOutRows
    cluster: Integers
    probability: Floats
    alike: Floats
    found: Floats
    found_row: Integers

    @classmethod
    def of(cls, rows: HeldOutRows, scores: Scores, *, ranker: str, kind: Integers, district: Integers) -> AuditedRows:
        """Returns the rows with one cut for all of them: capacity is shared, it is not set aside for a group."""
        cell = np.unique(np.column_stack([kind, district]), axis=0, return_inverse=True)[1].ravel()
        mean = np.bincount(cell, weights=scores.probability) / np.bincount(cell)
        positive = np.flatnonzero(rows.label == 1)
        cut = cut_at_capacity(rows.label, scores.score, capacity=CAPACITY)
        tops = dispute_tops(scores.score[positive], rows.dispute[positive])
        best = scores.score[positive][tops.row]
        tied = chance_of_any(np.array(cut.rows_tied), np.array(cut.taken_of_tied), tops.copies)
        found = np.where(best > cut.cut_score, 1.0, np.where(best == cut.cut_score, tied, 0.0))
        return cls(
            ranker=ranker, rows=rows, cluster=np.unique(rows.pair, return_inverse=True)[1],
            probability=scores.probability, alike=mean[cell], found=found, found_row=positive[tops.row],
        )  # fmt: skip

    @property
    def n_clusters(self) -> int:
        """How many pairs there are."""
        return int(self.cluster.max()) + 1


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return above.astype(np.float64) / below


class Grouping:
    """One attribute over the test rows: the groups' figures, and the statistic that answers them in each draw.

    ``codes`` (n,) are places in ``names``.
    """

    def __init__(self, audited: AuditedRows, *, attribute: str, codes: Integers, names: tuple[str, ...]) -> None:
        self.attribute, self.names = attribute, names
        self._audited, self._codes = audited, codes
        rows, n_groups = audited.rows, len(names)

        def totals(chosen: Integers, value: Floats | None = None) -> tuple[object, Floats]:
            group, cluster = codes[chosen], audited.cluster[chosen]
            matrix = totals_by_cluster(
                group, cluster, n_groups=n_groups, n_clusters=audited.n_clusters, value=value
            )  # fmt: skip
            return matrix, np.bincount(group, weights=value, minlength=n_groups).astype(np.float64)

        every = np.arange(len(rows.label))
        parts = {
            "observed": totals(np.flatnonzero(rows.label == 1)),
            "expected": totals(every, audited.probability),
            "alike": totals(every, audited.alike),
            "events": totals(audited.found_row),
            "found": totals(audited.found_row, audited.found),
        }
        self._matrices = {name: matrix for name, (matrix, _) in parts.items()}
        self._sums = {name: sums for name, (_, sums) in parts.items()}

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed (group or "" for all, figure)."""
        sums = {name: np.asarray(matrix @ weights) for name, matrix in self._matrices.items()}  # type: ignore[operator]
        drawn: Draws = {}
        for figure, values in _figures(sums).items():
            drawn |= {(name, figure): values[place] for place, name in enumerate(self.names)}
        whole = {name: sums[name].sum(axis=0, keepdims=True) for name in sums}
        return drawn | {("", figure): values[0] for figure, values in _figures(whole).items()}

    def groups(self, drawn: Draws) -> list[AuditGroup]:
        """Returns every group with its figures, the one with the most events first; contrasts are still to come."""
        values = _figures(self._sums)
        found = [self._group(place, {figure: values[figure][place] for figure in values}, drawn)
                 for place in range(len(self.names))]  # fmt: skip
        return sorted(found, key=lambda one: (-(one.n_events or 0), -(one.n_rows or 0), one.group))

    def _group(self, place: int, values: dict[Figure, float], drawn: Draws) -> AuditGroup:
        audited, inside = self._audited, self._codes == place
        name, rows = self.names[place], audited.rows
        sample = Sample.of(
            label=rows.label[inside], dispute=rows.dispute[inside], pair=audited.cluster[inside],
            population=name, ranker=audited.ranker,
        )  # fmt: skip
        n_disputes = len(np.unique(rows.dispute[inside]))
        of_scores = replace(sample, n_events=n_disputes, n_positive_rows=0)
        figures: dict[str, Measured] = {}
        for figure, value in values.items():
            counted = of_scores if figure == SCORE else sample
            if counted.n_events >= SMALLEST_COUNT:
                figures[figure] = _told(figure, value, drawn[self.attribute, name, figure], counted)
        return AuditGroup(
            group=name,
            n_rows=_count(sample.n_rows),
            n_disputes=_count(n_disputes),
            n_events=_count(sample.n_events),
            **figures,  # type: ignore[arg-type]
        )

    def comparisons(self, groups: list[AuditGroup], drawn: Draws, *, protected: bool) -> Iterable[Comparison]:
        """Yields each told figure of each group against that of all rows.

        The score is compared for protected attributes alone: between kinds or channels the risk itself differs.
        A group that is all rows, or all but a tenth, has nothing to be compared with.
        """
        events, disputes = len(self._audited.found), len(np.unique(self._audited.rows.dispute))
        whole = _figures({name: sums.sum(keepdims=True) for name, sums in self._sums.items()})
        for group in groups:
            for figure in (RATIO, RECALL, SCORE) if protected else (RATIO, RECALL):
                item: Measured | None = getattr(group, figure)
                n_all = disputes if figure == SCORE else events
                if item is None or item.value is None or item.n_events > 0.9 * n_all:
                    continue
                draws = drawn[self.attribute, group.group, figure], drawn[self.attribute, "", figure]
                yield _compare(self.attribute, group.group, item, float(whole[figure][0]), draws, n_all=n_all)


def _figures(sums: dict[str, Floats]) -> dict[Figure, Floats]:
    return {
        RATIO: _ratio(sums["observed"], sums["expected"]),
        RECALL: _ratio(sums["found"], sums["events"]),
        SCORE: _ratio(sums["expected"], sums["alike"]),
    }


def _count(number: int) -> int | None:
    return number if number >= SMALLEST_COUNT else None


def _told(figure: Figure, value: float, draws: Floats, sample: Sample) -> Measured:
    """The figure with its interval, or "too few to say".  No incident enters the score: its events are disputes."""
    few = sample.n_events < FEWEST_EVENTS
    if figure != SCORE and not few:
        return measure(figure, float(value), drawn=draws, sample=sample)
    ends = None if few else percentile_interval(draws)
    told = {"value": None, "low": None, "high": None, "reason": _TOO_FEW[figure == SCORE]}
    if ends is not None:
        told = {"value": float(value), "low": ends[0], "high": ends[1], "interval": "cluster bootstrap"}  # type: ignore[dict-item]
    unit = {RECALL: "share of disputes with an incident", SCORE: "ratio of mean scores"}.get(figure, "ratio")
    return Measured.model_validate(
        told | {
            "name": figure, "n_events": sample.n_events, "n_positive_rows": sample.n_positive_rows,
            "n_rows": sample.n_rows, "unit": unit, "population": sample.population, "ranker": sample.ranker,
        }
    )  # fmt: skip


def _compare(
    attribute: str, group: str, item: Measured, whole: float, draws: tuple[Floats, Floats], *, n_all: int
) -> Comparison:
    """One comparison.  The error is at least what the counts alone allow: draws are blind where all or none is found."""
    is_ratio = item.name != RECALL
    value = float(item.value or 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shifts = np.log(draws[0] / draws[1]) if is_ratio else draws[0] - draws[1]
    drawn = float(np.std(shifts[np.isfinite(shifts)]))
    apart = 1 / item.n_events - 1 / n_all
    least = {RATIO: apart, RECALL: whole * (1 - whole) * apart}.get(item.name, 0.0)  # type: ignore[call-overload]
    return Comparison(
        attribute=attribute, group=group, figure=item.name, n_events=item.n_events, is_ratio=is_ratio,  # type: ignore[arg-type]
        shift=float(np.log(value / whole)) if is_ratio else value - whole, error=max(drawn, float(np.sqrt(least)), 1e-9),
    )  # fmt: skip
