"""Predictions of infinitely wide networks trained by gradient flow or gradient descent on the squared error.

With M = K(X, X) + ridge, rate = eta (sum convention) or eta/n (mean), and phi of filters.py,

    f_t(T) = f_0(T) + K(T, X) phi_t(M) (Y - f_0(X)),        K(T, X): the test point is the first argument,

where f_0 is a Gaussian process with covariance S, the NNGP kernel (section C.2.1). Hence, with
P = K(T, X) phi_t(M),

    mean = P Y,    covariance = S(T, T) - P S(X, T) - S(T, X) P^T + P S(X, X) P^T.

For t -> oo and a symmetric K these are (S17) and (S18). The SG-NTK is not symmetric: P^T is
phi_t(M^T) K(T, X)^T, not phi_t(M) K(X, T) as (S18) reads.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.linalg as la

from kernelcalc.errors import InputError
from kernelcalc.kernels import NNGP, Kernel
from kernelcalc.training import inputs
from kernelcalc.training.dynamics import Diagonal, Direct, Dynamics, Triangular, decompose, is_symmetric
from kernelcalc.training.filters import Filter, Flow, Steps
from kernelcalc.training.spectrum import ConditioningWarning, HypothesisWarning, Spectrum, spectrum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from kernelcalc.training.components import Components, EarlyStopping
    from kernelcalc.training.inputs import Reals
    from kernelcalc.training.precise import Precise


MANY = 200  # training points, beyond which computing with many digits takes too long to advise it


class KernelLike(Protocol):
    """What a kernel must do: fill matrices, its row carrying the first argument."""

    def __call__(self, X: Any, Z: Any = None) -> Any: ...

    def diag(self, X: Any) -> Any: ...


class GradientFlow:
    """A trained network of infinite width, with squared-error loss 1/2 |f - y|^2.

    kernel: NTK, SG-NTK or generalised NTK; with the NNGP kernel only the last layer is trained, which is
    Gaussian-process regression.
    X (n, d): training points; Y (n,) or (n, outputs): targets. Outputs are independent, with one covariance.
    learning_rate: eta > 0.  loss: "sum" over the training points, or "mean" (1/n of the sum, as in S15).
    ridge >= 0: added to the diagonal of K(X, X). It is weight decay towards the initial weights (a penalty
    ridge/2 |theta - theta_0|^2, ridge/(2n) for the mean), and the noise variance of kernel ridge regression.
    kappa > 0: the network is kappa f, so that K and S are multiplied by kappa^2 (end of section C.2.1).
    nngp: the covariance at initialisation, if kernel does not know its activation.
    rank_tolerance: eigenvalues below this times the largest count as zero; default n eps.
    digits: None for float64. A number >= 20 computes mean and covariance with so many decimal digits, from
    the exact entries of X, T and Y: for kernel matrices that are singular up to the rounding of float64 and
    not in truth, as with near-duplicates (kernels with a closed form; seconds for 50 points).

    Raises InputError for wrong shapes, NaN, and kernels that are infinite on the diagonal.
    """

    def __init__(
        self,
        kernel: KernelLike,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        learning_rate: float = 1.0,
        loss: str = "sum",
        ridge: float = 0.0,
        kappa: float = 1.0,
        nngp: KernelLike | None = None,
        rank_tolerance: float | None = None,
        digits: int | None = None,
    ) -> None:
        if loss not in ("sum", "mean"):
            raise InputError(f"loss={loss!r} must be 'sum' or 'mean'")
        self.kernel = kernel
        self.X = inputs.points(X, "X")
        self.Y = inputs.targets(Y, "Y", len(self.X))
        self.learning_rate = inputs.positive(learning_rate, "learning_rate")
        self.loss = loss
        self.ridge = inputs.positive(ridge, "ridge", zero=True)
        self.kappa = inputs.positive(kappa, "kappa")
        if rank_tolerance is not None:
            inputs.positive(rank_tolerance, "rank_tolerance")
        self.rank_tolerance = rank_tolerance
        self.digits = None if digits is None else inputs.whole(digits, "digits", 20)
        self._nngp = nngp
        self._warned: set[str] = set()

    # ------------------------------------------------------------ what is predicted

    def mean(self, T: ArrayLike, t: ArrayLike = math.inf, *, steps: ArrayLike | None = None) -> Reals:
        """The mean at the points T (p, d): (p,) or (p, outputs), after the axes of t if t is an array.

        t >= 0: time, inf allowed. steps: number of steps of gradient descent instead. Raises Undefined where
        training diverges; warns (ConditioningWarning) where eigenvalues lost in rounding matter.
        """
        filters, shape = self._filters(t, steps)
        right = self.Y.reshape(len(self.X), -1)
        if self._precise is not None:
            means = np.array(self._precise.means(self._points(T), filters, right))
        else:
            means = np.array(list(self._dynamics(filters).responses(self._cross(T), filters, right)))
        return means.reshape(*shape, means.shape[1], *self.Y.shape[1:])

    def covariance(self, T: ArrayLike, t: ArrayLike = math.inf, *, steps: ArrayLike | None = None) -> Reals:
        """The covariance between the points T (p, d), equal for all outputs: (p, p), after the axes of t."""
        filters, shape = self._filters(t, steps)
        if self._precise is not None:
            exact = np.array(self._precise.covariances(self._points(T), filters))
            return exact.reshape(*shape, *exact.shape[1:])
        left = self._cross(T)
        prior = self.kappa**2 * self._matrix(self.nngp, T)
        cross = self.kappa**2 * self._matrix(self.nngp, T, self.X)
        result = np.empty((len(filters), *prior.shape))
        for filled, P in zip(result, self._projections(left, filters), strict=True):
            shared = P @ cross.T
            filled[...] = prior - shared - shared.T + P @ self._initial @ P.T
            filled[...] = (filled + filled.T) / 2
            np.fill_diagonal(filled, np.maximum(filled.diagonal(), 0))
        return result.reshape(*shape, *prior.shape)

    def variance(self, T: ArrayLike, t: ArrayLike = math.inf, *, steps: ArrayLike | None = None) -> Reals:
        """The diagonal of the covariance, never negative: (p,), after the axes of t."""
        if self._precise is not None:
            return np.diagonal(self.covariance(T, t, steps=steps), axis1=-2, axis2=-1).copy()
        filters, shape = self._filters(t, steps)
        left = self._cross(T)
        prior = self.kappa**2 * _finite(np.asarray(self.nngp.diag(inputs.points(T, "T"))), "S(T, T)")
        cross = self.kappa**2 * self._matrix(self.nngp, T, self.X)
        result = [
            np.maximum(prior + np.einsum("pn,pn->p", P, P @ self._initial - 2 * cross), 0)
            for P in self._projections(left, filters)
        ]
        return np.array(result).reshape(*shape, len(left))

    def std(self, T: ArrayLike, t: ArrayLike = math.inf, *, steps: ArrayLike | None = None) -> Reals:
        """The standard deviation: (p,), after the axes of t."""
        return np.sqrt(self.variance(T, t, steps=steps))

    def sample(
        self,
        T: ArrayLike,
        t: float = math.inf,
        *,
        steps: float | None = None,
        size: int = 1,
        seed: int | np.random.Generator | None = None,
    ) -> Reals:
        """Trained networks drawn at random, at the points T: (size, p) or (size, p, outputs)."""
        if np.ndim(t) or np.ndim(0 if steps is None else steps):
            raise InputError("sample takes one time, not an array of them")
        mean = self.mean(T, t, steps=steps)
        values, vectors = np.linalg.eigh(self.covariance(T, t, steps=steps))
        factor = vectors * np.sqrt(np.maximum(values, 0))
        normal = np.random.default_rng(seed).standard_normal((size, *mean.shape))
        return np.asarray(mean + np.einsum("pq,sq...->sp...", factor, normal))

    # ------------------------------------------------------------ how training goes

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues, conditioning, learning rates, and whether the theory's hypothesis holds."""
        return spectrum(self._M, self._decomposition, self._scale, self.kernel)

    def report(self, t: ArrayLike = math.inf, *, steps: ArrayLike | None = None) -> str:
        """How the predictions at t are computed, and how well the kernel matrix is conditioned.

        Short where no eigenvalues are needed (t = inf, well conditioned); print .spectrum for all of it.
        """
        filters, _ = self._filters(t, steps)
        dynamics = self._dynamics(filters)
        if not isinstance(dynamics, Direct):
            return str(self.spectrum)
        kind = "symmetric" if is_symmetric(self._M) else "asymmetric"
        return "\n".join(
            [
                f"{len(self.X)} training points, {kind} kernel matrix",
                f"condition         {dynamics.condition:.3g} (estimate in the 1-norm)",
                f"effective rank    {len(self.X)} of {len(self.X)}",
                f"decomposition     {dynamics.method}, relative residual {dynamics.residual:.1e}",
                "the symmetrised kernel matrix is positive definite, as Theorems C.4 and 2.5 require",
            ]
        )

    def components(self) -> Components:
        """The kernel principal components of the training points, and the convergence along them."""
        from kernelcalc.training.components import Components

        return Components(self)

    def early_stopping(self, T: ArrayLike, Y_T: ArrayLike, times: ArrayLike | None = None) -> EarlyStopping:
        """The time at which the mean has the least squared error on held-out points T (p, d), Y_T."""
        from kernelcalc.training.components import early_stopping

        return early_stopping(self, T, Y_T, times)

    # ------------------------------------------------------------ matrices

    @cached_property
    def nngp(self) -> KernelLike:
        """The covariance of the network at initialisation (for kappa = 1)."""
        if self._nngp is not None:
            return self._nngp
        if not isinstance(self.kernel, Kernel):
            raise InputError("the covariance needs the covariance at initialisation: give nngp=")
        k = self.kernel
        return NNGP(k.f1, k.depth, sigma_w=k.sigma_w, sigma_b=k.sigma_b)

    @property
    def _scale(self) -> float:
        return 1.0 if self.loss == "sum" else 1 / len(self.X)

    @cached_property
    def _M(self) -> Reals:
        M = self.kappa**2 * self._matrix(self.kernel, self.X)
        M[np.diag_indices_from(M)] += self.ridge
        return M

    @cached_property
    def _initial(self) -> Reals:
        return self.kappa**2 * self._matrix(self.nngp, self.X)

    def _cross(self, T: ArrayLike) -> Reals:
        return self.kappa**2 * self._matrix(self.kernel, T, self.X)

    @cached_property
    def _precise(self) -> Precise | None:
        if self.digits is None:
            return None
        from kernelcalc.training.precise import Precise

        return Precise(
            self.kernel, self.nngp, self.X, kappa=self.kappa, ridge=self.ridge, digits=self.digits
        )

    def _points(self, T: ArrayLike) -> Reals:
        return self.X if T is self.X else inputs.points(T, "T", self.X.shape[1])

    def _matrix(self, kernel: KernelLike, T: ArrayLike, Z: Reals | None = None) -> Reals:
        rows = self._points(T)
        return _finite(np.array(kernel(rows) if Z is None else kernel(rows, Z)), repr(kernel))

    # ------------------------------------------------------------ decompositions

    @cached_property
    def _decomposition(self) -> Diagonal | Triangular:
        return decompose(self._M, self.rank_tolerance)

    @cached_property
    def _direct(self) -> Direct | None:
        try:
            return Direct(self._M, self.rank_tolerance)
        except la.LinAlgError:
            return None

    def _dynamics(self, filters: Sequence[Filter]) -> Dynamics:
        only_limit = all(filter_ == Flow(math.inf) for filter_ in filters)
        if only_limit and "_decomposition" not in self.__dict__ and self._direct is not None:
            return self._direct
        self._warn_hypothesis()
        dynamics = self._decomposition
        if any(dynamics.undecided(filter_) for filter_ in filters):
            n, rank = len(self.X), len(self.X) - dynamics.null
            more = n <= MANY and isinstance(self.kernel, Kernel)
            self._warn(
                f"the kernel matrix has effective rank {rank} of {n}: {dynamics.null} eigenvalues are "
                "zero up to rounding. At such late times their directions are left out (minimal norm); "
                "targets along them are not fitted" + "; digits=50 knows which of them are zero" * more,
                ConditioningWarning,
            )
        return dynamics

    def _projections(self, left: Reals, filters: Sequence[Filter]) -> Any:
        """K(T, X) phi(M) for every filter."""
        dynamics = self._dynamics(filters)
        late = [filter_ for filter_ in filters if dynamics.undecided(filter_)]
        if late and not isinstance(dynamics, Direct):  # growth shows in P S(X, X), not in P
            for _ in dynamics.responses(left, late[:1], self._initial):
                pass
        return dynamics.responses(left, filters, np.eye(len(self.X)))

    def _filters(self, t: ArrayLike, steps: ArrayLike | None) -> tuple[list[Filter], tuple[int, ...]]:
        rate = self.learning_rate * self._scale
        if steps is None:
            when = inputs.times(t)
            return [Flow(rate * float(s)) for s in when.flat], when.shape
        if not (np.ndim(t) == 0 and t == math.inf):
            raise InputError("give t or steps, not both")
        when = inputs.times(steps, "steps", whole=True)
        return [Steps(rate, float(k)) for k in when.flat], when.shape

    def _warn_hypothesis(self) -> None:
        if not is_symmetric(self._M) and self._direct is None and self.spectrum.hypothesis_holds is False:
            self._warn(self.spectrum.statement, HypothesisWarning, stacklevel=5)

    def _warn(self, message: str, category: type[UserWarning], *, stacklevel: int = 4) -> None:
        if message not in self._warned:  # once for a network: a curve would repeat it at every time
            self._warned.add(message)
            warnings.warn(message, category, stacklevel=stacklevel)


def _finite(matrix: Reals, name: str) -> Reals:
    if not np.isfinite(matrix).all():
        row = int(np.argwhere(~np.isfinite(matrix))[0][0])
        raise InputError(
            f"{name} is not finite (first in row {row}): training by gradient flow does not exist for a "
            "singular kernel; use the surrogate-gradient kernel SGNTK, or SingularClassifier to classify"
        )
    return matrix
