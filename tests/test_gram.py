"""Gram matrices against the definition: ordinary and close pairs, extreme norms, duplicates, bad input."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kernelcalc as kc
from kernelcalc.kernels import Kernel

ULP = 2.0**-52

KERNELS: dict[str, Callable[..., Kernel]] = {
    "nngp erf": lambda **o: kc.NNGP(kc.Erf(), 3, **o),
    "nngp sign": lambda **o: kc.NNGP(kc.Sign(), 3, **o),
    "ntk erf": lambda **o: kc.NTK(kc.Erf(2), 3, **o),
    "ntk relu": lambda **o: kc.NTK(kc.ReLU(), 3, **o),
    "sgntk sign": lambda **o: kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, **o),
    "sgntk erf": lambda **o: kc.SGNTK(kc.Erf(5), kc.Erf(2).derivative, 3, **o),
}


def rows() -> np.ndarray:
    """Ordinary rows, then relatives of the first: equal, opposite, scaled, nudged, both."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 5))
    nudge = rng.standard_normal(5)
    X[1], X[2], X[3] = X[0], -X[0], 2 * X[0]
    X[4], X[5], X[6] = X[0] + 1e-3 * nudge, X[0] + 1e-9 * nudge, 1.5 * X[0] + 1e-7 * nudge
    X[7] = -X[0] + 1e-6 * nudge
    return X


def error(value: float, exact: mp.mpf) -> float:
    return float(abs((mp.mpf(value) - exact) / exact))


@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize("name", KERNELS)
def test_every_kind_of_pair_agrees_with_the_definition(name: str, bias: float) -> None:
    kernel, X = KERNELS[name](sigma_b=bias), rows()
    K = kernel(X)
    for i, j in [(0, 5), (6, 0), (8, 9)] + ([(0, 7), (9, 8)] if "erf" not in name else []):
        assert error(K[i, j], kernel.reference(X[i], X[j], digits=17)) <= 16 * ULP, (i, j)
    assert K[0, 1] == K[1, 0] == K[0, 0] == K[1, 1] == kernel.diag(X)[0]
    assert error(K[0, 0], kernel.reference(X[0], X[0], digits=17)) <= 16 * ULP


@pytest.mark.parametrize("name", KERNELS)
def test_two_sets_of_points_give_the_same_entries_as_one(name: str) -> None:
    kernel, X = KERNELS[name](sigma_b=0.2), rows()
    whole = kernel(X)
    close = {"rtol": 4 * ULP, "atol": 4 * ULP * np.abs(whole[np.isfinite(whole)]).max()}
    np.testing.assert_allclose(kernel(X[:3], X[3:]), whole[:3, 3:], **close)
    np.testing.assert_allclose(kernel(X[3:], X[:3]), whole[3:, :3], **close)
    np.testing.assert_array_equal(np.diag(whole), kernel.diag(X))


@pytest.mark.parametrize("threads", [1, 3])
def test_many_tiles_and_threads_change_nothing(threads: int) -> None:
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 4, sigma_b=0.1)
    X = np.random.default_rng(2).standard_normal((530, 7))
    K = kernel(X, threads=threads)
    some = [0, 63, 64, 255, 256, 300, 529]
    np.testing.assert_allclose(K[np.ix_(some, some)], kernel(X[some]), rtol=8 * ULP)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_extreme_norms(scale: float) -> None:
    X = scale * rows()
    for kernel in (kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3), kc.NTK(kc.ReLU(), 3)):
        K = kernel(X)
        assert np.isfinite(K).all()
        for i, j in [(0, 5), (8, 9)]:
            assert error(K[i, j], kernel.reference(X[i], X[j], digits=17)) <= 32 * ULP, (kernel, i, j)
    assert np.isfinite(kc.NTK(kc.Erf(), 3, sigma_b=0.1)(X)).all()


def test_the_singular_kernel_is_infinite_at_equal_points_only() -> None:
    K = kc.NTK(kc.Sign(), 3, sigma_b=0.1)(rows())
    assert np.isinf(np.diag(K)).all()
    assert np.isinf(K[0, 1])
    assert np.isfinite(K[0, 2:]).all()


def test_the_digits_that_ship_with_scikit_learn() -> None:
    X = load_digits().data
    rng = np.random.default_rng(3)
    for name in ("nngp erf", "ntk erf", "ntk relu", "sgntk sign"):
        kernel = KERNELS[name](sigma_b=0.1)
        K = kernel(X)
        assert K.shape == (1797, 1797)
        for i, j in rng.integers(0, len(X), (2, 2)):
            assert error(K[i, j], kernel.reference(X[i], X[j], digits=16)) <= 1e-13


@pytest.mark.parametrize("angle", [1e-3, 1e-6])
def test_nearly_opposite_rows_keep_their_digits(angle: float) -> None:
    """Where E f'f' = (pi - theta)/(2 pi) and the kernel nearly vanish."""
    x = np.array([[0.7, 0.1]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    y = -1.3 * x @ turn
    kernel = kc.NTK(kc.ReLU(), 3)
    assert error(kernel(x, y)[0, 0], kernel.reference(x[0], y[0], digits=20)) <= 16 * ULP


def test_a_generalised_kernel_of_two_networks() -> None:
    true, twin = (kc.Sign(), kc.Sign().derivative), (kc.Erf(2), kc.Erf(2).derivative)
    kernel = kc.GeneralizedNTK(true, twin, 3, sigma_b=0.3)
    X = rows()
    K = kernel(X)
    for i, j in [(0, 0), (0, 1), (8, 9), (9, 8), (0, 4)]:
        assert error(K[i, j], kernel.reference(X[i], X[j], digits=17)) <= 1e-13, (i, j)


def test_two_networks_with_parameters_of_one_name() -> None:
    first, second = (kc.Erf(1), kc.Erf(2).derivative), (kc.Erf(3), kc.Erf(4).derivative)
    kernel, X = kc.GeneralizedNTK(first, second, 3), rows()
    assert error(kernel(X)[8, 9], kernel.reference(X[8], X[9], digits=17)) <= 16 * ULP


BAD: list[tuple[object, str]] = [
    ([[1.0, float("nan")]], "X[0, 1] is nan"),
    ([1.0, 2.0], "shape (n, d)"),
    ([["a", "b"]], "numeric array"),
    ([[1.0, 2j]], "its entries are complex"),
    (np.empty((0, 3)), "shape (n, d)"),
    ([[1.0, 2.0], [1e155, 0.0]], "the variance of X[1]"),
]


@pytest.mark.parametrize(("X", "message"), BAD)
def test_bad_data_is_named(X: object, message: str) -> None:
    with pytest.raises(kc.InputError) as caught:
        kc.NNGP(kc.Erf(), 3)(X)  # type: ignore[arg-type]  # that is the point
    assert message in str(caught.value)


def test_a_zero_row_has_no_sign_kernel_without_bias() -> None:
    X = np.array([[1.0, 2.0], [0.0, 0.0]])
    with pytest.raises(kc.Undefined, match=r"X\[1\] is a zero row and sigma_b = 0"):
        kc.NNGP(kc.Sign(), 2)(X)
    assert np.isfinite(kc.NNGP(kc.Sign(), 2, sigma_b=0.1)(X)).all()
    np.testing.assert_allclose(kc.NNGP(kc.ReLU(), 3)(X)[1], [0.0, 0.0])


def test_options_are_checked() -> None:
    k = kc.NNGP(kc.Erf(), 2)
    X = rows()
    with pytest.raises(kc.InputError, match="threads=0"):
        k(X, threads=0)
    with pytest.raises(kc.InputError, match="out must be"):
        k(X, out=np.empty((2, 2)))
    with pytest.raises(kc.InputError, match="X has 5 columns but Z has 4"):
        k(X, X[:, :4])
    with pytest.raises(kc.InputError, match="give numbers for m"):
        kc.NNGP(kc.Erf("m"), 2)(X)
