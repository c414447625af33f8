"""Gauss-Legendre rules to the last bit. Weights from eigenvalues in float64 are wrong by up to 1e-12 near the
ends, which an integrand that is largest there shows.

Here Newton's method goes on from those nodes in integers, in units of 2^-BITS, to the roots of the Legendre
polynomial P_n; the weight of x is 2/((1 - x^2) P_n'(x)^2).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Long = NDArray[np.longdouble]

BITS = 160
ONE = 1 << BITS
STEPS = 2  # of Newton's method: each doubles the digits


def _legendre(n: int, x: int) -> tuple[int, int]:
    """P_n(x) and P_n'(x)."""
    before, value = ONE, x
    for k in range(2, n + 1):
        before, value = value, (((2 * k - 1) * x * value >> BITS) - (k - 1) * before) // k
    return value, (n * ((x * value >> BITS) - before) << BITS) // ((x * x >> BITS) - ONE)


@lru_cache(maxsize=32)
def exact(n: int) -> tuple[tuple[Fraction, Fraction], ...]:
    """Nodes, ascending, and weights on [-1, 1], wrong by about 2^-150."""
    half = []
    for start in leggauss(n)[0][: (n + 1) // 2].tolist():
        x = int(Fraction(start) * ONE)
        for _ in range(STEPS):
            value, slope = _legendre(n, x)
            x -= (value << BITS) // slope
        square = (ONE - (x * x >> BITS)) * _legendre(n, x)[1] ** 2 >> 2 * BITS
        half.append((Fraction(x, ONE), Fraction((2 << 2 * BITS) // square, ONE)))
    return tuple(half) + tuple((-x, w) for x, w in reversed(half[: n // 2]))


def rule(n: int) -> tuple[Vector, Vector]:
    """Nodes and weights on [-1, 1], the float64 numbers nearest to them."""
    nodes, weights = np.array([[float(x), float(w)] for x, w in exact(n)]).T
    return nodes, weights


def fine(n: int) -> tuple[Long, Long]:
    """The same in long doubles."""
    found = []
    for column, head in zip(zip(*exact(n), strict=True), rule(n), strict=True):
        tail = [float(x - Fraction(first)) for x, first in zip(column, head.tolist(), strict=True)]
        found.append(head.astype(np.longdouble) + np.array(tail))
    return found[0], found[1]
