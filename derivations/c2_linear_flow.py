"""Section C.2.1: gradient flow of infinitely wide networks, a linear ODE (S16)-(S20).

With squared loss the outputs move by d/dt f_t(x) = -eta Theta(x, X) (f_t(X) - Y). For two training points and
one test point everything is written out: the solution and its split into mean mu_t and fluctuation gamma_t,
the covariance Gamma_t, their limits (S17), (S18), and the values of these at the training points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import (
    F0,
    F0T,
    INVERSE,
    KT,
    POINTS,
    THETA,
    Y,
    at_infinity,
    decay,
    eta,
    flow_at,
    g1,
    g2,
    g3,
    late,
    learned,
    number,
    numbers,
    solve_flow,
    t,
    y1,
    y2,
)  # fmt: skip

Expr = Any  # SymPy carries no types

PREDICT = KT * INVERSE  # Theta(X_T, X) Theta^{-1}
MU = PREDICT * learned() * Y
GAMMA = F0T - PREDICT * learned() * F0
SOLUTION = F0T - PREDICT * learned() * (F0 - Y)

# -- the covariance: S = Cov f_0 at (X, X_T), a general symmetric matrix

s11, s12, s22, s13, s23, s33 = sp.symbols("S_11 S_12 S_22 S_13 S_23 S_33", real=True)
SXX, SXT, STT = sp.Matrix([[s11, s12], [s12, s22]]), sp.Matrix([s13, s23]), sp.Matrix([s33])
S = SXX.row_join(SXT).col_join(SXT.T.row_join(STT))
COVARIANCE = (
    STT
    - SXT.T * learned() * INVERSE * KT.T
    - PREDICT * learned() * SXT
    + PREDICT * learned() * SXX * learned() * INVERSE * KT.T
)
LATE_COVARIANCE = STT - SXT.T * INVERSE * KT.T - PREDICT * SXT + PREDICT * SXX * INVERSE * KT.T
_S_VALUES = (
    {s11: 1, s12: "1/3", s22: 2, s13: "1/2", s23: "1/5", s33: "3/2"},
    {s11: "1/2", s12: 0, s22: 1, s13: "-1/3", s23: "2/5", s33: 1},
    {s11: 3, s12: -1, s22: "4/3", s13: 1, s23: "-1/2", s33: 2},
)
COVARIANCE_POINTS: tuple[Mapping[Any, Any], ...] = tuple(
    {**p, **q} for p, q in zip(POINTS, _S_VALUES, strict=True)
)


def covariance(late_time: bool = False) -> Expr:
    """Gamma_t (or Gamma_oo) of the solved flow with labels zero, a linear map of f_0 at (X, X_T)."""
    value = solve_flow(F0, F0T)[1]
    weights = (at_infinity(value) if late_time else value).jacobian(sp.Matrix([g1, g2, g3]))
    return weights * S * weights.T


def training_residuals() -> sp.Matrix:
    """The residuals f_t(X) - Y as the flow at a training point gives them: mean f_0 = 0 and fluctuation."""
    mean, _ = solve_flow(-Y, sp.Matrix([0]))
    return at_infinity(mean + Y)


def training_variances() -> sp.Matrix:
    """Gamma_oo(X, X), from the decay of f_0(X) with labels zero."""
    fluctuation, _ = solve_flow(F0, F0T)
    weights = at_infinity(fluctuation).jacobian(sp.Matrix([g1, g2]))
    return weights * SXX * weights.T


def covariance_witness(point: Point, digits: int, late_time: bool = False) -> mp.matrix:
    """Gamma_t from the flows that start at the unit vectors, with labels zero."""
    time = late(point, 2 * digits) if late_time else None
    columns = [flow_at(point, (0, 0), [int(i == j) for j in range(3)], time=time) for i in range(3)]
    weights = mp.matrix([[column[2] for column in columns]])
    return weights * numbers(S, point) * weights.T


def training_covariance_witness(point: Point, digits: int) -> mp.matrix:
    time = late(point, digits)
    columns = [flow_at(point, (0, 0), start, time=time) for start in ((1, 0, 0), (0, 1, 0))]
    weights = mp.matrix([[column[i] for column in columns] for i in range(2)])
    return weights * numbers(SXX, point) * weights.T


def loss_slope(point: Point, digits: int) -> mp.matrix:
    def loss(*outputs: mp.mpf) -> mp.mpf:
        return sum((u - number(point[y])) ** 2 for u, y in zip(outputs, (y1, y2), strict=True)) / 2

    at = (number(point[g1]), number(point[g2]))
    return mp.matrix([mp.diff(loss, at, order) for order in ((1, 0), (0, 1))])


def slope(point: Point, digits: int, targets: Sequence[Expr], start: Sequence[Expr]) -> mp.matrix:
    """d/dt f_t(X_T) by numerical differentiation of the integrated flow."""
    at = number(point[t])
    return mp.matrix([mp.diff(lambda time: flow_at(point, targets, start, time=time)[2], at)])


CLAIMS = (
    Claim(
        tag="C.2.1/loss",
        title="gradient of the squared loss",
        source="Section C.2.1, before the ODE",
        statement="L(Y~; Y) = |Y~ - Y|^2 / 2 implies grad L(f_t(X); Y) = f_t(X) - Y",
        printed=F0 - Y,
        derive=lambda: sp.Matrix([trace.diff((F0 - Y).dot(F0 - Y) / 2, g) for g in (g1, g2)]),
        witness=loss_slope,
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/solution",
        title="solution f_t = mu_t + gamma_t of the linear ODE",
        source="Section C.2.1, solution of the ODE",
        statement="f_t(X_T) = Theta(X_T,X) Theta^-1 (I - e^(-eta Theta t)) Y"
        " + f_0(X_T) - Theta(X_T,X) Theta^-1 (I - e^(-eta Theta t)) f_0(X)",
        printed=MU + GAMMA,
        derive=lambda: solve_flow(F0 - Y, F0T)[1],
        witness=lambda point, _: mp.matrix([flow_at(point, (y1, y2), (g1, g2, g3))[2]]),
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/mu",
        title="mu_t obeys the ODE: d/dt mu_t(X_T) = -eta Theta(X_T,X) (mu_t(X) - Y)",
        source="Section C.2.1, mu_t",
        statement="mu_t(X_T) = Theta(X_T,X) Theta^-1 (I - e^(-eta Theta t)) Y solves the ODE",
        printed=-eta * KT * (learned() * Y - Y),
        derive=lambda: trace.diff(MU, t),
        witness=lambda point, digits: slope(point, digits, (y1, y2), (0, 0, 0)),
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/start",
        title="initial values mu_0 = 0 and gamma_0 = f_0",
        source="Section C.2.1, mu_t and gamma_t",
        statement="mu_0(X_T) = 0, gamma_0(X_T) = f_0(X_T)",
        printed=sp.Matrix([0, g3]),
        derive=lambda: MU.col_join(GAMMA).subs(t, 0),
        witness=lambda point, _: mp.matrix(
            [
                flow_at(point, (y1, y2), (0, 0, 0), time=mp.mpf(0))[2],
                flow_at(point, (0, 0), (g1, g2, g3), time=mp.mpf(0))[2],
            ]
        ),
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/gamma",
        title="gamma_t obeys the ODE with labels zero",
        source="Section C.2.1, gamma_t",
        statement="gamma_t(X_T) = f_0(X_T) - Theta(X_T,X) Theta^-1 (I - e^(-eta Theta t)) f_0(X)",
        printed=GAMMA,
        derive=lambda: solve_flow(F0, F0T)[1],
        witness=lambda point, _: mp.matrix([flow_at(point, (0, 0), (g1, g2, g3))[2]]),
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/f_tj",
        title="components of f_t: where f_0 is evaluated",
        source="Section C.2.1, before Gamma_t",
        statement="f_{t,j}(X_T) = f_{0,j}(X_T)"
        " - Theta(X_T,X) Theta^-1 (I - e^(-eta Theta t)) (f_{0,j}(X_T) - Y_j)",
        # one test point against two labels: the printed difference can only be meant entry by entry
        printed=F0T - PREDICT * learned() * (sp.Matrix([g3, g3]) - Y),
        corrected=SOLUTION,
        note="in the last bracket f_0 has to be taken at the training points: f_{0,j}(X), not f_{0,j}(X_T)",
        derive=lambda: solve_flow(F0 - Y, F0T)[1],
        witness=lambda point, _: mp.matrix([flow_at(point, (y1, y2), (g1, g2, g3))[2]]),
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/Gamma",
        title="covariance Gamma_t of f_t",
        source="Section C.2.1, Gamma_t",
        statement="Gamma_t = S_TT - S_TX E Theta^-1 Theta_XT - Theta_TX Theta^-1 E S_XT"
        " + Theta_TX Theta^-1 E S_XX E Theta^-1 Theta_XT, E = I - e^(-eta Theta t)",
        printed=COVARIANCE,
        derive=covariance,
        witness=covariance_witness,
        points=COVARIANCE_POINTS,
    ),
    Claim(
        tag="S17",
        title="mean after infinite training",
        source="Equation (S17)",
        statement="mu_oo(X_T) = Theta(X_T,X) Theta^-1 Y",
        printed=PREDICT * Y,
        derive=lambda: at_infinity(solve_flow(-Y, sp.Matrix([0]))[1]),
        witness=lambda point, digits: mp.matrix(
            [flow_at(point, (y1, y2), (0, 0, 0), time=late(point, digits))[2]]
        ),
        points=POINTS,
    ),
    Claim(
        tag="S18",
        title="covariance after infinite training",
        source="Equation (S18)",
        statement="Gamma_oo = S_TT - S_TX Theta^-1 Theta_XT - Theta_TX Theta^-1 S_XT"
        " + Theta_TX Theta^-1 S_XX Theta^-1 Theta_XT",
        printed=LATE_COVARIANCE,
        derive=lambda: covariance(late_time=True),
        witness=lambda point, digits: covariance_witness(point, digits, late_time=True),
        points=COVARIANCE_POINTS,
    ),
    Claim(
        tag="C.2.1/training-mean",
        title="the mean at the training points after infinite training",
        source="Section C.2.1, after Theorem C.4",
        statement="the mean at the training points is exactly Y",
        printed=Y,
        derive=training_residuals,
        witness=lambda point, digits: flow_at(point, (y1, y2), (0, 0, 0), time=late(point, digits))[:2],
        points=POINTS,
    ),
    Claim(
        tag="C.2.1/training-variance",
        title="the covariance at the training points after infinite training",
        source="Section C.2.1, after Theorem C.4",
        statement="the variance at the training points X is zero",
        printed=sp.zeros(2),
        derive=training_variances,
        witness=training_covariance_witness,
        points=COVARIANCE_POINTS,
    ),
    Claim(
        tag="S19",
        title="the flow as a sum over training points",
        source="Equation (S19)",
        statement="d/dt f_t(x) = sum_i Theta(x,x_i) (-eta (f_t(x_i) - y_i))",
        printed=sp.Matrix([sum(k * -eta * r for k, r in zip(KT, decay() * (F0 - Y), strict=True))]),
        derive=lambda: trace.diff(SOLUTION, t),
        witness=lambda point, digits: slope(point, digits, (y1, y2), (g1, g2, g3)),
        points=POINTS,
    ),
    Claim(
        tag="S20",
        title="f_NTK: kernel regression interpolates and equals mu_oo",
        source="Equation (S20)",
        statement="f_NTK(x) = Theta(x,X) Theta(X,X)^-1 Y = mu_oo(x)",
        printed=KT * THETA.inv() * Y,
        derive=lambda: at_infinity(MU),
        witness=lambda point, _: numbers(KT, point) * mp.lu_solve(numbers(THETA, point), numbers(Y, point)),
        points=POINTS,
    ),
)
