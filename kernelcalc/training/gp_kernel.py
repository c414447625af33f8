"""The kernels as kernel= of scikit-learn's GaussianProcessRegressor.

Elsewhere a kernel needs no wrapper: SVC(kernel=k), KernelRidge(kernel="precomputed").fit(k(X), y).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import InputError
from kernelcalc.training.networks import network_kernel
from kernelcalc.training.singular import is_singular

try:
    from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
except ImportError as error:
    raise ImportError("this kernel needs scikit-learn >= 1.6: pip install 'kernelcalc[sklearn]'") from error

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function

STEP = 1e-4  # of log sigma, in central differences of fourth order: truncation and rounding both near 1e-12


class InfiniteNetworkKernel(Kernel):  # type: ignore[misc]  # scikit-learn has no types
    """A symmetric network kernel with the hyperparameters sigma_w and sigma_b, which can be fitted.

    activation: a function, the name of one, or a formula; kind: "nngp" or "ntk". sigma_w_bounds and
    sigma_b_bounds: pairs, or "fixed". Gradients are central differences in log sigma, of
    relative error near 1e-11.
    Raises InputError for a singular kernel. The SG-NTK is not symmetric: use InfiniteNetworkRegressor.
    """

    def __init__(
        self,
        activation: Function | str = "relu",
        *,
        kind: str = "nngp",
        depth: int = 3,
        sigma_w: float = 1.0,
        sigma_b: float = 0.1,
        sigma_w_bounds: Any = (1e-2, 1e2),
        sigma_b_bounds: Any = (1e-3, 1e2),
    ) -> None:
        self.activation = activation
        self.kind = kind
        self.depth = depth
        self.sigma_w = sigma_w
        self.sigma_b = sigma_b
        self.sigma_w_bounds = sigma_w_bounds
        self.sigma_b_bounds = sigma_b_bounds

    @property
    def hyperparameter_sigma_w(self) -> Any:
        return Hyperparameter("sigma_w", "numeric", self.sigma_w_bounds)

    @property
    def hyperparameter_sigma_b(self) -> Any:
        return Hyperparameter("sigma_b", "numeric", self.sigma_b_bounds)

    def _network(self, sigma_w: float, sigma_b: float) -> Any:
        if self.kind not in ("nngp", "ntk"):
            raise InputError(
                f"kind={self.kind!r} must be 'nngp' or 'ntk': a Gaussian process needs a symmetric kernel"
            )
        kernel = network_kernel(
            self.activation, kind=self.kind, depth=self.depth, sigma_w=sigma_w, sigma_b=sigma_b
        )
        if is_singular(kernel):
            raise InputError(f"{kernel!r} is infinite on the diagonal; kind='nngp' is finite")
        return kernel

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The matrix (n, p); with eval_gradient (Y=None) also its derivatives by log sigma, (n, n, free)."""
        if eval_gradient and Y is not None:
            raise InputError("the gradient can only be evaluated when Y is None")
        matrix = self._network(self.sigma_w, self.sigma_b)(X, Y)
        if not eval_gradient:
            return matrix
        slopes = [
            self._slope(X, h.name) for h in self.hyperparameters if not h.fixed
        ]  # in the order of theta
        return matrix, np.stack(slopes, axis=-1) if slopes else np.empty((*matrix.shape, 0))

    def _slope(self, X: Any, name: str) -> Any:
        def at(shift: float) -> Any:
            sigmas = {"sigma_w": self.sigma_w, "sigma_b": self.sigma_b}
            sigmas[name] *= math.exp(shift)
            return self._network(**sigmas)(X)

        return (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)

    def diag(self, X: Any) -> Any:
        """k(x, x) for every row: (n,)."""
        return self._network(self.sigma_w, self.sigma_b).diag(X)

    def is_stationary(self) -> bool:
        """False: the kernel depends on the norms of the points."""
        return False

    def __repr__(self) -> str:
        numbers = f"sigma_w={self.sigma_w:.3g}, sigma_b={self.sigma_b:.3g}"
        return (
            f"{type(self).__name__}({self.activation!r}, kind={self.kind!r}, depth={self.depth}, {numbers})"
        )
