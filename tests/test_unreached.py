"""Thresholds that rows are too short to reach: variances and densities that are 0 in float64."""

from __future__ import annotations

import numpy as np
import pytest
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc import symbols as sym
from kernelcalc.compile.second import Second
from kernelcalc.kernels import Kernel

RNG = np.random.default_rng(11)
SHORT = [1e-2, 1e-4, 1e-8, 1e-150]
KERNELS = [
    kc.NNGP(kc.ThresholdedReLU(), 3),
    kc.NTK(kc.ThresholdedReLU(), 3),
    kc.NTK(kc.ThresholdedReLU(), 4),
    kc.SGNTK(kc.Step(1), kc.Erf().derivative, 3),
]


@pytest.mark.parametrize("size", SHORT)
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_what_nothing_crosses_is_zero(
    kernel: Kernel, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P(z > 1) is exp(-1/(2 a)); at equal rows infinite all the same, if the surrogate has a mass there."""
    monkeypatch.setattr(Second, "_pairs", None)  # found without more digits
    X = size * RNG.standard_normal((3, 8))
    K = kernel(X)
    infinite = kernel.layer.factor is not None and kernel.s1 == kernel.s2
    assert (K[~np.eye(3, dtype=bool)] == 0).all()
    assert (np.diag(K) == (np.inf if infinite else 0.0)).all()
    assert (kernel.diag(X) == np.diag(K)).all()


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_beside_a_row_that_crosses(kernel: Kernel) -> None:
    x, y = RNG.standard_normal((2, 8))
    assert kernel(np.array([1e-4 * x, y]))[0, 1] == 0


def test_what_does_not_vanish_with_the_variances() -> None:
    """s(0) hands on the tangent kernel of the layer before, however small the variances."""
    x, y = 1e-4 * RNG.standard_normal((2, 8))
    side = kc.ThresholdedReLU(), kc.GaussianSurrogate()
    one, two = (kc.GeneralizedNTK(side, side, depth) for depth in (2, 4))
    ((first,),) = exact([one], x, y, [2])
    wanted = float(first.value) * float(side[1].expr.subs(sym.z, 0)) ** 4
    assert 1e-10 < abs(wanted) < 1e-7
    assert two(np.array([x, y]))[0, 1] == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1e-8, 1.0, 1e8, 1e30, 1e150])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_mass_at_equal_points_is_infinite_however_thin(depth: int, size: float) -> None:
    """Of the box at its edges, where the density is exp(-1e300) or the variance 1e-150; opposite rows too."""
    x = size * RNG.standard_normal((1, 8))
    kernel = kc.NTK(kc.Box(), depth)
    assert kernel(x)[0, 0] == kernel(x, x)[0, 0] == kernel(x, -x)[0, 0] == kernel.diag(x)[0] == np.inf


def test_a_variance_that_cancels_is_not_tiny() -> None:
    """P(|z| < 1) = 1 - 2 Phi(-1e-30) is 0 in float64."""
    x, z = RNG.standard_normal((2, 8))
    X = 1e30 * np.array([x, -x + 1e-8 * z])
    kernel = kc.NTK(kc.Box(), 2)
    ((wanted,),) = exact([kernel], X[0], X[1], [2])
    assert ulps(float(kernel(X)[0, 1]), wanted) <= 4
