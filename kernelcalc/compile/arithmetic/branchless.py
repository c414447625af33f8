"""Double-double as in twofold.py, but without branches, so that loops over many numbers become vector code.

Infinities stay what they are.
"""

from __future__ import annotations

import math

from kernelcalc.compile.arithmetic._coefficients import ATAN, ATAN_STEPS, ODD_RECIPROCALS
from kernelcalc.compile.arithmetic.primitives import constants, fma, inline
from kernelcalc.compile.arithmetic.twofold import Two, quick_two_sum, two_prod, two_sum

atan_high, atan_low = constants("atan_high", ATAN[0]), constants("atan_low", ATAN[1])
ODD = tuple(zip(*ODD_RECIPROCALS, strict=True))
ODD_1, ODD_2, ODD_3, ODD_4 = ODD[1:5]
ODD_5, ODD_6, ODD_7, ODD_8, ODD_9, ODD_10 = (high for high, _ in ODD[5:11])


@inline
def plus(a: float, al: float, b: float, bl: float) -> Two:
    s = a + b
    h, e = two_sum(a, b)
    t, f = two_sum(al, bl)
    h, e = quick_two_sum(h, e + t)
    h, e = quick_two_sum(h, e + f)
    finite = abs(s) < math.inf
    return h if finite else s, e if finite else 0.0


@inline
def times(a: float, al: float, b: float, bl: float) -> Two:
    p = a * b
    e = fma(a, b, -p) + fma(a, bl, al * b)
    h, e = quick_two_sum(p, e)
    finite = abs(p) < math.inf
    return h if finite else p, e if finite else 0.0


@inline
def over(a: float, al: float, b: float, bl: float) -> Two:
    q = a / b
    p, e = two_prod(q, b)
    r = fma(-q, bl, ((a - p) - e) + al)
    h, low = quick_two_sum(q, r / b)
    finite = abs(q) < math.inf and abs(b) < math.inf
    return h if finite else q, low if finite else 0.0


@inline
def root(a: float, al: float) -> Two:
    positive = a > 0.0
    s = math.sqrt(a if positive else 0.0)
    p, e = two_prod(s, s)
    r = ((a - p) - e) + al
    usual = positive and a < math.inf
    h, low = quick_two_sum(s, 0.5 * r / (s if usual else 1.0))
    return h if usual else s, low if usual else 0.0


@inline
def acute(y: float, yl: float, x: float, xl: float) -> Two:
    """atan(y/x), 0 <= y <= x, x > 0."""
    ratio = y / x
    k = int((ratio if ratio <= 1.0 else 1.0) * ATAN_STEPS + 0.5)
    t = k / ATAN_STEPS  # atan(y/x) = atan(t) + atan((y - t x)/(x + t y))
    th, tl = two_prod(t, x)
    tl = fma(t, xl, tl)
    n, nl = plus(y, yl, -th, -tl)
    th, tl = two_prod(t, y)
    tl = fma(t, yl, tl)
    d, dl = plus(x, xl, th, tl)
    q, ql = over(n, nl, d, dl)
    u, ul = times(q, ql, q, ql)
    s = fma(u, fma(u, fma(u, fma(u, fma(u, ODD_10, ODD_9), ODD_8), ODD_7), ODD_6), ODD_5)
    s, sl = times(u, ul, s, 0.0)
    s, sl = plus(ODD_4[0], ODD_4[1], s, sl)
    s, sl = times(u, ul, s, sl)
    s, sl = plus(ODD_3[0], ODD_3[1], s, sl)
    s, sl = times(u, ul, s, sl)
    s, sl = plus(ODD_2[0], ODD_2[1], s, sl)
    s, sl = times(u, ul, s, sl)
    s, sl = plus(ODD_1[0], ODD_1[1], s, sl)
    s, sl = times(u, ul, s, sl)
    s, sl = times(q, ql, s, sl)
    s, sl = plus(q, ql, s, sl)
    return plus(atan_high()[k], atan_low()[k], s, sl)
