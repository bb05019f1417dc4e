"""The same work on many inputs, on all cores, answered in order: bytes do not depend on how many cores there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from features.view import Values

Given = TypeVar("Given")
Made = TypeVar("Made")

BLOCK_OF_ROWS = 100_000


def in_order(work: Callable[[Given], Made], given: Iterable[Given], *, workers: int | None = None) -> Iterator[Made]:
    """What ``work`` makes of each input, in the order of the inputs.

    Threads: LightGBM and interpret let go of the interpreter while they fit, each on one thread, so that every single
    fit stays the same to the last bit.  Inputs are taken when there is room for them, never all at once.  What
    waits when an error comes to its turn is not begun.
    """
    workers = workers or len(os.sched_getaffinity(0))
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for one in given:
            waiting.append(pool.submit(work, one))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def by_blocks(score: Callable[[Values], Values], rows: Values) -> Values:
    """What ``score`` says of rows (rows, columns), shape (rows,), blocks of them at once.

    For scores that look at each row alone, so that the blocks change no bit.
    """
    blocks = [rows[start : start + BLOCK_OF_ROWS] for start in range(0, len(rows), BLOCK_OF_ROWS)]
    return np.concatenate([*in_order(score, blocks)]) if blocks else score(rows)
