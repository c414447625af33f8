"""Kernels of polynomials times Gaussian bells, at rows of any length."""

from __future__ import annotations

import numpy as np
import pytest
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc.compile.second import Second
from kernelcalc.functions.base import Function

BELLS = [kc.MexicanHat(), kc.DGauss(3), kc.Gaussian()]
SIZES = [(1e-30, 1e-30), (1.0, 1.0), (1e30, 1e30), (1.0, 1e10)]


@pytest.mark.parametrize("f", BELLS, ids=repr)
@pytest.mark.parametrize("depth", [2, 3])
def test_no_term_leaves_the_range_of_floats(f: Function, depth: int) -> None:
    """At 1e30 a power of the determinant does, at 1e-30 rows become nearly equal in the second layer."""
    x, y = np.random.default_rng(7).standard_normal((2, 8))
    for left, right in SIZES:
        for kernel in (kc.NNGP(f, depth), kc.NTK(f, depth)):
            rows = np.array([left * x, right * y])
            wanted = exact([kernel], rows[0], rows[1], [depth])[0][0]
            assert ulps(float(kernel(rows)[0, 1]), wanted) <= 16, (kernel, left)


@pytest.mark.parametrize("angle", [0.9, 0.7, 0.5])
def test_powers_of_determinants_keep_their_digits(angle: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """D^(-5/2) and D^(-9/2) magnify what c lost; double-double is enough."""
    monkeypatch.setattr(Second, "_exact", None)
    x, z = np.random.default_rng(8).standard_normal((2, 8))
    for f in (kc.DGauss(), kc.MexicanHat()):
        for size in (1e3, 1e30):
            X = size * np.array([x, np.cos(angle) * x + np.sin(angle) * z])
            kernel = kc.NTK(f, 2)
            ((wanted,),) = exact([kernel], X[0], X[1], [2])
            assert ulps(float(kernel(X)[0, 1]), wanted) <= 16, (kernel, size)
