"""Errors as RFC 9457 problem documents: one shape on every route, and never a value of the request in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from starlette.responses import Response

from features.errors import Fault, UserError

TITLES = {
    400: "not JSON, or no HTTP",
    401: "a valid token is needed",
    403: "not allowed for this token",
    404: "not found",
    405: "method not allowed",
    408: "too slow",
    409: "idempotency key of another body",
    413: "too large",
    415: "wrong media type",
    422: "invalid record",
    429: "too many requests",
    431: "too long a head",
    500: "a fault of the service",
    503: "not ready",
}
RETRY_SECONDS = 5
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""The headers of every answer, also of errors."""


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is an error: its status, what is wrong, and every fault with its path.

    Not frozen: an exception must let Python set its traceback.
    """

    status: int
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, object]:
        """The problem document as a plain record."""
        return {
            "type": f"urn:defuse:problem:{self.status}",
            "title": TITLES.get(self.status, "error"),
            "status": self.status,
            "detail": self.detail,
            "errors": [{"path": f.path, "rule": f.rule, "message": f.allowed} for f in self.faults],
        }

    def response(self) -> Response:
        """The HTTP answer."""
        headers = HEADERS | self.headers
        if self.status == 503:
            headers.setdefault("Retry-After", str(RETRY_SECONDS))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        body = json.dumps(self.to_record(), ensure_ascii=False).encode()
        return Response(body, self.status, headers=headers, media_type="application/problem+json")


def problem_of(error: UserError) -> Problem:
    """The problem of a user error: its status, its message where it has no faults, and the faults."""
    return Problem(error.http_status, str(error).splitlines()[0], error.faults)
