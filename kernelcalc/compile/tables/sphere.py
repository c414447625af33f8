"""Kernels on a sphere: rows of equal norm, where every kernel is a function of the angle alone.

The variances are then the same constants for all rows, and k(x, y) = K(r). K is composed layer by layer from
Mehler series, in the half-angle pair q = (1 - r)/2, p = (1 + r)/2, r the correlation in the first layer:

    q' = sigma_w^2 sum_k f_k^2 (1 - r^k)/(2 a'),    1 - r^k = -expm1(k log1p(-2q)),

a sum of non-negative terms, so that the angle keeps its digits through all layers; p' likewise. Then K is
tabulated in sqrt(q) for r >= 0 and in sqrt(p) for r < 0, where it is smooth at both ends, and one lookup per
pair of rows is all that remains, whatever the depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.compile.tables.duals import rest
from kernelcalc.compile.tables.hermite import EPS, Series, series
from kernelcalc.compile.tables.kinks import AngleFunction, angle_functions
from kernelcalc.compile.tables.piecewise import BITS, TARGET, Long, Sample, Table, Vector, tabulate
from kernelcalc.errors import InputError
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function
from kernelcalc.symbols import z

if TYPE_CHECKING:
    from kernelcalc.kernels import Kernel

SLOW = 1e-12  # a series with a larger bound gives way to nested integrals
START = -8  # the lowest octave of the roots of q and p


@dataclass(frozen=True)
class Kinked:
    """The covariance and the factor of one network with kinks at one variance, by nested integrals.

    dC/dr = a E f'(X) f'(Y) (Price), so that the gap is an integral of that over q.
    """

    variance: float
    top: float  # E f^2
    opposite: float  # E f(X)^2 + E f(X) f(-X)
    slopes: tuple[AngleFunction, AngleFunction]  # E f' f'
    factors: tuple[AngleFunction, AngleFunction]

    def covariances(self, q: Long, p: Long) -> tuple[Long, Long, Long]:
        near = q <= p
        x = np.sqrt(np.minimum(np.minimum(q, p), 0.5))
        less, more = (4 * self.variance * side.integral(x) for side in self.slopes)
        total = 2 * np.longdouble(self.top)
        gap = np.where(near, less, total - self.opposite - more)
        sum_ = np.where(near, total - less, self.opposite + more)
        return np.where(near, self.top - less, self.opposite + more - self.top), gap, sum_

    def factor(self, q: Long, p: Long) -> Long:
        x = np.sqrt(np.minimum(np.minimum(q, p), 0.5))
        near, far = self.factors
        return np.where(q <= p, near(x), far(x))


@dataclass(frozen=True)
class Level:
    """A layer at one variance: products f_k g_k of the three covariances, of the factor, and their bounds."""

    variances: tuple[float, float]
    first: Long  # f1_k^2
    second: Long
    cross: Long
    factor: Long
    wrong: tuple[float, float]  # of the covariance and of the factor, at worst
    slope: tuple[float, float]  # bounds of their derivatives with respect to r
    kinked: Kinked | None = None  # what takes the place of series that converge too slowly


@dataclass(frozen=True)
class Sphere:
    """K on the rows with |x|^2/n0 = radius."""

    kernel: Kernel
    radius: float
    levels: tuple[Level, ...]

    @property
    def odd(self) -> bool:
        return self.kernel.f1 == self.kernel.f2

    def near(self, x: Vector) -> Sample:
        """K at q = x^2."""
        return self._sample(x, 1)

    def far(self, x: Vector) -> Sample:
        """K at p = x^2."""
        return self._sample(x, -1)

    def _sample(self, x: Vector, sign: int) -> Sample:
        small = x.astype(np.longdouble) ** 2
        value, _ = self._compose(small, sign)
        top, _ = self._compose(np.zeros(1, np.longdouble), 1)
        return Sample(value, np.full(len(x), np.abs(top[0])))

    def _compose(self, small: Long, sign: int) -> tuple[Long, Long]:
        """K and the bound of its error, where the smaller of q (sign = 1) and p (sign = -1) is given."""
        w2, s2 = (np.longdouble(float(s**2)) for s in (self.kernel.sigma_w, self.kernel.sigma_b))
        a, b = self.levels[0].variances
        q, p = (small, 1 - small) if sign == 1 else (1 - small, small)
        total = np.sqrt(np.longdouble(a) * np.longdouble(b)) * (p - q)
        wrong = 8 * EPS * np.abs(total)
        shift = np.full_like(total, 4 * EPS)  # error of r
        for level, after in zip(self.levels[:-1], self.levels[1:], strict=True):
            c, gap, sum_ = self._covariances(level, q, p)
            error = level.wrong[0] + level.slope[0] * shift
            c = w2 * c + s2
            size = np.sqrt(np.longdouble(after.variances[0]) * np.longdouble(after.variances[1]))
            if len(level.factor):
                factor = w2 * (
                    _power_sum(level.factor, q, p) if level.kinked is None else level.kinked.factor(q, p)
                )
                factor_error = float(w2) * (level.wrong[1] + level.slope[1] * shift)
                wrong = w2 * error + np.abs(factor) * wrong + (np.abs(total) + wrong) * factor_error
                total = c + total * factor
            else:
                total, wrong = c, w2 * error
            shift = w2 * error / size + 4 * EPS
            q, p = w2 * gap / (2 * size), (w2 * sum_ + 2 * s2) / (2 * size)
        return total, wrong

    def _covariances(self, level: Level, q: Long, p: Long) -> tuple[Long, Long, Long]:
        """E f1 f2, and A - C, A + C (for one network), which do not cancel."""
        if level.kinked is not None:
            return level.kinked.covariances(q, p)
        c = _power_sum(level.cross, q, p)
        if not self.odd:
            size = np.sqrt(level.first.sum() * level.second.sum())
            return c, size - c, size + c
        k = np.arange(len(level.cross))
        most = np.longdouble(0.5) - np.longdouble(2.0) ** -62  # |r| > 0: its logarithm is finite
        logs = np.log1p(-2 * np.minimum(np.minimum(q, p), most))[:, None]  # of |r|
        less = -np.expm1(k * logs)  # 1 - |r|^k
        more = 1 + np.exp(k * logs)
        odd = (k % 2 == 1) & (q > p)[:, None]  # where r^k is negative
        return c, np.where(odd, more, less) @ level.cross, np.where(odd, less, more) @ level.cross

    @property
    def error(self) -> float:
        """A bound of the absolute error of K from its series, for all angles."""
        x = np.linspace(0, np.sqrt(0.5), 64).astype(np.longdouble) ** 2
        return float(max(self._compose(x, sign)[1].max() for sign in (1, -1)))

    def tables(self) -> tuple[Table, Table]:
        """K in sqrt(q) and in sqrt(p), up to r = 0."""
        name = f"{self.kernel!r} on a sphere"
        low, stop = START, float(np.sqrt(0.5))
        top = float(np.abs(self.near(np.zeros(1)).values[0]))
        target = max(TARGET, self.error / top)  # not better than what is tabulated
        for bits in BITS:
            try:
                near, far = (
                    tabulate(side, name, start=low, stop=stop, ways=(bits,), target=target)
                    for side in (self.near, self.far)
                )
            except InputError:
                continue
            if near.low == far.low:
                return near, far
        raise InputError(f"{name} is too steep a function of the angle to be tabulated")


def _power_sum(terms: Long, q: Long, p: Long) -> Long:
    """sum_k terms_k r^k, r = p - q."""
    r, total = p - q, np.zeros_like(q)
    for term in terms[::-1]:
        total = total * r + term
    return total


def sphere(kernel: Kernel, radius: float) -> Sphere:
    """The kernel at |x|^2/n0 = radius. InputError where a series does not converge."""
    w2, s2 = float(kernel.sigma_w**2), float(kernel.sigma_b**2)
    a = b = w2 * radius + s2
    levels = []
    for _ in range(int(kernel.depth) - 1):
        level = _kinked(kernel, _level(kernel, a, b))
        levels.append(level)
        squares = (level.first.sum(), level.second.sum())
        if level.kinked is not None:  # its series has not ended
            squares = (level.kinked.top,) * 2
        a, b = (float(w2 * square + s2) for square in squares)
    nothing = np.zeros(0, np.longdouble)
    last = Level((a, b), nothing, nothing, nothing, nothing, (0.0, 0.0), (0.0, 0.0))
    return Sphere(kernel, radius, (*levels, last))


def _kinked(kernel: Kernel, level: Level) -> Level:
    """The level by nested integrals, where a series is too slow (a kink) and there is but one network."""
    f, a = kernel.f1, level.variances[0]
    if max(level.wrong) <= SLOW or kernel.f1 != kernel.f2 or f.jumps:
        return level
    sd, df = float(np.sqrt(a)), f.derivative
    top = numeric.mean(Function("f^2", f.expr**2), a)
    opposite = numeric.mean(Function("f(z)^2 + f(z) f(-z)", f.expr**2 + f.expr * f.expr.subs(z, -z)), a)
    slopes = angle_functions(df, df, sd)
    factors = slopes
    if kernel.s1 is not None and kernel.s2 is not None and (kernel.s1, kernel.s2) != (df, df):
        factors = angle_functions(kernel.s1, kernel.s2, sd)
    wrong = 2 * a * max(side.error for side in slopes) + top.bound + opposite.bound
    steep = max(side.steepness for side in factors)
    size = a * max(float(np.abs(side.coefficients).sum(axis=1).max()) for side in slopes)
    made = Kinked(a, top.value, opposite.value, slopes, factors)
    errors = wrong, max(side.error for side in factors)
    return replace(level, wrong=errors, slope=(size, steep), kinked=made)


def _level(kernel: Kernel, a: float, b: float) -> Level:
    f, g = _pair(kernel.f1, kernel.f2, a, b)
    terms, wrong, slope = _terms(f, g)
    if kernel.s1 is None or kernel.s2 is None:
        factor, factor_wrong, factor_slope = np.zeros(0, np.longdouble), 0.0, 0.0
    else:
        factor, factor_wrong, factor_slope = _terms(*_pair(kernel.s1, kernel.s2, a, b))
    return Level(
        (a, b), _terms(f, f)[0], _terms(g, g)[0], terms, factor, (wrong, factor_wrong), (slope, factor_slope)
    )


def _pair(f: Function, g: Function, a: float, b: float) -> tuple[Series, Series]:
    found = series(f, np.sqrt([a])), series(g, np.sqrt([b]))
    return (found[0].lumped(), found[1].lumped()) if f == g else found


def _terms(f: Series, g: Series) -> tuple[Long, float, float]:
    """f_k g_k, a bound of the error of any sum of them times r^k, and of its derivative."""
    count = min(f.values.shape[1], g.values.shape[1])
    left, right = f.values[0, :count], g.values[0, :count]
    terms = left.astype(np.longdouble) * right
    wrong = float(rest(f, count)[0] * rest(g, count)[0])
    wrong += float(f.errors[0] * np.abs(right).sum() + g.errors[0] * np.abs(left).sum())
    return terms, wrong, float(f.slopes[0] * g.slopes[0])
