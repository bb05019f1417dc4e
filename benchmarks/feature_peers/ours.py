"""The workload by the project's kernel: DuckDB scans and sorts, the verbs of ``features.view`` make the columns.

The workload's boundary (recorded at or before the landmark counts) is ours one microsecond later.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.feature_peers.workload import DAY_US, KINDS, LANDMARKS, ROW_DAYS, WINDOWS, columns
from features.clock import NEVER
from features.history import Array, Log, Spine, offsets_of
from features.view import CONDUCT_CODES, EVENT_TYPES, Pairs, Selection

CARRIERS = {kind: EVENT_TYPES[CONDUCT_CODES[number]] for number, kind in enumerate(KINDS)}
"""The verbs know the contract's event types: each kind of the workload travels under one of them."""
ROWS_PER_BLOCK = 65_536
WRITING = {"compression": "zstd", "use_dictionary": False, "write_statistics": ["case_id", "as_of"]}
"""Dictionaries of numbers cost a third of the writing time and make the file larger; rows are found by their keys."""


def build(data: Path, out: Path) -> None:
    """Write the matrix to ``out/part.parquet``."""
    log, opened = _read(data)
    spine = _spine(opened)
    names = columns()
    out.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([
        pa.field("case_id", pa.int64(), nullable=False), pa.field("as_of", pa.timestamp("us"), nullable=False),
        *(pa.field(name, pa.int32() if name.startswith("n_") else pa.float64(), nullable=not _is_never_null(name))
          for name in names),
    ])  # fmt: skip
    with pq.ParquetWriter(out / "part.parquet", schema, **WRITING) as writer:
        for start in range(0, len(spine), ROWS_PER_BLOCK):
            block = spine[slice(start, start + ROWS_PER_BLOCK)]
            values = measure(log, block, opened)
            arrays = [pa.array(block.dispute + 1), pa.array(block.as_of - 1, pa.timestamp("us"))]
            arrays += [_column(name, values[name]) for name in names]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def measure(log: Log, spine: Spine, opened: Array) -> dict[str, Array]:
    """The 52 columns of some landmarks."""
    events = Selection(Pairs(log, spine))
    as_of = spine.as_of - 1
    values: dict[str, Array] = {}
    rows = events
    by_kind = {kind: events.of(CARRIERS[kind]) for kind in KINDS}
    values["dsl_any"] = _days_since(events, as_of)
    for kind, of_kind in by_kind.items():
        values[f"dsl_{kind}"] = _days_since(of_kind, as_of)
    for window, days in reversed(WINDOWS):
        if days is not None:
            rows = rows.within(days)
            by_kind = {kind: of_kind.within(days) for kind, of_kind in by_kind.items()}
        number = rows.count().values
        total = rows.sum("severity").values
        values[f"n_{window}"], values[f"sev_sum_{window}"] = number, total
        values[f"sev_max_{window}"] = rows.max("severity", empty=np.nan).values
        with np.errstate(invalid="ignore"):
            values[f"sev_mean_{window}"] = total / number
        values[f"amt_sum_{window}"] = rows.sum("amount").values
        for kind, of_kind in by_kind.items():
            values[f"n_{kind}_{window}"] = of_kind.count().values
    values["ds_opened"] = (as_of - opened[spine.dispute]) / DAY_US
    return values


def _days_since(rows: Selection, as_of: Array) -> Array:
    return (as_of - rows.max("occurred_at", empty=np.nan).values) / DAY_US


def _column(name: str, values: Array) -> pa.Array:
    if name.startswith("n_"):
        return pa.array(values.astype(np.int32))
    return pa.array(values, from_pandas=not _is_never_null(name))  # NaN is null, where there is any


def _is_never_null(name: str) -> bool:
    """Counts, sums and the days since opening: declared so, a column needs no levels of definition in the file."""
    return name.startswith("n_") or "_sum_" in name or name == "ds_opened"


def _spine(opened: Array) -> Spine:
    """Every (case, landmark) of the workload, by case, one microsecond on."""
    times = np.array([np.datetime64(at, "us").astype(np.int64) for at in LANDMARKS])
    taken = (opened[:, None] <= times) & (opened[:, None] > times - ROW_DAYS * DAY_US)
    case, landmark = np.nonzero(taken)
    return Spine(case, times[landmark] + 1)


def _read(data: Path) -> tuple[Log, Array]:
    codes = " ".join(f"WHEN '{kind}' THEN {CONDUCT_CODES[number]}" for number, kind in enumerate(KINDS))
    with duckdb.connect(config={"threads": 1}) as connection:
        opened = connection.sql(
            f"SELECT epoch_us(opened_at) AS at FROM read_parquet('{data}/cases.parquet') ORDER BY case_id"
        ).fetchnumpy()["at"]
        events = connection.sql(
            f"SELECT case_id, epoch_us(occurred_at) AS occurred_at, epoch_us(recorded_at) AS recorded_at, "
            f"CASE kind {codes} ELSE {len(EVENT_TYPES)} END::BIGINT AS type, severity, coalesce(amount, 0) AS amount "
            f"FROM read_parquet('{data}/events.parquet') ORDER BY case_id, occurred_at"
        ).fetchnumpy()
    arrays = {name: np.ascontiguousarray(np.ma.getdata(values)) for name, values in events.items()}
    recorded = arrays.pop("recorded_at")
    counts = np.bincount(arrays.pop("case_id") - 1, minlength=len(opened))
    log = Log(offsets_of(counts), recorded, np.full(len(recorded), NEVER), arrays, np.zeros(0, object))
    return log, np.ma.getdata(opened)
