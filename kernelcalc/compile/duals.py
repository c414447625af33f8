"""Mehler sums of blocks of pairs and what a layer makes of them, in machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from kernelcalc.compile import cache
from kernelcalc.compile.hermite import EPS, Series, Vector

SOURCE = """\
from kernelcalc.compile.primitives import apart, fma, wide

EPS = 2.0 ** -52

def summed(n, p, terms, left, right, x, value):
    wide()
    apart()
    for i in range(n):
        for j in range(p):
            value[i * p + j] = 0.0
        for step in range(terms // 4):
            k = terms - 4 * (step + 1)
            f0, f1 = left[i * terms + k], left[i * terms + k + 1]
            f2, f3 = left[i * terms + k + 2], left[i * terms + k + 3]
            for j in range(p):
                y, at = x[i * p + j], k * p + j
                total = fma(value[i * p + j], y, f3 * right[at + 3 * p])
                total = fma(total, y, f2 * right[at + 2 * p])
                total = fma(total, y, f1 * right[at + p])
                value[i * p + j] = fma(total, y, f0 * right[at])

def bounded(n, p, parts, row, column, slope, dr, bound):
    wide()
    apart()
    for i in range(n):
        for j in range(p):
            bound[i * p + j] = slope[i] * slope[n + j] * dr[i * p + j]
        for k in range(parts):
            f = row[i * parts + k]
            for j in range(p):
                bound[i * p + j] = fma(f, column[k * p + j], bound[i * p + j])

def correlated(n, p, inverse, c, wrong, r, dr):
    wide()
    apart()
    for i in range(n):
        for j in range(p):
            at, unit = i * p + j, inverse[i] * inverse[n + j]
            x = c[at] * unit
            x = 1.0 if x > 1.0 else x
            r[at] = -1.0 if x < -1.0 else x
            dr[at] = fma(wrong[at], unit, 4 * EPS)

def layered(size, w2, s2, value, error, factor, off, c, wrong, total, lost):
    wide()
    apart()
    for at in range(size):
        f = w2 * factor[at]
        c[at] = fma(w2, value[at], s2)
        wrong[at] = fma(w2, error[at], 2 * EPS * abs(c[at]))
        both = fma(abs(f), lost[at], (abs(total[at]) + lost[at]) * (w2 * off[at]))
        lost[at] = (wrong[at] + both) * (1 + 8 * EPS)
        total[at] = fma(total[at], f, c[at])
"""
SLIGHT = 64 * EPS  # of the norms: a remainder that may stand as it is, without its power of r
Pair = tuple[Vector, Vector]  # values and bounds
POINTER, INTEGER = "float64*", "int64"
SIGNATURES = {
    "summed": (*(INTEGER,) * 3, *(POINTER,) * 4),
    "bounded": (*(INTEGER,) * 3, *(POINTER,) * 5),
    "correlated": (*(INTEGER,) * 2, *(POINTER,) * 5),
    "layered": (INTEGER, "float64", "float64", *(POINTER,) * 8),
}


@lru_cache(maxsize=len(SIGNATURES))
def _function(name: str) -> Callable[..., None]:
    return cache.function(SOURCE, name, SIGNATURES[name])


def correlations(a: Vector, b: Vector, c: Vector, wrong: Vector) -> Pair:
    """r = c/sqrt(ab) and bounds of its errors, c known up to wrong; 0 where a variance is."""
    variances = np.concatenate([a, b])
    with np.errstate(divide="ignore"):
        inverse = np.where(variances > 0, 1 / np.sqrt(variances), 0.0)
    r, dr = np.empty_like(c), np.empty_like(c)
    _function("correlated")(*c.shape, *(x.ctypes.data for x in (inverse, c, wrong, r, dr)))
    return r, dr


def layer(w2: float, s2: float, cross: Pair, factor: Pair, state: tuple[Vector, ...]) -> None:
    """One step of the recursion in place; state: the covariance, the tangent kernel, each with its bound."""
    c, wrong, total, lost = state
    arrays = *cross, *factor, c, wrong, total, lost
    _function("layered")(c.size, w2, s2, *(x.ctypes.data for x in arrays))


def dual(f: Series, g: Series, r: Vector, dr: Vector) -> Pair:
    """E f(X) g(Y) at correlations r known up to dr, and bounds; f, g for the rows and columns of r."""
    count = min(f.values.shape[1], g.values.shape[1])
    left, right = f.values[:, :count], g.values[:, :count]
    value = _sums(left, right, np.ascontiguousarray(r))
    cut, other = rest(f, count), rest(g, count)
    noise = 4 * EPS * np.sqrt(count)
    rows = [f.errors, np.abs(left).sum(axis=1), noise * f.norms]
    columns = [np.abs(right).sum(axis=1), g.errors, g.norms]
    slight = cut.max() * other.max() <= SLIGHT * f.norms.min() * g.norms.min()
    if slight:
        rows, columns = [*rows, cut], [*columns, other]
    bound, given = np.empty_like(value), np.ascontiguousarray(dr)
    arrays = np.stack(rows, axis=1), np.stack(columns), np.concatenate([f.slopes, g.slopes]), given, bound
    _function("bounded")(*r.shape, len(rows), *(x.ctypes.data for x in arrays))
    return value, bound if slight else bound + _power(np.abs(r), count) * np.outer(cut, other)


def _sums(left: Vector, right: Vector, r: Vector) -> Vector:
    """sum_k left_k right_k r^k."""
    both = np.flatnonzero(left.any(axis=0) & right.any(axis=0))
    if not len(both):
        return np.zeros_like(r)
    first, step = int(both[0]), 2 if not (np.diff(both) % 2).any() else 1
    used = slice(first, int(both[-1]) + 1, step)
    terms = -(-len(range(*used.indices(left.shape[1]))) // 4) * 4
    rows, columns = np.zeros((len(left), terms)), np.zeros((terms, len(right)))
    rows[:, : left[:, used].shape[1]] = left[:, used]
    columns[: right[:, used].shape[1]] = right[:, used].T
    value = np.empty_like(r)
    arrays = rows, columns, r * r if step == 2 else r, value
    _function("summed")(*r.shape, terms, *(x.ctypes.data for x in arrays))
    return value * _power(r, first) if first else value


def _power(r: Vector, n: int) -> Vector:
    """r^n by squaring: NumPy's powers take ten times as long."""
    result, square = np.ones_like(r) if not n & 1 else r, r
    while n := n >> 1:
        square = square * square
        result = result * square if n & 1 else result
    return result


def rest(f: Series, count: int) -> Vector:
    """The norm of what is left beyond `count` terms."""
    found: Vector = np.sqrt(f.tails**2 + (f.values[:, count:] ** 2).sum(axis=1))
    return found
