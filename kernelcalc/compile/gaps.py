"""The gap of the next layer without cancellation (R4 of stable.py), by the shape of the closed form."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from kernelcalc.compile.builder import (
    Builder,
    Inverse,
    Omega,
    d,
    normalised,
    p,
    q,
    r,
    s2,
    variance,
    w2,
)
from kernelcalc.compile.program import acute_angles, angles, ax, ay, copysign, sin_minus_t_cos
from kernelcalc.symbols import a, b, c


@dataclass(frozen=True)
class Gap:
    """C = E[f(X) f(Y)] and what the next angle needs, without cancellation; a', b': the next variances.

    P = (AB - C^2)/(a' b'), Q = (A + B - 2C)/sqrt(a' b'); difference: A - B; pair: the next q, p, r.
    """

    C: sp.Expr
    P: sp.Expr
    Q: sp.Expr
    difference: sp.Expr
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


def gap(form: sp.Expr, diagonal: sp.Expr, builder: Builder, close: bool, inverse: Inverse) -> Gap:
    """R4 for the dual of one function with itself; close: also for pairs whose angle is tiny."""
    if (found := arcsine_form(form)) is not None and found[2] == found[3]:
        if found[2] == 0:
            return _jump_gap(*found[:2], builder)
        return _arcsine_gap(*found[:3], builder, close, inverse)
    if (homogeneous := homogeneous_form(form)) is not None:
        return _homogeneous_gap(*homogeneous, builder, close, inverse)
    C = builder.at_pair(builder.stable(form))
    A, B = (
        at(variance(diagonal, builder, side))
        for at, side in ((builder.at_row, "_x"), (builder.at_column, "_y"))
    )
    ix, iy = inverse
    both = builder.at_pair(ix * iy)
    P = builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy) - (C * both) ** 2
    return Gap(C, P, (A + B - 2 * C) * both, A - B)


def _jump_gap(k0: sp.Expr, k: sp.Expr, builder: Builder) -> Gap:
    """C = k0 + k asin r: all variances are one number s, q' = sigma_w^2 k phi/(2 s)."""
    phi, complement, rest = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    s = builder.constant(w2 * (k0 + k * sp.pi / 2) + s2)
    slope, shift = builder.constant(w2 * k / (2 * s)), builder.constant((w2 * k0 + s2) / s)
    pair = slope * phi, slope * complement + shift, 2 * slope * rest + shift
    return Gap(k0 + k * rest, sp.Integer(0), sp.Integer(0), sp.Integer(0), pair)


def _arcsine_gap(k0: sp.Expr, k: sp.Expr, h: sp.Expr, builder: Builder, close: bool, inverse: Inverse) -> Gap:
    """C = k0 + k asin(omega), h > 0: the odd part with |c|, where C_o >= 0."""
    omega = builder.omega(h, h)
    phi, asin = builder.two(builder.pair, acute_angles(omega.q, omega.p, omega.r))
    h, ix, iy = builder.constant(h), *inverse
    root = builder.constant(sp.sqrt(k))
    both = builder.at_pair(builder.at_row(root * ix) * builder.at_column(root * iy))
    alpha = builder.at_row(a / (a + h)), builder.at_column(a / (a + h))
    beta = builder.at_row(h / (a + h)), builder.at_column(h / (a + h))
    angles_of, arcs = zip(builder.arc(h, "_x"), builder.arc(h, "_y"), strict=True)
    A, B = builder.at_row(k * arcs[0]), builder.at_column(k * arcs[1])
    # named before they are multiplied: SymPy would bring the powers of `both` together, which overflow
    cosine = builder.at_pair(asin * both)
    direct = builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy)
    direct = builder.at_pair(direct - cosine**2)
    if not close:
        steep = phi < sp.Rational(4, 5)  # angles near 0 are known as angles, others by their complements
        U, W = (
            builder.at_pair(sp.Piecewise((phi - angle, steep), (arc - asin, True)))
            for angle, arc in zip(angles_of, arcs, strict=True)
        )
        first, second = builder.at_pair(U * both), builder.at_pair(W * both)
        third = builder.at_pair(first + second)
        Po = sp.Piecewise((first * second + cosine * third, steep), (direct, True))
        difference = A - B
    else:
        tau, turn = _close_angles(omega, h, alpha, beta, builder)
        first, second = builder.at_pair((tau - turn / 2) * both), builder.at_pair((tau + turn / 2) * both)
        third = builder.at_pair(2 * tau * both)
        total = first * second + cosine * third
        # far from parallel, as rows of very different length may be behind a jump, the sum would cancel
        large = direct > cosine**2 / 3
        Po = sp.Piecewise((direct, large), (builder.at_pair(total), True))
        difference = k * sp.sign(d) * turn
    Po = builder.at_pair(Po)
    Q = builder.at_pair(sp.Piecewise((third, omega.r >= 0), (third + 4 * cosine, True)))
    return Gap(k0 + k * copysign(asin, omega.r), Po + k0 * builder.at_pair(ix * iy) * Q, Q, difference)


def _close_angles(
    omega: Omega, h: sp.Expr, alpha: tuple[sp.Expr, sp.Expr], beta: tuple[sp.Expr, sp.Expr], builder: Builder
) -> tuple[sp.Expr, sp.Expr]:
    """tau = phi - (phi_x + phi_y)/2 and |phi_x - phi_y|, cos phi = |omega|, cos phi_x = alpha_x."""
    ch = builder.at_row(sp.sqrt((1 + alpha[0]) / 2)), builder.at_column(sp.sqrt((1 + alpha[1]) / 2))
    sh = builder.at_row(sp.sqrt(beta[0] / 2)), builder.at_column(sp.sqrt(beta[1] / 2))
    sn = (
        builder.at_row(sp.sqrt(beta[0] * (1 + alpha[0]))),
        builder.at_column(sp.sqrt(beta[1] * (1 + alpha[1]))),
    )
    sine, cosine = builder.at_pair(2 * sp.sqrt(omega.q * omega.p)), builder.at_pair(sp.Abs(omega.r))
    inverse = builder.at_column(1 / (a + h))
    E = 4 * q * p * alpha[0] * alpha[1]
    g2 = beta[0] * alpha[1] + alpha[0] * beta[1] + beta[0] * beta[1]
    dal = builder.at_pair(beta[0] * inverse * d)
    N = builder.at_pair(2 * E + dal**2 / (g2 + sn[0] * sn[1]))
    # cos(s + t) cos(s - t) = cos(s)^2 - sin(t)^2: the cosine of a sum near pi/2 without cancellation
    cpsi = builder.at_pair((alpha[0] + alpha[1]) / (2 * (ch[0] * ch[1] + sh[0] * sh[1])))
    spsi = builder.at_pair(sh[0] * ch[1] + ch[0] * sh[1])
    tau, _ = builder.two(
        builder.pair,
        angles(
            builder.at_pair(N / (2 * (sine * cpsi + cosine * spsi))),
            builder.at_pair(cosine * cpsi + sine * spsi),
        ),
    )
    # sin(phi_y - phi_x) and cos(phi_y - phi_x), from d
    turn, _ = builder.two(
        builder.pair,
        angles(
            builder.at_pair(sp.Abs(_turn(alpha, beta, sn, inverse))),
            builder.at_pair(alpha[0] * alpha[1] + sn[0] * sn[1]),
        ),
    )
    return tau, turn


def _turn(
    alpha: tuple[sp.Expr, sp.Expr],
    beta: tuple[sp.Expr, sp.Expr],
    sn: tuple[sp.Expr, sp.Expr],
    inverse: sp.Expr,
) -> sp.Expr:
    """sin(phi_y - phi_x) from d = a - b, in normalised quantities:

    h (a - b)(2ab + h(a + b)) / ((a + h)(b + h) (a sqrt(h(2b + h)) + b sqrt(h(2a + h)))).
    """
    top = 2 * alpha[0] * alpha[1] + beta[0] * alpha[1] + alpha[0] * beta[1]
    return beta[0] * inverse * d * top / (alpha[0] * sn[1] + alpha[1] * sn[0])


def _homogeneous_gap(k1: sp.Expr, k3: sp.Expr, builder: Builder, close: bool, inverse: Inverse) -> Gap:
    roots = builder.at_row(sp.sqrt(a)), builder.at_column(sp.sqrt(a))
    theta, complement, _ = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    sine = builder.at_pair(2 * sp.sqrt(q * p))
    less = builder.at_pair(2 * k3 * q - k1 * sin_minus_t_cos(theta, sine, r))  # kappa(0) - kappa(theta)
    # kappa(theta) from the other end, where that of ReLU vanishes
    kappa = builder.at_pair(k1 * sin_minus_t_cos(complement, sine, -r) + sp.expand(k3 - sp.pi * k1) * r)
    spread = d if close else builder.at_pair(ax - ay)
    split = builder.at_pair(spread / (roots[0] + roots[1]))
    ix, iy = inverse
    size = builder.at_pair(builder.at_row(roots[0] * ix) * builder.at_column(roots[1] * iy))
    P = size**2 * less * (k3 + kappa)
    return Gap(
        builder.at_pair(roots[0] * roots[1] * kappa),
        P,
        k3 * (split * ix) * (split * iy) + 2 * size * less,
        k3 * spread,
    )
