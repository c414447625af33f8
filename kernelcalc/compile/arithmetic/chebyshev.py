"""Polynomials through the values at Chebyshev nodes, in long double: as powers they would cost digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Long = NDArray[np.longdouble]


def nodes_to_powers(count: int) -> tuple[Long, Long, Long]:
    """The nodes in [-1, 1], the matrix from values there to a Chebyshev series, and that from it to powers.

    One is to be used after the other: their product cancels.
    """
    angle = np.arctan2(np.longdouble(0), np.longdouble(-1)) * (2 * np.arange(count) + 1) / (2 * count)
    series = np.cos(np.arange(count)[:, None] * angle) * np.longdouble(2) / count
    series[0] /= 2
    powers = np.zeros((count, count), np.longdouble)
    powers[0, 0] = powers[1, 1] = 1
    for k in range(2, count):
        powers[1:, k] = 2 * powers[:-1, k - 1]
        powers[:, k] -= powers[:, k - 2]
    return np.cos(angle), series, powers
