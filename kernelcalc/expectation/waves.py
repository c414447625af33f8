"""The mean of a surrogate derivative that repeats for ever to the right of 0.

    s(z) = A exp(z/tau), z < 0;   A exp(-d(z)/rho), z >= 0,   d(z) the distance to the nearest integer.

d being even, the right half has half the mean of the whole wave at N(0, v), and that is its Fourier series:

    G(v) = A/2 [erfcx(sqrt(v/2)/tau) + p_0 + sum_k p_k exp(-2 pi^2 k^2 v)],   p_0 = 2 rho (1 - e),
    p_k = 4 rho (1 - (-1)^k e)/(1 + (2 pi k rho)^2),   e = exp(-1/(2 rho)).

For small v, where that converges slowly, Z never comes near the kink at 1/2 and the wave is exp(-|z|/rho).

Off the centre, at N(mu, v), x^2 = v, u = mu/x: what an exponential function that starts at t adds is

    M(t) = E exp(-(Y - t)/rho) 1{Y > t} = exp(-y^2/2) erfcx((y + x/rho)/sqrt(2))/2,   y = (t - mu)/x,

and its mirror image M'(t) is the same at -y. The left half is M'(0) with tau for rho, the wave
M(0) - e M(1/2) + M'(1) - e M'(1/2) + M(1) - e M(3/2) + ... For large v it is the series of periods.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mpmath as mp
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from kernelcalc.functions.base import Function
from kernelcalc.functions.periodic import nearest
from kernelcalc.functions.special import mp_erfcx
from kernelcalc.symbols import z

LARGE = 9  # v from which the series of periods.py is taken, exact to 70 digits
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Wave:
    """s(z - start), s with A, tau and rho."""

    A: sp.Expr
    tau: sp.Expr
    rho: sp.Expr
    start: sp.Expr

    def numbers(self) -> tuple[mp.mpf, ...]:
        """A, tau, rho and start at the working precision."""
        return tuple(mp.mpf(x.evalf(mp.mp.dps + 5)) for x in (self.A, self.tau, self.rho, self.start))

    def moments(self, count: int) -> list[mp.mpf]:
        """p_0, and sum_k p_k/(2 pi k)^(2 j) for j = 1, ..., count, all times A."""
        with mp.extradps(20 + 2 * count * max(0, int(mp.log10(8 * mp.mpf(self.rho))) + 1)):
            A, _, rho, _ = self.numbers()
            far = mp.exp(-1 / (2 * rho))
            found, power = [2 * rho * (1 - far), 1 - 2 * rho * (1 - far)], mp.mpf(1)
            for j in range(1, count + 1):
                power *= (2 * mp.pi) ** 2
                whole = mp.zeta(2 * j) * (1 + far * (1 - mp.mpf(2) ** (1 - 2 * j))) / power
                found.append(4 * rho * whole - rho**2 * found[-1])
            return [A * found[0], *(A * x for x in found[2:])]

    def whole(self, x: Vector) -> Vector:
        """The wave to both sides, of floats."""
        return float(self.A) * np.exp(-np.abs(x - np.floor(x + 0.5)) / float(self.rho))

    def values(self, x: Vector) -> Vector:
        """s of floats."""
        left = float(self.A) * np.exp(np.minimum(x, 0) / float(self.tau))
        return np.where(x < 0, left, self.whole(x))


@lru_cache(maxsize=64)
def wave(f: Function) -> Wave | None:
    """f as a wave, if it is of this form."""
    if not f.expr.has(nearest) or f.deltas:
        return None
    u = sp.Dummy(positive=True)
    start = sp.expand(z - next(iter(f.expr.atoms(nearest))).args[0])
    constant, shape = f.expr.subs(z, z + start).as_independent(z, as_Add=False)
    branches: tuple[tuple[sp.Expr, sp.Basic], ...] = getattr(shape, "args", ())
    if start.has(z) or not isinstance(shape, sp.Piecewise) or len(branches) != 2 or branches[0][1] != (z < 0):
        return None
    left, right = (sp.log(branch) for branch in (branches[0][0], branches[1][0].subs(nearest(z), u)))
    rates = [sp.expand_log(left, force=True).diff(z), -sp.expand_log(right, force=True).diff(u)]
    if any(not rate.is_positive for rate in rates):
        return None
    tau, rho = (1 / rate for rate in rates)
    same = constant * sp.Piecewise((sp.exp(z / tau), z < 0), (sp.exp(-nearest(z) / rho), True))
    return Wave(constant, tau, rho, start) if f.expr == same.subs(z, z - start) else None


def mean(f: Function, v: mp.mpf) -> mp.mpf | None:
    """E f(Z), Z ~ N(0, v), v > 0, at the working precision; None for other functions."""
    found = wave(f)
    if found is None:
        return None
    if found.start != 0:
        with mp.extradps(10):
            return _off_centre(found, v)
    A, tau, rho, _ = found.numbers()
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


def _off_centre(found: Wave, v: mp.mpf) -> mp.mpf:
    A, tau, rho, start = found.numbers()
    mu, x = -start, mp.sqrt(v)
    u, root = mu / x, mp.sqrt(2)

    def piece(t: mp.mpf, scale: mp.mpf, side: int) -> mp.mpf:
        """M(t), or its mirror image for side = -1."""
        y = side * (t - mu) / x
        if y + x / scale > 0:
            return mp.exp(-y * y / 2) * mp_erfcx((y + x / scale) / root) / 2
        return mp.exp(x / scale * (y + x / scale / 2)) * mp.erfc((y + x / scale) / root) / 2

    left = A * piece(mp.mpf(0), tau, -1)
    if v >= LARGE:
        p, *moments = _moments(found, mp.mp.dps)
        total, before, now = mp.mpf(0), mp.mpf(1), u
        for j, moment in enumerate(moments, 1):
            total += (-1) ** j * moment * now / v**j
            before, now = now, u * now - (2 * j - 1) * before
            before, now = now, u * now - 2 * j * before
        return left + p * mp.ncdf(u) + mp.npdf(u) * total
    reach = x * mp.sqrt(2 * mp.mp.dps * mp.log(10))
    if mu > reach + 2:  # the cut is nothing: as well some periods nearer to it
        mu -= mp.floor(mu - reach - 1)
    far = mp.exp(-1 / (2 * rho))
    total = piece(mp.mpf(0), rho, 1)
    for n in range(max(1, int(mu + reach) + 2)):
        middle = n + mp.mpf(1) / 2
        total -= far * (piece(middle, rho, 1) + piece(middle, rho, -1))
        total += piece(mp.mpf(n + 1), rho, 1) + piece(mp.mpf(n + 1), rho, -1)
    return left + A * total


@lru_cache(maxsize=8)
def _moments(found: Wave, dps: int) -> list[mp.mpf]:
    """As many as the series at v = LARGE needs."""
    with mp.workdps(dps):
        return found.moments(int(0.6 * dps) + 6)
