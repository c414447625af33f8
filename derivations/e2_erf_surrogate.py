"""Section E.2.1: the surrogate-gradient kernel of sign with surrogate derivative erf' (S75)-(S77).

erf_m stands in for sign. The covariance has the limit known from section D (S75); the factor
sigma_w^2 E[erf_m'(X) erf'(Y)] stays finite also at x = y, because only one of the two derivatives becomes a
delta function: the determinant under the root gains the term Sigma(x,x)/2.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import limits, quadrature, trace
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number
from ._steep import Law, against_erf_slope, diagonal_factor, far_out, slope_factor, surrogate_factor

Expr = Any  # SymPy carries no types

w, s = sigma_w, sigma_b
D = a * b - c**2
STEEP, SMOOTH = kc.Erf("m").derivative, kc.Erf().derivative
FACTOR = 2 * w**2 / sp.pi
HALF = sp.Rational(1, 2)

PLAIN = (
    {a: 1, b: 2, c: "1/2", w: 1, s: "1/10"},
    {a: 2, b: "2/3", c: "-4/5", w: "3/2", s: "1/3"},
    {a: "1/2", b: 3, c: 0, w: 2, s: 0},
    {a: 1, b: "11/10", c: "26/25", w: "1/2", s: 1},
)
FINITE = tuple({**point, m: value} for point, value in zip(PLAIN, (3, "1/2", 10, 2), strict=True))
DIAGONAL = ({a: "1/3", w: 2}, {a: 1, w: "3/2"}, {a: 7, w: "1/2"})

# -- the same in the inputs, for the two cases of (S76)

INPUT_POINTS = (
    {xx: 2, yy: 1, xy: "1/2", w: 1, s: "1/10", n0: 2},
    {xx: "1/2", yy: 3, xy: "-1", w: "3/2", s: 0, n0: 3},
    {xx: 1, yy: "4/3", xy: "23/20", w: 2, s: "1/3", n0: 1},
    {xx: "3/4", yy: 2, xy: 0, w: "3/2", s: "1/2", n0: 2},
)
POSITIVE = dict(zip((xx, yy), sp.symbols("X Y", positive=True), strict=True))  # squared norms
KERNEL = kc.SGNTK(kc.Sign(), SMOOTH, 3, sigma_w=w, sigma_b=s)


def first(inner: Expr) -> Expr:
    return w**2 / n0 * inner + s**2


SECOND = FACTOR * sp.asin(first(xy) / sp.sqrt(first(xx) * first(yy))) + s**2  # (S75)
CASE_2 = FACTOR * (first(xx) * first(yy) - first(xy) ** 2 + (w**2 * xx / n0 + s**2) / 2) ** -HALF
CASE_3 = FACTOR * ((w**2 + s**2) ** 2 - SECOND**2 + (w**2 + s**2) / 2) ** -HALF


def at(point: Point, *symbols: Expr) -> tuple[mp.mpf, ...]:
    return tuple(number(sp.sympify(symbol).subs(dict(point))) for symbol in symbols)


def law(point: Point) -> Law:
    return number(point[a]), number(point[b]), number(point[c])


def covariance(point: Point, digits: int) -> mp.mpf:
    value = quadrature.dual(kc.Sign(), kc.Sign(), point[a], point[b], point[c], digits=digits)
    return number(point[w]) ** 2 * value + number(point[s]) ** 2


def factor_at_m(point: Point, digits: int) -> mp.mpf:
    steep = kc.Erf(point[m]).derivative
    value = quadrature.dual(steep, SMOOTH, point[a], point[b], point[c], digits=digits)
    return number(point[w]) ** 2 * value


def factor(point: Point, digits: int) -> mp.mpf:
    return number(point[w]) ** 2 * surrogate_factor(SMOOTH, law(point), digits)


def gaussian(x: mp.mpf) -> mp.mpf:
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def layers(point: Point, digits: int, depth: int) -> list[tuple[mp.mpf, ...]]:
    """a, b, c, factor and kernel I of the layers from integrals, at an m far out."""
    weight, bias = number(point[w]) ** 2, number(point[s]) ** 2
    x, y, z = at(point, first(xx), first(yy), first(xy))
    found = [(x, y, z, mp.mpf(1), z)]
    for _ in range(depth - 1):
        x, y, z, _, tangent = found[-1]
        slope = weight * surrogate_factor(SMOOTH, (x, y, z), digits)
        sign = quadrature.dual(kc.Sign(), kc.Sign(), x, y, z, digits=digits)
        z = weight * sign + bias  # and E[sign^2] = 1
        found.append((weight + bias, weight + bias, z, slope, z + tangent * slope))
    return found


def diagonal_kernel(point: Point, digits: int) -> mp.mpf:
    """I^(3)(x, x), layer by layer."""
    weight, bias = number(point[w]) ** 2, number(point[s]) ** 2
    (variance,) = at(point, first(xx))
    tangent = variance
    for _ in range(2):
        slope = weight * diagonal_factor(gaussian, variance, digits)
        variance = weight + bias
        tangent = variance + tangent * slope
    return tangent


def same_slopes(point: Point, digits: int) -> mp.mpf:
    """E[erf_m'(X)^2] / m at an m far out."""
    # erf_m'^2 is m sqrt(2/pi) times the derivative of erf_{sqrt(2) m}
    flat = against_erf_slope(mp.sqrt(2) * far_out(digits), number(point[a]), lambda _: mp.mpf(1))
    return number(point[w]) ** 2 * mp.sqrt(2 / mp.pi) * flat


CLAIMS = (
    Claim(
        tag="S75",
        title="covariance of the next layer for sign",
        source="Equation (S75), second line",
        statement="Sigma_oo^(L+1)(x,y) = 2 sigma_w^2/pi arcsin(Sigma_oo^(L)(x,y)"
        " / (sqrt(Sigma_oo^(L)(x,x)) sqrt(Sigma_oo^(L)(y,y)))) + sigma_b^2",
        printed=FACTOR * sp.asin(c / (sp.sqrt(a) * sp.sqrt(b))) + s**2,
        derive=lambda: w**2 * kc.dual(kc.Erf("m")).limit("m", sp.oo) + s**2,
        witness=covariance,
        points=PLAIN,
        digits=30,
    ),
    Claim(
        tag="S76/lemma-D.1",
        title="the factor at finite m, by Lemma D.1",
        source="Equation (S76), second line",
        statement="sigma_w^2 E[erf_m' erf'] = 4 sigma_w^2/pi m ((1 + 2 m^2 Sigma(x,x)) (1 + 2 Sigma(y,y))"
        " - (2 m Sigma(x,y))^2)^(-1/2)",
        printed=4 * w**2 / sp.pi * m * ((1 + m**2 * 2 * a) * (1 + 2 * b) - (2 * m * c) ** 2) ** -HALF,
        derive=lambda: w**2 * kc.dual(STEEP, SMOOTH).expr,
        witness=factor_at_m,
        points=FINITE,
        digits=30,
    ),
    Claim(
        tag="S76/line-3",
        title="the factor at finite m, m drawn under the root",
        source="Equation (S76), third line",
        statement="= 2 sigma_w^2/pi (1/(4m^2) ((1 + 2 m^2 Sigma(x,x)) (1 + 2 Sigma(y,y))"
        " - 4 m^2 Sigma(x,y)^2))^(-1/2)",
        printed=FACTOR * (((1 + 2 * m**2 * a) * (1 + 2 * b) - 4 * m**2 * c**2) / (4 * m**2)) ** -HALF,
        derive=lambda: w**2 * kc.dual(STEEP, SMOOTH).expr,
        witness=factor_at_m,
        points=FINITE[:2],
        digits=30,
    ),
    Claim(
        tag="S76/line-4",
        title="the factor at finite m, as a shifted determinant",
        source="Equation (S76), fourth line",
        statement="= 2 sigma_w^2/pi ((1/(2m^2) + Sigma(x,x)) (1/2 + Sigma(y,y)) - Sigma(x,y)^2)^(-1/2)",
        printed=FACTOR * ((1 / (2 * m**2) + a) * (HALF + b) - c**2) ** -HALF,
        derive=lambda: w**2 * kc.dual(STEEP, SMOOTH).expr,
        witness=factor_at_m,
        points=FINITE[1:],
        digits=30,
    ),
    Claim(
        tag="S76/limit",
        title="limit of the factor",
        source="Equation (S76), limit",
        statement="-> 2 sigma_w^2/pi (Sigma_oo(x,x) (1/2 + Sigma_oo(y,y)) - Sigma_oo(x,y)^2)^(-1/2)",
        printed=FACTOR * (a * (HALF + b) - c**2) ** -HALF,
        derive=lambda: w**2 * kc.dual(STEEP, SMOOTH).limit("m", sp.oo),
        witness=factor,
        points=PLAIN,
    ),
    Claim(
        tag="S76",
        title="limit of the factor by the determinant",
        source="Equation (S76), line after the limit",
        statement="= 2 sigma_w^2/pi (|Sigma_oo| + 1/2 Sigma_oo(x,x))^(-1/2)",
        printed=FACTOR * (D + a / 2) ** -HALF,
        derive=lambda: w**2 * kc.dual(kc.Sign().derivative, SMOOTH).expr,
        witness=factor,
        points=PLAIN,
    ),
    Claim(
        tag="S76/L-2",
        title="the factor of layer 2 in the inputs",
        source="Equation (S76), case L = 2",
        statement="Sigma~_12^(2)(x,y) = 2 sigma_w^2/pi (|Sigma_oo^(1)|"
        " + (sigma_w^2 |x|^2/n0 + sigma_b^2)/2)^(-1/2)",
        domain=POSITIVE,
        printed=CASE_2,
        derive=lambda: KERNEL.layers()[1]["factor"],
        witness=lambda point, digits: layers(point, digits, 2)[1][3],
        points=INPUT_POINTS,
        digits=30,
    ),
    Claim(
        tag="S76/L-3",
        title="the factor of layer 3 in the inputs",
        source="Equation (S76), case L >= 3",
        statement="Sigma~_12^(L) = 2 sigma_w^2/pi (|Sigma_oo^(L-1)| + (sigma_w^2 + sigma_b^2)/2)^(-1/2)",
        domain=POSITIVE,
        printed=CASE_3,
        derive=lambda: KERNEL.layers()[2]["factor"],
        witness=lambda point, digits: layers(point, digits, 3)[2][3],
        points=INPUT_POINTS,
        digits=30,
        conditions="L = 3",
    ),
    Claim(
        tag="E.2.1/S41",
        title="limit of E[erf_m' erf_m'], as quoted for comparison",
        source="Section E.2.1, Equation (S41)",
        statement="sigma_w^2 E[erf_m' erf_m'] -> 2 sigma_w^2/pi (Sigma(x,x) Sigma(y,y) - Sigma(x,y)^2)",
        printed=FACTOR * D,
        corrected=FACTOR * D**-HALF,
        doubtful="the exponent -1/2 may be lost in the extracted text; the next line has it",
        note="the exponent -1/2 is missing after the limit arrow",
        derive=lambda: w**2 * kc.dual(STEEP).limit("m", sp.oo),
        witness=lambda point, digits: number(point[w]) ** 2 * slope_factor(law(point), digits),
        points=PLAIN,
    ),
    Claim(
        tag="E.2.1/regularising",
        title="what the surrogate adds under the root: Sigma_oo(x,x)/2",
        source="Section E.2.1, last sentence",
        statement="Sigma~_12 is obtained from Sdot by adding a regularizing term Sigma_oo(x,x)/2",
        printed=a / 2,
        derive=lambda: trace.simplify(
            sum(
                sign * (2 / sp.pi / kc.dual(kc.Sign().derivative, g).expr) ** 2
                for sign, g in ((1, SMOOTH), (-1, kc.Sign().derivative))
            )
        ),
        witness=lambda point, digits: (
            (2 / mp.pi) ** 2
            * (surrogate_factor(SMOOTH, law(point), digits) ** -2 - slope_factor(law(point), digits) ** -2)
        ),
        points=PLAIN,
        conditions="difference of the brackets (.)^(-1/2) in (S76) and (S41)",
    ),
    Claim(
        tag="S77",
        title="the factor at x = y is finite",
        source="Equation (S77)",
        statement="Sigma~_12(x,x) = 2 sigma_w^2/pi (0 + 1/2 Sigma_oo(x,x))^(-1/2)"
        " = sqrt(2) 2 sigma_w^2/pi Sigma_oo(x,x)^(-1/2)",
        printed=sp.sqrt(2) * FACTOR * a**-HALF,
        derive=lambda: w**2 * kc.dual(kc.Sign().derivative, SMOOTH).diagonal,
        witness=lambda point, digits: (
            number(point[w]) ** 2 * diagonal_factor(gaussian, number(point[a]), digits)
        ),
        points=DIAGONAL,
    ),
    Claim(
        tag="E.2.1/growth",
        title="the NTK's factor at x = y grows like m (quoted from S42, S43)",
        source="Section E.2.1, after (S77)",
        statement="Sdot_m(x,x) ~ 2 sigma_w^2/pi m Sigma_oo(x,x)^(-1/2)",
        printed=FACTOR * a**-HALF,
        derive=lambda: w**2 * limits.limit(kc.dual(STEEP).diagonal / m, m, sp.oo),
        witness=same_slopes,
        points=DIAGONAL,
        conditions="divided by m, as m -> oo",
    ),
    Claim(
        tag="E.2.1/kernel",
        title="the kernel of sign with surrogate erf' at depth 3",
        source="Section E.2.1, I_oo^(L) = lim I_m^(L)",
        statement="I^(3) = Sigma^(3) + (Sigma^(2) + Sigma^(1) Sigma~_12^(2)) Sigma~_12^(3), (S75) and (S76)",
        domain=POSITIVE,
        printed=FACTOR * sp.asin(SECOND / (w**2 + s**2)) + s**2 + (SECOND + first(xy) * CASE_2) * CASE_3,
        derive=KERNEL.expr,
        witness=lambda point, digits: layers(point, digits, 3)[2][4],
        points=INPUT_POINTS[:3],
        digits=30,
    ),
    Claim(
        tag="E.2.1/diagonal",
        title="the kernel at x = y is finite, depth 3",
        source="Section E.2.1, well-defined and non-singular",
        statement="I_oo^(3)(x,x) is finite: with v = sigma_w^2 + sigma_b^2, it is"
        " v + (v + sqrt(Sigma^(1)) 2^(3/2) sigma_w^2/pi) 2^(3/2) sigma_w^2/pi v^(-1/2)",
        printed=(w**2 + s**2)
        + ((w**2 + s**2) + sp.sqrt(first(xx)) * sp.sqrt(2) * FACTOR)
        * sp.sqrt(2)
        * FACTOR
        / sp.sqrt(w**2 + s**2),
        derive=lambda: KERNEL.expr(same=True),
        witness=diagonal_kernel,
        points=tuple({k: v for k, v in p.items() if k not in (yy, xy)} for p in INPUT_POINTS),
        conditions="Sigma^(1) = Sigma^(1)(x,x)",
    ),
)
