"""Normal integrals times growing exponentials in the statements of a layer (R11 of stable.py).

    1 - Phi(h) = Phi(-h),   Phi(h) - Phi2(h, k; r) = Phi2(h, -k; -r),
    1 - Phi(h) - Phi(k) + Phi2(h, k; r) = Phi2(-h, -k; r):

what is left on the left is as small as the exponential is large, and no number of digits shows it.
"""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import a, b, c

Parts = dict[sp.Expr, sp.Expr]  # 1, Phi and Phi2 -> coefficient


def complements(form: sp.Expr) -> sp.Expr:
    """R11 wherever it applies: for each exponential, on the terms that it multiplies."""
    if not form.has(sp.exp) or not form.has(Phi, Phi2):
        return form
    rest, groups = sp.S.Zero, dict[sp.Expr, Parts]()
    for term in sp.Add.make_args(sp.expand_mul(form)):
        factors = sp.Mul.make_args(term)
        grown = [x for x in factors if isinstance(x, sp.exp) and x.has(a, b, c)]
        normals = [x for x in factors if isinstance(x, Phi | Phi2)]
        powers, others = sp.Mul(*grown), sp.Mul(*(x for x in factors if x not in grown + normals))
        if powers == 1 or len(normals) > 1:
            rest += term
            continue
        parts = groups.setdefault(powers, {})
        normal = sp.Mul(*normals)
        parts[normal] = parts.get(normal, sp.S.Zero) + others
    sums = ((powers, sp.Add.make_args(_together(parts))) for powers, parts in groups.items())
    return rest + sp.Add(*(powers * term for powers, terms in sums for term in terms))


def _together(parts: Parts) -> sp.Expr:
    """The sum of the parts, taken together where they cancel."""
    total, left = sp.S.Zero, dict(parts)

    def holds(normal: sp.Expr, weight: sp.Expr) -> bool:
        return bool(sp.expand(left.get(normal, sp.S.Zero) - weight) == 0)

    for quarter, w in parts.items():
        if not isinstance(quarter, Phi2):
            continue
        h, k, r = quarter.args
        if h != k and holds(Phi(h), -w) and holds(Phi(k), -w) and holds(sp.S.One, w):
            total += w * Phi2(-h, -k, r)
            used = [Phi(h), Phi(k), sp.S.One]
        elif holds(Phi(h), -w):
            total -= w * Phi2(h, -k, -r)
            used = [Phi(h)]
        elif holds(Phi(k), -w):
            total -= w * Phi2(-h, k, -r)
            used = [Phi(k)]
        else:
            continue
        for one in (quarter, *used):
            del left[one]
    one = left.get(sp.S.One)
    for normal, w in list(left.items()):
        if one is not None and isinstance(normal, Phi) and sp.expand(w + one) == 0:
            total += one * Phi(-normal.args[0])
            del left[normal], left[sp.S.One]
            break
    return total + sp.Add(*(w * normal for normal, w in left.items()))
