"""Kernels on a sphere: rows of equal norm, where every kernel is a function of the angle alone.

The variances are then the same constants for all rows, and k(x, y) = K(r). K is composed layer by layer from
Mehler series, in the half-angle pair q = (1 - r)/2, p = (1 + r)/2, r the correlation in the first layer:

    q' = sigma_w^2 sum_k f_k^2 (1 - r^k)/(2 a'),    1 - r^k = -expm1(k log1p(-2q)),

a sum of non-negative terms, so that the angle keeps its digits through all layers; p' likewise. Then K is
tabulated in sqrt(q) for r >= 0 and in sqrt(p) for r < 0, where it is smooth at both ends, and one lookup per
pair of rows is all that remains, whatever the depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.compile.hermite import EPS, Series, series
from kernelcalc.compile.mehler import rest
from kernelcalc.compile.piecewise import BITS, Long, Sample, Table, Vector, tabulate
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.kernels import Kernel

START = -8  # the lowest octave of the roots of q and p


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
                factor = w2 * _power_sum(level.factor, q, p)
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
        c = _power_sum(level.cross, q, p)
        if not self.odd:
            size = np.sqrt(level.first.sum() * level.second.sum())
            return c, size - c, size + c
        k = np.arange(len(level.cross))
        logs = np.log1p(-2 * np.minimum(q, p))[:, None]  # of |r|
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
        for bits in BITS:
            try:
                near, far = (
                    tabulate(side, name, start=low, stop=stop, ways=(bits,)) for side in (self.near, self.far)
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
        level = _level(kernel, a, b)
        levels.append(level)
        a, b = (float(w2 * terms.sum() + s2) for terms in (level.first, level.second))
    nothing = np.zeros(0, np.longdouble)
    last = Level((a, b), nothing, nothing, nothing, nothing, (0.0, 0.0), (0.0, 0.0))
    return Sphere(kernel, radius, (*levels, last))


def _level(kernel: Kernel, a: float, b: float) -> Level:
    f, g = series(kernel.f1, np.sqrt([a])), series(kernel.f2, np.sqrt([b]))
    terms, wrong, slope = _terms(f, g)
    if kernel.s1 is None or kernel.s2 is None:
        factor, factor_wrong, factor_slope = np.zeros(0, np.longdouble), 0.0, 0.0
    else:
        factor, factor_wrong, factor_slope = _terms(
            series(kernel.s1, np.sqrt([a])), series(kernel.s2, np.sqrt([b]))
        )
    return Level(
        (a, b), _terms(f, f)[0], _terms(g, g)[0], terms, factor, (wrong, factor_wrong), (slope, factor_slope)
    )


def _terms(f: Series, g: Series) -> tuple[Long, float, float]:
    """f_k g_k, a bound of the error of any sum of them times r^k, and of its derivative."""
    count = min(f.values.shape[1], g.values.shape[1])
    left, right = f.values[0, :count], g.values[0, :count]
    terms = left.astype(np.longdouble) * right
    wrong = float(rest(f, count)[0] * rest(g, count)[0])
    wrong += float(f.errors[0] * np.abs(right).sum() + g.errors[0] * np.abs(left).sum())
    return terms, wrong, float(f.slopes[0] * g.slopes[0])
