"""Branch-free roots and quotients of float64, up to four times as fast as the processor's own instructions.

As vecmath.py: straight lines for loops that LLVM is to turn into vector code, the error of each stated.
"""

import math

from kernelcalc.compile.arithmetic.primitives import bits, fma, from_bits, inline, shift_right
from kernelcalc.compile.layout import RSQRT_CUBIC

# Subtracting half the bits of x from this (the whole bits) gives 1/sqrt(x) (1/x) to 4 (13) per cent: a linear
# interpolation of the logarithm. Only the error left after the iterations below depends on it.
RSQRT_BITS = 0x5FE6EB50C7B537A9
RECIPROCAL_BITS = 0x7FDE623822FC16E6


@inline
def rsqrt_estimate(x: float) -> float:
    """1/sqrt(x) to a part in 2^14, as the AVX-512 instruction that processor.py puts in its place."""
    y = from_bits(RSQRT_BITS - shift_right(bits(x), 1))
    e = fma(-x * y, y, 1.0)
    return fma(y * e, fma(e, fma(e, RSQRT_CUBIC, 0.375), 0.5), y)


@inline
def rsqrt(x: float) -> float:
    """1/sqrt(x) for 2^-1022 <= x < inf; inf for x <= 0, where x is a zero that was rounded; 1.1 ulp."""
    y = rsqrt_estimate(x)
    e = fma(-x * y, y, 1.0)
    y = fma(y * e, fma(e, fma(e, 0.3125, 0.375), 0.5), y)  # (1 - e)^(-1/2) = 1 + e/2 + 3e^2/8 + 5e^3/16 + ...
    return math.inf if x <= 0.0 else y


@inline
def sqrt(x: float) -> float:
    """sqrt(x) for 2^-1022 <= x < inf; 0 for x <= 0, where x is a zero that was rounded; 0.51 ulp."""
    y = rsqrt_estimate(x)
    s, h = x * y, 0.5 * y
    e = fma(-s, h, 0.5)
    s, h = fma(s, e, s), fma(h, e, h)
    s = fma(fma(-s, s, x), h, s)
    return 0.0 if x <= 0.0 else s


@inline
def _power(large: float) -> tuple[float, float]:
    """A power of two that makes the square of a large or a small number harmless, and its inverse."""
    small, great = large < 2.0**-400, large > 2.0**400
    up, down = 2.0**600 if small else 1.0, 2.0**-600 if small else 1.0
    return 2.0**-600 if great else up, 2.0**600 if great else down


@inline
def hypot(x: float, y: float) -> float:
    """sqrt(x^2 + y^2) for 0 <= x, y, wherever x and y lie in the range of floats; 1 ulp."""
    power, back = _power(y if x < y else x)
    u, v = x * power, y * power
    return sqrt(fma(u, u, v * v)) * back


@inline
def hypot4(x: float, y: float, z: float, t: float) -> float:
    """sqrt(x^2 + y^2 + z^2 + t^2) for 0 <= x, y, z, t, likewise; 1.5 ulp."""
    first, second = y if x < y else x, t if z < t else z
    power, back = _power(second if first < second else first)
    u, v = x * power, y * power
    first = fma(u, u, v * v)
    u, v = z * power, t * power
    return sqrt(first + fma(u, u, v * v)) * back


@inline
def quotient(n: float, d: float) -> float:
    """n/d for 2^-1000 < |d| < 2^1000 and a result in the normal range; 0.51 ulp."""
    y = from_bits(RECIPROCAL_BITS - bits(d))
    e = fma(-d, y, 1.0)
    y = fma(y * e, fma(e, e, 1.0 + e), y)  # 1/(1 - e) = 1 + e + e^2 + e^3 + ...
    e = fma(-d, y, 1.0)
    y = fma(y, fma(e, e, e), y)
    q = n * y
    return fma(fma(-d, q, n), y, q)
