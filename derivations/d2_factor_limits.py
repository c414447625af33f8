"""S40-S43: the factors Sdot^(L) of wide networks with erf_m as m tends to infinity.

At x != y the factor, four times the density of the two pre-activations at 0 up to the width 1/m of erf_m',
has a finite limit while the pre-activations are linearly independent; at x = y it grows like m. The text
writes the finite factor as its limit's determinant plus A_m/(2 m^2) (second layer) and B_m/(2 m^2) (later
layers).
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim

from ._d2 import (
    Number,
    Point,
    at_infinity,
    number,
    opposite,
    slope_slope,
    slope_squared,
)
from .d2_covariance_limits import (
    HIDDEN,
    INPUTS,
    POINTS,
    S1,
    beta,
    layer_map,
    q,
    s,
    variance,
)

half = sp.Rational(1, 2)
kappa = s / n0  # the weight of an inner product of inputs
distance2 = xx + yy - 2 * xy  # |x - y|^2
determinant = kappa**2 * (xx * yy - xy**2) + kappa * beta * (xx + yy - 2 * xy)
A_m = (kappa * xx + beta) + (kappa * yy + beta) + 1 / (2 * m**2)
B_m = a + b + 1 / (2 * m**2)

STEEP = tuple(
    {**point, m: sp.Rational(value)} for point, value in zip(POINTS, (1, "7/2", "1/3", 20, 6), strict=True)
)
LAYER = tuple(
    dict(zip((sigma_w, sigma_b, m, a, b, c), map(sp.Rational, values), strict=True))
    for values in (
        ("3/2", "1/2", 1, "5/2", "5/2", "-1"),
        ("1", "0", "7/2", "2", "1", "0"),
        ("4/3", "2/5", "1/3", "3", "2", "12/5"),
        ("2", "1/10", "6", "4", "1", "-199/100"),
        ("1/2", "3/2", "20", "1/3", "5", "1"),
    )
)
factor = 2 * s / sp.pi  # the constant in front of every line


def finite_factor() -> sp.Expr:
    """sigma_w^2 E erf_m'(X) erf_m'(Y), the layer's factor, in a, b, c and m."""
    return kc.NTK(kc.Erf(m), 2, sigma_w=sigma_w, sigma_b=sigma_b).factor_map()


def limit_factor() -> sp.Expr:
    return s * kc.dual(kc.Erf(m).derivative).limit("m", kc.oo)


def hidden(point: Point) -> tuple[Number, Number, Number]:
    """a, b, c of a layer; from the inputs where the point gives those."""
    if xx not in point:
        return number(point[a]), number(point[b]), number(point[c])
    w, bias, n = (number(point[key]) for key in (sigma_w, sigma_b, n0))
    one, two, cross = (w**2 / n * number(point[key]) + bias**2 for key in (xx, yy, xy))
    return one, two, cross


def finite(point: Point, digits: int) -> Number:
    """The factor at the point's m, by quadrature in two dimensions."""
    return number(point[sigma_w]) ** 2 * slope_slope(number(point[m]), *hidden(point), digits)


def far(point: Point, digits: int) -> Number:
    """The factor at m far out."""
    return number(point[sigma_w]) ** 2 * slope_slope(at_infinity(digits), *hidden(point), digits)


def far_equal(point: Point, digits: int) -> Number:
    """The factor at m far out, for a layer whose variance is the integral of the layer before."""
    side = variance(point, digits)
    return number(point[sigma_w]) ** 2 * slope_slope(
        at_infinity(digits), side, side, number(point[c]), digits
    )


def remainder(point: Point, digits: int) -> Number:
    """2 m^2 ((2 sigma_w^2/pi)^2 / Sdot_m^2 - determinant), which the text calls A_m and B_m."""
    first, second, cross = hidden(point)
    with mp.workdps(digits + 20):  # the difference cancels
        ratio = 2 * number(point[sigma_w]) ** 2 / mp.pi / finite(point, digits + 5)
        return 2 * number(point[m]) ** 2 * (ratio**2 - (first * second - cross**2))


def derived_remainder(values: dict[sp.Symbol, sp.Expr]) -> Callable[[], sp.Expr]:
    def derive() -> sp.Expr:
        gap = (factor / finite_factor()) ** 2 - (a * b - c**2)
        return sp.expand(sp.cancel(2 * m**2 * gap)).subs(values, simultaneous=True)

    return derive


def growth(start: Callable[[Point, int], Number]) -> Callable[[Point, int], Number]:
    """The factor at x = y divided by m, at m far out."""

    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        return number(point[sigma_w]) ** 2 * slope_squared(far_out, start(point, digits), digits) / far_out

    return witness


def derived_growth(variance_before: sp.Expr) -> sp.Expr:
    leading = s * kc.dual(kc.Erf(m).derivative).asymptotic("m", diagonal=True)
    return sp.expand(leading / m).subs(a, variance_before)


def slope_of_covariance(point: Point, digits: int) -> Number:
    """d Sigma^(L) / d Sigma^(L-1), numerically, of sigma_w^2 (1 - 2 P(XY < 0)) + sigma_b^2."""
    w, bias = number(point[sigma_w]), number(point[sigma_b])
    small = mp.mpf(10) ** -(digits // 2 + 5)  # the error of a central difference is of order small^2
    with mp.workdps(digits + digits // 2 + 10):
        side, centre = w**2 + bias**2, number(point[c])
        above, below = (
            w**2 * (1 - 2 * opposite(x / mp.sqrt(side**2 - x**2))) + bias**2
            for x in (centre + small, centre - small)
        )
        return (above - below) / (2 * small)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="S40/finite",
        title="factor of the second layer at finite m",
        source="D.2, equation (S40), first line",
        statement="Sdot_m^(2)(x,y) = 2 sigma_w^2/pi ((sigma_w^2/n0 |x|^2 + sigma_b^2 + 1/(2m^2)) "
        "(sigma_w^2/n0 |y|^2 + sigma_b^2 + 1/(2m^2)) - (sigma_w^2/n0 <x,y> + "
        "sigma_b^2)^2)^(-1/2)",
        printed=factor
        * (
            (kappa * xx + beta + 1 / (2 * m**2)) * (kappa * yy + beta + 1 / (2 * m**2))
            - (kappa * xy + beta) ** 2
        )
        ** -half,
        derive=lambda: finite_factor().subs(S1, simultaneous=True),
        witness=finite,
        points=STEEP,
        domain=INPUTS,
    ),
    Claim(
        tag="S40/A",
        title="the remainder A_m",
        source="D.2, below equation (S40)",
        statement="A_m/(2m^2) = (sigma_w^2/n0 |x|^2 + sigma_b^2 + sigma_w^2/n0 |y|^2 + sigma_b^2 + "
        "1/(2m^2)) / (2m^2)",
        printed=A_m,
        derive=derived_remainder(S1),
        witness=remainder,
        points=STEEP,
    ),
    Claim(
        tag="S40/split",
        title="factor of the second layer, its determinant multiplied out",
        source="D.2, equation (S40), second line",
        statement="Sdot_m^(2)(x,y) = 2 sigma_w^2/pi (sigma_w^4/n0^2 (|x|^2 |y|^2 - <x,y>^2) + sigma_w^2 "
        "sigma_b^2/n0 (|x|^2 + |y|^2 - 2 <x,y>) + A_m/(2m^2))^(-1/2)",
        printed=factor * (determinant + A_m / (2 * m**2)) ** -half,
        derive=lambda: finite_factor().subs(S1, simultaneous=True),
        witness=finite,
        points=STEEP,
        domain=INPUTS,
    ),
    Claim(
        tag="S40",
        title="limit of the factor of the second layer",
        source="D.2, equation (S40), last line",
        statement="Sdot_m^(2)(x,y) -> 2 sigma_w^2/pi (sigma_w^4/n0^2 (|x|^2 |y|^2 - <x,y>^2) + sigma_w^2 "
        "sigma_b^2/n0 |x - y|^2)^(-1/2)",
        conditions="sigma_b > 0 and x != y, or x, y not parallel",
        printed=factor * (kappa**2 * (xx * yy - xy**2) + kappa * beta * distance2) ** -half,
        derive=lambda: limit_factor().subs(S1, simultaneous=True),
        witness=far,
        points=(*POINTS, {**POINTS[0], xx: sp.Integer(1), yy: sp.Integer(4), xy: sp.Integer(-2)}),
        domain=INPUTS,
    ),
    Claim(
        tag="S41/finite",
        title="factor of a later layer at finite m",
        source="D.2, equation (S41), first line",
        statement="Sdot_m^(L)(x,y) = 2 sigma_w^2/pi ((a + 1/(2m^2)) (b + 1/(2m^2)) - c^2)^(-1/2), "
        "a = Sigma_m^(L-1)(x,x), b = Sigma_m^(L-1)(y,y), c = Sigma_m^(L-1)(x,y)",
        printed=factor * ((a + 1 / (2 * m**2)) * (b + 1 / (2 * m**2)) - c**2) ** -half,
        derive=finite_factor,
        witness=finite,
        points=LAYER,
    ),
    Claim(
        tag="S41/B",
        title="the remainder B_m",
        source="D.2, below equation (S41)",
        statement="B_m/(2m^2) = (a + b + 1/(2m^2)) / (2m^2)",
        printed=B_m,
        derive=derived_remainder({}),
        witness=remainder,
        points=LAYER,
    ),
    Claim(
        tag="S41/split",
        title="factor of a later layer, its determinant multiplied out",
        source="D.2, equation (S41), second line",
        statement="Sdot_m^(L)(x,y) = 2 sigma_w^2/pi (a b - c^2 + B_m/(2m^2))^(-1/2)",
        printed=factor * (a * b - c**2 + B_m / (2 * m**2)) ** -half,
        derive=finite_factor,
        witness=finite,
        points=LAYER,
    ),
    Claim(
        tag="S41/limit",
        title="limit of the factor of a later layer, before (S37) is used",
        source="D.2, equation (S41), third line",
        statement="Sdot_m^(L)(x,y) -> 2 sigma_w^2/pi (a b - c^2), the limits of a, b, c meant",
        printed=factor * (a * b - c**2),
        corrected=factor * (a * b - c**2) ** -half,
        doubtful="the exponent may have been lost in the text of the PDF",
        note="the exponent -1/2 of the lines before and after is missing behind the limit arrow",
        derive=limit_factor,
        witness=far,
        points=LAYER,
    ),
    Claim(
        tag="S41",
        title="limit of the factor of a later layer",
        source="D.2, equation (S41), last line",
        statement="Sdot_oo^(L)(x,y) = 2 sigma_w^2/pi ((sigma_w^2 + sigma_b^2)^2 - "
        "Sigma_oo^(L-1)(x,y)^2)^(-1/2), L >= 3",
        conditions="c = Sigma_oo^(L-1)(x,y), |c| < sigma_w^2 + sigma_b^2",
        printed=factor * ((s + beta) ** 2 - c**2) ** -half,
        derive=lambda: limit_factor().subs({a: q, b: q}),
        witness=far_equal,
        points=HIDDEN,
        domain={c: q * sp.sin(sp.Symbol("t", real=True))},
    ),
    Claim(
        tag="S41/slope",
        title="the factor is the derivative of the covariance map",
        source="D.2, after equation (S41)",
        statement="d Sigma_oo^(L)(x,y) / d Sigma_oo^(L-1)(x,y) = Sdot_oo^(L)(x,y)",
        conditions="c = Sigma_oo^(L-1)(x,y), L >= 3",
        printed=factor * ((s + beta) ** 2 - c**2) ** -half,
        derive=lambda: trace.diff(layer_map().subs({a: q, b: q}), c),
        witness=slope_of_covariance,
        points=HIDDEN,
    ),
    Claim(
        tag="S41/dual",
        title="the derivative of the dual activation is the dual of the derivative",
        source="D.2, after equation (S41)",
        statement="d/dc E[erf_m(X) erf_m(Y)] = E[erf_m'(X) erf_m'(Y)]",
        conditions="already at finite m",
        printed=4 * m**2 / sp.pi * ((1 + 2 * m**2 * a) * (1 + 2 * m**2 * b) - 4 * m**4 * c**2) ** -half,
        derive=lambda: trace.diff(kc.dual(kc.Erf(m)).expr, c),
        witness=lambda point, digits: slope_slope(number(point[m]), *hidden(point), digits),
        points=LAYER,
    ),
    Claim(
        tag="S42",
        title="growth of the factor of the second layer on the diagonal",
        source="D.2, equation (S42)",
        statement="Sdot_m^(2)(x,x) ~ 2 sigma_w^2/pi m (sigma_w^2/n0 |x|^2 + sigma_b^2)^(-1/2); here "
        "divided by m",
        conditions="x != 0 or sigma_b > 0",
        printed=factor * (kappa * xx + beta) ** -half,
        derive=lambda: derived_growth(S1[a]),
        witness=growth(lambda point, _: hidden(point)[0]),
        points=POINTS,
        domain=INPUTS,
    ),
    Claim(
        tag="S43",
        title="growth of the factors of later layers on the diagonal",
        source="D.2, equation (S43)",
        statement="Sdot_m^(L)(x,x) ~ 2 sigma_w^2/pi m (sigma_w^2 + sigma_b^2)^(-1/2), L >= 3; here "
        "divided by m",
        printed=factor * (s + beta) ** -half,
        derive=lambda: derived_growth(q),
        witness=growth(variance),
        points=HIDDEN,
    ),
)
