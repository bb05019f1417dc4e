"""One run of the shipped experiment on a small unit world, by the command line, shared by the functional tests."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from defuse import main

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


def run(home: Path, *words: str, expect: int = 0) -> Result:
    """One verb in this process, as its user would type it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        done = CliRunner(env={"DEFUSE_HOME": str(home)}).invoke(main, list(words))
    assert done.exit_code == expect, f"{words}: exit {done.exit_code}\n{done.output}\n{done.exception!r}"
    return done


def run_offline(home: Path, *words: str, attempts: Path) -> str:
    """One verb in a process of its own; every look-up of another host is refused and written to ``attempts``."""
    environment = os.environ | {
        "DEFUSE_HOME": str(home), "PYTHONPATH": str(GUARD), "OFFLINE_GUARD_LOG": str(attempts),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "defuse", *words], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def quick_experiment(tmp_path_factory) -> Path:
    """The shipped experiment with fewer refits and draws."""
    text = EXPERIMENT.read_text("utf-8").replace("refits = 20", "refits = 5").replace("draws = 1000", "draws = 40")
    text = text.replace("draws_before = 200", "draws_before = 20")
    path = tmp_path_factory.mktemp("experiment") / "quick.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="session")
def trained(unit_world, quick_experiment, tmp_path_factory) -> Trained:
    home = tmp_path_factory.mktemp("home")
    attempts = home / "attempts.log"
    printed = run_offline(home, "train", str(quick_experiment), "--records", str(unit_world), attempts=attempts)
    return Trained(unit_world, home, printed.splitlines()[-1], attempts)
