"""Theorem D.4: which sign the trained network has in the limit of the sign activation.

On a sphere of radius R the matrix Theta_m(X, X) is C(R) m^(L-1) times the identity, up to what does not
grow. So the predictor Theta_m(x, X) Theta_m(X, X)^(-1) Y itself vanishes at almost every x, but times a_m =
C(R) m^(L-1) it tends to Theta_oo(x, X) Y, whose sign it keeps. Three training points on a circle show it in
numbers.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.limits import diagonal_growth
from kernelcalc.symbols import m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import (
    Inputs,
    Number,
    Point,
    at_infinity,
    erf_layers,
    number,
    sign_layers,
)
from .d2_corollary_d3 import erf_kernel, resolved
from .d2_covariance_limits import beta, s
from .d2_lemma_d3 import covariance, factor

Vector = tuple[sp.Expr, ...]

R, t = sp.Symbol("R", positive=True), sp.Symbol("t", real=True)
Y = sp.symbols("y_1:4", real=True)
LABELS = sp.Matrix(Y)

TRAINING: tuple[Vector, ...] = tuple(
    tuple(R * sp.Rational(value) for value in pair)
    for pair in (("3/5", "4/5"), ("-1", "0"), ("5/13", "-12/13"))
)
QUERY: Vector = (R * (1 - t**2) / (1 + t**2), 2 * R * t / (1 + t**2))

POINTS = tuple(
    {
        **dict(zip((sigma_w, sigma_b, R, t), map(sp.Rational, values), strict=True)),
        **dict(zip(Y, map(sp.Integer, labels), strict=True)),
    }
    for values, labels in (
        (("1", "1/2", "1", "1/3"), (1, -1, -1)),
        (("3/2", "0", "2", "-7/2"), (1, 1, -1)),
        (("2/3", "1", "3/2", "-3/10"), (-1, 1, 1)),
        (("2", "1/10", "1", "51/100"), (-1, 1, 1)),  # close to the first training point
    )
)


def dot(x: Vector, y: Vector) -> sp.Expr:
    return sp.Add(*(p * q for p, q in zip(x, y, strict=True)))


def put(expr: sp.Expr, x: Vector, y: Vector) -> sp.Expr:
    """A kernel's formula at x, y in the plane."""
    return expr.subs({xx: dot(x, x), yy: dot(y, y), xy: dot(x, y), n0: len(x)}, simultaneous=True)


def row(depth: int, x: Vector, training: tuple[Vector, ...] = TRAINING) -> sp.Matrix:
    """Theta_oo^(L)(x, X), derived."""
    formula = erf_kernel(depth).limit("m", kc.oo).expr()
    return sp.Matrix([[put(formula, x, y) for y in training]])


def printed_row(depth: int, x: Vector, training: tuple[Vector, ...] = TRAINING) -> sp.Matrix:
    """Theta_oo^(L)(x, X), by the sum of products of Corollary D.3."""
    formula = resolved(depth, covariance, factor)
    return sp.Matrix([[put(formula, x, y) for y in training]])


def constant(depth: int) -> sp.Expr:
    """C(R) with Theta_m(x,x) ~ C(R) m^(L-1), as printed in Corollary D.3."""
    half = sp.Rational(1, 2)
    return (
        2 * s / sp.pi * (s / n0 * R**2 + beta) ** half * (2 * s / sp.pi * (s + beta) ** -half) ** (depth - 2)
    )


def growth(depth: int, x: Vector) -> sp.Expr:
    """The leading term of Theta_m(x, x), derived."""
    found = diagonal_growth(erf_kernel(depth), "m")
    first = next(symbol for symbol in found.coefficient.free_symbols if symbol.name == "a_1")
    return found.expr.subs({first: s * dot(x, x) / len(x) + beta, n0: len(x)})


def normalised(depth: int, scaling: sp.Expr, training: tuple[Vector, ...] = TRAINING) -> sp.Matrix:
    """lim Theta_m(X, X) / a_m: leading terms on the diagonal, off it a finite number over a_m."""
    finite = sp.Symbol("theta", real=True)

    def entry(i: int, j: int) -> sp.Expr:
        leading = growth(depth, training[i]) if i == j else finite
        return trace.limit(trace.simplify(leading / scaling), m, sp.oo)

    return sp.Matrix(len(training), len(training), entry)


def signed(depth: int) -> sp.Expr:
    """sign(a_m Theta_m(x, X) Theta_m(X, X)^(-1) Y) |Theta_oo(x, X) Y| in the limit."""
    limit, singular = sp.symbols("limit singular", real=True)
    product = sp.sign(limit) * sp.Abs(singular)
    if scaled_predictor(depth) == (row(depth, QUERY) * LABELS)[0]:
        product = trace.simplify(product.subs(limit, singular))
    return product.subs({limit: scaled_predictor(depth), singular: (row(depth, QUERY) * LABELS)[0]})


def scaled_predictor(depth: int) -> sp.Expr:
    scaling = constant(depth).subs(n0, 2) * m ** (depth - 1)
    return (row(depth, QUERY) * normalised(depth, scaling).inv() * LABELS)[0]


# ---------------------------------------------------------------- the same in numbers


def coordinates(vectors: tuple[Vector, ...], point: Point) -> list[list[Number]]:
    return [[number(sp.sympify(value).subs(dict(point))) for value in vector] for vector in vectors]


def plane(point: Point, x: list[Number], y: list[Number]) -> Inputs:
    w, bias = number(point[sigma_w]), number(point[sigma_b])
    return Inputs(w**2 / len(x), w**2, bias**2, mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y))


def kernel_number(
    point: Point, x: list[Number], y: list[Number], far_out: Number, depth: int, digits: int
) -> Number:
    """Theta_m(x, y) by quadrature, layer by layer."""
    return erf_layers(plane(point, x, y), far_out, depth, digits, same=x == y)[-1].T


def gram(point: Point, training: tuple[Vector, ...], far_out: Number, depth: int, digits: int) -> Number:
    points = coordinates(training, point)
    n = len(points)
    found = mp.matrix(n)
    for i in range(n):
        for j in range(i + 1):
            found[i, j] = found[j, i] = kernel_number(point, points[i], points[j], far_out, depth, digits)
    return found


def predictor(
    point: Point,
    far_out: Number,
    depth: int,
    digits: int,
    query: Vector = QUERY,
    training: tuple[Vector, ...] = TRAINING,
) -> Number:
    """Theta_m(x, X) Theta_m(X, X)^(-1) Y."""
    (x,) = coordinates((query,), point)
    labels = mp.matrix([number(point[y]) for y in Y[: len(training)]])
    weights = mp.lu_solve(gram(point, training, far_out, depth, digits), labels)
    row_number = [kernel_number(point, x, y, far_out, depth, digits) for y in coordinates(training, point)]
    return mp.fdot(row_number, weights)


def watched_sign(depth: int) -> Witness:
    """The sign of the predictor at growing m, where it must not change any more, times |Theta_oo(x, X) Y|."""

    def witness(point: Point, digits: int) -> Number:
        signs = {mp.sign(predictor(point, mpf(10) ** power, depth, 10)) for power in (16, 64)}
        if len(signs) != 1:
            raise ArithmeticError(
                f"the sign of the predictor still changes between m = 10^16 and 10^64 at {point}"
            )
        (x,) = coordinates((QUERY,), point)
        singular = [sign_number(point, x, y, depth) for y in coordinates(TRAINING, point)]
        return signs.pop() * abs(mp.fdot(singular, [number(point[y]) for y in Y]))

    return witness


def sign_number(point: Point, x: list[Number], y: list[Number], depth: int) -> Number:
    """Theta_oo(x, y), the kernel of the sign network, by quadrature."""
    return sign_layers(plane(point, x, y), depth)[-1].T


def watched_scaled(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        factor = constant(depth).subs({**point, n0: 2}).evalf(mp.mp.dps)
        return mpf(factor) * far_out ** (depth - 1) * predictor(point, far_out, depth, digits)

    return witness


def watched_gram(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        factor = constant(depth).subs({**point, n0: 2}).evalf(mp.mp.dps)
        return gram(point, TRAINING, far_out, depth, digits) / (mpf(factor) * far_out ** (depth - 1))

    return witness


# ---------------------------------------------------------------- steps of the proof, and the claims

g11, g12, g22, am = sp.symbols("g_11 g_12 g_22 a_m", positive=True)
GRAM = sp.Matrix([[g11, g12], [g12, g22]])
MATRICES = tuple(
    dict(zip((g11, g12, g22, am), map(sp.Rational, values), strict=True))
    for values in (("3", "1/2", "2", "5/2"), ("7/2", "2", "4", "3"), ("100", "1", "101", "100"))
)


def number_inverse(point: Point, digits: int) -> Number:
    """a_m Theta^(-1) - Id."""
    matrix = mp.matrix([[number(point[g11]), number(point[g12])], [number(point[g12]), number(point[g22])]])
    return number(point[am]) * mp.inverse(matrix) - mp.eye(2)


NETWORK_CONDITIONS = (
    "x, x_i on the circle of radius R (n0 = 2), no two parallel or sigma_b > 0, Theta_oo(x, X) Y != 0"
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.4/gram",
        title="the kernel matrix becomes a multiple of the identity",
        source="Theorem D.4, proof",
        statement="a_m^(-1) Theta_m^(L)(X,X) -> Id for a_m = C(R) m^(L-1), here L = 3 and three points",
        conditions=NETWORK_CONDITIONS,
        printed=sp.eye(3),
        derive=lambda: normalised(3, constant(3).subs(n0, 2) * m**2),
        witness=watched_gram(3),
        points=POINTS[:3],
        digits=30,
    ),
    Claim(
        tag="D.4/S44",
        title="the step below (S44)",
        source="Theorem D.4, proof, below equation (S44)",
        statement="a_m Theta_m^(-1) - Id = a_m Theta_m^(-1) (Id - a_m^(-1) Theta_m), whence the bound on "
        "its norm",
        printed=am * GRAM.inv() * (sp.eye(2) - GRAM / am),
        derive=lambda: am * GRAM.inv() - sp.eye(2),
        witness=number_inverse,
        points=MATRICES,
    ),
    Claim(
        tag="D.4/scaled-2",
        title="the predictor times a_m, L = 2",
        source="Theorem D.4, proof",
        statement="a_m Theta_m(x,X) Theta_m(X,X)^(-1) Y = A_m + B_m + Theta_oo(x,X) Y with A_m, B_m -> 0",
        conditions=NETWORK_CONDITIONS,
        printed=(printed_row(2, QUERY) * LABELS)[0],
        derive=lambda: scaled_predictor(2),
        witness=watched_scaled(2),
        points=POINTS[1:],
        digits=30,
    ),
    Claim(
        tag="D.4/scaled-3",
        title="the predictor times a_m, L = 3",
        source="Theorem D.4, proof",
        statement="a_m Theta_m(x,X) Theta_m(X,X)^(-1) Y = A_m + B_m + Theta_oo(x,X) Y with A_m, B_m -> 0",
        conditions=NETWORK_CONDITIONS,
        printed=(printed_row(3, QUERY) * LABELS)[0],
        derive=lambda: scaled_predictor(3),
        witness=watched_scaled(3),
        points=POINTS[1:],
        digits=30,
    ),
    Claim(
        tag="D.4",
        title="the sign of the predictor at growing m, L = 2",
        source="Theorem D.4; S35",
        statement="lim sign(Theta_m^(L)(x,X) Theta_m^(L)(X,X)^(-1) Y) = sign(Theta_oo^(L)(x,X) Y), here L "
        "= 2; both sides times |Theta_oo^(L)(x,X) Y|",
        conditions=NETWORK_CONDITIONS,
        printed=(printed_row(2, QUERY) * LABELS)[0],
        derive=lambda: signed(2),
        witness=watched_sign(2),
        points=POINTS[1:],
    ),
)
