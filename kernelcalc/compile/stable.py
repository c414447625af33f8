"""From closed forms to forms that float64 evaluates to the last digits: rules, each an identity.

A closed form of a Gaussian expectation is written in a, b, c; the program of a layer in the correlation
r = c/sqrt(ab) and q = (1 - r)/2, p = (1 + r)/2. The rules, with h >= 0 from the parameters:

R1  omega = c / sqrt((a + h_a)(b + h_b)) = r g:  q_omega = q g + e,  p_omega = p g + e,  no term negative,
    g = sqrt(alpha_x alpha_y),  e = (beta_x + alpha_x beta_y)/(2 (1 + g)),  alpha = a/(a+h), beta = 1 - alpha.
R2  asin(omega) = pi/2 - phi,  phi = acos(omega), from (q_omega, p_omega, omega): no end loses digits.
R3  K ((a + h_a)(b + h_b) - c^2) = 4 K (a + h_a)(b + h_b) q_omega p_omega.
R4  the next pair from the next determinant  D' = sigma_w^4 P + sigma_w^2 sigma_b^2 Q,  P = AB - C^2,
    Q = A + B - 2C = E(f(X) - f(Y))^2, neither negative:  q' = D' / (2 G (G + |c'|)),  G = sqrt(a' b').
    For C = k0 + k asin(omega) and for f homogeneous of degree one, P and Q are sums without cancellation.

tests/test_stable.py puts every statement back and compares with the closed form to 60 digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from kernelcalc.compile.program import (
    Let,
    Program,
    angles,
    half_angle_triple,
    let,
    rsqrt,
    share,
    sin_minus_t_cos,
)
from kernelcalc.errors import InputError
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c

w2, s2 = sp.Symbol("w2", positive=True), sp.Symbol("s2", nonnegative=True)  # sigma_w^2, sigma_b^2
q, p = sp.Symbol("q", nonnegative=True), sp.Symbol("p", nonnegative=True)
r = sp.Symbol("r", real=True)
d = sp.Symbol("d", real=True)  # a_x - a_y, known more exactly than the difference of the rounded variances
ax, ay = sp.Symbol("a_x", positive=True), sp.Symbol("a_y", positive=True)
HALF = sp.Rational(1, 2)
Inverse = tuple[sp.Expr, sp.Expr]  # 1/sqrt of the next variances, of the row and of the column


@dataclass(frozen=True)
class Omega:
    """One normalised pair: q, p, omega itself, and per point 1/sqrt(a + h)."""

    q: sp.Symbol
    p: sp.Symbol
    r: sp.Symbol
    inverse: sp.Expr  # 1/sqrt((a + h_a)(b + h_b))


@dataclass
class Builder:
    """Collects statements; point statements are written in a and told apart by the suffixes _x and _y."""

    constants: list[Let] = field(default_factory=list)
    row: list[Let] = field(default_factory=list)
    column: list[Let] = field(default_factory=list)
    pair: list[Let] = field(default_factory=list)
    named: dict[tuple[str, sp.Expr], sp.Symbol] = field(default_factory=dict)
    omegas: dict[tuple[sp.Expr, sp.Expr], Omega] = field(default_factory=dict)

    def _name(self, where: list[Let], prefix: str, value: sp.Expr, suffix: str = "") -> sp.Expr:
        if (value.is_Symbol and value != a) or value.is_number:
            return value
        if (suffix or prefix, value) not in self.named:
            symbol = sp.Symbol(f"{prefix}{len(where)}{suffix}", real=True)
            self.named[suffix or prefix, value] = symbol
            where.append(let(symbol, value))
        return self.named[suffix or prefix, value]

    def constant(self, value: sp.Expr) -> sp.Expr:
        """A quantity of the parameters alone."""
        return self._name(self.constants, "k", value)

    def at_row(self, value: sp.Expr) -> sp.Expr:
        """A quantity of the row point, written in a."""
        return self._name(self.row, "u", value, "_x")

    def at_column(self, value: sp.Expr) -> sp.Expr:
        """A quantity of the column point, written in a."""
        return self._name(self.column, "u", value, "_y")

    def at_pair(self, value: sp.Expr) -> sp.Expr:
        """A quantity of the pair; what depends on one point alone becomes that point's."""
        hoisted = self.hoisted(value) if value.args else value
        return hoisted if hoisted.is_Symbol else self._name(self.pair, "t", hoisted)

    def two(self, where: list[Let], value: sp.Expr, suffix: str = "") -> tuple[sp.Symbol, sp.Symbol]:
        """The two results of angles."""
        first, second = (sp.Symbol(f"{name}{len(where)}{suffix}", real=True) for name in ("th", "co"))
        where.append(Let((first, second), value))
        return first, second

    def omega(self, ha: sp.Expr, hb: sp.Expr) -> Omega:
        """R1."""
        if (ha, hb) not in self.omegas:
            self.omegas[ha, hb] = self._omega(self.constant(ha), self.constant(hb))
        return self.omegas[ha, hb]

    def _omega(self, ha: sp.Expr, hb: sp.Expr) -> Omega:
        inverse = self.at_row(1 / sp.sqrt(a + ha)) * self.at_column(1 / sp.sqrt(a + hb))
        if ha == hb == 0:
            return Omega(q, p, r, inverse)
        alpha = self.at_row(a / (a + ha)), self.at_column(a / (a + hb))
        beta = self.at_row(ha / (a + ha)), self.at_column(hb / (a + hb))
        g = self.at_pair(self.at_row(sp.sqrt(alpha[0])) * self.at_column(sp.sqrt(alpha[1])))
        e = self.at_pair((beta[0] + alpha[0] * beta[1]) / (2 * (1 + g)))
        return Omega(self.at_pair(q * g + e), self.at_pair(p * g + e), self.at_pair(r * g), inverse)

    # ------------------------------------------------------------ closed forms

    def stable(self, form: sp.Expr) -> sp.Expr:
        """R2 and R3 wherever they apply; what remains of a, b, c is put in as it is."""

        def asin(u: sp.Expr) -> sp.Expr:
            found = normalised(sp.factor(c**2 / u**2)) if u.has(c) else None
            if found is None or found[2] != 1:
                return sp.asin(u)
            return sp.sign(u.subs({a: 1, b: 1, c: HALF})) * self.angle(self.omega(*found[:2]))[2]

        def root(power: sp.Expr) -> sp.Expr:
            inside = sp.expand(power.base)
            if not inside.is_polynomial(c) or sp.degree(inside, c) != 2 or inside.coeff(c, 1) != 0:
                return power
            found = normalised(sp.factor(inside.coeff(c, 0)))
            if found is None or sp.expand(found[2] + inside.coeff(c, 2)) != 0:
                return power
            omega = self.omega(*found[:2])
            size = (
                self.constant(1 / sp.sqrt(found[2]))
                * omega.inverse
                * self.at_pair(rsqrt(omega.q * omega.p))
                / 2
            )
            return size ** (-2 * power.exp)

        form = form.replace(sp.asin, asin)
        form = form.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.has(c), root)
        if form.has(c):
            form = form.subs(c, r * self.at_row(sp.sqrt(a)) * self.at_column(sp.sqrt(a)))
        return self.hoisted(form.subs({a: ax, b: ay}))

    def angle(self, omega: Omega) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
        """phi = acos(omega), pi - phi and pi/2 - phi, computed once."""
        return self._triple(self.pair, half_angle_triple(omega.q, omega.p, omega.r), "")

    def _triple(
        self, where: list[Let], value: sp.Expr, suffix: str
    ) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
        for known in where:
            if known.value == value:
                return known.targets[0], known.targets[1], known.targets[2]
        th, co, ha = (sp.Symbol(f"{name}{len(where)}{suffix}", real=True) for name in ("th", "co", "ha"))
        where.append(Let((th, co, ha), value))
        return th, co, ha

    def arc(self, h: sp.Expr, side: str) -> tuple[sp.Symbol, sp.Symbol]:
        """acos and asin of alpha = a/(a + h) at one point; neither loses digits for small or large h."""
        at, where = (self.at_row, self.row) if side == "_x" else (self.at_column, self.column)
        alpha, beta = at(a / (a + h)), at(h / (a + h))
        theta, _, rest = self._triple(where, half_angle_triple(beta / 2, (1 + alpha) / 2, alpha), side)
        return theta, rest

    def hoisted(self, form: sp.Expr) -> sp.Expr:
        """What depends on one point only becomes a statement of that point, on parameters only a constant."""
        names = {s.name for s in form.free_symbols}
        if not names or (form.is_Symbol and form not in (ax, ay)):
            return form
        pairwise = any(
            not name.endswith(("_x", "_y")) and sp.Symbol(name) and self._is_pair(name) for name in names
        )
        sides = {name[-2:] for name in names if name.endswith(("_x", "_y"))}
        if not pairwise and sides == {"_x"}:
            return self.at_row(form.subs(ax, a))
        if not pairwise and sides == {"_y"}:
            return self.at_column(form.subs(ay, a))
        if not pairwise and not sides:
            return self.constant(form)
        if isinstance(form, sp.Add | sp.Mul):
            groups: dict[str, list[sp.Expr]] = {"_x": [], "_y": [], "": []}
            rest = []
            for arg in form.args:
                arg_names = {s.name for s in arg.free_symbols}
                arg_sides = {name[-2:] for name in arg_names if name.endswith(("_x", "_y"))}
                if arg.is_number or len(arg_sides) > 1 or any(self._is_pair(n) for n in arg_names):
                    rest.append(arg)
                else:
                    groups["".join(arg_sides)].append(arg)
            parts = [self.hoisted(form.func(*group)) for group in groups.values() if group]
            return form.func(*parts, *(self.hoisted(arg) if arg.args else arg for arg in rest))
        return form.func(*(self.hoisted(arg) for arg in form.args))

    def _is_pair(self, name: str) -> bool:
        return name in ("q", "p", "r", "d") or (
            (not name.endswith(("_x", "_y")) and name[:2] in ("th", "co", "ha"))
            or (name[0] == "t" and name[1:].isdigit())
        )


def normalised(form: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """(h_a, h_b, K) with form = K (a + h_a)(b + h_b), or None."""
    if not form.is_polynomial(a, b):
        form = sp.cancel(form)
        if not form.is_polynomial(a, b):
            return None
    poly = sp.Poly(form, a, b)
    if poly.degree(a) != 1 or poly.degree(b) != 1:
        return None
    k = poly.coeff_monomial(a * b)
    ha, hb = sp.cancel(poly.coeff_monomial(b) / k), sp.cancel(poly.coeff_monomial(a) / k)
    rest = sp.cancel(poly.coeff_monomial(1) - k * ha * hb)
    if rest != 0 or ha.is_negative or hb.is_negative:
        return None
    return ha, hb, k


def variance(form: sp.Expr, builder: Builder, side: str) -> sp.Expr:
    """A form in a alone: alpha = a/(a + h) under asin, roots of k (a + h), without overflow."""

    def asin(u: sp.Expr) -> sp.Expr:
        ratio = sp.expand(sp.factor(a / u))
        if ratio.is_polynomial(a) and sp.degree(ratio, a) == 1 and ratio.coeff(a, 1) == 1:
            return builder.arc(builder.constant(ratio.coeff(a, 0)), side)[1]
        return sp.asin(u)

    def root(power: sp.Expr) -> sp.Expr:
        inside = sp.expand(power.base)
        if not inside.is_polynomial(a) or sp.degree(inside, a) != 1:
            return power
        slope = inside.coeff(a, 1)
        return (
            builder.constant(slope**power.exp)
            * (a + builder.constant(sp.cancel(inside.coeff(a, 0) / slope))) ** power.exp
        )

    form = form.replace(sp.asin, asin)
    return form.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.has(a), root)


# ---------------------------------------------------------------- the gap of the next layer


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


def _arcsine_gap(
    k0: sp.Expr, k: sp.Expr, h: sp.Expr, builder: Builder, close: bool, inverse: Inverse
) -> Gap:
    """C = k0 + k asin(omega), h > 0: the odd part with |c|, where C_o >= 0."""
    omega = builder.omega(h, h)
    th, co, ha = builder.angle(omega)
    phi, asin = builder.at_pair(sp.Min(th, co)), builder.at_pair(sp.Abs(ha))
    h, ix, iy = builder.constant(h), *inverse
    both = builder.at_pair(ix * iy)
    Co = builder.at_pair(k * asin)
    alpha = builder.at_row(a / (a + h)), builder.at_column(a / (a + h))
    beta = builder.at_row(h / (a + h)), builder.at_column(h / (a + h))
    angles_of, arcs = zip(builder.arc(h, "_x"), builder.arc(h, "_y"), strict=True)
    A, B = builder.at_row(k * arcs[0]), builder.at_column(k * arcs[1])
    # named before they are multiplied: SymPy would bring the powers of `both` together, which overflow
    cosine = builder.at_pair(Co * both)
    direct = builder.at_row(A * ix * ix) * builder.at_column(B * iy * iy)
    direct = builder.at_pair(direct - cosine**2)
    if not close:
        steep = phi < sp.Rational(4, 5)  # angles near 0 are known as angles, others by their complements
        U, W = (
            builder.at_pair(sp.Piecewise((phi - angle, steep), (arc - asin, True)))
            for angle, arc in zip(angles_of, arcs, strict=True)
        )
        Qo = builder.at_pair(k * (U + W))
        first, second, third = (builder.at_pair(x * both) for x in (k * U, k * W, Qo))
        Po = sp.Piecewise((first * second + cosine * third, steep), (direct, True))
        difference = A - B
    else:
        tau, turn = _close_angles(omega, h, alpha, beta, builder)
        Qo = builder.at_pair(2 * k * tau)
        sides = builder.at_pair(k * (tau - turn / 2)), builder.at_pair(k * (tau + turn / 2))
        first, second, third = (builder.at_pair(x * both) for x in (*sides, Qo))
        total = first * second + cosine * third
        # far from parallel, as rows of very different length may be behind a jump, the sum would cancel
        large = direct > cosine**2 / 3
        Po = sp.Piecewise((direct, large), (builder.at_pair(total), True))
        difference = k * sp.sign(d) * turn
    Po = builder.at_pair(Po)
    Q = builder.at_pair(sp.Piecewise((Qo, ha >= 0), (Qo + 4 * Co, True)) * both)
    return Gap(builder.at_pair(k0 + k * ha), Po + k0 * both * Q, Q, difference)


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


# ---------------------------------------------------------------- a layer


def _inverse_root(x: sp.Expr) -> sp.Expr:
    """1/sqrt(x), but 0 at 0: a row without variance has no correlations."""
    return sp.Piecewise((1 / sp.sqrt(x), x > 0), (0, True))


@dataclass(frozen=True)
class Forms:
    """The closed forms of a layer in parameter symbols of their own; first, second: at X = Y, in a."""

    first: sp.Expr
    second: sp.Expr
    cross: sp.Expr
    factor: sp.Expr | None
    factor_diagonal: sp.Expr


def _forms(kernel: Kernel) -> tuple[Forms, tuple[sp.Symbol, ...]]:
    layer = kernel.layer
    names, values = share([dict(e.values) for e in layer.expectations])
    forms = [
        (sp.sympify(e.template).xreplace(new), sp.sympify(e.symbolic_diagonal).xreplace(new))
        for e, new in zip(layer.expectations, names, strict=True)
    ]
    factor, diagonal = forms[3] if layer.factor is not None else (None, sp.Integer(0))
    return Forms(forms[0][1], forms[1][1], forms[2][0], factor, diagonal), tuple(values)


def program(kernel: Kernel, *, close: bool = False) -> Program:
    """The layer of a kernel as statements; close: for pairs with a tiny angle, d = a_x - a_y given exactly.

    Raises InputError where an expectation has no closed form.
    """
    for e in kernel.layer.expectations:
        if e.template is None:
            raise InputError(f"{kernel!r}: {e!r} has no closed form: {e.reason}")
    layer, parameters = _forms(kernel)
    builder = Builder()
    after = builder.at_row(w2 * variance(layer.first, builder, "_x") + s2)
    after_y = builder.at_column(w2 * variance(layer.second, builder, "_y") + s2)
    outputs = {"a_x": after, "a_y": after_y}
    inverse = builder.at_row(_inverse_root(after)), builder.at_column(_inverse_root(after_y))
    if kernel.f1 == kernel.f2:
        found = gap(layer.cross, layer.first, builder, close, inverse)
        cross = builder.at_pair(w2 * found.C + s2)
        outputs["d"] = w2 * found.difference
        if found.pair is not None:
            outputs |= dict(zip("qpr", found.pair, strict=True))
        else:
            ratio = builder.at_pair(cross * builder.at_pair(inverse[0] * inverse[1]))
            sigma_b = builder.constant(sp.sqrt(s2))
            bias = builder.at_row(sigma_b * inverse[0]) * builder.at_column(sigma_b * inverse[1])
            det = w2 * (w2 * found.P + builder.at_pair(bias) * found.Q)
            small = builder.at_pair(det / (2 * (1 + sp.Abs(ratio))))
            outputs["q"] = sp.Piecewise((small, cross >= 0), (1 - small, True))
            outputs["p"] = sp.Piecewise((1 - small, cross >= 0), (small, True))
            outputs["r"] = ratio
    else:
        cross = builder.at_pair(w2 * builder.stable(layer.cross) + s2)
        ratio = builder.at_pair(cross * builder.at_pair(inverse[0] * inverse[1]))
        outputs |= {"q": (1 - ratio) / 2, "p": (1 + ratio) / 2, "r": ratio, "d": sp.Integer(0)}
    outputs["c"] = cross
    if layer.factor is not None:
        outputs["factor"] = w2 * builder.stable(layer.factor)
        if not kernel.symmetric and kernel.f1 == kernel.f2:
            swapped = layer.factor.subs({a: b, b: a}, simultaneous=True)
            outputs["transposed"] = w2 * builder.stable(swapped)
    outputs = {
        name: builder.at_pair(value) if name in ("factor", "transposed") else value
        for name, value in outputs.items()
    }
    constants, row, column, pair = map(tuple, (builder.constants, builder.row, builder.column, builder.pair))
    return Program(parameters, constants, row, column, pair, outputs)


def diagonal_program(kernel: Kernel) -> Program:
    """The next variance and the factor at X = Y, in a, w2, s2 and the parameters; for f1 = f2."""
    forms, parameters = _forms(kernel)
    builder = Builder()
    after = w2 * variance(forms.first, builder, "_x") + s2
    factor = w2 * variance(forms.factor_diagonal, builder, "_x")
    outputs = {"a_x": after, "factor": factor}
    return Program(parameters, tuple(builder.constants), tuple(builder.row), (), (), outputs)
