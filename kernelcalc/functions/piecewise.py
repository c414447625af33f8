"""Functions given by lists of numbers: several steps, linear pieces, polynomials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function, exact, planned, shown
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc import symbols as sym
else:
    sp, sym = Late("sympy"), Late("kernelcalc.symbols")


def _numbers(values: Iterable[object], name: str) -> list[sp.Expr]:
    if not isinstance(values, Iterable):
        raise InputError(f"{name}: give a list of numbers, not {values!r}")
    found = [exact(value, name) for value in values]
    if bad := [value for value in found if not value.is_number or not value.is_real]:
        raise InputError(f"{name}: {bad[0]} must be a real number")
    return found


def _list(values: Iterable[sp.Expr]) -> str:
    return ", ".join(map(shown, values))


def _increasing(values: Sequence[sp.Expr], name: str) -> None:
    for s, t in pairwise(values):
        if not s < t:
            raise InputError(f"{name} must increase: {shown(t)} follows {shown(s)}")


@planned
def MultiStep(thresholds: Iterable[object], weights: Iterable[object] | None = None) -> Function:
    """sum_j w_j 1_{z > t_j}: a quantised activation; equal weights 1 unless given.

    Raises InputError for thresholds that do not increase and for lists of different length.
    """
    at = _numbers(thresholds, "thresholds")
    heights = [sp.S.One] * len(at) if weights is None else _numbers(weights, "weights")
    if len(at) != len(heights) or not at:
        raise InputError(f"MultiStep needs one weight for each threshold; got {len(heights)} for {len(at)}")
    _increasing(at, "thresholds")
    expr = sp.Add(*(w * sp.Heaviside(sym.z - t) for t, w in zip(at, heights, strict=True)))
    return Function(f"multi_step[{_list(at)}; {_list(heights)}]", expr)


@planned
def PiecewiseLinear(knots: Iterable[object], slopes: Iterable[object], value: object = 0) -> Function:
    """The continuous function with the given kinks, the slopes from left to right, and f(first kink) = value.

    Raises InputError for knots that do not increase, or other than one slope more than knots.
    """
    at, rates = _numbers(knots, "knots"), _numbers(slopes, "slopes")
    (start,) = _numbers([value], "value")
    if len(rates) != len(at) + 1 or not at:
        raise InputError(f"PiecewiseLinear needs one slope more than knots; got {len(rates)} for {len(at)}")
    _increasing(at, "knots")
    bends, z = zip(at, pairwise(rates), strict=True), sym.z
    expr = start + rates[0] * (z - at[0])
    expr += sp.Add(*((after - before) * (z - t) * sp.Heaviside(z - t) for t, (before, after) in bends))
    return Function(f"piecewise_linear[{_list(at)}; {_list(rates)}; {shown(start)}]", expr)


@planned
def Polynomial(coefficients: Iterable[object]) -> Function:
    """sum_j p_j z^j, the coefficients from p_0 on."""
    found = _numbers(coefficients, "coefficients")
    if not found:
        raise InputError("Polynomial needs at least one coefficient")
    return Function(f"polynomial[{_list(found)}]", sp.Add(*(p * sym.z**j for j, p in enumerate(found))))
