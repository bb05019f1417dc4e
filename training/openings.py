"""Who looked at the last origin of which data, and when: a log that is only appended to.

A test that is looked at again and again is trained on.  So every run that judges its candidate at the last origin says
so first, and the report tells how often that very test had been opened before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from features.clock import format_time
from features.working_folder import flush
from training.artifact.home import Home
from training.experiment import Experiment
from training.split import Split


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One line of the log.  ``data_digest`` is that of the records, ``test_start`` and ``test_end`` RFC 3339."""

    at_utc: str
    experiment: str
    experiment_digest: str
    data_digest: str
    test_start: str
    test_end: str

    def same_test(self, other: Opening) -> bool:
        """Whether the other one looked at rows of the same records and the same stretch of time."""
        return (
            self.data_digest == other.data_digest
            and self.test_end > other.test_start
            and other.test_end > self.test_start
        )


def open_last_origin(home: Home, experiment: Experiment, manifest: Mapping[str, Any], split: Split) -> int:
    """Append the opening of a last origin to the log; how often its rows were opened before."""
    opening = Opening(
        at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        experiment=experiment.name,
        experiment_digest=experiment.digest,
        data_digest=records_digest(manifest),
        test_start=format_time(split.test_start),
        test_end=format_time(split.test_end),
    )
    before = sum(one.same_test(opening) for one in openings(home))
    home.root.mkdir(parents=True, exist_ok=True)
    opened = os.open(home.openings, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(opened, (json.dumps(asdict(opening), ensure_ascii=False) + "\n").encode())
        os.fsync(opened)
    finally:
        os.close(opened)
    flush(home.root)
    return before


def openings(home: Home) -> list[Opening]:
    """The log, oldest first; a line that a kill cut off is left out."""
    try:
        lines = home.openings.read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [one for one in map(_entry, lines) if one is not None]


def records_digest(manifest: Mapping[str, Any]) -> str:
    """The digest of the records behind a matrix, whichever of their columns it has."""
    return hashlib.sha256(json.dumps(manifest["inputs"], sort_keys=True).encode()).hexdigest()


def _entry(line: str) -> Opening | None:
    try:
        return Opening(**json.loads(line))
    except (ValueError, TypeError):
        return None
