"""How much a request may hold."""

from __future__ import annotations

HEAD_SECONDS = 10.0
"""Within so long the head of a request must have come."""
BODY_LIMIT = 1 << 20
"""Bytes of one case record."""
BATCH_BODY_LIMIT = 16 << 20
BATCH_CASES = 1_000
BODY_SECONDS = 10.0
"""Within so long the body of a request must have come in whole."""
BATCH_BODY_SECONDS = 60.0
MOST_AT_ONCE = 256
"""Requests that are in work or waiting; what comes beyond is turned away at once."""
BATCHES_AT_ONCE = 4
"""Batches in memory, each of which may be of 16 MiB."""
OVERLOAD_RETRY_SECONDS = 1
