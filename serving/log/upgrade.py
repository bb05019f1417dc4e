"""Bringing a log to the tables of this version, at start."""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from features.errors import LogUnavailable, LogUnusable
from serving.log.database import Database

HEAD = "0004"
"""The version of the tables that this code reads and writes: the newest step in ``migrations/versions``."""

BUSY, BUSY_SECONDS = "SQLITE_BUSY", 10.0


def upgrade(database: Database) -> None:
    """Make the tables of a log, or bring them up to date; one process at a time, whole or not at all.

    Raises LogUnusable for a log of a newer version, or a file that is none; LogUnavailable where it can't be reached.
    """
    _make_folder(database)
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            _bring_up_to_date(database)
        except LogUnavailable as error:
            if BUSY not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)  # another process makes the same file just now: SQLite does not wait for that by itself
        else:
            return


def _make_folder(database: Database) -> None:
    if database.path is not None:
        try:
            database.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"{database.path.parent} can't be made: {error.strerror}") from None


def _bring_up_to_date(database: Database) -> None:
    with database.reading() as connection:
        if _version(connection, database) == HEAD:
            return
    with database.exclusive() as connection:
        if _version(connection, database) != HEAD:
            _run(connection)


def _version(connection: sa.Connection, database: Database) -> str | None:
    """The version of the tables, None where there are none (or those of before the chain)."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > HEAD:
        raise LogUnusable(
            f"the decision log {database.name} is of version {found}, newer than this code, which knows {HEAD}: "
            "update defuse, or restore the backup made before the update"
        )
    return found


def _run(connection: sa.Connection) -> None:
    """The steps; Alembic is imported here, as a log that is up to date goes without."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
