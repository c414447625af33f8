"""Polynomials times Gaussian bells in the statements of a layer (R10 of stable.py).

Their duals are sums of coef c^k a^i b^j D^(-n/2), D = K ((a + h_a)(b + h_b) - c^2). With omega of R1,
1/sin(phi)^2 = 1/(1 - omega^2), and per point alpha = a/(a + h), beta = h/(a + h), a term is

    coef' omega^k alpha_x^i alpha_y^j s^n (beta_x^(m - n/2) beta_y^(m' - n/2))^(1/2),
    s^2 = sqrt(beta_x beta_y)/(1 - omega^2) <= 1,  m = n - k - 2 i,  m' = n - k - 2 j,

where no factor is larger than 1, so that none over- or underflows before the term does. With a + h in place
of a, if signs then agree, the alpha are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.compile.forms.builder import Builder

Terms = dict[tuple[int, int, int, int], sp.Expr]  # (k, i, j, n) -> coefficient
Normal = tuple[sp.Expr, sp.Expr, sp.Expr]
D = sp.Symbol("D", positive=True)
HALF = sp.Rational(1, 2)


def _read(form: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(D, the form with powers of a symbol for it), if nothing else but a polynomial is in it."""
    roots = {p.base for p in form.atoms(sp.Pow) if p.base.has(c) and p.exp.is_Rational and p.exp.q == 2}
    if len(roots) != 1:
        return None
    (inside,) = roots
    return inside, form.replace(lambda e: e.is_Pow and e.base == inside, lambda e: D**e.exp)


def _terms(form: sp.Expr, first: sp.Expr, second: sp.Expr) -> Terms | None:
    """The terms of a form in powers of first (a or a + h), second, c and 1/sqrt(D)."""
    root = sp.Symbol("root", positive=True)  # 1/sqrt(D)
    whole = sp.expand(form.subs({a: a - first, b: b - second}, simultaneous=True).subs(D, root**-2))
    if not whole.is_polynomial(a, b, c, root):
        return None
    poly = sp.Poly(whole, c, a, b, root)
    return {(k, i, j, n): coefficient for (k, i, j, n), coefficient in poly.terms()}


def steep(form: sp.Expr) -> sp.Expr:
    """The power of 1/D, if it is so high that it magnifies errors of an angle; else 0."""
    found = _read(form)
    if found is None or found[1].has(sp.Function):
        return sp.S.Zero
    powers = [-p.exp for p in found[1].atoms(sp.Pow) if p.base == D]
    return max((power for power in powers if power >= sp.Rational(5, 2)), default=sp.S.Zero)


def bells(form: sp.Expr, builder: Builder, normalised: Callable[[sp.Expr], Normal | None]) -> sp.Expr | None:
    """R10; None where it does not apply."""
    found = _read(form)
    if found is None or found[1].has(sp.Function) or not found[1].has(c):
        return None
    inside = sp.expand(found[0])
    if not inside.is_polynomial(c) or sp.degree(inside, c) != 2 or inside.coeff(c, 1) != 0:
        return None
    known = normalised(sp.factor(inside.coeff(c, 0)))
    if known is None or sp.expand(known[2] + inside.coeff(c, 2)) != 0 or 0 in known[:2]:
        return None
    hx, hy, K = known
    ways = [_terms(found[1], *by) for by in ((hx, hy), (sp.S.Zero, sp.S.Zero))]
    plain = [way is not None and {x.is_positive for x in way.values()} in ({True}, {False}) for way in ways]
    shifted = plain[0] or not plain[1]
    terms = ways[0 if shifted else 1]
    if terms is None or any(n - 2 * (k + 2 * max(i, j)) < 0 for k, i, j, n in terms):
        return None
    if set(terms) == {(0, 0, 0, 1)}:
        return None  # R3 does
    omega, total = builder.omega(hx, hy), sp.S.Zero
    alphas = builder.at_row(a / (a + hx)), builder.at_column(a / (a + hy))
    roots = (
        builder.at_row(sp.sqrt(sp.sqrt(builder.at_row(hx / (a + hx))))),
        builder.at_column(sp.sqrt(sp.sqrt(builder.at_column(hy / (a + hy))))),
    )
    s = builder.at_pair(builder.cosecant(omega) * builder.at_pair(roots[0] * roots[1]))
    for (k, i, j, n), coefficient in terms.items():
        powers = [n - k - 2 * i, n - k - 2 * j]
        widths = hx ** (-powers[0] * HALF) * hy ** (-powers[1] * HALF)
        scale = builder.constant(coefficient * K ** (-n * HALF) * widths)
        left, right = (root ** (2 * m - n) for root, m in zip(roots, powers, strict=True))
        if not shifted:
            left, right = left * alphas[0] ** i, right * alphas[1] ** j
        both = builder.at_pair(builder.at_row(left) * builder.at_column(right))
        total += scale * omega.r**k * s**n * both
    return total
