"""(S29)-(S32): covariances and factors of infinitely wide networks with erf_m, layer by layer, and m -> oo.

With a = Sigma_m^(L)(x,x), b = Sigma_m^(L)(y,y), c = Sigma_m^(L)(x,y) one layer is one Gaussian expectation.
Off the diagonal everything converges; on it the factor grows like m, so that the tangent kernel is singular.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.limits import limit
from kernelcalc.quadrature.exact import exact
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, erf_pair, far, number, points, slope_line, slope_pair

w, s = sigma_w, sigma_b
HALF = sp.Rational(-1, 2)
PREFACTOR = 2 * w**2 / sp.pi
H = 1 / (2 * m**2)
NETWORKS: tuple[Point, ...] = tuple(
    {**law, w: sp.Rational(top), s: sp.Rational(bias), m: sp.Rational(slope)}
    for law, top, bias, slope in zip(
        LAWS, ("1", "3/2", "2", "1/2"), ("1/2", "0", "1/3", "1"), "2134", strict=True
    )
)
DIAGONAL = points((a, w, s, m), "1 1 1/2 1", "1/7 3/2 0 3", "5/2 2 1/3 1/2", "100 1/2 1 2")
INPUTS = points(
    (xx, yy, xy, w, s, n0), "1 2 1/2 1 1/2 2", "3/2 1 0 3/2 0 3", "2 1 -1 1 1/3 1", "1 1 99/100 2 0 4"
)


def weighted(value: Any, point: Point, bias: bool = True) -> Any:
    """sigma_w^2 value (+ sigma_b^2)."""
    return number(point[w] ** 2) * value + (number(point[s] ** 2) if bias else 0)


def layer(pre: sp.Expr, p: sp.Expr, q: sp.Expr, r: sp.Expr) -> sp.Expr:
    """(S29), with pre = 1/(2m^2), or 0 in the limit."""
    return PREFACTOR * sp.asin(r / (sp.sqrt(pre + p) * sp.sqrt(pre + q))) + s**2


def covariance(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m])
    return weighted(quadrature.dual(f, f, point[a], point[b], point[c], digits=digits), point)


def factor(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m]).derivative
    return weighted(quadrature.dual(f, f, point[a], point[b], point[c], digits=digits), point, bias=False)


def factor_on_diagonal(point: Point, digits: int) -> Any:
    f = kc.Erf(point[m]).derivative
    return weighted(quadrature.dual(f, f, point[a], point[a], point[a], digits=digits), point, bias=False)


def first(product: sp.Symbol) -> sp.Expr:
    return w**2 / n0 * product + s**2


def third_layer(point: Point, digits: int) -> Any:
    """Sigma_m^(3)(x,y) at a very large m, layer by layer by quadrature."""
    law = [first(product).subs(dict(point)) for product in (xx, yy, xy)]
    for _ in range(2):
        p, q, r = law
        f = kc.Erf(far(digits))
        squares = [quadrature.dual(f, f, value, value, value, digits=digits + 3) for value in (p, q)]
        values = [weighted(value, point) for value in (*squares, erf_pair(far(digits), p, q, r, digits + 3))]
        law = [exact(value, "variance") for value in values]
    return number(law[2])


def network(kernel: Any, depth: int | str = 2, activation: Any = None) -> Any:
    return kernel(activation or kc.Erf(m), depth, sigma_w=w, sigma_b=s)


CLAIMS = (
    Claim(
        tag="S29",
        title="covariance of the next layer",
        source="Section D.1 (S29)",
        statement="Sigma_m^(L+1)(x,y) = "
        "2 sigma_w^2/pi arcsin(c / (sqrt(1/(2m^2) + a) sqrt(1/(2m^2) + b))) + sigma_b^2",
        printed=layer(H, a, b, c),
        derive=lambda: network(kc.NNGP).covariance_map(),
        witness=covariance,
        points=NETWORKS,
        digits=30,
    ),
    Claim(
        tag="S29/limit",
        title="limit of the covariance of the next layer",
        source="Section D.1 (S29)",
        statement="Sigma_m^(L+1)(x,y) -> 2 sigma_w^2/pi arcsin(c / (sqrt(a) sqrt(b))) + sigma_b^2 as m -> oo",
        conditions="a, b > 0",
        printed=layer(sp.S.Zero, a, b, c),
        derive=lambda: limit(network(kc.NNGP).covariance_map(), m, sp.oo),
        witness=lambda point, digits: weighted(
            erf_pair(far(digits), point[a], point[b], point[c], digits), point
        ),
        points=NETWORKS,
    ),
    Claim(
        tag="S29/induction",
        title="limit of the covariance at depth 3",
        source="Section D.1, after (S29)",
        statement="lim Sigma_m^(L)(x,y) = Sigma_oo^(L)(x,y), by induction",
        conditions="L = 3; Sigma^(1)(x,y) = sigma_w^2/n0 <x,y> + sigma_b^2",
        printed=layer(
            sp.S.Zero,
            layer(sp.S.Zero, first(xx), first(xx), first(xx)),
            layer(sp.S.Zero, first(yy), first(yy), first(yy)),
            layer(sp.S.Zero, first(xx), first(yy), first(xy)),
        ),
        derive=lambda: network(kc.NNGP, 3, kc.Erf()).limit("m", kc.oo).expr(),
        witness=third_layer,
        points=INPUTS,
        digits=30,
    ),
    Claim(
        tag="S30",
        title="factor of the next layer",
        source="Section D.1 (S30)",
        statement="Sdot_m^(L+1)(x,y) = 2 sigma_w^2/pi ((a + 1/(2m^2))(b + 1/(2m^2)) - c^2)^(-1/2)",
        printed=PREFACTOR * ((a + H) * (b + H) - c**2) ** HALF,
        derive=lambda: network(kc.NTK).factor_map(),
        witness=factor,
        points=NETWORKS,
        digits=30,
    ),
    Claim(
        tag="S31",
        title="limit of the factor of the next layer",
        source="Section D.1 (S31)",
        statement="lim Sdot_m^(L)(x,y) = Sdot_oo^(L)(x,y) exists: 2 sigma_w^2/pi (a b - c^2)^(-1/2)",
        conditions="c^2 < a b",
        printed=PREFACTOR * (a * b - c**2) ** HALF,
        derive=lambda: limit(network(kc.NTK).factor_map(), m, sp.oo),
        witness=lambda point, digits: weighted(
            slope_pair(far(digits), point[a], point[b], point[c], digits), point, bias=False
        ),
        points=NETWORKS,
        digits=30,
    ),
    Claim(
        tag="S32/first",
        title="factor of the next layer on the diagonal",
        source="Section D.1 (S32), first line",
        statement="Sdot_m^(L+1)(x,x) = 2 sigma_w^2/pi ((a + 1/(2m^2))^2 - a^2)^(-1/2)",
        printed=PREFACTOR * ((a + H) ** 2 - a**2) ** HALF,
        derive=lambda: w**2 * network(kc.NTK).layer.factor.diagonal,
        witness=factor_on_diagonal,
        points=DIAGONAL,
    ),
    Claim(
        tag="S32",
        title="factor of the next layer on the diagonal, simplified",
        source="Section D.1 (S32), third line",
        statement="Sdot_m^(L+1)(x,x) = 2 sigma_w^2/pi m (a + 1/(4m^2))^(-1/2)",
        printed=PREFACTOR * m * (a + 1 / (4 * m**2)) ** HALF,
        derive=lambda: w**2 * network(kc.NTK).layer.factor.diagonal,
        witness=factor_on_diagonal,
        points=DIAGONAL,
    ),
    Claim(
        tag="S32/growth",
        title="growth of the factor on the diagonal",
        source="Section D.1 (S32), last line",
        statement="Sdot_m^(L+1)(x,x) ~ 2 sigma_w^2/pi m a^(-1/2); here divided by m",
        conditions="a the limit of Sigma_m^(L)(x,x)",
        printed=PREFACTOR * a**HALF,
        derive=lambda: w**2 * network(kc.NTK).layer.factor.asymptotic("m", diagonal=True) / m,
        witness=lambda point, digits: weighted(
            slope_line(far(digits), point[a], sp.S.One, digits) / far(digits), point, bias=False
        ),
        points=DIAGONAL,
    ),
)
