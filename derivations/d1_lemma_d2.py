"""Lemma D.2: E[erf(U'x) erf(U'y)] for U ~ N(0, Sigma) is an arcsine, by the engine and by the paper's idea.

The engine uses Price's theorem in the covariance. The paper introduces lambda into the first factor,
finds dV/dlambda (file d1_lemma_d2_derivative), and recognises the derivative of 2/pi arcsin(gamma(lambda)).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.symbols import a, b, c
from kernelcalc.verify.claim import Claim, Point

from ._d1 import (
    LAWS,
    PAIR,
    ROOT,
    ROOT_DOMAIN,
    VECTOR_POINTS,
    X,
    Y,
    along_first,
    closed,
    error,
    gamma,
    lam,
    numeric,
    on_diagonal,
    plane,
    points,
)
from .d1_lemma_d2_derivative import S26


def errors(point: Point, digits: int) -> Any:
    """E erf(U'x) erf(U'y), integrated over U = Sigma^(1/2) N in the plane."""
    with mp.workdps(digits + 10):
        size, q1, q2 = along_first(numeric(ROOT * X, point), numeric(ROOT * Y, point))
        width = 1 / mp.sqrt(1 + 2 * (size**2 + q1**2 + q2**2))
        first = lru_cache(lambda t: error(size * t))
        return plane(lambda t, w: first(t) * error(q1 * t + q2 * w), width, digits)


def T(point: Point, digits: int) -> Any:
    return quadrature.dual(kc.Erf(), kc.Erf(), point[a], point[b], point[c], digits=digits)


def by_gamma() -> sp.Expr:
    """V(1) = 2/pi Int_0^gamma(1) (1 - g^2)^(-1/2) dg, as V(0) = 0, gamma(0) = 0 and (S26), (S27) hold."""
    g = sp.Symbol("g", real=True)
    primitive = trace.integrate(2 / sp.pi / sp.sqrt(1 - g**2), g)
    if trace.simplify(trace.diff(primitive.subs(g, gamma), lam) / S26) != 1:
        raise ArithmeticError("2/pi arcsin(gamma) has not the derivative (S26)")
    return (primitive.subs(g, gamma) - primitive.subs(g, 0)).subs(lam, 1)


ARCSINE = 2 / sp.pi * sp.asin(2 * c / (sp.sqrt(1 + 2 * a) * sp.sqrt(1 + 2 * b)))

CLAIMS = (
    Claim(
        tag="D.2",
        title="E[erf(U'x) erf(U'y)]",
        source="Lemma D.2",
        statement="V = E[erf(U'x) erf(U'y)] = "
        "2/pi arcsin(2 x'Sigma y / (sqrt(1 + 2 x'Sigma x) sqrt(1 + 2 y'Sigma y)))",
        conditions="Sigma invertible; d = 2",
        printed=ARCSINE.subs(PAIR, simultaneous=True),
        derive=lambda: closed(kc.Erf()).subs(PAIR, simultaneous=True),
        witness=errors,
        points=VECTOR_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="D.2/pair",
        title="E[erf(X) erf(Y)]",
        source="Lemma D.2",
        statement="E[erf(X) erf(Y)] = 2/pi arcsin(2 Sigma_3 / (sqrt(1 + 2 Sigma_1) sqrt(1 + 2 Sigma_2)))",
        conditions="Sigma invertible",
        printed=ARCSINE,
        derive=lambda: kc.dual(kc.Erf()),
        witness=T,
        points=LAWS,
        digits=30,
    ),
    Claim(
        tag="D.2/paper",
        title="E[erf(X) erf(Y)], as the paper proves it",
        source="Lemma D.2, proof, between (S27) and the end",
        statement="V = V(1) = 2/pi arcsin(gamma(1)), gamma(lambda) = 2 lambda x'Sigma y / "
        "sqrt((1 + 2 lambda^2 x'Sigma x)(1 + 2 y'Sigma y))",
        conditions="Sigma invertible; a = x'Sigma x, b = y'Sigma y, c = x'Sigma y",
        printed=ARCSINE,
        derive=by_gamma,
        witness=T,
        points=LAWS,
        digits=30,
    ),
    Claim(
        tag="D.2/singular",
        title="E[erf(X)^2]",
        source="Lemma D.2",
        statement="E[erf(X) erf(Y)] = 2/pi arcsin(2 Sigma_3 / (sqrt(1 + 2 Sigma_1) sqrt(1 + 2 Sigma_2)))",
        conditions="X = Y, Sigma singular: Sigma_1 = Sigma_2 = Sigma_3",
        printed=ARCSINE.subs({b: a, c: a}),
        derive=lambda: on_diagonal(kc.Erf()),
        witness=lambda point, digits: T({a: point[a], b: point[a], c: point[a]}, digits),
        points=points((a,), "1", "1/7", "5/2", "100", "1/1000"),
    ),
)
