"""Closed forms written so that no factor over- or underflows where the whole does not."""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.special import erfcx


def harmless(expr: sp.Expr) -> sp.Expr:
    """C e^p - C e^p erf(u) = C e^p erfc(u) = C e^(p - u^2) erfcx(u), wherever p - u^2 <= 0."""
    if not (expr.has(sp.erf, sp.erfc) and expr.has(sp.exp)):
        return expr
    terms = list(sp.Add.make_args(expr))
    for term in list(terms):
        found = _split(term)
        if found is None or term not in terms:
            continue
        rest, p, u, complementary = found
        weight = _remainder(p, u)
        if weight is None:
            continue
        if complementary:
            terms[terms.index(term)] = rest * weight * erfcx(u)
            continue
        for sign in (1, -1):  # C e^p + C e^p erf(u) = C e^p erfc(-u)
            partner = sign * rest * sp.exp(p)
            match = next((x for x in terms if x == partner or sp.expand(x - partner) == 0), None)
            if match is not None:
                terms.remove(term)
                terms[terms.index(match)] = sign * rest * weight * erfcx(-sign * u)
                break
    return sp.Add(*terms)


def _split(term: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr, bool] | None:
    """(rest, p, u, whether erfc) of rest * exp(p) * erf(u) or erfc(u)."""
    exponentials = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.exp)]
    errors = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.erf | sp.erfc)]
    if len(exponentials) != 1 or len(errors) != 1:
        return None
    rest = sp.Mul(*(f for f in sp.Mul.make_args(term) if f not in (exponentials[0], errors[0])))
    return rest, exponentials[0].args[0], errors[0].args[0], isinstance(errors[0], sp.erfc)


def _remainder(p: sp.Expr, u: sp.Expr) -> sp.Expr | None:
    """exp(p - u^2) if that is at most 1, else None."""
    left = sp.cancel(sp.together(sp.expand(p - u**2)))
    return sp.exp(sp.factor(left)) if left == 0 or sp.factor(left).is_nonpositive else None
