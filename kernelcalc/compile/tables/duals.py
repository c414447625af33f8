"""One layer of Mehler sums for a block of pairs: machine code for most, NumPy for those nearly parallel.

The terms that a sum needs grow with |r|. In machine code all pairs take as many as |r| <= near needs; the
others, which are few, are summed by themselves with all terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile import cache
from kernelcalc.compile.tables.hermite import EPS, TINY, Series, Vector

NEAR = (0.7, 0.85, 0.93, 0.97)  # correlations from which pairs are summed by themselves, the first of these
SHARE = 1 / 64  # beyond which no more than this part of the block is
SLIGHT = 8 * EPS  # of the norms: what may be left over there
FINE = 8 * EPS  # of the norms: what series may be wrong by
SMALL = 1 / 8  # of the norms: values below it lose digits
AT_ONCE = 2**20  # coefficients of pairs
LANE = 256  # pairs of a row at most: at places that are constants loops become vector code
AT_A_TIME = 8  # terms of two rows: so many coefficients stay in registers
LANES = 7  # of a row: r, its square, its error, the two sums, and two powers of |r|
_TERMS = range(AT_A_TIME)
_LOADED = "".join(f"        f{e}, g{e} = left[at + {e}], left[at + terms + {e}]\n" for e in _TERMS)
_ADDED = "".join(
    f"            u = right[k + {e} * p]\n            s, t = fma(s, y, f{e} * u), fma(t, x, g{e} * u)\n"
    for e in reversed(_TERMS)
)
SOURCE = f"""\
from kernelcalc.compile.arithmetic.primitives import apart, fma, inline, offset, wide

EPS = 2.0 ** -52
LANE = {LANE}

def nearby(n, p, near, inverse, c, count, marks):
    found = 0
    for i in range(n):
        for j in range(p):
            if abs(c[i * p + j] * inverse[i] * inverse[n + j]) > near:
                marks[found] = i * p + j
                found += 1
    count[0] = found

@inline
def opened(p, inverse, inverses, c, wrong, lanes):
    wide()
    apart()
    for j in range(p):
        unit = inverse * inverses[j]
        x = c[j] * unit
        x = 1.0 if x > 1.0 else x
        x = -1.0 if x < -1.0 else x
        lanes[j] = x
        lanes[LANE + j] = x * x
        lanes[2 * LANE + j] = fma(wrong[j], unit, 4 * EPS)
        lanes[3 * LANE + j] = 0.0
        lanes[4 * LANE + j] = 0.0
        lanes[5 * LANE + j] = abs(x)
        lanes[6 * LANE + j] = abs(x)

@inline
def sums(p, terms, left, right, ys, xs, total, other):
    wide()
    apart()
    for step in range(terms // {AT_A_TIME}):
        at = terms - {AT_A_TIME} * (step + 1)
{_LOADED}\
        for j in range(p):
            y, x, k, s, t = ys[j], xs[j], at * p + j, total[j], other[j]
{_ADDED}\
            total[j], other[j] = s, t

@inline
def squared(p, times, lane):
    wide()
    for k in range(times):
        for j in range(p):
            lane[j] = lane[j] * lane[j]

@inline
def closed(p, odd, dual_odd, masses, w2, s2, lanes, row, column, more, wrong_more, c, wrong, total, lost):
    wide()
    apart()
    for j in range(p):
        value, factor = lanes[3 * LANE + j], lanes[4 * LANE + j]
        value = value * lanes[j] if odd else value
        factor = factor * lanes[j] if dual_odd else factor
        factor += more[j] if masses else 0.0
        error = row[0] * column[j] * lanes[2 * LANE + j]
        error = fma(row[1], column[p + j], error)
        error = fma(row[2], column[2 * p + j], error)
        error = fma(row[3], column[3 * p + j], error)
        error = fma(row[4] * column[4 * p + j], lanes[5 * LANE + j], error)
        off = row[5] * column[5 * p + j] * lanes[2 * LANE + j]
        off = fma(row[6], column[6 * p + j], off)
        off = fma(row[7], column[7 * p + j], off)
        off = fma(row[8], column[8 * p + j], off)
        off = fma(row[9] * column[9 * p + j], lanes[6 * LANE + j], off)
        off += wrong_more[j] if masses else 0.0
        before, below = total[j], lost[j]
        cross, f = fma(w2, value, s2), w2 * factor
        beside = fma(w2, error, 2 * EPS * abs(cross))
        both_wrong = fma(abs(f), below, (abs(before) + below) * (w2 * off))
        c[j] = cross
        wrong[j] = beside
        total[j] = fma(before, f, cross)
        lost[j] = (beside + both_wrong) * (1 + 8 * EPS)

def layer(n, p, terms, odd, both, squarings, dual_terms, dual_odd, dual_both, dual_squarings, masses, w2, s2,
          inverse, left, right, dual_left, dual_right, row, column, more, wrong_more, state, work):
    size, second = n * p, offset(work, {LANES} * LANE)
    for i in range(0, n, 2):
        for e in range(2):
            k, lanes = min(i + e, n - 1), second if e else work
            here = offset(state, k * p)
            opened(p, inverse[k], offset(inverse, n), here, offset(here, size), lanes)
            squared(p, squarings, offset(lanes, 5 * LANE))
            squared(p, dual_squarings, offset(lanes, 6 * LANE))
        powers = offset(work, both * LANE), offset(second, both * LANE)
        sums(p, terms, offset(left, i * terms), right, *powers, offset(work, 3 * LANE),
             offset(second, 3 * LANE))
        powers = offset(work, dual_both * LANE), offset(second, dual_both * LANE)
        sums(p, dual_terms, offset(dual_left, i * dual_terms), dual_right, *powers, offset(work, 4 * LANE),
             offset(second, 4 * LANE))
        for e in range(min(2, n - i)):
            k, lanes = i + e, second if e else work
            here = offset(state, k * p)
            closed(p, odd, dual_odd, masses, w2, s2, lanes, offset(row, 10 * k), column, offset(more, k * p),
                   offset(wrong_more, k * p), here, offset(here, size), offset(here, 2 * size),
                   offset(here, 3 * size))
"""
Pair = tuple[Vector, Vector]  # values and bounds
Places = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows and columns
POINTER, INTEGER, NUMBER = "float64*", "int64", "float64"
SIGNATURES = {
    "nearby": (INTEGER, INTEGER, NUMBER, POINTER, POINTER, "int64*", "int64*"),
    "layer": (*(INTEGER,) * 11, NUMBER, NUMBER, *(POINTER,) * 11),
}


@lru_cache(maxsize=len(SIGNATURES))
def _function(name: str) -> Callable[..., None]:
    return cache.function(SOURCE, name, SIGNATURES[name])


@dataclass(frozen=True)
class Dual:
    """E f(X) g(Y) for a block: the series of the rows and of the columns."""

    f: Series
    g: Series

    @property
    def count(self) -> int:
        return int(min(self.f.values.shape[1], self.g.values.shape[1]))

    def enough(self, near: float) -> int:
        """How many terms the pairs with |r| <= near need."""
        if min(len(self.f.rests), len(self.g.rests)) < self.count:
            return self.count
        rests = self.f.rests[: self.count] * self.g.rests[: self.count] * near ** np.arange(self.count)
        found = np.flatnonzero(rests <= SLIGHT)
        return max(1, int(found[0])) if len(found) else self.count

    @property
    def fine(self) -> float:
        """The |r| up to which all that is left over, and what a rounding of r does, are below FINE."""
        if not (self.f.norms.any() and self.g.norms.any()):
            return 1.0
        sizes = [np.maximum(part.norms, TINY) for part in (self.f, self.g)]
        left = rest(self.f, self.count), rest(self.g, self.count)
        tails, slopes = (
            float(np.prod([(x / size).max() for x, size in zip(parts, sizes, strict=True)]))
            for parts in (left, (self.f.slopes, self.g.slopes))
        )
        limit: float = min(1.0, (FINE / max(tails, TINY)) ** (1 / self.count))
        return limit if 2 * EPS * slopes <= FINE else min(limit, 1 - 2 * EPS / (np.e * FINE))

    @property
    def cancels(self) -> bool:
        """Whether E f(X) g(-X) is much less than the norms, where E f(X) g(X) is not."""
        f, g = self.f.values[0, : self.count], self.g.values[0, : self.count]
        even, odd = (float(f[k::2] @ g[k::2]) for k in (0, 1))
        return abs(even - odd) < SMALL * float(self.f.norms[0] * self.g.norms[0]) < abs(even + odd)

    def packed(self, few: int) -> tuple[tuple[Vector, Vector], tuple[int, ...]]:
        """Coefficients (n, K), n made even, and (K, p); K, a multiple of AT_A_TIME; whether they are those of
        odd k only, and of every second k; how often |r| may be squared without falling below the power of
        what is left over."""
        left, right = self.f.values[:, :few], self.g.values[:, :few]
        both = np.flatnonzero(left.any(axis=0) & right.any(axis=0))
        step = 1 if (np.diff(both) % 2).any() else 2
        start = int(both[0]) % step if len(both) else few
        used = range(start, few, step)
        terms = -(-len(used) // AT_A_TIME) * AT_A_TIME
        rows, columns = np.zeros((len(left) + len(left) % 2, terms)), np.zeros((terms, len(right)))
        rows[: len(left), : len(used)] = left[:, start::step]
        columns[: len(used)] = right[:, start::step].T
        return (rows, columns), (terms, int(start == 1), step - 1, int(np.log2(self.count)))

    def parts(self, few: int) -> tuple[list[Vector], list[Vector]]:
        """What makes up the bounds, of the rows and of the columns."""
        f, g, count = self.f, self.g, self.count
        noise = 4 * EPS * np.sqrt(count) + (SLIGHT if few < count else 0.0)
        cut = rest(f, count) if few == count else np.zeros(len(f.norms))
        rows = [f.slopes, f.errors, f.sums, noise * f.norms, cut]
        return rows, [g.slopes, g.sums, g.errors, g.norms, rest(g, count)]

    def at(self, places: Places, r: Vector, dr: Vector) -> Pair:
        """The sums with all terms and their bounds, at correlations r known up to dr."""
        values, bounds = np.empty(len(r)), np.empty(len(r))
        rows, columns = self.parts(self.count)
        size = max(1, AT_ONCE // self.count)
        for start in range(0, len(r), size):
            here = slice(start, start + size)
            i, j, x = places[0][here], places[1][here], r[here]
            powers = np.ones((len(x), self.count))
            powers[:, 1:] = x[:, None]
            np.cumprod(powers, axis=1, out=powers)
            powers *= self.f.values[i, : self.count]
            powers *= self.g.values[j, : self.count]
            values[here] = powers.sum(axis=1)
            one = np.ones(len(x))
            weights = dr[here], one, one, one, np.abs(x) ** self.count
            parts = zip(weights, rows, columns, strict=True)
            bounds[here] = np.sum([weight * f[i] * g[j] for weight, f, g in parts], axis=0)
        return values, bounds


def rest(f: Series, count: int) -> Vector:
    """The norm of what is left beyond `count` terms."""
    if count == f.values.shape[1]:
        return f.tails
    found: Vector = np.sqrt(f.tails**2 + (f.values[:, count:] ** 2).sum(axis=1))
    return found


def inverses(a: Vector, b: Vector) -> Vector:
    """1/sqrt of the variances of rows and columns, one after the other; 0 where there is none."""
    variances = np.concatenate([a, b])
    with np.errstate(divide="ignore"):
        found: Vector = np.where(variances > 0, 1 / np.sqrt(variances), 0.0)
    return found


def nearby(near: float, inverse: Vector, c: Vector) -> NDArray[np.int64]:
    """Where in a block |r| > near."""
    count, marks = np.empty(1, dtype=np.int64), np.empty(c.size, dtype=np.int64)
    _function("nearby")(*c.shape, near, *(x.ctypes.data for x in (inverse, c, count, marks)))
    return marks[: count[0]]


def layer(
    weights: tuple[float, float],
    inverse: Vector,
    cross: Dual,
    factor: Dual,
    more: Pair | None,
    state: Vector,
    lines: NDArray[np.int64],
    special: Callable[[Places, Vector, Vector], tuple[Vector, Vector]],
) -> None:
    """One step of the recursion in place.

    weights: sigma_w^2 and sigma_b^2; inverse: as of `inverses`; more: what masses add to the factor; state
    (4, n, p): the covariance, a bound of its error, the tangent kernel, and a bound; special: cross and
    factor at places with their r and dr, asked for at the places `lines` and for pairs nearly parallel.
    """
    n, p = state.shape[1:]
    w2, s2 = weights
    few, found = (cross.count, factor.count), lines
    for near in NEAR:
        marks = nearby(near, inverse, state[0])
        if len(marks) <= SHARE * n * p:
            enough = cross.enough(near), factor.enough(near)
            if enough != few:
                few, found = enough, np.union1d(marks, lines)
            break
    places = np.divmod(found, p)
    old = state[:, *places]
    first, sizes = cross.packed(few[0])
    second, more_sizes = factor.packed(few[1])
    parts = zip(cross.parts(few[0]), factor.parts(few[1]), strict=True)
    rows, columns = (np.concatenate(part) for part in parts)
    terms = (*first, *second, np.ascontiguousarray(rows.T), columns)
    arrays = inverse, *terms, *(more or (state, state)), state, np.empty((2, LANES, LANE))
    numbers = n, p, *sizes, *more_sizes, int(more is not None), w2, s2
    _function("layer")(*numbers, *(x.ctypes.data for x in arrays))
    if len(found):
        state[:, *places] = _by_themselves(weights, inverse, old, places, n, special)


def _by_themselves(
    weights: tuple[float, float],
    inverse: Vector,
    old: Vector,
    places: Places,
    n: int,
    special: Callable[[Places, Vector, Vector], tuple[Vector, Vector]],
) -> Vector:
    """The layer for single pairs: the new state in place of the old."""
    (w2, s2), (i, j) = weights, places
    c, wrong, total, lost = old
    unit = inverse[i] * inverse[n + j]
    (value, error), (factor, off) = special(places, np.clip(c * unit, -1.0, 1.0), wrong * unit + 4 * EPS)
    c = w2 * value + s2
    wrong = w2 * error + 2 * EPS * np.abs(c)
    both = w2 * (np.abs(factor) * lost + (np.abs(total) + lost) * off)
    return np.stack([c, wrong, c + w2 * factor * total, (wrong + both) * (1 + 8 * EPS)])
