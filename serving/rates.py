"""How many requests a token may send: a bucket of one minute's worth for each, filled evenly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from serving.problems import Problem


class Rates:
    """The buckets of the tokens that were seen; only valid tokens have one, so that strangers cost no memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, token: str, *, per_minute: int) -> None:
        """Take one request out of a token's bucket.  Raises Problem 429, with the seconds to wait, where it is empty."""
        now = self._clock()
        left, since = self._left.get(token, (float(per_minute), now))
        left = min(float(per_minute), left + (now - since) * per_minute / 60)
        if left < 1:
            self._left[token] = (left, now)
            wait = math.ceil((1 - left) * 60 / per_minute)
            raise Problem(
                429, f"this token may send {per_minute} requests a minute; send batches, or wait",
                headers={"Retry-After": str(wait)},
            )  # fmt: skip
        self._left[token] = (left - 1, now)
