"""Gradient flow of the parameters and of the network function (S8)-(S11).

For the loss L = (1/d) sum_i l(f(x_i); y_i), here with l = (f - y)^2/2, the chain rule turns the gradient flow
of the parameters into dynamics of the function, driven by the empirical tangent kernel J(x) J(x_i)^T. Shown
on a network of one input, two hidden neurons and one output, with two training points.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.symbols import sigma_b, sigma_w
from kernelcalc.verify.claim import Claim, Point

from ._c1 import Network, at, rational

eta = sp.Symbol("eta", positive=True)
x, x1, x2, y1, y2 = sp.symbols("x x_1 x_2 y_1 y_2", real=True)
NET = Network((1, 2, 1))
THETA = NET.parameters
DATA = ((x1, y1), (x2, y2))


def f(point: sp.Symbol) -> sp.Expr:
    return NET.output([point])[0]


def jacobian(point: sp.Symbol) -> sp.Matrix:
    return NET.output([point]).jacobian(THETA)


def kernel(u: sp.Symbol, w: sp.Symbol) -> sp.Expr:
    """The empirical tangent kernel (Definition C.3)."""
    return sum(trace.diff(f(u), p) * trace.diff(f(w), p) for p in THETA)


def flow() -> sp.Matrix:
    """d theta/dt = -eta times the gradient of the loss."""
    loss = sum((f(u) - y) ** 2 / 2 for u, y in DATA) / len(DATA)
    return sp.Matrix([-eta * trace.diff(loss, p) for p in THETA])


def flow_by_differences(point: Point, digits: int) -> Any:
    value = at(point)

    def loss(p: sp.Symbol, t: Any) -> Any:
        def put(entry: sp.Symbol) -> Any:
            return t if entry == p else value(entry)

        outputs = [NET.layers([u], put, mp.erf, mp)[-1][0] for u, _ in DATA]
        return sum((out - value(y)) ** 2 / 2 for out, (_, y) in zip(outputs, DATA, strict=True)) / len(DATA)

    return mp.matrix([-value(eta) * mp.diff(lambda t, p=p: loss(p, t), value(p)) for p in THETA])


def function_by_differences(point: Point, digits: int) -> Any:
    """d/dt f(x; theta + t dtheta/dt) at t = 0."""
    value = at(point)
    with mp.workdps(2 * digits + 30):  # the direction must stay exact while mp.diff raises the precision
        direction = dict(zip(THETA, flow_by_differences(point, digits), strict=True))

    def moved(t: Any) -> Any:
        def put(entry: sp.Symbol) -> Any:
            return value(entry) + t * direction.get(entry, 0)

        return NET.layers([x], put, mp.erf, mp)[-1][0]

    return mp.diff(moved, 0)


_SYMBOLS = (*THETA, sigma_w, sigma_b, eta, x, x1, x2, y1, y2)
POINTS: tuple[Point, ...] = tuple(
    dict(zip(_SYMBOLS, rational(text), strict=True))
    for text in (
        "1/2 -2/3 1/5 1/7 3/4 -5/3 1/9 1 1/2 1/3 2/3 -1/2 3/2 1 -1",
        "-7/5 1/3 -1/4 2 1/2 1/3 -1 3/2 0 1 -1/4 1 2/7 -1 1/5",
    )
)

CLAIMS = (
    Claim(
        tag="S8",
        title="gradient flow of the parameters",
        source="C.1, equation (S8)",
        statement="d theta_t/dt = -eta (1/d) sum_i J(x_i; theta)^T grad l(f(x_i); y_i)",
        conditions="l(f; y) = (f - y)^2/2; a network 1-2-1 with erf, d = 2",
        printed=-eta / 2 * (jacobian(x1).T * (f(x1) - y1) + jacobian(x2).T * (f(x2) - y2)),
        derive=flow,
        witness=flow_by_differences,
        points=POINTS,
    ),
    Claim(
        tag="S11",
        title="gradient flow of the network function",
        source="C.1, equations (S9)-(S11)",
        statement="d f_t(x)/dt = -eta (1/d) sum_i Theta_t(x, x_i) grad l(f_t(x_i); y_i)",
        conditions="l(f; y) = (f - y)^2/2; a network 1-2-1 with erf, d = 2",
        printed=-eta / 2 * (kernel(x, x1) * (f(x1) - y1) + kernel(x, x2) * (f(x2) - y2)),
        derive=lambda: (jacobian(x) * flow())[0],
        witness=function_by_differences,
        points=POINTS,
    ),
)
