"""The compiled evaluation of tables/powers.py: kappa, which is E X_+^n Y_+^n over its value at X = Y."""

from __future__ import annotations

from math import sqrt
from typing import Any

from kernelcalc.compile.arithmetic.primitives import bits, fma, from_bits, inline, offset, shift_right
from kernelcalc.compile.layout import POWER_SCALES, POWER_TERMS

Pointer = Any
ONE_BITS = 0x3FF0000000000000


@inline
def _side(x: float, at: int, table: Pointer) -> float:
    """2^(e s) times the polynomial of the interval of m, x = 2^e m, 1 <= m < 2; at 0 the limit."""
    shift, low = int(table[at]), int(table[at + 1])
    e = shift_right(bits(x), 52)
    e = e if e < POWER_SCALES else POWER_SCALES - 1
    m = x * from_bits((2 * (POWER_SCALES - 1) - e) << 52)
    m = 1.0 if m < 1.0 else m
    inside = m if m < 2.0 else 1.0
    i = shift_right(bits(inside) - ONE_BITS, shift)
    t = m - from_bits(ONE_BITS + (i << shift) + (1 << (shift - 1)))
    place = ((e if e > low else low) - low << 52 - shift) + i
    k = at + 2 + POWER_SCALES + POWER_TERMS * place
    u = t * t
    first = fma(u, fma(t, table[k + 3], table[k + 2]), fma(t, table[k + 1], table[k]))
    last = fma(u, fma(t, table[k + 7], table[k + 6]), fma(t, table[k + 5], table[k + 4]))
    found: float = table[at + 2 + e] * fma(u * u, last, first)
    return found


@inline
def _power(root_q: float, root_p: float, k: float, table: Pointer) -> tuple[bool, float]:
    """Whether q is small, and the function in the table there or elsewhere."""
    t = offset(table, int(table[int(k)]))
    near = root_q < t[0]
    return near, _side(root_q if near else root_p, int(t[1]) if near else int(t[2]), t)


@inline
def power_pair(
    root_q: float, root_p: float, n: float, k: float, table: Pointer
) -> tuple[float, float]:
    """1 - kappa and kappa of the k-th exponent n of the table, each with its digits at both ends; 3 ulp."""
    near, found = _power(root_q, root_p, k, table)
    less = found * found if near else 1.0 - found
    return less, 1.0 - less if near else found


@inline
def root_power_pair(
    root_q: float, root_p: float, n: float, k: float, table: Pointer
) -> tuple[float, float]:
    """sqrt(1 - kappa) and kappa, likewise."""
    near, found = _power(root_q, root_p, k, table)
    return found if near else sqrt(1.0 - found), fma(-found, found, 1.0) if near else found


@inline
def power_alone(root_q: float, root_p: float, n: float, k: float, table: Pointer) -> float:
    """kappa, where the table has no 1 - kappa."""
    _, found = _power(root_q, root_p, k, table)
    return found
