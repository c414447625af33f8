"""Remark D.2: the same kernel from sign and 2 delta_0, and what regression with it gives.

f_m(x) = Theta_m(x, X) Theta_m(X, X)^(-1) Y interpolates the data for every m. Off the data it tends to 0 as
m -> oo, but not everywhere: without biases, at a multiple of a training point, Theta_m grows, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.limits import a1, diagonal_growth, limit
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy
from kernelcalc.verify.claim import Claim, Point

from ._d1 import LAWS, erf_pair, far, number, points, slope_line, slope_pair

w, s = sigma_w, sigma_b
PREFACTOR = 2 * w**2 / sp.pi
NETWORKS: tuple[Point, ...] = tuple(
    {**law, w: sp.Rational(top), s: sp.Rational(bias)}
    for law, top, bias in zip(LAWS, ("1", "3/2", "2", "1/2"), ("1/2", "0", "1/3", "1"), strict=True)
)
p1, p2, q1, q2, r1, r2, t1, t2 = sp.symbols("p_1 p_2 q_1 q_2 r_1 r_2 t_1 t_2", real=True)
TRAIN, TEST, LABELS = ((p1, p2), (q1, q2)), (r1, r2), sp.Matrix([t1, t2])  # n0 = 2
k = sp.Symbol("k", positive=True)
DATA = points(
    (p1, p2, q1, q2, r1, r2, t1, t2, w, s),
    "1 1/2 0 1 1/2 1/3 1 -1 1 1/2",
    "1 0 1/3 1 -1 1 2 1/2 3/2 0",
    "1 1/2 1 -1/3 2 1 -1 3 1 1/3",
)
Entry = Sequence[sp.Symbol]


def layer(p: sp.Expr, q: sp.Expr, r: sp.Expr) -> sp.Expr:
    return PREFACTOR * sp.asin(r / (sp.sqrt(p) * sp.sqrt(q))) + s**2


def slope(p: sp.Expr, q: sp.Expr, r: sp.Expr) -> sp.Expr:
    return PREFACTOR * (p * q - r**2) ** sp.Rational(-1, 2)


def first(product: sp.Expr) -> sp.Expr:
    return w**2 / n0 * product + s**2


def network(depth: int = 2) -> Any:
    return kc.NTK(kc.Erf(m), depth, sigma_w=w, sigma_b=s)


def weighted(value: Any, point: Point, bias: bool = True) -> Any:
    return number(point[w] ** 2) * value + (number(point[s] ** 2) if bias else 0)


def of_sign(point: Point, digits: int) -> Any:
    sign = kc.Sign()
    return weighted(quadrature.dual(sign, sign, point[a], point[b], point[c], digits=digits), point)


def of_deltas(point: Point, digits: int) -> Any:
    f = kc.Sign().derivative
    return weighted(quadrature.dual(f, f, point[a], point[b], point[c], digits=digits), point, bias=False)


@lru_cache(maxsize=64)
def depth_two(slope_m: int, p: Any, q: Any, r: Any, top: Any, bias: Any, digits: int) -> Any:
    """Theta_m^(2) by quadrature from the covariances p, q, r of layer 1; top: sigma_w^2, bias: sigma_b^2."""
    if p * q == r * r:  # parallel: Y = kX
        f = kc.Erf(slope_m)
        cross, plain = slope_line(slope_m, p, r / p, digits), quadrature.dual(f, f, p, q, r, digits=digits)
    else:
        cross, plain = slope_pair(slope_m, p, q, r, digits), erf_pair(slope_m, p, q, r, digits)
    return number(top) * (plain + number(r) * cross) + number(bias)


def distributional(point: Point, digits: int) -> Any:
    """lim Theta_m^(2)(x,y), at a very large m."""
    law = (first(product).subs(dict(point)) for product in (xx, yy, xy))
    return depth_two(far(digits), *law, point[w] ** 2, point[s] ** 2, digits)


def kernel(u: Entry, v: Entry, slope_m: int, point: Point, digits: int) -> Any:
    """Theta_m^(2)(u, v) for inputs of two components."""
    products = (sum(i * j for i, j in zip(*pair, strict=True)) for pair in ((u, u), (v, v), (u, v)))
    law = (first(product).subs({**point, n0: 2}) for product in products)
    return depth_two(slope_m, *law, point[w] ** 2, point[s] ** 2, digits)


def predictor(where: Sequence[Entry], slope_m: int, point: Point, digits: int) -> Any:
    gram, rows = (
        mp.matrix([[kernel(u, v, slope_m, point, digits) for v in TRAIN] for u in left])
        for left in (TRAIN, where)
    )
    return rows * mp.lu_solve(gram, mp.matrix([number(point[t]) for t in LABELS]))


def far_from_data() -> sp.Expr:
    """The limit of k K^(-1) Y: the entries converge, but for the diagonal of K, which grows as derived."""
    k1, k2, k12 = sp.symbols("k_1 k_2 k_12", real=True)
    growth = diagonal_growth(kc.NTK(kc.Erf(), 2, sigma_w=w, sigma_b=s), "m")
    first_, second = (growth.expr.subs(a1, sp.Symbol(name, positive=True)) for name in ("a_p", "a_q"))
    gram = sp.Matrix([[first_, k12], [k12, second]])
    return trace.limit((sp.Matrix([[k1, k2]]) * gram.inv() * LABELS)[0], growth.symbol, sp.oo)


def on_data() -> sp.Matrix:
    gram = sp.Matrix([[sp.Symbol("K_11", positive=True), sp.Symbol("K_12", real=True)]] * 2)
    gram[1, 0], gram[1, 1] = gram[0, 1], sp.Symbol("K_22", positive=True)
    return (gram * gram.inv() * LABELS).applyfunc(sp.simplify)


def on_ray() -> sp.Expr:
    """The limit of Theta_m(k x, x) / Theta_m(x, x) t for sigma_b = 0 and one training point x."""
    forms = network().layers()[-1]["T"].subs(s, 0)
    at_ray = forms.subs({xx: k**2 * yy, xy: k * yy}, simultaneous=True).subs(yy, a)
    at_data = network().expr(same=True).subs({s: 0, xx: a})
    return limit(at_ray / m, m, sp.oo) / limit(at_data / m, m, sp.oo) * t1


def ray(point: Point, digits: int) -> Any:
    """The same by quadrature at a very large m; a = <x,x>, n0 = 2."""
    top, t = point[w] ** 2, point[k]
    v, zero = top / 2 * point[a], sp.S.Zero
    at_ray, at_data = (
        depth_two(far(digits), u * u * v, v, u * v, top, zero, digits + 3) for u in (t, sp.S.One)
    )
    return at_ray / at_data * number(point[t1])


SECOND = (layer(first(xx), first(yy), first(xy)), slope(first(xx), first(yy), first(xy)))

CLAIMS = (
    Claim(
        tag="S33",
        title="covariance with sign",
        source="Remark D.2 (S33)",
        statement="Sigma_oo^(L)(x,y) = sigma_w^2 E[sign(X) sign(Y)] + sigma_b^2",
        conditions="the limit of (S29) derived, the right side integrated",
        printed=layer(a, b, c),
        derive=lambda: limit(network().covariance_map(), m, sp.oo),
        witness=of_sign,
        points=NETWORKS,
        digits=30,
    ),
    Claim(
        tag="S34",
        title="factor with 2 delta_0",
        source="Remark D.2 (S34)",
        statement="Sdot_oo^(L)(x,y) = sigma_w^2 E[2 delta_0(X) 2 delta_0(Y)]",
        conditions="c^2 < a b; the limit of (S30) derived, the right side integrated",
        printed=slope(a, b, c),
        derive=lambda: limit(network().factor_map(), m, sp.oo),
        witness=of_deltas,
        points=NETWORKS,
        digits=30,
    ),
    Claim(
        tag="D.2/rem/recursion",
        title="the distributional tangent kernel",
        source="Remark D.2",
        statement="Theta_oo^(1) = Sigma_oo^(1), Theta_oo^(L) = Sigma_oo^(L) + Theta_oo^(L-1) Sdot_oo^(L)",
        conditions="L = 2, x and y not parallel or sigma_b > 0",
        printed=SECOND[0] + first(xy) * SECOND[1],
        derive=lambda: kc.NTK(kc.Erf(), 2, sigma_w=w, sigma_b=s).limit("m", kc.oo).expr(),
        witness=distributional,
        points=points(
            (xx, yy, xy, w, s, n0), "1 2 1/2 1 1/2 2", "3/2 1 0 3/2 0 3", "2 1 -1 1 1/3 1", "1 1 99/100 2 0 4"
        ),
        digits=30,
    ),
    Claim(
        tag="D.2/rem/off-data",
        title="the predictor off the data",
        source="Section D.1, after Remark D.2",
        statement="f_m(x) = Theta_m(x,X) Theta_m(X,X)^(-1) Y -> 0 as m -> oo",
        conditions="two training points, L = 2; x not parallel to a training point, or sigma_b > 0",
        printed=0,
        derive=far_from_data,
        witness=lambda point, digits: predictor([TEST], far(digits), point, digits)[0],
        points=DATA,
        digits=30,
    ),
    Claim(
        tag="D.2/rem/on-data",
        title="the predictor on the data",
        source="Section D.1, after Remark D.2",
        statement="f_m(x_i) = e_i'Y = y_i",
        conditions="two training points; numbers at m = 10, L = 2",
        printed=LABELS,
        derive=on_data,
        witness=lambda point, digits: predictor(TRAIN, 10, point, digits + 3),
        points=DATA,
        digits=30,
    ),
    Claim(
        tag="D.2/rem/parallel",
        title="the predictor at k times the training point",
        source="Section D.1, after Remark D.2",
        statement="f_m(x) -> 0 for all x that are no training points",
        conditions="one training point x_1, label t_1; x = k x_1, k > 0, sigma_b = 0, L = 2",
        printed=0,
        corrected=k * sp.sqrt(2 / (1 + k**2)) * t1,
        note="without biases Theta_m(x, x_i) grows like m for x parallel to x_i too: the exceptions named at "
        "(S31) must be excluded here",
        derive=on_ray,
        witness=ray,
        points=points((k, t1, a, w), "2 1 1 1", "1/2 2 3/2 2", "1/3 -1 1 1/2"),
        digits=30,
    ),
)
