"""GradientFlow: what holds for every kernel, every route through the decompositions, and every error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg as la

import kernelcalc as kc
from kernelcalc.errors import InputError, Undefined
from kernelcalc.training.dynamics import Diagonal, Direct, Triangular, decompose
from kernelcalc.training.filters import Flow, Steps
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.spectrum import ConditioningWarning, HypothesisWarning

RNG = np.random.default_rng(7)
X, T = RNG.standard_normal((12, 3)), RNG.standard_normal((5, 3))
Y = RNG.standard_normal((12, 2))


class Gaussian:
    """exp(-|x - z|^2/2), made asymmetric by tilt: (1 + tilt cos x_1)."""

    def __init__(self, tilt: float = 0.0) -> None:
        self.tilt = tilt

    def __call__(self, X: Any, Z: Any = None) -> Any:
        Z = X if Z is None else Z
        squares = ((X[:, None] - Z[None]) ** 2).sum(-1)
        skew = 1 + self.tilt * np.cos(X[:, :1]) * np.sin(Z[:, 1])
        return np.exp(-squares / 2) * skew

    def diag(self, X: Any) -> Any:
        return self(X).diagonal()


class Matrix:
    """A kernel given by K(X, X) and K(T, X): row numbers below n are training points."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = np.asarray(matrix, dtype=float)

    def __call__(self, X: Any, Z: Any = None) -> Any:
        return self.matrix[np.ix_(X[:, 0].astype(int), (X if Z is None else Z)[:, 0].astype(int))]

    def diag(self, X: Any) -> Any:
        return self(X).diagonal()


def flow(tilt: float = 0.5, **options: Any) -> GradientFlow:
    return GradientFlow(Gaussian(tilt), X, Y, nngp=Gaussian(), **options)


def on_rows(K: Any, Y: Any, **options: Any) -> GradientFlow:
    return GradientFlow(Matrix(K), np.arange(len(Y))[:, None], Y, **options)


@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_before_and_after_training(tilt: float) -> None:
    trained = flow(tilt)
    assert (trained.mean(T, 0) == 0).all()
    assert np.array_equal(trained.covariance(T, 0), Gaussian()(T))
    assert np.allclose(trained.mean(X), Y, atol=1e-12)
    assert np.abs(trained.covariance(X)).max() <= 1e-12
    assert (trained.variance(X) >= 0).all()


def test_the_limit_of_a_symmetric_kernel_is_the_posterior() -> None:
    """With the NNGP kernel itself, (S17) and (S18) are Gaussian-process regression."""
    K, cross = Gaussian()(X), Gaussian()(T, X)
    trained = flow(0.0)
    assert np.allclose(trained.mean(T), cross @ np.linalg.solve(K, Y), atol=1e-13)
    assert np.allclose(trained.covariance(T), Gaussian()(T) - cross @ np.linalg.solve(K, cross.T), atol=1e-13)


def test_the_differential_equation() -> None:
    """d/dt f_t(T) = -eta K(T, X) (f_t(X) - Y), by a central difference."""
    trained, t, h = flow(learning_rate=0.7), 1.3, 1e-4
    slope = (trained.mean(T, t + h) - trained.mean(T, t - h)) / (2 * h)
    assert np.allclose(slope, -0.7 * Gaussian(0.5)(T, X) @ (trained.mean(X, t) - Y), atol=1e-8)


@pytest.mark.parametrize("loss", ["sum", "mean"])
@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_steps_are_gradient_descent(loss: str, tilt: float) -> None:
    rate, ridge = 0.2, 0.1
    trained = flow(tilt, learning_rate=rate, loss=loss, ridge=ridge)
    K, weights = Gaussian(tilt)(X), np.zeros_like(Y)
    for _ in range(37):
        weights += rate / (1 if loss == "sum" else 12) * (Y - K @ weights - ridge * weights)
    assert np.allclose(trained.mean(T, steps=37), Gaussian(tilt)(T, X) @ weights, atol=1e-13)
    assert np.allclose(trained.mean(T, steps=math.inf), trained.mean(T), atol=1e-12)
    small = flow(tilt, learning_rate=1e-5)
    assert np.allclose(small.mean(T, steps=10**5), flow(tilt).mean(T, 1.0), atol=1e-4)


def test_ridge_is_kernel_ridge_regression() -> None:
    expected = Gaussian()(T, X) @ np.linalg.solve(Gaussian()(X) + 0.3 * np.eye(12), Y)
    assert np.allclose(flow(0.0, ridge=0.3).mean(T), expected, atol=1e-13)


def test_kappa_shrinks_the_covariance_and_not_the_mean() -> None:
    assert np.allclose(flow(kappa=0.1).mean(T), flow().mean(T), atol=1e-12)
    assert np.allclose(flow(kappa=0.1).covariance(T), 0.01 * flow().covariance(T), atol=1e-14)
    assert np.allclose(flow(kappa=0.1).mean(T, 100), flow().mean(T, 1), atol=1e-12)


def test_shapes() -> None:
    trained, single = flow(), GradientFlow(Gaussian(), X, Y[:, 0], nngp=Gaussian())
    assert trained.mean(T, 1.0).shape == (5, 2)
    assert trained.mean(T, [[1.0, 2.0, math.inf]]).shape == (1, 3, 5, 2)
    assert trained.covariance(T, [0, 1]).shape == (2, 5, 5)
    assert trained.std(T, [0, 1]).shape == (2, 5)
    assert single.mean(T).shape == (5,)
    assert trained.mean(T, steps=[0, 5]).shape == (2, 5, 2)
    assert trained.sample(T, 1.0, size=3, seed=0).shape == (3, 5, 2)
    both = trained.mean(T, [0.3, math.inf])
    assert np.allclose(both[0], trained.mean(T, 0.3), atol=1e-15)
    assert np.allclose(both[1], trained.mean(T), atol=1e-12)


def test_samples_have_the_moments() -> None:
    trained = flow()
    drawn = trained.sample(T, 0.5, size=20000, seed=1)[:, :, 0]
    assert np.allclose(drawn.mean(0), trained.mean(T, 0.5)[:, 0], atol=0.03)
    assert np.allclose(np.cov(drawn.T), trained.covariance(T, 0.5), atol=0.03)


@pytest.mark.parametrize("filter_", [Flow(0.3), Flow(25.0), Steps(0.1, 1), Steps(0.1, 300), Steps(0.05, 0)])
def test_matrix_functions_agree_on_every_route(filter_: Flow | Steps) -> None:
    M = Gaussian(0.5)(X)
    if isinstance(filter_, Flow):
        expected = np.linalg.solve(M, np.eye(12) - la.expm(-filter_.span * M))
    else:
        power = np.linalg.matrix_power(np.eye(12) - filter_.rate * M, int(filter_.count))
        expected = np.linalg.solve(M, np.eye(12) - power)
    routes = decompose(M), Triangular(M, 1e-15)
    assert isinstance(routes[0], Diagonal)
    for route in routes:
        assert np.allclose(next(route.responses(np.eye(12), [filter_], np.eye(12))), expected, atol=1e-12)
        assert route.residual <= 1e-13


def test_the_limit_agrees_on_every_route() -> None:
    M = Gaussian(0.5)(X)
    for route in (Direct(M), decompose(M), Triangular(M, 1e-15)):
        for left, right in ((T @ T.T @ T[:, :1] @ X[:, :1].T, Y), (X @ X.T, np.eye(12))):
            found = next(route.responses(left, [Flow(math.inf)], right))
            assert np.allclose(found, left @ np.linalg.solve(M, right), atol=1e-11)


def test_dependent_eigenvectors_take_the_schur_form() -> None:
    jordan = 2 * np.eye(4) + np.diag([1.0, 1.0, 1.0], 1)
    assert isinstance(decompose(jordan), Triangular)
    trained = on_rows(jordan, np.ones(4))
    rows = np.arange(4)[:, None]
    for t in (0.5, 10.0):
        assert np.allclose(trained.mean(rows, t), (np.eye(4) - la.expm(-t * jordan)) @ np.ones(4), atol=1e-13)
    with pytest.raises(InputError, match="too close to dependent"):
        trained.components()
    singular = la.block_diag(jordan, [[0.0]])
    trained = on_rows(singular, np.ones(5))
    with pytest.warns(ConditioningWarning, match="effective rank 4 of 5"):
        assert np.allclose(trained.mean(np.arange(5)[:, None]), [1, 1, 1, 1, 0], atol=1e-13)


def test_small_steps_do_not_cancel() -> None:
    x = np.array([1e-18, 1e-9, 0.4, 1.9])
    exact = [-math.expm1(1000 * math.log1p(-0.001 * u)) / u for u in x]
    assert np.allclose(Steps(0.001, 1000).phi(x), exact, rtol=1e-14)
    assert np.array_equal(Flow(3.0).phi(np.array([0.0])), [3.0])
    assert np.allclose(Flow(3.0).phi(x.astype(complex)), Flow(3.0).phi(x), rtol=1e-15)


def test_repeated_points_are_one_point_with_the_mean_target() -> None:
    repeated = np.vstack([X, X[:4]])
    values = np.vstack([Y, -Y[:4]])
    for tilt in (0.0, 0.5):
        trained = GradientFlow(Gaussian(tilt), repeated, values, nngp=Gaussian())
        merged = np.vstack([0 * Y[:4], Y[4:]])
        expected = GradientFlow(Gaussian(tilt), X, merged, nngp=Gaussian())
        with pytest.warns(ConditioningWarning, match="effective rank 12 of 16"):
            mean = trained.mean(T)
        assert np.allclose(mean, expected.mean(T), atol=1e-10)
        assert np.allclose(trained.covariance(T), expected.covariance(T), atol=1e-10)
        assert np.allclose(trained.mean(T, 1e12), expected.mean(T), atol=1e-10)


def test_a_matrix_of_zeros_learns_nothing() -> None:
    nothing = GradientFlow(kc.NTK(kc.ReLU(), 2), np.zeros((3, 2)), np.ones(3))
    with pytest.warns(ConditioningWarning, match="effective rank 0 of 3"):
        assert (nothing.mean(T[:, :2], [1.0, math.inf]) == 0).all()


def test_contradictory_targets_drift_under_an_asymmetric_kernel() -> None:
    """Without bias a sign network cannot tell x from 2x, but its surrogate gradient can."""
    rows = np.array([[1.0, 0.3], [2.0, 0.6], [-0.4, 1.0]])
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2)
    contradictory = GradientFlow(kernel, rows, [1.0, -1.0, 0.5])
    test = np.array([[0.5, -1.0]])
    with pytest.warns(HypothesisWarning, match="smallest eigenvalue of the symmetrised"):
        growth = contradictory.mean(test, [1e4, 2e4, 3e4])[:, 0]
    assert abs(growth[2] - growth[1]) > 1
    assert math.isclose(growth[2] - growth[1], growth[1] - growth[0], rel_tol=1e-6)
    with pytest.warns(ConditioningWarning), pytest.raises(Undefined, match="grows in proportion to t"):
        contradictory.mean(test)
    consistent = GradientFlow(kernel, rows, [1.0, 1.0, 0.5])
    with pytest.warns(ConditioningWarning), pytest.warns(HypothesisWarning):
        assert np.allclose(consistent.mean(rows), [1, 1, 0.5], atol=1e-10)


def test_divergence_is_an_error_and_not_a_nan() -> None:
    indefinite = np.diag([2.0, -1.0])
    trained, rows = on_rows(indefinite, [1.0, 1.0]), np.array([[0.0], [1.0]])
    assert np.allclose(trained.mean(rows, 0.5), 1 - np.exp([-1.0, 0.5]))
    with pytest.raises(Undefined, match="diverges along the eigenvalue -1"):
        trained.mean(rows)
    with pytest.raises(Undefined, match="beyond 1e308"):
        trained.mean(rows, 1e4)
    with pytest.raises(InputError, match="no learning rate is stable"):
        _ = trained.spectrum.max_learning_rate


@pytest.mark.parametrize("loss", ["sum", "mean"])
@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_the_largest_stable_learning_rate(tilt: float, loss: str) -> None:
    rate = flow(tilt, loss=loss).spectrum.max_learning_rate
    below, above = (flow(tilt, loss=loss, learning_rate=rate * factor) for factor in (0.999, 1.001))
    assert np.allclose(below.mean(T, steps=math.inf), below.mean(T, steps=10**7), atol=1e-10)
    with pytest.raises(Undefined, match="smaller learning rate"):
        above.mean(T, steps=math.inf)
    assert np.abs(above.mean(X, steps=20000)).max() > 1e3


def test_learning_rates_of_a_rotation() -> None:
    """Eigenvalues 1 +- 2i: |1 - eta x| < 1 if and only if eta < 2/5."""
    spectrum = on_rows([[1.0, 2.0], [-2.0, 1.0]], [1.0, 1.0]).spectrum
    assert math.isclose(spectrum.max_learning_rate, 0.4)
    assert math.isclose(spectrum.critical_learning_rate, 1.0)  # of the symmetrised matrix, the identity


def test_hypothesis_of_theorem_2_5() -> None:
    K = [[1.0, 3.0], [0.1, 1.0]]  # stable, but its symmetric part is indefinite
    trained = on_rows(K, [1.0, 1.0])
    with pytest.warns(
        HypothesisWarning, match=r"smallest eigenvalue of the symmetrised K\(X, X\) is -0.55 < 0"
    ):
        found = trained.mean([[0.0], [1.0]])
    assert np.allclose(found, 1)
    assert trained.spectrum.hypothesis_holds is False
    assert flow().spectrum.hypothesis_holds is True
    assert on_rows(np.ones((2, 2)), [1.0, 1.0]).spectrum.hypothesis_holds is None
    sign = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2)
    assert "not Lipschitz" in GradientFlow(sign, X, Y).spectrum.statement


def test_reports() -> None:
    trained = flow()
    assert "lu, relative residual" in trained.report()
    assert "decomposition     eig" in trained.report(1.0)
    assert "effective rank    12 of 12" in str(flow(0.0).spectrum)
    assert flow(0.0).spectrum.condition == pytest.approx(np.linalg.cond(Gaussian()(X)))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "X one-dimensional": ({"X": X[:, 0]}, r"X must have shape \(n, d\)"),
    "no points": ({"X": X[:0], "Y": Y[:0]}, r"X must have shape \(n, d\) with n, d >= 1"),
    "NaN in X": ({"X": np.where(np.arange(12)[:, None] == 3, np.nan, X)}, r"X\[3, 0\] is nan"),
    "text": ({"X": np.array([["a"]] * 12)}, "X must hold real numbers"),
    "complex": ({"Y": Y * 1j}, "Y must hold real numbers"),
    "too few targets": ({"Y": Y[:5]}, r"Y must have shape \(12,\) or \(12, outputs\); got \(5, 2\)"),
    "NaN in Y": ({"Y": np.full(12, np.nan)}, r"Y\[0\] is nan"),
    "eta 0": ({"learning_rate": 0}, "learning_rate=0 must be a finite number > 0"),
    "eta negative": ({"learning_rate": -1.0}, "learning_rate=-1.0 must be"),
    "eta NaN": ({"learning_rate": math.nan}, "learning_rate=nan must be"),
    "eta text": ({"learning_rate": "fast"}, "learning_rate='fast' must be a number"),
    "ridge": ({"ridge": -0.1}, "ridge=-0.1 must be a finite number >= 0"),
    "kappa": ({"kappa": 0.0}, "kappa=0.0 must be"),
    "loss": ({"loss": "huber"}, "loss='huber' must be 'sum' or 'mean'"),
    "tolerance": ({"rank_tolerance": 0.0}, "rank_tolerance=0.0 must be"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    change, message = BAD[case]
    good: dict[str, Any] = {"kernel": Gaussian(), "X": X, "Y": Y}
    with pytest.raises(InputError, match=message):
        GradientFlow(**(good | change))


def test_bad_times_and_points() -> None:
    trained = flow()
    for t, message in (
        (-1.0, "t contains -1"),
        (math.nan, "t contains nan"),
        ("late", "t='late'"),
        ([], "t is empty"),
    ):
        with pytest.raises(InputError, match=message):
            trained.mean(T, t)
    for steps in (2.5, -1):
        with pytest.raises(InputError, match="whole numbers >= 0"):
            trained.mean(T, steps=steps)
    with pytest.raises(InputError, match="t or steps"):
        trained.mean(T, 1.0, steps=3)
    with pytest.raises(InputError, match="T has 2 columns, the training points have 3"):
        trained.mean(T[:, :2])
    with pytest.raises(InputError, match="one time"):
        trained.sample(T, [1.0, 2.0])  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InputError, match="give nngp="):
        GradientFlow(Gaussian(), X, Y).covariance(T)


def test_a_singular_kernel_cannot_be_trained() -> None:
    with pytest.raises(InputError, match=r"is not finite .* SGNTK, or SingularClassifier"):
        GradientFlow(kc.NTK(kc.Sign(), 2), X, Y).mean(T)
