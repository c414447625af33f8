"""Symbols and tools of the files on section D.1: vectors in the plane, plane integrals, limits m -> oo.

The dimension is d = 2. Sigma = R^2 with its symmetric root R = [[s_1, s_3], [s_3, s_2]], s_1 s_2 > s_3^2, so
that Sigma^(1/2) stays free of nested roots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, z
from kernelcalc.verify.claim import Point

Number = Any  # mpf; mpmath carries no types

lam = sp.Symbol("lambda", positive=True)
x1, x2, y1, y2, v1, v2, s3 = sp.symbols("x_1 x_2 y_1 y_2 v_1 v_2 s_3", real=True)
s1, s2 = sp.symbols("s_1 s_2", positive=True)
X, Y, V = sp.Matrix([x1, x2]), sp.Matrix([y1, y2]), sp.Matrix([v1, v2])
ROOT = sp.Matrix([[s1, s3], [s3, s2]])
SIGMA = ROOT * ROOT
ROOT_DOMAIN = {s2: (sp.Symbol("delta", positive=True) + s3**2) / s1}

# a = x'Sigma x, b = y'Sigma y, c = x'Sigma y: the covariance of U'x and U'y
PAIR = {a: (X.T * SIGMA * X)[0], b: (Y.T * SIGMA * Y)[0], c: (X.T * SIGMA * Y)[0]}

# variances and covariances: a != b, c = 0, c < 0, correlation 0.99
LAWS: tuple[dict[sp.Symbol, sp.Rational], ...] = tuple(
    dict(zip((a, b, c), map(sp.Rational, text.split()), strict=True))
    for text in ("1 2 1/2", "3/2 1/3 0", "2 1 -1", "1 1 99/100")
)


def points(symbols: Sequence[sp.Symbol], *texts: str) -> tuple[Point, ...]:
    """Points from lines of numbers in the order of the symbols."""
    return tuple(dict(zip(symbols, map(sp.Rational, text.split()), strict=True)) for text in texts)


VECTORS = (x1, x2, y1, y2, s1, s2, s3)
VECTOR_TEXTS = (  # among them c < 0, correlation 0.99, c = 0
    "1 -1/2 1/3 1 1 3/4 1/4",
    "1/2 1/2 1 -1/3 2/3 1 -1/2",
    "1 1/2 1 2/3 3/4 1/2 0",
    "2/3 1 -3/2 1/4 1/2 1 0",
)
VECTOR_POINTS = points(VECTORS, *VECTOR_TEXTS)
V_TEXTS = ("1 -1/2", "1/3 1/4", "-1 1", "0 2")  # v_1, v_2
RAY = (*VECTORS, lam)
RAY_TEXTS = [f"{text} {ray}" for text, ray in zip(VECTOR_TEXTS, ("2", "1/2", "3/2", "1/3"), strict=True)]
RAY_POINTS = points(RAY, *RAY_TEXTS)

# gamma(lambda) of Lemma D.2
gamma = 2 * lam * c / sp.sqrt((1 + 2 * lam**2 * a) * (1 + 2 * b))


def closed(f: Function, g: Function | None = None) -> sp.Expr:
    """The engine's closed form of E f(X) g(Y) in a, b, c."""
    expr = kc.dual(f, g).expr
    assert expr is not None
    return expr


def on_diagonal(f: Function) -> sp.Expr:
    """The engine's closed form of E f(X)^2 in a."""
    expr = kc.dual(f).diagonal
    assert expr is not None
    return expr


def number(value: Any) -> Number:
    """A rational number at the working precision."""
    return mp.mpf(int(value.p)) / int(value.q)


def numeric(matrix: sp.Matrix, point: Point) -> Number:
    """A matrix of symbols and integers at the point."""
    rows = matrix.xreplace(dict(point)).tolist()
    return mp.matrix([[number(entry) for entry in row] for row in rows])


# ---------------------------------------------------------------- plane integrals


@lru_cache(maxsize=1)
def _gaussian() -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
    """The integral of exp(-(p t^2 + 2 q t w + r w^2)/2), r = (D + q^2)/p, over the plane, first in t."""
    p, D = sp.symbols("p D", positive=True)
    q, t, w = sp.symbols("q t w", real=True)
    inner = trace.integrate(sp.exp(-(p * t**2 + 2 * q * t * w) / 2), (t, -sp.oo, sp.oo))
    whole = trace.integrate(sp.powsimp(inner * sp.exp(-(D + q**2) / p * w**2 / 2)), (w, -sp.oo, sp.oo))
    return trace.simplify(whole), (p, D, q)


def gaussian_integral(matrix: sp.Matrix) -> sp.Expr:
    """The integral of exp(-v'Mv/2) over the plane for positive definite M, derived."""
    form, (p, D, q) = _gaussian()
    return form.xreplace({p: matrix[0, 0], D: matrix.det(), q: matrix[0, 1]})


def plane(g: Callable[[Number, Number], Number], width: Number, digits: int) -> Number:
    """E g(N1, N2), N1 and N2 independent standard normal, g even in (N1, N2): the trapezoidal rule.

    width: such that the Fourier transform of the integrand decays like exp(-(width k)^2/2); the error then
    falls like exp(-2 (pi width/step)^2). Raises ArithmeticError if two grids, shifted by half a step against
    each other, disagree.
    """
    with mp.workdps(digits + 10):
        exponent = mp.log(10) * (digits + 6)
        step, edge = width * mp.pi * mp.sqrt(2 / exponent), mp.sqrt(2 * exponent)
        plain, shifted = (_grid_sum(g, step, edge, shift) for shift in (mp.mpf(0), step / 2))
        if abs(plain - shifted) > mp.mpf(10) ** -digits:
            raise ArithmeticError(f"plane integral: two grids differ by {mp.nstr(plain - shifted, 3)}")
        return (plain + shifted) / 2


def _grid_sum(g: Callable[[Number, Number], Number], step: Number, edge: Number, shift: Number) -> Number:
    """The sum over the disc, from the half t > 0 and, if the grid has it, the line t = 0."""
    n = int(mp.ceil(edge / step))
    nodes = [(t, mp.exp(-t * t / 2)) for t in (shift + step * i for i in range(-n, n + 1)) if abs(t) <= edge]
    total = mp.mpf(0)
    for t, p in nodes:
        if t >= 0:
            row = mp.fsum(q * g(t, w) for w, q in nodes if t * t + w * w <= edge * edge)
            total += (2 if t else 1) * p * row
    return total * step**2 / (2 * mp.pi)


def error(u: Number) -> Number:
    """erf at the working precision, at once where it is 1: 1 - erf(u) < exp(-u^2)."""
    return mp.sign(u) if u * u > mp.log(10) * mp.mp.dps else mp.erf(u)


def along_first(p: Number, q: Number) -> tuple[Number, Number, Number]:
    """(|p|, q_1, q_2): two vectors in the plane after a rotation that puts p on the first axis."""
    size = mp.norm(p)
    return size, (p[0] * q[0] + p[1] * q[1]) / size, (p[0] * q[1] - p[1] * q[0]) / size


# ---------------------------------------------------------------- dV/dlambda of Lemma D.2


@lru_cache(maxsize=64)
def _slope(t: sp.Rational, p: sp.Rational, q: sp.Rational, r: sp.Rational, digits: int) -> Any:
    first = Function("d/dlambda erf(lambda z)", 2 * z / sp.sqrt(sp.pi) * sp.exp(-(t**2) * z**2))
    return quadrature.dual(first, kc.Erf(), p, q, r, digits=digits)


def slope(point: Point, digits: int) -> Any:
    """dV/dlambda = E[2 X/sqrt(pi) exp(-lambda^2 X^2) erf(Y)] from the law of (X, Y) = (U'x, U'y)."""
    law = (key if key in point else PAIR[key] for key in (a, b, c))
    return _slope(point[lam], *(sp.sympify(entry).subs(dict(point)) for entry in law), digits)


# ---------------------------------------------------------------- limits m -> oo


def far(digits: int) -> int:
    """An m so large that remainders of relative size 1/m are not seen."""
    return int(10 ** (digits + 8))


def erf_pair(m: Any, var_x: Any, var_y: Any, cov: Any, digits: int) -> Number:
    """E erf(mX) erf(mY), over X: the mean of erf(mY) given X is erf of a multiple of X."""
    m = sp.sympify(m)
    flat = m * cov / var_x / sp.sqrt(1 + 2 * m**2 * (var_y - cov**2 / var_x))
    product = Function("erf(m z) erf(k z)", sp.erf(m * z) * sp.erf(flat * z))
    return quadrature.mean(product, var_x, digits=digits)


def slope_pair(m: Any, var_x: Any, var_y: Any, cov: Any, digits: int) -> Number:
    """E erf_m'(X) erf_m'(Y) = 4 E p(N/(sqrt(2) m)), p the density of (X, Y): erf'/2 is that of N/sqrt(2)."""
    p, q, r, det = map(number, (var_x, var_y, cov, var_x * var_y - cov**2))
    spread = 2 * m**2 * det

    def density(t: Number, w: Number) -> Number:
        return mp.exp(-(q * t * t - 2 * r * t * w + p * w * w) / (2 * spread))

    narrow = 1 / mp.sqrt(1 + (p + q) / spread)
    return 4 * plane(density, narrow, digits) / (2 * mp.pi * mp.sqrt(det))


def slope_line(m: Any, var: Any, k: Any, digits: int) -> Number:
    """E erf_m'(X) erf_m'(kX) = 4m/pi Int exp(-(1 + k^2)u^2) p(u/m) du with p the density of X: x = u/m."""
    flat = Function("p(u/m)", sp.exp(-(z**2) / (2 * var * sp.Integer(m) ** 2)) / sp.sqrt(2 * sp.pi * var))
    mean = quadrature.mean(flat, 1 / (2 * (1 + k**2)), digits=digits)
    return 4 * m / mp.pi * mp.sqrt(mp.pi / number(1 + k**2)) * mean
