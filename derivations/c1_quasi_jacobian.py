"""Quasi-Jacobian matrices of networks (Definition C.4), the Jacobian and the tangent kernel as special cases.

A quasi-Jacobian is the chain rule for the Jacobian with the derivative of the activation replaced by a
surrogate. It is derived here in that way: the network with an undefined activation is differentiated, and the
derivative is replaced afterwards. (S13) as printed has W_ij where the chain rule gives W_kj.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.symbols import sigma_b, sigma_w, z
from kernelcalc.verify.claim import Claim, Point

from ._c1 import Network, Value, at, jacobian_of, quasi_jacobian, rational

x, y = sp.symbols("x_1:3", real=True), sp.symbols("y_1:3", real=True)
SIGN, SURROGATE = sp.sign(z), sp.exp(-(z**2))
ERF, SLOPE = sp.erf(z), trace.diff(sp.erf(z), z)

FIRST = Network((2, 2))
SQUARE = Network((1, 2, 2))
DEEP = Network((1, 2, 2, 1))
WIDE = Network((2, 2, 2))


def chain_rule(net: Network, at_x: Sequence[sp.Symbol], f: sp.Expr, slope: sp.Expr) -> sp.Matrix:
    """The Jacobian of the network with an undefined activation; then its derivative becomes the surrogate."""
    phi = sp.Function("phi")
    jacobian = sp.Matrix(net.layers(at_x, f=phi)[-1]).jacobian(net.parameters)
    jacobian = jacobian.replace(sp.Subs, lambda _, variables, where: slope.xreplace({z: where[0]}))
    return jacobian.replace(phi, lambda u: f.xreplace({z: u}))


def tangents(net: Network, at_x: Sequence[sp.Symbol], value: Value, p: sp.Symbol) -> list[Any]:
    """The column of the parameter p by forward differentiation in numbers, the surrogate for sign'."""
    inputs, changes = [value(u) for u in at_x], [mp.mpf(0) for _ in at_x]
    for layer in range(1, net.depth + 1):
        W, b = net.weights(layer), net.biases(layer)
        scale = value(sigma_w) / mp.sqrt(len(inputs))
        h, dh = [], []
        for i in range(len(b)):
            row = [(W[i, j], u, du) for j, (u, du) in enumerate(zip(inputs, changes, strict=True))]
            h.append(sum(scale * value(w) * u for w, u, _ in row) + value(sigma_b) * value(b[i]))
            own = sum(scale * u for w, u, _ in row if w == p) + (value(sigma_b) if b[i] == p else 0)
            dh.append(own + sum(scale * value(w) * du for w, _, du in row))
        inputs = [mp.sign(u) for u in h]
        changes = [mp.exp(-u * u) * du for u, du in zip(h, dh, strict=True)]
    return dh


def surrogate_jacobian(point: Point, digits: int) -> Any:
    columns = [tangents(SQUARE, x[:1], at(point), p) for p in SQUARE.parameters]
    return mp.matrix(columns).T


def tangent_kernel() -> sp.Matrix:
    """Definition C.3: sum over all parameters of df_i(x)/dp df_j(y)/dp."""
    left, right = WIDE.output(x), WIDE.output(y)
    return sp.Matrix(
        2, 2, lambda i, j: sum(trace.diff(left[i], p) * trace.diff(right[j], p) for p in WIDE.parameters)
    )


def kernel_by_differences(point: Point, digits: int) -> Any:
    return jacobian_of(WIDE, point, x) * jacobian_of(WIDE, point, y).T


def points(net: Network, inputs: Sequence[sp.Symbol], *texts: str) -> tuple[Point, ...]:
    symbols = (sigma_w, sigma_b, *inputs, *net.parameters)
    return tuple(dict(zip(symbols, rational(text), strict=True)) for text in texts)


CLAIMS = (
    Claim(
        tag="S12",
        title="Jacobian of the first layer",
        source="Definition C.4 (S12), Remark C.3",
        statement="J(1)_{k p} = delta_ki sigma_w/sqrt(n0) x_j for p = W(1)_ij, "
        "delta_ki sigma_b for p = b(1)_i",
        conditions="n0 = n1 = 2",
        printed=quasi_jacobian(FIRST, x, ERF, SLOPE),
        derive=lambda: FIRST.output(x).jacobian(FIRST.parameters),
        witness=lambda point, _: jacobian_of(FIRST, point, x),
        points=points(FIRST, x, "1 1/2 2/3 -1/5 1/2 -2/3 1/5 1/7 3/4 -5/3", "3/2 1/9 -1 3 1/2 1/4 0 2 -1 1"),
    ),
    Claim(
        tag="S13",
        title="quasi-Jacobian of a hidden layer",
        source="Definition C.4 (S13)",
        statement="J(l)_{k p} = sigma_w/sqrt(n_(l-1)) sum_j W(l)_ij surrogate(h(l-1)_j) J(l-1)_{j p} "
        "for p in theta(l-1)",
        conditions="network 1-2-2, sign with surrogate exp(-z^2); i read as the row of the parameter",
        printed=quasi_jacobian(SQUARE, x[:1], SIGN, SURROGATE, row=lambda k, i: i),
        corrected=quasi_jacobian(SQUARE, x[:1], SIGN, SURROGATE),
        note="in the third case the weight must be W(l)_kj: i is not bound there, the entry is that of row k",
        derive=lambda: chain_rule(SQUARE, x[:1], SIGN, SURROGATE),
        witness=surrogate_jacobian,
        points=points(
            SQUARE,
            x[:1],
            "1 1/2 2/3 1/2 -2/3 1/5 1/7 3/4 -5/3 1/9 1/3 -1/2 1/6",
            "3/2 1/9 -1 1/2 1/4 2/3 2 -1 1 1/2 -3/2 2 -1/7",
        ),
    ),
    Claim(
        tag="C.3/rem",
        title="the quasi-Jacobian for the true derivative is the Jacobian",
        source="Remark C.3",
        statement="J(L),sigma,sigma'(x; theta) = J_theta f(x; theta)",
        conditions="network 1-2-2-1 with erf; (S13) with W_kj",
        printed=quasi_jacobian(DEEP, x[:1], ERF, SLOPE),
        derive=lambda: DEEP.output(x[:1]).jacobian(DEEP.parameters),
        witness=lambda point, _: jacobian_of(DEEP, point, x[:1]),
        points=points(
            DEEP,
            x[:1],
            "1 1/2 2/3 1/2 -2/3 1/5 1/7 3/4 -5/3 1/9 1/3 -1/2 1/6 1 -1/3 2/5",
            "3/2 1/9 -1 1/2 1/4 2/3 2 -1 1 1/2 -3/2 2 -1/7 -2/3 1/2 1",
        ),
    ),
    Claim(
        tag="C.4/rem",
        title="the generalised tangent kernel contains the tangent kernel",
        source="Definitions C.3 and C.5 (S14), Remark C.4",
        statement="J(L),sigma,sigma'(x) J(L),sigma,sigma'(y)^T = sum_p df_i(x)/dp df_j(y)/dp",
        conditions="network 2-2-2 with erf, sigma_1 = sigma_2, both derivatives true ones",
        printed=tangent_kernel(),
        derive=lambda: quasi_jacobian(WIDE, x, ERF, SLOPE) * quasi_jacobian(WIDE, y, ERF, SLOPE).T,
        witness=kernel_by_differences,
        points=points(
            WIDE,
            (*x, *y),
            "1 1/2 2/3 -1/5 3/4 2 1/2 -2/3 1/5 1/7 3/4 -5/3 1/9 1/3 -1/2 1/6 1 -1/3",
            "3/2 1/9 -1 1 1/2 1 1/4 2/3 2 -1 1 1/2 -3/2 2 -1/7 -2/3 1/2 1/8",
        ),
    ),
)
