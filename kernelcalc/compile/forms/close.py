"""The layer of pairs whose angle is tiny: the rules of stable.py with square roots as state.

q = (1 - r)/2 of points 1e-150 long and 1e-15 of that apart is 1e-330, no float; its root is one. So the state
is sqrt(q), sqrt(p), r and d = a_x - a_y, the difference of the variances, which rounded variances do not fix.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from kernelcalc.compile.forms import powers
from kernelcalc.compile.forms.builder import LEAST, TINY, Builder, Inverse, Omega, d, r, s2, w2
from kernelcalc.compile.forms.gaps import arcsine_form, from_0, homogeneous_form, opposite
from kernelcalc.compile.forms.program import (
    angles_on_circle,
    hypot,
    hypot4,
    root_angles,
    rsqrt,
    seldom,
    sin_minus_t_cos,
)
from kernelcalc.symbols import a

root_q, root_p = sp.Symbol("root_q", nonnegative=True), sp.Symbol("root_p", nonnegative=True)
QUARTER = sp.Rational(1, 4)
SERIES = 13  # terms of asin(x) for x < 1/4
SMALL = sp.Float(2.0**-30)  # sin x = x to the last digit


@dataclass(frozen=True)
class RootOmega(Omega):
    """A normalised pair with the square roots of q and p."""

    root_q: sp.Expr
    root_p: sp.Expr


def _of_roots(root_q: sp.Expr, root_p: sp.Expr, r: sp.Expr, inverse: sp.Expr) -> RootOmega:
    return RootOmega(root_q**2, root_p**2, r, inverse, root_q, root_p)


class RootBuilder(Builder):
    """A Builder that knows q and p by their square roots."""

    def _omega(self, ha: sp.Expr, hb: sp.Expr) -> RootOmega:
        """R1 in roots: sqrt(q_omega) = hypot(sqrt(q g), sqrt(e))."""
        if ha == hb == 0:
            return _of_roots(root_q, root_p, r, 1 / (self.at_row(sp.sqrt(a)) * self.at_column(sp.sqrt(a))))
        inverse = self.inverse(ha, "_x") * self.inverse(hb, "_y")
        gx, sx, cx = self._half(ha, "_x")
        gy, sy, cy = self._half(hb, "_y")
        root_g = self.at_row(sp.sqrt(gx)) * self.at_column(sp.sqrt(gy))
        root_e = self.at_pair(hypot(self.at_pair(sx * cy), self.at_pair(cx * sy)))
        near, far = (self.at_pair(hypot(self.at_pair(root_g * root), root_e)) for root in (root_q, root_p))
        return _of_roots(near, far, self.at_pair(r * self.at_pair(gx * gy)), inverse)

    def root_omega(self, h: sp.Expr) -> RootOmega:
        """omega with its roots."""
        found = self.omega(h, h)
        assert isinstance(found, RootOmega)  # likewise
        return found

    def at(self, side: str, value: sp.Expr) -> sp.Expr:
        """A quantity of the point of a side, written in a."""
        return (self.at_row if side == "_x" else self.at_column)(value)

    def inverse(self, h: sp.Expr, side: str) -> sp.Expr:
        """1/sqrt(a + h)."""
        return self.at(side, 1 / sp.sqrt(a + h))

    def cosine(self, h: sp.Expr, side: str) -> sp.Expr:
        """sqrt(a/(a + h)) = cos t."""
        return self.at(side, self.at(side, sp.sqrt(a)) * self.inverse(h, side)) if h != 0 else sp.Integer(1)

    def sine(self, h: sp.Expr, side: str) -> sp.Expr:
        """sqrt(h/(a + h)) = sin t."""
        return self.at(side, self.constant(sp.sqrt(h)) * self.inverse(h, side)) if h != 0 else sp.Integer(0)

    def _half(self, h: sp.Expr, side: str) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """cos t, sin(t/2) and cos(t/2)."""
        g = self.cosine(h, side)
        wide = self.at(side, sp.sqrt((1 + g) / 2))
        return g, self.at(side, self.sine(h, side) / (2 * wide)), wide

    @property
    def difference(self) -> sp.Expr:
        return d

    def cosecant(self, omega: Omega) -> sp.Expr:
        assert isinstance(omega, RootOmega)  # all that _omega makes
        return self.at_pair(1 / (omega.root_q * omega.root_p)) / 2

    close = True

    @property
    def roots(self) -> tuple[sp.Expr, sp.Expr]:
        return root_q, root_p

    def angle(self, omega: Omega) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
        assert isinstance(omega, RootOmega)  # likewise
        return self._triple(self.pair, root_angles(omega.root_q, omega.root_p, omega.r), "")

    def arc(self, h: sp.Expr, side: str) -> tuple[sp.Symbol, sp.Symbol]:
        alpha = self.at(side, self.cosine(h, side) ** 2)
        half = self.at(side, self.sine(h, side) / sp.sqrt(2)), self.at(side, sp.sqrt((1 + alpha) / 2))
        where = self.row if side == "_x" else self.column
        theta, _, rest = self._triple(where, root_angles(*half, alpha), side)
        return theta, rest


@dataclass(frozen=True)
class Step:
    """C = E[f(X) f(Y)]; the roots of the next q and p, its r; A - B."""

    C: sp.Expr
    pair: tuple[sp.Expr, sp.Expr, sp.Expr]
    difference: sp.Expr


def step(form: sp.Expr, diagonals: tuple[sp.Expr, sp.Expr], builder: RootBuilder, inverse: Inverse) -> Step:
    """R4 for the dual of one function with itself; diagonals: A and B; inverse: of the next deviations."""
    if (found := arcsine_form(form)) is not None and found[2] == found[3]:
        if found[2] == 0:
            return _jump(*found[:2], builder)
        return _Arcsine(*found[:3], builder, inverse).step()
    if (homogeneous := homogeneous_form(form)) is not None:
        return _homogeneous(*homogeneous, builder, inverse)
    if (power := powers.power_form(form)) is not None:
        return _power(power, builder, inverse)
    A, B = diagonals
    C = builder.at_pair(builder.stable(form))
    ix, iy = inverse
    both = builder.at_pair(ix * iy)
    P = builder.at_pair(builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy) - (C * both) ** 2)
    small = sp.sqrt(w2 * (w2 * P + _bias(builder, inverse) * (A + B - 2 * C) * both))
    return Step(C, _next(builder, inverse, C, small), A - B)


def _bias(builder: RootBuilder, inverse: Inverse) -> sp.Expr:
    """sigma_b^2/sqrt(a' b')."""
    sigma = builder.constant(sp.sqrt(s2))
    return builder.at_pair(builder.at_row(sigma * inverse[0]) * builder.at_column(sigma * inverse[1]))


def _next(
    builder: RootBuilder, inverse: Inverse, C: sp.Expr, root: sp.Expr
) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """sqrt(q'), sqrt(p') and r', given the root of D'/(a' b')."""
    cross = builder.at_pair(w2 * C + s2)
    ratio = builder.at_pair(cross * builder.at_pair(inverse[0] * inverse[1]))
    small = builder.at_pair(root * rsqrt(2 * (1 + sp.Abs(ratio))))
    large = builder.at_pair(sp.sqrt(1 - small**2))
    return (
        sp.Piecewise((small, cross >= 0), (large, True)),
        sp.Piecewise((large, cross >= 0), (small, True)),
        ratio,
    )


def _jump(k0: sp.Expr, k: sp.Expr, builder: RootBuilder) -> Step:
    """C = k0 + k asin r: all variances are one number s, q' = sigma_w^2 k phi/(2 s)."""
    phi, complement, rest = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    s = builder.constant(w2 * (k0 + k * sp.pi / 2) + s2)
    slope, shift = builder.constant(w2 * k / (2 * s)), builder.constant((w2 * k0 + s2) / s)
    C, third = k0 + k * rest, 2 * slope * rest + shift
    if from_0(k0, k):
        C, third = k * complement, 2 * slope * complement + builder.constant(s2 / s)
    pair = sp.sqrt(slope * phi), sp.sqrt(slope * complement + shift), third
    return Step(C, pair, sp.Integer(0))


def _homogeneous(k1: sp.Expr, k3: sp.Expr, builder: RootBuilder, inverse: Inverse) -> Step:
    """C = sqrt(ab) kappa, kappa = k1 (sin t - t cos t) + k3 cos t: kappa(0) -+ kappa without cancellation."""
    roots = builder.at_row(sp.sqrt(a)), builder.at_column(sp.sqrt(a))
    theta, complement, _ = builder.angle(builder.omega(sp.Integer(0), sp.Integer(0)))
    sine = builder.at_pair(2 * root_q * root_p)
    cubic = builder.at_pair(sin_minus_t_cos(theta, sine, r))
    # kappa from the other end, where that of ReLU vanishes
    other = builder.at_pair(sin_minus_t_cos(complement, sine, -r))
    kappa = builder.at_pair(k1 * other + sp.expand(k3 - sp.pi * k1) * r)
    less = root_q * sp.sqrt(2 * k3 - k1 * cubic / (root_q**2 + TINY))
    if (rest := opposite(k1, k3)) is not None:
        slope, curve = sp.expand(sp.pi * k1 - k3), k1 * other
        far = root_p * sp.sqrt(2 * slope - curve / (root_p**2 + TINY))
        far = far if rest == 0 else sp.sqrt(rest + 2 * slope * root_p**2 - curve)
        less = sp.Piecewise((less, r >= 0), (far, True))
    less = builder.at_pair(less)
    more = builder.at_pair(2 * k3 * root_p**2 + k1 * cubic)
    split = builder.at_pair(d / (roots[0] + roots[1] + TINY))
    ix, iy = inverse
    size = builder.at_pair(builder.at_row(roots[0] * ix) * builder.at_column(roots[1] * iy))
    bias = _bias(builder, inverse)
    lengths = builder.at_row(sp.sqrt(ix)) * builder.at_column(sp.sqrt(iy))
    root = hypot(
        builder.at_pair(less * sp.sqrt(w2 * size * builder.at_pair(w2 * size * more + 2 * bias))),
        builder.at_pair(split * lengths) * sp.sqrt(w2 * k3 * bias),
    )
    C = builder.at_pair(roots[0] * roots[1] * kappa)
    return Step(C, _next(builder, inverse, C, root), k3 * d)


def _power(power: powers.Power, builder: RootBuilder, inverse: Inverse) -> Step:
    """R9: C = K (ab)^(n/2) kappa."""
    top, (row, column) = builder.constant(power.top), powers.lengths(power, builder)
    less, kappa = powers.pair(power, builder)
    split = powers.difference(power, d, builder)
    ix, iy = inverse
    size = builder.at_pair(builder.at_row(row * ix) * builder.at_column(column * iy) * top)
    bias = _bias(builder, inverse)
    lengths = builder.at_row(sp.sqrt(ix)) * builder.at_column(sp.sqrt(iy))
    root = hypot(
        builder.at_pair(less * sp.sqrt(w2 * size * builder.at_pair(w2 * size * (1 + kappa) + 2 * bias))),
        builder.at_pair(builder.at_pair(sp.Abs(split) * lengths) * sp.sqrt(w2 * top * bias)),
    )
    C = builder.at_pair(top * builder.at_pair(row * column) * kappa)
    return Step(C, _next(builder, inverse, C, root), builder.at_pair(top * split) * (row + column))


class _Arcsine:
    """C = k0 + k asin(omega), h > 0: what q' needs as sums of non-negative terms, each known by its root.

    Let s = asin|omega|, s_1 = asin(omega_1) with omega_1 = sqrt(alpha_x alpha_y), that of parallel points,
    and phi = pi/2 - s, phi_1, phi_x, phi_y (cos phi_x = alpha_x = a/(a + h)) the complements. Then

        Q_o = 2 k (turning + radial),  P_o = k^2 ((s_1 + s) turning + R),
        turning = phi - phi_1,  radial = phi_1 - (phi_x + phi_y)/2,  R = asin(alpha_x) asin(alpha_y) - s_1^2.
    """

    def __init__(
        self, k0: sp.Expr, k: sp.Expr, h: sp.Expr, builder: RootBuilder, inverse: Inverse
    ) -> None:
        self.k0, self.k, self.builder, self.inverse = k0, k, builder, inverse
        self.h = builder.constant(h)
        sides = ("_x", "_y")
        self.g = tuple(builder.cosine(self.h, side) for side in sides)
        self.b = tuple(builder.sine(self.h, side) for side in sides)
        self.alpha = tuple(builder.at(side, g**2) for side, g in zip(sides, self.g, strict=True))
        self.n = tuple(builder.at(side, sp.sqrt(1 + x)) for side, x in zip(sides, self.alpha, strict=True))
        self.arcs = tuple(builder.arc(self.h, side)[1] for side in sides)
        self.omega = builder.root_omega(h)
        self.omega_1 = self._parallel()
        self.sine_1 = builder.at_pair(2 * self.omega_1.root_q * self.omega_1.root_p)
        self.s_1 = builder.angle(self.omega_1)[2]
        scaled = builder.at_pair(d * builder.inverse(self.h, "_x"))
        self.spread = builder.at_pair(sp.Abs(scaled * builder.inverse(self.h, "_y")))  # |d|/sqrt((a+h)(b+h))

    def _parallel(self) -> RootOmega:
        """omega of parallel points, q = 0."""
        builder, at = self.builder, self.builder.at_pair
        (gx, sx, cx), (gy, sy, cy) = (builder._half(self.h, side) for side in ("_x", "_y"))
        small = at(hypot(at(sx * cy), at(cx * sy)))
        g = at(gx * gy)
        return _of_roots(small, at(sp.sqrt((1 + g) / 2)), g, sp.Integer(0))

    def _turning(self) -> tuple[sp.Expr, sp.Expr]:
        """Its root and itself: sin(phi - phi_1) (sin(phi) omega_1 + omega sin(phi_1)) = 4 q p omega_1^2."""
        at = self.builder.at_pair
        sine, cosine = at(2 * self.omega.root_q * self.omega.root_p), at(sp.Abs(self.omega.r))
        g = self.omega_1.r
        under = at(rsqrt(sine * g + cosine * self.sine_1 + LEAST))
        root = at(2 * at(root_q * root_p) * at(g * under))
        return self._rooted(root, at(cosine * g + sine * self.sine_1))

    def _rooted(self, root: sp.Expr, cosine: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """sqrt(t) and t, given the root of sin(t), and cos(t)."""
        square = self.builder.at_pair(root**2)
        t, _ = self.builder.two(self.builder.pair, angles_on_circle(square, cosine))
        return self.builder.at_pair(sp.Piecewise((root, square < SMALL), (sp.sqrt(t), True))), t

    def _radial(self) -> tuple[sp.Expr, sp.Expr]:
        """Its root and itself: 2 sin(radial) sin(phi_1 + psi/2) = (alpha_x - alpha_y)^2/(g2 + T),

        psi = phi_x + phi_y, T = sin(phi_x) sin(phi_y), g2 = beta_x alpha_y + alpha_x beta_y + beta_x beta_y.
        """
        at = self.builder.at_pair
        (gx, gy), (bx, by), (nx, ny), (alx, aly) = self.g, self.b, self.n, self.alpha
        roots = self.builder.at_row(sp.sqrt(bx * nx)) * self.builder.at_column(sp.sqrt(by * ny))
        under = at(hypot4(at(bx * gy), at(gx * by), at(bx * by), at(roots)))
        row = [self.builder.at_row(value) for value in (nx / sp.sqrt(2), bx / sp.sqrt(2))]  # of phi_x/2
        column = [self.builder.at_column(value) for value in (ny / sp.sqrt(2), by / sp.sqrt(2))]
        # cos(s + t) cos(s - t) = cos(s)^2 - sin(t)^2: the cosine of a sum near pi/2 without cancellation
        cpsi = at((alx + aly) / (2 * (row[0] * column[0] + row[1] * column[1])))
        spsi = at(row[1] * column[0] + row[0] * column[1])
        cosine = self.omega_1.r
        twice = at(rsqrt(2 * (self.sine_1 * cpsi + cosine * spsi) + LEAST))
        root = at(at(self.spread * by) * at(bx / under) * twice)
        return self._rooted(root, at(cosine * cpsi + self.sine_1 * spsi))

    def _turn(self) -> sp.Expr:
        """|phi_x - phi_y|, with  sin = h |a - b| (2ab + h(a + b)) /

        ((a + h)(b + h) (a sqrt(h(2b + h)) + b sqrt(h(2a + h)))),  divided above and below by sqrt(ab).
        """
        at = self.builder.at_pair
        (gx, gy), (bx, by), (nx, ny), (alx, aly) = self.g, self.b, self.n, self.alpha
        row, column = (self.builder.at_row(gx + TINY), self.builder.at_column(gy + TINY))
        t, inverse = at(row * self.builder.at_column(1 / column)), at(self.builder.at_row(1 / row) * column)
        top = at(2 * gx * gy + bx**2 * inverse + by**2 * t)
        under = at(at(t * ny) / bx + at(nx * inverse) / by)
        near = at(alx * aly + self.builder.at_row(bx * nx) * self.builder.at_column(by * ny))
        sine = at(self.spread * at(top / under))
        turn, _ = self.builder.two(self.builder.pair, angles_on_circle(sine, near))
        return turn

    def _series(self) -> sp.Expr:
        """R over (xy)(x - y)^2, where x, y = alpha < 1/4; asin(x) = sum a_j x^(2j+1), all terms non-negative:

        asin(x) asin(y) - asin(sqrt(xy))^2 = sum_{i<j} a_i a_j (xy)^(2i+1) (x^(j-i) - y^(j-i))^2.
        """
        at = self.builder.at_pair
        x, y = self.alpha
        coefficient = [sp.binomial(2 * j, j) / (4**j * (2 * j + 1)) for j in range(SERIES)]
        power, ratio = sp.Integer(1), sp.Integer(1)  # y^(n-1), (x^n - y^n)/(x - y)
        sums = [sp.Integer(0)] * SERIES
        for n in range(1, SERIES):
            square = at(ratio**2)
            for i in range((SERIES - n) // 2 + 1):
                sums[i] += coefficient[i] * coefficient[min(i + n, SERIES - 1)] * square
            power = at(power * y)
            ratio = at(x * ratio + power)
        product = at(x * y)
        total = sp.Integer(0)
        for term in reversed(sums[: SERIES // 2]):
            total = at(total * product**2 + term)
        return total

    def _rest(self, root_radial: sp.Expr, radial: sp.Expr, turn: sp.Expr) -> sp.Expr:
        """The root of R: of one of three forms, the series for alpha < 1/4."""
        at = self.builder.at_pair
        larger = sp.Max(*self.alpha)
        low, unlike = larger < QUARTER, sp.Abs(self.alpha[0] - self.alpha[1]) > sp.Rational(3, 4) * larger
        scale = at(at(self.g[0] * self.g[1]) * at(self.spread * self.b[0]) * self.b[1])
        series = at(seldom(self._series(), larger, QUARTER))
        direct = at(self.arcs[0] * self.arcs[1] - self.s_1**2)
        steep = at(turn / (root_radial + TINY))
        like = at(2 * self.s_1 + radial - steep**2 / 4)
        under = at(sp.Piecewise((series, low), (direct, unlike), (like, True)))
        return at(sp.sqrt(under) * sp.Piecewise((scale, low), (1, unlike), (root_radial, True)))

    def step(self) -> Step:
        builder, at, k = self.builder, self.builder.at_pair, self.k
        both = at(self.inverse[0] * self.inverse[1])
        lengths = at(sp.sqrt(both))  # one root: the roundings of two would add up over the layers
        signed = builder.angle(self.omega)[2]
        s = at(sp.Abs(signed))
        (root_turning, _), (root_radial, radial), turn = self._turning(), self._radial(), self._turn()
        root_R = self._rest(root_radial, radial, turn)
        slope, root_slope = at(w2 * k * both), at(builder.constant(sp.sqrt(w2 * k)) * lengths)
        root_bias = at(builder.constant(sp.sqrt(w2 * self.k0 + s2)) * lengths)  # bias multiplies Q
        turned = at(root_turning * root_slope * at(sp.sqrt(slope * (self.s_1 + s) + 2 * root_bias**2)))
        moved = at(slope * root_R), at(sp.sqrt(2) * root_radial * at(root_slope * root_bias))
        beyond = 2 * at(root_slope * root_bias) * sp.sqrt(s)  # Q = Q_o + 4 C_o for c < 0
        opposite = at(sp.Piecewise((0, signed >= 0), (beyond, True)))
        C = at(self.k0 + k * signed)
        root = at(hypot4(turned, *moved, opposite))
        pair, difference = _next(builder, self.inverse, C, root), k * sp.sign(d) * turn
        if self.k0 != 0:
            return Step(C, pair, difference)
        # short rows without bias: the layer is linear to the last digit, and roundings should not pile up
        linear = sp.And(sp.Max(*self.alpha) < SMALL, sp.Eq(s2, 0))
        same = builder.at_row(k * self.arcs[0] / (a + TINY)) * builder.at_column(self.h / (a + self.h)) * d
        first, second, ratio = (
            sp.Piecewise((x, linear), (y, True)) for x, y in zip((root_q, root_p, r), pair, strict=True)
        )
        return Step(C, (first, second, ratio), sp.Piecewise((same, linear), (difference, True)))
