"""The normal distribution functions of one and two variables in float64.

quadrant(h, k, A, B) = P(X > h, Y > k) for standard normal X, Y with correlation r, where
A = (k - r h)/sqrt(1 - r^2) and B = (h - r k)/sqrt(1 - r^2) are given: near r = +-1 they decide, and only the
caller can know them without cancellation. It is the signed sum of two triangles (functions/normal.py),

    W(h, A) = h exp(-(h^2 + A^2)/2)/(2 pi) Int_0^oo exp(-A t - t^2/2)/(h^2 + (A + t)^2) dt

and W is a Gauss-Legendre sum over [0, T], beyond which the integrand is below exp(-37). Where the corner is
close, the pole at h^2 + (A + t)^2 = 0 is integrated exactly and the sum taken of what is left.
"""

import math

import numpy as np

from kernelcalc import gauss
from kernelcalc.compile.arithmetic.pairs import summed
from kernelcalc.compile.arithmetic.primitives import constants, fma, inline
from kernelcalc.compile.arithmetic.roots import rsqrt
from kernelcalc.compile.arithmetic.vecmath import _exp, angles, erfc, erfcx, exp

_PANELS = ((0.0, 0.2, 14), (0.2, 1.0, 18))  # of [0, T]: from, to, nodes
_RULES = [(low, high - low, *gauss.rule(n)) for low, high, n in _PANELS]
NODES = np.concatenate([low + width * (x + 1) / 2 for low, width, x, _ in _RULES]).tolist()
WEIGHTS = np.concatenate([width * w / 2 for _, width, _, w in _RULES]).tolist()
COUNT = len(NODES)
NEAR = 1.3  # squared distance of the corner from the origin up to which the pole is taken out
FAR = 40.0  # P(X > 40) = 0 in float64
STEEP = 1e8
HUGE = 1e153  # stands for all that is larger, where exponentials are taken out
TINY = 1e-200  # stands for 0, where only the ratio of h and A has a meaning
ROOT_HALF = math.sqrt(0.5)
ROOT_HALF_LOW = -4.833646656726457e-17  # sqrt(1/2) - ROOT_HALF
TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
INVERSE_TWO_PI = 0.5 / math.pi


nodes, weights = constants("normal_nodes", NODES), constants("normal_weights", WEIGHTS)


@inline
def phi(x: float) -> float:
    """P(X < x); 4 ulp while the result is normal."""
    x = min(max(x, -FAR), FAR)
    u = -x * ROOT_HALF
    rest = fma(-x, ROOT_HALF, -u) - x * ROOT_HALF_LOW
    square = u * u
    slope = TWO_OVER_ROOT_PI * _exp(-square, fma(u, u, -square))
    return 0.5 * (erfc(u) - slope * rest)


@inline
def conditioned(h: float, k: float, q: float, p: float, r: float) -> float:
    """(h - r k)/sqrt(1 - r^2), q and p = (1 -+ r)/2 exact to their last digits: how far off h is, given k."""
    k = TINY if h == 0.0 and k == 0.0 else k
    h = k if h == 0.0 and k == TINY else h
    size = q * p
    half = 0.5 * rsqrt(size if size > 1e-280 else 1e-280)
    return ((h - k) + 2.0 * q * k) * half if r > 0.0 else ((h + k) - 2.0 * p * k) * half


@inline
def _exp_minus_half_squares(x: float, y: float) -> float:
    """exp(-(x^2 + y^2)/2), as exact as x and y allow."""
    xx, yy = x * x, y * y
    total = xx + yy
    back = total - xx
    rest = (xx - (total - back)) + (yy - back) + fma(x, x, -xx) + fma(y, y, -yy)
    return _exp(-0.5 * total, 0.5 * rest)


@summed
def _smooth_sum(h: float, A: float, T: float, corner: float, near: float) -> float:
    x, w = nodes(), weights()
    s = 0.0
    for i in range(COUNT):
        t = T * x[i]
        y = A + t
        e = exp(-t * (A + 0.5 * t))
        s += w[i] * (near - (near * corner + near - 1.0) * e) / (h * h + y * y)
    return s


@inline
def _triangle(h: float, A: float) -> float:
    """W(h, A), 0 <= h <= 40, 0 <= A <= 1e8; 16 ulp."""
    T = 74.0 / (A + math.sqrt(A * A + 74.0))
    corner = _exp_minus_half_squares(h, A)
    close = h * h + A * A < NEAR
    s = T * h * _smooth_sum(h, A, T, corner, 1.0 if close else 0.0)
    angle, _ = angles(h * T, h * h + A * (A + T))
    return (angle - s if close else corner * s) * INVERSE_TWO_PI


@inline
def _side(h: float, A: float) -> float:
    """sgn(h) W(|h|, A) for any h and A."""
    size = max(min(abs(h), FAR), TINY)
    found = _triangle(size, min(abs(A), STEEP))
    found = phi(-size) - found if A < 0.0 else found
    return -found if h < 0.0 else found


@inline
def quadrant(h: float, k: float, A: float, B: float) -> float:
    """P(X > h, Y > k); 16 ulp for h, k >= 0 as far as A, B and h^2/2 are exact, else 16 ulp of P(X > h)."""
    both = 1.0 if h < 0.0 and k < 0.0 else 0.0
    return both + (_side(h, A) + _side(k, B))


@inline
def _scaled_side(h: float, A: float) -> float:
    """exp((h^2 + A^2)/2) sgn(h) W(|h|, A) for any h and A."""
    size, tilt = max(min(abs(h), HUGE), TINY), min(abs(A), HUGE)
    T = 74.0 / (tilt + math.sqrt(tilt * tilt + 74.0))
    square = size * size + tilt * tilt
    close = square < NEAR
    corner = exp(-0.5 * square) if close else 1.0
    s = T * size * _smooth_sum(size, tilt, T, corner, 1.0 if close else 0.0)
    angle, _ = angles(size * T, size * size + tilt * (tilt + T))
    found = ((angle - s) / corner if close else s) * INVERSE_TWO_PI
    whole = 0.5 * erfcx(size * ROOT_HALF) * exp(0.5 * tilt * tilt) if A < 0.0 else 0.0
    found = whole - found if A < 0.0 else found
    return -found if h < 0.0 else found


@inline
def scaled_quadrant(h: float, k: float, A: float, B: float) -> float:
    """exp((h^2 + A^2)/2) P(X > h, Y > k); 8 ulp for h, k, A, B >= 0, else of the terms."""
    both = exp(0.5 * (h * h + A * A)) if h < 0.0 and k < 0.0 else 0.0
    return both + (_scaled_side(h, A) + _scaled_side(k, B))
