"""Figures with matplotlib: kernel against angle, prediction on a closed curve, components and their training.

Every function draws into ax (default: a new figure) and returns it. A point of the circle of angle alpha is
(sin alpha, cos alpha), as in the figures of Eilers et al. 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
    from kernelcalc.training.inputs import Reals


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
    angles = (np.arange(points) - (points - 1) / 2) * (2 * math.pi / (points - 1))  # the middle one is 0
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
    radius: Callable[[Reals], Reals] | None = None,
    t: float = math.inf,
    width: float = 2.0,
    samples: int = 0,
    nngp: bool = True,
    points: int = 400,
    seed: int | None = 0,
    ax: Any = None,
) -> Any:
    """Mean and mean +- width standard deviations on a closed curve around 0 (Figure 3a: on the circle).

    radius: of the curve, as a function of the angles; None: the circle of the training points. samples: how
    many trained networks of infinite width to draw as thin lines; nngp: also the regression curve of the
    NNGP, dashed.
    Raises InputError unless the training points lie on the curve and there is one output.
    """
    if flow.X.shape[1] != 2 or flow.Y.size != len(flow.X):
        raise InputError("this plot is for training points in the plane, with one output")
    norms, places = np.linalg.norm(flow.X, axis=1), np.arctan2(flow.X[:, 0], flow.X[:, 1])

    def distance(alpha: Reals) -> Reals:
        return np.full(len(alpha), norms.mean()) if radius is None else inputs.reals(radius(alpha), "radius")

    if np.abs(norms - distance(places)).max() > 1e-6 * norms.max():
        curve = "on a circle around 0; for another curve give radius=" if radius is None else "on the curve"
        raise InputError(f"the training points do not lie {curve}")
    ax = _axes(ax)
    angles = np.linspace(-math.pi, math.pi, points)
    T = distance(angles)[:, None] * circle(angles)
    mean = flow.mean(T, t).reshape(-1)
    band = width * flow.std(T, t)
    if samples:
        drawn = flow.sample(T, t, size=samples, seed=seed).reshape(samples, -1)
        thin = {"color": "tab:blue", "linewidth": 0.6, "alpha": max(0.1, min(1.0, 6 / samples)), "zorder": 1}
        first, *_ = ax.plot(angles, drawn.T, **thin)
        first.set_label("networks drawn")
    grey = {"facecolor": "0.85", "edgecolor": "0.55", "zorder": 0}
    ax.fill_between(angles, mean - band, mean + band, label=f"mean ± {width:g} std", **grey)
    ax.plot(angles, mean, color="black", label="mean")
    if nngp:
        regression = GradientFlow(flow.nngp, flow.X, flow.Y).mean(T).reshape(-1)
        ax.plot(angles, regression, color="black", linestyle="dashed", label="NNGP regression")
    cross = {"linestyle": "none", "marker": "x", "color": "tab:orange", "markeredgewidth": 2}
    ax.plot(places, flow.Y.reshape(-1), label="training points", **cross)
    above = ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    for entry in above.get_lines():
        entry.set_alpha(1)
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


def plot_components(
    flow: GradientFlow, labels: ArrayLike, *, first: int = 1, second: int = 2, ax: Any = None
) -> Any:
    """The training points along two of their kernel principal components, counted from 0.

    As Figure 3a of Jacot et al. 2018 has it: kernel PCA without centring, so that component 0 is almost
    constant. labels (n,): one colour for each value.
    """
    parts, given = flow.components(), np.asarray(labels)
    if given.shape != (len(flow.X),):
        raise InputError(f"labels must have shape ({len(flow.X)},); got {given.shape}")
    for index in (first, second):
        if not 0 <= index < len(parts.values):
            raise InputError(f"component {index} is not there: they are 0 to {len(parts.values) - 1}")
    ax = _axes(ax)
    for label in np.unique(given):
        x, y = (parts.vectors[given == label, index].real for index in (first, second))
        ax.plot(x, y, ".", label=str(label))
    ax.set(xlabel=f"component {first + 1}", ylabel=f"component {second + 1}")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return ax


def _axes(ax: Any) -> Any:
    return plt.figure(figsize=(6, 4)).add_subplot() if ax is None else ax


def _angle_axis(ax: Any, label: str) -> Any:
    ax.set_xticks([-math.pi, -math.pi / 2, 0, math.pi / 2, math.pi], [r"$-\pi$", "", "0", "", r"$\pi$"])
    ax.set_xlabel(label)
    return ax
