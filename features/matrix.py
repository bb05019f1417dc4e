"""Records to a matrix: one row per dispute and landmark, one column per indicator, with a three-state label.

Under OUT: ``matrix/part-NNNN.parquet`` (the matrix), ``outcomes/part-NNNN.parquet`` (row by row beside it: pair, first
incident ahead, whether the row lies after an incident; for splitting and evaluation, never for a model),
``columns.json`` (the column contract) and ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features import catalogue
from features.clock import NEVER, format_time
from features.errors import UserError
from features.history import History, Spine
from features.indicator import Indicator
from features.labels import UNKNOWN, LabelRule, Outcomes, outcomes
from features.loading import Partition
from features.partition import PARTITIONS, write_partitions
from features.records import Records
from features.spine import SpineSpec, landmarks, lately_open
from features.view import Values, View, blocks

ROWS_PER_GROUP = 131_072
FEW_EVENTS = 300_000
CONTENTS = ("matrix", "outcomes", "columns.json", "manifest.json")
"""What a matrix folder holds, the manifest last: without it there is no matrix."""
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class MatrixPlan:
    """What to build: the spine, the indicators, the label rule and the reference income of A05."""

    spine: SpineSpec
    indicators: tuple[Indicator, ...]
    label: LabelRule
    reference_income_cny: float
    known_at: int
    labelled: bool
    closed_within_days: float | None = None


@dataclass(frozen=True)
class PartCount:
    """What one part holds: rows, disputes with a row, rows per label state."""

    rows: int
    disputes: int
    labels: dict[str, int]


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
    landmarks stay whose dispute is open, or was closed (occurred) less than so many days before.  The same records give the same bytes whatever the number of workers and the order of the input files.  Raises UserError
    where ``as_known_at`` lies after the records, or ``out`` already holds something else.
    """
    out = Path(out)
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
    report = progress or (lambda _stage, _done: None)
    _check_room(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        report("partition", 0.0)
        cut_at = NEVER if as_known_at is None else as_known_at  # petitions may be recorded after known_at
        folders = write_partitions(records.connection, Path(work) / "parts", known_at=cut_at)
        report("partition", 1.0)
        built = Path(work) / "built"
        for name in ("matrix", "outcomes"):
            (built / name).mkdir(parents=True)
        counts = _build_parts(plan, folders, built, workers=workers, report=report)
        manifest = _manifest(records, plan, counts, built)
        _replace(out, built)
    return manifest


def _indicators(asked: Iterable[str] | tuple[Indicator, ...] | None) -> tuple[Indicator, ...]:
    """The indicators asked for, by id in catalogue order, or as they were given."""
    if asked is None:
        return catalogue.INDICATORS
    given = tuple(asked)
    ids = tuple(one for one in given if isinstance(one, str))
    own = tuple(one for one in given if isinstance(one, Indicator))
    if not given or (ids and own):
        raise UserError("indicators: name ids of the catalogue, or give indicators of your own, at least one")
    return own or catalogue.chosen(ids)


def _check_room(out: Path) -> None:
    """Only an empty or new folder, or a matrix of ours, is written to."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: name an empty or new folder")
    if out.exists() and any(out.iterdir()) and not all((out / name).exists() for name in CONTENTS):
        raise UserError(f"{out} is not empty and holds no matrix: name an empty or new folder")


def _replace(out: Path, built: Path) -> None:
    """Put the finished matrix in the place of a former one, the manifest last: without it there is no matrix."""
    out.mkdir(exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    for name in ("matrix", "outcomes"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in CONTENTS:
        (built / name).replace(out / name)


def _build_parts(
    plan: MatrixPlan, folders: list[Path], built: Path, *, workers: int | None, report: Progress
) -> list[PartCount]:
    workers = min(workers or _fitting_workers(folders), len(folders))
    counts = []
    if workers == 1:
        for number, folder in enumerate(folders):
            counts.append(build_part(plan, folder, built, number))
            report("features", len(counts) / len(folders))
        return counts
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(build_part, plan, folder, built, number) for number, folder in enumerate(folders)]
        for future in futures:
            counts.append(future.result())
            report("features", len(counts) / len(folders))
    return counts


def _fitting_workers(folders: list[Path]) -> int:
    """All cores; but one where the work is done before another process has started."""
    events = sum(pq.read_metadata(folder / "events.parquet").num_rows for folder in folders)
    return 1 if events < FEW_EVENTS else os.cpu_count() or 1


def build_part(plan: MatrixPlan, folder: Path, built: Path, number: int) -> PartCount:
    """Build one partition: a plain function of files to files, so that any pool or cluster can run it."""
    partition = Partition(folder)
    history = partition.history()
    spine = landmarks(plan.spine, history, partition.all_events(), known_at=plan.known_at)
    if plan.closed_within_days is not None:
        spine = lately_open(history, spine, closed_within_days=plan.closed_within_days)
    became = outcomes(spine, partition.incidents(), known_at=plan.known_at, rule=plan.label, labelled=plan.labelled)
    values = measure_rows(history, spine, plan.indicators, reference_income_cny=plan.reference_income_cny)
    _write_part(built / "matrix", number, _matrix_table(history, spine, became, values, plan))
    _write_part(built / "outcomes", number, _outcome_table(history, spine, became, partition.pairs))
    partition.close()
    labels = Counter(became.label.tolist())
    return PartCount(
        rows=len(spine),
        disputes=len(np.unique(spine.dispute)),
        labels={"positive": labels[1], "negative": labels[0], "not_yet_known": labels[UNKNOWN]},
    )


def measure_rows(
    history: History, spine: Spine, indicators: tuple[Indicator, ...], *, reference_income_cny: float
) -> Values:
    """The values of the indicators at every landmark, shape (landmarks, indicators), block by block."""
    values = np.empty((len(spine), len(indicators)))
    for block in blocks(history, spine):
        seen = View(history, spine[block], reference_income_cny=reference_income_cny)
        values[block] = catalogue.values_of(catalogue.measure_all(seen, indicators))
    return values


def _matrix_table(history: History, spine: Spine, became: Outcomes, values: Values, plan: MatrixPlan) -> pa.Table:
    columns: dict[str, pa.Array] = _row_keys(history, spine)
    columns[plan.label.column] = pa.array(became.label, pa.int8(), mask=became.label == UNKNOWN)
    for position, indicator in enumerate(plan.indicators):
        columns[indicator.column] = pa.array(values[:, position])
    return pa.table(columns)


def _outcome_table(history: History, spine: Spine, became: Outcomes, pairs: np.ndarray) -> pa.Table:
    columns = _row_keys(history, spine)
    columns["pair"] = pa.array(pairs[spine.dispute], pa.string())
    columns["incident_at"] = pa.array(
        became.incident_at, pa.timestamp("us", "UTC"), mask=became.incident_at == NEVER
    )  # fmt: skip
    columns["after_incident"] = pa.array(became.after_incident)
    return pa.table(columns)


def _row_keys(history: History, spine: Spine) -> dict[str, pa.Array]:
    return {
        "dispute_id": pa.array(history.dispute_ids[spine.dispute], pa.string()),
        "as_of": pa.array(spine.as_of, pa.timestamp("us", "UTC")),
    }


def _write_part(folder: Path, number: int, table: pa.Table) -> None:
    pq.write_table(table, folder / f"part-{number:04d}.parquet", compression="zstd", row_group_size=ROWS_PER_GROUP)


def _manifest(records: Records, plan: MatrixPlan, counts: list[PartCount], built: Path) -> dict[str, Any]:
    contract = catalogue.column_contract(plan.indicators)
    (built / "columns.json").write_text(json.dumps(contract, ensure_ascii=False, indent=1) + "\n", "utf-8")
    parts = sorted((*(built / "matrix").iterdir(), *(built / "outcomes").iterdir()))
    files = {f"{part.parent.name}/{part.name}": _sha256(part) for part in parts}
    manifest: dict[str, Any] = {
        "schema_version": 1,
        "spine": plan.spine.text,
        "known_at": format_time(plan.known_at),
        "label": {**plan.label.model_dump(), "incidents_read": plan.labelled},
        "reference_income_cny": plan.reference_income_cny,
        "catalogue": catalogue.digest(),
        "indicators": [indicator.id for indicator in plan.indicators],
        "closed_within_days": plan.closed_within_days,
        "rows": sum(count.rows for count in counts),
        "disputes": sum(count.disputes for count in counts),
        "labels": {state: sum(c.labels[state] for c in counts) for state in ("positive", "negative", "not_yet_known")},
        "partitions": PARTITIONS,
        "source": dict(records.source),
        "synthetic": records.synthetic,
        "inputs": dict(records.digests),
        "records": {name: row.__dict__ for name, row in records.report.reconciliation.items()},
        "digest": hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
        "files": files,
    }
    (built / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
