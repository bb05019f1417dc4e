"""The BentoML service: workers, sockets, life cycle and packaging are BentoML's, everything said over HTTP is ours."""

from __future__ import annotations

import os
from typing import Any

import bentoml
from _bentoml_impl.server.app import ServiceAppFactory
from _bentoml_sdk import Service
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access import Door
from serving.app import make_app
from serving.journal import keep_journal
from serving.lifecycle import Life
from serving.wire import take_the_wire
from training.artifact.home import Home

app = make_app()


class OwnRoutes:
    """Sends every request to our app, and the rest (the life cycle) to BentoML's.

    BentoML's own routes and middleware know no problem documents, keep a timer a request, label metrics with every
    path that was ever asked for, and log what they can't validate.
    """

    def __init__(self, bento_app: ASGIApp) -> None:
        self._bento_app = bento_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it on its way."""
        await (self._bento_app if scope["type"] == "lifespan" else app)(scope, receive, send)


class OwnService(Service[Any]):
    """A BentoML service whose requests go to our app."""

    __slots__ = ()

    def to_asgi(self, is_main: bool = True) -> Any:
        """The app that a worker serves."""
        self.inject_config()
        take_the_wire()
        return OwnRoutes(ServiceAppFactory(self, is_main=is_main)())


@bentoml.service(name="defuse", workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class DefuseService:
    """Scores dispute cases with the model in force."""

    def __init__(self) -> None:
        """Prepare the worker; the supervisor, which imports this module too, goes without LightGBM."""
        keep_journal()
        self.home = Home.from_environment()
        app.state.door = Door(self.home.root, open_to_all=os.environ.get("DEFUSE_AUTH") == "off")

    @bentoml.on_startup
    async def open(self) -> None:
        """Load the verified model; without one the service runs, answers 503, and looks again."""
        self.life = Life(app, self.home)
        await self.life.begin()

    @bentoml.on_shutdown
    async def close(self) -> None:
        """Let go of what is held."""
        await self.life.end()


bento: Any = DefuseService  # the decorator's types say that it is still the class
bento.__class__ = OwnService
