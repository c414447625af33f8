"""Special functions in which means of surrogate derivatives are written, none of which over- or underflows.

    erfcx(x)             exp(x^2) erfc(x)
    goodwin_staton(t)    integral of exp(-y^2)/(y + t) over y > 0  (DLMF 7.2.12)
    half_line(p, t)      integral of exp(-y^2)/(y + t)^p over y > 0, p no integer
    hyperu(p, q, x)      Tricomi's U (DLMF 13.2)
    faddeeva_re, faddeeva_im(x, y)    real and imaginary part of w(x + i y) = exp(-(x+iy)^2) erfc(y - i x)

Each has its derivatives, values to any precision, a definition in SymPy's own functions, and, where limits
need it, its behaviour at 0 and at infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import sympy as sp

GUARD = 10  # digits beyond those asked for
Terms = list[tuple[sp.Expr, sp.Expr]]  # (coefficient, exponent)


def _far(t: Any) -> bool:
    """Whether the divergent expansion in 1/t reaches the working precision: its least term is exp(-t^2)."""
    return bool(t * t > 2.4 * mp.mp.dps + 20)


def _divergent(p: Any, t: Any) -> Any:
    """The integral of exp(-y^2)/(y + t)^p = sum_k binomial(-p, k) Gamma((k+1)/2)/2 t^(-p-k), t large."""
    total, factor, k = mp.mpf(0), mp.mpf(1), 0
    while True:
        term = factor * mp.gamma(mp.mpf(k + 1) / 2) / 2
        total += term
        if abs(term) <= mp.eps * abs(total):
            return total * t ** (-p)
        factor *= -(p + k) / ((k + 1) * t)
        k += 1


def mp_erfcx(x: Any) -> Any:
    x = mp.mpf(x)
    if x > 0 and _far(x):  # sum_k (-1)^k (2k-1)!!/(2 x^2)^k / (sqrt(pi) x)
        total, term, k = mp.mpf(0), mp.mpf(1), 0
        while abs(term) > mp.eps:
            total += term
            k += 1
            term *= -(2 * k - 1) / (2 * x * x)
        return total / (x * mp.sqrt(mp.pi))
    with mp.workdps(mp.mp.dps + GUARD + int(mp.log10(1 + x * x))):
        value = mp.exp(x * x) * mp.erfc(x)
    return +value


def mp_goodwin_staton(t: Any) -> Any:
    t = mp.mpf(t)
    with mp.workdps(mp.mp.dps + GUARD):
        near = None if _far(t) else mp.exp(-t * t) * (mp.pi * mp.erfi(t) - mp.ei(t * t)) / 2
        value = _divergent(1, t) if near is None else near
    return +value


def mp_half_line(p: Any, t: Any) -> Any:
    p, t = mp.mpf(p), mp.mpf(t)
    with mp.workdps(mp.mp.dps + GUARD):
        if _far(t):
            value = _divergent(p, t)
        else:
            with mp.workdps(mp.mp.dps + int(t * t)):  # the terms reach exp(t^2)
                x = -t * t
                value = mp.gamma((1 - p) / 2) / 2 * mp.hyp1f1(p / 2, 0.5, x)
                value -= p / 2 * mp.gamma(-p / 2) * t * mp.hyp1f1((p + 1) / 2, 1.5, x)
                value += t ** (1 - p) / (p - 1) * mp.hyp2f2(0.5, 1, 1 - p / 2, (3 - p) / 2, x)
    return +value


def mp_faddeeva(x: Any, y: Any) -> Any:
    point = mp.mpc(x, y)
    with mp.workdps(mp.mp.dps + GUARD + int(2 * mp.log10(1 + abs(point)))):
        value = mp.exp(-point * point) * mp.erfc(point / mp.mpc(0, 1))
    return +value


def _evalf(e: sp.Expr, call: Callable[..., Any], prec: int) -> sp.Expr | None:
    arguments = [x.evalf(prec + 40) for x in e.args]
    if not all(x.is_Float or x.is_Rational for x in arguments):
        return None
    with mp.workprec(prec + 20):
        value = call(*(mp.mpf(sp.Float(x, precision=prec + 40)._mpf_) for x in arguments))
    return sp.Float._new(value._mpf_, prec)


def _latex(name: str, e: sp.Expr, printer: Any, exp: str | None) -> str:
    inner = ", ".join(printer.doprint(x) for x in e.args)
    return f"{name}{f'^{{{exp}}}' if exp else ''}\\left({inner}\\right)"


class erfcx(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """exp(x^2) erfc(x)."""

    nargs = 1
    _imp_ = staticmethod(mp_erfcx)  # what lambdify puts in

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        return {sp.S.Zero: sp.S.One, sp.oo: sp.S.Zero}.get(x)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return 2 * self.args[0] * self - 2 / sp.sqrt(sp.pi)

    def definition(self) -> sp.Expr:
        (x,) = self.args
        return sp.exp(x**2) * sp.erfc(x)

    @staticmethod
    def at_infinity(count: int) -> Terms:
        """The expansion at oo."""
        terms = ((sp.factorial2(2 * k - 1) / (-2) ** k, k) for k in range(count))
        return [(sp.S(c) / sp.sqrt(sp.pi), sp.Integer(-1 - 2 * k)) for c, k in terms]

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, mp_erfcx, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _latex("\\mathrm{erfcx}", self, printer, exp)


class goodwin_staton(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """The integral of exp(-y^2)/(y + t) over y > 0, t > 0."""

    nargs = 1
    _imp_ = staticmethod(mp_goodwin_staton)

    @classmethod
    def eval(cls, t: sp.Expr) -> sp.Expr | None:
        return {sp.S.Zero: sp.oo, sp.oo: sp.S.Zero}.get(t)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        (t,) = self.args
        return sp.sqrt(sp.pi) - 1 / t - 2 * t * self

    def definition(self) -> sp.Expr:
        (t,) = self.args
        return sp.exp(-(t**2)) * (sp.pi * sp.erfi(t) - sp.Ei(t**2)) / 2

    @staticmethod
    def at_infinity(count: int) -> Terms:
        return [((-1) ** k * sp.gamma(sp.Rational(k + 1, 2)) / 2, sp.Integer(-1 - k)) for k in range(count)]

    @staticmethod
    def at_zero(t: sp.Symbol, log: sp.Symbol, count: int) -> sp.Expr:
        """The expansion at 0, log = ln t: Ei(x) = gamma + ln x + sum_k x^k/(k k!)."""
        entire = sp.Add(*(t ** (2 * k) / (k * sp.factorial(k)) for k in range(1, count // 2 + 2)))
        erfi = sp.Add(
            *(t ** (2 * k + 1) / ((2 * k + 1) * sp.factorial(k)) for k in range(count // 2 + 1))
        ) * 2 / sp.sqrt(sp.pi)
        return sp.exp(-(t**2)) * (sp.pi * erfi - sp.EulerGamma - 2 * log - entire) / 2

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_positive else None

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, mp_goodwin_staton, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _latex("\\mathrm{gs}", self, printer, exp)


class half_line(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """The integral of exp(-y^2)/(y + t)^p over y > 0, t > 0, p no integer."""

    nargs = 2
    _imp_ = staticmethod(mp_half_line)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex != 2:
            raise sp.core.function.ArgumentIndexError(self, argindex)
        p, t = self.args
        return -p * half_line(p + 1, t)

    def definition(self) -> sp.Expr:
        p, t = self.args
        x, half = -(t**2), sp.S.Half
        return (
            sp.gamma((1 - p) / 2) / 2 * sp.hyper((p / 2,), (half,), x)
            - p / 2 * sp.gamma(-p / 2) * t * sp.hyper(((p + 1) / 2,), (3 * half,), x)
            + t ** (1 - p) / (p - 1) * sp.hyper((half, 1), (1 - p / 2, (3 - p) / 2), x)
        )

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[1].is_positive and self.args[0].is_real else None

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, mp_half_line, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        p, t = (printer.doprint(x) for x in self.args)
        return f"J_{{{p}}}{f'^{{{exp}}}' if exp else ''}\\left({t}\\right)"


def _kummer(p: sp.Expr, q: sp.Expr, x: sp.Symbol, count: int) -> sp.Expr:
    """The first terms of M(p, q, x) (DLMF 13.2.2)."""
    return sp.Add(*(sp.rf(p, k) / (sp.rf(q, k) * sp.factorial(k)) * x**k for k in range(count)))


class hyperu(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """Tricomi's confluent hypergeometric function U(p, q, x)."""

    nargs = 3
    _imp_ = staticmethod(mp.hyperu)

    def fdiff(self, argindex: int = 3) -> sp.Expr:
        if argindex != 3:
            raise sp.core.function.ArgumentIndexError(self, argindex)
        p, q, x = self.args
        return -p * hyperu(p + 1, q + 1, x)

    @staticmethod
    def far_out(p: sp.Expr, q: sp.Expr, count: int) -> Terms:
        """The expansion at oo (DLMF 13.7.3)."""
        rising = ((sp.rf(p, k) * sp.rf(p - q + 1, k), k) for k in range(count))
        return [(c * sp.S(-1) ** k / sp.factorial(k), -p - k) for c, k in rising]

    @staticmethod
    def at_zero(p: sp.Expr, q: sp.Expr, x: sp.Symbol, log: sp.Symbol, count: int) -> sp.Expr:
        """The expansion at 0, log = ln x, for a number q (DLMF 13.2.9, 13.2.40, 13.2.42)."""
        if not q.is_integer:
            whole = sp.gamma(1 - q) / sp.gamma(p - q + 1) * _kummer(p, q, x, count)
            return whole + sp.gamma(q - 1) / sp.gamma(p) * x ** (1 - q) * _kummer(p - q + 1, 2 - q, x, count)
        if q < 1:
            return x ** (1 - q) * hyperu.at_zero(p - q + 1, 2 - q, x, log, count)
        n = q - 1
        regular = sp.Add(*(
            sp.rf(p, k) / (sp.rf(n + 1, k) * sp.factorial(k)) * x**k
            * (log + sp.digamma(p + k) - sp.digamma(1 + k) - sp.digamma(n + k + 1))
            for k in range(count)
        ))  # fmt: skip
        poles = sp.Add(*(
            sp.factorial(k - 1) * sp.rf(1 - p + k, n - k) / sp.factorial(n - k) * x ** (-k)
            for k in range(1, int(n) + 1)
        ))  # fmt: skip
        return sp.S(-1) ** (n + 1) / (sp.factorial(n) * sp.gamma(p - n)) * regular + poles / sp.gamma(p)

    def _eval_is_positive(self) -> bool | None:
        p, _, x = self.args
        return True if p.is_positive and x.is_positive else None

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, mp.hyperu, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _latex("U", self, printer, exp)


class faddeeva_re(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """Re w(x + i y), the Voigt function; even in x, y > 0."""

    nargs = 2
    _imp_ = staticmethod(lambda x, y: mp_faddeeva(x, y).real)

    @classmethod
    def eval(cls, x: sp.Expr, y: sp.Expr) -> sp.Expr | None:
        if x == 0:
            return erfcx(y)
        return cls(-x, y) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x, y = self.args
        other = faddeeva_im(x, y)
        if argindex == 1:
            return 2 * (y * other - x * self)
        return 2 * (x * other + y * self) - 2 / sp.sqrt(sp.pi)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, lambda x, y: mp_faddeeva(x, y).real, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _latex("\\mathrm{Re}\\,w", self, printer, exp)


class faddeeva_im(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """Im w(x + i y); odd in x."""

    nargs = 2
    _imp_ = staticmethod(lambda x, y: mp_faddeeva(x, y).imag)

    @classmethod
    def eval(cls, x: sp.Expr, y: sp.Expr) -> sp.Expr | None:
        if x == 0:
            return sp.S.Zero
        return -cls(-x, y) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x, y = self.args
        other = faddeeva_re(x, y)
        if argindex == 1:
            return 2 / sp.sqrt(sp.pi) - 2 * (x * self + y * other)
        return 2 * (y * self - x * other)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        return _evalf(self, lambda x, y: mp_faddeeva(x, y).imag, prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _latex("\\mathrm{Im}\\,w", self, printer, exp)
