"""Where a function of z is not smooth, and its derivative as a distribution."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.decide import is_infinite, is_zero, vanishing
from kernelcalc.functions.expressions import diff, is_singular, tidy
from kernelcalc.functions.limiting import limits
from kernelcalc.functions.pieces import pieces, split
from kernelcalc.symbols import z


class Break(NamedTuple):
    """A cut: both limits of f there, and the order of the lowest discontinuous derivative, if any is."""

    at: sp.Expr
    left: sp.Expr
    right: sp.Expr
    order: int | None

    @property
    def infinite(self) -> bool:
        return is_infinite(self.left) or is_infinite(self.right)


@lru_cache(maxsize=256)
def breaks(expr: sp.Expr) -> tuple[Break, ...]:
    result = []
    for (_, t, below), (_, _, above) in pairwise(pieces(expr)):
        order, values = None, list[sp.Expr]()
        left, right = (_cancelled(e, t) for e in (below, above))
        for k in range(4):
            (x, low), (y, high) = limits(left, t, "-"), limits(right, t, "+")
            if x != low or y != high:
                raise InputError(f"{expr} oscillates without limit at z = {t}")
            values += [x, y]
            if is_infinite(x) or is_infinite(y) or not is_zero(x - y):
                order = k
                break
            left, right = diff(left), diff(right)
        else:
            order = None if is_zero(below - above, t, t + 1) else 4
        result.append(Break(t, values[0], values[1], order))
    return tuple(result)


def _cancelled(e: sp.Expr, t: sp.Expr) -> sp.Expr:
    """e without common factors, where a denominator vanishes at t: SymPy's limits there may take for ever."""
    return sp.cancel(e) if e.is_rational_function(z) and vanishing(e, t) else e


def breakpoints(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """Where the function is not smooth, in order: jumps, kinks, infinite values, and jumps of a higher
    derivative (z**2*Heaviside(z) at 0), which a quadrature must know just as well."""
    return tuple(b.at for b in breaks(expr) if b.order is not None)


def jumps(expr: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """Pairs (location, height): height = limit from the right minus limit from the left, both finite."""
    finite = [b for b in breaks(expr) if b.order == 0 and not b.infinite]
    return tuple((b.at, tidy(b.right - b.left)) for b in finite)


def kinks(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """Where the function is continuous and its derivative jumps or is infinite."""
    return tuple(b.at for b in breaks(expr) if b.order == 1)


def derivative(expr: sp.Expr) -> tuple[sp.Expr, tuple[tuple[sp.Expr, sp.Expr], ...]]:
    """The derivative as a distribution: regular part, and masses as pairs (location, weight), one per jump.

    The regular part is written by the chain rule (Abs(z) gives sign(z)) or as a sum of Heaviside terms,
    whichever is shorter, or else, where these would divide by 0, as a Piecewise; its value at the breakpoints
    means nothing. InputError if f is infinite at one.
    """
    for b in breaks(expr):
        if b.infinite:
            raise InputError(f"{expr} is infinite at z = {b.at}; its derivative there is no measure")
    parts = pieces(expr)
    rebuilt = diff(parts[0].expr)
    for before, after in pairwise(parts):
        rebuilt += (diff(after.expr) - diff(before.expr)) * sp.Heaviside(z - after.lo)
    direct = diff(expr).replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    if direct.has(sp.Derivative, sp.Subs, sp.re, sp.im) or sp.count_ops(rebuilt) < sp.count_ops(direct):
        direct = rebuilt
    if len(parts) > 1 and not _is_safe(direct, breakpoints(expr)):
        *first, last = [(diff(e), z < hi) for _, hi, e in parts]
        direct = sp.Piecewise(*first, (last[0], True))
    return direct, jumps(expr)


def _is_safe(e: sp.Expr, known: tuple[sp.Expr, ...]) -> bool:
    """Whether no denominator, root or logarithm in e is undefined other than at the known breakpoints, even
    where it is multiplied by 0: numbers do not see the 0."""
    for node in sp.preorder_traversal(e):
        if node.has(z) and is_singular(node):
            try:
                signs = split(sp.sign(node.args[0]))
            except InputError:
                return False
            whole = node.is_Pow and node.exp.is_integer
            undefined = any(s == 0 or (s < 0 and not whole) for _, _, s in signs)
            if undefined or any(p.lo not in known for p in signs[1:]):
                return False
    return True
