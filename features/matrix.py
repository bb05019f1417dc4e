"""Records to a matrix: one row per dispute and landmark, one column per indicator, with a three-state label.

Under OUT: ``matrix/part-NNNN.parquet`` (the matrix), ``outcomes/part-NNNN.parquet`` (row by row beside it: pair, first
incident ahead, whether the row lies after an incident; for splitting and evaluation, never for a model),
``treatments/part-NNNN.parquet`` (row by row too: when extra support began, whether the dispute was open; likewise),
``columns.json`` (the column contract) and ``manifest.json``.

A build that was killed goes on where it was, by the same call: see ``working_folder``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features import catalogue, partition
from features.clock import NEVER, format_time
from features.errors import UserError
from features.history import Array, History, Spine
from features.indicator import Indicator
from features.labels import UNKNOWN, LabelRule, Outcomes, outcomes
from features.loading import Partition
from features.manifest import MatrixPlan, PartCount, finish_file, plan_record, write_manifest
from features.parts import adopt, build_parts, telling_of_the_disk, write_count
from features.records import Records
from features.resting import resting
from features.spine import SpineSpec, is_lately_open, landmarks
from features.treatments import Treatments, treatments
from features.view import Values, View, blocks
from features.working_folder import CONTENTS, MATRIX, WorkingFolder

__all__ = ["CONTENTS", "build_matrix", "build_part", "matrix_plan_digest", "measure_rows"]
ROWS_PER_GROUP = 131_072
Progress = Callable[[str, float], None]


def build_matrix(
    records: Records,
    out: Path | str,
    *,
    as_of: str = "spine",
    as_known_at: int | None = None,
    indicators: Iterable[str] | tuple[Indicator, ...] | None = None,
    label: LabelRule | None = None,
    reference_income_cny: float = catalogue.DEFAULT_REFERENCE_INCOME_CNY,
    closed_within_days: float | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Build the matrix of some records under ``out``; return its manifest.

    ``as_of`` is a spine spec; ``as_known_at`` (microseconds UTC) rebuilds what the records knew at that time.
    ``indicators`` are ids of the catalogue (None: all), or indicators of one's own.  With ``closed_within_days`` only
    landmarks stay whose dispute is open, or was closed (occurred) less than so many days before.  The same records give
    the same bytes whatever the number of workers and the order of the input files.  Raises UserError where
    ``as_known_at`` lies after the records, or ``out`` already holds something else.
    """
    plan, described = _planned(
        records, as_of=as_of, as_known_at=as_known_at, indicators=indicators, label=label,
        reference_income_cny=reference_income_cny, closed_within_days=closed_within_days,
    )  # fmt: skip
    report = progress or (lambda _stage, _done: None)
    out = Path(out).resolve()
    with telling_of_the_disk(out, MATRIX), WorkingFolder.held(out) as work:
        resumed = adopt(work, described, report)
        if work.is_replacing:
            report(f"resumed: {partition.PARTITIONS} of {partition.PARTITIONS} parts were there", 1.0)
        else:

            def write(folder: Path) -> None:
                report("partition", 0.0)
                partition.write_partitions(records.connection, folder, known_at=_cut_at(as_known_at))
                report("partition", 1.0)

            folders = work.partition_folders(write)
            with resting(records.connection):
                counts = build_parts(
                    partial(build_part, plan), folders, work, kind=PartCount, stage="features", workers=workers,
                    resumed=resumed, report=report,
                )  # fmt: skip
            write_manifest(records, plan, counts, work.built)
        return work.replace_out()


def matrix_plan_digest(records: Records, **settings: Any) -> str:
    """The digest of everything that the bytes of a matrix depend on: ``settings`` are those of ``build_matrix``.

    Two builds with the same digest give the same matrix.  Raises UserError as ``build_matrix`` does.
    """
    _, described = _planned(records, **settings)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _planned(
    records: Records, *, as_of: str = "spine", as_known_at: int | None = None,
    indicators: Iterable[str] | tuple[Indicator, ...] | None = None, label: LabelRule | None = None,
    reference_income_cny: float = catalogue.DEFAULT_REFERENCE_INCOME_CNY, closed_within_days: float | None = None,
) -> tuple[MatrixPlan, dict[str, Any]]:  # fmt: skip
    """What to build, and everything that its bytes depend on."""
    known_at = records.known_at if as_known_at is None else as_known_at
    if known_at > records.known_at:
        raise UserError(
            f"--as-known-at {format_time(known_at)} lies after the last thing these records know "
            f"({format_time(records.known_at)}): choose that time or an earlier one"
        )
    plan = MatrixPlan(
        spine=SpineSpec.parse(as_of),
        indicators=_indicators(indicators),
        label=label or LabelRule(),
        reference_income_cny=reference_income_cny,
        known_at=known_at,
        labelled=records.has_incidents,
        closed_within_days=closed_within_days,
    )
    return plan, plan_record(records, plan, cut_at=_cut_at(as_known_at), partitions=partition.PARTITIONS)


def _cut_at(as_known_at: int | None) -> int:
    """What is left out of the records: without a time nothing, since petitions may be recorded after ``known_at``."""
    return NEVER if as_known_at is None else as_known_at


def _indicators(asked: Iterable[str] | tuple[Indicator, ...] | None) -> tuple[Indicator, ...]:
    """The indicators asked for, by id in catalogue order, or as they were given."""
    if asked is None:
        return catalogue.INDICATORS
    given = tuple(asked)
    ids = tuple(one for one in given if isinstance(one, str))
    own = tuple(one for one in given if isinstance(one, Indicator))
    if not given or len(given) not in (len(ids), len(own)):
        raise UserError("indicators: name ids of the catalogue, or give indicators of your own, at least one")
    return own or catalogue.chosen(ids)


def build_part(plan: MatrixPlan, folder: Path, built: Path, number: int) -> PartCount:
    """Build one partition: a plain function of files to files, so that any pool or cluster can run it.

    ``matrix/part-NNNN.parquet``, those of ``outcomes`` and ``treatments`` and then ``counts/part-NNNN.json`` appear
    under ``built``, each whole or not at all; the last one says that the part is finished.
    """
    part = Partition(folder)
    history = part.history()
    spine = landmarks(plan.spine, history, part.all_events(), known_at=plan.known_at)
    if plan.closed_within_days is not None:
        spine = spine[is_lately_open(history, spine, closed_within_days=plan.closed_within_days)]
    became = outcomes(spine, part.incidents(), known_at=plan.known_at, rule=plan.label, labelled=plan.labelled)
    given = treatments(spine, part.extra_support())
    part.close()
    tables = {
        "matrix": _matrix_tables(history, spine, became, plan),
        "outcomes": (_outcome_table(history, spine[rows], _those(became, rows), part.pairs) for rows in _groups(spine)),
        "treatments": (_treatment_table(history, spine[rows], given, rows) for rows in _groups(spine)),
    }
    labels = Counter(became.label.tolist())
    count = PartCount(
        rows=len(spine),
        disputes=len(np.unique(spine.dispute)),
        labels={"positive": labels[1], "negative": labels[0], "not_yet_known": labels[UNKNOWN]},
        files=dict(_write_part(built, name, number, groups) for name, groups in tables.items()),
    )
    write_count(built, number, count)
    return count


def _groups(spine: Spine) -> Iterator[slice]:
    """Slices of the spine that are written at a time, at least one: memory stays bounded however large the part."""
    for start in range(0, max(len(spine), 1), ROWS_PER_GROUP):
        yield slice(start, start + ROWS_PER_GROUP)


def measure_rows(
    history: History, spine: Spine, indicators: tuple[Indicator, ...], *, reference_income_cny: float
) -> Values:
    """The values of the indicators at every landmark, shape (landmarks, columns), block by block."""
    values = np.empty((len(spine), len(catalogue.columns_of(indicators))))
    for block in blocks(history, spine):
        seen = View(history, spine[block], reference_income_cny=reference_income_cny)
        values[block] = catalogue.values_of(catalogue.measure_all(seen, indicators))
    return values


def _matrix_tables(history: History, spine: Spine, became: Outcomes, plan: MatrixPlan) -> Iterator[pa.Table]:
    for rows in _groups(spine):
        values = measure_rows(history, spine[rows], plan.indicators, reference_income_cny=plan.reference_income_cny)
        columns: dict[str, pa.Array] = _row_keys(history, spine[rows])
        label = became.label[rows]
        columns[plan.label.column] = pa.array(label, pa.int8(), mask=label == UNKNOWN)
        for position, column in enumerate(catalogue.columns_of(plan.indicators)):
            columns[column] = pa.array(values[:, position])
        yield _with_nulls_only_in(columns, plan.label.column)


def _with_nulls_only_in(columns: dict[str, pa.Array], label: str) -> pa.Table:
    """The columns as a table in which only the label may be null: an unknown value is NaN.

    A column without nulls needs no levels of definition, whose writing costs a fifth of all writing.
    """
    fields = [pa.field(name, values.type, nullable=name == label) for name, values in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def _outcome_table(history: History, spine: Spine, became: Outcomes, pairs: Array) -> pa.Table:
    columns = _row_keys(history, spine)
    columns["pair"] = pa.array(pairs[spine.dispute], pa.string())
    columns["incident_at"] = pa.array(
        became.incident_at, pa.timestamp("us", "UTC"), mask=became.incident_at == NEVER
    )  # fmt: skip
    columns["after_incident"] = pa.array(became.after_incident)
    return pa.table(columns)


def _treatment_table(history: History, spine: Spine, given: Treatments, rows: slice) -> pa.Table:
    """What a row was given, and whether its dispute was open: what says who is given extra support next."""
    before, at, kind = given.before[rows], given.at[rows], pa.timestamp("us", "UTC")
    columns = _row_keys(history, spine)
    columns["support_before"] = pa.array(before, kind, mask=before == -NEVER)
    columns["support_at"] = pa.array(at, kind, mask=at == NEVER)
    closed = [View(history, spine[block], reference_income_cny=np.nan).closed_at for block in blocks(history, spine)]
    columns["is_open"] = pa.array(np.concatenate([np.zeros(0, np.int64), *closed]) < 0)
    return pa.table(columns)


def _those(became: Outcomes, rows: slice) -> Outcomes:
    return Outcomes(became.label[rows], became.incident_at[rows], became.after_incident[rows])


def _row_keys(history: History, spine: Spine) -> dict[str, pa.Array]:
    return {
        "dispute_id": pa.array(history.dispute_ids[spine.dispute], pa.string()),
        "as_of": pa.array(spine.as_of, pa.timestamp("us", "UTC")),
    }


def _write_part(built: Path, name: str, number: int, groups: Iterator[pa.Table]) -> tuple[str, str]:
    """Write the groups as one Parquet file; returns its name under ``built`` and its sha256.

    Dictionaries of numbers would cost a third of the writing time, and make the file larger.
    """
    file = f"part-{number:04d}.parquet"
    unfinished = built / "unfinished" / f"{name}-{file}"
    first = next(groups)
    texts = [field.name for field in first.schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(unfinished, first.schema, compression="zstd", use_dictionary=texts) as writer:
        writer.write_table(first, row_group_size=ROWS_PER_GROUP)
        for group in groups:
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
    return f"{name}/{file}", finish_file(built, unfinished, f"{name}/{file}")
