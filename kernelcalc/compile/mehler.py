"""Kernels whose expectations have no closed form: Mehler series, layer by layer, each value with a bound.

    E f(X) g(Y) = sum_k r^k f_k(sqrt a) g_k(sqrt b),   r = c/sqrt(ab)

costs two multiply-adds per pair and term, like a matrix product. Cut after K terms it is wrong by at most
|r|^K tail_f tail_g. What a layer does to the errors of the layer before is bounded by Price's formula and
Cauchy-Schwarz: |d/dr E f g| <= |f'| |g'| sd_f sd_g, the norms again from the coefficients. Rounding of the
sums is counted as 4 K eps times the norms. Bounds are absolute; equal rows take one-dimensional integrals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile.hermite import EPS, Series, Vector, series
from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel

BLOCK = 256  # rows and columns at once: all arrays of a block stay in cache
Pair = tuple[Vector, Vector]  # values and bounds


@dataclass(frozen=True)
class Layer:
    """What one layer needs of the points of one side."""

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
    f, s = (kernel.f1, kernel.s1) if role == "row" else (kernel.f2, kernel.s2)
    w2, s2 = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    variances = w2 / data.shape[1] * np.einsum("ij,ij->i", data, data) + s2
    layers = []
    for _ in range(int(kernel.depth) - 1):
        deviations = np.sqrt(variances)
        layers.append(Layer(variances, series(f, deviations), None if s is None else series(s, deviations)))
        variances = w2 * layers[-1].activation.norms ** 2 + s2
    return Side(data, (*layers, Layer(variances, _nothing(len(data)), None)))


def _nothing(n: int) -> Series:
    return Series(np.zeros((n, 1)), np.zeros(n), np.zeros(n), np.zeros(n))


def block(kernel: Kernel, rows: Side, columns: Side) -> Pair:
    """k(rows, columns) and bounds of the errors, (n, p) each."""
    w2, s2 = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    c = w2 / rows.data.shape[1] * (rows.data @ columns.data.T) + s2
    first = np.sqrt(np.outer(rows.layers[0].variances, columns.layers[0].variances))
    wrong = 4 * EPS * (1 + np.sqrt(rows.data.shape[1])) * first
    same = _same(rows.data, columns.data) & (kernel.f1 == kernel.f2)
    total, total_wrong = c, wrong
    for x, y in zip(rows.layers[:-1], columns.layers[:-1], strict=True):
        sizes = np.sqrt(np.outer(x.variances, y.variances))
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.where(sizes > 0, np.clip(c / sizes, -1.0, 1.0), 0.0)
            dr = np.where(sizes > 0, wrong / sizes, 0.0) + 4 * EPS
        value, error = dual(x.activation, y.activation, r, dr)
        value = np.where(same, x.activation.norms[:, None] ** 2, value)
        c, wrong = w2 * value + s2, w2 * error + 2 * EPS * np.abs(w2 * value + s2)
        if x.derivative is None or y.derivative is None:
            total, total_wrong = c, wrong
            continue
        factor, factor_wrong = dual(x.derivative, y.derivative, r, dr)
        if same.any():
            exact, exact_wrong = _products(kernel, x)
            factor = np.where(same, exact[:, None], factor)
            factor_wrong = np.where(same, exact_wrong[:, None], factor_wrong)
        factor, factor_wrong = w2 * factor, w2 * factor_wrong
        total_wrong = (
            wrong + np.abs(factor) * total_wrong + (np.abs(total) + total_wrong) * factor_wrong
        ) * (1 + 8 * EPS)
        total = c + total * factor
    return total, total_wrong + 2 * EPS * np.abs(total)


def _same(X: Vector, Z: Vector) -> NDArray[np.bool_]:
    """Which rows are equal to the last bit."""
    _, place = np.unique(np.concatenate([X, Z]), axis=0, return_inverse=True)
    place = place.ravel()
    equal: NDArray[np.bool_] = place[: len(X), None] == place[None, len(X) :]
    return equal


def dual(f: Series, g: Series, r: Vector, dr: Vector) -> Pair:
    """E f(X) g(Y) at correlations r known up to dr, and bounds; f, g for the rows and columns of r."""
    count = min(f.values.shape[1], g.values.shape[1])
    left, right = f.values[:, :count], g.values[:, :count]
    both = [k for k in range(count) if left[:, k].any() and right[:, k].any()]
    total, square = np.zeros_like(r), r * r
    for k, next_lower in zip(reversed(both), [*reversed(both[:-1]), 0], strict=True):  # Horner's rule
        total += np.outer(left[:, k], right[:, k])
        step = k - next_lower
        total *= r if step == 1 else square if step == 2 else r**step
    norms = np.outer(f.norms, g.norms)
    cut = np.abs(r) ** count * np.outer(rest(f, count), rest(g, count))
    coefficients = np.outer(f.errors, np.abs(right).sum(axis=1))
    coefficients += np.outer(np.abs(left).sum(axis=1), g.errors)
    slopes = np.outer(f.slopes, g.slopes)
    return total, cut + coefficients + slopes * dr + 4 * EPS * np.sqrt(count) * norms


def rest(f: Series, count: int) -> Vector:
    """The norm of what is left beyond `count` terms."""
    found: Vector = np.sqrt(f.tails**2 + (f.values[:, count:] ** 2).sum(axis=1))
    return found


def _products(kernel: Kernel, layer: Layer) -> Pair:
    """E s1(X) s2(X) for the points of a layer."""
    assert kernel.s1 is not None
    assert kernel.s2 is not None
    product = _product(kernel.s1, kernel.s2)
    known, place = np.unique(layer.variances, return_inverse=True)
    found = [numeric.mean(product, float(v)) if v > 0 else numeric.Bounded(product(0.0), 0.0) for v in known]
    values, bounds = (np.array(part)[place] for part in zip(*found, strict=True))
    if not np.isfinite(bounds).all():
        raise InputError(f"{kernel!r}: the mean of {product!r} is not resolved in float64")
    return values, bounds


def _product(f: Function, g: Function) -> Function:
    from kernelcalc.functions.base import Function

    return Function(f"({f.name}) * ({g.name})", f.expr * g.expr)


def gram(kernel: Kernel, X: Vector, Z: Vector | None) -> Pair:
    """k(X, Z) and bounds of the absolute errors, (n, p) each; Z=None means X."""
    rows = side(kernel, X, "row")
    columns = rows if Z is None and kernel.symmetric else side(kernel, X if Z is None else Z, "column")
    n, p = len(rows.data), len(columns.data)
    values, bounds = np.empty((n, p)), np.empty((n, p))
    for i in range(0, n, BLOCK):
        for j in range(0, p, BLOCK):
            here = slice(i, i + BLOCK), slice(j, j + BLOCK)
            values[here], bounds[here] = block(kernel, rows.part(here[0]), columns.part(here[1]))
    return values, bounds
