"""What tests of several folders share: one small SYNTHETIC world with many incidents, and a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_samples.simulator import simulate
from tests.postgres import new_postgres_database, postgres_database, postgres_server  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def unit_world(tmp_path_factory) -> Path:
    """Records of 3,000 disputes a year over three years, at a raised rate of incidents."""
    records = tmp_path_factory.mktemp("world") / "records"
    simulate(records, preset="unit", disputes=3000, years=3, seed=11)
    return records
