"""``python -m benchmarks.feature_peers.one ENGINE DATA OUT``: one run in a process of its own, pinned to one core.

Prints CPU seconds, wall seconds (both without imports and without loading compiled loops) and the peak memory.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ENGINES = ("ours", "floor", "with_pandas", "with_duckdb", "with_polars", "with_ibis")


def main(engine: str, data: Path, out: Path) -> None:
    """Run one engine; ``floor`` writes again what stands in ``out``."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    module = importlib.import_module(f"benchmarks.feature_peers.{engine}")
    if engine == "floor":
        with tempfile.TemporaryDirectory(dir=out.parent) as copy:
            cpu = wall = module.cpu_seconds(data, out / "part.parquet", Path(copy))
    else:
        _warm_up(engine, data)
        began, wall_began = time.process_time(), time.perf_counter()
        module.build(data, out)
        cpu, wall = time.process_time() - began, time.perf_counter() - wall_began
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The peak of this program alone: what getrusage says may be the peak of the process that started it."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _warm_up(engine: str, data: Path) -> None:
    """Load what an import would load: the compiled loops, and libraries that come with the first Parquet file."""
    if engine == "ours":
        ours = importlib.import_module("benchmarks.feature_peers.ours")
        small = data.parent / "small"
        if small.exists():
            with tempfile.TemporaryDirectory() as out:
                ours.build(small, Path(out))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
