"""Kernels whose expectations have no closed form: Mehler series, layer by layer, each value with a bound.

    E f(X) g(Y) = sum_k r^k f_k(sqrt a) g_k(sqrt b),   r = c/sqrt(ab)

costs two multiply-adds per pair and term, like a matrix product. Cut after K terms it is wrong by at most
|r|^K tail_f tail_g. What a layer does to the errors of the layer before is bounded by Price's formula and
Cauchy-Schwarz: |d/dr E f g| <= |f'| |g'| sd_f sd_g, the norms again from the coefficients. Rounding of the
sums is counted as 4 K eps times the norms. Bounds are absolute. Masses of surrogate derivatives are met by
conditioning (``masses``), rows that are equal or opposite by one-dimensional integrals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile import masses
from kernelcalc.compile.duals import dual
from kernelcalc.compile.hermite import EPS, Series, Vector, series
from kernelcalc.errors import Undefined

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel

BLOCK = 256  # rows and columns at once: all arrays of a block stay in cache
Pair = tuple[Vector, Vector]  # values and bounds


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
    """The layers of the points of one side, the error of their variances included in the series' errors."""

    data: Vector
    layers: tuple[Layer, ...]

    def part(self, here: slice) -> Side:
        """Some of the points."""
        return Side(self.data[here], tuple(layer.part(here) for layer in self.layers))


def side(kernel: Kernel, data: Vector, role: str) -> Side:
    """Variances and coefficients of the row ("row") or column points."""
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
    return Side(data, (*layers, Layer(variances, _nothing(len(data)), None)))


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
    lines = {1: _same(rows.data, columns.data)}
    if s2 == 0:
        lines[-1] = _same(rows.data, -columns.data) & ~lines[1]
    total, total_wrong = c, wrong
    for x, y in zip(rows.layers[:-1], columns.layers[:-1], strict=True):
        sizes = np.sqrt(np.outer(x.variances, y.variances))
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.where(sizes > 0, np.clip(c / sizes, -1.0, 1.0), 0.0)
            dr = np.where(sizes > 0, wrong / sizes, 0.0) + 4 * EPS
        law = x.variances, y.variances, r, dr, lines
        value, error = _expected(kernel.f1, kernel.f2, x.activation, y.activation, *law)
        c, wrong = w2 * value + s2, w2 * error + 2 * EPS * np.abs(w2 * value + s2)
        if kernel.s1 is None or kernel.s2 is None:
            total, total_wrong = c, wrong
        else:
            assert x.derivative is not None
            assert y.derivative is not None
            factor, error = _expected(kernel.s1, kernel.s2, x.derivative, y.derivative, *law)
            factor, error = w2 * factor, w2 * error
            total_wrong = (wrong + np.abs(factor) * total_wrong + (np.abs(total) + total_wrong) * error) * (
                1 + 8 * EPS
            )
            total = c + total * factor
        lines = {1: lines[1]} if kernel.f1 == kernel.f2 else {}
    return total, total_wrong + 2 * EPS * np.abs(total)


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


def _same(X: Vector, Z: Vector) -> NDArray[np.bool_]:
    """Which rows are equal to the last bit."""
    _, place = np.unique(np.concatenate([X, Z]), axis=0, return_inverse=True)
    place = place.ravel()
    equal: NDArray[np.bool_] = place[: len(X), None] == place[None, len(X) :]
    return equal


def gram(kernel: Kernel, X: Vector, Z: Vector | None) -> Pair:
    """k(X, Z) and bounds of the absolute errors, (n, p) each; Z=None means X."""
    _defined(kernel, X, "X")
    rows = side(kernel, X, "row")
    if Z is not None:
        _defined(kernel, Z, "Z")
    columns = rows if Z is None and kernel.symmetric else side(kernel, X if Z is None else Z, "column")
    n, p = len(rows.data), len(columns.data)
    values, bounds = np.empty((n, p)), np.empty((n, p))
    for i in range(0, n, BLOCK):
        for j in range(0, p, BLOCK):
            here = slice(i, i + BLOCK), slice(j, j + BLOCK)
            values[here], bounds[here] = block(kernel, rows.part(here[0]), columns.part(here[1]))
    return values, bounds


def _defined(kernel: Kernel, data: Vector, name: str) -> None:
    """Undefined for a row of zeros without bias where an activation jumps."""
    if kernel.depth == 1 or kernel.sigma_b != 0 or not (kernel.f1.jumps or kernel.f2.jumps):
        return
    zero = np.flatnonzero(~data.any(axis=1))
    if len(zero):
        row = f"{name}[{zero[0]}] is a zero row and sigma_b = 0"
        raise Undefined(f"{row}: {kernel!r} is not defined there (0/0)")
