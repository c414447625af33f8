"""Lemma D.2, first part of the proof: the derivative of V(lambda) = E[erf(lambda U'x) erf(U'y)], (S24)-(S26).

With R = Sigma^(1/2), M = I + 2 lambda^2 R x x' R and N = M + 2 R y y' R: the derivative under the integral,
the change of variables, partial integration (S24), a Gaussian integral (S25), Sherman-Morrison, and Sylvester
(S26). One line has a minus sign too many.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc import trace
from kernelcalc.symbols import a, b, c, z
from kernelcalc.verify.claim import Claim, Point

from ._d1 import (
    PAIR,
    RAY,
    RAY_POINTS,
    RAY_TEXTS,
    ROOT,
    ROOT_DOMAIN,
    SIGMA,
    V_TEXTS,
    V,
    X,
    Y,
    error,
    gaussian_integral,
    lam,
    number,
    numeric,
    plane,
    points,
    slope,
    v1,
    v2,
)

M = sp.eye(2) + 2 * lam**2 * ROOT * X * X.T * ROOT
N = M + 2 * ROOT * Y * Y.T * ROOT
BELL = sp.exp(-(V.T * M * V)[0] / 2)
ERROR = sp.erf((V.T * ROOT * Y)[0])
PI = sp.pi

AT_V = points((*RAY, v1, v2), *map(" ".join, zip(RAY_TEXTS, V_TEXTS, strict=True)))
C = sp.Matrix(2, 2, sp.symbols("C_1:5", real=True))
W1, W2 = (sp.Matrix(sp.symbols(f"{name}_1:3", real=True)) for name in ("p", "q"))


def original(u: sp.Matrix) -> sp.Expr:
    """The integrand of the first line of dV/dlambda at u."""
    p, q = (u.T * X)[0], (u.T * Y)[0]
    normal = sp.exp(-sp.expand(sp.cancel((u.T * SIGMA.inv() * u)[0])) / 2) / (2 * PI * ROOT.det())
    return normal * 2 * p / sp.sqrt(PI) * sp.exp(-(lam**2) * p**2) * sp.erf(q)


def numeric_original(point: Point, digits: int) -> Any:
    """The same at u = R v in numbers, times the Jacobian determinant |Sigma|^(1/2)."""
    sigma, u, t = numeric(SIGMA, point), numeric(ROOT * V, point), number(point[lam])
    p, q = (u.T * numeric(X, point))[0], (u.T * numeric(Y, point))[0]
    normal = mp.exp(-(u.T * mp.lu_solve(sigma, u))[0] / 2) / (2 * mp.pi)
    return normal * 2 * p / mp.sqrt(mp.pi) * mp.exp(-(t**2) * p**2) * mp.erf(q)


def gradient(form: sp.Expr) -> sp.Matrix:
    return sp.Matrix([trace.diff(form, v1), trace.diff(form, v2)])


def numeric_gradient(point: Point, digits: int) -> Any:
    form, at = numeric(M, point), numeric(V, point)

    def bell(t: Any, w: Any) -> Any:
        return mp.exp(-(form[0, 0] * t * t + 2 * form[0, 1] * t * w + form[1, 1] * w * w) / 2)

    return mp.matrix([mp.diff(bell, (at[0], at[1]), order) for order in ((1, 0), (0, 1))])


@lru_cache(maxsize=8)
def _integrals(point: tuple[tuple[sp.Symbol, sp.Rational], ...], digits: int) -> Any:
    with mp.workdps(digits + 10):
        form, q = numeric(M, dict(point)), numeric(ROOT * Y, dict(point))
        low = mp.cholesky(form**-1)  # v = low n, n standard normal, has the density of exp(-v'Mv/2)
        q = low.T * q
        width = 1 / mp.sqrt(1 + 2 * mp.norm(q) ** 2)

        def component(i: int) -> Any:
            def g(t: Any, w: Any) -> Any:
                return error(q[0] * t + q[1] * w) * (low[i, 0] * t + low[i, 1] * w)

            return plane(g, width, digits)

        return form * mp.matrix([component(0), component(1)]) * 2 * mp.pi / mp.sqrt(mp.det(form))


def integrals(point: Point, digits: int) -> Any:
    """The integral of erf(v'Ry) M v exp(-v'Mv/2) over the plane, both components."""
    return _integrals(tuple(point.items()), digits)


def total_gradient(point: Point, digits: int) -> Any:
    """The integral of grad(erf(v'Ry) exp(-v'Mv/2)): a Gaussian one, minus the one above."""
    form, q = numeric(M, point), numeric(ROOT * Y, point)
    width = 1 / mp.sqrt(form[0, 0] + form[1, 1] + 2 * mp.norm(q) ** 2)

    def g(t: Any, w: Any) -> Any:
        square = (form[0, 0] - 1) * t * t + 2 * form[0, 1] * t * w + (form[1, 1] - 1) * w * w
        return mp.exp(-square / 2 - (q[0] * t + q[1] * w) ** 2)

    return 2 / mp.sqrt(mp.pi) * 2 * mp.pi * plane(g, width, digits) * q - integrals(point, digits)


def boundary() -> sp.Matrix:
    """Each component integrated along its own axis: the values of erf(..) exp(..) at the two ends."""
    ends = []
    for t in (v1, v2):
        p, q, r = sp.symbols("p q r", real=True)
        steep = sp.Symbol("k", positive=True)  # the coefficient of t^2 in v'Mv/2
        along = sp.erf(p * t + q) * sp.exp(-steep * t**2 + r * t)
        ends.append(trace.limit(along, t, sp.oo) - trace.limit(along, t, -sp.oo))
    return sp.Matrix(ends)


def by_parts() -> sp.Matrix:
    """The integral of exp(-v'Mv/2) grad erf(v'Ry): the gradient leaves a Gaussian with matrix N."""
    factor = gradient(ERROR).applyfunc(lambda entry: entry / sp.exp(-((V.T * ROOT * Y)[0] ** 2)))
    return factor.applyfunc(sp.simplify) * gaussian_integral(N)


def S25_left() -> sp.Expr:
    """Line 2 of dV/dlambda: the integral of v erf exp is M^(-1) times the one just found."""
    return (2 * X.T * ROOT / (sp.sqrt(PI) * 2 * PI) * M.inv() * by_parts())[0]


def sherman_morrison(inverse: sp.Matrix, p: sp.Matrix, q: sp.Matrix) -> sp.Matrix:
    return inverse - inverse * p * q.T * inverse / (1 + (q.T * inverse * p)[0])


S25 = 4 / PI * (X.T * ROOT * M.inv() * ROOT * Y)[0] / (2 * PI) * (2 * PI) / sp.sqrt(N.det())
S26 = 2 / PI * 2 * c / (1 + 2 * lam**2 * a) / sp.sqrt((1 + 2 * lam**2 * a) * (1 + 2 * b) - 4 * lam**2 * c**2)

CLAIMS = (
    Claim(
        tag="D.2/proof/derivative",
        title="the derivative under the integral",
        source="Lemma D.2, proof, first line of dV/dlambda",
        statement="d/dlambda erf(lambda z) = 2z/sqrt(pi) exp(-lambda^2 z^2), z = u'x",
        printed=2 * z / sp.sqrt(PI) * sp.exp(-(lam**2) * z**2),
        derive=lambda: trace.diff(sp.erf(lam * z), lam),
        witness=lambda point, _: mp.diff(lambda t: mp.erf(t * number(point[z])), number(point[lam])),
        points=points((z, lam), "1 1/2", "-2/3 1", "0 2", "1/10 20", "3 1/3"),
    ),
    Claim(
        tag="D.2/proof/star",
        title="the integrand in the new variables",
        source="Lemma D.2, proof, equation (*)",
        statement="the integrand at u = Sigma^(1/2) v, times |Sigma|^(1/2), is "
        "2 x'Sigma^(1/2) v / (sqrt(pi) (2 pi)^(d/2)) erf(v'Sigma^(1/2) y) exp(-v'Mv/2), "
        "M = I + 2 lambda^2 Sigma^(1/2) x x' Sigma^(1/2)",
        conditions="d = 2",
        printed=(2 * X.T * ROOT * V)[0] / (sp.sqrt(PI) * 2 * PI) * ERROR * BELL,
        derive=lambda: original(ROOT * V) * ROOT.det(),
        witness=numeric_original,
        points=AT_V,
    ),
    Claim(
        tag="D.2/proof/minus",
        title="the integrand after M^(-1) M is put in",
        source="Lemma D.2, proof, third line after (*)",
        statement="the integrand becomes -2 x'Sigma^(1/2) / (sqrt(pi) (2 pi)^(d/2)) M^(-1) "
        "erf(v'Sigma^(1/2) y) M v exp(-v'Mv/2)",
        conditions="d = 2",
        printed=-(2 * X.T * ROOT * M.inv() * M * V)[0] / (sp.sqrt(PI) * 2 * PI) * ERROR * BELL,
        corrected=(2 * X.T * ROOT * M.inv() * M * V)[0] / (sp.sqrt(PI) * 2 * PI) * ERROR * BELL,
        note="M^(-1) M = I brings no minus sign; the next line, after partial integration, is right again",
        derive=lambda: original(ROOT * V) * ROOT.det(),
        witness=numeric_original,
        points=AT_V[:3],
    ),
    Claim(
        tag="D.2/proof/gradient",
        title="gradient of the Gaussian",
        source="Lemma D.2, proof, after (S24)",
        statement="grad exp(-v'Mv/2) = -M v exp(-v'Mv/2)",
        conditions="d = 2",
        printed=-M * V * BELL,
        derive=lambda: gradient(BELL),
        witness=numeric_gradient,
        points=AT_V,
    ),
    Claim(
        tag="D.2/proof/boundary",
        title="no boundary terms",
        source="Lemma D.2, proof, Gauss' divergence theorem",
        statement="Int grad(erf(v'Sigma^(1/2) y) exp(-v'Mv/2)) dv = 0",
        conditions="d = 2",
        printed=sp.zeros(2, 1),
        derive=boundary,
        witness=total_gradient,
        points=RAY_POINTS[:2],
        digits=30,
    ),
    Claim(
        tag="S24",
        title="partial integration",
        source="Lemma D.2, proof (S24), (S25)",
        statement="Int erf(v'Sigma^(1/2)y) M v exp(-v'Mv/2) dv = "
        "Int exp(-v'Mv/2) grad erf(v'Sigma^(1/2)y) dv = "
        "2/sqrt(pi) Sigma^(1/2)y Int exp(-v'Nv/2) dv, N = M + 2 Sigma^(1/2) y y' Sigma^(1/2)",
        conditions="d = 2",
        printed=2 / sp.sqrt(PI) * ROOT * Y * 2 * PI / sp.sqrt(N.det()),
        derive=by_parts,
        witness=integrals,
        points=RAY_POINTS[:3],
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="S25",
        title="dV/dlambda with a Gaussian integral",
        source="Lemma D.2, proof (S25)",
        statement="dV/dlambda = 4/pi x'Sigma^(1/2) M^(-1) Sigma^(1/2) y (2 pi)^(-d/2) Int exp(-v'Nv/2) dv",
        conditions="d = 2",
        printed=S25,
        derive=S25_left,
        witness=slope,
        points=RAY_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
    Claim(
        tag="D.2/proof/sherman-morrison",
        title="the Sherman-Morrison formula",
        source="Lemma D.2, proof",
        statement="(C + w1 w2')^(-1) = C^(-1) - C^(-1) w1 w2' C^(-1) / (1 + w2' C^(-1) w1)",
        conditions="d = 2, C and C + w1 w2' invertible (the text calls C also A)",
        printed=sherman_morrison(C.inv(), W1, W2),
        derive=lambda: (C + W1 * W2.T).inv(),
        witness=lambda point, _: (numeric(C, point) + numeric(W1, point) * numeric(W2, point).T) ** -1,
        points=points(
            (*C, *W1, *W2), "1 2 -1 1/2 1/3 1 2 -1/5", "1/2 0 1 -2/3 1 1/7 -3 2", "2 1 1 3 0 1 1 -1"
        ),
    ),
    Claim(
        tag="D.2/proof/inverse",
        title="the inverse of M",
        source="Lemma D.2, proof",
        statement="M^(-1) = I - 2 lambda^2 Sigma^(1/2) x x' Sigma^(1/2) / (1 + 2 lambda^2 x'Sigma x)",
        conditions="d = 2",
        printed=sp.eye(2) - 2 * lam**2 * ROOT * X * X.T * ROOT / (1 + 2 * lam**2 * PAIR[a]),
        derive=lambda: M.inv(),
        witness=lambda point, _: numeric(M, point) ** -1,
        points=RAY_POINTS,
    ),
    Claim(
        tag="D.2/proof/bilinear",
        title="the factor before the integral",
        source="Lemma D.2, proof",
        statement="x'Sigma^(1/2) M^(-1) Sigma^(1/2) y = x'Sigma y / (1 + 2 lambda^2 x'Sigma x)",
        conditions="d = 2",
        printed=PAIR[c] / (1 + 2 * lam**2 * PAIR[a]),
        derive=lambda: (X.T * ROOT * M.inv() * ROOT * Y)[0],
        witness=lambda point, _: (
            numeric(ROOT * X, point).T * mp.lu_solve(numeric(M, point), numeric(ROOT * Y, point))
        )[0],
        points=RAY_POINTS,
    ),
    Claim(
        tag="D.2/proof/determinant",
        title="the determinant of N",
        source="Lemma D.2, proof, before (S26)",
        statement="|N| = (1 + 2 lambda^2 x'Sigma x)(1 + 2 y'Sigma y) - 4 lambda^2 (x'Sigma y)^2",
        conditions="d = 2",
        printed=(1 + 2 * lam**2 * PAIR[a]) * (1 + 2 * PAIR[b]) - 4 * lam**2 * PAIR[c] ** 2,
        derive=lambda: N.det(),
        witness=lambda point, _: mp.fprod(mp.eigsy(numeric(N, point), eigvals_only=True)),
        points=RAY_POINTS,
    ),
    Claim(
        tag="S26",
        title="dV/dlambda, as the paper proves it",
        source="Lemma D.2, proof (S26)",
        statement="dV/dlambda = 2/pi 2c/(1 + 2 lambda^2 a) "
        "((1 + 2 lambda^2 a)(1 + 2b) - 4 lambda^2 c^2)^(-1/2)",
        conditions="a = x'Sigma x, b = y'Sigma y, c = x'Sigma y; d = 2",
        printed=S26.subs(PAIR, simultaneous=True),
        derive=S25_left,
        witness=slope,
        points=RAY_POINTS,
        digits=30,
        domain=ROOT_DOMAIN,
    ),
)
