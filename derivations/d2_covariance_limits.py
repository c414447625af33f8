"""S36-S39: the covariances Sigma^(L) of wide networks with erf_m as m tends to infinity.

The layer map of erf_m has the limit c -> sigma_w^2 (2/pi) arcsin(c / sqrt(a b)) + sigma_b^2, the map of the
sign function. It sends every variance to sigma_w^2 + sigma_b^2 at once, so that from the second layer on
the covariance is a function of one number.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc.quadrature import mean
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim

from ._d2 import Number, Point, at_infinity, erf_erf, erf_squared, number

s, beta = sigma_w**2, sigma_b**2
q = s + beta  # the variance of every layer after the first
S1 = {key: s / n0 * product + beta for key, product in ((a, xx), (b, yy), (c, xy))}
# <x,x> <y,y> > <x,y>^2, in coordinates
p, d = sp.Symbol("p", positive=True), sp.Symbol("d", positive=True)
INPUTS = {xx: p, yy: (xy**2 + d) / p}


def inputs(w: str, bias: str, n: int, x: str, y: str, z: str) -> Point:
    """A point sigma_w, sigma_b, n0, <x,x>, <y,y>, <x,y>."""
    return dict(zip((sigma_w, sigma_b, n0, xx, yy, xy), map(sp.Rational, (w, bias, n, x, y, z)), strict=True))


POINTS = (
    inputs("3/2", "1/2", 3, "2", "1", "-1/2"),
    inputs("1", "0", 2, "1", "3", "0"),
    inputs("4/3", "2/5", 5, "7/2", "2", "5/3"),
    inputs("1/2", "3/2", 2, "1", "1", "999/1000"),
    inputs("2", "1/10", 4, "3", "5/2", "-27/10"),
)
HIDDEN = tuple(
    dict(zip((sigma_w, sigma_b, c), map(sp.Rational, values), strict=True))
    for values in (
        ("3/2", "1/2", "-1"),
        ("1", "0", "1/3"),
        ("4/3", "2/5", "0"),
        ("2", "1/10", "4"),
        ("1/2", "3/2", "9/4"),
    )
)


def first_covariance(point: Point, digits: int) -> Number:
    """E of the product of two pre-activations sigma_w/sqrt(n0) W x + sigma_b B, for x, y in a plane."""
    x2, y2, x_y = (number(point[key]) for key in (xx, yy, xy))
    first = (mp.sqrt(x2), mpf(0))
    second = (x_y / first[0], mp.sqrt(y2 - x_y**2 / x2))
    variance = mean(kc.Monomial(2), 1, digits=digits)
    weight = number(point[sigma_w]) ** 2 / number(point[n0])
    return variance * (
        weight * sum(u * v for u, v in zip(first, second, strict=True)) + number(point[sigma_b]) ** 2
    )


def variance(point: Point, digits: int) -> Number:
    """sigma_w^2 E erf_m(X)^2 + sigma_b^2 at m far out, applied twice, from some variance a."""
    value = mpf(7) / 3
    for _ in range(2):
        value = (
            number(point[sigma_w]) ** 2 * erf_squared(at_infinity(digits), value, digits)
            + number(point[sigma_b]) ** 2
        )
    return value


def second_covariance(point: Point, digits: int) -> Number:
    w, bias, n = (number(point[key]) for key in (sigma_w, sigma_b, n0))
    one, two, cross = (w**2 / n * number(point[key]) + bias**2 for key in (xx, yy, xy))
    return w**2 * erf_erf(at_infinity(digits), one, two, cross, digits) + bias**2


def next_covariance(point: Point, digits: int) -> Number:
    """One layer with erf_m from layer L, whose variance is itself the integral of the layer before."""
    w, bias = number(point[sigma_w]), number(point[sigma_b])
    side = variance(point, digits)
    return w**2 * erf_erf(at_infinity(digits), side, side, number(point[c]), digits) + bias**2


def layer_map() -> sp.Expr:
    """The limit of the covariance map of erf_m, in a, b, c."""
    return s * kc.dual(kc.Erf(m)).limit("m", kc.oo) + beta


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="S36",
        title="covariance of the first layer",
        source="D.2, equation (S36)",
        statement="Sigma_oo^(1)(x,y) = sigma_w^2/n0 <x,y> + sigma_b^2",
        printed=s / n0 * xy + beta,
        derive=lambda: kc.NTK(kc.Erf(), 1, sigma_w=sigma_w, sigma_b=sigma_b).limit("m", kc.oo).expr(),
        witness=first_covariance,
        points=POINTS,
    ),
    Claim(
        tag="S37",
        title="every later variance is sigma_w^2 + sigma_b^2",
        source="D.2, equation (S37)",
        statement="Sigma_oo^(L)(x,x) = 2 sigma_w^2/pi arcsin(1) + sigma_b^2 = sigma_w^2 + sigma_b^2 for "
        "all L >= 2",
        printed=2 * s / sp.pi * sp.asin(1, evaluate=False) + beta,
        derive=lambda: s * kc.dual(kc.Erf(m)).asymptotic("m", diagonal=True) + beta,
        witness=variance,
        points=HIDDEN,
    ),
    Claim(
        tag="S38",
        title="covariance of the second layer",
        source="D.2, equation (S38)",
        statement="Sigma_oo^(2)(x,y) = 2 sigma_w^2/pi arcsin((sigma_w^2/n0 <x,y> + sigma_b^2) / "
        "(sqrt(sigma_w^2/n0 |x|^2 + sigma_b^2) sqrt(sigma_w^2/n0 |y|^2 + sigma_b^2))) + "
        "sigma_b^2",
        conditions="x, y != 0 or sigma_b > 0",
        printed=2
        * s
        / sp.pi
        * sp.asin((s / n0 * xy + beta) / (sp.sqrt(s / n0 * xx + beta) * sp.sqrt(s / n0 * yy + beta)))
        + beta,
        derive=lambda: layer_map().subs(S1, simultaneous=True),
        witness=second_covariance,
        points=POINTS,
        domain=INPUTS,
    ),
    Claim(
        tag="S39",
        title="covariance of layer L + 1 from that of layer L",
        source="D.2, equation (S39)",
        statement="Sigma_oo^(L+1)(x,y) = 2 sigma_w^2/pi arcsin(Sigma_oo^(L)(x,y) / (sigma_w^2 + "
        "sigma_b^2)) + sigma_b^2, L >= 2",
        conditions="c = Sigma_oo^(L)(x,y), |c| < sigma_w^2 + sigma_b^2",
        printed=2 * s / sp.pi * sp.asin(c / (s + beta)) + beta,
        derive=lambda: layer_map().subs({a: q, b: q}),
        witness=next_covariance,
        points=HIDDEN,
    ),
)
