"""What the doctor finds about the decision log: can it be written, is its head told outside, is anything overdue to go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from features.clock import DAY_US, format_time
from features.errors import UserError
from serving.finding import Finding, State
from serving.log.anchors import Anchoring, read_anchors
from serving.log.decision_log import DecisionLog
from serving.log.erasure import expired
from serving.log.tables import ENTRIES
from serving.log.transaction import now_us
from serving.policy import Policy, Retention

GRACE_DAYS = 2
"""What expires is to be erased once a day: after a second day somebody forgot."""
MOST_COUNTED = 1_000
MINUTE_US = 60_000_000
LATE = 3
"""An anchor that comes three times later than the policy says is late."""


def log_findings(database_url: str, policy: Policy | None) -> Iterator[Finding]:
    """The findings about a log, and about what the policy says of it (None: the policy can't be read)."""
    try:
        log = DecisionLog(database_url)
    except UserError as error:
        yield Finding("decision log", State.BLOCKS, str(error), "restore it from a backup, or mend DEFUSE_DATABASE_URL")
        return
    try:
        entries, head = log.head()
        if not log.is_writable():
            told = f"{log.database.name} can't be written"
            yield Finding("decision log", State.BLOCKS, told, "look at its disk and rights")
            return
        yield Finding("decision log", State.OK, f"{entries:,} entries in {log.database.name}, head {head[:12]}")
        if policy is not None:
            yield from _anchors(log, policy.anchor, entries=entries)
            yield _retention(log, policy.retention)
    except UserError as error:
        yield Finding("decision log", State.BLOCKS, str(error), "look at its disk, rights or server")
    finally:
        log.close()


def _anchors(log: DecisionLog, anchoring: Anchoring, *, entries: int) -> Iterator[Finding]:
    """Whether the head of the chain is told outside, and lately; a command's own memory is not looked into."""
    if not anchoring.is_on:
        yield Finding(
            "anchors", State.OK, "the head is told nowhere: a chain cut off at its end would not show ([anchor])"
        )
    elif anchoring.command:
        found = shutil.which(anchoring.command[0])
        told = f"by the command {anchoring.command[0]}" + ("" if found else ", which is not there")
        yield Finding(
            "anchors", State.OK if found else State.WARNS, told, "" if found else "mend [anchor] of the policy"
        )
    else:
        yield _anchors_in(log, anchoring, entries=entries)


def _anchors_in(log: DecisionLog, anchoring: Anchoring, *, entries: int) -> Finding:
    path, remedy = (
        Path(anchoring.file),
        "is its disk there, and writable? what fails is counted in defuse_anchor_failures",
    )
    try:
        anchors = read_anchors(path) if path.exists() else []
    except UserError as error:
        return Finding("anchors", State.WARNS, str(error), remedy)
    last = anchors[-1] if anchors else None
    behind = entries - (0 if last is None else last.seq)
    told = f"{path}: " + ("none yet" if last is None else f"entry {last.seq:,} at {format_time(last.at_utc)}")
    first_left = _time_of(log, entries - behind + 1)
    waited = 0 if first_left is None else now_us() - first_left
    late = behind > LATE * anchoring.every_entries or waited > LATE * anchoring.every_minutes * MINUTE_US
    if behind < 0:
        return Finding(
            "anchors", State.WARNS, f"{told}, which the log does not have", "`defuse audit verify`: entries are gone"
        )
    if late:
        return Finding("anchors", State.WARNS, f"{told}; {behind:,} entries came since", remedy)
    return Finding("anchors", State.OK, told)


def _time_of(log: DecisionLog, seq: int) -> int | None:
    with log.database.reading() as connection:
        found: int | None = connection.execute(sa.select(ENTRIES.c.at_utc).where(ENTRIES.c.seq == seq)).scalar()
    return found


def _retention(log: DecisionLog, retention: Retention) -> Finding:
    overdue = expired(log.database, retention, now=now_us() - GRACE_DAYS * DAY_US, most=MOST_COUNTED)
    counted = {part.value: len(numbers) for part, numbers in overdue.items() if numbers}
    if not counted:
        return Finding("retention", State.OK, "no content is kept longer than the policy allows")
    told = ", ".join(f"{count:,}{' or more' * (count == MOST_COUNTED)} {part}" for part, count in counted.items())
    return Finding(
        "retention", State.WARNS, f"content is kept longer than the policy allows: {told}",
        "`defuse audit erase`, and once a day by a timer: docs/how-to/deploy.md",
    )  # fmt: skip
