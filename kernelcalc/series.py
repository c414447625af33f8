"""Truncated power series in a small positive variable, computed over the expression tree.

Faster and more predictable than differentiating a whole expression: coefficients stay short because they
are tidied one by one, and no expression is ever expanded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import mpmath as mp
import sympy as sp

from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import c

ZERO, ONE = sp.Integer(0), sp.Integer(1)


class NoSeries(ValueError):
    """The expression is no power series (times a power) at 0."""


def vanishes(expr: sp.Expr) -> bool:
    """Whether an expression is 0 that no rewriting has reduced to 0: to 40 digits at three generic points."""
    if expr.is_Rational:
        return bool(expr == 0)
    symbols = sorted(expr.free_symbols, key=str)
    call = sp.lambdify(symbols, expr, "mpmath")
    with mp.workdps(60):
        for shift in (1, 2, 3):
            point = [mp.mpf(1 if s == c else 3 + 2 * i + shift) / 7 for i, s in enumerate(symbols)]
            if not abs(call(*point)) < mp.mpf(10) ** -40:
                return False
    return True


def definite_sign(expr: sp.Expr) -> int:
    """1 or -1 where the symbols' assumptions settle the sign, else 0."""
    return 1 if expr.is_positive else -1 if expr.is_negative else 0


@dataclass(frozen=True)
class Series:
    """t^order * (coefs[0] + coefs[1] t + ...), coefs[0] != 0 unless the series is 0 to the order known.

    The terms from order + len(coefs) on are unknown.
    """

    order: int
    coefs: tuple[sp.Expr, ...]

    @property
    def end(self) -> int:
        return self.order + len(self.coefs)

    def normal(self) -> Series:
        """Without leading zeros."""
        lead = next((i for i, x in enumerate(self.coefs) if not vanishes(x)), len(self.coefs))
        return Series(self.order + lead, self.coefs[lead:])

    def __add__(self, other: Series) -> Series:
        low, end = min(self.order, other.order), min(self.end, other.end)
        return Series(low, tuple(tidy(self[i] + other[i]) for i in range(low, end))).normal()

    def __mul__(self, other: Series) -> Series:
        n = min(len(self.coefs), len(other.coefs))
        terms = (sp.Add(*(self.coefs[i] * other.coefs[j - i] for i in range(j + 1))) for j in range(n))
        return Series(self.order + other.order, tuple(tidy(x) for x in terms)).normal()

    def __getitem__(self, i: int) -> sp.Expr:
        return self.coefs[i - self.order] if self.order <= i < self.end else ZERO

    def scaled(self, factor: sp.Expr) -> Series:
        return Series(self.order, tuple(tidy(factor * x) for x in self.coefs))


def series(expr: sp.Expr, t: sp.Symbol, n: int) -> Series:
    """expr at t -> 0+ with n coefficients kept at every step (cancellation may leave fewer)."""
    if not expr.has(t):
        return _constant(expr, n)
    if expr == t:
        return Series(1, (ONE,) + (ZERO,) * (n - 1))
    if expr.is_Add:
        return reduce(Series.__add__, [series(arg, t, n) for arg in expr.args])
    if expr.is_Mul:
        free, rest = expr.as_independent(t)
        return reduce(Series.__mul__, [series(arg, t, n) for arg in sp.Mul.make_args(rest)]).scaled(free)
    if expr.is_Pow and not expr.exp.has(t):
        return _power(series(expr.base, t, n), expr.exp)
    if isinstance(expr, sp.Function) and len(expr.args) == 1:
        inner = series(expr.args[0], t, n)
        return _at_infinity(expr.func, inner, n) if inner.order < 0 else _function(expr.func, inner, n)
    if isinstance(expr, Phi2):
        return _quarter_plane(expr, t, n)
    raise NoSeries(f"no series for {expr}")


def _quarter_plane(expr: sp.Expr, t: sp.Symbol, n: int) -> Series:
    """Phi2 of three series: its value at t = 0, and the integral of the series of its derivative in t."""
    ends = []
    for inner in (series(arg, t, n) for arg in expr.args):
        sign = definite_sign(inner.coefs[0]) if inner.order < 0 else 0
        if inner.order < 0 and not sign:
            raise NoSeries(f"the sign of {inner.coefs[0]} is open")
        ends.append(sign * sp.oo if sign else inner[0])
    if -sp.oo in ends:  # smaller than every power
        return Series(n, ())
    if sp.oo in ends:
        h, k, _ = expr.args
        return series(Phi(k if ends[0] == sp.oo else h), t, n)
    start = expr.func(*ends)
    slope = series(sp.diff(expr, t), t, n)
    if start is sp.nan or slope.order < 0:
        raise NoSeries(f"{expr} at {ends}")
    gained = tuple(x / (slope.order + i + 1) for i, x in enumerate(slope.coefs))
    return _constant(start, slope.end + 1) + Series(slope.order + 1, gained)


def _constant(value: sp.Expr, n: int) -> Series:
    return Series(0, (value,) + (ZERO,) * (n - 1)).normal()


def _power(base: Series, exponent: sp.Expr) -> Series:
    """(c t^p (1 + u))^e = c^e t^(pe) sum_k binomial(e, k) u^k."""
    if not base.coefs:
        raise NoSeries("power of a series that vanishes to the order known")
    shift = base.order * exponent
    if not shift.is_Integer:
        raise NoSeries(f"power t^({shift})")
    lead = base.coefs[0]
    u = Series(0, (ZERO, *(tidy(x / lead) for x in base.coefs[1:])))
    total = [ONE] + [ZERO] * (len(base.coefs) - 1)
    power = Series(0, tuple(total))
    for k in range(1, len(base.coefs)):
        power = _times(power, u)
        total = [tidy(x + sp.binomial(exponent, k) * y) for x, y in zip(total, power.coefs, strict=True)]
    return Series(int(shift), tuple(tidy(lead**exponent * x) for x in total))


def _times(left: Series, right: Series) -> Series:
    """A product of series of order 0 whose leading coefficients may vanish."""

    def coefficient(j: int) -> sp.Expr:
        return tidy(sp.Add(*(left.coefs[i] * right.coefs[j - i] for i in range(j + 1))))

    return Series(0, tuple(coefficient(j) for j in range(len(left.coefs))))


def _function(func: Callable[[sp.Expr], sp.Expr], inner: Series, n: int) -> Series:
    """Taylor: f(y0 + u) = sum_k f^(k)(y0) u^k / k!, for inner = y0 + u of order >= 0."""
    if func in (sp.Abs, sp.sign):
        sign = definite_sign(inner.coefs[0]) if inner.coefs else 0
        if not sign:
            raise NoSeries(f"the sign of {inner.coefs[:1]} is open")
        return inner.scaled(sp.Integer(sign)) if func is sp.Abs else _constant(sp.Integer(sign), n)
    known = inner.end
    start = inner[0]
    u = Series(0, (ZERO, *(inner[i] for i in range(1, known))))
    y = sp.Dummy("y", real=True)
    total = [ZERO] * known
    power = Series(0, (ONE,) + (ZERO,) * (known - 1))
    form = func(y)
    for k in range(known):
        weight = form.subs(y, start) / sp.factorial(k)
        if weight.has(sp.zoo, sp.nan, sp.oo):
            raise NoSeries(f"{func} is singular at {start}")
        total = [tidy(x + weight * z) for x, z in zip(total, power.coefs, strict=True)]
        power, form = _times(power, u), sp.diff(form, y)
    return Series(0, tuple(total)).normal()


def _at_infinity(func: Callable[[sp.Expr], sp.Expr], inner: Series, n: int) -> Series:
    """exp at -oo, erf and Phi at +-oo: constants but for what is smaller than every power."""
    sign = definite_sign(inner.coefs[0])
    if func is sp.exp and sign < 0:
        return Series(n, ())
    if func is sp.erf and sign:
        return _constant(sp.Integer(sign), n)
    if func is Phi and sign:
        return _constant(ONE, n) if sign > 0 else Series(n, ())
    raise NoSeries(f"{func} at infinity")
