"""One case in this process, pinned to one core: the features of 12 and of 2,000 events, and each stage of a request."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure, median_and_p99
from benchmarks.one_case import case_record
from benchmarks.trained_home import trained_home
from features import catalogue
from features.case_history import case_history, spine_of_one
from features.clock import DAY_US
from features.history import History, Spine
from features.request_model import CaseRecord, parse_case
from features.view import Values, View
from serving.access import NO_TOKEN_NEEDED
from serving.assessment import assessment
from serving.desk import Desk, now_us
from serving.log.decision_log import DecisionLog, new_id
from serving.log.stored import Assessed
from training.artifact.home import Home


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: medians and 99th percentiles of single calls, in microseconds."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for size in (12, 2_000):
        history, spine = _check_of_one_and_of_many(size)
        stages: dict[str, Callable[[], Values]] = {
            "features": partial(_values, history, spine), "history_and_features": partial(_from_record, size),
        }  # fmt: skip
        for name, stage in stages.items():
            full = f"{name}/{len(catalogue.INDICATORS)} indicators of {size} events"
            yield from median_and_p99(full, _times(stage, 300 if quick else 3_000), "us")
    with tempfile.TemporaryDirectory() as work:
        home = trained_home(Path(work))
        for name, call in _stages(home, Path(work)):
            yield from median_and_p99(name, _times(call, 300 if quick else 3_000), "us")


def _check_of_one_and_of_many(size: int) -> tuple[History, Spine]:
    """The history and spine of the case; raises AssertionError where a spine of many gives it other bits."""
    case = _case(size)
    history, spine = case_history(case), spine_of_one(case.as_of)
    many = Spine(np.zeros(50, np.int64), case.as_of - np.arange(50) * DAY_US)
    assert np.array_equal(_values(history, spine)[0], _values(history, many)[0], equal_nan=True)
    return history, spine


@cache
def _case(size: int) -> CaseRecord:
    return parse_case(json.dumps(case_record(size=size)).encode(), now_us=now_us())


def _from_record(size: int) -> Values:
    case = _case(size)
    return _values(case_history(case), spine_of_one(case.as_of))


def _values(history: History, spine: Spine) -> Values:
    view = View(history, spine, reference_income_cny=catalogue.DEFAULT_REFERENCE_INCOME_CNY)
    return catalogue.values_of(catalogue.measure_all(view, catalogue.INDICATORS))


def _stages(home: Home, work: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    desk = Desk(Home(copy_of(home, work)))
    model, scorer = desk.in_force.model, desk.in_force.scorer
    body = json.dumps(case_record()).encode()
    case = parse_case(body, now_us=now_us())
    history, spine = case_history(case), spine_of_one(case.as_of)
    values = _values(history, spine)
    scored = scorer.score_case(case)
    given = assessment(scored, model, desk.in_force.policy, version="1", role="reviewer", scored_at=now_us())
    log = DecisionLog(f"sqlite:///{work / 'bench.db'}")
    record = case_record()

    def store() -> None:
        log.append([Assessed(new_id("a"), now_us(), "330106001", model.digest, "1", scored, case_record=record)])

    yield "parse_and_validate", lambda: parse_case(body, now_us=now_us())
    yield "history_of_case", lambda: case_history(case)
    yield f"features_{len(scorer.indicators)}_indicators", lambda: _values(history, spine)
    yield "margin_and_contributions", lambda: model.explain_rows(values)
    yield "score_case", lambda: scorer.score_case(case)
    yield (
        "assessment_view",
        lambda: assessment(scored, model, desk.in_force.policy, version="1", role="reviewer", scored_at=0),
    )
    yield "to_json", lambda: json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    yield "durable_log", store
    with asyncio.Runner() as runner:
        yield "desk_score_all_of_it", lambda: runner.run(desk.score(body, NO_TOKEN_NEEDED))
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
