"""`defuse score` on a province's open disputes: records in, explained assessments out, the door and the features included.

A SYNTHETIC world is simulated once; the disputes that are open at its end are copied under other ids (pair tokens too)
until there are enough, each with all its events and petitions.  Simulating and copying are not counted.  What is counted
begins with the start of the command and ends with it; the time until the door has let the records through is told apart.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.feature_scale import resident_mb
from benchmarks.figure import Figure
from benchmarks.trained_home import ROOT, trained_home
from data_samples.simulator import simulate
from features.clock import parse_time
from training.artifact.home import Home

OPEN_DISPUTES, A_FEW = 1_030_000, 40_000
LIMIT_SECONDS, LIMIT_MB = 300.0, 3_072.0
LEAST_PER_SECOND = 5_000.0
AS_OF = "2021-12-30T00:00:00+08:00"
LOOK_SECONDS = 0.25
KEYS = {
    "disputes": ("dispute_id", "pair_token"), "events": ("event_id", "dispute_id"), "petitions": ("petition_id", "dispute_id"),
}  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """One run of the command: wall seconds in all and until the door was passed, seconds of all cores, the peak of all its processes."""

    wall_s: float
    cpu_s: float
    door_s: float
    peak_mb: float
    disputes: int


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: pace, time and memory, without the log and (fewer disputes) with it."""
    with tempfile.TemporaryDirectory(prefix="defuse-batch-") as folder:
        work = Path(folder)
        home = Home(_own_home(trained_home(work), work))
        simulate(work / "world", preset="bench", disputes=20_000 if quick else 60_000, years=2, seed=1, imperfect=False)
        records = open_disputes(work / "world", work / "open", wanted=A_FEW if quick else OPEN_DISPUTES)
        _score(home, open_disputes(work / "world", work / "few", wanted=1_000), work / "warm")
        yield from _figures("batch", _score(home, records, work / "out"))
        some = open_disputes(work / "world", work / "some", wanted=A_FEW // 4 if quick else A_FEW)
        yield from _figures("batch_with_log", _score(home, some, work / "logged", "--log"), limits=False)


def _figures(name: str, run: Scored, *, limits: bool = True) -> Iterator[Figure]:
    pace, own = run.disputes / run.wall_s, run.disputes / (run.wall_s - run.door_s)
    yield Figure(f"{name}/disputes", run.disputes, "open disputes, SYNTHETIC")
    yield Figure(f"{name}/wall", round(run.wall_s, 1), "s", *(("at most", LIMIT_SECONDS) if limits else ()))
    yield Figure(f"{name}/wall_until_the_door_is_passed", round(run.door_s, 1), "s")
    yield Figure(
        f"{name}/scored_and_explained", round(pace), "cases/s", *(("at least", LEAST_PER_SECOND) if limits else ())
    )
    yield Figure(f"{name}/scored_and_explained_without_the_door", round(own), "cases/s")
    yield Figure(f"{name}/cpu", round(run.cpu_s / run.disputes * 1e6), "us of one core for each case")
    yield Figure(f"{name}/peak_memory", round(run.peak_mb), "MB", *(("at most", LIMIT_MB) if limits else ()))


def open_disputes(world: Path, out: Path, *, wanted: int) -> Path:
    """Records of at least ``wanted`` disputes that are open at ``AS_OF``, by copies of those of a world."""
    out.mkdir()
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        connection.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
        for name in KEYS:
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{world / f'{name}.parquet'}')")
        at = f"make_timestamptz({parse_time(AS_OF)}::BIGINT)"
        connection.execute(
            f"CREATE TABLE chosen AS SELECT dispute_id FROM disputes WHERE recorded_at < {at} GROUP BY ALL "
            f"EXCEPT SELECT dispute_id FROM events WHERE type = 'closed' AND recorded_at < {at}"
        )
        there = int(connection.sql("SELECT count(*) FROM chosen").fetchall()[0][0])
        copies = -(-wanted // there)
        if copies == 1:
            connection.execute(
                f"DELETE FROM chosen WHERE dispute_id NOT IN (SELECT dispute_id FROM chosen ORDER BY 1 LIMIT {wanted})"
            )
        for name, keys in KEYS.items():
            told_apart = ", ".join(f"{key} || '-' || copy AS {key}" for key in keys)
            rows = (
                f"SELECT * EXCLUDE (copy) REPLACE ({told_apart}) FROM {name} SEMI JOIN chosen USING (dispute_id) "
                f"CROSS JOIN range({copies}) AS copies(copy)"
            )
            connection.execute(f"COPY ({rows}) TO '{out / f'{name}.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    return out


def _own_home(home: Home, work: Path) -> Path:
    """A copy of a home without its log."""
    target = work / "own-home"
    shutil.copytree(home.root, target, ignore=shutil.ignore_patterns("log.db*", "matrices", "artifacts", "worlds"))
    return target


def _cpu_of_children() -> float:
    """Seconds of all processes that this one started and that ended: what a busy machine does not lengthen much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _score(home: Home, records: Path, out: Path, *more: str) -> Scored:
    """Run the command in a process of its own and watch its memory, and when its first stage after the door begins."""
    began, cpu_before = time.perf_counter(), _cpu_of_children()
    process = subprocess.Popen(
        [sys.executable, "-m", "defuse", "score", str(records), str(out), "--as-of", AS_OF, "--json", *more],
        cwd=ROOT, env=os.environ | {"DEFUSE_HOME": str(home.root)}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    peak, door, lines = [0.0], [0.0], []

    def watch() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], resident_mb(process.pid))
            time.sleep(LOOK_SECONDS)

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if line.startswith("partition") and not door[0]:
                door[0] = time.perf_counter() - began

    threads = [threading.Thread(target=task, daemon=True) for task in (watch, listen)]
    for thread in threads:
        thread.start()
    assert process.stdout is not None
    told = process.stdout.read()
    process.wait()
    wall = time.perf_counter() - began
    for thread in threads:
        thread.join()
    if process.returncode:
        raise RuntimeError(f"defuse score failed: {''.join(lines)[-2_000:]}")
    return Scored(wall, _cpu_of_children() - cpu_before, door[0], peak[0], json.loads(told)["disputes"])
