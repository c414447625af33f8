"""The mean of a surrogate derivative that repeats for ever to the right of 0.

    s(z) = A exp(z/tau), z < 0;   A exp(-d(z)/rho), z >= 0,   d(z) the distance to the nearest integer.

d being even, the right half has half the mean of the whole wave, and that is its Fourier series:

    G(v) = A/2 [erfcx(sqrt(v/2)/tau) + p_0 + sum_k p_k exp(-2 pi^2 k^2 v)],   p_0 = 2 rho (1 - e),
    p_k = 4 rho (1 - (-1)^k e)/(1 + (2 pi k rho)^2),   e = exp(-1/(2 rho)).

For small v, where that converges slowly, Z never comes near the kink at 1/2 and the wave is exp(-|z|/rho).
"""

from __future__ import annotations

from functools import lru_cache

import mpmath as mp
import sympy as sp

from kernelcalc.functions.base import Function
from kernelcalc.functions.periodic import nearest
from kernelcalc.functions.special import mp_erfcx
from kernelcalc.symbols import z


@lru_cache(maxsize=64)
def wave(f: Function) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """A, tau and rho, if f is of this form."""
    if not f.expr.has(nearest) or f.deltas:
        return None
    u = sp.Dummy(positive=True)
    constant, shape = f.expr.as_independent(z, as_Add=False)
    branches: tuple[tuple[sp.Expr, sp.Basic], ...] = getattr(shape, "args", ())
    if not isinstance(shape, sp.Piecewise) or len(branches) != 2 or branches[0][1] != (z < 0):
        return None
    left, right = (sp.log(branch) for branch in (branches[0][0], branches[1][0].subs(nearest(z), u)))
    rates = [sp.expand_log(left, force=True).diff(z), -sp.expand_log(right, force=True).diff(u)]
    if any(not rate.is_positive for rate in rates):
        return None
    tau, rho = (1 / rate for rate in rates)
    same = constant * sp.Piecewise((sp.exp(z / tau), z < 0), (sp.exp(-nearest(z) / rho), True))
    return (constant, tau, rho) if f.expr == same else None


def mean(f: Function, v: mp.mpf) -> mp.mpf | None:
    """E f(Z), Z ~ N(0, v), v > 0, at the working precision; None for other functions."""
    found = wave(f)
    if found is None:
        return None
    A, tau, rho = (mp.mpf(x.evalf(mp.mp.dps + 5)) for x in found)
    x = mp.sqrt(v / 2)
    digits = mp.mp.dps * mp.log(10)
    left = mp_erfcx(x / tau)
    if 1 / (8 * v) > digits + 5 + 1 / rho:
        return A / 2 * (left + mp_erfcx(x / rho))
    far = mp.exp(-1 / (2 * rho))
    total = left + 2 * rho * (1 - far)
    for k in range(1, 2 + int(mp.sqrt(digits / (2 * mp.pi**2 * v)))):
        weight = 4 * rho * (1 - (-1) ** k * far) / (1 + (2 * mp.pi * k * rho) ** 2)
        total += weight * mp.exp(-2 * mp.pi**2 * k**2 * v)
    return A / 2 * total
