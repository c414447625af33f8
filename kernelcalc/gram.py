"""Gram matrices: a kernel over the rows of one or two data matrices, in tiles that stay in cache."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from kernelcalc.compile.angular import AngularEvaluator, angular, squared_norm
from kernelcalc.compile.evaluator import Evaluator, Points, Space, evaluator
from kernelcalc.compile.layout import STRIDE, TILE
from kernelcalc.errors import InputError, Uncompiled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from kernelcalc.kernels import Kernel

    Matrix = NDArray[np.float64]

W = TypeVar("W")

LOOSE = 1e-8  # a series less accurate than this, relative to the largest value, gives a warning
COMPILED = 1e-13  # relative error of compiled closed forms, away from the points that derivations name


class InaccurateWarning(UserWarning):
    """A kernel without closed form is known to fewer digits than float64 has."""


def gram(
    kernel: Kernel,
    X: ArrayLike,
    Z: ArrayLike | None = None,
    *,
    out: NDArray[Any] | None = None,
    dtype: DTypeLike | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """k(X, Z): shape (n, p); row: first argument (true derivative), column: second. Z=None means X.

    out: where to put it, a C-contiguous array of that shape; dtype: float64 or float32 (each entry computed
    in float64 and rounded once), default that of out, else float64; threads: how many (default: what
    NUMBA_NUM_THREADS says, else all cores). Raises InputError for what is no data, Undefined for a row at
    which the kernel does not exist.
    """
    try:
        task = Task.of(kernel, X, Z)
    except Uncompiled:
        values = _series(kernel, X, Z)
        result = _output(out, dtype, values.shape)
        result[:] = values
        return result
    result = _output(out, dtype, task.shape)
    mirror = task.one and kernel.f1 == kernel.f2

    def fill(where: tuple[int, int, int, int], space: Space) -> None:
        task.fill(where, space, result, mirror)

    task.run(task.tiles(mirror), _threads(threads), fill)
    if mirror:
        np.fill_diagonal(result, task.diagonal)
    return result


def matvec(
    kernel: Kernel, X: ArrayLike, v: ArrayLike, Z: ArrayLike | None = None, *, threads: int | None = None
) -> Matrix:
    """k(X, Z) @ v without the matrix, in memory for a few tiles: v (p,) or (p, r) -> (n,) or (n, r)."""
    try:
        task = Task.of(kernel, X, Z)
    except Uncompiled:
        product: Matrix = _series(kernel, X, Z) @ np.asarray(v, dtype=np.float64)
        return product
    n, p = task.shape
    vector = np.asarray(v, dtype=np.float64)
    if vector.ndim not in (1, 2) or len(vector) != p:
        raise InputError(f"v must have shape ({p},) or ({p}, r); got {vector.shape}")
    result = np.zeros((n, *vector.shape[1:]))

    def multiply(start: int, space: Space) -> None:  # whole rows, so that the order of summation is fixed
        size = min(TILE, n - start)
        block = np.empty((TILE, STRIDE))
        for first in range(0, p, TILE):
            wide = min(TILE, p - first)
            task.compute((start, size, first, wide), space, block, None)
            result[start : start + size] += block[:size, :wide] @ vector[first : first + wide]

    task.run(range(0, n, TILE), _threads(threads), multiply)
    return result


def diag(kernel: Kernel, X: ArrayLike) -> Matrix:
    """k(x, x) for every row of X: shape (n,); +inf where the kernel is singular."""
    data = _data(X, "X")
    try:
        code = _code(kernel, data)
    except Uncompiled:
        return np.array([_series(kernel, x[None], None)[0, 0] for x in data])
    if kernel.f1 != kernel.f2:
        return np.array([gram(kernel, x[None], x[None].copy(), threads=1)[0, 0] for x in data])
    return code.diagonal(code.points(data, "row", "X"))


@dataclass(frozen=True)
class Task:
    """A kernel and its points, ready to compute tiles of the matrix."""

    code: Evaluator
    rows: Points
    columns: Points
    numbers: Matrix
    diagonal: Matrix | None  # where equal points of both sides have the same value
    one: bool  # rows and columns are the same points

    @classmethod
    def of(cls, kernel: Kernel, X: ArrayLike, Z: ArrayLike | None) -> Task:
        """Checks the data, computes what depends on one point alone."""
        one, name = Z is None or Z is X, "X" if Z is None else "Z"
        data = _data(X, "X")
        other = data if one or Z is None else _data(Z, name)
        if data.shape[1] != other.shape[1]:
            raise InputError(f"X has {data.shape[1]} columns but Z has {other.shape[1]}")
        code = _code(kernel, data, other)
        rows, columns = code.points(data, "row", "X"), code.points(other, "column", name)
        diagonal = code.diagonal(rows) if kernel.f1 == kernel.f2 else None
        code.prepare()
        return cls(code, rows, columns, code.numbers(data.shape[1]), diagonal, one)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows.data), len(self.columns.data)

    def tiles(self, mirror: bool) -> list[tuple[int, int, int, int]]:
        """(first row, rows, first column, columns) of every tile, for a mirrored matrix of the lower half."""
        n, p = self.shape
        return [
            (i, min(TILE, n - i), j, min(TILE, p - j))
            for i in range(0, n, TILE)
            for j in range(0, i + 1 if mirror else p, TILE)
        ]

    def run(self, work: Iterable[W], threads: int, job: Callable[[W, Space], None]) -> None:
        """The job for each piece of work; threads take pieces as they are ready for them."""
        pieces = list(work)
        waiting = iter(pieces)  # of a list: its next() is safe with threads

        def worker(_: int) -> None:
            space = Space(self.rows.data.shape[1])
            for piece in waiting:
                job(piece, space)

        count = min(threads, len(pieces))
        if count == 1:
            worker(0)
            return
        with ThreadPoolExecutor(count) as pool:
            try:
                for _ in pool.map(worker, range(count)):
                    pass
            finally:
                pieces.clear()  # after Ctrl-C no thread takes another piece

    def compute(
        self, where: tuple[int, int, int, int], space: Space, out: Matrix, mirrored: Matrix | None
    ) -> None:
        """One tile, and its mirror image if asked for."""
        self.code.tile(self.rows, self.columns, where, self.numbers, self.diagonal, out, mirrored, space)
        i, ni, j, nj = where
        down, along = self.rows.dead[i : i + ni], self.columns.dead[j : j + nj]
        if down.any() or along.any():
            dead = down[:, None] | along
            out[:ni, :nj][dead] = 0.0
            if mirrored is not None:
                mirrored[:nj, :ni][dead.T] = 0.0

    def fill(
        self, where: tuple[int, int, int, int], space: Space, out: NDArray[Any], mirror: bool
    ) -> None:
        """One tile of out, and of its other half."""
        i, ni, j, nj = where
        part, image = out[i : i + ni, j : j + nj], out[j : j + nj, i : i + ni]
        if out.dtype == np.float64:
            self.compute(where, space, part, image if mirror else None)
            return
        values, turned = np.zeros((TILE, STRIDE)), np.zeros((TILE, STRIDE))
        self.compute(where, space, values, turned if mirror else None)
        with np.errstate(over="ignore"):
            if mirror and i == j:
                part[:] = np.tril(values[:ni, :nj]) + np.triu(turned[:nj, :ni], 1)
            else:
                part[:] = values[:ni, :nj]
                if mirror:
                    image[:] = turned[:nj, :ni]


def _code(kernel: Kernel, *data: Matrix) -> Evaluator:
    """The compiled kernel: for all rows or, where an expectation has no compiled form, for those of one norm.

    Raises Uncompiled where there is neither.
    """
    try:
        return evaluator(kernel)
    except Uncompiled:
        square = squared_norm(*data)
        code = None if square is None else angular(kernel, square)
        if code is None:
            raise
        return code


def _series(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None) -> Matrix:
    """The matrix by Mehler series; a warning where its bound leaves less than single precision."""
    from kernelcalc.compile import mehler

    values, bounds = mehler.gram(kernel, _data(X, "X"), None if Z is None else _data(Z, "Z"))
    wrong = float(bounds.max() / np.abs(values).max())
    if not wrong <= LOOSE:
        warnings.warn(
            f"{kernel!r} has no closed form; its series is only known to {wrong:.1e} here:"
            " see kernel.error_bound, or give all rows one norm",
            InaccurateWarning,
            stacklevel=4,
        )
    return values


def how(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None) -> str:
    """How k(X, Z) is computed."""
    data = _data(X, "X")
    try:
        code = _code(kernel, data, data if Z is None else _data(Z, "Z"))
    except Uncompiled:
        return "Mehler series"
    if isinstance(code, AngularEvaluator):
        return "table of the angle"
    return "closed form" if code.mean is None else "closed form with a table of a mean"


def error_bound(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None) -> Matrix:
    """Bounds of the absolute errors of k(X, Z): shape (n, p).

    Proved but for rounding for series and tables of the angle; for closed forms COMPILED times the value,
    which is measured, not proved.
    """
    data, other = _data(X, "X"), None if Z is None else _data(Z, "Z")
    try:
        code = _code(kernel, data, data if other is None else other)
    except Uncompiled:
        from kernelcalc.compile import mehler

        _, bounds = mehler.gram(kernel, data, other)
        return bounds
    values = gram(kernel, data, other)
    if isinstance(code, AngularEvaluator):
        return np.full(values.shape, code.angle.error)
    wrong: Matrix = COMPILED * np.abs(values)
    return wrong


def _data(X: ArrayLike, name: str) -> Matrix:
    try:
        data = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a numeric array of shape (n, d): {error}") from error
    if data.ndim != 2 or 0 in data.shape:
        raise InputError(f"{name} must have shape (n, d) with n, d >= 1; got {data.shape}")
    if not np.isfinite(data).all():
        row, column = np.argwhere(~np.isfinite(data))[0]
        raise InputError(f"{name}[{row}, {column}] is {data[row, column]}; every entry must be finite")
    return np.ascontiguousarray(data)


def _output(out: NDArray[Any] | None, dtype: DTypeLike | None, shape: tuple[int, int]) -> NDArray[Any]:
    wanted = np.dtype((np.float64 if out is None else out.dtype) if dtype is None else dtype)
    if wanted not in (np.float64, np.float32):
        raise InputError(f"dtype must be float64 or float32, not {wanted}")
    if out is None:
        return np.empty(shape, wanted)
    if out.shape != shape or out.dtype != wanted or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"out must be a writeable C-contiguous {wanted} array of shape {shape}")
    return out


def _threads(threads: int | None) -> int:
    if threads is None:
        wanted = os.environ.get("NUMBA_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return int(wanted) if wanted.isdigit() and int(wanted) > 0 else cores
    if threads < 1:
        raise InputError(f"threads={threads!r} must be >= 1")
    return threads
