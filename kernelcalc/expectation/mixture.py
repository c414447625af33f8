"""The logistic function as a mixture of normal ones: tanh, sigmoid, sech^2, softplus, swish.

The logistic density is a scale mixture of normal densities over the Kolmogorov law (Andrews, Mallows 1974):

    sech(z)^2 = 2 E N(z; 0, K^2),   density of K:  f(k) = 8 k sum_n (-1)^(n-1) n^2 exp(-2 n^2 k^2),

so that tanh(z) = E erf(z/(sqrt(2) K)), and likewise for the integrals of tanh. The trapezoidal rule in log k
turns the expectation over K into a sum of COUNT terms that is uniformly exact, since f is analytic and decays
doubly exponentially at both ends. Every Gaussian expectation is then a sum of those that the engine derives
for erf, exp(-z^2) and z erf(z): no quadrature, for all variances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import mpmath as mp
import sympy as sp

from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, v, z

COUNT, STEP = 31, 0.105  # nodes and their distance in log k
CENTRE = -0.125  # of log k: both ends leave out equally little
ERROR = 1e-16  # more than that of sum_i w_i erf(z/(sqrt(2) k_i)) as tanh(z), for any z
DIGITS = 34
CHECKED = 4  # points beyond those that fix the coefficients

K = sp.Symbol("kappa_K", positive=True)
W = z / (sp.sqrt(2) * K)
HALF = sp.Rational(1, 2)
SCALE = sp.Symbol("scale_K", positive=True)


@dataclass(frozen=True)
class Family:
    """shape(z) = E component(z; K); the sum is wrong by at most ERROR (1 + growth |z|)."""

    shape: sp.Expr
    component: sp.Expr
    growth: int


FAMILIES = (
    Family(sp.tanh(z), sp.erf(W), 0),
    Family(1 / sp.cosh(z) ** 2, sp.sqrt(2 / sp.pi) / K * sp.exp(-(W**2)), 0),
    Family(z * sp.tanh(z), z * sp.erf(W), 1),
    Family(sp.log(2 * sp.cosh(z)), z * sp.erf(W) + sp.sqrt(2 / sp.pi) * K * sp.exp(-(W**2)), 1),
)


def density(k: mp.mpf) -> mp.mpf:
    """The density of the Kolmogorov law, by the series that converges fast at k."""
    if k > 1:
        return 8 * k * mp.nsum(lambda n: -((-1) ** int(n)) * n**2 * mp.exp(-2 * n**2 * k**2), [1, 12])
    odd = [(2 * m - 1) ** 2 * mp.pi**2 / 8 for m in range(1, 12)]
    return mp.sqrt(2 * mp.pi) / k**2 * sum((2 * t / k**2 - 1) * mp.exp(-t / k**2) for t in odd)


@lru_cache(maxsize=4)
def nodes(count: int = COUNT, step: float = STEP) -> tuple[tuple[mp.mpf, mp.mpf], ...]:
    """Pairs (k_i, w_i) with sech(z)^2 = 2 sum_i w_i N(z; 0, k_i^2)."""
    with mp.workdps(DIGITS):
        places = [mp.exp(CENTRE + step * (j - mp.mpf(count - 1) / 2)) for j in range(count)]
        return tuple((k, step * k * density(k)) for k in places)


@dataclass(frozen=True)
class Mixture:
    """f(z) = constant + slope z + amplitude * shape(scale z)."""

    family: Family
    scale: mp.mpf
    amplitude: mp.mpf
    slope: mp.mpf
    constant: mp.mpf


def mixture(f: Function) -> Mixture | None:
    """f in terms of one of the families, or None; decided at more points than there are coefficients."""
    if f.deltas or f.breakpoints:
        return None
    return _mixture(f.expr)


@lru_cache(maxsize=256)
def _mixture(expr: sp.Expr) -> Mixture | None:
    call = sp.lambdify(z, expr, "mpmath")
    for scale in _scales(expr):
        for family in FAMILIES:
            with mp.workdps(DIGITS + 6):
                found = _fitted(call, family, mp.mpf(str(sp.N(scale, DIGITS + 6))))
            if found is not None:
                return found
    return None


def _scales(expr: sp.Expr) -> list[sp.Expr]:
    """The slopes beta of tanh(beta z) that the exponentials in f may stand for."""
    found = set()
    for node in expr.atoms(sp.Function, sp.exp):
        slope = sp.diff(node.args[0], z) if node.args and node.args[0].is_polynomial(z) else sp.nan
        if slope.is_number and slope.is_real and slope != 0:
            found.add(abs(slope) / 2 if isinstance(node, sp.exp) else abs(slope))
            found.add(abs(slope))
    return sorted(found, key=float)


def _fitted(call: Callable[[mp.mpf], mp.mpf], family: Family, scale: mp.mpf) -> Mixture | None:
    shape = sp.lambdify(z, family.shape, "mpmath")
    points = [(mp.mpf(2 * i + 1) / 7 - mp.mpf(3) / 5) / scale for i in range(3 + CHECKED)]
    rows = mp.matrix([[shape(scale * x), x, 1] for x in points])
    values = mp.matrix([call(x) for x in points])
    try:
        solved = mp.lu_solve(rows[:3, :], values[:3])
    except ZeroDivisionError:
        return None
    wrong = max(abs(x) for x in rows * solved - values)
    tiny = mp.mpf(10) ** (6 - DIGITS) * max(abs(x) for x in values)
    if not wrong <= tiny or abs(solved[0]) <= tiny:
        return None
    amplitude, slope, constant = (x if abs(x) > tiny else mp.mpf(0) for x in solved)
    return Mixture(family, scale, amplitude, slope, constant)


# ---------------------------------------------------------------- expectations


@lru_cache(maxsize=64)
def _pair(left: sp.Expr, right: sp.Expr) -> Callable[..., mp.mpf]:
    """E left(X; k) right(Y; l), derived, as a function of (a, b, c, k, l)."""
    from kernelcalc.expectation.engine import derive_dual

    other = sp.Symbol("kappa_L", positive=True)
    f = Function("f", left, tuple((s, s) for s in left.free_symbols - {z}))
    g = Function("g", right.subs(K, other), tuple((s, s) for s in right.subs(K, other).free_symbols - {z}))
    form, _ = derive_dual(f, g)
    return sp.lambdify((a, b, c, K, other), form, "mpmath")  # type: ignore[no-any-return]  # SymPy is untyped


@lru_cache(maxsize=64)
def _single(left: sp.Expr) -> Callable[..., mp.mpf]:
    from kernelcalc.expectation.engine import derive_mean

    f = Function("f", left, tuple((s, s) for s in left.free_symbols - {z}))
    form, _ = derive_mean(f)
    return sp.lambdify((v, K), form, "mpmath")  # type: ignore[no-any-return]  # SymPy is untyped


def mean(f: Mixture, variance: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """E f(Z), Z ~ N(0, variance), and a bound of its error."""
    with mp.workdps(DIGITS):
        call, scaled = _single(f.family.component), f.scale**2 * variance
        total = mp.fsum(w * call(scaled, k) for k, w in nodes())
        return f.constant + f.amplitude * total, _size(f, variance)


def dual(f: Mixture, g: Mixture, va: mp.mpf, vb: mp.mpf, cov: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """E f(X) g(Y), (X, Y) ~ N(0, [[va, cov], [cov, vb]]), and a bound of its error."""
    with mp.workdps(DIGITS):
        scaled = f.scale**2 * va, g.scale**2 * vb, f.scale * g.scale * cov
        call = _pair(f.family.component, g.family.component)
        total = mp.fsum(
            w * u * (2 if i < j and f == g and va == vb else 1) * call(*scaled, k, h)
            for i, (k, w) in enumerate(nodes())
            for j, (h, u) in enumerate(nodes())
            if i <= j or f != g or va != vb
        )
        value = f.amplitude * g.amplitude * total + f.constant * g.constant + f.slope * g.slope * cov
        for m, n, variance in ((f, g, vb), (g, f, va)):
            value += m.constant * n.amplitude * _mean_of_shape(n, variance)
            if m.slope:  # E X n(Y) = cov/b E Y n(Y)
                value += m.slope * cov / variance * n.amplitude * _moment_of_shape(n, variance)
        return value, _size(f, va) * _norm(g, vb) + _size(g, vb) * _norm(f, va)


def _mean_of_shape(f: Mixture, variance: mp.mpf) -> mp.mpf:
    call = _single(f.family.component)
    return mp.fsum(w * call(f.scale**2 * variance, k) for k, w in nodes())


def _moment_of_shape(f: Mixture, variance: mp.mpf) -> mp.mpf:
    """E Y shape(scale Y)."""
    call = _single(z * f.family.component)
    return mp.fsum(w * call(f.scale**2 * variance, k) for k, w in nodes()) / f.scale


def _size(f: Mixture, variance: mp.mpf) -> mp.mpf:
    """A bound of the root mean square of the error of the mixture."""
    return ERROR * abs(f.amplitude) * (1 + f.family.growth * f.scale * mp.sqrt(variance))


def _norm(f: Mixture, variance: mp.mpf) -> mp.mpf:
    """A bound of sqrt(E f^2)."""
    deviation = mp.sqrt(variance)
    shape = 1 + f.family.growth * f.scale * deviation
    return abs(f.constant) + abs(f.slope) * deviation + abs(f.amplitude) * shape
