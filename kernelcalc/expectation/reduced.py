"""Duals brought back to means: E[f(X) g(Y)] = sum of weights * G(v), G(v) = E g(Z), Z ~ N(0, v).

Where f is a mass, a Gaussian or a constant, or g is even and f odd but for a constant, one function of one
argument is all that is left of g, whether it has a closed form or not (S78, S82). Masses and Gaussians that
are not centred at 0 leave G(mu, v) = E g(mu + Z).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.atoms import ONE, Atom, Delta, Opaque, atoms, outgrows
from kernelcalc.expectation.engine import Engine
from kernelcalc.expectation.problem import Dual, Mean, NoRule
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c

G = sp.Function("G", real=True)  # the mean that stays unevaluated


@dataclass(frozen=True)
class Reduced:
    """E[f(X) g(Y)] = form in a, b, c and G(v) or G(mu, v); G is the mean of the regular part of ``of``."""

    form: sp.Expr
    of: Function


class _Naming(Engine):
    """Leaves the mean of one function unevaluated."""

    def __init__(self, whole: Atom) -> None:
        super().__init__()
        self.whole = whole

    def _mean(self, p: Mean) -> sp.Expr:
        if p.atom.bare != self.whole:
            kind = p.atom.kind
            if isinstance(kind, Opaque) and p.atom.bare == replace(self.whole, kind=kind) and kind.whole:
                return p.atom.coef * G(tidy(kind.shift), p.v)
            return super()._mean(p)
        return p.atom.coef * G(p.v) if self.whole.parity != -1 else sp.Integer(0)


def reduce(f: Function, g: Function) -> Reduced | None:
    """The form with G the mean of g or, failing that, of f; None where neither is all that is left."""
    for first, second, swapped in ((f, g, False), (g, f, True)):
        try:
            form = _reduce(first, second)
        except (NoRule, InputError):
            continue
        if form.has(G):
            form = form.subs({a: b, b: a}, simultaneous=True) if swapped else form
            return Reduced(form, second)
    return None


def _reduce(f: Function, g: Function) -> sp.Expr:
    if g.expr == 0 or outgrows(g.expr):
        raise NoRule(f"{g.name} has no mean of its own")
    whole = Atom(ONE, kind=Opaque(g.expr))
    engine = _Naming(whole)
    parts = [whole, *(Atom(weight, kind=Delta(t)) for t, weight in g.deltas)]
    return tidy(
        sp.Add(
            *(
                left.coef * right.coef * engine.solve(Dual(left.bare, right.bare, a, b, c))
                for left in atoms(f)
                for right in parts
            )
        )
    )
