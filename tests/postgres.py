"""A private PostgreSQL server for the tests: one a session, with a fresh database for whoever asks.

``tests.conftest`` makes the fixtures known to every folder.  Where there are no server binaries, the tests that need
them are skipped, and pytest counts them with the reason (``-rs`` shows it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from benchmarks.private_postgres import QUICK, NoServer, PostgresServer, private_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server; skips where PostgreSQL is not installed or cannot be started."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(private_server(settings=QUICK))
        except NoServer as reason:
            pytest.skip(str(reason))
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> str:
    """The address of an empty database, ``postgresql://...``: nobody else's."""
    return postgres_server.new_database()


@pytest.fixture(scope="session")
def new_postgres_database(postgres_server: PostgresServer) -> Callable[[], str]:
    """Makes a further empty database at each call: for fixtures that live longer than one test."""
    return postgres_server.new_database
