"""The regression task of Eilers et al. 2024, section 3: 15 points on the unit circle (Figures 3 and B.1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.training import inputs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from kernelcalc.training.inputs import Reals

# drawn by the authors' code out of 100 equidistant angles: jax.random.choice with the second of three keys
# split from PRNGKey(3), without replacement
# (github.com/LuEilers/surrogate-gradient-ntk, simulation_figure3.py)
DRAWN = (54, 69, 18, 41, 23, 50, 65, 82, 63, 3, 0, 4, 58, 79, 95)


def circle(angles: ArrayLike, radius: float = 1.0) -> Reals:
    """The points radius (sin alpha, cos alpha) of the plane: (n, 2)."""
    alpha = inputs.reals(angles, "angles")
    return radius * np.column_stack([np.sin(alpha), np.cos(alpha)])


def target(X: ArrayLike) -> Reals:
    """4 x y^2 - 0.8 x^3 + 1.2 y^2 - 0.8 x^2 y for the rows (x, y) of X: (n,)."""
    x, y = inputs.points(X, "X", 2).T
    return np.asarray(4 * x * y**2 - 0.8 * x**3 + 1.2 * y**2 - 0.8 * x**2 * y)


def circle_task() -> tuple[Reals, Reals]:
    """The paper's training points (15, 2) and their targets (15,)."""
    X = circle(2 * math.pi * np.array(DRAWN) / 100 - math.pi)
    return X, target(X)
