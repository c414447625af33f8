"""Predictions against 60-digit computations by definition, for good and for singular kernel matrices."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_training import DIGITS, erf, floats, gram, relu, sign_erf, trained
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


def test_points_on_a_line_without_bias() -> None:
    """100 points, rank 2: ReLU networks without bias are linear on both sides of 0."""
    X = np.linspace(-1, 1, 100)[:, None]
    T, Y = X[:-1:9] + 0.013, np.sin(3 * X[:, 0])
    flow = GradientFlow(kc.NTK(kc.ReLU(), 3), X, Y)
    with mp.workdps(DIGITS):
        left, right = ([max(side * mpf(float(x)), mpf(0)) for x in X[:, 0]] for side in (-1, 1))
        unit = gram(relu, [[-1.0], [1.0]], [[-1.0], [1.0]], 3, 1.0, 0.0)
        expected = {}
        for span in (0.5, 10.0, math.inf):
            basis = mp.matrix([left, right])  # K(X, X) = basis^T unit basis
            small = basis * basis.T * unit
            filtered = mp.inverse(small)
            if span < math.inf:
                filtered *= mp.eye(2) - mp.expm(-span * small)
            weights = unit * filtered * basis * mp.matrix([mpf(float(y)) for y in Y])
            sides = [[max(side * mpf(float(t)), mpf(0)) for side in (-1, 1)] for t in T[:, 0]]
            expected[span] = floats(mp.matrix(sides) * weights)[:, 0]
    for span in (0.5, 10.0):
        assert np.abs(flow.mean(T, span) - expected[span]).max() <= 1e-11
    with pytest.warns(ConditioningWarning, match="effective rank 2 of 100"):
        assert np.abs(flow.mean(T) - expected[math.inf]).max() <= 1e-11
    assert flow.spectrum.effective_rank == 2


def test_points_on_a_line_with_bias() -> None:
    X = np.linspace(-1, 1, 100)[:, None]
    T, Y = X[:-1:20] + 0.01, np.sin(3 * X[:, 0])
    flow = GradientFlow(kc.NTK(kc.ReLU(), 3, sigma_b=0.1), X, Y)
    with mp.workdps(DIGITS):
        solution = mp.lu_solve(gram(relu, X, X, 3, 1.0, 0.1), mp.matrix([mpf(float(y)) for y in Y]))
        expected = floats(gram(relu, T, X, 3, 1.0, 0.1) * solution)[:, 0]
    assert np.abs(flow.mean(T) - expected).max() <= 1e-11


def test_near_duplicates() -> None:
    """Ten pairs 1e-9 apart: eigenvalues near 1e-20, invisible in float64, do not matter up to t = 1e10."""
    X = np.repeat(np.random.default_rng(5).standard_normal((10, 2)), 2, axis=0)
    X[::2] += 1e-9
    Y, T = np.sin(X[:, 0]), X[:5] + 0.1
    flow = GradientFlow(kc.NTK(kc.Erf(), 3, sigma_b=0.1), X, Y)
    with mp.workdps(DIGITS):
        values, vectors = mp.eigsy(gram(erf, X, X, 3, 1.0, 0.1))
        coefficients = vectors.T * mp.matrix([mpf(float(y)) for y in Y])
        before = gram(erf, T, X, 3, 1.0, 0.1) * vectors

        def mean(span: float) -> Any:
            phi = [-mp.expm1(-mpf(span) * x) / x for x in values]
            return floats(before * mp.matrix([p * q for p, q in zip(phi, coefficients, strict=True)]))[:, 0]

        expected = {span: mean(span) for span in (0.5, 10.0, 1e4, 1e10)}
    for span, exact in expected.items():
        assert np.abs(flow.mean(T, span) - exact).max() <= 1e-10
    with pytest.warns(ConditioningWarning, match="effective rank 10 of 20"):
        assert np.abs(flow.mean(T) - expected[1e10]).max() <= 1e-10
    assert (flow.variance(T, (0.5, 1e10, math.inf)) >= 0).all()


def test_a_thousand_points_of_a_smooth_kernel() -> None:
    """On equidistant points of the circle cos(3 alpha) is an eigenvector, so that one sum is the answer."""
    angles = 2 * np.pi * np.arange(1000) / 1000
    T = circle(angles[:2] + 0.003)
    flow = GradientFlow(kc.NTK(kc.Erf(), 3, sigma_b=0.1), circle(angles), np.cos(3 * angles))
    with mp.workdps(DIGITS):
        step = 2 * mp.pi / 1000
        cosines = [mp.cos(3 * step * j) for j in range(1000)]
        ring = [(mp.sin(step * j), mp.cos(step * j)) for j in range(1000)]
        first = mp.matrix([cosines])

        def row(x: Any) -> Any:
            return mp.matrix([_on_circle(x, z) for z in ring])

        value = (first * row(ring[0]))[0]
        expected = {
            span: [
                float((first * row([mpf(float(u)) for u in t]))[0] / value * -mp.expm1(-mpf(span) * value))
                for t in T
            ]
            for span in (0.01, 1.0, math.inf)
        }
    for span in (0.01, 1.0):
        assert np.abs(flow.mean(T, span) - expected[span]).max() <= 1e-10
    with pytest.warns(ConditioningWarning, match=r"effective rank \d+ of 1000"):
        assert np.abs(flow.mean(T) - expected[math.inf]).max() <= 1e-10
    variance = flow.variance(T, (1.0, math.inf))
    assert (variance >= 0).all()
    assert (variance[1] <= 1e-12).all()


def _on_circle(x: Any, z: Any) -> mpf:
    """The erf NTK of depth 3 at points of the unit circle, sigma_w = 1, sigma_b = 0.1."""
    s = mpf(0.1) ** 2
    a = b = mpf(1) / 2 + s
    c = tangent = (x[0] * z[0] + x[1] * z[1]) / 2 + s
    for _ in range(2):
        value, factor = erf(a, b, c)
        a, b = (erf(u, u, u)[0] + s for u in (a, b))
        c = value + s
        tangent = c + tangent * factor
    return tangent


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
