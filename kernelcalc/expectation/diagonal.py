"""Expectations at X = Y, where the covariance is singular: E[f(Z) g(Z)]."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.expectation.atoms import Atom, Delta, Opaque, Sgn, atoms
from kernelcalc.expectation.tidy import tidy
from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.expectation.result import Expectation


def diagonal(e: Expectation) -> sp.Expr | None:
    """E[f(Z) g(Z)], Z ~ N(0, a), from the closed form of E[f(X) g(Y)], in parameter symbols.

    A mass against a function continuous there gives its value there (S79); a mass against a mass is oo;
    everything else is continuous up to c = a = b, where the closed form is evaluated.
    """
    if e.g is None or not e.g.deltas and not e.f.deltas:
        return _continuous(e.template)
    total: sp.Expr | None = sp.Integer(0)
    for left in atoms(e.f.symbolic):
        for right in atoms(e.g.symbolic):
            first, second = (left, right) if isinstance(left.kind, Delta) else (right, left)
            if not isinstance(first.kind, Delta):
                continue
            if isinstance(second.kind, Delta):
                if first.kind.t == second.kind.t:
                    return sp.oo
                continue
            total += _at_mass(first, second)
    regular = e.f.expr != 0 and e.g.expr != 0
    if regular:
        from kernelcalc.expectation.result import dual

        rest = dual(replace(e.f, masses=()), replace(e.g, masses=())).symbolic_diagonal
        total = None if rest is None else total + rest
    return None if total is None else tidy(total)


def _at_mass(mass: Atom, other: Atom) -> sp.Expr:
    """E[w delta(Z - t) h(Z)] = w h(t) N(t; 0, a); at a jump of h its mean value, as for a limit of mollifiers."""
    assert isinstance(mass.kind, Delta)
    t = mass.kind.t
    kind = other.kind
    value = replace(other, kind=Opaque(sp.Integer(0))).expr(t) if isinstance(kind, Sgn) and kind.t == t else other.expr(t)
    density = sp.exp(-(t**2) / (2 * a)) / sp.sqrt(2 * sp.pi * a)
    return mass.coef * value * density


def _continuous(expr: sp.Expr | None) -> sp.Expr | None:
    if expr is None:
        return None
    value = expr.subs({b: a, c: a}, simultaneous=True)
    if value.has(sp.nan, sp.zoo, sp.oo):
        return sp.oo
    return tidy(sp.powdenest(value, force=True))
