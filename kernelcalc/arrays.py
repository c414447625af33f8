"""Numbers of the user as arrays, and arrays for compiled code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

LINE = 64  # bytes of a cache line


def reals(value: ArrayLike) -> NDArray[np.float64]:
    """The numbers as float64. Raises TypeError or ValueError for what is no array of real numbers."""
    given = np.asarray(value)
    if np.iscomplexobj(given):  # NumPy would drop the imaginary parts
        raise TypeError("its entries are complex")
    return given.astype(np.float64, copy=False)


def aligned(shape: tuple[int, ...], dtype: DTypeLike = np.float64, clear: bool = True) -> NDArray[Any]:
    """Zeros, or anything if not clear, from the start of a cache line: no load of a register touches two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = (np.zeros if clear else np.empty)(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)
