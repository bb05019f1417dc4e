"""The life of one worker: ready once a model is verified, taking what is promoted, and leaving without haste."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from features.errors import UserError
from serving.journal import named

if TYPE_CHECKING:
    from training.artifact.home import Home

POLL_SECONDS = 1.0
LAME_DUCK = "DEFUSE_LAME_DUCK_SECONDS"
YOUNG_OBJECTS = 20_000
log = logging.getLogger("defuse.serving")


def settle_memory() -> None:
    """Let the garbage collector pass over what is loaded now: it stays, and no later collection needs to walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)


class Life:
    """Opens the desk, keeps it up to date while the service runs, and ends it.

    A worker that is told to stop (SIGTERM) first says that it is not ready, for ``DEFUSE_LAME_DUCK_SECONDS`` in which
    it still answers: whoever balances the load sees it and sends nothing new.  Then it drains and ends.
    """

    def __init__(self, app: Starlette, home: Home) -> None:
        self._app, self._home = app, home
        self._told: str | None = None
        self._watching: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Open the desk if that is possible, and begin to watch."""
        await asyncio.to_thread(self._open)
        settle_memory()
        self._watching = asyncio.create_task(self._watch())
        seconds = float(os.environ.get(LAME_DUCK, "0"))
        signal.signal(
            signal.SIGTERM, self._leaving(asyncio.get_running_loop(), seconds, signal.getsignal(signal.SIGTERM))
        )

    async def end(self) -> None:
        """Stop watching and close the desk."""
        if self._watching is not None:
            self._watching.cancel()
        desk, self._app.state.desk = self._app.state.desk, None
        if desk is not None:
            await asyncio.to_thread(desk.close)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            gc.collect()  # quick, as what was loaded is passed over; else rings of dead objects keep the texts of many pages
            try:
                await asyncio.to_thread(self._look)
            except Exception as error:
                log.error("the watch over the model failed: %s", named(error))

    def _look(self) -> None:
        if self._app.state.desk is None:
            self._open()
        else:
            self._app.state.desk.refresh()

    def _open(self) -> None:
        """Open the desk; why it can't be opened is told once, not at every look."""
        from serving.desk import Desk  # noqa: PLC0415

        try:
            self._app.state.desk = Desk(self._home, metrics=self._app.state.metrics)
        except UserError as error:
            if str(error) != self._told:
                log.error("not ready: %s", error)
            self._told = str(error)
        else:
            log.info("ready to score")

    def _leaving(
        self, loop: asyncio.AbstractEventLoop, seconds: float, stop: Any
    ) -> Callable[[int, FrameType | None], None]:
        """What a stop signal does: it is passed on to the server (``stop``) once others have seen that we leave."""

        def leave(number: int, frame: FrameType | None) -> None:
            if self._app.state.is_leaving or seconds <= 0:
                stop(number, frame)
                return
            self._app.state.is_leaving = True
            log.info("leaving: not ready any more, stopping in %g s", seconds)
            loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, None)

        return leave
