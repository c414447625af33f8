"""Float64 values of an expectation, as accurate as the float64 inputs determine them, with error bounds.

The closed form is evaluated in mpmath on the exact inputs, at two precisions that must agree. Where there is
none, the float64 series of ``numeric`` is taken if its bound is small, else the quadrature of the definition.
Kernels on data use the compiled evaluators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from kernelcalc.arrays import reals
from kernelcalc.errors import InputError
from kernelcalc.expectation import mixture, numeric, waves
from kernelcalc.expectation.numeric import EPS, Bounded
from kernelcalc.symbols import a, z

if TYPE_CHECKING:
    from kernelcalc.expectation.result import Expectation

DIGITS = (40, 80, 160, 320, 640, 1280)  # tried in turn until two agree to float64
SMALLEST = 324  # decimal digits after the point of the smallest float
TIGHT = 1e-13  # relative; a series whose bound is larger gives way to the reference

Point = tuple[float, ...]


def evaluate(e: Expectation, arguments: tuple[Any, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and error bounds of e at v, or at a, b, c (arrays broadcast; the results are arrays).

    Raises InputError for what is no covariance matrix, and Undefined where the expectation is infinite.
    """
    names = [s.name for s in e.arguments]
    if len(arguments) != len(names):
        raise InputError(f"{e!r} takes {len(names)} argument(s) ({', '.join(names)}), got {len(arguments)}")
    _check_parameters(e)
    arrays = np.broadcast_arrays(*(_numbers(e, x, name) for name, x in zip(names, arguments, strict=True)))
    values, bounds = np.empty(arrays[0].shape), np.empty(arrays[0].shape)
    for index in np.ndindex(values.shape):
        values[index], bounds[index] = _one(e, tuple(float(array[index]) for array in arrays))
    return values, bounds


def _check_parameters(e: Expectation) -> None:
    functions = [f for f in (e.f, e.g) if f is not None]
    parts = [f.expr for f in functions] + [part for f in functions for mass in f.deltas for part in mass]
    free = sorted({str(s) for part in parts for s in part.free_symbols - {z}})
    if free:
        raise InputError(f"{e!r}: give numbers for {', '.join(free)} before asking for values")


def _numbers(e: Expectation, value: Any, name: str) -> NDArray[np.float64]:
    try:
        array = reals(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{e!r}: {name}={value!r} must be numbers") from error
    signed = name == "c"
    bad = ~np.isfinite(array) | ((array < 0) & (not signed))
    if bad.any():
        raise InputError(
            f"{e!r}: {name}={float(array[bad].flat[0])!r} must be finite" + (" and >= 0" * (not signed))
        )
    return array


def _one(e: Expectation, point: Point) -> Bounded:
    if len(point) == 3:
        with mp.workdps(2000):  # exact for float64 numbers
            first, second, covariance = map(mp.mpf, point)
            det = first * second - covariance**2
        if det < 0:
            raise InputError(
                f"{e!r}: c^2 > a b at a={point[0]!r}, b={point[1]!r}, c={point[2]!r}: no covariance matrix"
            )
        if det == 0:
            return _singular(e, point)
    elif point[0] == 0:
        return _reference(e, point)
    if e.expr is not None:
        return _closed(e, e.expr, dict(zip(e.arguments, point, strict=True)))
    if e.g is None and waves.wave(e.f) is not None:
        with mp.workdps(DIGITS[0]):
            return _rounded(mp.mpf(waves.mean(e.f, mp.mpf(point[0]))))
    found = numeric.mean(e.f, *point) if e.g is None else numeric.dual(e.f, e.g, *point)
    if found.bound <= TIGHT * abs(found.value):
        return found
    return _mixed(e, point) or _reference(e, point)


def _singular(e: Expectation, point: Point) -> Bounded:
    """Y = (c/a) X: at X = Y the derived diagonal form, elsewhere the one-dimensional quadrature."""
    first, second, covariance = point
    if first == second == covariance > 0 and e.diagonal is not None:
        if e.diagonal.is_infinite:
            return Bounded(float(e.diagonal), 0.0)
        return _closed(e, e.diagonal, {a: first})
    return _reference(e, point)


def _mixed(e: Expectation, point: Point) -> Bounded | None:
    """By the mixture of normal distribution functions that the logistic function is, where it is one."""
    f, g = mixture.mixture(e.f), None if e.g is None else mixture.mixture(e.g)
    if f is None or (g is None and e.g is not None):
        return None
    exact = [mp.mpf(x) for x in point]
    value, bound = mixture.mean(f, *exact) if g is None else mixture.dual(f, g, *exact)
    return Bounded(float(value), float(bound) + EPS * abs(float(value)))


def _reference(e: Expectation, point: Point) -> Bounded:
    return _rounded(e.reference(*point, digits=17))


def _rounded(value: mp.mpf) -> Bounded:
    return Bounded(float(value), EPS * abs(float(value)))


@lru_cache(maxsize=1024)
def _callable(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., mp.mpf]:
    return sp.lambdify(symbols, expr, "mpmath")  # type: ignore[no-any-return]  # SymPy is untyped


def _closed(e: Expectation, expr: sp.Expr, point: dict[sp.Symbol, float]) -> Bounded:
    call = _callable(expr, tuple(point))
    last = None
    for digits in DIGITS:
        with mp.workdps(digits):
            value = mp.mpf(call(*(mp.mpf(x) for x in point.values())))
            settled = last is not None and abs(value - last) <= abs(value) * mp.mpf(10) ** -18
            if settled and (value != 0 or digits > SMALLEST):  # 0 may be all that is left of a difference
                return _rounded(value)
        last = value
    raise InputError(
        f"{e!r}: no two precisions agree at {point}; its closed form is too ill-conditioned there"
    )
