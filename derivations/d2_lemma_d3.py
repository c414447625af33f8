"""Lemma D.3: the limits of all covariances and factors of erf_m networks, from the inputs to layer L.

The lemma collects S36-S43. Here its lines are composed, layer after layer, down to the inputs: the
derivation is the limit kernel (that of the sign function), the witness a whole network with erf_m at m far
out.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc.symbols import a, b, c, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim

from ._d2 import Inputs, Number, Point, State, at_infinity, erf_layers
from .d2_covariance_limits import INPUTS, POINTS, S1, beta, q, s
from .d2_factor_limits import derived_growth, distance2, half, kappa

ANTIPARALLEL = {**POINTS[0], xx: sp.Integer(1), yy: sp.Integer(4), xy: sp.Integer(-2)}


def covariance(depth: int) -> sp.Expr:
    """Sigma_oo^(depth)(x,y) as printed, for x != y."""
    if depth == 1:
        return s / n0 * xy + beta
    if depth == 2:
        roots = sp.sqrt(kappa * xx + beta) * sp.sqrt(kappa * yy + beta)
        return 2 * s / sp.pi * sp.asin(covariance(1) / roots) + beta
    return 2 * s / sp.pi * sp.asin(covariance(depth - 1) / (s + beta)) + beta


def factor(depth: int) -> sp.Expr:
    """Sdot_oo^(depth)(x,y) as printed."""
    if depth == 2:
        return 2 * s / sp.pi * (kappa**2 * (xx * yy - xy**2) + kappa * beta * distance2) ** -half
    return 2 * s / sp.pi * ((s + beta) ** 2 - covariance(depth - 1) ** 2) ** -half


def derived(depth: int, entry: str) -> sp.Expr:
    """An entry of a layer of the limit kernel."""
    return kc.NTK(kc.Erf(), depth, sigma_w=sigma_w, sigma_b=sigma_b).limit("m", kc.oo).layers()[-1][entry]


def watched(
    depth: int, read: Callable[[State], Number], *, same: bool = False
) -> Callable[[Point, int], Number]:
    """The last layer of a network with erf_m at m far out."""

    def witness(point: Point, digits: int) -> Number:
        return read(erf_layers(Inputs.of(point), at_infinity(digits), depth, digits, same=same)[-1])

    return witness


def growing(depth: int) -> Callable[[Point, int], Number]:
    """The factor on the diagonal divided by m."""

    def witness(point: Point, digits: int) -> Number:
        far_out = at_infinity(digits)
        return erf_layers(Inputs.of(point), far_out, depth, digits, same=True)[-1].factor / far_out

    return witness


def variances(point: Point, digits: int) -> Number:
    """Layers 2, 3 and 4 on the diagonal."""
    layers = erf_layers(Inputs.of(point), at_infinity(digits), 4, digits, same=True)
    return mp.matrix([layer.a for layer in layers[1:]])


def derived_variances() -> sp.Matrix:
    layers = kc.NTK(kc.Erf(), 4, sigma_w=sigma_w, sigma_b=sigma_b).limit("m", kc.oo).layers(same=True)
    return sp.Matrix([layer["c"] for layer in layers[1:]])


S1x, S1y, S1xy = S1[a], S1[b], S1[c]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/lemma/covariance-1",
        title="covariance of layer 1",
        source="Lemma D.3, line 1",
        statement="Sigma_oo^(1)(x,y) = lim Sigma_m^(1)(x,y) = sigma_w^2/n0 <x,y> + sigma_b^2",
        printed=covariance(1),
        derive=lambda: derived(1, "c"),
        witness=watched(1, lambda layer: layer.c),
        points=POINTS,
    ),
    Claim(
        tag="D.3/lemma/covariance-2",
        title="covariance of layer 2 from the inputs",
        source="Lemma D.3, line 2",
        statement="Sigma_oo^(2)(x,y) = lim Sigma_m^(2)(x,y) = the arcsin form of (S38)",
        printed=covariance(2),
        derive=lambda: derived(2, "c"),
        witness=watched(2, lambda layer: layer.c),
        points=POINTS,
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/covariance-3",
        title="covariance of layer 3 from the inputs",
        source="Lemma D.3, line 3, L = 3",
        statement="Sigma_oo^(3)(x,y) = 2 sigma_w^2/pi arcsin(Sigma_oo^(2)(x,y)/(sigma_w^2 + sigma_b^2)) + "
        "sigma_b^2",
        printed=covariance(3),
        derive=lambda: derived(3, "c"),
        witness=watched(3, lambda layer: layer.c),
        points=POINTS,
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/covariance-5",
        title="covariance of layer 5 from the inputs",
        source="Lemma D.3, line 3, L = 3, 4, 5",
        statement="Sigma_oo^(L)(x,y) = 2 sigma_w^2/pi arcsin(Sigma_oo^(L-1)(x,y)/(sigma_w^2 + sigma_b^2)) "
        "+ sigma_b^2",
        printed=covariance(5),
        derive=lambda: derived(5, "c"),
        witness=watched(5, lambda layer: layer.c),
        points=POINTS[:3],
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/variance",
        title="variances of layers 2, 3 and 4",
        source="Lemma D.3, line 4",
        statement="Sigma_oo^(L)(x,x) = lim Sigma_m^(L)(x,x) = sigma_w^2 + sigma_b^2 for all L >= 2",
        printed=sp.Matrix([s + beta] * 3),
        derive=derived_variances,
        witness=variances,
        points=POINTS,
    ),
    Claim(
        tag="D.3/lemma/factor-2",
        title="factor of layer 2, with |x - y|^2",
        source="Lemma D.3, line 5, first form",
        statement="Sdot_oo^(2)(x,y) = 2 sigma_w^2/pi (sigma_w^4/n0^2 (|x|^2 |y|^2 - <x,y>^2) + "
        "sigma_w^2 sigma_b^2/n0 |x - y|^2)^(-1/2)",
        conditions="x, y not parallel, or sigma_b > 0 and x != y",
        printed=factor(2),
        derive=lambda: derived(2, "factor"),
        witness=watched(2, lambda layer: layer.factor),
        points=(*POINTS, ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/factor-2-determinant",
        title="factor of layer 2, with the covariances of layer 1",
        source="Lemma D.3, line 5, second form",
        statement="Sdot_oo^(2)(x,y) = 2 sigma_w^2/pi (Sigma^(1)(x,x) Sigma^(1)(y,y) - "
        "Sigma^(1)(x,y)^2)^(-1/2)",
        conditions="x, y not parallel, or sigma_b > 0 and x != y",
        printed=2 * s / sp.pi * (S1x * S1y - S1xy**2) ** -half,
        derive=lambda: derived(2, "factor"),
        witness=watched(2, lambda layer: layer.factor),
        points=(*POINTS, ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/factor-3",
        title="factor of layer 3 from the inputs",
        source="Lemma D.3, line 6, L = 3",
        statement="Sdot_oo^(3)(x,y) = 2 sigma_w^2/pi ((sigma_w^2 + sigma_b^2)^2 - "
        "Sigma_oo^(2)(x,y)^2)^(-1/2)",
        conditions="x, y not parallel, or sigma_b > 0 and x != y",
        printed=factor(3),
        derive=lambda: derived(3, "factor"),
        witness=watched(3, lambda layer: layer.factor),
        points=(*POINTS, ANTIPARALLEL),
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/factor-4",
        title="factor of layer 4 from the inputs",
        source="Lemma D.3, line 6, L = 4",
        statement="Sdot_oo^(4)(x,y) = 2 sigma_w^2/pi ((sigma_w^2 + sigma_b^2)^2 - "
        "Sigma_oo^(3)(x,y)^2)^(-1/2)",
        conditions="x, y not parallel, or sigma_b > 0 and x != y",
        printed=factor(4),
        derive=lambda: derived(4, "factor"),
        witness=watched(4, lambda layer: layer.factor),
        points=POINTS[:3],
        domain=INPUTS,
    ),
    Claim(
        tag="D.3/lemma/growth-2",
        title="growth of the factor of layer 2 on the diagonal",
        source="Lemma D.3, line 7",
        statement="Sdot_m^(2)(x,x) ~ 2 sigma_w^2/pi m (sigma_w^2/n0 |x|^2 + sigma_b^2)^(-1/2); here "
        "divided by m",
        printed=2 * s / sp.pi * (kappa * xx + beta) ** -half,
        derive=lambda: derived_growth(S1x),
        witness=growing(2),
        points=POINTS,
    ),
    Claim(
        tag="D.3/lemma/growth-4",
        title="growth of the factor of layer 4 on the diagonal",
        source="Lemma D.3, line 8, L = 4",
        statement="Sdot_m^(L)(x,x) ~ 2 sigma_w^2/pi m (sigma_w^2 + sigma_b^2)^(-1/2) for L >= 3; here "
        "divided by m",
        printed=2 * s / sp.pi * (s + beta) ** -half,
        derive=lambda: derived_growth(q),
        witness=growing(4),
        points=POINTS,
    ),
)
