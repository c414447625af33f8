"""End of section C.2.1: making the variance small with g_0 = kappa f_0 (Arora et al. 2019), and Appendix A.

The kernel of kappa f is kappa^2 times that of f, so that kappa f learns at the rate eta kappa^2 and keeps a
random part of order kappa. Appendix A instead multiplies the weights of the last layer at initialisation:
then the gradients with respect to these weights stay what they were, and the kernel is another one.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.symbols import sigma_b, sigma_w
from kernelcalc.verify.claim import Claim, Point

from ._finite_network import Network
from ._linear_flow import F0, F0T, KT, POINTS, Y, eta, flow_at, g1, g2, g3, number, solve_flow, y1, y2
from ._linear_flow import INVERSE as INV
from ._linear_flow import learned as trained
from .c2_recursions import INPUTS, PAIR, SQUARE, TANGENT_2, second, values, x, y
from .c2_recursions import POINTS as NETWORK_POINTS

Expr = Any  # SymPy carries no types

kappa = sp.Symbol("kappa", positive=True)
RATE = eta * kappa**2

# -- the empirical kernel of kappa f, for a network with two hidden neurons

WEIGHTS = w1, w2, w3, w4, b1, b2 = sp.symbols("w_1 w_2 w_3 w_4 b_1 b_2", real=True)
at, other = sp.symbols("x y", real=True)
VALUES = {w1: "1/2", w2: -1, w3: "2/3", w4: "3/2", b1: "1/5", b2: "-1/3", at: "4/3", other: "-1/2"}


def network(u: Expr) -> Expr:
    return w3 * sp.erf(w1 * u + b1) + w4 * sp.erf(w2 * u + b2)


def tangent(f: Expr, g: Expr) -> Expr:
    return sum(trace.diff(f, p) * trace.diff(g, p) for p in WEIGHTS)


def tangent_by_differences(point: Point, digits: int) -> mp.mpf:
    """The sum over all parameters of products of numerical derivatives of the scaled network."""
    weights = [number(point[p]) for p in WEIGHTS]

    def slopes(u: Expr) -> list[mp.mpf]:
        place = number(point[u])

        def scaled(p1: mp.mpf, p2: mp.mpf, p3: mp.mpf, p4: mp.mpf, q1: mp.mpf, q2: mp.mpf) -> mp.mpf:
            return number(point[kappa]) * (p3 * mp.erf(p1 * place + q1) + p4 * mp.erf(p2 * place + q2))

        return [mp.diff(scaled, weights, [int(i == j) for j in range(6)]) for i in range(6)]

    return mp.fdot(slopes(at), slopes(other))


# -- the flow of g


def solved() -> Expr:
    """g_t from its ODE d/dt g_t = -eta kappa^2 Theta_f(., X) (g_t(X) - Y), g_0 = kappa f_0."""
    return solve_flow(kappa * F0 - Y, kappa * F0T, rate=RATE)[1]


def flow_of_g(point: Point, digits: int) -> mp.matrix:
    start = [kappa * value for value in (g1, g2, g3)]
    return mp.matrix([flow_at(point, (y1, y2), start, rate=RATE)[2]])


MEAN = KT * INV * trained(RATE) * Y
NOISE = F0T - KT * INV * trained(RATE) * F0
KAPPA_POINTS = tuple({**p, kappa: k} for p, k in zip(POINTS, ("1/5", 2, "3/4"), strict=True))

# -- Appendix A: the last layer scaled at initialisation, depth 2, sigma = z^2


def last_layer_scaled() -> Expr:
    """(S13) has kappa W^(L) in its third case only: the part of the lower layers gets kappa^2."""
    kernel = kc.NTK(SQUARE, 2, sigma_w=sigma_w, sigma_b=sigma_b)
    lower, top = kernel.layers()
    return (top["c"] + kappa**2 * lower["T"] * top["factor"]).subs(INPUTS, simultaneous=True)


def scaled_network(point: Point, digits: int) -> Expr:
    finite = Network((2, 1, 1), point[sigma_w], point[sigma_b], point[kappa])
    return finite.tangent(PAIR, PAIR, *values(point))[0]


CLAIMS = (
    Claim(
        tag="C.2.1/kappa-kernel",
        title="empirical tangent kernel of g = kappa f",
        source="Section C.2.1, kappa trick",
        statement="Theta^_g(x,y) = kappa^2 Theta^_f(x,y)",
        printed=kappa**2 * tangent(network(at), network(other)),
        derive=lambda: tangent(kappa * network(at), kappa * network(other)),
        witness=tangent_by_differences,
        points=tuple({**VALUES, kappa: value} for value in ("1/5", 1, 3)),
        conditions="for a network with two erf neurons",
    ),
    Claim(
        tag="C.2.1/kappa-flow",
        title="g_t: mean trained at rate eta kappa^2, fluctuation of order kappa",
        source="Section C.2.1, last display but two",
        statement="g_t(x) = Theta_f(x,X) Theta_f^-1 (I - e^(-eta kappa^2 Theta_f t)) Y"
        " + kappa (f_0(x) - Theta_f(x,X) Theta_f^-1 (I - e^(-eta kappa^2 Theta_f t)) f_0(X))",
        printed=MEAN + kappa * NOISE,
        derive=solved,
        witness=flow_of_g,
        points=KAPPA_POINTS,
    ),
    Claim(
        tag="A/kappa",
        title="tangent kernel when the last layer's weights start multiplied by kappa",
        source="Appendix A, variance reduction trick",
        statement="the variance is reduced by multiplying the weights of the last layer with kappa < 1 at"
        " initialization, as explained at the end of Section C.2.1 (where Theta_g = kappa^2 Theta_f)",
        printed=kappa**2 * TANGENT_2,
        corrected=second(x, y) + kappa**2 * (TANGENT_2 - second(x, y)),
        note="the gradients with respect to the last layer do not shrink: only the lower layers' part"
        " Theta^(L) - Sigma^(L) gets the factor kappa^2",
        derive=last_layer_scaled,
        witness=scaled_network,
        points=tuple(
            {**p, kappa: k} for p, k in zip(NETWORK_POINTS, ("1/5", "1/2", "3/4", "1/10"), strict=True)
        ),
        conditions="depth 2, sigma = z^2",
    ),
)
