"""Lemma D.5 and the growth of the factors as z -> 1, layer by layer.

1 - (2/pi) arcsin has a square root at 1, so every layer takes the square root of the gap of the one before,
and the factor of layer L goes like (1 - z)^(-1/2^(L-1)).
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

from kernelcalc import trace
from kernelcalc.limits import expansion, limit
from kernelcalc.symbols import a, b, c, sigma_b, sigma_w
from kernelcalc.verify.claim import Claim

from ._d2 import Number, Point, number, opposite
from .d2_covariance_limits import beta, q, s
from .d2_factor_limits import factor, half, kappa, limit_factor
from .d3_sphere import (
    DOMAIN,
    INSIDE,
    SPHERES,
    UNIT,
    WEIGHTS,
    angle,
    factor_near_1,
    layers,
    near,
    sign_kernel,
    u,
    unit,
    z,
)

quarter = sp.Rational(1, 4)
LEMMA = sp.pi / (2 * sp.sqrt(2))  # as printed
x = sp.Symbol("x", positive=True)  # the z of the lemma, between 0 and 1
INNER = tuple({x: sp.Rational(value)} for value in ("1/3", "1/2", "9/10", "999/1000"))
DEPTHS = (2, 3, 4, 5)

numerator, denominator = (1 - x) ** half, 1 - 2 / sp.pi * sp.asin(x)


def at_1(expr: sp.Expr) -> sp.Expr:
    """The limit as x -> 1 from below."""
    return limit(expr.subs(x, 1 - u), u, sp.Integer(0))


def one_minus_average(u_value: Number) -> Number:
    """1 - (2/pi) arcsin(1 - u) by its meaning, 1 - E sign(X) sign(Y) at correlation 1 - u."""
    return 2 * opposite((1 - u_value) / mp.sqrt(u_value * (2 - u_value)))


def lemma_number(point: Point, digits: int) -> Number:
    small = mpf(10) ** -(digits + 10)
    return mp.sqrt(small) / one_minus_average(small)


def slope_number(point: Point, digits: int) -> Number:
    """The derivatives of numerator and denominator, by central differences."""
    small = mpf(10) ** -(digits // 2 + 5)
    with mp.workdps(digits + digits // 2 + 12):
        where = number(point[x])
        values = [(mp.sqrt(1 - y), one_minus_average(1 - y)) for y in (where + small, where - small)]
        return mp.matrix([(above - below) / (2 * small) for above, below in zip(*values, strict=True)])


def ratio_number(point: Point, digits: int) -> Number:
    slopes = slope_number(point, digits)
    return slopes[0] / slopes[1]


def third_factor_by_gap() -> sp.Expr:
    """The first line for L = 3, with the covariance of layer 2 put in."""
    before = sign_kernel(2).layers()[1]["c"].subs(UNIT)
    return factor * (2 * q) ** -half * (q - before) ** -half


def third_factor_by_gap_number(point: Point, digits: int) -> Number:
    w2, side = number(point[sigma_w]) ** 2, number(point[sigma_w]) ** 2 + number(point[sigma_b]) ** 2
    return 2 * w2 / mp.pi / mp.sqrt(2 * side * layers(point, 2, 1 - number(point[z]))[1].gap)


def later_factor_by_gap() -> sp.Expr:
    """The first line for L >= 4, with the covariance of layer L - 1 put in; c is that of layer L - 2."""
    before = sign_kernel(2).covariance_map().subs({a: q, b: q}, simultaneous=True)
    return factor * (2 * q) ** -half * (q - before) ** -half


def later_factor_by_gap_number(point: Point, digits: int) -> Number:
    w2, cross = number(point[sigma_w]) ** 2, number(point[c])
    side = w2 + number(point[sigma_b]) ** 2
    gap = 2 * w2 * opposite(cross / mp.sqrt(side**2 - cross**2))
    return 2 * w2 / mp.pi / mp.sqrt(2 * side * gap)


def later_leading() -> sp.Expr:
    """K with Sdot^(L) ~ K gap^(-1/4), gap = q - Sigma^(L-2): the leading terms of two layers composed."""
    near_q = {a: q, b: q, c: q - u}
    before = sign_kernel(2).covariance_map().subs(near_q, simultaneous=True)
    ((gap, gap_power),) = expansion(q - before, u, 1)
    ((last, last_power),) = expansion(limit_factor().subs(near_q, simultaneous=True), u, 1)
    assert gap_power * last_power == -quarter
    return last * gap**last_power


def later_leading_number(point: Point, digits: int) -> Number:
    """The factor two layers on times the fourth root of the gap (not divided by q)."""
    gap = mpf(10) ** -(4 * digits)
    w2 = number(point[sigma_w]) ** 2
    side = w2 + number(point[sigma_b]) ** 2
    with mp.workdps(digits + 10):
        # c / sqrt(q^2 - c^2) with c = q - gap, without cancellation
        following = 2 * w2 * opposite((side - gap) / mp.sqrt(gap * (2 * side - gap)))
        return 4 * w2 / (2 * mp.pi * mp.sqrt(following * (2 * side - following))) * mp.root(gap, 4)


def successive() -> sp.Expr:
    """The limit of Sdot^(4) / sqrt(Sdot^(3)); their powers of 1 - z cancel."""
    found = angle(4)
    (third, third_power), (fourth, fourth_power) = found.factors[2:]
    assert 2 * fourth_power == third_power
    return unit(fourth / sp.sqrt(third))


def successive_number(point: Point, digits: int) -> Number:
    found = layers(point, 4, near(digits, 4))
    return found[3].factor / mp.sqrt(found[2].factor)


def exponents(point: Point, digits: int) -> Number:
    """log(Sdot(10 u) / Sdot(u)) / log 10 for the layers 2, ..., 5."""
    small = near(digits, DEPTHS[-1])
    far, close = (layers(point, DEPTHS[-1], x * small) for x in (10, 1))
    return mp.matrix([mp.log(far[i - 1].factor / close[i - 1].factor, 10) for i in DEPTHS])


third = sp.sqrt(2 * s / sp.pi / (2 * sp.sqrt(2))) * (s + beta) ** -half * (kappa / (kappa + beta)) ** -quarter


def later_constants() -> sp.Matrix:
    return sp.Matrix([unit(value) for value, _ in angle(6).factors[2:]])


def later_constants_number(point: Point, digits: int) -> Number:
    small = near(digits, 6)
    return mp.matrix(
        [layer.factor * mp.root(small, 2 ** (i + 2)) for i, layer in enumerate(layers(point, 6, small)[2:])]
    )


GAPS = tuple(
    {**point, c: sp.Rational(value)} for point, value in zip(WEIGHTS, ("-1", "1/3", "0", "9/4"), strict=True)
)
root_lemma = sp.sqrt(LEMMA)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.5",
        title="the square root of arcsin at 1",
        source="Lemma D.5",
        statement="lim_(z->1) (1 - z)^(1/2) / (1 - 2/pi arcsin(z)) = pi/(2 sqrt(2))",
        printed=LEMMA,
        derive=lambda: at_1(numerator / denominator),
        witness=lemma_number,
    ),
    Claim(
        tag="D.5/slopes",
        title="the derivatives for l'Hopital's rule",
        source="Lemma D.5, proof",
        statement="d/dz (1-z)^(1/2) = -1/2 (1-z)^(-1/2), d/dz (1 - 2/pi arcsin z) = -2/pi (1-z^2)^(-1/2)",
        printed=sp.Matrix([-half * (1 - x) ** -half, -2 / sp.pi * (1 - x**2) ** -half]),
        derive=lambda: sp.Matrix([trace.diff(numerator, x), trace.diff(denominator, x)]),
        witness=slope_number,
        points=INNER,
        domain={x: 1 / (1 + u)},
    ),
    Claim(
        tag="D.5/ratio",
        title="the ratio of the derivatives",
        source="Lemma D.5, proof",
        statement="the ratio is (1/(2 sqrt(1-z))) sqrt(1-z) sqrt(1+z) / (2/pi)",
        printed=1 / (2 * sp.sqrt(1 - x)) * (sp.sqrt(1 - x) * sp.sqrt(1 + x)) / (2 / sp.pi),
        derive=lambda: trace.diff(numerator, x) / trace.diff(denominator, x),
        witness=ratio_number,
        points=INNER,
        domain={x: 1 / (1 + u)},
    ),
    Claim(
        tag="D.5/limit",
        title="the limit of the ratio",
        source="Lemma D.5, proof",
        statement="lim_(z->1) of the ratio is pi/4 sqrt(2) = pi/(2 sqrt(2))",
        printed=sp.pi / 4 * sp.sqrt(2),
        derive=lambda: at_1(trace.simplify(trace.diff(numerator, x) / trace.diff(denominator, x))),
        witness=lemma_number,
    ),
    Claim(
        tag="D.5/L3-1",
        title="the factor for L = 3 by the arcsin of layer 2",
        source="D.3, display for L = 3, second line",
        statement="2 sigma_w^2/pi (2 q)^(-1/2) (q - Sigma^(2)(z))^(-1/2) = 2 sigma_w^2/pi (2 q)^(-1/2) "
        "sigma_w^(-1) (1 - 2/pi arcsin((sigma_w^2 z/n0 + sigma_b^2)/(sigma_w^2/n0 + "
        "sigma_b^2)))^(-1/2), q = sigma_w^2 + sigma_b^2",
        printed=factor
        * (2 * q) ** -half
        / sigma_w
        * (1 - 2 / sp.pi * sp.asin((kappa * z + beta) / (kappa + beta))) ** -half,
        derive=third_factor_by_gap,
        witness=third_factor_by_gap_number,
        points=INSIDE,
        domain=DOMAIN,
    ),
    Claim(
        tag="D.5/L3-2",
        title="the factor for L = 3, with Lemma D.5",
        source="D.3, display for L = 3, third line",
        statement="Sdot^(3)(z) ~ 2 sigma_w^2/pi (2 q)^(-1/2) sigma_w^(-1) sqrt(pi/(2 sqrt(2))) (1 - "
        "(sigma_w^2 z/n0 + sigma_b^2)/(sigma_w^2/n0 + sigma_b^2))^(-1/4); here times (1 - "
        "z)^(1/4)",
        # 1 - (...) is proportional to 1 - z, so its factor is its value at z = 0
        printed=factor
        * (2 * q) ** -half
        / sigma_w
        * root_lemma
        * (1 - (0 * kappa + beta) / (kappa + beta)) ** -quarter,
        derive=lambda: unit(angle(3).factors[2][0]),
        witness=factor_near_1(3),
        points=SPHERES,
    ),
    Claim(
        tag="D.5/L3-3",
        title="the factor for L = 3, collected",
        source="D.3, display for L = 3, fourth line",
        statement="Sdot^(3)(z) ~ 2 sigma_w^2/pi (2 q)^(-1/2) sigma_w^(-1) sqrt(pi/(2 sqrt(2))) "
        "(sigma_w^2/n0 (1 - z)/(sigma_w^2/n0 + sigma_b^2))^(-1/4); here times (1 - z)^(1/4)",
        printed=factor * (2 * q) ** -half / sigma_w * root_lemma * (kappa / (kappa + beta)) ** -quarter,
        derive=lambda: unit(angle(3).factors[2][0]),
        witness=factor_near_1(3),
        points=SPHERES,
    ),
    Claim(
        tag="D.5/L3",
        title="the factor for L = 3, final form",
        source="D.3, display for L = 3, last line",
        statement="Sdot^(3)(z) ~ sqrt((2 sigma_w^2/pi)/(2 sqrt(2))) q^(-1/2) (sigma_w^2/n0/(sigma_w^2/n0 "
        "+ sigma_b^2))^(-1/4) (1 - z)^(-1/4); here times (1 - z)^(1/4)",
        printed=third,
        derive=lambda: unit(angle(3).factors[2][0]),
        witness=factor_near_1(3),
        points=SPHERES,
    ),
    Claim(
        tag="D.5/L4-1",
        title="the factor for L >= 4 by the arcsin of layer L - 1",
        source="D.3, display for L >= 4, second line",
        statement="2 sigma_w^2/pi (2 q)^(-1/2) (q - Sigma^(L-1)(z))^(-1/2) = 2 sigma_w^2/pi (2 q)^(-1/2) "
        "sigma_w^(-1) (1 - 2/pi arcsin(Sigma^(L-2)(z)/q))^(-1/2)",
        conditions="c = Sigma^(L-2)(z)",
        printed=factor * (2 * q) ** -half / sigma_w * (1 - 2 / sp.pi * sp.asin(c / (s + beta))) ** -half,
        derive=later_factor_by_gap,
        witness=later_factor_by_gap_number,
        points=GAPS,
    ),
    Claim(
        tag="D.5/L4-2",
        title="the factor for L >= 4, with Lemma D.5",
        source="D.3, display for L >= 4, third line",
        statement="Sdot^(L)(z) ~ 2 sigma_w^2/pi (2 q)^(-1/2) sigma_w^(-1) sqrt(pi/(2 sqrt(2))) (1 - "
        "Sigma^(L-2)(z)/q)^(-1/4); here times the fourth root of the gap of layer L - 2 over q",
        printed=factor * (2 * q) ** -half / sigma_w * root_lemma,
        derive=lambda: later_leading() * q**-quarter,
        witness=lambda point, digits: (
            later_leading_number(point, digits)
            / mp.root(number(point[sigma_w]) ** 2 + number(point[sigma_b]) ** 2, 4)
        ),
        points=WEIGHTS,
    ),
    Claim(
        tag="D.5/L4-3",
        title="the factor for L >= 4 by the gap of layer L - 2",
        source="D.3, display for L >= 4, fourth line",
        statement="Sdot^(L)(z) ~ 2 sigma_w^2/pi (2 q)^(-1/2) sigma_w^(-1) sqrt(pi/(2 sqrt(2))) q^(1/4) (q - "
        "Sigma^(L-2)(z))^(-1/4); here times the fourth root of the gap of layer L - 2",
        printed=factor * (2 * q) ** -half / sigma_w * root_lemma * q**quarter,
        derive=later_leading,
        witness=later_leading_number,
        points=WEIGHTS,
    ),
    Claim(
        tag="D.5/L4-4",
        title="the factor for L >= 4 by the factor of layer L - 1",
        source="D.3, display for L >= 4, fifth line",
        statement="Sdot^(L)(z) ~ sqrt(2 sigma_w^2/pi) (2 q)^(-1/4) sigma_w^(-1) sqrt(pi/(2 sqrt(2))) q^(1/4) "
        "sqrt(Sdot^(L-1)(z)); here over sqrt(Sdot^(L-1)(z)), L = 4",
        printed=sp.sqrt(2 * s / sp.pi) * (2 * q) ** -quarter / sigma_w * root_lemma * q**quarter,
        derive=successive,
        witness=successive_number,
        points=SPHERES,
    ),
    Claim(
        tag="D.5/L4",
        title="the factors of successive layers",
        source="D.3, display for L >= 4, last line",
        statement="Sdot^(L)(z) ~ sqrt(Sdot^(L-1)(z)/2); here over sqrt(Sdot^(L-1)(z)), L = 4",
        printed=sp.sqrt(half),
        derive=successive,
        witness=successive_number,
        points=SPHERES[:2],
    ),
    Claim(
        tag="D.5/exponents",
        title="the powers of the factors",
        source="D.3, after the display for L >= 4",
        statement="Sdot^(L)(z) ~ K(L) (1 - z)^(-1/2^(L-1)) for L >= 2; the exponents for L = 2, ..., 5",
        printed=sp.Matrix([-1 / sp.Integer(2) ** (depth - 1) for depth in DEPTHS]),
        derive=lambda: sp.Matrix([power for _, power in angle(DEPTHS[-1]).factors[1:]]),
        witness=exponents,
        points=SPHERES[:2],
    ),
    Claim(
        tag="D.5/constants",
        title="the constants of the factors",
        source="kernelcalc: beyond the paper (D.3, K(L))",
        statement="K(L) = (2 K(3))^(1/2^(L-3)) / 2 for L >= 3, so K(L) -> 1/2; L = 3, ..., 6",
        printed=sp.Matrix([(2 * third) ** (sp.Integer(2) ** (3 - depth)) / 2 for depth in (3, 4, 5, 6)]),
        derive=later_constants,
        witness=later_constants_number,
        points=SPHERES[:2],
    ),
)
