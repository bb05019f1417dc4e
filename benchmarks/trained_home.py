"""A home with a model in force: that of ``DEFUSE_HOME`` where there is one, else a small SYNTHETIC one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from training.artifact.home import Home
from training.artifact.store import CHAMPION_FILE

ROOT = Path(__file__).parents[1]
EXPERIMENT = ROOT / "experiments" / "shallow_lightgbm.toml"


def trained_home(work: Path) -> Home:
    """The home to measure with; training one takes about a minute."""
    home = Home.from_environment()
    if (home.root / CHAMPION_FILE).exists():
        return home
    home = Home(work / "home")
    records = work / "records"
    _verb(home, "simulate", str(records), "--preset", "unit", "--disputes", "4000", "--years", "3")
    run_id = _verb(home, "train", str(EXPERIMENT), "--records", str(records)).splitlines()[-1]
    print(f"benchmarks: trained run {run_id} on SYNTHETIC records", file=sys.stderr)
    _verb(home, "promote", "1", "--by", "benchmark", "--reason", "the only model there is")
    return home


def _verb(home: Home, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "defuse", *words], cwd=ROOT, env=os.environ | {"DEFUSE_HOME": str(home.root)},
        text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return done.stdout
