"""The full experiment on a bench world: three origins, five families, intervals; wall time, memory, share of bootstraps.

World and matrices are made before and not counted.  The experiment runs in a process of its own, so that its memory is its
own; what each stage takes is told by the progress that a user sees, and every call of the bootstrap is timed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from data_samples.simulator import simulate
from features import read_records
from training.artifact.home import Home
from training.experiment import read_experiment
from training.population import matrix_for, monthly_matrix
from training.rows import matrix_bounds
from training.split import all_origins

ROOT = Path(__file__).parents[1]
EXPERIMENT = ROOT / "experiments" / "five_families.toml"
SEED = 1


def run(*, quick: bool) -> Iterator[Figure]:
    """250,000 disputes a year over four years; quick: a unit world of 3,000 over four."""
    preset, disputes = ("unit", 3_000) if quick else ("bench", 250_000)
    with tempfile.TemporaryDirectory(prefix="defuse-training-") as folder:
        records, home = Path(folder) / "records", Home(Path(folder) / "home")
        simulate(records, preset=preset, disputes=disputes, years=4, seed=SEED)
        _build_matrices(records, home)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.training", str(records), str(home.root)],
            cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
    measured = json.loads(done.stdout.splitlines()[-1])
    name = f"five families on {disputes:,} disputes a year"
    yield Figure(f"{name}: wall time", round(measured["seconds"], 1), "s")
    yield Figure(f"{name}: reading the records, before that", round(measured["reading"], 1), "s")
    yield Figure(f"{name}: peak memory", round(measured["peak_mb"]), "MB")
    yield Figure(f"{name}: all bootstraps of the metrics", round(measured["bootstraps"], 1), "s")
    yield Figure(f"{name}: judging, bootstraps included", round(measured["judging"], 1), "s")
    for stage, seconds in measured["stages"].items():
        yield Figure(f"{name}: {stage}", round(seconds, 1), "s")


def _build_matrices(records: Path, home: Home) -> None:
    experiment = read_experiment(EXPERIMENT)
    with read_records(records) as opened:
        matrix = matrix_for(experiment, opened, home=home, progress=_quiet)
        _, first = matrix_bounds(matrix)
        splits = all_origins(experiment, first_as_of=first, known_at=opened.known_at)
        monthly_matrix(experiment, opened, splits, home=home, progress=_quiet)


class _Watch:
    """Seconds by stage, told by the progress: what passes between two calls belongs to the stage of the later one.

    Families are fitted two at a time: the seconds between are those of whichever told of progress, so that only their sum counts.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.monotonic()

    def __call__(self, stage: str, _done: float) -> None:
        now = time.monotonic()
        self.seconds[_kind(stage)] += now - self._last
        self._last = now


def _kind(stage: str) -> str:
    """A stage without its origin: "origin 2 of 3: fit logistic" is ``fit logistic``."""
    return stage.rsplit(": ", 1)[-1] if stage.startswith("origin ") else stage


class _Timed:
    """A function and the seconds spent in it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *given: Any, **named: Any) -> Any:
        began = time.monotonic()
        try:
            return self.function(*given, **named)
        finally:
            self.seconds += time.monotonic() - began


def _timed_everywhere(function: Callable[..., Any]) -> _Timed:
    """Put a timed one in its place wherever the training floor has it by name."""
    timed = _Timed(function)
    for module in [one for name, one in sys.modules.items() if name.split(".")[0] == "training"]:
        for name, value in list(vars(module).items()):
            if value is function:
                setattr(module, name, timed)
    return timed


def measure(records: Path, home: Path) -> dict[str, Any]:
    """Run the experiment in this process: seconds in all and by stage, and the peak of memory."""
    import training.run as floor  # noqa: PLC0415  (the floor's modules must be there to be timed)
    from training.evaluation.bootstrap import bootstrap  # noqa: PLC0415

    bootstraps, judging = _timed_everywhere(bootstrap), _timed_everywhere(floor.judge)
    experiment = read_experiment(EXPERIMENT)
    began = time.monotonic()
    with read_records(records) as opened:
        reading = time.monotonic() - began
        watch = _Watch()
        began = time.monotonic()
        floor.run_experiment(
            experiment, EXPERIMENT.read_text("utf-8"), opened, home=Home(home), progress=watch
        )  # fmt: skip
        seconds = time.monotonic() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": seconds, "reading": reading, "peak_mb": peak / 1024, "bootstraps": bootstraps.seconds,
        "judging": judging.seconds, "stages": dict(watch.seconds),
    }  # fmt: skip


def _quiet(_stage: str, _done: float) -> None:
    """Nobody watches a benchmark."""


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
