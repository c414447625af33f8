"""Double-double arithmetic: a number as the unevaluated sum of two floats, high + low, about 32 digits.

For the few entries of a matrix whose float64 evaluation cannot promise its digits. The functions carry the
names and the conventions of vecmath.py, so that one generated expression can be compiled against either; the
relative errors stated are bounds on the largest found against mpmath. No flag that lets LLVM reorder is ever
set here: the error-free transformations below depend on it.
"""

import math

import numpy as np

from kernelcalc.compile.arithmetic import vecmath
from kernelcalc.compile.arithmetic._coefficients import (
    ATAN,
    ATAN_STEPS,
    INVERSE_FACTORIALS,
    LN2_3,
    ODD_RECIPROCALS,
    PI,
    SERIES_LIMIT,
    TWO_OVER_SQRT_PI,
)
from kernelcalc.compile.arithmetic.primitives import fma, inline

Two = tuple[float, float]

ZERO, ONE = (0.0, 0.0), (1.0, 0.0)
ATAN_TABLE = np.array(ATAN)
FACTORIAL_TABLE = np.array(INVERSE_FACTORIALS)
ODD_TABLE = np.array(ODD_RECIPROCALS)
LN2_A, LN2_B, LN2_C = LN2_3
ATAN_TERMS, EXP_TERMS, SINE_TERMS = 11, 14, 16  # the first term left out is below 1e-33 of the sum
ERFC_START = 2.0  # from here on erfc by its continued fraction


# --- error-free transformations


@inline
def two_sum(a: float, b: float) -> Two:
    """a + b exactly, as a float and its rounding error (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@inline
def quick_two_sum(a: float, b: float) -> Two:
    """a + b exactly, for |a| >= |b| or a = 0 (Dekker)."""
    s = a + b
    return s, b - (s - a)


@inline
def two_prod(a: float, b: float) -> Two:
    """a b exactly (unless the error is below the smallest float)."""
    p = a * b
    return p, fma(a, b, -p)


# --- arithmetic


@inline
def add(x: Two, y: Two) -> Two:
    """x + y; 3 2^-106 relative to the result, also where it cancels (Joldes, Muller, Popescu 2017)."""
    s, e = two_sum(x[0], y[0])
    t, f = two_sum(x[1], y[1])
    s, e = quick_two_sum(s, e + t)
    return quick_two_sum(s, e + f)


@inline
def neg(x: Two) -> Two:
    return -x[0], -x[1]


@inline
def sub(x: Two, y: Two) -> Two:
    return add(x, neg(y))


@inline
def mul(x: Two, y: Two) -> Two:
    """x y; 5 2^-106."""
    p, e = two_prod(x[0], y[0])
    return quick_two_sum(p, e + fma(x[0], y[1], x[1] * y[0]))


@inline
def scale(x: Two, power: float) -> Two:
    """x times a power of two: exact."""
    return x[0] * power, x[1] * power


@inline
def times(x: Two, y: float) -> Two:
    """x y for a float y; 2 2^-106."""
    p, e = two_prod(x[0], y)
    return quick_two_sum(p, fma(x[1], y, e))


@inline
def plus(x: Two, y: float) -> Two:
    """x + y for a float y; 2 2^-106."""
    s, e = two_sum(x[0], y)
    return quick_two_sum(s, e + x[1])


@inline
def quotient(x: Two, y: Two) -> Two:
    """x/y; 10 2^-106."""
    q = x[0] / y[0]
    r = sub(x, times(y, q))
    return quick_two_sum(q, r[0] / y[0])


@inline
def sqrt(x: Two) -> Two:
    """sqrt(x), 0 for x <= 0 (a zero that was rounded); 4 2^-106."""
    if x[0] <= 0.0:
        return 0.0, 0.0
    s = math.sqrt(x[0])
    r = sub(x, two_prod(s, s))
    return quick_two_sum(s, 0.5 * r[0] / s)


@inline
def rsqrt(x: Two) -> Two:
    """1/sqrt(x), inf for x <= 0."""
    if x[0] <= 0.0:
        return math.inf, 0.0
    return quotient((1.0, 0.0), sqrt(x))


# --- angles


@inline
def angle_triple(y: Two, x: Two) -> tuple[Two, Two, Two]:
    """theta = atan2(y, x), pi - theta and pi/2 - theta, for y >= 0, not both 0; 1e-31."""
    ax = neg(x) if x[0] < 0.0 else x
    steep = y[0] > ax[0]
    high = y if steep else ax
    low = ax if steep else y
    k = int(low[0] / high[0] * ATAN_STEPS + 0.5)
    t = k / ATAN_STEPS  # atan(low/high) = atan(t) + atan((low - t high)/(high + t low))
    q = quotient(sub(low, times(high, t)), add(high, times(low, t)))
    u = mul(q, q)
    s = ODD_TABLE[0, ATAN_TERMS - 1], ODD_TABLE[1, ATAN_TERMS - 1]
    for j in range(ATAN_TERMS - 2, -1, -1):
        s = add(mul(s, u), (ODD_TABLE[0, j], ODD_TABLE[1, j]))
    acute = add((ATAN_TABLE[0, k], ATAN_TABLE[1, k]), mul(q, s))
    other = sub(scale(PI, 0.5), acute)
    theta, tilt = (other, acute) if steep else (acute, other)
    rest = sub(PI, theta)
    return (rest, theta, neg(tilt)) if x[0] < 0.0 else (theta, rest, tilt)


@inline
def angles(y: Two, x: Two) -> tuple[Two, Two]:
    """theta = atan2(y, x) and pi - theta."""
    theta, rest, _ = angle_triple(y, x)
    return theta, rest


@inline
def angles_on_circle(sine: Two, cosine: Two) -> tuple[Two, Two]:
    """theta and pi - theta, as in vecmath."""
    return angles(sine, cosine)


@inline
def half_angles(q: Two, p: Two) -> tuple[Two, Two]:
    """theta = 2 asin(sqrt(q)) and 2 asin(sqrt(p)) = pi - theta, where p = 1 - q; 1e-31."""
    root_q, root_p = sqrt(q), sqrt(p)
    return scale(atan2_pos(root_q, root_p), 2.0), scale(atan2_pos(root_p, root_q), 2.0)


@inline
def atan2_pos(y: Two, x: Two) -> Two:
    """atan2(y, x) in [0, pi] for y >= 0; as angles."""
    return angle_triple(y, x)[0]


@inline
def angle_triple_on_circle(sine: Two, cosine: Two) -> tuple[Two, Two, Two]:
    """angle_triple(sine, cosine), for the name's sake: vecmath has a cheaper way on the circle."""
    return angle_triple(sine, cosine)


@inline
def half_angle_triple(q: Two, p: Two, cosine: Two) -> tuple[Two, Two, Two]:
    """theta = acos(cosine), pi - theta and pi/2 - theta, given also q, p = (1 -+ cosine)/2; 1e-31."""
    return angle_triple(scale(sqrt(mul(q, p)), 2.0), cosine)


@inline
def asin(x: Two) -> Two:
    """asin(x); 1e-31."""
    cosine = sqrt(mul(plus(x, 1.0), plus(neg(x), 1.0)))
    if x[0] < 0.0:
        return neg(atan2_pos(neg(x), cosine))
    return atan2_pos(x, cosine)


@inline
def acos(x: Two) -> Two:
    """acos(x); 1e-31 (for the x given: near 1 the angle is in 1 - x)."""
    return atan2_pos(sqrt(mul(plus(x, 1.0), plus(neg(x), 1.0))), x)


@inline
def atan(x: Two) -> Two:
    """atan(x); 1e-31."""
    if x[0] < 0.0:
        return neg(atan2_pos(neg(x), ONE))
    return atan2_pos(x, ONE)


@inline
def t_minus_sin(t: Two, sine: Two) -> Two:
    """t - sin t for t >= 0, given sin t; 1e-31."""
    if t[0] >= SERIES_LIMIT:
        return sub(t, sine)
    minus_u = neg(mul(t, t))
    s = ZERO
    for k in range(SINE_TERMS - 1, -1, -1):
        s = add(mul(s, minus_u), (FACTORIAL_TABLE[0, 2 * k + 3], FACTORIAL_TABLE[1, 2 * k + 3]))
    return mul(neg(mul(minus_u, t)), s)


@inline
def sin_minus_t_cos(t: Two, sine: Two, cosine: Two) -> Two:
    """sin t - t cos t for 0 <= t <= pi, given sin t and cos t; 1e-31."""
    if t[0] >= SERIES_LIMIT:
        return sub(sine, mul(t, cosine))
    minus_u = neg(mul(t, t))
    s = ZERO
    for k in range(SINE_TERMS - 1, -1, -1):
        coefficient = times((FACTORIAL_TABLE[0, 2 * k + 3], FACTORIAL_TABLE[1, 2 * k + 3]), 2.0 * (k + 1))
        s = add(mul(s, minus_u), coefficient)
    return mul(neg(mul(minus_u, t)), s)


# --- exponentials and logarithms


@inline
def _exp_reduced(x: Two) -> tuple[float, Two]:
    """k and exp(x)/2^k - 1, k an integer, the second with full relative accuracy."""
    k = float(round(x[0] / LN2_A))
    r = plus(plus(plus(x, -k * LN2_A), -k * LN2_B), -k * LN2_C)
    r = scale(r, 1.0 / 16)
    s = FACTORIAL_TABLE[0, EXP_TERMS], FACTORIAL_TABLE[1, EXP_TERMS]
    for j in range(EXP_TERMS - 1, 0, -1):
        s = add(mul(s, r), (FACTORIAL_TABLE[0, j], FACTORIAL_TABLE[1, j]))
    e = mul(s, r)
    for _ in range(4):  # exp(2r) - 1 = e (2 + e) for e = exp(r) - 1
        e = mul(e, plus(e, 2.0))
    return k, e


@inline
def exp(x: Two) -> Two:
    """exp(x) for |x| < 700 (0 below, inf above); 1e-30."""
    if x[0] > 710.0:
        return math.inf, 0.0
    if x[0] < -746.0:
        return 0.0, 0.0
    k, e = _exp_reduced(x)
    half = float(int(0.5 * k))  # 2^k itself may lie outside the range
    return scale(scale(plus(e, 1.0), vecmath.power_of_two(half)), vecmath.power_of_two(k - half))


@inline
def expm1(x: Two) -> Two:
    """exp(x) - 1 for x < 700; 1e-30."""
    if x[0] < -80.0:
        return -1.0, 0.0
    k, e = _exp_reduced(x)
    power = vecmath.power_of_two(k)
    return plus(plus(scale(e, power), power), -1.0) if k != 0.0 else e


@inline
def sinh(x: Two) -> Two:
    """sinh(x) for |x| < 700; 1e-30."""
    e = expm1(neg(x) if x[0] < 0.0 else x)
    y = scale(add(e, quotient(e, plus(e, 1.0))), 0.5)
    return neg(y) if x[0] < 0.0 else y


@inline
def cosh(x: Two) -> Two:
    """cosh(x) for |x| < 700; 1e-30."""
    e = exp(x)
    return scale(add(e, quotient(ONE, e)), 0.5)


@inline
def _log1p_central(x: Two) -> Two:
    """log(1 + x), |x| <= 1."""
    y = vecmath.log1p(x[0])
    e = expm1((-y, 0.0))
    d = add(add(x, e), mul(x, e))  # (1 + x) exp(-y) - 1
    return plus(sub(d, scale(mul(d, d), 0.5)), y)


@inline
def log(x: Two) -> Two:
    """log(x), 2^-1000 < x < 2^1000; 1e-30."""
    if 0.5 < x[0] < 2.0:
        return _log1p_central(plus(x, -1.0))
    y = vecmath.log(x[0])
    d = plus(mul(x, exp((-y, 0.0))), -1.0)
    return plus(sub(d, scale(mul(d, d), 0.5)), y)


@inline
def log1p(x: Two) -> Two:
    """log(1 + x), x > -1; 1e-30."""
    return log(plus(x, 1.0)) if abs(x[0]) > 0.5 else _log1p_central(x)


# --- error functions


@inline
def _erf_series(x: Two) -> Two:
    """exp(x^2) erf(x) = (2/sqrt(pi)) sum (2 x^2)^n x/(2n + 1)!!; all terms of one sign."""
    u = scale(mul(x, x), 2.0)
    term = mul(TWO_OVER_SQRT_PI, x)
    s, n = term, 0
    while abs(term[0]) > 1e-33 * abs(s[0]):
        n += 1
        term = quotient(mul(term, u), (2.0 * n + 1.0, 0.0))
        s = add(s, term)
    return s


@inline
def _erfcx_fraction(x: Two) -> Two:
    """erfcx(x) = (1/sqrt(pi)) / (x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))), x >= ERFC_START."""
    f = x
    for n in range(int(700.0 / x[0] ** 2) + 26, 0, -1):  # 1e-32: n levels leave exp(-2x sqrt(2n))
        f = add(x, quotient((0.5 * n, 0.0), f))
    return quotient(scale(TWO_OVER_SQRT_PI, 0.5), f)


@inline
def _exp_square(x: Two, sign: float) -> Two:
    return exp(scale(mul(x, x), sign))


@inline
def erfcx(x: Two) -> Two:
    """exp(x^2) erfc(x) for x > -26; 1e-29."""
    if x[0] >= ERFC_START:
        return _erfcx_fraction(x)
    if x[0] <= -ERFC_START:
        return sub(scale(_exp_square(x, 1.0), 2.0), _erfcx_fraction(neg(x)))
    return sub(_exp_square(x, 1.0), _erf_series(x))


@inline
def erfc(x: Two) -> Two:
    """erfc(x); 1e-29 for x < 26."""
    if x[0] >= ERFC_START:
        return mul(_exp_square(x, -1.0), _erfcx_fraction(x))
    if x[0] <= -ERFC_START:
        return plus(neg(mul(_exp_square(x, -1.0), _erfcx_fraction(neg(x)))), 2.0)
    return plus(neg(mul(_exp_square(x, -1.0), _erf_series(x))), 1.0)


@inline
def erf(x: Two) -> Two:
    """erf(x); 1e-30."""
    if abs(x[0]) < ERFC_START:
        return mul(_exp_square(x, -1.0), _erf_series(x))
    return plus(neg(erfc(x)), 1.0) if x[0] > 0.0 else plus(erfc(neg(x)), -1.0)
