"""Rows of zeros without bias, the limits of short rows; rows so short that their squares vanish are none."""

from __future__ import annotations

import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.compile.evaluator import evaluator
from kernelcalc.functions.base import Function

Y = np.array([0.3, -1.2, 0.8])
ZERO = np.zeros(3)
# f(0) != 0, thresholds, a kink at 0, f(0) = 0
FUNCTIONS = [kc.Cos(), kc.HardSigmoid(), kc.Triangle(), kc.ThresholdReLU(0), kc.ReLU(), kc.ELU()]


@pytest.mark.parametrize("tangent", [False, True])
@pytest.mark.parametrize("f", FUNCTIONS, ids=repr)
def test_zero_rows_are_limits(f: Function, tangent: bool) -> None:
    """Against quadrature of the definition, in the matrix, on the diagonal, in mpmath."""
    X, kernel = np.array([ZERO, Y, ZERO]), kc.NTK(f, 2) if tangent else kc.NNGP(f, 2)
    K = kernel(X)
    one, both = (float(kernel.reference(ZERO.tolist(), y.tolist(), digits=20)) for y in (Y, ZERO))
    np.testing.assert_allclose(K[0], [both, one, both], rtol=1e-15)
    np.testing.assert_allclose(K, K.T)
    np.testing.assert_allclose(kernel.diag(X)[::2], both, rtol=1e-15)
    second = evaluator(kernel).second(3)
    assert second is not None
    for y, wanted in ((Y, one), (ZERO, both)):
        found = second._exact(ZERO, y, 0.0, np.inf)
        assert found is not None
        assert found[0] == pytest.approx(wanted, rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("size", [1e-170, 1e-300, 5e-324])
@pytest.mark.parametrize("f", [kc.Sign(), kc.ReLU(), kc.Erf()], ids=repr)
def test_short_rows_are_not_zero(f: Function, size: float) -> None:
    X, kernel = np.array([[size, size], [1e150, 2e150]]), kc.NTK(f, 2)
    wanted = float(kernel.reference(X[0].tolist(), X[1].tolist(), digits=20))
    assert kernel(X)[0, 1] == pytest.approx(wanted, rel=1e-15, abs=1e-322)
