"""A copy of the log while it is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from features.errors import UserError
from features.progress import Report
from serving.log.database import Database

PAGES_A_STEP = 1_000


def backup(database: Database, out: Path, *, progress: Report | None = None) -> Path:
    """The file ``out``, a copy of one moment of a SQLite log, made while others read and write.

    Raises UserError for a log on PostgreSQL (which brings its own) or where ``out`` is there already, LogUnavailable.
    """
    if database.path is None:
        raise UserError(
            "the log is on PostgreSQL: copy it with `pg_dump --format=custom`, see docs/how-to/keep-the-log.md"
        )
    if out.exists():
        raise UserError(f"{out} is there already: name another file")
    step = progress or (lambda *_: None)
    partial = out.with_name(out.name + ".part")
    partial.unlink(missing_ok=True)
    with database.told_apart():
        with closing(database.writing()) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(
                target, pages=PAGES_A_STEP,
                progress=lambda _status, left, pages: step("backup", 1 - left / pages if pages else 1.0),
            )  # fmt: skip
            target.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
        partial.replace(out)
    return out
