"""What breaks the log, one by one: no assessment is answered that is not in it, nobody waits for ever, and it recovers."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import threading
import time

import psycopg
import pytest
import sqlalchemy as sa

from features.errors import LogUnavailable
from serving.log import writer as writing
from serving.log.decision_log import DecisionLog
from serving.log.verification import verify
from tests.log.drawn_cases import assessed, many


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Seconds that tests can wait for."""
    monkeypatch.setattr(writing, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(writing, "PROBE_SECONDS", 1.0)
    monkeypatch.setattr("serving.log.database.LOCK_SECONDS", 0.2)
    monkeypatch.setattr("serving.log.database.CONNECT_SECONDS", 1)


@pytest.fixture
def sqlite_log(tmp_path, impatient):
    log = DecisionLog(f"sqlite:///{tmp_path / 'log.db'}")
    log.append(many(1))
    yield log
    log.close()


@pytest.fixture
def postgres_log(postgres_database, impatient):
    log = DecisionLog(postgres_database)
    log.append(many(1))
    yield log
    log.close()


def refuses(log, *, for_long=True):
    """Nothing is written, and it says so in time.

    Not ``for_long`` where a new connection is well: the writer may have it before anybody asks.
    """
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        log.writer.append(log._appending([assessed("DREFUSED")], (), ""), seconds=1.0)
    assert not (for_long and log.is_writable())
    assert time.monotonic() - began < 10


def is_well(log, *, entries):
    """It writes again, and holds what was answered and nothing else."""
    until = time.monotonic() + 10
    while not log.is_writable():
        assert time.monotonic() < until, "it does not recover"
    log.append([assessed("DAFTER")])
    result = verify(log.database)
    assert result.ok, result.first_break
    assert result.entries == entries


def test_locked_by_another_process(sqlite_log):
    other = sqlite3.connect(sqlite_log.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refuses(sqlite_log)
    other.execute("ROLLBACK")
    other.close()
    is_well(sqlite_log, entries=2)


def test_disk_full(sqlite_log):
    """SQLite's own limit of pages gives the very error of a full disk, SQLITE_FULL."""
    raw = sqlite_log.writer._connection
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LogUnavailable, match="SQLITE_FULL"):
        for one in many(50, start=100):
            sqlite_log.append([one])
    assert sqlite_log.writer.is_failing
    with sqlite_log.database.reading() as connection:
        kept = connection.execute(sa.text("SELECT count(*) FROM entries")).scalar()
    is_well(sqlite_log, entries=kept + 1)


def test_a_full_file_system(tmp_path):
    """The real thing: a small file system that is filled up, and emptied again."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("a file system can't be mounted here: a full disk is tested by SQLite's page limit alone")
    try:
        log = DecisionLog(f"sqlite:///{place / 'log.db'}")
        log.append([assessed()])
        ballast = place / "ballast"
        handle = os.open(ballast, os.O_CREAT | os.O_WRONLY)
        with pytest.raises(OSError):
            while True:
                os.write(handle, b"x" * 4096)
        os.close(handle)
        with pytest.raises(LogUnavailable):
            for one in many(50, start=10):
                log.append([one])
        assert log.is_writable() is False
        with log.database.reading() as connection:
            kept = connection.execute(sa.text("SELECT count(*) FROM entries")).scalar()
        ballast.unlink()
        is_well(log, entries=kept + 1)
        log.close()
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def test_read_only(sqlite_log):
    raw = sqlite_log.writer._connection
    raw.execute("PRAGMA query_only = ON")
    with pytest.raises(LogUnavailable, match="SQLITE_READONLY"):
        sqlite_log.append([assessed()])
    assert sqlite_log.writer.is_failing
    is_well(sqlite_log, entries=2)


def test_the_file_is_taken_away_and_put_back(sqlite_log):
    """It is not made anew: a chain that begins again would hide the old one."""
    path = sqlite_log.database.path
    aside = path.parent / "aside"
    aside.mkdir()
    for file in list(path.parent.glob("log.db*")):
        file.rename(aside / file.name)
    refuses(sqlite_log)
    assert not path.exists()
    for file in list(aside.iterdir()):
        file.rename(path.parent / file.name)
    is_well(sqlite_log, entries=2)


def test_a_hung_database_is_told_in_time_and_others_are_told_at_once(sqlite_log):
    release = threading.Event()
    with pytest.raises(LogUnavailable):
        sqlite_log.writer.append(lambda _: release.wait(30), seconds=0.5)
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="hangs"):
        sqlite_log.append([assessed("D2")])
    assert sqlite_log.is_writable() is False
    assert time.monotonic() - began < 0.3
    release.set()
    while sqlite_log.writer.hangs:
        time.sleep(0.01)
    is_well(sqlite_log, entries=2)


def test_what_was_given_up_before_it_was_taken_is_not_written(sqlite_log):
    taken, release = threading.Event(), threading.Event()
    sqlite_log.writer.submit(lambda _: (taken.set(), release.wait(30)), seconds=60)
    taken.wait(10)
    with pytest.raises(LogUnavailable):
        sqlite_log.writer.append(sqlite_log._appending([assessed("DGIVENUP")], (), ""), seconds=0.2)
    release.set()
    is_well(sqlite_log, entries=2)


def test_the_event_loop_serves_others_while_the_log_hangs(sqlite_log):
    release = threading.Event()

    async def main():
        stuck = asyncio.create_task(sqlite_log.writer.append_soon(lambda _: release.wait(30), seconds=0.6))
        turns = 0
        while not stuck.done():
            await asyncio.sleep(0.01)
            turns += 1
        release.set()
        return turns, stuck.exception()

    turns, error = asyncio.run(main())
    assert turns > 20
    assert isinstance(error, LogUnavailable)


def test_a_clock_that_goes_back_breaks_nothing_and_is_told(sqlite_log, monkeypatch):
    from serving.log import transaction

    monkeypatch.setattr(transaction, "now_us", lambda: 1_000_000)
    sqlite_log.append([assessed("D7")])
    monkeypatch.undo()
    result = verify(sqlite_log.database)
    assert result.ok and result.steps_back == 1


# --- PostgreSQL --------------------------------------------------------------------------------------------------------


def test_connections_cut_by_the_server(postgres_log, postgres_database):
    with psycopg.connect(postgres_database, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    with pytest.raises(LogUnavailable):
        postgres_log.append([assessed("DCUT")])
    is_well(postgres_log, entries=2)


def test_a_server_that_lets_nobody_in_and_lets_them_in_again(postgres_log, postgres_database, postgres_server):
    name = sa.make_url(postgres_database).database
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        refuses(postgres_log)
        with pytest.raises(LogUnavailable):
            postgres_log.find("a-1")
        late = DecisionLog(postgres_database)  # the service starts all the same, and is not ready
        assert late.is_writable() is False
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert late.is_writable()
    late.close()
    is_well(postgres_log, entries=2)


def test_a_server_that_became_read_only(postgres_log, postgres_database, postgres_server):
    name = sa.make_url(postgres_database).database
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only TO on")
        postgres_log.writer._connection.close()
        refuses(postgres_log)
        admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    postgres_log.writer._drop()
    is_well(postgres_log, entries=2)


def test_a_server_that_hangs(postgres_log):
    """Its process is stopped, as on a dead disk: nobody waits for longer than the time-out."""
    pid = postgres_log.writer._connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        refuses(postgres_log, for_long=False)
    finally:
        os.kill(pid, signal.SIGCONT)
    until = time.monotonic() + 10
    while time.monotonic() < until and not postgres_log.is_writable():
        time.sleep(0.05)
    with postgres_log.database.reading() as connection:
        kept = connection.execute(sa.text("SELECT count(*) FROM entries")).scalar()
    is_well(postgres_log, entries=kept + 1)


def test_another_that_holds_the_chain_for_long(postgres_log, postgres_database):
    from serving.log.database import CHAIN_LOCK

    with psycopg.connect(postgres_database) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})")
        refuses(postgres_log)
        other.rollback()
    until = time.monotonic() + 10
    while time.monotonic() < until and not postgres_log.is_writable():
        time.sleep(0.05)
    with postgres_log.database.reading() as connection:
        kept = connection.execute(sa.text("SELECT count(*) FROM entries")).scalar()
    is_well(postgres_log, entries=kept + 1)
