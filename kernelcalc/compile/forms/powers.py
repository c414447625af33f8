"""Duals of max(0, z)^n for real n in the statements of a layer (R9 of stable.py).

    E[f(X) f(Y)] = K (ab)^(n/2) kappa(r),  kappa(1) = 1,

and 1 - kappa and kappa come from tables (tables/powers.py), each with its digits where it is small. Then

    AB - C^2 = K^2 (ab)^n (1 - kappa)(1 + kappa),
    A + B - 2C = K (a^(n/2) - b^(n/2))^2 + 2 K (ab)^(n/2) (1 - kappa).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.compile.forms.named import TABLE
from kernelcalc.compile.forms.program import ax, ay
from kernelcalc.compile.tables.powers import ALONE
from kernelcalc.errors import Uncompiled
from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.compile.forms.builder import Builder
    from kernelcalc.compile.forms.close import RootBuilder

power_pair = sp.Function("power_pair")  # (sqrt(q), sqrt(p), n, k, table) -> 1 - kappa, kappa
root_power_pair = sp.Function("root_power_pair")  # its root, kappa
power_alone = sp.Function("power_alone", real=True)  # kappa
SIMILAR = sp.Rational(1, 2)  # of (a - b)/(a + b): below, a^(n/2) - b^(n/2) comes from the logarithm of a/b
MOST = 64  # an exponent


@dataclass(frozen=True)
class Power:
    """top (ab)^(n/2) kappa_n(r), kappa of tables/powers.py."""

    top: sp.Expr
    n: sp.Expr


def power_form(form: sp.Expr) -> Power | None:
    """What form is, if it is the dual of a power of a rectified variable with itself."""
    found = form.atoms(sp.hyper)
    if len(found) != 1:
        return None
    (hyper,) = found
    P = sp.S.Half + c / (2 * sp.sqrt(a) * sp.sqrt(b))
    if hyper.ap != (sp.S.Half, sp.S.Half) or len(hyper.bq) != 1 or hyper.argument != P:
        return None
    n = hyper.bq[0] - sp.Rational(3, 2)
    top = form / hyper / (a ** (n / 2) * b ** (n / 2) * P ** (n + sp.S.Half))
    if not n.is_Rational or not -1 < n <= MOST or top.free_symbols & {a, b, c}:
        return None
    half = n + sp.S.Half
    return Power(top * sp.gamma(half + 1) * sp.gamma(half) / sp.gamma(n + 1) ** 2 if half > 0 else top, n)


def tables(cross: sp.Expr, factor: sp.Expr | None, gap: bool) -> list[str]:
    """The tables that a layer needs, as tables.powers takes them; gap: 1 - kappa of cross, too.

    Raises Uncompiled for forms without one.
    """
    found = []
    for form, suffix in ((cross, "" if gap else ALONE), (factor, ALONE)):
        if form is not None and form.has(sp.hyper):
            power = power_form(form)
            if power is None:
                raise Uncompiled(f"no compiled form of {form} yet")
            found.append(f"{power.n}{suffix}")
    return found


def lengths(power: Power, builder: Builder) -> tuple[sp.Expr, sp.Expr]:
    """a^(n/2) and b^(n/2)."""
    return builder.at_row(a ** (power.n / 2)), builder.at_column(a ** (power.n / 2))


def pair(power: Power, builder: Builder) -> tuple[sp.Symbol, sp.Symbol]:
    """1 - kappa, of close pairs its root, and kappa, by the first table."""
    name = root_power_pair if builder.close else power_pair
    return builder.two(builder.pair, name(*builder.roots, power.n, sp.S.Zero, TABLE))


def at_pair(form: sp.Expr, builder: Builder) -> sp.Expr:
    """The dual itself."""
    power = power_form(form)
    if power is None:
        return form
    row, column = lengths(power, builder)
    k = builder.tables.index(f"{power.n}{ALONE}")
    kappa = builder.at_pair(power_alone(*builder.roots, power.n, sp.Integer(k), TABLE))
    return builder.constant(power.top) * builder.at_pair(row * column) * kappa


def difference(power: Power, d: sp.Expr, builder: RootBuilder) -> sp.Expr:
    """a^(n/2) - b^(n/2) = 2 (ab)^(n/4) sinh(n log(a/b)/4), given a - b;

    log(1 + u) = u log(w)/(w - 1), w = 1 + u rounded: what w is off by, the quotient is not.
    """
    at, (row, column) = builder.at_pair, lengths(power, builder)
    u = at(d * builder.at_column(1 / a))
    w = at(1 + u)
    log = at(sp.Piecewise((u, sp.Eq(w, 1)), (u * (sp.log(w) / (w - 1)), True)))
    roots = at(builder.at_row(a ** (power.n / 4)) * builder.at_column(a ** (power.n / 4)))
    near = 2 * roots * sp.sinh(power.n / 4 * log)
    return at(sp.Piecewise((near, sp.Abs(d) < SIMILAR * (ax + ay)), (row - column, True)))
