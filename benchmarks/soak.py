"""Minutes of mixed load on the real service: does its memory grow once it is warm?

Two clients ask for single scores of cases of many lengths, batches, broken records, stored assessments, pages and the
model, in a fixed random order.  Memory is the resident memory of all processes of the service, looked at every second;
growth is the median of the last stretch over that of the stretch after the warm-up.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.one_case import case_record
from benchmarks.running import Running, ask, encoded
from benchmarks.trained_home import trained_home
from training.artifact.home import Home

CLIENTS = 2
LIMIT_PERCENT = 2.0
LONGEST_STEP_SECONDS = 5.0
SIZES = (1, 12, 12, 12, 40, 200)


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: resident memory by stretch (a minute; quick: 10 s), its growth after the warm-up, and the pace."""
    stretch, stretches, warm = (10.0, 6, 2) if quick else (60.0, 11, 1)
    with tempfile.TemporaryDirectory(prefix="defuse-soak-") as folder:
        root = Path(folder) / "own-home"
        home = trained_home(Path(folder))
        shutil.copytree(home.root, root, ignore=shutil.ignore_patterns("log.db*", "matrices", "artifacts"))
        service = Running(Home(root), Path(folder) / "service.log")
        try:
            seen, statuses = _soaked(service, stretch * stretches)
        finally:
            service.stop()
    medians = [
        median(mb for at, mb in seen if number * stretch <= at < (number + 1) * stretch) for number in range(stretches)
    ]
    for number, mb in enumerate(medians):
        yield Figure(f"soak/resident_after_{round((number + 1) * stretch)}_s", round(mb, 1), "MB")
    growth = 100 * (medians[-1] / medians[warm] - 1)
    yield Figure("soak/growth_after_warm_up", round(growth, 2), "%", "at most", LIMIT_PERCENT)
    yield Figure("soak/requests", sum(statuses.values()), "requests")
    yield Figure(
        "soak/answers_of_5xx", sum(n for status, n in statuses.items() if status >= 500), "answers, 0 must hold"
    )


def _soaked(service: Running, seconds: float) -> tuple[list[tuple[float, float]], dict[int, int]]:
    """Memory by time, and how many answers there were of each status."""
    statuses: dict[int, int] = {}
    counting, over = threading.Lock(), threading.Event()

    def client(number: int) -> None:
        rng, connection, known = random.Random(number), service.connect(), ["none"]
        while not over.is_set():
            method, path, body = _request(rng, known)
            try:
                status, content = ask(connection, method, path, body)
            except ConnectionError:  # the service closes what was idle for long, as after a pause of this machine
                connection.close()
                continue
            if path == "/v1/score" and status == 200:
                known[:] = [json.loads(content)["assessment_id"]]
            with counting:
                statuses[status] = statuses.get(status, 0) + 1

    clients = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    before, at, seen = time.monotonic(), 0.0, []
    while at < seconds:
        seen.append((at, service.resident_mb))
        time.sleep(1)
        now = time.monotonic()
        at, before = at + min(now - before, LONGEST_STEP_SECONDS), now  # what was paused does not count
    over.set()
    for one in clients:
        one.join()
    return seen, statuses


def _request(rng: random.Random, known: list[str]) -> tuple[str, str, bytes | None]:
    """One request of the mixture."""
    what = rng.random()
    case = case_record(size=max(12, rng.choice(SIZES)))
    if what < 0.6:
        case["dispute"]["amount_cny"] = rng.randrange(1_000_000)
        return "POST", "/v1/score", encoded(case)
    if what < 0.7:
        return "POST", "/v1/score/batch", encoded({"cases": [case] * 10})
    if what < 0.8:
        case["dispute"]["kind"] = "no such kind"
        return "POST", "/v1/score", encoded(case)
    path = rng.choice((f"/v1/assessments/{known[0]}", f"/review/{known[0]}", "/v1/model", "/metrics", "/nowhere"))
    return "GET", path, None
