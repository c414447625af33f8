"""Kernels of the catalogue where their closed forms cancel, overflow or steepen: 16 ulps to depth 3."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc.compile.forms.losses import magnitude
from kernelcalc.compile.forms.stable import certain
from kernelcalc.kernels import Kernel

X = np.random.default_rng(5).standard_normal(6)
NOISE = np.random.default_rng(6).standard_normal(6)


@pytest.mark.parametrize(
    ("kernel", "x", "y"),
    [
        (kc.NTK(kc.Abs(), 3), X, 1e-8 * NOISE - X),  # E|X|^2 - E|X||Y|, small here too
        (kc.NTK(kc.Sin(), 3, sigma_b=0.1), 1e8 * X, -1e8 * X),  # exponents a + b + 2 c
        (kc.NTK(kc.Sin(), 3, sigma_b=0.1), 1e8 * X, 1e8 * NOISE),  # the difference of two exponentials
        (kc.NTK(kc.Step(0), 3, sigma_b=0.1), 1e-8 * X, 1e-8 * (X + 1e-15 * NOISE)),  # infinite for float64
        (kc.NTK(kc.ELU(), 2), 1e8 * X, 1e8 * NOISE),  # tiny normal integrals times large exponentials
        (kc.NTK(kc.ELU(), 2), X, -X),  # quarter planes with the corner at 0 that are half planes
        (kc.NTK(kc.ELU(), 2), 1e3 * X, -1e3 * X),
        (kc.NTK(kc.Step(1), 3), X, -X),  # densities exp(-1/0)/0
        (kc.NTK(kc.function("1 + max(0, z)"), 3), 1e-8 * X, 1e-8 * NOISE),  # 1 - r = 1e-16 after one layer
    ],
    ids=lambda given: repr(given) if isinstance(given, Kernel) else "",
)
def test_entries_of_hard_pairs(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> None:
    ((wanted,),) = exact([kernel], x, y, [kernel.depth])
    assert ulps(kernel(np.array([x, y]))[0, 1], wanted) <= 16


def test_growing_exponentials_magnify_rounding_errors() -> None:
    """Of E exp(X)^2 = exp(2 a) on the diagonal, too: it lost 600 ulps at depth 3."""
    assert not certain(kc.NTK(kc.Exp(), 3))
    assert certain(kc.NNGP(kc.Cos(), 3))
    t = sp.Symbol("t", real=True)
    assert magnitude(sp.exp(t), {}) == sp.exp(t) * (1 + abs(t))


@pytest.mark.filterwarnings("ignore::kernelcalc.errors.SurrogateWarning")  # given once a process
def test_a_mass_at_a_jump_takes_the_mean_of_both_sides_whatever_the_parameters() -> None:
    factor = kc.SGNTK(kc.Sign(), kc.StepSurrogate(), 2).layer.factor
    assert factor is not None
    assert factor.diagonal == factor.expr  # the mean is 1/2 for all variances


def test_close_pairs_without_closed_form_lose_nothing_to_the_end_of_the_series() -> None:
    """Of rows of one norm and others; the last coefficient stands for all that follow: it was 35 ulps."""
    kernel = kc.NTK(kc.Tanh(), 2, sigma_b=0.1)
    for x, y in ((X[:3], X[:3]), (X[:3], X[:3] + 1e-3 * NOISE[:3])):
        wanted = kernel.reference(x.tolist(), y.tolist(), digits=18)
        assert abs(kernel(np.array([x, y]))[0, 1] - float(wanted)) <= 8 * 2**-52 * float(wanted)
