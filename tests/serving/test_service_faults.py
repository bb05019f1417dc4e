"""What the service answers when the machine fails its log (the log alone: tests/log/test_faults.py), and after kills."""

import os
import random
import resource
import subprocess
import sys
import time

import pytest

from serving.log.decision_log import DecisionLog
from serving.log.transaction import Transaction
from serving.log.verification import verify
from tests.serving.cases import case
from tests.serving.conftest import ROOT

CASE = case(("threat", 3))
SCORING = """
import asyncio, json, os, sys
from serving.access import NO_TOKEN_NEEDED
from serving.desk import Desk
from training.artifact.home import Home

async def main():
    desk, case = Desk(Home.from_environment()), json.loads(sys.argv[1])
    async def client():
        while True:
            answer = await desk.score(json.dumps(case).encode(), NO_TOKEN_NEEDED)
            os.write(1, (answer["assessment_id"] + "\\n").encode())
    await asyncio.gather(*(client() for _ in range(4)))

asyncio.run(main())
"""
"""Four clients on one desk; an id is written out once the answer is there."""


def told(client):
    return client.post("/v1/score", json=CASE)


def whole(home):
    log = DecisionLog(home.database_url)
    try:
        return verify(log.database)
    finally:
        log.close()


def refuses_then_recovers(client, home, fault):
    """503 with Retry-After and not ready during the fault; afterwards the service scores, and the chain is whole."""
    before = whole(home).assessments
    with fault:
        answer = told(client)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/readyz").status_code == 503
    assert told(client).status_code == 200
    assert client.get("/readyz").status_code == 200
    found = whole(home)
    assert found.ok, found.first_break
    assert found.assessments == before + 1


class FullDisk:
    """No file of this process may grow beyond what the log takes now: every write past that fails as on a full disk."""

    def __init__(self, home):
        self._size = max(path.stat().st_size for path in home.root.glob("log.db*"))

    def __enter__(self):
        self._former = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._former[1]))

    def __exit__(self, *_error):
        resource.setrlimit(resource.RLIMIT_FSIZE, self._former)


class LogTakenAway:
    """The database is gone: its files stand under other names."""

    def __init__(self, home):
        self._files = list(home.root.glob("log.db*"))

    def __enter__(self):
        for path in self._files:
            path.rename(path.with_name("away-" + path.name))

    def __exit__(self, *_error):
        for path in self._files:
            away = path.with_name("away-" + path.name)
            if away.exists():
                away.rename(path)


@pytest.mark.parametrize("fault", [FullDisk, LogTakenAway])
def test_a_log_that_cannot_be_written(fault, client, home):
    assert told(client).status_code == 200
    refuses_then_recovers(client, home, fault(home))


def test_a_slow_disk_delays_the_answer_until_it_is_written(client, home, monkeypatch):
    slow = 0.3
    commit = Transaction.commit

    def slowly(transaction):
        time.sleep(slow)
        commit(transaction)

    monkeypatch.setattr(Transaction, "commit", slowly)
    began = time.monotonic()
    answer = told(client)
    assert answer.status_code == 200
    assert time.monotonic() - began >= slow
    assert whole(home).assessments == 1


def test_a_clock_that_jumps_refuses_what_lies_ahead_of_it_and_breaks_no_chain(client, home, monkeypatch):
    """Back by ten years: rows lie in the future, which is a fault that is told; ahead again: all is scored."""
    from serving import desk as desk_module
    from serving.log import transaction

    now, years = desk_module.now_us(), 10 * 365 * 86_400_000_000
    clocks = (0, -years, years)
    statuses = []
    for jump in clocks:
        for module in (desk_module, transaction):
            monkeypatch.setattr(module, "now_us", lambda jump=jump: now + jump)
        answer = told(client)
        statuses.append(answer.status_code)
        if answer.status_code == 422:
            assert {fault["rule"] for fault in answer.json()["errors"]} >= {"recorded_in_future"}
        assert client.get("/readyz").status_code == 200
    assert statuses == [200, 422, 200]
    found = whole(home)
    assert found.ok, found.first_break
    assert found.assessments == 2


def test_what_was_answered_before_a_kill_is_in_the_log(home):
    """A small share of `python -m benchmarks faults`: five kills at random instants under load."""
    import json

    rng, answered = random.Random(11), []
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", SCORING, json.dumps(CASE)], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=os.environ | {"DEFUSE_HOME": str(home.root)},
        )  # fmt: skip
        first = process.stdout.readline()
        time.sleep(rng.random() * 0.15)
        process.kill()
        rest = process.stdout.read().decode()
        process.wait()
        process.stdout.close()
        answered += [first.decode().strip(), *rest.splitlines()]
    assert len(answered) > 5
    log = DecisionLog(home.database_url)
    try:
        for assessment_id in answered:
            assert log.find(assessment_id).assessment_id == assessment_id
    finally:
        log.close()
    found = whole(home)
    assert found.ok, found.first_break
    assert found.assessments >= len(answered)
