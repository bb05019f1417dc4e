"""Logs on both databases."""

import pytest

from serving.log.decision_log import DecisionLog


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """The address of an empty log on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def log(address):
    """An empty log on each database."""
    log = DecisionLog(address)
    yield log
    log.close()
