"""Limits and expansions of closed forms in one symbol, derived term by term."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from kernelcalc import trace
from kernelcalc.errors import InputError
from kernelcalc.expectation.tidy import t, tidy
from kernelcalc.series import LOG, NoSeries, series, vanishes
from kernelcalc.symbols import a, b, c, xx, xy, yy

Terms = list[tuple[sp.Expr, sp.Rational]]  # (coefficient, exponent of x), in increasing order


def limit(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> sp.Expr:
    """The limit of a closed form as a positive symbol tends to point (from below for oo, else from above).

    Raises InputError where the closed form is no power of the distance, times a series in its square root.
    """
    found, known = _leading(at_zero(expr, symbol, point), symbol, 1)
    if not found and known <= 0:
        raise InputError(f"no limit of {expr} for {symbol} -> {point}: the leading terms cancel")
    coefficient, power = found[0] if found else (sp.Integer(0), sp.Integer(0))
    if coefficient.has(LOG):  # ln t -> -oo
        coefficient = sp.LC(coefficient, LOG) * (-1) ** sp.degree(coefficient, LOG)
        power = sp.S.NegativeOne if power == 0 else power
    value = coefficient if power == 0 else sp.Integer(0) if power > 0 else sp.oo * sp.sign(coefficient)
    trace.note("limit", sp.Limit(expr, symbol, point, "-" if point == sp.oo else "+"), value)
    return value


def expand(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr, terms: int = 1) -> sp.Expr:
    """The first terms of the expansion of a closed form at a point, written in the symbol."""
    small = 1 / symbol if point == sp.oo else symbol - point
    found, known = _leading(at_zero(expr, symbol, point), symbol, terms)
    if not found and not vanishes(expr):
        raise InputError(f"{expr} is smaller than {symbol}^{known}: no leading power found")
    log = -sp.log(symbol) if point == sp.oo else sp.log(small)
    value = sp.Add(*(coefficient.subs(LOG, log) * small**power for coefficient, power in found))
    trace.note("expansion", expr, value, tends=(symbol, point))
    return value


def at_zero(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> sp.Expr:
    """expr with the symbol replaced so that the point becomes 0 from above."""
    if point == sp.oo:
        return expr.subs(symbol, 1 / symbol)
    return expr.subs(symbol, point + symbol)


def expansion(expr: sp.Expr, x: sp.Symbol, terms: int) -> Terms:
    """The first nonzero terms of expr at x -> 0+, in powers of x or of sqrt(x); fewer if expr ends before.

    Raises InputError where expr is no such series, times a power.
    """
    found, known = _leading(expr, x, terms)
    if not found and not vanishes(expr):
        raise InputError(f"{expr} is smaller than {x}^{known}: no leading power found")
    if any(coefficient.has(LOG) for coefficient, _ in found):
        raise InputError(f"{expr} has a logarithm of {x} in its leading terms, so is no power there")
    value = sp.Add(*(coefficient * x**power for coefficient, power in found))
    trace.note("expansion", expr, value, tends=(x, sp.Integer(0)))
    return found or [(sp.Integer(0), sp.Integer(0))]


def _leading(expr: sp.Expr, x: sp.Symbol, terms: int) -> tuple[Terms, sp.Rational]:
    """Up to so many nonzero terms, and the exponent below which all are known."""
    if expr.has(xx, yy, xy) and not expr.has(a, b, c):  # a Gram matrix is a covariance, which roots rely on
        inside, known = _leading(expr.xreplace({xx: a, yy: b, xy: c}), x, terms)
        return [(y.xreplace({a: xx, b: yy, c: xy}), power) for y, power in inside], known
    reason: NoSeries | None = None
    for form, root in _substituted(expr, x):
        try:
            for kept in (terms + 1, 2 * terms + 1, 4 * terms + 4, 8 * terms + 24):
                found = series(_regular(form, kept), t, kept)
                powers = ((found.order + i) / root for i in range(len(found.coefs)))
                nonzero = [
                    (y.subs(LOG, LOG / root), power)  # ln t = ln(x)/root
                    for y, power in zip(found.coefs, powers, strict=True)
                    if not vanishes(y)
                ]
                if len(nonzero) >= terms:
                    return nonzero[:terms], nonzero[terms - 1][1]
        except NoSeries as stopped:
            reason = stopped
        else:
            return nonzero, found.end / root
    raise InputError(f"no expansion of {expr} in powers of sqrt({x}): {reason}")


def _substituted(expr: sp.Expr, x: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Rational]]:
    """Ways to write expr in t, x = t^root: in x^2 if nothing else occurs (half the terms), x, and sqrt(x)."""
    form = tidy(expr.subs(x, t))
    even = form.subs(t, sp.sqrt(t))
    if not any(power.base == t and not power.exp.is_Integer for power in even.atoms(sp.Pow)):
        yield even, sp.Rational(1, 2)
    yield form, sp.Integer(1)
    yield tidy(expr.subs(x, t**2)), sp.Integer(2)


def _regular(expr: sp.Expr, kept: int) -> sp.Expr:
    """asin near +-1, where it has a root, by atan: asin u = sgn(u) pi/2 - atan(sqrt(1 - u^2)/u)."""

    def rewrite(u: sp.Expr) -> sp.Expr:
        u = _regular(u, kept)
        end = series(u, t, kept)[0]
        if end not in (1, -1):
            return sp.asin(u)
        return end * sp.pi / 2 - sp.atan(tidy(sp.sqrt(sp.factor(sp.together(1 - u**2)))) / u)

    return expr.replace(sp.asin, rewrite)
