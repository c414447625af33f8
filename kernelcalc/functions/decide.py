"""Decisions about real numbers and functions of z: order, equality, identity, infinity.

Signs of numbers are read off digits that SymPy certifies; 0 is what 100 digits cannot tell from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.expressions import is_singular
from kernelcalc.symbols import z


def is_null(value: sp.Expr) -> bool:
    """Whether a result of sp.N is 0, or stands for one: all of the 100 digits it tries had cancelled."""
    return bool(value == 0 or (value.is_Float and value._prec == 1))


def compare(a: sp.Expr, b: sp.Expr) -> int:
    """-1, 0 or 1 for a < b, a = b, a > b; numbers are equal if 100 digits do not tell them apart.

    InputError if symbolic parameters leave it open, or a number is not real.
    """
    difference = a - b
    if a == b or difference == 0:
        return 0
    if a in (sp.oo, -sp.oo) or b in (sp.oo, -sp.oo):
        return 1 if a == sp.oo or b == -sp.oo else -1
    if difference.is_number:
        value = sp.N(difference, 15)
        if not value.is_extended_real:
            raise InputError(f"{a} and {b} are not both real")
        return 0 if is_null(value) else (1 if value > 0 else -1)
    for form in (difference, sp.factor(sp.together(difference))):
        if form.is_extended_positive or form.is_extended_negative:
            return 1 if form.is_extended_positive else -1
    raise InputError(f"whether {a} < {b} depends on the parameters; give them numbers")


def distinct(values: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The values in increasing order, each once."""
    ordered = sorted(values, key=cmp_to_key(compare))
    return [t for i, t in enumerate(ordered) if i == 0 or compare(ordered[i - 1], t) < 0]


def largest(values: Iterable[sp.Expr]) -> sp.Expr:
    """The greatest of one or more values."""
    best, *others = sorted(values, key=sp.count_ops)  # of equal values the simplest form
    for value in others:
        symbolic = (best - value).free_symbols  # numbers are compared by their digits, which is far quicker
        if not (symbolic and (best - value).is_extended_nonnegative) and compare(value, best) > 0:
            best = value
    return best


def is_infinite(x: sp.Expr) -> bool:
    """Whether x is oo, -oo or zoo; InputError if symbolic parameters leave it open."""
    known = not sp.N(x).is_finite if x.is_number else x.is_infinite
    if known is None:
        raise InputError(f"whether {x} is infinite depends on the parameters; give them numbers")
    return bool(known)


def inside(lo: sp.Expr, hi: sp.Expr, t: sp.Expr) -> sp.Expr:
    """The point of (lo, hi) that t > 0 stands for."""
    if lo.is_infinite:
        return sp.log(t) if hi.is_infinite else hi - 1 / t
    return lo + t if hi.is_infinite else (lo + hi * t) / (1 + t)


def is_zero(e: sp.Expr, lo: sp.Expr = -sp.oo, hi: sp.Expr = sp.oo) -> bool:
    """Whether e vanishes identically on (lo, hi): decided at four generic points, to 100 digits."""
    if e == 0 or e.is_Rational:
        return bool(e == 0)
    tried = False
    symbols = sorted((e.free_symbols | lo.free_symbols | hi.free_symbols) - {z}, key=str)
    for i in range(4):
        at = {
            s: sp.Integer(2 + i + j) if s.is_integer else sp.Rational(37 + 10 * i + 7 * j, 29)
            for j, s in enumerate(symbols)
        }
        at = {s: -value if s.is_negative else value for s, value in at.items()}
        point = inside(lo.subs(at), hi.subs(at), sp.Rational(13 + 11 * i, 17))
        value = sp.N(e.subs(at).subs(z, point), 15)
        if value.is_finite and not is_null(value):
            return False
        tried = tried or bool(value.is_finite)
    return tried


def vanishing(e: sp.Expr, t: sp.Expr) -> list[sp.Expr]:
    """The powers and logarithms in e that are singular at z = t: arguments vanish there, to 100 digits."""
    nodes = [n for n in sp.preorder_traversal(e) if is_singular(n)]
    return [n for n in nodes if is_zero(n.args[0].subs(z, t))]


def is_regular(e: sp.Expr, t: sp.Expr) -> bool:
    """Whether e is analytic at t: no denominator, root or logarithm vanishes there."""
    return not vanishing(e, t)
