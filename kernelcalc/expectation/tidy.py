"""Bring a derived expression into the shape in which people write it.

Every rewriting here is an identity on the domain a, b, v > 0, a b > c^2: bases of half-integer powers are
positive there, so radicals may be multiplied together and their common factors cancelled.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import sympy as sp

from kernelcalc.symbols import c

HALF = sp.Rational(1, 2)


@lru_cache(maxsize=4096)
def tidy(expr: sp.Expr) -> sp.Expr:
    """The same function, with radicals merged, exponentials merged and like terms collected."""
    terms: dict[sp.Expr, sp.Expr] = {}
    for term in _terms(sp.expand_power_base(_arguments(expr))):
        rational, shape = _term(term)
        terms[shape] = terms.get(shape, sp.Integer(0)) + rational
    total = sp.Integer(0)
    for shape, rational in terms.items():
        total += _written(sp.factor(sp.cancel(rational))) * shape if rational != 0 else 0
    return _hyperbolic(total)


def _terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of the expanded numerator; roots and denominators stay as they are."""
    kept: dict[sp.Expr, sp.Dummy] = {}

    def keep(power: sp.Expr) -> sp.Expr:
        return kept.setdefault(power, sp.Dummy())

    frozen = expr.replace(lambda e: e.is_Pow and not (e.exp.is_Integer and e.exp > 0) and not e.base.is_number, keep)
    names = {dummy: power for power, dummy in kept.items()}
    terms = sp.Add.make_args(sp.expand(frozen, power_base=False, power_exp=False, log=False))
    for _ in names:  # a kept power may hold another inside
        if not any(term.has(*names) for term in terms):
            break
        terms = tuple(term.xreplace(names) for term in terms)
    return list(terms)


def _arguments(expr: sp.Expr) -> sp.Expr:
    """tidy the arguments of asin, erf, ... first."""
    if isinstance(expr, sp.Function) and not isinstance(expr, sp.exp):
        return expr.func(*(tidy(arg) for arg in expr.args))
    if not expr.args or not expr.has(sp.Function):
        return expr
    return expr.func(*(_arguments(arg) if isinstance(arg, sp.Expr) else arg for arg in expr.args))


def _positive(factor: sp.Expr) -> int:
    """The sign of a polynomial factor at one point of the domain (it keeps it where it is under a root)."""
    point = {s: sp.Rational(3, 2) + sp.Rational(index, 7) for index, s in enumerate(sorted(factor.free_symbols, key=str))}
    point |= {s: sp.Rational(1, 3) for s in factor.free_symbols if s == c}
    return 1 if factor.subs(point) > 0 else -1


def _term(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a product into a rational function and the rest: merged roots times special functions."""
    rational = sp.Integer(1)
    rest = sp.Integer(1)
    exponent = sp.Integer(0)
    halves: dict[sp.Expr, Fraction] = {}
    for factor in sp.Mul.make_args(term):
        base, power = factor.as_base_exp()
        if isinstance(factor, sp.exp) or (isinstance(base, sp.exp) and power.is_number):
            exponent += base.args[0] * power if isinstance(base, sp.exp) else factor.args[0]
        elif power.is_Rational and power.q == 2 and not base.has(sp.Function) and base.is_commutative:
            for polynomial, multiplicity in _factors(base):
                halves[polynomial] = halves.get(polynomial, Fraction(0)) + multiplicity * Fraction(int(power.p), 2)
        elif factor.is_rational_function() and not factor.has(sp.I):
            rational *= factor
        else:
            rest *= factor
    top = bottom = sp.Integer(1)
    for polynomial, power in halves.items():
        whole = power.numerator // power.denominator if power > 0 else -((-power).numerator // (-power).denominator)
        rational *= polynomial**whole
        if power - whole > 0:
            top *= polynomial
        elif power - whole < 0:
            bottom *= polynomial
    if exponent != 0:
        rest *= sp.exp(_exponent(exponent))
    # a polynomial common to the rational part and a root (x / sqrt(x)) is written once
    rational = sp.cancel(rational) if rational.free_symbols else rational
    numerator, denominator = sp.fraction(rational)
    for polynomial, power in halves.items():
        if power.denominator == 1 or not polynomial.free_symbols:
            continue
        if power - int(power) < 0 and sp.rem(numerator, polynomial, *_gens(polynomial)) == 0 and bottom.has(*polynomial.free_symbols):
            rational, top, bottom = rational / polynomial, top * polynomial, sp.cancel(bottom / polynomial)
        elif power - int(power) > 0 and sp.rem(denominator, polynomial, *_gens(polynomial)) == 0:
            rational, bottom, top = rational * polynomial, bottom * polynomial, sp.cancel(top / polynomial)
        rational = sp.cancel(rational)
        numerator, denominator = sp.fraction(rational)
    return rational, rest * _root(top) / _root(bottom)


def _gens(polynomial: sp.Expr) -> list[sp.Symbol]:
    return sorted(polynomial.free_symbols, key=str)


def _root(inside: sp.Expr) -> sp.Expr:
    return sp.sqrt(_written(inside)) if inside != 1 else sp.Integer(1)


def _factors(base: sp.Expr) -> list[tuple[sp.Expr, int]]:
    """Positive factors of a positive rational function, with multiplicities (negative in the denominator)."""
    found: list[tuple[sp.Expr, int]] = []
    for part, sign in zip(sp.fraction(sp.together(base)), (1, -1), strict=True):
        content, factors = sp.factor_list(part)
        flips = 1
        for factor, multiplicity in factors:
            if factor == c:
                factor = sp.Abs(c)
            elif _positive(factor) < 0:
                factor, flips = -factor, flips * (-1) ** multiplicity
            found.append((factor, sign * multiplicity))
        for prime, multiplicity in sp.factorint(sp.Abs(content).p).items() if sp.Abs(content).is_Rational else ((sp.Abs(content), 1),):
            if prime != 1:
                found.append((sp.sympify(prime), sign * multiplicity))
        if sp.Abs(content).is_Rational:
            found += [(sp.Integer(p), -sign * e) for p, e in sp.factorint(sp.Abs(content).q).items() if p != 1]
    return found


def _written(expr: sp.Expr) -> sp.Expr:
    """Polynomials in c as (factored part without c) - (rest) c^2, the way determinants are written."""
    if not expr.has(c):
        return expr
    if isinstance(expr, sp.Mul | sp.Pow):
        return expr.func(*(_written(arg) for arg in expr.args))
    if not isinstance(expr, sp.Add) or not expr.is_polynomial(c):
        return expr
    poly = sp.Poly(expr, c)
    return sp.Add(*(sp.factor(coefficient) * c**power for (power,), coefficient in poly.terms()))


def _exponent(expr: sp.Expr) -> sp.Expr:
    return sp.factor_terms(sp.cancel(sp.together(sp.expand(expr))), sign=True) if expr.free_symbols else sp.expand(expr)


def _hyperbolic(expr: sp.Expr) -> sp.Expr:
    """exp(u + w) +- exp(u - w) as 2 exp(u) cosh w or sinh w; phases exp(i p) as cos and sin."""
    if expr.has(sp.I):
        expr = expr.replace(
            lambda e: isinstance(e, sp.exp) and e.args[0].has(sp.I),
            lambda e: _phase(e.args[0].expand()),
        )
        expr = sp.expand(expr)
        expr = sp.factor_terms(expr)
    return expr


def _phase(exponent: sp.Expr) -> sp.Expr:
    real, imaginary = exponent.as_real_imag()
    return sp.exp(_exponent(real)) * (sp.cos(imaginary) + sp.I * sp.sin(imaginary))
