"""Section 2.3 and the start of D.2: singular kernels as estimators, and the text around Theorem 2.3.

The Nadaraya-Watson estimator of a singular kernel takes the labels at the training points. Two remarks of
the text hold almost everywhere only: without bias the kernel diverges at parallel points too, and there the
predictor does not vanish.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.functions.base import Function
from kernelcalc.limits import expansion, small_angle
from kernelcalc.quadrature import mean
from kernelcalc.quadrature.exact import exact
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, z
from kernelcalc.verify.claim import Claim, Witness

from ._d2 import Inputs, Number, Point, at_infinity, number, sign_layers, slope_squared
from .d2_corollary_d3 import erf_kernel
from .d2_covariance_limits import s
from .d2_theorem_d4 import (
    LABELS,
    NETWORK_CONDITIONS,
    POINTS,
    QUERY,
    TRAINING,
    R,
    Y,
    constant,
    coordinates,
    growth,
    kernel_number,
    normalised,
    predictor,
    printed_row,
    put,
    signed,
    watched_sign,
)

u, scale = sp.Symbol("u", positive=True), sp.Symbol("lambda", real=True, nonzero=True)


def near_training_point(depth: int) -> sp.Expr:
    """c(x) as x -> x_1 for two training points: one weight goes like K u^p, p < 0, the other is finite."""
    angle = small_angle(erf_kernel(depth).limit("m", kc.oo))
    finite, rate = sp.Symbol("k_2", real=True), sp.Symbol("K", positive=True)
    first = rate * u**angle.exponent
    return trace.limit((first * Y[0] + finite * Y[1]) / (first + finite), u, 0)


def nadaraya_watson(depth: int) -> Witness:
    """c(x) at a distance from x_1 at which the other weight is not seen, by the sign network itself."""

    def witness(point: Point, digits: int) -> Number:
        inputs = Inputs.of({**point, n0: sp.Integer(2), xx: sp.Integer(1)})
        weights = [
            sign_layers(inputs, depth, mpf(v))[-1].T for v in (mpf(10) ** -(2 * digits + 10), mpf(3) / 2)
        ]
        return mp.fdot(weights, [number(y) for y in (point[Y[0]], point[Y[1]])]) / sum(weights)

    return witness


VALUES = tuple(
    dict(zip((sigma_w, sigma_b, Y[0], Y[1]), map(sp.Rational, values), strict=True))
    for values in (("1", "1/2", "1", "-1"), ("3/2", "0", "-1", "1"), ("2/3", "1", "3/2", "-7/3"))
)

PARALLEL = tuple(
    dict(zip((sigma_w, R, scale, Y[0]), map(sp.Rational, values), strict=True))
    for values in (
        ("1", "1", "2", "1"),
        ("3/2", "2", "-1", "-1"),
        ("2/3", "3/2", "-1/3", "1"),
        ("2", "1/2", "5", "-1"),
    )
)


def parallel_kernel() -> tuple[sp.Expr, sp.Expr]:
    """K, e with Theta_m^(2)(lambda x, x) ~ K m^e for sigma_b = 0 and |x| = R: the covariance is singular.

    Sigma^(2) is bounded, so the other term, Sigma^(1) Sdot^(2), leads.
    """
    first = s * R**2 / 2
    line = {a: scale**2 * first, b: first, c: scale * first}
    tangent = (c * erf_factor()).subs(line, simultaneous=True)
    ((coefficient, power),) = expansion(trace.simplify(tangent.subs(m, 1 / m)), m, 1)
    return coefficient, -power


def erf_factor() -> sp.Expr:
    return kc.NTK(kc.Erf(m), 2, sigma_w=sigma_w).factor_map()


def parallel_number(point: Point, ratio: Number, far_out: Number, digits: int) -> Number:
    """Theta_m^(2)(lambda x, x) for sigma_b = 0: X' = lambda X, so that one integral is left."""
    w, first = number(point[sigma_w]), number(point[sigma_w]) ** 2 * number(point[R]) ** 2 / 2
    steep, flat = exact(far_out, "m"), exact(mpf(far_out * ratio), "m lambda")
    variance = exact(mpf(first), "a")
    covariance = mean(Function("erf erf", sp.erf(steep * z) * sp.erf(flat * z)), variance, digits=digits)
    # erf_m'(X) erf_m'(lambda X) is, up to a constant, the square of erf_k'(X) for this k
    joint = far_out * mp.sqrt((1 + ratio**2) / 2)
    slopes = slope_squared(joint, mpf(first), digits) * (far_out / joint) ** 2
    return w**2 * (covariance + ratio * first * slopes)


def parallel_exponent(point: Point, digits: int) -> Number:
    near = at_infinity(digits)
    values = [parallel_number(point, number(point[scale]), far_out, digits) for far_out in (near, 10 * near)]
    return mp.log(values[1] / values[0], 10)


def parallel_mean(point: Point, digits: int) -> Number:
    """The predictor at lambda x_1 with the one training point x_1."""
    values = [
        parallel_number(point, ratio, at_infinity(digits), digits) for ratio in (number(point[scale]), mpf(1))
    ]
    return number(point[Y[0]]) * values[0] / values[1]


def derived_parallel_mean() -> sp.Expr:
    (coefficient, _), diagonal = parallel_kernel(), growth(2, (R, sp.Integer(0))).subs(sigma_b, 0)
    return trace.simplify(Y[0] * coefficient * m / diagonal)


TRAINED = tuple({**point, m: sp.Integer(100)} for point in POINTS[:3])


def at_training_point() -> sp.Expr:
    """Theta_m^(2)(x_1, X) Y in closed form, at finite m."""
    kernel = kc.NTK(kc.Erf(m), 2, sigma_w=sigma_w, sigma_b=sigma_b)
    first = put(kernel.expr(same=True), TRAINING[0], TRAINING[0])
    return first * Y[0] + sp.Add(
        *(put(kernel.expr(), TRAINING[0], x) * y for x, y in zip(TRAINING[1:], Y[1:], strict=True))
    )


def watched_training_sign(point: Point, digits: int) -> Number:
    """The sign of Theta_m(x_1, X) Y at the point's m."""
    points = coordinates(TRAINING, point)
    weights = [kernel_number(point, points[0], x, number(point[m]), 2, 15) for x in points]
    return mp.sign(mp.fdot(weights, [number(point[y]) for y in Y]))


def derived_training_sign() -> sp.Expr:
    """lim Theta_m(x_1, X) Y / a_m: y_1, whose sign is itself for labels +-1."""
    scaling = constant(2).subs(n0, 2) * m
    return (normalised(2, scaling) * LABELS)[0]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.2/nadaraya-watson-2",
        title="the Nadaraya-Watson estimator interpolates, L = 2",
        source="D.2, below equation (S35)",
        statement="c(x) = sum_i k(x,x_i) y_i / sum_i k(x,x_i) -> y_i as x -> x_i, here k = Theta_oo^(2), "
        "two points",
        printed=Y[0],
        derive=lambda: near_training_point(2),
        witness=nadaraya_watson(2),
        points=VALUES,
    ),
    Claim(
        tag="D.2/nadaraya-watson-3",
        title="the Nadaraya-Watson estimator interpolates, L = 3",
        source="D.2, below equation (S35)",
        statement="c(x) = sum_i k(x,x_i) y_i / sum_i k(x,x_i) -> y_i as x -> x_i, here k = Theta_oo^(3), "
        "two points",
        printed=Y[0],
        derive=lambda: near_training_point(3),
        witness=nadaraya_watson(3),
        points=VALUES,
    ),
    Claim(
        tag="2.3",
        title="the sign of the predictor at growing m, L = 3",
        source="Theorem 2.3",
        statement="lim sign(Theta_m^(L)(x,X) Theta_m^(L)(X,X)^(-1) Y) = sign(Theta_oo^(L)(x,X) Y), here L "
        "= 3; both sides times |Theta_oo^(L)(x,X) Y|",
        conditions=NETWORK_CONDITIONS,
        printed=(printed_row(3, QUERY) * LABELS)[0],
        derive=lambda: signed(3),
        witness=watched_sign(3),
        points=POINTS[:2],
    ),
    Claim(
        tag="2.3/training-point",
        title="the classifier at a training point",
        source="Section 2.3, below Theorem 2.3",
        statement="sign(Theta_oo^(L)(x_i,X) Y) = Theta_oo^(L)(x_i,X) Y at a training point x_i; here L = "
        "2, i = 1, m = 100",
        conditions="labels +-1, m large",
        printed=at_training_point(),
        corrected=Y[0],
        note="the right-hand side must be y_i: as m grows the sign is y_i, while Theta_m(x_i, X) Y tends "
        "to +-infinity",
        derive=derived_training_sign,
        witness=watched_training_sign,
        points=TRAINED,
    ),
    Claim(
        tag="2.3/singular",
        title="the singular kernel off the diagonal",
        source="Section 2.3, above Theorem 2.3",
        statement="Theta_oo(x,y) is a real number if x != y; as the exponent of m in Theta_m^(2)(lambda "
        "x, x)",
        conditions="sigma_b = 0, y = lambda x",
        printed=0,
        corrected=1,
        note="for sigma_b = 0 the kernel diverges for parallel x != y too, the case that Corollary D.3 "
        "leaves out",
        derive=lambda: parallel_kernel()[1],
        witness=parallel_exponent,
        points=PARALLEL,
    ),
    Claim(
        tag="2.3/mean",
        title="the predictor away from the training points",
        source="Section 2.3, above Theorem 2.3",
        statement="m(x) = 0 if x is not a training point; here x = lambda x_1, one training point, L = 2",
        conditions="sigma_b = 0, L = 2",
        printed=0,
        corrected=Y[0] * scale * sp.sqrt(2 / (1 + scale**2)),
        note="for sigma_b = 0 it is not 0 on the line through a training point, where the kernel diverges "
        "as well",
        derive=derived_parallel_mean,
        witness=parallel_mean,
        points=PARALLEL,
    ),
    Claim(
        tag="2.3/mean-elsewhere",
        title="the predictor at almost every point",
        source="Section 2.3, above Theorem 2.3",
        statement="m(x) = 0 if x is not a training point; here L = 2 and x parallel to none",
        conditions=NETWORK_CONDITIONS,
        printed=0,
        derive=lambda: trace.limit(sp.Symbol("theta", real=True) / (constant(2) * m), m, sp.oo),
        witness=lambda point, digits: predictor(point, at_infinity(digits + 5), 2, digits),
        points=POINTS[:3],
        digits=30,
    ),
)
