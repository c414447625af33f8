"""Kernel principal components (Jacot et al. 2018, section 5), convergence along them, early stopping."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow

KERNEL = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
X, Y = circle_task()
X = X * np.linspace(0.4, 2, 15)[:, None]
T = circle(np.linspace(-3, 3, 7), 1.5)


@pytest.mark.parametrize("loss", ["sum", "mean"])
def test_eigenfunctions_and_rates(loss: str) -> None:
    flow = GradientFlow(KERNEL, X, Y, learning_rate=0.3, loss=loss)
    parts = flow.components()
    assert np.allclose(parts(X), parts.vectors, atol=1e-12)
    assert np.allclose(np.mean(np.abs(parts.vectors) ** 2, axis=0), 1)
    projected = KERNEL(T, X) @ parts(X) / 15  # Pi f at T
    assert np.allclose(projected, parts.values * parts(T), atol=1e-12)
    assert (np.diff(parts.values.real) <= 0).all()
    for t in (0.0, 0.7, 30.0):
        learnt = 1 - np.exp(-parts.rates * t)
        mean = (parts(T) * learnt) @ parts.coefficients
        assert np.allclose(flow.mean(T, t), mean[:, 0], atol=1e-12)
        assert np.allclose(Y - flow.mean(X, t), (parts.vectors @ parts.errors(t))[:, 0], atol=1e-12)


def test_convergence_is_exponential_along_a_component() -> None:
    """If Y is one component, the network runs along a straight line towards it (Figure 3 of that paper)."""
    kernel = kc.NTK(kc.Erf(), 2, sigma_b=0.1)
    component = GradientFlow(kernel, X, Y).components().vectors[:, 1].real
    flow = GradientFlow(kernel, X, component)
    rate = flow.components().rates[1].real
    for t in (0.1, 1.0, 10.0):
        assert np.allclose(flow.mean(X, t), (1 - math.exp(-rate * t)) * component, atol=1e-12)


def test_a_ridge_leaves_an_error_for_ever() -> None:
    flow = GradientFlow(KERNEL, X, Y, ridge=0.5)
    parts = flow.components()
    for t in (2.0, math.inf):
        assert np.allclose(Y - flow.mean(X, t), (parts.vectors @ parts.errors(t))[:, 0].real, atol=1e-12)


def test_components_lost_in_rounding_are_left_out() -> None:
    twice = GradientFlow(kc.NTK(kc.Erf(), 2, sigma_b=0.1), np.vstack([X, X]), np.append(Y, Y))
    assert twice.components().values.shape == (15,)


def test_early_stopping_on_noisy_targets() -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, (2, 60))
    train, held_out = circle(angles[0]), circle(angles[1])
    flow = GradientFlow(kc.NTK(kc.ReLU(), 3), train, np.cos(angles[0]) + rng.normal(0, 0.5, 60))
    truth = np.cos(angles[1])
    best = flow.early_stopping(held_out, truth)
    assert best.errors.min() == best.error
    assert best.error < 0.5 * np.mean((flow.mean(held_out) - truth) ** 2)
    assert math.isclose(best.error, np.mean((flow.mean(held_out, best.time) - truth) ** 2))
    given = flow.early_stopping(held_out, truth, times=[0.0, math.inf])
    assert given.time in (0.0, math.inf)
    with pytest.raises(InputError, match="the outputs must agree"):
        flow.early_stopping(held_out, truth[:, None])
    with pytest.raises(InputError, match="Y_T must have shape"):
        flow.early_stopping(held_out, truth[:5])
