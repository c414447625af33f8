"""Bounds of a function of z: sup |f|, the Lipschitz constant, a linear envelope.

Exact where the extremes have closed forms; ``_range`` says what they are otherwise.
"""

from __future__ import annotations

import math
from functools import lru_cache

import sympy as sp
from sympy.simplify.fu import TR8

from kernelcalc.functions.breaks import breaks
from kernelcalc.functions.decide import compare, is_infinite, largest
from kernelcalc.functions.expressions import HYPERBOLIC, count_terms, diff, expand, generators, tidy
from kernelcalc.functions.limiting import limits
from kernelcalc.functions.pieces import Piece, pieces
from kernelcalc.functions.sampling import numeric_extremes
from kernelcalc.functions.zeros import Unsolved, zeros
from kernelcalc.symbols import z

MAX_PRODUCTS = 100  # of waves that are written as sums


def bounded(expr: sp.Expr) -> bool:
    """Whether sup |f| is finite: exactly if every piece has finite limits at its ends."""
    return _bounded(pieces(expr))


def steep(expr: sp.Expr) -> bool:
    """Whether sup |f'| between the jumps is infinite."""
    return not _bounded(tuple(Piece(lo, hi, diff(e)) for lo, hi, e in pieces(expr)))


def _bounded(parts: tuple[Piece, ...]) -> bool:
    ends = [(e, t, side) for lo, hi, e in parts for t, side in ((lo, "+"), (hi, "-"))]
    values = [limit for e, t, side in ends for limit in limits(e, t, side)]
    return not (any(x.is_infinite for x in values) or any(is_infinite(x) for x in values))


def bound(expr: sp.Expr) -> sp.Expr:
    """sup |f|, or oo. See ``_range`` for when it is a rational slightly above instead."""
    return _supremum(pieces(expr))


def lipschitz(expr: sp.Expr) -> sp.Expr | None:
    """The Lipschitz constant sup |f'|; None if f jumps or f' is unbounded. See ``_range`` for when it is a
    rational slightly above instead."""
    if any(b.order == 0 for b in breaks(expr)):
        return None
    slope = _supremum(tuple(Piece(lo, hi, diff(e)) for lo, hi, e in pieces(expr)))
    return None if is_infinite(slope) else slope


@lru_cache(maxsize=256)
def envelope(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(c, m) with |f(u)| <= c + m |u| for all real u (condition S50); None if there is none.

    (sup |f|, 0) for bounded f; otherwise m = limsup |f(u)/u| if some c goes with it, else m + 1, and the
    least such c. See ``_range`` for when c is a rational slightly above instead.
    """
    top = bound(expr)
    if not is_infinite(top):
        return top, sp.S.Zero
    if any(b.infinite for b in breaks(expr)):
        return None
    zero, halves = sp.S.Zero, []
    for lo, hi, e in pieces(expr):
        cut = compare(lo, zero) < 0 < compare(hi, zero)
        halves += [Piece(lo, zero, e), Piece(zero, hi, e)] if cut else [Piece(lo, hi, e)]
    ends = [(e, t, side) for lo, hi, e in halves for t, side in ((lo, "+"), (hi, "-")) if t.is_infinite]
    slope = largest([abs(x) for e, t, side in ends for x in limits(expand(e / z), t, side)])
    if is_infinite(slope):
        return None

    def excess(m: sp.Expr, falls: bool = False) -> sp.Expr:
        """The least c for this m; falls: |f(u)| - m |u| is known to tend to -oo."""
        tops = [zero]
        for lo, hi, e in halves:
            line = m * z if compare(lo, zero) >= 0 else -m * z
            tops += [_range(Piece(lo, hi, expand(s * e - line)), falls)[1] for s in (1, -1)]
        return sp.oo if any(is_infinite(x) for x in tops) else largest(tops)

    c = excess(slope)
    return (excess(slope + 1, falls=True), slope + 1) if is_infinite(c) else (c, slope)


def _supremum(parts: tuple[Piece, ...]) -> sp.Expr:
    """sup of |e| over all pieces."""
    extremes = [value for p in parts for value in _range(p)]
    top = sp.oo if any(is_infinite(x) for x in extremes) else largest([abs(x) for x in extremes])
    return tidy(top)


def _waves(e: sp.Expr) -> list[sp.Expr]:
    return sorted((w for w in e.atoms(sp.sin, sp.cos) if w.has(z)), key=sp.default_sort_key)


def _period(waves: list[sp.Expr], g: sp.Expr) -> sp.Expr | None:
    """The period of g if z enters through these sines and cosines only, and their rates are commensurable."""
    rates = [abs(w.args[0].diff(z)) for w in waves]
    if not waves or g.xreplace({w: sp.Dummy() for w in waves}).has(z) or any(r.has(z) for r in rates):
        return None
    ratios = [sp.cancel(r / rates[0]) for r in rates]
    if not all(r.is_Rational for r in ratios):
        return None
    return 2 * sp.pi / rates[0] * math.lcm(*(r.q for r in ratios)) / math.gcd(*(r.p for r in ratios))


def _algebraic(value: sp.Expr) -> sp.Expr:
    """tanh(log(x)/2) and the like as algebraic numbers."""
    if not (value.has(*HYPERBOLIC) and value.has(sp.log)):
        return value
    return sp.radsimp(sp.simplify(value.rewrite(HYPERBOLIC, sp.exp)))


@lru_cache(maxsize=256)
def _range(piece: Piece, falls: bool = False) -> tuple[sp.Expr, sp.Expr]:
    """(inf, sup) of an analytic expression on its interval; infinite limits give +-oo.

    Exact if all zeros of the derivative have closed forms. If not, local extremes are found on a grid of a
    thousand points and refined at 30 digits, and a rational within 2e-12 (relative) beyond the extreme is
    returned: safe for functions whose features are no narrower than the grid (1/16 within 40 of a finite end
    or of 0; 8 % of the distance beyond), not proven. Where the expression oscillates at infinity, the bounds
    there come from interval arithmetic and may be wider than the range.
    falls: the expression is known to tend to -oo at the infinite ends.
    """
    lo, hi, e = piece
    if not e.has(z):
        return e, e
    waves = _waves(e)
    if waves and count_terms(e) <= MAX_PRODUCTS:
        products = expand(e)
        if all(g in waves or not _waves(g) for g in generators(products)):
            e = TR8(products)  # products of waves as sums: single waves have exact extremes
            waves = _waves(e)
    period = _period(waves, e) if lo.is_infinite or hi.is_infinite else None
    if period is not None:
        amplitude = sp.cancel(e.diff(z) / waves[0].diff(z))
        if not amplitude.has(z):  # e = level + amplitude * wave
            level = sp.expand(e - amplitude * waves[0])
            return level - abs(amplitude), level + abs(amplitude)
        lo, hi = sp.S.Zero, period
    values = [
        -sp.oo if falls and t.is_infinite else limit
        for t, side in ((lo, "+"), (hi, "-"))
        for limit in limits(e, t, side)
    ]
    if sp.oo in values and -sp.oo in values:
        return -sp.oo, sp.oo
    slope = diff(e)
    try:
        critical = zeros(slope, lo, hi)
        if any(t.has(sp.CRootOf) for t in critical):
            raise Unsolved  # a value at the root of a quintic is no closed form, and slow
        values += [_algebraic(e.subs(z, t)) for t in critical]
    except Unsolved:
        if compare(lo, sp.S.Zero) < 0 < compare(hi, sp.S.Zero) and slope.subs(z, 0) == 0:
            values.append(e.subs(z, 0))
        values += numeric_extremes(e, lo, hi, values)
    return -largest([-x for x in values]), largest(values)
