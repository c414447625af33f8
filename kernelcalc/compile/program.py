"""What a layer computes, as straight-line statements in SymPy, printed later as code.

Per point: the variance a of a layer and what depends on it alone. Per pair: the half-angle pair
q = (1 - r)/2, p = (1 + r)/2 of the correlation r, both to full relative accuracy (q + p = 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

half_angles = sp.Function("half_angles")  # (q, p) -> theta = 2 asin sqrt q, pi - theta
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
    variance a of a point; pair: from those of row (suffix _x) and column (suffix _y) and q, p.
    outputs: meaning -> expression, "a" for a point, "c", "q", "p", "factor", "transposed" for a pair.
    """

    parameters: tuple[sp.Symbol, ...]
    constants: tuple[Let, ...]
    row: tuple[Let, ...]
    column: tuple[Let, ...]
    pair: tuple[Let, ...]
    outputs: Mapping[str, sp.Expr]
