"""The gap of the next layer without cancellation (R4 of stable.py), by the shape of the closed form."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from kernelcalc.compile.forms import powers
from kernelcalc.compile.forms.builder import (
    TINY,
    Builder,
    Inverse,
    normalised,
    p,
    q,
    r,
    s2,
    w2,
)
from kernelcalc.compile.forms.program import acute_angles, ax, ay, copysign, sin_minus_t_cos
from kernelcalc.symbols import a, b, c

Squares = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class Gap:
    """C = E[f(X) f(Y)] and what the next angle needs, without cancellation; a', b': the next variances.

    P = (AB - C^2)/(a' b'), Q = (A + B - 2C)/sqrt(a' b'); pair: the next q, p, r.
    """

    C: sp.Expr
    P: sp.Expr
    Q: sp.Expr
    pair: tuple[sp.Expr, sp.Expr, sp.Expr] | None = None


def arcsine_form(form: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr] | None:
    """(k0, k, h_a, h_b) with form = k0 + k asin(c / sqrt((a + h_a)(b + h_b))), or None."""
    found = form.atoms(sp.asin)
    if len(found) != 1:
        return None
    (asin,) = found
    k, k0 = form.coeff(asin), sp.expand(form - form.coeff(asin) * asin)
    if (k.free_symbols | k0.free_symbols) & {a, b, c}:
        return None
    pair = normalised(sp.factor(c**2 / asin.args[0] ** 2))
    return None if pair is None or pair[2] != 1 else (k0, k, pair[0], pair[1])


def homogeneous_form(form: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(k1, k3) with form = sqrt(ab) (k1 (sin t - t cos t) + k3 cos t), t the angle; or None.

    This is the dual of every function homogeneous of degree one: the term in t cos t must cancel the
    first-order term of sin t, as A + B - 2C is of second order.
    """
    scale, t = sp.Symbol("lambda", positive=True), sp.Symbol("t", positive=True)
    if not _seems_homogeneous(form):
        return None
    if sp.simplify(form.subs({a: scale**2 * a, c: scale * c}, simultaneous=True) - scale * form) != 0:
        return None
    sine, cosine = sp.symbols("sine cosine", positive=True)
    kappa = form.subs({a: 1, b: 1}).replace(sp.asin, lambda u: sp.pi / 2 - t if u == c else sp.asin(u))
    kappa = kappa.replace(
        lambda e: e.is_Pow and sp.expand(e.base - 1 + c**2) == 0, lambda e: sine ** (2 * e.exp)
    )
    kappa = sp.expand(kappa.subs(c, cosine))
    if kappa.has(c, sp.asin):
        return None
    k1, k2, k3 = kappa.coeff(sine, 1), kappa.coeff(t, 1).coeff(cosine, 1), kappa.coeff(t, 0).coeff(cosine, 1)
    if sp.expand(kappa - k1 * sine - k2 * t * cosine - k3 * cosine) != 0 or sp.expand(k1 + k2) != 0:
        return None
    return k1, k3


def _seems_homogeneous(form: sp.Expr) -> bool:
    """Whether form(4 a, b, 2 c) = 2 form at one point: large forms take SymPy minutes to compare."""
    point = {a: sp.Rational(7, 5), b: sp.Rational(3, 4), c: sp.Rational(2, 7)}
    wide = point | {a: 4 * point[a], c: 2 * point[c]}
    others = sorted(form.free_symbols - {a, b, c}, key=str)
    rest = {s: sp.Rational(13 + 2 * i, 11) for i, s in enumerate(others)}
    ratio = sp.N(form.subs(wide | rest), 30) / sp.N(form.subs(point | rest), 30)
    return not (ratio.is_Float and abs(ratio - 2) > sp.Float("1e-20"))


def gap(
    form: sp.Expr, squares: Squares, builder: Builder, inverse: Inverse, value: sp.Expr | None = None
) -> Gap:
    """R4 for the dual of one function with itself, for pairs whose angle is not tiny (else close.py).

    squares: E f(X)^2, E f(Y)^2; value: what to compute in place of the form.
    """
    if (found := arcsine_form(form)) is not None and found[2] == found[3]:
        if found[2] == 0:
            return _jump_gap(*found[:2], builder)
        return _arcsine_gap(*found[:3], builder, inverse)
    if (homogeneous := homogeneous_form(form)) is not None:
        return _homogeneous_gap(*homogeneous, builder, inverse)
    if (power := powers.power_form(form)) is not None:
        return _power_gap(power, builder, inverse)
    C = builder.at_pair(builder.stable(form) if value is None else value)
    A, B = squares
    ix, iy = inverse
    both = builder.at_pair(ix * iy)
    P = builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy) - (C * both) ** 2
    return Gap(C, P, (A + B - 2 * C) * both)


def _jump_gap(k0: sp.Expr, k: sp.Expr, builder: Builder) -> Gap:
    """C = k0 + k asin r: all variances are one number s, q' = sigma_w^2 k phi/(2 s)."""
    phi, complement, rest = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    s = builder.constant(w2 * (k0 + k * sp.pi / 2) + s2)
    slope, shift = builder.constant(w2 * k / (2 * s)), builder.constant((w2 * k0 + s2) / s)
    if from_0(k0, k):
        pair = slope * phi, slope * complement + shift, 2 * slope * complement + builder.constant(s2 / s)
        return Gap(k * complement, sp.Integer(0), sp.Integer(0), pair)
    pair = slope * phi, slope * complement + shift, 2 * slope * rest + shift
    return Gap(k0 + k * rest, sp.Integer(0), sp.Integer(0), pair)


def from_0(k0: sp.Expr, k: sp.Expr) -> bool:
    """Whether k0 + k asin r vanishes at r = -1, as for Heaviside: there it is k (pi - phi)."""
    return bool(sp.expand(2 * k0 - k * sp.pi) == 0)


def _arcsine_gap(k0: sp.Expr, k: sp.Expr, h: sp.Expr, builder: Builder, inverse: Inverse) -> Gap:
    """C = k0 + k asin(omega), h > 0: the odd part with |c|, where C_o >= 0."""
    omega = builder.omega(h, h)
    phi, asin = builder.two(builder.pair, acute_angles(omega.q, omega.p, omega.r))
    h, ix, iy = builder.constant(h), *inverse
    root = builder.constant(sp.sqrt(k))
    both = builder.at_pair(builder.at_row(root * ix) * builder.at_column(root * iy))
    angles_of, arcs = zip(builder.arc(h, "_x"), builder.arc(h, "_y"), strict=True)
    A, B = builder.at_row(k * arcs[0]), builder.at_column(k * arcs[1])
    # named before they are multiplied: SymPy would bring the powers of `both` together, which overflow
    cosine = builder.at_pair(asin * both)
    direct = builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy)
    direct = builder.at_pair(direct - cosine**2)
    steep = phi < sp.Rational(4, 5)  # angles near 0 are known as angles, others by their complements
    U, W = (
        builder.at_pair(sp.Piecewise((phi - angle, steep), (arc - asin, True)))
        for angle, arc in zip(angles_of, arcs, strict=True)
    )
    first, second = builder.at_pair(U * both), builder.at_pair(W * both)
    third = builder.at_pair(first + second)
    Po = sp.Piecewise((first * second + cosine * third, steep), (direct, True))
    Po = builder.at_pair(Po)
    Q = builder.at_pair(sp.Piecewise((third, omega.r >= 0), (third + 4 * cosine, True)))
    C = k0 + k * copysign(asin, omega.r)
    if from_0(k0, k):
        C = k * sp.Piecewise((sp.pi - phi, omega.r >= 0), (phi, True))
    return Gap(C, Po + k0 * builder.at_pair(ix * iy) * Q, Q)


def opposite(k1: sp.Expr, k3: sp.Expr) -> sp.Expr | None:
    """kappa(0) - kappa(pi) where that may vanish, as for |z|; None where it is a positive number."""
    rest = sp.factor(2 * k3 - sp.pi * k1)
    return None if rest.is_positive else rest


def _homogeneous_gap(k1: sp.Expr, k3: sp.Expr, builder: Builder, inverse: Inverse) -> Gap:
    roots = builder.at_row(sp.sqrt(a)), builder.at_column(sp.sqrt(a))
    theta, complement, _ = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    sine = builder.at_pair(2 * sp.sqrt(q * p))
    less = 2 * k3 * q - k1 * sin_minus_t_cos(theta, sine, r)  # kappa(0) - kappa(theta)
    # kappa(theta) from the other end, where that of ReLU vanishes
    other = builder.at_pair(sin_minus_t_cos(complement, sine, -r))
    kappa = builder.at_pair(k1 * other + sp.expand(k3 - sp.pi * k1) * r)
    if (rest := opposite(k1, k3)) is not None:
        less = sp.Piecewise((less, r >= 0), (rest + 2 * p * sp.expand(sp.pi * k1 - k3) - k1 * other, True))
    less = builder.at_pair(less)
    split = builder.at_pair((ax - ay) / (roots[0] + roots[1] + TINY))
    ix, iy = inverse
    size = builder.at_pair(builder.at_row(roots[0] * ix) * builder.at_column(roots[1] * iy))
    P = size**2 * less * (k3 + kappa)
    return Gap(
        builder.at_pair(roots[0] * roots[1] * kappa),
        P,
        k3 * (split * ix) * (split * iy) + 2 * size * less,
    )


def _power_gap(power: powers.Power, builder: Builder, inverse: Inverse) -> Gap:
    """R9."""
    top, (row, column) = builder.constant(power.top), powers.lengths(power, builder)
    less, kappa = powers.pair(power, builder)
    split = builder.at_pair(row - column)
    ix, iy = inverse
    size = builder.at_pair(builder.at_row(row * ix) * builder.at_column(column * iy) * top)
    P = size**2 * less * (1 + kappa)
    Q = top * (split * ix) * (split * iy) + 2 * size * less
    return Gap(builder.at_pair(top * builder.at_pair(row * column) * kappa), P, Q)
