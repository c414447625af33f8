"""Section E.2.2: the surrogate-gradient kernel of sign with a general surrogate derivative (S78), (S79).

In the limit the true derivative is 2 delta: it fixes Z1 = 0, and what remains is the mean of the surrogate
under the conditional law N(0, |Sigma|/Sigma(x,x)) of Z2. Shown for every surrogate at once as an identity of
densities, for all frequencies cos(omega z), and for the surrogates people use. The limits are taken at finite
m first, as in the paper, and witnessed without delta functions.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.limits import limit
from kernelcalc.symbols import a, b, c, v
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number
from ._steep import against_erf_slope, diagonal_factor, far_out, surrogate_factor
from ._surrogates import SURROGATES, Surrogate, omega
from .e2_erf_surrogate import DIAGONAL, PLAIN, SMOOTH, law, w

Expr = Any  # SymPy carries no types

D = a * b - c**2
FRONT = w**2 * sp.sqrt(2 / sp.pi) * a ** -sp.Rational(1, 2)
POINTS = tuple({k: x for k, x in point.items() if k in (a, b, c, w)} for point in PLAIN)
z2 = sp.Symbol("z_2", real=True)
STEEP = kc.Erf("m").derivative
COMPARED = ("erf", "triangle", "laplace", "atan", "polynomial", "shifted")  # continuous: (S79) and x -> y


def known(item: Surrogate, point: Point) -> kc.Function:
    """The surrogate with the point's number for its parameter."""
    return item.function.with_params(B=point[omega]) if omega in point else item.function


def limit_claim(name: str, item: Surrogate) -> Claim:
    extra = (1, "1/2", 3, 2)
    return Claim(
        tag=f"S78/{name}",
        title=f"limit of the factor, surrogate derivative {item.words}",
        source="Equation (S78)",
        statement="Sigma~_12 = sigma_w^2 sqrt(2/pi) Sigma(x,x)^(-1/2) E[s(Y)], Y ~ N(0, |Sigma|/Sigma(x,x))",
        printed=FRONT * item.at_variance(D / a),
        derive=lambda: w**2 * kc.dual(STEEP, item.function).limit("m", sp.oo),
        witness=lambda point, digits: (
            number(point[w]) ** 2 * surrogate_factor(known(item, point), law(point), digits)
        ),
        points=tuple({**p, omega: x} for p, x in zip(POINTS, extra, strict=True))
        if name == "frequency"
        else POINTS,
        conditions="|Sigma| > 0; bars of the determinant restored",
    )


# -- every surrogate at once: the density against which it is integrated


def density_on_axis() -> Expr:
    """2 sigma_w^2 times the joint density at (0, z_2)."""
    sigma, u = sp.Matrix([[a, c], [c, b]]), sp.Matrix([0, z2])
    exponent = -(u.T * sigma.inv() * u)[0] / 2
    return 2 * w**2 * sp.exp(trace.simplify(exponent)) / (2 * sp.pi * sp.sqrt(sigma.det()))


def density_from_erf(point: Point, digits: int) -> mp.mpf:
    """The integral of erf_m'(z_1) p(z_1, z_2) over z_1 at an m far out."""
    (x, y, z), height = law(point), number(point[z2])
    spread = (x * y - z * z) / x

    def given(x1: mp.mpf) -> mp.mpf:
        return mp.npdf(height, z * x1 / x, mp.sqrt(spread))

    return number(point[w]) ** 2 * against_erf_slope(far_out(digits), x, given)


# -- x -> y on a sphere


def towards_diagonal(item: Surrogate) -> Expr:
    gap = sp.Symbol("g", positive=True)
    form: Expr = kc.dual(kc.Sign().derivative, item.function).expr
    return w**2 * limit(form.subs({b: a, c: a - gap}, simultaneous=True), gap, sp.S.Zero)


def near_diagonal(point: Point, digits: int) -> mp.matrix:
    """The factor at b = a, c = a - g for a tiny g, by the conditional mean at Z1 = 0."""
    size = number(point[a])
    with mp.workdps(6 * digits):
        spread = mp.mpf(10) ** (-3 * digits)
    values = [quadrature.mean(SURROGATES[name].function, spread, digits=digits) for name in COMPARED]
    return number(point[w]) ** 2 * mp.sqrt(2 / (mp.pi * size)) * mp.matrix(values)


def on_diagonal(point: Point, digits: int) -> mp.matrix:
    size = number(point[a])
    values = [
        diagonal_factor(sp.lambdify(kc.symbols.z, SURROGATES[name].function.expr, "mpmath"), size, digits)
        for name in COMPARED
    ]
    return number(point[w]) ** 2 * mp.matrix(values)


def mean_at_zero() -> Expr:
    mean: Expr = kc.mean(SMOOTH).expr
    return FRONT * mean.subs(v, D / a)


def recovered(point: Point, digits: int) -> mp.mpf:
    """The right-hand side of (S78) with s = erf', by quadrature."""
    x, y, z = law(point)
    value = quadrature.mean(SMOOTH, (x * y - z * z) / x, digits=digits)
    return number(point[w]) ** 2 * mp.sqrt(2 / mp.pi) / mp.sqrt(x) * value


CENTRES = FRONT * sp.Matrix([SURROGATES[name].centre for name in COMPARED])
NAMES = ", ".join(SURROGATES[name].words for name in COMPARED)

CLAIMS = (
    Claim(
        tag="S78/density",
        title="for every surrogate: twice the joint density at z_1 = 0",
        source="Equation (S78), second and third lines",
        statement="2 |Sigma|^(-1/2)/(2 pi) e^(-u^T Sigma^-1 u/2) at u = (0, z_2) is"
        " sqrt(2/pi) Sigma_11^(-1/2) times the density of N(0, |Sigma|/Sigma_11)",
        printed=FRONT / sp.sqrt(2 * sp.pi) * sp.sqrt(a / D) * sp.exp(-a / D * z2**2 / 2),
        derive=density_on_axis,
        witness=density_from_erf,
        points=tuple({**p, z2: x} for p, x in zip(POINTS, ("1/3", -1, 0, "3/2"), strict=True)),
    ),
    *(limit_claim(name, item) for name, item in SURROGATES.items()),
    Claim(
        tag="S78/bars",
        title="second parameter of the normal law in (S78), (S80): determinant or matrix",
        source="Equations (S78), (S80)",
        statement="Y ~ N(0, Sigma_oo / Sigma_oo(x,x)), read entrywise as Sigma(x,y)/Sigma(x,x)",
        printed=FRONT * sp.exp(-(omega**2) * (c / a) / 2),
        corrected=FRONT * sp.exp(-(omega**2) * (D / a) / 2),
        doubtful="the bars of the determinant may be lost in the extracted text; later lines have them",
        note="the variance is |Sigma|/Sigma(x,x), with the determinant",
        derive=lambda: w**2 * kc.dual(STEEP, kc.Cos(omega)).limit("m", sp.oo),
        witness=lambda point, digits: (
            number(point[w]) ** 2 * surrogate_factor(kc.Cos(point[omega]), law(point), digits)
        ),
        points=tuple({**p, omega: x} for p, x in zip(POINTS, (1, "1/2", 3, 2), strict=True)),
        conditions="surrogate cos(omega z)",
    ),
    Claim(
        tag="E.2.2/x-to-y",
        title="the factor as x -> y",
        source="Section E.2.2, after (S78)",
        statement="lim_{x->y} Sigma~_12(x,y) = sigma_w^2 sqrt(2/pi) Sigma(x,x)^(-1/2) s(0)",
        printed=CENTRES,
        derive=lambda: sp.Matrix([towards_diagonal(SURROGATES[name]) for name in COMPARED]),
        witness=near_diagonal,
        points=DIAGONAL,
        conditions=f"s = {NAMES}; on a sphere",
    ),
    Claim(
        tag="S79",
        title="the factor at x = y",
        source="Equation (S79)",
        statement="lim sigma_w^2 E[erf_m'(Z1) s(Z1)] = sigma_w^2 sqrt(2/pi) Sigma(x,x)^(-1/2) s(0)",
        printed=CENTRES,
        derive=lambda: sp.Matrix(
            [w**2 * kc.dual(kc.Sign().derivative, SURROGATES[name].function).diagonal for name in COMPARED]
        ),
        witness=on_diagonal,
        points=DIAGONAL,
        conditions=f"s = {NAMES}",
    ),
    Claim(
        tag="E.2.2/recovers-S76",
        title="(S76) is (S78) with s = erf'",
        source="Section E.2.2, after (S79)",
        statement="(S76) can be recovered by inserting s = erf'",
        printed=2 * w**2 / sp.pi * (D + a / 2) ** -sp.Rational(1, 2),
        derive=mean_at_zero,
        witness=recovered,
        points=POINTS,
    ),
    Claim(
        tag="E.2.2/recovers-S77",
        title="(S77) is (S79) with s = erf'",
        source="Section E.2.2, after (S79)",
        statement="(S77) can be recovered by inserting s = erf'",
        printed=sp.sqrt(2) * 2 * w**2 / sp.pi * a ** -sp.Rational(1, 2),
        derive=lambda: FRONT * SMOOTH.expr.subs(kc.symbols.z, 0),
        witness=lambda point, digits: (
            number(point[w]) ** 2 * mp.sqrt(2 / (mp.pi * number(point[a]))) * mp.diff(mp.erf, 0)
        ),
        points=DIAGONAL,
    ),
)
