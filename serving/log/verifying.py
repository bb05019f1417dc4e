"""Who checks the pieces of a log: this process alone, or several that see the very same moment of it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa

from features.errors import UserError
from features.worker_process import end_with_parent
from serving.log.database import Database
from serving.log.tables import ASSESSMENTS, ENTRIES
from serving.log.verified_rows import Found, Piece, check_piece

FEW_ASSESSMENTS = 40_000
"""So many are checked before other processes have started."""
WAITING_A_WORKER = 3
START_SECONDS = 300

Check = Callable[[Iterator[Piece], frozenset[str]], Iterator[Found]]
"""Gives what each piece holds, in the order of the pieces."""


@contextmanager
def one_moment(database: Database, *, workers: int | None) -> Iterator[tuple[sa.Connection, Check]]:
    """A connection that sees one moment of the log, and what checks pieces of that moment.

    ``workers``: None is one a core where there is enough to do.  Raises LogUnavailable, UserError where a worker ends early.
    """
    count = _fitting(database) if workers is None else workers
    if count == 1:
        with database.snapshot() as connection:
            yield connection, lambda pieces, policies: (check_piece(connection, one, policies) for one in pieces)
        return
    context = get_context("spawn")
    address = database.address.render_as_string(hide_password=False)
    pool = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin_worker, initargs=(address, context.Barrier(count))
    )
    try:
        _in_all(pool, count, _stand_by)
        with database.snapshot() as connection:
            with _nobody_writes(database):
                shared = _shared(connection, database)
                _in_all(pool, count, _look, shared)
            yield connection, lambda pieces, policies: _checked_by(pool, count, pieces, policies)
    except BrokenProcessPool:
        raise UserError("a process of the check ended early, perhaps for want of memory: try --workers 1") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _fitting(database: Database) -> int:
    with database.snapshot() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(ASSESSMENTS)).scalar() or 0
    return 1 if count < FEW_ASSESSMENTS else os.cpu_count() or 1


def _nobody_writes(database: Database) -> AbstractContextManager[Any]:
    """For SQLite: writers wait the milliseconds in which all begin to look; PostgreSQL hands its snapshot on."""
    return database.exclusive() if database.is_sqlite else nullcontext()


def _shared(connection: sa.Connection, database: Database) -> str | None:
    """The name of PostgreSQL's snapshot; for SQLite None, once this connection looks at its moment as well."""
    if database.is_sqlite:
        connection.execute(sa.select(sa.func.max(ENTRIES.c.seq)))
        return None
    return str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar())


def _checked_by(
    pool: ProcessPoolExecutor, workers: int, pieces: Iterator[Piece], policies: frozenset[str]
) -> Iterator[Found]:
    """In order, with a few pieces a worker on their way."""
    waiting: deque[Any] = deque()
    for piece in pieces:
        waiting.append(pool.submit(_check, piece, policies))
        if len(waiting) >= WAITING_A_WORKER * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _in_all(pool: ProcessPoolExecutor, workers: int, task: Callable[..., None], *arguments: Any) -> None:
    """Run a task once in every worker: each waits in it for all the others."""
    for future in [pool.submit(task, *arguments) for _ in range(workers)]:
        future.result()


# --- in a worker ---------------------------------------------------------------------------------------------------


class _Worker:
    """What a process of the check holds; there is one in each."""

    database: Database
    barrier: threading.Barrier
    looking: AbstractContextManager[sa.Connection]
    connection: sa.Connection


def _begin_worker(address: str, barrier: threading.Barrier) -> None:
    """Take the address; end with the parent, however it ends."""
    end_with_parent()
    _Worker.database, _Worker.barrier = Database(address), barrier


def _stand_by() -> None:
    """Connect, once: to begin then takes no time."""
    _Worker.looking = _Worker.database.snapshot()
    _Worker.connection = _Worker.looking.__enter__()
    _Worker.barrier.wait(START_SECONDS)


def _look(snapshot: str | None) -> None:
    """See the moment that the parent sees, from now on."""
    if snapshot is not None:
        _Worker.connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    _Worker.connection.execute(sa.select(sa.func.max(ENTRIES.c.seq)))
    _Worker.barrier.wait(START_SECONDS)


def _check(piece: Piece, policies: frozenset[str]) -> Found:
    return check_piece(_Worker.connection, piece, policies)
