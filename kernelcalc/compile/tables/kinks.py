"""E g(X) h(Y) for functions with kinks, as a function of the angle, resolved at both ends.

The Hermite series of a function with a kink converges slowly where X and Y are nearly parallel. There
conditioning (``nested``) takes its place. The angle enters through x = sqrt(q) or sqrt(p), on Chebyshev nodes
in every octave of x, and what lies between is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from kernelcalc import gauss
from kernelcalc.compile.tables.hermite import series
from kernelcalc.compile.tables.nested import Part, nested
from kernelcalc.compile.tables.piecewise import Long, Vector
from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function

OCTAVES = (-7, -6, -5, -4, -3, -2, -1)  # of x; one more interval below
DEGREE = 19


@dataclass(frozen=True)
class AngleFunction:
    """A function of x in [0, sqrt(1/2)], Chebyshev coefficients (intervals, DEGREE + 1); error: absolute."""

    coefficients: Vector
    error: float

    @staticmethod
    def edges() -> Vector:
        return np.array([0.0, *np.ldexp(1.0, np.array(OCTAVES)), np.sqrt(0.5)])

    @staticmethod
    def nodes() -> Vector:
        """Where the function has to be known: (intervals, DEGREE + 1)."""
        edges = AngleFunction.edges()
        points = chebyshev.chebpts1(DEGREE + 1)
        nodes: Vector = (edges[1:, None] + edges[:-1, None]) / 2 + np.diff(edges)[:, None] / 2 * points
        return nodes

    @classmethod
    def through(cls, values: Vector, error: float) -> AngleFunction:
        """The function with these values at the nodes, known up to error."""
        points = chebyshev.chebpts1(DEGREE + 1)
        inverse = np.linalg.inv(chebyshev.chebvander(points, DEGREE))
        coefficients = values @ inverse.T
        cut = float(np.abs(coefficients[:, -2:]).sum(axis=1).max())
        return cls(coefficients, error + 2 * cut)

    @property
    def steepness(self) -> float:
        """A bound of |x f'(x)|/2 = |q df/dq|: what a relative error of q does."""
        edges = self.edges()
        slopes = np.abs(chebyshev.chebder(self.coefficients, axis=1)).sum(axis=1) * 2 / np.diff(edges)
        return float((slopes * edges[1:]).max() / 2)

    def __call__(self, x: Long) -> Long:
        return self._evaluate(self.coefficients, x)

    def _evaluate(self, coefficients: Vector, x: Long) -> Long:
        edges = self.edges()
        index = np.clip(np.searchsorted(edges, x.astype(np.float64), side="right") - 1, 0, len(edges) - 2)
        t = (2 * x - edges[index] - edges[index + 1]) / (edges[index + 1] - edges[index])
        picked = coefficients[index].astype(np.longdouble)
        before, now = np.zeros_like(x), np.zeros_like(x)
        for k in reversed(range(1, picked.shape[1])):  # Clenshaw
            before, now = now, 2 * t * now - before + picked[:, k]
        result: Long = t * now - before + picked[:, 0]
        return result

    @cached_property
    def _moments(self) -> tuple[Vector, Vector]:
        """Coefficients of the integral of x f(x) from the left end of every interval, over x^2 at the first;
        and its values at the left ends."""
        edges, rows, starts = self.edges(), [], [0.0]
        for left, right, row in zip(edges[:-1], edges[1:], self.coefficients, strict=True):
            linear = np.array([(left + right) / 2, (right - left) / 2])
            rows.append(chebyshev.chebint(chebyshev.chebmul(row, linear), lbnd=-1) * (right - left) / 2)
            starts.append(starts[-1] + float(chebyshev.chebval(1.0, rows[-1])))
        return np.array(rows), np.array(starts)

    def integral(self, x: Long) -> Long:
        """The integral of t f(t) over 0 < t < x, to its last digits also where x is small."""
        rows, starts = self._moments
        edges = self.edges()
        index = np.clip(np.searchsorted(edges, x.astype(np.float64), side="right") - 1, 0, len(edges) - 2)
        total = starts[index] + self._evaluate(rows, x)
        inner = np.flatnonzero(index == 0)
        if len(inner):  # by a rule, as the antiderivative cancels: f has a finite value at 0
            u, w = gauss.fine(DEGREE + 3)
            t = x[inner, None] * (1 + u) / 2
            values = np.array([self._evaluate(self.coefficients, row) for row in t], np.longdouble)
            total[inner] = (values * t) @ w * x[inner] / 2
        return total


def angle_functions(g: Function, h: Function, sd: float) -> tuple[AngleFunction, AngleFunction]:
    """E g(X) h(Y) in x = sqrt(q) for r >= 0 and in x = sqrt(p) for r <= 0, var X = var Y = sd^2."""
    x, deviations = AngleFunction.nodes(), np.array([sd])
    gap = 2 * x.ravel() ** 2
    one = np.ones(gap.size)
    parts = [Part(f, sd * one, series(f, deviations).norms[0] * one) for f in (g, h)]
    found = []
    for sign in (1.0, -1.0):
        try:
            made = nested(parts[0], parts[1], gap, sign * one)
        except numeric._Unresolved as reason:
            raise InputError(f"E[{g!r} {h!r}] is not resolved in float64") from reason
        found.append(AngleFunction.through(made.value.reshape(x.shape), float(made.wrong.max())))
    return found[0], found[1]
