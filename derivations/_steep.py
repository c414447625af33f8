"""A witness for limits m -> oo with erf_m' (section E.2): the integrals over z_1 = u/m at an m far out.

erf_m'(z) = 2m/sqrt(pi) exp(-m^2 z^2) is twice the density of N(0, 1/(2m^2)). So the expectation of
erf_m'(X) h(X) is 2 E[p(W) h(W)], W = N/(sqrt(2) m), with p the density of X: an integral over N ~ N(0, 1) of
a function that hardly varies, for which three Gauss-Hermite nodes suffice. No delta function is used.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp

from kernelcalc import quadrature
from kernelcalc.functions.base import Function

Law = tuple[mp.mpf, mp.mpf, mp.mpf]  # Var X, Var Y, Cov(X, Y)


def far_out(digits: int) -> mp.mpf:
    """An m at which errors of order 1/m are below the digits asked for."""
    return mp.mpf(10) ** (digits + 10)


def against_erf_slope(m: mp.mpf, a: mp.mpf, h: Callable[[mp.mpf], mp.mpf]) -> mp.mpf:
    """E[erf_m'(X) h(X)], X ~ N(0, a), for m sqrt(a) >> 1."""
    nodes = ((mp.mpf(0), mp.mpf(2) / 3), (mp.sqrt(3), mp.mpf(1) / 6), (-mp.sqrt(3), mp.mpf(1) / 6))
    total = mp.mpf(0)
    for node, weight in nodes:
        x = node / (mp.sqrt(2) * m)
        total += weight * mp.exp(-(x**2) / (2 * a)) / mp.sqrt(2 * mp.pi * a) * h(x)
    return 2 * total


def surrogate_factor(s: Function, law: Law, digits: int) -> mp.mpf:
    """lim E[erf_m'(X) s(Y)]: given X = x, Y is N(c x / a, (ab - c^2) / a)."""
    a, b, c = law
    spread = (a * b - c * c) / a
    return against_erf_slope(
        far_out(digits), a, lambda x: quadrature.mean(s, spread, mu=c * x / a, digits=digits)
    )


def slope_factor(law: Law, digits: int) -> mp.mpf:
    """lim E[erf_m'(X) erf_m'(Y)]: the same once more, with the density of Y given X = x."""
    (a, b, c), m = law, far_out(digits)

    def given(x: mp.mpf) -> mp.mpf:
        spread, centre = (a * b - c * c) / a, c * x / a
        return against_erf_slope(m, spread, lambda y: mp.exp(centre * y / spread - centre**2 / (2 * spread)))

    return against_erf_slope(m, a, given)


def diagonal_factor(s: Callable[[mp.mpf], mp.mpf], a: mp.mpf, digits: int) -> mp.mpf:
    """lim E[erf_m'(X) s(X)]."""
    return against_erf_slope(far_out(digits), a, s)
