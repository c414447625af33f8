"""What a layer computes, as straight-line statements in SymPy, printed later as code.

Per point: the variance a of a layer and what depends on it alone. Per pair: the correlation r with
the half-angle pair q = (1 - r)/2, p = (1 + r)/2, all three to full relative accuracy: parallel, opposite and
orthogonal points need one each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

half_angle_triple = sp.Function("half_angle_triple")  # (q, p, r) -> theta = acos r, pi - theta, pi/2 - theta
root_angles = sp.Function("root_angles")  # half_angle_triple, given sqrt(q) and sqrt(p)
hypot = sp.Function("hypot")
angles = sp.Function("angles")  # (y, x) -> theta = atan2(y, x), pi - theta, y >= 0
rsqrt = sp.Function("rsqrt")  # 1/sqrt
t_minus_sin = sp.Function("t_minus_sin")  # (t, sin t) -> t - sin t
sin_minus_t_cos = sp.Function("sin_minus_t_cos")  # (t, sin t, cos t) -> sin t - t cos t


@dataclass(frozen=True)
class Let:
    """targets = value; value is a function with as many results as there are targets, or an expression."""

    targets: tuple[sp.Symbol, ...]
    value: sp.Expr


def let(target: sp.Symbol, value: sp.Expr) -> Let:
    return Let((target,), value)


@dataclass(frozen=True)
class Program:
    """One layer of a kernel.

    constants: from sigma_w^2 (w2), sigma_b^2 (s2) and the parameters; row, column: from those and the
    variance a of a point; pair: from those of row (suffix _x) and column (suffix _y) and q, p, r.
    outputs: meaning -> expression, "a" for a point, "c", "q", "p", "r", "factor", "transposed" for a pair.
    """

    parameters: tuple[sp.Symbol, ...]
    constants: tuple[Let, ...]
    row: tuple[Let, ...]
    column: tuple[Let, ...]
    pair: tuple[Let, ...]
    outputs: Mapping[str, sp.Expr]


def share(
    given: Iterable[Mapping[sp.Symbol, sp.Expr]],
) -> tuple[list[dict[sp.Symbol, sp.Symbol]], dict[sp.Symbol, sp.Expr]]:
    """Names for the parameters of several formulas, one for each different pair of name and value.

    The same name may mean different values in different formulas (Generalized kernels of erf_1 and erf_2).
    Returns, per formula, old -> new symbols, and the values of the new ones in the order of appearance.
    """
    names: dict[tuple[sp.Symbol, sp.Expr], sp.Symbol] = {}
    renamed = []
    for values in given:
        for s, x in values.items():
            names.setdefault((s, x), sp.Symbol(f"par{len(names)}", **s.assumptions0))
        renamed.append({s: names[s, x] for s, x in values.items()})
    return renamed, {new: x for (_, x), new in names.items()}
