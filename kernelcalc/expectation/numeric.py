"""Float64 values of Gaussian expectations that have no closed form, each with a bound of its error.

E f(X) g(Y) is the Mehler series  sum_k rho^k f_k g_k,  f_k = E[f(sqrt(a) U) h_k(U)] in orthonormal Hermite
polynomials h_k of a standard normal U. Cut at k = K it is wrong by at most |rho|^K tail_f tail_g,
tail_f^2 = E (f - sum_{k<K} f_k h_k)^2 (Cauchy-Schwarz). The coefficients are integrals over panels that end
at every kink and jump and are halved until a Legendre series resolves f; two rules tell their error. Masses
of f meet g by conditioning: Y | X = t ~ N(ct/a, D/a). What float64 loses inside of f itself is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import sympy as sp
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from scipy.special import expit

from kernelcalc import gauss
from kernelcalc.functions import analysis
from kernelcalc.functions.base import Function
from kernelcalc.functions.periodic import nearest, rising
from kernelcalc.symbols import z

Vector = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
RULES = tuple(gauss.rule(order) for order in (16, 20))
LEGENDRE = (legvander(RULES[0][0], 15) * (2 * np.arange(16) + 1) / 2 * RULES[0][1][:, None]).T
REACH = (
    12.0,
    16.0,
    22.0,
    30.0,
    37.0,
)  # in standard deviations; one of them is enough unless E f^2 is infinite
WIDTH = 0.5  # of a panel at most: it resolves Hermite functions up to degree 1024
GRID = 4097  # points among which the largest value is sought
MOST = 4096  # panels halved at once
FINEST = -8  # next to a kink, 0 and the highest peak the first panels have the width 2^FINEST in z
STEP = 1 / 24  # where Hermite functions up to degree 1024 are summed
COUNTS = (64, 256, 1024)  # terms of the series tried in turn
ENOUGH = 8 * EPS  # of the norms of f and g: what a longer series cannot better
STEADY = {"logaddexp": np.logaddexp, "expit": expit}


class Bounded(NamedTuple):
    """A value and a bound of its absolute error."""

    value: float
    bound: float

    def plus(self, other: Bounded) -> Bounded:
        return Bounded(self.value + other.value, self.bound + other.bound)

    def times(self, other: Bounded) -> Bounded:
        value = self.value * other.value
        errors = abs(self.value) * other.bound + abs(other.value) * self.bound + self.bound * other.bound
        return Bounded(value, errors + EPS * abs(value))


def _number(x: sp.Expr) -> Bounded:
    return Bounded(float(x), EPS * abs(float(x)))


UNKNOWN = Bounded(float("nan"), float("inf"))


class Coefficients(NamedTuple):
    """Hermite coefficients of a function, bounds of their errors, the norm sqrt(E f^2), and that of what the
    coefficients leave over."""

    values: Vector
    errors: Vector
    norm: float
    tail: float


class _Unresolved(Exception):
    """Not finite, not square integrable, or too steep for float64."""


# ---------------------------------------------------------------- a function of a float, panels, integrals


def _steady(expr: sp.Expr) -> sp.Expr:
    """log(1 + exp(x)), 1 - tanh(x)^2 and 1 +- tanh(x) in forms that keep their digits where these vanish."""
    x = sp.Wild("x")
    expr = expr.replace(1 - sp.tanh(x) ** 2, lambda x: 1 / sp.cosh(x) ** 2)
    expr = expr.replace(sp.log(1 + sp.exp(x)), lambda x: sp.Function("logaddexp")(0, x))
    return expr.replace(lambda e: e.is_Add and e.has(sp.tanh), _one_sided)


def _one_sided(total: sp.Expr) -> sp.Expr:
    one = total.as_coeff_Add()[0]
    for term in total.args:
        weight, tanh = term.as_coeff_Mul()
        if isinstance(tanh, sp.tanh) and one in (weight, -weight):
            side = one / weight
            return total - one - term + 2 * one * sp.Function("expit")(2 * side * tanh.args[0])
    return total


@lru_cache(maxsize=256)
def _values(f: Function) -> Callable[[Vector], Vector]:
    """The regular part as a map of float64 arrays; each analytic piece is evaluated by its own formula."""
    if f.expr.has(nearest, rising):  # pieces without end
        raise _Unresolved
    pieces = analysis.pieces(f.expr)
    starts = np.array([float(piece.lo) for piece in pieces[1:]])
    calls = [sp.lambdify(z, _steady(piece.expr), [STEADY, "scipy", "numpy"]) for piece in pieces]

    def values(x: Vector) -> Vector:
        found = np.empty_like(x)
        with np.errstate(all="ignore"):
            found[:] = calls[0](x)  # a constant piece gives a number
            for start, call in zip(starts, calls[1:], strict=True):
                np.copyto(found, call(x), where=x > start)
        if not np.isfinite(found).all():
            raise _Unresolved
        return found

    return values


def _root_density(u: Vector) -> Vector:
    """The square root of the standard normal density."""
    root: Vector = np.exp(-(u**2) / 4) / (2 * np.pi) ** 0.25
    return root


@lru_cache(maxsize=1024)
def _panels(f: Function, mu: float, sd: float) -> tuple[Vector, Vector]:
    """Middles and half widths of panels that resolve f(mu + sd u) times the root of the density of u."""
    values = _values(f)

    def weighted(u: Vector) -> Vector:
        return values(mu + sd * u) * _root_density(u)

    breaks = [(float(t) - mu) / sd for t in f.breakpoints]
    inner = max([8.0, *(abs(t) for t in breaks if abs(t) <= REACH[-1])])
    grid = np.linspace(-inner, inner, GRID)
    sizes = np.abs(weighted(grid))
    top = float(sizes.max())
    ends = ((r, float(np.abs(weighted(np.array([-r, r]))).max())) for r in REACH if r >= inner)
    reach = next((r for r, size in ends if size <= EPS**2 * top), None)
    if reach is None or top == 0:
        raise _Unresolved
    marks = np.array([*breaks, -mu / sd, grid[sizes.argmax()]])  # no peak is overlooked,
    steps = np.ldexp(1 / sd, np.arange(FINEST, max(FINEST, int(np.log2(WIDTH * sd))) + 1))
    steps = np.concatenate([-steps, [0.0], steps])[:, None]  # however narrow at the scale of the deviation
    cuts = [*np.arange(-reach, reach + WIDTH, WIDTH), *(marks + steps).ravel()]
    edges = np.unique([t for t in cuts if abs(t) <= reach])
    mids, halves = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    done = []
    for _ in range(60):
        found = weighted((mids[:, None] + halves[:, None] * RULES[0][0]).ravel()).reshape(-1, 16) @ LEGENDRE.T
        top = max(top, float(np.abs(found).max()))
        rough = np.abs(found[:, -3:]).max(axis=1) * np.minimum(halves, 1.0) > EPS * top
        done.append((mids[~rough], halves[~rough]))
        if not rough.any():
            joined = [np.concatenate(parts) for parts in zip(*done, strict=True)]
            return joined[0], joined[1]
        if rough.sum() > MOST:  # noise
            break
        halves = np.repeat(halves[rough] / 2, 2)
        mids = np.repeat(mids[rough], 2) + halves * np.tile([-1.0, 1.0], rough.sum())
    raise _Unresolved


def _nodes(panels: tuple[Vector, Vector], rule: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
    mids, halves = panels
    return (mids[:, None] + halves[:, None] * rule[0]).ravel(), (halves[:, None] * rule[1]).ravel()


def _regular_mean(f: Function, mu: float, sd: float) -> Bounded:
    """E of the regular part at N(mu, sd^2)."""
    if f.expr == 0:
        return Bounded(0.0, 0.0)
    sums = []
    for rule in RULES:
        u, weights = _nodes(_panels(f, mu, sd), rule)
        terms = weights * _values(f)(mu + sd * u) * _root_density(u) ** 2
        sums.append((float(terms.sum()), float(np.abs(terms).sum())))
    (first, _), (second, size) = sums
    return Bounded(second, 2 * abs(first - second) + 16 * EPS * (1 + abs(mu) / sd) * size)


@lru_cache(maxsize=1024)
def coefficients(f: Function, sd: float, count: int) -> Coefficients:
    """The first Hermite coefficients of the regular part of f(sd U)."""
    found, norms, tails = [], [], []
    for rule in RULES:
        u, weights = _nodes(_panels(f, 0.0, sd), rule)
        values = _values(f)(sd * u) * _root_density(u)
        norms.append(float(np.sqrt(np.sum(weights * values**2))))
        before, now = np.zeros_like(u), _root_density(u)  # Hermite functions: bounded for every degree
        row, left = np.empty(count), values.copy()
        for k in range(count):
            row[k] = np.sum(weights * values * now)
            left -= row[k] * now
            before, now = now, (u * now - np.sqrt(k) * before) / np.sqrt(k + 1)
        found.append(row)
        tails.append(float(np.sum(weights * left**2)))
    errors = 2 * np.abs(found[0] - found[1]) + 4 * EPS * norms[1]
    if f.parity:
        odd = np.arange(count) % 2 == (1 if f.parity == "even" else 0)
        found[1][odd] = errors[odd] = 0.0
    inside, beyond = max(tails), float(outside(found[1][None], float(np.abs(u).max()))[0])
    return Coefficients(found[1], errors, max(norms), np.sqrt(inside + beyond) + ENOUGH * max(norms))


def outside(values: Vector, reach: float) -> Vector:
    """The integrals over |u| > reach of the squares of the series with these coefficients (n, K), times the
    density: beyond the function's reach all of them is error."""
    far, total = _far(values.shape[1], np.ceil(reach)), np.zeros(len(values))
    for parity in (values[:, k::2] @ far[k::2] for k in (0, 1) if values[:, k::2].any()):
        total += 2 * STEP * (parity**2).sum(axis=1)
    return total


@lru_cache(maxsize=16)
def _far(count: int, reach: float) -> Vector:
    """The first Hermite functions (count, points) from reach to where they vanish."""
    u = np.arange(reach, 2 * np.sqrt(count) + 6, STEP)
    rows = np.empty((count, len(u)))
    before, now, power = np.zeros_like(u), np.full_like(u, (2 * np.pi) ** -0.25), -(u**2) / 4
    for k in range(count):
        rows[k] = now * np.exp(power)
        before, now = now, (u * now - np.sqrt(k) * before) / np.sqrt(k + 1)
        size = np.maximum(np.abs(now), 1.0)
        before, now, power = before / size, now / size, power + np.log(size)
    rows[:, :1] *= np.sqrt(0.5)  # the end of a trapezoidal rule for squares
    return rows


# ---------------------------------------------------------------- expectations


def mean(f: Function, v: float, mu: float = 0.0) -> Bounded:
    """E f(Z), Z ~ N(mu, v), v > 0; an infinite bound where float64 cannot tell."""
    try:
        return _mean(f, mu, v)
    except _Unresolved:
        return UNKNOWN


def _mean(f: Function, mu: float, v: float) -> Bounded:
    total = _regular_mean(f, mu, float(np.sqrt(v)))
    for t, weight in f.deltas:
        total = total.plus(_density(float(t), mu, v).times(_number(weight)))
    return total


def _density(t: float, mu: float, v: float) -> Bounded:
    """The density of N(mu, v) at t."""
    value = float(np.exp(-((t - mu) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v))
    return Bounded(value, 4 * EPS * (1 + (abs(t) + abs(mu)) * abs(t - mu) / v) * value)


def dual(f: Function, g: Function, a: float, b: float, c: float) -> Bounded:
    """E f(X) g(Y), a, b > 0 and c^2 < a b; an infinite bound where float64 cannot tell."""
    det = float(Fraction(a) * Fraction(b) - Fraction(c) ** 2)
    try:
        total = _series(f, g, float(np.sqrt(a)), float(np.sqrt(b)), c)
        for index, (left, right, va) in enumerate(((f, g, a), (g, f, b))):
            for t, weight in left.deltas:
                at, mu, rest = float(t), c * float(t) / va, det / va
                mass = _density(at, 0.0, va).times(_number(weight))
                total = total.plus(mass.times(_regular_mean(right, mu, float(np.sqrt(rest)))))
                for r, other in right.deltas if index == 0 else ():
                    total = total.plus(mass.times(_density(float(r), mu, rest)).times(_number(other)))
    except _Unresolved:
        return UNKNOWN
    return total


def _series(f: Function, g: Function, root_a: float, root_b: float, c: float) -> Bounded:
    """The Mehler series of the regular parts, with as many terms as help."""
    opposite = {f.parity, g.parity} == {"even", "odd"} and not (f.deltas or g.deltas)
    if f.expr == 0 or g.expr == 0 or opposite:
        return Bounded(0.0, 0.0)
    rho = c / root_a / root_b
    for count in COUNTS:
        left, right = coefficients(f, root_a, count), coefficients(g, root_b, count)
        k = np.arange(count)
        powers = np.power(rho, k) if rho else (k == 0).astype(np.float64)
        terms = powers * left.values * right.values
        cut = abs(rho) ** count * left.tail * right.tail
        errors = np.abs(powers) * (left.errors * np.abs(right.values) + np.abs(left.values) * right.errors)
        result = Bounded(float(terms.sum()), cut + float(errors.sum() + 4 * EPS * ((k + 1) @ np.abs(terms))))
        if cut <= max(ENOUGH * abs(result.value), ENOUGH**2 * left.norm * right.norm):
            break
    return result
