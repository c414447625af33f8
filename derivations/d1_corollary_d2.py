"""Corollary D.2: E[erf_m(X) erf_m(Y)] at finite m and its limit, the same for sign."""

from __future__ import annotations

from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.limits import limit
from kernelcalc.symbols import a, b, c, m
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, closed, erf_pair, far, on_diagonal, points

STEEP = tuple({**law, m: slope} for law, slope in zip(LAWS, (2, 1, 3, sp.Rational(1, 2)), strict=True))
ON_DIAGONAL = points((a, m), "1 1", "1/7 3", "5/2 1/2", "100 2", "1/1000 10")
SAME = {b: a, c: a}


def integrated(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m])
    return quadrature.dual(f, f, *(point.get(key, point[a]) for key in (a, b, c)), digits=digits)


S28 = 2 / sp.pi * sp.asin(c / (sp.sqrt(1 / (2 * m**2) + a) * sp.sqrt(1 / (2 * m**2) + b)))
LIMIT = 2 / sp.pi * sp.asin(c / (sp.sqrt(a) * sp.sqrt(b)))
STATEMENT = "T_m(Sigma) = 2/pi arcsin(Sigma_3 / (sqrt(1/(2m^2) + Sigma_1) sqrt(1/(2m^2) + Sigma_2)))"

CLAIMS = (
    Claim(
        tag="S28",
        title="E[erf_m(X) erf_m(Y)]",
        source="Corollary D.2 (S28)",
        statement=STATEMENT,
        conditions="Sigma invertible",
        printed=S28,
        derive=lambda: kc.dual(kc.Erf(m)),
        witness=integrated,
        points=STEEP,
        digits=30,
    ),
    Claim(
        tag="S28/singular",
        title="E[erf_m(X)^2]",
        source="Corollary D.2 (S28)",
        statement=STATEMENT,
        conditions="X = Y: Sigma_1 = Sigma_2 = Sigma_3",
        printed=S28.subs(SAME),
        derive=lambda: on_diagonal(kc.Erf(m)),
        witness=integrated,
        points=ON_DIAGONAL,
    ),
    Claim(
        tag="S28/limit",
        title="limit of E[erf_m(X) erf_m(Y)]",
        source="Corollary D.2 (S28)",
        statement="T_m(Sigma) -> 2/pi arcsin(Sigma_3 / (sqrt(Sigma_1) sqrt(Sigma_2))) as m -> oo",
        conditions="Sigma invertible",
        printed=LIMIT,
        derive=lambda: limit(closed(kc.Erf(m)), m, sp.oo),
        witness=lambda point, digits: erf_pair(far(digits), point[a], point[b], point[c], digits),
        points=LAWS,
    ),
    Claim(
        tag="S28/limit/singular",
        title="limit of E[erf_m(X)^2]",
        source="Corollary D.2 (S28)",
        statement="T_m(Sigma) -> 2/pi arcsin(1) = 1 as m -> oo",
        conditions="X = Y",
        printed=LIMIT.subs(SAME),
        derive=lambda: limit(on_diagonal(kc.Erf(m)), m, sp.oo),
        witness=lambda point, digits: integrated({**point, m: sp.Integer(far(digits))}, digits),
        points=ON_DIAGONAL,
    ),
)
