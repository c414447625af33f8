"""The classifier of the singular kernel against networks of finite m, and its estimator."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import kernelcalc as kc
from kernelcalc.errors import InputError, Undefined
from kernelcalc.limits import a1
from kernelcalc.limits import diagonal_growth as symbolic_growth
from kernelcalc.training.singular import SingularClassifier, diagonal_growth, is_singular
from kernelcalc.training.spectrum import ConditioningWarning

RNG = np.random.default_rng(3)
X, T = RNG.standard_normal((40, 5)) * RNG.uniform(0.3, 3, (40, 1)), RNG.standard_normal((200, 5))
Y = np.where(RNG.standard_normal(40) > 0, 1.0, -1.0)


@pytest.mark.parametrize("sigma_b", [0.0, 0.2])
@pytest.mark.parametrize("depth", [2, 3])
def test_the_limit_of_networks_with_erf(depth: int, sigma_b: float) -> None:
    """Off the sphere: with the weights of Remark D.4, and not with those of Theorem D.4."""
    singular = SingularClassifier(kc.NTK(kc.Sign(), depth, sigma_b=sigma_b), X, Y)
    values = singular.decision(T)
    gaps = []
    for m in (1e4, 1e6, 1e8):
        kernel = kc.NTK(kc.Erf(m), depth, sigma_b=sigma_b)
        K = kernel(X)
        finite = kernel(T, X) @ np.linalg.solve(K, Y) * K[0, 0] / singular._growth[0]
        gaps.append(np.abs(finite - values).max() / np.abs(values).max())
        assert np.array_equal(np.sign(finite), singular.predict(T)) or m < 1e6
    assert gaps[-1] <= 1e-6
    assert gaps[1] <= 0.1 * gaps[0] + 1e-7
    unweighted = kc.NTK(kc.Sign(), depth, sigma_b=sigma_b)(T, X) @ Y
    assert (np.sign(unweighted) != singular.predict(T)).any()


def test_digits() -> None:
    X, y = load_digits(return_X_y=True)
    X, Y = X[:600], np.where(y[:600] % 2 == 0, 1.0, -1.0)
    singular = SingularClassifier(kc.NTK(kc.Sign(), 3, sigma_b=0.1), X[:400], Y[:400])
    expected = singular.predict(X[400:])
    assert (expected == Y[400:]).mean() > 0.85
    for m in (1e4, 1e6, 1e8):
        kernel = kc.NTK(kc.Erf(m), 3, sigma_b=0.1)
        found = kernel(X[400:], X[:400]) @ np.linalg.solve(kernel(X[:400]), Y[:400])
        assert np.array_equal(np.sign(found), expected)


@pytest.mark.parametrize("depth", [2, 3])
def test_growth_of_the_diagonal(depth: int) -> None:
    """Proportional to the asymptotics derived from the kernel of erf(m z)."""
    growth = symbolic_growth(kc.NTK(kc.Erf("m"), depth, sigma_b=0.2), "m")
    values = [float(growth.coefficient.subs(a1, float(x @ x) / 5 + 0.04)) for x in X[:6]]
    ratio = diagonal_growth(kc.NTK(kc.Sign(), depth, sigma_b=0.2), X[:6]) / values
    assert np.allclose(ratio, ratio[0], rtol=1e-12)


def test_jumps_at_other_places() -> None:
    """heaviside(z - 1) is the limit of (1 + erf(m (z - 1)))/2: the weight has the density at 1."""
    step = kc.function("heaviside(z - 1) + heaviside(z)")
    growth = diagonal_growth(kc.NTK(step, 2, sigma_b=0.2), X)
    a = (X**2).sum(1) / 5 + 0.04
    expected = a * (np.exp(-1 / (2 * a)) + 1) / np.sqrt(a)
    assert np.allclose(growth / expected, growth[0] / expected[0])


def test_training_points_and_their_mirror_images() -> None:
    singular = SingularClassifier(kc.NTK(kc.Sign(), 3), X, Y)
    assert np.array_equal(singular.predict(X), Y)
    assert np.array_equal(singular.predict(-2 * X), -Y)
    assert np.array_equal(singular.nadaraya_watson(X), Y)
    assert np.isfinite(singular.weights(np.vstack([X, -X, T]))).all()


def test_nadaraya_watson_is_a_weighted_mean() -> None:
    near = SingularClassifier(kc.NTK(kc.Sign(), 2, sigma_b=2.0), X, Y)  # a large bias: all weights positive
    estimate = near.nadaraya_watson(T)
    assert (np.abs(estimate) <= 1).all()
    assert np.array_equal(np.sign(estimate), near.predict(T))
    with pytest.raises(Undefined, match=r"T\[0\]: the weights sum to -"):
        SingularClassifier(kc.NTK(kc.Sign(), 2), [[1.0, 0.0]], [1.0]).nadaraya_watson([[-1.0, 0.1]])


def test_classes_are_columns() -> None:
    columns = np.where(RNG.integers(0, 3, 40)[:, None] == np.arange(3), 1.0, -1.0)
    singular = SingularClassifier(kc.NTK(kc.Sign(), 2, sigma_b=0.1), X, columns)
    assert np.array_equal(singular.predict(X), columns.argmax(1))
    assert singular.decision(T).shape == (200, 3)
    assert singular.nadaraya_watson(X).shape == (40, 3)


def test_equal_points_count_as_one() -> None:
    kernel = kc.NTK(kc.Sign(), 2, sigma_b=0.1)
    with pytest.warns(ConditioningWarning, match="1 training points repeat others"):
        twice = SingularClassifier(kernel, np.vstack([X, X[:1]]), np.append(Y, Y[0]))
    once = SingularClassifier(kernel, X, Y)
    assert np.allclose(twice.decision(T), once.decision(T))


def test_which_kernels_are_singular() -> None:
    assert is_singular(kc.NTK(kc.Sign(), 2))
    assert is_singular(kc.NTK(kc.Heaviside(), 3))
    assert not is_singular(kc.NTK(kc.Sign(), 1))
    assert not is_singular(kc.NNGP(kc.Sign(), 3))
    assert not is_singular(kc.NTK(kc.ReLU(), 3))
    assert not is_singular(kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3))


def test_bad_input() -> None:
    kernel = kc.NTK(kc.Sign(), 2)
    for bad, message in (
        (([[1.0, 2.0], [2.0, 4.0]], [1, -1]), "training points 0 and 1 are parallel"),
        (([[1.0, 2.0], [-1.0, -2.0]], [1, -1]), "training points 0 and 1 are parallel"),
        ((X, np.arange(40)), "Y holds 0; labels must be -1 or \\+1"),
        ((X, Y[:3]), "Y must have shape"),
        ((X[:0], Y[:0]), "X must have shape"),
    ):
        with pytest.raises(InputError, match=message):
            SingularClassifier(kernel, *bad)
    with pytest.raises(InputError, match="finite on the diagonal"):
        SingularClassifier(kc.NTK(kc.ReLU(), 2), X, Y)
    with pytest.raises(InputError, match="T has 2 columns"):
        SingularClassifier(kernel, X, Y).predict(T[:, :2])
