"""The BentoML service: life cycle, health and packaging are BentoML's, the routes are the mounted app's."""

from __future__ import annotations

import logging
import os

import bentoml

from features.errors import UserError
from serving.access import Door
from serving.app import make_app
from serving.desk import Desk
from training.artifact.home import Home

log = logging.getLogger("defuse.serving")
app = make_app()


@bentoml.asgi_app(app, path="/", name="defuse")
@bentoml.service(name="defuse", workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class DefuseService:
    """Scores dispute cases with the model in force."""

    def __init__(self) -> None:
        """Load the verified model; without one the service runs, answers 503 and is not ready."""
        self.home = Home.from_environment()
        app.state.door = Door(self.home.root, open_to_all=os.environ.get("DEFUSE_AUTH") == "off")
        try:
            app.state.desk = Desk(self.home)
        except UserError as error:
            log.error("not ready: %s", error)

    def __is_ready__(self) -> bool:
        """Whether there is a verified model and a writable log."""
        desk: Desk | None = app.state.desk
        return desk is not None and desk.is_ready()
