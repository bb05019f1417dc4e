"""The decision log: one append, the queue over many open cases, and how fast the chain is checked.

On SQLite, and on PostgreSQL where a server can be had (`benchmarks/private_postgres.py`).  The peer of an append is a bare
commit of as many bytes with the same safety, in the same run.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figure import Figure, median_and_p99
from benchmarks.private_postgres import empty_database
from features.catalogue import INDICATORS
from serving.assessment import Part, Scored
from serving.log.decision_log import DecisionLog, new_id
from serving.log.stored import Assessed
from serving.log.verification import verify
from serving.log.waiting import Which, waiting_cases, waiting_counts
from training.artifact.tiers import Tier

AS_OF = 1_717_200_000_000_000
PART = 2_000
CASES = 50_000
TIERS = (*[Tier.BLUE] * 90, *[Tier.YELLOW] * 6, *[Tier.ORANGE] * 2, Tier.RED, Tier.CONTACT_FIRST)
ROW = {
    "channel": "grid", "type": "verbal_altercation", "occurred_at": "2024-05-20T08:00:00Z",
    "recorded_at": "2024-05-20T09:00:00Z", "narrative": "他们为了边界争吵,调解员已登记",
}  # fmt: skip
PAGES = {
    "first page": Which(), "a county": Which(area="3301"), "overdue in a county": Which(area="3301", overdue_at=AS_OF + 10**11),
    "red": Which(tier="red"), "labour by court": Which(kind="labour", channel="court"),
}  # fmt: skip


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures of each database."""
    with tempfile.TemporaryDirectory() as work, empty_database() as postgresql:
        for name, address in (("sqlite", f"sqlite:///{work}/log.db"), ("postgresql", postgresql)):
            if address is None:
                continue
            log = DecisionLog(address)
            bare = _bare_commits(Path(work), rounds=200 if quick else 2_000) if name == "sqlite" else None
            yield from _appends(name, log, rounds=200 if quick else 2_000, bare=bare)
            yield from _filled(name, log, cases=4_000 if quick else CASES)
            yield from _queue(name, log, rounds=10 if quick else 50)
            yield from _checked(name, log)
            log.close()


def _assessed(number: int, draw: random.Random) -> Assessed:
    parts = tuple(Part(one.id, float(draw.randrange(3)), draw.uniform(-1, 1), ()) for one in INDICATORS)
    margin = -5.0 + sum(part.contribution for part in parts)
    tier, dispute_id = draw.choice(TIERS), f"D{number:08d}"
    scored = Scored(
        dispute_id, AS_OF, 0.01, (0.005, 0.02), margin, -5.0, tier, parts, (), thin=False, violent_family_tie=False,
        care_rows=frozenset(),
    )  # fmt: skip
    area = f"{draw.choice((3301, 3302, 3401, 4401))}{draw.randrange(10**5):05d}"
    dispute = {"dispute_id": dispute_id, "kind": "labour", "area": area, "channel": "court"}
    record = {"dispute": dispute, "events": [ROW | {"event_id": f"E{n}"} for n in range(12)], "petitions": []}
    return Assessed(
        new_id("a"), AS_OF + number, area, "f" * 64, "1", scored, kind=draw.choice(("labour", "neighbour", "traffic")),
        channel=draw.choice(("court", "grid")), due_at=AS_OF + draw.randrange(10**12), case_record=record,
    )  # fmt: skip


def _appends(name: str, log: DecisionLog, *, rounds: int, bare: list[float] | None) -> Iterator[Figure]:
    draw, seconds = random.Random(1), []
    for number in range(rounds):
        one = _assessed(number, draw)
        seconds.append(_time(lambda one=one: log.append([one])))  # type: ignore[misc]
    peer = None if bare is None else "bare SQLite commit of 4 kB, synchronous FULL"
    yield from median_and_p99(f"append of one assessment, {name}", seconds, "us", peer=peer, peer_seconds=bare)


def _bare_commits(work: Path, *, rounds: int) -> list[float]:
    connection = sqlite3.connect(work / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, content BLOB)")
    content = bytes(4_096)
    seconds = [
        _time(lambda: connection.execute("INSERT INTO kept (content) VALUES (?)", (content,))) for _ in range(rounds)
    ]
    connection.close()
    return seconds


def _filled(name: str, log: DecisionLog, *, cases: int) -> Iterator[Figure]:
    draw, began = random.Random(2), time.perf_counter()
    for start in range(0, cases, PART):
        log.append_part(
            [_assessed(10**6 + n, draw) for n in range(start, start + PART)], source={"part": start // PART}
        )
    rate = cases / (time.perf_counter() - began)
    yield Figure(f"assessments appended in parts of {PART:,}, {name}", round(rate), "a second")


def _queue(name: str, log: DecisionLog, *, rounds: int) -> Iterator[Figure]:
    open_cases = sum(count for count, _ in waiting_counts(log.database, Which()).values())
    for words, which in PAGES.items():
        seconds = [_time(lambda which=which: waiting_cases(log.database, which)) for _ in range(rounds)]  # type: ignore[misc]
        yield from median_and_p99(f"queue of {open_cases:,} cases, {words}, {name}", seconds, "ms")
    seconds = [_time(lambda: waiting_counts(log.database, Which(overdue_at=AS_OF + 10**11))) for _ in range(rounds)]
    yield from median_and_p99(f"queue of {open_cases:,} cases, counts, {name}", seconds, "ms")


def _checked(name: str, log: DecisionLog) -> Iterator[Figure]:
    """By one process, and by one a core: what an operator's `defuse audit verify` does."""
    rates = []
    for workers in (1, os.cpu_count() or 1):
        began = time.perf_counter()
        result = verify(log.database, workers=workers)
        if not result.ok:
            raise AssertionError(f"the log that was just written is broken: {result.first_break}")
        rates.append(result.assessments / (time.perf_counter() - began))
    yield Figure(f"assessments verified by one process, {name}", round(rates[0]), "a second")
    yield Figure(
        f"assessments verified by a process a core, {name}", round(rates[1]), "a second, start of the processes included",
        "one process", round(rates[0]),
    )  # fmt: skip


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
