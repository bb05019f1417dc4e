"""From HTTP request to logged and explained answer: the real service, a bare BentoML echo, and the tutorial way.

Each service runs on one core, the load generator on the other; rounds of the three take turns, and what is compared is
their ratio.  The case has twelve events; ours works out its indicators and writes the decision log, its peers do not.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.load import Load, load
from benchmarks.one_case import case_record
from benchmarks.online import copy_of
from benchmarks.trained_home import ROOT, trained_home
from features import catalogue
from features.case_history import case_history, spine_of_one
from features.request_model import parse_case
from features.view import View
from serving.desk import now_us
from serving.launch import SETTINGS
from serving.scorer import Scorer
from training.artifact.home import Home
from training.artifact.store import load_champion

ECHO, TUTORIAL = "bare BentoML echo", "pandas row + shap.TreeExplainer in BentoML"
PATH = "/v1/score"
BATCH = 100
READY_SECONDS = 240
REQUESTS = {1: 300, 8: 800, 64: 1_280}
"""Requests of one round, by how many are sent at once; the tutorial way gets a quarter."""


@dataclass
class Peer:
    """A running service, the body it is sent, and what came of it by concurrency."""

    name: str
    port: int
    body: bytes
    share: float = 1.0
    loads: dict[int, Load] = field(default_factory=dict)

    def ask(self, at_once: int, *, quick: bool) -> None:
        """One round."""
        requests = max(at_once, round(REQUESTS[at_once] * self.share * (0.25 if quick else 1)))
        done = load(self.port, PATH, self.body, at_once=at_once, requests=requests)
        self.loads.setdefault(at_once, Load()).add(done)


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: times at one and at 64 at once, throughput at eight, and the batch route's pace."""
    mine, theirs = _two_cores()
    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        home = Home(copy_of(trained_home(Path(work)), Path(work)))
        body = json.dumps(case_record()).encode()
        row = json.dumps({"row": _row(home)}).encode()
        ours = Peer("ours", stack.enter_context(_serving(_ours(home), theirs)), body)
        echo = Peer(ECHO, stack.enter_context(_serving(_bento("echo_service:Echo", home), theirs)), body)
        tutorial = Peer(TUTORIAL, stack.enter_context(_serving(_bento("tutorial_service:Tutorial", home), theirs)), row, 0.25)  # fmt: skip
        os.sched_setaffinity(0, mine)
        _check(ours, echo, tutorial, home)
        peers = (ours, echo, tutorial)
        for peer in peers:
            load(peer.port, PATH, peer.body, at_once=8, requests=40 if quick else 200)
        for _ in range(2 if quick else 5):
            for at_once in REQUESTS:
                for peer in peers:
                    peer.ask(at_once, quick=quick)
        yield from _figures(ours, echo, tutorial)
        yield from _all_right(ours, home)
        yield from _batch(ours, rounds=2 if quick else 10)


def _figures(ours: Peer, echo: Peer, tutorial: Peer) -> Iterator[Figure]:
    for at_once in REQUESTS:
        own, bare = ours.loads[at_once], echo.loads[at_once]
        for label, share in (("median", 0.5), ("p99", 0.99)):
            yield Figure(
                f"one_case_at_{at_once}_{label}",
                round(own.quantile(share), 3),
                "ms",
                ECHO,
                round(bare.quantile(share), 3),
            )
        for peer in (echo, tutorial):
            yield Figure(
                f"throughput_at_{at_once}_against_{'echo' if peer is echo else 'tutorial'}", round(own.per_second, 1),
                "1/s", peer.name, round(peer.loads[at_once].per_second, 1),
            )  # fmt: skip
    yield Figure("errors", float(sum(done.errors for done in ours.loads.values())), "answers")


def _all_right(ours: Peer, home: Home) -> Iterator[Figure]:
    """Every answer of the rounds held against one that was checked, and looked for in the log: what is not there is an error."""
    expected = _lasting(_ask(ours.port, ours.body))
    told = [answer for done in ours.loads.values() for answer in done.answers]
    yield Figure("wrong_answers", float(sum(_lasting(answer) != expected for answer in told)), "answers")
    with sqlite3.connect(home.log_database) as connection:
        logged = {name for (name,) in connection.execute("SELECT assessment_id FROM assessments")}
    ids = [json.loads(answer).get("assessment_id") for answer in told]
    missing = len(ids) - len(logged.intersection(ids))  # an id that was told twice is missing once
    yield Figure("answers_not_in_the_log", float(missing), "answers")


def _lasting(answer: bytes) -> dict[str, object]:
    """An assessment without what differs from one to the next."""
    return {name: value for name, value in json.loads(answer).items() if name not in ("assessment_id", "scored_at")}


def _batch(ours: Peer, *, rounds: int) -> Iterator[Figure]:
    many = json.dumps({"cases": [case_record()] * BATCH}).encode()
    done = load(ours.port, f"{PATH}/batch", many, at_once=1, requests=rounds)
    yield Figure(f"batch_route_of_{BATCH}_per_case_median", round(done.quantile(0.5) / BATCH, 3), "ms")


def _two_cores() -> tuple[set[int], set[int]]:
    """The core of the load generator, and that of the services; the same where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[-1]}, {cores[0]}


def _ours(home: Home) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "defuse", "serve"], {"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": "off"}


def _bento(name: str, home: Home) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "bentoml", "serve", f"benchmarks.{name}", "--working-dir", str(ROOT), "--host", "127.0.0.1"]  # fmt: skip
    return command, SETTINGS | {"DEFUSE_HOME": str(home.root)}


@contextmanager
def _serving(started: tuple[list[str], dict[str, str]], cores: set[int]) -> Iterator[int]:
    """A service in its own process on its core; gives the port."""
    command, environment = started
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=os.environ | environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.sched_setaffinity(process.pid, cores)  # its workers inherit it
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError("a service of the benchmark did not start")


def _row(home: Home) -> dict[str, float | None]:
    """The features of the case by column, as the tutorial way is sent them."""
    case = parse_case(json.dumps(case_record()).encode(), now_us=now_us())
    model = load_champion(home.root)[0]
    view = View(case_history(case), spine_of_one(case.as_of), reference_income_cny=model.contract.reference_income_cny)
    values = catalogue.values_of(catalogue.measure_all(view, catalogue.chosen(model.indicators)))[0]
    named = zip(model.contract.column_names, values, strict=True)
    return {name: None if np.isnan(value) else float(value) for name, value in named}


def _ask(port: int, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", PATH, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"a service of the benchmark answered {answer.status}")
    return content


def _check(ours: Peer, echo: Peer, tutorial: Peer, home: Home) -> None:
    """The answers first: what is timed is right, and the peer explains the same score."""
    told = json.loads(_ask(ours.port, ours.body))
    model = load_champion(home.root)[0]
    scored = Scorer(model).score_case(parse_case(ours.body, now_us=now_us()))
    other = json.loads(_ask(tutorial.port, tutorial.body))
    if told["margin"] != scored.margin or abs(other["probability"] - told["probability"]) > 1e-12:
        raise RuntimeError("the services and the scorer differ: nothing to time")
    slope, of_indicator = model.contract.calibration.slope, dict.fromkeys(model.indicators, 0.0)
    for column in model.contract.columns:
        of_indicator[column.indicator] += slope * other["reasons"][column.column]
    for reason in told["reasons"]:
        if abs(of_indicator[reason["indicator"]] - reason["contribution"]) > 1e-9:
            raise RuntimeError("the tutorial way explains another score: nothing to time")
    if _ask(echo.port, echo.body) != echo.body:
        raise RuntimeError("the echo is none: nothing to time")
