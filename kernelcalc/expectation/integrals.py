"""The integrals the rules leave over; every antiderivative is checked by differentiating it back."""

from __future__ import annotations

import sympy as sp

from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.tidy import tidy

NAMED = (sp.erf, sp.erfc, sp.erfi, sp.exp, sp.log, sp.Ei, sp.expint, sp.besselk, sp.Abs)  # what people use


def integrate_from_zero(integrand: sp.Expr, s: sp.Symbol) -> sp.Expr:
    """Integral of the integrand over s from 0 to s.

    Knows K / sqrt(p - q s^2) (the only kind Price's theorem meets for erf and sgn); asks SymPy otherwise.
    Raises NoRule if there is no antiderivative, or none that differentiates back to the integrand.
    """
    primitive = _arcsine(integrand, s) or sp.integrate(integrand, s)
    if primitive.has(sp.Integral):
        raise NoRule(f"no antiderivative of {integrand} in {s}")
    if sp.simplify(sp.diff(primitive, s) - integrand) != 0:
        raise NoRule(f"antiderivative of {integrand} in {s} does not differentiate back")
    return primitive - primitive.subs(s, 0)


def _arcsine(integrand: sp.Expr, s: sp.Symbol) -> sp.Expr | None:
    """K / sqrt(p - q s^2)  ->  K / sqrt(q) asin(s sqrt(q / p))."""
    square = sp.factor(sp.expand(1 / integrand**2))
    if not square.is_polynomial(s) or sp.degree(square, s) != 2:
        return None
    poly = sp.Poly(square, s)
    p, linear, q = poly.coeff_monomial(1), poly.coeff_monomial(s), -poly.coeff_monomial(s**2)
    if linear != 0:
        return None
    sign = 1 if integrand.subs(s, 0).is_positive else sp.sign(integrand.subs(s, 0))
    return sign * tidy(1 / sp.sqrt(q)) * sp.asin(s * tidy(sp.sqrt(sp.factor(q / p))))


def half_line(g: sp.Expr, z: sp.Symbol, v: sp.Symbol) -> sp.Expr:
    """E g(Z), Z ~ N(0, v), for an even or one-sided g by SymPy's Meijer-G integrator.

    Integrates g(sqrt(2v) y) exp(-y^2) / sqrt(pi) over both half lines; NoRule if it stays unevaluated.
    """
    y = sp.Symbol("y", positive=True)
    total = sp.Integer(0)
    for side in (1, -1):
        integrand = sp.simplify(g.subs(z, side * sp.sqrt(2 * v) * y)) * sp.exp(-(y**2)) / sp.sqrt(sp.pi)
        value = sp.integrate(integrand, (y, 0, sp.oo), meijerg=True, conds="none")
        if not all(isinstance(part, NAMED) for part in value.atoms(sp.Function)) or value.has(sp.Integral, sp.zoo, sp.nan, sp.oo):
            raise NoRule(f"no closed form of the half-line integral of {g}")
        total += value
    return sp.simplify(total)
