"""The audit of a model by group: calibration, recall and score by channel, district, kind and protected attributes.

audit(rows, scores, groups=AuditedRows(...), ...) -> Audit
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.history import Array
from features.records import Records
from training.audit.contrast import Comparison, corrected
from training.audit.figures import CAPACITY, AuditedRows, Grouping
from training.audit.proxy import Inputs, proxies_of
from training.audit.record import NOT_RECORDED, Audit, AuditAttribute, AuditGroup, Contrast, Proxy
from training.audit.table import AuditTable
from training.evaluation.bootstrap import Statistic, bootstrap
from training.evaluation.held_out import HeldOutRows, Scores
from training.judging import Attempt

Integers = npt.NDArray[np.integer]
OPEN = ("channel", "district", "kind")
"""What is told of every run: not protected, and on the books anyway."""
COMPLETENESS = "completeness"
GAPS = ("few gaps", "some gaps", "many gaps")


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What is known of the test rows beside the matrix: text arrays (n,), None = not recorded.

    ``open_`` holds channel, district and kind; ``protected`` the attributes of the audit table, None without one.
    """

    open_: Mapping[str, Array]
    protected: Mapping[str, Array] | None = None

    @property
    def every(self) -> dict[str, Array]:
        """All of them by name."""
        return {**self.open_, **(self.protected or {})}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How intervals are drawn."""

    draws: int = 200
    seed: int = 0


def audit(
    rows: HeldOutRows,
    scores: Scores,
    attributes: Attributes,
    *,
    ranker: str = "lightgbm",
    drawing: Drawing = Drawing(),
    inputs: Inputs | None = None,
) -> Audit:
    """Returns the audit of one ranker; with ``inputs`` also whether protected attributes show in the model's columns.

    A group is a finding where the interval of its contrast with all rows, at the level that Holm's correction over
    every comparison of the audit leaves to it, excludes the overall figure.
    """
    coded = {name: encode(values) for name, values in attributes.every.items()}
    kind, district = coded["kind"][0], coded["district"][0]
    audited = AuditedRows.of(rows, scores, ranker=ranker, kind=kind, district=district)
    groupings = {
        name: Grouping(audited, attribute=name, codes=codes, names=names) for name, (codes, names) in coded.items()
    }
    statistics: dict[str, Statistic] = dict(groupings)
    drawn = bootstrap(statistics, n_clusters=audited.n_clusters, draws=drawing.draws, seed=drawing.seed)
    groups = {name: grouping.groups(drawn) for name, grouping in groupings.items()}
    comparisons = [
        one
        for name, grouping in groupings.items()
        for one in grouping.comparisons(groups[name], drawn, protected=name not in attributes.open_)
    ]
    contrasts = corrected(comparisons)
    proxies: tuple[Proxy, ...] = ()
    if inputs is not None and attributes.protected:
        proxies = proxies_of(
            inputs, {name: coded[name] for name in attributes.protected}, kind=kind, district=district, rows=rows,
            draws=drawing.draws, seed=drawing.seed,
        )  # fmt: skip
    return Audit(
        ranker=ranker,
        capacity=CAPACITY,
        has_table=attributes.protected is not None,
        n_comparisons=len(comparisons),
        attributes=tuple(
            AuditAttribute(
                attribute=name,
                protected=name not in attributes.open_,
                groups=tuple(_with_contrasts(name, own, comparisons, contrasts)),
            )
            for name, own in groups.items()
        ),
        proxies=proxies,
    )


def _with_contrasts(
    attribute: str, groups: list[AuditGroup], comparisons: list[Comparison], contrasts: list[Contrast]
) -> Iterable[AuditGroup]:
    for group in groups:
        own = tuple(
            contrast
            for one, contrast in zip(comparisons, contrasts, strict=True)
            if (one.attribute, one.group) == (attribute, group.group)
        )
        yield group.model_copy(update={"contrasts": own})


def encode(values: Array) -> tuple[Integers, tuple[str, ...]]:
    """Returns the place of each value (n,) among the names found, and those names; None is "not recorded"."""
    told = np.array([NOT_RECORDED if value is None else str(value) for value in values], dtype=object)
    names, codes = np.unique(told.astype(str), return_inverse=True)
    return codes.ravel(), tuple(str(name) for name in names)


@dataclass(frozen=True)
class _Test:
    """The test disputes by id, and the place of each row's dispute among them."""

    ids: Array
    place: Integers = field(repr=False)

    @classmethod
    def of(cls, dispute_ids: Array) -> _Test:
        ids, place = np.unique(dispute_ids.astype(str), return_inverse=True)
        return cls(ids.astype(object), place.ravel())


def audit_run(attempt: Attempt, records: Records, table: AuditTable | None) -> Audit:
    """Returns the audit of an attempt's model on its test rows; ``table`` None leaves the protected attributes out."""
    rows, model, experiment = attempt.rows.test, attempt.model, attempt.experiment
    test = _Test.of(attempt.rows.test_dispute_ids)
    protected = None if table is None else _by_row(table.of_disputes(test.ids), test)
    held = rows.held_out(experiment.label.horizon_days)
    categorical = [place for place, name in enumerate(model.contract.column_names)
                   if any(i.categories and name in i.columns for i in attempt.indicators)]  # fmt: skip
    return audit(
        held,
        attempt.scores,
        Attributes(
            open_=_by_row(as_first_recorded(records, test.ids), test) | {COMPLETENESS: completeness(rows.values)},
            protected=protected,
        ),
        drawing=Drawing(draws=experiment.evaluation.draws, seed=experiment.seed),
        inputs=Inputs(values=rows.values, categorical=tuple(categorical)),
        ranker=next(iter(attempt.rankers)),
    )


def completeness(values: Array) -> Array:
    """How full each row's columns are, (n,) of ``GAPS``: thirds of the rows by the number of missing values.

    Rows with equally many gaps stay together.
    """
    gaps = np.isnan(values).sum(axis=1)
    edges = np.quantile(gaps, [1 / 3, 2 / 3], method="lower")
    return np.array(GAPS, dtype=object)[np.searchsorted(edges, gaps, side="left")]


def _by_row(of_dispute: Mapping[str, Array], test: _Test) -> dict[str, Array]:
    return {name: values[test.place] for name, values in of_dispute.items()}


def as_first_recorded(records: Records, ids: Array) -> dict[str, Array]:
    """Channel, district and kind of disputes as they were first recorded.

    A kind that was mended after the incident would group by the outcome.
    """
    connection = records.connection
    connection.register("test_disputes", pa.table({"place": range(len(ids)), "dispute_id": pa.array(ids, pa.string())}))
    try:
        found = connection.sql(
            "SELECT arg_min(channel, recorded_at) AS channel, substr(arg_min(area, recorded_at), 1, 6) AS district, "
            "arg_min(kind, recorded_at) AS kind FROM test_disputes LEFT JOIN disputes USING (dispute_id) "
            "GROUP BY place ORDER BY place"
        ).to_arrow_table()
    finally:
        connection.unregister("test_disputes")
    return {name: found[name].to_numpy(zero_copy_only=False) for name in OPEN}
