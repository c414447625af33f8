"""Section D.3, first half: on the unit sphere everything is a function of z = <x,y>; its factors as z -> 1.

|x - y|^2 = 2(1 - z), so z -> 1 means x -> y. The factor of the second layer goes like (1 - z)^(-1/2) (S45),
a later one like the gap Sigma(1) - Sigma(z) of the layer before to the power -1/2 (S46).
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc.kernels import Kernel
from kernelcalc.limits import SmallAngle, limit, small_angle
from kernelcalc.symbols import a, b, c, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import Inputs, Number, Point, SignState, number, sign_layers
from .d2_covariance_limits import beta, q, s
from .d2_factor_limits import factor, half, kappa, limit_factor

UNIT = {xx: sp.Integer(1), yy: sp.Integer(1)}
u = sp.Symbol("u", positive=True)  # 1 - z
z = xy  # <x,y> on the unit sphere

SPHERES = tuple(
    dict(zip((sigma_w, sigma_b, n0), map(sp.Rational, values), strict=True))
    for values in (("3/2", "1/2", 3), ("1", "0", 2), ("4/3", "2/5", 5), ("1/2", "3/2", 4))
)
INSIDE = tuple(
    {**point, z: sp.Rational(value)}
    for point, value in zip(SPHERES, ("-1/2", "0", "5/7", "999/1000"), strict=True)
)
HIDDEN = tuple(
    dict(zip((sigma_w, sigma_b, c), map(sp.Rational, values), strict=True))
    for values in (("3/2", "1/2", "-1"), ("1", "0", "1/3"), ("4/3", "2/5", "0"), ("1/2", "3/2", "9/4"))
)
WEIGHTS = tuple({symbol: point[symbol] for symbol in (sigma_w, sigma_b)} for point in SPHERES)
# all z in (-1, 1)
DOMAIN = {z: (1 - u) / (1 + u)}


def sign_kernel(depth: int | str) -> Kernel:
    return kc.NTK(kc.Erf(), depth, sigma_w=sigma_w, sigma_b=sigma_b).limit("m", kc.oo)


def angle(depth: int) -> SmallAngle:
    return small_angle(sign_kernel(depth))


def unit(expr: sp.Expr) -> sp.Expr:
    """A leading coefficient on a sphere, taken on the unit sphere."""
    return expr.subs({symbol: 1 for symbol in expr.free_symbols if symbol.name == "xx"})


def layers(point: Point, depth: int, small: Number | None = None) -> list[SignState]:
    """The sign network on the unit sphere, at the point's z or at 1 - z = small."""
    return sign_layers(Inputs.of({**point, **UNIT}), depth, small)


def near(digits: int, depth: int) -> Number:
    """A value of 1 - z at which the next order is not seen after that many layers."""
    return mpf(10) ** -((digits + 10) * 2 ** max(depth - 1, 1))


def second_factor() -> sp.Expr:
    return sign_kernel(2).layers()[1]["factor"].subs(UNIT)


def factor_at(point: Point, digits: int) -> Number:
    return layers(point, 2)[1].factor


def factor_near_1(depth: int) -> Witness:
    """Sdot^(L)(z) (1 - z)^(1/2^(L-1)) at z close to 1."""

    def witness(point: Point, digits: int) -> Number:
        small = near(digits, depth)
        return layers(point, depth, small)[-1].factor * mp.root(small, 2 ** (depth - 1))

    return witness


def later_factor(point: Point, digits: int) -> Number:
    """Four times the density at 0 of two pre-activations with variance q and covariance c."""
    side, cross = number(point[sigma_w]) ** 2 + number(point[sigma_b]) ** 2, number(point[c])
    return 4 * number(point[sigma_w]) ** 2 / (2 * mp.pi * mp.sqrt(side**2 - cross**2))


def later_factor_near_1(point: Point, digits: int) -> Number:
    """The same times sqrt(q - c) at a small gap q - c."""
    gap = mpf(10) ** -(digits + 10)
    with mp.workdps(2 * digits + 30):
        side = number(point[sigma_w]) ** 2 + number(point[sigma_b]) ** 2
        return later_factor({**point, c: side - gap}, digits) * mp.sqrt(gap)


def variance_at_1(point: Point, digits: int) -> Number:
    """Sigma^(3)(z) at z close to 1."""
    return layers(point, 3, near(digits, 3))[-1].c


def derived_variance_at_1() -> sp.Expr:
    """The limit of Sigma^(3)(z) as z -> 1."""
    covariance = sign_kernel(2).covariance_map()
    return limit(covariance.subs({a: q, b: q, c: q - u}, simultaneous=True), u, sp.Integer(0))


def squared_distance() -> sp.Expr:
    """|x - y|^2 multiplied out, for x = (1, 0) and y = (z, sqrt(1 - z^2)) in their common plane."""
    x, y = sp.Matrix([1, 0]), sp.Matrix([z, sp.sqrt(1 - z**2)])
    return sp.expand((x - y).dot(x - y))


def chord(point: Point, digits: int) -> Number:
    """|x - y|^2 for y = z x + sqrt(1 - z^2) e, with unit vectors x and e in space, orthogonal."""
    x, e = ([mpf(k) / 7 for k in vector] for vector in ((2, 3, 6), (3, -6, 2)))
    product = number(point[z])
    y = [product * p + mp.sqrt(1 - product**2) * r for p, r in zip(x, e, strict=True)]
    return mp.fsum((p - r) ** 2 for p, r in zip(x, y, strict=True))


def leading(form: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """A printed leading term that is homogeneous in 1 - z, without its power of 1 - z."""
    return form(sp.Integer(1))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/sphere/distance",
        title="distance on the unit sphere",
        source="D.3, after the classifier of Devroye et al.",
        statement="|x - y|^2 = 2 (1 - <x,y>) for |x| = |y| = 1",
        printed=2 * (1 - z),
        derive=squared_distance,
        witness=chord,
        points=INSIDE,
    ),
    Claim(
        tag="D.3/sphere/variance-first",
        title="variance of the first layer on the unit sphere",
        source="D.3, before (S45)",
        statement="Sigma_oo^(L)(1) = sigma_w^2/n0 + sigma_b^2, printed with (L), said besides "
        "Sigma_oo^(L)(1) = sigma_w^2 + sigma_b^2 for L >= 2; here L = 3",
        printed=s / n0 + beta,
        corrected=s + beta,
        note="the superscript (L) must be (1): only the first layer has variance sigma_w^2/n0 + sigma_b^2",
        derive=derived_variance_at_1,
        witness=variance_at_1,
        points=SPHERES[:1] + SPHERES[2:],
    ),
    Claim(
        tag="D.3/sphere/variance",
        title="variance of later layers on the unit sphere",
        source="D.3, before (S45)",
        statement="Sigma_oo^(L)(1) = sigma_w^2 + sigma_b^2 for L >= 2; here L = 3",
        printed=s + beta,
        derive=derived_variance_at_1,
        witness=variance_at_1,
        points=SPHERES,
    ),
    Claim(
        tag="S45/1",
        title="factor of the second layer on the unit sphere",
        source="D.3, equation (S45), first line",
        statement="Sdot_oo^(2)(z) = 2 sigma_w^2/pi (sigma_w^4/n0^2 (1 - z^2) + sigma_w^2 sigma_b^2/n0 2(1 "
        "- z))^(-1/2)",
        printed=factor * (kappa**2 * (1 - z**2) + kappa * beta * 2 * (1 - z)) ** -half,
        derive=second_factor,
        witness=factor_at,
        points=INSIDE,
        domain=DOMAIN,
    ),
    Claim(
        tag="S45/2",
        title="factor of the second layer, factored",
        source="D.3, equation (S45), second line",
        statement="Sdot_oo^(2)(z) = 2 sigma_w^2/pi (sigma_w^4/n0^2 (1 - z)(1 + z) + 2 sigma_w^2 "
        "sigma_b^2/n0 (1 - z))^(-1/2)",
        printed=factor * (kappa**2 * (1 - z) * (1 + z) + 2 * kappa * beta * (1 - z)) ** -half,
        derive=second_factor,
        witness=factor_at,
        points=INSIDE,
        domain=DOMAIN,
    ),
    Claim(
        tag="S45/3",
        title="factor of the second layer as z -> 1",
        source="D.3, equation (S45), third line",
        statement="Sdot_oo^(2)(z) ~ 2 sigma_w^2/pi (2 sigma_w^4/n0^2 (1 - z) + 2 sigma_w^2 sigma_b^2/n0 "
        "(1 - z))^(-1/2); here times (1 - z)^(1/2)",
        printed=leading(lambda x: factor * (2 * kappa**2 * x + 2 * kappa * beta * x) ** -half),
        derive=lambda: unit(angle(2).factors[1][0]),
        witness=factor_near_1(2),
        points=SPHERES,
    ),
    Claim(
        tag="S45/4",
        title="factor of the second layer as z -> 1, collected",
        source="D.3, equation (S45), fourth line",
        statement="Sdot_oo^(2)(z) ~ 2 sigma_w^2/pi (2 sigma_w^2/n0 (sigma_w^2/n0 + sigma_b^2))^(-1/2) (1 "
        "- z)^(-1/2); here times (1 - z)^(1/2)",
        printed=factor * (2 * kappa * (kappa + beta)) ** -half,
        derive=lambda: unit(angle(2).factors[1][0]),
        witness=factor_near_1(2),
        points=SPHERES,
    ),
    Claim(
        tag="S45",
        title="factor of the second layer as z -> 1, final form",
        source="D.3, equation (S45), last line",
        statement="Sdot_oo^(2)(z) ~ n0/pi (2 sigma_w^2/n0)^(1/2) (sigma_w^2/n0 + sigma_b^2)^(-1/2) (1 - "
        "z)^(-1/2); here times (1 - z)^(1/2)",
        printed=n0 / sp.pi * (2 * s / n0) ** half * (s / n0 + beta) ** -half,
        derive=lambda: unit(angle(2).factors[1][0]),
        witness=factor_near_1(2),
        points=SPHERES,
    ),
    Claim(
        tag="S46/1",
        title="factor of a later layer on the unit sphere",
        source="D.3, equation (S46), first line",
        statement="Sdot_oo^(L)(z) = 2 sigma_w^2/pi ((sigma_w^2 + sigma_b^2)^2 - Sigma_oo^(L-1)(z)^2)^(-1/2)",
        conditions="c = Sigma_oo^(L-1)(z), L >= 3",
        printed=factor * ((s + beta) ** 2 - c**2) ** -half,
        derive=lambda: limit_factor().subs({a: q, b: q}),
        witness=later_factor,
        points=HIDDEN,
    ),
    Claim(
        tag="S46/2",
        title="factor of a later layer, factored",
        source="D.3, equation (S46), second line",
        statement="Sdot_oo^(L)(z) = 2 sigma_w^2/pi ((sigma_w^2 + sigma_b^2 - Sigma_oo^(L-1)(z)) "
        "(sigma_w^2 + sigma_b^2 + Sigma_oo^(L-1)(z)))^(-1/2)",
        conditions="c = Sigma_oo^(L-1)(z), L >= 3",
        printed=factor * ((s + beta - c) * (s + beta + c)) ** -half,
        derive=lambda: limit_factor().subs({a: q, b: q}),
        witness=later_factor,
        points=HIDDEN,
    ),
    Claim(
        tag="S46",
        title="factor of a later layer as z -> 1",
        source="D.3, equation (S46), last line",
        statement="Sdot_oo^(L)(z) ~ 2 sigma_w^2/pi (2 (sigma_w^2 + sigma_b^2))^(-1/2) (sigma_w^2 + "
        "sigma_b^2 - Sigma_oo^(L-1)(z))^(-1/2); here times the square root of the gap",
        printed=factor * (2 * (s + beta)) ** -half,
        derive=lambda: limit(
            limit_factor().subs({a: q, b: q, c: q - u}, simultaneous=True) * sp.sqrt(u), u, sp.Integer(0)
        ),
        witness=later_factor_near_1,
        points=WEIGHTS,
    ),
)
