"""Parquet with fixed settings: the same rows give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_ROW_GROUP = 262_144


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of one file."""
    return pq.ParquetWriter(path, schema, version="2.6", compression="zstd", compression_level=3)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes a table to one file."""
    with open_parquet(path, table.schema) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)
