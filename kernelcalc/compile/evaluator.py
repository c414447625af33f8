"""A kernel as machine code: the compiled functions of its structure, called with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.compile import cache
from kernelcalc.compile.emit import WIDTH, Module
from kernelcalc.errors import InputError, Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelcalc.kernels import Kernel

    Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """What the layers need of the points of one side. values[l]: the variances of layer l + 1."""

    data: Matrix
    scaled: Matrix  # the rows as the matrix product takes them
    powers: Matrix  # per row, the power of two that brings its largest entry near 1
    values: Matrix
    inverse: Matrix  # 1/sqrt of the first variances
    table: Matrix


@dataclass(frozen=True)
class Evaluator:
    """The functions of one kernel structure, and the numbers of one kernel."""

    kernel: Kernel
    depth: int
    parameters: tuple[float, ...]  # sigma_w^2, sigma_b^2, the parameters of the functions
    module: Module
    source: str
    width: int = WIDTH

    def _call(self, entry: str, *arguments: Any) -> None:
        passed = (x.ctypes.data if isinstance(x, np.ndarray) else x for x in arguments)
        _function(self.source, entry)(*passed)

    def numbers(self, dimension: int) -> Matrix:
        """The numbers as the code takes them: parameters, sigma_w^2/n0, and the constants of the program."""
        made = np.zeros(len(self.parameters) + 1 + self.module.constant_count)
        made[: len(self.parameters)] = self.parameters
        made[len(self.parameters)] = self.parameters[0] / dimension
        self._call("constants", made)
        return made

    def points(self, data: Matrix, role: str, name: str) -> Points:
        """The tables of all layers for the rows of data."""
        n, dimension = data.shape
        w2, s2 = self.parameters[:2]
        values = np.zeros((self.depth, n))
        largest = np.abs(data).max(axis=1)
        powers = np.ldexp(1.0, np.clip(-np.frexp(largest)[1], -1000, 1000))
        values[0] = (w2 / dimension) * np.einsum("ij,ij->i", data, data) + s2
        zero = values[0] == 0
        if self.depth > 1 and zero.any() and not self.regular_at_zero:
            row = int(np.flatnonzero(zero)[0])
            raise Undefined(
                f"{name}[{row}] is a zero row and sigma_b = 0: {self.kernel!r} is not defined there (0/0)"
            )
        table = np.empty((max(self.depth - 1, 1) * max(len(self.module.quantities(role)), 1), n))
        self._call(f"{role}s", n, self.depth, values, self.numbers(dimension), table)
        with np.errstate(divide="ignore"):
            inverse = np.where(zero, 0.0, 1 / np.sqrt(values[0]))
        return Points(data, data, powers, values, inverse, table)

    @cached_property
    def regular_at_zero(self) -> bool:
        """Whether the first activation has a limit as the variance tends to 0 (not so for sign: 0/0)."""
        return not self.kernel.f1.jumps and not self.kernel.f2.jumps

    def always_zero(self, points: Points) -> NDArray[np.bool_]:
        """The points whose variance is 0 in the first two layers, and so in all."""
        dead: NDArray[np.bool_] = (points.values[:2] == 0).all(axis=0)
        return dead

    def diagonal(self, points: Points) -> Matrix:
        """k(x, x) for every point."""
        out = np.empty(len(points.data))
        first = np.ascontiguousarray(points.values[0])
        tangent = self.kernel.layer.factor is not None
        self._call("same", len(out), self.depth, tangent, first, self.numbers(points.data.shape[1]), out)
        return out

    def tile(
        self,
        rows: Points,
        columns: Points,
        where: tuple[int, int, int, int],
        mirror: bool,
        product: Matrix,
        out: Matrix,
        work: Matrix,
        turned: Matrix,
        marks: NDArray[np.int64],
        near: float,
    ) -> None:
        """All layers for one tile, given its matrix product; marks the close pairs."""
        sizes = len(rows.data), len(columns.data), self.depth, mirror, len(marks) - 1
        points = rows.inverse, columns.inverse, rows.table, columns.table
        numbers = self.numbers(rows.data.shape[1])
        self._call("tile", *where, *sizes, product, *points, numbers, out, work, turned, marks, near)

    def close(
        self,
        rows: Points,
        columns: Points,
        mirror: bool,
        marks: NDArray[np.int64],
        diagonal: Matrix | None,
        out: Matrix,
    ) -> None:
        """The marked pairs from the rows themselves."""
        dimension = rows.data.shape[1]
        xs, ys, zs = (np.empty(dimension) for _ in range(3))
        sizes = len(columns.data), dimension, self.depth, mirror, diagonal is not None
        data = rows.data, columns.data, rows.powers, columns.powers, rows.values, columns.values
        known = rows.inverse if diagonal is None else diagonal
        self._call("close", marks[0], marks, *sizes, *data, known, self.numbers(dimension), out, xs, ys, zs)


def evaluator(kernel: Kernel) -> Evaluator:
    """The compiled kernel. Raises InputError where numbers or a closed form are missing."""
    if not isinstance(kernel.depth, int):
        raise InputError(f"{kernel!r}: give a number as depth before asking for values")
    module, source, order = _module(kernel)
    values = {s: x for e in kernel.layer.expectations for s, x in e.values}
    free = [str(s) for s in order if not values[s].is_number]
    free += [name for name in ("sigma_w", "sigma_b") if not getattr(kernel, name).is_number]
    if free:
        raise InputError(f"{kernel!r}: give numbers for {', '.join(free)} before asking for values")
    numbers = (float(kernel.sigma_w**2), float(kernel.sigma_b**2), *(float(values[s]) for s in order))
    return Evaluator(kernel, kernel.depth, numbers, module, source)


@lru_cache(maxsize=1024)
def _function(source: str, entry: str) -> Callable[..., None]:
    return cache.function(source, entry, Module.SIGNATURES[entry])


@lru_cache(maxsize=128)
def _module(kernel: Kernel) -> tuple[Module, str, tuple[Any, ...]]:
    from kernelcalc.compile.stable import diagonal_forms, program

    ordinary, close = program(kernel), program(kernel, close=True)
    module = Module(ordinary, close, diagonal_forms(kernel) if kernel.f1 == kernel.f2 else None)
    return module, module.text(), ordinary.parameters
