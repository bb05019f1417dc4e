"""HTTP/1.1 at the level of bytes: uvicorn's protocol, with problem documents of our own and an end to waiting."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import h11
from uvicorn import config as uvicorn_config
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.limits import BATCH_BODY_SECONDS, HEAD_SECONDS
from serving.problems import Problem

LINGER_SECONDS = 1.0
TOO_LONG = 431
"""What h11 hints at where a head (or what stands between chunks of a body) has no end after 64 KiB."""


class Wire(H11Protocol):
    """A connection.

    What is no HTTP gets a problem document, as every other error does, and nothing of the request is in it.  The head of a
    request must have come ``HEAD_SECONDS`` after the connection was made or the first bytes came, or the connection is closed;
    and so must the rest of a body, ``BATCH_BODY_SECONDS`` after an answer that did not wait for it.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._due: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head."""
        super().connection_made(transport)
        self._hang_up_after(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        super().connection_lost(exc)
        self._wait_on()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_refused:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_on()
        elif self._due is None:
            self._hang_up_after(HEAD_SECONDS if self.conn.their_state is h11.IDLE else BATCH_BODY_SECONDS)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Say what is wrong (``msg`` is uvicorn's) and hang up.

        What still comes is thrown away for a while, or a reset of the connection would overtake the answer.
        """
        self._is_refused = True
        self._wait_on()
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # else the answer is on its way, or given
            self.transport.write(_refusal(is_too_long=getattr(sys.exception(), "error_status_hint", 400) == TOO_LONG))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _unsupported_upgrade_warning(self) -> None:
        """No word: what is offered and declined here is no fault."""

    def _hang_up_after(self, seconds: float) -> None:
        self._due = self.loop.call_later(seconds, self.transport.close)

    def _wait_on(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def _refusal(*, is_too_long: bool) -> bytes:
    if is_too_long:
        problem = Problem(TOO_LONG, "a head of more than 64 KiB: the connection is closed")
    else:
        problem = Problem(400, "this is no HTTP/1.1 request: the connection is closed")
    answer = problem.response()
    line = b"HTTP/1.1 %d %s\r\nconnection: close\r\n" % (
        problem.status,
        b"Request Header Fields Too Large" if is_too_long else b"Bad Request",
    )
    return line + b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers) + b"\r\n" + bytes(answer.body)


def take_the_wire() -> None:
    """Make uvicorn, which BentoML starts without a word about protocols, speak this one, and no websockets."""
    uvicorn_config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{Wire.__qualname__}"
    uvicorn_config.WS_PROTOCOLS["auto"] = None
