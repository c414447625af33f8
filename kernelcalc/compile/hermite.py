"""Hermite coefficients of a function at many deviations at once, with bounds of their errors.

f_k(sd) = E f(sd U) h_k(U), U standard normal, h_k orthonormal. Where f is analytic on the line the
trapezoidal rule gives all of them by one matrix product; its error shows in the difference to the rule of
half as many points. Where f has kinks the panels of ``expectation.numeric`` do, one deviation after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function

Vector = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
REACH, STEPS = 13.0, (1 / 24, 1 / 96)  # of the trapezoidal rule: exp(-13^2/4) = 4e-19
COUNTS = (32, 64, 128, 256, 512, 1024)
ENOUGH = 64 * EPS  # of the mean square: what more terms cannot better
NOISE = 4 * EPS  # of the norm: rounding of a coefficient


@dataclass(frozen=True)
class Series:
    """Coefficients (n, K) of one function at n deviations.

    errors (n,): of every coefficient; norms (n,): sqrt(E f^2); tails (n,): the norm of what is left over.
    """

    values: Vector
    errors: Vector
    norms: Vector
    tails: Vector

    def part(self, here: slice | NDArray[np.int64]) -> Series:
        """Some of the deviations."""
        return Series(self.values[here], self.errors[here], self.norms[here], self.tails[here])

    def repeated(self, count: int) -> Series:
        """The first deviation `count` times."""
        return self.part(np.zeros(count, dtype=np.int64))

    @property
    def slopes(self) -> Vector:
        """sqrt(sum k f_k^2) = sd sqrt(E f'^2): how fast duals change with the correlation."""
        k = np.arange(self.values.shape[1])
        slopes: Vector = np.sqrt((self.values**2) @ k + k[-1] * self.tails**2)
        return slopes


@lru_cache(maxsize=8)
def _basis(count: int, step: float) -> tuple[Vector, Vector]:
    """Points u, and h_k(u) phi(u) step as rows k."""
    half = int(REACH / step)
    u: Vector = np.arange(-half, half + 1, dtype=np.float64) * step
    root: Vector = numeric._root_density(u)
    rows = np.empty((count, len(u)))
    before, now = np.zeros_like(u), root.copy()
    for k in range(count):
        rows[k] = now * root * step
        before, now = now, (u * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    return u, rows


def series(f: Function, deviations: Vector) -> Series:
    """The series with as many terms as help, at most 1024. InputError where f is not square integrable."""
    if f.deltas:
        raise InputError(f"{f!r} has Dirac masses: it has no Hermite series that converges")
    for count in COUNTS:
        found = _series(f, deviations, count)
        if (found.tails**2 <= ENOUGH * found.norms**2).all():
            break
    return found


def _series(f: Function, deviations: Vector, count: int) -> Series:
    known, place = np.unique(deviations, return_inverse=True)
    ways = (_trapezoid(f, known, count, step) for step in STEPS if not f.breakpoints)
    found = next((way for way in ways if way is not None), None) or _panels(f, known, count)
    return Series(*(part[place] for part in (found.values, found.errors, found.norms, found.tails)))


def _trapezoid(f: Function, deviations: Vector, count: int, step: float) -> Series | None:
    """None where the rule does not resolve f."""
    u, rows = _basis(count, step)
    try:
        values = numeric._values(f)((deviations[:, None] * u).ravel()).reshape(len(deviations), -1)
    except numeric._Unresolved:
        return None
    fine = values @ rows.T
    coarse = 2 * (values[:, ::2] @ rows[:, ::2].T)
    weights = rows[0]  # the density times the step
    norms = np.sqrt((values**2) @ weights)
    errors = np.abs(fine - coarse).max(axis=1)
    if (errors > 16 * NOISE * norms).any():  # half the step loses no digit: the full step loses none either
        return None
    if f.parity:
        fine[:, (1 if f.parity == "even" else 0) :: 2] = 0.0
    return _with_tails(fine, NOISE * norms, norms)


def _panels(f: Function, deviations: Vector, count: int) -> Series:
    rows, errors, norms = [], [], []
    for sd in deviations:
        if sd == 0:
            at_zero = f(0.0)
            rows.append(np.array([at_zero] + [0.0] * (count - 1)))
            errors.append(NOISE * abs(at_zero))
            norms.append(abs(at_zero))
            continue
        try:
            found = numeric.coefficients(f, float(sd), count)
        except numeric._Unresolved as error:
            raise InputError(
                f"{f!r} is too steep, or grows too fast, at standard deviation {sd:.3g}"
            ) from error
        rows.append(found.values)
        errors.append(float(found.errors.max()))
        norms.append(found.norm)
    return _with_tails(np.array(rows), np.array(errors), np.array(norms))


def _with_tails(values: Vector, errors: Vector, norms: Vector) -> Series:
    rest = norms**2 - (values**2).sum(axis=1) + 2 * errors * np.abs(values).sum(axis=1)
    return Series(values, errors, norms, np.sqrt(np.maximum(rest, 0.0)))
