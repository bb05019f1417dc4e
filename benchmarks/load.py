"""A load generator for one core: so many connections that each send the next request when the last is answered."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Load:
    """What came of some requests: the time of each in seconds, how many were not answered 200, the whole time, the answers."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    wall_seconds: float = 0.0
    answers: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall_seconds

    def quantile(self, share: float) -> float:
        """A quantile of the times, in milliseconds."""
        return 1e3 * float(np.quantile(self.seconds, share))

    def add(self, other: Load) -> None:
        """Take in another round."""
        self.seconds += other.seconds
        self.errors += other.errors
        self.wall_seconds += other.wall_seconds
        self.answers += other.answers


def load(port: int, path: str, body: bytes, *, at_once: int, requests: int) -> Load:
    """Send a body so many times over ``at_once`` connections; each is opened before the clock starts."""
    return asyncio.run(_load(port, path, body, at_once, requests))


async def _load(port: int, path: str, body: bytes, at_once: int, requests: int) -> Load:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(at_once)]
    done = Load()
    left = requests

    async def keep_asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            began = time.perf_counter()
            writer.write(request)
            status, answer = await _answer(reader)
            done.seconds.append(time.perf_counter() - began)
            done.errors += status != 200
            done.answers.append(answer)

    began = time.perf_counter()
    try:
        await asyncio.gather(*(keep_asking(reader, writer) for reader, writer in opened))
        done.wall_seconds = time.perf_counter() - began
    finally:
        for _, writer in opened:
            writer.close()
    return done


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status of one answer and what it says, read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
    return int(head[9:12]), await reader.readexactly(int(length))
