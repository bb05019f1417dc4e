"""Loops compiled to machine code by Numba, where a profile showed that NumPy's many small calls cost the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.extending import register_jitable

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """The function, compiled at its first call and kept on disk beside its module or in the user's cache.

    Where neither can be written (a read-only container without a home), it is compiled anew by each process.
    Bits never depend on it: no fast-math, additions keep their order.
    """
    try:
        return cast(Loop, numba.njit(cache=True, nogil=True)(loop))
    except RuntimeError:  # Numba found no place for its cache
        return cast(Loop, numba.njit(nogil=True)(loop))


def compilable(rule: Loop) -> Loop:
    """The function as it is, which compiled loops of its own module may call too.

    Of its own module only: Numba's cache does not see a change in another file (a test of the house watches over it).
    """
    return register_jitable(rule)
