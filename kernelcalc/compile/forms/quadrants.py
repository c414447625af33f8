"""Normal integrals and densities of a pair written stably (R6 of stable.py).

With x = sqrt(a + h_a), y = sqrt(b + h_b), c = r x y, 1 - r = 2 q, 1 + r = 2 p:

R6  Phi2(h, k, +-r) = quadrant(-h, -k, A, B),  A = -(k -+ r h)/sqrt(1 - r^2),  B = -(h -+ r k)/sqrt(1 - r^2);
    such a quotient N/sqrt(1 - r^2), N a polynomial in r, is a product in which 1 -+ r are 2 q and 2 p, or,
    if N is linear, conditioned(n0, -n1, q, p, r) = (n0 + n1 r)/(2 sqrt(q p)), where n0 + n1 cancels exactly;
    Phi(u), erf(u) with u = N/sqrt(1 - r^2) likewise; products with exponentials: tails.py;
    exp(-(h^2 - 2 r h k + k^2)/(2 (1 - r^2))) = exp(-(h^2 + conditioned(k, h)^2)/2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.compile.forms.tails import scaled, tails
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.functions.special import erfcx
from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.compile.forms.builder import Builder, Omega

phi = sp.Function("phi", real=True)
quadrant = sp.Function("quadrant", real=True)
scaled_quadrant = sp.Function("scaled_quadrant", real=True)  # exp((h^2 + A^2)/2) quadrant(h, k, A, B)
conditioned = sp.Function("conditioned", real=True)
quarter = sp.Function("quarter", real=True)  # quadrant, given the wedges of its sides, too: see wedges.py
wedges = sp.Function("wedges")  # of a point: many numbers under one name
x, y = sp.symbols("x y", positive=True)
R = sp.Symbol("R", real=True)
HALF = sp.Rational(1, 2)
Normal = tuple[sp.Expr, sp.Expr, sp.Expr]
Normalised = Callable[[sp.Expr], Normal | None]


def normal_forms(form: sp.Expr, builder: Builder, normalised: Normalised) -> sp.Expr:
    """R6 wherever it applies."""
    if not form.has(Phi, Phi2, scaled, sp.exp, sp.erf, sp.erfc, erfcx):
        return form
    rewriter = _Pair(builder, normalised)
    form = form.replace(Phi2, rewriter.quarter).replace(scaled, rewriter.scaled)
    for func in (Phi, sp.erf, sp.erfc, erfcx):
        form = form.replace(func, lambda u, func=func: func(rewriter.deviation(u)) if u.has(c) else func(u))
    form = form.replace(
        lambda e: isinstance(e, sp.exp) and e.has(c), lambda e: rewriter.density(e.args[0])
    )
    return form.replace(Phi, phi)


def point_forms(form: sp.Expr) -> sp.Expr:
    """Phi and Phi2 of one point, in a alone."""

    def quarter(h: sp.Expr, k: sp.Expr, rho: sp.Expr) -> sp.Expr:
        parts = [sp.factor(sp.together(sp.simplify(u))) for u in ((1 - rho) / 2, (1 + rho) / 2, rho)]
        return quadrant(-h, -k, conditioned(-k, -h, *parts), conditioned(-h, -k, *parts))

    return tails(form).replace(Phi2, quarter).replace(Phi, phi)


class _Pair:
    """The rewriting of one form; remembers nothing but where to write statements."""

    def __init__(self, builder: Builder, normalised: Normalised) -> None:
        self.builder, self.normalised = builder, normalised

    def _coordinates(self, ha: sp.Expr, hb: sp.Expr) -> dict[sp.Expr, sp.Expr]:
        return {a: x**2 - ha, b: y**2 - hb, c: R * x * y}

    def _back(self, form: sp.Expr, ha: sp.Expr, hb: sp.Expr, omega: Omega) -> sp.Expr:
        at_row, at_column = self.builder.at_row, self.builder.at_column
        put = {x: at_row(sp.sqrt(a + self.builder.constant(ha))), R: omega.r}
        put[y] = at_column(sp.sqrt(a + self.builder.constant(hb)))
        return form.subs(put, simultaneous=True)

    def quarter(self, h: sp.Expr, k: sp.Expr, rho: sp.Expr) -> sp.Expr:
        """Phi2(h, k, rho)."""
        corner = self._corner(-h, -k, rho)
        if corner is None:
            return Phi2(h, k, rho)
        places, sides = corner
        ends = self.builder.wedges(*places)
        if ends:
            return self.builder.at_pair(quarter(*ends[:2], *sides, *ends[2:]))
        return self.builder.at_pair(quadrant(*places, *sides))

    def scaled(self, h: sp.Expr, k: sp.Expr, rho: sp.Expr) -> sp.Expr:
        """exp(Q/2) Phi2(-h, -k, rho)."""
        corner = self._corner(h, k, rho)
        if corner is None:
            return sp.exp((h**2 - 2 * rho * h * k + k**2) / (2 * (1 - rho**2))) * Phi2(-h, -k, rho)
        return self.builder.at_pair(scaled_quadrant(*corner[0], *corner[1]))

    def _corner(
        self, h: sp.Expr, k: sp.Expr, rho: sp.Expr
    ) -> tuple[list[sp.Expr], list[sp.Expr]] | None:
        """h, k and the sides A, B of the quarter plane {X > h, Y > k}."""
        found = self.normalised(sp.factor(c**2 / rho**2)) if rho.has(c) else None
        if found is None or found[2] != 1:
            return None
        ha, hb, _ = found
        sign = sp.sign(rho.subs({a: 1, b: 1, c: HALF}))
        omega = self.builder.omega(ha, hb)
        put = self._coordinates(ha, hb)
        first, second = (u.subs(put, simultaneous=True) for u in (h, k))
        sides = [
            self._ratio(u - sign * R * w, ha, hb, omega) for u, w in ((second, first), (first, second))
        ]
        return [self._back(sp.factor(sp.expand(u)), ha, hb, omega) for u in (first, second)], sides

    def _ratio(self, numerator: sp.Expr, ha: sp.Expr, hb: sp.Expr, omega: Omega) -> sp.Expr:
        """numerator/sqrt(1 - r^2), the numerator in x, y and R."""
        rest, linear, scale = sp.Integer(1), None, sp.Integer(1)
        for factor in sp.Mul.make_args(sp.factor(sp.together(sp.expand(numerator)))):
            base, power = factor.as_base_exp()
            if base in (R - 1, 1 - R):
                scale *= ((1 if base == 1 - R else -1) * 2 * omega.q) ** power
            elif base == R + 1:
                scale *= (2 * omega.p) ** power
            elif linear is None and power == 1 and base.is_polynomial(R) and sp.degree(base, R) == 1:
                linear = sp.Poly(base, R)
            else:
                rest *= factor
        if linear is None or linear.coeff_monomial(1) == 0 or rest.has(R):
            rest = rest if linear is None else rest * linear.as_expr()
            value = self._back(rest, ha, hb, omega) * scale / (2 * sp.sqrt(omega.q * omega.p))
        else:
            parts = (sp.expand(w * rest) for w in (linear.coeff_monomial(1), -linear.coeff_monomial(R)))
            ends = (self._back(sp.powdenest(part), ha, hb, omega) for part in parts)
            value = scale * conditioned(*ends, omega.q, omega.p, omega.r)
        return self.builder.at_pair(value)

    def _determinant(self, u: sp.Expr) -> tuple[sp.Expr, Normal] | None:
        """A polynomial K ((a + h_a)(b + h_b) - c^2) below a fraction or root in u."""
        for power in u.atoms(sp.Pow):
            inside = sp.expand(power.base)
            if power.exp.is_negative and inside.is_polynomial(c) and sp.degree(inside, c) == 2:
                found = self.normalised(sp.factor(inside.coeff(c, 0)))
                if found and inside.coeff(c, 1) == 0 and sp.expand(found[2] + inside.coeff(c, 2)) == 0:
                    return power.base, found
        return None

    def deviation(self, u: sp.Expr) -> sp.Expr:
        """u = N/sqrt(1 - r^2); unchanged where it has no such form."""
        found = self._determinant(u)
        if found is None:
            return u
        base, (ha, hb, k) = found
        root = sp.Symbol("root", positive=True)  # sqrt(1 - r^2)
        same = u.xreplace({base: k * x**2 * y**2 * root**2})
        numerator = sp.together(sp.powdenest(same.subs(self._coordinates(ha, hb), simultaneous=True)) * root)
        numerator = sp.cancel(numerator) if numerator.has(root) else numerator
        return u if numerator.has(root) else self._ratio(numerator, ha, hb, self.builder.omega(ha, hb))

    def density(self, u: sp.Expr) -> sp.Expr:
        """exp(u)."""
        found = self._determinant(u)
        if found is None:
            return sp.exp(u)
        ha, hb, _ = found[1]
        whole = sp.cancel(
            sp.together(u.subs(self._coordinates(ha, hb), simultaneous=True)) * (1 - R**2)
        )
        whole = sp.expand(whole)
        squares, cross = sp.Add.make_args(sp.expand(-2 * whole.coeff(R, 0))), whole.coeff(R, 1)
        if len(squares) != 2 or sp.expand(whole - whole.coeff(R, 0) - cross * R) != 0:
            return sp.exp(u)
        h, k = (sp.sqrt(square) for square in squares)
        if sp.expand(cross - h * k) != 0:
            k = -k
        if sp.expand(cross - h * k) != 0:
            return sp.exp(u)
        omega = self.builder.omega(ha, hb)
        far = self.builder.at_pair(self._ratio(k - R * h, ha, hb, omega))
        return sp.exp(-(self._back(h, ha, hb, omega) ** 2 + far**2) / 2)
