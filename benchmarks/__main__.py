"""``python -m benchmarks NAME [--quick]``: runs one benchmark, or all; one JSON object a figure on stdout."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figure import Figure

NAMES = (
    "features", "online", "serving", "review", "batch", "faults", "fuzz", "soak", "quality", "coverage", "treatment", "training", "log",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what was asked for; every benchmark is a module with ``run(quick=...)``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, "all"])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs, not to quote")
    asked = parser.parse_args()
    for name in NAMES if asked.name == "all" else (asked.name,):
        module = importlib.import_module(f"benchmarks.{name}")
        figures: list[Figure] = []
        for figure in module.run(quick=asked.quick):
            print(json.dumps(figure.to_record()), flush=True)
            figures.append(figure)
        _write(name, figures, quick=asked.quick)


def _write(name: str, figures: list[Figure], *, quick: bool) -> None:
    """Keep the figures with the machine they were taken on."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "benchmark": name,
        "quick": quick,
        "measured_at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average_1min": round(os.getloadavg()[0], 2),
        "figures": [figure.to_record() for figure in figures],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
