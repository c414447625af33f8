"""Lemma D.1: E[erf'(U'x) erf'(U'y)] for U ~ N(0, Sigma), by the engine and by the paper's own steps.

The two derivatives are Gaussians, so the expectation is a Gaussian integral with the matrix
M = I + 2 Sigma^(1/2) (x x' + y y') Sigma^(1/2); Sylvester's theorem brings its determinant down to 2 x 2. The
proof names the change of variables the wrong way round.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.symbols import a, b, c
from kernelcalc.verify.claim import Claim, Point

from ._d1 import (
    LAWS,
    PAIR,
    ROOT,
    ROOT_DOMAIN,
    SIGMA,
    V_TEXTS,
    VECTOR_POINTS,
    VECTOR_TEXTS,
    VECTORS,
    V,
    X,
    Y,
    closed,
    gaussian_integral,
    numeric,
    on_diagonal,
    plane,
    points,
    v1,
    v2,
)

I2 = sp.eye(2)
FORM = I2 + 2 * ROOT * X * X.T * ROOT + 2 * ROOT * Y * Y.T * ROOT  # M
AT_V = points((*VECTORS, v1, v2), *map(" ".join, zip(VECTOR_TEXTS, V_TEXTS, strict=True)))
A, B = (sp.Matrix(3, 2, sp.symbols(f"{name}_1:7", real=True)) for name in ("A", "B"))
GENERAL = sp.Matrix([[a, c], [c, b]])


def slopes(point: Point, digits: int) -> Any:
    """E erf'(U'x) erf'(U'y), integrated over U = Sigma^(1/2) N in the plane."""
    p, q = numeric(ROOT * X, point), numeric(ROOT * Y, point)
    width = 1 / mp.sqrt(1 + 2 * (mp.norm(p) ** 2 + mp.norm(q) ** 2))

    def product(t: Any, w: Any) -> Any:
        return mp.exp(-((p[0] * t + p[1] * w) ** 2) - (q[0] * t + q[1] * w) ** 2)

    return 4 / mp.pi * plane(product, width, digits)


def slopes_of_pair(point: Point, digits: int) -> Any:
    """The same from the joint law of U'x and U'y."""
    f = kc.Erf().derivative
    return quadrature.dual(f, f, *(PAIR[key].subs(dict(point)) for key in (a, b, c)), digits=digits)


def integrand(u: sp.Matrix) -> sp.Expr:
    """The integrand of the first line at u."""
    erf_slopes = 4 / sp.pi * sp.exp(-((u.T * X)[0] ** 2) - (u.T * Y)[0] ** 2)
    normal = sp.exp(-sp.expand(sp.cancel((u.T * SIGMA.inv() * u)[0])) / 2) / (2 * sp.pi * ROOT.det())
    return erf_slopes * normal


def numeric_integrand(point: Point, digits: int) -> Any:
    sigma, u = numeric(SIGMA, point), numeric(ROOT * V, point)
    p, q = (u.T * numeric(X, point))[0], (u.T * numeric(Y, point))[0]
    root_det = mp.sqrt(mp.det(sigma))  # also the Jacobian determinant of u = Sigma^(1/2) v
    normal = mp.exp(-(u.T * mp.lu_solve(sigma, u))[0] / 2) / (2 * mp.pi * root_det)
    return 4 / mp.pi * mp.exp(-p * p - q * q) * normal * root_det


def variables() -> sp.Matrix:
    """u from u'e = v'Sigma^(1/2)e for the two unit vectors e, as the exponents in v require."""
    u = sp.Matrix(sp.symbols("u_1:3"))
    solution = sp.solve(list(u.T - V.T * ROOT), list(u), dict=True)[0]
    return u.subs(solution)


def numeric_variables(point: Point, digits: int) -> Any:
    """The same with Sigma^(1/2) from the eigenvectors of Sigma."""
    values, vectors = mp.eigsy(numeric(SIGMA, point))
    root = vectors * mp.diag([mp.sqrt(value) for value in values]) * vectors.T
    return root.T * numeric(V, point)


def from_general_lemma() -> sp.Expr:
    """(S21) at x = y = (1, 0) for any invertible covariance with this corner."""
    columns = sp.Matrix([[1, 1], [0, 0]])
    return 4 / sp.pi / sp.sqrt(sp.expand((I2 + 2 * columns.T * GENERAL * columns).det()))


def diagonal(point: Point, digits: int) -> Any:
    f = kc.Erf().derivative
    return quadrature.dual(f, f, point[a], point[a], point[a], digits=digits)


S21 = 4 / sp.pi / sp.sqrt((1 + 2 * PAIR[a]) * (1 + 2 * PAIR[b]) - (2 * PAIR[c]) ** 2)
SINGULAR = 4 / sp.pi / sp.sqrt((I2 + 2 * sp.Matrix([[a, a], [a, a]])).det())
VARIANCES = points((a,), "1", "1/7", "5/2", "100", "1/1000")

CLAIMS = (
    Claim(
        tag="S21",
        title="E[erf'(U'x) erf'(U'y)]",
        source="Lemma D.1 (S21)",
        statement="E[erf'(U'x) erf'(U'y)] = 4/pi ((1 + 2 x'Sigma x)(1 + 2 y'Sigma y) "
        "- (2 x'Sigma y)^2)^(-1/2)",
        conditions="Sigma invertible; d = 2",
        printed=S21,
        derive=lambda: closed(kc.Erf().derivative).subs(PAIR, simultaneous=True),
        witness=slopes,
        points=VECTOR_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="S21/paper",
        title="E[erf'(U'x) erf'(U'y)], as the paper proves it",
        source="Lemma D.1 (S21), proof",
        statement="E[erf'(U'x) erf'(U'y)] = 4/pi (2 pi)^(-d/2) Int exp(-v'Mv/2) dv, and so (S21)",
        conditions="Sigma invertible; d = 2",
        printed=S21,
        derive=lambda: 4 / sp.pi / (2 * sp.pi) * gaussian_integral(FORM),
        witness=slopes_of_pair,
        points=VECTOR_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="D.1/proof/variables",
        title="the change of variables in the first line",
        source="Lemma D.1, proof, equation (*)",
        statement="change of variables Sigma^(1/2) u = v",
        conditions="u as a function of v, such that u'x = v'Sigma^(1/2)x for all x",
        printed=ROOT.inv() * V,
        corrected=ROOT * V,
        note="it must be u = Sigma^(1/2) v, as the proof of Lemma D.2 has it",
        derive=variables,
        witness=numeric_variables,
        points=AT_V,
    ),
    Claim(
        tag="D.1/proof/star",
        title="the integrand in the new variables",
        source="Lemma D.1, proof, equation (*)",
        statement="the integrand of line 1 at u = Sigma^(1/2) v, times |Sigma|^(1/2), is "
        "4/pi (2 pi)^(-d/2) exp(-v'(I + 2 Sigma^(1/2) x x' Sigma^(1/2) + 2 Sigma^(1/2) y y' Sigma^(1/2))v/2)",
        conditions="d = 2",
        printed=4 / sp.pi / (2 * sp.pi) * sp.exp(-(V.T * FORM * V)[0] / 2),
        derive=lambda: integrand(ROOT * V) * ROOT.det(),
        witness=numeric_integrand,
        points=AT_V,
    ),
    Claim(
        tag="D.1/proof/gauss",
        title="the Gaussian integral",
        source="Lemma D.1, proof, lines 3 and 4",
        statement="(2 pi)^(-d/2) Int exp(-v'Mv/2) dv = |M|^(-1/2)",
        conditions="d = 2",
        printed=1 / sp.sqrt(FORM.det()),
        derive=lambda: gaussian_integral(FORM) / (2 * sp.pi),
        witness=lambda point, digits: slopes(point, digits) * mp.pi / 4,
        points=VECTOR_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="D.1/proof/sylvester",
        title="Sylvester's determinant theorem",
        source="Lemma D.1, proof",
        statement="|I_n + A B'| = |I_m + B'A|",
        conditions="n = 3, m = 2",
        printed=(I2 + B.T * A).det(),
        derive=lambda: (sp.eye(3) + A * B.T).det(),
        witness=lambda point, _: mp.det(mp.eye(3) + numeric(A, point) * numeric(B, point).T),
        points=points(
            (*A, *B),
            "1 2 -1 1/2 3 1/3 2 -1 1 1/5 1/2 1",
            "1/2 0 1 -2/3 1 1 1/7 1 -3 2 1/2 1",
            "0 1 1 0 2 1 1 -1 1 1 -2 3",
        ),
    ),
    Claim(
        tag="D.1/proof/determinant",
        title="the determinant of the Gaussian integral",
        source="Lemma D.1, proof, last display",
        statement="|I + 2 Sigma^(1/2) x x' Sigma^(1/2) + 2 Sigma^(1/2) y y' Sigma^(1/2)| = "
        "|1 + 2 x'Sigma x, 2 x'Sigma y; 2 x'Sigma y, 1 + 2 y'Sigma y|",
        conditions="d = 2",
        printed=(1 + 2 * PAIR[a]) * (1 + 2 * PAIR[b]) - (2 * PAIR[c]) ** 2,
        derive=lambda: FORM.det(),
        witness=lambda point, _: mp.fprod(mp.eigsy(numeric(FORM, point), eigvals_only=True)),
        points=VECTOR_POINTS,
    ),
    Claim(
        tag="S22",
        title="E[erf'(X) erf'(Y)]",
        source="Lemma D.1 (S22)",
        statement="Tdot(Sigma) = E[erf'(X) erf'(Y)] = 4/pi |I_2 + 2 Sigma|^(-1/2)",
        conditions="Sigma invertible",
        printed=4 / sp.pi / sp.sqrt((I2 + 2 * GENERAL).det()),
        derive=lambda: kc.dual(kc.Erf().derivative),
        witness=lambda point, digits: quadrature.dual(
            kc.Erf().derivative, kc.Erf().derivative, point[a], point[b], point[c], digits=digits
        ),
        points=LAWS,
        digits=30,
    ),
    Claim(
        tag="S22/singular",
        title="E[erf'(X)^2]",
        source="Lemma D.1 (S22)",
        statement="Tdot(Sigma) = 4/pi |I_2 + 2 Sigma|^(-1/2)",
        conditions="X = Y, Sigma singular",
        printed=SINGULAR,
        derive=lambda: on_diagonal(kc.Erf().derivative),
        witness=diagonal,
        points=VARIANCES,
    ),
    Claim(
        tag="S22/singular/paper",
        title="E[erf'(X)^2] from (S21) with x = y",
        source="Lemma D.1, proof, last sentence",
        statement="(S22) follows for X = Y with x = y = (1, 0) and Sigma'_11 = Sigma_11",
        conditions="X = Y, Sigma singular",
        printed=SINGULAR,
        derive=from_general_lemma,
        witness=lambda point, digits: (
            quadrature.mean(kc.function("exp(-2*z**2)"), point[a], digits=digits) * 4 / mp.pi
        ),
        points=VARIANCES,
    ),
)
