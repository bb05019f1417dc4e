"""One row through LightGBM's own door for single rows: the same bits as ``Booster.predict``, without its costs.

``predict`` looks up, checks and allocates anew at every call; for one row that costs more than the trees do.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import lightgbm as lgb
import numpy as np

from features.view import Values

_RAW_SCORE = 1
_FLOAT64 = 1


class SingleRow:
    """The raw scores of a booster for one row at a time, from and into buffers that stay."""

    def __init__(self, booster: lgb.Booster, *, columns: int) -> None:
        """Prepare it for rows of so many columns."""
        self._booster = booster  # whose trees the handle points into
        self._library: Any = lgb.basic._LIB
        self._lock = threading.Lock()
        self._given = np.empty(columns)
        self._out = np.empty(1)
        self._handle = ctypes.c_void_p()
        lgb.basic._safe_call(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle, ctypes.c_int(_RAW_SCORE), ctypes.c_int(0), ctypes.c_int(-1), ctypes.c_int(_FLOAT64),
                ctypes.c_int32(columns), ctypes.c_char_p(b"num_threads=1"), ctypes.byref(self._handle),
            )
        )  # fmt: skip
        self._length = ctypes.c_int64()
        self._arguments = (
            self._handle, ctypes.c_void_p(self._given.ctypes.data), ctypes.byref(self._length),
            ctypes.c_void_p(self._out.ctypes.data),
        )  # fmt: skip

    def __call__(self, row: Values) -> Values:
        """The raw score of a row, shape (columns,): a fresh array of one."""
        with self._lock:
            self._given[:] = row
            lgb.basic._safe_call(self._library.LGBM_BoosterPredictForMatSingleRowFast(*self._arguments))
            return self._out.copy()

    def __del__(self) -> None:
        if self._handle:
            self._library.LGBM_FastConfigFree(self._handle)
