"""Branch-free elementary functions of one float64, for loops that LLVM is to turn into vector code.

Each is a straight line of multiply-adds and selections around a polynomial of _coefficients.py, so a loop
over a contiguous array becomes AVX2 or AVX-512 code (calls to libm would keep it scalar). The errors stated
are bounds on the largest found against mpmath, in ulps of the result. NaN in gives NaN out.

Angles come in three forms, theta, pi - theta and pi/2 - theta, each with full relative accuracy: kernels of
nearly equal, nearly opposite and nearly orthogonal inputs depend on one each. What is not used costs nothing.
"""

import math

from kernelcalc.compile.arithmetic._coefficients import (
    ERFCX_CENTRE,
    INVERSE_LN2,
    LN2,
    PI_2,
    PI_4,
    SERIES_LIMIT,
    TWO_OVER_PI,
    asin_core,
    asin_wide_core,
    atan_core,
    cos_core,
    erf_core,
    erfcx_core,
    exp_core,
    log_core,
    sin_core,
    sin_minus_t_cos_core,
    t_minus_sin_core,
)
from kernelcalc.compile.arithmetic.primitives import bits, fma, from_bits, inline, shift_right
from kernelcalc.compile.arithmetic.roots import quotient, sqrt

PI_4_HIGH, PI_4_LOW = PI_4
LN2_HIGH, LN2_LOW = LN2
PI_2_A, PI_2_B, PI_2_C = PI_2
ROUNDER = 1.5 * 2.0**52  # x + ROUNDER has the nearest integer to x in its low bits, for |x| < 2^51
ROUNDER_BITS = 0x4338000000000000
ONE_BITS = 0x3FF0000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
SMALLEST_NORMAL = 2.0**-1022


# --- angles


@inline
def _octants(k: float, p: float) -> tuple[float, float, float]:
    """k pi/4 + p and its complements to pi and to pi/2, each rounded once."""
    return (
        fma(k, PI_4_HIGH, fma(k, PI_4_LOW, p)),
        fma(4.0 - k, PI_4_HIGH, fma(4.0 - k, PI_4_LOW, -p)),
        fma(2.0 - k, PI_4_HIGH, fma(2.0 - k, PI_4_LOW, -p)),
    )


@inline
def angle_triple(y: float, x: float) -> tuple[float, float, float]:
    """theta = atan2(y, x), pi - theta and pi/2 - theta; 0 <= y, |x| < 2^1000, not both 0; 1.6 ulp."""
    ax = abs(x)
    high = ax if y < ax else y
    low = y if y < ax else ax
    # atan(low/high) = pi/4 + atan((low - high)/(low + high)); in the middle low - high is exact
    middle = low > 0.5 * high
    q = quotient(low - high if middle else low, low + high if middle else high)
    u = q * q
    p = fma(q * u, atan_core(u), q)
    k = 1.0 if middle else 0.0
    k = 2.0 - k if y > ax else k
    p = -p if y > ax else p
    k = 4.0 - k if x < 0.0 else k
    p = -p if x < 0.0 else p
    return _octants(k, p)


@inline
def angle_triple_on_circle(sine: float, cosine: float) -> tuple[float, float, float]:
    """angle_triple(sine, cosine) where sine^2 + cosine^2 = 1 up to rounding: less work; 2 ulp."""
    steep = sine > abs(cosine)
    v = fma(0.0, cosine, cosine if steep else sine)  # 0 cosine: a NaN must not be lost
    u = v * v
    p = fma(v * u, asin_wide_core(u), v)
    acute = 0.0 if cosine >= 0.0 else 4.0
    k = 2.0 if steep else acute
    return _octants(k, p if k == 0.0 else -p)


@inline
def half_angle_triple(q: float, p: float, cosine: float) -> tuple[float, float, float]:
    """theta = acos(cosine), pi - theta and pi/2 - theta, given also q, p = (1 -+ cosine)/2; 2.2 ulp.

    The way to carry an angle through layers: q and p as sums of non-negative terms and the cosine as a
    multiple of what was pi/2 - theta keep full relative accuracy; one computed from another would cancel.
    """
    acute, rest = acute_angles(q, p, cosine)
    obtuse = fma(2.0, PI_4_HIGH, fma(2.0, PI_4_LOW, rest))
    right = cosine >= 0.0
    return acute if right else obtuse, obtuse if right else acute, math.copysign(rest, cosine)


@inline
def acute_angles(q: float, p: float, cosine: float) -> tuple[float, float]:
    """acos|cosine| and asin|cosine|, given also q, p = (1 -+ cosine)/2; 2.2 ulp: two of half_angle_triple."""
    x = abs(cosine)
    small = q if q < p else p
    outer = x >= 0.5
    v = 2.0 * sqrt(small) if outer else x
    u = small if outer else x * x
    r = fma(v * u, asin_core(u), v)
    rest = fma(2.0, PI_4_HIGH, fma(2.0, PI_4_LOW, -r))
    return r if outer else rest, rest if outer else r


@inline
def root_angles(root_q: float, root_p: float, cosine: float) -> tuple[float, float, float]:
    """half_angle_triple, given the square roots of q and p; 1.5 ulp."""
    outer = abs(cosine) >= 0.5
    v = 2.0 * (root_q if root_q < root_p else root_p) if outer else cosine
    u = 0.25 * v * v if outer else cosine * cosine
    r = fma(v * u, asin_core(u), v)
    acute = 0.0 if root_q < root_p else 4.0
    k = acute if outer else 2.0
    return _octants(k, r if k == 0.0 else -r)


@inline
def angles(y: float, x: float) -> tuple[float, float]:
    """theta = atan2(y, x) and pi - theta: two of angle_triple."""
    theta, rest, _ = angle_triple(y, x)
    return theta, rest


@inline
def angles_on_circle(sine: float, cosine: float) -> tuple[float, float]:
    """theta and pi - theta: two of angle_triple_on_circle."""
    theta, rest, _ = angle_triple_on_circle(sine, cosine)
    return theta, rest


@inline
def half_angles(q: float, p: float) -> tuple[float, float]:
    """theta = 2 asin(sqrt(q)) and 2 asin(sqrt(p)) = pi - theta, where p = 1 - q: two of half_angle_triple."""
    theta, rest, _ = half_angle_triple(q, p, p - q)
    return theta, rest


@inline
def atan2_pos(y: float, x: float) -> float:
    """atan2(y, x) in [0, pi] for y >= 0; range and error as for angles."""
    return angles(y, x)[0]


@inline
def atan(x: float) -> float:
    """atan(x) for |x| < 2^1000; 1.5 ulp."""
    ax = abs(x)
    high = 1.0 if ax < 1.0 else ax
    low = ax if ax < 1.0 else 1.0
    middle = low > 0.5 * high
    q = quotient(low - high if middle else low, low + high if middle else high)
    u = q * q
    p = fma(q * u, atan_core(u), q)
    k = 1.0 if middle else 0.0
    k = 2.0 - k if ax > 1.0 else k
    p = -p if ax > 1.0 else p
    return math.copysign(fma(k, PI_4_HIGH, fma(k, PI_4_LOW, p)), x)


@inline
def _asin_parts(x: float) -> tuple[bool, float]:
    """|x| > 0.7, and asin(|x|) or, if so, its complement to pi/2."""
    ax = abs(x)
    outer = ax > 0.7
    half_gap = fma(-0.5, ax, 0.5)
    u = half_gap if outer else ax * ax
    v = 2.0 * sqrt(half_gap) if outer else ax
    r = fma(v * u, asin_wide_core(u), v)
    return outer, math.nan if ax > 1.0 else r


@inline
def asin(x: float) -> float:
    """asin(x); 1.6 ulp."""
    outer, r = _asin_parts(x)
    return math.copysign(fma(2.0, PI_4_HIGH, fma(2.0, PI_4_LOW, -r)) if outer else r, x)


@inline
def acos(x: float) -> float:
    """acos(x); 1.5 ulp (but an x near 1 has lost the digits of its angle already: see half_angles)."""
    outer, r = _asin_parts(x)
    k = 0.0 if x > 0.0 else 4.0
    k = k if outer else 2.0
    r = r if outer == (x > 0.0) else -r
    return fma(k, PI_4_HIGH, fma(k, PI_4_LOW, r))


@inline
def sincos(x: float) -> tuple[float, float]:
    """sin(x) and cos(x) for |x| < 2^20; 1 ulp, except within 1e-9 of a zero far from 0, relative to 1e-20."""
    shifted = fma(x, TWO_OVER_PI, ROUNDER)
    quadrant = bits(shifted)
    k = shifted - ROUNDER
    r = fma(-k, PI_2_C, fma(-k, PI_2_B, fma(-k, PI_2_A, x)))
    u = r * r
    s = fma(r * u, sin_core(u), r)
    c = fma(u * u, cos_core(u), fma(-0.5, u, 1.0))
    odd = (quadrant & 1) != 0
    sine = c if odd else s
    cosine = s if odd else c
    return -sine if (quadrant & 2) != 0 else sine, -cosine if ((quadrant + 1) & 2) != 0 else cosine


@inline
def t_minus_sin(t: float, sine: float) -> float:
    """t - sin t for t >= 0, given sine = sin t, whose relative error at most trebles; 2.5 ulp."""
    u = t * t
    series = t * u * fma(u, t_minus_sin_core(u), 1.0 / 6.0)
    return series if t < SERIES_LIMIT else t - sine


@inline
def sin_minus_t_cos(t: float, sine: float, cosine: float) -> float:
    """sin t - t cos t for 0 <= t <= pi, given sin t and cos t: ReLU near a straight angle; 3.5 ulp."""
    u = t * t
    series = t * u * fma(u, sin_minus_t_cos_core(u), 1.0 / 3.0)
    return series if t < SERIES_LIMIT else fma(-t, cosine, sine)


# --- exponentials and logarithms


@inline
def _exp_reduced(x: float, less: float) -> tuple[float, float]:
    """k and exp(x - less)/2^k - 1, k an integer; |less| below an ulp of x."""
    k = fma(x, INVERSE_LN2, ROUNDER) - ROUNDER
    r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x) - less)
    return k, fma(r * r, exp_core(r), r)


@inline
def power_of_two(k: float) -> float:
    """2^k for an integer -1022 <= k <= 1023."""
    return from_bits(((bits(k + ROUNDER) - ROUNDER_BITS) << 52) + ONE_BITS)


@inline
def _exp(x: float, less: float) -> float:
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    k, e = _exp_reduced(x, less)
    half = fma(k, 0.5, ROUNDER) - ROUNDER  # 2^k itself may lie outside the range
    return (1.0 + e) * power_of_two(half) * power_of_two(k - half)


@inline
def exp(x: float) -> float:
    """exp(x), with overflow to inf and underflow through the subnormal numbers to 0; 1.1 ulp."""
    return _exp(x, 0.0)


@inline
def expm1(x: float) -> float:
    """exp(x) - 1; 1.6 ulp."""
    x = 710.0 if x > 710.0 else x
    x = -40.0 if x < -40.0 else x
    k, e = _exp_reduced(x, 0.0)
    half_power = power_of_two(k - 1.0)
    return 2.0 * fma(half_power, e, half_power - 0.5)


@inline
def expm2(x: float) -> float:
    """exp(x) - 1 - x; 4 ulp, 12 for 0.34 < |x| < 1."""
    return x * x * exp_core(x) if abs(x) < 0.34 else exp(x) - 1.0 - x


@inline
def sinh(x: float) -> float:
    """sinh(x) for |x| < 709; 2.5 ulp."""
    e = expm1(abs(x))
    return math.copysign(0.5 * (e + quotient(e, e + 1.0)), x)


@inline
def cosh(x: float) -> float:
    """cosh(x) for |x| < 690; 2 ulp."""
    e = exp(abs(x))
    return 0.5 * (e + quotient(1.0, e))


@inline
def _log_corrected(x: float, error: float) -> float:
    """log(x + error), |error| below an ulp of x, for x > 0 and finite."""
    tiny = x < SMALLEST_NORMAL
    i = bits(x * 2.0**54 if tiny else x)
    biased = shift_right(i - SQRT_HALF_BITS + (1024 << 52), 52)  # m = x/2^k lies in [sqrt(1/2), sqrt(2))
    k = from_bits(biased + ROUNDER_BITS) - (ROUNDER + 1024.0)
    f = from_bits(i - ((biased - 1024) << 52)) - 1.0
    s = quotient(f, 2.0 + f)
    half_square = 0.5 * f * f
    u = s * s
    k = k - 54.0 if tiny else k
    tail = fma(k, LN2_LOW, quotient(error, x) if error != 0.0 else 0.0)
    tail = fma(s, fma(u, log_core(u), half_square), tail)
    return fma(k, LN2_HIGH, f - (half_square - tail))


@inline
def log(x: float) -> float:
    """log(x), x >= 0; 1 ulp."""
    y = _log_corrected(x, 0.0)
    y = math.inf if x == math.inf else y
    y = -math.inf if x == 0.0 else y
    return y if x >= 0.0 else math.nan


@inline
def log1p(x: float) -> float:
    """log(1 + x) for -1 < x < 2^1000; 2 ulp."""
    u = 1.0 + x
    v = u - 1.0
    return _log_corrected(u, (x - v) + (1.0 - (u - v)))


# --- error functions


@inline
def _erfcx_pos(x: float) -> float:
    v = x if x < 1e20 else 1e20
    w = quotient(v, v + ERFCX_CENTRE)
    return quotient(fma(w, erfcx_core(fma(2.0, w, -1.0)), 1.0), fma(2.0, x, 1.0))


@inline
def _exp_minus_square(x: float) -> float:
    x = x if x < 40.0 else 40.0  # 0, and no rest of a huge square
    square = x * x
    return _exp(-square, fma(x, x, -square))


@inline
def erfcx(x: float) -> float:
    """exp(x^2) erfc(x) for -26 < x < 2^998; 2.5 ulp."""
    ax = abs(x)
    y = _erfcx_pos(ax)
    square = ax * ax
    reflected = 2.0 * _exp(square, fma(-ax, ax, square)) - y
    return reflected if x < 0.0 else y


@inline
def erfc(x: float) -> float:
    """erfc(x) = 1 - erf(x), x < 2^500; 3 ulp while the result is normal."""
    ax = abs(x)
    tail = _exp_minus_square(ax) * _erfcx_pos(ax)
    centre = 1.0 - fma(x, erf_core(x * x), x)
    outer = 2.0 - tail if x < 0.0 else tail
    return centre if ax < 0.5 else outer


@inline
def erf(x: float) -> float:
    """erf(x), |x| < 2^500; 1.5 ulp."""
    ax = abs(x)
    tail = _exp_minus_square(ax) * _erfcx_pos(ax)
    centre = fma(ax, erf_core(ax * ax), ax)
    return math.copysign(centre if ax < 1.0 else 1.0 - tail, x)
