"""What training does to one eigenvalue x of the kernel matrix, as entire functions of x.

Under gradient flow the coefficients obey a' = r - M a in the time s = rate * t, and after k steps of
gradient descent a <- a + rate (r - M a), both from a = 0. So a = phi(M) r, and the error is decay(M) r:

    flow:   decay(x) = exp(-s x),      phi(x) = (1 - exp(-s x))/x = integral of exp(-u x) over 0 < u < s
    steps:  decay(x) = (1 - rate x)^k, phi(x) = (1 - (1 - rate x)^k)/x

phi has no pole: a singular M needs no inverse at finite times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64] | NDArray[np.complex128] | NDArray[np.inexact[Any]]

TERMS = 16  # of the Taylor series at |x| <= 1/2, where the next term is below 1e-19


@dataclass(frozen=True)
class Flow:
    """Gradient flow for the time span = rate * t (inf allowed)."""

    span: float

    @property
    def when(self) -> str:
        return "t = oo" if self.span == math.inf else f"rate * t = {self.span:g}"

    def decay(self, x: Array) -> Array:
        """exp(-span x); the limit is 0 where Re x > 0."""
        if self.span == math.inf:
            return _zero(x, x.real > 0, self.when)
        return _finite(np.exp, -self.span * x, self.when)

    def phi(self, x: Array) -> Array:
        """(1 - exp(-span x))/x; the limit is 1/x where Re x > 0. Raises Undefined where there is none."""
        if self.span == math.inf:
            _zero(x, x.real > 0, self.when)
            return np.asarray(1 / x)
        small = np.abs(x) * self.span < 1e-300  # also x = 0
        ratio = _finite(np.expm1, -self.span * x, self.when) / np.where(small, 1, -x)
        return np.where(small, self.span, ratio)

    def of_matrix(self, M: Array) -> Array:
        """phi(M), by Taylor series for a short time and doubling of the time; the span must be finite."""
        doublings = max(0, math.ceil(math.log2(max(self.span * float(np.linalg.norm(M, 1)), 1e-300) * 2)))
        step = math.ldexp(self.span, -doublings)
        unit = np.eye(len(M), dtype=M.dtype)
        phi = unit / TERMS
        for k in range(TERMS - 1, 0, -1):  # Horner: 1 - A/2 (1 - A/3 (...)) with A = step M
            phi = (unit - step * (M @ phi)) / k
        phi = step * phi
        decay = unit - M @ phi
        with np.errstate(over="ignore", invalid="ignore"):  # seen by _whole
            for _ in range(doublings):
                phi, decay = phi + decay @ phi, decay @ decay
        return _whole(phi, self.when)


@dataclass(frozen=True)
class Steps:
    """count steps of gradient descent (inf allowed) with the given rate."""

    rate: float
    count: float

    @property
    def span(self) -> float:
        return self.rate * self.count if self.count else 0.0

    @property
    def when(self) -> str:
        return "steps = oo" if self.count == math.inf else f"step {self.count:.0f}"

    def decay(self, x: Array) -> Array:
        """(1 - rate x)^count; the limit is 0 where |1 - rate x| < 1."""
        if self.count == math.inf:
            return _zero(x, np.abs(1 - self.rate * x) < 1, self.when)
        return _finite(lambda u: np.power(u, self.count), 1 - self.rate * x, self.when)

    def phi(self, x: Array) -> Array:
        """(1 - (1 - rate x)^count)/x; its limit 1/x where |1 - rate x| < 1. Raises Undefined elsewhere."""
        if self.count == math.inf:
            _zero(x, np.abs(1 - self.rate * x) < 1, self.when)
            return np.asarray(1 / x)
        u = self.rate * x
        near = np.abs(u) < 0.5  # here 1 - (1 - u)^k cancels
        close = -np.expm1(self.count * np.log1p(-np.where(near, u, 0)))
        one_minus_decay = np.where(near, close, 1 - self.decay(np.where(near, 0, x)))
        small = np.abs(u) * self.count < 1e-300
        return np.where(small, self.span, one_minus_decay / np.where(small, 1, x))

    def of_matrix(self, M: Array) -> Array:
        """phi(M), by repeated doubling of the number of steps; the count must be finite."""
        unit = np.eye(len(M), dtype=M.dtype)
        phi, decay = 0 * unit, unit  # after the steps counted so far
        power_phi, power_decay = self.rate * unit, unit - self.rate * M
        remaining = int(self.count)
        with np.errstate(over="ignore", invalid="ignore"):  # seen by _whole
            while remaining:
                if remaining & 1:
                    phi, decay = phi + decay @ power_phi, decay @ power_decay
                remaining >>= 1
                if remaining:
                    power_phi, power_decay = power_phi + power_decay @ power_phi, power_decay @ power_decay
        return _whole(phi, self.when)


Filter = Flow | Steps


def _zero(x: Array, converges: NDArray[np.bool_], when: str) -> Array:
    if not converges.all():
        wrong = x[~converges]
        worst = complex(wrong[wrong.real.argmin()])
        value = f"{worst.real:.3g}" if worst.imag == 0 else f"{worst:.3g}"
        advice = "use a smaller learning rate" if worst.real > 0 else "ask for a finite t, or add a ridge"
        raise Undefined(
            f"no limit at {when}: training diverges along the eigenvalue {value} of the kernel matrix; "
            f"{advice}"
        )
    return 0 * x


def _finite(function: Callable[[Any], Any], argument: Array, when: str) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return _whole(np.asarray(function(argument)), when)


def _whole(result: Array, when: str) -> Array:
    if not np.isfinite(result).all():
        raise Undefined(
            f"training diverges: the values at {when} are beyond 1e308; use a smaller time or learning rate"
        )
    return result
