"""A zero test for expressions in radicals, exponentials, logarithms and other functions.

Every root, power, exponential and function value becomes a new symbol, with its algebraic relation (the
square of a root, cos^2 = 1 - sin^2) written down; equal ones get the same symbol. There remains a polynomial,
which is zero or is not. A positive answer is a proof; a negative one is none, since only those relations
between functions are known that are written below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

Expr = Any  # SymPy carries no types

ODD = (sp.asin, sp.erf, sp.erfi, sp.sin, sp.tan, sp.atan, sp.sinh, sp.tanh, sp.asinh, sp.atanh, sp.sign)
EVEN = (sp.cos, sp.cosh, sp.Abs)


def sign_of(expr: Expr) -> int | None:
    """1 or -1 if the assumptions of the symbols fix the sign of the expression (and exclude 0), else None."""
    top, bottom = sp.fraction(sp.together(expr))
    signs = [_factor_sign(part) for part in (top, bottom)]
    return None if None in signs else math.prod(s for s in signs if s is not None)


def _factor_sign(expr: Expr) -> int | None:
    for form in (expr, sp.expand(expr), sp.factor(expr)):
        if form.is_positive:
            return 1
        if form.is_negative:
            return -1
    return None


def is_zero(expr: Expr) -> bool:
    """True if the expression is proved to vanish identically where it is defined."""
    return bool(expr == 0) or _Field.over(expr).vanishes(expr)


@dataclass
class _Field:
    """The rational functions in symbols and in the new symbols that stand for everything else."""

    order: int  # every root is taken as a power of the root of this order
    values: dict[Expr, tuple[Any, tuple[Expr, ...]]] = field(
        default_factory=dict
    )  # new symbol -> head, arguments
    relations: dict[Expr, tuple[int, Expr]] = field(default_factory=dict)  # new symbol s -> (q, p): s^q = p

    @classmethod
    def over(cls, expr: Expr) -> _Field:
        exponents = [
            factor for power in expr.atoms(sp.Pow, sp.exp) for factor in power.exp.atoms(sp.Rational)
        ]
        return cls(math.lcm(2, *(int(factor.q) for factor in exponents)))

    def vanishes(self, expr: Expr) -> bool:
        return self._reduces_to_zero(self.convert(sp.expand_log(expr)))

    def _reduces_to_zero(self, converted: Expr) -> bool:
        top, bottom = sp.fraction(sp.together(converted))
        if not any(symbol in self.relations for symbol in top.free_symbols | bottom.free_symbols):
            return bool(sp.expand(top) == 0 and sp.expand(bottom) != 0)
        return bool(self._reduced(top) == 0 and self._reduced(bottom) != 0)

    def _reduced(self, expr: Expr) -> Expr:
        # newest first: a relation speaks only of symbols older than its own
        for symbol in reversed(self.relations):
            if symbol in expr.free_symbols:
                q, p = self.relations[symbol]
                terms = sp.Poly(sp.expand(expr), symbol).terms()
                expr = sp.Add(*(t * symbol ** (k % q) * p ** (k // q) for (k,), t in terms))
                expr = sp.fraction(sp.together(expr))[0]
        return sp.expand(expr)

    # -- expression -> rational function

    def convert(self, expr: Expr) -> Expr:
        if expr.is_Rational or expr.is_Symbol:
            return expr
        if expr.is_Mul:  # one exponent: what is over different denominators may cancel
            exponents = [arg.exp for arg in expr.args if isinstance(arg, sp.exp)]
            others = [arg for arg in expr.args if not isinstance(arg, sp.exp)]
            return sp.Mul(*map(self.convert, others), self.convert(sp.exp(sp.Add(*exponents))))
        if expr.is_Add:
            return sp.Add(*map(self.convert, expr.args))
        if isinstance(expr, sp.exp):
            return self._power(sp.E, expr.exp)
        if expr.is_Pow:
            return self._power(*expr.args)
        if isinstance(expr, sp.log):
            return self._log(self.convert(expr.args[0]))
        if isinstance(expr, sp.Function) and not isinstance(expr, sp.Piecewise):
            return self._function(expr)
        return self._new(expr.func, (expr,), expr)  # pi, sums, integrals, cases: nothing is known of them

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        if exponent.is_Rational:
            return self._root(self.convert(base), exponent)
        # b^x is the positive power only for positive b and real x; otherwise nothing is known of it
        if not (exponent.is_extended_real and (base == sp.E or sign_of(base) == 1)):
            return self._new(sp.Pow, (self.convert(base), self.convert(exponent)), base**exponent)
        top, bottom = sp.fraction(sp.cancel(self.convert(exponent)))
        factors, product = self._factors(sp.E if base == sp.E else self.convert(base)), sp.S.One
        for term in sp.Add.make_args(sp.expand(top)):
            for factor, multiplicity in factors:
                product *= self._exponential(factor, multiplicity * term / bottom)
        return product

    def _exponential(self, base: Expr, exponent: Expr) -> Expr:
        """base^exponent for a positive base: a rational power of a known one, if there is such."""
        if exponent.is_Rational and base != sp.E:
            return self._root(base, exponent)
        for symbol, (head, known) in list(self.values.items()):
            if head is sp.Pow and known[0] == base:
                ratio = sp.cancel(exponent / known[1])
                if ratio.is_Rational and ratio.q <= self.order and self.order % ratio.q == 0:
                    return self._root(symbol, ratio)
        symbol = sp.Dummy(positive=True)
        self.values[symbol] = (sp.Pow, (base, exponent))
        return symbol

    def _root(self, base: Expr, exponent: Expr) -> Expr:
        if exponent.is_Integer:
            return base**exponent
        product, rest = sp.S.One, sp.S.One
        for factor, multiplicity in self._factors(base):
            if factor.is_positive or _factor_sign(factor) == 1:
                product *= self._generator(factor) ** (multiplicity * exponent * self.order)
            else:  # a root distributes over positive factors only: keep the rest together
                rest *= factor**multiplicity
        return product if rest == 1 else product * self._generator(rest) ** (exponent * self.order)

    def _factors(self, base: Expr) -> list[tuple[Expr, int]]:
        """base as a product of powers: irreducible polynomials (of p, -p the positive one), primes, -1."""
        if base == sp.E:
            return [(base, 1)]
        content, found, minus = sp.S.One, [], 1
        for part, side in zip(sp.fraction(sp.together(base)), (1, -1), strict=True):
            constant, factors = sp.factor_list(part)
            content *= constant**side
            for factor, multiplicity in factors:
                if _factor_sign(factor) == -1:
                    factor, minus = sp.expand(-factor), minus * (-1) ** multiplicity
                found.append((factor, side * multiplicity))
        content *= minus
        primes = [(sp.Integer(p), k) for p, k in sp.factorrat(abs(content)).items() if p != 1]
        return found + primes + ([(sp.S.NegativeOne, 1)] if content < 0 else [])

    def _generator(self, base: Expr) -> Expr:
        for symbol, (_, known) in self.relations.items():
            if self.values[symbol][0] is sp.root and (known == base or sp.expand(known - base) == 0):
                return symbol
        symbol = sp.Dummy(positive=True) if sign_of(base) == 1 else sp.Dummy()
        self.values[symbol] = (sp.root, (base,))
        self.relations[symbol] = (self.order, base)
        return symbol

    def _log(self, argument: Expr) -> Expr:
        factors = self._factors(argument)
        if all(_factor_sign(factor) == 1 for factor, _ in factors):
            return sp.Add(*(k * self._new(sp.log, (factor,), sp.log(factor)) for factor, k in factors))
        return self._new(sp.log, (argument,), sp.log(argument))

    def _function(self, expr: Expr) -> Expr:
        head, args = expr.func, expr.args
        if (definition := getattr(expr, "definition", None)) is not None:
            return self.convert(definition())
        if head is sp.acos:
            return self.convert(sp.pi / 2 - sp.asin(args[0]))
        if head is sp.erfc:
            return self.convert(1 - sp.erf(args[0]))
        if head is sp.atan and args[0].is_real:
            return self.convert(sp.asin(args[0] / sp.sqrt(1 + args[0] ** 2)))
        if head is sp.atan2 and sign_of(args[1]) == 1:
            return self.convert(sp.asin(args[0] / sp.sqrt(args[0] ** 2 + args[1] ** 2)))
        converted = tuple(map(self.convert, args))
        if head is sp.cos:
            sine = self._new(sp.sin, converted, sp.sin(args[0]))
            cosine = self._new(sp.cos, converted, expr)
            self.relations.setdefault(cosine, (2, 1 - sine**2))
            return cosine
        return self._new(head, converted, expr)

    def _new(self, head: Any, args: tuple[Expr, ...], original: Expr) -> Expr:
        """The symbol of head(args): an old one (perhaps negated) if the arguments are equal, else a new."""
        for symbol, (known_head, known) in list(self.values.items()):
            if known_head is head and len(known) == len(args):
                if all(self._same(x, y) for x, y in zip(args, known, strict=True)):
                    return symbol
                if head in ODD + EVEN and self._same(args[0], -known[0]):
                    return symbol if head in EVEN else -symbol
        symbol = sp.Dummy(positive=True) if original.is_positive else sp.Dummy(real=original.is_real)
        self.values[symbol] = (head, args)
        return symbol

    def _same(self, x: Expr, y: Expr) -> bool:
        return bool(x == y) or self._reduces_to_zero(x - y)
