"""Float64 values of an expectation, correct to the last digits the float64 inputs determine.

The closed form is evaluated in mpmath on the exact inputs, at two precisions that must agree; where there
is none, the quadrature of the definition takes its place. Kernels on data use the compiled evaluators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath as mp
import numpy as np
import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.symbols import a

if TYPE_CHECKING:
    from kernelcalc.expectation.result import Expectation

DIGITS = (40, 80, 160, 320, 640, 1280)  # tried in turn until two agree to float64


def evaluate(e: Expectation, arguments: tuple[Any, ...]) -> Any:
    """e at v, or at a, b, c (arrays broadcast). Raises InputError for what is no covariance matrix."""
    names = [s.name for s in e.arguments]
    if len(arguments) != len(names):
        raise InputError(f"{e!r} takes {len(names)} argument(s) ({', '.join(names)}), got {len(arguments)}")
    free = sorted(map(str, (e.expr if e.expr is not None else e.f.expr).free_symbols - set(e.arguments) - {sp.Symbol("z", real=True)}))
    if free:
        raise InputError(f"{e!r}: give numbers for the parameters {free} before asking for values")
    arrays = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in arguments))
    for name, array in zip(names, arrays, strict=True):
        bad = ~np.isfinite(array) | (array < 0 if name != "c" else False)
        if bad.any():
            raise InputError(f"{e!r}: {name}={array[bad].flat[0]!r} must be finite" + (" and >= 0" if name != "c" else ""))
    values = np.empty(arrays[0].shape)
    for index in np.ndindex(values.shape):
        values[index] = _one(e, tuple(float(array[index]) for array in arrays))
    return values if values.shape else float(values)


def _one(e: Expectation, point: tuple[float, ...]) -> float:
    if len(point) == 3:
        exact = [mp.mpf(x) for x in point]
        with mp.workdps(2000):
            det = exact[0] * exact[1] - exact[2] ** 2
        if det < 0:
            raise InputError(f"{e!r}: c^2 > a b at a={point[0]!r}, b={point[1]!r}, c={point[2]!r}: no covariance matrix")
        if det == 0:
            return _singular(e, point)
    if e.expr is None or 0.0 in (point[:2] if len(point) == 3 else point):
        return float(e.reference(*point, digits=17))
    return _closed(e.expr, dict(zip(e.arguments, point, strict=True)), e)


def _singular(e: Expectation, point: tuple[float, ...]) -> float:
    """Y = (c/a) X: at X = Y the derived diagonal form, elsewhere the one-dimensional quadrature."""
    first, second, covariance = point
    if first == second == covariance and first > 0 and e.diagonal is not None:
        return float("inf") if e.diagonal == sp.oo else _closed(e.diagonal, {a: first}, e)
    return float(e.reference(*point, digits=17))


def _closed(expr: sp.Expr, point: dict[sp.Symbol, float], e: Expectation) -> float:
    symbols = tuple(point)
    call = sp.lambdify(symbols, expr, "mpmath")
    last = None
    for digits in DIGITS:
        with mp.workdps(digits):
            value = mp.re(call(*(mp.mpf(x) for x in point.values())))
            if last is not None and abs(value - last) <= abs(value) * mp.mpf(10) ** -18:
                return float(value)
        last = value
    raise InputError(f"{e!r}: no two precisions agree at {point}; its closed form is too ill-conditioned there")


