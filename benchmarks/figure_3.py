"""Figures of Eilers et al. 2024 from the kernels alone: 2 and 3a (without the finite networks), and training.

    python benchmarks/figure_3.py [FOLDER]

Writes figure_2.png, figure_3.png and training.png into FOLDER (default: the present one); needs matplotlib.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import kernelcalc as kc
from kernelcalc.training.circle import circle_task
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.plots import plot_kernel, plot_prediction, plot_training


def main() -> None:
    matplotlib.use("Agg")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    slope = kc.Erf().derivative
    sharp = {f"m = {m}": kc.SGNTK(kc.Erf(m), slope, 3, sigma_b=0.1) for m in (2, 5, 20)}
    sign = kc.SGNTK(kc.Sign(), slope, 3, sigma_b=0.1)
    flow = GradientFlow(sign, *circle_task(), learning_rate=0.1, loss="mean")
    figures = {
        "figure_2.png": plot_kernel(sharp | {"sign": sign}),
        "figure_3.png": plot_prediction(flow, t=3e4, samples=50),
        "training.png": plot_training(flow),
    }
    for name, ax in figures.items():
        ax.figure.savefig(folder / name, dpi=150, bbox_inches="tight")
        print(folder / name)
    print(flow.spectrum)


if __name__ == "__main__":
    main()
