"""The BentoML service: life cycle, health and packaging are BentoML's, the routes are the mounted app's."""

from __future__ import annotations

import logging
import os
from typing import Any

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import UserError
from serving.access import Door
from serving.app import make_app
from training.artifact.home import Home

log = logging.getLogger("defuse.serving")
app = make_app()
OWN_PATHS = frozenset({"/readyz", "/metrics"})


class OwnRoutes:
    """Sends these paths to our app; BentoML's own would come first.

    Its ``/readyz`` knows no problem documents, its ``/metrics`` has a label of every path that was ever asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._bento = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send our paths to our app, everything else on its way."""
        is_ours = scope["type"] == "http" and scope["path"] in OWN_PATHS
        await (app if is_ours else self._bento)(scope, receive, send)


@bentoml.asgi_app(app, path="/", name="defuse")
@bentoml.service(
    name="defuse", workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)  # fmt: skip
class DefuseService:
    """Scores dispute cases with the model in force."""

    def __init__(self) -> None:
        """Load the verified model; without one the service runs, answers 503 and is not ready.

        The desk is imported here, so that BentoML's supervisor, which imports this module too, goes without LightGBM.
        """
        from serving.desk import Desk  # noqa: PLC0415

        self.home = Home.from_environment()
        app.state.door = Door(self.home.root, open_to_all=os.environ.get("DEFUSE_AUTH") == "off")
        try:
            app.state.desk = Desk(self.home)
        except UserError as error:
            log.error("not ready: %s", error)


bento: Any = DefuseService  # the decorator's types say that it is still the class
bento.add_asgi_middleware(OwnRoutes)
