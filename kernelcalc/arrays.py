"""Numbers of the user as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def reals(value: ArrayLike) -> NDArray[np.float64]:
    """The numbers as float64. Raises TypeError or ValueError for what is no array of real numbers."""
    given = np.asarray(value)
    if np.iscomplexobj(given):  # NumPy would drop the imaginary parts
        raise TypeError("its entries are complex")
    return given.astype(np.float64, copy=False)
