"""Figures of the two papers from the kernels alone, without the finite networks.

    python benchmarks/figure_3.py [FOLDER]

Eilers et al. 2024: Figures 1, 2, 3a (mean, band and NNGP regression of the sign SG-NTK with erf'; again on a
curve of varying radius, where the kernel is not symmetric) and B.2 (kappa = 0.2). Jacot et al. 2018: Figure 3
(digits along two kernel principal components; convergence along one of them), here with the digits of
scikit-learn and the exact kernel. PNG files into FOLDER (default: the present one); needs matplotlib and
scikit-learn. Less than a minute.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits

import kernelcalc as kc
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.plots import plot_components, plot_kernel, plot_prediction, plot_training

SLOPE = kc.Erf().derivative
TIME = 3e4  # steps of rate 0.1 on the mean loss, as in section 3


def radius(angles: Any) -> Any:
    """A curve between 0.4 and 2 from the origin."""
    return 1.2 + 0.8 * np.cos(2 * angles + 0.5)


def eilers() -> dict[str, Any]:
    ntk = {f"m = {m}": kc.NTK(kc.Erf(m), 3, sigma_b=0.1) for m in (2, 5, 20)}
    sharp = {f"m = {m}": kc.SGNTK(kc.Erf(m), SLOPE, 3, sigma_b=0.1) for m in (2, 5, 20)}
    sign = kc.SGNTK(kc.Sign(), SLOPE, 3, sigma_b=0.1)
    X, Y = circle_task()
    curve = X * radius(np.arctan2(X[:, 0], X[:, 1]))[:, None]
    training: dict[str, Any] = {"learning_rate": 0.1, "loss": "mean"}
    round_, uneven = GradientFlow(sign, X, Y, **training), GradientFlow(sign, curve, Y, **training)
    kappa = GradientFlow(sign, X, Y, kappa=0.2, **training)
    for name, flow in {"unit circle": round_, "curve of varying radius": uneven}.items():
        T = circle(np.linspace(-math.pi, math.pi, 100))
        left = np.abs(flow.mean(T, TIME) - flow.mean(T)).max()
        print(f"{name}: mean at t = {TIME:g} and at oo differ by {left:.1e}\n{flow.spectrum}\n")
    return {
        "figure_1.png": plot_kernel(ntk | {"sign": kc.NTK(kc.Sign(), 3, sigma_b=0.1)}, scale="asinh"),
        "figure_2.png": plot_kernel(sharp | {"sign": sign}),
        "figure_3.png": plot_prediction(round_, t=TIME, samples=100),
        "figure_3_unequal_radii.png": plot_prediction(uneven, radius=radius, t=math.inf, samples=100),
        "figure_b2.png": plot_prediction(kappa, t=math.inf, samples=100),
        "training.png": plot_training(round_),
    }


def jacot() -> dict[str, Any]:
    """The target is 0.5 times the second component: the network runs along a straight line towards it."""
    X, labels = load_digits(return_X_y=True)
    X, labels = X[:512] / 8, labels[:512]
    kernel = kc.NTK(kc.ReLU(), 4, sigma_w=math.sqrt(2), sigma_b=0.1)
    second = GradientFlow(kernel, X, np.zeros(512)).components().vectors[:, 1]
    flow = GradientFlow(kernel, X, second / 2, loss="mean")  # f_0 has mean 0: the mean starts at the distance
    rate = flow.components().rates[1]
    print(f"512 digits: eigenvalues {', '.join(f'{x:.4g}' for x in flow.components().values[:3])}")
    print(f"{'t':>8}{'along component 2':>20}{'0.5 exp(-lambda t)':>20}{'off the line':>15}")
    for t in (0.0, 0.5 / rate, 1 / rate, 2 / rate, 4 / rate):
        left = second / 2 - flow.mean(X, t)
        along = left @ second / 512
        off = np.sqrt(np.mean((left - along * second) ** 2))
        print(f"{t:8.3g}{along:20.12f}{0.5 * math.exp(-rate * t):20.12f}{off:15.1e}")
    noisy = GradientFlow(kernel, X, np.where(labels % 2 == 0, 1.0, -1.0), loss="mean")
    return {
        "components.png": plot_components(noisy, labels),
        "training_digits.png": plot_training(noisy, components=6),
    }


def main() -> None:
    matplotlib.use("Agg")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, ax in (eilers() | jacot()).items():
        ax.figure.savefig(folder / name, dpi=150, bbox_inches="tight")
        print(folder / name)


if __name__ == "__main__":
    main()
