"""Kernels whose expectations have no closed form: Mehler series, layer by layer, each value with a bound.

    E f(X) g(Y) = sum_k r^k f_k(sqrt a) g_k(sqrt b),   r = c/sqrt(ab)

costs two multiply-adds per pair and term, like a matrix product. Cut after K terms it is wrong by at most
|r|^K tail_f tail_g. What a layer does to the errors of the layer before is bounded by Price's formula and
Cauchy-Schwarz: |d/dr E f g| <= |f'| |g'| sd_f sd_g, the norms again from the coefficients. Rounding of the
sums is counted as 4 K eps times the norms. Bounds are absolute. Masses of surrogate derivatives are met by
conditioning (``masses``), rows that are equal or opposite by one-dimensional integrals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile.tables import masses
from kernelcalc.compile.tables.duals import LANE, Dual, Places, inverses, layer, nearby
from kernelcalc.compile.tables.hermite import EPS, Series, Vector, series
from kernelcalc.compile.tables.parallel import settled
from kernelcalc.errors import Undefined
from kernelcalc.expectation import numeric

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel

MANY = 2**17  # pairs for which tables for masses are worth their seconds
FEW = 2**12  # pairs of a block that are settled where there are many: those with the largest bounds
OPPOSITE = 0.7  # |r| from which small expectations of nearly opposite X and Y lose digits
HAIR = 1e-290  # a variance that stands for those below the range of floats
BLOCK = LANE  # rows and columns at once: all arrays of a block stay in cache
Pair = tuple[Vector, Vector]  # values and bounds
Numbers = NDArray[np.int64]
Piece = tuple[int, int]  # the first row and the first column of a block


@dataclass(frozen=True)
class Layer:
    """What one layer needs of the points of one side; derivative: of the regular part."""

    variances: Vector
    activation: Series
    derivative: Series | None

    def part(self, here: slice | Numbers) -> Layer:
        derivative = None if self.derivative is None else self.derivative.part(here)
        return Layer(self.variances[here], self.activation.part(here), derivative)


@dataclass(frozen=True)
class Side:
    """The layers of the points of one side, the error of their variances included in the series' errors.

    names, opposites: numbers that equal rows, and the opposites of equal rows, share.
    """

    data: Vector
    names: Numbers
    opposites: Numbers
    layers: tuple[Layer, ...]

    def part(self, here: slice | Numbers) -> Side:
        """Some of the points."""
        layers = tuple(known.part(here) for known in self.layers)
        return Side(self.data[here], self.names[here], self.opposites[here], layers)


def side(
    kernel: Kernel,
    data: Vector,
    names: Numbers,
    opposites: Numbers,
    role: str,
    known: Side | None = None,
) -> Side:
    """Variances and coefficients of the row ("row") or column points; known: a side with the same."""
    if known is not None:
        return Side(data, names, opposites, known.layers)
    own, other = (kernel.f1, kernel.s1), (kernel.f2, kernel.s2)
    (f, s), (g, u) = (own, other) if role == "row" else (other, own)
    w2, s2 = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    variances = w2 / data.shape[1] * np.einsum("ij,ij->i", data, data) + s2
    layers = []
    for _ in range(int(kernel.depth) - 1):
        deviations = np.sqrt(variances)
        derivative = None if s is None or u is None else _met(s, u, deviations)
        layers.append(Layer(variances, _met(f, g, deviations), derivative))
        after = w2 * layers[-1].activation.norms ** 2 + s2
        # what thresholds out of reach leave is not 0, though floats have no number for it
        variances = np.where((after == 0) & (variances > 0), HAIR, after)
    return Side(data, names, opposites, (*layers, Layer(variances, _nothing(len(data)), None)))


def _met(f: Function, g: Function, deviations: Vector) -> Series:
    """The series of the regular part of f, with more terms if that of g is long and does not end."""
    f = masses.regular(f)
    if f.expr == 0:
        return _nothing(len(deviations))
    found = series(f, deviations, whole=bool(g.breakpoints))
    return found.lumped() if f == g else found


def _nothing(n: int) -> Series:
    return Series(np.zeros((n, 1)), np.zeros(n), np.zeros(n), np.zeros(n))


def block(
    kernel: Kernel,
    rows: Side,
    columns: Side,
    products: Vector,
    tables: masses.Known,
    *,
    mirror: bool = False,
    few: int | None = None,
) -> Pair:
    """k(rows, columns) and bounds of the errors, (n, p) each; products: inner products of the data; tables:
    for masses; mirror: the matrix is symmetric; few: how many pairs may take the time of nested integrals,
    None for all that need it."""
    weights = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    state = np.empty((4, len(rows.data), len(columns.data)))
    state[0] = weights[0] / rows.data.shape[1] * products + weights[1]
    rounding = 4 * EPS * (1 + np.sqrt(rows.data.shape[1]))
    state[1] = np.outer(*(rounding**0.5 * np.sqrt(side.layers[0].variances) for side in (rows, columns)))
    state[2:] = state[:2]
    lines = {1: _meeting(rows.names, columns.names)}
    if weights[1] == 0:
        lines[-1] = np.setdiff1d(_meeting(rows.names, columns.opposites), lines[1])
    same, close = lines[1] if kernel.f1 == kernel.f2 else lines[1][:0], []
    for x, y in zip(rows.layers[:-1], columns.layers[:-1], strict=True):
        close.append(_step(kernel, weights, x, y, state, lines, tables))
        lines = {1: same} if len(same) else {}
    found = np.setdiff1d(np.concatenate([*close, same[:0]]), same)
    i, j = np.divmod(found, state.shape[2])
    if mirror:
        i, j = i[i > j], j[i > j]
    if few is not None and len(i) > few:
        worst = np.argsort(-state[3, i, j], kind="stable")[:few]
        i, j = i[worst], j[worst]
    if len(i):
        with suppress(numeric._Unresolved):  # the series' bounds tell
            state[2:, i, j] = settled(kernel, rows, columns, (i, j))
    if mirror:
        state[2:, j, i] = state[2:, i, j]
    return state[2], state[3] + 2 * EPS * np.abs(state[2])


def _meeting(rows: Numbers, columns: Numbers) -> Numbers:
    """Where in the block they are equal."""
    if not np.isin(rows, columns).any():
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(rows[:, None] == columns)


def _step(
    kernel: Kernel,
    weights: tuple[float, float],
    x: Layer,
    y: Layer,
    state: Vector,
    lines: dict[int, Numbers],
    tables: masses.Known,
) -> Numbers:
    """One layer, in place; lines: where in the block Y = X (1) and where Y = -X (-1). Where in the block
    the series, or what is known of r, are not enough."""
    inverse, cross = inverses(x.variances, y.variances), Dual(x.activation, y.activation)
    left, right = (part.derivative or _nothing(len(part.variances)) for part in (x, y))
    factor = Dual(left, right)
    slopes = None if kernel.s1 is None or kernel.s2 is None else (kernel.s1, kernel.s2)
    more = None
    if slopes is not None and (slopes[0].deltas or slopes[1].deltas):
        unit = np.outer(inverse[: len(x.variances)], inverse[len(x.variances) :])
        r, dr = np.clip(state[0] * unit, -1.0, 1.0), state[1] * unit + 4 * EPS
        more = masses.factor(*slopes, x.variances, y.variances, r, dr, tables)

    known = np.concatenate([*lines.values(), np.zeros(0, dtype=np.int64)])

    def special(places: Places, r: Vector, dr: Vector) -> tuple[Vector, Vector]:
        number = places[0] * state.shape[2] + places[1]
        off = ~np.isin(number, known)
        others = places[0][off], places[1][off]
        first, second = np.zeros((2, len(r))), np.zeros((2, len(r)))
        first[:, off], second[:, off] = (dual.at(others, r[off], dr[off]) for dual in (cross, factor))
        if more is not None:
            second[:, off] += [part[others] for part in more]
        for sign, line in lines.items():
            on = np.flatnonzero(np.isin(number, line))
            at = places[0][on]
            if len(on):
                first[:, on] = _on_line(kernel.f1, kernel.f2, x.activation, x.variances, at, sign)
            if len(on) and slopes is not None:
                second[:, on] = _on_line(*slopes, x.derivative, x.variances, at, sign)
        return first, second

    close = _close(cross, factor, inverse, state[0])
    layer(weights, inverse, cross, factor, more, state, known, special)
    return close


def _close(cross: Dual, factor: Dual, inverse: Vector, c: Vector) -> Numbers:
    """Where in a block pairs need more than the series."""
    fine = min(cross.fine, factor.fine)
    opposite = min(fine, OPPOSITE) if cross.cancels or factor.cancels else fine
    marks = nearby(opposite, inverse, c)
    i, j = np.divmod(marks, c.shape[1])
    found: Numbers = marks[(c[i, j] < 0) | (c[i, j] * inverse[i] * inverse[len(c) + j] > fine)]
    return found


def _on_line(
    f: Function, g: Function, left: Series | None, v: Vector, rows: Numbers, sign: int
) -> Pair:
    """E f(X) g(sign X) at some of the rows; left: the series of f."""
    if f == g and sign == 1 and not f.deltas and left is not None:
        square = left.norms[rows] ** 2
        return square, 16 * EPS * square
    return masses.on_line(f, g, v[rows], sign)


def _names(*parts: Vector) -> Iterator[Numbers]:
    """A number for each row, the same for equal rows."""
    _, place = np.unique(np.concatenate(parts) + 0.0, axis=0, return_inverse=True)
    ends = np.cumsum([len(part) for part in parts])
    yield from np.split(place.ravel(), ends[:-1])


def _each(pieces: Iterable[Piece], job: Callable[[Piece], None]) -> None:
    for piece in pieces:
        job(piece)


def gram(
    kernel: Kernel,
    X: Vector,
    Z: Vector | None,
    run: Callable[[Iterable[Piece], Callable[[Piece], None]], None] = _each,
) -> Pair:
    """k(X, Z) and bounds of the absolute errors, (n, p) each; Z=None means X; run: does all the pieces."""
    _defined(kernel, X, "X")
    if Z is not None:
        _defined(kernel, Z, "Z")
    other = X if Z is None else Z
    sides = (X,) if Z is None else (X, other)
    found = [*_names(*sides, *((-other,) if kernel.sigma_b == 0 else ()))]
    names, others, opposites = found[0], found[len(sides) - 1], found[-1]
    rows = side(kernel, X, names, names, "row")
    mirror = Z is None and kernel.symmetric
    columns = side(kernel, other, others, opposites, "column", rows if mirror else None)
    n, p = len(X), len(other)
    values, bounds = X @ other.T, np.empty((n, p))
    slopes = None if kernel.s1 is None or kernel.s2 is None else (kernel.s1, kernel.s2)
    many = n * p >= MANY
    tables = masses.tables(*slopes) if slopes is not None and many else {}

    def job(piece: Piece) -> None:
        here = slice(piece[0], piece[0] + BLOCK), slice(piece[1], piece[1] + BLOCK)
        parts = rows.part(here[0]), columns.part(here[1])
        twice, few = mirror and here[0] == here[1], FEW if many else None
        values[here], bounds[here] = block(kernel, *parts, values[here], tables, mirror=twice, few=few)
        if mirror and piece[0] != piece[1]:
            values[here[::-1]], bounds[here[::-1]] = values[here].T, bounds[here].T

    places = [(i, j) for i in range(0, n, BLOCK) for j in range(0, p, BLOCK)]
    run([(i, j) for i, j in places if j <= i or not mirror], job)
    return values, bounds


def _defined(kernel: Kernel, data: Vector, name: str) -> None:
    """Undefined for a row of zeros without bias where an activation jumps."""
    if kernel.depth == 1 or kernel.sigma_b != 0 or not (kernel.f1.jumps or kernel.f2.jumps):
        return
    zero = np.flatnonzero(~data.any(axis=1))
    if len(zero):
        row = f"{name}[{zero[0]}] is a zero row and sigma_b = 0"
        raise Undefined(f"{row}: {kernel!r} is not defined there (0/0)")
