"""Numbers for the judge: expressions at exact points, to a given number of digits, and how well two agree."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.verify.claim import Point

Number = Any  # mpf or mpc; mpmath carries no types
GUARD = 15  # extra digits of the working precision


class NoNumber(ArithmeticError):
    """An expression or a witness gave no usable number."""


class Unsettled(NoNumber):
    """A number came out, but not to the digits asked for at any precision tried."""


def entries(form: Any) -> list[Any]:
    """The entries of a matrix row by row, or the one expression or number."""
    if isinstance(form, sp.MatrixBase | mp.matrix):
        return list(form)
    return [form]


def shape(form: Any) -> tuple[int, ...]:
    if isinstance(form, sp.MatrixBase):
        return tuple(form.shape)
    return (form.rows, form.cols) if isinstance(form, mp.matrix) else ()


def evaluate(form: Any, point: Point, digits: int) -> list[Number]:
    """The entries of an expression or matrix at the point, each settled to the digits asked for.

    The working precision is doubled until two results agree, so that cancellation costs time, not digits.
    A division by zero gives +inf. Raises NoNumber for NaN, symbols without a value, and if nothing settles.
    """
    return [_settled(entry, point, digits) for entry in entries(form)]


def _settled(expr: Any, point: Point, digits: int) -> Number:
    unknown = sorted(str(symbol) for symbol in expr.free_symbols - set(point))
    if unknown:
        raise NoNumber(f"no value given for {', '.join(unknown)} in {_brief(expr)}")
    precision = digits + GUARD
    old = _once(expr, point, precision)
    for _ in range(4):
        precision *= 2
        new = _once(expr, point, precision)
        with mp.workdps(precision):
            if new and (old == new or abs(old - new) <= mp.mpf(10) ** -(digits + 3) * abs(new)):
                return new
            if new and max(abs(old), abs(new)) <= mp.mpf(10) ** -(digits + 3):
                return new  # zero, up to a rounding that shrinks with the precision
        old = new
    if new == 0:  # at every precision: no cancellation of something smaller, 1 - erf(20), to nothing
        return new
    raise Unsettled(f"{_brief(expr)} does not settle at {describe(point)}")


def _once(expr: Any, point: Point, precision: int) -> Number:
    with mp.workdps(precision):
        function, names = _compiled(expr)
        arguments = [mp.mpf(int(point[name].p)) / int(point[name].q) for name in names]
        try:
            value = mp.mpmathify(function(*arguments)) if function else _by_sympy(expr, point, precision)
        except ZeroDivisionError:
            return mp.inf
        # mpmath has no such function, or wants integers, or an infinite sum: SymPy's own evaluation may know
        except (NameError, TypeError, ValueError, AttributeError, OverflowError):
            value = _by_sympy(expr, point, precision)
        if mp.isnan(value):
            raise NoNumber(f"{_brief(expr)} is NaN at {describe(point)}")
        return value


@lru_cache(maxsize=4096)
def _compiled(expr: Any) -> tuple[Callable[..., Any] | None, Sequence[Any]]:
    names = sorted(expr.free_symbols, key=str)
    try:
        return sp.lambdify(names, expr, modules="mpmath", dummify=True), names
    except (NotImplementedError, TypeError, ValueError, AttributeError):
        return None, names


def _by_sympy(expr: Any, point: Point, precision: int) -> Number:
    value = expr.subs(dict(point)).evalf(precision)
    if value in (sp.zoo, sp.oo, -sp.oo):
        return mp.inf
    if value is sp.nan or not value.is_number:
        raise NoNumber(f"{_brief(expr)} has no value at {describe(point)}")
    real, imaginary = value.as_real_imag()
    return mp.mpmathify(real) if imaginary == 0 else mp.mpc(mp.mpmathify(real), mp.mpmathify(imaginary))


def witnessed(witness: Callable[[Point, int], Any], point: Point, digits: int) -> Any:
    """The witness's number or matrix at the point. Raises NoNumber if it is none, NaN or infinite."""
    with mp.workdps(digits + GUARD):
        value = witness(point, digits)
        if isinstance(value, sp.MatrixBase):
            value = mp.matrix([[_number(x, point) for x in row] for row in value.tolist()])
        for entry in entries(value):
            if not mp.isfinite(_number(entry, point)):
                raise NoNumber(f"the witness gave {entry} at {describe(point)}")
        return value if isinstance(value, mp.matrix) else _number(value, point)


def _number(value: Any, point: Point) -> Number:
    if isinstance(value, sp.Expr):
        value = value.evalf(mp.mp.dps)
    # a float has 16 digits only: let it through, so that it is found wanting by the comparison
    if not isinstance(value, numbers.Number | mp.mpf | mp.mpc | sp.Number):
        raise NoNumber(
            f"the witness gave {type(value).__name__} {value!r:.60}, no number, at {describe(point)}"
        )
    return mp.mpmathify(value)


def agreement(values: Sequence[Number], truths: Sequence[Number], digits: int) -> int:
    """The number of common digits of all pairs, at most digits.

    Relative to the truth; absolute where the truth itself is within 10^-digits of zero.
    """
    return min(_common(x, y, digits) for x, y in zip(values, truths, strict=True))


def _common(value: Number, truth: Number, digits: int) -> int:
    with mp.workdps(digits + GUARD):
        tolerance = mp.mpf(10) ** -digits
        if not (mp.isfinite(value) and mp.isfinite(truth)):
            return 0
        scale = abs(truth) if abs(truth) > tolerance else mp.mpf(1)
        error = abs(value - truth) / scale
        if error <= tolerance:
            return digits
        return max(0, min(digits - 1, int(mp.floor(-mp.log10(error)))))


def describe(point: Point) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in point.items()) or "the only point"


def show(values: Sequence[Number], digits: int = 10) -> str:
    """The numbers as text; an infinite one is a division by zero."""
    shown = [mp.nstr(v, digits) if mp.isfinite(v) else "undefined (1/0)" for v in values]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _brief(expr: Any) -> str:
    text = str(expr)
    return text if len(text) <= 80 else text[:77] + "..."
