"""The routes as a plain ASGI app, mounted in the BentoML service."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from features.errors import Fault, UserError
from features.rules import Rule
from serving.access import EVERYONE, MAY_DECIDE, MAY_READ_CASES, MAY_SCORE, Door, Grant, demand
from serving.front import REQUEST_ID, ROLE, ROUTE, Front
from serving.journal import named
from serving.limits import (
    BATCH_BODY_LIMIT,
    BATCH_BODY_SECONDS,
    BATCH_CASES,
    BATCHES_AT_ONCE,
    BODY_LIMIT,
    BODY_SECONDS,
    OVERLOAD_RETRY_SECONDS,
)
from serving.metrics import Metrics
from serving.openapi import openapi_document
from serving.pages.routes import routes_of
from serving.pages.sessions import Sessions
from serving.problems import HEADERS, Problem, problem_of

if TYPE_CHECKING:
    from serving.desk import Desk

CASES_AT_ONCE = 20
KEY_HEADER = "idempotency-key"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HANG_UP = {"Connection": "close"}
"""Where a body was not read to its end, the connection is of no further use."""
log = logging.getLogger("defuse.serving")

Handler = Callable[[Request], Awaitable[Response]]


def make_app() -> Starlette:
    """The app, not yet open: the service gives it a ``desk`` and a ``door`` when it starts."""
    metrics = Metrics()
    app = Starlette(
        routes=[
            Route("/v1/score", _guarded(score), methods=["POST"]),
            Route("/v1/score/batch", _guarded(score_batch), methods=["POST"]),
            Route("/v1/assessments/{assessment_id}", _guarded(find), methods=["GET"]),
            Route("/v1/assessments/{assessment_id}/decisions", _guarded(decide), methods=["POST"]),
            Route("/v1/model", _guarded(model), methods=["GET"]),
            *routes_of(_guarded),
            Route("/openapi.json", _guarded(openapi), methods=["GET"]),
            Route("/livez", _guarded(alive), methods=["GET"]),
            Route("/healthz", _guarded(alive), methods=["GET"]),
            Route("/readyz", _guarded(ready), methods=["GET"]),
            Route("/metrics", _guarded(numbers), methods=["GET"]),
            Route("/", _guarded(home), methods=["GET"]),
            Route("/{path:path}", _guarded(unknown_route), methods=METHODS),
        ],
        exception_handlers={HTTPException: _odd_method},
        middleware=[Middleware(Front, metrics=metrics)],
    )
    app.state.metrics = metrics
    app.state.desk = None
    app.state.door = None
    app.state.is_leaving = False
    app.state.batches = 0
    app.state.sessions = Sessions()
    return app


async def score(request: Request) -> Response:
    """``POST /v1/score``: one case record to one assessment."""
    desk, grant = _desk(request), _grant(request)
    demand(grant, MAY_SCORE)
    body = await _body(request, BODY_LIMIT)
    return _json(await desk.score(body, grant, key=request.headers.get(KEY_HEADER)))


async def score_batch(request: Request) -> Response:
    """``POST /v1/score/batch``: many case records, an assessment or a problem for each, in order."""
    desk, grant = _desk(request), _grant(request)
    demand(grant, MAY_SCORE)
    with _one_of_few(request):
        cases = _cases_of(await _body(request, BATCH_BODY_LIMIT, seconds=BATCH_BODY_SECONDS))
        key, results = request.headers.get(KEY_HEADER), []
        for start in range(0, len(cases), CASES_AT_ONCE):
            some = cases[start : start + CASES_AT_ONCE]
            results += [
                {"assessment": answer} if error is None else {"problem": _problem(error, request).to_record()}
                for answer, error in await desk.score_all(some, grant, key=key, first_place=start)
            ]
            await asyncio.sleep(0)  # others get their turn
        return _json({"results": results})


def _cases_of(body: bytes) -> list[Any]:
    """The case records of a batch.  Raises Problem 400 or 422 for what is none."""
    try:
        content = from_json(body)  # bounds nesting, and takes no lone surrogate
    except ValueError:
        raise Problem(400, "the body is not JSON") from None
    cases = content.get("cases") if isinstance(content, dict) and set(content) == {"cases"} else None
    allowed = f'{{"cases": [...]}} with at most {BATCH_CASES:,} case records'
    if not isinstance(cases, list):
        raise Problem(422, f"send {allowed}", (Fault("cases", Rule.BAD_TYPE, allowed),))
    if len(cases) > BATCH_CASES:
        raise Problem(422, f"send {allowed}", (Fault("cases", Rule.TOO_MANY_ROWS, allowed),))
    return cases


async def find(request: Request) -> Response:
    """``GET /v1/assessments/{id}``: a stored assessment."""
    return _json(await _found(request))


async def decide(request: Request) -> Response:
    """``POST /v1/assessments/{id}/decisions``: what a reviewer makes of an assessment."""
    desk, grant = _desk(request), _grant(request)
    demand(grant, MAY_DECIDE)
    body, key = await _body(request, BODY_LIMIT), request.headers.get(KEY_HEADER)
    return _json(await asyncio.to_thread(desk.decide, request.path_params["assessment_id"], body, grant, key=key))


async def model(request: Request) -> Response:
    """``GET /v1/model``: what is in force."""
    demand(_grant(request), EVERYONE)
    return _json(_desk(request).model_record())


async def openapi(_request: Request) -> Response:
    """``GET /openapi.json``: the description of all this; open to all."""
    return Response(_openapi_text(), media_type="application/json", headers=HEADERS)


@cache
def _openapi_text() -> bytes:
    return json.dumps(openapi_document(), ensure_ascii=False).encode()


async def ready(request: Request) -> Response:
    """``GET /readyz``: whether a score could be given and logged now; open to all, and says nothing else."""
    if request.app.state.is_leaving:
        raise Problem(503, "the service is about to stop")
    if not await asyncio.to_thread(_desk(request).is_ready):
        raise Problem(503, "the decision log can't be written")
    return _json({"ready": True})


async def alive(_request: Request) -> Response:
    """``GET /livez``, ``GET /healthz``: the process lives; open to all."""
    return _json({"alive": True})


async def numbers(request: Request) -> Response:
    """``GET /metrics``: counts and times for Prometheus; open to all, as nothing in it is of a case."""
    found: Metrics = request.app.state.metrics
    desk: Desk | None = request.app.state.desk
    if desk is None:
        found.now(model_age=0, is_fallback=False, is_ready=False, log_waiting=0, log_lag=0)
    else:
        await asyncio.to_thread(desk.tell, found)
    return Response(found.text(), headers=HEADERS | {"Content-Type": found.content_type})


async def home(_request: Request) -> Response:
    """``GET /``: on to what is in force."""
    return RedirectResponse("/v1/model", headers=HEADERS)


async def unknown_route(request: Request) -> Response:
    """Any other path or method: a problem document as well."""
    others = [route for route in request.app.routes[:-1] if route.matches(request.scope)[0] is Match.PARTIAL]
    if others:
        raise _wrong_method(", ".join(sorted(others[0].methods)))
    raise Problem(404, "there is no such route")


async def _odd_method(_request: Request, error: Exception) -> Response:
    """A method that no route knows (TRACE, or an invented one) as a problem document as well."""
    headers = getattr(error, "headers", None) or {}
    return _wrong_method(headers.get("Allow", "GET")).response()


def _wrong_method(allowed: str) -> Problem:
    return Problem(405, f"this route takes {allowed}", headers={"Allow": allowed})


async def _found(request: Request) -> dict[str, Any]:
    desk, grant = _desk(request), _grant(request)
    demand(grant, MAY_READ_CASES)
    return await asyncio.to_thread(desk.find, request.path_params["assessment_id"], grant)


def _guarded(handler: Handler) -> Handler:
    """The handler with every error as a problem document; a bug is logged without the request's content."""

    async def guarded(request: Request) -> Response:
        request.scope[ROUTE] = handler.__name__
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        except Exception as error:
            return _problem(error, request).response()

    return guarded


def _problem(error: Exception, request: Request) -> Problem:
    metrics: Metrics = request.app.state.metrics
    if isinstance(error, Problem):
        metrics.refused(error.faults)
        return error
    if isinstance(error, UserError):
        metrics.refused(error.faults)
        return problem_of(error)
    if isinstance(error, ArithmeticError):
        metrics.mismatch()
    log.error("a bug in the service: %s", named(error), extra={"request_id": request.scope.get(REQUEST_ID)})
    return Problem(500, "the service failed; the request was not answered and may be sent again")


def _desk(request: Request) -> Desk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Problem(503, "no verified model is in force: see /readyz")
    return desk


def _grant(request: Request) -> Grant:
    door: Door | None = request.app.state.door
    if door is None:
        raise Problem(503, "the service is starting")
    grant = door.grant(request.headers.get("authorization"))
    request.scope[ROLE] = grant.role.value
    return grant


async def _body(request: Request, limit: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """The body of a JSON request, at most ``limit`` bytes within so many seconds, also when it comes in chunks."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send Content-Type: application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Problem(413, f"at most {limit} bytes", headers=HANG_UP)
    except TimeoutError:
        raise Problem(408, f"the body did not come within {seconds:g} s", headers=HANG_UP) from None
    return bytes(body)


@contextmanager
def _one_of_few(request: Request) -> Iterator[None]:
    """Room for a batch in memory.  Raises Problem 503 where there is none."""
    state = request.app.state
    if state.batches >= BATCHES_AT_ONCE:
        raise Problem(
            503, f"{BATCHES_AT_ONCE} batches at once: send it again",
            headers={"Retry-After": str(OVERLOAD_RETRY_SECONDS)} | HANG_UP,
        )  # fmt: skip
    state.batches += 1
    try:
        yield
    finally:
        state.batches -= 1


def _json(content: dict[str, Any]) -> Response:
    return Response(to_json(content), media_type="application/json", headers=HEADERS)
