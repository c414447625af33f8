"""Duals of functions with steps and kinks: sign, Heaviside, rectifiers, hard-tanh, linear pieces.

Away from 0 they need the probability of a quarter plane, Phi2; Stein's identity reduces linear pieces to it.
"""

from __future__ import annotations

import sympy as sp

import kernelcalc as kc
from kernelcalc.symbols import a, b, c
from kernelcalc.verify.claim import Claim

from ._catalogue import NEAR, D, Q, above, both, density, hinge, hinges, rho, theta

ROOT = sp.sqrt(D)
tau = sp.Symbol("tau", real=True)
A, B = sp.symbols("A B", real=True)
RELU, HALF_PLANE = (ROOT + c * (sp.pi - theta)) / (2 * sp.pi), (sp.pi - theta) / (2 * sp.pi)
BOTH_SIDES = above(1, 1) + above(1, 1, -c)  # P(X, Y > 1) + P(X > 1, Y < -1)


def pieces() -> tuple[Claim, ...]:
    """p + q x + w1 (x - 1/2)_+ + w2 (x - 2)_+ with p = 1/3 - q/2."""
    q, w = sp.Rational(-1, 2), (sp.Rational(3, 2), sp.Rational(-2))
    t, p = (sp.Rational(1, 2), sp.Integer(2)), sp.Rational(1, 3) + sp.Rational(1, 4)
    kappa = p**2 + q**2 * c
    slope = q**2
    for i in range(2):
        beyond = Q(t[i] / sp.sqrt(a)) + Q(t[i] / sp.sqrt(b))
        kappa += w[i] * (p * (hinge(t[i], a) + hinge(t[i], b)) + q * c * beyond)
        slope += q * w[i] * beyond
        kappa += sum(w[i] * w[j] * hinges(t[i], t[j]) for j in range(2))
        slope += sum(w[i] * w[j] * above(t[i], t[j]) for j in range(2))
    return both(
        "pwl",
        "p + q x + w1 (x - t1)_+ + w2 (x - t2)_+",
        lambda: kc.PiecewiseLinear(t, (q, q + w[0], q + w[0] + w[1]), p + q * t[0]),
        kappa,
        slope,
        conditions="p = 7/12, q = -1/2, w = (3/2, -2), t = (1/2, 2)",
    )


CLAIMS = (
    *both("sign", "sign x", kc.Sign, 2 / sp.pi * sp.asin(rho), 2 / (sp.pi * ROOT)),
    *both("heaviside", "1_{x>0}", kc.Heaviside, HALF_PLANE, 1 / (2 * sp.pi * ROOT)),
    *both("heaviside_thr", "1_{x>tau}", kc.Step, above(tau, tau), density(tau, tau), {tau: "-3/4"}),
    *both("relu", "max(x, 0)", kc.ReLU, RELU, HALF_PLANE),
    *both(
        "abrelu",
        "A min(x, 0) + B max(x, 0)",
        kc.ABReLU,
        (A - B) ** 2 * (ROOT - c * theta) / (2 * sp.pi) + (A**2 + B**2) * c / 2,
        (A**2 + B**2) / 2 - (A - B) ** 2 * theta / (2 * sp.pi),
        {A: "-1/3", B: "5/4"},
    ),
    *both("abs", "|x|", kc.Abs, 2 / sp.pi * (ROOT + c * sp.asin(rho)), 2 / sp.pi * sp.asin(rho)),
    *both("relu_thr", "(x - tau)_+", kc.ThresholdReLU, hinges(tau, tau), above(tau, tau), {tau: "1/3"}),
    *both(
        "hardtanh",
        "clip(x, -1, 1)",
        kc.HardTanh,
        c - 2 * c * (Q(1 / sp.sqrt(a)) + Q(1 / sp.sqrt(b))) + 2 * hinges(1, 1) - 2 * hinges(1, 1, -c),
        1 - 2 * Q(1 / sp.sqrt(a)) - 2 * Q(1 / sp.sqrt(b)) + 2 * BOTH_SIDES,
        laws=NEAR,
    ),
    *pieces(),
)
