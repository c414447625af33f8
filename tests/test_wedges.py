"""Quarter planes for vector code: all pieces of their polynomials, against mpmath."""

from __future__ import annotations

import numpy as np
from mpmath import mp, mpf

from kernelcalc.compile import cache
from kernelcalc.compile.arithmetic.wedges import CUTS, SHIFTS
from kernelcalc.compile.layout import STRIDE, WEDGE
from kernelcalc.functions.normal import bivariate_normal_cdf, normal_cdf, wedge

SOURCE = """
from kernelcalc.compile.arithmetic.primitives import offset
from kernelcalc.compile.arithmetic.wedges import quarter, wedges

def entry(h, k, A, B, n, w, out):
    other = offset(w, 1)
    for i in range(n):
        wedges(h[i], w)
        wedges(k[i], other)
        out[i] = quarter(h[i], k[i], A[i], B[i], w, other)
"""
Points = list[tuple[float, float]]


def quarters(points: list[tuple[float, float, float, float]]) -> list[float]:
    """The compiled values of P(X > h, Y > k), given h, k, A and B."""
    sides = np.array(points).T.copy()
    w, out = np.empty(WEDGE * STRIDE), np.empty(len(points))
    call = cache.function(SOURCE, "entry", (*("float64*",) * 4, "int64", *("float64*",) * 2))
    call(*(side.ctypes.data for side in sides), len(points), w.ctypes.data, out.ctypes.data)
    return [float(value) for value in out]


def test_every_piece() -> None:
    """With k = 0 and B > 0 the quarter plane is one triangle, W(h, A)."""
    points: Points = []
    for low, high, s in zip(CUTS, CUTS[1:], SHIFTS, strict=False):
        for place in (1e-9, 0.1, 0.3, 0.37, 0.63, 0.7, 0.999, 1.0):  # in all thirds of s/(A + s)
            points += [(low + (high - low) * x, s / place - s) for x in (1e-9, 0.4, 0.99)]
    for (h, A), value in zip(points, quarters([(h, 0.0, A, 1.0) for h, A in points]), strict=True):
        with mp.workdps(25):
            exact, square = wedge(mpf(h), mpf(A)), (h * h + A * A) / 2
            assert abs(value - exact) <= (5 + square / 8) * 2.0**-52 * exact + 2.0**-1020


def test_all_signs_and_both_ends() -> None:
    draw = np.random.default_rng(5)
    signed = [*draw.uniform(-4, 4, (40, 2)).tolist(), [0.5, 0.5], [1.5, -1.5], [-2.0, 1.0], [0.7, 0.7]]
    points, exact = [], []
    for i, (h, k) in enumerate(signed):
        with mp.workdps(30):
            q = [mpf(draw.uniform()), mpf("1e-13"), 1 - mpf("1e-13")][i % 3]
            r, root = 1 - 2 * q, 2 * mp.sqrt(q * (1 - q))
            points.append((h, k, float((k - r * h) / root), float((h - r * k) / root)))
            exact.append(bivariate_normal_cdf(-h, -k, r))
            size = min(normal_cdf(-h), normal_cdf(-k))
        assert abs(quarters(points[-1:])[0] - exact[-1]) <= 16 * 2.0**-52 * float(size)
    assert quarters([(0.0, 0.0, 1e-200, 1e-200)])[0] == 0.25  # the origin: only the angle matters
    assert quarters([(1e200, 0.0, 1e200, 1e200)])[0] == 0.0
    assert np.isnan(quarters([(1.0, 1.0, np.nan, 1.0)])[0])
