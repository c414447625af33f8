"""The scikit-learn estimators: its own checks, its tools around them, and errors."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.training.estimators import InfiniteNetworkClassifier, InfiniteNetworkRegressor
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.gp_kernel import InfiniteNetworkKernel
from kernelcalc.training.spectrum import HypothesisWarning

RNG = np.random.default_rng(2)
X, T = RNG.standard_normal((60, 3)), RNG.standard_normal((20, 3))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
LABELS = np.where(Y > 0, "up", "down")


@pytest.mark.parametrize(
    "estimator",
    [
        InfiniteNetworkRegressor(),
        InfiniteNetworkRegressor("sign", "erf"),
        InfiniteNetworkRegressor(time=1e3, loss="mean", ridge=1e-3),
        InfiniteNetworkClassifier(),
        InfiniteNetworkClassifier("sign"),
    ],
    ids=["regressor", "sgntk", "finite time", "classifier", "singular"],
)
def test_scikit_learns_own_checks(estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # data with repeated points; pandas and array API not installed
        results = check_estimator(estimator, on_fail=None)
    assert len(results) > 40
    assert not [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ]
    assert [r["check_name"] for r in results if r["status"] == "skipped"] in (
        [],
        ["check_array_api_input", "check_regressor_data_not_an_array"],
        ["check_array_api_input", "check_classifier_data_not_an_array"],
    )


def test_predictions_are_those_of_the_flow() -> None:
    sgntk = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2, sigma_b=0.3)
    for parameters in (
        {"activation": "sign", "surrogate": "erf", "depth": 2, "sigma_b": 0.3},
        {"activation": kc.Sign(), "surrogate": kc.Erf().derivative, "depth": 2, "sigma_b": 0.3},
        {"kernel": sgntk},
    ):
        model = InfiniteNetworkRegressor(time=3.0, **parameters).fit(X, Y)
        flow = GradientFlow(sgntk, X, Y)
        mean, std = model.predict(T, return_std=True)
        assert np.array_equal(mean, flow.mean(T, 3.0))
        assert np.array_equal(std, flow.std(T, 3.0))
        assert np.array_equal(model.predict(T, return_cov=True)[1], flow.covariance(T, 3.0))


def test_samples_and_several_outputs() -> None:
    model = InfiniteNetworkRegressor(time=1.0).fit(X, np.column_stack([Y, -Y]))
    mean, std = model.predict(T, return_std=True)
    assert mean.shape == std.shape == (20, 2)
    assert model.predict(T, return_cov=True)[1].shape == (20, 20, 2)
    drawn = model.sample_y(T, n_samples=2000, random_state=1)
    assert drawn.shape == (20, 2, 2000)
    assert np.allclose(drawn.mean(-1), mean, atol=5 * std.max() / math.sqrt(2000))
    assert np.array_equal(drawn, model.sample_y(T, n_samples=2000, random_state=1))


def test_grid_search_in_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), InfiniteNetworkRegressor("sign", "erf", ridge=0.01))
    name = "infinitenetworkregressor__"
    grid = {
        name + "depth": [2, 3],
        name + "sigma_w": [1.0, 1.5],
        name + "sigma_b": [0.1],
        name + "surrogate": ["erf", kc.Gaussian()],
    }
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", HypothesisWarning
        )  # fails for some folds; predictions exist all the same
        search = GridSearchCV(pipeline, grid, cv=3).fit(X, np.tanh(X[:, 0] - X[:, 1]))
    assert search.best_score_ > 0.5
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    fitted = clone(search.best_estimator_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        fitted.fit(X, np.tanh(X[:, 0] - X[:, 1]))
    assert np.array_equal(fitted.predict(T), search.predict(T))


def test_classes() -> None:
    model = InfiniteNetworkClassifier().fit(X, LABELS)
    assert set(model.predict(T)) <= {"up", "down"}
    assert model.score(X, LABELS) == 1
    assert np.array_equal(model.decision_function(T) > 0, model.predict(T) == "up")
    digits, classes = load_digits(return_X_y=True)
    for estimator in (InfiniteNetworkClassifier("sign", "erf"), InfiniteNetworkClassifier("sign")):
        assert cross_val_score(estimator, digits[:500], classes[:500], cv=3).mean() > 0.85
        assert estimator.fit(digits[:100], classes[:100]).decision_function(digits[:7]).shape == (7, 10)


@pytest.mark.parametrize("classes", [2, 3])
def test_vote_share_is_that_of_drawn_networks(classes: int) -> None:
    labels = np.digitize(Y, [0.0] if classes == 2 else [-0.5, 0.5])
    model = InfiniteNetworkClassifier("sign", "erf", time=3.0).fit(X, labels)
    share = model.vote_share(np.vstack([T, X[:1]]))
    assert share.shape == (21, classes)
    assert np.allclose(share.sum(axis=1), 1, atol=1e-14)
    assert np.array_equal(share.argmax(axis=1), model.predict(np.vstack([T, X[:1]])))
    assert isinstance(model.network_, GradientFlow)
    drawn = model.network_.sample(T, 3.0, size=20000, seed=0)
    votes = (drawn > 0).astype(int) if classes == 2 else drawn.argmax(axis=2)
    counted = np.stack([(votes == k).mean(axis=0) for k in range(classes)], axis=1)
    assert np.abs(share[:20] - counted).max() <= 5 * 0.5 / math.sqrt(20000)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(InputError, match="no limit that could vote"):
        InfiniteNetworkClassifier("sign").fit(X, labels).vote_share(T)


def test_votes_without_spread() -> None:
    """kappa near 0: all networks agree with their mean."""
    for labels in (LABELS, np.digitize(Y, [-0.5, 0.5])):
        model = InfiniteNetworkClassifier(kappa=1e-9).fit(X, labels)
        share = model.vote_share(T)
        assert np.array_equal(model.classes_[share.argmax(axis=1)], model.predict(T))
        assert np.allclose(share.max(axis=1), 1, atol=1e-14)


def test_gaussian_process_regressor() -> None:
    """With fixed parameters it is the NNGP posterior; free ones are fitted by correct gradients."""
    network = InfiniteNetworkKernel("relu", sigma_w_bounds="fixed", sigma_b_bounds="fixed")
    process = GaussianProcessRegressor(network, alpha=0.1).fit(X, Y)
    k = kc.NNGP(kc.ReLU(), 3, sigma_b=0.1)
    mean, covariance = process.predict(T, return_cov=True)
    assert np.allclose(mean, GradientFlow(k, X, Y, ridge=0.1).mean(T), atol=1e-10)
    solved = np.linalg.solve(k(X) + 0.1 * np.eye(60), k(X, T))
    assert np.allclose(covariance, k(T) - k(T, X) @ solved, atol=1e-10)
    free = InfiniteNetworkKernel("erf", kind="ntk", depth=2) + WhiteKernel()
    fitted = GaussianProcessRegressor(free, optimizer=_one_step).fit(X[:20], Y[:20])
    start = free.theta
    assert fitted.log_marginal_likelihood(fitted.kernel_.theta) > fitted.log_marginal_likelihood(start)
    value, slope = fitted.log_marginal_likelihood(start, eval_gradient=True)
    for i, step in enumerate(np.eye(3) * 1e-5):
        difference = fitted.log_marginal_likelihood(start + step) - fitted.log_marginal_likelihood(
            start - step
        )
        assert math.isclose(slope[i], difference / 2e-5, rel_tol=1e-5)
    assert math.isfinite(value)
    assert repr(free).startswith("InfiniteNetworkKernel('erf', kind='ntk', depth=2")


def _one_step(objective: Any, start: Any, bounds: Any) -> Any:
    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 1})
    return found.x, found.fun


def test_kernels_elsewhere() -> None:
    k = kc.NTK(kc.Erf(), 2, sigma_b=0.1)
    assert np.array_equal(SVC(kernel=k).fit(X, LABELS).predict(T), _precomputed(k))
    ridge = KernelRidge(alpha=0.1, kernel="precomputed").fit(k(X), Y)
    assert np.allclose(ridge.predict(k(T, X)), GradientFlow(k, X, Y, ridge=0.1).mean(T), atol=1e-10)


def _precomputed(k: kc.Kernel) -> Any:
    return SVC(kernel="precomputed").fit(k(X), LABELS).predict(k(T, X))


BAD: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "regression labels": (InfiniteNetworkClassifier(), (X, Y), "Unknown label type"),
    "one class": (InfiniteNetworkClassifier(), (X, np.zeros(60)), "y holds one class only"),
    "text targets": (InfiniteNetworkRegressor(), (X, LABELS), "could not convert string to float"),
    "NaN": (InfiniteNetworkRegressor(), (np.full((3, 2), np.nan), np.zeros(3)), "contains NaN"),
    "no points": (InfiniteNetworkRegressor(), (X[:0], Y[:0]), "minimum of 1 is required"),
    "lengths": (InfiniteNetworkRegressor(), (X, Y[:-1]), "inconsistent numbers of samples"),
    "singular regression": (InfiniteNetworkRegressor("sign"), (X, Y), "Give a surrogate, or classify"),
    "singular, finite time": (InfiniteNetworkClassifier("sign", time=1.0), (X, LABELS), "needs time = inf"),
    "time": (InfiniteNetworkRegressor(time=-1.0), (X, Y), "t contains -1"),
    "eta": (InfiniteNetworkRegressor(learning_rate=0.0), (X, Y), "learning_rate=0.0"),
    "depth": (InfiniteNetworkRegressor(depth=0), (X, Y), "depth=0 must be >= 1"),
    "activation": (InfiniteNetworkRegressor("rleu"), (X, Y), "did you mean 'relu'"),
    "surrogate": (InfiniteNetworkRegressor("erf", "sign"), (X, Y), "surrogate must be finite"),
    "kernel": (InfiniteNetworkRegressor(kernel="sgntk"), (X, Y), "a surrogate is needed"),
    "kernel name": (InfiniteNetworkRegressor(kernel="ntkk"), (X, Y), "must be 'auto'"),
    "activation type": (InfiniteNetworkRegressor(3), (X, Y), "activation=3"),  # type: ignore[arg-type]  # the point
    "surrogate type": (InfiniteNetworkRegressor("erf", 3), (X, Y), "surrogate=3"),  # type: ignore[arg-type]  # too
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    estimator, data, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        estimator.fit(*data)


def test_bad_calls() -> None:
    with pytest.raises(InputError, match="return_std or return_cov, not both"):
        InfiniteNetworkRegressor().fit(X, Y).predict(T, return_std=True, return_cov=True)
    with pytest.raises(InputError, match="must be 'nngp' or 'ntk'"):
        InfiniteNetworkKernel(kind="sgntk")(X)
    with pytest.raises(InputError, match="infinite on the diagonal"):
        InfiniteNetworkKernel("sign", kind="ntk")(X)
    with pytest.raises(InputError, match="only be evaluated when Y is None"):
        InfiniteNetworkKernel()(X, T, eval_gradient=True)
