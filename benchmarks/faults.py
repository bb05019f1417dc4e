"""Kills at random instants under load: what was answered must be in the log, and its chain whole.

The service is started, asked by four clients at once, and killed (SIGKILL, all its processes) after a random time; then
every answered assessment is looked for in the log.  At the end the whole chain is verified.  Other faults (disk full,
slow disk, log taken away, clock set back, damaged model) are tests: tests/serving/test_service_faults.py.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.one_case import case_record
from benchmarks.running import Running, ask, encoded
from benchmarks.trained_home import ROOT, trained_home
from features.errors import MissingInput
from serving.log.decision_log import DecisionLog
from training.artifact.home import Home

KILLS, A_FEW = 200, 5
CLIENTS = 4
LONGEST_SECONDS = 1.5
SEED = 6


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: kills, answers, and what is missing (0 is what must hold)."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="defuse-faults-") as folder:
        work = Path(folder)
        root = work / "own-home"
        shutil.copytree(
            trained_home(work).root, root, ignore=shutil.ignore_patterns("log.db*", "matrices", "artifacts")
        )
        home = Home(root)
        kills = A_FEW if quick else KILLS
        answered = [_killed(home, work / "service.log", rng.random() * LONGEST_SECONDS) for _ in range(kills)]
        every = [one for ids in answered for one in ids]
        missing = _missing(home, every)
        checked = _verified(home)
        yield Figure("kill_9/kills", kills, "kills")
        yield Figure("kill_9/kills_under_load", sum(bool(ids) for ids in answered), "kills after at least one answer")
        yield Figure("kill_9/answered", len(every), "assessments")
        yield Figure("kill_9/answered_and_not_in_the_log", missing, "assessments, 0 must hold")
        yield Figure("kill_9/in_the_log", checked["assessments"], "assessments")
        yield Figure("kill_9/breaks_of_the_chain", 0 if checked["ok"] else 1, "breaks, 0 must hold")
        if missing or not checked["ok"]:
            raise RuntimeError(f"{missing} answered assessments are not in the log; chain: {checked['first_break']}")


def _killed(home: Home, log: Path, seconds: float) -> list[str]:
    """The ids of all assessments that were answered before a service was killed."""
    service = Running(home, log)
    answered: list[str] = []
    over = threading.Event()

    def keep_asking() -> None:
        connection = service.connect()
        body = encoded(case_record())
        while not over.is_set():
            try:
                status, content = ask(connection, "POST", "/v1/score", body)
            except OSError:
                return
            if status == 200:
                answered.append(json.loads(content)["assessment_id"])

    clients = [threading.Thread(target=keep_asking, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(seconds)
    service.kill()
    over.set()
    for client in clients:
        client.join()
    return answered


def _missing(home: Home, answered: list[str]) -> int:
    log = DecisionLog(home.database_url)
    missing = 0
    try:
        for assessment_id in answered:
            try:
                log.find(assessment_id)
            except MissingInput:
                missing += 1
    finally:
        log.close()
    return missing


def _verified(home: Home) -> dict[str, Any]:
    """What `defuse audit verify` says."""
    done = subprocess.run(
        [sys.executable, "-m", "defuse", "audit", "verify", "--json"], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        env=os.environ | {"DEFUSE_HOME": str(home.root)}, check=False,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
