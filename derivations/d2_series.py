"""Beyond the paper: erf_m at finite m is sign with noise, which gives the full series in 1/m of Lemma D.3.

erf(m x) = E sign(x + N) for N ~ N(0, 1/(2 m^2)). So every off-diagonal expectation for erf_m is that for
sign with variances raised by 1/(2 m^2), and the factor becomes a generating function of the Legendre
polynomials P_n.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc.limits import expansion
from kernelcalc.symbols import a, b, c, m
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import (
    Number,
    Point,
    erf_erf,
    number,
    opposite,
    slope_slope,
    slope_squared,
)

BEYOND = "kernelcalc: beyond the paper (Lemma D.3)"
ORDER = 5
NODES = 26

det = a * b - c**2
half = sp.Rational(1, 2)
noise = 1 / (2 * m**2)

POINTS = tuple(
    dict(zip((a, b, c), map(sp.Rational, values), strict=True))
    for values in (("2", "1", "1/2"), ("1", "3", "-1"), ("5/2", "2", "0"), ("1", "1", "9/10"))
)
FINITE = tuple(
    {**point, m: sp.Rational(value)} for point, value in zip(POINTS, ("1", "7/2", "1/3", "20"), strict=True)
)


def coefficients(expr: sp.Expr, orders: int) -> sp.Matrix:
    """Of 1, 1/m^2, 1/m^4, ... in the expansion at m -> oo, derived."""
    found = {power: value for value, power in expansion(expr.subs(m, 1 / m), m, orders)}
    assert set(found) <= {2 * i for i in range(orders)}
    return sp.Matrix([found.get(2 * i, sp.Integer(0)) for i in range(orders)])


def taylor(
    read: Callable[[Point, Number, int], Number], orders: int, least: Callable[[Point], Number]
) -> Witness:
    """Coefficients of 1, 1/m^2, ...: interpolation of values at finite m on t = 1/(2 m^2) in (0, least/16).

    The expectations are analytic in t up to -least, so NODES Chebyshev nodes leave an error of 64^-NODES.
    """

    def witness(point: Point, digits: int) -> Number:
        with mp.workdps(digits + 40):
            reach = least(point) / 16
            nodes = [(1 + mp.cos(mp.pi * (2 * j + 1) / (2 * NODES))) / 2 for j in range(NODES)]
            values = [read(point, 1 / mp.sqrt(2 * reach * x), digits + 25) for x in nodes]
            powers = mp.matrix([[x**i for i in range(NODES)] for x in nodes])
            found = mp.lu_solve(powers, mp.matrix(values))
            return mp.matrix([found[i] / (2 * reach) ** i for i in range(orders)])

    return witness


def least_eigenvalue(point: Point) -> Number:
    first, second, cross = (number(point[key]) for key in (a, b, c))
    return (first + second) / 2 - mp.sqrt((first - second) ** 2 / 4 + cross**2)


def factor_number(point: Point, steep: Number, digits: int) -> Number:
    first, second, cross = (number(point[key]) for key in (a, b, c))
    return slope_slope(steep, first, second, cross, digits)


def covariance_number(point: Point, digits: int) -> Number:
    first, second, cross = (number(point[key]) for key in (a, b, c))
    return erf_erf(number(point[m]), first, second, cross, digits)


def noisy_number(point: Point, steep: Number, digits: int) -> Number:
    """E erf_m(X) erf_m(Y) = 1 - 2 P(X + N and Y + N' have opposite signs)."""
    first, second, cross = (number(point[key]) for key in (a, b, c))
    extra = 1 / (2 * steep**2)
    with mp.workdps(digits):
        return 1 - 2 * opposite(cross / mp.sqrt((first + extra) * (second + extra) - cross**2))


def kernel_number(point: Point, steep: Number, digits: int) -> Number:
    """E erf_m(X) erf_m(Y) + c E erf_m'(X) erf_m'(Y)."""
    return noisy_number(point, steep, digits) + number(point[c]) * factor_number(point, steep, digits)


def diagonal_number(point: Point, steep: Number, digits: int) -> Number:
    return slope_squared(steep, number(point[a]), digits) / steep


def with_noise(expr: sp.Expr) -> sp.Expr:
    return expr.subs({a: a + noise, b: b + noise}, simultaneous=True)


first_order = -c * (a + b) / (2 * sp.pi * a * b * sp.sqrt(det))
second_order = (
    c * (a * b * (3 * a**2 + 2 * a * b + 3 * b**2) - 2 * c**2 * (a**2 + b**2))
    / (16 * sp.pi * a**2 * b**2 * det ** sp.Rational(3, 2))
)  # fmt: skip


def legendre(n: int) -> sp.Expr:
    """The coefficient of m^(-2n) in E erf_m'(X) erf_m'(Y)."""
    return 2 / sp.pi * sp.legendre(n, -(a + b) / (2 * sp.sqrt(det))) / (2**n * det ** (half * (n + 1)))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/series/noise",
        title="erf_m is sign with noise of variance 1/(2 m^2): covariances",
        source=BEYOND,
        statement="E[erf_m(X) erf_m(Y)] = E[sign(X + N) sign(Y + N')], N, N' ~ N(0, 1/(2m^2)) independent",
        printed=with_noise(2 / sp.pi * sp.asin(c / sp.sqrt(a * b))),
        derive=lambda: kc.dual(kc.Erf(m)).expr,
        witness=covariance_number,
        points=FINITE,
    ),
    Claim(
        tag="D.3/series/noise-factor",
        title="erf_m is sign with noise of variance 1/(2 m^2): factors",
        source=BEYOND,
        statement="E[erf_m'(X) erf_m'(Y)] = E[2 delta(X + N) 2 delta(Y + N')], N, N' ~ N(0, 1/(2m^2)) "
        "independent",
        printed=with_noise(2 / (sp.pi * sp.sqrt(det))),
        derive=lambda: kc.dual(kc.Erf(m).derivative).expr,
        witness=lambda point, digits: factor_number(point, number(point[m]), digits),
        points=FINITE,
    ),
    Claim(
        tag="D.3/series/factor",
        title="full series of the factor off the diagonal, to m^-8",
        source=BEYOND,
        statement="E[erf_m'(X) erf_m'(Y)] = 2/pi sum_n P_n(-(a + b)/(2 sqrt(D))) D^(-(n+1)/2) (2m^2)^(-n), "
        "D = a b - c^2, P_n Legendre; n <= 4",
        conditions="the series converges for 1/(2 m^2) below the least eigenvalue of the covariance",
        printed=sp.Matrix([legendre(n) for n in range(ORDER)]),
        derive=lambda: coefficients(kc.dual(kc.Erf(m).derivative).expr, ORDER),
        witness=taylor(factor_number, ORDER, least_eigenvalue),
        points=POINTS[:3],
        digits=30,
    ),
    Claim(
        tag="D.3/series/covariance",
        title="series of the covariance off the diagonal, to m^-4",
        source=BEYOND,
        statement="E[erf_m(X) erf_m(Y)] = 2/pi arcsin(c/sqrt(a b)) - c (a + b)/(2 pi a b sqrt(D) m^2) + c "
        "(a b (3 a^2 + 2 a b + 3 b^2) - 2 c^2 (a^2 + b^2))/(16 pi a^2 b^2 D^(3/2) m^4) + "
        "O(m^-6)",
        printed=sp.Matrix([2 / sp.pi * sp.asin(c / sp.sqrt(a * b)), first_order, second_order]),
        derive=lambda: coefficients(kc.dual(kc.Erf(m)).expr, 3),
        witness=taylor(noisy_number, 3, least_eigenvalue),
        points=POINTS[:3],
        digits=30,
    ),
    Claim(
        tag="D.3/series/kernel",
        title="series of the tangent kernel off the diagonal, L = 2, to m^-4",
        source=BEYOND,
        statement="the sum of the two series, E[erf_m erf_m] + c E[erf_m' erf_m'], with sigma_w = 1, "
        "sigma_b = 0",
        printed=sp.Matrix(
            [
                2 / sp.pi * sp.asin(c / sp.sqrt(a * b)) + c * legendre(0),
                first_order + c * legendre(1),
                second_order + c * legendre(2),
            ]
        ),
        derive=lambda: coefficients(
            kc.NTK(kc.Erf(m), 2).recursion()["T"].subs(sp.Symbol("T", real=True), c), 3
        ),
        witness=taylor(kernel_number, 3, least_eigenvalue),
        points=POINTS[:2],
        digits=30,
    ),
    Claim(
        tag="D.3/series/diagonal",
        title="series of the factor on the diagonal, to m^-7",
        source=BEYOND,
        statement="E[erf_m'(X)^2] / m = 2/(pi sqrt(a)) sum_n binomial(-1/2, n) (4 a m^2)^(-n); n <= 4",
        printed=sp.Matrix(
            [2 / (sp.pi * sp.sqrt(a)) * sp.binomial(-half, n) / (4 * a) ** n for n in range(ORDER)]
        ),
        derive=lambda: coefficients(kc.dual(kc.Erf(m).derivative).diagonal / m, ORDER),
        witness=taylor(diagonal_number, ORDER, lambda point: number(point[a]) / 2),
        points=POINTS[:3],
        digits=30,
    ),
)
