"""Parquet with fixed settings: the same rows give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_ROW_GROUP = 262_144


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of one file."""
    return pq.ParquetWriter(path, schema, version="2.6", compression="zstd", compression_level=3)


def open_parquet_of_reals(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of one file of mostly 32-bit reals that seldom repeat."""
    reals = [field.name for field in schema if pa.types.is_float32(field.type)]
    return pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in reals],
        use_byte_stream_split=reals,
    )


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes a table to one file."""
    with open_parquet(path, table.schema) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)
