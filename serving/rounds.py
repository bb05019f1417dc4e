"""Rounds: what was asked meanwhile is worked on together, as one view of many cases costs little more than of one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

QUIET_SECONDS = 0.001
"""Where others wait already, a round waits for the callers that were answered just now until nobody came for so long."""
BACK_SECONDS = 0.02
"""It waits no longer than this after the round before, whoever comes and whatever else keeps the loop busy."""
PATIENCE_SECONDS = 0.1
"""A round that takes longer (the disk is slow) keeps the next one waiting no more."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Rounds(Generic[Asked, Answer]):
    """Takes what waits, in the order in which it came, and answers each.

    What comes alone is worked on at once; what comes during a round shares the next one, which begins when as many wait
    as have been at it, or when nobody comes any more: callers that were just answered are about to ask again, and two
    rounds of four cost a third more than one of eight.  A round has at most ``most`` members and about ``weight_limit`` of their
    weight.  Between two of them the event loop has its turn, so that a health check waits for one round at most.
    """

    def __init__(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]], *, most: int,
        weigh: Callable[[Asked], int] = lambda _asked: 0, weight_limit: int = 1,
    ) -> None:  # fmt: skip
        self._work, self._most, self._weigh, self._weight_limit = work, most, weigh, weight_limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._start_over()

    def _start_over(self) -> None:
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._under_way: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold of them
        self._beginning: asyncio.Handle | None = None
        self._enough = 1

    async def answer(self, asked: Asked) -> Answer:
        """The answer to one of a round.  Raises what the work gave as its error."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what waited in a loop that is gone is gone with it
            self._loop = loop
            self._start_over()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, future))
        if self._under_way is None and (self._beginning is None or len(self._waiting) == self._enough):
            self._begin_soon(loop)
        return await future

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._beginning is not None:
            self._beginning.cancel()
        self._beginning = loop.call_soon(self._begin, loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop, latest: float) -> None:
        due = loop.time() + QUIET_SECONDS
        self._beginning = loop.call_at(due, self._look, loop, due, len(self._waiting), latest)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float, waited: int, latest: float) -> None:
        """Begin, unless somebody came meanwhile, or could hardly come as the loop was busy with the answers."""
        now = loop.time()
        is_quiet = len(self._waiting) == waited and now - due < QUIET_SECONDS / 2
        if is_quiet or now >= latest:
            self._begin(loop)
        else:
            self._look_later(loop, latest)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beginning = None
        members = self._next()
        if members:
            self._under_way = task = loop.create_task(self._do(members, loop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> list[tuple[Asked, asyncio.Future[Answer]]]:
        """The members of the next round; who has gone away meanwhile is none of them."""
        members: list[tuple[Asked, asyncio.Future[Answer]]] = []
        weight = 0
        while self._waiting and len(members) < self._most and weight < self._weight_limit:
            member = self._waiting.popleft()
            if not member[1].done():
                members.append(member)
                weight += self._weigh(member[0])
        return members

    async def _do(self, members: list[tuple[Asked, asyncio.Future[Answer]]], loop: asyncio.AbstractEventLoop) -> None:
        this = self._under_way
        patience = loop.call_later(PATIENCE_SECONDS, self._done, this, loop, 0)
        try:
            results = await self._work([asked for asked, _ in members])
        except Exception as error:
            results = [error] * len(members)
        finally:
            patience.cancel()
            self._done(this, loop, len(members))
        for (_, future), result in zip(members, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _done(self, which: asyncio.Task[None] | None, loop: asyncio.AbstractEventLoop, answered: int) -> None:
        """Make room for the next round, unless that has happened already."""
        if self._under_way is not which or loop is not self._loop:
            return
        self._under_way = None
        if self._waiting:
            self._enough = min(len(self._waiting) + answered, self._most)
            if len(self._waiting) >= self._enough:
                self._begin_soon(loop)
            else:
                self._look_later(loop, loop.time() + BACK_SECONDS)
