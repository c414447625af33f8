"""Tapes in double-double, made ready for the numbers of a kernel and called for many pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.compile import cache
from kernelcalc.compile.tape import (
    APART,
    FAR,
    NEAR,
    OPERATIONS,
    PI,
    POINT,
    QUADRANTS,
    RESULTS,
    TABLES,
    Instruction,
    Tape,
    allocate,
)
from kernelcalc.functions.base import nearest_float
from kernelcalc.late import Late

if TYPE_CHECKING:
    from collections.abc import Sequence

    import mpmath as mp
    from numpy.typing import NDArray

    from kernelcalc.compile import digits

    Matrix = NDArray[np.float64]
    Integers = NDArray[np.int64]
else:
    mp, digits = Late("mpmath"), Late("kernelcalc.compile.digits")

SOURCE = """\
from kernelcalc.compile.arithmetic.rows import evaluate
from kernelcalc.compile.arithmetic.{module} import run

def lanes(X, Y, places, count, width, depth, power_row, power_column, numbers, kind, state, code, counts,
          fixed, table, w, out, variances):
    evaluate(run, X, Y, places, count, width, depth, power_row, power_column, numbers, kind, state, code,
             counts, fixed, table, w, out, variances)
"""
ARRAY, INTEGERS, COUNT = "float64*", "int64*", "int64"
SIGNATURE = (
    *(ARRAY, ARRAY, INTEGERS, COUNT, COUNT, COUNT, ARRAY, ARRAY, ARRAY, COUNT),
    *(INTEGERS, INTEGERS, INTEGERS, ARRAY, ARRAY, ARRAY, ARRAY, ARRAY),
)
LANES, WORDS = 64, 8  # as in lanes.py, which is not imported here: it needs Numba
SIZE = 3 * LANES
DIGITS = 50
LEFT_OF_PI = 1.2246467991473532e-16  # pi less the float next to it


def available(tape: Tape) -> bool:
    """Whether lanes.py or lanes_normal.py has all operations; quarter planes need digits.py behind them, but
    where means come from a table, which has no more digits."""
    integrals = tape.operations.intersection(QUADRANTS)
    if integrals and not (tape.operations.intersection(TABLES) or digits.available(tape)):
        return False
    return _doubled([*tape.layer, *tape.last]) and (_doubled(tape.first) or digits.available(tape))


def _doubled(code: Sequence[Instruction]) -> bool:
    """Whether lanes.py has all of these operations."""
    known = list(OPERATIONS)
    return all(known.index(i.operation) < known.index("sin") for i in code)


def two(value: Any) -> tuple[float, float]:
    """A number as a double-double."""
    if isinstance(value, Fraction):
        high = nearest_float(value)
        return high, float(value - Fraction(high)) if np.isfinite(high) else 0.0
    with mp.workdps(DIGITS):
        exact = +mp.mpmathify(value)
        high = float(exact)
        return high, float(exact - high) if np.isfinite(high) else 0.0


def _constant(text: str) -> tuple[float, float]:
    """A constant of a tape as a double-double."""
    if text == PI:
        return math.pi, LEFT_OF_PI
    return two(Fraction(1, 2**1060) if text == "tiny" else Fraction(text))


@dataclass(frozen=True)
class Machine:
    """A tape made ready for the numbers of a kernel."""

    names: tuple[str, ...]
    state: Integers
    code: Integers
    counts: Integers
    fixed: Matrix
    registers: int
    module: str  # that has its operations

    @classmethod
    def of(cls, text: str, numbers: dict[str, Any], names: tuple[str, ...], tangent: int) -> Machine:
        placed, words = _placed(text)
        kept = max([*placed.inputs.values(), *placed.constants, *_results(placed.first)]) + 1
        fixed = np.zeros((kept, 3, LANES))
        for name, value in numbers.items():
            fixed[placed.inputs[name], :2] = np.array(two(value))[:, None]
        for register, text in placed.constants.items():
            fixed[register, :2] = np.array(_constant(text))[:, None]
        first = placed.first if _doubled(placed.first) else []
        if len(first) < len(placed.first):
            with mp.workdps(DIGITS):
                for register, value in digits.constants(placed, numbers).items():
                    fixed[register, :2] = np.array(two(value))[:, None]
                    fixed[register, 2] = abs(float(value)) * 2.0**-104
            words = words[len(placed.first) :]
        state = np.array([placed.inputs[name] for name in (*names, *RESULTS)], dtype=np.int64)
        lengths = map(len, (first, placed.layer, placed.last))
        counts = np.array([*lengths, kept, tangent, placed.registers], dtype=np.int64)
        module = "lanes_normal" if placed.operations.intersection(APART) else "lanes"
        return cls(names, state, words, counts, fixed, placed.registers, module)

    def run(
        self,
        rows: tuple[Matrix, Matrix],
        columns: tuple[Matrix, Matrix],
        places: Integers,
        depth: int,
        numbers: tuple[float, ...],
        table: Matrix,
    ) -> tuple[Matrix, Matrix]:
        """For each pair of rows K(x, y), its bound, K(y, x), its bound: shape (n, 4).

        Of points instead k(x, x) and its bound, and the variances of all layers with theirs: shape (2 depth,
        n). rows, columns: data and powers of two that scale them; numbers: w2/n0 and s2, two floats each.
        """
        (X, px), (Y, py) = rows, columns
        count, width = len(places), X.shape[1]
        out, variances = np.empty((count, 4)), np.empty((2 * depth if self.names == POINT else 0, count))
        work = np.empty(self.registers * SIZE + 2 * width + LANES)
        kind = {FAR: 0, NEAR: 1, POINT: 2}[self.names]
        data = X, Y, places, count, width, depth, px, py, np.array(numbers), kind
        given = self.state, self.code, self.counts, self.fixed
        _lanes(self.module, *data, *given, table, work, out, variances)
        return out, variances


@lru_cache(maxsize=64)
def read(text: str) -> Tape:
    return Tape.of_text(text)


@lru_cache(maxsize=64)
def _placed(text: str) -> tuple[Tape, Integers]:
    """A tape with its registers shared, and all of its instructions as lanes.py takes them."""
    placed = allocate(read(text))
    return placed, _words([*placed.first, *placed.layer, *placed.last])


def _results(code: Sequence[Instruction]) -> list[int]:
    return [x for i in code for x in i.results]


def _words(code: Sequence[Instruction]) -> Integers:
    known = list(OPERATIONS)
    words = np.zeros((len(code), WORDS), dtype=np.int64)
    for row, i in zip(words, code, strict=True):
        row[0] = known.index(i.operation)
        row[1 : 1 + len(i.results)] = i.results
        row[4 : 4 + len(i.operands)] = i.operands
    return words


@lru_cache(maxsize=2)
def _compiled(module: str) -> Any:
    return cache.function(SOURCE.format(module=module), "lanes", SIGNATURE)


def _lanes(module: str, *arguments: Any) -> None:
    passed = [x.__array_interface__["data"][0] if isinstance(x, np.ndarray) else x for x in arguments]
    _compiled(module)(*passed)
