"""The second paper (Jacot, Gabriel, Hongler 2018): Proposition 1, Theorem 1, with variance 1 and bias beta.

All parameters are N(0, 1) and the bias enters with the factor beta: in the notation of the first paper this
is sigma_w = 1, sigma_b = beta. (The displayed formulas are lost in the text at hand; what is restated here is
what its words say: a recursion by Gaussian expectations, Theta^(L+1) with a summand Sigma^(L+1) from the last
layer and a product from the lower ones.) ReLU has the arc-cosine kernels of Cho and Saul (2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.symbols import a, b, c, n0, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._finite_network import Network, infinite_width
from ._linear_flow import number
from .c2_recursions import PAIR, SQUARE, derived, values, x, x1, x2, y, y1, y2

Expr = Any  # SymPy carries no types

beta = sp.Symbol("beta", positive=True)
Inputs = tuple[sp.Symbol, ...]

# -- the recursion, for the activation z^2: E[X^2 Y^2] = ab + 2c^2, E[2X 2Y] = 4c


def first(u: Inputs, v: Inputs) -> Expr:
    return sum(p * q for p, q in zip(u, v, strict=True)) / n0 + beta**2


def second(u: Inputs, v: Inputs) -> Expr:
    return first(u, u) * first(v, v) + 2 * first(u, v) ** 2 + beta**2


THIRD = second(x, x) * second(y, y) + 2 * second(x, y) ** 2 + beta**2
DOTTED_2, DOTTED_3 = 4 * first(x, y), 4 * second(x, y)
TANGENT_2 = second(x, y) + first(x, y) * DOTTED_2

POINTS: tuple[Mapping[Any, Any], ...] = (
    {x1: 1, x2: "1/2", y1: "2/3", y2: 2, beta: "1/10", n0: 2},
    {x1: "1/2", x2: "-2/3", y1: "4/3", y2: 1, beta: 1, n0: 2},
    {x1: 1, x2: "1/5", y1: "-3/2", y2: "-1/4", beta: "1/3", n0: 2},
)


def network(point: Point, *hidden: int) -> Network:
    return Network((2, *hidden, 1), sp.Integer(1), point[beta])


def finite_covariance(point: Point, digits: int) -> Expr:
    return infinite_width(lambda n: network(point, n, 1).covariance(PAIR, PAIR, *values(point)))


def finite_tangent(point: Point, digits: int) -> Expr:
    return infinite_width(lambda n: network(point, n, 1).tangent(PAIR, PAIR, *values(point))[0])


def lower_layers(point: Point, digits: int) -> Expr:
    """Theta^(3) - Sigma^(3) from finite networks: in the mean, the last layer contributes Sigma^(3)."""
    return finite_tangent(point, digits) - finite_covariance(point, digits)


def lower_layers_derived() -> Expr:
    options = {"sigma_w": 1, "sigma_b": beta}
    return derived(kc.NTK(SQUARE, 3, **options)) - derived(kc.NNGP(SQUARE, 3, **options))


# -- arc-cosine kernels: theta the angle, variances a and b

THETA = sp.acos(c / sp.sqrt(a * b))
J0 = sp.pi - THETA
J1 = sp.sin(THETA) + (sp.pi - THETA) * sp.cos(THETA)
J2 = 3 * sp.sin(THETA) * sp.cos(THETA) + (sp.pi - THETA) * (1 + 2 * sp.cos(THETA) ** 2)
ORDERS = (
    (0, "pi - theta", kc.Heaviside(), J0),
    (1, "sin theta + (pi - theta) cos theta", kc.ReLU(), J1),
    (2, "3 sin theta cos theta + (pi - theta)(1 + 2 cos^2 theta)", kc.RectifiedQuadratic(), J2),
)
PLANE = (
    {a: 1, b: 2, c: "1/2"},
    {a: "1/3", b: 3, c: 0},
    {a: 2, b: "2/3", c: "-4/5"},
    {a: 1, b: "11/10", c: "26/25"},
)


def order_claim(order: int, words: str, activation: kc.Function, shape: Expr) -> Claim:
    return Claim(
        tag=f"N/arc-cosine/{order}",
        title=f"arc-cosine kernel of order {order}",
        source="Cho and Saul (2009), for the ReLU networks of the second paper",
        statement=f"E[r(X) r(Y)] = (ab)^({order}/2)/(2 pi) ({words}), r(z) = z^{order} for z > 0",
        printed=sp.sqrt(a * b) ** order / (2 * sp.pi) * shape,
        derive=lambda: kc.dual(activation),
        witness=lambda point, digits: quadrature.dual(
            activation, activation, point[a], point[b], point[c], digits=digits
        ),
        points=PLANE,
        digits=30,
    )


# -- ReLU at depth 2 in the inputs

ANGLE = sp.acos((xy / n0 + beta**2) / sp.sqrt((xx / n0 + beta**2) * (yy / n0 + beta**2)))
RELU_2 = (
    sp.sqrt((xx / n0 + beta**2) * (yy / n0 + beta**2))
    / (2 * sp.pi)
    * (sp.sin(ANGLE) + (sp.pi - ANGLE) * sp.cos(ANGLE))
    + beta**2
)
RELU_TANGENT = RELU_2 + (xy / n0 + beta**2) * (sp.pi - ANGLE) / (2 * sp.pi)


def relu_tangent(point: Point, digits: int) -> mp.mpf:
    """Theorem 1 at depth 2 by quadrature."""
    shift = point[beta] ** 2
    law = [point[entry] / point[n0] + shift for entry in (xx, yy, xy)]
    relu, step = kc.ReLU(), kc.Heaviside()
    plain = quadrature.dual(relu, relu, *law, digits=digits)
    slopes = quadrature.dual(step, step, *law, digits=digits)
    return plain + number(shift) + number(law[2]) * slopes


CLAIMS = (
    Claim(
        tag="N/proposition-1",
        title="covariance at depth 3 with variance 1 and bias beta, for sigma(z) = z^2",
        source="Jacot et al. 2018, Proposition 1",
        statement="Sigma^(1)(x,x') = <x,x'>/n0 + beta^2,"
        " Sigma^(L+1)(x,x') = E[sigma(f(x)) sigma(f(x'))] + beta^2",
        printed=THIRD,
        derive=lambda: derived(kc.NNGP(SQUARE, 3, sigma_w=1, sigma_b=beta)),
        witness=finite_covariance,
        points=POINTS,
        conditions="display lost in the text: restated from its words; sigma = z^2",
    ),
    Claim(
        tag="N/theorem-1",
        title="tangent kernel at depth 3 with variance 1 and bias beta, for sigma(z) = z^2",
        source="Jacot et al. 2018, Theorem 1",
        statement="Theta^(L+1) = Theta^(L) Sdot^(L+1) + Sigma^(L+1),"
        " Sdot^(L+1) = E[sigma'(f(x)) sigma'(f(x'))], f ~ N(0, Sigma^(L))",
        printed=TANGENT_2 * DOTTED_3 + THIRD,
        derive=lambda: derived(kc.NTK(SQUARE, 3, sigma_w=1, sigma_b=beta)),
        witness=finite_tangent,
        points=POINTS,
        conditions="display lost in the text: restated from its words; sigma = z^2",
    ),
    Claim(
        tag="N/A.4-index",
        title="which dotted kernel multiplies Theta^(2) at depth 3",
        source="Jacot et al. 2018, Appendix A.4",
        statement="Theta^(L+1) - Sigma^(L+1) = Sdot^(L) Theta^(L), a product of two kernels",
        printed=DOTTED_2 * TANGENT_2,
        corrected=DOTTED_3 * TANGENT_2,
        doubtful="the displays that define the dotted kernel and state the equation are lost in the text",
        note="with the notation of Theorem 1 the factor is Sdot^(L+1), the expectation under Sigma^(L)",
        derive=lower_layers_derived,
        witness=lower_layers,
        points=POINTS,
        conditions="L = 2, sigma = z^2",
    ),
    *(order_claim(*order) for order in ORDERS),
    Claim(
        tag="N/theorem-1-relu",
        title="tangent kernel of a ReLU network with one hidden layer",
        source="Jacot et al. 2018, Theorem 1, for ReLU",
        statement="Theta^(2) = sqrt(AB)/(2 pi) (sin theta + (pi - theta) cos theta) + beta^2"
        " + Sigma^(1) (pi - theta)/(2 pi), A, B = |x|^2/n0 + beta^2, |x'|^2/n0 + beta^2",
        printed=RELU_TANGENT,
        derive=lambda: kc.NTK(kc.ReLU(), 2, sigma_w=1, sigma_b=beta).expr(),
        witness=relu_tangent,
        domain=dict(zip((xx, yy), sp.symbols("X Y", positive=True), strict=True)),
        points=(
            {xx: 2, yy: 1, xy: "1/2", beta: "1/10", n0: 2},
            {xx: "1/2", yy: 3, xy: -1, beta: 1, n0: 3},
            {xx: 1, yy: "4/3", xy: "23/20", beta: "1/3", n0: 1},
        ),
        digits=30,
    ),
)
