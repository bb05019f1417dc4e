"""Rounds: what was asked meanwhile is worked on together, as one view of many cases costs little more than of one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Rounds(Generic[Asked, Answer]):
    """Takes what waits, in the order in which it came, and answers each.

    Nothing is waited for to fill a round: what comes alone is worked on at once, what comes during a round shares the
    next.  A round has at most ``most`` members and about ``weight_limit`` of their weight, and between two of them the
    event loop has its turn, so that a health check waits for one round at most.
    """

    def __init__(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]], *, most: int,
        weigh: Callable[[Asked], int] = lambda _asked: 0, weight_limit: int = 1,
    ) -> None:  # fmt: skip
        self._work, self._most, self._weigh, self._weight_limit = work, most, weigh, weight_limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def answer(self, asked: Asked) -> Answer:
        """The answer to one of a round.  Raises what the work gave as its error."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what waited in a loop that is gone is gone with it
            self._loop, self._waiting = loop, deque()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._begin, loop)
        return await future

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        members = self._next()
        if members:
            task = loop.create_task(self._do(members))
            self._under_way.add(task)  # the loop itself keeps no hold of it
            task.add_done_callback(self._under_way.discard)
        if self._waiting:
            loop.call_soon(self._begin, loop)

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

    async def _do(self, members: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            results = await self._work([asked for asked, _ in members])
        except Exception as error:
            results = [error] * len(members)
        for (_, future), result in zip(members, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
