"""Zeros of a smooth function of z on an interval, exact and complete, or none at all."""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.decide import compare, distinct
from kernelcalc.functions.expressions import HYPERBOLIC, expand, generators, is_large
from kernelcalc.functions.sampling import float_function, grid
from kernelcalc.symbols import z

MAX_WAVES = 100  # periods in an interval
MAX_DEGREE = 16  # of a polynomial whose zeros are sought, save a + b z**n and the like
MAX_NESTING = 30  # operations in a zero; SymPy needs exponential time for the digits of nested exponentials
INVERSE: dict[type, tuple[Callable[[sp.Expr], sp.Expr], sp.Expr, sp.Expr]] = {  # g: inverse, range of g
    sp.exp: (sp.log, sp.S.Zero, sp.oo),
    sp.log: (sp.exp, -sp.oo, sp.oo),
    sp.erf: (sp.erfinv, -sp.S.One, sp.S.One),
    sp.erfc: (lambda y: sp.erfinv(1 - y), sp.S.Zero, sp.Integer(2)),  # SymPy has no digits of erfcinv
    sp.tanh: (sp.atanh, -sp.S.One, sp.S.One),
    sp.atan: (sp.tan, -sp.pi / 2, sp.pi / 2),
    sp.asinh: (sp.sinh, -sp.oo, sp.oo),
    sp.sinh: (sp.asinh, -sp.oo, sp.oo),
}


class Unsolved(Exception):
    """No exact list of the zeros."""


def zeros(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    """The zeros of u in the open interval (lo, hi), exact, in order, each once."""
    within = (t for t in _solutions(u, lo, hi) if compare(lo, t) < 0 < compare(hi, t))
    return distinct(within)


def crossings(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    """``zeros``, or none where u keeps its sign on a fine grid (numeric, not proven); else InputError."""
    try:
        return zeros(u, lo, hi)
    except Unsolved:
        values = [y for y in map(float_function(u), grid(lo, hi)) if not math.isnan(y)]
        if values and (min(values) > 0 or max(values) < 0):
            return []
    raise InputError(
        f"cannot find all zeros of {u} exactly, or there are infinitely many; "
        "use simpler arguments in abs, sign, heaviside, max, min, where and in denominators"
    )


def _solutions(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """A finite set that holds every zero of u in (lo, hi); Unsolved if there is no way to it."""
    constant, rest = u.as_independent(z, as_Add=True)
    factor, rest = rest.as_independent(z, as_Add=False)
    if rest == z:
        return {-constant / factor}
    if not u.has(z) or u.is_nonzero or u.is_positive or u.is_negative:
        return set()
    if u.is_Mul:
        return set().union(*(_solutions(t, lo, hi) for t in u.args))
    if u.is_Pow:
        return set() if u.exp.is_negative or u.exp.has(z) else _solutions(u.base, lo, hi)
    u, named = _one_exponential(_expanded_numerator(u))
    named |= {sp.Dummy(): g for g in sorted(generators(u), key=sp.default_sort_key)}
    u = u.xreplace({g: name for name, g in named.items()})
    present = [name for name in named if u.has(name)]
    if u.has(z) or not present:
        raise Unsolved
    try:
        common, rest = sp.Poly(u, *present).terms_gcd()
    except sp.PolynomialError as error:
        raise Unsolved from error
    found: set[sp.Expr] = set()
    for name, power in zip(present, common, strict=True):
        if power:
            found |= _preimages(named[name], sp.S.Zero, lo, hi)
    left = [name for name in present if rest.degree(name) > 0]
    if len(left) > 1:
        factors = [f for f, _ in rest.factor_list()[1]] if rest.domain.is_ZZ or rest.domain.is_QQ else []
        if len(factors) < 2:
            raise Unsolved
        return found.union(*(_solutions(f.as_expr().xreplace(named), lo, hi) for f in factors))
    for name in left:
        for y in _real_roots(sp.Poly(rest.as_expr(), name)):
            found |= _preimages(named[name], y, lo, hi)
    return found


def _expanded_numerator(u: sp.Expr) -> sp.Expr:
    """A sum of products with the zeros of u (and others), in exponentials and waves of single arguments."""
    u = sp.numer(sp.together(u))
    if is_large(u):
        raise Unsolved
    u = expand(u)
    if len(generators(u)) > 1 and u.has(*HYPERBOLIC):
        u = expand(sp.numer(sp.together(u.rewrite(list(HYPERBOLIC), sp.exp))))
    if len(generators(u)) > 1 and u.has(sp.sin, sp.cos):
        u = expand(sp.expand_trig(u))
    return u


def _one_exponential(u: sp.Expr) -> tuple[sp.Expr, dict[sp.Expr, sp.Expr]]:
    """u with its exponentials as powers of one symbol, if they are such, and what that symbol stands for."""
    exponents = sorted((g.args[0] for g in generators(u) if isinstance(g, sp.exp)), key=sp.default_sort_key)
    ratios = [sp.cancel(w / exponents[0]) for w in exponents]
    if len(ratios) < 2 or not all(r.is_Rational for r in ratios):
        return u, {}
    unit = sp.Rational(math.gcd(*(r.p for r in ratios)), math.lcm(*(r.q for r in ratios)))
    one = sp.Dummy("exp", positive=True)
    u = u.xreplace({sp.exp(w): one ** (r / unit) for w, r in zip(exponents, ratios, strict=True)})
    return expand(u * one ** max(0, *(-r / unit for r in ratios))), {one: sp.exp(exponents[0] * unit)}


def _preimages(g: sp.Expr, y: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """Solutions of g(z) = y, g one of the generators."""
    if g == z:
        return {y}
    w = g.args[0]
    if y.count_ops() > MAX_NESTING:
        raise Unsolved
    if type(g) in INVERSE:
        inverse, low, high = INVERSE[type(g)]
        return _solutions(w - inverse(y), lo, hi) if compare(low, y) < 0 < compare(high, y) else set()
    if isinstance(g, sp.cosh):
        if compare(y, sp.S.One) < 0:
            return set()
        return _solutions(w - sp.acosh(y), lo, hi) | _solutions(w + sp.acosh(y), lo, hi)
    if isinstance(g, sp.sin | sp.cos):
        if compare(abs(y), sp.S.One) > 0:
            return set()
        rate, first = w.diff(z), sp.asin(y) if isinstance(g, sp.sin) else sp.acos(y)
        if rate.has(z) or lo.is_infinite or hi.is_infinite:
            raise Unsolved  # infinitely many
        second = sp.pi - first if isinstance(g, sp.sin) else -first
        turns = [w.subs(z, t) / (2 * sp.pi) for t in (lo, hi)]
        if not all(t.is_number for t in turns) or abs(turns[1] - turns[0]) > MAX_WAVES:
            raise Unsolved
        whole = range(sp.floor(sp.Min(*turns)) - 1, sp.ceiling(sp.Max(*turns)) + 2)
        return {sp.expand((f + 2 * sp.pi * k - w.subs(z, 0)) / rate) for f in (first, second) for k in whole}
    if g.is_Pow and not g.exp.has(z) and not (g.exp.is_negative and y == 0):
        return set() if compare(y, sp.S.Zero) < 0 else _solutions(g.base - y ** (1 / g.exp), lo, hi)
    if g.is_Pow and not g.base.has(z):
        return set() if compare(y, sp.S.Zero) <= 0 else _solutions(g.exp - sp.log(y) / sp.log(g.base), lo, hi)
    raise Unsolved


def _real_roots(poly: sp.Poly) -> list[sp.Expr]:
    """The real roots of a polynomial in one variable, its constant term not 0."""
    step = math.gcd(*(n for (n,) in poly.monoms()))
    coefficients = [poly.coeff_monomial(poly.gen**n) for n in range(0, poly.degree() + 1, step)]
    monic = [sp.cancel(t / coefficients[-1]) for t in coefficients]
    if len(monic) == 2:
        roots = [-coefficients[0] / coefficients[1]]
    elif len(monic) == 3:
        q, p, _ = monic
        square = p**2 / 4 - q
        roots = [] if compare(square, sp.S.Zero) < 0 else [-p / 2 - sp.sqrt(square), -p / 2 + sp.sqrt(square)]
    elif len(monic) > MAX_DEGREE + 1 or not all(t.is_Rational for t in monic):
        raise Unsolved
    else:
        roots = list(set(sp.Poly(monic[::-1], poly.gen).real_roots()))
    if step == 1:
        return roots
    signs = {1: (1,) if step % 2 else (1, -1), 0: (1,), -1: (-1,) if step % 2 else ()}
    found = [(y, compare(y, sp.S.Zero)) for y in roots]  # y = x**step
    return [s * (s**step * y) ** sp.Rational(1, step) for y, sign in found for s in signs[sign]]
