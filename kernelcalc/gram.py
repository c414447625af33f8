"""Gram matrices: a kernel over the rows of one or two data matrices, in tiles that stay in cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.compile.evaluator import Evaluator, evaluator
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from kernelcalc.kernels import Kernel

    Matrix = NDArray[np.float64]

ROWS = 64  # rows of a tile; its columns are emit.WIDTH
NEAR = 0.05  # pairs with (1 - |r|)/2 below this are computed from the rows, not from the matrix product


def gram(
    kernel: Kernel,
    X: ArrayLike,
    Z: ArrayLike | None = None,
    *,
    out: Matrix | None = None,
    threads: int | None = None,
) -> Matrix:
    """k(X, Z): shape (n, p); row: first argument (true derivative), column: second. Z=None means X.

    out: where to put it, a C-contiguous float64 array of that shape; threads: how many (default: what
    NUMBA_NUM_THREADS says, else all cores). Raises InputError for what is no data, Undefined for a row at
    which the kernel does not exist.
    """
    code = evaluator(kernel)
    rows = code.points(_data(X, "X"), "row", "X")
    one = Z is None or Z is X
    if one and kernel.f1 == kernel.f2:
        columns = code.points(rows.data, "column", "X")
    else:
        columns = code.points(_data(X if Z is None else Z, "Z"), "column", "X" if Z is None else "Z")
    if rows.data.shape[1] != columns.data.shape[1]:
        raise InputError(f"X has {rows.data.shape[1]} columns but Z has {columns.data.shape[1]}")
    result = _output(out, (len(rows.data), len(columns.data)))
    mirror = one and kernel.f1 == kernel.f2
    count = _threads(threads)
    task = Task(code, rows, columns, mirror, result, code.diagonal(rows) if kernel.f1 == kernel.f2 else None)
    blocks = list(task.blocks(count))
    if count == 1 or len(blocks) == 1:
        for block in blocks:
            task.fill(block)
    else:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(count, len(blocks))) as pool:
            for _ in pool.map(task.fill, blocks):
                pass
    if mirror:
        np.fill_diagonal(result, task.diagonal)
    # a zero row without bias stays zero in every layer if f(0) = 0: 0, not 0/0
    result[code.always_zero(rows)] = 0.0
    result[:, code.always_zero(columns)] = 0.0
    return result


def diag(kernel: Kernel, X: ArrayLike) -> Matrix:
    """k(x, x) for every row of X: shape (n,); +inf where the kernel is singular."""
    code = evaluator(kernel)
    data = _data(X, "X")
    if kernel.f1 != kernel.f2:
        return np.array([gram(kernel, x[None], x[None].copy(), threads=1)[0, 0] for x in data])
    return code.diagonal(code.points(data, "row", "X"))


@dataclass(frozen=True)
class Task:
    """One matrix to fill: its point tables, whether it is symmetric up to the roles, and where it goes."""

    code: Evaluator
    rows: Any
    columns: Any
    mirror: bool
    out: Matrix
    diagonal: Matrix | None

    def blocks(self, threads: int) -> Iterator[tuple[int, int]]:
        """Runs of rows, the longest triangles first."""
        n = len(self.rows.data)
        starts = range(0, n, ROWS)
        for start in reversed(starts) if self.mirror else starts:
            yield start, min(ROWS, n - start)

    def fill(self, block: tuple[int, int]) -> None:
        """One run of rows: the matrix product of each tile, all layers, then the close pairs."""
        start, size = block
        end = start + size if self.mirror else len(self.columns.data)
        width = self.code.width
        work, turned = np.empty(5 * width), np.empty(ROWS * width)
        left = self.rows.scaled[start : start + size]
        for first in range(0, end, width):
            wide = min(width, end - first)
            product = left @ self.columns.scaled[first : first + wide].T
            marks = np.empty(1 + size * wide, dtype=np.int64)
            marks[0] = 0
            self.code.tile(
                self.rows,
                self.columns,
                (start, size, first, wide),
                self.mirror,
                product,
                self.out,
                work,
                turned,
                marks,
                NEAR,
            )
            if marks[0]:
                self.code.close(self.rows, self.columns, self.mirror, marks, self.diagonal, self.out)


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


def _output(out: Matrix | None, shape: tuple[int, int]) -> Matrix:
    if out is None:
        return np.empty(shape)
    if out.shape != shape or out.dtype != np.float64 or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"out must be a writeable C-contiguous float64 array of shape {shape}")
    return out


def _threads(threads: int | None) -> int:
    if threads is None:
        wanted = os.environ.get("NUMBA_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return int(wanted) if wanted.isdigit() and int(wanted) > 0 else cores
    if threads < 1:
        raise InputError(f"threads={threads!r} must be >= 1")
    return threads
