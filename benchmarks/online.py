"""One case with 12 events in this process: features only, and each stage of a request."""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, median_and_p99
from benchmarks.one_case import case_record
from benchmarks.trained_home import trained_home
from features import catalogue
from features.case_history import case_history, spine_of_one
from features.request_model import parse_case
from features.view import View
from serving.access import NO_TOKEN_NEEDED
from serving.assessment import assessment
from serving.desk import Desk, now_us
from serving.log import AssessmentLog, Entry
from training.artifact.home import Home


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: medians and 99th percentiles of single calls, in microseconds."""
    with tempfile.TemporaryDirectory() as work:
        home = trained_home(Path(work))
        for name, call in _stages(home, Path(work)):
            yield from median_and_p99(name, _times(call, 300 if quick else 3_000), "us")


def _stages(home: Home, work: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    desk = Desk(Home(copy_of(home, work)))
    model, scorer = desk.in_force.model, desk.in_force.scorer
    body = json.dumps(case_record()).encode()
    case = parse_case(body, now_us=now_us())
    history, spine = case_history(case), spine_of_one(case.as_of)
    income = model.contract.reference_income_cny

    def features() -> Any:
        view = View(history, spine, reference_income_cny=income)
        return catalogue.values_of(catalogue.measure_all(view, scorer.indicators))

    values = features()
    scored = scorer.score_case(case)
    given = assessment(scored, model, desk.policy, version="1", role="reviewer", scored_at=now_us())
    log = AssessmentLog(work / "bench.db")
    numbers = iter(range(10**9))

    def store() -> None:
        log.append([Entry(f"a-{next(numbers)}", now_us(), "330106001", model.digest, "1", scored)])

    yield "parse_and_validate", lambda: parse_case(body, now_us=now_us())
    yield "history_of_case", lambda: case_history(case)
    yield f"features_{len(scorer.indicators)}_indicators", features
    yield "margin_and_contributions", lambda: model.explain_rows(values)
    yield "score_case", lambda: scorer.score_case(case)
    yield "assessment_view", lambda: assessment(scored, model, desk.policy, version="1", role="reviewer", scored_at=0)
    yield "to_json", lambda: json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    yield "durable_log", store
    yield "desk_score_all_of_it", lambda: desk.score(body, NO_TOKEN_NEEDED)
    log.close()
    desk.close()


def copy_of(home: Home, work: Path) -> Path:
    """A home of the same model with its own log: measuring leaves no assessment behind."""
    copy = work / "copy"
    copy.mkdir()
    (copy / "models").symlink_to(home.models)
    (copy / "champion.json").write_bytes((home.root / "champion.json").read_bytes())
    return copy


def _times(call: Callable[[], Any], rounds: int) -> list[float]:
    for _ in range(20):
        call()
    gc.collect()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds
