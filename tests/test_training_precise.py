"""Predictions with many digits: against definitions written down anew, and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from exact_hard import exact_means
from exact_training import DIGITS, erf, floats, gram, projection, sign_erf, trained
from hard_cases import hard_cases
from mpmath import mp

import kernelcalc as kc
from kernelcalc.errors import InputError, Undefined
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.spectrum import ConditioningWarning

X, Y = circle_task()
X = X[:6] * np.linspace(0.4, 2, 6)[:, None]
T, Y = circle([-2.0, 0.1, 1.5], 1.2), Y[:6]
SGNTK = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)


@pytest.mark.parametrize(("loss", "kappa"), [("sum", 1.0), ("mean", 0.2)])
def test_an_asymmetric_kernel(loss: str, kappa: float) -> None:
    precise = GradientFlow(SGNTK, X, Y, loss=loss, kappa=kappa, digits=30)
    times = (0.0, 0.5, 10.0, math.inf)
    spans = [t * kappa**2 / (6 if loss == "mean" else 1) for t in times]
    means, covariances = precise.mean(T, times), precise.covariance(T, times)
    assert means.shape == (4, 3)
    assert covariances.shape == (4, 3, 3)
    for i, (mean, covariance) in enumerate(trained(sign_erf, X, Y, T, spans)):
        assert np.abs(means[i] - mean).max() <= 1e-15
        assert np.abs(covariances[i] - kappa**2 * covariance).max() <= 1e-15


@pytest.mark.parametrize(
    "kernel",
    [
        kc.NTK(kc.ReLU(), 3, sigma_b=0.2),
        kc.NNGP(kc.Sign(), 2),
        kc.NTK(kc.ReLU(), 1, sigma_w=1.5, sigma_b=0.1),
        kc.GeneralizedNTK((kc.Sign(), kc.Erf().derivative), (kc.Erf(2), kc.Erf().derivative), 3, sigma_b=0.1),
        SGNTK,
    ],
    ids=repr,
)
def test_as_in_float64_where_that_is_enough(kernel: kc.Kernel) -> None:
    outputs = np.column_stack([Y, -(Y**2)])
    pair = [GradientFlow(kernel, X, outputs, ridge=0.1, learning_rate=0.3, digits=d) for d in (None, 30)]
    plain, precise = pair
    for when in ({"t": 0.7}, {"t": math.inf}, {"steps": 13}, {"steps": 0}):
        assert np.allclose(precise.mean(T, **when), plain.mean(T, **when), rtol=0, atol=1e-13)
        assert np.allclose(precise.std(T, **when), plain.std(T, **when), rtol=0, atol=1e-12)


def test_near_duplicates_at_the_end_of_training() -> None:
    """Float64 leaves their differences out, and says so; with many digits they are learnt."""
    case, kernel = hard_cases()["pairs"], kc.NTK(kc.Erf(), 3, sigma_b=0.1)
    early, late = exact_means("pairs", case, (1e10, math.inf))
    plain = GradientFlow(kernel, case.X, case.Y)
    with pytest.warns(ConditioningWarning, match="effective rank 10 of 20.*digits=50"):
        assert np.abs(plain.mean(case.T) - early).max() <= 1e-10
    precise = GradientFlow(kernel, case.X, case.Y, digits=50)
    assert np.abs(precise.mean(case.T) - late).max() <= 1e-14
    assert np.abs(early - late).max() >= 1e-3
    with mp.workdps(DIGITS):
        K, cross = (gram(erf, U, case.X, 3, 1.0, 0.1) for U in (case.X, case.T))
        S, S_cross, S_test = (
            gram(erf, U, V, 3, 1.0, 0.1, nngp=True)
            for U, V in ((case.X, case.X), (case.T, case.X), (case.T, case.T))
        )
        P = projection(K, cross, math.inf)
        covariance = floats(S_test - P * S_cross.T - S_cross * P.T + P * S * P.T)
    assert np.abs(precise.covariance(case.T) - covariance).max() <= 1e-14
    assert np.array_equal(precise.variance(case.T), precise.covariance(case.T).diagonal())


def test_what_cannot_be_done() -> None:
    def made(kernel: Any = SGNTK, points: Any = X, **options: Any) -> GradientFlow:
        return GradientFlow(kernel, points, np.ones(len(points)), **({"digits": 30} | options))

    for digits in (10, 30.5, True, "many"):
        with pytest.raises(InputError, match="must be a whole number >= 20"):
            made(digits=digits)
    with pytest.raises(InputError, match="many digits need a kernel with a formula"):
        made(lambda X, Z=None: np.eye(len(X)), nngp=SGNTK).mean(T)
    with pytest.raises(InputError, match="infinite at x = y"):
        made(kc.NTK(kc.Sign(), 2)).mean(T)
    with pytest.raises(InputError, match="no closed form"):
        made(kc.NTK(kc.function("tanh(z)"), 2)).mean(T)
    with pytest.raises(InputError, match="T has 3 columns"):
        made().mean(np.ones((2, 3)))
    with pytest.raises(Undefined, match="singular up to rounding with 30 digits"):
        made(points=np.vstack([X, X[:1]])).mean(T)
    with pytest.raises(Undefined, match="smaller learning rate"):
        made(learning_rate=100.0).mean(T, steps=math.inf)
    with pytest.raises(Undefined, match="beyond 1e308"):
        made(learning_rate=100.0).mean(T, steps=1000)
