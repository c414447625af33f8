"""The compiled evaluation of the tables of piecewise.py and planes.py."""

from __future__ import annotations

from math import floor, nan, sqrt
from typing import Any

from kernelcalc.compile.arithmetic.normal import phi
from kernelcalc.compile.arithmetic.primitives import (
    apart,
    bits,
    fma,
    from_bits,
    inline,
    offset,
    shift_right,
    wide,
)
from kernelcalc.compile.arithmetic.registers import double_polynomial
from kernelcalc.compile.arithmetic.shuffles import fetch8
from kernelcalc.compile.arithmetic.vecmath import exp
from kernelcalc.compile.layout import (
    FALLS,
    PLANE_FOLD,
    PLANE_FOLDED,
    PLANE_LEVELS,
    PLANE_TERMS,
    SECOND,
    STRIDE,
    TABLE_HEADER,
    TABLE_TERMS,
)

Pointer = Any
TINY = 1e-300
BELOW_ONE = 1 - 2.0**-53


@inline
def _placed(x: float, table: Pointer) -> tuple[float, int]:
    """x relative to the middle of its interval, and where the coefficients of that begin."""
    shift, half, base = int(table[0]), int(table[1]), int(table[2])
    low, high = table[3], table[4]
    y = high if x >= high else x
    j = shift_right(bits(y if y >= low else low), shift)
    return y - from_bits((j << shift) + half), TABLE_HEADER + (TABLE_TERMS - 1) * (j - base)


@inline
def _further(side: float, table: Pointer) -> int:
    """How much further on the coefficients of the second table are, if side > 0."""
    return (TABLE_TERMS - 1) * int(table[SECOND]) if side > 0.0 else 0


@inline
def _value(t: float, row: Pointer, step: int) -> float:
    """The polynomial with these coefficients, `step` apart, at t."""
    u = t * t
    pair = row[5 * step]  # the last coefficient lies in its lower half: see packed of piecewise.py
    first = fma(t, row[step], row[0])
    middle = fma(t, row[3 * step], row[2 * step])
    last = fma(u, from_bits(bits(pair) << 32), fma(t, pair, row[4 * step]))
    return fma(u, fma(u, last, middle), first)


@inline
def lookup(x: float, table: Pointer) -> float:
    """The function in the table at 0 <= x <= reach, as accurate as the table says; NaN for NaN."""
    t, i = _placed(x, table)
    return _value(t, offset(table, i), 1)


@inline
def lookup_far(x: float, table: Pointer) -> float:
    """The same at any x >= 0, where the function falls like 1/x for ever."""
    weight = 1.0
    while table[FALLS] != 0.0 and x > table[4] and weight > 0.0:
        x *= 0.5
        weight *= 0.5
    return weight * lookup(x, table)


@inline
def lookup_side(x: float, side: float, table: Pointer) -> float:
    """The first of two functions at x >= 0 if side <= 0, else the second; their tables have one shape."""
    t, i = _placed(x, table)
    return _value(t, offset(table, i + _further(side, table)), 1)


@inline
def _all_placed(x: Pointer, m: int, table: Pointer, places: Pointer) -> None:
    wide()
    apart()
    for j in range(m):
        x[j], i = _placed(x[j], table)
        places[j] = from_bits(i)


@inline
def _all_on_sides(x: Pointer, side: Pointer, m: int, table: Pointer, places: Pointer) -> None:
    wide()
    apart()
    for j in range(m):
        x[j], i = _placed(x[j], table)
        places[j] = from_bits(i + _further(side[j], table))


@inline
def _all_values(x: Pointer, m: int, rows: Pointer) -> None:
    wide()
    apart()
    for j in range(m):
        x[j] = _value(x[j], offset(rows, j), STRIDE)


@inline
def _fetched(x: Pointer, m: int, table: Pointer, work: Pointer) -> None:
    rows = offset(work, STRIDE)
    for j in range(0, m, 8):
        fetch8(table, offset(work, j), offset(rows, j), STRIDE)
    _all_values(x, m, rows)


@inline
def lookups(x: Pointer, m: int, table: Pointer, work: Pointer) -> None:
    """x[j] = lookup(x[j], table) for j < m, a multiple of 8; work: TABLE_TERMS rows of STRIDE numbers."""
    _all_placed(x, m, table, work)
    _fetched(x, m, table, work)


@inline
def lookups_side(x: Pointer, side: Pointer, m: int, table: Pointer, work: Pointer) -> None:
    """x[j] = lookup_side(x[j], side[j], table) in the same way."""
    _all_on_sides(x, side, m, table, work)
    _fetched(x, m, table, work)


@inline
def _leaf(s: float, w: float, place: float, table: Pointer) -> tuple[float, float, float]:
    """Where s and w, from 0 to 1, lie in the square at the end of the tree, and what stands there."""
    while place > 0.0:
        s += s
        w += w
        k = TABLE_HEADER + int(place)
        if s >= 1.0:
            s -= 1.0
            k += 2
        if w >= 1.0:
            w -= 1.0
            k += 1
        place = table[k]
    return s, w, place


@inline
def edge(mu: float, x: float, decay: float) -> float:
    """The mean of exp(-decay z^2/2) for z > 0, and 0 below, at N(mu, x^2)."""
    x = x if x > TINY else TINY
    spread = decay * x * x + 1.0
    root = sqrt(spread)
    return exp(-0.5 * decay * mu * mu / spread) / root * phi(mu / (x * root))


@inline
def lookup_plane(mu: float, x: float, table: Pointer) -> float:
    """The function of two variables in the table (planes.py) at |mu| < reach, 0 <= x < reach; NaN beyond."""
    s, w = abs(mu) * table[0], x * table[0]
    inside = s < 1.0 and w < 1.0
    s, w = s if inside else 0.0, w if inside else 0.0
    level = 1022 - shift_right(bits(s if s > w else w), 52)  # of the least square at the origin that has both
    level = level if level < PLANE_LEVELS else PLANE_LEVELS - 1
    start = int(table[2]) + 2 * (level + (PLANE_LEVELS if mu < 0.0 else 0))
    scale = table[start + 1]
    s, w, place = _leaf(s * scale, w * scale, table[start], table)
    edges = int(table[3])
    if place == PLANE_FOLDED:
        edges = 0
        u, w = abs(mu - floor(mu + 0.5)) * (1 / PLANE_FOLD), x * (1 / PLANE_FOLD)
        inside = mu < table[5] or w >= 1.0
        s, w, place = _leaf(u, w if w < 1.0 else BELOW_ONE, table[TABLE_HEADER + 2], table)
    at = int(table[1]) - PLANE_TERMS * PLANE_TERMS * (int(place) + 1)
    value = double_polynomial(offset(table, at), 2.0 * s - 1.0, 2.0 * w - 1.0)
    for k in range(edges):
        i = int(table[4]) + 3 * k
        value += table[i + 1] * edge(mu - table[i], x, table[i + 2])
    return value if inside else nan


@inline
def lookups_plane(mu: Pointer, x: Pointer, m: int, table: Pointer) -> None:
    """mu[j] = lookup_plane(mu[j], x[j], table)."""
    for j in range(m):
        mu[j] = lookup_plane(mu[j], x[j], table)
