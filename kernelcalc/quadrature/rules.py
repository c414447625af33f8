"""Gauss rules at any precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from mpmath import mp, mpf

GUARD = 20  # digits by which positions are known better than function values

Nodes = tuple[tuple[mpf, ...], tuple[mpf, ...]]  # nodes, weights


class Rule(NamedTuple):
    """A Gauss-Legendre rule on [-1, 1], the precision to use it in, and which of a pair it is, 0 or 1."""

    which: int
    dps: int
    nodes: tuple[mpf, ...]
    weights: tuple[mpf, ...]


@lru_cache(maxsize=64)
def rules(digits: int) -> tuple[Rule, Rule]:
    """Two rules fit for ``digits``, of different order and precision."""
    low, high = digits + 8, digits + 12
    order = 8 + 3 * low // 4
    return Rule(0, low, *gauss_legendre(order, low)), Rule(
        1, high, *gauss_legendre(order + order // 6 + 1, high)
    )


def gauss_legendre(n: int, dps: int) -> Nodes:
    """Ascending nodes and weights on [-1, 1], exact for polynomials of degree 2n - 1."""

    def legendre(x: mpf) -> tuple[mpf, mpf]:
        """The polynomial of degree n and its derivative."""
        before, now = 1, x
        for k in range(2, n + 1):
            before, now = now, ((2 * k - 1) * x * now - (k - 1) * before) / k
        return now, n * (x * now - before) / (x * x - 1)

    with mp.workdps(dps + GUARD):
        pairs = []
        for k in range(n, n // 2, -1):
            start = math.cos(math.pi * (k - 0.25) / (n + 0.5))
            for _ in range(3):
                value, slope = legendre(start)
                start -= value / slope
            x = mpf(start if 2 * k != n + 1 else 0)
            for _ in range(math.ceil(math.log2(mp.dps / 10))):
                value, slope = legendre(x)
                x -= value / slope
            pairs.append((x, 2 / ((1 - x * x) * legendre(x)[1] ** 2)))
        pairs += [(-x, weight) for x, weight in reversed(pairs) if x]
    return tuple(x for x, _ in pairs), tuple(weight for _, weight in pairs)


@lru_cache(maxsize=256)
def gauss_hermite(n: int, dps: int) -> Nodes:
    """Descending nodes, and weights, for the standard normal density; exact for degree 2n - 1."""
    with mp.workdps(dps + GUARD):
        rough, fine = [math.sqrt(k) for k in range(n + 1)], [mp.sqrt(k) for k in range(n + 1)]
        starts: list[float] = []
        for _ in range((n + 1) // 2):
            x = _guess(n, starts)
            for _ in range(8):
                value, below = _hermite(x, rough)
                x -= value / (rough[n] * below)
            starts.append(x)
        nodes, weights = [], []
        for i, start in enumerate(starts):
            x = mpf(start if 2 * i + 1 < n else 0)
            for _ in range(math.ceil(math.log2(mp.dps / 10))):
                value, below = _hermite(x, fine)
                x -= value / (fine[n] * below)
            nodes.append(x)
            weights.append(1 / (n * _hermite(x, fine)[1] ** 2))
        half = n // 2
        return (*nodes, *(-x for x in nodes[:half][::-1])), (*weights, *weights[:half][::-1])


def _hermite(x: mpf, roots: Sequence[mpf]) -> tuple[mpf, mpf]:
    """The orthonormal Hermite polynomials of the two highest degrees; roots[k] is the square root of k."""
    before, now = 0 * x, 0 * x + 1
    for k in range(len(roots) - 1):
        before, now = now, (x * now - roots[k] * before) / roots[k + 1]
    return now, before


def _guess(n: int, found: Sequence[float]) -> float:
    """A start for the next Hermite root, from the largest down: by the first Airy zero, then extrapolated."""
    if not found:
        top = math.sqrt(2 * n + 1)
        return math.sqrt(2) * (top - 1.85575 / math.cbrt(top))
    if len(found) == 1:
        return found[0] - 2.28 * math.pow(n, 0.426) / found[0]
    return found[-1] + {2: 0.86, 3: 0.91}.get(len(found), 1.0) * (found[-1] - found[-2])


@lru_cache(maxsize=4096)
def hermite_order(steps: int, dps: int) -> int:
    """Least n with n! q^(2n) < 10^-dps, q = 2^(-steps/4): the Gauss-Hermite error for a function analytic on
    a scale 1/q times that of the normal law; 0 if n would be large."""
    for n in range(2, 65):
        if math.lgamma(n + 1) - n * steps / 2 * math.log(2) < -dps * math.log(10):
            return n
    return 0
