"""The integrals that Price's theorem leaves over, each checked by differentiating it back."""

from __future__ import annotations

import sympy as sp

from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.tidy import tidy


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
    """I(s) = 1/sqrt(p - q s^2) up to sign  ->  asin(I(0) sqrt(q) s) / sqrt(q)."""
    square = sp.factor(sp.expand(1 / integrand**2))
    if not square.is_polynomial(s) or sp.degree(square, s) != 2:
        return None
    poly = sp.Poly(square, s)
    linear, q = poly.coeff_monomial(s), -poly.coeff_monomial(s**2)
    if linear != 0:
        return None
    return tidy(1 / sp.sqrt(q)) * sp.asin(tidy(integrand.subs(s, 0) * sp.sqrt(q)) * s)
