"""Classification with a singular kernel: the NTK of networks whose activation has jumps.

The NTK of erf(m z) grows like m^(L-1) on the diagonal and stays finite off it. So the trained network tends
to 0 off the training points, but its sign tends to that of (Theorem D.4 on a sphere, Remark D.4 anywhere)

    sum_i w_i(x) y_i,    w_i(x) = Theta_oo(x, x_i)/D_i,

where D_i is the limit of Theta_m(x_i, x_i)/m^(L-1) up to a constant. Nothing infinite is formed: every jump
of height J at z adds J^2 p(z), p the density of the pre-activation, to E f'^2/m, hence with the NNGP
variances a_l(x) of layer l

    D(x) = a_1(x) product over l = 1 .. L-1 of sum over jumps of J^2 p(z; a_l(x)),

for sign proportional to (sigma_w^2 |x|^2/n_0 + sigma_b^2)^(1/2), as in the remark.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.errors import InputError, Undefined
from kernelcalc.kernels import NNGP, Kernel
from kernelcalc.training import inputs
from kernelcalc.training.spectrum import ConditioningWarning

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from kernelcalc.training.inputs import Reals


def is_singular(kernel: object) -> bool:
    """Whether kernel is an NTK that is infinite on the diagonal."""
    if not isinstance(kernel, Kernel) or kernel.s1 is None or kernel.s2 is None or kernel.depth == 1:
        return False
    return bool({place for place, _ in kernel.s1.deltas} & {place for place, _ in kernel.s2.deltas})


def diagonal_growth(kernel: Kernel, X: ArrayLike) -> Reals:
    """D(x) for every row of X (n, d), shape (n,): how Theta_m(x, x) grows, up to one constant."""
    rows = inputs.points(X, "X")
    if not isinstance(kernel.depth, int):
        raise InputError(f"{kernel!r}: give a number as depth before asking for values")
    jumps = [(float(z), float(height)) for z, height in kernel.f1.derivative.deltas]
    sigmas = {"sigma_w": kernel.sigma_w, "sigma_b": kernel.sigma_b}
    a = growth = float(kernel.sigma_w) ** 2 * np.mean(rows**2, axis=1) + float(kernel.sigma_b) ** 2
    for level in range(1, kernel.depth):
        a = a if level == 1 else NNGP(kernel.f1, level, **sigmas).diag(rows)
        growth = growth * sum(height**2 * np.exp(-(z**2) / (2 * a)) / np.sqrt(a) for z, height in jumps)
    return np.asarray(growth)


class SingularClassifier:
    """The limit m -> oo of the sign of networks trained to the end (Theorem D.4, Remark D.4).

    kernel: an NTK whose activation has jumps, such as NTK(Sign(), depth), depth >= 2. X (n, d): training
    points, none parallel to another if sigma_b = 0; equal rows count as one, with the mean of their targets.
    Y: labels -1 and +1, shape (n,), or one column per class, shape (n, classes).
    Raises InputError for any other kernel, for parallel rows with sigma_b = 0, and for other labels.
    """

    def __init__(self, kernel: Kernel, X: ArrayLike, Y: ArrayLike) -> None:
        if not is_singular(kernel) or not kernel.symmetric:
            raise InputError(
                f"{kernel!r} is finite on the diagonal; this classifier is for the NTK of an activation with "
                "jumps, depth >= 2. Use GradientFlow"
            )
        rows = inputs.points(X, "X")
        given = inputs.targets(Y, "Y", len(rows))
        if not np.isin(given, (-1, 1)).all():
            raise InputError(f"Y holds {given[~np.isin(given, (-1, 1))].flat[0]:g}; labels must be -1 or +1")
        self.kernel = kernel
        self.X, self.Y = _merged(rows, given)
        if float(kernel.sigma_b) == 0:
            _refuse_parallel(self.X)
        self._growth = diagonal_growth(kernel, self.X)

    def weights(self, T: ArrayLike) -> Reals:
        """w_i(x) for the points T (p, d): (p, distinct training points).

        At a training point (for sigma_b = 0: on its line) its weight is infinite; there the row is 1 (or -1)
        at that point and 0 elsewhere, which has the same sign.
        """
        rows = inputs.points(T, "T", self.X.shape[1])
        weights = self.kernel(rows, self.X) / self._growth
        infinite = np.isinf(weights)
        met = infinite.any(axis=1)
        weights[met] = np.where(infinite[met], np.sign(weights[met]), 0)
        return weights

    def decision(self, T: ArrayLike) -> Reals:
        """sum_i w_i(x) y_i at the points T (p, d): (p,) or (p, classes). Its sign and order matter."""
        return np.asarray(self.weights(T) @ self.Y)

    def predict(self, T: ArrayLike) -> NDArray[np.int64]:
        """-1 or +1 (0 where the sum is 0: the theorem says nothing there), or the index of the class."""
        values = self.decision(T)
        return (np.sign(values) if values.ndim == 1 else values.argmax(axis=1)).astype(np.int64)

    def nadaraya_watson(self, T: ArrayLike) -> Reals:
        """sum_i w_i(x) y_i / sum_i w_i(x), the estimator that has the same sign (section D.2).

        Raises Undefined where the sum of the weights is not positive.
        """
        weights = self.weights(T)
        total = weights.sum(axis=1)
        if (total <= 0).any():
            row = int(np.flatnonzero(total <= 0)[0])
            raise Undefined(
                f"T[{row}]: the weights sum to {total[row]:.3g}; the Nadaraya-Watson estimator needs a "
                "positive sum"
            )
        return np.asarray((weights @ self.Y) / (total if self.Y.ndim == 1 else total[:, None]))


def _merged(rows: Reals, given: Reals) -> tuple[Reals, Reals]:
    """Equal rows as one, with the mean of their targets: what the pseudo-inverse makes of them."""
    distinct, group, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    if len(distinct) == len(rows):
        return rows, given
    warnings.warn(
        f"{len(rows) - len(distinct)} training points repeat others; equal points count as one, "
        "with the mean target",
        ConditioningWarning,
        stacklevel=3,
    )
    total = np.zeros((len(distinct), *given.shape[1:]))
    np.add.at(total, group.reshape(-1), given)
    return distinct, total / (count if given.ndim == 1 else count[:, None])


def _refuse_parallel(rows: Reals) -> None:
    lead = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    directions = rows / np.where(lead == 0, 1, lead)[:, None]
    _, first, group = np.unique(directions, axis=0, return_index=True, return_inverse=True)
    others = np.flatnonzero(first[group.reshape(-1)] != np.arange(len(rows)))
    if len(others):
        raise InputError(
            f"training points {first[group.reshape(-1)[others[0]]]} and {others[0]} are parallel: with "
            "sigma_b = 0 the network cannot tell them apart (Theorem D.4 needs pairwise non-parallel "
            "points); give sigma_b > 0"
        )
