"""Theorem E.5: the constants in the proof that the generalised kernel stays constant during training.

The proof bounds the speed of the weights by eta K |g|, lets |g| decay by Groenwall, and integrates. Its chain
of constants is computed here line by line; every inequality is taken where it is sharp. What the proof bounds
in the end is the distance of the kernel from its value at t = 0.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.verify.claim import Claim, Point

from ._finite_network import Network
from ._linear_flow import number, numbers
from .c2_recursions import PAIR

Expr = Any  # SymPy carries no types

eta, lam, K, K1, R0, n, t = sp.symbols("eta lambda_min K K' R_0 n t", positive=True)
g1, g2, i11, i12, i21, i22 = sp.symbols("g_1 g_2 I_11 I_12 I_21 I_22", real=True)
speed = sp.Symbol("v", positive=True)
d, outputs = sp.symbols("d n_L", positive=True, integer=True)
width = sp.Symbol("n", positive=True, integer=True)

G = sp.Matrix([g1, g2])
KERNEL = sp.Matrix([[i11, i12], [i21, i22]])  # I_t(X, X), not symmetric
C = 3 * K * R0 / lam
SQUARE = g1**2 + g2**2

# -- the flow g' = -eta I g and its norm


def norm_slope() -> Expr:
    """d/dt |g_t|^2 along the flow."""
    time = sp.Symbol("tau", real=True)
    path = sp.Matrix([sp.Function(name)(time) for name in ("p", "q")])
    velocity = -eta * KERNEL * path
    slope = trace.diff(path.dot(path), time)
    slope = slope.subs({trace.diff(x, time): dx for x, dx in zip(path, velocity, strict=True)})
    return slope.subs(dict(zip(path, G, strict=True)))


def norm_slope_by_differences(point: Point, digits: int) -> mp.mpf:
    kernel, start, rate = numbers(KERNEL, point), numbers(G, point), number(point[eta])

    def square(time: mp.mpf) -> mp.mpf:
        g = mp.expm(-rate * time * kernel) * start
        return mp.fdot(g, g)

    return mp.diff(square, 0)


def decay_of_norm() -> Expr:
    """Groenwall's bound: the solution of y' = -(2/3) eta lambda_min y, y(0) = R_0^2."""
    y = sp.Function("y")
    return sp.dsolve(y(t).diff(t) + sp.Rational(2, 3) * eta * lam * y(t), y(t), ics={y(0): R0**2}).rhs


def path_length() -> Expr:
    """The integral of eta K |g| with |g| <= R_0 exp(-eta lambda_min t / 3)."""
    time = sp.Symbol("tau", positive=True)
    bound = sp.sqrt(decay_of_norm()).subs(t, time)
    return trace.integrate(eta * K * sp.powdenest(bound), (time, 0, t))


def path_length_by_quadrature(point: Point, digits: int, end: mp.mpf | None = None) -> mp.mpf:
    e, l0, k, r = (number(point[q]) for q in (eta, lam, K, R0))
    stop = number(point[t]) if end is None else end
    steps = [stop * i / 8 for i in range(9)]
    return mp.quad(lambda u: e * k * r * mp.exp(-e * l0 * u / 3), steps)


def total_length(point: Point, digits: int) -> mp.mpf:
    """The path length up to a time where nothing is left to come."""
    end = 3 * (digits + 10) * mp.log(10) / (number(point[eta]) * number(point[lam]))
    return path_length_by_quadrature(point, digits, end)


def drift(constant: Expr) -> Any:
    """2 constant^2 / sqrt(n) times the length of the whole path, numerically."""
    return lambda point, digits: (
        2 * number(point[constant]) ** 2 / mp.sqrt(number(point[n])) * total_length(point, digits)
    )


def width_needed() -> Expr:
    """Where the bound on the drift falls to lambda_min / 3."""
    (least,) = sp.solve(2 * K1**2 / sp.sqrt(n) * C - lam / 3, n)
    return least


def width_by_bisection(point: Point, digits: int) -> mp.mpf:
    values = {**point, n: sp.Integer(1)}
    at_one = drift(K1)(values, digits)
    low, high = mp.mpf(0), mp.mpf(1)
    target = number(point[lam]) / 3
    while at_one / mp.sqrt(high) > target:
        high *= 2
    while high - low > mp.mpf(10) ** (-digits - 3) * high:
        middle = (low + high) / 2
        low, high = (middle, high) if at_one / mp.sqrt(middle) > target else (low, middle)
    return high


# -- the chain before (S70), where it is sharp: S = l I, S_0 - S = S_t - S_0 = -(l/3) I


def chain(point: Point, digits: int) -> mp.mpf:
    kernel = mp.eye(2) * number(point[lam])
    step = -kernel / 3
    z = numbers(G, point)
    return mp.fdot(z, (kernel + step + step) * z)


def chain_derived() -> Expr:
    kernel = lam * sp.eye(2)
    return (G.T * (kernel - kernel / 3 - kernel / 3) * G)[0]


# -- spectral norms, for (S71)


def largest_singular_value(matrix: sp.Matrix) -> Expr:
    """The root of the larger eigenvalue of M^T M, a symmetric 2 x 2 matrix."""
    square = matrix.T * matrix
    trace, determinant = square.trace(), square.det()
    return sp.sqrt((trace + sp.sqrt(trace**2 - 4 * determinant)) / 2)


def averaged_norms(point: Point, digits: int) -> mp.mpf:
    kernel = numbers(KERNEL, point)
    norms = [max(mp.svd_r(m, compute_uv=False)) for m in (kernel, kernel.T)]
    return (norms[0] + norms[1]) / 2


# -- first exit, union bound


def exit_time(point: Point, digits: int) -> mp.mpf:
    """When |theta_t - theta_0| = v t leaves the ball of radius C, by bisection."""
    radius = number(C.subs(dict(point)))
    v = number(point[speed])
    low, high = mp.mpf(0), 2 * radius / v
    while high - low > mp.mpf(10) ** (-digits - 3) * high:
        middle = (low + high) / 2
        low, high = (middle, high) if v * middle < radius else (low, middle)
    return high


def residual_size(point: Point, digits: int) -> int:
    """The rows of the Jacobian at all data (Remark C.3) of a network with that many outputs, counted."""
    network = Network((1, 1, int(point[outputs])), sp.Integer(1), sp.Integer(1))
    return sum(len(network.jacobian(PAIR, (x,))[1]) for x in range(int(point[d])))


RATES = (
    {eta: "1/2", lam: 1, K: 2, K1: "3/2", R0: 1, n: 100, t: 1},
    {eta: 1, lam: "1/3", K: "5/4", K1: 2, R0: "2/3", n: 1000, t: "7/2"},
    {eta: "1/10", lam: 3, K: 3, K1: "7/5", R0: 4, n: 10, t: "1/5"},
)
MATRICES = (
    {g1: 1, g2: "1/2", i11: 2, i12: "1/3", i21: -1, i22: 1, eta: "1/2", lam: "1/4"},
    {g1: "-1/3", g2: 2, i11: 1, i12: 0, i21: "1/2", i22: 3, eta: 1, lam: 2},
    {g1: "3/2", g2: "-1/4", i11: "1/2", i12: 2, i21: "2/5", i22: "4/3", eta: 2, lam: "2/3"},
)
SYMMETRIC = (KERNEL + KERNEL.T) / 2

CLAIMS = (
    Claim(
        tag="S69",
        title="decay of |g|^2: only the symmetric part of the kernel counts",
        source="Proof of Theorem E.5, before (S69)",
        statement="d/dt |g_t|^2 = -2 eta <g_t, S_t g_t>, S_t = (I_t + I_t^T)/2",
        printed=-2 * eta * (G.T * SYMMETRIC * G)[0],
        derive=norm_slope,
        witness=norm_slope_by_differences,
        points=MATRICES,
    ),
    Claim(
        tag="S69/factor",
        title="the factor in (S69)",
        source="Equation (S69)",
        statement="-2 eta <g, (1/3) lambda_min I g> = -(2/3) eta lambda_min |g|^2",
        printed=-sp.Rational(2, 3) * eta * lam * SQUARE,
        derive=lambda: -2 * eta * (G.T * (lam / 3 * sp.eye(2)) * G)[0],
        # the slope of |g|^2 along the flow of the kernel (lambda_min / 3) I
        witness=lambda point, digits: norm_slope_by_differences(
            {**point, i11: point[lam] / 3, i12: 0, i21: 0, i22: point[lam] / 3}, digits
        ),
        points=MATRICES,
    ),
    Claim(
        tag="S70/chain-bars",
        title="third line of the chain before (S70), where it is sharp",
        source="Proof of Theorem E.5, chain after (S73)",
        statement="<z, S_t z> >= lambda_min |z|^2 - <z, (S_0 - S) z> - <z, (S_t - S_0) z>",
        printed=lam * SQUARE + lam / 3 * SQUARE + lam / 3 * SQUARE,
        corrected=lam * SQUARE - lam / 3 * SQUARE - lam / 3 * SQUARE,
        doubtful="the bars of |<z, . z>| may be lost in the extracted text",
        note="the subtracted terms need absolute values: for S_0 - S = S_t - S_0 = -(lambda_min/3) I the line"
        " claims 5/3 lambda_min |z|^2, more than the left side",
        derive=chain_derived,
        witness=chain,
        points=MATRICES,
        conditions="S = lambda_min I, S_0 - S = S_t - S_0 = -(lambda_min/3) I",
    ),
    Claim(
        tag="S70/chain-end",
        title="end of the chain before (S70)",
        source="Proof of Theorem E.5, chain after (S73)",
        statement="(1 - 1/3 - 1/3) lambda_min |z|^2 = 1/3 <z, 1/3 lambda_min I z>",
        printed=sp.Rational(1, 3) * (G.T * (lam / 3 * sp.eye(2)) * G)[0],
        corrected=lam / 3 * SQUARE,
        note="one factor 1/3 too many: (S70) needs <z, (1/3) lambda_min I z>, and that is what remains",
        derive=chain_derived,
        witness=chain,
        points=MATRICES,
    ),
    Claim(
        tag="S71",
        title="symmetrising does not increase the spectral norm",
        source="Equation (S71)",
        statement="1/2 |I_0 - I|_2 + 1/2 |(I_0 - I)^T|_2 = |I_0 - I|_2",
        printed=largest_singular_value(KERNEL),
        derive=lambda: (largest_singular_value(KERNEL) + largest_singular_value(KERNEL.T)) / 2,
        witness=averaged_norms,
        points=MATRICES,
    ),
    Claim(
        tag="E.5/groenwall",
        title="Groenwall's inequality where it is sharp",
        source="Proof of Theorem E.5, before (S74)",
        statement="|g_t|^2 <= e^(-2/3 eta lambda_min t) R_0^2",
        printed=sp.exp(-sp.Rational(2, 3) * eta * lam * t) * R0**2,
        derive=decay_of_norm,
        witness=lambda point, _: mp.odefun(
            lambda _, y: [-2 * number(point[eta]) * number(point[lam]) * y[0] / 3],
            0,
            [number(point[R0]) ** 2],
        )(number(point[t]))[0],
        points=RATES,
    ),
    Claim(
        tag="S74",
        title="length of the path of the weights",
        source="Equation (S74)",
        statement="|theta_t - theta_0| <= 3 K R_0/lambda_min (1 - e^(-1/3 eta lambda_min t)) < C",
        printed=3 * K * R0 / lam * (1 - sp.exp(-eta * lam * t / 3)),
        derive=path_length,
        witness=path_length_by_quadrature,
        points=RATES,
    ),
    Claim(
        tag="E.5/C",
        title="the radius C is the length of the whole path",
        source="Proof of Theorem E.5, after (S68) and in (S74)",
        statement="C := 3 K R_0 / lambda_min",
        printed=C,
        derive=lambda: trace.limit(path_length(), t, sp.oo),
        witness=total_length,
        points=RATES,
    ),
    Claim(
        tag="S72",
        title="drift of the kernel within the ball of radius C",
        source="Equation (S72)",
        statement="2 K'^2/sqrt(n) |theta_t - theta_0| <= 6 K'^2 K R_0 / sqrt(n)",
        printed=6 * K1**2 * K * R0 / sp.sqrt(n),
        corrected=6 * K1**2 * K * R0 / (lam * sp.sqrt(n)),
        note="lambda_min is missing: |theta_t - theta_0| <= C = 3 K R_0/lambda_min",
        derive=lambda: 2 * K1**2 / sp.sqrt(n) * trace.limit(path_length(), t, sp.oo),
        witness=drift(K1),
        points=RATES[1:],
    ),
    Claim(
        tag="S73/N",
        title="width from which the drift is below lambda_min/3",
        source="Proof of Theorem E.5, after (S73)",
        statement="N := max{m_0, m_1, (lambda_min / (18 K'^2 K R_0))^2}",
        printed=(lam / (18 * K1**2 * K * R0)) ** 2,
        corrected=(18 * K1**2 * K * R0 / lam**2) ** 2,
        note="upside down, and with the 1/lambda_min missing in (S72) it is lambda_min^2:"
        " n >= (18 K'^2 K R_0/lambda_min^2)^2",
        derive=width_needed,
        witness=width_by_bisection,
        points=RATES,
    ),
    Claim(
        tag="E.5/t1",
        title="the time t_1 up to which (S74) holds, for a path of constant speed v",
        source="Proof of Theorem E.5, after (S74)",
        statement="t_1 := inf{t : |theta_t - theta_0| < C}",
        printed=0,
        corrected=C / speed,
        note="the inequality points the wrong way: at t = 0 the distance is 0 < C, so this infimum is 0;"
        " meant is the first exit inf{t : |theta_t - theta_0| >= C}",
        derive=lambda: sp.solve(speed * t - C, t)[0],
        witness=exit_time,
        points=tuple({**point, speed: v} for point, v in zip(RATES, (1, "1/3", 5), strict=True)),
    ),
    Claim(
        tag="E.5/final",
        title="the final bound (on the distance of the kernel from its value at t = 0)",
        source="Theorem E.5, end of the proof",
        statement="2 K^2/sqrt(n) |theta_t - theta_0| <= 6 K^3 R_0/lambda_min n^(-1/2)",
        printed=6 * K**3 * R0 / lam * n ** -sp.Rational(1, 2),
        derive=lambda: 2 * K**2 / sp.sqrt(n) * trace.limit(path_length(), t, sp.oo),
        witness=drift(K),
        points=RATES,
        conditions="proved is |I_0 - I_t|_F; the theorem states |I_t - I|_F, which contains |I_0 - I| too",
    ),
    Claim(
        tag="E.5/dimension",
        title="size of the residual g, d data points and n_L outputs",
        source="Proof of Theorem E.5, before (S70)",
        statement="z in R^(n_L n)",
        printed=outputs * width,
        corrected=outputs * d,
        note="n is the width of the hidden layers; g = f(X) - Y has n_L entries for each of d data points",
        derive=lambda: sp.summation(outputs, (sp.Symbol("i", integer=True), 1, d)),
        witness=residual_size,
        points=(
            {outputs: 1, d: 15, width: 1000},
            {outputs: 3, d: 4, width: 10},
            {outputs: 2, d: 7, width: 50},
        ),
    ),
)
