"""Handwritten digits (1797 images of 8 x 8 pixels, from scikit-learn): what infinite networks reach.

    python benchmarks/digits_classification.py

First table: accuracy in 10-fold cross-validation, beside an RBF support vector machine. Networks are trained
to the end on targets -1, +1, one output per class; nothing is tuned. Second table: the classifier of the
singular kernel (Theorem D.4, Remark D.4) against that of K_m, the NTK of erf(m z), for growing m: how many
test digits get the same answer, once with the kernels of this library, once with the formulas as printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

import kernelcalc as kc
from kernelcalc.training.flow import GradientFlow
from kernelcalc.training.singular import SingularClassifier

Reals = NDArray[np.float64]
SIGMA_B = 0.1


class Precomputed:
    """A kernel on row numbers (n, 1): one matrix for all folds."""

    def __init__(self, kernel: kc.Kernel, X: Reals) -> None:
        self.matrix = kernel(X)

    def __call__(self, X: Any, Z: Any = None) -> Any:
        rows = X[:, 0].astype(int)
        return self.matrix[np.ix_(rows, rows if Z is None else Z[:, 0].astype(int))]

    def diag(self, X: Any) -> Any:
        return self.matrix.diagonal()[X[:, 0].astype(int)]


Fit = Callable[
    [NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]
]  # rows for training and test -> classes


def network(kernel: kc.Kernel, X: Reals, Y: Reals) -> Fit:
    known = Precomputed(kernel, X)

    def fit(train: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[np.int64]:
        flow = GradientFlow(known, train[:, None], Y[train])
        return np.asarray(flow.mean(test[:, None]).argmax(axis=1))

    return fit


def singular(kernel: kc.Kernel, X: Reals, Y: Reals) -> Fit:
    return lambda train, test: SingularClassifier(kernel, X[train], Y[train]).predict(X[test])


def machine(X: Reals, y: NDArray[np.int64]) -> Fit:
    return lambda train, test: SVC(C=10).fit(X[train], y[train]).predict(X[test])


def accuracies(X: Reals, y: NDArray[np.int64]) -> None:
    Y = np.where(y[:, None] == np.arange(10), 1.0, -1.0)
    erf, relu, sign, slope = kc.Erf(), kc.ReLU(), kc.Sign(), kc.Erf().derivative
    methods: dict[str, Callable[[], Fit]] = {"RBF support vector machine, C = 10": partial(machine, X, y)}
    for name, kernel in {
        "ReLU NTK, depth 3": kc.NTK(relu, 3, sigma_b=SIGMA_B),
        "ReLU NNGP, depth 3": kc.NNGP(relu, 3, sigma_b=SIGMA_B),
        "erf NTK, depth 3": kc.NTK(erf, 3, sigma_b=SIGMA_B),
        "sign NNGP, depth 3": kc.NNGP(sign, 3, sigma_b=SIGMA_B),
        "sign SG-NTK with erf', depth 2": kc.SGNTK(sign, slope, 2, sigma_b=SIGMA_B),
        "sign SG-NTK with erf', depth 3": kc.SGNTK(sign, slope, 3, sigma_b=SIGMA_B),
        "sign SG-NTK with erf', depth 5": kc.SGNTK(sign, slope, 5, sigma_b=SIGMA_B),
        "sign SG-NTK with erf(3z)', depth 3": kc.SGNTK(sign, kc.Erf(3).derivative, 3, sigma_b=SIGMA_B),
    }.items():
        methods[name] = partial(network, kernel, X, Y)
    for depth in (2, 3, 5):
        ntk = kc.NTK(sign, depth, sigma_b=SIGMA_B)
        methods[f"sign NTK (singular), depth {depth}"] = partial(singular, ntk, X, Y)
    folds = list(StratifiedKFold(10, shuffle=True, random_state=0).split(X, y))
    print(f"{'10-fold':38}accuracy   std of folds   seconds")
    for name, prepare in methods.items():
        start = time.perf_counter()
        fit = prepare()
        scores = [float((fit(train, test) == y[test]).mean()) for train, test in folds]
        seconds = time.perf_counter() - start
        print(f"{name:38}{np.mean(scores):8.4f}{np.std(scores):15.4f}{seconds:10.1f}", flush=True)


def as_printed(X: Reals, Z: Reals, m: float, depth: int) -> Reals:
    """The NTK of erf(m z) by the formulas of section D.1, in plain float64 arithmetic."""
    a, b, c = (u / X.shape[1] + SIGMA_B**2 for u in ((X**2).sum(1)[:, None], (Z**2).sum(1), X @ Z.T))
    tangent = c
    with np.errstate(all="ignore"):
        for _ in range(depth - 1):
            u, v = 1 / (2 * m**2) + a, 1 / (2 * m**2) + b
            factor = 2 / np.pi / np.sqrt(u * v - c**2)
            c = 2 / np.pi * np.arcsin(c / np.sqrt(u * v)) + SIGMA_B**2
            a, b = (2 / np.pi * np.arcsin(s / (1 / (2 * m**2) + s)) + SIGMA_B**2 for s in (a, b))
            tangent = c + tangent * factor
    return np.asarray(tangent)


def agreement(K: Reals, cross: Reals, Y: Reals, expected: NDArray[np.int64]) -> str:
    """Share of test points on which K_m gives the same answer; why there is none."""
    bad = int((~np.isfinite(K)).sum() + (~np.isfinite(cross)).sum())
    if bad:
        return f"{bad} entries not finite"
    values = cross @ np.linalg.solve(K, Y)
    found = np.sign(values) if values.ndim == 1 else values.argmax(axis=1)
    return f"{(found == expected).mean():.4f}"


def limits(X: Reals, y: NDArray[np.int64]) -> None:
    rows = np.random.default_rng(0).permutation(len(X))
    train, test = rows[:1000], rows[1000:1500]
    tasks = {
        "even or odd": np.where(y % 2 == 0, 1.0, -1.0),
        "ten classes": np.where(y[:, None] == np.arange(10), 1.0, -1.0),
    }
    print("\nsame answer as the singular kernel (500 test digits, 1000 training digits)")
    print(f"{'depth':>5}  {'task':12}{'m':>7}{'kernelcalc':>24}{'formulas as printed':>26}")
    for depth in (2, 3, 6):
        limit = {
            task: SingularClassifier(kc.NTK(kc.Sign(), depth, sigma_b=SIGMA_B), X[train], Y[train]).predict(
                X[test]
            )
            for task, Y in tasks.items()
        }
        for m in (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e70):
            kernel = kc.NTK(kc.Erf(m), depth, sigma_b=SIGMA_B)
            K, cross = kernel(X[train]), kernel(X[test], X[train])
            plain = as_printed(X[train], X[train], m, depth), as_printed(X[test], X[train], m, depth)
            for task, Y in tasks.items():
                found = [agreement(*pair, Y[train], limit[task]) for pair in ((K, cross), plain)]
                print(f"{depth:>5}  {task:12}{m:>7.0e}{found[0]:>24}{found[1]:>26}", flush=True)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = X / np.sqrt((X**2).mean())  # a typical pixel is of size 1, as the networks' initialisation expects
    start = time.perf_counter()
    accuracies(X, y)
    print(f"{time.perf_counter() - start:.0f} s in all")
    limits(X, y)


if __name__ == "__main__":
    main()
