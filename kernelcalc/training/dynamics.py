"""phi(M) of a kernel matrix M, by the decomposition that its conditioning allows.

Direct      M^-1 by Cholesky or LU: only for the limit, only if M is well conditioned and the limit exists
Diagonal    eigenvectors: symmetric M always; any other M if its eigenvectors are well conditioned
Triangular  Schur form, with the matrix function by doubling: what remains

Float64 knows an eigenvalue up to its noise, n eps |M| times its condition number. Directions whose eigenvalue
lies within its noise count as null: their factor phi is that of x = max(x, 0) while rate * t is short
against 1/noise, and they are left out after that (at t = oo this is the solution of minimal norm).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.linalg as la

from kernelcalc.errors import Undefined
from kernelcalc.training.filters import Filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelcalc.training.inputs import Reals

    Complexes = NDArray[np.complex128]

EPS = float(np.finfo(np.float64).eps)
WELL_CONDITIONED = 1e4  # eigenvectors beyond this condition number cost more than four digits
SMALL = 1e-12  # residual of eigenvectors that are right up to rounding
NEGATIVE = 1e-6  # relative size up to which a negative eigenvalue of a symmetric kernel is a rounding error
DRIFT = 1e-6  # relative size at which growth in a null direction is no rounding error


class Dynamics(Protocol):
    """Functions of one kernel matrix M (n, n)."""

    @property
    def method(self) -> str:
        """Which decomposition."""

    @property
    def residual(self) -> float:
        """Relative, of the decomposition or solution."""

    @property
    def null(self) -> int:
        """Number of directions whose eigenvalue is zero up to rounding."""

    def undecided(self, filter_: Filter) -> bool:
        """Whether training is so long that eigenvalues lost in rounding matter."""

    def responses(self, left: Reals, filters: Sequence[Filter], right: Reals) -> Iterator[Reals]:
        """left phi(M) right for every filter: (p, n), (n, o) -> (p, o)."""


def is_symmetric(M: Reals) -> bool:
    """Whether M equals its transpose up to the rounding of its entries."""
    return bool((np.abs(M - M.T) <= 8 * EPS * np.abs(M).max()).all())


class Direct:
    """M^-1, for the limit of training.

    LinAlgError if M is not safely invertible, or if the limit may not exist.
    """

    null = 0

    def __init__(self, M: Reals, tolerance: float | None = None) -> None:
        symmetric_part = la.cholesky((M + M.T) / 2, lower=True, check_finite=False)  # Re eigenvalues > 0
        norm = float(np.linalg.norm(M, 1))
        self._M, self._symmetric = M, is_symmetric(M)
        if self._symmetric:
            self.method, self._factors = "cholesky", symmetric_part
            reciprocal, _ = la.lapack.dpocon(symmetric_part, norm, uplo="L")
        else:
            self.method = "lu"
            self._factors, self._pivots = la.lu_factor(M, check_finite=False)
            reciprocal, _ = la.lapack.dgecon(self._factors, norm)
        self.condition = 1 / max(float(reciprocal), 1e-300)  # in the 1-norm, estimated
        if reciprocal < 100 * (len(M) * EPS if tolerance is None else tolerance):
            raise la.LinAlgError("the matrix is close to singular")
        self.residual = 0.0

    def undecided(self, filter_: Filter) -> bool:
        return False

    def responses(self, left: Reals, filters: Sequence[Filter], right: Reals) -> Iterator[Reals]:
        smaller_left = len(left) < right.shape[1]
        solution = self._solve(left.T, transposed=True).T if smaller_left else self._solve(right)
        for _ in filters:  # all of them are the limit
            yield solution @ right if smaller_left else left @ solution

    def _solve(self, right: Reals, *, transposed: bool = False) -> Reals:
        if self._symmetric:
            solution: Reals = la.cho_solve((self._factors, True), right, check_finite=False)
        else:
            pivots = self._pivots.copy()  # SciPy writes into them, which read-only memory does not bear
            solution = la.lu_solve((self._factors, pivots), right, int(transposed), check_finite=False)
        M = self._M.T if transposed else self._M
        rest = float(np.linalg.norm(M @ solution - right))
        size = float(np.linalg.norm(M) * np.linalg.norm(solution))
        self.residual = max(self.residual, rest / (size or 1))
        return solution


@dataclass(frozen=True)
class Diagonal:
    """M = V diag(values) inverse; noise: what float64 does not know of every eigenvalue."""

    values: Any  # (n,) real or complex, by falling real part
    vectors: Any  # columns: right eigenvectors of length 1
    inverse: Any  # rows: left eigenvectors
    noise: Reals
    method: str
    residual: float

    @cached_property
    def lost(self) -> NDArray[np.bool_]:
        """Eigenvalues that are zero up to rounding."""
        return np.asarray(np.abs(self.values) <= self.noise)

    @property
    def null(self) -> int:
        return int(self.lost.sum())

    def undecided(self, filter_: Filter) -> bool:
        return bool(self._out(filter_).any())

    def _out(self, filter_: Filter) -> NDArray[np.bool_]:
        """What is lost, and would matter so late; also of a matrix that is zero."""
        return self.lost if filter_.span == math.inf else self.lost & (filter_.span * self.noise > 1)

    def responses(self, left: Reals, filters: Sequence[Filter], right: Reals) -> Iterator[Reals]:
        before, after = left @ self.vectors, self.inverse @ right
        blank = len(self.values) * EPS * np.linalg.norm(left, axis=1, keepdims=True)
        before[:, self.lost] *= np.abs(before[:, self.lost]) > blank  # else noise, which t would magnify
        for filter_ in filters:
            out = self._out(filter_)
            if out.any() and self.method != "eigh":  # a positive semidefinite kernel cannot drift
                check_drift(before[:, out] @ after[out], left, right, filter_)
            kept = np.where(self.lost, np.maximum(self.values.real, 0), self.values)[~out]
            response = (before[:, ~out] * filter_.phi(kept)) @ after[~out]
            yield np.ascontiguousarray(response.real)


class Triangular:
    """M = U T U*, eigenvalues that are zero up to rounding last."""

    method = "schur"

    def __init__(self, M: Reals, tolerance: float) -> None:
        self.noise = tolerance * math.sqrt(np.linalg.norm(M, 1) * np.linalg.norm(M, np.inf))
        T, U, regular = la.schur(
            M.astype(np.complex128), output="complex", sort=lambda x: abs(x) > self.noise, check_finite=False
        )
        self._T, self._U, self._regular = T, U, int(regular)
        self.null = len(M) - self._regular
        self.residual = float(np.linalg.norm(U @ T @ U.conj().T - M) / np.linalg.norm(M))
        self.values: Complexes = np.diag(T).copy()

    def undecided(self, filter_: Filter) -> bool:
        return self.null > 0 and filter_.span * self.noise > 1

    def responses(self, left: Reals, filters: Sequence[Filter], right: Reals) -> Iterator[Reals]:
        before, after = left @ self._U, self._U.conj().T @ right
        k = self._regular
        for filter_ in filters:
            if not self.undecided(filter_) and math.isfinite(filter_.span):
                yield np.ascontiguousarray((before @ (filter_.of_matrix(self._T) @ after)).real)
                continue
            if self.null:
                to_null = la.solve_sylvester(self._T[:k, :k], -self._T[k:, k:], -self._T[:k, k:])
                check_drift((before[:, k:] + before[:, :k] @ to_null) @ after[k:], left, right, filter_)
                after = after.copy()
                after[:k] -= to_null @ after[k:]
            kept = self._T[:k, :k]
            if math.isfinite(filter_.span):
                solution = filter_.of_matrix(kept) @ after[:k]
            else:
                filter_.phi(self.values[:k])  # Undefined where training diverges
                solution = la.solve_triangular(kept, after[:k], check_finite=False)
            yield np.ascontiguousarray((before[:, :k] @ solution).real)


def decompose(M: Reals, tolerance: float | None = None) -> Diagonal | Triangular:
    """The decomposition of M fit for its conditioning; tolerance: relative, of the noise (default n eps)."""
    n = len(M)
    relative = n * EPS if tolerance is None else tolerance
    if is_symmetric(M):
        values, vectors = la.eigh((M + M.T) / 2, check_finite=False)
        values, vectors = values[::-1], vectors[:, ::-1]
        largest, least = float(np.abs(values).max()), float(values[-1])
        # a kernel is positive semidefinite: a slightly negative eigenvalue measures the error of its entries
        error = -2 * least if -NEGATIVE * largest < least < 0 else 0.0
        noise = np.full(n, max(relative * largest, error))
        return Diagonal(values, vectors, vectors.T, noise, "eigh", _residual(M, values, vectors))
    values, vectors = la.eig(M, check_finite=False)
    order = np.lexsort((values.imag, -values.real))
    values, vectors = values[order], vectors[:, order]
    singular, residual = la.svdvals(vectors, check_finite=False), _residual(M, values, vectors)
    if singular[0] > WELL_CONDITIONED * singular[-1] or residual > SMALL:
        return Triangular(M, relative)
    inverse = la.inv(vectors, check_finite=False)
    if not values.imag.any():
        values, vectors, inverse = values.real, vectors.real, inverse.real
    size = math.sqrt(np.linalg.norm(M, 1) * np.linalg.norm(M, np.inf))  # an upper bound of the spectral norm
    noise = relative * size * np.linalg.norm(inverse, axis=1)
    return Diagonal(values, vectors, inverse, noise, "eig", residual)


def _residual(M: Reals, values: Any, vectors: Any) -> float:
    return float(np.linalg.norm(M @ vectors - vectors * values) / (np.linalg.norm(M) or 1))


def check_drift(drift: Any, left: Reals, right: Reals, filter_: Filter) -> None:
    """Undefined if predictions keep growing along null directions, as they do for contradictory data."""
    bound = DRIFT * np.linalg.norm(left, axis=1, keepdims=True) * np.linalg.norm(right, axis=0)
    grows = (np.abs(drift) > bound).any(axis=1)
    if grows.any():
        raise Undefined(
            f"the kernel matrix is singular, and the prediction for test point {np.flatnonzero(grows)[0]} "
            f"grows in proportion to t: no value at {filter_.when}. Training points on which the network "
            "cannot differ have different targets; ask for a finite t, or add a ridge"
        )
