"""Finite networks with polynomial activations: exact expectations over all weights, from the definitions.

A witness for the theorems on infinite width: the empirical (generalised) tangent kernel is built from the
quasi-Jacobians (S12), (S13), parameter by parameter, as a polynomial in the weights, and averaged monomial by
monomial. Every weight is written p' = sqrt(v) p, v = sigma_w^2 / (width before) or sigma_b^2, so that all
numbers stay rational; p' has variance v, and d/dp = sqrt(v) d/dp'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.polys.rings import ring

from kernelcalc.functions.base import Function
from kernelcalc.symbols import z

Number = Any  # a rational number; SymPy carries no types
Polynomial = Any  # in the weights
Row = dict[int, Polynomial]  # number of the weight -> entry of the quasi-Jacobian
Pair = tuple[Function, Function]  # activation and (surrogate) derivative


@dataclass(frozen=True)
class Network:
    """Widths n0, ..., nL and standard deviations; the weights of layer L start at last_layer N(0, 1)."""

    widths: tuple[int, ...]
    sigma_w: Number
    sigma_b: Number
    last_layer: Number = 1

    @cached_property
    def _places(self) -> dict[tuple[int, int, int], int]:
        """(layer, row, column) -> number of the weight; column 0 is the bias."""
        layers = enumerate(zip(self.widths, self.widths[1:], strict=False), 1)
        entries = [(k, i, j) for k, (before, now) in layers for i in range(now) for j in range(before + 1)]
        return {entry: place for place, entry in enumerate(entries)}

    @cached_property
    def _weights(self) -> tuple[Polynomial, ...]:
        return tuple(ring([f"p{place}" for place in self._places.values()], sp.QQ)[1:])

    @cached_property
    def _steps(self) -> list[Number]:
        """(dp'/dp)^2 of every weight."""
        return [
            sp.QQ.from_sympy(sp.sympify(self.sigma_w**2 / self.widths[k - 1] if j else self.sigma_b**2))
            for k, _, j in self._places
        ]

    @cached_property
    def _variances(self) -> list[Number]:
        top, scale = len(self.widths) - 1, sp.QQ.from_sympy(sp.sympify(self.last_layer**2))
        return [v * scale if k == top else v for (k, _, _), v in zip(self._places, self._steps, strict=True)]

    def jacobian(self, pair: Pair, x: Sequence[Number]) -> tuple[list[Polynomial], list[Row]]:
        """Outputs h^{(L)}(x) and the rows of the quasi-Jacobian."""
        one = self._weights[0].ring.one
        inputs: list[Polynomial] = [one * sp.QQ.from_sympy(sp.sympify(value)) for value in x]
        slopes: list[Polynomial] = []
        rows: list[Row] = []
        for level, width in enumerate(self.widths[1:], 1):
            outputs, before, rows = [], rows, []
            for i in range(width):
                place = [self._places[level, i, j] for j in range(len(inputs) + 1)]
                p = [self._weights[number] for number in place]
                outputs.append(sum((w * value for w, value in zip(p[1:], inputs, strict=True)), p[0]))
                row = dict(zip(place, [one, *inputs], strict=True))
                for w, slope, lower in zip(p[1:], slopes, before, strict=False):
                    for number, entry in lower.items():
                        row[number] = row.get(number, 0) + w * slope * entry
                rows.append(row)
            inputs, slopes = ([_apply(f, value) for value in outputs] for f in pair)
        return outputs, rows

    def mean(self, polynomial: Polynomial) -> Number:
        """Its expectation over all weights: a centred Gaussian of variance v has E p^2k = (2k - 1)!! v^k."""
        total = sp.QQ(0)
        for powers, coefficient in polynomial.terms():
            if not any(power % 2 for power in powers):
                for power, variance in zip(powers, self._variances, strict=True):
                    coefficient *= math.prod(range(1, power, 2)) * variance ** (power // 2)
                total += coefficient
        return sp.QQ.to_sympy(total)

    def covariance(self, first: Pair, second: Pair, x: Sequence[Number], y: Sequence[Number]) -> Number:
        """E h1(x) h2(y) of the first outputs of two networks with shared weights."""
        return self.mean(self.jacobian(first, x)[0][0] * self.jacobian(second, y)[0][0])

    def tangent(self, first: Pair, second: Pair, x: Sequence[Number], y: Sequence[Number]) -> sp.Matrix:
        """The expectation of the empirical generalised tangent kernel (S14), nL x nL."""
        left, right = self.jacobian(first, x)[1], self.jacobian(second, y)[1]

        def entry(i: int, j: int) -> Number:
            shared = left[i].keys() & right[j].keys()
            return sum(sp.QQ.to_sympy(self._steps[p]) * self.mean(left[i][p] * right[j][p]) for p in shared)

        return sp.Matrix(len(left), len(right), entry)


def infinite_width(value_at: Callable[[int], Any]) -> Any:
    """The limit of a linear function of 1/n from its values at n = 1 and n = 2.

    Expectations at depth 3 are such functions of the width n of the first hidden layer (and do not depend on
    that of the second) if activations have degree 2 and surrogate derivatives degree 1 at most: they are of
    degree 2 in averages over the n neurons.
    """
    return 2 * value_at(2) - value_at(1)


def _apply(f: Function, value: Polynomial) -> Polynomial:
    result = 0 * value
    for coefficient in sp.Poly(f.expr, z).all_coeffs():  # Horner
        result = result * value + sp.QQ.from_sympy(coefficient)
    return result
