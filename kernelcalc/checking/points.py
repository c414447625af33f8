"""Points at which formulas are compared: unequal variances, all correlations, small and large parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import sympy as sp

from kernelcalc.symbols import a, b, c, rho

R = sp.Rational
# variance, variance, covariance: of both signs, zero, near parallel and opposite, of very different sizes
COVARIANCES = tuple(
    (R(p), R(q), R(r))
    for p, q, r in (
        ("1", "2", "1/2"), ("2", "1", "-1/2"), ("3/2", "1/3", "2/5"), ("5/4", "7/3", "0"),
        ("1/2", "3", "-6/5"), ("1", "1", "999999999/1000000000"), ("4", "1", "-199999999/100000000"),
        ("1/5000", "1/700", "-1/3000"), ("3000", "1/200", "3/2"), ("700", "4100", "-900"),
        ("2/7", "9/5", "7/10"), ("6/5", "6/5", "1/3"),
    )
)  # fmt: skip
POSITIVE = tuple(
    map(R, ["1", "1/2", "3", "7/5", "1/100", "40", "2/3", "9/4", "1000", "1/700", "5/3", "11/10"])
)
REAL = tuple(map(R, ["1/3", "-2", "5/4", "-1/7", "0", "3", "-40", "1/100", "7/5", "-3/2", "2/9", "-1/50"]))
WHOLE = tuple(map(sp.Integer, (2, 3, 4, 5, 2, 6, 3, 8, 2, 7, 4, 5)))
STRIDES = (1, 5, 7, 11)  # coprime to the number of values, so that symbols do not move together
_TRIPLES = ((a, b, c), tuple(sp.Symbol(name, real=True) for name in ("xx", "yy", "xy")))


def points(symbols: Iterable[sp.Symbol]) -> tuple[Mapping[sp.Symbol, sp.Rational], ...]:
    """Twelve points in these symbols; a, b, c and xx, yy, xy are those of a covariance."""
    free = set(symbols)
    found: list[dict[sp.Symbol, sp.Rational]] = [{} for _ in COVARIANCES]
    for triple in _TRIPLES:
        if used := free & set(triple):
            for point, values in zip(found, COVARIANCES, strict=True):
                point.update({s: x for s, x in zip(triple, values, strict=True) if s in used})
            free -= used
    for i, symbol in enumerate(sorted(free, key=str)):
        for j, point in enumerate(found):
            place = (j * STRIDES[i % len(STRIDES)] + i // len(STRIDES) * j * (j + 1) // 2) % len(found)
            point[symbol] = _value(symbol, place)
    different = dict.fromkeys(tuple(point.items()) for point in found)
    return tuple(MappingProxyType(dict(items)) for items in different)


def _value(symbol: sp.Symbol, place: int) -> sp.Rational:
    if symbol == rho:
        p, q, r = COVARIANCES[place]
        return r / max(p, q) if r * r < max(p, q) ** 2 else R(1, 3)
    values = WHOLE if symbol.is_integer else POSITIVE if symbol.is_nonnegative else REAL
    value = values[place]
    return value if not symbol.is_nonzero or value else R(1)
