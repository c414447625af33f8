"""Bring a derived expression into the shape in which people write it.

Every rewriting here is an identity on the domain a, b, v > 0, a b > c^2 (and t -> 0+ in an expansion): bases
of half-integer powers are positive there, so radicals may be multiplied and common factors cancelled.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import count, product

import sympy as sp

from kernelcalc.symbols import D, a, b, c

t = sp.Symbol("t", positive=True)  # the small variable of an expansion: x = t^2, so that roots are powers


@lru_cache(maxsize=4096)
def tidy(expr: sp.Expr) -> sp.Expr:
    """The same function, with radicals merged, exponentials merged, like terms collected and phases written
    by cos and sin. Forms with hypergeometric functions stay as the rule wrote them."""
    if expr.has(sp.hyper):
        return expr
    found = _collected(expr)
    return _collected(_without_phases(found)) if found.has(sp.I) else found


def _collected(expr: sp.Expr) -> sp.Expr:
    terms: dict[sp.Expr, sp.Expr] = {}
    for term in _terms(sp.expand_power_base(_arguments(expr))):
        rational, shape = _term(term)
        terms[shape] = terms.get(shape, sp.Integer(0)) + rational
    return sp.Add(*(_written(sp.factor(_cancelled(rational))) * shape for shape, rational in terms.items()))


def _cancelled(total: sp.Expr) -> sp.Expr:
    """A sum of rational functions in lowest terms: what may cancel is a factor of one of the denominators.

    To divide by those is fast where the search for a greatest common divisor of the expanded sum is not.
    """
    terms = [sp.fraction(term) for term in sp.Add.make_args(total)]
    if len(terms) < 12:
        return sp.cancel(total)
    factors: dict[sp.Expr, int] = {}
    for bottom in {bottom for _, bottom in terms}:
        for factor, power in sp.factor_list(bottom)[1]:
            factors[factor] = max(power, factors.get(factor, 0))
    common = sp.Mul(*(factor**power for factor, power in factors.items()))
    gens = _gens(total)
    whole, sum_ = sp.Poly(common, *gens), sp.Poly(0, *gens)
    for top, bottom in terms:
        sum_ += sp.Poly(top, *gens) * whole.quo(sp.Poly(bottom, *gens))
    for factor, power in factors.items():
        for _ in range(power):
            quotient, rest = sum_.div(sp.Poly(factor, *gens))
            if not rest.is_zero:
                break
            sum_, common = quotient, common / factor
    return sum_.as_expr() / common


def _without_phases(expr: sp.Expr) -> sp.Expr:
    """exp(p + i q) = exp(p) (cos q + i sin q);  erf(i x) = i erfi(x)."""

    def phase(exponent: sp.Expr) -> sp.Expr:
        real, imaginary = sp.expand(exponent).as_real_imag()
        return sp.exp(real) * (sp.cos(imaginary) + sp.I * sp.sin(imaginary))

    def turned(u: sp.Expr) -> sp.Expr:
        x = sp.expand(-sp.I * u)
        return sp.erf(u) if x.has(sp.I) else sp.I * sp.erfi(x)

    expr = expr.replace(lambda e: isinstance(e, sp.exp) and e.has(sp.I), lambda e: phase(e.args[0]))
    return sp.expand(expr.replace(sp.erf, turned), power_base=False, power_exp=False)


def _terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of the expanded numerator; roots and denominators stay as they are."""
    kept: dict[sp.Expr, sp.Dummy] = {}

    def keep(power: sp.Expr) -> sp.Expr:
        return kept.setdefault(power, sp.Dummy())

    frozen = expr.replace(
        lambda e: e.is_Pow and not (e.exp.is_Integer and e.exp > 0) and not e.base.is_number, keep
    )
    names = {dummy: power for power, dummy in kept.items()}
    terms = sp.Add.make_args(sp.expand(frozen, power_base=False, power_exp=False, log=False))
    for _ in names:  # a kept power may hold another inside
        if not any(term.has(*names) for term in terms):
            break
        terms = tuple(term.xreplace(names) for term in terms)
    return list(terms)


def _arguments(expr: sp.Expr) -> sp.Expr:
    """tidy the arguments of asin, erf, ... first."""
    if isinstance(expr, sp.Abs) and (sign := _sign(expr.args[0])):
        return sign * expr.args[0]
    if isinstance(expr, sp.Function) and not isinstance(expr, sp.exp):
        return expr.func(*(tidy(arg) for arg in expr.args))
    if not expr.args or not expr.has(sp.Function):
        return expr
    return expr.func(*(_arguments(arg) if isinstance(arg, sp.Expr) else arg for arg in expr.args))


def _sign(factor: sp.Expr) -> int:
    """The sign of a polynomial that has one on the whole domain, as far as it can be told, else 0."""
    for form in (factor, sp.expand(factor.subs(c**2, a * b - D))):
        if form.is_positive or form.is_negative:
            return 1 if form.is_positive else -1
    return 0


def _sampled_sign(factor: sp.Expr, base: sp.Expr) -> int:
    """The sign at a point of the domain, where base is positive: an odd factor of base keeps it all over."""
    known = {c: sp.Rational(1, 3), t: sp.Rational(1, 1000)}
    others = sorted(base.free_symbols - set(known), key=str)
    for side, ratio in product((1, -1), (sp.Rational(n, 7) for n in (8, 6, 16, 3, 30, 1))):
        sides = (1 if s.is_nonnegative else side for s in others)
        sizes = (sp.Rational(3, 2) * ratio**i for i in count())
        values = known | {s: k * size for s, k, size in zip(others, sides, sizes, strict=False)}
        if base.subs(values).is_positive:
            break
    return 1 if factor.subs(values) > 0 else -1


def _term(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a product into a rational function and the rest: merged roots times special functions."""
    rational = sp.Integer(1)
    rest = sp.Integer(1)
    exponent = sp.Integer(0)
    halves: dict[sp.Expr, Fraction] = {}
    for factor in sp.Mul.make_args(term):
        base, power = factor.as_base_exp()
        if base == sp.E:  # of every exp
            exponent += power
        elif power.is_Rational and power.q == 2 and not base.has(sp.Function, sp.I) and not base.is_negative:
            for polynomial, multiplicity in _factors(base):
                halves[polynomial] = halves.get(polynomial, Fraction(0)) + multiplicity * Fraction(
                    int(power.p), 2
                )
        elif factor.is_rational_function() and not factor.has(sp.I):
            rational *= factor
        else:
            rest *= factor
    top = bottom = sp.Integer(1)
    for polynomial, power in halves.items():
        whole = (
            power.numerator // power.denominator
            if power > 0
            else -((-power).numerator // (-power).denominator)
        )
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
        whole = int(power)
        if power < whole and sp.rem(numerator, polynomial, *_gens(polynomial)) == 0:
            rational, top, bottom = rational / polynomial, top * polynomial, sp.cancel(bottom / polynomial)
        elif power > whole and sp.rem(denominator, polynomial, *_gens(polynomial)) == 0:
            rational, bottom, top = rational * polynomial, bottom * polynomial, sp.cancel(top / polynomial)
        else:
            continue
        rational = sp.cancel(rational)
        numerator, denominator = sp.fraction(rational)
    return rational, rest * _root(top) / _root(bottom)


def _gens(polynomial: sp.Expr) -> list[sp.Symbol]:
    return sorted(polynomial.free_symbols, key=str)


def _root(inside: sp.Expr) -> sp.Expr:
    return sp.sqrt(_written(inside)) if inside != 1 else sp.Integer(1)


@lru_cache(maxsize=1024)
def _factors(base: sp.Expr) -> tuple[tuple[sp.Expr, int], ...]:
    """Positive factors of a positive rational function, with multiplicities (negative in the denominator).

    An odd factor of something positive keeps its sign on the (connected) domain; an even one may change it,
    sqrt((A - B)^2) = |A - B|.
    """
    found: list[tuple[sp.Expr, int]] = []
    for part, side in zip(sp.fraction(sp.together(base)), (1, -1), strict=True):
        content, factors = sp.factor_list(part)
        for factor, multiplicity in factors:
            sign = _sign(factor) or (_sampled_sign(factor, base) if multiplicity % 2 else 0)
            found.append((sign * factor if sign else sp.Abs(factor), side * multiplicity))
        size = sp.Abs(content)
        if size.is_Rational:
            found += [
                (sp.Integer(prime), side * power)
                for prime, power in sp.factorint(size.p).items()
                if prime != 1
            ]
            found += [(sp.Integer(prime), -side * power) for prime, power in sp.factorint(size.q).items()]
        else:
            found.append((size, side))
    return tuple(found)


@lru_cache(maxsize=1024)
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


@lru_cache(maxsize=1024)
def _exponent(expr: sp.Expr) -> sp.Expr:
    if not expr.free_symbols:
        return sp.expand(expr)
    return sp.factor_terms(sp.cancel(sp.together(sp.expand(expr))), sign=True)
