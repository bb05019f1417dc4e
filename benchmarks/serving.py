"""From HTTP request to answer, one case with 12 events at concurrency 1: the real service beside a BentoML echo."""

from __future__ import annotations

import gc
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure, median_and_p99
from benchmarks.one_case import case_record
from benchmarks.online import copy_of
from benchmarks.trained_home import ROOT, trained_home
from features.request_model import parse_case
from serving.desk import now_us
from serving.launch import SETTINGS
from serving.scorer import Scorer
from training.artifact.home import Home
from training.artifact.store import load_champion

ECHO = "benchmarks.echo_service:Echo"
PEER = "BentoML echo of the same body"
BATCH = 100
READY_SECONDS = 120


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: median and 99th percentile in milliseconds over interleaved rounds, and the batch route's pace."""
    with tempfile.TemporaryDirectory() as work:
        home = Home(copy_of(trained_home(Path(work)), Path(work)))
        body = json.dumps(case_record()).encode()
        with _serving(_ours(home)) as ours, _serving(_echo()) as echo:
            _check(ours, body, home)
            own: list[float] = []
            peer: list[float] = []
            for _ in range(2 if quick else 6):
                own += _times(ours, "/v1/score", body, 50 if quick else 100)
                peer += _times(echo, "/v1/score", body, 50 if quick else 100)
            yield from median_and_p99("one_case_request", own, "ms", peer=PEER, peer_seconds=peer)
            many = json.dumps({"cases": [case_record()] * BATCH}).encode()
            took = _times(ours, "/v1/score/batch", many, 2 if quick else 10)
            yield from median_and_p99(f"batch_route_of_{BATCH}_per_case", [each / BATCH for each in took], "ms")


def _ours(home: Home) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "defuse", "serve"], {"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": "off"}


def _echo() -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "bentoml", "serve", ECHO, "--working-dir", str(ROOT), "--host", "127.0.0.1"]
    return command, SETTINGS


@contextmanager
def _serving(started: tuple[list[str], dict[str, str]]) -> Iterator[http.client.HTTPConnection]:
    """A service in its own process and a connection to it that stays open."""
    command, environment = started
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=os.environ | environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        _wait(connection, process)
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait(30)


def _wait(connection: http.client.HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                connection.close()  # idle until the other service is up; the next request opens it again
                return
        except OSError:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError("a service of the benchmark did not start")


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return content


def _check(connection: http.client.HTTPConnection, body: bytes, home: Home) -> None:
    """The answer first: what is timed is right."""
    told = json.loads(_ask(connection, "/v1/score", body))
    scored = Scorer(load_champion(home.root)[0]).score_case(parse_case(body, now_us=now_us()))
    if told["margin"] != scored.margin:
        raise RuntimeError("the service and the scorer differ: nothing to time")


def _times(connection: http.client.HTTPConnection, path: str, body: bytes, rounds: int) -> list[float]:
    for _ in range(10 if rounds > 10 else 1):
        _ask(connection, path, body)
    gc.collect()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        _ask(connection, path, body)
        seconds.append(time.perf_counter() - began)
    return seconds
