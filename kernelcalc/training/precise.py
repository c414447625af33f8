"""Predictions with many digits, for kernel matrices that are singular up to the rounding of float64.

The kernels come from their derived closed forms in mpmath on the exact float64 inputs. With the rows l of
K(T, X), the columns of phi(M^T) l^T are read off powers of one matrix, which needs no inverse of M:

    exp [ -s M^T  s l^T ] = [ exp(-s M^T)  phi(M^T) l^T ],    [ 1 - rate M^T  rate l^T ]^k  likewise.
        [    0      0   ]   [      0             1      ]     [      0            1    ]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from mpmath import mp, mpf

from kernelcalc.errors import InputError, Undefined
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c
from kernelcalc.training.filters import Filter, Flow

if TYPE_CHECKING:
    from kernelcalc.training.inputs import Reals


def precise_matrix(kernel: object, X: Reals, Z: Reals) -> Any:
    """k(X, Z) as an mpmath matrix (n, p), to about the working precision.

    Raises InputError for what is no Kernel, has no closed form, or is infinite at x = z.
    """
    if not isinstance(kernel, Kernel) or not isinstance(kernel.depth, int):
        raise InputError(f"many digits need a kernel with a formula, not {kernel!r}")
    with mp.workdps(2 * mp.dps + 20):  # angles near 0 cost half of the digits
        entry = _Entry(kernel)
        rows, columns = ([[mpf(float(u)) for u in x] for x in points] for points in (X, Z))
        return mp.matrix([[entry(x, z) for z in columns] for x in rows])


class _Entry:
    """k(x, z) by the recursion over the layers."""

    def __init__(self, kernel: Kernel) -> None:
        layer, self._kernel, self._same = kernel.layer, kernel, kernel.f1 == kernel.f2
        forms = [kernel.variance_map(layer.first), kernel.variance_map(layer.second)]
        forms += [kernel.covariance_map(), kernel.factor_map()]
        if self._same and layer.factor is not None:
            forms.append(kernel.sigma_w**2 * layer.factor.diagonal)
            if forms[-1].has(sp.oo):
                raise InputError(f"{kernel!r} is infinite at x = y; use SGNTK, or SingularClassifier")
        calls = [sp.lambdify((a, b, c), form, "mpmath") for form in forms]
        self._first, self._second, self._cross, self._factor = calls[:4]
        self._diagonal = calls[-1]  # the factor at x = z
        self._w, self._s = (mp.mpmathify(sigma) ** 2 for sigma in (kernel.sigma_w, kernel.sigma_b))

    def __call__(self, x: Sequence[mpf], z: Sequence[mpf]) -> mpf:
        u, v, cross = (self._w * mp.fdot(p, q) / len(x) + self._s for p, q in ((x, x), (z, z), (x, z)))
        equal = self._same and x == z
        tangent = cross
        for _ in range(int(self._kernel.depth) - 1):
            # the real part: of parallel points, rounding may leave the domain by a hair
            factor = mp.re(self._diagonal(u, u, u) if equal else self._factor(u, v, cross))
            cross = mp.re(self._first(u, u, u) if equal else self._cross(u, v, cross))
            tangent = cross + tangent * factor
            u, v = mp.re(self._first(u, u, u)), mp.re(self._second(v, v, v))
        return cross if self._kernel.layer.factor is None else tangent


class Precise:
    """M = kappa^2 K(X, X) + ridge in mpmath: K and S are the kernel and the NNGP covariance."""

    def __init__(self, K: object, S: object, X: Reals, *, kappa: float, ridge: float, digits: int) -> None:
        self.K, self.S, self.X, self.digits = K, S, X, digits
        self.square, self.ridge = mpf(kappa) ** 2, mpf(ridge)

    @cached_property
    def M(self) -> Any:
        return self.square * precise_matrix(self.K, self.X, self.X) + self.ridge * mp.eye(len(self.X))

    def means(self, T: Reals, filters: Sequence[Filter], Y: Reals) -> list[Reals]:
        """K(T, X) phi(M) Y for every filter: (p, outputs)."""
        with mp.workdps(self.digits):
            values = mp.matrix([[mpf(float(value)) for value in row] for row in Y])
            return [_floats(P * values, when) for P, when in self._projections(T, filters)]

    def covariances(self, T: Reals, filters: Sequence[Filter]) -> list[Reals]:
        """S(T, T) - P S(X, T) - S(T, X) P^T + P S(X, X) P^T with P = K(T, X) phi(M): (p, p)."""
        with mp.workdps(self.digits):
            prior, cross, initial = (
                self.square * precise_matrix(self.S, U, V) for U, V in ((T, T), (T, self.X), (self.X, self.X))
            )
            return [
                _floats(prior - P * cross.T - cross * P.T + P * initial * P.T, when)
                for P, when in self._projections(T, filters)
            ]

    def _projections(self, T: Reals, filters: Sequence[Filter]) -> Iterator[tuple[Any, str]]:
        left = self.square * precise_matrix(self.K, T, self.X)
        for filter_ in filters:
            yield self._projection(left, filter_), filter_.when

    def _projection(self, left: Any, filter_: Filter) -> Any:
        n, p = len(self.X), left.rows
        if not filter_.span:
            return mp.zeros(p, n)
        if filter_.span == math.inf:
            filter_.phi(self._eigenvalues)  # Undefined where training diverges
            return (mp.inverse(self.M.T) * left.T).T
        rate = mpf(filter_.span if isinstance(filter_, Flow) else filter_.rate)
        whole = mp.zeros(n + p)
        whole[:n, :n], whole[:n, n:] = -rate * self.M.T, rate * left.T
        if isinstance(filter_, Flow):
            return mp.expm(whole, method="taylor")[:n, n:].T
        return ((whole + mp.eye(n + p)) ** int(filter_.count))[:n, n:].T

    @cached_property
    def _eigenvalues(self) -> Any:
        """Of M, in float64, whose range holds them. Undefined if M is singular up to rounding even so."""
        exact = mp.eigsy(self.M, eigvals_only=True) if self._symmetric else mp.eig(self.M, False, False)
        sizes = [abs(x) for x in exact]
        if min(sizes) <= max(sizes) * mpf(10) ** (16 - self.digits):
            raise Undefined(
                f"the kernel matrix is singular up to rounding with {self.digits} digits: give more digits, "
                "merge equal training points, ask for a finite t, or add a ridge"
            )
        return np.array([complex(x) for x in exact])

    @property
    def _symmetric(self) -> bool:
        rest = max(abs(x) for x in self.M - self.M.T)
        return bool(rest <= max(abs(x) for x in self.M) * mpf(10) ** (5 - self.digits))


def _floats(matrix: Any, when: str) -> Reals:
    values = np.array(matrix.tolist(), dtype=np.float64)
    if not np.isfinite(values).all():
        raise Undefined(f"training diverges: the values at {when} are beyond 1e308")
    return values
