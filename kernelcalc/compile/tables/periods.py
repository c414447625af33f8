"""The surrogate derivative that repeats for ever to the right of 0 (expectation/waves.py), for planes.py.

Left of 0 and near it the mean is a function of mu and x, to the right it has the period of the wave. Where
the density is as wide as several periods the wave acts through its mean p, and through what the cut at 0
leaves: with u = mu/x, the wave - p integrated by parts again and again (Euler and Maclaurin's formula),

    E wave(Y) 1{Y > 0} = p Phi(u) + phi(u) sum_{j>0} (-1)^j C_j He_{2j-1}(u) x^{-2j},

C_j = sum_k p_k (2 pi k)^{-2j} for the wave p + sum_k p_k cos(2 pi k z).
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfc, erfcx

from kernelcalc.compile.tables.means import rule
from kernelcalc.compile.tables.smoothed import Edge, Smoothed, Vector
from kernelcalc.expectation.waves import Wave

LONG, PANEL = 10.0, 8.0  # deviations that long doubles see; width of a panel in units of tau or rho at most
CUT = 8.5  # deviations to the right of 0 where the cut is nothing
GONE = 40.0  # exp(-GONE) is nothing
LARGE = 4.0  # deviations in periods: from here on the formula above
TERMS = 12  # of it
KINKS = 160  # as far as densities reach that are not large
FAR = 2.0**12  # periods: further out a float64 says too little of where in a period it lies


def mean(wave: Wave, x: float) -> np.longdouble:
    """E s(x Z) in long doubles, x of the size of the period at most."""
    A, tau, rho, start = (np.longdouble(str(t)) for t in wave.numbers())
    reach, width = np.longdouble(LONG * x), np.longdouble(min(x, PANEL * float(rho), PANEL * float(tau)))
    kinks = np.arange(KINKS) / np.longdouble(2) + start
    kinks = kinks[np.abs(kinks) < reach]
    cuts = np.unique(np.concatenate([np.arange(-reach, reach, width), [reach], kinks]))
    u, weights, _ = rule()
    y = cuts[:-1, None] + np.diff(cuts)[:, None] * u
    z = y - start
    powers = np.where(z < 0, np.minimum(z, 0) / tau, -np.abs(z - np.floor(z + 0.5)) / rho) - (y / x) ** 2 / 2
    total = (np.exp(powers) @ weights) @ np.diff(cuts)
    found: np.longdouble = A * total / (x * np.sqrt(8 * np.arctan(np.longdouble(1))))
    return found


class Whole(Smoothed):
    """The wave without a cut, on half a period."""

    def __init__(self, wave: Wave, name: str) -> None:
        kinks = np.arange(-KINKS // 4, KINKS // 4 + 1) / 2
        super().__init__(wave.whole, kinks.tolist(), 1.0, name)

    def kind(self, left: float, low: float, width: float) -> str:
        """Nothing beyond half a period."""
        if left >= 1 / 2:
            return "unused"
        return "fit" if width <= 1 / 2 else "halve"


class Cut(Smoothed):
    """The function itself. The mean of the wave is an edge, too."""

    def __init__(self, wave: Wave, name: str) -> None:
        self._height, self._tau = float(wave.A), float(wave.tau)
        mean, *self._more = map(float, wave.moments(TERMS))
        edges = Edge(0.0, mean, 0.0), Edge(0.0, -mean)
        super().__init__(wave.values, (np.arange(KINKS + 1) / 2).tolist(), LARGE, name, edges)

    def kind(self, left: float, low: float, width: float) -> str:
        """Folded where the cut is out of sight; far to the left nothing is left."""
        beyond = abs(left) - CUT * (low + width)
        if left >= 0 and beyond >= 0:
            return "folded"
        if left < 0 and beyond > GONE * self._tau:
            return "unused"
        return "halve" if low < LARGE < low + width else "fit"

    def __call__(self, start: float, mu: Vector, x: Vector) -> tuple[Vector, Vector]:
        """As its parent, and for large x the formula."""
        if x.min() < LARGE:
            return super().__call__(start, mu, x)
        centre = (start + mu)[:, None]
        u = centre / x
        density = np.exp(-u * u / 2)
        total, before, now = np.zeros_like(u), np.ones_like(u), u
        for j, moment in enumerate(self._more, 1):
            total += (-1) ** j * moment * now / x ** (2 * j)
            before, now = now, u * now - (2 * j - 1) * before
            before, now = now, u * now - 2 * j * before
        total = self._left(centre, x) + total * density / np.sqrt(2 * np.pi)
        means = [edge.mean(centre, x) for edge in self.edges]
        return total - means[1], total + means[0]

    def _left(self, mu: Vector, x: Vector) -> Vector:
        """The mean of the exponential function left of 0."""
        u, wide = mu / x, x / self._tau
        y = (u + wide) / np.sqrt(2)
        far = np.exp(-u * u / 2) * erfcx(np.maximum(y, 0))
        near = np.exp(np.minimum(wide * (u + wide / 2), 0)) * erfc(np.minimum(y, 0))
        found: Vector = self._height / 2 * np.where(y > 0, far, near)
        return found
