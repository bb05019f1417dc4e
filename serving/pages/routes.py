"""The routes of the reviewer's pages, mounted by the app: everything under ``/review``."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]
Guard = Callable[[Endpoint], Endpoint]

GETS = {
    "/review": "queue",
    "/review/queue.json": "queue_json",
    "/review/queue.csv": "queue_csv",
    "/review/login": "login_form",
    "/review/language/{name}": "language",
    "/review/static/{name}": "static",
    "/review/oversight": "oversight",
    "/review/oversight.json": "oversight_json",
    "/review/shown/{digest}.json": "shown_json",
    "/review/{assessment_id}.json": "case_json",
    "/review/{assessment_id}": "review",
    "/review/{assessment_id}/party": "party",
    "/review/{assessment_id}/party.json": "party_json",
}
POSTS = {
    "/review/login": "login",
    "/review/logout": "logout",
    "/review/{assessment_id}/preliminary": "preliminary",
    "/review/{assessment_id}/decision": "decision",
    "/review/{assessment_id}/objection": "objection",
    "/review/{assessment_id}/correction": "correction",
}


def routes_of(guard: Guard) -> list[Route]:
    """The routes, in the order in which they are tried; ``guard`` counts them and answers bugs."""
    return [
        Route(path, guard(_answering(name)), methods=[method])
        for method, table in (("GET", GETS), ("POST", POSTS))
        for path, name in table.items()
    ]


def _answering(name: str) -> Endpoint:
    """The handler of a name, loaded at its first request: BentoML's supervisor imports the app and serves nothing."""

    async def endpoint(request: Request) -> Response:
        handlers = importlib.import_module("serving.pages.handlers")
        answer: Response = await handlers.page_of(getattr(handlers, name))(request)
        return answer

    endpoint.__name__ = name
    return endpoint
