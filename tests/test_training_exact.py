"""Predictions against 60-digit computations by definition, for good and for singular kernel matrices."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_hard import exact_means
from exact_training import erf, gram, relu, sign_erf, trained
from hard_cases import hard_cases
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc.errors import Undefined
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.spectrum import ConditioningWarning, HypothesisWarning

TIMES = (0.0, 0.5, 10.0, math.inf)
SGNTK = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
RADII = np.linspace(0.4, 2, 15)[:, None]


def figure_3(radii: Any) -> tuple[Any, Any, Any]:
    X, Y = circle_task()
    return X * radii, Y, circle(np.linspace(-3, 3, 5)) * np.reshape(radii, (-1, 1))[:5]


@pytest.mark.parametrize("radii", [np.ones((15, 1)), RADII], ids=["circle", "unequal radii"])
def test_sgntk_mean_and_covariance(radii: Any) -> None:
    X, Y, T = figure_3(radii)
    flow = GradientFlow(SGNTK, X, Y)
    means, covariances = flow.mean(T, TIMES), flow.covariance(T, TIMES)
    for i, (mean, covariance) in enumerate(trained(sign_erf, X, Y, T, TIMES)):
        assert np.abs(means[i] - mean).max() <= 1e-12
        assert np.abs(covariances[i] - covariance).max() <= 1e-12
        assert np.abs(flow.std(T, TIMES[i]) ** 2 - covariance.diagonal()).max() <= 1e-12


def test_a_wrong_transpose_would_show() -> None:
    X, _, T = figure_3(RADII)
    K, cross = SGNTK(X), SGNTK(T, X)
    transposed = np.linalg.solve(K, SGNTK(X, T))  # (S18) as printed, for an asymmetric kernel
    assert np.abs(transposed.T - np.linalg.solve(K.T, cross.T).T).max() > 1e-2


@pytest.mark.parametrize(("loss", "kappa"), [("mean", 1.0), ("sum", 0.2)])
def test_conventions_of_loss_and_kappa(loss: str, kappa: float) -> None:
    X, Y, T = figure_3(RADII)
    flow = GradientFlow(SGNTK, X, Y, learning_rate=0.3, loss=loss, kappa=kappa)
    span = 0.3 * 20 * kappa**2 / (15 if loss == "mean" else 1)  # kappa: the mean of f at the rate eta kappa^2
    [(mean, covariance)] = trained(sign_erf, X, Y, T, [span])
    assert np.abs(flow.mean(T, 20) - mean).max() <= 1e-12
    assert np.abs(flow.covariance(T, 20) - kappa**2 * covariance).max() <= 1e-12


CASES = hard_cases()


def hard(name: str, **options: Any) -> GradientFlow:
    case = CASES[name]
    activation = {"relu": kc.ReLU(), "erf": kc.Erf()}[case.activation]
    return GradientFlow(kc.NTK(activation, 3, sigma_b=case.sigma_b), case.X, case.Y, **options)


@pytest.mark.parametrize(
    ("name", "spans", "rank"),
    [
        ("line, no bias", (0.5, 10.0, math.inf), "effective rank 2 of 100"),
        ("line", (math.inf,), ""),
        ("pairs", (0.5, 10.0, 1e4, 1e10), ""),
        ("ring", (0.01, 1.0, math.inf), r"effective rank \d+ of 1000"),
    ],
)
def test_matrices_that_are_singular_up_to_rounding(name: str, spans: tuple[float, ...], rank: str) -> None:
    """neural-tangents returns NaN at t = oo, but for the second; see benchmarks/training_accuracy.py.

    Pairs of points 1e-9 apart have eigenvalues near 1e-20, which do not matter up to t = 1e10.
    """
    flow, T = hard(name), CASES[name].T
    exact = exact_means(name, CASES[name], spans)
    for span, mean in zip(spans, exact, strict=True):
        late = span == math.inf and rank
        with pytest.warns(ConditioningWarning, match=rank) if late else nullcontext():
            assert np.abs(flow.mean(T, span) - mean).max() <= 1e-11
    variance = flow.variance(T, spans)
    assert (variance >= 0).all()
    if name == "ring":
        assert (variance[-1] <= 1e-12).all()


def test_an_sgntk_that_diverges() -> None:
    """24 points on a line, erf with surrogate erf(3z)': some eigenvalues are negative, not by rounding."""

    def layer(a: mpf, b: mpf, c: mpf) -> tuple[mpf, mpf]:
        return erf(a, b, c)[0], 12 / mp.pi / mp.sqrt((1 + 2 * a) * (1 + 18 * b) - 36 * c**2)

    X = np.linspace(-1, 1, 24)[:, None]
    with mp.workdps(40):
        exact = min(mp.re(x) for x in mp.eig(gram(layer, X, X, 3, 1.0, 0.1), left=False, right=False))
    flow = GradientFlow(kc.SGNTK(kc.Erf(), kc.Erf(3).derivative, 3, sigma_b=0.1), X, X[:, 0])
    with pytest.warns(HypothesisWarning, match="Theorem 2.5 does not apply"):
        assert np.isfinite(flow.mean(X, 1e5)).all()
    assert abs(flow.spectrum.values.real.min() - float(exact)) <= 1e-11
    assert exact < -1e-6
    with (
        pytest.warns(ConditioningWarning),
        pytest.raises(Undefined, match=r"along the eigenvalue -1\.39e-06"),
    ):
        flow.mean(X)


class Stored:
    """A kernel given by its matrix, on row numbers."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = np.array(matrix)

    def __call__(self, X: Any, Z: Any = None) -> Any:
        rows = X[:, 0].astype(int)
        return self.matrix[np.ix_(rows, rows if Z is None else Z[:, 0].astype(int))]

    def diag(self, X: Any) -> Any:
        return self.matrix.diagonal()[X[:, 0].astype(int)]


STORED = json.loads((Path(__file__).parent / "data" / "neural_tangents.json").read_text())


@pytest.mark.parametrize("name", ["erf", "relu"])
def test_neural_tangents_predict(name: str) -> None:
    """The same matrices give the same predictions (stored by benchmarks/neural_tangents_reference.py)."""
    n = len(STORED["X"])
    rows = np.arange(n + len(STORED["T"]))[:, None]
    kernel, nngp = (Stored(STORED["matrices"][name][which]) for which in ("ntk", "nngp"))
    flow = GradientFlow(kernel, rows[:n], STORED["Y"], loss="mean", nngp=nngp)
    for row in STORED["predictions"][name]:
        assert np.abs(flow.mean(rows[n:], float(row["t"])) - row["mean"]).max() <= 1e-11
        assert np.abs(flow.covariance(rows[n:], float(row["t"])) - row["covariance"]).max() <= 1e-11


@pytest.mark.parametrize(("name", "theirs"), [("erf", 1e-8), ("relu", 1e-7)])
def test_neural_tangents_end_to_end(name: str, theirs: float) -> None:
    """With the kernels of this library; the ReLU diagonal of neural-tangents has an error of 9e-9."""
    X, Y, T = (np.array(STORED[part]) for part in "XYT")
    sw, sb = STORED["sigma_w"], STORED["sigma_b"]
    activation, layer = {"erf": (kc.Erf(), erf), "relu": (kc.ReLU(), relu)}[name]
    flow = GradientFlow(kc.NTK(activation, 3, sigma_w=sw, sigma_b=sb), X, Y, loss="mean")
    spans = [float(row["t"]) / len(X) for row in STORED["predictions"][name]]
    exact = trained(layer, X, Y, T, spans, sw=sw, sb=sb)
    for row, (mean, covariance) in zip(STORED["predictions"][name], exact, strict=True):
        t = float(row["t"])
        assert np.abs(flow.mean(T, t) - mean).max() <= 1e-12
        assert np.abs(flow.covariance(T, t) - covariance).max() <= 1e-12
        assert np.abs(row["mean"] - mean).max() <= theirs
