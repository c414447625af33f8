"""Sums that cancel: float64 knows, and leaves such pairs to the second phase."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc.compile.forms.gaps import homogeneous_form
from kernelcalc.compile.forms.losses import magnitude
from kernelcalc.compile.second import Second
from kernelcalc.functions.base import Function
from kernelcalc.kernels import Kernel


@pytest.mark.parametrize(
    ("kernel", "size"),
    [
        (kc.NTK(kc.HardTanh(), 3, sigma_b=0.2), 3.0),  # 60 units without the second phase
        (kc.NTK(kc.ELU(), 3), 0.4),  # 200
        (kc.NTK(kc.Sin(), 2), 1e-4),  # 10^8
    ],
    ids=["hard-tanh", "elu", "sin"],
)
def test_entries_that_cancel_keep_their_digits(kernel: Kernel, size: float) -> None:
    X = size * np.random.default_rng(2).standard_normal((5, 6))
    K = kernel(X)
    for i, j in ((1, 0), (2, 0), (3, 1), (4, 2), (4, 3)):
        ((wanted,),) = exact([kernel], X[i], X[j], [kernel.depth])
        assert ulps(K[i, j], wanted) <= 16
        assert K[j, i] == K[i, j]


@pytest.mark.parametrize("f", [kc.HardTanh(), kc.ELU()], ids=repr)
@pytest.mark.parametrize("size", [0.5, 2.0])
def test_ordinary_pairs_of_functions_with_kinks_stay_in_float64(
    f: Function, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Second, "_pairs", None)  # not to be called
    kernel = kc.NTK(f, 3, sigma_b=0.2)
    X = size * np.random.default_rng(3).standard_normal((4, 16))
    K = kernel(X)
    for i, j in ((1, 0), (2, 1), (3, 0)):
        ((wanted,),) = exact([kernel], X[i], X[j], [3])
        assert ulps(K[i, j], wanted) <= 12


def test_the_size_of_a_sum_is_that_of_its_terms() -> None:
    x, y, t = sp.symbols("x y t", real=True)
    both = abs(x) + abs(y)
    assert magnitude(3 * x - 2 * t * y, {t: x - y}) == 3 * abs(x) + 2 * abs(y) * both
    assert magnitude(t**2, {t: x - y}) == 2 * abs(t) * both
    assert magnitude(t * (x + 1), {t: x - y}) == abs(t) * (abs(x) + 1) + abs(x + 1) * both
    assert magnitude(t * y, {t: abs(x)}) == abs(x) * abs(y)


def test_forms_that_are_not_homogeneous_are_told_apart_at_once() -> None:
    assert homogeneous_form(sp.sympify(kc.dual(kc.ReLU()).template)) is not None
    assert homogeneous_form(sp.sympify(kc.dual(kc.Abs()).template)) is not None
    for f in (kc.RectifiedQuadratic(), kc.MexicanHat("beta"), kc.Sin("B", "phi")):
        assert homogeneous_form(sp.sympify(kc.dual(f).template)) is None


@pytest.mark.parametrize("length", [1e2, 1e8, 1e150])
@pytest.mark.parametrize("make", [kc.NNGP, kc.NTK])
def test_a_mean_that_vanishes_keeps_its_digits(make: Callable[..., Kernel], length: float) -> None:
    """E f(X) = 0 at unit variance for SELU: of E f(X) f(Y) at long Y nothing is left but an ulp of its terms,
    though they are small beside sqrt(k(x, x) k(y, y))."""
    x, y = np.random.default_rng(5).standard_normal((2, 8))
    X, kernel = np.array([1e-8 * x, length * y]), make(kc.SELU(), 2, sigma_b=1)
    ((wanted,),) = exact([kernel], X[0], X[1], [2])
    assert abs(float(kernel(X)[0, 1]) / float(wanted.value) - 1) < 16 * 2.0**-52
