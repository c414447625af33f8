"""What the spectrum of a kernel matrix says about training: conditioning, learning rates, hypotheses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import InputError
from kernelcalc.kernels import Kernel
from kernelcalc.training.dynamics import Diagonal, Triangular

if TYPE_CHECKING:
    from kernelcalc.training.inputs import Reals


class ConditioningWarning(UserWarning):
    """The kernel matrix is singular up to rounding, and the result depends on how that is resolved."""


class HypothesisWarning(UserWarning):
    """A theorem that ties finite networks to this prediction does not apply to these data."""


@dataclass(frozen=True)
class Spectrum:
    """The spectrum of K(X, X) (plus the ridge) and what follows from it.

    values: eigenvalues by falling real part, complex only for an asymmetric kernel; noise: what float64 does
    not know of each; scale: 1 for the sum convention of the loss, 1/n for the mean; symmetrised: smallest and
    largest eigenvalue of (K + K^T)/2; method, residual: of the decomposition; theorem: the one that ties
    finite networks to the prediction; smooth: whether the activation is Lipschitz, as it requires.
    """

    values: Any
    noise: Reals
    scale: float
    symmetrised: tuple[float, float]
    symmetric: bool
    method: str
    residual: float
    theorem: str
    smooth: bool = True

    @property
    def effective_rank(self) -> int:
        """Number of eigenvalues that are not zero up to rounding."""
        return int((np.abs(self.values) > self.noise).sum())

    @property
    def condition(self) -> float:
        """Largest over smallest modulus of the eigenvalues; inf if the matrix is singular up to rounding."""
        size = np.abs(self.values)
        return float(size.max() / size.min()) if self.effective_rank == len(size) else math.inf

    @property
    def max_learning_rate(self) -> float:
        """Gradient descent converges for learning rates below this: min 2 Re x/|x|^2 over the eigenvalues x.

        That is 2/largest for a symmetric kernel. Raises InputError if no learning rate is stable.
        """
        x = self.values[np.abs(self.values) > self.noise]
        if not len(x) or x.real.min() <= 0:
            what = f"the eigenvalue {x[x.real.argmin()]:.3g}" if len(x) else "a kernel matrix that is zero"
            raise InputError(f"no learning rate is stable: training diverges along {what}")
        return float((2 * x.real / np.abs(x) ** 2).min()) / self.scale

    @property
    def critical_learning_rate(self) -> float:
        """2/(smallest + largest) eigenvalue of the symmetrised matrix: the bound of Theorem C.4.

        The theorem as printed lacks the exponent -1 of Lee et al. 2019, Theorem 2.2.
        """
        return 2 / (max(self.symmetrised[0], 0.0) + self.symmetrised[1]) / self.scale

    @property
    def hypothesis_holds(self) -> bool | None:
        """Whether the smallest eigenvalue of (K + K^T)/2 is positive; None if rounding hides its sign."""
        low, high = self.symmetrised
        rounding = self.noise.max() if self.symmetric else len(self.values) * np.finfo(np.float64).eps * high
        return None if abs(low) <= rounding else low > 0

    @property
    def statement(self) -> str:
        """The hypothesis of the theorem that ties finite networks to the prediction, and whether it holds."""
        of = "K(X, X)" if self.symmetric else "the symmetrised K(X, X)"
        what = f"the smallest eigenvalue of {of} is {self.symmetrised[0]:.3g}"
        if self.hypothesis_holds is None:
            return f"{self.theorem}: not decided, {what}, which is zero up to rounding"
        if not self.hypothesis_holds:
            return (
                f"{self.theorem} does not apply: {what} < 0. The infinite network is computed all the same; "
                "how closely finite ones follow it is not known"
            )
        if self.smooth:
            return f"{self.theorem} applies: {what} > 0"
        return (
            f"{self.theorem}: {what} > 0, as it requires, but the activation is not Lipschitz: the theorem "
            "holds for smooth activations near it"
        )

    def __str__(self) -> str:
        x = self.values
        try:
            stable = f"{self.max_learning_rate:.6g}"
        except InputError as error:
            stable = str(error)
        bound = f" (bound of Theorem C.4, corrected: {self.critical_learning_rate:.6g})" * self.symmetric
        return "\n".join(
            [
                f"{len(x)} training points, {'symmetric' if self.symmetric else 'asymmetric'} kernel matrix",
                f"eigenvalues       {_number(x[0])} ... {_number(x[-1])}",
                f"condition         {self.condition:.3g}",
                f"effective rank    {self.effective_rank} of {len(x)}",
                f"max learning rate {stable}" + bound,
                f"decomposition     {self.method}, relative residual {self.residual:.1e}",
                self.statement,
            ]
        )


def _number(x: complex) -> str:
    return f"{x.real:.6g}" if not np.iscomplexobj(x) or x.imag == 0 else f"{x:.6g}"


def spectrum(M: Reals, dynamics: Diagonal | Triangular, scale: float, kernel: object) -> Spectrum:
    """The report on M, the matrix of kernel, from its decomposition."""
    symmetric = dynamics.method == "eigh"
    values = dynamics.values
    ends = values if symmetric else np.linalg.eigvalsh((M + M.T) / 2)
    return Spectrum(
        values=values[np.lexsort((values.imag, -values.real))],
        noise=dynamics.noise if isinstance(dynamics, Diagonal) else np.full(len(M), dynamics.noise),
        scale=scale,
        symmetrised=(float(ends.min()), float(ends.max())),
        symmetric=symmetric,
        method=dynamics.method,
        residual=dynamics.residual,
        theorem="Theorem C.4" if getattr(kernel, "symmetric", True) else "Theorem 2.5",
        smooth=not isinstance(kernel, Kernel) or kernel.f1.lipschitz is not None,
    )
