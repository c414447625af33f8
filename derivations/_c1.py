"""Small networks (Definition C.1) whose parameters are symbols, and their quasi-Jacobian matrices.

One forward pass serves SymPy and mpmath: a parameter is looked up by ``value``, which gives the symbol itself
or its number at a point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.symbols import sigma_b, sigma_w, z
from kernelcalc.verify.claim import Point

Number = Any  # a SymPy expression or an mpmath number
Value = Callable[[Any], Number]


@dataclass(frozen=True)
class Network:
    """Layer widths n0, ..., nL; weights W(l) (n_l x n_(l-1)) and biases b(l) (n_l), all of them symbols."""

    widths: tuple[int, ...]

    def weights(self, layer: int) -> sp.Matrix:
        rows, columns = self.widths[layer], self.widths[layer - 1]
        return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"W{layer}_{i + 1}{j + 1}", real=True))

    def biases(self, layer: int) -> sp.Matrix:
        return sp.Matrix(self.widths[layer], 1, lambda i, _: sp.Symbol(f"b{layer}_{i + 1}", real=True))

    @property
    def depth(self) -> int:
        return len(self.widths) - 1

    @property
    def parameters(self) -> list[sp.Symbol]:
        """theta, layer by layer: the rows of W(l), then b(l)."""
        layers = range(1, self.depth + 1)
        return [p for layer in layers for p in (*self.weights(layer), *self.biases(layer))]

    def layers(
        self, x: Sequence[Any], value: Value = sp.sympify, f: Value = sp.erf, lib: Any = sp
    ) -> list[list[Number]]:
        """h(1)(x), ..., h(L)(x) for the activation f, in the arithmetic of ``lib`` (sympy or mpmath)."""
        inputs, found = [value(entry) for entry in x], []
        for layer in range(1, self.depth + 1):
            W, b = self.weights(layer), self.biases(layer)
            scale = value(sigma_w) / lib.sqrt(len(inputs))
            outputs = [
                sum((scale * value(W[i, j]) * u for j, u in enumerate(inputs)), value(sigma_b) * value(b[i]))
                for i in range(len(b))
            ]
            found.append(outputs)
            inputs = [f(u) for u in outputs]
        return found

    def output(self, x: Sequence[Any]) -> sp.Matrix:
        """The network function with erf, a column of expressions in the parameters."""
        return sp.Matrix(self.layers(x)[-1])


Row = Callable[[int, int], int]


def quasi_jacobian(
    net: Network, x: Sequence[sp.Expr], f: sp.Expr, slope: sp.Expr, row: Row = lambda k, i: k
) -> sp.Matrix:
    """J(L)(x; theta) by (S12), (S13), n_L x |theta|; f: activation, slope: its (surrogate) derivative, in z.

    row(k, i): the row of W(l) in the third case, for entry k and a parameter of row i.
    """

    def apply(form: sp.Expr, value: sp.Expr) -> sp.Expr:
        return form.xreplace({z: value})

    h = net.layers(x, f=lambda u: apply(f, u))
    columns: dict[sp.Symbol, tuple[int, list[sp.Expr]]] = {}  # parameter -> (its row i, J(l)_{k,parameter})
    for layer in range(1, net.depth + 1):
        n, W, b = net.widths[layer], net.weights(layer), net.biases(layer)
        inputs = [apply(f, u) for u in h[layer - 2]] if layer > 1 else list(x)
        scale = sigma_w / sp.sqrt(len(inputs))
        for p, (i, below) in columns.items():
            terms = [apply(slope, h[layer - 2][j]) * below[j] for j in range(len(inputs))]
            entries = [scale * sum(W[row(k, i), j] * term for j, term in enumerate(terms)) for k in range(n)]
            columns[p] = (i, entries)
        for i in range(n):
            for j, u in enumerate(inputs):
                columns[W[i, j]] = (i, [sp.KroneckerDelta(k, i) * scale * u for k in range(n)])
            columns[b[i]] = (i, [sp.KroneckerDelta(k, i) * sigma_b for k in range(n)])
    return sp.Matrix([[columns[p][1][k] for p in net.parameters] for k in range(net.widths[-1])])


# -- numbers


def at(point: Point) -> Value:
    """Symbols by their numbers at the point, at whatever precision is current when asked."""
    return lambda entry: mp.mpf(int(point[entry].p)) / int(point[entry].q)


def slope_of(net: Network, point: Point, x: Sequence[sp.Symbol], k: int, p: sp.Symbol) -> Number:
    """The derivative of f_k(x; theta) by one parameter, by differences in high precision (erf networks)."""
    value = at(point)

    def moved(t: Number) -> Number:
        return net.layers(x, lambda entry: t if entry == p else value(entry), mp.erf, mp)[-1][k]

    return mp.diff(moved, value(p))


def jacobian_of(net: Network, point: Point, x: Sequence[sp.Symbol]) -> Number:
    """The Jacobian matrix by differences, n_L x |theta|."""
    return mp.matrix([[slope_of(net, point, x, k, p) for p in net.parameters] for k in range(net.widths[-1])])


def rational(text: str) -> list[sp.Rational]:
    return [sp.Rational(word) for word in text.split()]
