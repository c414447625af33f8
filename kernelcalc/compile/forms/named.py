"""Means without a cheap closed form in the statements of a layer: table lookups (see means.py).

A factor E[s1(X) s2(Y)] that reduces to weights times G(v) is compiled from G's table unless its closed form
is algebraic. With D = a b - c^2 = 4 a b q p >= 0 the argument v is a sum without cancellation:
(b + 2 k D)/(1 + 2 k a) for Gaussians, D/a for masses. Slopes and amplitudes stay numbers of the run:
s(z) = A s1(beta z) has G(v) = A G1(beta^2 v). Off the centre, where no closed form can be printed, G(mu, v)
comes from a table of two variables (planes.py), and s(z) = A s1(beta (z - z0)) has A G1(beta (mu - z0),
beta^2 v).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.reduced import G
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import a, b, c, z

if TYPE_CHECKING:
    from kernelcalc.compile.forms.builder import Builder

Mean = sp.Function("Mean", real=True)  # Mean(u) or Mean(mu, u): the tabulated function at variance u
lookup = sp.Function("lookup", real=True)  # (sqrt(u), table)
lookup_plane = sp.Function("lookup_plane", real=True)  # (mu, sqrt(u), table)
TABLE = sp.Symbol("mean", real=True)
SLOPE, WEIGHT = sp.Symbol("slope", positive=True), sp.Symbol("weight", real=True)  # of the tabulated function
SHIFT = sp.Symbol("shift", real=True)
ALGEBRAIC = (sp.asin, sp.acos, sp.atan, sp.Abs, sp.sign, sp.Max, sp.Min)
PRINTED = (*ALGEBRAIC, sp.exp, sp.erf, sp.erfc, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.log, Phi, Phi2)


@dataclass(frozen=True)
class Canonical:
    """f(z) = amplitude * base(scale (z - shift)), amplitude, scale and shift in parameter symbols."""

    amplitude: sp.Expr
    scale: sp.Expr
    base: Function
    shift: sp.Expr = sp.S.Zero


def canonical(f: Function, *, centred: bool = False) -> Canonical:
    """One positive parameter that scales the argument, and all that only multiply, taken out; centred: one
    that shifts it, too."""
    amplitude, template = f.template.as_independent(z, as_Add=False)
    shift, scale = sp.S.Zero, sp.Integer(1)
    for symbol in sorted(template.free_symbols - {z}, key=str) if centred else ():
        moved = sp.simplify(template.subs(z, z + symbol))
        if symbol not in moved.free_symbols:
            template, shift = moved, symbol
            break
    for symbol in sorted(template.free_symbols - {z}, key=str):
        if symbol.is_positive and not symbol.is_integer:
            weight, rest = sp.simplify(template.subs(z, z / symbol)).as_independent(z, as_Add=False)
            if symbol not in rest.free_symbols:
                template, scale, amplitude = rest, symbol, amplitude * weight
                break
    weight, template = template.as_independent(z, as_Add=False)
    kept = tuple((s, x) for s, x in f.parameters if s in template.free_symbols)
    return Canonical(amplitude * weight, scale, Function(f"{f.name} (unit slope)", template, kept), shift)


def off_centre(e: Expectation) -> bool:
    """Whether means off the centre are needed, functions of two variables."""
    return e.reduction is not None and any(len(mean.args) == 2 for mean in e.reduction.form.atoms(G))


def role(e: Expectation) -> str:
    """Whose mean the compiled factor looks up: "s1", "s2", or "" if its closed form is compiled."""
    if e.reduction is None:
        return ""
    assert e.g is not None
    found = "s2" if e.reduction.of == e.g.symbolic else "s1"
    side = e.g if found == "s2" else e.f
    if e.template is not None and (_evaluated(e.template, side) if off_centre(e) else cheap(e.template)):
        return ""
    if e.template is not None:
        from kernelcalc.compile.tables import means, planes

        table_of = planes.table_of if off_centre(e) else means.table_of
        base = canonical(side.symbolic, centred=off_centre(e)).base
        try:
            table_of(side, [s.name for s, _ in base.parameters])
        except InputError:
            return ""
    return found


def needs(e: Expectation | None) -> tuple[str, list[str], str, str | None]:
    """What the evaluator must know of the table: the role, the names of the parameters that it depends on,
    of the one that scales its argument, and of the one that shifts it (None: a table of one variable)."""
    which = role(e) if e is not None else ""
    if e is None or e.reduction is None or not which:
        return "", [], "", None
    f = e.g if which == "s2" else e.f
    assert f is not None
    found = canonical(f.symbolic, centred=off_centre(e))
    shift = str(found.shift or "") if off_centre(e) else None
    scale = str(found.scale) if found.scale != 1 else ""
    return which, [s.name for s, _ in found.base.parameters], scale, shift


def given(e: Expectation) -> dict[sp.Symbol, sp.Expr]:
    """The parameters of the compiled form of an expectation, but for slope and weight."""
    other = {"": None, "s1": e.g, "s2": e.f}[role(e)]
    return {s: x for s, x in e.values if other is None or s in dict(other.parameters)}


def weight(f: Function, *, centred: bool = False) -> float:
    """The amplitude of a function with numbers as parameters."""
    return float(canonical(f.symbolic, centred=centred).amplitude.subs(dict(f.parameters)))


def cheap(form: sp.Expr) -> bool:
    """Whether a closed form is algebraic but for inverse trigonometric functions."""
    return all(isinstance(part, ALGEBRAIC) for part in form.atoms(sp.Function, sp.exp))


def _evaluated(form: sp.Expr, f: Function) -> bool:
    """Whether float64 evaluates the closed form of E delta(X) f(Y), off the centre.

    The mean of an exponential is exp(x) erfc(y): one grows without bound, the other vanishes.
    """
    return printed(form) and not (f.template.has(sp.exp) and form.has(sp.erf, sp.erfc, Phi))


def printed(form: sp.Expr) -> bool:
    """Whether a closed form consists of functions that have a compiled form."""
    return all(isinstance(part, PRINTED) for part in form.atoms(sp.Function, sp.exp))


def forms(e: Expectation) -> tuple[sp.Expr, sp.Expr]:
    """The factor and its value at X = Y with WEIGHT Mean(SLOPE^2 v) for G."""
    assert e.reduction is not None

    def mean(*at: sp.Expr) -> sp.Expr:
        centre = (SLOPE * ((at[0] if len(at) == 2 else 0) - SHIFT),) if off_centre(e) else ()
        return WEIGHT * Mean(*centre, SLOPE**2 * at[-1])

    form = e.reduction.form.replace(G, mean)
    return form, sp.simplify(form.subs({b: a, c: a}, simultaneous=True))


def at_pair(form: sp.Expr, builder: Builder) -> sp.Expr:
    """Every Mean of a pair as a lookup."""

    def found(*at: sp.Expr) -> sp.Expr:
        root = _root(at[-1], builder)
        if len(at) == 1:
            return builder.at_pair(lookup(root, TABLE))
        return builder.at_pair(lookup_plane(builder.at_pair(builder.plain(at[0])), root, TABLE))

    return form.replace(Mean, found)


def at_point(form: sp.Expr) -> sp.Expr:
    """Every Mean of a point as a lookup."""

    def found(*at: sp.Expr) -> sp.Expr:
        root = sp.sqrt(sp.factor(at[-1]))
        return lookup(root, TABLE) if len(at) == 1 else lookup_plane(at[0], root, TABLE)

    return form.replace(Mean, found)


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
