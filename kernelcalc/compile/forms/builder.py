"""Statements of a program in the making; closed forms written stably (R1 to R3 of stable.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import sympy as sp

from kernelcalc.compile.forms import named, powers
from kernelcalc.compile.forms.bells import bells
from kernelcalc.compile.forms.exponents import exponentials
from kernelcalc.compile.forms.program import (
    Direct,
    Integral,
    Let,
    ax,
    ay,
    cosine,
    half_angle_triple,
    inverse_square,
    lack,
    let,
    rsqrt,
    sine,
)
from kernelcalc.compile.forms.quadrants import normal_forms, point_forms, wedges
from kernelcalc.compile.forms.tails import tails
from kernelcalc.symbols import a, b, c

w2, s2 = sp.Symbol("w2", positive=True), sp.Symbol("s2", nonnegative=True)  # sigma_w^2, sigma_b^2
q, p = sp.Symbol("q", nonnegative=True), sp.Symbol("p", nonnegative=True)
r = sp.Symbol("r", real=True)
d = sp.Symbol("d", real=True)  # a_x - a_y, known more exactly than the difference of the rounded variances
HALF = sp.Rational(1, 2)
TINY = sp.Float(2.0**-1060)  # added to what may be 0 where only 0/0 is to be avoided
LEAST = sp.Float(2.0**-1022)  # the same under a root; no smaller, or each fused operation takes 100 cycles
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
    integrals: list[Integral] = field(default_factory=list)
    sizes: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)  # name -> sum of the terms' absolute values
    tables: list[str] = field(default_factory=list)  # of powers.py

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

    def integral(
        self,
        values: tuple[sp.Expr, ...],
        sizes: tuple[sp.Expr, ...],
        tangent: sp.Expr,
        steep: sp.Expr,
        suffix: str = "",
        direct: Direct | None = None,
    ) -> tuple[sp.Symbol, ...]:
        """Int_0^Phi of the values over phi, given tan(Phi/2), of a pair or (suffix) a point.

        For sizes, steep and direct see Integral. The integrals of the sizes are found in `sizes`.
        """
        at, where = {
            "": (self.at_pair, self.pair), "_x": (self.at_row, self.row), "_y": (self.at_column, self.column)
        }[suffix]  # fmt: skip
        given = at(tangent), at(steep)
        free = set().union(*(value.free_symbols for value in values)) - {sine, lack, cosine, inverse_square}
        free |= direct.needed if direct else set()
        passed = tuple(sorted(free, key=str))
        names = {s: sp.Symbol(s.name.removesuffix(suffix), real=True) for s in passed} if suffix else {}
        inside, of = (tuple(form.xreplace(names) for form in forms) for forms in (values, sizes))
        made = Integral("", tuple(names.get(s, s) for s in passed), inside, of, direct)
        known = next((i for i in self.integrals if replace(i, name="") == made), None)
        if known is None:
            known = replace(made, name=f"integral{len(self.integrals)}")
            self.integrals.append(known)
        targets = [
            sp.Symbol(f"th{len(where)}_{k}{suffix}", real=True) for k in range(len(values) + len(sizes))
        ]
        where.append(Let(tuple(targets), sp.Function(known.name, real=True)(*given, *passed)))
        found = tuple(targets[: len(values)])
        self.sizes |= dict(zip(found, targets[len(values) :], strict=True))
        return found

    def apart(self) -> Builder:
        """Another with statements of the pair of its own, which shares those of points."""
        known = {key: symbol for key, symbol in self.named.items() if key[0] != "t"}
        return replace(self, pair=[], named=known, omegas={}, integrals=[], sizes={})

    def join(self, other: Builder) -> None:
        """Know what another has found of points."""
        self.named |= {key: symbol for key, symbol in other.named.items() if key[0] != "t"}

    def sized(self, value: sp.Expr, size: sp.Expr) -> sp.Expr:
        """The value, a name, and with it the sum of the absolute values of its terms."""
        if value.is_Symbol:
            self.sizes[value] = size
        return value

    def omega(self, ha: sp.Expr, hb: sp.Expr) -> Omega:
        """R1."""
        if (ha, hb) not in self.omegas:
            self.omegas[ha, hb] = self._omega(self.constant(ha), self.constant(hb))
        return self.omegas[ha, hb]

    def _omega(self, ha: sp.Expr, hb: sp.Expr) -> Omega:
        inverse = self.at_row(1 / sp.sqrt(a + ha)) * self.at_column(1 / sp.sqrt(a + hb))
        if ha == hb == 0:
            return Omega(q, p, r, inverse)
        gx, sx, cx = self._root(ha, self.at_row)
        gy, sy, cy = self._root(hb, self.at_column)
        g, e = self.at_pair(gx * gy), self.at_pair(sx * cy + cx * sy)
        return Omega(self.at_pair(q * g + e), self.at_pair(p * g + e), self.at_pair(r * g), inverse)

    def _root(self, h: sp.Expr, at: Callable[[sp.Expr], sp.Expr]) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """cos(t) = sqrt(alpha), sin(t/2)^2 = (1 - cos t)/2 and cos(t/2)^2 of a point."""
        if h == 0:
            return sp.Integer(1), sp.Integer(0), sp.Integer(1)
        g = at(sp.sqrt(at(a / (a + h))))
        return g, at(at(h / (a + h)) / (2 * (1 + g))), at((1 + g) / 2)

    def wedges(self, *sides: sp.Expr) -> tuple[sp.Expr, ...]:
        """The sides of a quarter plane, then what it needs of each, if each belongs to one point."""
        found = [self.hoisted(side) for side in sides]
        if zero := [side for side in found if side.is_number]:  # a threshold 0: as if it were the row's
            symbol = self.named.setdefault(("_x", zero[0]), sp.Symbol(f"u{len(self.row)}_x", real=True))
            if all(symbol not in x.targets for x in self.row):
                self.row.append(let(symbol, zero[0]))
            found = [symbol if side == zero[0] else side for side in found]
        if not all(side.is_Symbol and side.name.endswith(("_x", "_y")) for side in found):
            return ()
        of = [(self.at_row if side.name.endswith("_x") else self.at_column)(wedges(side)) for side in found]
        return *found, *of

    # ------------------------------------------------------------ closed forms

    def stable(self, form: sp.Expr, unit: sp.Expr = sp.S.One) -> sp.Expr:
        """unit * form: R2 and R3 wherever they apply; what remains of a, b, c is put in as it is."""

        def asin(u: sp.Expr) -> sp.Expr:
            found = normalised(sp.factor(c**2 / u**2)) if u.has(c) else None
            if found is None or found[2] != 1:
                return sp.asin(u)
            return sp.sign(u.subs({a: 1, b: 1, c: HALF})) * self.angle(self.omega(*found[:2]))[2]

        def determinant(inside: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
            """(K, s) with inside = K/s^2, K of the parameters alone."""
            inside = sp.expand(inside)
            if any(self._is_pair(s.name) or s.name.endswith(("_x", "_y")) for s in inside.free_symbols):
                return None  # it holds another one, which is no number
            if not inside.is_polynomial(c) or sp.degree(inside, c) != 2 or inside.coeff(c, 1) != 0:
                return None
            found = normalised(sp.factor(inside.coeff(c, 0)))
            if found is None or sp.expand(found[2] + inside.coeff(c, 2)) != 0:
                return None
            omega = self.omega(*found[:2])
            return found[2], omega.inverse * self.cosecant(omega)

        def root(power: sp.Expr) -> sp.Expr:
            found = determinant(power.base)
            if found is None:
                return power
            return (self.constant(1 / sp.sqrt(found[0])) * found[1]) ** (-2 * power.exp)

        def difference(total: sp.Expr) -> sp.Expr:
            found = determinant(total)
            return total if found is None else self.constant(found[0]) / found[1] ** 2

        if (bell := bells(form, self, normalised)) is not None:
            return self.plain(unit * bell)
        form = powers.at_pair(form, self) if form.has(sp.hyper) else form
        form = exponentials(tails(named.at_pair(form, self)), self)
        form = normal_forms(form, self, normalised)
        form = form.replace(lambda e: e.is_Add and e.has(sp.asin), self._whole).replace(sp.asin, asin)
        form = form.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.has(c), root)
        form = form.replace(lambda e: e.is_Add and e.has(c), difference)
        return self.plain(unit * form)

    def _whole(self, total: sp.Expr) -> sp.Expr:
        """k (pi/2 + asin(omega)) = k (pi - phi), k (pi/2 - asin(omega)) = k phi: neither cancels."""
        for term in sp.Add.make_args(total):
            k, arc = term.as_independent(c, as_Add=False)
            side = sp.cancel(2 * (total - term) / (sp.pi * k))
            if not isinstance(arc, sp.asin) or side not in (1, -1):
                continue
            found = normalised(sp.factor(c**2 / arc.args[0] ** 2))
            if found is not None and found[2] == 1:
                phi, rest, _ = self.angle(self.omega(*found[:2]))
                sign = sp.sign(arc.args[0].subs({a: 1, b: 1, c: HALF}))
                return side * k * (rest if sign == side else phi)
        return total

    def plain(self, form: sp.Expr) -> sp.Expr:
        """A form in a, b, c as it is."""
        if form.has(c):
            form = form.subs(c, r * self.at_row(sp.sqrt(a)) * self.at_column(sp.sqrt(a)))
        return self.hoisted(form.subs({a: ax, b: ay}))

    @property
    def difference(self) -> sp.Expr:
        """a - b."""
        return ax - ay

    def cosecant(self, omega: Omega) -> sp.Expr:
        """1/sqrt(1 - omega^2)."""
        return self.at_pair(rsqrt(omega.q * omega.p)) / 2

    @property
    def half_sine(self) -> sp.Expr:
        """sqrt(q p) = sin(theta)/2."""
        omega = self.omega(sp.Integer(0), sp.Integer(0))
        product = omega.q * omega.p
        root = sp.sqrt(product)  # without a root where q and p are squares
        plain = all(power.exp.is_integer for power in root.atoms(sp.Pow))
        return self.at_pair(root if plain else sp.sqrt(self.at_pair(product)))

    close = False  # whether roots are the state of a pair

    @property
    def roots(self) -> tuple[sp.Expr, sp.Expr]:
        """sqrt(q) and sqrt(p)."""
        return self.at_pair(sp.sqrt(q)), self.at_pair(sp.sqrt(p))

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
        return name in ("q", "p", "r", "d", "root_q", "root_p") or (
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

    form = point_forms(named.at_point(form)).replace(sp.asin, asin)
    return form.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.has(a), root)
