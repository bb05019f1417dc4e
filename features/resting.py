"""Records at rest: little of them stays in memory while others work on the partitions made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from features.staging import MEMORY_LIMIT

RESTING_MEMORY = "200MB"


@contextmanager
def resting(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep little of the records in memory while the parts are built, which need none of them."""
    connection.execute(f"SET memory_limit = '{RESTING_MEMORY}'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
