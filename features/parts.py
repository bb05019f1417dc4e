"""Work in parts: the same task for every partition folder, over processes, each part finished once.

A task is a plain function of a partition folder to files under ``built``; what it says of its part (a count, with the
digests of its files) is written last, so that a part without it is made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import duckdb
import pyarrow.parquet as pq

from features.errors import UserError
from features.worker_process import end_with_parent
from features.working_folder import Product, WorkingFolder, hold_shared, place_of, sha256, write_text

FEW_EVENTS = 300_000
Progress = Callable[[str, float], None]


class Count(Protocol):
    """A data class that says what a part holds; ``files`` are the sha256 of its files, by name under ``built``."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def files(self) -> dict[str, str]:
        """The sha256 of the part's files."""


C = TypeVar("C", bound=Count)
Task = Callable[[Path, Path, int], C]
"""Partition folder, folder of what is built, number of the part."""


def build_parts(
    task: Task[C], folders: list[Path], work: WorkingFolder, *, kind: type[C], stage: str, workers: int | None,
    resumed: bool, report: Progress,
) -> list[C]:  # fmt: skip
    """The counts of all parts, in order; those that are finished are not built again.

    With more than one worker ``task`` must be picklable.
    """
    counts = {n: count for n in range(len(folders)) if (count := read_count(work.built, n, kind)) is not None}
    if resumed:
        report(f"resumed: {len(counts)} of {len(folders)} parts were there", 1.0)
    missing = [number for number in range(len(folders)) if number not in counts]
    workers = min(workers or _fitting_workers(folders), len(missing))
    if workers <= 1:
        for number in missing:
            counts[number] = task(folders[number], work.built, number)
            report(stage, len(counts) / len(folders))
    else:
        for number, count in _built_in_processes(task, folders, work, missing, workers):
            counts[number] = count
            report(stage, len(counts) / len(folders))
    return [counts[number] for number in range(len(folders))]


def _built_in_processes(
    task: Task[C], folders: list[Path], work: WorkingFolder, missing: list[int], workers: int
) -> Iterator[tuple[int, C]]:
    """Each missing part as it is done, the largest begun first, by processes that end with this one, however it ends."""
    missing = sorted(missing, key=lambda number: -_events_in(folders[number]))
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_live_with_parent, initargs=(work.workers,)
    )
    futures: dict[Future[C], int] = {
        pool.submit(task, folders[number], work.built, number): number for number in missing
    }  # fmt: skip
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _live_with_parent(lock: Path) -> None:
    """Tie this worker to its parent: none may write into a folder that another build has taken over.

    The lock tells the next build that a worker whose parent was killed is left.
    """
    hold_shared(lock)
    end_with_parent()


def _fitting_workers(folders: list[Path]) -> int:
    """All cores; but one where the work is done before another process has started."""
    return 1 if sum(map(_events_in, folders)) < FEW_EVENTS else os.cpu_count() or 1


def _events_in(folder: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in folder.glob("events-*.parquet"))


def write_count(built: Path, number: int, count: Count) -> None:
    """Say that a part is finished; written after its files."""
    write_text(_count_file(built, number), json.dumps(asdict(count), sort_keys=True) + "\n")


def read_count(built: Path, number: int, kind: type[C]) -> C | None:
    """The count of a part that is finished and undamaged; None for any other."""
    try:
        count = kind(**json.loads(_count_file(built, number).read_text("utf-8")))
        sound = all(sha256(built / name) == digest for name, digest in count.files.items())
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return count if sound else None


def _count_file(built: Path, number: int) -> Path:
    return built / "counts" / f"part-{number:04d}.json"


def adopt(work: WorkingFolder, plan: dict[str, Any], report: Progress) -> bool:
    """Take over what a killed build of the same plan left (True), or say that something else is thrown away."""
    differing = work.adopt(plan)
    if differing:
        report(f"parts of another plan thrown away (other {', '.join(differing)})", 1.0)
    return differing is None


@contextmanager
def telling_of_the_disk(out: Path, product: Product) -> Iterator[None]:
    """Turn what the disk or the system refuses into one clear error; what was finished stays in the working folder."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException, BrokenProcessPool) as error:
        if isinstance(error, OSError) and error.errno is None:
            raise
        told = (
            "a worker process ended early, perhaps for want of memory: try one worker; in a script of your own the call "
            'must stand under `if __name__ == "__main__":`'
        )
        reason = told if isinstance(error, BrokenProcessPool) else str(error).partition("\n")[0]
        raise UserError(
            f"{out} could not be built: {reason}. What is finished is kept in {place_of(out, product)}: mend the cause, "
            "then run the same command again and it goes on from there"
        ) from error
