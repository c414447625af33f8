"""Corollary D.1: E[erf_m'(X) erf_m'(Y)] at finite m, its limit, and its divergence for singular covariances.

The third expression of the proof has lost a factor 2 that the first, second and last have.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.limits import limit
from kernelcalc.symbols import a, b, c, m
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, closed, far, on_diagonal, points, slope_line, slope_pair

k = sp.Symbol("k", real=True, nonzero=True)
I2, SIGMA = sp.eye(2), sp.Matrix([[a, c], [c, b]])
HALF = sp.Rational(-1, 2)
STEEP = tuple({**law, m: slope} for law, slope in zip(LAWS, (1, 3, sp.Rational(1, 2), 5), strict=True))
VARIANCES = points((a,), "1", "1/7", "5/2", "100")


def Tdot_m() -> sp.Expr:
    return closed(kc.Erf(m).derivative)


def integrated(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m]).derivative
    return quadrature.dual(f, f, point[a], point[b], point[c], digits=digits)


def inverse_at_infinity(point: Point, digits: int) -> Any:
    """1/Tdot_m on the line Y = kX (k = 1 unless given) at a very large m."""
    return 1 / slope_line(far(digits), point[a], point.get(k, sp.S.One), digits)


def proof_line(factor: sp.Expr) -> sp.Expr:
    return factor / sp.pi * (4 * m**4 * (I2 / (2 * m**2) + SIGMA).det()) ** HALF


CLAIMS = (
    Claim(
        tag="S23",
        title="E[erf_m'(X) erf_m'(Y)]",
        source="Corollary D.1 (S23)",
        statement="Tdot_m(Sigma) = E[erf_m'(X) erf_m'(Y)] = 2/pi |Sigma + I_2/(2m^2)|^(-1/2)",
        conditions="Sigma invertible",
        printed=2 / sp.pi * (SIGMA + I2 / (2 * m**2)).det() ** HALF,
        derive=lambda: kc.dual(kc.Erf(m).derivative),
        witness=integrated,
        points=STEEP,
        digits=30,
    ),
    Claim(
        tag="S23/limit",
        title="limit of E[erf_m'(X) erf_m'(Y)]",
        source="Corollary D.1 (S23)",
        statement="Tdot_m(Sigma) -> 2/pi |Sigma|^(-1/2) as m -> oo",
        conditions="Sigma invertible",
        printed=2 / sp.pi * SIGMA.det() ** HALF,
        derive=lambda: limit(Tdot_m(), m, sp.oo),
        witness=lambda point, digits: slope_pair(far(digits), point[a], point[b], point[c], digits),
        points=LAWS,
        digits=30,
    ),
    Claim(
        tag="D.1/cor/singular",
        title="divergence of E[erf_m'(X)^2]",
        source="Corollary D.1",
        statement="Tdot_m(Sigma) -> oo as m -> oo; here 1/Tdot_m -> 0",
        conditions="X = Y",
        printed=0,
        derive=lambda: limit(1 / on_diagonal(kc.Erf(m).derivative), m, sp.oo),
        witness=inverse_at_infinity,
        points=VARIANCES,
    ),
    Claim(
        tag="D.1/cor/proof-1",
        title="Tdot_m from Tdot",
        source="Corollary D.1, proof, second expression",
        statement="Tdot_m(Sigma) = m^2 Tdot(m^2 Sigma) = 4m^2/pi |I_2 + 2m^2 Sigma|^(-1/2)",
        printed=4 * m**2 / sp.pi * (I2 + 2 * m**2 * SIGMA).det() ** HALF,
        derive=lambda: (
            m**2
            * closed(kc.Erf().derivative).subs({a: m**2 * a, b: m**2 * b, c: m**2 * c}, simultaneous=True)
        ),
        witness=integrated,
        points=STEEP,
        digits=30,
    ),
    Claim(
        tag="D.1/cor/proof-2",
        title="Tdot_m with 4m^4 taken out of the determinant",
        source="Corollary D.1, proof, third expression",
        statement="Tdot_m(Sigma) = 2m^2/pi (4m^4 |I_2/(2m^2) + Sigma|)^(-1/2)",
        printed=proof_line(2 * m**2),
        corrected=proof_line(4 * m**2),
        note="the factor before the bracket must stay 4m^2/pi",
        derive=Tdot_m,
        witness=integrated,
        points=STEEP,
        digits=30,
    ),
    Claim(
        tag="D.1/cor/proof-3",
        title="divergence for every singular covariance",
        source="Corollary D.1, proof, last line",
        statement="2/pi |Sigma + I_2/(2m^2)|^(-1/2) -> oo as m -> oo; here its inverse -> 0",
        conditions="Sigma singular: Y = k X",
        printed=0,
        derive=lambda: limit((1 / Tdot_m()).subs({b: k**2 * a, c: k * a}, simultaneous=True), m, sp.oo),
        witness=inverse_at_infinity,
        points=points((a, k), "1 2", "1/7 -1", "5/2 -1/3"),
    ),
)
