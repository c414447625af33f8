"""Surrogate derivatives as data: the families that libraries and papers train with.

To add one, write an entry: its bounds, parity and means are derived, never typed. Values at a jump are those
of the programs (the second argument of Heaviside).
"""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.entry import Entry, Parameter, parameter
from kernelcalc.functions.periodic import nearest
from kernelcalc.symbols import z

R, H, size = sp.Rational, sp.Heaviside, sp.Abs(z)


def _positive(name: str, default: object = 1) -> Parameter:
    return parameter(name, default, positive=True)


_A, _ALPHA, _BETA, _KAPPA = (_positive(name) for name in ("A", "alpha", "beta", "kappa"))
_W, _TAU, _GAMMA, _SIGMA = (_positive(name) for name in ("W", "tau", "gamma", "sigma"))
_CENTRE, _FLOOR = parameter("z_0", 0), parameter("A_0", 0)
A, alpha, beta, kappa, W, tau, gamma, sigma = (
    p.symbol for p in (_A, _ALPHA, _BETA, _KAPPA, _W, _TAU, _GAMMA, _SIGMA)
)

_low, _high, _threshold = parameter("l", 0), parameter("h", 1), parameter("tau", 0)
_rho = _positive("rho", R(1, 2))
_edge, _scale, _lobe, _wide = _positive("u"), _positive("delta"), _positive("h", R(3, 20)), _positive("s", 6)
_power, _cut, _period = _positive("p"), _positive("B"), _positive("T", 8)
_order = Parameter(sp.Symbol("n", positive=True, integer=True), sp.Integer(2), above=sp.Integer(1))
_tail = Parameter(_ALPHA.symbol, sp.Integer(2), above=sp.Integer(1))
_left = parameter("alpha", 0, nonnegative=True)
_noise, _level, _rate = parameter("m", 0), _positive("q", R(1, 5)), _positive("p_0")


def _normal(centre: sp.Expr, variance: sp.Expr) -> sp.Expr:
    return sp.exp(-((z - centre) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _step(low: sp.Expr, high: sp.Expr, at: sp.Expr, value: int) -> sp.Expr:
    return low + (high - low) * H(z - at, value)


_i = sp.Symbol("i", integer=True)
_h, _s = _lobe.symbol, _wide.symbol
_waves = sp.Sum(sp.cos((2 * _i - 1) * 2 * sp.pi * z / _period.symbol), (_i, 1, _order.symbol - 1))
_lobes = sp.Add(*(_normal(side * sigma, _s**2 * sigma**2) for side in (1, -1)))
_slope = alpha * sp.exp(alpha * z) / (1 + sp.exp(alpha * z)) ** 2

SURROGATES: tuple[Entry, ...] = (
    Entry("StraightThrough", "straight_through", A, (_A,), "identity: Bengio et al. 2013"),
    Entry("StepSurrogate", "step", _step(_low.symbol, _high.symbol, _threshold.symbol, 1),
          (_low, _high, _threshold), "Yin et al. 2019, derivative of ReLU"),
    Entry("OddSign", "odd_sign", A * (1 - 2 * H(z, 1)), (_A,), "snnTorch, triangular"),
    Entry("Box", "box", _FLOOR.symbol + (A - _FLOOR.symbol) * H(W - size, 0), (_A, _W, _FLOOR),
          "Hubara et al. 2016; Wu et al. 2018, h1"),
    Entry("OneSidedBox", "one_sided_box", H(z, 0) * H(_edge.symbol - z, 0), (_edge,), "Yin et al. 2019"),
    Entry("Triangle", "triangle", A * sp.Max(0, 1 - size / W), (_A, _W),
          "Esser et al. 2016; Bellec et al. 2018"),
    Entry("Laplace", "laplace", A * sp.exp(-beta * sp.Abs(z - _CENTRE.symbol)), (_A, _BETA, _CENTRE),
          "SLAYER: Shrestha and Orchard 2018"),
    Entry("OneSidedExponential", "one_sided_exponential", A * sp.exp(sp.Min(z, 0) / tau), (_A, _TAU),
          "lava-dl, graded_spike"),
    Entry("GaussianSurrogate", "gaussian_surrogate", A * sp.exp(-kappa * (z - _CENTRE.symbol) ** 2),
          (_A, _KAPPA, _CENTRE), "Wu et al. 2018, h4"),
    Entry("MultiGaussian", "multi_gaussian", gamma * ((1 + _h) * _normal(sp.S.Zero, sigma**2) - _h * _lobes),
          (Parameter(gamma, R(1, 2)), _lobe, Parameter(sigma, R(1, 2)), _wide), "Yin et al. 2021"),
    Entry("SuperSpike", "superspike", A / (1 + beta * size) ** 2, (_A, _BETA), "Zenke and Ganguli 2018"),
    Entry("OneSidedSuperSpike", "one_sided_superspike", A / (1 + beta * sp.Max(0, -z)) ** 2, (_A, _BETA),
          "stork"),
    Entry("ATanSurrogate", "atan_surrogate", A / (1 + kappa**2 * z**2), (_A, _KAPPA), "Fang et al. 2021"),
    Entry("LogAbs", "log_abs", 1 / (1 / alpha + size), (_ALPHA,), "SpikingJelly, NonzeroSignLogAbs"),
    Entry("QPseudoSpike", "q_pseudo_spike", (1 + gamma * size) ** (-alpha), (_tail, Parameter(gamma, R(2))),
          "Herranz-Celotti and Rouat 2022"),
    Entry("SigmoidSurrogate", "sigmoid_surrogate", A * sp.sech(alpha * z / 2) ** 2,
          (_A, Parameter(alpha, R(4))), "Zenke and Vogels 2021"),
    Entry("Circ", "circ", (1 + z**2 / alpha**2) ** R(-3, 2), (_ALPHA,), "Norse, HeaviCirc"),
    Entry("StudentSurrogate", "student", (1 + kappa**2 * z**2) ** (-_power.symbol), (_KAPPA, _power),
          "Student's t density; p = 1, 3/2: atan_surrogate, circ"),
    Entry("SquareWaveFourier", "square_wave_fourier", 4 / _period.symbol * _waves, (_order, _period),
          "SpikingJelly, SquarewaveFourierSeries"),
    Entry("S2NN", "s2nn", sp.Piecewise((_slope, z < 0), (beta / (1 + z), True)),
          (Parameter(alpha, R(4)), _BETA), "Suetake et al. 2022"),
    Entry("FakeNumericalGradient", "fake_numerical_gradient", 1 / sp.Max(1 / alpha, size),
          (Parameter(alpha, R(3, 10)),), "SpikingJelly"),
    Entry("LogTailedReLU", "log_tailed_relu", _left.symbol * H(-z, 1) + H(z, 0) / sp.Max(1, z), (_left,),
          "Cai et al. 2017"),
    Entry("SparseFastSigmoid", "sparse_fast_sigmoid",
          H(z - _cut.symbol, 0) / (1 + beta * sp.Max(z, _cut.symbol)) ** 2,
          (Parameter(beta, R(25)), _cut), "Perez-Nieves and Goodman 2021"),
    Entry("StochasticSpike", "stochastic_spike", _step(_noise.symbol * _level.symbol, sp.S.One, sp.S.Zero, 0),
          (_noise, _level), "snnTorch, SSO: the mean of the noise; it enters linearly"),
    Entry("HardTanhPlusOne", "hard_tanh_plus_one", 1 + sp.Max(-1, sp.Min(beta * z, 1)), (_BETA,), "stork"),
    Entry("TanhPlusOne", "sech2_plus_one", 1 + sp.sech(beta * z) ** 2, (_BETA,), "stork, TanhSpike"),
    Entry("ExponentialEscape", "exponential_escape",
          _rate.symbol / _scale.symbol * sp.exp(z / _scale.symbol), (_rate, _scale),
          "stork, CustomSpike; Gerstner et al. 2014, escape noise"),
    Entry("PeriodicExponential", "periodic_exponential",
          A * sp.Piecewise((sp.exp(z / tau), z < 0), (sp.exp(-nearest(z) / _rho.symbol), True)),
          (_A, Parameter(tau, R(1, 2)), _rho), "Weidel and Sheik 2021: several spikes at once"),
)  # fmt: skip
