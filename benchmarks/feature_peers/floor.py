"""What nobody can go below: scan and sort the events, and write the finished matrix; nothing is computed."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks.feature_peers.ours import ROWS_PER_BLOCK, WRITING


def cpu_seconds(data: Path, matrix: Path, out: Path) -> float:
    """CPU seconds of scan + sort + write, where ``matrix`` holds the finished part (its reading is not counted)."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": False}) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM '{data}/events.parquet' ORDER BY case_id, occurred_at")
    sorted_in = time.process_time() - began
    table = pq.read_table(matrix, use_threads=False)
    began = time.process_time()
    pq.write_table(table, out / "part.parquet", row_group_size=ROWS_PER_BLOCK, **WRITING)
    return sorted_in + time.process_time() - began
