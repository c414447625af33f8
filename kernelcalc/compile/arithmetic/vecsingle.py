"""Branch-free elementary functions of one float32, as in vecmath.py: sixteen of them fit into a register.

The names are those of vecmath.py with an f behind, the arguments and the conventions the same. Every constant
is written single(...): one float64 would make all of an expression float64, and loops half as fast.
"""

from __future__ import annotations

import math

from kernelcalc.compile.arithmetic._coefficients import PI_2F, SERIES_LIMIT, asin_coref, sin_minus_t_cos_coref
from kernelcalc.compile.arithmetic.primitives import fma, inline, rsqrt_start, single
from kernelcalc.compile.layout import RSQRT_CUBIC

PI_2_HIGH, PI_2_LOW = PI_2F


@inline
def rsqrt_estimatef(x: float) -> float:
    """1/sqrt(x) to a part in 2^17; by the AVX-512 instruction that processor.py puts in its place, 2^14."""
    y = rsqrt_start(x)
    e = fma(-x * y, y, single(1.0))
    return fma(y * e, fma(e, fma(e, single(RSQRT_CUBIC), single(0.375)), single(0.5)), y)


@inline
def rsqrtf(x: float) -> float:
    """1/sqrt(x) for 2^-126 <= x < inf; inf for x <= 0; 1.1 ulp."""
    y = rsqrt_estimatef(x)
    e = fma(-x * y, y, single(1.0))
    y = fma(y * e, single(0.5), y)
    return single(math.inf) if x <= single(0.0) else y


@inline
def sqrtf(x: float) -> float:
    """sqrt(x) for 2^-126 <= x < inf; 0 for x <= 0, where x is a zero that was rounded; 0.6 ulp."""
    y = rsqrt_estimatef(x)
    s = x * y
    s = fma(fma(-s, s, x), single(0.5) * y, s)
    return single(0.0) if x <= single(0.0) else s


@inline
def copysignf(x: float, y: float) -> float:
    """|x| with the sign of y, + for y = 0."""
    size = abs(x)
    return size if y >= single(0.0) else -size


@inline
def acute_anglesf(q: float, p: float, cosine: float) -> tuple[float, float]:
    """acos|cosine| and asin|cosine|, given also q, p = (1 -+ cosine)/2; 2.5 ulp."""
    x = abs(cosine)
    small = q if q < p else p
    outer = x >= single(0.5)
    v = single(2.0) * sqrtf(small) if outer else x
    u = small if outer else x * x
    r = fma(v * u, asin_coref(u), v)
    rest = (single(PI_2_HIGH) - r) + single(PI_2_LOW)
    return r if outer else rest, rest if outer else r


@inline
def half_angle_triplef(q: float, p: float, cosine: float) -> tuple[float, float, float]:
    """theta = acos(cosine), pi - theta and pi/2 - theta, given also q, p = (1 -+ cosine)/2; 2.5 ulp."""
    acute, rest = acute_anglesf(q, p, cosine)
    obtuse = single(PI_2_HIGH) + (rest + single(PI_2_LOW))
    right = cosine >= single(0.0)
    return acute if right else obtuse, obtuse if right else acute, copysignf(rest, cosine)


@inline
def sin_minus_t_cosf(t: float, sine: float, cosine: float) -> float:
    """sin t - t cos t for 0 <= t <= pi, given sin t and cos t; 3.5 ulp."""
    u = t * t
    series = t * u * fma(u, sin_minus_t_cos_coref(u), single(1.0 / 3.0))
    return series if t < single(SERIES_LIMIT) else fma(-t, cosine, sine)
