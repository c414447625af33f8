"""Networks that fire at thresholds: surrogate-gradient kernels of sum_j w_j 1_{x > t_j}, beyond the paper.

Take the paper's smooth networks, but centred at theta: sigma_m(x) = erf(m (x - theta)), whose derivative is
a normal density of variance h = 1/(2 m^2): sigma_m'(x) = 2 N(x; theta, h). So X + sqrt(h) Z = theta is a
condition on a Gaussian variable, and for every surrogate derivative s, at every finite m,

    E[sigma_m'(X) s(Y)] = 2 N(theta; 0, a + h) G(c theta/(a + h), b - c^2/(a + h)),
    G(mu, v) = E s(Z), Z ~ N(mu, v).

For m -> oo, h -> 0: the sign network with threshold theta. A step 1_{x > t} is half of it, and several steps
add up: E[sum_j w_j delta(X - t_j) s(Y)] = sum_j w_j N(t_j; 0, a) G(c t_j/a, D/a). A surrogate centred at the
threshold is s(. - theta). At theta = 0 all of this is equation (S78).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, m
from kernelcalc.verify.claim import Claim, Point

from ._catalogue import LAWS, D, above, density, normal, points

theta = sp.Symbol("theta", real=True)
beta = sp.Symbol("beta", positive=True)
h = 1 / (2 * m**2)
T, W = (sp.Integer(-1), sp.Rational(1, 2), sp.Integer(2)), (sp.Integer(1), sp.Integer(-2), sp.Rational(1, 3))
PAIRS = tuple(zip(T, W, strict=True))
Means = Callable[[sp.Expr, sp.Expr], sp.Expr]  # (mu, v) -> G(mu, v)


def gaussian_mean(mu: sp.Expr, v: sp.Expr) -> sp.Expr:
    """exp(-beta z^2): a product of two normal densities, integrated."""
    return sp.exp(-beta * mu**2 / (1 + 2 * beta * v)) / sp.sqrt(1 + 2 * beta * v)


def wave_mean(mu: sp.Expr, v: sp.Expr) -> sp.Expr:
    """cos(beta z): the real part of the characteristic function."""
    return sp.cos(beta * mu) * sp.exp(-(beta**2) * v / 2)


def ramp_mean(mu: sp.Expr, v: sp.Expr) -> sp.Expr:
    """max(z, 0)."""
    return mu * (1 + sp.erf(mu / sp.sqrt(2 * v))) / 2 + v * normal(mu, v)


SURROGATES: dict[str, tuple[Function, Means]] = {
    "gaussian": (kc.Gaussian(beta), gaussian_mean),
    "cos": (kc.Cos(beta), wave_mean),
    "ramp": (kc.ReLU(), ramp_mean),
}


def numeric(f: Function, g: Function) -> Callable[[Point, int], Any]:
    """The dual of the two, with the numbers of the point put in, from its definition."""

    def filled(f: Function, point: Point) -> Function:
        values = {s.name: point[x] for s, x in f.parameters if x in point}
        return f.with_params(**values)

    def witness(point: Point, digits: int) -> Any:
        return quadrature.dual(
            filled(f, point), filled(g, point), point[a], point[b], point[c], digits=digits
        )

    return witness


def at_threshold(f: Function, s: Function, limit: bool = False) -> sp.Expr:
    """E[f' s], for m -> oo if it depends on m."""
    e = kc.dual(f.derivative, s)
    return e.limit("m", kc.oo) if limit else e.expr


def finite(name: str) -> Claim:
    s, mean = SURROGATES[name]
    steep = kc.Erf(m).centred(theta)
    return Claim(
        tag=f"thresholds/finite/{name}",
        title=f"E[erf_m'(X - theta) s(Y)], s = {s.name}",
        source="derivation, beyond the paper",
        statement="E[erf_m'(X - theta) s(Y)] = 2 N(theta; 0, a + h) G(c theta/(a + h), b - c^2/(a + h)), "
        "h = 1/(2 m^2)",
        conditions="c^2 <= a b, m > 0",
        printed=sp.expand_mul(2 * normal(theta, a + h) * mean(c * theta / (a + h), b - c**2 / (a + h))),
        derive=lambda: at_threshold(steep, s),
        witness=numeric(steep.derivative, s),
        points=points((theta, m, beta), "2/3 3/2 3/4"),
        digits=30,
    )


def infinite(name: str) -> Claim:
    s, mean = SURROGATES[name]
    return Claim(
        tag=f"thresholds/limit/{name}",
        title=f"E[2 delta(X - theta) s(Y)], s = {s.name}",
        source="derivation, beyond the paper; (S78) at theta = 0",
        statement="E[2 delta(X - theta) s(Y)] = 2 N(theta; 0, a) G(c theta/a, D/a)",
        conditions="c^2 < a b",
        printed=sp.expand_mul(2 * normal(theta, a) * mean(c * theta / a, D / a)),
        derive=lambda: at_threshold(kc.Sign().centred(theta), s),
        witness=numeric(kc.Sign().centred(theta).derivative, s),
        points=points((theta, beta), "-4/3 3/4"),
        digits=30,
    )


STEPS = kc.MultiStep(T, W)
BELL = kc.Gaussian(beta)
SHIFTED = BELL.centred(theta)

CLAIMS = (
    *map(finite, SURROGATES),
    *map(infinite, SURROGATES),
    Claim(
        tag="thresholds/limit/steep",
        title="the limit of steep networks",
        source="derivation, beyond the paper",
        statement="lim_{m->oo} E[erf_m'(X - theta) s(Y)] = E[2 delta(X - theta) s(Y)], s = exp(-beta z^2)",
        conditions="c^2 < a b",
        printed=2 * normal(theta, a) * gaussian_mean(c * theta / a, D / a),
        derive=lambda: at_threshold(kc.Erf(m).centred(theta), BELL, limit=True),
        witness=numeric(kc.Sign().centred(theta).derivative, BELL),
        points=points((theta, beta), "2/3 3/4"),
        digits=30,
    ),
    Claim(
        tag="thresholds/S78",
        title="theta = 0 is (S78)",
        source="derivation, beyond the paper; (S78)",
        statement="E[2 delta(X - theta) s(Y)] at theta = 0 is sqrt(2/(pi a)) G(0, D/a)",
        conditions="c^2 < a b",
        printed=sp.sqrt(2 / (sp.pi * a)) * gaussian_mean(sp.S.Zero, D / a),
        derive=lambda: at_threshold(kc.Sign().centred(theta), BELL).subs(theta, 0),
        witness=numeric(kc.Sign().derivative, BELL),
        points=points((beta,), "3/4"),
        digits=30,
    ),
    Claim(
        tag="thresholds/centred",
        title="one step, the surrogate centred at the threshold",
        source="derivation, beyond the paper",
        statement="E[delta(X - theta) s(Y - theta)] = N(theta; 0, a) G(c theta/a - theta, D/a), "
        "s = exp(-beta z^2)",
        conditions="c^2 < a b",
        printed=normal(theta, a) * gaussian_mean(c * theta / a - theta, D / a),
        derive=lambda: at_threshold(kc.Step(theta), SHIFTED),
        witness=numeric(kc.Step(theta).derivative, SHIFTED),
        points=points((theta, beta), "2/3 3/4"),
        digits=30,
    ),
    Claim(
        tag="thresholds/diagonal",
        title="one step, at X = Y",
        source="derivation, beyond the paper; (S79) at theta = 0",
        statement="E[delta(X - theta) s(X - theta)] = N(theta; 0, a) s(0), s = exp(-beta z^2)",
        conditions="X = Y",
        printed=normal(theta, a),
        derive=lambda: kc.dual(kc.Step(theta).derivative, SHIFTED).diagonal,
        witness=lambda point, digits: quadrature.dual(
            kc.Step(point[theta]).derivative,
            kc.Gaussian(2).centred(point[theta]),
            *(point[a],) * 3,
            digits=digits,
        ),
        points=tuple(
            {a: sp.Rational(x), theta: sp.Rational(t)} for x, t in (("1", "2/3"), ("1/7", "-1/4"), ("3", "2"))
        ),
        digits=30,
    ),
    Claim(
        tag="thresholds/steps",
        title="several steps",
        source="derivation, beyond the paper",
        statement="E[sum_j w_j delta(X - t_j) s(Y)] = sum_j w_j N(t_j; 0, a) G(c t_j/a, D/a), "
        "s = exp(-beta z^2)",
        conditions="c^2 < a b; t = (-1, 1/2, 2), w = (1, -2, 1/3)",
        printed=sp.Add(*(w * normal(t, a) * gaussian_mean(c * t / a, D / a) for t, w in PAIRS)),
        derive=lambda: at_threshold(STEPS, BELL),
        witness=numeric(STEPS.derivative, BELL),
        points=points((beta,), "3/4"),
        digits=30,
    ),
    Claim(
        tag="thresholds/steps/nngp",
        title="several steps, the covariance of the next layer",
        source="derivation, beyond the paper",
        statement="f(x) = sum_j w_j 1_{x > t_j}: E[f(X) f(Y)] = sum_ij w_i w_j P(X > t_i, Y > t_j)",
        conditions="c^2 < a b; t = (1/2, 2), w = (-2, 1/3)",
        printed=sp.Add(*(w * x * above(s, t) for (s, w), (t, x) in product(PAIRS[1:], repeat=2))),
        derive=lambda: kc.dual(kc.MultiStep(T[1:], W[1:])),
        witness=numeric(kc.MultiStep(T[1:], W[1:]), kc.MultiStep(T[1:], W[1:])),
        points=points((), laws=LAWS),
        digits=30,
    ),
    Claim(
        tag="thresholds/steps/singular",
        title="several steps, the true derivative on both sides",
        source="derivation, beyond the paper",
        statement="f(x) = sum_j w_j 1_{x > t_j}: E[f'(X) f'(Y)] = sum_ij w_i w_j phi2(t_i, t_j), "
        "the joint density",
        conditions="c^2 < a b; t = (-1, 1/2, 2), w = (1, -2, 1/3)",
        printed=sp.Add(*(w * x * density(s, t) for (s, w), (t, x) in product(PAIRS, repeat=2))),
        derive=lambda: kc.dual(STEPS.derivative),
        witness=numeric(STEPS.derivative, STEPS.derivative),
        points=points((), laws=LAWS),
        digits=30,
    ),
)
