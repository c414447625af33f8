"""Remark D.3: is the Gaussian process of a sign network sample-continuous on the sphere?

On a sphere Sigma_oo^(L) is a function k(r) of r = |x - y|. The remark says that k is not Lipschitz at 0,
because arcsin is not at 1, and gives up the Kolmogorov-Chentsov criterion. But 1 - <x,y>/|x|^2 is quadratic
in r, so k(0) - k(r) goes like r for L = 2 and like r^(2^(2-L)) in general; and the increments being
Gaussian, their moments of order 2p go like the p-th power of that. So the criterion asks no more than p
2^(2-L) > n0 - 1, which some p fulfils at any depth.
"""

from __future__ import annotations

import itertools

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.kernels import Kernel
from kernelcalc.limits import SmallAngle, small_angle
from kernelcalc.quadrature import mean
from kernelcalc.symbols import a, b, c, n0, sigma_b, sigma_w, xx
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import Inputs, Number, Point, number, opposite, sign_layers
from .d2_covariance_limits import beta, s

half = sp.Rational(1, 2)
DEPTHS = (2, 3, 4, 5)
RADIUS2 = sp.Symbol("xx", positive=True)  # |x|^2 = |y|^2 on the sphere

SPHERE = tuple(
    dict(zip((sigma_w, sigma_b, n0, RADIUS2), map(sp.Rational, values), strict=True))
    for values in (
        ("3/2", "1/2", 3, "2"),
        ("1", "0", 2, "1"),
        ("4/3", "2/5", 5, "7/2"),
        ("1/2", "3/2", 4, "1/3"),
    )
)
PAIRS = tuple(
    dict(zip((sigma_w, sigma_b, a, b, c), map(sp.Rational, values), strict=True))
    for values in (
        ("3/2", "1/2", "2", "1", "-1/2"),
        ("1", "0", "1", "3", "0"),
        ("4/3", "2/5", "7/2", "2", "5/3"),
        ("2", "1/10", "1", "1", "999/1000"),
        ("1/2", "3/2", "3", "5/2", "-27/10"),
    )
)


def angle(depth: int) -> SmallAngle:
    return small_angle(sign_kernel(depth))


def sign_kernel(depth: int) -> Kernel:
    return kc.NNGP(kc.Erf(), depth, sigma_w=sigma_w, sigma_b=sigma_b).limit("m", kc.oo)


def gap(depth: int) -> tuple[sp.Expr, sp.Expr]:
    """k(0) - k(r) ~ K r^e: (K, e) from the expansion in u = 1 - cos(angle) = r^2 / (2 |x|^2)."""
    coefficient, power = angle(depth).gaps[-1]
    return coefficient / (2 * RADIUS2) ** power, 2 * power


def inverse_lipschitz(depth: int) -> sp.Expr:
    """The limit of r / (k(0) - k(r)) as r -> 0."""
    coefficient, power = gap(depth)
    r = sp.Symbol("r", positive=True)
    return trace.limit(r ** (1 - power), r, 0) / coefficient


def gaps_at(point: Point, r: Number, depth: int = DEPTHS[-1]) -> list[Number]:
    """k(0) - k(r) for L = 2, ..., depth by quadrature."""
    sphere = Inputs.of({**point, xx: point[RADIUS2]})
    return [layer.gap for layer in sign_layers(sphere, depth, r**2 / (2 * sphere.xx))[1:]]


def close(digits: int) -> Number:
    """A distance r at which the next order of k(0) - k(r) is not seen at any of the depths."""
    return mpf(10) ** -((digits + 10) * 2 ** (DEPTHS[-1] - 2))


def watched_inverse_lipschitz(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        return close(digits) / gaps_at(point, close(digits), depth)[-1]

    return witness


def exponents(point: Point, digits: int) -> Number:
    """log(gap(10 r) / gap(r)) / log 10 for every depth."""
    far, near = (gaps_at(point, x * close(digits)) for x in (10, 1))
    return mp.matrix([mp.log(x / y, 10) for x, y in zip(far, near, strict=True)])


def moments_needed(point: Point, digits: int) -> Number:
    """For every depth 1/p for the least p with E|Z_x - Z_y|^(2p) = O(r^(n0 - 1 + eps)), by quadrature."""
    tiny = mpf(10) ** -(digits // 2)  # an exponent equal to n0 - 1 is not enough
    needed = []
    for far, near in zip(*(gaps_at(point, x * close(digits)) for x in (10, 1)), strict=True):
        for p in itertools.count(1):
            moments = [mean(kc.Monomial(2 * p), 2 * gap, digits=digits) for gap in (far, near)]
            if mp.log(moments[0] / moments[1], 10) > number(point[n0]) - 1 + tiny:
                needed.append(mpf(1) / p)
                break
    return mp.matrix(needed)


def derived_moment() -> sp.Matrix:
    """(n0 - 1)/e is whole for every e = 2^(2-L), so the least p above it is the next number."""
    needed = []
    for depth in DEPTHS:
        bound = (n0 - 1) / gap(depth)[1]
        assert bound.is_integer
        needed.append(1 / (bound + 1))
    return sp.Matrix(needed)


def sign_covariance(point: Point, digits: int) -> Number:
    first, second, cross = (number(point[key]) for key in (a, b, c))
    return (
        number(point[sigma_w]) ** 2 * (1 - 2 * opposite(cross / mp.sqrt(first * second - cross**2)))
        + number(point[sigma_b]) ** 2
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/remark/arccos",
        title="the covariance in terms of arccos",
        source="Remark D.3, last paragraph",
        statement="Sigma_oo^(2) = sigma_w^2 (1 - 2/pi arccos(c / sqrt(a b))) + sigma_b^2",
        printed=s * (1 - 2 / sp.pi * sp.acos(c / sp.sqrt(a * b))) + beta,
        derive=lambda: sign_kernel(2).covariance_map(),
        witness=sign_covariance,
        points=PAIRS,
    ),
    Claim(
        tag="D.3/remark/arc-cosine-kernel",
        title="the covariance is an arc-cosine kernel of order 0",
        source="Remark D.3, last paragraph (Cho and Saul 2009)",
        statement="Sigma_oo^(2) = sigma_w^2 (2 k_0 - 1) + sigma_b^2, k_0 = 1 - theta/pi = 2 E[1(X > 0) "
        "1(Y > 0)]",
        printed=s * (2 * (1 - sp.acos(c / sp.sqrt(a * b)) / sp.pi) - 1) + beta,
        derive=lambda: s * (4 * kc.NNGP(kc.Heaviside(), 2).covariance_map() - 1) + beta,
        witness=sign_covariance,
        points=PAIRS,
    ),
    Claim(
        tag="D.3/remark/lipschitz-2",
        title="Lipschitz continuity of the covariance function at 0, L = 2",
        source="Remark D.3",
        statement="k is not Lipschitz at 0: r / (k(0) - k(r)) -> 0 as r = |x - y| -> 0 (on a sphere)",
        conditions="L = 2",
        printed=0,
        corrected=sp.pi / (2 * s) * sp.sqrt((n0 * beta + s * RADIUS2) / s),
        note="for L = 2 the covariance function is Lipschitz at 0: arcsin has a square root at 1, "
        "but its argument is quadratic in r",
        derive=lambda: inverse_lipschitz(2),
        witness=watched_inverse_lipschitz(2),
        points=SPHERE,
    ),
    Claim(
        tag="D.3/remark/lipschitz-3",
        title="Lipschitz continuity of the covariance function at 0, L = 3",
        source="Remark D.3",
        statement="k is not Lipschitz at 0: r / (k(0) - k(r)) -> 0 as r = |x - y| -> 0 (on a sphere)",
        conditions="L = 3",
        printed=0,
        derive=lambda: inverse_lipschitz(3),
        witness=watched_inverse_lipschitz(3),
        points=SPHERE,
        digits=30,
    ),
    Claim(
        tag="D.3/remark/hoelder",
        title="Hoelder exponent of the covariance function at 0",
        source="kernelcalc: beyond the paper (Remark D.3)",
        statement="k(0) - k(r) ~ K r^(2^(2-L)) as r -> 0, L = 2, 3, 4, 5",
        printed=sp.Matrix([2 ** sp.Integer(2 - depth) for depth in DEPTHS]),
        derive=lambda: sp.Matrix([gap(depth)[1] for depth in DEPTHS]),
        witness=exponents,
        points=SPHERE[:2],
    ),
    Claim(
        tag="D.3/remark/kolmogorov-chentsov",
        title="moments that suffice for the Kolmogorov-Chentsov criterion",
        source="Remark D.3",
        statement="sample-continuity cannot be shown by the criterion: no p has E|Z_x - Z_y|^(2p) = "
        "O(r^(n0-1+eps)), eps > 0; as numbers 1/p for L = 2, 3, 4, 5",
        printed=sp.Matrix([0] * len(DEPTHS)),
        corrected=sp.Matrix([1 / ((n0 - 1) * 2 ** sp.Integer(depth - 2) + 1) for depth in DEPTHS]),
        note="Gaussian increments have moments of every order, and p = (n0 - 1) 2^(L-2) + 1 suffices at "
        "depth L",
        derive=derived_moment,
        witness=moments_needed,
        points=SPHERE[:2],
        digits=30,
    ),
)
