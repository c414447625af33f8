"""The joint law of (X, Y), and a number together with its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.quadrature.exact import number
from kernelcalc.quadrature.rules import GUARD, rules


class Estimate(NamedTuple):
    """A number by two rules, and the size of the terms it is a sum of."""

    first: mpf
    second: mpf
    scale: mpf

    def plus(self, other: Estimate) -> Estimate:
        return Estimate(self.first + other.first, self.second + other.second, self.scale + other.scale)

    def times(self, other: Estimate) -> Estimate:
        return Estimate(self.first * other.first, self.second * other.second, self.scale * other.scale)


ZERO = Estimate(mpf(0), mpf(0), mpf(0))


def pointwise(value: Callable[[], mpf], digits: int) -> Estimate:
    """A number that needs no mesh, at the precisions of the two rules."""
    found = []
    for rule in rules(digits):
        with mp.workdps(rule.dps):
            found.append(value())
    return Estimate(found[0], found[1], abs(found[1]))


class Pair(NamedTuple):
    """(X, Y) = (sqrt(a) u, sqrt(b) v), where (u, v) has the density
    exp(-(u^2 - 2 rho u v + v^2) / (2 s^2)) / (2 pi s), s^2 = 1 - rho^2, or v = line u if line = +-1.

    ``dps`` digits of everything are known; ``spare`` is what positions need beyond the digits of values.
    """

    root_a: mpf
    root_b: mpf
    rho: mpf
    s: mpf
    line: int
    dps: int
    spare: int

    def swapped(self) -> Pair:
        return self._replace(root_a=self.root_b, root_b=self.root_a)

    def log_density(self, u: mpf, v: mpf) -> mpf:
        """Up to the constant -log(2 pi s)."""
        with mp.workdps(self.dps):
            return -(u * u - 2 * self.rho * u * v + v * v) / (2 * self.s**2)


def pair_of(a: sp.Expr, b: sp.Expr, c: sp.Expr, line: int, digits: int) -> Pair:
    """The law for exact variances a, b > 0 and covariance c, c^2 < a b unless line = +-1."""
    with mp.workdps(20):
        lost = 0 if line else max(0, -int(mp.log10(number(1 - c**2 / (a * b)))))
    spare = 2 * GUARD + 2 * lost
    with mp.workdps(digits + spare):
        root_a, root_b = mp.sqrt(number(a)), mp.sqrt(number(b))
        rho = mpf(line) if line else number(c) / (root_a * root_b)
        s = mpf(0) if line else mp.sqrt(number(a * b - c**2)) / (root_a * root_b)
        return Pair(root_a, root_b, rho, s, line, digits + spare, spare)
