"""Section D up to Lemma D.1: the error functions erf_m, the derivative of sign, and a change of variables.

With erf_m(z) = erf(m z), E[erf_m(X) erf_m(Y)] under N(0, Sigma) is E[erf(X) erf(Y)] under N(0, m^2 Sigma);
each derivative carries a factor m more.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, v, xx, xy, yy, z
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, Y, closed, number, numeric, points, y1, y2

SLOPES = (1, sp.Rational(1, 2), 3, 2)
SCALED = tuple({**law, m: slope} for law, slope in zip(LAWS, SLOPES, strict=True))
LINE = points((z, m), "1/2 1", "-2/3 3", "1/100 50", "3 1/2", "-1 2")
I2, SIGMA = sp.eye(2), sp.Matrix([[a, c], [c, b]])


def error_function(end: Any) -> Any:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to end."""
    return 2 / mp.sqrt(mp.pi) * mp.quad(lambda t: mp.exp(-t * t), [0, end])


def density(sigma: sp.Matrix, at: sp.Matrix) -> sp.Expr:
    exponent = (at.T * sigma.inv() * at)[0] / 2
    return sp.exp(-sp.factor(exponent)) / (2 * sp.pi * sp.sqrt(sp.factor(sigma.det())))


def numeric_density(point: Point, digits: int) -> Any:
    """The density of N(0, Sigma) at (y_1, y_2)."""
    sigma, at = numeric(SIGMA, point), numeric(Y, point)
    return mp.exp(-(at.T * mp.lu_solve(sigma, at))[0] / 2) / (2 * mp.pi * mp.sqrt(mp.det(sigma)))


def at_scaled_covariance(expr: sp.Expr) -> sp.Expr:
    return expr.subs({a: m**2 * a, b: m**2 * b, c: m**2 * c}, simultaneous=True)


def T_m(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m])
    return quadrature.dual(f, f, point[a], point[b], point[c], digits=digits)


def Tdot_m(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m]).derivative
    return quadrature.dual(f, f, point[a], point[b], point[c], digits=digits)


# -- the network with sign whose hidden weights are frozen


def frozen() -> sp.Expr:
    """The generalised tangent kernel of sign with 0 for its derivative, depth 3."""
    pair = (kc.Sign(), kc.function("0"))
    return kc.GeneralizedNTK(pair, pair, 3, sigma_w=sigma_w, sigma_b=sigma_b).expr()


def sign_covariance(point: Point, digits: int) -> Any:
    """Sigma^(3)(x,y) for sign, layer by layer by quadrature."""
    scale, s, beta = point[sigma_w] ** 2 / point[n0], point[sigma_w] ** 2, point[sigma_b] ** 2
    p, q, r = (scale * point[key] + beta for key in (xx, yy, xy))
    sign = kc.Sign()
    for _ in range(2):
        laws = ((p, p, p), (q, q, q), (p, q, r))
        values = [quadrature.dual(sign, sign, *law, digits=digits + 3) for law in laws]
        p, q, r = (number(s) * value + number(beta) for value in values)
    return r


def sign_layer(p: sp.Expr, q: sp.Expr, r: sp.Expr) -> sp.Expr:
    return 2 * sigma_w**2 / sp.pi * sp.asin(r / (sp.sqrt(p) * sp.sqrt(q))) + sigma_b**2


def first(product: sp.Symbol) -> sp.Expr:
    return sigma_w**2 / n0 * product + sigma_b**2


CLAIMS = (
    Claim(
        tag="D/erf",
        title="the scaled error function",
        source="Section D",
        statement="2/sqrt(pi) Int_0^(m z) exp(-t^2) dt = erf(m z)",
        printed=sp.erf(m * z),
        derive=lambda: trace.integrate(2 / sp.sqrt(sp.pi) * sp.exp(-(y1**2)), (y1, 0, m * z)),
        witness=lambda point, _: error_function(number(point[m] * point[z])),
        points=LINE,
    ),
    Claim(
        tag="D/delta",
        title="the distributional derivative of sign is 2 delta_0",
        source="Section D",
        statement="E[sign'(Z)] = E[2 delta_0(Z)], that is 2/sqrt(2 pi v) for Z ~ N(0, v)",
        printed=2 / sp.sqrt(2 * sp.pi * v),
        derive=lambda: kc.mean(kc.Sign().derivative),
        # the definition: minus the integral of sign times the derivative -z/v p(z) of the density
        witness=lambda point, digits: quadrature.mean(
            Function("sign(z) z/v", sp.sign(z) * z / point[v]), point[v], digits=digits
        ),
        points=points((v,), "1", "1/3", "7/2", "100", "1/1000"),
    ),
    Claim(
        tag="D/frozen",
        title="with derivative 0 the tangent kernel is the covariance",
        source="Section D",
        statement="Theta^(L) = Sigma^(L) if sigma' = 0 almost everywhere",
        conditions="sigma = sign, L = 3",
        printed=sign_layer(
            sigma_w**2 + sigma_b**2, sigma_w**2 + sigma_b**2, sign_layer(first(xx), first(yy), first(xy))
        ),
        derive=frozen,
        witness=sign_covariance,
        points=points(
            (xx, yy, xy, sigma_w, sigma_b, n0),
            "1 2 1/2 1 1/2 2",
            "1 1 -1/2 3/2 0 3",
            "2 1 1 1 1/3 1",
            "1 1 19/20 1 0 2",
        ),
        digits=30,
    ),
    Claim(
        tag="D.1/erf",
        title="derivative of the error function",
        source="Section D.1, before Lemma D.1",
        statement="d/dz erf(z) = 2/sqrt(pi) exp(-z^2)",
        printed=2 / sp.sqrt(sp.pi) * sp.exp(-(z**2)),
        derive=lambda: kc.Erf().derivative.expr,
        witness=lambda point, _: mp.diff(error_function, number(point[z])),
        points=LINE,
    ),
    Claim(
        tag="D.1/erf_m",
        title="derivative of the scaled error function",
        source="Section D.1, before Lemma D.1",
        statement="d/dz erf_m(z) = 2m/sqrt(pi) exp(-m^2 z^2)",
        printed=2 * m / sp.sqrt(sp.pi) * sp.exp(-(m**2) * z**2),
        derive=lambda: kc.Erf(m).derivative.expr,
        witness=lambda point, _: mp.diff(lambda t: mp.erf(number(point[m]) * t), number(point[z])),
        points=LINE,
    ),
    Claim(
        tag="D.1/variables",
        title="the change of variables between N(0, Sigma) and N(0, m^2 Sigma)",
        source="Section D.1, definition of T_m",
        statement="the density of N(0, m^2 Sigma) at m (x, y), times m^2, is that of N(0, Sigma) at (x, y)",
        printed=density(SIGMA, Y),
        derive=lambda: m**2 * density(m**2 * SIGMA, m * Y),
        witness=numeric_density,
        points=points(
            (a, b, c, m, y1, y2),
            "1 2 1/2 3 1/2 -1",
            "3/2 1/3 0 1/2 1 2/3",
            "2 1 -1 1 0 1",
            "1 1 99/100 2 1 4/5",
        ),
    ),
    Claim(
        tag="D.1/T",
        title="T at m^2 Sigma is T_m at Sigma",
        source="Section D.1, and proof of Corollary D.2, first line",
        statement="T(m^2 Sigma) = T_m(Sigma) = 2/pi arcsin(2m^2 c / (sqrt(1 + 2m^2 a) sqrt(1 + 2m^2 b)))",
        conditions="the left side derived, the right side integrated",
        printed=2 / sp.pi * sp.asin(2 * m**2 * c / (sp.sqrt(1 + 2 * m**2 * a) * sp.sqrt(1 + 2 * m**2 * b))),
        derive=lambda: at_scaled_covariance(closed(kc.Erf())),
        witness=T_m,
        points=SCALED,
        digits=30,
    ),
    Claim(
        tag="D.1/Tdot",
        title="Tdot at m^2 Sigma is Tdot_m at Sigma over m^2",
        source="Section D.1, and proof of Corollary D.1, first line",
        statement="Tdot(m^2 Sigma) = Tdot_m(Sigma)/m^2 = 4/pi |I_2 + 2m^2 Sigma|^(-1/2)",
        conditions="the left side derived, the right side integrated",
        printed=4 / sp.pi / sp.sqrt((I2 + 2 * m**2 * SIGMA).det()),
        derive=lambda: at_scaled_covariance(closed(kc.Erf().derivative)),
        witness=lambda point, digits: Tdot_m(point, digits) / number(point[m] ** 2),
        points=SCALED,
        digits=30,
    ),
)
