"""What every request passes before and after its route: a request id, admission in order, one log line, one count."""

from __future__ import annotations

import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.clock import format_time
from features.refused import refused_shape
from serving.limits import MOST_AT_ONCE, OVERLOAD_RETRY_SECONDS
from serving.problems import Problem

REQUEST_ID = "defuse.request_id"
ROUTE = "defuse.route"
ROLE = "defuse.role"
UNCOUNTED = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
_OWN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

Write = Callable[[bytes], object]


class Counting(Protocol):
    """What takes note of every answer."""

    def count(self, route: str, status: int, seconds: float) -> None:
        """Take note of one."""
        ...


class Front:
    """The outermost layer of the app.

    Requests are taken in the order in which they come, ``MOST_AT_ONCE`` at a time; what comes beyond is told to come
    again (503, Retry-After) before its body is read, so that memory stays bounded.  The log line of a request names
    its route, never its path, query, headers or body, which may hold anything.
    """

    def __init__(self, app: ASGIApp, *, metrics: Counting, most_at_once: int = MOST_AT_ONCE, write: Write | None = None) -> None:  # fmt: skip
        self._app = app
        self._metrics = metrics
        self._most = most_at_once
        self._at_once = 0
        self._write = write or _to_stderr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is none."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), _Answered()
        scope[REQUEST_ID] = request_id = _request_id(scope["headers"])
        head = (b"x-request-id", request_id.encode())

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                message["headers"] = [*message["headers"], head]
            await send(message)

        with self._admitted(scope["path"]) as is_admitted:
            if is_admitted:
                await self._app(scope, receive, send_on)
            else:
                await _overloaded().response()(scope, receive, send_on)
        self._tell(scope, answered.status, time.perf_counter() - began)

    @contextmanager
    def _admitted(self, path: str) -> Iterator[bool]:
        if path in UNCOUNTED:
            yield True
            return
        if self._at_once >= self._most:
            yield False
            return
        self._at_once += 1
        try:
            yield True
        finally:
            self._at_once -= 1

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get(ROUTE, "none")
        self._metrics.count(route, status, seconds)
        if scope["path"] not in UNCOUNTED:
            line: dict[str, Any] = {
                "at": format_time(time.time_ns() // 1_000), "level": "info" if status < 500 else "error",
                "event": "request", "request_id": scope[REQUEST_ID], "route": route, "status": status,
                "ms": round(1_000 * seconds, 3), "role": scope.get(ROLE),
            }  # fmt: skip
            self._write(to_json(line) + b"\n")


class _Answered:
    status = 499  # nobody was there any more to be answered


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The caller's ``X-Request-Id`` where it is a plain opaque word, else a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _OWN_ID.fullmatch(text) is not None and refused_shape(text, opaque=True) is None:
                return text
    return secrets.token_hex(12)


def _overloaded() -> Problem:
    return Problem(
        503, "too many requests at once: send it again", headers={"Retry-After": str(OVERLOAD_RETRY_SECONDS)}
    )


def _to_stderr(line: bytes) -> None:
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
