"""The one writer of a process: a thread that takes what waits, and writes it with one commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from features.errors import LogUnavailable, UserError
from serving.log.database import Database
from serving.log.statements import Statements
from serving.log.transaction import Transaction, now_us
from serving.log.upgrade import upgrade

MOST_AT_ONCE = 256
MOST_WAITING = 4_096
ANSWER_SECONDS = 5.0
"""After this a caller is told that the log is not available, whatever the database does."""
PATIENT_SECONDS = 600.0
"""The same for a whole part of a batch."""
PROBE_SECONDS = 2.0

Result = TypeVar("Result")
Job = Callable[[Transaction], Any]


@dataclass(frozen=True)
class _Waiting:
    job: Job
    future: Future[Any]
    seconds: float


class Writer:
    """Appends jobs in the order they came; requests that come meanwhile share the next commit.

    Nothing is waited for to fill a commit: a job alone is written at once.  After a failure the connection is given up
    and the next job tries a new one, so the writer recovers when the database does.
    """

    def __init__(self, database: Database) -> None:
        """Take a database; the thread starts with the first job."""
        self._database = database
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._connection: Any = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._busy_since: float | None = None
        self._busy_limit = ANSWER_SECONDS
        self._was_open = False
        self._file: tuple[int, int] | None = None
        self.is_failing = False
        self.on_commit: Callable[[int, str], None] = lambda _seq, _hash: None

    # --- for callers ---------------------------------------------------------------------------------------------

    def submit(self, job: Job, *, seconds: float = ANSWER_SECONDS) -> Future[Any]:
        """The future of a job's result, done once it is on disk.

        Raises LogUnavailable at once where the database hangs or too much waits: what can't be logged is not answered.
        """
        if self.hangs or self._waiting.qsize() >= MOST_WAITING:
            self._break_off()
            raise LogUnavailable("the decision log hangs: what is not logged is not answered")
        future: Future[Any] = Future()
        self._waiting.put(_Waiting(job, future, seconds))
        if self._thread is None:
            self._start()
        return future

    def append(self, job: Callable[[Transaction], Result], *, seconds: float = ANSWER_SECONDS) -> Result:
        """The result of a job, once it is on disk.  Raises LogUnavailable; then nothing of it is."""
        future = self.submit(job, seconds=seconds)
        try:
            return future.result(seconds)
        except TimeoutError:
            raise self._given_up(future) from None

    async def append_soon(self, job: Callable[[Transaction], Result], *, seconds: float = ANSWER_SECONDS) -> Result:
        """The same for the event loop, which serves others meanwhile."""
        future = self.submit(job, seconds=seconds)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise self._given_up(future) from None

    @property
    def hangs(self) -> bool:
        """Whether the transaction under way takes longer than any caller waits."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > 0.9 * self._busy_limit

    @property
    def waiting(self) -> int:
        """How many jobs are not on disk yet."""
        return self._waiting.qsize()

    @property
    def lag_seconds(self) -> float:
        """How long the transaction under way has taken."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def is_writable(self) -> bool:
        """Whether something could be written now; tries it."""
        try:
            self.append(self._probe, seconds=PROBE_SECONDS)
        except UserError:
            return False
        return True

    def close(self) -> None:
        """Write what waits, then end the thread and give the connection back."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(ANSWER_SECONDS)
        else:
            self._drop()

    def open(self) -> None:
        """Bring the database up to date and connect, in this thread.

        Raises LogUnusable for a log that is none or of a newer version, LogUnavailable where it can't be reached.
        """
        if self._file is not None and self._file_now() is None:
            raise LogUnavailable(f"the decision log {self._database.name} was taken away: put it back")
        if not self._was_open:
            upgrade(self._database)
        self._connection = self._database.writing()
        self._file, self._was_open = self._file_now(), True

    # --- the thread ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < MOST_AT_ONCE and not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    self._waiting.put(None)  # write these first
                    break
                group.append(more)
            taken = [one for one in group if one.future.set_running_or_notify_cancel()]
            if taken:
                self._busy_limit = max(one.seconds for one in taken)
                self._busy_since = time.monotonic()
                self._write(taken)
                self._busy_since = None
        self._drop()

    def _write(self, group: list[_Waiting]) -> None:
        """All of a group in one transaction; where that fails by one of many, each in its own."""
        try:
            results = self._commit(group)
        except Exception as error:
            self._roll_back(error)
            if len(group) > 1 and not isinstance(self._told(error), LogUnavailable):
                for one in group:
                    self._write([one])
                return
            for one in group:
                one.future.set_exception(self._told(error))
            return
        self.is_failing = False
        for one, result in zip(group, results, strict=True):
            one.future.set_result(result)

    def _commit(self, group: list[_Waiting]) -> list[Any]:
        if self._connection is not None and self._file_now() != self._file:
            self._drop()  # SQLite would go on writing to a file that has no name any more
        if self._connection is None:
            self.open()
        transaction = Transaction(self._connection, self._statements)
        results = [one.job(transaction) for one in group]
        transaction.commit()
        self.on_commit(transaction.seq, transaction.head)
        return results

    def _roll_back(self, error: Exception) -> None:
        """Undo; after a failure of the database itself start over with a new connection."""
        try:
            if self._connection is not None:
                self._connection.rollback()
        except Exception:
            self._drop()
        if isinstance(self._told(error), LogUnavailable):
            self.is_failing = True
            self._drop()

    def _file_now(self) -> tuple[int, int] | None:
        """Which file the log is, where it is one and is there."""
        if self._database.path is None:
            return None
        try:
            found = os.stat(self._database.name)  # noqa: PTH116 - at every commit, at a fifth of a Path's cost
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, UserError) or not self._is_of_driver(error):
            return error
        return self._database.user_error(error)

    def _is_of_driver(self, error: Exception) -> bool:
        driver = self._database.engine.dialect.loaded_dbapi
        if isinstance(error, driver.IntegrityError | driver.DataError | sqlite3.ProgrammingError):
            return False  # a bug of ours: the database is well
        return isinstance(error, OSError | driver.Error)

    def _probe(self, transaction: Transaction) -> None:
        transaction.run(self._statements.probe, {"id": 1, "at_utc": now_us()})

    def _given_up(self, future: Future[Any]) -> LogUnavailable:
        future.cancel()  # what the writer has not taken yet it will not write
        self._break_off()
        return LogUnavailable("the decision log did not answer in time: what is not logged is not answered")

    def _break_off(self) -> None:
        """Cut the line to a server that does not answer, so that the thread gets an error and can start over."""
        connection = self._connection
        if self._database.is_sqlite or connection is None or not self.hangs:
            return
        with contextlib.suppress(Exception):
            line = socket.socket(fileno=connection.fileno())
            try:
                line.shutdown(socket.SHUT_RDWR)
            finally:
                line.detach()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()
