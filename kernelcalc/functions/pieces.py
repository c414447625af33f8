"""A function of z cut into analytic pieces: where an Abs, sign, Heaviside, Max, Min or Piecewise switches and
where a denominator, a logarithm or a root vanishes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

import sympy as sp
from sympy.core.relational import Relational

from kernelcalc.errors import InputError
from kernelcalc.functions.decide import compare, distinct, inside, is_regular, is_zero
from kernelcalc.functions.expressions import SMOOTH, STEPS, STRUCTURE, is_singular
from kernelcalc.functions.sampling import float_function
from kernelcalc.functions.zeros import crossings
from kernelcalc.symbols import z

MAX_STEPS = 400  # of resolving one switching term on one interval
MAX_EXTREMA = 10  # arguments of one Max or Min: all pairs are compared


class Piece(NamedTuple):
    """One analytic expression on the open interval (lo, hi)."""

    lo: sp.Expr
    hi: sp.Expr
    expr: sp.Expr


@lru_cache(maxsize=256)
def pieces(expr: sp.Expr) -> tuple[Piece, ...]:
    """(lo, hi, smooth expression) from left to right: expr with every Abs, sign, Heaviside, Max, Min and
    Piecewise resolved on the open interval. Neighbours differ as analytic functions, or a denominator, root
    or logarithm vanishes between them. Values at the cuts themselves are not kept.

    Raises InputError for functions it does not know, for values that are not real, and where the cuts cannot
    be found exactly or are infinitely many (abs(sin(z))).
    """
    for node in sp.preorder_traversal(expr):
        known = isinstance(node, (*SMOOTH, *STEPS, *STRUCTURE)) or not node.has(z)
        if not known or (node.is_Pow and node.base.has(z) and node.exp.has(z)):
            raise InputError(f"cannot analyse {node}: no known function ({type(node).__name__})")
    merged: list[Piece] = []
    for piece in split(expr):
        if merged:
            last = merged[-1]
            same = last.expr == piece.expr or is_zero(last.expr - piece.expr, piece.lo, piece.hi)
            if same and is_regular(piece.expr, piece.lo) and is_regular(last.expr, piece.lo):
                merged[-1] = Piece(last.lo, piece.hi, last.expr)
                continue
        merged.append(piece)
    return tuple(merged)


def parity(expr: sp.Expr) -> str | None:
    """ "even", "odd" or None, values at the breakpoints aside (0 is "even"): pieces are compared with their
    mirror images at generic points, to 100 digits."""
    pairs = list(zip(pieces(expr), reversed(pieces(expr)), strict=True))
    if all(p.lo == -q.hi or is_zero(p.lo + q.hi) for p, q in pairs):
        for name, sign in (("even", 1), ("odd", -1)):
            if all(is_zero(p.expr - sign * q.expr.subs(z, -z), p.lo, p.hi) for p, q in pairs):
                return name
    return None


def split(expr: sp.Expr) -> list[Piece]:
    """As ``pieces``, but cut also where nothing changes in the end; every zero of a denominator is a cut."""
    steps = 0

    def cut(switches: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
        nonlocal steps
        ends = [lo, *distinct([t for u in switches for t in crossings(u, lo, hi)]), hi]
        steps += len(ends) - 1 if switches else 0
        if steps > MAX_STEPS:
            raise InputError("the formula is too complicated: too many pieces, or nested too often")
        return list(pairwise(ends))

    def together(
        terms: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr
    ) -> Iterator[tuple[sp.Expr, sp.Expr, list[sp.Expr]]]:
        """All terms resolved, on their common pieces."""
        rows = [resolve(t, lo, hi) for t in terms]
        cuts = distinct([p.lo for row in rows for p in row[1:]])
        for left, right in pairwise([lo, *cuts, hi]):
            for row in rows:
                if len(row) > 1 and compare(row[1].lo, left) <= 0:
                    row.pop(0)
            yield left, right, [row[0].expr for row in rows]

    def resolve(e: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[Piece]:
        if not e.has(z) or _is_plain(e):
            return [Piece(lo, hi, e)]
        if isinstance(e, sp.Piecewise):
            return resolve_piecewise(e, lo, hi)
        if e.is_Mul:  # the simple factors first: where they vanish, the others do not matter
            simple = [t for t in e.args if t.has(*STEPS) and not t.has(*SMOOTH)]
            result = [Piece(x, y, sp.Mul(*terms)) for x, y, terms in together(simple, lo, hi)]
            for factor in (t for t in e.args if t not in simple):
                result = [
                    Piece(x, y, c * f)
                    for left, right, c in result
                    for x, y, f in (resolve(factor, left, right) if c != 0 else [(left, right, c)])
                ]
            return result
        result = []
        for left, right, terms in together(e.args, lo, hi):
            if isinstance(e, STEPS):
                if len(terms) > MAX_EXTREMA:
                    raise InputError(f"Max or Min of {len(terms)} terms; at most {MAX_EXTREMA} are compared")
                extremum = isinstance(e, sp.Max | sp.Min)
                switches = [s - t for s, t in combinations(terms, 2)] if extremum else terms[:1]
            else:
                singular = (e.is_Pow or isinstance(e, sp.log)) and is_singular(e.func(*terms))
                switches = terms[:1] if singular else []
            result += [
                Piece(x, y, _value(e.func, terms, x, y) if switches else e.func(*terms))
                for x, y in cut(switches, left, right)
            ]
        return result

    def resolve_piecewise(e: sp.Piecewise, lo: sp.Expr, hi: sp.Expr) -> list[Piece]:
        relations = sorted(set().union(*(c.atoms(Relational) for _, c in e.args)), key=sp.default_sort_key)
        result = []
        for left, right, sides in together([r.lhs - r.rhs for r in relations], lo, hi):
            for x, y in cut(sides, left, right):
                truth = {
                    r: sp.true if r.func(_sign_on(u, x, y), 0) else sp.false
                    for r, u in zip(relations, sides, strict=True)
                }
                branch = next((value for value, c in e.args if c.xreplace(truth) == sp.true), None)
                if branch is None:
                    raise InputError(f"{e} is not defined for z in ({x}, {y})")
                result += resolve(branch, x, y)
        return result

    return resolve(expr, -sp.oo, sp.oo)


@lru_cache(maxsize=1024)
def _is_plain(e: sp.Basic) -> bool:
    """Whether nothing in e switches or is singular."""
    return not any(isinstance(n, STEPS) or is_singular(n) for n in sp.preorder_traversal(e))


def _value(func: type, arguments: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """func(*arguments) on (lo, hi), where none of its switches vanishes."""
    if func in (sp.Max, sp.Min):
        way, best = (1 if func is sp.Max else -1), arguments[0]
        for other in arguments[1:]:
            best = other if _sign_on(other - best, lo, hi) == way else best
        return best
    sign = _sign_on(arguments[0], lo, hi)
    if func is sp.Abs:
        return sign * arguments[0]
    if func in (sp.sign, sp.Heaviside):
        return func(sign, *arguments[1:])
    whole = func(*arguments)
    if sign == 0 or (sign < 0 and not (whole.is_Pow and whole.exp.is_integer)):
        raise InputError(f"{whole} is not real for z in ({lo}, {hi})")
    return whole


def _sign_on(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> int:
    """The sign of u on (lo, hi), where it has no zeros or is 0 throughout."""
    if not u.has(z):
        return compare(u, sp.S.Zero)
    if (u.free_symbols | lo.free_symbols | hi.free_symbols) - {z}:
        t = sp.Dummy(positive=True) if lo.is_finite or hi.is_finite else sp.Dummy(real=True)
        return compare(u.subs(z, inside(lo, hi, t) if t.is_positive else t), sp.S.Zero)
    points = [sp.Rational(sp.N(inside(lo, hi, sp.Rational(k, 4)), 30)) for k in (4, 1, 13)]
    if u.is_polynomial(z):
        return compare(u.subs(z, points[0]), sp.S.Zero)
    for point in points:
        value = float_function(u)(float(point))
        if abs(value) > 1e-9:
            return 1 if value > 0 else -1
        if not math.isnan(value) and (sign := compare(u.subs(z, point), sp.S.Zero)):  # no overflow: cheap
            return sign
    if u.is_positive or u.is_negative:
        return 1 if u.is_positive else -1
    if is_zero(u, lo, hi):
        return 0
    raise InputError(f"{u} has no finite real value at z = {', '.join(map(str, points))}")
