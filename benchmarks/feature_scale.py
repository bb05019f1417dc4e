"""The whole catalogue at 1, 4 and 16 times the events, on one core; and two workers beside one.

The world is simulated once and made larger by exact copies under other ids, pair tokens too, so that 4 and 16 times mean
just that.  Reading the records (the door) and building the matrix are measured apart, each size in a process of its own
that is pinned to as many cores as it may use.  At 16 times it needs some 5 GB of disk for a while.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.figure import Figure
from data_samples.simulator import simulate

MONTHLY = "2022-01-01T00:00:00+08:00..2022-12-27T00:00:00+08:00/30d"
TABLES = {
    "disputes": ("dispute_id", "pair_token"),
    "events": ("event_id", "dispute_id"),
    "petitions": ("petition_id", "dispute_id"),
    "incidents": ("incident_id", "dispute_id"),
}
"""The columns whose values tell copies apart, by table."""
DISPUTES_A_YEAR = 35_000  # over three years about 1.1 million events, so that 16 times is about 17 million
LOOK_SECONDS = 0.1
MB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """What one step took, in a process and all its children: seconds, and the highest sum of resident memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    rows: int


@dataclass(frozen=True)
class Run:
    """One measured run: records in, matrix out."""

    read: Cost
    build: Cost
    digest: str


def scale(*, quick: bool) -> Iterator[Figure]:
    """The figures; quick: a fiftieth of the disputes and at most 4 times, to see that it runs."""
    sizes = (1, 4) if quick else (1, 4, 16)
    with tempfile.TemporaryDirectory(prefix="defuse-scale-") as work:
        folder = Path(work)
        measured(_world(folder / "warm", 300), folder / "out")  # the loops are compiled by now, and kept on disk
        worlds = {1: _world(folder, DISPUTES_A_YEAR // 50 if quick else DISPUTES_A_YEAR)}
        yield from _size_of(worlds[1], "1x")
        yield from _figures("spine/1x", measured(worlds[1], folder / "out", as_of="spine"))
        runs: dict[int, Run] = {}
        for times in sizes:
            if times > 1:
                worlds[times] = copied(worlds[1], folder / f"records-{times}", times=times)
                yield from _size_of(worlds[times], f"{times}x")
            runs[times] = measured(worlds[times], folder / "out")
            yield from _figures(f"monthly/{times}x", runs[times])
            if times == 4:
                yield from _two_workers(worlds[4], folder / "out", runs[4])
            elif times > 4:
                shutil.rmtree(worlds[times])
        yield from _linearity(runs)


def _linearity(runs: dict[int, Run]) -> Iterator[Figure]:
    """The time of each size over what it would be if time grew as the records do, from each smaller size."""
    pairs = [(small, large) for small in runs for large in runs if small < large]
    for small, large in pairs:
        for step in ("read", "build"):
            first, last = getattr(runs[small], step), getattr(runs[large], step)
            for clock in ("cpu", "wall"):
                ratio = getattr(last, f"{clock}_s") * small / (large * getattr(first, f"{clock}_s"))
                yield Figure(f"monthly/{step}/{clock}_{large}x_to_{small}x", round(ratio, 3), "ratio, 1 = linear")


def _world(folder: Path, disputes: int) -> Path:
    """A clean SYNTHETIC bench world: bad rows are the door's own benchmark."""
    simulate(folder / "records-1", preset="bench", disputes=disputes, years=3, seed=1, imperfect=False)
    shutil.rmtree(folder / "records-1.truth")
    return folder / "records-1"


def copied(records: Path, out: Path, *, times: int) -> Path:
    """Records with every row ``times`` over, each copy a world of its own; rows of one copy lie together."""
    out.mkdir()
    with duckdb.connect(config={"threads": 1, "memory_limit": "1GB"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        for name, keys in TABLES.items():
            rows = f"read_parquet('{records / f'{name}.parquet'}')"
            copies = " UNION ALL ".join(
                f"SELECT * REPLACE ({_told_apart(keys, copy)}) FROM {rows}" for copy in range(times)
            )
            connection.execute(f"COPY ({copies}) TO '{out / f'{name}.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    return out


def _told_apart(keys: tuple[str, ...], copy: int) -> str:
    return ", ".join(f"{key} || '-{copy}' AS {key}" for key in keys)


def _size_of(records: Path, name: str) -> Iterator[Figure]:
    for table in ("disputes", "events"):
        counted = duckdb.sql(f"SELECT count(*) FROM read_parquet('{records / f'{table}.parquet'}')").fetchall()[0][0]
        yield Figure(f"{name}/{table}", counted, "rows, SYNTHETIC")


def _two_workers(records: Path, out: Path, alone: Run) -> Iterator[Figure]:
    """Two workers on two cores beside one on one, in turns, medians of three; the matrix must be the same."""
    ones, twos = [alone], [measured(records, out, workers=2)]
    for _ in range(2):
        ones.append(measured(records, out))
        twos.append(measured(records, out, workers=2))
    if {run.digest for run in (*ones, *twos)} != {alone.digest}:
        raise RuntimeError("two workers built another matrix: nothing to time")
    yield from _figures("monthly/4x/two_workers", twos[0])
    for step in ("read", "build"):
        one, two = (median(getattr(run, step).wall_s for run in runs) for runs in (ones, twos))
        yield Figure(
            f"monthly/4x/{step}/one_worker_over_two", round(one / two, 3), "ratio of wall seconds, medians of 3"
        )


def _figures(name: str, run: Run) -> Iterator[Figure]:
    for step, cost in (("read", run.read), ("build", run.build)):
        yield Figure(f"{name}/{step}/rows_per_s", round(cost.rows / cost.wall_s), "rows/s")
        yield Figure(f"{name}/{step}/rows", cost.rows, "rows")
        yield Figure(f"{name}/{step}/wall", round(cost.wall_s, 2), "s")
        yield Figure(f"{name}/{step}/cpu", round(cost.cpu_s, 2), "s")
        yield Figure(f"{name}/{step}/peak_memory", round(cost.peak_mb), "MB")
    yield Figure(f"{name}/load_average_1min", round(os.getloadavg()[0], 2), "processes")


# --- one measured run, in a process of its own -----------------------------------------------------------------------


def measured(records: Path, out: Path, *, as_of: str = MONTHLY, workers: int = 1) -> Run:
    """Read and build in a fresh process, pinned to as many cores as it has workers; OUT is taken away again."""
    words = [sys.executable, "-m", "benchmarks.feature_scale", str(records), str(out), as_of, str(workers)]
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    told = json.loads(done.stdout)
    return Run(Cost(**told["read"]), Cost(**told["build"]), told["digest"])


def _main(records: Path, out: Path, as_of: str, workers: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-workers:])
    from features import build_matrix, read_records  # noqa: PLC0415

    with _measuring() as read, read_records(records) as opened:
        accepted = sum(count.accepted for count in opened.report.reconciliation.values())
        costs = {"read": asdict(read(accepted))}
        with _measuring() as build:
            manifest = build_matrix(opened, out, as_of=as_of, workers=workers)
            costs["build"] = asdict(build(manifest["rows"]))
    shutil.rmtree(out)
    print(json.dumps({**costs, "digest": manifest["digest"]}))


@contextmanager
def _measuring() -> Iterator[Callable[[int], Cost]]:
    """A function that ends the measurement and gives the cost of so many rows."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            peak[0] = max(peak[0], resident_mb(os.getpid()))

    def cost(rows: int) -> Cost:
        over.set()
        return Cost(time.perf_counter() - began, _cpu_seconds() - used, max(peak[0], resident_mb(os.getpid())), rows)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began, used = time.perf_counter(), _cpu_seconds()
    try:
        yield cost
    finally:
        over.set()
        watcher.join()


def resident_mb(process: int) -> float:
    """Resident memory of a process and all its children, in MB (Linux)."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
        threads = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MB + sum(map(resident_mb, children))


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
