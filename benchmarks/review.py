"""The reviewer's pages: one case with 500 events, and the queue over many open cases, on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from benchmarks.figure import Figure, median_and_p99
from benchmarks.online import copy_of
from benchmarks.trained_home import trained_home
from features.clock import format_time
from serving.access import NO_TOKEN_NEEDED
from serving.desk import Desk
from serving.log.decision_log import DecisionLog
from serving.log.tables import ASSESSMENTS, CASES
from serving.log.transaction import now_us
from serving.pages.language import FIRST
from serving.pages.queue import Filters, Place
from serving.pages.queue_page import queue_page
from serving.pages.render import Account, Frame, render_case, render_queue
from serving.pages.reviewing import open_case
from training.artifact.home import Home

EVENTS = 500
CASES_WAITING = 100_000
POSTGRES_SETTING = "DEFUSE_BENCH_POSTGRES"
URGENCY = {"red": 0, "contact_first": 1, "orange": 2, "yellow": 3, "blue": 4}
DAY_US = 86_400_000_000
FRAME = Frame(FIRST, "/review", "0" * 64, Account(True, True, True))
TYPES = (
    "verbal_altercation",
    "threat",
    "physical_contact",
    "replied",
    "handed_on",
    "support_requested",
    "hearing_scheduled",
)


def run(*, quick: bool) -> Iterator[Figure]:
    """Server time in milliseconds, from the request's handler to the finished HTML; no peer does the same.

    ``DEFUSE_BENCH_POSTGRES`` names an empty database for the second half of the queue's figures.
    """
    waiting = CASES_WAITING // 20 if quick else CASES_WAITING
    with TemporaryDirectory() as work:
        home = Home(copy_of(trained_home(Path(work)), Path(work)))
        (home.root / "policy.toml").write_text("[review]\njudge_first_share = 0.0\naudit_share_blue = 0.015\n")
        desk = Desk(home)
        name = _scored(desk, _case(EVENTS))
        yield from median_and_p99(
            f"case_page_{EVENTS}_events", _times(lambda: _case_page(desk, name), 5 if quick else 40), "ms"
        )
        urls = {"sqlite": f"sqlite:///{home.root / 'queue.db'}"}
        if POSTGRES_SETTING in os.environ:
            urls["postgresql"] = os.environ[POSTGRES_SETTING]
        for engine, url in urls.items():
            record = _record_of(desk, name)
            desk.log.close()
            desk.log = DecisionLog(url)
            _fill(desk.log, record, waiting)
            for told, filters in (("all", Filters()), ("one_kind_overdue", Filters(kind="labour", overdue=True)),
                                  ("one_tier", Filters(tier="yellow"))):  # fmt: skip
                seconds = _times(lambda filters=filters: _queue(desk, filters), 5 if quick else 40)
                yield from median_and_p99(f"queue_{told}_{waiting}_cases_{engine}", seconds, "ms")
        desk.close()


def _case_page(desk: Desk, name: str) -> None:
    render_case(open_case(desk, name, NO_TOKEN_NEEDED).page, FRAME)


def _queue(desk: Desk, filters: Filters) -> None:
    page = queue_page(desk, filters, Place(), NO_TOKEN_NEEDED, now_us=now_us())
    if len(page["cases"]) < 10:
        raise RuntimeError("the queue is empty: nothing to time")
    render_queue(page, FRAME)


def _times(task: Any, rounds: int) -> list[float]:
    task()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - began)
    return seconds


def _case(events: int) -> dict[str, Any]:
    """A case of that many events of the last year, a report every so many hours."""
    now = now_us() - DAY_US
    opened = format_time(now - 360 * DAY_US)
    dispute = {
        "dispute_id": "D500", "opened_at": opened, "recorded_at": opened, "channel": "grid", "kind": "neighbour",
        "relation": "neighbour", "proximity": "adjoining", "stakes": ["boundary"], "amount_cny": 5000,
        "minors_in_household": False, "area": "330106001", "narrative": "两家因地界争执" * 10,
    }  # fmt: skip
    rows = []
    for number in range(events):
        at = format_time(now - round((number + 1) * 350 / events * DAY_US))
        rows.append(
            {"event_id": f"E{number:05d}", "dispute_id": "D500", "type": TYPES[number % len(TYPES)], "occurred_at": at,
             "recorded_at": format_time(now - round(number * 350 / events * DAY_US)), "channel": "grid",
             "narrative": "双方在村口发生争吵,邻居劝开"}
        )  # fmt: skip
    return {"dispute": dispute, "events": rows, "petitions": [], "prior_disputes": [], "as_of": None}


def _scored(desk: Desk, record: dict[str, Any]) -> str:
    import asyncio  # noqa: PLC0415

    return str(asyncio.run(desk.score(record, NO_TOKEN_NEEDED))["assessment_id"])


def _record_of(desk: Desk, name: str) -> str:
    with desk.log.database.reading() as connection:
        wanted = sa.select(ASSESSMENTS.c.record).where(ASSESSMENTS.c.assessment_id == name)
        found = connection.execute(wanted).scalar()
    return str(found)


def _fill(log: DecisionLog, record: str, count: int) -> None:
    """Waiting cases with tiers in the proportions of capacity; the record behind each is that of the one case."""
    now = now_us()
    shares = (("red", 0.0015), ("orange", 0.01), ("yellow", 0.05), ("contact_first", 0.08), ("blue", 1.0))
    rows = []
    for number in range(count):
        tier = next(name for name, share in shares if (number * 7_919 % count) < share * count)
        digits = f"{(number * 40_503) % 65_536:04x}{(number * 25_717) % 65_536:04x}{number:024x}"
        rows.append(
            {"dispute_id": f"D{number:07d}", "number": number + 1, "assessment_id": f"a-{digits}", "tier": tier,
             "area": f"{330_106_001 + number % 40 * 1_000:09d}", "kind": ("neighbour", "labour", "traffic")[number % 3],
             "channel": "grid", "urgency": URGENCY[tier], "due_at": now + (number * 104_729 % 60 - 20) * DAY_US // 2,
             "care_due_at": None, "as_of": now, "scored_at": now, "closed_at": None, "probability": 0.001, "waits": 1}
        )  # fmt: skip
    behind = [
        {name: row[name] for name in ("number", "assessment_id", "dispute_id", "area", "kind", "channel", "tier", "as_of",
                                      "scored_at", "due_at", "closed_at", "probability")}
        | {"model_digest": "0", "record": record} for row in rows
    ]  # fmt: skip
    with log.database.engine.begin() as connection:
        for start in range(0, count, 5_000):
            connection.execute(sa.insert(CASES), rows[start : start + 5_000])
            connection.execute(sa.insert(ASSESSMENTS), behind[start : start + 5_000])
    with log.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
