"""Inner products, distances and Gram determinants of two rows, as exactly as the float64 rows fix them.

The matrix product gives <x, y> to a few roundings of |x||y|; for a close pair that is not enough, since
|x - y|^2 and |x|^2 |y|^2 - <x, y>^2 cancel. Three ways out, each for what the one before leaves over:

rejection    r = y - t x for t = <x, y>/|x|^2 rounded: one fma an element, so one rounding each. Then
             |x|^2 |y|^2 - <x, y>^2 = |x|^2 |r|^2 - <x, r>^2 for any t, and <x, r> is about 1e-16 |x||y|:
             nothing cancels for angles down to 1e-14. Costs as much as four inner products.
minors       z = x_k y - y_k x, x_k the largest element of x: each z_i is a 2x2 determinant, exact but for
             a rounding, and |x|^2 |y|^2 - <x, y>^2 = (|x|^2 |z|^2 - <x, z>^2)/x_k^2. As z_k = 0, x and z
             are far from parallel, whatever x and y are: right for duplicates, multiples, neighbours.
exact_pair   the same in double-double, where the second phase starts.

Rows should be scaled to largest elements near 1 (`power_above`) if the fourth power of their norm leaves the
range of floats. A row is an array or, in generated code, a pointer; n is its length.
"""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile.arithmetic.primitives import F, fma, inline, wide
from kernelcalc.compile.arithmetic.twofold import (
    ZERO,
    Two,
    add,
    mul,
    quick_two_sum,
    quotient,
    scale,
    sqrt,
    sub,
    times,
    two_prod,
    two_sum,
)
from kernelcalc.compile.lowering import Inlined

Row = NDArray[np.float64]

PARALLEL = 0.01  # largest <x, r>^2/(|x||r|)^2 with which the rejection still determines the determinant
TINY = 2.0**-900
BOOST = 2.0**500


def summed(function: F) -> F:
    """Compile a loop that sums floats in any order: it becomes vector code; explicit fma stays as it is."""
    return cast(F, Inlined(function, fastmath={"reassoc", "nsz"}))


@summed
def inner(x: Row, y: Row, n: int) -> float:
    """<x, y>, plainly."""
    wide()
    s = 0.0
    for i in range(n):
        s += x[i] * y[i]
    return s


@summed
def comparison(x: Row, y: Row, n: int) -> tuple[float, float, float, float]:
    """|y|^2, <x, y>, |x - y|^2 and |x|^2 - |y|^2 = <x - y, x + y>, the differences exactly."""
    wide()
    yy = 0.0
    xy = 0.0
    distance = 0.0
    spread = 0.0
    for i in range(n):
        difference = x[i] - y[i]
        yy += y[i] * y[i]
        xy += x[i] * y[i]
        distance += difference * difference
        spread += difference * (x[i] + y[i])
    return yy, xy, distance, spread


@summed
def scaled(x: Row, n: int, power: float, out: Row) -> None:
    """out = power x."""
    for i in range(n):
        out[i] = x[i] * power


@summed
def rejection(x: Row, y: Row, n: int, t: float) -> tuple[float, float, float]:
    """|r|^2, <x, r> and |x - y|^2 for r = y - t x, t = <x, y>/|x|^2 up to rounding."""
    wide()
    rr = 0.0
    xr = 0.0
    distance = 0.0
    for i in range(n):
        r = fma(-t, x[i], y[i])
        rr += r * r
        xr += x[i] * r
        distance += (x[i] - y[i]) ** 2
    return rr, xr, distance


@inline
def gram_determinant(xx: float, rr: float, xr: float) -> tuple[float, bool]:
    """|x|^2 |y|^2 - <x, y>^2 from |x|^2 and the rejection, 2 ulp; False if only the minors can tell."""
    return fma(-xr, xr, xx * rr), rr > 0.0 and xr * xr <= PARALLEL * (xx * rr)


@inline
def largest(x: Row, n: int) -> int:
    """The index of the element of x that is largest in size."""
    k = 0
    for i in range(n):
        if abs(x[i]) > abs(x[k]):
            k = i
    return k


@inline
def minors(x: Row, y: Row, n: int, k: int, z: Row) -> None:
    """z_i = x_k y_i - y_k x_i, each to an ulp of itself."""
    for i in range(n):
        p, e = two_prod(x[k], y[i])
        q, f = two_prod(y[k], x[i])
        g, h = two_sum(e, -f)  # if p - q cancels it is exact
        z[i] = ((p - q) + g) + h


@inline
def parallel_determinant(x: Row, y: Row, n: int, xx: float, k: int, z: Row) -> float:
    """|x|^2 |y|^2 - <x, y>^2 for any angle, exactly 0 for parallel rows; k = largest(x), z as work space."""
    minors(x, y, n, k, z)
    rr, xr, _ = rejection(x, z, n, inner(x, z, n) / xx)
    determinant: float = fma(-xr, xr, xx * rr) / (x[k] * x[k])
    return determinant


# --- double-double


@inline
def accumulate(s: Two, p: Two) -> Two:
    """s + p for a running sum: the low parts are added as floats."""
    high, e = two_sum(s[0], p[0])
    return high, s[1] + (e + p[1])


@inline
def dot(x: Row, y: Row, n: int) -> Two:
    """<x, y> as if summed with twice the digits (Ogita, Rump, Oishi 2005)."""
    s = ZERO
    for i in range(n):
        s = accumulate(s, two_prod(x[i], y[i]))
    return quick_two_sum(s[0], s[1])


@inline
def difference_square(x: Row, y: Row, n: int) -> Two:
    """|x - y|^2 from exact differences."""
    s = ZERO
    for i in range(n):
        d = two_sum(x[i], -y[i])
        s = accumulate(s, mul(d, d))
    return quick_two_sum(s[0], s[1])


@inline
def power_above(x: Row, n: int) -> float:
    """The power of two that scales the largest |x_i| into [1/2, 1); 1 for a zero row, at most 2^1000."""
    size: float = abs(x[largest(x, n)])
    if size == 0.0:
        return 1.0
    return math.ldexp(1.0, min(max(-math.frexp(size)[1], -1000), 1000))


@inline
def _double_minors(x: Row, y: Row, n: int, k: int, boost: float) -> tuple[Two, Two]:
    """|z|^2 and <x, z> for z = boost (x_k y - y_k x)."""
    zz, xz = ZERO, ZERO
    for i in range(n):
        p, e = two_prod(x[k] * boost, y[i])
        q, f = two_prod(y[k] * boost, x[i])
        z = add(two_sum(p, -q), two_sum(e, -f))
        zz = accumulate(zz, mul(z, z))
        xz = accumulate(xz, times(z, x[i]))
    return quick_two_sum(zz[0], zz[1]), quick_two_sum(xz[0], xz[1])


@inline
def area(x: Row, y: Row, n: int) -> Two:
    """sqrt(|x|^2 |y|^2 - <x, y>^2) by the minors, exactly 0 for parallel rows."""
    k = largest(x, n)
    if x[k] == 0.0:
        return ZERO
    boost = 1.0
    zz, xz = _double_minors(x, y, n, k, boost)
    if zz[0] < TINY:  # angles below 1e-130: squares would lose their low part
        boost = BOOST
        zz, xz = _double_minors(x, y, n, k, boost)
    root = sqrt(sub(mul(dot(x, x, n), zz), mul(xz, xz)))
    return quotient(scale(root, 1.0 / boost), (abs(x[k]), 0.0))


@inline
def exact_pair(x: Row, y: Row, n: int) -> tuple[Two, Two, Two, Two, Two]:
    """|x|^2, |y|^2, <x, y>, sqrt(|x|^2 |y|^2 - <x, y>^2) and |x - y|^2.

    Relative error 1e-31 for short rows, growing like the length (2e-30 at 784); that of <x, y> is relative to
    |x||y|. The root, as the determinant itself leaves the range of floats first.
    """
    return dot(x, x, n), dot(y, y, n), dot(x, y, n), area(x, y, n), difference_square(x, y, n)
