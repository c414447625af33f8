"""Exponentials of distances, as sines and exponentials have them (R8 of stable.py).

E exp(s X + t Y) is an exponential of k (a + b -+ 2 c) = k ((sqrt(a) - sqrt(b))^2 + 4 sqrt(ab) q), p for +:
of long, nearly parallel rows little is left of a + b and c. With m, the larger exponent of the two,

    s exp(k (a + b - 2 c)) - t exp(k (a + b + 2 c)) = s sign(-k c) exp(m) (1 - exp(-4 |k c|))
                                                      + (s - t) exp(k (a + b + 2 c)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.compile.forms.builder import Builder

expm1 = sp.Function("expm1", real=True)  # exp(x) - 1


def exponentials(form: sp.Expr, builder: Builder) -> sp.Expr:
    """R8 wherever it applies."""
    if not (form.has(sp.exp) and form.has(c)):
        return form
    form = form.replace(lambda e: e.is_Add and e.has(sp.exp), lambda e: _difference(e, builder))
    return form.replace(sp.exp, lambda u: sp.exp(_distance(u, builder)))


def _of_distance(u: sp.Expr) -> tuple[sp.Expr, int] | None:
    """(k, s) with u = k (a + b - 2 s c), s = 1 or -1."""
    k = sp.expand(u).coeff(a)
    if k == 0 or k.has(a, b, c):
        return None
    return next(((k, s) for s in (1, -1) if sp.expand(u - k * (a + b - 2 * s * c)) == 0), None)


def _size(builder: Builder) -> sp.Expr:
    """sqrt(ab)."""
    return builder.at_pair(builder.at_row(sp.sqrt(a)) * builder.at_column(sp.sqrt(a)))


def _exponent(k: sp.Expr, less: sp.Expr, builder: Builder) -> sp.Expr:
    """k ((sqrt(a) - sqrt(b))^2 + 4 sqrt(ab) less)."""
    roots = builder.at_row(sp.sqrt(a)), builder.at_column(sp.sqrt(a))
    split = builder.at_pair(builder.difference / (roots[0] + roots[1] + sp.Float(2.0**-1060)))
    return builder.constant(k) * builder.at_pair(split**2 + 4 * _size(builder) * less)


def _distance(u: sp.Expr, builder: Builder) -> sp.Expr:
    """The exponent u without cancellation, if it is such a one."""
    found = _of_distance(u)
    if found is None:
        return u
    omega = builder.omega(sp.S.Zero, sp.S.Zero)
    return _exponent(found[0], omega.q if found[1] == 1 else omega.p, builder)


def _difference(total: sp.Expr, builder: Builder) -> sp.Expr:
    """Two of the terms of a sum, of opposite signs, without cancellation."""
    terms: dict[tuple[sp.Expr, int], sp.Expr] = {}
    for term in total.args:
        powers = [arg for arg in sp.Mul.make_args(term) if isinstance(arg, sp.exp)]
        if len(powers) == 1 and (found := _of_distance(powers[0].args[0])) is not None:
            terms[found] = terms.get(found, sp.S.Zero) + term
    for (k, side), first in terms.items():
        second = terms.get((k, -side), sp.S.Zero)
        s, t = (term.replace(sp.exp, lambda _: sp.S.One) for term in (first, second))
        if side == 1 and second != 0 and s.could_extract_minus_sign() != t.could_extract_minus_sign():
            rest = sp.Add(*(term for term in total.args if term not in sp.Add.make_args(first + second)))
            more = builder.constant(sp.trigsimp(s + t)) * second / t
            return rest + s * _between(k, builder) + more
    return total


def _between(k: sp.Expr, builder: Builder) -> sp.Expr:
    """exp(k (a + b - 2 c)) - exp(k (a + b + 2 c))."""
    omega = builder.omega(sp.S.Zero, sp.S.Zero)
    near, far = (omega.q, omega.p) if k.is_negative else (omega.p, omega.q)
    less = builder.at_pair(sp.Piecewise((near, omega.r >= 0), (far, True)))
    apart = builder.constant(-4 * sp.Abs(k)) * builder.at_pair(_size(builder) * sp.Abs(omega.r))
    larger = builder.at_pair(-sp.exp(_exponent(k, less, builder)) * expm1(apart))
    return sp.sign(-k) * builder.at_pair(sp.Piecewise((larger, omega.r >= 0), (-larger, True)))
