"""Numbers for sections D.2 and D.3 from the definitions: infinitely wide networks with erf_m, and with sign.

With erf_m every Gaussian expectation is an integral of the definition, at one finite m; a limit m -> oo is
watched at m = 10^60, where what is left is of relative size 1/m at most. With sign, gaps a - c are carried
instead of covariances, so that points at a distance of 10^-500 are no problem. Numbers are mpf at the
working precision of the caller; s = sigma_w^2, beta = sigma_b^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import sympy as sp
from mpmath import mpf

from kernelcalc.functions.base import Function
from kernelcalc.quadrature import mean
from kernelcalc.quadrature.exact import exact
from kernelcalc.symbols import n0, sigma_b, sigma_w, xx, xy, yy, z

Point = Mapping[sp.Symbol, sp.Rational]
Number = Any  # mpf; mpmath carries no types
GUARD = 8


def number(value: Any) -> Number:
    """A rational number at the working precision."""
    return mpf(int(value.p)) / int(value.q) if isinstance(value, sp.Rational) else mpf(value)


def at_infinity(digits: int) -> Number:
    """An m at which a remainder of relative size 1/m cannot be seen."""
    return mpf(10) ** (digits + GUARD)


# ---------------------------------------------------------------- one layer with erf_m


def erf_erf(m: Number, a: Number, b: Number, c: Number, digits: int) -> Number:
    """E erf(mX) erf(mY): over X, of erf(mX) times the conditional mean of erf(mY), erf again (Lemma D.1)."""
    with mp.workdps(digits + 3 * GUARD):
        k = m * (c / a) / mp.sqrt(1 + 2 * m**2 * (b - c * c / a))
        steep, flat = exact(mpf(m), "m"), exact(mpf(k), "k")
    return mean(
        Function("erf(m z) erf(k z)", sp.erf(steep * z) * sp.erf(flat * z)), exact(mpf(a), "a"), digits=digits
    )


def erf_squared(m: Number, a: Number, digits: int) -> Number:
    """E erf(mX)^2."""
    steep = exact(mpf(m), "m")
    return mean(Function("erf(m z)^2", sp.erf(steep * z) ** 2), exact(mpf(a), "a"), digits=digits)


def slope_slope(m: Number, a: Number, b: Number, c: Number, digits: int) -> Number:
    """E erf_m'(X) erf_m'(Y) by the trapezoidal rule in u = mX, v = mY, which is exponentially exact here."""
    with mp.workdps(digits + 2 * GUARD):
        det = a * b - c * c
        p, q, r = 1 + b / (2 * det * m**2), 1 + a / (2 * det * m**2), c / (det * m**2)
        digits_e = mp.log(10) * (digits + GUARD)
        step = mp.pi / mp.sqrt(digits_e * (p + q))
        n = int(mp.ceil(mp.sqrt(digits_e) / step))
        left, right = ([mp.exp(-x * (step * i) ** 2) for i in range(n + 1)] for x in (p, q))
        total = mpf(0)
        for i in range(n + 1):
            tilt, power, row = mp.exp(r * i * step**2), mpf(1), right[0]
            for j in range(1, n + 1):
                power *= tilt
                row += right[j] * (power + 1 / power)
            total += left[i] * row * (2 if i else 1)
        return 4 / mp.pi * total * step**2 / (2 * mp.pi * mp.sqrt(det))


def slope_squared(m: Number, a: Number, digits: int) -> Number:
    """E erf_m'(X)^2 by the trapezoidal rule in u = mX."""
    with mp.workdps(digits + 2 * GUARD):
        p = 2 + 1 / (2 * a * m**2)
        digits_e = mp.log(10) * (digits + GUARD)
        step = mp.pi / mp.sqrt(digits_e * p)
        n = int(mp.ceil(mp.sqrt(digits_e) / step))
        total = mp.fsum((2 if i else 1) * mp.exp(-p * (step * i) ** 2) for i in range(n + 1))
        return 4 / mp.pi * m * total * step / mp.sqrt(2 * mp.pi * a)


# ---------------------------------------------------------------- whole networks


@dataclass(frozen=True)
class State:
    """One layer: a = S(x,x), b = S(y,y), c = S(x,y), the factor Sdot(x,y), and the tangent kernel T(x,y)."""

    a: Number
    b: Number
    c: Number
    factor: Number
    T: Number


@dataclass(frozen=True)
class Inputs:
    """sigma_w^2 / n0, sigma_w^2, sigma_b^2 and the three products of the inputs."""

    scale: Number
    s: Number
    beta: Number
    xx: Number
    yy: Number
    xy: Number

    @classmethod
    def of(cls, point: Point) -> Inputs:
        s, beta = number(point[sigma_w]) ** 2, number(point[sigma_b]) ** 2
        where = (number(point[key]) if key in point else mpf(1) for key in (xx, yy, xy))
        return cls(s / number(point[n0]), s, beta, *where)

    def first(self, product: Number) -> Number:
        return self.scale * product + self.beta


def erf_layers(inputs: Inputs, m: Number, depth: int, digits: int, *, same: bool = False) -> list[State]:
    """The layers 1..depth of Theorem C.2 for erf_m at x, y (or, with same, at x, x)."""
    a, b, c = map(inputs.first, (inputs.xx,) * 3 if same else (inputs.xx, inputs.yy, inputs.xy))
    found = [State(a, b, c, mpf(1), c)]
    s, beta = inputs.s, inputs.beta
    while len(found) < depth:
        old = found[-1]
        square = s * erf_squared(m, old.a, digits) + beta
        if same:
            factor, a, b, c = s * slope_squared(m, old.a, digits), square, square, square
        else:
            factor = s * slope_slope(m, old.a, old.b, old.c, digits)
            c = s * erf_erf(m, old.a, old.b, old.c, digits) + beta
            a, b = square, square if old.a == old.b else s * erf_squared(m, old.b, digits) + beta
        found.append(State(a, b, c, factor, c + old.T * factor))
    return found


def opposite(kappa: Number) -> Number:
    """P(XY < 0) for kappa = c / sqrt(ab - c^2): the joint density over two quadrants, in polar coordinates.

    Along a ray it integrates to sqrt(1 - r^2) / (2 pi (1 - r sin(2 angle))), r = c/sqrt(ab). For r < 0 the
    integrand would have a peak; then P(XY > 0) is integrated.
    """
    if kappa < 0:
        return 1 - opposite(-kappa)
    r = kappa / mp.sqrt(1 + kappa**2)
    total = mp.quad(lambda x: 1 / (1 + r * mp.sin(x)), [0, mp.pi / 2], method="gauss-legendre")
    return total / (mp.pi * mp.sqrt(1 + kappa**2))


@dataclass(frozen=True)
class SignState:
    """One layer with sign: the covariance c, the gap S(x,x) - S(x,y) (equal variances), the factor and T."""

    c: Number
    gap: Number
    factor: Number
    T: Number


def sign_layers(inputs: Inputs, depth: int, u: Number | None = None) -> list[SignState]:
    """The layers 1..depth with sign and 2 delta; with u given, at xx = yy and xy = (1 - u) xx.

    E sign sign = 1 - 2 P(XY < 0), and E 2 delta(X) 2 delta(Y) is four times the joint density at 0.
    """
    s, beta, scale = inputs.s, inputs.beta, inputs.scale
    small = u is not None
    product = (1 - u) * inputs.xx if u is not None else inputs.xy
    a, b, c = inputs.first(inputs.xx), inputs.first(inputs.xx if small else inputs.yy), inputs.first(product)
    gap = scale * u * inputs.xx if u is not None else a - c
    det = gap * (a + c) if small else a * b - c * c
    found = [SignState(c, gap, mpf(1), c)]
    while len(found) < depth:
        gap = 2 * s * opposite(c / mp.sqrt(det))
        factor = 4 * s / (2 * mp.pi * mp.sqrt(det))
        c = s + beta - gap
        det = gap * (s + beta + c)
        found.append(SignState(c, gap, factor, c + found[-1].T * factor))
    return found
