"""Surrogate derivatives for section E.2.2, with their means under N(0, v) written down by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc.functions.base import Function
from kernelcalc.symbols import v

Expr = Any  # SymPy carries no types


@dataclass(frozen=True)
class Surrogate:
    """A surrogate derivative: words, its mean G(v) = E s(Z), Z ~ N(0, v), and its value s(0)."""

    function: Function
    words: str
    mean: Expr
    centre: Expr

    def at_variance(self, variance: Expr) -> Expr:
        return self.mean.subs(v, variance)


omega = sp.Symbol("omega", positive=True)
ROOT = sp.sqrt(2 * v)

SURROGATES = {
    "erf": Surrogate(
        kc.Erf().derivative, "erf'", 2 / sp.sqrt(sp.pi) / sp.sqrt(1 + 2 * v), 2 / sp.sqrt(sp.pi)
    ),
    "box": Surrogate(kc.function("heaviside(1 - abs(z))"), "1 on [-1, 1]", sp.erf(1 / ROOT), 1),
    "triangle": Surrogate(
        kc.function("max(1 - abs(z), 0)"),
        "max(1 - |z|, 0)",
        sp.erf(1 / ROOT) - sp.sqrt(2 * v / sp.pi) * (1 - sp.exp(-1 / (2 * v))),
        1,
    ),
    "laplace": Surrogate(
        kc.function("exp(-abs(z))"), "exp(-|z|)", sp.exp(v / 2) * sp.erfc(sp.sqrt(v / 2)), 1
    ),
    "atan": Surrogate(
        kc.function("1/(1 + z**2)"),
        "atan' = 1/(1 + z^2)",
        sp.sqrt(sp.pi) / ROOT * sp.exp(1 / (2 * v)) * sp.erfc(1 / ROOT),
        1,
    ),
    "polynomial": Surrogate(
        kc.function("(1 + z**2)*exp(-z**2)"),
        "(1 + z^2) exp(-z^2)",
        (1 + 3 * v) / (1 + 2 * v) ** sp.Rational(3, 2),
        1,
    ),
    "shifted": Surrogate(
        kc.function("exp(-(z - 1)**2)"),
        "exp(-(z - 1)^2)",
        sp.exp(-1 / (1 + 2 * v)) / sp.sqrt(1 + 2 * v),
        sp.exp(-1),
    ),
    "constant": Surrogate(kc.function("1"), "1", sp.Integer(1), 1),
    "frequency": Surrogate(kc.Cos(omega), "cos(omega z), any omega", sp.exp(-(omega**2) * v / 2), 1),
}
