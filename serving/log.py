"""The assessments that were given, written durably before they are answered, only ever appended to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from features.errors import LogUnavailable, MissingInput
from serving.assessment import Scored

TABLE = """
CREATE TABLE IF NOT EXISTS assessments (
    assessment_id TEXT PRIMARY KEY,
    scored_at INTEGER NOT NULL,
    area TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    model_version TEXT NOT NULL,
    scored TEXT NOT NULL
) STRICT
"""


LOCK_SECONDS = 1.0


@dataclass(frozen=True)
class Entry:
    """One stored assessment: who it was for is not in it, what was computed is."""

    assessment_id: str
    scored_at: int
    area: str
    model_digest: str
    model_version: str
    scored: Scored


class AssessmentLog:
    """The log of one home, in SQLite (WAL, every commit on disk before the answer)."""

    def __init__(self, path: Path) -> None:
        """Open the log of a file, or begin it.  Raises LogUnavailable where that is not possible."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=LOCK_SECONDS
            )  # fmt: skip
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(TABLE)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"the decision log {path} can't be opened: {error}") from None

    def append(self, entries: list[Entry]) -> None:
        """Write some assessments in one transaction.  Raises LogUnavailable where that fails; then none is written."""
        rows = [
            (e.assessment_id, e.scored_at, e.area, e.model_digest, e.model_version,
             json.dumps(e.scored.to_record(), ensure_ascii=False, allow_nan=False))
            for e in entries
        ]  # fmt: skip
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT INTO assessments VALUES (?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.Error:
            raise LogUnavailable("the decision log can't be written") from None

    def find(self, assessment_id: str) -> Entry:
        """The stored assessment of an id.  Raises MissingInput where there is none."""
        row = self._connection.execute(
            "SELECT * FROM assessments WHERE assessment_id = ?", (assessment_id,)
        ).fetchone()  # fmt: skip
        if row is None:
            raise MissingInput("there is no assessment of this id")
        found, scored_at, area, digest, version, scored = row
        return Entry(found, scored_at, area, digest, version, Scored.from_record(json.loads(scored)))

    def is_writable(self) -> bool:
        """Whether an entry could be written now."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
