"""Expectations at X = Y, where the covariance is singular: E[f(Z) g(Z)], Z ~ N(0, a)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.engine import derive_mean
from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions import analysis
from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import Phi2
from kernelcalc.symbols import a, b, c, v, z

if TYPE_CHECKING:
    from kernelcalc.expectation.result import Expectation


def diagonal(e: Expectation) -> sp.Expr | None:
    """The closed form at X = Y in parameter symbols, or None.

    A mass against a function gives its value there (S79), at a jump the mean of the two sides, which is the
    limit from X != Y; a mass against a mass is infinite. Functions without masses: the closed form of
    E[f(X) g(Y)] is continuous up to c = a = b; where there is none, the product has a mean.
    """
    if e.g is None:
        return None
    f, g = e.f.symbolic, e.g.symbolic
    if not f.deltas and not g.deltas:
        found = _of_product(e.f, e.g)[0] if _needs_product(e) else None
        return _continuous(e) if found is None and e.template is not None else found
    signs = {_sign(w, u) for t, w in f.deltas for r, u in g.deltas if t == r}
    if signs:
        return sp.oo * signs.pop() if len(signs) == 1 else None
    total = sp.Integer(0)
    for masses, other in ((f, g), (g, f)):
        for t, weight in masses.deltas:
            density = sp.exp(-(t**2) / (2 * a)) / sp.sqrt(2 * sp.pi * a)
            total += weight * _value(other, t) * density
    if f.expr != 0 and g.expr != 0:
        rest = _regular(e).symbolic_diagonal
        if rest is None:
            return None
        total += rest
    return tidy(total)


def general(e: Expectation) -> bool:
    """Whether `diagonal` finds a form for all values of the parameters: that of a product of pieces may be
    known only once it is known which kink comes first."""
    if e.g is None:
        return True
    if e.f.deltas or e.g.deltas:
        return e.f.expr == 0 or e.g.expr == 0 or general(_regular(e))
    return not _needs_product(e) or _of_product(e.f, e.g)[1]


def _needs_product(e: Expectation) -> bool:
    return e.template is None or e.template.has(Phi2, sp.hyper)


def _regular(e: Expectation) -> Expectation:
    from kernelcalc.expectation.result import dual

    assert e.g is not None
    return dual(replace(e.f, masses=()), replace(e.g, masses=()))


def _sign(w: sp.Expr, u: sp.Expr) -> sp.Expr:
    """The sign of a product of two weights, which are not 0."""
    return next((sp.Integer(s) for s in (1, -1) if sp.expand(w - s * u) == 0), sp.sign(w * u))


def _value(f: Function, t: sp.Expr) -> sp.Expr:
    """The regular part at t; at a jump the mean of its limits from both sides."""
    pieces = analysis.pieces(f.expr)
    sides = [piece.expr.subs(z, t) for piece in pieces if t in (piece.lo, piece.hi)]
    if sides:
        return sp.Add(*sides) / 2
    return f.expr.subs(z, t).replace(sp.Heaviside, lambda x, *_: sp.Heaviside(x, sp.Rational(1, 2)))


@lru_cache(maxsize=256)
def _of_product(f: Function, g: Function) -> tuple[sp.Expr | None, bool]:
    """The mean of f g, and whether it holds for all values of the parameters."""
    parameters = tuple(dict(f.parameters + g.parameters).items())
    product = Function(f"({f.name}) * ({g.name})", f.template * g.template, parameters)
    for form in (product.symbolic, product):
        try:
            return derive_mean(form, stepwise=True)[0].subs(v, a), form is not product
        except (NoRule, InputError):  # InputError: parameters that leave the pieces of f g open
            continue
    return None, True


def _continuous(e: Expectation) -> sp.Expr:
    expr = sp.sympify(e.template)
    value = expr.subs({b: a, c: a}, simultaneous=True)
    if value.has(sp.hyper):
        value = e._put(value).replace(sp.hyper, _gauss)  # the values decide whether it is finite
        return sp.oo if value.has(sp.oo) else value
    if not value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        return tidy(value)
    from kernelcalc.expansions import limit

    gap = sp.Symbol("g", positive=True)
    return limit(expr.subs({b: a, c: a - gap}, simultaneous=True), gap, sp.Integer(0))


def _gauss(over: sp.Tuple, under: sp.Tuple, x: sp.Expr) -> sp.Expr:
    """2F1(s, t; u; 1) = Gamma(u) Gamma(u - s - t)/(Gamma(u - s) Gamma(u - t)), infinite for u <= s + t."""
    (s, t), (u,) = over, under
    if x != 1 or (u - s - t).is_positive is None:
        return sp.hyper(over, under, x)
    if not (u - s - t).is_positive:
        return sp.oo
    return sp.gamma(u) * sp.gamma(u - s - t) / (sp.gamma(u - s) * sp.gamma(u - t))
