"""Means without a cheap closed form in the statements of a layer: table lookups (see means.py).

A factor E[s1(X) s2(Y)] that reduces to weights times G(v) is compiled from G's table unless its closed form
is algebraic. With D = a b - c^2 = 4 a b q p >= 0 the argument v is a sum without cancellation:
(b + 2 k D)/(1 + 2 k a) for Gaussians, D/a for masses. Slopes and amplitudes stay numbers of the run:
s(z) = A s1(beta z) has G(v) = A G1(beta^2 v).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.reduced import G
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, z

if TYPE_CHECKING:
    from kernelcalc.compile.builder import Builder

Mean = sp.Function("Mean", real=True)  # Mean(u): the tabulated function at variance u
lookup = sp.Function("lookup", real=True)  # (sqrt(u), table)
TABLE = sp.Symbol("mean", real=True)
SLOPE, WEIGHT = sp.Symbol("slope", positive=True), sp.Symbol("weight", real=True)  # of the tabulated function
ALGEBRAIC = (sp.asin, sp.acos, sp.atan, sp.Abs, sp.sign, sp.Max, sp.Min)


@dataclass(frozen=True)
class Canonical:
    """f(z) = amplitude * base(scale z), amplitude and scale in parameter symbols."""

    amplitude: sp.Expr
    scale: sp.Expr
    base: Function


def canonical(f: Function) -> Canonical:
    """One positive parameter that scales the argument, and all that only multiply, taken out."""
    template = f.template
    scale, amplitude = sp.Integer(1), sp.Integer(1)
    for symbol in sorted(template.free_symbols - {z}, key=str):
        if symbol.is_positive and not symbol.is_integer:
            weight, rest = sp.simplify(template.subs(z, z / symbol)).as_independent(z, as_Add=False)
            if symbol not in rest.free_symbols:
                template, scale, amplitude = rest, symbol, weight
                break
    weight, template = template.as_independent(z, as_Add=False)
    kept = tuple((s, x) for s, x in f.parameters if s in template.free_symbols)
    return Canonical(amplitude * weight, scale, Function(f"{f.name} (unit slope)", template, kept))


def role(e: Expectation) -> str:
    """Whose mean the compiled factor looks up: "s1", "s2", or "" if its closed form is compiled."""
    if e.reduction is None or (e.template is not None and cheap(e.template)):
        return ""
    assert e.g is not None
    found = "s2" if e.reduction.of == e.g.symbolic else "s1"
    if e.template is not None:
        from kernelcalc.compile.means import table_of

        side = e.g if found == "s2" else e.f
        try:
            table_of(side, [s.name for s, _ in canonical(side.symbolic).base.parameters])
        except InputError:
            return ""
    return found


def needs(e: Expectation | None) -> tuple[str, list[str], str]:
    """What the evaluator must know of the table: the role, the names of the parameters that it depends on,
    and of the one that scales its argument."""
    which = role(e) if e is not None else ""
    if e is None or e.reduction is None or not which:
        return "", [], ""
    f = e.g if which == "s2" else e.f
    assert f is not None
    found = canonical(f.symbolic)
    return which, [s.name for s, _ in found.base.parameters], str(found.scale) if found.scale != 1 else ""


def given(e: Expectation) -> dict[sp.Symbol, sp.Expr]:
    """The parameters of the compiled form of an expectation, but for slope and weight."""
    other = {"": None, "s1": e.g, "s2": e.f}[role(e)]
    return {s: x for s, x in e.values if other is None or s in dict(other.parameters)}


def weight(f: Function) -> float:
    """The amplitude of a function with numbers as parameters."""
    return float(canonical(f.symbolic).amplitude.subs(dict(f.parameters)))


def cheap(form: sp.Expr) -> bool:
    """Whether a closed form is algebraic but for inverse trigonometric functions."""
    return all(isinstance(part, ALGEBRAIC) for part in form.atoms(sp.Function, sp.exp))


def forms(e: Expectation) -> tuple[sp.Expr, sp.Expr]:
    """The factor and its value at X = Y with WEIGHT Mean(SLOPE^2 v) for G."""
    assert e.reduction is not None
    form = e.reduction.form.replace(G, lambda v: WEIGHT * Mean(SLOPE**2 * v))
    return form, sp.simplify(form.subs({b: a, c: a}, simultaneous=True))


def at_pair(form: sp.Expr, builder: Builder) -> sp.Expr:
    """Every Mean(u) of a pair as a lookup."""
    return form.replace(Mean, lambda u: builder.at_pair(lookup(_root(u, builder), TABLE)))


def at_point(form: sp.Expr) -> sp.Expr:
    """Every Mean(u) of a point as a lookup."""
    return form.replace(Mean, lambda u: lookup(sp.sqrt(sp.factor(u)), TABLE))


def _root(u: sp.Expr, builder: Builder) -> sp.Expr:
    """sqrt(u) in the variances and q, p."""
    det, sine = sp.Symbol("det", nonnegative=True), sp.Symbol("sine", nonnegative=True)
    first, second = sp.Symbol("a_x", positive=True), sp.Symbol("a_y", positive=True)
    form = sp.factor(sp.expand(u).subs(c**2, a * b - det))
    if form.has(c):
        raise InputError(f"the argument {u} of a mean depends on the sign of the covariance")
    form = form.subs({a: first, b: second}, simultaneous=True)
    root = sp.sqrt(sp.factor(form.subs(det, 4 * first * second * sine**2)))
    return root.subs(sine, builder.half_sine)
