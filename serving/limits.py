"""How much a request may hold."""

from __future__ import annotations

BODY_LIMIT = 1 << 20
"""Bytes of one case record."""
BATCH_BODY_LIMIT = 16 << 20
BATCH_CASES = 1_000
