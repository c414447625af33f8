"""Finite networks trained step by step with surrogate gradients: by definition, without kernel or theory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import kernelcalc as kc
from kernelcalc.training.circle import circle_task
from kernelcalc.training.flow import GradientFlow

SIGMA_W, SIGMA_B, WIDTH, PAIRS, STEPS, RATE = 1.0, 0.3, 1000, 150, 50, 0.15


def trained_networks(X: Any, Y: Any, T: Any) -> tuple[Any, Any]:
    """Outputs at T of sign networks with one hidden layer, before and after training with erf' for sign'.

    In pairs (2, pairs, points) that start with opposite outputs: their mean starts at 0 and varies little.
    """
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((PAIRS, WIDTH, 3)), rng.standard_normal((PAIRS, WIDTH + 1))
    first, second = np.concatenate([first, first]), np.concatenate([second, -second])
    scale = np.append(np.full(WIDTH, SIGMA_W / math.sqrt(WIDTH)), SIGMA_B)

    def inputs(points: Any) -> Any:  # the weights and the bias of a layer act on (points, 1)
        d = points.shape[1]
        return np.column_stack([points * SIGMA_W / math.sqrt(d), np.full(len(points), SIGMA_B)])

    def hidden(points: Any) -> Any:
        return np.einsum("nwd,id->niw", first, inputs(points))

    def output(z: Any) -> Any:
        return np.sign(z) @ (second * scale)[:, :WIDTH, None] + (second * scale)[:, -1:, None]

    before = output(hidden(T)).reshape(2, PAIRS, len(T))
    for _ in range(STEPS):
        z = hidden(X)
        error = output(z)[..., 0] - Y
        back = error[..., None] * (second * scale)[:, None, :WIDTH] * 2 / math.sqrt(math.pi) * np.exp(-(z**2))
        second[:, :WIDTH] -= RATE * scale[:WIDTH] * np.einsum("ni,niw->nw", error, np.sign(z))
        second[:, -1] -= RATE * SIGMA_B * error.sum(axis=1)
        first -= RATE * np.einsum("niw,id->nwd", back, inputs(X))
    return before, output(hidden(T)).reshape(2, PAIRS, len(T))


def test_networks_trained_with_surrogate_gradients() -> None:
    """Off the sphere, where the SG-NTK is not symmetric: mean, covariance, and not with K transposed."""
    X, Y = circle_task()
    X, T = X[::3] * np.linspace(0.3, 3, 5)[:, None], X[1::3] * np.linspace(2, 0.5, 5)[:, None]
    Y = Y[::3]
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2, sigma_w=SIGMA_W, sigma_b=SIGMA_B)
    flow = GradientFlow(kernel, X, Y, learning_rate=RATE)
    before, after = trained_networks(X, Y, T)
    assert np.allclose(before[0], -before[1])
    assert np.abs(np.cov(before[0].T) - flow.covariance(T, 0)).max() <= 0.3
    means = after.mean(axis=0)
    error = means.std(axis=0) / math.sqrt(PAIRS)
    assert (np.abs(means.mean(axis=0) - flow.mean(T, steps=STEPS)) <= 5 * error + 0.01).all()
    assert np.abs(np.cov(after[0].T) - flow.covariance(T, steps=STEPS)).max() <= 0.3
    K, cross = kernel(X).T, kernel(X, T).T
    weights = np.zeros(5)
    for _ in range(STEPS):
        weights += RATE * (Y - K @ weights)
    assert (np.abs(means.mean(axis=0) - cross @ weights) > 10 * error).any()
