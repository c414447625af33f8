"""Hermite coefficients of a function at many deviations at once, with bounds of their errors.

f_k(sd) = E f(sd U) h_k(U), U standard normal, h_k orthonormal. Where f is analytic on the line the
trapezoidal rule gives all of them by one matrix product; its error shows in the difference to the rule of
half as many points. Where f has kinks the panels of ``expectation.numeric`` do, one deviation after another.
What the coefficients leave over of f is integrated itself: E f^2 - sum f_k^2 would lose half the digits.
In log sd all of them are analytic: those of many deviations are interpolated between few (`octaves`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from kernelcalc import gauss
from kernelcalc.compile.tables.octaves import Octaves
from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric
from kernelcalc.functions import analysis
from kernelcalc.functions.base import Function
from kernelcalc.symbols import z

Vector = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
REACH, STEPS = 13.0, (1 / 24, 1 / 96)  # of the trapezoidal rule: exp(-13^2/4) = 4e-19
WIDTH, ORDER = 1.0, 24  # of panels for polynomials
FARTHEST = 37.0  # their kinks, farther than which the density is 0
ATTEMPTS = (64, 256, 1024)
COUNTS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
ENOUGH = 4 * EPS  # of the mean square: what more terms cannot better,
WHOLE = 64 * EPS  # of the norm: where the other series does not end
TINY = 1e-300
NOISE = 4 * EPS  # of the norm: rounding of a coefficient


@dataclass(frozen=True)
class Series:
    """Coefficients (n, K) of one function at n deviations.

    errors (n,): of every coefficient; norms (n,): sqrt(E f^2); tails (n,): the norm of what is left over;
    rests (k,): a bound, relative to the norms, of what fewer terms would leave over.
    """

    values: Vector
    errors: Vector
    norms: Vector
    tails: Vector
    rests: Vector = field(default_factory=lambda: np.ones(1))

    def part(self, here: slice | NDArray[np.int64]) -> Series:
        """Some of the deviations."""
        made = Series(self.values[here], self.errors[here], self.norms[here], self.tails[here], self.rests)
        vars(made).update(slopes=self.slopes[here], sums=self.sums[here])
        return made

    def lumped(self) -> Series:
        """For E f(X) f(Y), most of whose terms are positive: what is left over goes to the last coefficient,
        so that equal points lose nothing. As signs may differ, the bound of what is left over doubles."""
        last = self.values.shape[1] - 1
        last -= last > 0 and np.abs(self.values[:, -1]).sum() < np.abs(self.values[:, -2]).sum()
        values = self.values.copy()
        values[:, last] = np.copysign(np.hypot(values[:, last], self.tails), values[:, last])
        return replace(self, values=values, tails=np.sqrt(2.0) * self.tails)

    def repeated(self, count: int) -> Series:
        """The first deviation `count` times."""
        return self.part(np.zeros(count, dtype=np.int64))

    @cached_property
    def slopes(self) -> Vector:
        """sqrt(sum k f_k^2) = sd sqrt(E f'^2): how fast duals change with the correlation."""
        k = np.arange(self.values.shape[1])
        slopes: Vector = np.sqrt((self.values**2) @ k + k[-1] * self.tails**2)
        return slopes

    @cached_property
    def sums(self) -> Vector:
        """sum |f_k|."""
        return np.abs(self.values).sum(axis=1)  # type: ignore[no-any-return]  # NumPy's sums


@lru_cache(maxsize=16)
def _basis(count: int, step: float, parity: str | None) -> tuple[Vector, Vector, Vector, Vector]:
    """Points u, weights, and h_k(u) times these and alone as rows k; for even and odd functions those with
    u >= 0 and k of that parity."""
    half = int(REACH / step)
    u: Vector = np.arange(0 if parity else -half, half + 1, dtype=np.float64) * step
    root: Vector = numeric._root_density(u)
    weights = root**2 * step * np.where(u != 0, 2.0 if parity else 1.0, 1.0)
    rows = np.empty((count, len(u)))
    before, now = np.zeros_like(u), root.copy()
    for k in range(count):
        rows[k] = now / root
        before, now = now, (u * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    rows = rows[1 if parity == "odd" else 0 :: 2 if parity else 1]
    return u, weights, rows * weights, rows


def series(f: Function, deviations: Vector, *, whole: bool = False) -> Series:
    """The series with as many terms as help, at most 1024; whole: to meet one that has not converged by then.

    InputError where f is not square integrable.
    """
    if f.deltas:
        raise InputError(f"{f!r} has Dirac masses: it has no Hermite series that converges")
    limit = WHOLE if whole else float(np.sqrt(ENOUGH))
    known, place = np.unique(deviations, return_inverse=True)
    octaves = Octaves.of(known)
    found = None if octaves is None else _between(octaves, _enough(f, octaves.nodes.ravel(), limit))
    return (found or _enough(f, known, limit)).part(place)


def _enough(f: Function, deviations: Vector, limit: float) -> Series:
    """With as many terms as help; the deviations ascend."""
    start = 0
    if len(deviations) > 2:  # tried with two of them
        tried = (_series(f, deviations[[0, -1]], count) for count in ATTEMPTS)
        wanted = next((x for x in tried if (x.tails <= limit * x.norms).all()), None)
        count = COUNTS[-1] if wanted is None else _trimmed(wanted, limit).values.shape[1]
        start = next(i for i, enough in enumerate(COUNTS) if enough >= count)
    for count in COUNTS[start:]:
        found = _series(f, deviations, count)
        if (found.tails <= limit * found.norms).all():
            break
    return _trimmed(found, limit)


def _between(octaves: Octaves, known: Series) -> Series | None:
    """The series at all deviations from those at the nodes; None where polynomials do not resolve them."""
    found = octaves.between(known.values, known.norms)
    if found is None:
        return None
    values, norms = found
    errors, tails = (
        octaves.larger(part) * norms
        for part in (known.errors / known.norms + 2 * NOISE, known.tails / known.norms)
    )
    return Series(values, errors, norms, tails, known.rests)


def _trimmed(found: Series, limit: float) -> Series:
    """Without the terms that are not needed, but for the last of eight."""
    norms = np.maximum(found.norms, TINY)
    squares = (found.values / norms[:, None]) ** 2
    ends = (found.tails / norms) ** 2
    beyond = np.cumsum(squares[:, ::-1], axis=1).max(axis=0)[::-1]
    rests = np.sqrt(beyond + ends.max())
    fine = np.flatnonzero(rests <= limit)
    count = max(1, -(-int(fine[0]) // 8)) * 8 if len(fine) else len(rests)
    if count >= len(rests):
        return replace(found, rests=rests)
    values = np.ascontiguousarray(found.values[:, :count])
    tails = found.norms * np.sqrt(ends + squares[:, count:].sum(axis=1))
    return Series(values, found.errors, found.norms, tails, rests[:count])


def _series(f: Function, deviations: Vector, count: int) -> Series:
    ways = (_trapezoid(f, deviations, count, step) for step in STEPS if not f.breakpoints)
    found = next((way for way in ways if way is not None), None) or _by_parts(f, deviations, count)
    return found or _panels(f, deviations, count)


def _trapezoid(f: Function, deviations: Vector, count: int, step: float) -> Series | None:
    """None where the rule does not resolve f."""
    u, weights, weighted, rows = _basis(count, step, f.parity)
    try:
        values = numeric._values(f)((deviations[:, None] * u).ravel()).reshape(len(deviations), -1)
    except numeric._Unresolved:
        return None
    fine = values @ weighted.T
    coarse = 2 * (values[:, ::2] @ weighted[:, ::2].T)
    norms = np.sqrt((values**2) @ weights)
    errors = np.abs(fine - coarse).max(axis=1)
    if (errors > 16 * NOISE * norms).any():  # half the step loses no digit: the full step loses none either
        return None
    left = values - fine @ rows
    found = np.zeros((len(deviations), count))
    found[:, 1 if f.parity == "odd" else 0 :: 2 if f.parity else 1] = fine
    beyond = numeric.outside(found, REACH)
    return Series(found, NOISE * norms, norms, np.sqrt(left**2 @ weights + beyond) + NOISE * norms)


def _by_parts(f: Function, deviations: Vector, count: int) -> Series | None:
    """f a polynomial between kinks, else None: all but the first coefficient come from the derivative,

    sqrt(k) f_k(sd) = sd E f'(sd U) h_(k-1)(U) + sum over jumps of height w at t of w phi(t/sd) h_(k-1)(t/sd).
    """
    if not f.breakpoints or not all(piece.expr.is_polynomial(z) for piece in analysis.pieces(f.expr)):
        return None
    first, square = _moments(f, deviations)
    values = _from_jumps(f, first, deviations, count)
    norms = np.sqrt(square)
    tails = np.sqrt(np.maximum(square - (values**2).sum(axis=1), 0.0) + NOISE * square)
    return Series(values, 4 * NOISE * norms, norms, tails)


def _from_jumps(f: Function, first: Vector, deviations: Vector, count: int) -> Vector:
    """The coefficients of f, the first of which is given."""
    values = np.zeros((len(deviations), count))
    values[:, 0] = first
    if f.expr == 0 or count == 1:
        return values
    slope = f.derivative
    if slope.expr != 0:
        regular = replace(slope, masses=())
        below = _from_jumps(regular, _moments(regular, deviations)[0], deviations, count - 1)
        values[:, 1:] = deviations[:, None] * below
    for t, weight in slope.deltas:
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.where(deviations > 0, float(t) / deviations, np.inf if t else 0.0)
        u = np.clip(u, -FARTHEST, FARTHEST)
        root = np.where(np.abs(u) < FARTHEST, numeric._root_density(u), 0.0)
        before, now = np.zeros_like(u), root.copy()
        for k in range(1, count):
            values[:, k] += float(weight) * root * now
            after = (u * now - np.sqrt(k - 1) * before) / np.sqrt(k)
            before, now = now, np.where(root > 0, after, 0.0)
    values[:, 1:] /= np.sqrt(np.arange(1, count))
    return values


def _moments(f: Function, deviations: Vector) -> tuple[Vector, Vector]:
    """E f and E f^2 of a function that is a polynomial between kinks, which may be out of reach."""
    kinks = np.array([float(t) for t in f.breakpoints])
    base = np.arange(-REACH, REACH + WIDTH, WIDTH)
    cuts = np.broadcast_to(base, (len(deviations), len(base)))
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.nan_to_num(np.clip(kinks / deviations[:, None], -FARTHEST, FARTHEST))
    after = [own + np.copysign(n * WIDTH, own) for n in range(4)]  # the rest is below exp(-4.5 - 3 |own|)
    u, weights = panels(np.sort(np.concatenate([cuts, *after], axis=1), axis=1), ORDER)
    values = numeric._values(f)((deviations[:, None] * u).ravel()).reshape(u.shape)
    weights = weights * numeric._root_density(u) ** 2
    return (values * weights).sum(axis=1), (values**2 * weights).sum(axis=1)


def panels(cuts: Vector, order: int) -> tuple[Vector, Vector]:
    """Nodes and weights of Gauss-Legendre rules between neighbouring cuts, row by row."""
    t, w = gauss.rule(order)
    middle, half = (cuts[:, 1:] + cuts[:, :-1]) / 2, (cuts[:, 1:] - cuts[:, :-1]) / 2
    nodes = middle[:, :, None] + half[:, :, None] * t
    weights = half[:, :, None] * w
    return nodes.reshape(len(cuts), -1), weights.reshape(len(cuts), -1)


def _panels(f: Function, deviations: Vector, count: int) -> Series:
    rows, errors, norms, tails = [], [], [], []
    for sd in deviations:
        if sd == 0:
            at_zero = f(0.0)
            rows.append(np.array([at_zero] + [0.0] * (count - 1)))
            errors.append(NOISE * abs(at_zero))
            norms.append(abs(at_zero))
            tails.append(0.0)
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
        tails.append(found.tail)
    return Series(np.array(rows), np.array(errors), np.array(norms), np.array(tails))
