"""Activation functions as data. To add one, write an entry: its derivative, kinks, bounds and kernels are
derived, never typed."""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.entry import Entry, Parameter, parameter
from kernelcalc.symbols import m, z

_B = parameter("B", 1, positive=True)
_BETA = parameter("beta", 1, positive=True)
_DEGREE = parameter("k", 2, positive=True, integer=True)
_LOW, _HIGH = parameter("A", sp.Rational(1, 100)), parameter("B", 1)
_PHASE = parameter("phi", 0)

ACTIVATIONS: tuple[Entry, ...] = (
    Entry("Identity", "identity", z),
    Entry("Erf", "erf", sp.erf(m * z), (Parameter(m, sp.Integer(1)),), "Eilers et al. 2024, section D"),
    Entry("Sign", "sign", sp.sign(z), (), "Eilers et al. 2024, section D"),
    Entry("Heaviside", "heaviside", sp.Heaviside(z), (), "Cho and Saul 2009, order 0"),
    Entry("ReLU", "relu", z * sp.Heaviside(z), (), "Cho and Saul 2009, order 1"),
    Entry("RectifiedQuadratic", "relu2", z**2 * sp.Heaviside(z), (), "Cho and Saul 2009, order 2"),
    Entry(
        "ABReLU",
        "abrelu",
        _LOW.symbol * z * sp.Heaviside(-z) + _HIGH.symbol * z * sp.Heaviside(z),
        (_LOW, _HIGH),
    ),
    Entry("LeakyReLU", "leaky_relu", _LOW.symbol * z * sp.Heaviside(-z) + z * sp.Heaviside(z), (_LOW,)),
    Entry("Abs", "abs", sp.Abs(z)),
    Entry("Sin", "sin", sp.sin(_B.symbol * z + _PHASE.symbol), (_B, _PHASE)),
    Entry("Cos", "cos", sp.cos(_B.symbol * z), (_B,)),
    Entry("Exp", "exp", sp.exp(_B.symbol * z), (_B,)),
    Entry("Gaussian", "gaussian", sp.exp(-_BETA.symbol * z**2), (_BETA,)),
    Entry("Monomial", "monomial", z**_DEGREE.symbol, (_DEGREE,)),
    Entry("GELU", "gelu", z * (1 + sp.erf(z / sp.sqrt(2))) / 2, (), "Hendrycks and Gimpel 2016"),
)
