"""Handwritten digits (1797 images of 8 x 8 pixels, from scikit-learn): what infinite networks reach.

    python benchmarks/digits_classification.py

First table: accuracy in 10-fold cross-validation, beside an RBF support vector machine. Networks are trained
to the end on targets -1, +1, one output per class; nothing is tuned. The rest, in digits_singular.py: the
classifier of the singular kernel against that of erf(m z) for growing m.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from digits_singular import bar, limits, with_many_digits
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
    with bar() as progress:
        for name, prepare in progress.track(methods.items(), description="10-fold"):
            start = time.perf_counter()
            fit = prepare()
            scores = [float((fit(train, test) == y[test]).mean()) for train, test in folds]
            seconds = time.perf_counter() - start
            print(f"{name:38}{np.mean(scores):8.4f}{np.std(scores):15.4f}{seconds:10.1f}", flush=True)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = X / 8  # pixels from 0 to 2, as the networks' initialisation expects them
    start = time.perf_counter()
    accuracies(X, y)
    print(f"{time.perf_counter() - start:.0f} s for this table")
    limits(X, y)
    with_many_digits(X, y)


if __name__ == "__main__":
    main()
