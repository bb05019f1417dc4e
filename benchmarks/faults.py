"""Kills at random instants under load: what was answered must be in the log, and its chain whole.

The service is started, asked by four clients at once, and killed (SIGKILL) after a random time; then every answered
assessment is looked for in the log.  At the end the whole chain is verified.  Every twentieth time it is ``defuse serve``
with all its processes; the others are the same service forked from a process that has imported everything, as 200 times
the imports would take an hour (`benchmarks/warm.py`).  After SQLite the same on PostgreSQL where a server can be had
(`benchmarks/private_postgres.py`).  Other faults (disk full, slow disk, log taken away, clock set back, damaged model) are tests:
tests/log/test_faults.py, tests/serving/test_service_faults.py, tests/serving/test_life.py.
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
from benchmarks.private_postgres import empty_database
from benchmarks.running import Running, ask, encoded
from benchmarks.trained_home import ROOT, trained_home
from benchmarks.warm import DATABASE_URL, WarmService, WarmStarts
from features.errors import MissingInput
from serving.log.decision_log import DecisionLog
from training.artifact.home import Home

KILLS = {"sqlite": 200, "postgresql": 60}
A_FEW = 5
WHOLE_EVERY = 20
CLIENTS = 4
LONGEST_SECONDS = 1.5
SEED = 6


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures of each database: kills, answers, and what is missing (0 is what must hold)."""
    with tempfile.TemporaryDirectory(prefix="defuse-faults-") as folder, empty_database() as postgresql:
        work = Path(folder)
        root = work / "own-home"
        shutil.copytree(
            trained_home(work).root, root, ignore=shutil.ignore_patterns("log.db*", "matrices", "artifacts", "worlds")
        )
        addresses = {"sqlite": f"sqlite:///{root / 'log.db'}", "postgresql": postgresql}
        for name, address in addresses.items():
            if address is not None:
                os.environ[DATABASE_URL] = address  # for what is started from here
                home = Home(root, database_url_setting=address)
                yield from _kills(name, home, work / "service.log", A_FEW if quick else KILLS[name])


def _kills(name: str, home: Home, log: Path, kills: int) -> Iterator[Figure]:
    rng, warm = random.Random(SEED), WarmStarts(home)
    answered: list[list[str]] = []
    for number in range(kills):
        service = Running(home, log) if number % WHOLE_EVERY == 0 else warm.start(log)
        answered.append(_killed(service, rng.random() * LONGEST_SECONDS))
        print(f"benchmarks: {name}, {number + 1} of {kills} kills, {len(answered[-1])} answers", file=sys.stderr)
    every = [one for ids in answered for one in ids]
    missing = _missing(home, every)
    checked = _verified(home)
    whole = -(-kills // WHOLE_EVERY)
    yield Figure(f"kill_9/{name}/kills", kills, f"kills, {whole} of the whole process tree, the others of a forked one")
    yield Figure(f"kill_9/{name}/kills_under_load", sum(map(bool, answered)), "kills after at least one answer")
    yield Figure(f"kill_9/{name}/answered", len(every), "assessments")
    yield Figure(f"kill_9/{name}/answered_and_not_in_the_log", missing, "assessments, 0 must hold")
    yield Figure(f"kill_9/{name}/in_the_log", checked["assessments"], "assessments")
    yield Figure(f"kill_9/{name}/breaks_of_the_chain", 0 if checked["ok"] else 1, "breaks, 0 must hold")
    if missing or not checked["ok"]:
        raise RuntimeError(f"{missing} answered assessments are not in the log; chain: {checked['first_break']}")


def _killed(service: Running | WarmService, seconds: float) -> list[str]:
    """The ids of all assessments that a service answered before it was killed, so many seconds from now."""
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
