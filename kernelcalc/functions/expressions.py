"""Expressions in z: which functions are known, expansion and its size, differentiation."""

from __future__ import annotations

import math

import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair

from kernelcalc.symbols import z

HYPERBOLIC = (sp.sinh, sp.cosh, sp.tanh, sp.sech)
SMOOTH = (sp.exp, sp.log, sp.sin, sp.cos, *HYPERBOLIC, sp.atan, sp.asinh, sp.erf, sp.erfc)
STEPS = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)
STRUCTURE = (sp.Symbol, sp.Add, sp.Mul, sp.Pow, Relational, sp.And, sp.Or, sp.Not, sp.ITE, ExprCondPair)
MAX_TERMS = 2000  # of an expression that is expanded for its zeros or leading terms
MAX_OPERATIONS = 3000  # in one


def expand(e: sp.Expr) -> sp.Expr:
    """e as a sum of products."""
    return sp.expand(e, power_base=False)  # sqrt(-z) must not become I*sqrt(z)


def complementary(e: sp.Expr) -> sp.Expr:
    """w - w erf(u) as w erfc(u), w + w erf(u) as w erfc(-u): no digits are lost where erf is near 1."""

    def gather(total: sp.Expr) -> sp.Expr:
        for u in sorted(total.atoms(sp.erf), key=str):
            weight = total.coeff(u)
            for sign in (-1, 1):
                if weight != 0 and sign * weight in total.args:
                    total += -sign * weight - weight * u + sign * weight * sp.erfc(-sign * u.args[0])
                    break
        return total

    return e.replace(lambda part: part.is_Add and part.has(sp.erf), gather)


def is_large(e: sp.Expr) -> bool:
    """Whether the zeros or leading terms of e would take too long."""
    return count_terms(e) > MAX_TERMS or bool(e.count_ops() > MAX_OPERATIONS)


def count_terms(e: sp.Expr) -> int:
    """An upper bound for the number of terms after expansion."""
    if e.is_Add:
        return sum(count_terms(t) for t in e.args)
    if e.is_Mul:
        return math.prod(count_terms(t) for t in e.args)
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        n = count_terms(e.base)
        return math.comb(int(e.exp) + n - 1, n - 1)
    return 1


def generators(e: sp.Expr) -> set[sp.Expr]:
    """The terms in which e is a polynomial: z, exp(z), ..."""
    if not e.has(z):
        return set()
    if e.is_Add or e.is_Mul:
        return set().union(*(generators(t) for t in e.args))
    return generators(e.base) if e.is_Pow and e.exp.is_Integer and e.exp > 0 else {e}


def is_singular(e: sp.Expr) -> bool:
    """A logarithm or power whose argument is not known to keep away from 0."""
    if isinstance(e, sp.log):
        return not e.args[0].is_positive
    if not e.is_Pow or (e.exp.is_integer and e.exp.is_nonnegative):
        return False
    return not (e.base.is_positive or (e.exp.is_integer and e.base.is_nonzero))


def diff(e: sp.Expr) -> sp.Expr:
    """The derivative of a smooth expression."""
    slope = e.diff(z)
    symbolic = any(n.is_Pow and n.exp.free_symbols - {z} for n in sp.preorder_traversal(slope))
    return sp.powsimp(slope) if symbolic else slope  # k*z**k/z would be undefined at 0


def tidy(value: sp.Expr) -> sp.Expr:
    """Simplified, where this is quick."""
    size = value.count_ops()
    closed = (value.free_symbols or value.is_algebraic) and not value.has(sp.CRootOf)
    return min(value, sp.simplify(value), key=sp.count_ops) if size < 12 or (closed and size < 100) else value
