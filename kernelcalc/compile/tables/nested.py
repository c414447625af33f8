"""E f(X) g(Y) by conditioning, for many pairs at once: where X and Y are nearly parallel or opposite.

    X = sd_f U,   Y = +-sd_g ((1 - gap) U + s W),   s^2 = gap (2 - gap),   U, W independent standard normal.

Over U by panels of Gauss-Legendre rules that end at the kinks of f and, graded down to the width s, at the
images of those of g, and that are halved until a Legendre series resolves the integrand. Given U, means of g
by a Gauss-Hermite rule where its Hermite series ends in time, by a trapezoidal sum where that does, and by
such panels elsewhere. E (f(X) -+ k g(Y))^2, in which nothing cancels, tells how close the next layer's pair
is. Rules of n nodes are exact up to degree 2 n - 1: errors are about the square of what is left at degree n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from kernelcalc.compile.tables.hermite import EPS, Vector
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function

REACH = 9.0  # in standard deviations: exp(-9^2/2) = 3e-18
WIDTH = 2.0  # of the first panels, in standard deviations
SPREAD = 3.0  # of ends of panels around the image of a kink
FEW = 12, 24  # nodes of the Gauss-Hermite rules
FAR = 7.25  # where their series have to hold as well: the nodes of the first end at 5.5
STEP = 1 / 4  # of the trapezoidal sum, in standard deviations
SQUARED = 1e-8  # what is nothing when squared
SUMMED = 1e-12  # how well trapezoidal sums of STEP and of twice that agree
SLIGHT = 4 * EPS  # of the norms: what does not count
ROUNDED = 12 * EPS  # of E |f g|: errors of integrals
ROUNDS = 40  # of halving panels
AT_ONCE = 2**18  # values of g
Means = tuple[Vector, Vector]  # means and variances
Call = Callable[[Vector], Vector]
Rule = tuple[Vector, Vector]
Numbers = NDArray[np.int64]
Found = tuple[Vector, Vector, NDArray[np.bool_]]  # means, variances, and whether they are exact


def _density(u: Vector) -> Vector:
    found: Vector = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    return found


def _hermite(count: int) -> Rule:
    """Nodes, with -FAR and FAR, and the matrix from values at them to coefficients in orthonormal Hermite
    polynomials and to what these leave over at -FAR and FAR, times the density."""
    u, weights = hermegauss(count)
    u = np.concatenate([u, [-FAR, FAR]])
    rows, before, now = np.empty((count, len(u))), np.zeros_like(u), np.ones_like(u)
    for k in range(count):
        rows[k] = now
        before, now = now, (u * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    matrix = np.zeros((len(u), len(u)))
    matrix[:count, :count] = (rows[:, :count] * weights / weights.sum()).T
    matrix[:, count:] = np.eye(len(u))[:, count:] - matrix[:, :count] @ rows[:, count:]
    matrix[:, count:] *= _density(u[count:])
    return u, matrix


def _trapezoid() -> Rule:
    """Nodes and weights."""
    half = int(REACH / STEP) // 2 * 2
    points: Vector = STEP * np.arange(-half, half + 1, dtype=np.float64)
    return points, STEP * _density(points)


HERMITE, TRAPEZOID = [_hermite(count) for count in FEW], _trapezoid()


def integrals(terms: Callable[[Numbers, Vector], Vector], cuts: Vector, floors: Vector) -> Vector:
    """The integrals (F, n) over n partitioned intervals, cuts (n, C), each panel halved until it is resolved.

    terms: from the numbers (K,) of intervals and points (K, 16) in them to integrands (F, K, 16); floors
    (D, n): what does not count of the first D of these, which decide.
    """
    used = cuts[:, 1:] > cuts[:, :-1]
    owner, n = np.nonzero(used)[0], len(cuts)
    lo, hi = cuts[:, :-1][used], cuts[:, 1:][used]
    t, weights = numeric.RULES[0]
    total, limits = np.zeros(0), np.zeros(0)
    for turn in range(ROUNDS):
        middle, half = (lo + hi) / 2, (hi - lo) / 2
        found = terms(owner, middle[:, None] + half[:, None] * t) * half[:, None]
        sums = found @ weights
        if not turn:
            total = np.zeros((len(found), n))
            sizes = np.array([np.bincount(owner, x, n) for x in np.abs(found[: len(floors)]) @ weights])
            limits = np.maximum(SQUARED * sizes, floors)
        tails = np.abs(found[: len(floors)] @ numeric.LEGENDRE[-3:].T).max(axis=2)
        rough = (tails > limits[:, owner]).any(axis=0)
        fine = ~rough
        total += [np.bincount(owner[fine], x[fine], n) for x in sums]
        if not rough.any():
            return total
        owner = np.repeat(owner[rough], 2)
        ends = (lo[rough], middle[rough]), (middle[rough], hi[rough])
        lo, hi = (np.stack(side, axis=1).ravel() for side in ends)
    raise numeric._Unresolved


def means(g: Function, mu: Vector, x: Vector, slight: Vector) -> Means:
    """Of g(mu + x W), element by element; slight: errors that do not count."""
    call, found = numeric._values(g), (np.empty_like(mu), np.empty_like(mu))
    kinks = np.array([float(t) for t in g.breakpoints])
    kinked = (np.abs(kinks - mu[:, None]) < REACH * x[:, None]).any(axis=1)
    left = np.flatnonzero(~kinked)
    for nodes, weights in (*HERMITE, TRAPEZOID):
        rough, step = [left[:0]], AT_ONCE // len(nodes)
        for start in range(0, len(left), step):
            here = left[start : start + step]
            values = call((mu[here, None] + x[here, None] * nodes).ravel()).reshape(len(here), -1)
            rule = _by_steps if weights.ndim == 1 else _by_hermite
            mean, variance, fine = rule(values, weights, slight[here])
            found[0][here], found[1][here] = mean, variance
            rough.append(here[~fine])
        left = np.concatenate(rough)
    left, step = np.concatenate([left, np.flatnonzero(kinked)]), AT_ONCE // 256
    for start in range(0, len(left), step):
        here = left[start : start + step]
        found[0][here], found[1][here] = _by_panels(call, kinks, mu[here], x[here], slight[here])
    return found


def _by_hermite(values: Vector, matrix: Vector, slight: Vector) -> Found:
    terms, count = values @ matrix, len(matrix) - 2
    variance = (terms[:, 1:count] ** 2).sum(axis=1)
    last, beyond = (np.abs(x).max(axis=1) for x in (terms[:, count - 2 : count], terms[:, count:]))
    root = np.sqrt(variance)
    fine = last <= np.maximum(np.minimum(10 * SQUARED * root, np.sqrt(slight * root)), slight)
    fine &= beyond <= np.maximum(SLIGHT * root, slight)
    return terms[:, 0], variance, fine


def _by_steps(values: Vector, weights: Vector, slight: Vector) -> Found:
    mean = values @ weights
    off = values - mean[:, None]
    variance = off**2 @ weights
    first, second = np.abs(2 * off[:, ::2] @ weights[::2]), 2 * off[:, ::2] ** 2 @ weights[::2]
    root = np.sqrt(variance)
    limit = np.maximum(SUMMED * root, slight)
    return mean, variance, (first <= limit) & (np.abs(second - variance) <= root * limit)


def _by_panels(call: Call, kinks: Vector, mu: Vector, x: Vector, slight: Vector) -> Means:
    base, middle = np.arange(-REACH, REACH + WIDTH, WIDTH), call(mu)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.nan_to_num((kinks - mu[:, None]) / x[:, None])
    cuts = np.concatenate([np.broadcast_to(base, (len(mu), len(base))), own], axis=1)

    def terms(owner: Numbers, w: Vector) -> Vector:
        off = call((mu[owner, None] + x[owner, None] * w).ravel()).reshape(w.shape) - middle[owner, None]
        weighted = off * _density(w)
        return np.stack([weighted, off * weighted])

    found = integrals(terms, np.clip(np.sort(cuts, axis=1), -REACH, REACH), np.stack([slight, slight**2]))
    return middle + found[0], np.maximum(found[1] - found[0] ** 2, 0.0)


@dataclass(frozen=True)
class Nested:
    """E f g; E |f g|; E (f - k g)^2 and E (f + k g)^2, nothing without k."""

    value: Vector
    size: Vector
    apart: tuple[Vector, ...]

    @property
    def wrong(self) -> Vector:
        """What E f g is wrong by at most, but for f and g themselves; measured errors are below 3 EPS."""
        return ROUNDED * self.size


@dataclass(frozen=True)
class Part:
    """A function at the pairs' deviations, with its norms sqrt(E f^2)."""

    f: Function
    sd: Vector
    norm: Vector

    def at(self, here: Numbers) -> Part:
        return Part(self.f, self.sd[here], self.norm[here])


def nested(f: Part, g: Part, gap: Vector, sign: Vector, ratio: Vector | None = None) -> Nested:
    """For pairs, all arrays (n,): 1 - |r|, the sign of r, and k.

    Raises numeric._Unresolved where f or g is not finite, or not resolved.
    """
    if g.f.breakpoints and not f.f.breakpoints:  # the rule for U costs less
        turned = nested(g, f, gap, sign, None if ratio is None else 1 / ratio)
        apart = () if ratio is None else tuple(ratio**2 * x for x in turned.apart)
        return Nested(turned.value, turned.size, apart)
    order, found = np.argsort(gap), np.empty((2 if ratio is None else 4, len(gap)))
    size = max(1, AT_ONCE // 2**12)
    for start in range(0, len(gap), size):
        here = order[start : start + size]
        k = None if ratio is None else ratio[here]
        found[:, here] = _some(f.at(here), g.at(here), gap[here], sign[here], k)
    return Nested(found[0], found[-1], tuple(found[1:-1]))


def _cuts(f: Part, g: Part, r: Vector, s: Vector) -> Vector:
    """Where the first panels of every pair end, (n, cuts)."""
    base = np.arange(-REACH, REACH + WIDTH, WIDTH)
    parts = [np.broadcast_to(base, (len(r), len(base)))]
    parts += [(float(t) / f.sd)[:, None] for t in f.f.breakpoints]
    count = 1 + int(np.log2(REACH / max(float(s.min()), EPS)) / np.log2(SPREAD))
    steps = SPREAD ** np.arange(1.0, max(count, 3))
    steps = np.concatenate([-steps, [0.0], steps])
    with np.errstate(divide="ignore", invalid="ignore"):
        for t in g.f.breakpoints:
            parts.append(np.nan_to_num((float(t) / g.sd / r)[:, None] + s[:, None] * steps))
    even = f.f.parity is not None and f.f.parity == g.f.parity  # f(X) g(Y)
    cuts: Vector = np.clip(np.sort(np.concatenate(parts, axis=1), axis=1), 0.0 if even else -REACH, REACH)
    return cuts


def _some(f: Part, g: Part, gap: Vector, sign: Vector, ratio: Vector | None) -> Vector:
    call = numeric._values(f.f)
    shift, wide = g.sd * sign * (1 - gap), g.sd * np.sqrt(gap * (2 - gap))

    def terms(pair: Numbers, u: Vector) -> Vector:
        left = call((f.sd[pair, None] * u).ravel()).reshape(u.shape)
        mu, x = shift[pair, None] * u, np.broadcast_to(wide[pair, None], u.shape)
        slight = SLIGHT * g.norm[pair, None] * np.exp(u**2 / 4)
        mean, variance = (y.reshape(u.shape) for y in means(g.f, *(y.ravel() for y in (mu, x, slight))))
        found = [left * mean, np.abs(left) * np.sqrt(mean**2 + variance)]
        if ratio is not None:
            k = ratio[pair, None]
            found[1:1] = [(left - e * k * mean) ** 2 + k**2 * variance for e in (1, -1)]
        return np.stack(found) * _density(u)

    floors = [SLIGHT * f.norm * g.norm]
    if ratio is not None:
        sizes = f.norm, ratio * g.norm
        noise = SLIGHT * (sizes[0] + sizes[1])
        floors += [noise * np.hypot(sizes[0] - sizes[1], noise), noise * (sizes[0] + sizes[1])]
    cuts = _cuts(f, g, sign * (1 - gap), wide / g.sd)
    found = integrals(terms, cuts, np.stack(floors))
    return found if cuts.min() < 0 else 2 * found
