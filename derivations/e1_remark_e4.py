"""Remark E.4: the symmetrised generalised kernel in closed form, and where it is not positive definite.

Unrolling the recursion gives the kernel as a sum over layers of Sigma^(k) times the factors above it; since
Sigma^(k) is symmetric, symmetrising touches the products only. The remark asks whether the result is positive
definite. For the sign function without bias it is not: at parallel inputs of different length its determinant
is negative.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.symbols import n0, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number

DEPTH = 4
S = sp.symbols(f"S_1:{DEPTH + 1}", real=True)  # Sigma^(k)(x, x') = Sigma^(k)(x', x)
FORTH = sp.symbols(f"t_2:{DEPTH + 1}", real=True)  # Sigma~_12^(l)(x, x'), l = 2, ..., L
BACK = sp.symbols(f"u_2:{DEPTH + 1}", real=True)  # Sigma~_12^(l)(x', x)


def unrolled(factors: tuple[sp.Symbol, ...]) -> sp.Expr:
    return sum(S[k] * sp.prod(factors[k:]) for k in range(DEPTH))


Value = Any  # an expression or a number


def recursion(covariances: tuple[Value, ...], factors: tuple[Value, ...]) -> Value:
    """I^(L) by (S60), (S61)."""
    value = covariances[0]
    for covariance, factor in zip(covariances[1:], factors, strict=True):
        value = covariance + value * factor
    return value


def symmetrised(point: Point, digits: int) -> mp.mpf:
    levels = [tuple(number(point[p]) for p in group) for group in (S, FORTH, BACK)]
    return (recursion(levels[0], levels[1]) + recursion(levels[0], levels[2])) / 2


ENTRIES = (
    (1, "1/2", "-1/3", "2/3", "1/2", 2, "-1", "3/4", "1/3", "5/2"),
    ("1/7", 2, "3/2", 1, -1, "1/3", "1/5", "2/3", 1, "-1/2"),
    (0, 1, "5/3", "-2", "1/4", "1/9", 3, "1/6", 0, "1/8"),
)
POINTS = tuple(dict(zip((*S, *FORTH, *BACK), row, strict=True)) for row in ENTRIES)

# -- the determinant of S^(2) at x and r x, |x|^2 = p, sign with surrogate derivative erf', sigma_b = 0

p, r = sp.symbols("p r", positive=True)


def parallel_determinant() -> sp.Expr:
    kernel = kc.SGNTK(kc.Sign(), ERF_SLOPE, 2, sigma_w=sigma_w, sigma_b=0)
    ends = [kernel.expr(same=True).subs(xx, square) for square in (p, r**2 * p)]
    # inputs are parallel in the limit of the angle only: <x, y> = sqrt(1 - g) |x| |y|
    g = sp.Symbol("g", positive=True)
    between = [
        kernel.expr().subs({xx: u, yy: v, xy: sp.sqrt(1 - g) * r * p}, simultaneous=True)
        for u, v in ((p, r**2 * p), (r**2 * p, p))
    ]
    off = sum(trace.limit(form, g, 0) for form in between) / 2
    return ends[0] * ends[1] - off**2


def parallel_witness(point: Point, digits: int) -> mp.mpf:
    """The same from quadrature on the line of the singular covariance, Y = r X or Y = X / r."""
    weight, square, ratio = point[sigma_w] ** 2, point[p] / point[n0], point[r]
    sizes = (weight * square, weight * square * ratio**2)

    def entry(a: sp.Rational, b: sp.Rational, c: sp.Rational) -> mp.mpf:
        sign = quadrature.dual(kc.Sign(), kc.Sign(), a, b, c, digits=digits)
        factor = quadrature.dual(kc.Sign().derivative, ERF_SLOPE, a, b, c, digits=digits)
        return number(weight) * (sign + number(c) * factor)

    cross = weight * square * ratio
    ends = [entry(size, size, size) for size in sizes]
    off = (entry(*sizes, cross) + entry(sizes[1], sizes[0], cross)) / 2
    return ends[0] * ends[1] - off**2


ERF_SLOPE = kc.Erf().derivative

CLAIMS = (
    Claim(
        tag="E.4/closed",
        title=f"closed form of the generalised kernel, depth {DEPTH}",
        source="Remark E.4, second line",
        statement="I^(L)(x,x') = sum_{k=1}^L Sigma^(k)(x,x') prod_{l=k}^{L-1} Sigma~_12^(l+1)(x,x')",
        printed=unrolled(FORTH),
        derive=lambda: recursion(S, FORTH),
        witness=lambda point, _: recursion(
            tuple(number(point[q]) for q in S), tuple(number(point[q]) for q in FORTH)
        ),
        points=POINTS,
    ),
    Claim(
        tag="E.4/symmetrised",
        title=f"closed form of the symmetrised kernel, depth {DEPTH}",
        source="Remark E.4, last line",
        statement="S^(L)(x,x') = sum_k Sigma^(k)(x,x') 1/2 (prod_l Sigma~_12^(l+1)(x,x')"
        " + prod_l Sigma~_12^(l+1)(x',x))",
        printed=sum(S[k] * (sp.prod(FORTH[k:]) + sp.prod(BACK[k:])) / 2 for k in range(DEPTH)),
        derive=lambda: (recursion(S, FORTH) + recursion(S, BACK)) / 2,
        witness=symmetrised,
        points=POINTS,
    ),
    Claim(
        tag="E.4/indefinite",
        title="S^(2) is not positive definite: its determinant at x and r x, sign with surrogate erf'",
        source="Remark E.4, the question asked there",
        statement="det S^(2)({x, rx}) = -2 sigma_w^6 |x|^2 (r - 1)^2 / (pi^2 n0), no bias",
        printed=-2 * sigma_w**6 * p * (r - 1) ** 2 / (sp.pi**2 * n0),
        derive=parallel_determinant,
        witness=parallel_witness,
        points=(
            {p: 1, r: 2, sigma_w: 1, n0: 2},
            {p: "3/2", r: "1/3", sigma_w: "3/2", n0: 3},
            {p: "1/4", r: 5, sigma_w: 2, n0: 1},
        ),
        conditions="sigma_b = 0, r > 0; then also a neighbourhood of such pairs",
    ),
)
