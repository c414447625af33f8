"""Dirac masses of surrogate derivatives against functions without closed form, and X = +-Y, for many points.

    E[delta(X - t) g(Y)] = N(t; 0, a) E g(mu + x U),   mu = c t/a,  x^2 = D/a,  U standard normal:

the law of Y given X = t. For t = 0 the mean is one lookup in the table of ``means``. Elsewhere it is a
trapezoidal sum, whose error is squared where the step is halved, and Gauss-Legendre panels that end at the
kinks of g where that is not enough; for large matrices, a lookup in a table of two variables (``planes``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile import cache
from kernelcalc.compile.forms import named
from kernelcalc.compile.tables import means, planes
from kernelcalc.compile.tables.hermite import EPS, Vector, panels
from kernelcalc.compile.tables.nested import REACH
from kernelcalc.compile.tables.piecewise import Table
from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function
from kernelcalc.symbols import z

INNER = 1.5  # width of panels, in standard deviations
GRADED = np.ldexp(1.0, np.arange(-6, 3, 2))  # distances from a kink at which they end
STEP = 1 / 8  # of the trapezoidal rule, in standard deviations
SQUARED = 1e-9  # an error of the rule of twice the step that is nothing when squared
ORDERS = 14, 12  # of the panels: the result, and its check
LOST = 1e-14  # of a value on panels: then it is integrated with more care
AT_ONCE = 2**20  # values of g
SOURCE = """\
from kernelcalc.compile.arithmetic.lookup import lookup
from kernelcalc.compile.arithmetic.primitives import apart, wide

def each(count, x, table, values):
    wide()
    apart()
    for i in range(count):
        values[i] = lookup(x[i], table)
"""
Pair = tuple[Vector, Vector]  # values and bounds of their absolute errors
PLANE_SOURCE = """\
from kernelcalc.compile.arithmetic.lookup import lookups_plane

def entry(mu, x, count, table):
    lookups_plane(mu, x, count, table)
"""


@dataclass(frozen=True)
class Means:
    """E g(Y), Y ~ N(mu, x^2), looked up."""

    plane: planes.Plane
    numbers: tuple[float, ...]  # z0, beta and A in g(z) = A s1(beta (z - z0))

    @cached_property
    def size(self) -> float:
        """About the largest mean of |s1|."""
        return float(np.abs(self.plane.coefficients[:, 0]).max() + np.abs(self.plane.edges[:, 1]).sum())

    def __call__(self, mu: Vector, x: Vector) -> Vector:
        shift, slope, weight = self.numbers
        found, wide = slope * (mu.ravel() - shift), slope * np.broadcast_to(x, mu.shape).ravel()
        entries = found, wide, len(found), self.plane.numbers
        _entry()(*(x.ctypes.data if isinstance(x, np.ndarray) else x for x in entries))
        return weight * found.reshape(mu.shape)


Known = Mapping[Function, Means]


@lru_cache(maxsize=1)
def _entry() -> Any:
    return cache.function(PLANE_SOURCE, "entry", ("float64*", "float64*", "int64", "float64*"))


def tables(f: Function, g: Function) -> Known:
    """Those that masses of the other meet off 0, tabulated: bounded ones only, as far as it can be done."""
    pairs = ((left, regular(right)) for left, right in ((f, g), (g, f)))
    met = {right for left, right in pairs if any(t != 0 for t, _ in _numbers(left)) and right.expr != 0}
    found = {}
    for one in met:
        try:
            made = _tabulated(one)
        except InputError:
            continue
        found[one] = made
    return found


def _tabulated(g: Function) -> Means:
    if not g.bounded:
        raise InputError(f"{g!r} is unbounded")
    form = named.canonical(g.symbolic, centred=True)
    slope, shift = (str(x) if x.free_symbols else "" for x in (form.scale, form.shift))
    plane = planes.table_of(g, [s.name for s, _ in form.base.parameters])
    return Means(plane, means.slope_and_weight(g, slope, shift))


def regular(f: Function) -> Function:
    """The function without its masses."""
    return replace(f, masses=()) if f.masses else f


def factor(f: Function, g: Function, a: Vector, b: Vector, r: Vector, dr: Vector, known: Known) -> Pair:
    """What the masses of f and g add to E f(X) g(Y) at variances a (n), b (p) and correlations r (n, p) known
    up to dr; known: tables to use. InputError where g is not resolved."""
    total, wrong = np.zeros_like(r), np.zeros_like(r)
    met = _numbers(g)  # by masses of f
    for left, right, va, vb in ((f, g, a[:, None], b[None, :]), (g, f, b[None, :], a[:, None])):
        for t, weight in _numbers(left):
            at = t * np.sqrt(vb / va)
            value, error = _given(regular(right), t, at, vb + 0 * r, r, dr, known)
            for s, other in met:
                there, off = _meeting(s, at, vb, r, dr)
                value, error = value + other * there, error + abs(other) * off
            here = weight * density(t, va)
            total += here * value
            wrong += np.abs(here) * (error + 4 * EPS * (2 + t * t / va) * np.abs(value))
        met = []
    return total, wrong


def on_line(f: Function, g: Function, v: Vector, sign: int) -> Pair:
    """E f(X) g(sign X) at the variances v; infinite where two masses meet."""
    product = Function(f"({f.name}) * ({g.name})", f.expr * g.expr.subs(z, sign * z))
    total, wrong = _line_means(product, v)
    met = dict(_numbers(g))
    for left, right in ((f, g), (g, f)):
        for t, weight in _numbers(left):
            term = weight * density(t, v) * (_value(right, sign * t) + _infinite(met, sign * t))
            total, wrong = total + term, wrong + 4 * EPS * (2 + t * t / v) * np.abs(term)
        met = {}
    return total, wrong


def _infinite(met: dict[float, float], t: float) -> float:
    return math.copysign(math.inf, met[t]) if t in met else 0.0


def _numbers(f: Function) -> list[tuple[float, float]]:
    return [(float(t), float(weight)) for t, weight in f.deltas]


def density(t: float, v: Vector) -> Vector:
    """Of N(0, v) at t."""
    found: Vector = np.exp(-t * t / (2 * v)) / np.sqrt(2 * np.pi * v)
    return found


def _value(f: Function, t: float) -> float:
    """The regular part at t; at a jump the mean of both sides, the limit from X != Y."""
    return float(numeric._values(regular(f))(np.nextafter(t, [-np.inf, np.inf])).mean())


def _line_means(f: Function, v: Vector) -> Pair:
    """E f(X), X ~ N(0, v)."""
    if f.expr == 0:
        return np.zeros_like(v), np.zeros_like(v)
    known, place = np.unique(v, return_inverse=True)
    nothing = np.zeros_like(known)
    values, bounds = _by_panels(f, nothing, nothing, np.sqrt(known), known, nothing)
    for i in np.flatnonzero(bounds > LOST * np.abs(values)):
        zero = numeric.Bounded(f(0.0), 0.0)
        values[i], bounds[i] = numeric.mean(f, float(known[i])) if known[i] > 0 else zero
    if not np.isfinite(bounds).all():
        raise InputError(f"the mean of {f!r} is not resolved in float64")
    return values[place], bounds[place]


def _meeting(s: float, at: Vector, v: Vector, r: Vector, dr: Vector) -> Pair:
    """The density at s of N(r at, v (1 - r^2))."""
    square, off = (1 - r) * (1 + r), s - r * at
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = np.exp(-(off**2) / (2 * v * square)) / np.sqrt(2 * np.pi * v * square)
        value = np.where(square > 0, value, np.where(np.abs(off) <= 4 * EPS * abs(s), np.inf, 0.0))
        slope = np.abs(off * at) / (v * square) + np.abs(r) / square * (1 + off**2 / (v * square))
        wrong = value * (slope * dr + 8 * EPS)
    return value, np.where(square > 0, wrong, value)


def _given(g: Function, t: float, at: Vector, v: Vector, r: Vector, dr: Vector, known: Known) -> Pair:
    """E g(Y), Y ~ N(r at, v (1 - r^2))."""
    if g.expr == 0 or (t == 0 and g.parity == "odd"):
        return np.zeros_like(r), np.zeros_like(r)
    square = (1 - r) * (1 + r)
    if t == 0 and (found := _table(g)) is not None:
        table, slope, weight = found
        x, beside = slope * np.sqrt(v * square), slope * np.sqrt(v * (square + 4 * dr))
        if beside.max() > table.reach:
            raise InputError(f"a variance of {v.max():.3g} is beyond the table of {g!r}; scale the data")
        value = _looked_up(table, x)
        size = np.abs(table.coefficients[:, 0]).max()
        moved = np.abs(_looked_up(table, beside) - value)
        return weight * value, abs(weight) * (2 * moved + table.error * size)
    if t != 0 and g in known:
        tabled, close = known[g], np.clip(r - np.copysign(2 * dr, r), -1.0, 1.0)
        value, beside = (tabled(s * at, np.sqrt(v * (1 - s) * (1 + s))) for s in (r, close))
        if np.isnan(value).any() or np.isnan(beside).any():
            raise InputError(f"a variance of {v.max():.3g} is beyond the table of {g!r}; scale the data")
        size = abs(tabled.numbers[-1]) * tabled.size
        return value, 2 * np.abs(beside - value) + tabled.plane.error * size
    x = np.sqrt(v * np.maximum(square, dr))
    pairs = [part.ravel() for part in np.broadcast_arrays(r, at, x, v, dr)]
    values, bounds = np.empty(r.size), np.empty(r.size)
    step = AT_ONCE // len(_RULE[0])
    for start in range(0, r.size, step):
        here = slice(start, start + step)
        values[here], bounds[here] = _normal_means(g, *(part[here] for part in pairs))
    return values.reshape(r.shape), bounds.reshape(r.shape)


@lru_cache(maxsize=1)
def _each() -> Callable[..., None]:
    return cache.function(SOURCE, "each", ("int64", *("float64*",) * 3))


def _looked_up(table: Table, x: Vector) -> Vector:
    """The table at x, by machine code."""
    x, values = np.ascontiguousarray(x), np.empty(x.shape)
    _each()(x.size, x.ctypes.data, table.numbers.ctypes.data, values.ctypes.data)
    return values


def _table(g: Function) -> tuple[Table, float, float] | None:
    try:
        return means.scaled_table(g)
    except InputError:
        return None


def _rule() -> tuple[NDArray[Any], NDArray[Any]]:
    """Nodes u, and the weights of 1, of 1 with twice the step, of u, and of u^2 - 1."""
    half = int(REACH / STEP) // 2 * 2
    u = STEP * np.arange(-half, half + 1)
    weights = STEP * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)
    coarse = np.where(np.arange(len(u)) % 2 == 0, 2 * weights, 0.0)
    return u, np.stack([weights, coarse, weights * u, weights * (u * u - 1)], axis=1)


_RULE = _rule()


def _normal_means(g: Function, r: Vector, at: Vector, x: Vector, v: Vector, dr: Vector) -> Pair:
    """E g(r at + x U) for pairs in a row."""
    u, weights = _RULE
    mu, call = r * at, numeric._values(g)
    values = call((mu[:, None] + x[:, None] * u).ravel()).reshape(len(mu), -1)
    value, coarse, first, second = (values @ weights).T
    size = np.abs(values) @ weights[:, 0]
    wrong = np.abs(value - coarse)
    slope = np.abs(at * first - v * r / x * second) / x  # in r
    bound = 4 * wrong**2 / np.maximum(size, 1e-300) + 8 * EPS * size + slope * dr
    rough = np.flatnonzero((wrong > SQUARED * size) | bool(g.breakpoints))
    step = AT_ONCE // 512
    for start in range(0, len(rough), step):
        here = rough[start : start + step]
        value[here], bound[here] = _by_panels(g, r[here], at[here], x[here], v[here], dr[here])
    return value, bound


def _by_panels(g: Function, r: Vector, at: Vector, x: Vector, v: Vector, dr: Vector) -> Pair:
    marks = np.array(sorted({0.0, *(float(t) for t in g.breakpoints)}))
    spread = np.concatenate([-GRADED, [0.0], GRADED])
    base = np.arange(-REACH, REACH + INNER, INNER)
    found = []
    for order, less in zip(ORDERS, (0.0, 2.0), strict=True):  # the check also tells what dr does
        moved = r - np.copysign(np.minimum(less * dr, np.abs(r)), r)
        wide = np.sqrt(x * x + v * (r - moved) * (r + moved))
        mu = moved * at
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.nan_to_num((marks - mu[:, None]) / wide[:, None])[:, :, None] + spread
        cuts = np.concatenate([np.broadcast_to(base, (len(mu), len(base))), own.reshape(len(mu), -1)], axis=1)
        u, weights = panels(np.clip(np.sort(cuts, axis=1), -REACH, REACH), order)
        values = numeric._values(g)((mu[:, None] + wide[:, None] * u).ravel()).reshape(u.shape)
        terms = values * weights * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)
        found.append((terms.sum(axis=1), np.abs(terms).sum(axis=1)))
    (value, size), (check, _) = found
    return value, 2 * np.abs(value - check) + 8 * EPS * size
