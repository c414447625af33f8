"""Training data whose kernel matrices are singular up to rounding.

NumPy only: benchmarks/neural_tangents_reference.py takes them into an environment of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A network of three weight layers, sigma_w = 1, and its data."""

    activation: str
    sigma_b: float
    X: Any
    Y: Any
    T: Any


def hard_cases() -> dict[str, Case]:
    line = np.linspace(-1, 1, 100)[:, None]
    between = line[:-1:20] + 0.01
    pairs = np.repeat(np.random.default_rng(5).standard_normal((10, 2)), 2, axis=0)
    pairs[::2] += 1e-9
    angles = 2 * np.pi * np.arange(1000) / 1000
    ring = np.column_stack([np.sin(angles), np.cos(angles)])
    outside = np.column_stack([np.sin(angles[:2] + 0.003), np.cos(angles[:2] + 0.003)])
    return {
        "line, no bias": Case("relu", 0.0, line, np.sin(3 * line[:, 0]), between),
        "line": Case("relu", 0.1, line, np.sin(3 * line[:, 0]), between),
        "pairs": Case("erf", 0.1, pairs, np.sin(pairs[:, 0]), pairs[:5] + 0.1),
        "ring": Case("erf", 0.1, ring, np.cos(3 * angles), outside),
    }


TITLES = {
    "line, no bias": "100 points on a line, ReLU, sigma_b = 0",
    "line": "100 points on a line, ReLU, sigma_b = 0.1",
    "pairs": "10 pairs of points 1e-9 apart, erf",
    "ring": "1000 points on a circle, erf",
}
