"""What layers in float32 need, and when they are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelcalc.compile.evaluator import Evaluator, Points

SAFE = 1e12  # no number of a layer, nor its inverse, may be larger for a layer in float32
SHALLOW = 30  # largest depth of layers in float32, whose error grows by an ulp or two a layer


@dataclass(frozen=True)
class Rounded:
    """The point tables and numbers in float32."""

    row: NDArray[np.float32]
    column: NDArray[np.float32]
    numbers: NDArray[np.float32]


def rounded(code: Evaluator, rows: Points, columns: Points, numbers: NDArray[np.float64]) -> Rounded | None:
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
    row = rows.table.astype(np.float32)
    column = row if columns is rows else columns.table.astype(np.float32)
    return Rounded(row, column, numbers.astype(np.float32))
