"""The peer of the serving benchmark: a BentoML service whose mounted app gives the body back, and nothing else."""

from __future__ import annotations

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/json")


@bentoml.asgi_app(Starlette(routes=[Route("/v1/score", _echo, methods=["POST"])]), path="/", name="echo")
@bentoml.service(name="echo", workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Echo:
    """An empty service."""
