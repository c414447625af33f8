"""Numbers in, functions in: exact SymPy numbers, and functions as mpmath callables."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Hashable
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.errors import InputError, Undefined
from kernelcalc.symbols import z


class Integrand(Hashable, Protocol):
    """What the witness reads of a function: regular part in ``symbols.z``, Dirac masses, kinks and jumps."""

    @property
    def expr(self) -> sp.Expr: ...

    @property
    def deltas(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]: ...

    @property
    def breakpoints(self) -> tuple[sp.Expr, ...]: ...


def exact(value: object, name: str) -> sp.Expr:
    """``value`` (int, float, Fraction, SymPy number, mpf or str) as the real number it stands for, unrounded.

    Raises InputError naming the input if it is not a finite real number.
    """
    try:
        if isinstance(value, mpf):
            sign, man, exponent, _ = value._mpf_
            if mp.isfinite(value):
                return sp.Rational(int(-man if sign else man)) * sp.Rational(2) ** int(exponent)
        elif isinstance(value, sp.Expr):
            if value.is_Float:
                return exact(mpf(value), name)
            if value.is_number and value.is_extended_real and value.is_finite:
                return value
        elif isinstance(value, numbers.Integral):
            return sp.Integer(int(value))
        elif isinstance(value, numbers.Rational | str):
            ratio = Fraction(value)
            return sp.Rational(ratio.numerator, ratio.denominator)
        elif isinstance(value, numbers.Real):
            return sp.Rational(*float(value).as_integer_ratio())
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise InputError(f"{name} = {value!r} is not a finite real number") from error
    raise InputError(f"{name} = {value!r} is not a finite real number")


def number(value: sp.Expr) -> mpf:
    """The exact number rounded to the working precision."""
    if value.is_Rational:
        return mpf(value.p) / value.q
    return +mpf(value.evalf(mp.dps + 5))


def _heaviside(x: mpf, at_zero: mpf | None = None) -> mpf:
    return mpf(x > 0) if x != 0 else mpf(0.5) if at_zero is None else at_zero


_SWITCHES = {  # never a Python int, whose powers are floats
    "Heaviside": _heaviside,
    "max": lambda *values: mpf(max(values)),
    "min": lambda *values: mpf(min(values)),
}


@lru_cache(maxsize=1024)
def compiled(expr: sp.Expr) -> Callable[[list[mpf]], list[mpf]]:
    """The expression as a map from arguments to values at the working precision.

    The map raises Undefined where the expression has no finite real value.
    """
    strange = expr.free_symbols - {z}
    if strange:
        names = ", ".join(sorted(map(str, strange)))
        raise InputError(f"{expr} still contains {names}: give every parameter a number")
    function = sp.lambdify(z, expr, modules=[_SWITCHES, "mpmath"])

    def values(points: list[mpf]) -> list[mpf]:
        try:
            result = [mpf(function(point)) for point in points]
        except (TypeError, ZeroDivisionError) as error:  # TypeError: mpf() of a complex number
            raise Undefined(f"{expr} has no finite real value somewhere in [{_span(points)}]") from error
        if not mp.isfinite(mp.fsum(result)):
            raise Undefined(f"{expr} is not finite somewhere in [{_span(points)}]")
        return result

    return values


def _span(points: list[mpf]) -> str:
    return f"{mp.nstr(min(points), 6)}, {mp.nstr(max(points), 6)}"
