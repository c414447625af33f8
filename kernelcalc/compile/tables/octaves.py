"""What is analytic in log x, at many x from its values at few: barycentric interpolation octave by octave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

POINTS = 24  # of an octave
ENOUGH = 2  # x for each of them: for fewer it is not worth the while
RESOLVED = 2.0**-49  # of the norm: the last terms of a polynomial


@lru_cache(maxsize=1)
def _rule() -> tuple[Vector, Vector, Vector]:
    """Chebyshev points -1 = t_0 < ... < 1, the weights of the barycentric formula, and the matrix from values
    to the last two coefficients of a Chebyshev series."""
    k, n = np.arange(POINTS), POINTS - 1
    ends = np.where(k % n == 0, 0.5, 1.0)
    last = np.cos(np.pi * (np.outer(k[-2:], n - k) % (2 * n)) / n) * ends * ends[-2:, None] * 2 / n
    return -np.cos(np.pi * k / n), ends * (-1.0) ** k, last


@dataclass(frozen=True)
class Octaves:
    """x > 0, ascending: `nodes`, (parts, POINTS), are where values are wanted; octaves: the part of each x;
    at: where in it, in [-1, 1]."""

    nodes: Vector
    octaves: NDArray[np.int64]
    at: Vector

    @classmethod
    def of(cls, x: Vector) -> Octaves | None:
        """None where they are few."""
        if not x[0] > 0:
            return None
        logs = np.log(x / x[0])
        count = int(np.ceil(logs[-1] / np.log(2)))
        if count == 0 or len(x) < ENOUGH * POINTS * count:
            return None
        half = logs[-1] / (2 * count)
        centres = half * (2 * np.arange(count) + 1)
        octaves = np.minimum((logs / (2 * half)).astype(np.int64), count - 1)
        nodes = x[0] * np.exp(centres[:, None] + half * _rule()[0])
        return cls(nodes, octaves, (logs - centres[octaves]) / half)

    def between(self, values: Vector, norms: Vector) -> tuple[Vector, Vector] | None:
        """Functions (n, K) and their norms (n,) from those at the nodes; None where polynomials do not
        resolve them to the last digits of the norm. What is interpolated is brought to norms alike at both
        ends, or the smaller would lose digits."""
        t, weights, last = _rule()
        found, sizes = np.empty((len(self.at), values.shape[1])), np.empty(len(self.at))
        for i, (of, size) in enumerate(zip(self._split(values), self._split(norms), strict=True)):
            here = self.octaves == i
            if not (size > 0).all():
                return None
            growth, at = np.log(size[-1] / size[0]) / 2, self.at[here]
            level, scale = np.exp(growth * t), np.exp(growth * at)
            flat, square = of / level[:, None], (size / level) ** 2
            least = np.sqrt(square.min())
            if max(np.abs(last @ flat).max(), np.abs(last @ square).max() / least) > RESOLVED * least:
                return None
            with np.errstate(divide="ignore"):
                shares = weights / (at[:, None] - t)
            shares = np.where(np.isinf(shares).any(axis=1)[:, None], np.isinf(shares), shares)
            shares /= shares.sum(axis=1)[:, None]
            found[here], sizes[here] = (shares @ flat) * scale[:, None], np.sqrt(shares @ square) * scale
        return found, sizes

    def larger(self, bounds: Vector) -> Vector:
        """The larger of the bounds (n,) at the two nodes next to each x."""
        right = np.clip(np.searchsorted(_rule()[0], self.at), 1, POINTS - 1)
        split = self._split(bounds)
        found: Vector = np.maximum(split[self.octaves, right - 1], split[self.octaves, right])
        return found

    def _split(self, values: Vector) -> Vector:
        return values.reshape(*self.nodes.shape, *values.shape[1:])
