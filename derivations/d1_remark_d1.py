"""Remark D.1: the limit of Corollary D.1 from the distributional derivative 2 delta_0 of sign.

The integral is right, but on the left of it the two factors 2 are missing.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.functions.base import Function
from kernelcalc.symbols import DETERMINANT, a, b, c
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, far, slope_pair

z1, z2 = sp.symbols("z_1 z_2", real=True)
DELTA = Function("delta", sp.Integer(0), (), ((sp.Integer(0), sp.Integer(1)),))
SIGMA, Z = sp.Matrix([[a, c], [c, b]]), sp.Matrix([z1, z2])


def integral() -> sp.Expr:
    density = sp.exp(-(Z.T * SIGMA.inv() * Z)[0] / 2) / (2 * sp.pi * sp.sqrt(SIGMA.det()))
    inner = trace.integrate(2 * sp.DiracDelta(z1) * density, (z1, -sp.oo, sp.oo))
    return trace.integrate(2 * sp.DiracDelta(z2) * inner, (z2, -sp.oo, sp.oo))


def narrow_peaks(point: Point, digits: int) -> Any:
    """E of two Gaussian peaks of mass 1, erf_m'/2, that have all but become delta_0."""
    return slope_pair(far(digits), point[a], point[b], point[c], digits) / 4


def masses(point: Point, digits: int) -> Any:
    f = kc.Sign().derivative
    return quadrature.dual(f, f, point[a], point[b], point[c], digits=digits)


CLAIMS = (
    Claim(
        tag="D.1/rem",
        title="E[delta_0(X) delta_0(Y)]",
        source="Remark D.1",
        statement="E[delta_0(X) delta_0(Y)] = 2/pi |Sigma|^(-1/2)",
        conditions="Sigma invertible",
        printed=2 / sp.pi / sp.sqrt(DETERMINANT),
        corrected=1 / (2 * sp.pi) / sp.sqrt(DETERMINANT),
        note="the left side must be E[2 delta_0(X) 2 delta_0(Y)], four times as large",
        derive=lambda: kc.dual(DELTA),
        witness=narrow_peaks,
        points=LAWS,
        digits=30,
    ),
    Claim(
        tag="D.1/rem/integral",
        title="the integral with both factors 2",
        source="Remark D.1",
        statement="Int 1/(2 pi |Sigma|^(1/2)) 2 delta_0(z1) 2 delta_0(z2) exp(-z'Sigma^(-1)z/2) dz = "
        "2/pi |Sigma|^(-1/2)",
        conditions="Sigma invertible",
        printed=2 / sp.pi / sp.sqrt(DETERMINANT),
        derive=integral,
        witness=masses,
        points=LAWS,
        digits=30,
    ),
)
