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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile import masses
from kernelcalc.compile.duals import correlations, dual, layer
from kernelcalc.compile.hermite import EPS, Series, Vector, series
from kernelcalc.errors import Undefined

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel

BLOCK = 256  # rows and columns at once: all arrays of a block stay in cache
Pair = tuple[Vector, Vector]  # values and bounds
Piece = tuple[int, int]  # the first row and the first column of a block


@dataclass(frozen=True)
class Layer:
    """What one layer needs of the points of one side; derivative: of the regular part."""

    variances: Vector
    activation: Series
    derivative: Series | None

    def part(self, here: slice) -> Layer:
        derivative = None if self.derivative is None else self.derivative.part(here)
        return Layer(self.variances[here], self.activation.part(here), derivative)


@dataclass(frozen=True)
class Side:
    """The layers of the points of one side, the error of their variances included in the series' errors.

    names, opposites: numbers that equal rows, and the opposites of equal rows, share.
    """

    data: Vector
    names: NDArray[np.int64]
    opposites: NDArray[np.int64]
    layers: tuple[Layer, ...]

    def part(self, here: slice) -> Side:
        """Some of the points."""
        layers = tuple(known.part(here) for known in self.layers)
        return Side(self.data[here], self.names[here], self.opposites[here], layers)


def side(
    kernel: Kernel,
    data: Vector,
    names: NDArray[np.int64],
    opposites: NDArray[np.int64],
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
        variances = w2 * layers[-1].activation.norms ** 2 + s2
    return Side(data, names, opposites, (*layers, Layer(variances, _nothing(len(data)), None)))


def _met(f: Function, g: Function, deviations: Vector) -> Series:
    """The series of the regular part of f, with more terms if that of g is long and does not end."""
    f = masses.regular(f)
    if f.expr == 0:
        return _nothing(len(deviations))
    return series(f, deviations, whole=bool(g.breakpoints))


def _nothing(n: int) -> Series:
    return Series(np.zeros((n, 1)), np.zeros(n), np.zeros(n), np.zeros(n))


def block(kernel: Kernel, rows: Side, columns: Side) -> Pair:
    """k(rows, columns) and bounds of the errors, (n, p) each."""
    w2, s2 = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    c = w2 / rows.data.shape[1] * (rows.data @ columns.data.T) + s2
    first = np.sqrt(np.outer(rows.layers[0].variances, columns.layers[0].variances))
    wrong = 4 * EPS * (1 + np.sqrt(rows.data.shape[1])) * first
    lines = {1: rows.names[:, None] == columns.names}
    if s2 == 0:
        lines[-1] = (rows.names[:, None] == columns.opposites) & ~lines[1]
    state = c, wrong, c.copy(), wrong.copy()
    nothing = np.zeros_like(c), np.zeros_like(c)
    for x, y in zip(rows.layers[:-1], columns.layers[:-1], strict=True):
        law = x.variances, y.variances, *correlations(x.variances, y.variances, c, wrong), lines
        cross, factor = _expected(kernel.f1, kernel.f2, x.activation, y.activation, *law), nothing
        if kernel.s1 is not None and kernel.s2 is not None:
            assert x.derivative is not None
            assert y.derivative is not None
            factor = _expected(kernel.s1, kernel.s2, x.derivative, y.derivative, *law)
        layer(w2, s2, cross, factor, state)
        lines = {1: lines[1]} if kernel.f1 == kernel.f2 else {}
    _, _, total, lost = state
    return total, lost + 2 * EPS * np.abs(total)


def _expected(
    f: Function,
    g: Function,
    left: Series,
    right: Series,
    a: Vector,
    b: Vector,
    r: Vector,
    dr: Vector,
    lines: dict[int, NDArray[np.bool_]],
) -> Pair:
    """E f(X) g(Y) and bounds; left, right: the series of the regular parts; lines: where Y = X and Y = -X."""
    value, error = dual(left, right, r, dr)
    if f.deltas or g.deltas:
        more, wrong = masses.factor(f, g, a, b, r, dr)
        value, error = value + more, error + wrong
    for sign, places in lines.items():
        on = np.asarray(places.any(axis=1))
        if on.any():
            exact, bound = np.zeros((2, len(on)))
            exact[on], bound[on] = _on_line(f, g, left.norms[on], a[on], sign)
            value, error = np.where(places, exact[:, None], value), np.where(places, bound[:, None], error)
    return value, error


def _on_line(f: Function, g: Function, norms: Vector, v: Vector, sign: int) -> Pair:
    """E f(X) g(sign X)."""
    if f == g and sign == 1 and not f.deltas:
        return norms**2, 16 * EPS * norms**2
    return masses.on_line(f, g, v, sign)


def _names(*parts: Vector) -> Iterator[NDArray[np.int64]]:
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
    """k(X, Z) and bounds of the absolute errors, (n, p) each; Z=None means X; run: does all pieces of work."""
    _defined(kernel, X, "X")
    if Z is not None:
        _defined(kernel, Z, "Z")
    other = X if Z is None else Z
    names, others, opposites = _names(X, other, -other)
    rows = side(kernel, X, names, names, "row")
    mirror = Z is None and kernel.symmetric
    columns = side(kernel, other, others, opposites, "column", rows if mirror else None)
    n, p = len(X), len(other)
    values, bounds = np.empty((n, p)), np.empty((n, p))

    def job(piece: Piece) -> None:
        here = slice(piece[0], piece[0] + BLOCK), slice(piece[1], piece[1] + BLOCK)
        values[here], bounds[here] = block(kernel, rows.part(here[0]), columns.part(here[1]))
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
