"""Section D.3, end: the singularity |x - y|^(-alpha(L)) of the kernel, and which alpha can be reached.

The first covariance times all factors leads, so the powers -1/2, -1/4, ... of the factors add up to -(1 -
1/2^(L-1)), and in |x - y| = sqrt(2 (1 - z)) to -alpha(L) = -(2 - 1/2^(L-2)).
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

from kernelcalc import trace
from kernelcalc.limits import small_angle_exponent
from kernelcalc.symbols import L, n0
from kernelcalc.verify.claim import Claim

from ._d2 import Number, Point
from .d2_covariance_limits import beta
from .d2_factor_limits import half, kappa
from .d3_lemma_d5 import third
from .d3_sphere import SPHERES, angle, layers, near, sign_kernel, unit

DEPTHS = (2, 3, 4)
DEEP = tuple({**SPHERES[i % 2], L: sp.Integer(depth)} for i, depth in enumerate((1, 2, 3, 4, 5)))

K = {2: (2 * kappa) ** half / (sp.pi * (kappa + beta) ** half) * n0, 3: third}
K[4] = sp.sqrt(K[3] / 2)


def alpha() -> sp.Expr:
    return small_angle_exponent(sign_kernel("L"))


def kernel_exponents(point: Point, depth: int, digits: int) -> tuple[Number, Number]:
    """(K, e) with Theta^(L)(z) ~ K (1 - z)^e, watched at two distances."""
    small = near(digits, max(depth, 2))
    far, close = (layers(point, depth, x * small)[-1].T for x in (10, 1))
    power = mp.log(far / close, 10)
    exact = mp.nint(power * 2**depth) / 2**depth
    return close / small**exact, power


def alpha_at(point: Point, depth: int, digits: int) -> Number:
    return -2 * kernel_exponents(point, depth, digits)[1]


def constants_number(point: Point, digits: int) -> Number:
    return mp.matrix([list(kernel_exponents(point, depth, digits)) for depth in DEPTHS])


def derived_constants() -> sp.Matrix:
    return sp.Matrix([[unit(angle(depth).coefficient), angle(depth).exponent] for depth in DEPTHS])


def ratio_number(point: Point, digits: int) -> Number:
    """Theta^(3)(x, y) |x - y|^alpha(3) close to x = y."""
    small = near(digits, 3)
    return layers(point, 3, small)[-1].T * mp.sqrt(2 * small) ** (mpf(3) / 2)


def limit_number(point: Point, digits: int) -> Number:
    """alpha at the depths 2, ..., 6, extrapolated as a geometric sequence."""
    values = [alpha_at(point, depth, digits) for depth in (2, 3, 4)]
    first, second = values[1] - values[0], values[2] - values[1]
    return values[2] + second**2 / (first - second)


def cap_exponent() -> sp.Expr:
    """e with measure{y: |x - y| < r} ~ K r^e on the sphere in R^n0; its area element is sin(t)^(n0-2) dt."""
    t = sp.Symbol("t", positive=True)
    chord = 2 * sp.sin(t / 2)
    # both sides by their leading powers of the angle t: the chord ~ t, the measure ~ t^(n0-1)/(n0-1)
    assert trace.limit(chord / t, t, 0) == 1
    w, k = sp.Symbol("w", positive=True), sp.Symbol("k", nonnegative=True)
    measure = trace.integrate((trace.limit(sp.sin(w) / w, w, 0) * w) ** k, (w, 0, t)).subs(k, n0 - 2)
    return trace.simplify(t * trace.diff(measure, t) / measure)


def cap_number(point: Point, digits: int) -> Number:
    """log(measure(10 r)/measure(r))/log 10 of caps of chordal radius r, by quadrature."""
    r = mpf(10) ** -(digits // 2 + 10)
    power = int(point[n0]) - 2

    def measure(radius: Number) -> Number:
        angle_end = 2 * mp.asin(radius / 2)
        return mp.quad(lambda x: mp.sin(angle_end * x) ** power, [0, 1]) * angle_end

    return mp.log(measure(10 * r) / measure(r), 10)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/kernel",
        title="the tangent kernel as z -> 1",
        source="D.3, last display",
        statement="Theta_oo^(L)(z) ~ Sigma^(1)(1) prod_(l=1)^(L-1) K(l+1) (1-z)^(-1/2^l) = K(L) "
        "(1-z)^(-(1-1/2^(L-1))), as coefficients and exponents for L = 2, 3, 4",
        printed=sp.Matrix(
            [
                [
                    (kappa + beta) * sp.Mul(*(K[i + 1] for i in range(1, depth))),
                    -(1 - 1 / sp.Integer(2) ** (depth - 1)),
                ]
                for depth in DEPTHS
            ]
        ),
        derive=derived_constants,
        witness=constants_number,
        points=SPHERES[:3],
    ),
    Claim(
        tag="D.3/kernel-distance",
        title="the tangent kernel by the distance",
        source="D.3, last display",
        statement="Theta_oo^(L)(z) ~ K'(L) |x - y|^(-(2 - 1/2^(L-2))), R -> 1; K'(3) from K(3) and 1 - z "
        "= |x - y|^2/2",
        printed=(kappa + beta) * K[2] * K[3] * 2 ** (1 - 1 / sp.Integer(2) ** 2),
        derive=lambda: unit(angle(3).coefficient) / half ** (-angle(3).exponent),
        witness=ratio_number,
        points=SPHERES,
    ),
    Claim(
        tag="alpha",
        title="the exponent of the singularity",
        source="D.3, last display",
        statement="alpha(L) = 2 - 1/2^(L-2)",
        printed=2 - 1 / sp.Integer(2) ** (L - 2),
        derive=alpha,
        witness=lambda point, digits: alpha_at(point, int(point[L]), digits),
        points=DEEP,
    ),
    Claim(
        tag="alpha/1",
        title="the exponent for L = 1",
        source="D.3, after the last display",
        statement="alpha(1) = 1",
        printed=1,
        corrected=0,
        note="alpha(1) = 2 - 1/2^(-1) = 0, as it must be for a kernel without singularity; alpha(2) = 1 "
        "is meant",
        derive=lambda: alpha().subs(L, 1),
        witness=lambda point, digits: alpha_at(point, 1, digits),
        points=SPHERES[:2],
    ),
    Claim(
        tag="alpha/2",
        title="the exponent for L = 2",
        source="D.3, after the last display",
        statement="alpha(2) = 1 = n0 for n0 = 1, the only depth at which alpha(L) is a dimension n0 >= 1",
        printed=1,
        derive=lambda: alpha().subs(L, 2),
        witness=lambda point, digits: alpha_at(point, 2, digits),
        points=SPHERES[:2],
    ),
    Claim(
        tag="alpha/increasing",
        title="the exponent grows with depth",
        source="D.3, after the last display",
        statement="alpha(L) increases: alpha(L + 1) - alpha(L) = 1/2^(L-1) > 0",
        printed=1 / sp.Integer(2) ** (L - 1),
        derive=lambda: trace.simplify(alpha().subs(L, L + 1) - alpha()),
        witness=lambda point, digits: (
            alpha_at(point, int(point[L]) + 1, digits) - alpha_at(point, int(point[L]), digits)
        ),
        points=DEEP[:4],
    ),
    Claim(
        tag="alpha/limit",
        title="the limit of the exponent",
        source="D.3, after the last display",
        statement="alpha(L) -> 2 as L -> oo",
        printed=2,
        derive=lambda: trace.limit(alpha(), L, sp.oo),
        witness=limit_number,
        points=SPHERES[:2],
    ),
    Claim(
        tag="alpha/dimension",
        title="the exponent that consistency asks for on a sphere",
        source="kernelcalc: beyond the paper (D.3, Bayes optimality)",
        statement="|x - y|^(-alpha) is at the border of integrability on the sphere in R^n0 for alpha = "
        "n0 - 1 (in R^n0: n0); alpha(2) = 1 is that border on the circle",
        printed=n0 - 1,
        derive=cap_exponent,
        witness=cap_number,
        points=tuple({n0: sp.Integer(n)} for n in (2, 3, 4, 7)),
        note="the text compares alpha(L) with n0, though its data lie on a sphere, which has dimension n0 "
        "- 1",
    ),
)
