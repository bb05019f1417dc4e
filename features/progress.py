"""How long work shows how far it is, on stderr: bars on a terminal, plain lines in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

Report = Callable[[str, float], None]
"""Called with a stage and the share of it that is done; a stage that comes as 1.0 at once is a notice."""
LINES_OF_A_STAGE = 4


@contextmanager
def reporting(console: Console | None = None) -> Iterator[Report]:
    """What long work calls as ``report(stage, share done)``."""
    place = console or Console(stderr=True)
    if not place.is_terminal:
        yield _Lines(place)
        return
    columns = (TextColumn("{task.description:>26}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=place) as progress:
        yield _Bars(progress)


class _Bars:
    """A bar for each stage; a notice stands above them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: float) -> None:
        if stage not in self._tasks and done >= 1:
            self._progress.console.print(stage, highlight=False, markup=False)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0)
        self._progress.update(self._tasks[stage], completed=done)


class _Lines:
    """A line when a stage begins and whenever another quarter of it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, int] = {}

    def __call__(self, stage: str, done: float) -> None:
        quarter = int(done * LINES_OF_A_STAGE)
        if stage not in self._told and done >= 1:
            self._say(stage)
        elif quarter > self._told.get(stage, -1):
            self._told[stage] = quarter
            self._say(f"{stage}: {done:.0%}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
