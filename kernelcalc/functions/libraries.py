"""The surrogate derivatives of libraries and papers, under their names, with their defaults and quirks.

A row maps the parameters of a library to a family of ``surrogates``; the defaults are the library's. A star
in the note: read in the library's source or paper, not compared with the running program.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function, exact
from kernelcalc.functions.surrogates import SURROGATES

R, pi, root = sp.Rational, sp.pi, sp.sqrt


@dataclass(frozen=True)
class Named:
    """One surrogate derivative of a library: its name there, the family with the library's parameters put in,
    and what a user would not expect."""

    library: str
    name: str
    make: Callable[..., Function]
    note: str = ""

    @property
    def path(self) -> str:
        return f"{self.library}.{self.name}"

    @cached_property
    def defaults(self) -> dict[str, sp.Expr]:
        """The library's parameters and their defaults."""
        return {p.name: sp.sympify(p.default) for p in inspect.signature(self.make).parameters.values()}

    def __call__(self, **given: object) -> Function:
        if unknown := sorted(set(given) - set(self.defaults)):
            known = ", ".join(f"{name}={value}" for name, value in self.defaults.items()) or "no parameters"
            raise InputError(f"{self.path} has no parameter {unknown[0]!r}; it takes {known}")
        values = {name: exact(value, f"{self.path}: {name}") for name, value in given.items()}
        return replace(self.make(**self.defaults | values), source=f"{self.path}. {self.note}".strip())


F = {entry.name: entry for entry in SURROGATES}
One, Step, OddSign, Box, Edge = (
    F[name] for name in ("StraightThrough", "StepSurrogate", "OddSign", "Box", "OneSidedBox")
)
Triangle, Laplace, RightFlat, Gauss = (
    F[name] for name in ("Triangle", "Laplace", "OneSidedExponential", "GaussianSurrogate")
)
MultiGauss, SuperSpike, ATan, Sech = (
    F[name] for name in ("MultiGaussian", "SuperSpike", "ATanSurrogate", "SigmoidSurrogate")
)


ONE, ZERO, HALF, FIFTH, TENTH, HUNDREDTH = sp.S.One, sp.S.Zero, R(1, 2), R(1, 5), R(1, 10), R(1, 100)
THREE_TENTHS, LOBE = R(3, 10), R(3, 20)


def _normal(variance: sp.Expr, scale: sp.Expr = ONE, centre: sp.Expr = ZERO) -> Function:
    """scale times the density of N(centre, variance)."""
    return Gauss(scale / root(2 * pi * variance), 1 / (2 * variance), centre)


def _logistic(k: sp.Expr, scale: sp.Expr) -> Function:
    """scale times the derivative of the logistic function at k z: sech^2(k z/2)/4."""
    return Sech(scale / 4, k)


def _library(name: str, *rows: tuple[Any, ...]) -> tuple[Named, ...]:
    return tuple(Named(name, *row) for row in rows)


_NO_FACTOR = "no factor of the slope: the derivative of the documented function is that much larger"
_RANDOM = "its mean: the noise enters the kernel linearly"

LIBRARIES: tuple[Named, ...] = (
    # snnTorch 1.0.0; forward 1 for z > 0
    *_library("snntorch",
        ("straight_through_estimator", lambda: One()),
        ("triangular", lambda threshold=1: OddSign(threshold), "no triangle: minus the sign of z"),
        ("fast_sigmoid", lambda slope=25: SuperSpike(1, slope)),
        ("atan", lambda alpha=2: ATan(alpha / 2, pi * alpha / 2),
         "the default; its documentation has the prefactor 1/pi, its code alpha/2"),
        ("heaviside", lambda: Step(0, 1), "s(0) = 0"),
        ("sigmoid", lambda slope=25: _logistic(slope, slope), "NaN in float32 for slope z < -88.7"),
        ("spike_rate_escape", lambda beta=1, slope=25: Laplace(slope, beta, 1), "centred at z = 1"),
        ("SSO", lambda mean=0, variance=FIFTH: F["StochasticSpike"](mean, variance), _RANDOM),
        ("LSO", lambda slope=TENTH: Step(slope, 1),
         "as documented; calling it raises TypeError, its wrapper passes too few arguments"),
        ("SFS", lambda slope=25, B=1: F["SparseFastSigmoid"](slope, B)),
    ),
    # SpikingJelly 2.0.0; forward 1 for z >= 0
    *_library("spikingjelly",
        ("PiecewiseQuadratic", lambda alpha=1: Triangle(alpha, 1 / alpha)),
        ("PiecewiseExp", lambda alpha=1: Laplace(alpha / 2, alpha)),
        ("Sigmoid", lambda alpha=4: _logistic(alpha, alpha), "the default"),
        ("SoftSign", lambda alpha=2: SuperSpike(alpha / 2, alpha)),
        ("SuperSpike", lambda alpha=1: SuperSpike(alpha, 1), "alpha is height, not slope"),
        ("ATan", lambda alpha=2: ATan(alpha / 2, pi * alpha / 2)),
        ("NonzeroSignLogAbs", lambda alpha=1: F["LogAbs"](alpha)),
        ("Erf", lambda alpha=2: Gauss(alpha / root(pi), alpha**2)),
        ("PiecewiseLeakyReLU", lambda w=1, c=HUNDREDTH: Box(1 / (2 * w), w, c),
         "height 1/(2w); 1/w in 0.0.0.0.14, a bug fixed since"),
        ("SquarewaveFourierSeries", lambda n=2, T_period=8: F["SquareWaveFourier"](n, T_period),
         "n - 1 terms"),
        ("S2NN", lambda alpha=4, beta=1: F["S2NN"](alpha, beta), "jumps unless beta = alpha/4"),
        ("QPseudoSpike", lambda alpha=2: F["QPseudoSpike"](alpha, 2 / (alpha - 1))),
        ("LeakyKReLU", lambda leak=0, k=1: Step(leak, k)),
        ("FakeNumericalGradient", lambda alpha=THREE_TENTHS: F["FakeNumericalGradient"](alpha),
         "-oo at z = -0.0"),
        ("LogTailedReLU", lambda alpha=0: F["LogTailedReLU"](alpha)),
        ("Rect", lambda alpha=1: Box(alpha, 1 / (2 * alpha))),
        ("DeterministicPass", lambda: One()),
        ("PoissonPass", lambda: One()),
        ("MultiLevelSpikeCount", lambda max_spike_count=1: Edge(max_spike_count),
         "* for the thresholds 1/2, 3/2, ...; s(0) = 1 there"),
    ),
    # Norse 1.1.0; forward 1 for z > 0
    *_library("norse",
        ("super", lambda alpha=100: SuperSpike(1, alpha),
         "the default; release 1.1.0 forgets alpha: 1/(1 + |z|)^2"),
        ("heavi_erfc", lambda alpha=100: Gauss(2 / root(pi), alpha**2), _NO_FACTOR),
        ("tanh", lambda alpha=100: Sech(1, 2 * alpha), _NO_FACTOR),
        ("logistic", lambda alpha=100: Sech(1, 2 * alpha), _NO_FACTOR),
        ("circ", lambda alpha=100: F["Circ"](alpha), "alpha is a width"),
        ("circ_dist", lambda alpha=100: F["Circ"](alpha), "alpha is a width"),
        ("triangle", lambda alpha=THREE_TENTHS: Triangle(alpha, 1)),
    ),
    # lava-dl and SLAYER
    *_library("lava",
        ("Spike", lambda threshold=1, tau_grad=1, scale_grad=1: Laplace(
            scale_grad / (2 * tau_grad * threshold), 1 / (tau_grad * threshold)), "*"),
        ("graded_spike", lambda threshold=1, tau_grad=1, scale_grad=1: RightFlat(
            scale_grad, tau_grad * threshold), "*"),
    ),
    *_library("slayer",
        ("spike", lambda theta=1, tauRho=1, scaleRho=1: Laplace(
            scaleRho / (tauRho * theta), 1 / (tauRho * theta)), "* twice lava's"),
    ),
    # stork
    *_library("stork",
        ("SuperSpike", lambda beta=20: SuperSpike(1, beta), "*"),
        ("SuperSpike_MemClamp", lambda beta=20: F["OneSidedSuperSpike"](1, beta), "*"),
        ("SuperSpike_rescaled", lambda beta=20: SuperSpike((beta + 1) ** 2, beta), "*"),
        ("SuperSpike_asymptote", lambda beta=100: SuperSpike(beta, beta), "*"),
        ("TanhSpike", lambda beta=100: F["TanhPlusOne"](beta), "* 1 is added to sech^2"),
        ("SigmoidSpike", lambda beta=100: _logistic(beta, ONE), f"* {_NO_FACTOR}"),
        ("EsserSpike", lambda beta=1: Triangle(1, 1 / beta), "*"),
        ("HardTanhSpike", lambda beta=100: F["HardTanhPlusOne"](beta), "* odd but for the 1: G = 1"),
        ("CustomSpike", lambda escape_noise_p0=1, delta=1: F["ExponentialEscape"](
            escape_noise_p0, delta), "* the exponential escape rate; unbounded"),
    ),
    # sinabs, rockpool (threshold 1), spyx
    *_library("sinabs",
        ("Heaviside", lambda window=1: Step(0, 1, -window), "*"),
        ("Gaussian", lambda mu=0, sigma=HALF, grad_scale=1: _normal(sigma**2, grad_scale, mu), "*"),
        ("MultiGaussian", lambda sigma=HALF, h=LOBE, s=6, grad_scale=1: MultiGauss(
            grad_scale, h, sigma, s), "*"),
        ("SingleExponential", lambda grad_width=HALF, grad_scale=1: Laplace(
            grad_scale / grad_width, 1 / grad_width), "*"),
        ("PeriodicExponential", lambda grad_width=HALF, grad_scale=1: F["PeriodicExponential"](
            grad_scale, grad_width, grad_width / 2),
         "* twice as steep to the right of the threshold; not in releases before 2"),
    ),
    *_library("rockpool",
        ("StepPWL", lambda window=HALF: Step(0, 1, -window), "*"),
        ("PeriodicExponential", lambda window=HALF: F["PeriodicExponential"](1, window, window), "*"),
    ),
    *_library("spyx",
        ("tanh", lambda k=1: Sech(1, 2 * k), f"* {_NO_FACTOR}"),
        ("boxcar", lambda width=2, height=HALF: Box(height, width / 2), "*"),
        ("triangular", lambda k=2: Triangle(1, 1 / k), "*"),
        ("arctan", lambda k=2: ATan(1 / pi, k * pi), "*"),
        ("superspike", lambda k=25: SuperSpike(1, k), "*"),
    ),
    # braintools (brainpy.math.surrogate before)
    *_library("braintools",
        ("Sigmoid", lambda alpha=4: _logistic(alpha, alpha), "*"),
        ("PiecewiseQuadratic", lambda alpha=1: Triangle(alpha, 1 / alpha), "*"),
        ("PiecewiseExp", lambda alpha=1: Laplace(alpha / 2, alpha), "*"),
        ("SoftSign", lambda alpha=1: SuperSpike(alpha / 2, alpha), "*"),
        ("Arctan", lambda alpha=1: ATan(alpha / 2, pi * alpha / 2), "*"),
        ("ERF", lambda alpha=1: Gauss(alpha / root(pi), alpha**2), "*"),
        ("QPseudoSpike", lambda alpha=2: F["QPseudoSpike"](alpha, 2 / (alpha + 1)),
         "* 2/(alpha + 1) where SpikingJelly has 2/(alpha - 1)"),
        ("ReluGrad", lambda alpha=THREE_TENTHS, width=1: Triangle(alpha, width), "*"),
        ("GaussianGrad", lambda sigma=HALF, alpha=HALF: _normal(sigma**2, alpha), "*"),
        ("MultiGaussianGrad", lambda h=LOBE, s=6, sigma=HALF, scale=HALF: MultiGauss(
            scale, h, sigma, s), "*"),
        ("InvSquareGrad", lambda alpha=100: SuperSpike(1, alpha), "*"),
        ("SlayerGrad", lambda alpha=1: Laplace(1, alpha), "*"),
    ),
    # papers
    *_library("papers",
        ("zenke_ganguli_2018", lambda beta=10: SuperSpike(1, beta), "* SuperSpike"),
        ("zenke_vogels_2021_sigmoid", lambda beta=10: _logistic(beta, beta), "*"),
        ("zenke_vogels_2021_esser", lambda beta=10: Triangle(1, 1 / beta), "*"),
        ("esser_2016", lambda: Triangle(1, 1), "*"),
        ("bellec_2018", lambda gamma=THREE_TENTHS: Triangle(gamma, 1), "* z relative to the threshold"),
        ("wu_2018_h1", lambda a1=1: Box(1 / a1, a1 / 2), "*"),
        ("wu_2018_h2", lambda a2=1: Triangle(root(a2) / 2, 2 / root(a2)),
         "* read as a triangle; with the sign as printed it grows like |z|"),
        ("wu_2018_h3", lambda a3=1: _logistic(1 / a3, 1 / a3), "*"),
        ("wu_2018_h4", lambda a4=1: _normal(a4), "*"),
        ("yin_2019_identity", lambda: One(), "*"),
        ("yin_2019_relu", lambda: Step(0, 1, 0), "*"),
        ("yin_2019_clipped_relu", lambda: Edge(1), "*"),
        ("hubara_2016", lambda: Box(1, 1), "*"),
        ("yin_2021", lambda gamma=HALF, h=LOBE, sigma=HALF, s=6: MultiGauss(
            gamma, h, sigma, s), "*"),
        ("eilers_2024", lambda: Gauss(2 / root(pi), 1), "* the derivative of erf"),
    ),
)  # fmt: skip
