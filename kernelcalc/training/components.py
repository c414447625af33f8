"""Kernel principal components, convergence along them, early stopping (Jacot et al. 2018, section 5).

Pi f = 1/n sum_i f(x_i) K(., x_i) has the eigenvalues lambda_i of K(X, X)/n; its eigenfunctions f_i are the
kernel principal components of the training points. With Y = sum_i c_i f_i(X), the trained mean is

    m_t = sum_i (1 - exp(-rate_i t)) c_i f_i,    rate_i = eta n lambda_i (sum of losses), eta lambda_i (mean):

it learns the components of large lambda first, which is why to stop early.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import InputError
from kernelcalc.training import inputs
from kernelcalc.training.dynamics import Diagonal, decompose
from kernelcalc.training.filters import Flow

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from kernelcalc.training.flow import GradientFlow
    from kernelcalc.training.inputs import Reals


class Components:
    """The principal components of the training points of a GradientFlow; calling it evaluates them.

    values: eigenvalues of K(X, X)/n (with kappa, without ridge) that are not zero up to rounding, falling;
    the variance along each component. vectors (n, r): the components at X, of mean square 1. rates (r,): of
    their convergence. coefficients (r, outputs): of Y. Complex where an asymmetric kernel has complex
    eigenvalues.
    """

    def __init__(self, flow: GradientFlow) -> None:
        ridge = flow.ridge
        matrix = flow._M - ridge * np.eye(len(flow.X))
        dynamics = decompose(matrix, flow.rank_tolerance)
        if not isinstance(dynamics, Diagonal):
            raise InputError(
                "the eigenfunctions of this asymmetric kernel are too close to dependent to be told apart in "
                "float64; the predictions of GradientFlow do not need them"
            )
        n, kept = len(flow.X), ~dynamics.lost
        self._flow = flow
        self._eigenvalues = dynamics.values[kept]
        self.values = self._eigenvalues / n
        self.vectors = dynamics.vectors[:, kept] * math.sqrt(n)
        self.rates = flow.learning_rate * flow._scale * (self._eigenvalues + ridge)
        self._targets = flow.Y.reshape(n, -1)
        self.coefficients = dynamics.inverse[kept] @ self._targets / math.sqrt(n)

    def __call__(self, T: ArrayLike) -> Any:
        """The eigenfunctions at the points T (p, d): (p, r). Raises InputError for wrong shapes."""
        return self._flow._cross(T) @ self.vectors / self._eigenvalues

    def errors(self, t: ArrayLike) -> Any:
        """What is left to learn along every component, at X: shape of t + (r, outputs).

        Without a ridge c_i exp(-rate_i t); a ridge leaves the part ridge/(lambda + ridge) for ever.
        """
        when = inputs.times(t)
        scale = self._flow.learning_rate * self._flow._scale
        eigenvalues, ridge = self._eigenvalues, self._flow.ridge
        left = [1 - eigenvalues * Flow(scale * float(s)).phi(eigenvalues + ridge) for s in when.flat]
        if not ridge:
            left = [Flow(scale * float(s)).decay(eigenvalues) for s in when.flat]
        return np.array(left).reshape(*when.shape, -1, 1) * self.coefficients


@dataclass(frozen=True)
class EarlyStopping:
    """time: where the held-out error is least; error: mean squared error there; times, errors: the curve."""

    time: float
    error: float
    times: Reals
    errors: Reals


def early_stopping(
    flow: GradientFlow, T: ArrayLike, Y_T: ArrayLike, times: ArrayLike | None = None
) -> EarlyStopping:
    """The best of times (default: 200, from before the fastest component moves until the slowest settles)."""
    points = inputs.points(T, "T", flow.X.shape[1])
    wanted = inputs.targets(Y_T, "Y_T", len(points))
    if wanted.shape[1:] != flow.Y.shape[1:]:
        raise InputError(f"Y_T has shape {wanted.shape} but Y has {flow.Y.shape}: the outputs must agree")
    when = default_times(flow) if times is None else np.atleast_1d(inputs.times(times, "times"))
    means = flow.mean(points, when)
    errors = np.mean((means - wanted).reshape(when.size, -1) ** 2, axis=1)
    best = int(errors.argmin())
    return EarlyStopping(float(when.flat[best]), float(errors[best]), when, errors)


def default_times(flow: GradientFlow, count: int = 200) -> Reals:
    """Logarithmically spaced times over which every component that is above rounding converges."""
    spectrum = flow.spectrum
    x = spectrum.values.real[np.abs(spectrum.values) > spectrum.noise]
    x = x[x > 0]
    if not len(x):
        raise InputError("the kernel matrix has no positive eigenvalue: nothing is learnt")
    scale = flow.learning_rate * flow._scale
    return np.geomspace(0.01 / (scale * x.max()), 10 / (scale * x.min()), count)
