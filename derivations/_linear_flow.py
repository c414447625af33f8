"""The linear flow of section C.2.1 for two training points and one test point, with symbols for everything.

The Gram matrix Theta = R diag(l1, l2) R^T, with R the rotation whose tangent of half the angle is s, runs
through all symmetric matrices with positive eigenvalues. The flow is solved as an ODE is solved by hand: the
training residual in the eigenbasis, then the test point by integration over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.verify.claim import Point

l1, l2, eta, t = sp.symbols("lambda_1 lambda_2 eta t", positive=True)
_tau = sp.Symbol("tau", positive=True)  # a time before t
s = sp.Symbol("s", real=True)
k1, k2, y1, y2, g1, g2, g3 = sp.symbols("k_1 k_2 y_1 y_2 g_1 g_2 g_3", real=True)

ROTATION = sp.Matrix([[1 - s**2, -2 * s], [2 * s, 1 - s**2]]) / (1 + s**2)
THETA = (ROTATION * sp.diag(l1, l2) * ROTATION.T).applyfunc(sp.factor)
INVERSE = (ROTATION * sp.diag(1 / l1, 1 / l2) * ROTATION.T).applyfunc(sp.factor)
KT = sp.Matrix([[k1, k2]])  # Theta(X_T, X)
Y = sp.Matrix([y1, y2])
F0 = sp.Matrix([g1, g2])  # f_0(X)
F0T = sp.Matrix([g3])  # f_0(X_T)


def decay(rate: sp.Expr = eta) -> sp.Matrix:
    """exp(-rate Theta t), by the eigendecomposition."""
    return ROTATION * sp.diag(sp.exp(-rate * l1 * t), sp.exp(-rate * l2 * t)) * ROTATION.T


def learned(rate: sp.Expr = eta) -> sp.Matrix:
    """1 - exp(-rate Theta t)."""
    return sp.eye(2) - decay(rate)


def solve_flow(
    residual: sp.Matrix, start: sp.Matrix, row: sp.Matrix = KT, rate: sp.Expr = eta
) -> tuple[sp.Matrix, sp.Matrix]:
    """Residual r_t at the training points and f_t at the test point, r' = -rate Theta r, f' = -rate row r."""
    eigen = ROTATION.T * residual
    modes = [mode(rate * value) * initial for value, initial in zip((l1, l2), eigen, strict=True)]
    residuals = ROTATION * sp.Matrix(modes)
    change = (row * residuals)[0].expand()
    test = start[0] - rate * trace.integrate(change.subs(t, _tau), (_tau, 0, t))
    return residuals, sp.Matrix([test])


@cache
def mode(speed: sp.Expr) -> sp.Expr:
    """The solution of r' = -speed r, r(0) = 1, at time t."""
    r = sp.Function("r")
    return sp.dsolve(r(t).diff(t) + speed * r(t), r(t), ics={r(0): 1}).rhs


def at_infinity(form: sp.Matrix) -> sp.Matrix:
    """The limit as t -> oo of a matrix that is continuous in its exponentials of t."""
    return form.applyfunc(lambda entry: entry.replace(sp.exp, lambda e: trace.limit(sp.exp(e), t, sp.oo)))


# -- the witness: the ODE integrated by its Taylor series, without exponentials of matrices


def integrated(rate: mp.matrix, source: mp.matrix, start: mp.matrix, time: mp.mpf) -> mp.matrix:
    """u(time) for u' = rate u + source, u(0) = start."""
    halvings = max(0, int(mp.ceil(mp.log(1 + mp.norm(rate, mp.inf) * time, 2))) + 2)
    h = time / 2**halvings
    propagator = power = mp.eye(rate.rows)
    shift = mp.zeros(rate.rows, 1)
    for k in range(1, 2 * mp.mp.dps):  # one step: u -> propagator u + shift
        shift += power * source * h / k
        power = power * rate * h / k
        propagator += power
    for _ in range(halvings):  # two steps in one
        propagator, shift = propagator * propagator, propagator * shift + shift
    return propagator * start + shift


def numbers(form: sp.Matrix, point: Point) -> mp.matrix:
    return mp.matrix([[number(entry.subs(dict(point))) for entry in row] for row in form.tolist()])


def number(value: Any) -> mp.mpf:
    exact = sp.Rational(value)
    return mp.mpf(int(exact.p)) / int(exact.q)


def flow_at(
    point: Point, targets: Sequence[Any], start: Sequence[Any], *, time: mp.mpf | None = None,
    gram: sp.Matrix = THETA, row: sp.Matrix = KT, rate: sp.Expr = eta,
) -> mp.matrix:  # fmt: skip
    """(f_t(X), f_t(X_T)) for f' = -rate Theta(., X) (f(X) - Y), integrated numerically from start."""
    kernel = numbers(gram.col_join(row), point)
    speed = number(rate.subs(dict(point)))
    matrix, source = mp.zeros(3), mp.zeros(3, 1)
    aims = [number(sp.sympify(value).subs(dict(point))) for value in targets]
    for i in range(3):
        for j in range(2):
            matrix[i, j] = -speed * kernel[i, j]
            source[i] += speed * kernel[i, j] * aims[j]
    begin = mp.matrix([number(sp.sympify(value).subs(dict(point))) for value in start])
    return integrated(matrix, source, begin, number(point[t]) if time is None else time)


def late(point: Point, digits: int, slowest: sp.Expr | None = None) -> mp.mpf:
    """A time at which exp(-eta lambda t) is below 10^-digits for the slowest mode."""
    slow = number((sp.Min(l1, l2) if slowest is None else slowest).subs(dict(point)))
    return (digits + 10) * mp.log(10) / (slow * number(point[eta]))


def _point(*values: Any) -> dict[sp.Symbol, Any]:
    return dict(zip((l1, l2, s, k1, k2, y1, y2, g1, g2, g3, eta, t), values, strict=True))


POINTS = (
    _point(1, 3, "1/2", "1/2", "2/3", 1, -1, "1/3", "-1/4", "1/5", "1/2", 1),
    _point(2, "1/7", "-1/3", -1, "3/4", "5/4", "1/2", -1, "2/3", "-7/5", "3/2", "2/3"),
    _point("5/2", "1/2", 3, 2, 1, -1, 2, "1/2", "1/9", 0, 1, "1/10"),
)
