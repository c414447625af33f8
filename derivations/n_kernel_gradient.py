"""The second paper, sections 3, 5 and Appendix A: kernel gradient flow on N = 2 data points.

The input distribution is the empirical measure, so the flow of least squares is
d/dt f = -(1/N) K(., X) (f - f*): components along an eigenvector of K/N with eigenvalue lambda decay like
exp(-lambda t). For N = 2 with a general positive definite Gram matrix; one output.
"""

from __future__ import annotations

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
    ROTATION,
    THETA,
    Y,
    eta,
    flow_at,
    g1,
    g2,
    g3,
    k1,
    k2,
    l1,
    l2,
    learned,
    number,
    numbers,
    s,
    solve_flow,
    t,
    y1,
    y2,
)

Expr = Any  # SymPy carries no types

N = 2
RATE = sp.Rational(1, N)  # eta = 1, and the mean over the data
factor = sp.Symbol("alpha", positive=True)
ridge = sp.Symbol("lambda", positive=True)
k0 = sp.Symbol("k_0", positive=True)  # K(x, x) at the test point
count = sp.Symbol("N", positive=True, integer=True)
gap = sp.Symbol("g", positive=True)
f = sp.Symbol("f", real=True)


def component(i: int) -> sp.Matrix:
    """Delta^i: the part of f* - f_0 along the i-th eigenvector."""
    direction = ROTATION[:, i]
    return direction * (direction.T * (Y - F0))[0]


TRAJECTORY = Y - sp.exp(-t * l1 / N) * component(0) - sp.exp(-t * l2 / N) * component(1)


def residual_norm() -> Expr:
    """The norm of f_t - f* in L^2(p_in) for f* = f_0 + f^(2)/2, f^(2) the second eigenvector of norm 1."""
    start = -sp.sqrt(N) * ROTATION[:, 1] / 2
    residual, _ = solve_flow(start, F0T, rate=RATE)
    return sp.sqrt(trace.simplify(residual.dot(residual) / N))


def residual_norm_of_flow(point: Point, digits: int) -> mp.mpf:
    """The same, integrated: labels 0, start -sqrt(2)/2 times the numerical eigenvector."""
    values, vectors = mp.eigsy(numbers(THETA, point))
    chosen = min((0, 1), key=lambda i: abs(values[i] - number(point[l2])))
    total = mp.mpf(0)
    unit = [flow_at(point, (0, 0), (int(i == 0), int(i == 1), 0), rate=RATE) for i in range(2)]
    for row in range(2):
        moved = sum(unit[i][row] * vectors[i, chosen] for i in range(2))
        total += (mp.sqrt(N) / 2 * moved) ** 2 / N
    return mp.sqrt(total)


def cost_slope() -> Expr:
    """d/dt of C = |f - f*|^2/2 in L^2(p_in), at t = 0."""
    residual, _ = solve_flow(F0 - Y, F0T, rate=RATE)
    return trace.diff(residual.dot(residual) / (2 * N), t).subs(t, 0)


def cost_slope_of_flow(point: Point, digits: int) -> mp.mpf:
    goal = [number(point[p]) for p in (y1, y2)]

    def cost(time: mp.mpf) -> mp.mpf:
        now = flow_at(point, (y1, y2), (g1, g2, g3), time=time, rate=RATE)
        return sum((now[i] - goal[i]) ** 2 for i in range(2)) / (2 * N)

    return mp.diff(cost, 0)


def scaled_flow() -> sp.Matrix:
    """f_t at the test point with the kernel multiplied by alpha."""
    _, value = solve_flow(F0 - Y, F0T)
    return value.subs({entry: factor * entry for entry in (l1, l2, k1, k2)}, simultaneous=True)


def most_probable() -> sp.Matrix:
    """The f that maximises the density of N(0, K) at (Y, f)."""
    joint = THETA.row_join(KT.T).col_join(KT.row_join(sp.Matrix([k0])))
    at = Y.col_join(sp.Matrix([f]))
    exponent = (at.T * joint.adjugate() * at)[0]  # a positive multiple of the exponent
    (best,) = sp.solve(trace.diff(exponent, f), f)
    return sp.Matrix([best])


def most_probable_by_search(point: Point, digits: int) -> mp.matrix:
    joint = numbers(THETA.row_join(KT.T).col_join(KT.row_join(sp.Matrix([k0]))), point)
    labels = [number(point[p]) for p in (y1, y2)]

    def exponent(value: mp.mpf) -> mp.mpf:
        at = mp.matrix([*labels, value])
        return (at.T * mp.lu_solve(joint, at))[0]

    # a parabola through three points has its least value here
    low, middle, high = (exponent(mp.mpf(x)) for x in (-1, 0, 1))
    return mp.matrix([(low - high) / (2 * (low - 2 * middle + high))])


def ridge_limit() -> sp.Matrix:
    weights = ROTATION * sp.diag(1 / (l1 + ridge), 1 / (l2 + ridge)) * ROTATION.T
    return (KT * weights * Y).applyfunc(lambda entry: trace.limit(entry, ridge, 0))


def small_ridge(point: Point, digits: int) -> mp.matrix:
    with mp.workdps(3 * digits):
        gram = numbers(THETA, point) + mp.mpf(10) ** (-digits - 10) * mp.eye(2)
        return numbers(KT, point) * mp.lu_solve(gram, numbers(Y, point))


# -- the operator norm, l1 = l2 + g


def operator_norm() -> Expr:
    """The largest E[f(x) K(x,x') f(x')], x, x' ~ p_in independent, for |f| = 1 in L^2(p_in)."""
    angle = sp.Symbol("phi", real=True)
    values = sp.sqrt(N) * ROTATION * sp.Matrix([sp.cos(angle), sp.sin(angle)])
    form = trace.simplify((values.T * THETA * values)[0] / N**2).subs(l1, l2 + gap)
    critical = sp.solve(trace.diff(form, angle), angle)
    return sp.Max(*(trace.simplify(form.subs(angle, at)) for at in critical))


def operator_norm_by_iteration(point: Point, digits: int) -> mp.mpf:
    """Power iteration of f -> (1/N) sum_i K(., x_i) f(x_i), with 2^k-th powers."""
    operator = numbers(THETA.subs(l1, l2 + gap), point) / N
    power, steps = operator.copy(), 0
    while steps < 12:
        power = power * power
        power /= mp.norm(power, mp.inf)
        steps += 1
    leading = power * mp.matrix([1, mp.mpf(1) / 7])
    return mp.fdot(leading, operator * leading) / mp.fdot(leading, leading)


MAP_POINTS = tuple({**p, k0: x} for p, x in zip(POINTS, (5, 50, 70), strict=True))

CLAIMS = (
    Claim(
        tag="N/measure",
        title="total mass of the empirical measure",
        source="Jacot et al. 2018, section 2",
        statement="p_in = 1/N sum_{i=0}^N delta_{x_i} is the empirical distribution of x_1, ..., x_N",
        printed=(count + 1) / count,
        corrected=1,
        note="the sum has N + 1 terms, so the mass is (N + 1)/N; it runs from i = 1",
        derive=lambda: sp.summation(1 / count, (sp.Symbol("i", integer=True), 1, count)),
        witness=lambda point, _: sp.Rational(sum(1 for _ in range(int(point[count]))), point[count]),
        points=({count: 1}, {count: 4}, {count: 512}),
    ),
    Claim(
        tag="N/trajectory",
        title="kernel gradient flow along the kernel principal components",
        source="Jacot et al. 2018, section 5",
        statement="f_t = f* - sum_i e^(-t lambda_i) Delta^i, lambda_i the eigenvalues of K/N,"
        " Delta^i the components of f* - f_0",
        printed=TRAJECTORY,
        derive=lambda: solve_flow(F0 - Y, F0T, rate=RATE)[0] + Y,
        witness=lambda point, _: flow_at(point, (y1, y2), (g1, g2, g3), rate=RATE)[:2],
        points=POINTS,
        conditions="N = 2; lambda_i = l_i/2 with l_i the eigenvalues of the Gram matrix",
    ),
    Claim(
        tag="N/decay",
        title="decay along the second principal component",
        source="Jacot et al. 2018, section 6.3",
        statement="|g_t| = 0.5 e^(-lambda_2 t) in L^2(p_in) for f* = f_0 + 0.5 f^(2)",
        printed=sp.exp(-l2 / N * t) / 2,
        derive=residual_norm,
        witness=residual_norm_of_flow,
        points=POINTS,
        conditions="N = 2, lambda_2 = l_2/2",
    ),
    Claim(
        tag="N/cost",
        title="decrease of the cost, least squares, at t = 0",
        source="Jacot et al. 2018, section 3",
        statement="d/dt C = -E[d(x) K(x,x') d(x')], x, x' ~ p_in independent, d = f - f*",
        printed=-((F0 - Y).T * THETA * (F0 - Y))[0] / N**2,
        derive=cost_slope,
        witness=cost_slope_of_flow,
        points=POINTS,
        conditions="display lost in the text: restated from its words; N = 2",
    ),
    Claim(
        tag="N/scaling",
        title="a multiple of the kernel is a multiple of the learning rate",
        source="Jacot et al. 2018, section 6.3",
        statement="multiplying the NTK by a factor a is equivalent to multiplying the learning rate by it",
        printed=F0T - KT * INVERSE * learned(factor * eta) * (F0 - Y),
        derive=scaled_flow,
        witness=lambda point, _: mp.matrix(
            [
                flow_at(
                    point,
                    (y1, y2),
                    (g1, g2, g3),
                    gram=point[factor] * THETA,
                    row=point[factor] * KT,
                )[2]
            ]
        ),
        points=tuple({**p, factor: x} for p, x in zip(POINTS, (2, "1/3", "7/2"), strict=True)),
    ),
    Claim(
        tag="N/map",
        title="the mean is the maximum-a-posteriori estimate",
        source="Jacot et al. 2018, section 5",
        statement="kappa^T K^-1 y* is the MAP estimate for the prior N(0, K) given f(x_i) = f*(x_i)",
        printed=KT * INVERSE * Y,
        derive=most_probable,
        witness=most_probable_by_search,
        points=MAP_POINTS,
    ),
    Claim(
        tag="N/ridge",
        title="the mean is kernel ridge regression without regularisation",
        source="Jacot et al. 2018, section 5",
        statement="kappa^T (K + lambda)^-1 y* -> kappa^T K^-1 y* as lambda -> 0",
        printed=KT * INVERSE * Y,
        derive=ridge_limit,
        witness=small_ridge,
        points=POINTS,
    ),
    Claim(
        tag="N/operator-norm",
        title="operator norm of a kernel and the leading eigenvalue of its Gram matrix",
        source="Jacot et al. 2018, Appendix A",
        statement="the operator norm of K is the leading eigenvalue of the N n_L x N n_L Gram matrix",
        printed=l2 + gap,
        corrected=(l2 + gap) / N,
        doubtful="the display that defines the norm is lost in the text",
        note="expectations over p_in are means over the N data: the eigenvalue has to be divided by N (and"
        " the root taken, if the norm is the largest |f|_K)",
        derive=operator_norm,
        witness=operator_norm_by_iteration,
        points=({l2: 1, gap: 2, s: "1/2"}, {l2: "1/7", gap: "13/7", s: "-1/3"}, {l2: "1/2", gap: 2, s: 3}),
        conditions="N = 2, one output; l_2 + g and l_2 the eigenvalues of the Gram matrix",
    ),
)
