"""The database of the log: SQLite or PostgreSQL by one setting, opened so that what is committed is on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from features.errors import InvalidConfiguration, LogUnavailable, LogUnusable

LOCK_SECONDS = 1.0
PATIENT_LOCK_SECONDS = 60.0
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 4
CHAIN_LOCK = 0x_DEF_05E
"""The advisory lock under which PostgreSQL's writers append, one after the other."""
MIGRATION_LOCK = CHAIN_LOCK + 1
DURABLE = "SET synchronous_commit TO on"
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",  # what is erased is overwritten, not only forgotten
    "PRAGMA trusted_schema = OFF",
    "PRAGMA wal_autocheckpoint = 4000",  # 16 MB: whose commit it falls to waits for some milliseconds more
)
NOT_OURS = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})


class Database:
    """Connections to one log.  Nothing is opened, and no file made, before the first is asked for."""

    def __init__(self, url: str) -> None:
        """Take the address: ``sqlite:///path``, or ``postgresql://...`` (psycopg 3).

        Raises InvalidConfiguration for any other.
        """
        self.address = address_of(url)
        self.is_sqlite = self.address.get_backend_name() == "sqlite"
        self.path = Path(self.address.database or "") if self.is_sqlite else None
        self.name = str(self.path) if self.is_sqlite else self.address.render_as_string(hide_password=True)
        self._arguments: dict[str, Any] = (
            {"timeout": LOCK_SECONDS, "check_same_thread": False} if self.is_sqlite
            else {"connect_timeout": CONNECT_SECONDS}
        )  # fmt: skip
        self.engine = self._engine(begin="BEGIN")

    def _engine(self, *, begin: str, patient: bool = False, **settings: Any) -> sa.Engine:
        """An engine; a patient one has no time limit on a statement: for migrations, checks and exports."""
        if self.is_sqlite:
            wait = {"timeout": PATIENT_LOCK_SECONDS} if patient else {}
            engine = sa.create_engine(self.address, connect_args=self._arguments | wait, **settings)
            sa.event.listen(engine, "connect", _prepare_patient_sqlite if patient else _prepare_sqlite)
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
            return engine
        engine = sa.create_engine(self.address, connect_args=self._arguments, pool_pre_ping=True, **settings)
        sa.event.listen(engine, "connect", _prepare_patient if patient else _prepare_postgresql)
        return engine

    def writing(self) -> Any:
        """A plain driver connection of the caller's own; every commit on it is on disk.

        Raises LogUnavailable, or LogUnusable for a file that is no log.
        """
        with self.told_apart():
            places, named = self.engine.dialect.create_connect_args(self.address)
            connection: Any = self.engine.dialect.connect(*places, **{**named, **self._arguments})
            (_prepare_sqlite if self.is_sqlite else _prepare_postgresql)(connection, None)
            return connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read on, in one transaction.  Raises LogUnavailable."""
        with self.told_apart(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment of the log, however long it is read; without a time limit."""
        engine = self._engine(begin="BEGIN", patient=True, poolclass=NullPool)
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self.told_apart(), engine.connect() as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[sa.Connection]:
        """A connection that nobody else migrates beside, in one transaction: it is whole or nothing."""
        engine = self._engine(begin="BEGIN IMMEDIATE", patient=True, poolclass=NullPool)
        with self.told_apart(), engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection

    @contextmanager
    def told_apart(self) -> Iterator[None]:
        """Errors of the driver as user errors: LogUnusable for what will not mend by itself, else LogUnavailable."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self.user_error(error) from None

    def user_error(self, error: Exception) -> LogUnavailable:
        """The user error of a driver's; never a value of a row, as drivers quote them."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        kind = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__
        if kind in NOT_OURS or (self.path is not None and self.path.is_dir()):
            return LogUnusable(f"{self.name} is not a decision log ({kind}): restore it from a backup")
        return LogUnavailable(f"the decision log {self.name} can't be reached or written ({kind})")

    def close(self) -> None:
        """Give every pooled connection back."""
        self.engine.dispose()


def address_of(url: str) -> sa.URL:
    """The address of a log with the driver named.  Raises InvalidConfiguration for what is none."""
    allowed = "DEFUSE_DATABASE_URL may be sqlite:///path or postgresql://user:password@host/database"
    try:
        address = sa.make_url(url)
        backend = address.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InvalidConfiguration(allowed) from None
    if backend == "sqlite" and address.database not in (None, "", ":memory:"):
        return address.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    raise InvalidConfiguration(allowed)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin ourselves
    connection.execute(f"PRAGMA busy_timeout = {round(LOCK_SECONDS * 1_000)}").close()
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def _prepare_patient_sqlite(connection: Any, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute(f"PRAGMA busy_timeout = {round(PATIENT_LOCK_SECONDS * 1_000)}").close()


def _prepare_patient(connection: Any, _record: object) -> None:
    connection.execute(DURABLE)
    connection.commit()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    limit = round(STATEMENT_SECONDS * 1_000)
    connection.execute(
        f"{DURABLE}; SET statement_timeout TO {limit}; SET lock_timeout TO {limit}; "
        f"SET idle_in_transaction_session_timeout TO {4 * limit}"
    )
    connection.commit()
