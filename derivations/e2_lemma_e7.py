"""Lemma E.7 (S80)-(S83): the limit of E[erf_m'(Z1) s(Z2)] for every bounded continuous s.

Substituting z_1 -> z_1/m turns the integrand into s(z_2) times a Gaussian with the precision matrix B_m,
whose limit is diagonal. Integrating z_1 out exactly gives, for every m and every s,
E[erf_m'(X) s(Y)] = 2m/sqrt(pi q) E[s(V)], V ~ N(0, (b + 2 m^2 |Sigma|)/q), q = 1 + 2 m^2 a. In the singular
case Z1 = Z2 there is one integral only. The covariances may move with m.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import limits, quadrature, trace
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, m, z
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number
from ._steep import against_erf_slope, far_out
from ._surrogates import SURROGATES, Surrogate, omega

Expr = Any  # SymPy carries no types

HALF = sp.Rational(1, 2)
D = a * b - c**2
z1, z2 = sp.symbols("z_1 z_2", real=True)
U, SIGMA = sp.Matrix([z1, z2]), sp.Matrix([[a, c], [c, b]])
STEEP = kc.Erf("m").derivative
Q = 1 + 2 * m**2 * a
TILTED = (b + 2 * m**2 * D) / Q  # = b - 2 m^2 c^2 / q, the variance left for z_2

# -- the statements

B_M = sp.Matrix([[b / m**2, -c / m], [-c / m, a]]) / D + sp.diag(2, 0)
B_LIMIT = sp.diag(2, a / D)
SUBSTITUTED = 1 / (2 * sp.pi) * D**-HALF * 2 / sp.sqrt(sp.pi) * sp.exp(-(U.T * B_M * U)[0] / 2)
SPREAD = 1 / (1 / a + 2 * m**2)  # the variance in the singular case

PLANE = (
    {a: 1, b: 2, c: "1/2", m: 3, z1: "1/2", z2: "-1/3", omega: 1},
    {a: 2, b: "2/3", c: "-4/5", m: "1/2", z1: -1, z2: "3/4", omega: "1/2"},
    {a: "1/2", b: 3, c: 0, m: 10, z1: "1/5", z2: 2, omega: 2},
    {a: 1, b: "11/10", c: "26/25", m: 2, z1: 0, z2: 1, omega: "3/2"},
)
LINE = ({a: 1, m: 2, omega: 1}, {a: "1/3", m: 10, omega: 3}, {a: 5, m: "1/2", omega: "1/2"})


def only(points: tuple[dict[Any, Any], ...], *symbols: Expr) -> tuple[dict[Any, Any], ...]:
    return tuple({k: x for k, x in point.items() if k in symbols} for point in points)


# -- derivations


def substituted() -> Expr:
    """erf_m'(z_1) times the density of N(0, Sigma), at z_1/m, times dz_1/m; without s(z_2)."""
    u = sp.Matrix([z1 / m, z2])
    gaussian = sp.exp(-(u.T * SIGMA.inv() * u)[0] / 2) / (2 * sp.pi * sp.sqrt(SIGMA.det()))
    return trace.diff(sp.erf(m * z), z).subs(z, z1 / m) * gaussian / m


def precision() -> sp.Matrix:
    """B_m as the matrix of second derivatives of the exponent of the substituted integrand."""
    exponent = sp.expand_log(sp.log(substituted()), force=True)
    return sp.hessian(-exponent, (z1, z2)).applyfunc(sp.simplify)


def integrated_out() -> Expr:
    """The integral over z_1 of the substituted integrand: a Gaussian one, exp(-p z_1^2/2 - r z_1)."""
    p, r = sp.Symbol("p", positive=True), sp.Symbol("r", real=True)
    base = trace.simplify(trace.integrate(sp.exp(-p * z1**2 / 2 - r * z1), (z1, -sp.oo, sp.oo)))
    matrix = precision()
    rest = substituted().subs(z1, 0)
    return sp.powsimp(rest * base.subs({p: matrix[0, 0], r: matrix[0, 1] * z2}), combine="exp")


# -- witnesses


def integrand(point: Point, x: mp.mpf, y: mp.mpf) -> mp.mpf:
    """erf_m'(x) p(x, y): the derivative of erf taken numerically, the density by mpmath's linear algebra."""
    steepness = number(point[m])
    matrix = mp.matrix([[number(entry.subs(dict(point))) for entry in row] for row in SIGMA.tolist()])
    vector = mp.matrix([x, y])
    density = mp.exp(-(vector.T * mp.lu_solve(matrix, vector))[0] / 2) / (2 * mp.pi * mp.sqrt(mp.det(matrix)))
    return mp.diff(lambda u: mp.erf(steepness * u), x) * density


def substituted_value(point: Point, digits: int) -> mp.mpf:
    steepness = number(point[m])
    return integrand(point, number(point[z1]) / steepness, number(point[z2])) / steepness


def precision_value(point: Point, digits: int) -> mp.matrix:
    """Second differences of -log of the integrand: it is quadratic, so they are exact."""
    steepness = number(point[m])

    def minus_log(x: mp.mpf, y: mp.mpf) -> mp.mpf:
        return -mp.log(integrand(point, x / steepness, y))

    zero, one = mp.mpf(0), mp.mpf(1)
    centre = minus_log(zero, zero)
    first = minus_log(one, zero) + minus_log(-one, zero) - 2 * centre
    second = minus_log(zero, one) + minus_log(zero, -one) - 2 * centre
    mixed = (minus_log(one, one) + minus_log(-one, -one) - 2 * centre - first - second) / 2
    return mp.matrix([[first, mixed], [mixed, second]])


def determinant_value(point: Point, digits: int) -> mp.mpf:
    return mp.det(precision_value(point, digits))


def limit_of_precision(point: Point, digits: int) -> mp.matrix:
    far = {**point, m: sp.Integer(10) ** (digits + 5)}
    with mp.workdps(4 * digits):
        return precision_value(far, digits)


def over_z1(point: Point, digits: int) -> mp.mpf:
    """The integral of erf_m'(z_1) p(z_1, z_2) over z_1."""
    y, height = number(point[b]), number(point[z2])
    spread, centre = number(D.subs(dict(point))) / y, number(point[c]) * height / y  # the law of X given Y
    slope = quadrature.mean(kc.Erf(point[m]).derivative, spread, mu=centre, digits=digits)
    return mp.npdf(height, 0, mp.sqrt(y)) * slope


def in_plane(s: Function) -> Any:
    def witness(point: Point, digits: int) -> mp.mpf:
        known = s.with_params(B=point[omega]) if "B" in s.params else s
        steep = kc.Erf(point[m]).derivative
        return quadrature.dual(steep, known, point[a], point[b], point[c], digits=digits)

    return witness


def on_line(point: Point, digits: int) -> mp.mpf:
    """E[erf_m'(Y) cos(omega Y)], Y ~ N(0, a), by quadrature of the product."""
    product = kc.Erf(point[m]).derivative.expr * sp.cos(point[omega] * z)
    return quadrature.mean(Function("product", product), point[a], digits=digits)


def moving_plane(s: Surrogate) -> Any:
    """The left side of (S80) at an m far out, with Sigma^m = Sigma + (1, -1/2; -1/2, 2)/m."""

    def witness(point: Point, digits: int) -> mp.mpf:
        far = far_out(digits)
        x, y, xy = (number(point[k]) + h / far for k, h in ((a, 1), (b, 2), (c, -mp.mpf(1) / 2)))
        spread = (x * y - xy**2) / x
        return against_erf_slope(
            far, x, lambda u: quadrature.mean(s.function, spread, mu=xy * u / x, digits=digits)
        )

    return witness


def moving_line(point: Point, digits: int) -> mp.mpf:
    """The left side of (S81) at an m far out, Sigma_1^m = a + 1/m, s(y) = cos(omega y) / (1 + |y|)."""
    far = far_out(digits)
    k = number(point[omega])
    return against_erf_slope(far, number(point[a]) + 1 / far, lambda y: mp.cos(k * y) / (1 + abs(y)))


def tilt_claim(name: str) -> Claim:
    item = SURROGATES[name]
    return Claim(
        tag=f"E.7/tilt-{name}",
        title=f"the factor at finite m, surrogate derivative {item.words}",
        source="Lemma E.7, content of (S82)",
        statement="E[erf_m'(X) s(Y)] = 2m/sqrt(pi q) E[s(V)], V ~ N(0, (b + 2 m^2 |Sigma|)/q),"
        " q = 1 + 2 m^2 a",
        printed=2 * m / sp.sqrt(sp.pi * Q) * item.at_variance(TILTED),
        derive=lambda: kc.dual(STEEP, item.function),
        witness=in_plane(item.function),
        points=only(PLANE, a, b, c, m)[:3],
        digits=30,
    )


def limit_claim(name: str) -> Claim:
    item = SURROGATES[name]
    return Claim(
        tag=f"S80/{name}",
        title=f"limit with covariances that move, surrogate derivative {item.words}",
        source="Lemma E.7, Equation (S80)",
        statement="lim E[erf_m'(Z1^m) s(Z2^m)] = sqrt(2/pi) (Sigma_11)^(-1/2) E[s(Y)],"
        " Y ~ N(0, |Sigma|/Sigma_11)",
        printed=sp.sqrt(2 / sp.pi) * a**-HALF * item.at_variance(D / a),
        derive=lambda: kc.dual(STEEP, item.function).limit("m", sp.oo),
        witness=moving_plane(item),
        points=only(PLANE, a, b, c),
        conditions="Sigma^m -> Sigma invertible; bars of the determinant restored",
    )


WAVE = kc.Cos(omega)
WAVE_MEAN = SURROGATES["frequency"]

CLAIMS = (
    Claim(
        tag="S82",
        title="the integrand after the substitution z_1 -> z_1/m",
        source="Lemma E.7, Equation (S82)",
        statement="1/(2 pi) |Sigma^m|^(-1/2) 2/sqrt(pi) e^(-u^T B_m u/2) (times s(z_2))",
        printed=SUBSTITUTED,
        derive=substituted,
        witness=substituted_value,
        points=only(PLANE, a, b, c, m, z1, z2),
    ),
    Claim(
        tag="S83",
        title="the matrix B_m",
        source="Lemma E.7, Equation (S83)",
        statement="B_m = 1/|Sigma| (Sigma_22/m^2, -Sigma_12/m; -Sigma_12/m, Sigma_11) + (2, 0; 0, 0)",
        printed=B_M,
        derive=precision,
        witness=precision_value,
        points=only(PLANE, a, b, c, m),
    ),
    Claim(
        tag="S83/limit",
        title="the limit of B_m",
        source="Lemma E.7, Equation (S83)",
        statement="B_m -> B_oo = (2, 0; 0, Sigma_11/|Sigma|)",
        printed=B_LIMIT,
        derive=lambda: precision().applyfunc(lambda entry: trace.limit(entry, m, sp.oo)),
        witness=limit_of_precision,
        points=only(PLANE, a, b, c),
    ),
    Claim(
        tag="E.7/determinant-1",
        title="determinant of B_m, multiplied out",
        source="Lemma E.7, after (S83)",
        statement="|B_m| = (Sigma_22/(m^2 |Sigma|) + 2) Sigma_11/|Sigma| - (-Sigma_12)^2/(m^2 |Sigma|^2)",
        printed=(b / (m**2 * D) + 2) * a / D - (-c) ** 2 / (m**2 * D**2),
        derive=lambda: precision().det(),
        witness=determinant_value,
        points=only(PLANE, a, b, c, m),
    ),
    Claim(
        tag="E.7/determinant-2",
        title="determinant of B_m",
        source="Lemma E.7, after (S83)",
        statement="|B_m| = 1/(m^2 |Sigma|) + 2 Sigma_11/|Sigma|",
        printed=1 / (m**2 * D) + 2 * a / D,
        derive=lambda: precision().det(),
        witness=determinant_value,
        points=only(PLANE, a, b, c, m),
    ),
    Claim(
        tag="E.7/normalised",
        title="(S82) as an expectation, for every frequency",
        source="Lemma E.7, second line after (S83)",
        statement="(S82) = 2/sqrt(pi) |Sigma|^(-1/2) |B_m|^(-1/2) E[s(Y_2)], Y ~ N(0, B_m^-1)",
        printed=2 / sp.sqrt(sp.pi) * D**-HALF * B_M.det() ** -HALF * WAVE_MEAN.at_variance(B_M.inv()[1, 1]),
        derive=lambda: kc.dual(STEEP, WAVE),
        witness=in_plane(WAVE),
        points=only(PLANE, a, b, c, m, omega)[:3],
        digits=30,
        conditions="s = cos(omega z)",
    ),
    Claim(
        tag="E.7/limit-constant",
        title="the constant in the limit",
        source="Lemma E.7, last lines of the first part",
        statement="2/sqrt(pi) |Sigma|^(-1/2) (2 Sigma_11/|Sigma|)^(-1/2) = sqrt(2/pi) Sigma_11^(-1/2)",
        printed=sp.sqrt(2 / sp.pi) * a**-HALF,
        derive=lambda: 2 / sp.sqrt(sp.pi) * D**-HALF * trace.limit(precision().det(), m, sp.oo) ** -HALF,
        witness=lambda point, digits: against_erf_slope(
            far_out(digits), number(point[a]), lambda _: mp.mpf(1)
        ),
        points=only(PLANE, a, b, c),
    ),
    Claim(
        tag="E.7/tilt",
        title="for every surrogate and every m: z_1 integrated out",
        source="Lemma E.7, content of (S82)",
        statement="int erf_m'(z_1) p(z_1, z_2) dz_1 = 2m/sqrt(pi q) times the density of"
        " N(0, (b + 2 m^2 |Sigma|)/q) at z_2, q = 1 + 2 m^2 a",
        printed=2 * m / sp.sqrt(sp.pi * Q) * sp.exp(-(z2**2) / (2 * TILTED)) / sp.sqrt(2 * sp.pi * TILTED),
        derive=integrated_out,
        witness=over_z1,
        points=only(PLANE, a, b, c, m, z2),
    ),
    *(tilt_claim(name) for name in ("box", "laplace", "polynomial")),
    *(limit_claim(name) for name in ("triangle", "atan", "shifted")),
    Claim(
        tag="S81",
        title="limit in the singular case Z1 = Z2",
        source="Lemma E.7, Equation (S81)",
        statement="lim E[erf_m'(Z1^m) s(Z1^m)] = sqrt(2/pi) (Sigma_1)^(-1/2) s(0)",
        printed=sp.sqrt(2 / sp.pi) * a**-HALF,
        derive=lambda: kc.dual(kc.Sign().derivative, WAVE).diagonal,
        witness=moving_line,
        points=only(LINE, a, omega),
        conditions="s = cos(omega z) (witness: divided by 1 + |z|), s(0) = 1",
    ),
    Claim(
        tag="E.7/singular-4",
        title="singular case at finite m, fourth line",
        source="Lemma E.7, case Z1 = Z2",
        statement="2/sqrt(pi) 1/sqrt(Sigma_1) m/sqrt(1/Sigma_1 + 2 m^2) E[s(Y)],"
        " Y ~ N(0, (1/Sigma_1 + 2 m^2)^-1)",
        printed=2
        / sp.sqrt(sp.pi)
        / sp.sqrt(a)
        * m
        / sp.sqrt(1 / a + 2 * m**2)
        * WAVE_MEAN.at_variance(SPREAD),
        derive=lambda: kc.dual(STEEP, WAVE).diagonal,
        witness=on_line,
        points=LINE,
        conditions="s = cos(omega z)",
    ),
    Claim(
        tag="E.7/singular-5",
        title="singular case at finite m, fifth line",
        source="Lemma E.7, case Z1 = Z2",
        statement="2/sqrt(pi) 1/sqrt(1/m^2 + 2 Sigma_1) E[s(Y)], Y ~ N(0, (1/Sigma_1 + 2 m^2)^-1)",
        printed=2 / sp.sqrt(sp.pi) / sp.sqrt(1 / m**2 + 2 * a) * WAVE_MEAN.at_variance(SPREAD),
        derive=lambda: kc.dual(STEEP, WAVE).diagonal,
        witness=on_line,
        points=LINE,
        conditions="s = cos(omega z)",
    ),
    Claim(
        tag="E.7/singular-limit",
        title="singular case, the limit of the constant",
        source="Lemma E.7, case Z1 = Z2, last line",
        statement="2/sqrt(pi) 1/sqrt(2 Sigma_1) = sqrt(2/pi) (Sigma_1)^(-1/2)",
        printed=2 / sp.sqrt(sp.pi) / sp.sqrt(2 * a),
        derive=lambda: limits.limit(kc.dual(STEEP, kc.function("1")).diagonal, m, sp.oo),
        witness=moving_line,
        points=only(LINE, a, omega),
    ),
)
