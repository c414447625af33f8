"""Kernels of the catalogue where their closed forms cancel, overflow or steepen: 16 ulps to depth 3."""

from __future__ import annotations

import numpy as np
import pytest
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc.kernels import Kernel

X = np.random.default_rng(5).standard_normal(6)
NOISE = np.random.default_rng(6).standard_normal(6)


@pytest.mark.parametrize(
    ("kernel", "x", "y"),
    [
        (kc.NTK(kc.Abs(), 3), X, 1e-8 * NOISE - X),  # E|X|^2 - E|X||Y|, small here too
        (kc.NTK(kc.Sin(), 3, sigma_b=0.1), 1e8 * X, -1e8 * X),  # exponents a + b + 2 c
        (kc.NTK(kc.Sin(), 3, sigma_b=0.1), 1e8 * X, 1e8 * NOISE),  # the difference of two exponentials
        (kc.NTK(kc.Exp(), 3, sigma_b=0.1), X, X),  # exponents up to 80
        (kc.NTK(kc.Step(0), 3, sigma_b=0.1), 1e-8 * X, 1e-8 * (X + 1e-15 * NOISE)),  # infinite for float64
        (kc.NTK(kc.ELU(), 2), 1e8 * X, 1e8 * NOISE),  # tiny normal integrals times large exponentials
        (kc.NTK(kc.ELU(), 2), X, -X),  # quarter planes with the corner at 0 that are half planes
        (kc.NTK(kc.ELU(), 2), 1e3 * X, -1e3 * X),
    ],
    ids=["abs", "sin, opposite", "sin", "exp", "step", "elu, long", "elu, opposite", "elu, long opposite"],
)
def test_entries_of_hard_pairs(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> None:
    ((wanted,),) = exact([kernel], x, y, [kernel.depth])
    assert ulps(kernel(np.array([x, y]))[0, 1], wanted) <= 16


@pytest.mark.filterwarnings("ignore::kernelcalc.errors.SurrogateWarning")  # given once a process
def test_a_mass_at_a_jump_takes_the_mean_of_both_sides_whatever_the_parameters() -> None:
    factor = kc.SGNTK(kc.Sign(), kc.StepSurrogate(), 2).layer.factor
    assert factor is not None
    assert factor.diagonal == factor.expr  # the mean is 1/2 for all variances
