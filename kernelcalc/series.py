"""Truncated power series in a small positive variable, computed over the expression tree.

Faster and more predictable than differentiating a whole expression: coefficients stay short because they
are tidied one by one, and no expression is ever expanded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.functions.special import hyperu
from kernelcalc.symbols import c

ZERO, ONE = sp.Integer(0), sp.Integer(1)
LOG = sp.Symbol("ln_t", real=True)  # the logarithm of the small variable, in coefficients


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
        if (inner.order != 0 and expr.func is sp.log) or (inner.order > 0 and hasattr(expr.func, "at_zero")):
            return _logarithmic(getattr(expr.func, "at_zero", None), inner, n)
        return _at_infinity(expr.func, inner, n) if inner.order < 0 else _function(expr.func, inner, n)
    if isinstance(expr, Phi2):
        return _quarter_plane(expr, t, n)
    if isinstance(expr, sp.expint) and expr.args[0] == 1:
        inner = series(expr.args[1], t, n)
        return _exponential_integral(inner, n)
    if isinstance(expr, hyperu) and not expr.args[0].has(t) and not expr.args[1].has(t):
        p, q, argument = expr.args
        inner = series(argument, t, n)
        if inner.order < 0 and definite_sign(inner.coefs[0]) > 0:
            return _terms(hyperu.far_out(p, q, n), inner, n)
        if inner.order > 0 and q.is_Rational:
            return _logarithmic(partial(hyperu.at_zero, p, q), inner, n)
        raise NoSeries(f"no series for {expr} at this argument")
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
    total = [ZERO] * known  # tidied once, as a whole: what cancels between the powers is never factored
    power = Series(0, (ONE,) + (ZERO,) * (known - 1))
    form = func(y)
    for k in range(known):
        weight = form.subs(y, start) / sp.factorial(k)
        if weight.has(sp.zoo, sp.nan, sp.oo):
            raise NoSeries(f"{func} is singular at {start}")
        total = [x + weight * z for x, z in zip(total, power.coefs, strict=True)]
        power, form = _times(power, u), sp.diff(form, y)
    return Series(0, tuple(tidy(x) for x in total)).normal()


def _logarithmic(at_zero: Callable[..., sp.Expr] | None, inner: Series, n: int) -> Series:
    """f(y) at y = c t^p (1 + u) -> 0+ from its form A(y) + B(y) ln y;  ln y = ln c + p ln t + ln(1 + u).

    Without a form: ln y itself.
    """
    lead, order = inner.coefs[0], inner.order
    if definite_sign(lead) <= 0:
        raise NoSeries(f"the logarithm of {lead}")
    rest = Series(0, (ZERO, *(tidy(x / lead) for x in inner.coefs[1:])))
    unit = _function(sp.log, Series(0, (ONE, *rest.coefs[1:])), n)
    log = _constant(sp.expand_log(sp.log(lead), force=True) + order * LOG, n) + unit
    if at_zero is None:
        return log
    y, ln = sp.Dummy("y", positive=True), sp.Dummy("ln")
    form = sp.expand(at_zero(y**2, 2 * ln, n))  # y^2: roots as powers
    root = _power(inner, sp.S.Half) if inner.order % 2 == 0 else None
    if root is None:
        form, root = sp.expand(at_zero(y, ln, n)), inner
        total, front = Series(0, (ZERO,) * n), log
    else:
        total, front = Series(0, (ZERO,) * n), log.scaled(sp.S.Half)
    for power in (0, 1):
        if (part := form.coeff(ln, power)) != 0:
            found = _composed(series(part, y, n), root, n)
            total = total + (found if power == 0 else found * front)
    return total


def _composed(outer: Series, inner: Series, n: int) -> Series:
    """outer(inner(t)) for inner of positive order."""
    return _terms([(x, sp.Integer(outer.order + i)) for i, x in enumerate(outer.coefs)], inner, n)


def _terms(terms: list[tuple[sp.Expr, sp.Expr]], inner: Series, n: int) -> Series:
    """The sum of coefficient * inner^exponent; the first of the terms left out bounds what is known."""
    total: Series | None = None
    for coefficient, exponent in terms:
        part = _power(inner, exponent).scaled(coefficient) if coefficient != 0 else None
        if part is not None:
            total = part if total is None else total + part
    order = abs(inner.order)
    last = abs(terms[-1][1]) + abs(terms[-1][1] - terms[-2][1]) if len(terms) > 1 else abs(terms[-1][1]) + 1
    known = int(order * last)
    if total is None:
        return Series(known, ())
    return Series(total.order, total.coefs[: max(0, known - total.order)])


def _exponential_integral(inner: Series, n: int) -> Series:
    """E1(y) = -gamma - ln y - sum_k (-y)^k/(k k!) at 0; smaller than every power at oo."""
    if inner.order < 0:
        return Series(n, ())
    if inner.order == 0:
        raise NoSeries("E1 at a finite argument")
    terms = [((-1) ** (k + 1) / (k * sp.factorial(k)), sp.Integer(k)) for k in range(1, n + 1)]
    log = _logarithmic(None, inner, n)
    return _terms(terms, inner, n) + _constant(-sp.EulerGamma, n) + log.scaled(-ONE)


def _at_infinity(func: Any, inner: Series, n: int) -> Series:
    """exp at -oo, erf and Phi at +-oo: constants but for what is smaller than every power."""
    sign = definite_sign(inner.coefs[0])
    if func is sp.exp and sign < 0:
        return Series(n, ())
    if func is sp.erf and sign:
        return _constant(sp.Integer(sign), n)
    if func is Phi and sign:
        return _constant(ONE, n) if sign > 0 else Series(n, ())
    if sign > 0 and hasattr(func, "at_infinity"):
        return _terms(func.at_infinity(n), inner, n)
    raise NoSeries(f"{func} at infinity")
