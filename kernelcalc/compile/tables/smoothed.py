"""Means of a function s at all centres and deviations of a square, for the tables of planes.py.

Where s jumps at t, its mean near (t, 0) depends on (mu - t)/x however small they are. So the jumps are taken
out first, as edges whose means have a closed form; what is left kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from kernelcalc import gauss
from kernelcalc.errors import InputError
from kernelcalc.late import Late

if TYPE_CHECKING:
    from scipy import special
else:
    special = Late("scipy.special")

Vector = NDArray[np.float64]

MOST = 24000  # panels, and squares
REACH = 8.0  # standard deviations: beyond them lies a part in 10^15
PANEL = 1.5  # of them: exp(-u^2/2) times a resolved function, by RULE
FINEST = -8  # panels next to a kink have the width 2^FINEST
RULE = gauss.rule(10)
LEGENDRE = legvander(RULE[0], 9) * (2 * np.arange(10) + 1) / 2 * RULE[1][:, None]
RESOLVED, HALVINGS = 1e-11, 12  # of a Legendre series, relative to sup |s| (the rule squares it); of panels
TINY = 1e-300
FEW = 8  # kinks at which the largest mean is sought
FALL = 2.0**10  # times what is found there: a square has smaller deviations, too
WIDE = 6.0  # widths of a density over which its centres may lie apart


class TooMany(InputError):
    """More panels or squares than are worth while."""


def _plain() -> tuple[Vector, Vector]:
    """Nodes and weights for the mean of a smooth function of a standard normal variable."""
    left = np.arange(-REACH, REACH)
    nodes = (left[:, None] + (1 + RULE[0]) / 2).ravel()
    return nodes, np.tile(RULE[1] / 2, len(left)) * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)


PLAIN = _plain()


@dataclass(frozen=True)
class Edge:
    """height exp(-decay (z - at)^2/2) for z > at, and 0 below. Its mean has a closed form."""

    at: float
    height: float
    decay: float = 1.0

    def __call__(self, z: Vector) -> Vector:
        """The function itself."""
        found: Vector = np.where(z > self.at, self.height * np.exp(-self.decay * (z - self.at) ** 2 / 2), 0.0)
        return found

    def mean(self, mu: Any, x: Any) -> Any:
        """Of the function at N(mu, x^2)."""
        spread = 1 + self.decay * x * x
        at = (mu - self.at) / np.sqrt(spread)
        below = special.ndtr(at / np.maximum(x, TINY))
        return self.height * np.exp(-self.decay * at * at / 2) / np.sqrt(spread) * below


class Smoothed:
    """E r(mu + x Z) and E |s(mu + x Z)|, where r is s without edges.

    values: s as a map of arrays; kinks: of s; reach: of |mu| and x; name: what to call s; near: how far
    from 0 the size of s counts, `top` (finite for an unbounded s).
    """

    def __init__(
        self,
        values: Callable[[Vector], Vector],
        kinks: Iterable[float],
        reach: float,
        name: str,
        edges: tuple[Edge, ...] = (),
        near: float = np.inf,
    ) -> None:
        self._most: dict[float, float] = {}
        self.whole, self.edges, self.bounded = values, edges, near == np.inf
        self.kinks = np.array(sorted({0.0, *kinks}))
        steps = np.ldexp(1.0, np.arange(FINEST, int(np.log2(reach)) + 2))
        cuts = np.unique(self.kinks[:, None] + np.concatenate([-steps, [0.0], steps]))
        left, width = cuts[:-1], np.diff(cuts)
        self.top, self.cuts = 0.0, cuts
        for _ in range(HALVINGS):  # panels that resolve s
            nodes = left[:, None] + width[:, None] * (1 + RULE[0]) / 2
            h = self._both(nodes.ravel()).reshape(2, *nodes.shape)
            sizes = np.abs(h[1]).max(axis=1)
            self.top = max(self.top, float(sizes[np.abs(left) < near].max(initial=0.0)))
            rough = np.abs(h @ LEGENDRE)[..., -2:].max(axis=(0, 2)) > RESOLVED * np.maximum(self.top, sizes)
            if not rough.any():
                break
            if rough.sum() > MOST:
                raise TooMany(f"{name} oscillates or jumps too often for its mean to be tabulated")
            left, width = left[rough], width[rough] / 2
            self.cuts = np.union1d(self.cuts, left + width)
            left, width = np.concatenate([left, left + width]), np.tile(width, 2)

    def _both(self, z: Vector) -> Vector:
        """r and s at z, in two rows."""
        s = self.whole(z)
        return np.stack([s - sum((edge(z) for edge in self.edges), np.zeros_like(z)), s])

    def most(self, x: float) -> float:
        """About the largest E |s| at deviations up to x that are as large as squares of this size."""
        if x not in self._most:
            sizes = [self(float(kink), np.zeros(1), np.array([x]))[1].item() for kink in self.kinks[:FEW]]
            self._most[x] = min(self.top, FALL * max(sizes))
        return self._most[x]

    def kind(self, left: float, low: float, width: float) -> str:
        """How to treat the square [left, left + width] x [low, low + width], left < 0 if that is towards -oo:
        "fit" it, "halve" it in any case, or leave it "folded" or "unused"."""
        return "fit"

    def _nodes(self, low: float, high: float, width: float, start: float) -> tuple[Vector, Vector]:
        """Nodes and weights between low and high, all relative to start, on panels no wider than width."""
        own = self.cuts - start
        own = own[(low < own) & (own < high)]
        cuts = np.unique(np.concatenate([np.arange(low, high, width), [high], own]))
        half = np.diff(cuts) / 2
        nodes = cuts[:-1, None] + half[:, None] * (1 + RULE[0])
        return nodes.ravel(), (half[:, None] * RULE[1]).ravel()

    def __call__(self, start: float, mu: Vector, x: Vector) -> tuple[Vector, Vector]:
        """G and E |s| for all pairs (start + mu, x)."""
        wide = WIDE * x >= mu.max() - mu.min()
        if wide.all():
            return self._together(start, mu, x)
        values, sizes = np.empty((2, len(mu), len(x)))
        if wide.any():
            values[:, wide], sizes[:, wide] = self._together(start, mu, x[wide])
        narrow = np.flatnonzero(~wide)  # differences of large numbers would round: each mean by itself
        centre = start + mu
        z = centre[:, None, None] + x[narrow, None] * PLAIN[0]
        rest, whole = self._both(z.ravel()).reshape(2, *z.shape) * PLAIN[1]
        values[:, narrow], sizes[:, narrow] = rest.sum(axis=2), np.abs(whole).sum(axis=2)
        far = np.abs(centre[:, None] - self.kinks).min(axis=1)
        for i, k in np.argwhere(far[:, None] <= REACH * x[narrow]):
            one = i, narrow[k]
            value, size = self._together(start, mu[i : i + 1], x[narrow[k], None])
            values[one], sizes[one] = value[0, 0], size[0, 0]
        return values, sizes

    def _together(self, start: float, mu: Vector, x: Vector) -> tuple[Vector, Vector]:
        """On nodes that all of mu and x share, counted from a kink where there is one within reach: there s
        is steep, and rounding would tell."""
        middle = start + (mu.max() + mu.min()) / 2
        kink = float(self.kinks[np.abs(self.kinks - middle).argmin()])
        reach = REACH * float(x.max())
        if abs(kink - middle) <= reach + np.ptp(mu):
            start, mu = kink, (start - kink) + mu
        ends = float(mu.min()) - reach, float(mu.max()) + reach
        z, weights = self._nodes(*ends, PANEL * float(x.min()), start)
        rest, whole = weights * self._both(start + z)
        density = (z - mu[:, None, None]) / x[:, None]
        density *= density
        density *= -0.5
        np.exp(density, out=density)
        scale = x * np.sqrt(2 * np.pi)
        return density @ rest / scale, density @ np.abs(whole) / scale
