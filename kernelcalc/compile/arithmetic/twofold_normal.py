"""P(X > h, Y > k) of two normal variables in double-double; normal.py has the definitions, in float64.

Where the corner is near the origin, W(h, A) is an angle less Owen's T function by the series of Patefield
and Tandy (2000),  atan(a) - 2 pi T(h, a) = sum_j (-1)^j P(N > j) a^(2j+1)/(2j+1),  N Poisson of mean h^2/2:
exact to a few 1e-32 of 1. Farther out, where W may be tiny, it is a Gauss-Legendre sum of a smooth integrand.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from kernelcalc import gauss
from kernelcalc.compile.arithmetic import twofold
from kernelcalc.compile.arithmetic._coefficients import PI
from kernelcalc.compile.arithmetic.primitives import constants, inline
from kernelcalc.compile.arithmetic.twofold import ONE, ZERO, Two

NODES = 32  # of each panel
PANELS = (0.0, 0.25, 1.0)  # of [0, T]
SERIES = 30.0  # squared distance of the corner up to which the series serves
END = 150.0  # the integrand is left off where it is below exp(-END/2)
BEYOND = 1e8  # stands for all that is larger: W is 0
HUGE = 1e153  # likewise, where exponentials are taken out
ROOT_HALF = (0.7071067811865476, -4.833646656726457e-17)


def _flat() -> list[float]:
    """Place in [0, 1] and weight of every node of both panels, each in two floats."""
    numbers: list[float] = []
    for low, high in pairwise(PANELS):
        width = Fraction(high) - Fraction(low)
        for x, weight in gauss.exact(NODES):
            for value in (Fraction(low) + width * (1 + x) / 2, width * weight / 2):
                first = float(value)
                numbers += [first, float(value - Fraction(first))]
    return numbers


rule = constants("normal_rule", _flat())
COUNT = NODES * (len(PANELS) - 1)


@inline
def _owen(square: Two, a: Two) -> Two:
    """2 pi T(h, a) for 0 <= a <= 1, given h^2."""
    mean = twofold.scale(square, 0.5)
    weight = twofold.exp(twofold.neg(mean))
    beyond, power = twofold.plus(twofold.neg(weight), 1.0), a
    total, step = ZERO, twofold.neg(twofold.mul(a, a))
    j = 0.0
    while j < mean[0] or weight[0] * abs(power[0]) > 1e-35 * a[0]:
        total = twofold.add(total, twofold.quotient(twofold.mul(beyond, power), (2.0 * j + 1.0, 0.0)))
        j += 1.0
        weight = twofold.quotient(twofold.mul(weight, mean), (j, 0.0))
        beyond = twofold.sub(beyond, weight)
        power = twofold.mul(power, step)
    return twofold.sub(twofold.atan2_pos(a, ONE), total)


@inline
def _integral(h: Two, A: Two) -> Two:
    """h Int_0^oo exp(-A t - t^2/2)/(h^2 + (A + t)^2) dt."""
    T = END / (A[0] + math.sqrt(A[0] * A[0] + END))
    x, total, square = rule(), ZERO, twofold.mul(h, h)
    for i in range(COUNT):
        t = twofold.times((x[4 * i], x[4 * i + 1]), T)
        y = twofold.add(A, t)
        size = twofold.exp(twofold.neg(twofold.mul(t, twofold.add(A, twofold.scale(t, 0.5)))))
        weight = x[4 * i + 2], x[4 * i + 3]
        value = twofold.quotient(twofold.mul(weight, size), twofold.add(square, twofold.mul(y, y)))
        total = twofold.add(total, value)
    return twofold.mul(twofold.times(h, T), total)  # total T alone may underflow


@inline
def _most(x: Two, most: float) -> Two:
    """min(|x|, most)."""
    size = twofold.neg(x) if x[0] < 0.0 else x
    return size if size[0] < most else (most, 0.0)


@inline
def _far(size: Two, tilt: Two) -> Two:
    """exp((h^2 + A^2)/2) W(h, A), far out."""
    return twofold.quotient(_integral(size, tilt), twofold.scale(PI, 2.0))


@inline
def _near(size: Two, tilt: Two) -> Two:
    """W(h, A), near the origin."""
    outer = size[0] >= tilt[0]
    large, small = size if outer else tilt, tilt if outer else size
    above = twofold.erfc(twofold.mul(large, ROOT_HALF))
    found = _owen(twofold.mul(large, large), twofold.quotient(small, large))
    found = twofold.quotient(found, twofold.scale(PI, 2.0))
    if outer:
        return twofold.sub(twofold.scale(above, 0.25), found)
    below = twofold.plus(twofold.neg(twofold.erfc(twofold.mul(small, ROOT_HALF))), 1.0)
    return twofold.sub(found, twofold.scale(twofold.mul(above, below), 0.25))


@inline
def side(h: Two, A: Two) -> Two:
    """sgn(h) W(|h|, A) for any h and A; 1e-30 of 1, or of P(X > |h|) from SERIES on."""
    size, tilt = _most(h, BEYOND), _most(A, BEYOND)
    tilt = ONE if size[0] == 0.0 else tilt  # W(0, A) = 0
    square = twofold.add(twofold.mul(size, size), twofold.mul(tilt, tilt))
    if square[0] > SERIES:
        found = twofold.mul(twofold.exp(twofold.scale(square, -0.5)), _far(size, tilt))
    else:
        found = _near(size, tilt)
    if A[0] < 0.0:
        found = twofold.sub(twofold.scale(twofold.erfc(twofold.mul(size, ROOT_HALF)), 0.5), found)
    return twofold.neg(found) if h[0] < 0.0 else found


@inline
def scaled_side(h: Two, A: Two) -> Two:
    """exp((h^2 + A^2)/2) sgn(h) W(|h|, A) for any h and A; 1e-30, or of 1 up to SERIES."""
    size, tilt = _most(h, HUGE), _most(A, HUGE)
    tilt = ONE if size[0] == 0.0 else tilt
    square = twofold.add(twofold.mul(size, size), twofold.mul(tilt, tilt))
    if square[0] > SERIES:
        found = _far(size, tilt)
    else:
        found = twofold.mul(twofold.exp(twofold.scale(square, 0.5)), _near(size, tilt))
    if A[0] < 0.0:
        whole = twofold.exp(twofold.scale(twofold.mul(tilt, tilt), 0.5))
        whole = twofold.mul(whole, twofold.erfcx(twofold.mul(size, ROOT_HALF)))
        found = twofold.sub(twofold.scale(whole, 0.5), found)
    return twofold.neg(found) if h[0] < 0.0 else found


@inline
def slopes(h: float, A: float) -> Two:
    """Not below |dW/dh| and |dW/dA|, at h and A in float64."""
    size, tilt = min(abs(h), BEYOND), min(abs(A), BEYOND)
    square = size * size + tilt * tilt
    density = 0.16 * math.exp(-0.5 * min(square, 1400.0)) / (square if square > 1e-290 else 1e-290)
    tail = 0.4 * math.exp(-0.5 * min(size * size, 1400.0)) * (1.0 if A < 0.0 else 0.5)
    return tail + density * tilt, density * size


@inline
def scaled_slopes(h: float, A: float, value: float) -> Two:
    """Not below |d/dh| and |d/dA| of scaled_side. For h, A >= 0 that is

        h/(2 pi) Int_0^oo exp(-A t - t^2/2)/(h^2 + (A + t)^2) dt:

    h d/dh is no more than it; t + 2 (A + t)/(h^2 + (A + t)^2) under the integral makes -d/dA of it."""
    size, tilt, found = min(abs(h), HUGE), min(abs(A), HUGE), abs(value)
    by_h = found / size if size > 0.0 else 0.16 / (tilt * tilt + 1e-290)
    by_A = found * (1.0 / max(tilt, 1.0) + min(1.0 / (size + 1e-290), 2.0 / (tilt + 1e-290)))
    below = A < 0.0  # the half plane less that, which is no more than half of it
    return by_h + (2.0 * found if below else 0.0), by_A + (2.0 * tilt * found if below else 0.0)
