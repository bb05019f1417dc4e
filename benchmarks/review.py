"""The reviewer's pages: one case with 500 events, and the queue over many open cases, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from benchmarks.figure import Figure, median_and_p99
from benchmarks.online import copy_of
from benchmarks.private_postgres import NoServer, private_server
from benchmarks.trained_home import trained_home
from features.clock import DAY_US, format_time
from serving.access import NO_TOKEN_NEEDED, Door
from serving.app import make_app
from serving.desk import Desk
from serving.lifecycle import settle_memory
from serving.log.decision_log import DecisionLog
from serving.log.tables import ASSESSMENTS, CASES, DECISIONS
from serving.log.transaction import now_us
from training.artifact.home import Home

EVENTS = 500
CASES_WAITING = 100_000
DECIDED = 1_000
POSTGRES_SETTING = "DEFUSE_BENCH_POSTGRES"
URGENCY = {"red": 0, "contact_first": 1, "orange": 2, "yellow": 3, "blue": 4}
SHARES = (("red", 0.0015), ("orange", 0.01), ("yellow", 0.05), ("contact_first", 0.08), ("blue", 1.0))
TYPES = (
    "verbal_altercation",
    "threat",
    "physical_contact",
    "replied",
    "handed_on",
    "support_requested",
    "hearing_scheduled",
)
DEEP = 30
"""So many pages into the queue."""
QUEUES: dict[str, tuple[dict[str, str], bool]] = {
    "all": ({}, True),
    "overdue": ({"overdue": "1"}, True),
    "one_tier": ({"tier": "yellow"}, True),
    "one_kind_overdue": ({"kind": "labour", "overdue": "1"}, True),
    "rare_kind": ({"kind": "inheritance"}, True),
    "one_county": ({"area": "330107"}, True),
    "one_township": ({"area": "330107003", "kind": "labour"}, True),
    "nothing": ({"kind": "medical"}, False),
}
"""The filters that are timed, and whether anything is to be found by them."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Server time in milliseconds, from the request at the app's door to the last byte of HTML; no peer does the same.

    The second half is timed on a PostgreSQL server of its own; ``DEFUSE_BENCH_POSTGRES`` names an empty database
    elsewhere instead.
    """
    waiting = CASES_WAITING // 20 if quick else CASES_WAITING
    rounds = 5 if quick else 40
    logging.disable(logging.INFO)  # no line a request
    with TemporaryDirectory() as work, ExitStack() as stack:
        home = Home(copy_of(trained_home(Path(work)), Path(work)))
        (home.root / "policy.toml").write_text("[review]\njudge_first_share = 0.0\n")
        pages = _Pages(home)
        stack.callback(pages.close)
        name = pages.scored(_case(EVENTS))
        yield from median_and_p99(
            f"case_page_{EVENTS}_events", pages.times(f"/review/{name}", rounds, holds="log-odds"), "ms"
        )
        record = _record_of(pages.desk, name)
        for engine, url in _addresses(home, stack):
            pages.move_to(url)
            _fill(pages.desk.log, record, waiting)
            for told, (query, is_found) in QUEUES.items():
                seconds = pages.times(_address(query), rounds, holds='id="queue"' if is_found else 'class="empty"')
                yield from median_and_p99(f"queue_{told}_{waiting}_cases_{engine}", seconds, "ms")
            deep = pages.times(pages.deep(DEEP), rounds, holds='id="queue"')
            yield from median_and_p99(f"queue_page_{DEEP}_{waiting}_cases_{engine}", deep, "ms")
            oversight = pages.times("/review/oversight", max(5, rounds // 4), holds='id="missed"')
            yield from median_and_p99(f"oversight_{waiting}_cases_{engine}", oversight, "ms")


def _addresses(home: Home, stack: ExitStack) -> Iterator[tuple[str, str]]:
    yield "sqlite", f"sqlite:///{home.root / 'queue.db'}"
    if given := os.environ.get(POSTGRES_SETTING):
        yield "postgresql", given
        return
    try:
        yield "postgresql", stack.enter_context(private_server()).new_database()
    except NoServer as reason:
        print(f"benchmarks: {reason}", file=sys.stderr)


def _address(query: dict[str, str]) -> str:
    return f"/review?{urlencode(query)}" if query else "/review"


class _Pages:
    """The app in this process, without a socket."""

    def __init__(self, home: Home) -> None:
        self.app, self.desk = make_app(), Desk(home)
        self.app.state.desk, self.app.state.door = self.desk, Door(home.root, open_to_all=True)
        settle_memory()
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self.desk.close()
        self._runner.close()

    def move_to(self, url: str) -> None:
        """Go on with another log."""
        self.desk.log.close()
        self.desk.log = DecisionLog(url)

    def scored(self, record: dict[str, Any]) -> str:
        answer = self._runner.run(self.desk.score(record, NO_TOKEN_NEEDED))
        return str(answer["assessment_id"])

    def times(self, address: str, rounds: int, *, holds: str) -> list[float]:
        """The seconds of some requests after a first one.  Raises RuntimeError where a page is not what was meant."""
        if holds not in self.get(address)[1]:
            raise RuntimeError(f"{address} is not the page that was to be timed")
        return [self.get(address)[0] for _ in range(rounds)]

    def deep(self, pages: int) -> str:
        """The address of the page after so many others."""
        address = "/review"
        for _ in range(pages):
            html = self.get(address)[1]
            address = html.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        return address

    def get(self, address: str) -> tuple[float, str]:
        """How many seconds one page took, and its HTML."""
        path, _, query = address.partition("?")
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"host", b"127.0.0.1"), (b"accept", b"text/html")], "http_version": "1.1", "scheme": "http",
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        told: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        began = time.perf_counter()
        self._runner.run(self.app(scope, receive, send))
        took = time.perf_counter() - began
        if told[0]["status"] != 200:
            raise RuntimeError(f"{address}: {told[0]['status']}")
        return took, b"".join(message.get("body", b"") for message in told).decode()


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


def _record_of(desk: Desk, name: str) -> str:
    with desk.log.database.reading() as connection:
        wanted = sa.select(ASSESSMENTS.c.record).where(ASSESSMENTS.c.assessment_id == name)
        return str(connection.execute(wanted).scalar_one())


def _fill(log: DecisionLog, record: str, count: int) -> None:
    """Waiting cases with tiers in the proportions of capacity, and a week's decisions about other ones.

    The record behind each is that of the one case.
    """
    now = now_us()
    rows = [_waiting(number, count, now) for number in range(count)]
    behind = [
        {name: row[name] for name in ("number", "assessment_id", "dispute_id", "area", "kind", "channel", "tier", "as_of",
                                      "scored_at", "due_at", "closed_at", "probability")}
        | {"model_digest": "0", "record": record} for row in rows
    ]  # fmt: skip
    decided = [_decision(number, now) for number in range(DECIDED)]
    with log.database.engine.begin() as connection:
        for start in range(0, count, 5_000):
            connection.execute(sa.insert(CASES), rows[start : start + 5_000])
            connection.execute(sa.insert(ASSESSMENTS), behind[start : start + 5_000])
        connection.execute(sa.insert(DECISIONS), decided)
    if not log.database.is_sqlite:  # as its autovacuum would by itself; nobody does it for SQLite
        with log.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _waiting(number: int, count: int, now: int) -> dict[str, Any]:
    tier = next(name for name, share in SHARES if (number * 7_919 % count) < share * count)
    kind = "inheritance" if number % 5_000 == 4_999 else ("neighbour", "labour", "traffic")[number % 3]
    digits = f"{(number * 40_503) % 65_536:04x}{(number * 25_717) % 65_536:04x}{number:024x}"
    return {
        "dispute_id": f"D{number:07d}", "number": number + 1, "assessment_id": f"a-{digits}", "tier": tier,
        "area": f"{330_106_001 + number % 4 * 1_000 + number // 4 % 10:09d}", "kind": kind, "channel": "grid",
        "urgency": URGENCY[tier], "due_at": now + (number * 104_729 % 60 - 20) * DAY_US // 2 + number,
        "care_due_at": None, "as_of": now, "scored_at": now, "closed_at": None, "probability": 0.001, "waits": 1,
    }  # fmt: skip


def _decision(number: int, now: int) -> dict[str, Any]:
    return {
        "seq": number + 1, "decision_id": f"d-{number:032x}", "assessment_id": f"a-{'f' * 24}{number:08x}",
        "dispute_id": f"E{number:07d}", "area": f"{330_106_001 + number % 4 * 1_000:09d}",
        "at_utc": now - number * DAY_US // 150, "account": "bench", "role": "reviewer",
        "stage": "preliminary" if number % 4 == 0 else "decision", "view": "agree" if number % 5 else "disagree",
        "assessed_tier": "orange", "tier": "orange", "tier_in_force": "orange", "reason_code": "agree_facts",
    }  # fmt: skip
