"""Activation functions as data. To add one, write an entry: its derivative, kinks, bounds and kernels are
derived, never typed."""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.entry import Entry, Parameter, parameter
from kernelcalc.symbols import m, z

R, H = sp.Rational, sp.Heaviside
_B = parameter("B", 1, positive=True)
_BETA = parameter("beta", 1, positive=True)
_DEGREE = parameter("k", 2, positive=True, integer=True)
_LOW, _HIGH = parameter("A", sp.Rational(1, 100)), parameter("B", 1)
_PHASE = parameter("phi", 0)
_EPSILON = parameter("epsilon", sp.Rational(1, 10), positive=True)
_ALPHA = parameter("alpha", 1, positive=True)
_SCALE = parameter("scale", sp.Rational("1.0507009873554804934193349852946"), positive=True)
_SELU_ALPHA = Parameter(_ALPHA.symbol, sp.Rational("1.6732632423543772848170429916717"))
_LEVEL = parameter("theta", 1, positive=True)
_THETA, _TAU = parameter("theta", 0), parameter("tau", 0)
_OMEGA = parameter("omega", 1, positive=True)
_ORDER = parameter("k", 2, nonnegative=True, integer=True)
_POWER = parameter("p", R(3, 2), positive=True)
_OUTER, _INNER, _SHIFT = parameter("A", 1), parameter("B", 1, positive=True), parameter("C", 0)
beta, epsilon, alpha, theta, k = (p.symbol for p in (_BETA, _EPSILON, _ALPHA, _THETA, _ORDER))
_i = sp.Symbol("i", integer=True)
_hermite_term = (-1) ** _i * z ** (k - 2 * _i) / (2**_i * sp.factorial(_i) * sp.factorial(k - 2 * _i))
_bell = sp.exp(-beta * z**2)


def _gate(u: sp.Expr) -> sp.Expr:
    """The normal distribution function by erf."""
    return (1 + sp.erf(u / sp.sqrt(2))) / 2


def _density(u: sp.Expr) -> sp.Expr:
    return sp.exp(-(u**2) / 2) / sp.sqrt(2 * sp.pi)


def _clip(u: sp.Expr, low: int, high: int) -> sp.Expr:
    return sp.Max(low, sp.Min(high, u))


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
    # sigmoids
    Entry("Tanh", "tanh", sp.tanh(z)),
    Entry("Sigmoid", "sigmoid", 1 / (1 + sp.exp(-z))),
    Entry("Arctan", "arctan", sp.atan(z)),
    Entry("Softsign", "softsign", z / (1 + sp.Abs(z))),
    Entry("AffineErf", "affine_erf", _OUTER.symbol * sp.erf(_INNER.symbol * z) + _SHIFT.symbol,
          (_OUTER, _INNER, _SHIFT), "A erf(B z) + C, neural-tangents Erf; Sigmoid_like"),
    Entry("Probit", "probit", _gate(beta * z + _TAU.symbol), (_BETA, _TAU)),
    Entry("SmoothSign", "smooth_sign", sp.erf(z / (sp.sqrt(2) * epsilon)), (_EPSILON,)),
    Entry("HardTanh", "hard_tanh", _clip(z, -1, 1), (), "Collobert 2004"),
    Entry("HardSigmoid", "hard_sigmoid", _clip(z / 6 + R(1, 2), 0, 1), (), "PyTorch"),
    # thresholds
    Entry("Step", "threshold", H(z - theta), (_THETA,), "fires above theta"),
    Entry("ThresholdReLU", "threshold_relu", (z - theta) * H(z - theta), (_THETA,)),
    Entry("ThresholdedReLU", "thresholded_relu", z * H(z - _LEVEL.symbol), (_LEVEL,),
          "Konda et al. 2014"),
    # rectifiers
    Entry("ReLU6", "relu6", _clip(z, 0, 6), (), "Krizhevsky 2010"),
    Entry("ELU", "elu", alpha * (sp.exp(z) - 1) * H(-z) + z * H(z), (_ALPHA,), "Clevert et al. 2016"),
    Entry("CELU", "celu", alpha * (sp.exp(z / alpha) - 1) * H(-z) + z * H(z), (_ALPHA,), "Barron 2017"),
    Entry("SELU", "selu", _SCALE.symbol * (alpha * (sp.exp(z) - 1) * H(-z) + z * H(z)),
          (_SCALE, _SELU_ALPHA), "Klambauer et al. 2017"),
    Entry("RectifiedMonomial", "rectified_monomial", z**k * H(z), (_ORDER,), "Cho and Saul 2009, order k"),
    Entry("RectifiedPower", "rectified_power", sp.Max(0, z) ** _POWER.symbol, (_POWER,),
          "E max(X, 0)^p max(Y, 0)^p is Gauss's hypergeometric function"),
    Entry("SmoothReLU", "smooth_relu", z * _gate(z / epsilon) + epsilon * _density(z / epsilon), (_EPSILON,)),
    Entry("SmoothAbs", "smooth_abs",
          z * sp.erf(z / (sp.sqrt(2) * epsilon)) + 2 * epsilon * _density(z / epsilon), (_EPSILON,)),
    Entry("Softplus", "softplus", sp.log(1 + sp.exp(z)), (), "Dugas et al. 2001"),
    # gated
    Entry("ScaledGELU", "scaled_gelu", z * _gate(beta * z), (_BETA,), "Hendrycks and Gimpel 2016"),
    Entry("TanhGELU", "tanh_gelu",
          z * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + R("0.044715") * z**3))) / 2, (),
          "Hendrycks and Gimpel 2016, approximation"),
    Entry("Swish", "swish", z / (1 + sp.exp(-beta * z)), (_BETA,), "Ramachandran et al. 2017"),
    Entry("SiLU", "silu", z / (1 + sp.exp(-z)), (), "Elfwing et al. 2018"),
    Entry("HardSwish", "hard_swish", z * _clip(z + 3, 0, 6) / 6, (), "Howard et al. 2019"),
    Entry("Mish", "mish", z * sp.tanh(sp.log(1 + sp.exp(z))), (), "Misra 2019"),
    # polynomials, waves and bells
    Entry("Hermite", "hermite", sp.sqrt(sp.factorial(k)) * sp.Sum(_hermite_term, (_i, 0, sp.floor(k / 2))),
          (_ORDER,), "He_k/sqrt(k!)"),
    Entry("Sinh", "sinh", sp.sinh(_B.symbol * z), (_B,)),
    Entry("Snake", "snake", z + sp.sin(beta * z) ** 2 / beta, (_BETA,), "Ziyin et al. 2020"),
    Entry("RBF", "rbf", sp.sqrt(2) * sp.sin(sp.sqrt(2 * beta) * z + sp.pi / 4), (_BETA,),
          "its dual is exp(-beta (x - y)^2): Rahimi and Recht 2007"),
    Entry("DGauss", "d_gauss", z * _bell, (_BETA,)),
    Entry("MexicanHat", "mexican_hat", (1 - 2 * beta * z**2) * _bell, (_BETA,)),
    Entry("Gabor", "gabor", _bell * sp.cos(_OMEGA.symbol * z + _PHASE.symbol), (_BETA, _OMEGA, _PHASE)),
)
# those whose duals fit into a table
TABLED = ACTIVATIONS[: 1 + [entry.name for entry in ACTIVATIONS].index("GELU")]
