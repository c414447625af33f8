"""How right the predictions of trained networks are: against 60 digits, and beside neural-tangents' predict.

    python benchmarks/training_accuracy.py

First table: the setting of Figure 3 of Eilers et al. 2024, on the circle and on points of unequal radii,
where the SG-NTK is not symmetric. Second: the NTK of ReLU and erf beside the numbers of neural-tangents
stored by neural_tangents_reference.py, from the data on and from its own kernel matrices on. Third: kernel
matrices that are singular up to rounding. References: tests/exact_training.py and exact_hard.py, which share
no code with the library. Under a minute.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import kernelcalc as kc
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.append(str(TESTS))
from exact_hard import exact_means  # noqa: E402  # after the path to it
from exact_training import erf, relu, sign_erf, trained  # noqa: E402  # likewise
from hard_cases import TITLES, hard_cases  # noqa: E402  # likewise

ACTIVATIONS = {"erf": (kc.Erf(), erf), "relu": (kc.ReLU(), relu)}


def worst(found: Any, expected: Any) -> float:
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())


def figure_3() -> None:
    X, Y = circle_task()
    T = circle(np.linspace(-3, 3, 5))
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
    times = (0.0, 0.5, 10.0, math.inf)
    print("SG-NTK of sign with erf', depth 3, 15 training points: largest error against 60 digits")
    print(f"{'points':16}{'|K - K^T|':>10}{'t':>6}{'mean':>10}{'covariance':>12}{'if K were transposed':>23}")
    for name, ends in {"unit circle": (1.0, 1.0), "unequal radii": (0.4, 2.0)}.items():
        radii = np.linspace(*ends, 15)[:, None]
        points, tests = X * radii, T * radii[:5]
        flow = GradientFlow(kernel, points, Y)
        K = kernel(points)
        transposed = GradientFlow(Transposed(kernel), points, Y, nngp=flow.nngp)
        for t, (mean, covariance) in zip(times, trained(sign_erf, points, Y, tests, times), strict=True):
            print(
                f"{name:16}{worst(K, K.T):10.1e}{t:>6g}{worst(flow.mean(tests, t), mean):10.1e}"
                f"{worst(flow.covariance(tests, t), covariance):12.1e}"
                f"{worst(transposed.mean(tests, t), mean):23.1e}"
            )


class Transposed:
    """The kernel with its arguments exchanged: what a wrong convention would use."""

    def __init__(self, kernel: kc.Kernel) -> None:
        self.kernel = kernel

    def __call__(self, X: Any, Z: Any = None) -> Any:
        return self.kernel(X if Z is None else Z, X).T

    def diag(self, X: Any) -> Any:
        return self.kernel.diag(X)


class Stored:
    """A kernel given by its matrix, on row numbers."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = np.array(matrix)

    def __call__(self, X: Any, Z: Any = None) -> Any:
        rows = X[:, 0].astype(int)
        return self.matrix[np.ix_(rows, rows if Z is None else Z[:, 0].astype(int))]

    def diag(self, X: Any) -> Any:
        return self.matrix.diagonal()[X[:, 0].astype(int)]


def beside_neural_tangents(stored: Any) -> None:
    X, Y, T = (np.array(stored[part]) for part in "XYT")
    n, rows = len(X), np.arange(len(X) + len(T))[:, None]
    sw, sb = stored["sigma_w"], stored["sigma_b"]
    print(f"\nNTK, depth 3, {n} random points: largest difference of mean and covariance")
    print(f"{'':6}{'t':>5}{'from the same matrices':>25}{'from the data':>16}{'kernelcalc - mpmath':>22}"
          f"{'neural-tangents - mpmath':>27}")  # fmt: skip
    for name, (activation, layer) in ACTIVATIONS.items():
        ours = GradientFlow(kc.NTK(activation, 3, sigma_w=sw, sigma_b=sb), X, Y, loss="mean")
        given, nngp = (Stored(stored["matrices"][name][which]) for which in ("ntk", "nngp"))
        same = GradientFlow(given, rows[:n], Y, loss="mean", nngp=nngp)
        predictions = stored["predictions"][name]
        exact = trained(layer, X, Y, T, [float(row["t"]) / n for row in predictions], sw=sw, sb=sb)
        for row, right in zip(predictions, exact, strict=True):
            t = float(row["t"])
            theirs = row["mean"], row["covariance"]
            found = ours.mean(T, t), ours.covariance(T, t)
            from_matrices = same.mean(rows[n:], t), same.covariance(rows[n:], t)
            print(
                f"{name:6}{t:5g}{largest(from_matrices, theirs):25.1e}{largest(found, theirs):16.1e}"
                f"{largest(found, right):22.1e}{largest(theirs, right):27.1e}"
            )
        entries = np.array(stored["matrices"][name]["ntk"])
        K = kc.NTK(activation, 3, sigma_w=sw, sigma_b=sb)(np.vstack([X, T]))
        print(f"      the kernel matrices differ by {worst(entries, K) / worst(K, 0):.1e}, relative")


def largest(found: Any, expected: Any) -> float:
    return max(worst(*pair) for pair in zip(found, expected, strict=True))


def singular(stored: Any) -> None:
    print("\nmatrices that are singular up to rounding: largest error of the mean against 60 digits")
    print(f"{'':44}{'t':>5}{'neural-tangents':>17}{'kernelcalc':>12}  with 50 digits")
    for name, case in hard_cases().items():
        activation, _ = ACTIVATIONS[case.activation]
        kernel = kc.NTK(activation, 3, sigma_b=case.sigma_b)
        flow = GradientFlow(kernel, case.X, case.Y, loss="mean")
        rows = [row for row in stored["hard"][name] if name != "line" or row["t"] == "inf"]
        spans = [float(row["t"]) / len(case.X) for row in rows]
        for row, mean in zip(rows, exact_means(name, case, spans), strict=True):
            t = float(row["t"])
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                error = f"{worst(flow.mean(case.T, t), mean):.1e}"
            theirs = "NaN" if None in row["mean"] else f"{worst(row['mean'], mean):.1e}"
            more = ""
            if caught and name == "pairs":
                precise = GradientFlow(kernel, case.X, case.Y, loss="mean", digits=50)
                more = f"{worst(precise.mean(case.T, t), mean):.1e}"
            print(f"{TITLES[name]:44}{t:5g}{theirs:>17}{error:>12}  {more}", flush=True)
            for warning in caught:
                print(f"    warning: {warning.message}")


def main() -> None:
    start = time.perf_counter()
    stored = json.loads((TESTS / "data" / "neural_tangents.json").read_text())
    figure_3()
    beside_neural_tangents(stored)
    singular(stored)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
