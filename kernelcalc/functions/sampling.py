"""Functions of z in floating point: what is found here is numeric, not proven."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import mpmath as mp
import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.symbols import z


@lru_cache(maxsize=512)
def float_function(e: sp.Expr) -> Callable[[float], float]:
    """e as a function of a float; NaN where it overflows or has no real value."""
    if e.free_symbols - {z}:
        raise InputError(f"{e} has symbolic parameters; give them numbers")
    f = sp.lambdify(z, sp.N(e.replace(sp.sech, lambda w: 1 / sp.cosh(w)), 17), "math")  # math has no sech

    def value(x: float) -> float:
        try:
            return float(f(x))
        except (OverflowError, ValueError, ZeroDivisionError, TypeError):  # TypeError: complex
            return math.nan

    return value


def grid(lo: sp.Expr, hi: sp.Expr) -> list[float]:
    """Floats in (lo, hi): geometric from the finite ends, and a unit scale resolved to 1/16 from there."""
    if lo.free_symbols | hi.free_symbols:
        raise InputError(f"the interval ({lo}, {hi}) has symbolic ends; give the parameters numbers")
    decades = [10 ** (k / 30) for k in range(-180, 181)]
    if lo.is_finite and hi.is_finite:
        a, b = float(lo), float(hi)
        steps = [*decades, *(k / (512 - k) for k in range(1, 512))]
        return sorted(x for x in (a + (b - a) * (t / (1 + t)) for t in steps) if a < x < b)
    steps = [*decades, *(k / 16 for k in range(1, 641))]
    if lo.is_finite or hi.is_finite:
        end, way = (float(lo), 1) if lo.is_finite else (float(hi), -1)
        return sorted(x for x in (end + way * t for t in steps) if x != end)
    return sorted([0.0, *steps, *(-t for t in steps)])


def numeric_extremes(e: sp.Expr, lo: sp.Expr, hi: sp.Expr, exact: list[sp.Expr]) -> list[sp.Expr]:
    """Rationals just beyond the greatest and the least value on (lo, hi), where these exceed the exact ones.

    The three highest local extremes on the grid are refined at 30 digits; narrower features are missed.
    """
    f = float_function(e)
    samples = [(x, y) for x in grid(lo, hi) if math.isfinite(y := f(x))]
    triples = list(zip(samples, samples[1:], samples[2:], strict=False))
    result = []
    with mp.workdps(30):
        precise = sp.lambdify(z, e, "mpmath")
        for way in (1, -1):
            peaks = [
                (way * y, a, b) for (a, p), (_, y), (b, q) in triples if way * (y - p) >= 0 <= way * (y - q)
            ]
            best = max((mp.mpf(str(sp.N(way * x, 30))) for x in exact if x.is_finite), default=-mp.inf)
            for _, a, b in sorted(peaks, reverse=True)[:3]:
                top = way * precise(_peak(precise, way, mp.mpf(a), mp.mpf(b)))
                if top > best + mp.mpf(10) ** -20:
                    digits = 12 - int(mp.floor(mp.log10(abs(top)))) if top else 12
                    above = int(mp.ceil(top * mp.mpf(10) ** digits)) + 1
                    result.append(way * above / sp.Integer(10) ** digits)
    return result


def _peak(f: Callable[[mp.mpf], mp.mpf], way: int, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    """Where way * f, with one local maximum on [a, b], is greatest."""
    for _ in range(90):
        c, d = (2 * a + b) / 3, (a + 2 * b) / 3
        a, b = (c, b) if way * f(c) < way * f(d) else (a, d)
    return (a + b) / 2
