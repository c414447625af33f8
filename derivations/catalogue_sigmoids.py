"""Duals of sigmoids and gated functions made from the normal distribution function, and of ELU.

Gaussian smoothing: f_eps(x) = E f(x + eps Z) has the dual of f at variances a + eps^2, b + eps^2.
"""

from __future__ import annotations

import sympy as sp

import kernelcalc as kc
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import a, b, c

from ._catalogue import NEAR, both, density

A, C, tau = sp.symbols("A C tau", real=True)
B, beta, epsilon, alpha = sp.symbols("B beta epsilon alpha", positive=True)
P, S = 1 + 2 * B**2 * a, 1 + 2 * B**2 * b
U, V = 1 + beta**2 * a, 1 + beta**2 * b
va, vb = a + epsilon**2, b + epsilon**2
ROOT = sp.sqrt(va * vb - c**2)
ANGLE = sp.acos(c / sp.sqrt(va * vb))


def gelu(a: sp.Expr, b: sp.Expr, c: sp.Expr) -> sp.Expr:
    """E[X Phi(X) Y Phi(Y)]."""
    delta = sp.sqrt((1 + a) * (1 + b) - c**2)
    spread = (c**2 + a * b * delta**2) / ((1 + a) * (1 + b) * delta)
    return c / 4 + (spread + c * sp.asin(c / sp.sqrt((1 + a) * (1 + b)))) / (2 * sp.pi)


def gelu_slope(a: sp.Expr, b: sp.Expr, c: sp.Expr) -> sp.Expr:
    delta = sp.sqrt((1 + a) * (1 + b) - c**2)
    rest = c / delta * (1 / delta**2 + (1 - a * b) / ((1 + a) * (1 + b)) + 1)
    return sp.Rational(1, 4) + (sp.asin(c / sp.sqrt((1 + a) * (1 + b))) + rest) / (2 * sp.pi)


r = c / sp.sqrt(a * b)
BELOW = sp.exp((a + 2 * c + b) / 2) * Phi2(-(a + c) / sp.sqrt(a), -(b + c) / sp.sqrt(b), r)


def rectified_exponential(t: int, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """E[X_+ exp(t Y) 1_{Y<0}], t = 0 or 1."""
    wedge = t * c * Phi2(t * c / sp.sqrt(a), -t * sp.sqrt(b), -r)
    edge = sp.exp(-t * c**2 / (2 * a)) / sp.sqrt(2 * sp.pi) * Phi(-t * sp.sqrt((a * b - c**2) / a))
    corner = c / sp.sqrt(b) * sp.exp(-t * b / 2) / sp.sqrt(2 * sp.pi) / 2
    return sp.exp(t * b / 2) * (wedge + sp.sqrt(a) * edge - corner)


def elu() -> sp.Expr:
    mixed = sum(
        rectified_exponential(1, *v) - rectified_exponential(0, *v) for v in ((a, b), (b, a))
    )
    tails = (
        BELOW
        - sp.exp(a / 2) * Phi2(-sp.sqrt(a), -c / sp.sqrt(b), r)
        - sp.exp(b / 2) * Phi2(-c / sp.sqrt(a), -sp.sqrt(b), r)
        + Phi2(0, 0, r)
    )
    relu = (sp.sqrt(a * b - c**2) + c * (sp.pi - sp.acos(r))) / (2 * sp.pi)
    return relu + alpha * mixed + alpha**2 * tails


ELU_SLOPE = (
    Phi2(0, 0, r)
    + alpha * sp.exp(b / 2) * Phi2(c / sp.sqrt(a), -sp.sqrt(b), -r)
    + alpha * sp.exp(a / 2) * Phi2(c / sp.sqrt(b), -sp.sqrt(a), -r)
    + alpha**2 * BELOW
)

CLAIMS = (
    *both(
        "erf",
        "A erf(B x) + C",
        kc.AffineErf,
        2 * A**2 / sp.pi * sp.asin(2 * B**2 * c / sp.sqrt(P * S)) + C**2,
        4 * A**2 * B**2 / sp.pi / sp.sqrt(P * S - 4 * B**4 * c**2),
        {A: "-2/3", B: "5/4", C: "1/3"},
    ),
    *both(
        "probit",
        "Phi(beta x)",
        kc.Probit,
        sp.Rational(1, 4) + sp.asin(beta**2 * c / sp.sqrt(U * V)) / (2 * sp.pi),
        beta**2 / (2 * sp.pi) / sp.sqrt(U * V - beta**4 * c**2),
        {beta: "3/2"},
    ),
    *both(
        "probit_bias",
        "Phi(beta x + tau)",
        kc.Probit,
        Phi2(tau / sp.sqrt(U), tau / sp.sqrt(V), beta**2 * c / sp.sqrt(U * V)),
        beta**2 * density(tau, tau, U, V, beta**2 * c),
        {beta: "3/2", tau: "-2/3"},
        laws=NEAR,
    ),
    *both("gelu", "x Phi(x)", kc.GELU, gelu(a, b, c), gelu_slope(a, b, c)),
    *both(
        "gelu_scaled",
        "x Phi(beta x)",
        kc.ScaledGELU,
        gelu(beta**2 * a, beta**2 * b, beta**2 * c) / beta**2,
        gelu_slope(beta**2 * a, beta**2 * b, beta**2 * c),
        {beta: "3/2"},
    ),
    *both(
        "relu_smooth",
        "x Phi(x/eps) + eps phi(x/eps)",
        kc.SmoothReLU,
        (ROOT + c * (sp.pi - ANGLE)) / (2 * sp.pi),
        (sp.pi - ANGLE) / (2 * sp.pi),
        {epsilon: "1/2"},
    ),
    *both(
        "abs_smooth",
        "x erf(x/(sqrt(2) eps)) + 2 eps phi(x/eps)",
        kc.SmoothAbs,
        2 / sp.pi * (ROOT + c * sp.asin(c / sp.sqrt(va * vb))),
        2 / sp.pi * sp.asin(c / sp.sqrt(va * vb)),
        {epsilon: "1/2"},
    ),
    *both(
        "sign_smooth",
        "erf(x/(sqrt(2) eps))",
        kc.SmoothSign,
        2 / sp.pi * sp.asin(c / sp.sqrt(va * vb)),
        2 / (sp.pi * ROOT),
        {epsilon: "1/2"},
    ),
    *both(
        "elu", "max(x, 0) + alpha (exp(min(x, 0)) - 1)", kc.ELU, elu(), ELU_SLOPE, {alpha: "3/4"}, laws=NEAR
    ),
)
