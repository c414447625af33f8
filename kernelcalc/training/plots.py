"""Figures with matplotlib: kernel against angle, prediction on the circle, training curves.

Every function draws into ax (default: a new figure) and returns it. A point of the circle of angle alpha is
(sin alpha, cos alpha), as in the figures of Eilers et al. 2024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import InputError
from kernelcalc.training import inputs
from kernelcalc.training.circle import circle
from kernelcalc.training.components import default_times
from kernelcalc.training.flow import GradientFlow

try:
    import matplotlib.pyplot as plt
except ImportError as error:
    raise ImportError("the plots need matplotlib: pip install 'kernelcalc[plot]'") from error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from kernelcalc.kernels import Kernel


def plot_kernel(
    kernels: Kernel | Mapping[str, Kernel],
    *,
    radius: float = 1.0,
    other_radius: float | None = None,
    points: int = 401,
    scale: str = "linear",
    ax: Any = None,
) -> Any:
    """k(x, x') against the angle between x and x', on circles of the two radii (Figures 1 and 2).

    scale: of the axis, for Matplotlib; "asinh" for kernels that grow large at angle 0, as in Figure 1. A
    kernel that is infinite there is drawn around it.
    """
    ax = _axes(ax)
    angles = np.linspace(-math.pi, math.pi, points)
    first = circle([0.0], inputs.positive(radius, "radius"))
    second = circle(angles, radius if other_radius is None else inputs.positive(other_radius, "other_radius"))
    named = kernels if isinstance(kernels, Mapping) else {repr(kernels): kernels}
    for label, kernel in named.items():
        values = kernel(first, second)[0]
        ax.plot(angles, np.where(np.isfinite(values), values, np.nan), label=label)
    ax.set_yscale(scale)
    ax.legend()
    return _angle_axis(ax, r"$\Delta\alpha$")


def plot_prediction(
    flow: GradientFlow,
    *,
    t: float = math.inf,
    width: float = 2.0,
    samples: int = 0,
    nngp: bool = True,
    points: int = 400,
    seed: int | None = 0,
    ax: Any = None,
) -> Any:
    """Mean and mean +- width standard deviations on the circle of the training points (Figure 3a).

    samples: trained networks to draw as thin lines; nngp: also the regression curve of the NNGP, dashed.
    Raises InputError unless the training points lie on a circle and there is one output.
    """
    norms = np.linalg.norm(flow.X, axis=1)
    if flow.X.shape[1] != 2 or np.ptp(norms) > 1e-6 * norms.max() or flow.Y.size != len(flow.X):
        raise InputError("this plot is for training points on a circle in the plane, with one output")
    ax = _axes(ax)
    angles = np.linspace(-math.pi, math.pi, points)
    T = circle(angles, float(norms.mean()))
    mean = flow.mean(T, t).reshape(-1)
    band = width * flow.std(T, t)
    ax.fill_between(angles, mean - band, mean + band, color="0.85", label=f"mean ± {width:g} std")
    if samples:
        drawn = flow.sample(T, t, size=samples, seed=seed).reshape(samples, -1)
        ax.plot(angles, drawn.T, color="tab:blue", linewidth=0.8, alpha=min(1.0, 10 / samples))
    ax.plot(angles, mean, color="black", label="mean")
    if nngp:
        regression = GradientFlow(flow.nngp, flow.X, flow.Y)
        ax.plot(
            angles, regression.mean(T).reshape(-1), color="0.2", linestyle="dashed", label="NNGP regression"
        )
    ax.plot(
        np.arctan2(flow.X[:, 0], flow.X[:, 1]),
        flow.Y.reshape(-1),
        "x",
        color="tab:orange",
        label="training points",
    )
    ax.legend()
    return _angle_axis(ax, r"$\alpha$")


def plot_training(
    flow: GradientFlow, *, components: int = 8, times: ArrayLike | None = None, ax: Any = None
) -> Any:
    """What is left to learn along each of the first kernel principal components, against time."""
    ax = _axes(ax)
    parts = flow.components()
    when = default_times(flow) if times is None else np.atleast_1d(inputs.times(times, "times"))
    left = np.linalg.norm(parts.errors(when), axis=2)
    for i in range(min(components, left.shape[1])):
        ax.plot(when, left[:, i], label=f"$\\lambda_{{{i + 1}}}$ = {abs(parts.values[i]):.2g}")
    ax.set(xscale="log", xlabel="$t$", ylabel="left to learn")
    ax.legend()
    return ax


def _axes(ax: Any) -> Any:
    return plt.figure(figsize=(6, 4)).add_subplot() if ax is None else ax


def _angle_axis(ax: Any, label: str) -> Any:
    ax.set_xticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], [r"$-\pi$", "", "0", "", r"$\pi$"])
    ax.set_xlabel(label)
    return ax
