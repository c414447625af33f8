"""Section C.2: covariance and tangent kernel of infinitely wide networks (Theorems 2.1, 2.2, C.1, C.2).

Both kernels are given by one recursion over the layers, whose steps are Gaussian expectations of the
activation and of its derivative. For the square z^2 these are polynomials (Isserlis), so the statements can
be written out at depth 3 and compared with what they are about: averages over networks of finite width.
Inputs are x = (x1, x2), y = (y1, y2).
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import limits, quadrature, trace
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._finite_network import Network, infinite_width

x1, x2, y1, y2 = sp.symbols("x_1 x_2 y_1 y_2", real=True)
x, y = (x1, x2), (y1, y2)
SQUARE = kc.Monomial(2)
PAIR = (SQUARE, SQUARE.derivative)
INPUTS = {xx: x1**2 + x2**2, yy: y1**2 + y2**2, xy: x1 * y1 + x2 * y2}
w, s = sigma_w, sigma_b


def inner(u: tuple[sp.Symbol, ...], v: tuple[sp.Symbol, ...]) -> sp.Expr:
    return sum(p * q for p, q in zip(u, v, strict=True))


# -- the statements: S^{(1)}, S^{(2)}, S^{(3)} and the tangent kernel for the activation z^2


def first(u: tuple[sp.Symbol, ...], v: tuple[sp.Symbol, ...]) -> sp.Expr:
    return w**2 / n0 * inner(u, v) + s**2


def second(u: tuple[sp.Symbol, ...], v: tuple[sp.Symbol, ...]) -> sp.Expr:
    return w**2 * (first(u, u) * first(v, v) + 2 * first(u, v) ** 2) + s**2  # E[X^2 Y^2] = ab + 2c^2


THIRD = w**2 * (second(x, x) * second(y, y) + 2 * second(x, y) ** 2) + s**2
TANGENT_2 = second(x, y) + first(x, y) * w**2 * 4 * first(x, y)  # E[2X 2Y] = 4c
TANGENT_3 = THIRD + TANGENT_2 * w**2 * 4 * second(x, y)

POINTS = tuple(
    {x1: p, x2: q, y1: r, y2: t, w: sp.Rational(3, 2), s: bias, n0: 2}
    for p, q, r, t, bias in (
        (1, "1/2", "2/3", 2, "1/3"),
        ("1/2", "-2/3", "4/3", 1, 0),  # orthogonal: c = 0
        (1, "1/5", "-3/2", "-1/4", "1/7"),
        (1, "1/2", "1001/1000", "1/2", "1/10"),
    )
)


def derived(kernel: Kernel) -> sp.Expr:
    return kernel.expr().subs(INPUTS, simultaneous=True)


def network(point: Point, *hidden: int, outputs: int = 1) -> Network:
    return Network((2, *hidden, outputs), point[w], point[s])


def values(point: Point) -> tuple[list[sp.Rational], list[sp.Rational]]:
    return [point[p] for p in x], [point[p] for p in y]


def finite_covariance(point: Point, digits: int) -> sp.Expr:
    return infinite_width(lambda n: network(point, n, 1).covariance(PAIR, PAIR, *values(point)))


def finite_tangent(point: Point, digits: int) -> sp.Expr:
    return infinite_width(lambda n: network(point, n, 1).tangent(PAIR, PAIR, *values(point))[0])


def singular_kernel_mean() -> sp.Matrix:
    """Kernel regression at the first training point and off the training set, as the diagonal diverges."""
    gram = sp.Matrix([[D, k12], [k21, D]])
    rows = sp.Matrix([[D, k12], [k1, k2]])
    return (rows * gram.inv() * sp.Matrix([t1, t2])).applyfunc(lambda entry: trace.limit(entry, D, sp.oo))


def singular_kernel_witness(point: Point, digits: int) -> mp.matrix:
    with mp.workdps(3 * digits):
        big = mp.mpf(10) ** (digits + 5)
        number = {symbol: mp.mpf(int(q.p)) / int(q.q) for symbol, q in point.items()}
        gram = mp.matrix([[big, number[k12]], [number[k21], big]])
        weights = mp.lu_solve(gram, mp.matrix([number[t1], number[t2]]))
        return mp.matrix([[big, number[k12]], [number[k1], number[k2]]]) * weights


D = sp.Symbol("D", positive=True)
k1, k2, k12, k21, t1, t2 = sp.symbols("k_1 k_2 k_12 k_21 t_1 t_2", real=True)

# -- Theorem 2.3 at the training point x of {x, y} with labels t1, t2 in {-1, 1}, for erf_m and depth 2


def at_training_point(label: int) -> sp.Expr:
    """Theta_m(x, x) t1 + Theta_m(x, y) t2 for t1 = label, t2 = 1, as the theorems above give it."""
    a, b, c, h = first(x, x), first(y, y), first(x, y), 1 / (2 * m**2)

    def tangent(b: sp.Expr, c: sp.Expr) -> sp.Expr:
        determinant = (a + h) * (b + h)
        covariance = 2 / sp.pi * sp.asin(c / sp.sqrt(determinant))
        return w**2 * (covariance + c * 2 / sp.pi / sp.sqrt(determinant - c**2)) + s**2

    return label * tangent(a, a) + tangent(b, c)


def signs_of_growth() -> sp.Matrix:
    """The sign of Theta_m(x, X) Y for large m: that of the label times the diagonal, which grows like m."""
    factor = kc.dual(kc.Erf("m").derivative)
    growth = limits.limit(factor.diagonal / m, m, sp.oo)
    assert growth.is_positive
    return sp.Matrix([label * sp.sign(growth) for label in (1, -1)])


def signs_by_quadrature(point: Point, digits: int) -> sp.Matrix:
    f = kc.Erf(point[m])
    a, b, c = (first(u, v).subs(dict(point)) for u, v in ((x, x), (y, y), (x, y)))

    def tangent(b: sp.Expr, c: sp.Expr) -> mp.mpf:
        plain, slopes = (quadrature.dual(g, g, a, b, c, digits=15) for g in (f, f.derivative))
        bias, weight, cov = (mp.mpf(int(q.p)) / int(q.q) for q in (point[s] ** 2, point[w] ** 2, c))
        return weight * (plain + cov * slopes) + bias

    return sp.Matrix([int(mp.sign(label * tangent(a, a) + tangent(b, c))) for label in (1, -1)])


CLAIMS = (
    Claim(
        tag="C.1/first",
        title="covariance of the first layer",
        source="Theorems 2.1 and C.1, L = 1",
        statement="Sigma^(1)(x,x') = sigma_w^2/n0 <x,x'> + sigma_b^2",
        printed=first(x, y),
        derive=lambda: derived(kc.NNGP(SQUARE, 1, sigma_w=w, sigma_b=s)),
        witness=lambda point, _: network(point).covariance(PAIR, PAIR, *values(point)),
        points=POINTS,
    ),
    Claim(
        tag="C.1/recursion",
        title="covariance at depth 3, by the recursion, for sigma(z) = z^2",
        source="Theorems 2.1 and C.1, Equation (1)",
        statement="Sigma^(L)(x,x') = sigma_w^2 E[sigma(g(x)) sigma(g(x'))] + sigma_b^2,"
        " g ~ N(0, Sigma^(L-1))",
        printed=THIRD,
        derive=lambda: derived(kc.NNGP(SQUARE, 3, sigma_w=w, sigma_b=s)),
        witness=finite_covariance,
        points=POINTS,
        conditions="sigma = z^2 (no linear envelope: convergence of second moments only)",
    ),
    Claim(
        tag="C.2/first",
        title="tangent kernel of a linear network",
        source="Theorems 2.2 and C.2, L = 1",
        statement="Theta^(1)(x,x') = Sigma^(1)(x,x')",
        printed=first(x, y),
        derive=lambda: derived(kc.NTK(SQUARE, 1, sigma_w=w, sigma_b=s)),
        witness=lambda point, _: network(point).tangent(PAIR, PAIR, *values(point))[0],
        points=POINTS,
    ),
    Claim(
        tag="C.2/recursion",
        title="tangent kernel at depth 3, by the recursion, for sigma(z) = z^2",
        source="Theorems 2.2 and C.2, Equation (4)",
        statement="Theta^(L) = Sigma^(L) + Theta^(L-1) sigma_w^2 E[sigma'(g(x)) sigma'(g(x'))]",
        printed=TANGENT_3,
        derive=lambda: derived(kc.NTK(SQUARE, 3, sigma_w=w, sigma_b=s)),
        witness=finite_tangent,
        points=POINTS,
        conditions="sigma = z^2",
    ),
    Claim(
        tag="C.2/kronecker",
        title="gradients of different outputs are orthogonal in the mean (depth 2, two outputs)",
        source="Theorems 2.2 and C.2",
        statement="the empirical kernel converges to Theta^(L) (x) I_{n_L}",
        printed=sp.Matrix([[TANGENT_2, 0], [0, TANGENT_2]]),
        witness=lambda point, _: network(point, 1, outputs=2).tangent(PAIR, PAIR, *values(point)),
        points=POINTS,
        conditions="sigma = z^2; at depth 2 the mean does not depend on the width",
    ),
    Claim(
        tag="2.3/singular-mean",
        title="kernel regression with a kernel whose diagonal diverges",
        source="Section 2.3, after Equation (5)",
        statement="m(x_i) = y_i and m(x) = 0 if x is not a training point",
        printed=sp.Matrix([t1, 0]),
        derive=singular_kernel_mean,
        witness=singular_kernel_witness,
        points=(
            {t1: 1, t2: -1, k1: "1/2", k2: "1/3", k12: "2/5", k21: "2/5"},
            {t1: "-3/2", t2: 2, k1: -1, k2: "7/3", k12: 3, k21: "-1/4"},
            {t1: 1, t2: 1, k1: 0, k2: "1/9", k12: 0, k21: 0},
        ),
        conditions="two training points",
    ),
    Claim(
        tag="2.3/comment",
        title="the classifier at a training point (depth 2, erf_m, labels 1 and -1)",
        source="Section 2.3, after Theorem 2.3",
        statement="sign(Theta(x_i, X) Y) = Theta(x_i, X) Y at a training point x_i",
        printed=sp.Matrix([at_training_point(1), at_training_point(-1)]),
        corrected=sp.Matrix([1, -1]),
        note="the right-hand side is the label y_i: on the left stands a sign, while Theta_m(x_i, X) Y"
        " tends to infinity with m",
        derive=signs_of_growth,
        witness=signs_by_quadrature,
        points=(
            {x1: 1, x2: "1/2", y1: "2/3", y2: 2, w: 1, s: "1/10", n0: 2, m: 50},
            {x1: 1, x2: "1/2", y1: -1, y2: "1/4", w: 2, s: "1/2", n0: 2, m: 100},
        ),
        conditions="m large",
    ),
)
