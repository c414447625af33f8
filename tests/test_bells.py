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


@pytest.mark.parametrize("f", [kc.DGauss(), kc.MexicanHat()], ids=repr)
def test_powers_of_determinants_keep_their_digits(f: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """D^(-5/2) and D^(-9/2) magnify what inner products of long rows lost; double-double is enough."""
    monkeypatch.setattr(Second, "_exact", None)
    rng, kernel = np.random.default_rng(8), kc.NTK(f, 2)
    for angle in np.linspace(0.5, 1.3, 40):
        x, z = np.linalg.qr(rng.standard_normal((8, 2)))[0].T
        X = 1e30 * np.array([x, np.cos(angle) * x + np.sin(angle) * z])
        ((wanted,),) = exact([kernel], X[0], X[1], [2])
        assert ulps(float(kernel(X)[0, 1]), wanted) <= 16


def test_close_rows_behind_a_bell_keep_their_digits() -> None:
    """Short rows are nearly equal from the second layer on: 22 units in float64."""
    X = 1e-8 * np.random.default_rng(6).standard_normal((6, 8))
    kernel = kc.NTK(kc.MexicanHat(), 3)
    K = kernel(X)
    for i, j in zip(*np.tril_indices(6, -1), strict=True):
        ((wanted,),) = exact([kernel], X[i], X[j], [3])
        assert ulps(float(K[i, j]), wanted) <= 16
