"""Section 2.4 and E.1: the generalised tangent kernel of two networks that share their weights (S56)-(S61).

Theorems 2.4, E.3 and E.4: the covariances of the first network, of the second and between them obey one
recursion, and the kernel built from two quasi-Jacobians is Sigma_12 plus the kernel before times
sigma_w^2 E[s1(Z1) s2(Z2)]. Written out at depth 3 for quadratic activations, and compared with averages of
the empirical kernel over networks of finite width. Remarks C.4 and E.3 are the cases with equal activations.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.symbols import T, a, b, c, sigma_b, sigma_w
from kernelcalc.verify.claim import Claim, Point, Witness

from ._finite_network import Pair, infinite_width
from ._linear_flow import number
from .c2_recursions import INPUTS, POINTS, derived, first, network, values, x, y

w, s = sigma_w, sigma_b
F1, F2 = kc.function("z**2 + 2*z"), kc.function("z**2 - z")
ONE: Pair = (F1, F1.derivative)  # 2z + 2
TWO: Pair = (F2, kc.function("3*z + 1", unbounded=True))  # a surrogate, not the derivative 2z - 1
KERNEL = kc.GeneralizedNTK(ONE, TWO, 3, sigma_w=w, sigma_b=s)

Inputs = tuple[sp.Symbol, ...]

# -- the statements; Isserlis: E[(X^2 + pX)(Y^2 + qY)] = ab + 2c^2 + pq c, E[(2X + 2)(3Y + 1)] = 6c + 2


def second(u: Inputs, v: Inputs, pq: int) -> sp.Expr:
    """Sigma^(2)(u, v) of networks with activations z^2 + p z, z^2 + q z."""
    return w**2 * (first(u, u) * first(v, v) + 2 * first(u, v) ** 2 + pq * first(u, v)) + s**2


def third(u: Inputs, v: Inputs, p: int, q: int) -> sp.Expr:
    """Sigma^(3)(u, v); the variances are those of the first network at u and of the second at v."""
    cross = second(u, v, p * q)
    return w**2 * (second(u, u, p * p) * second(v, v, q * q) + 2 * cross**2 + p * q * cross) + s**2


I_2 = second(x, y, -2) + first(x, y) * w**2 * (6 * first(x, y) + 2)
I_3 = third(x, y, 2, -1) + I_2 * w**2 * (6 * second(x, y, -2) + 2)


def covariance(first_pair: Pair, second_pair: Pair) -> Witness:
    return lambda point, _: infinite_width(
        lambda n: network(point, n, 1).covariance(first_pair, second_pair, *values(point))
    )


def tangent(first_pair: Pair, second_pair: Pair) -> Witness:
    return lambda point, _: infinite_width(
        lambda n: network(point, n, 1).tangent(first_pair, second_pair, *values(point))[0]
    )


# -- Sigma_12 is not symmetric: relu and sign


def asymmetry() -> sp.Expr:
    cross = w**2 * kc.dual(kc.ReLU(), kc.Sign()).expr
    return cross - cross.subs({a: b, b: a}, simultaneous=True)


def asymmetry_by_quadrature(point: Point, digits: int) -> mp.mpf:
    """Cov[f1(x1), f2(x2)] - Cov[f1(x2), f2(x1)] for f1 with relu, f2 with sign, depth 2."""
    forth = quadrature.dual(kc.ReLU(), kc.Sign(), point[a], point[b], point[c], digits=digits)
    back = quadrature.dual(kc.ReLU(), kc.Sign(), point[b], point[a], point[c], digits=digits)
    return number(point[w]) ** 2 * (forth - back)


# -- one layer of Remarks C.4 and E.3, from the definition

ERF = kc.Erf()
GAUSSIAN = kc.Gaussian(2)  # a surrogate derivative exp(-2 z^2)
LAYER_POINTS = (
    {a: 1, b: 2, c: "1/2", T: "3/2", w: "3/2", s: "1/10"},
    {a: "1/2", b: 3, c: 0, T: 1, w: "1/3", s: 0},
    {a: 2, b: "2/3", c: "-4/5", T: "-1/3", w: 2, s: "1/3"},
    {a: 1, b: "11/10", c: "209/200", T: 2, w: 1, s: 1},
)


def layer(kernel: kc.Kernel) -> sp.Matrix:
    step = kernel.recursion()
    return sp.Matrix([step["c"], step["T"]])


def layer_by_quadrature(surrogate: kc.Function) -> Witness:
    def witness(point: Point, digits: int) -> mp.matrix:
        where = (point[a], point[b], point[c])
        plain = quadrature.dual(ERF, ERF, *where, digits=digits)
        slopes = quadrature.dual(ERF.derivative, surrogate, *where, digits=digits)
        weight, bias = number(point[w]) ** 2, number(point[s]) ** 2
        return mp.matrix([weight * plain + bias, weight * (plain + number(point[T]) * slopes) + bias])

    return witness


ROOT = sp.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c**2)
SKEW = sp.sqrt((1 + 2 * a) * (1 + 4 * b) - 8 * c**2)
ERF_COVARIANCE = w**2 * 2 / sp.pi * sp.asin(2 * c / sp.sqrt((1 + 2 * a) * (1 + 2 * b))) + s**2

CLAIMS = (
    Claim(
        tag="S56",
        title="covariances of the first layer",
        source="Theorem E.3, Equation (S56)",
        statement="Sigma_1^(1)(x,x') = Sigma_2^(1)(x,x') = sigma_w^2/n0 <x,x'> + sigma_b^2",
        printed=sp.Matrix([first(x, y), first(x, y)]),
        derive=lambda: sp.Matrix([derived(kc.NNGP(f, 1, sigma_w=w, sigma_b=s)) for f in (F1, F2)]),
        witness=lambda point, _: sp.Matrix(
            [network(point).covariance(pair, pair, *values(point)) for pair in (ONE, TWO)]
        ),
        points=POINTS,
    ),
    Claim(
        tag="S57",
        title="covariances of either network at depth 3",
        source="Theorem E.3, Equation (S57)",
        statement="Sigma_k^(L)(x,x') = sigma_w^2 E[sigma_k(g(x)) sigma_k(g(x'))] + sigma_b^2, k = 1, 2",
        printed=sp.Matrix([third(x, y, 2, 2), third(x, y, -1, -1)]),
        derive=lambda: sp.Matrix([derived(kc.NNGP(f, 3, sigma_w=w, sigma_b=s)) for f in (F1, F2)]),
        witness=lambda point, _: sp.Matrix([covariance(p, p)(point, 0) for p in (ONE, TWO)]),
        points=POINTS,
        conditions="sigma_1 = z^2 + 2z, sigma_2 = z^2 - z",
    ),
    Claim(
        tag="S58",
        title="covariance between the two networks at depth 3",
        source="Theorems 2.4 and E.3, Equation (S58)",
        statement="E[X_i^(L)(x) Y_i^(L)(x')] = sigma_w^2 E[sigma_1(Z1) sigma_2(Z2)] + sigma_b^2",
        printed=third(x, y, 2, -1),
        derive=lambda: KERNEL.layers()[-1]["c"].subs(INPUTS, simultaneous=True),
        witness=covariance(ONE, TWO),
        points=POINTS,
        conditions="sigma_1 = z^2 + 2z, sigma_2 = z^2 - z",
    ),
    Claim(
        tag="S58/asymmetry",
        title="asymmetry of Sigma_12 for relu and sign: how large it is",
        source="Theorem 2.4, last sentence",
        statement="Cov[f1(x1), f2(x2)] != Cov[f1(x2), f2(x1)] in general; for relu and sign they differ by"
        " sigma_w^2 c (b^(-1/2) - a^(-1/2)) / sqrt(2 pi)",
        printed=w**2 * c * (1 / sp.sqrt(b) - 1 / sp.sqrt(a)) / sp.sqrt(2 * sp.pi),
        derive=asymmetry,
        witness=asymmetry_by_quadrature,
        points=tuple({k: v for k, v in p.items() if k in (a, b, c, w)} for p in LAYER_POINTS),
        digits=30,
        conditions="depth 2; a, b, c = Sigma^(1) at (x1,x1), (x2,x2), (x1,x2)",
    ),
    Claim(
        tag="S60",
        title="generalised tangent kernel of the first layer",
        source="Theorem E.4, Equation (S60)",
        statement="I^(1)(x,x') = Sigma_12^(1)(x,x')",
        printed=first(x, y),
        derive=lambda: KERNEL.layers()[0]["T"].subs(INPUTS, simultaneous=True),
        witness=lambda point, _: network(point).tangent(ONE, TWO, *values(point))[0],
        points=POINTS,
    ),
    Claim(
        tag="S61",
        title="generalised tangent kernel at depth 3",
        source="Theorems 2.4 and E.4, Equation (S61)",
        statement="I^(L) = Sigma_12^(L) + I^(L-1) sigma_w^2 E[s1(Z1) s2(Z2)]",
        printed=I_3,
        derive=lambda: derived(KERNEL),
        witness=tangent(ONE, TWO),
        points=POINTS,
        conditions="sigma_1 = z^2 + 2z with its derivative; sigma_2 = z^2 - z with surrogate 3z + 1",
    ),
    Claim(
        tag="C.4-remark",
        title="the generalised kernel of (f, f'), (f, f') is the tangent kernel, for f = erf",
        source="Remark C.4",
        statement="the generalised NTK is the NTK if sigma_1 = sigma_2 and both surrogates are sigma'",
        printed=sp.Matrix([ERF_COVARIANCE, ERF_COVARIANCE + T * w**2 * 4 / sp.pi / ROOT]),
        derive=lambda: layer(
            kc.GeneralizedNTK((ERF, ERF.derivative), (ERF, ERF.derivative), "L", sigma_w=w, sigma_b=s)
        ),
        witness=layer_by_quadrature(ERF.derivative),
        points=LAYER_POINTS,
        digits=30,
        conditions="one layer: Sigma^(L) and I^(L) from Sigma^(L-1) = (a, b, c) and I^(L-1) = T",
    ),
    Claim(
        tag="E.3-remark",
        title="one activation, surrogate exp(-2 z^2): Sigma_12 = Sigma, but the kernel is asymmetric",
        source="Remark E.3",
        statement="I^(1) = Sigma^(1), I^(L+1) = Sigma^(L+1) + I^(L) Sigma~_12^(L+1)",
        printed=sp.Matrix([ERF_COVARIANCE, ERF_COVARIANCE + T * w**2 * 2 / sp.sqrt(sp.pi) / SKEW]),
        derive=lambda: layer(
            kc.GeneralizedNTK((ERF, ERF.derivative), (ERF, GAUSSIAN), "L", sigma_w=w, sigma_b=s)
        ),
        witness=layer_by_quadrature(GAUSSIAN),
        points=LAYER_POINTS,
        digits=30,
        conditions="sigma = erf; one layer from (a, b, c) and T",
    ),
)
