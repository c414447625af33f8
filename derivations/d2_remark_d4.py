"""Remark D.4: the same away from the sphere, where the kernel matrix is no multiple of the identity.

Theta_m(x,x) grows like sqrt(sigma_w^2/n0 |x|^2 + sigma_b^2) C m^(L-1). So a_m^(-1) Theta_m(X,X) tends to a
diagonal matrix D, and the classifier is sign(Theta_oo(x,X) D^(-1) Y), the one of a kernel with weights.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

from kernelcalc import trace
from kernelcalc.limits import diagonal_growth
from kernelcalc.symbols import L, a, m, n0, sigma_b, sigma_w, xx, yy
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import Inputs, Number, Point, at_infinity, erf_layers, number
from .d2_corollary_d3 import erf_kernel
from .d2_covariance_limits import POINTS as NETWORKS
from .d2_covariance_limits import S1, beta, s
from .d2_factor_limits import half, kappa
from .d2_theorem_d4 import (
    LABELS,
    Vector,
    Y,
    dot,
    gram,
    normalised,
    predictor,
    printed_row,
    put,
    row,
)

x1, x2 = sp.symbols("x_1 x_2", real=True)
QUERY: Vector = (x1, x2)
TRAINING: tuple[Vector, ...] = tuple(
    tuple(map(sp.Rational, pair)) for pair in (("1/2", "1"), ("-2", "1/3"), ("3", "-2"))
)
PLANE = tuple(
    {
        **dict(zip((sigma_w, sigma_b, x1, x2), map(sp.Rational, values), strict=True)),
        **dict(zip(Y, map(sp.Integer, labels), strict=True)),
    }
    for values, labels in (
        (("1", "1/2", "2", "1"), (1, -1, -1)),
        (("3/2", "0", "-1/2", "4"), (1, 1, -1)),
        (("2/3", "1", "1/3", "-1/5"), (-1, 1, 1)),
    )
)
DEEP = tuple({**point, L: sp.Integer(depth)} for point, depth in zip(NETWORKS, (2, 3, 4, 5, 3), strict=True))


def C(depth: int | sp.Symbol) -> sp.Expr:
    """The C of the remark: what Corollary D.3 leaves without the factor in |x|."""
    return 2 * s / sp.pi * (2 * s / sp.pi * (s + beta) ** -half) ** (depth - 2)


def root(square: sp.Expr) -> sp.Expr:
    return sp.sqrt(kappa * square + beta)


def coefficient(square: sp.Expr, depth: sp.Expr) -> sp.Expr:
    """lim Theta_m(x,x) / (sqrt(sigma_w^2/n0 |x|^2 + sigma_b^2) m^(L-1)), derived at symbolic depth."""
    growth = diagonal_growth(erf_kernel("L"), "m")
    first = next(symbol for symbol in growth.coefficient.free_symbols if symbol.name == "a_1")
    value = growth.coefficient.subs(first, S1[a].subs(xx, square)) / root(square)
    return trace.simplify(value).subs(L, depth)


def coefficient_number(point: Point, square: sp.Symbol, depth: int, digits: int) -> Number:
    far_out = at_infinity(digits)
    inputs = Inputs.of({**point, xx: point[square]})
    kernel = erf_layers(inputs, far_out, depth, digits, same=True)[-1].T
    return kernel / far_out ** (depth - 1) / mp.sqrt(inputs.first(inputs.xx))


def scaling_number(point: Point, depth: int, far_out: Number) -> Number:
    return mpf(C(depth).subs(dict(point)).evalf(mp.mp.dps)) * far_out ** (depth - 1)


def watched_gram(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        return gram(point, TRAINING, far_out, depth, digits) / scaling_number(point, depth, far_out)

    return witness


def watched_predictor(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        value = predictor(point, far_out, depth, digits, QUERY, TRAINING)
        return scaling_number(point, depth, far_out) * value

    return witness


def in_plane(expr: sp.Expr) -> sp.Expr:
    return expr.subs(n0, 2)


D = sp.diag(*(in_plane(root(dot(x, x))) for x in TRAINING))


def derived_predictor(depth: int) -> sp.Expr:
    limit = normalised(depth, C(depth) * m ** (depth - 1), TRAINING)
    limit = limit.applyfunc(lambda entry: sp.sqrt(sp.expand(entry**2)))  # all are >= 0
    return (row(depth, QUERY, TRAINING) * limit.inv() * LABELS)[0]


def derived_ratio() -> sp.Expr:
    """Theta_oo(x,X) D^(-1) Y over Theta~_oo(x,X) Y, whatever the values of Theta_oo(x,X) are."""
    values = sp.Matrix([sp.symbols("theta_1:4", real=True)])
    weights = sp.diag(*(put(root(xx) ** -1 * root(yy) ** -1, QUERY, x) for x in TRAINING))
    return trace.simplify((values * D.inv() * LABELS)[0] / (values * weights * LABELS)[0])


def ratio_number(point: Point, digits: int) -> Number:
    """a_m times the predictor over the modified kernel's sum, numbers of the network too."""
    predicted = watched_predictor(2)(point, digits)
    far_out = at_infinity(digits)
    (x,) = [[number(point[x1]), number(point[x2])]]
    scale = number(point[sigma_w]) ** 2 / 2

    def norm(y: list[Number]) -> Number:
        return mp.sqrt(scale * mp.fdot(y, y) + number(point[sigma_b]) ** 2)

    total = mpf(0)
    for vector, label in zip(TRAINING, Y, strict=True):
        y = [number(value) for value in vector]
        inputs = Inputs(
            scale, 2 * scale, number(point[sigma_b]) ** 2, mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y)
        )
        total += number(point[label]) * erf_layers(inputs, far_out, 2, digits)[-1].T / (norm(x) * norm(y))
    return predicted / total


CONDITIONS = "n0 = 2, no two of x, x_i parallel or sigma_b > 0"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.4/remark/norm",
        title="the constant of the growth does not depend on |x|",
        source="Remark D.4",
        statement="Theta_m(x,x) ~ sqrt(sigma_w^2/n0 |x|^2 + sigma_b^2) C m^(L-1) with C independent of "
        "|x|; as C(x)/C(y)",
        printed=1,
        derive=lambda: coefficient(xx, L) / coefficient(yy, L),
        witness=lambda point, digits: (
            coefficient_number(point, xx, int(point[L]), digits)
            / coefficient_number(point, yy, int(point[L]), digits)
        ),
        points=DEEP,
    ),
    Claim(
        tag="D.4/remark/depth",
        title="the constant of the growth depends on L",
        source="Remark D.4",
        statement="Theta_m(x,x) ~ sqrt(sigma_w^2/n0 |x|^2 + sigma_b^2) C m^(L-1) with C independent of L; "
        "as C(L)/C(2)",
        printed=1,
        corrected=(2 * s / sp.pi * (s + beta) ** -half) ** (L - 2),
        note="C depends on L: each layer after the second brings a factor 2 sigma_w^2/(pi sqrt(sigma_w^2 "
        "+ sigma_b^2))",
        derive=lambda: coefficient(xx, L) / coefficient(xx, sp.Integer(2)),
        witness=lambda point, digits: (
            coefficient_number(point, xx, int(point[L]), digits) / coefficient_number(point, xx, 2, digits)
        ),
        points=DEEP,
    ),
    Claim(
        tag="D.4/remark/D",
        title="the kernel matrix becomes diagonal",
        source="Remark D.4",
        statement="a_m^(-1) Theta_m^(L)(X,X) -> diag(sqrt(sigma_w^2/n0 |x_i|^2 + sigma_b^2)) for a_m = C "
        "m^(L-1), L = 3",
        conditions=CONDITIONS,
        printed=D,
        derive=lambda: normalised(3, C(3) * m**2, TRAINING),
        witness=watched_gram(3),
        points=PLANE,
        digits=30,
    ),
    Claim(
        tag="D.4/remark/classifier",
        title="the predictor times a_m off the sphere",
        source="Remark D.4",
        statement="a_m Theta_m(x,X) Theta_m(X,X)^(-1) Y -> Theta_oo(x,X) D^(-1) Y, whose sign is the "
        "limit; here L = 3",
        conditions=CONDITIONS,
        printed=(printed_row(3, QUERY, TRAINING) * D.inv() * LABELS)[0],
        derive=lambda: derived_predictor(3),
        witness=watched_predictor(3),
        points=PLANE,
        digits=30,
    ),
    Claim(
        tag="D.4/remark/weights",
        title="the classifier by the modified kernel",
        source="Remark D.4",
        statement="sign(Theta_oo(x,X) D^(-1) Y) = sign(Theta~_oo(x,X) Y), Theta~(x,y) = (sigma_w^2 "
        "|x|^2/n0 + sigma_b^2)^(-1/2) (sigma_w^2 |y|^2/n0 + sigma_b^2)^(-1/2) Theta_oo(x,y); as "
        "the ratio of the two, which is positive; L = 2",
        conditions=CONDITIONS,
        printed=in_plane(root(x1**2 + x2**2)),
        derive=derived_ratio,
        witness=ratio_number,
        points=PLANE,
        digits=30,
    ),
)
