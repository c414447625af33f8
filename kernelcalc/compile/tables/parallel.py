"""The recursion for single pairs that are nearly parallel or opposite, to the last digits.

A correlation r near 1 rounded to float64 tells little of 1 - r, and series converge slowly there. Such pairs
take all layers once more, by nested integrals, with gap = 1 - |r| in place of r:

    gap' = (sigma_w^2 E (f1(X) -+ k f2(Y))^2 + sigma_b^2 (1 -+ k)^2)/(2 a'),   k = sqrt(a'/b'),

sums of squares, from the rows themselves in the first layer. An error of k counts squared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile.tables import masses
from kernelcalc.compile.tables.hermite import EPS, Series, Vector
from kernelcalc.compile.tables.nested import Nested, Part, means, nested
from kernelcalc.functions.base import Function

if TYPE_CHECKING:
    from kernelcalc.compile.tables.mehler import Layer, Side
    from kernelcalc.kernels import Kernel

LOST = 8 * EPS  # of a gap
AT_ONCE = 2**12  # pairs
Numbers = NDArray[np.int64]
Places = tuple[Numbers, Numbers]  # rows and columns
Pair = tuple[Vector, Vector]  # values and bounds


@dataclass(frozen=True)
class Gap:
    """1 - |r|, a bound of its error, and the sign of r."""

    size: Vector
    wrong: Vector
    sign: Vector

    @classmethod
    def of(cls, weights: tuple[float, float], squares: tuple[Vector, ...], a: Vector, k: Vector) -> Gap:
        """From E (f1(X) - k f2(Y))^2 and E (f1(X) + k f2(Y))^2."""
        w2, s2 = weights
        minus, plus = (
            (w2 * x + s2 * (1 - e * k) ** 2) / (2 * a) for x, e in zip(squares, (1, -1), strict=True)
        )
        size = np.minimum(np.minimum(minus, plus), 1.0)
        wrong = LOST * (size + EPS * np.sqrt(size) + EPS**2)
        return cls(size, wrong, np.where(minus <= plus, 1.0, -1.0))


def settled(kernel: Kernel, rows: Side, columns: Side, places: Places) -> Pair:
    """k at the places, and bounds of the errors."""
    parts = []
    for start in range(0, len(places[0]), AT_ONCE):
        i, j = (x[start : start + AT_ONCE] for x in places)
        parts.append(_settled(kernel, rows.part(i), columns.part(j)))
    values, bounds = (np.concatenate(x) for x in zip(*parts, strict=True))
    return values, bounds


def _settled(kernel: Kernel, left: Side, right: Side) -> Pair:
    """Of left and right, row by row."""
    weights = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    w2, s2 = weights
    layers = list(zip(left.layers, right.layers, strict=True))
    a, k = layers[0][0].variances, _ratio(*layers[0])
    squares = tuple(((left.data - e * k[:, None] * right.data) ** 2).mean(axis=1) for e in (1, -1))
    gap = Gap.of(weights, squares, a, k)
    value = gap.sign * a / k * (1 - gap.size)
    total, lost = value, 4 * EPS * np.abs(a / k)
    for (x, y), after in pairwise(layers):
        k = _ratio(*after)
        cross, wrong = _mean(kernel.f1, kernel.f2, (x, y), (x.activation, y.activation), gap, k)
        value = w2 * cross.value + s2
        off = w2 * wrong + 2 * EPS * np.abs(value)
        factor, beside = np.zeros_like(value), np.zeros_like(value)
        if kernel.s1 is not None and kernel.s2 is not None:
            factor, beside = _factor(kernel.s1, kernel.s2, (x, y), gap)
        lost = off + w2 * (np.abs(factor) * lost + (np.abs(total) + lost) * beside)
        total = value + w2 * factor * total
        gap = Gap.of(weights, cross.apart, after[0].variances, k)
    return total, lost * (1 + 8 * EPS)


def _ratio(x: Layer, y: Layer) -> Vector:
    found: Vector = np.sqrt(x.variances / y.variances)
    return found


def _mean(
    f: Function,
    g: Function,
    layers: tuple[Layer, Layer],
    known: tuple[Series, Series],
    gap: Gap,
    k: Vector | None = None,
) -> tuple[Nested, Vector]:
    """E f(X) g(Y) of regular f and g, and bounds of the errors."""
    parts = [
        Part(h, np.sqrt(layer.variances), part.norms)
        for h, layer, part in zip((f, g), layers, known, strict=True)
    ]
    found = nested(parts[0], parts[1], gap.size, gap.sign, k)
    norm = parts[0].norm * parts[1].norm
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.fmin(known[0].slopes * known[1].slopes, norm / (np.e * gap.size))
    return found, found.wrong + slope * gap.wrong + EPS**2 * norm


def _factor(s1: Function, s2: Function, layers: tuple[Layer, Layer], gap: Gap) -> Pair:
    """E s1(X) s2(Y) and bounds of the errors."""
    x, y = layers
    total, wrong = np.zeros_like(gap.size), np.zeros_like(gap.size)
    f, g = masses.regular(s1), masses.regular(s2)
    if f.expr != 0 and g.expr != 0 and x.derivative is not None and y.derivative is not None:
        found, wrong = _mean(f, g, layers, (x.derivative, y.derivative), gap)
        total = found.value
    met = s2.deltas
    for left, right, a, b in ((s1, g, x, y), (s2, f, y, x)):
        for t, weight in left.deltas:
            density = float(weight) * masses.density(float(t), a.variances)
            at = float(t) * np.sqrt(b.variances / a.variances)
            value, error = _given(right, at, np.sqrt(b.variances), gap)
            for s, other in met:
                there, off = _meeting(float(s), at, np.sqrt(b.variances), gap)
                value, error = value + float(other) * there, error + abs(float(other)) * off
            total = total + density * value
            wrong = wrong + np.abs(density) * (error + EPS * (8 + at**2 / b.variances) * np.abs(value))
        met = ()
    return total, wrong


def _given(g: Function, at: Vector, sd: Vector, gap: Gap) -> Pair:
    """E g(Y) where Y is normal with mean r at and variance sd^2 (1 - r^2)."""
    if g.expr == 0:
        return np.zeros_like(at), np.zeros_like(at)
    sizes = gap.size, np.minimum(gap.size + gap.wrong, 1.0)
    value, moved = (
        means(g, gap.sign * at * (1 - size), sd * np.sqrt(size * (2 - size)), np.zeros_like(at))[0]
        for size in sizes
    )
    return value, 2 * np.abs(moved - value) + 4 * EPS * np.abs(value)


def _meeting(s: float, at: Vector, sd: Vector, gap: Gap) -> Pair:
    """The density of that law at s."""
    x, off = sd * np.sqrt(gap.size * (2 - gap.size)), (s - gap.sign * at) + gap.sign * at * gap.size
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = np.exp(-(off**2) / (2 * x**2)) / (np.sqrt(2 * np.pi) * x)
        value = np.where(x > 0, value, np.where(off == 0, np.inf, 0.0))
        wrong = value * ((1 + off**2 / x**2) * gap.wrong / gap.size + 8 * EPS)
    return value, np.where(x > 0, wrong, value)
