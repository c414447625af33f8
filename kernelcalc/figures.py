"""The surrogate derivatives of one library side by side, and the kernels they make."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from kernelcalc.errors import SurrogateWarning
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.base import Function
from kernelcalc.functions.hypotheses import violations
from kernelcalc.functions.named import library
from kernelcalc.kernels import SGNTK

try:
    import matplotlib.pyplot as plt
except ImportError as error:
    raise ImportError("the plots need matplotlib: pip install 'kernelcalc[plot]'") from error

POINTS = 241


def plot_surrogates(
    name: str,
    depth: int = 3,
    *,
    sigma_w: float = 1.0,
    sigma_b: float = 0.1,
    progress: Callable[[float], None] = lambda share: None,
) -> Any:
    """A Matplotlib figure: s(z)/s(0), and I(x, x')/I(x, x) of the sign network against the angle of x and x'
    on the unit circle; not divided where that is 0. progress: is told the share that is done. Raises
    InputError for an unknown library.
    """
    sign = next(entry for entry in ACTIVATIONS if entry.name == "Sign")()
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    heights = np.linspace(-2, 2, 401)
    angles = np.linspace(0, math.pi, POINTS)
    first, second = np.array([[0.0, 1.0]]), np.column_stack([np.sin(angles), np.cos(angles)])
    functions = _distinct(name)
    colours = plt.get_cmap("tab10" if len(functions) <= 10 else "tab20")
    for done, (found, names) in enumerate(functions.items()):
        progress(done / len(functions))
        style = "--" if violations(found) else "-"
        label = ", ".join(names)
        values = np.array([found(x) for x in heights])
        left.plot(heights, _scaled(values, found(0.0)), style, color=colours(done), label=label)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SurrogateWarning)  # the dashes say it
            kernel = SGNTK(sign, found, depth, sigma_w=sigma_w, sigma_b=sigma_b)
        row = kernel(first, second)[0]
        right.plot(angles, _scaled(row, row[0]), style, color=colours(done), label=label)
    left.set(xlabel="$z$", ylabel="$s(z)/s(0)$", title="surrogate derivatives")
    right.set(xlabel="angle between $x$ and $x'$", ylabel="$I(x,x')/I(x,x)$")
    right.set_title(f"SG-NTK of sign, depth {depth}")
    right.set_xticks([0, math.pi / 2, math.pi], ["0", r"$\pi/2$", r"$\pi$"])
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize="small")
    words = "dashed where a theorem does not cover the surrogate derivative"
    figure.suptitle(f"{name}: {words}", fontsize="medium")
    return figure


def _distinct(name: str) -> dict[Function, list[str]]:
    """Each function once, with all its names in the library."""
    found: dict[Function, list[str]] = {}
    for row in library(name):
        found.setdefault(row(), []).append(row.name)
    return found


def _scaled(values: Any, by: float) -> Any:
    return values / by if by else values
