"""Feature building: the peer workload beside other engines, then the full catalogue as the records grow.

Every engine runs in a process of its own, pinned to one core; rounds are interleaved, so that a busy minute hits all;
outputs are compared before anything is timed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.dataset as ds

from benchmarks.feature_peers import workload
from benchmarks.feature_peers.one import ENGINES
from benchmarks.feature_scale import scale
from benchmarks.figure import Figure

NEEDS = {"with_polars": "polars", "with_ibis": "ibis"}
ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")
}  # fmt: skip


def run(*, quick: bool) -> Iterator[Figure]:
    """The ratios to the floor and to each peer, and the growth of time and memory with the records."""
    with tempfile.TemporaryDirectory(prefix="defuse-features-") as work:
        yield from _peers(Path(work), rounds=1 if quick else 5, size=0.05 if quick else 1.0)
    yield from scale(quick=quick)


def _peers(work: Path, *, rounds: int, size: float) -> Iterator[Figure]:
    data = work / "data"
    events = workload.generate(data, scale=size)
    workload.generate(work / "small", scale=0.001)
    engines = [engine for engine in ENGINES if _there(engine)]
    outs = {engine: work / ("ours" if engine == "floor" else engine) for engine in engines}
    for engine in engines:
        _run(engine, data, outs[engine])
        _same(outs["ours"], outs[engine], engine)
    runs = [{engine: _run(engine, data, outs[engine]) for engine in engines} for _ in range(rounds)]
    rows = ds.dataset(outs["ours"]).count_rows()
    cpu = {engine: median(each[engine]["cpu_s"] for each in runs) for engine in engines}
    yield Figure("peer workload/events", events, "events")
    yield Figure("peer workload/rows", rows, "rows x 52 columns")
    for engine in engines:
        if engine != "ours":
            yield Figure(f"peer workload/cpu of {engine} over ours", round(cpu[engine], 2), "s", "ours",
                         round(cpu["ours"], 2))  # fmt: skip
    yield Figure(
        "peer workload/cpu of ours over the floor", round(cpu["ours"], 2), "s", "floor", round(cpu["floor"], 2)
    )
    for engine in engines:
        peak = max(each[engine]["peak_mb"] for each in runs)
        yield Figure(f"peer workload/peak of {engine}", round(peak), "MB")


def _there(engine: str) -> bool:
    missing = engine in NEEDS and importlib.util.find_spec(NEEDS[engine]) is None
    if missing:
        print(f"{engine} is left out: `make bench` installs {NEEDS[engine]}", file=sys.stderr)
    return not missing


def _run(engine: str, data: Path, out: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.feature_peers.one", engine, str(data), str(out)],
        capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{engine} failed: {done.stderr[-2_000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _same(expected: Path, got: Path, engine: str) -> None:
    """Raises AssertionError where an engine made another matrix: other rows, or values further apart than rounding."""
    if expected == got:
        return
    names = ["case_id", "as_of", *workload.columns()]
    first, second = (ds.dataset(folder).to_table(columns=names).to_pandas() for folder in (expected, got))
    first, second = (each.sort_values(["case_id", "as_of"]).reset_index(drop=True) for each in (first, second))
    for name in names:
        left, right = first[name].to_numpy(), second[name].to_numpy()
        if left.dtype.kind == "M":
            left, right = left.astype("datetime64[us]"), right.astype("datetime64[us]")
        alike = len(left) == len(right) and (
            np.allclose(left, right, rtol=1e-9, atol=1e-9, equal_nan=True)
            if left.dtype.kind == "f"
            else np.array_equal(left, right)
        )
        assert alike, f"{engine} gives other values of {name}"
