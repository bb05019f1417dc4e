"""One run of the shipped experiment on a small unit world, by the command line, shared by the functional tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_samples.simulator import simulate

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).with_name("offline_guard")
EXPERIMENT = ROOT / "experiments" / "shallow_lightgbm.toml"


@dataclass(frozen=True)
class Trained:
    """The records, the home and the answer of `defuse train`."""

    records: Path
    home: Path
    run_id: str
    attempts: Path

    def defuse(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return defuse(self.home, *words, expect=expect, attempts=self.attempts)


def defuse(
    home: Path, *words: str, expect: int = 0, attempts: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one verb as a user would; every look-up of an outside host is refused and written to ``attempts``."""
    environment = os.environ | {"DEFUSE_HOME": str(home), "COLUMNS": "120"}
    if attempts is not None:
        environment |= {"PYTHONPATH": str(GUARD), "OFFLINE_GUARD_LOG": str(attempts)}
    done = subprocess.run(
        [sys.executable, "-m", "defuse", *words], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == expect, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def unit_world(tmp_path_factory) -> Path:
    records = tmp_path_factory.mktemp("world") / "records"
    simulate(records, preset="unit", disputes=3000, years=3, seed=11)
    return records


@pytest.fixture(scope="session")
def trained(unit_world, tmp_path_factory) -> Trained:
    home = tmp_path_factory.mktemp("home")
    attempts = home / "attempts.log"
    done = defuse(home, "train", str(EXPERIMENT), "--records", str(unit_world), attempts=attempts)
    return Trained(unit_world, home, done.stdout.splitlines()[-1], attempts)
