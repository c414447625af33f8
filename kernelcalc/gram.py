"""Gram matrices: a kernel over the rows of one or two data matrices, in tiles that stay in cache."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.arrays import aligned, reals
from kernelcalc.compile.angular import AngularEvaluator, angular, squared_norm
from kernelcalc.compile.evaluator import Evaluator, Points, Space, evaluator
from kernelcalc.compile.layout import STRIDE, TILE
from kernelcalc.compile.rounded import Rounded, rounded
from kernelcalc.compile.structure import POWERS
from kernelcalc.errors import InputError, Uncompiled
from kernelcalc.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray
    from scipy.sparse.linalg import LinearOperator

    from kernelcalc.kernels import Kernel

    Matrix = NDArray[np.float64]

LARGE = 2**25  # bytes: more than stays in a cache until it is read
PAGE = 4096
TOUCHED = 2**22  # entries of fresh memory cleared at a time
WIDE = 4  # tiles computed by one call, which costs as much as a tenth of a tile,
FEW = 32  # unless a thread would get fewer tiles than these
POINTS = 32  # rows whose values at equal points come from one small matrix

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
    progress: Callable[[float], None] | None = None,
) -> NDArray[Any]:
    """k(X, Z): shape (n, p); row: first argument (true derivative), column: second. Z=None means X.

    out: where to put it, a C-contiguous array of that shape; dtype: float64 or float32, default that of out,
    else float64; threads: how many (default: what NUMBA_NUM_THREADS says, else all cores); progress: called
    with the share done, by any thread. Raises InputError for what is no data, Undefined for a row at which
    the kernel does not exist.

    A float32 entry is within 6 ulps (2^-23) of the float64 one at depth <= 3, within 2 depth up to depth 30
    (where entries pass through zero, ulps of the sum of the absolute values of their terms, those of the
    inner product included). That is measured; rows with much in common, whose roundings all go one way, gave
    6.5; proved is the bound of the inner product, `blocks.product_single`. At greater depth,
    and where functions or sizes forbid layers in float32, it is the float64 entry rounded once.
    """
    try:
        task = Task.of(kernel, X, Z)
    except Uncompiled:
        values = _series(kernel, X, Z, threads, progress)
        result = _output(out, dtype, values.shape)
        result[:] = values
        return result
    result = _output(out, dtype, task.shape)
    mirror = task.one and kernel.f1 == kernel.f2
    large = result.nbytes >= LARGE

    def fill(where: tuple[int, int, int, int], space: Space) -> None:
        i, ni, j, nj = where
        image = result[j : j + nj, i : i + ni] if mirror else None
        task.compute(where, space, result[i : i + ni, j : j + nj], image)

    with Workers(threads) as workers:
        if result.dtype == np.float32:
            task = replace(task, rounded=rounded(task.code, task.rows, task.columns, task.numbers))
        task.code.prepare(result.dtype.name, task.rounded)
        if large and out is None:  # memory is cleared at the first touch: better before than in between
            data = result.reshape(-1)
            workers.run(range(0, data.size, TOUCHED), lambda: None, lambda start, _: _touch(data, start))
        tiles = task.tiles(mirror, workers.count)
        workers.run(tiles, lambda: Space(task.rows.data.shape[1], large), fill, progress)
    if mirror:
        with np.errstate(over="ignore"):
            np.fill_diagonal(result, task.diagonal)
    _warn(task)
    return result


def matvec(
    kernel: Kernel,
    X: ArrayLike,
    v: ArrayLike,
    Z: ArrayLike | None = None,
    *,
    threads: int | None = None,
    transpose: bool = False,
) -> Matrix:
    """k(X, Z) @ v without the matrix, in memory for a few tiles: v (p,) or (p, r) -> (n,) or (n, r).

    transpose: k(X, Z)^T @ v instead, v (n,) or (n, r).
    """
    try:
        task = Task.of(kernel, X, Z)
    except Uncompiled:
        series = _series(kernel, X, Z, threads)
        product: Matrix = (series.T if transpose else series) @ np.asarray(v, dtype=np.float64)
        return product
    task.code.prepare()
    n, p = task.shape[::-1] if transpose else task.shape
    vector = np.asarray(v, dtype=np.float64)
    if vector.ndim not in (1, 2) or len(vector) != p:
        raise InputError(f"v must have shape ({p},) or ({p}, r); got {vector.shape}")
    result = np.zeros((n, *vector.shape[1:]))

    def multiply(start: int, space: Space) -> None:  # whole rows, so that the order of summation is fixed
        size = min(TILE, n - start)
        block = np.empty((TILE, STRIDE))
        for first in range(0, p, TILE):
            wide = min(TILE, p - first)
            where = (first, wide, start, size) if transpose else (start, size, first, wide)
            task.compute(where, space, block, None)
            part = block[:wide, :size].T if transpose else block[:size, :wide]
            result[start : start + size] += part @ vector[first : first + wide]

    with Workers(threads) as workers:
        workers.run(range(0, n, TILE), lambda: Space(task.rows.data.shape[1]), multiply)
    _warn(task)
    return result


def operator(
    kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None, *, threads: int | None = None
) -> LinearOperator:
    """k(X, Z) as a SciPy LinearOperator: every product computes the matrix anew, tile by tile."""
    from scipy.sparse.linalg import LinearOperator

    rows = _data(X, "X")
    columns = None if Z is None else _data(Z, "Z")

    def times(v: Matrix) -> Matrix:
        return matvec(kernel, rows, v.reshape(len(v), -1), columns, threads=threads)

    def transposed(v: Matrix) -> Matrix:
        """k(X, Z)^T v: rows and columns of tiles exchanged."""
        return matvec(kernel, rows, v.reshape(len(v), -1), columns, threads=threads, transpose=True)

    shape = len(rows), len(rows if columns is None else columns)
    return LinearOperator(shape, times, transposed, times, np.float64, transposed)


def diag(kernel: Kernel, X: ArrayLike) -> Matrix:
    """k(x, x) for every row of X: shape (n,); +inf where the kernel is singular."""
    data = _data(X, "X")
    try:
        code = _code(kernel, data)
    except Uncompiled:
        return np.concatenate([np.diag(_series(kernel, part, None)) for part in _parts(data)])
    if kernel.f1 != kernel.f2:
        return np.array([gram(kernel, x[None], x[None].copy(), threads=1)[0, 0] for x in data])
    return code.diagonal(code.points(data, "row", "X"))


def _parts(data: Matrix) -> list[Matrix]:
    """A few rows at a time: most of a series is work for single points."""
    return [data[i : i + POINTS] for i in range(0, len(data), POINTS)]


@dataclass(frozen=True)
class Task:
    """A kernel and its points, ready to compute tiles of the matrix."""

    code: Evaluator
    rows: Points
    columns: Points
    numbers: Matrix
    diagonal: Matrix | None  # where equal points of both sides have the same value
    one: bool  # rows and columns are the same points
    rounded: Rounded | None = None  # for layers in float32

    @classmethod
    def of(cls, kernel: Kernel, X: ArrayLike, Z: ArrayLike | None) -> Task:
        """Checks the data, computes what depends on one point alone."""
        one, name = Z is None or Z is X, "X" if Z is None else "Z"
        data = _data(X, "X")
        other = data if one or Z is None else _data(Z, name)
        if data.shape[1] != other.shape[1]:
            raise InputError(f"X has {data.shape[1]} columns but Z has {other.shape[1]}")
        code = _code(kernel, data, other)
        rows = code.points(data, "row", "X")
        columns = code.points(other, "column", name, rows if other is data else None)
        diagonal = code.diagonal(rows) if kernel.f1 == kernel.f2 else None
        return cls(code, rows, columns, code.numbers(data.shape[1]), diagonal, one)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows.data), len(self.columns.data)

    def tiles(self, mirror: bool, threads: int) -> list[tuple[int, int, int, int]]:
        """(first row, rows, first column, columns) of every piece of work, a tile or WIDE tiles side by side.

        For a mirrored matrix those of the lower half; the longest rows first, so that threads end together.
        """
        n, p = self.shape
        wide = TILE * (1 if n * p < FEW * threads * TILE**2 else WIDE)
        pieces = []
        for i in reversed(range(0, n, TILE)):
            end = min(i + TILE, p) if mirror else p
            pieces += [(i, min(TILE, n - i), j, min(wide, end - j)) for j in range(0, end, wide)]
        return pieces

    def compute(
        self,
        where: tuple[int, int, int, int],
        space: Space,
        out: NDArray[Any],
        mirrored: NDArray[Any] | None,
    ) -> None:
        """Tiles side by side, and their mirror image if asked for."""
        given = self.rows, self.columns, where, self.numbers, self.diagonal, out, mirrored, space
        self.code.tile(*given, self.rounded)
        i, ni, j, nj = where
        if self.code.structure.shift is not None:
            lost = np.isnan(out[:ni, :nj])
            if mirrored is not None and i == j:
                np.fill_diagonal(lost, False)  # it is written at the end
            if lost.any():
                raise InputError(
                    f"{self.code.kernel!r}: a mean so far off the centre is beyond the table; scale the data"
                )
        down, along = self.rows.dead[i : i + ni], self.columns.dead[j : j + nj]
        if down.any() or along.any():
            dead = down[:, None] | along
            out[:ni, :nj][dead] = 0.0
            if mirrored is not None:
                mirrored[:nj, :ni][dead.T] = 0.0


def _warn(task: Task) -> None:
    """A warning where entries have fewer digits than promised."""
    code = task.code
    if code.alone:
        expected = max(code.loose, code.depth * COMPILED)
        warnings.warn(
            f"{code.kernel!r}: deep networks and close pairs need more digits than float64, for which its"
            f" mean off the centre has no form: expect relative errors of {expected:.1e}, larger ones of"
            " nearly equal rows",
            InaccurateWarning,
            stacklevel=4,
        )
    left = code.unsettled
    if left > 0:
        warnings.warn(
            f"{task.code.kernel!r}: some entries are beyond double-double, and too many for more digits:"
            f" these entries are left with a relative error of about {left:.1e}; evaluate fewer at once",
            InaccurateWarning,
            stacklevel=4,
        )


def _touch(data: NDArray[Any], start: int) -> None:
    """Write to every page of a part of fresh memory."""
    data[start : start + TOUCHED : PAGE // data.itemsize] = 0


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


def _series(
    kernel: Kernel,
    X: ArrayLike,
    Z: ArrayLike | None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Matrix:
    """The matrix by Mehler series; a warning where its bound leaves less than single precision."""
    other = None if Z is None else _data(Z, "Z")
    values, bounds = _bounded_series(kernel, _data(X, "X"), other, threads, progress)
    top, off = max(values.max(), -values.min()), bounds.max()
    if top == np.inf:  # masses that meet
        finite = ~np.isinf(values)
        top, off = np.abs(values[finite]).max(initial=0.0), bounds[finite].max(initial=0.0)
    wrong = float(off / top) if top > 0 else float(off > 0)
    if not wrong <= LOOSE:
        warnings.warn(
            f"{kernel!r} has no closed form; its series is only known to {wrong:.1e} here:"
            " see kernel.error_bound, or give all rows one norm",
            InaccurateWarning,
            stacklevel=4,
        )
    return values


def _bounded_series(
    kernel: Kernel,
    X: Matrix,
    Z: Matrix | None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Matrix, Matrix]:
    from kernelcalc.compile.tables import mehler

    with Workers(threads) as workers:

        def run(pieces: Iterable[mehler.Piece], job: Callable[[mehler.Piece], None]) -> None:
            workers.run(pieces, lambda: None, lambda piece, _: job(piece), progress)

        return mehler.gram(kernel, X, Z, run)


def how(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None) -> str:
    """How k(X, Z) is computed."""
    data = _data(X, "X")
    try:
        code = _code(kernel, data, data if Z is None else _data(Z, "Z"))
    except Uncompiled:
        return "Mehler series"
    if isinstance(code, AngularEvaluator):
        return "table of the angle"
    if code.structure.mean == POWERS:
        return "closed form with tables of powers"
    return "closed form" if code.mean is None else "closed form with a table of a mean"


def error_bound(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None) -> Matrix:
    """Bounds of the absolute errors of k(X, Z): shape (n, p).

    Proved but for rounding for series and tables of the angle; for closed forms COMPILED times the value,
    which is measured, not proved; or, with a warning, the largest estimate of what the second phase left.
    """
    data, other = _data(X, "X"), None if Z is None else _data(Z, "Z")
    try:
        code = _code(kernel, data, data if other is None else other)
    except Uncompiled:
        return _bounded_series(kernel, data, other)[1]
    if isinstance(code, AngularEvaluator):
        return np.full((len(data), len(data if other is None else other)), code.angle.error)
    task = Task.of(kernel, data, other)
    values = np.empty(task.shape)

    def fill(where: tuple[int, int, int, int], space: Space) -> None:
        i, ni, j, nj = where
        task.compute(where, space, values[i : i + ni, j : j + nj], None)

    with Workers() as workers:
        workers.run(task.tiles(False, workers.count), lambda: Space(data.shape[1]), fill)
    _warn(task)
    wrong: Matrix = max(COMPILED, task.code.loose, task.code.unsettled) * np.abs(values)
    return wrong


def _data(X: ArrayLike, name: str) -> Matrix:
    try:
        data = reals(X)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a numeric array of shape (n, d): {error}") from error
    if data.ndim != 2 or 0 in data.shape:
        raise InputError(f"{name} must have shape (n, d) with n, d >= 1; got {data.shape}")
    sums = np.einsum("ij,ij->i", data, data)  # takes less time than asking every entry
    if not np.isfinite(sums).all() and not np.isfinite(data).all():
        row, column = np.argwhere(~np.isfinite(data))[0]
        raise InputError(f"{name}[{row}, {column}] is {data[row, column]}; every entry must be finite")
    return np.ascontiguousarray(data)


def _output(out: NDArray[Any] | None, dtype: DTypeLike | None, shape: tuple[int, int]) -> NDArray[Any]:
    wanted = np.dtype((np.float64 if out is None else out.dtype) if dtype is None else dtype)
    if wanted not in (np.float64, np.float32):
        raise InputError(f"dtype must be float64 or float32, not {wanted}")
    if out is None:
        return aligned(shape, wanted, clear=False)
    if out.shape != shape or out.dtype != wanted or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(f"out must be a writeable C-contiguous {wanted} array of shape {shape}")
    return out
