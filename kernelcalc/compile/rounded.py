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
from kernelcalc.compile.blocks import pack_single

def packed(x, rows, d, tile):
    pack_single(x, rows, d, tile)
"""
SIGNATURE = ("float64*", "int64", "int64", "float32*")


@dataclass(frozen=True)
class Rounded:
    """The point tables, the numbers and the rows of both sides in float32."""

    row: Single
    column: Single
    numbers: Single
    sides: tuple[tuple[Matrix, Single], ...]  # the rows and where they go, packed by tiles

    @property
    def arrays(self) -> tuple[Single, ...]:
        """What the code takes."""
        return self.row, self.column, self.numbers, self.sides[0][1], self.sides[-1][1]

    @property
    def tiles(self) -> list[tuple[Matrix, Single]]:
        """What is to be packed before any pair is computed: rows of a tile and their place."""
        return [
            (data[start : start + TILE], tiles[start // TILE])
            for data, tiles in self.sides
            for start in range(0, len(data), TILE)
        ]


def pack(tile: tuple[Matrix, Single]) -> None:
    """Round the rows of a tile."""
    rows, place = tile
    _packed()(rows.ctypes.data, *rows.shape, place.ctypes.data)


@lru_cache(maxsize=1)
def _packed() -> Callable[..., None]:
    return cache.function(SOURCE, "packed", SIGNATURE)


def rounded(code: Evaluator, rows: Points, columns: Points, numbers: Matrix) -> Rounded | None:
    """None where layers in float32 cannot promise their digits."""
    known = code.structure
    if not known.in_float32 or not known.covered or code.depth > SHALLOW:
        return None
    if rows.hard.any() or columns.hard.any():
        return None
    for part in (rows.table, columns.table, rows.values, columns.values, numbers):
        size = np.abs(part)
        if ((size > 0) & (size < 1 / SAFE)).any() or not size.max(initial=0) <= SAFE:
            return None
    sides = tuple(
        (data, aligned((-(-len(data) // TILE), TILE * data.shape[1]), np.float32))
        for data in ([rows.data] if columns.data is rows.data else [rows.data, columns.data])
    )
    row, column = aligned(rows.table.shape, np.float32), aligned(columns.table.shape, np.float32)
    row[...], column[...] = rows.table, columns.table
    return Rounded(row, column, numbers.astype(np.float32), sides)
