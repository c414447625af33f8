"""Corollary D.3: the tangent kernel of erf_m networks off the diagonal converges, on it grows like m^(L-1).

The recursion Theta^(l+1) = Sigma^(l+1) + Theta^(l) Sdot^(l+1) is resolved into a sum of products. Off the
diagonal every term has a limit by Lemma D.3. On the diagonal every factor grows like m, so the term with
all L - 1 factors, Sigma^(1) times their product, leads.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.kernels import Kernel
from kernelcalc.limits import diagonal_growth
from kernelcalc.symbols import L, T, a, n0, sigma_b, sigma_w, xx, xy
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import Inputs, Number, Point, at_infinity, erf_layers, number
from .d2_covariance_limits import INPUTS, POINTS, S1, beta, s
from .d2_factor_limits import derived_growth, half, kappa
from .d2_lemma_d3 import ANTIPARALLEL, covariance, factor

DEPTH = 5
covariances = sp.symbols(f"S_1:{DEPTH + 1}", real=True)
factors = (sp.Integer(1), *sp.symbols(f"F_2:{DEPTH + 1}", real=True))
k = sp.Symbol("k", integer=True, positive=True)

SYMBOLS = tuple(
    {
        symbol: sp.Rational(3 * i**2 - seed * i + 1, 7 + seed)
        for i, symbol in enumerate((*covariances, *factors[1:]))
    }
    for seed in (1, 3, 5, 7, 10)
)
DEEP = tuple({**point, L: sp.Integer(depth)} for point, depth in zip(POINTS, (2, 3, 4, 3, 5), strict=True))


def resolved(depth: int, c: Callable[[int], sp.Expr], f: Callable[[int], sp.Expr]) -> sp.Expr:
    """sum_(k=1)^L Sigma^(k) prod_(l=k)^(L-1) Sdot^(l+1), as printed."""
    return sp.Add(*(c(k) * sp.Mul(*(f(i + 1) for i in range(k, depth))) for k in range(1, depth + 1)))


def K(square: sp.Expr) -> sp.Expr:
    """The K of the proof, K(z) = 2 sigma_w^2/pi (sigma_w^2/n0 z + sigma_b^2)^(-1/2)."""
    return 2 * s / sp.pi * (kappa * square + beta) ** -half


def erf_kernel(depth: int | str) -> Kernel:
    return kc.NTK(kc.Erf(), depth, sigma_w=sigma_w, sigma_b=sigma_b)


def unrolled() -> sp.Expr:
    """The recursion of the engine, covariance and factor replaced by symbols, applied from Sigma^(1) on."""
    kernel = erf_kernel(2)
    step = kernel.recursion()["T"]
    abstract = {trace.diff(step, T): sp.Symbol("F"), step.subs(T, 0): sp.Symbol("S")}
    assert abstract == {kernel.factor_map(): sp.Symbol("F"), kernel.covariance_map(): sp.Symbol("S")}
    total = covariances[0]
    for c, f in zip(covariances[1:], factors[1:], strict=True):
        total = sp.expand(c + total * f)
    return total


def recursion(point: Point, digits: int) -> Number:
    """Theta^(1) = Sigma^(1), Theta^(l+1) = Sigma^(l+1) + Theta^(l) Sdot^(l+1) in numbers."""
    total = number(point[covariances[0]])
    for c, f in zip(covariances[1:], factors[1:], strict=True):
        total = number(point[c]) + total * number(point[f])
    return total


def kernel_far_out(depth: int) -> Witness:
    def witness(point: Point, digits: int) -> Number:
        return erf_layers(Inputs.of(point), at_infinity(digits), depth, digits)[-1].T

    return witness


def grown(read: Callable[[Point, int, Number], Number]) -> Witness:
    """(K, e) with read ~ K m^e, from m far out and ten times as far."""

    def witness(point: Point, digits: int) -> Number:
        near = at_infinity(digits)
        values = [read(point, digits, m) for m in (near, 10 * near)]
        power = mp.log(values[1] / values[0], 10)
        return mp.matrix([values[0] / near ** mp.nint(power), power])

    return witness


def kernel_on_diagonal(point: Point, digits: int, m: Number) -> Number:
    return erf_layers(Inputs.of(point), m, int(point[L]), digits, same=True)[-1].T


def product_on_diagonal(point: Point, digits: int, m: Number) -> Number:
    """prod_(l=k)^(L-1) Sdot_m^(l+1)(x,x)."""
    layers = erf_layers(Inputs.of(point), m, int(point[L]), digits, same=True)
    return mp.fprod(layer.factor for layer in layers[int(point.get(k, 1)) :])


def grown_kernel() -> sp.Matrix:
    """Coefficient and exponent of Theta_m^(L)(x,x) at symbolic depth."""
    growth = diagonal_growth(erf_kernel("L"), "m")
    (first,) = (symbol for symbol in growth.coefficient.free_symbols if symbol.name == "a_1")
    return sp.Matrix([growth.coefficient.subs(first, S1[a]), growth.exponent])


def grown_product(start: sp.Expr, count: sp.Expr) -> sp.Matrix:
    """Coefficient and exponent of a product of count factors of later layers times start, each ~ m."""
    return sp.Matrix([start * derived_growth(s + beta) ** count, count + (1 if start != 1 else 0)])


later = K(n0)
leading = (kappa * xx + beta) * K(xx)  # Sigma^(1)(x,x) K(|x|^2)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/cor/resolved",
        title="the recursion of the tangent kernel resolved",
        source="Corollary D.3, proof",
        statement="Theta^(L) = sum_(k=1)^L Sigma^(k) prod_(l=k)^(L-1) Sdot^(l+1), at L = 5",
        printed=resolved(DEPTH, lambda i: covariances[i - 1], lambda i: factors[i - 1]),
        derive=unrolled,
        witness=recursion,
        points=SYMBOLS,
    ),
    Claim(
        tag="D.3/cor/limit-2",
        title="the limit of the tangent kernel off the diagonal, L = 2",
        source="Corollary D.3, first statement",
        statement="Theta_oo^(2)(x,y) = lim Theta_m^(2)(x,y) exists (the sum of products of Lemma D.3)",
        conditions="x != y, and x, y not parallel or sigma_b > 0",
        printed=resolved(2, covariance, factor),
        derive=lambda: erf_kernel(2).limit("m", kc.oo).expr(),
        witness=kernel_far_out(2),
        points=(*POINTS, ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor/limit-3",
        title="the limit of the tangent kernel off the diagonal, L = 3",
        source="Corollary D.3, first statement",
        statement="Theta_oo^(3)(x,y) = lim Theta_m^(3)(x,y) exists (the sum of products of Lemma D.3)",
        conditions="x != y, and x, y not parallel or sigma_b > 0",
        printed=resolved(3, covariance, factor),
        derive=lambda: erf_kernel(3).limit("m", kc.oo).expr(),
        witness=kernel_far_out(3),
        points=(*POINTS, ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor/limit-4",
        title="the limit of the tangent kernel off the diagonal, L = 4",
        source="Corollary D.3, first statement",
        statement="Theta_oo^(4)(x,y) = lim Theta_m^(4)(x,y) exists (the sum of products of Lemma D.3)",
        conditions="x != y, and x, y not parallel or sigma_b > 0",
        printed=resolved(4, covariance, factor),
        derive=lambda: erf_kernel(4).limit("m", kc.oo).expr(),
        witness=kernel_far_out(4),
        points=(*POINTS[:3], ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor",
        title="growth of the tangent kernel on the diagonal, any depth",
        source="Corollary D.3, second statement",
        statement="Theta_m^(L)(x,x) ~ 2 sigma_w^2/pi (sigma_w^2/n0 |x|^2 + sigma_b^2)^(1/2) (2 "
        "sigma_w^2/pi (sigma_w^2 + sigma_b^2)^(-1/2))^(L-2) m^(L-1), L >= 2; as coefficient and "
        "exponent of m",
        printed=sp.Matrix(
            [
                2
                * s
                / sp.pi
                * (kappa * xx + beta) ** half
                * (2 * s / sp.pi * (s + beta) ** -half) ** (L - 2),
                L - 1,
            ]
        ),
        derive=grown_kernel,
        witness=grown(kernel_on_diagonal),
        points=DEEP,
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor/K-first",
        title="the factor of layer 2 by the K of the proof",
        source="Corollary D.3, proof",
        statement="Sdot_m^(2)(x,x) ~ K(|x|^2) m; as coefficient and exponent of m",
        printed=sp.Matrix([K(xx), 1]),
        derive=lambda: grown_product(derived_growth(S1[a]), sp.Integer(0)),
        witness=grown(product_on_diagonal),
        points=tuple({**point, L: sp.Integer(2)} for point in POINTS),
    ),
    Claim(
        tag="D.3/cor/K-later",
        title="the factors of later layers by the K of the proof",
        source="Corollary D.3, proof",
        statement="Sdot_m^(L)(x,x) ~ K(n0) m for L >= 3; as coefficient and exponent of m",
        printed=sp.Matrix([K(n0), 1]),
        derive=lambda: grown_product(sp.Integer(1), sp.Integer(1)),
        witness=grown(product_on_diagonal),
        points=tuple(
            {**point, L: sp.Integer(3 + i % 2), k: sp.Integer(2 + i % 2)} for i, point in enumerate(POINTS)
        ),
    ),
    Claim(
        tag="D.3/cor/product",
        title="growth of the product of all factors",
        source="Corollary D.3, proof",
        statement="prod_(l=1)^(L-1) Sdot_m^(l+1)(x,x) ~ K(|x|^2) K(n0)^(L-2) m^(L-1); as coefficient and "
        "exponent",
        printed=sp.Matrix([K(xx) * later ** (L - 2), L - 1]),
        derive=lambda: grown_product(derived_growth(S1[a]), L - 2),
        witness=grown(product_on_diagonal),
        points=DEEP,
    ),
    Claim(
        tag="D.3/cor/product-tail",
        title="growth of the product of the factors from layer k + 1 on",
        source="Corollary D.3, proof",
        statement="prod_(l=k)^(L-1) Sdot_m^(l+1)(x,x) ~ K(n0)^(L-k) m^(L-k) for k >= 2; as coefficient "
        "and exponent",
        printed=sp.Matrix([later ** (L - k), L - k]),
        derive=lambda: grown_product(sp.Integer(1), L - k),
        witness=grown(product_on_diagonal),
        points=tuple(
            {**point, L: sp.Integer(depth), k: sp.Integer(first)}
            for point, depth, first in zip(POINTS, (3, 4, 5, 5, 4), (2, 2, 2, 3, 3), strict=True)
        ),
    ),
    Claim(
        tag="D.3/cor/sum",
        title="the leading term, with the covariance of the first layer",
        source="Corollary D.3, proof, first line of the last display",
        statement="Theta_m^(L)(x,x) ~ Sigma_oo^(1)(x,y) K(|x|^2) K(n0)^(L-2) m^(L-1) + terms of lower "
        "order; as coefficient and exponent of m",
        printed=sp.Matrix([(kappa * xy + beta) * K(xx) * later ** (L - 2), L - 1]),
        corrected=sp.Matrix([(kappa * xx + beta) * K(xx) * later ** (L - 2), L - 1]),
        note="Sigma^(1)(x,y) must be Sigma^(1)(x,x)",
        derive=grown_kernel,
        witness=grown(kernel_on_diagonal),
        points=DEEP,
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor/leading",
        title="the leading term",
        source="Corollary D.3, proof, second line of the last display",
        statement="Theta_m^(L)(x,x) ~ (sigma_w^2/n0 |x|^2 + sigma_b^2) 2 sigma_w^2/pi (sigma_w^2/n0 |x|^2 + "
        "sigma_b^2)^(-1/2) K(n0)^(L-2) m^(L-1); as coefficient and exponent of m",
        printed=sp.Matrix([leading * later ** (L - 2), L - 1]),
        derive=grown_kernel,
        witness=grown(kernel_on_diagonal),
        points=DEEP,
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/cor/last-line",
        title="the last line of the proof",
        source="Corollary D.3, proof, last line",
        statement="... = 2 sigma_w^2/pi (sigma_w^2/n0 |x|^2 + sigma_b^2)^(1/2) (2 sigma_w^2/pi (sigma_w^2 + "
        "sigma_b^2)^(-1/2))^(L-1) m^(L-2); as coefficient and exponent of m",
        printed=sp.Matrix(
            [
                2
                * s
                / sp.pi
                * (kappa * xx + beta) ** half
                * (2 * s / sp.pi * (s + beta) ** -half) ** (L - 1),
                L - 2,
            ]
        ),
        corrected=sp.Matrix(
            [
                2
                * s
                / sp.pi
                * (kappa * xx + beta) ** half
                * (2 * s / sp.pi * (s + beta) ** -half) ** (L - 2),
                L - 1,
            ]
        ),
        note="the exponents L - 1 and L - 2 are interchanged; the statement of the corollary has them right",
        derive=grown_kernel,
        witness=grown(kernel_on_diagonal),
        points=DEEP,
        domain=INPUTS,
    ),
)
