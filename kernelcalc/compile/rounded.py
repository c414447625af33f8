"""What layers in float32 need, and when they are allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.arrays import aligned
from kernelcalc.compile import cache
from kernelcalc.compile.layout import TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelcalc.compile.evaluator import Evaluator, Points

    Matrix = NDArray[np.float64]
    Single = NDArray[np.float32]

SAFE = 1e12  # no number of a layer, nor its inverse, may be larger for a layer in float32
SHALLOW = 30  # largest depth of layers in float32, whose error grows by an ulp or two a layer


SOURCE = """\
from math import inf

from kernelcalc.compile.arithmetic.blocks import TILE, pack_single
from kernelcalc.compile.arithmetic.primitives import apart, bits, offset, single, wide

def packed(x, n, d, tiles):
    for i in range(0, n, TILE):
        pack_single(offset(x, i*d), min(TILE, n - i), d, offset(tiles, i*d))

def narrowed(x, count, y, extremes):
    wide()
    apart()
    least, largest = bits(inf), 0  # bits of positive numbers have their order, NaN is above
    for k in range(count):
        y[k] = single(x[k])
        size = bits(abs(x[k]))
        least = size if size < least and size > 0 else least
        largest = size if size > largest else largest
    extremes[0], extremes[1] = least, largest
"""
SIGNATURES = {
    "packed": ("float64*", "int64", "int64", "float32*"),
    "narrowed": ("float64*", "int64", "float32*", "int64*"),
}


@dataclass(frozen=True)
class Rounded:
    """The point tables, the numbers and the rows of both sides in float32."""

    row: Single
    column: Single
    numbers: Single
    sides: tuple[Single, ...]  # the rows, packed by tiles

    @property
    def arrays(self) -> tuple[Single, ...]:
        """What the code takes."""
        return self.row, self.column, self.numbers, self.sides[0], self.sides[-1]


def _packed(data: Matrix) -> Single:
    """The rows rounded, tile by tile; one thread needs less time for all than several to agree on parts."""
    n, d = data.shape
    tiles = aligned((-(-n // TILE), TILE * d), np.float32)
    _function("packed")(data.ctypes.data, n, d, tiles.ctypes.data)
    return tiles


def _narrowed(numbers: Matrix) -> Single | None:
    """The numbers rounded; None where one is too large or too small."""
    result = aligned(numbers.shape, np.float32, clear=False)
    extremes = np.empty(2, dtype=np.int64)
    given = np.ascontiguousarray(numbers)
    _function("narrowed")(given.ctypes.data, given.size, result.ctypes.data, extremes.ctypes.data)
    least, largest = extremes.view(np.float64)
    return result if least >= 1 / SAFE and largest <= SAFE else None


@lru_cache(maxsize=len(SIGNATURES))
def _function(name: str) -> Callable[..., None]:
    return cache.function(SOURCE, name, SIGNATURES[name])


def rounded(code: Evaluator, rows: Points, columns: Points, numbers: Matrix) -> Rounded | None:
    """None where layers in float32 cannot promise their digits."""
    known = code.structure
    if not known.in_float32 or not known.covered or code.depth > SHALLOW:
        return None
    if rows.hard.any() or columns.hard.any():
        return None
    parts = rows.table, columns.table, numbers, rows.values, columns.values
    narrow = [_narrowed(part) for part in parts]
    row, column, rest = narrow[:3]
    if row is None or column is None or rest is None or any(part is None for part in narrow):
        return None
    sides = [rows.data] if columns.data is rows.data else [rows.data, columns.data]
    return Rounded(row, column, rest, tuple(map(_packed, sides)))
