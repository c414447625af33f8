"""Mehler sums of a block of pairs, in machine code: four terms of Horner's rule at once for a row of pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from kernelcalc.compile import cache
from kernelcalc.compile.hermite import EPS, Series, Vector

SOURCE = """\
from kernelcalc.compile.primitives import apart, fma, wide

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
"""
POINTER, INTEGER = "float64*", "int64"
SIGNATURES = {
    "summed": (*(INTEGER,) * 3, *(POINTER,) * 4),
    "bounded": (*(INTEGER,) * 3, *(POINTER,) * 5),
}


@lru_cache(maxsize=len(SIGNATURES))
def _function(name: str) -> Callable[..., None]:
    return cache.function(SOURCE, name, SIGNATURES[name])


def dual(f: Series, g: Series, r: Vector, dr: Vector) -> tuple[Vector, Vector]:
    """E f(X) g(Y) at correlations r known up to dr, and bounds; f, g for the rows and columns of r."""
    count = min(f.values.shape[1], g.values.shape[1])
    left, right = f.values[:, :count], g.values[:, :count]
    value = _sums(left, right, np.ascontiguousarray(r))
    cut, other = rest(f, count), rest(g, count)
    noise = 4 * EPS * np.sqrt(count)
    rows = np.stack([f.errors, np.abs(left).sum(axis=1), noise * f.norms], axis=1)
    columns = np.stack([np.abs(right).sum(axis=1), g.errors, g.norms])
    bound = np.empty_like(value)
    slopes, given = np.concatenate([f.slopes, g.slopes]), np.ascontiguousarray(dr)
    arrays = rows, columns, slopes, given, bound
    _function("bounded")(len(rows), columns.shape[1], len(columns), *(x.ctypes.data for x in arrays))
    if (cut.max(initial=0.0) * other.max(initial=0.0)) > EPS * f.norms.min() * g.norms.min():
        bound += _power(np.abs(r), count) * np.outer(cut, other)
    else:
        bound += EPS * np.outer(f.norms, g.norms)
    return value, bound


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
