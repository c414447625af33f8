"""Limits of a smooth function of z at the ends of its interval, oscillation included."""

from __future__ import annotations

import math
from functools import cmp_to_key, reduce
from operator import add, mul

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.decide import compare, is_regular, is_zero, vanishing
from kernelcalc.functions.expressions import HYPERBOLIC, expand, is_large
from kernelcalc.symbols import z

MAX_SIZE = 300  # operations in what sp.limit is asked for
MAX_ORDER = 16  # of a zero of a numerator or denominator


def limits(e: sp.Expr, t: sp.Expr, side: str) -> tuple[sp.Expr, sp.Expr]:
    """Lower and upper limit of a smooth e at t (all may be infinite) from the side "+" or "-"; bounds of them
    if e oscillates. InputError if they cannot be found."""
    hidden = [n for n in vanishing(e, t) if n.args[0].subs(z, t) != 0] if t.is_finite else []
    value = e.xreplace({n: n.func(0, *n.args[1:]) for n in hidden}).subs(z, t)  # a zero SymPy does not see
    loose = (sp.nan, sp.zoo, sp.AccumBounds) if t.is_finite else (sp.nan, sp.zoo)
    if value.has(*loose) or (value.has(sp.AccumBounds) and value.has(sp.oo, -sp.oo)):
        value = _asymptotic_limit(e, t) if t.is_infinite else _quotient_limit(e, t, side) if hidden else None
    if value is None or (t.is_finite and not hidden and value.has(sp.oo, -sp.oo)):
        if e.count_ops() > MAX_SIZE:
            raise InputError(f"cannot find the limit at z = {t} of a part with {e.count_ops()} operations")
        try:
            value = sp.limit(e, z, t, side)
        except (NotImplementedError, ValueError, TypeError, AttributeError, sp.PoleError) as error:
            raise InputError(f"cannot find the limit of {e} at z = {t}") from error
    value = _collapse(value)
    if isinstance(value, sp.AccumBounds):
        return value.min, value.max
    if value.has(sp.AccumBounds) and value.has(sp.oo, -sp.oo):
        return -sp.oo, sp.oo
    if value.has(sp.nan, sp.zoo, sp.Limit, sp.AccumBounds) or (hidden and not is_regular(value, t)):
        raise InputError(f"cannot find the limit of {e} at z = {t}")
    return value, value


def _quotient_limit(e: sp.Expr, t: sp.Expr, side: str) -> sp.Expr | None:
    """The limit of a quotient of functions analytic at t by their leading terms c (z - t)**n there; None if e
    is no such quotient."""
    leading = []
    for part in sp.together(e).as_numer_denom():
        if not is_regular(part, t):
            return None
        n = 0
        while is_zero(c := part.subs(z, t)):
            if n == MAX_ORDER or is_large(part):
                return None
            part, n = expand(part).diff(z), n + 1
        leading.append((c / math.factorial(n), n))
    (above, zeros), (below, poles) = leading
    if zeros >= poles:
        return above / below if zeros == poles else sp.S.Zero
    sign = compare(above, sp.S.Zero) * compare(below, sp.S.Zero)
    return sp.oo * (sign * (-1) ** (poles - zeros) if side == "-" else sign)


def _collapse(value: sp.Expr) -> sp.Expr:
    """Sums and products of AccumBounds, which SymPy leaves standing, carried out."""
    if value.is_Add or value.is_Mul:
        return reduce(add if value.is_Add else mul, map(_collapse, value.args))
    if not isinstance(value, sp.AccumBounds):
        return value
    low, high = _collapse(value.min), _collapse(value.max)
    low = low.min if isinstance(low, sp.AccumBounds) else low
    return sp.AccumBounds(low, high.max if isinstance(high, sp.AccumBounds) else high)


def _asymptotic_limit(e: sp.Expr, end: sp.Expr) -> sp.Expr | None:
    """The limit at an infinite end by leading terms: milliseconds where sp.limit may take seconds.

    erf and log give their limit and the leading correction; if these cancel, so does the leading term and the
    answer is None.
    """

    def erf(w: sp.Expr) -> sp.Expr:
        sign = _sign_at_end(w, end) if w.is_polynomial(z) else 0
        return sign - sp.exp(-(w**2)) / (sp.sqrt(sp.pi) * w) if sign else sp.erf(w)

    def log(u: sp.Expr) -> sp.Expr:
        lead = _leading(u, end)
        if lead is None or lead[2]:
            return sp.log(u)
        main = lead[0] * sp.exp(lead[1])
        return sp.log(lead[0]) + lead[1] + (u - main) / main

    def hyperbolic(node: sp.Expr) -> sp.Expr:
        lead = _leading(node.args[0], end)
        return node if lead and lead[1] != 0 else node.rewrite(sp.exp)  # tanh(exp(z)) has its limit

    e = e.replace(lambda node: isinstance(node, HYPERBOLIC), hyperbolic)
    e = e.replace(sp.erfc, lambda w: 1 - sp.erf(w)).replace(sp.erf, erf).replace(sp.log, log)
    above, below = (_leading(part, end) for part in sp.together(e).as_numer_denom())
    if above is None or below is None:
        return None
    if above[0] == 0:
        return sp.S.Zero
    c, growth, k = above[0] / below[0], _sign_at_end(above[1] - below[1], end), above[2] - below[2]
    if growth == 0 == k:
        return c
    sign = (-1) ** (k if end == -sp.oo else 0)
    return sp.S.Zero if growth < 0 or (growth == 0 and k < 0) else c * sign * sp.oo


def _leading(e: sp.Expr, end: sp.Expr) -> tuple[sp.Expr, sp.Expr, int] | None:
    """(c, p, k) with e ~ c exp(p) z**k at the infinite end, p a polynomial; None if e is of another kind."""
    if is_large(e):
        return None
    total: dict[tuple[sp.Expr, int], sp.Expr] = {}
    rough: set[tuple[sp.Expr, int]] = set()  # where c is a limit: if it cancels, what is left is not known
    e = expand(e)
    for term in sp.Add.make_args(e) if e != 0 else ():
        c, p, k, exact = sp.S.One, sp.S.Zero, 0, True
        for f in sp.Mul.make_args(term):
            if isinstance(f, sp.exp) and f.args[0].is_polynomial(z):
                p += f.args[0]
            elif f == z or (f.is_Pow and f.base == z and f.exp.is_Integer):
                k += int(f.as_base_exp()[1])
            else:
                c *= f.subs(z, end)
                exact = exact and not f.has(z)
        if not c.is_finite or c.has(sp.AccumBounds) or c.is_zero:
            return None
        total[p, k] = total.get((p, k), sp.S.Zero) + c
        rough |= set() if exact else {(p, k)}

    def order(s: tuple[sp.Expr, int], t: tuple[sp.Expr, int]) -> int:
        return _sign_at_end(s[0] - t[0], end) or s[1] - t[1]

    for p, k in sorted(total, key=cmp_to_key(order), reverse=True):
        if not is_zero(total[p, k]):
            return total[p, k], p, k
        if (p, k) in rough:
            return None
    return sp.S.Zero, sp.S.Zero, 0


def _sign_at_end(p: sp.Expr, end: sp.Expr) -> int:
    """-1, 1 for a polynomial p that tends to -oo, oo; 0 for a constant."""
    poly = sp.Poly(p, z)
    n = poly.degree()
    return compare(poly.LC(), sp.S.Zero) * (-1 if end == -sp.oo and n % 2 else 1) if n > 0 else 0
