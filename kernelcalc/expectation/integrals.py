"""The integrals the rules leave over: each is checked, by differentiating it back or by numbers."""

from __future__ import annotations

import mpmath as mp
import sympy as sp

from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions import analysis
from kernelcalc.symbols import z

NAMED = (sp.erf, sp.erfc, sp.erfi, sp.exp, sp.log, sp.Ei, sp.expint, sp.besselk, sp.Abs)  # what people use
MAX_ORDER = 4  # of a pole; the formulas of higher orders fill pages


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


def half_line(g: sp.Expr, v: sp.Symbol) -> sp.Expr:
    """E g(Z), Z ~ N(0, v), for g(z) algebraic on z > 0 and on z < 0: the sum of both half lines.

    Poles at negative z are integrated by ``pole``, the rest by SymPy's Meijer-G integrator. NoRule where
    nothing but unnamed functions comes out.
    """
    y = sp.Symbol("y", positive=True)
    root = sp.Symbol("r", positive=True)  # sqrt(2 v)
    total = sp.Integer(0)
    for side, smooth in _halves(g):
        scaled = sp.simplify(smooth.subs(z, side * root * y))
        value = _by_poles(scaled, y)
        if value is None and scaled.is_algebraic_expr(y):
            integrand = scaled * sp.exp(-(y**2))
            value = sp.integrate(integrand, (y, 0, sp.oo), meijerg=True, conds="none")  # so check it
            if not _named(value) or not _agree(value, integrand, y):
                value = None
        if value is None:
            raise NoRule(f"no closed form found for the mean of {g}")
        total += value / sp.sqrt(sp.pi)
    return tidy(total.subs(root, sp.sqrt(2 * v)))


def _halves(g: sp.Expr) -> list[tuple[int, sp.Expr]]:
    """(side, analytic expression) for z > 0 and z < 0; NoRule if g switches anywhere else."""
    pieces = analysis.pieces(g)
    if any(piece.lo != 0 for piece in pieces[1:]):
        raise NoRule(f"no closed form known for the mean of {g}, which switches away from 0")
    return [(1, pieces[-1].expr), (-1, pieces[0].expr)]


def _by_poles(g: sp.Expr, y: sp.Symbol) -> sp.Expr | None:
    """The integral of g(y) exp(-y^2) over y > 0, g rational with real poles at y < 0."""
    if not g.is_rational_function(y):
        return None
    total = sp.Integer(0)
    for term in sp.Add.make_args(sp.apart(sp.together(g), y)):
        numerator, denominator = sp.fraction(sp.together(term))
        factor, powers = sp.factor_list(denominator, y)
        (linear, n), *others = powers or [(y, 0)]
        if others or sp.degree(linear, y) != 1 or (n and numerator.has(y)) or n > MAX_ORDER:
            return None
        slope, start = linear.coeff(y, 1), linear.coeff(y, 0)
        if n and not (start / slope).is_positive:
            return None
        for (degree,), coefficient in sp.Poly(numerator, y).terms():
            part = pole(n, start / slope) if n else sp.gamma(sp.Rational(degree + 1, 2)) / 2
            total += coefficient / (factor * slope**n) * part
    return total


def pole(n: int, t: sp.Expr) -> sp.Expr:
    """Integral of exp(-y^2) / (y + t)^n over y > 0, t > 0: n I(n+1) = t^(-n) - 2 I(n-1) + 2 t I(n).

    For n = 1 the recursion is the differential equation (exp(t^2) I)' = exp(t^2) (sqrt(pi) - 1/t).
    """
    if n == 0:
        return sp.sqrt(sp.pi) / 2
    if n == 1:
        return sp.exp(-(t**2)) * (sp.pi * sp.erfi(t) - sp.Ei(t**2)) / 2
    return sp.expand((t ** (1 - n) - 2 * pole(n - 2, t) + 2 * t * pole(n - 1, t)) / (n - 1))


def _named(value: sp.Expr) -> bool:
    """Whether an integral came out in functions that people use."""
    if value.has(sp.Integral, sp.zoo, sp.nan, sp.oo):
        return False
    return all(isinstance(part, NAMED) for part in value.atoms(sp.Function))


def _agree(value: sp.Expr, integrand: sp.Expr, y: sp.Symbol) -> bool:
    """Whether an integral over y > 0 has the value claimed, to 12 digits at two points."""
    for shift in (1, 2):
        point = {
            s: sp.Rational(2 * i + 5 * shift, 7) for i, s in enumerate(sorted(value.free_symbols, key=str))
        }
        call = sp.lambdify(y, integrand.subs(point), "mpmath")
        with mp.workdps(25):
            exact = mp.quad(call, [0, mp.mpf(1) / 4, 1, 3, 9, mp.inf])
            if not abs(exact - mp.mpmathify(value.subs(point).evalf(25))) <= mp.mpf(10) ** -12 * abs(exact):
                return False
    return True
