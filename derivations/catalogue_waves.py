"""Duals of waves, exponentials and bells: each is a Gaussian integral of exponentials."""

from __future__ import annotations

import sympy as sp

import kernelcalc as kc
from kernelcalc.symbols import a, b, c

from ._catalogue import both

phi = sp.Symbol("phi", real=True)
B, beta, omega = sp.symbols("B beta omega", positive=True)
DIFFERENCE, TOTAL = a + b - 2 * c, a + b + 2 * c
Dbeta = (1 + 2 * beta * a) * (1 + 2 * beta * b) - 4 * beta**2 * c**2
BELL = Dbeta ** sp.Rational(-3, 2) + 12 * beta**2 * c**2 * Dbeta ** sp.Rational(-5, 2)


def gabor(slope: bool) -> sp.Expr:
    total = sp.S.Zero
    for sign, weight in ((1, sp.cos(2 * phi)), (-1, sp.S.One)):
        N = a + b + sign * 2 * c + 4 * beta * (a * b - c**2)
        inner = sp.S.One
        if slope:
            inner = (
                4 * beta**2 * c / Dbeta
                - omega**2 * (sign - 4 * beta * c) / Dbeta
                - 4 * omega**2 * beta**2 * c * N / Dbeta**2
            )
        total += weight * sp.exp(-(omega**2) * N / (2 * Dbeta)) * inner
    return total / (2 * sp.sqrt(Dbeta))


def wave(sign: int) -> sp.Expr:
    return sp.exp(-(B**2) * DIFFERENCE / 2) + sign * sp.cos(2 * phi) * sp.exp(-(B**2) * TOTAL / 2)


EVEN = sp.exp(-(B**2) * (a + b) / 2)
GROWING = sp.exp(B**2 * (a + b) / 2)
RIPPLE = sp.exp(-2 * beta**2 * (a + b))

CLAIMS = (
    *both("sin", "sin(B x + phi)", kc.Sin, wave(-1) / 2, B**2 * wave(1) / 2, {B: "3/2", phi: "1/3"}),
    *both("cos", "cos(B x)", kc.Cos, EVEN * sp.cosh(B**2 * c), B**2 * EVEN * sp.sinh(B**2 * c), {B: "3/2"}),
    *both(
        "rbf",
        "sqrt(2) sin(sqrt(2 beta) x + pi/4)",
        kc.RBF,
        sp.exp(-beta * DIFFERENCE),
        2 * beta * sp.exp(-beta * DIFFERENCE),
        {beta: "3/4"},
    ),
    *both("exp", "exp(B x)", kc.Exp, sp.exp(B**2 * TOTAL / 2), B**2 * sp.exp(B**2 * TOTAL / 2), {B: "2/3"}),
    *both(
        "sinh",
        "sinh(B x)",
        kc.Sinh,
        GROWING * sp.sinh(B**2 * c),
        B**2 * GROWING * sp.cosh(B**2 * c),
        {B: "2/3"},
    ),
    *both(
        "snake",
        "x + sin(beta x)^2/beta",
        kc.Snake,
        c
        + (
            1
            - sp.exp(-2 * beta**2 * a)
            - sp.exp(-2 * beta**2 * b)
            + RIPPLE * sp.cosh(4 * beta**2 * c)
        )
        / (4 * beta**2),
        1 + RIPPLE * sp.sinh(4 * beta**2 * c),
        {beta: "2/3"},
    ),
    *both(
        "gaussian",
        "exp(-beta x^2)",
        kc.Gaussian,
        1 / sp.sqrt(Dbeta),
        4 * beta**2 * c * Dbeta ** sp.Rational(-3, 2),
        {beta: "3/4"},
    ),
    *both("dgauss", "x exp(-beta x^2)", kc.DGauss, c * Dbeta ** sp.Rational(-3, 2), BELL, {beta: "3/4"}),
    *both(
        "mexhat",
        "(1 - 2 beta x^2) exp(-beta x^2)",
        kc.MexicanHat,
        BELL,
        36 * beta**2 * c * Dbeta ** sp.Rational(-5, 2) + 240 * beta**4 * c**3 * Dbeta ** sp.Rational(-7, 2),
        {beta: "3/4"},
    ),
    *both(
        "gabor",
        "exp(-beta x^2) cos(omega x + phi)",
        kc.Gabor,
        gabor(slope=False),
        gabor(slope=True),
        {beta: "1/2", omega: "4/3", phi: "-1/3"},
    ),
)
