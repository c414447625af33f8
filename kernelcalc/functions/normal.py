"""The normal distribution functions of one and two variables, as SymPy functions with accurate values.

    Phi(x) = P(X < x),   Phi2(h, k, r) = P(X < h, Y < k),   X, Y standard normal with correlation r.

Values rest on Owen's T function. The quarter plane {X > h, Y > k} is, seen from the origin, the signed sum of
two triangles with a corner at infinity (Owen 1956, Ann. Math. Stat. 27, 1075):

    P(X > h, Y > k) = [h < 0 and k < 0] + sgn(h) W(|h|, A) + sgn(k) W(|k|, B),
    A = (k - r h)/sqrt(1 - r^2),  B = (h - r k)/sqrt(1 - r^2),  W(h, A) = P(X > h, h X' > A X),  X' like X.

For h, k > 0, where the value may be tiny, both terms are positive.
"""

from __future__ import annotations

import math
from itertools import accumulate
from operator import mul
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.functions.special import mp_erfcx

GUARD = 15  # decimal digits beyond those asked for
BEYOND = 5000  # log2 of a square larger than what floats can lead to
STEEP = 8.0
FAR = 12  # times the digits: square of the distance from which W is an asymptotic series


def normal_cdf(x: Any) -> Any:
    """Phi(x) in mpmath; NaN for a complex x."""
    if isinstance(x, mp.mpc):
        return mp.nan
    return mp.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2


def owens_t(h: Any, a: Any) -> Any:
    """T(h, a) = 1/(2 pi) Int_0^a exp(-h^2 (1 + x^2)/2)/(1 + x^2) dx, 0 <= a <= 1, to the working precision.

    atan(a) - 2 pi T = sum_j (-1)^j P(N > j) a^(2j+1)/(2j+1), N Poisson of mean h^2/2 (Patefield, Tandy 2000).
    """
    mean = h * h / 2
    weight = mp.exp(-mean)
    beyond, power, total, j = 1 - weight, a, mp.mpf(0), 0
    while j < 2 * mean or abs(weight * power) > mp.eps:  # P(N > j) < P(N = j) from there on; it is rounded
        total += beyond * power / (2 * j + 1)
        j += 1
        weight *= mean / j
        beyond -= weight
        power *= -a * a
    return (mp.atan(a) - total) / (2 * mp.pi)


def wedge(h: Any, A: Any) -> Any:
    """W(h, A), h >= 0, to the working precision, relative to itself."""
    above = mp.erfc(h / mp.sqrt(2)) / 2
    if A < 0:
        return above - wedge(h, -A)
    square = h * h + A * A
    if square > FAR * mp.mp.dps:
        if mp.mag(square) > BEYOND:
            return mp.mpf(0)
        with mp.workdps(mp.mp.dps + mp.mag(square) // 3 + 5):  # what the exponential loses
            return h * mp.exp(-(h * h + A * A) / 2) * _far(square, A) / (2 * mp.pi)
    with mp.workdps(mp.mp.dps + int(square / 4) + 5):  # W > exp(-square/2) up to a power
        if h >= A:
            return mp.erfc(h / mp.sqrt(2)) / 4 - owens_t(h, A / h)
        return owens_t(A, h / A) - mp.erfc(A / mp.sqrt(2)) * mp.erf(h / mp.sqrt(2)) / 4


def scaled_wedge(h: Any, A: Any) -> Any:
    """exp((h^2 + A^2)/2) W(h, A), h >= 0, to the working precision, relative to itself."""
    if A < 0:
        return mp.exp(A * A / 2) * mp_erfcx(h / mp.sqrt(2)) / 2 - scaled_wedge(h, -A)
    if h == 0:
        return mp.mpf(0)
    square = h * h + A * A
    if square > FAR * mp.mp.dps:
        return h * _far(square, A) / (2 * mp.pi)
    return mp.exp(square / 2) * wedge(h, A)


def _far(square: Any, A: Any) -> Any:
    """Int_0^oo exp(-A t - t^2/2)/(square + 2 A t + t^2) dt: the fraction's series in t, term by term.

    The terms fall below exp(-square/2) of the first before they rise.
    """
    size, small, last = float(min(square, 1e300)), mp.mp.dps + 5.0, 0
    while small > 0:
        last += 1
        small -= math.log10(size / last) / 2 - math.log10(1 + 1 / last)
    older, weight, total = mp.mpf(0), 1 / square, mp.mpf(0)
    for moment in _moments(A, last):
        total += weight * moment
        older, weight = weight, -(2 * A * weight + older) / square
    return total


def _moments(A: Any, last: int) -> list[Any]:
    """M_n = Int_0^oo t^n exp(-A t - t^2/2) dt up to n = last: M_(n+1) = n M_(n-1) - A M_n, M_1 = 1 - A M_0.

    Upwards this loses what another solution gains on M_n; for large A the fraction
    M_n/M_(n-1) = n/(A + M_(n+1)/M_n) converges quickly.
    """
    if A > STEEP:
        ratio, ratios = A * 0, []
        for n in range(last + 10 + math.ceil((mp.mp.dps / float(min(A, 1e100))) ** 2), 0, -1):
            ratio = n / (A + ratio)
            ratios.append(ratio)
        return list(accumulate(reversed(ratios[-last:]), mul, initial=1 / (A + ratio)))
    slope, lost = float(A), 0.0
    for n in range(1, last + 1):
        lost += 2 * math.asinh(slope / (2 * math.sqrt(n))) / math.log(10)
    with mp.workdps(mp.mp.dps + int(lost) + 10):
        first = mp.sqrt(mp.pi / 2) * mp.exp(A * A / 2) * mp.erfc(A / mp.sqrt(2))
        moments = [first, 1 - A * first]
        for n in range(1, last):
            moments.append(n * moments[-2] - A * moments[-1])
    return moments


def bivariate_normal_cdf(h: Any, k: Any, r: Any) -> Any:
    """Phi2(h, k, r) in mpmath to the working precision, relative to itself also in the tails.

    NaN for |r| > 1, unless by a rounding, and for complex arguments.
    """
    if any(isinstance(x, mp.mpc) for x in (h, k, r)) or abs(r) > 1 + mp.sqrt(mp.eps):
        return mp.nan
    digits, extra = mp.mp.dps, GUARD
    for _ in range(3):
        with mp.workdps(digits + extra):
            terms = _terms(-mp.mpf(h), -mp.mpf(k), mp.mpf(r))
            value = mp.fsum(terms)
            lost = int(mp.log10(max(map(abs, terms)) / abs(value))) if value else extra
        if lost + GUARD // 2 <= extra:
            break
        extra = lost + 2 * GUARD
    return +value


def _terms(h: Any, k: Any, r: Any) -> list[Any]:
    """P(X > h, Y > k), as a sum."""
    if h == k == 0:
        return [mp.mpf(1) / 4 + mp.asin(r) / (2 * mp.pi)]
    square = (1 - r) * (1 + r)
    if square <= 0:
        return [normal_cdf(-max(h, k)) if r > 0 else max(mp.mpf(0), normal_cdf(-h) - normal_cdf(k))]
    root = mp.sqrt(square)
    sides = [(h, (k - r * h) / root), (k, (h - r * k) / root)]
    return [mp.mpf(h < 0 and k < 0), *((1 if x >= 0 else -1) * wedge(abs(x), A) for x, A in sides)]


class Phi(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """The standard normal distribution function."""

    nargs = 1
    _imp_ = staticmethod(normal_cdf)  # what lambdify puts in

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        return {sp.oo: sp.S.One, -sp.oo: sp.S.Zero, sp.S.Zero: sp.S.Half}.get(x)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(-(self.args[0] ** 2) / 2) / sp.sqrt(2 * sp.pi)

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_rewrite_as_erf(self, x: sp.Expr, **_: object) -> sp.Expr:
        return (1 + sp.erf(x / sp.sqrt(2))) / 2

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _evalf(self, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _call_latex("\\Phi", self, printer, exp)


class Phi2(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """P(X < h, Y < k) for standard normal X, Y with correlation r; Phi2(h, k, r) = Phi2(k, h, r)."""

    nargs = 3
    _imp_ = staticmethod(bivariate_normal_cdf)

    @classmethod
    def eval(cls, h: sp.Expr, k: sp.Expr, r: sp.Expr) -> sp.Expr | None:
        if -sp.oo in (h, k):
            return sp.S.Zero
        if sp.oo in (h, k):
            return Phi(k if h == sp.oo else h)
        if h == k == 0:
            return sp.S.One / 4 + sp.asin(r) / (2 * sp.pi)
        if r == 0:
            return Phi(h) * Phi(k)
        if r == 1:
            return Phi(_least(h, k))
        if r == -1:
            least = _least(h, -k)  # P(-k < X < h)
            return sp.S.Zero if least == h else Phi(h) - Phi(-k) if least == -k else None
        if sp.default_sort_key(k) < sp.default_sort_key(h):
            return cls(k, h, r)
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        h, k, r = self.args
        root = sp.sqrt(1 - r**2)
        if argindex == 3:
            return sp.exp(-(h**2 - 2 * r * h * k + k**2) / (2 * (1 - r**2))) / (2 * sp.pi * root)
        if argindex == 2:
            h, k = k, h
        return sp.exp(-(h**2) / 2) / sp.sqrt(2 * sp.pi) * Phi((k - r * h) / root)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return _evalf(self, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _call_latex("\\Phi_2", self, printer, exp)


def _least(h: sp.Expr, k: sp.Expr) -> sp.Expr:
    difference = h - k
    if difference.is_nonnegative:
        return k
    return h if difference.is_nonpositive else sp.Min(h, k)


def _evalf(call: sp.Expr, prec: int) -> sp.Expr | None:
    """The value to prec bits; NaN for complex arguments, None (no number) where one is a symbol."""
    arguments = [arg.evalf(mp.libmp.prec_to_dps(prec) + GUARD) for arg in call.args]
    if not all(arg.is_Float or arg.is_Rational for arg in arguments):
        return sp.nan if all(arg.is_number for arg in arguments) else None
    with mp.workprec(prec):
        return sp.Float(call._imp_(*(mp.mpmathify(arg) for arg in arguments)), precision=prec)


def _call_latex(name: str, call: sp.Expr, printer: Any, exp: str | None) -> str:
    power = f"^{{{exp}}}" if exp else ""
    return f"{name}{power}\\left({', '.join(printer.doprint(arg) for arg in call.args)}\\right)"
