"""Gram matrices: a kernel over the rows of one or two data matrices."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.errors import InputError, Undefined

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from kernelcalc.kernels import Kernel

Matrix = "NDArray[np.float64]"


def gram(kernel: Kernel, X: ArrayLike, Z: ArrayLike | None = None) -> NDArray[np.float64]:
    """k(X, Z): shape (n, p); row: first argument (true derivative), column: second. Z=None means X."""
    rows = _data(X, "X")
    columns = rows if Z is None else _data(Z, "Z")
    if rows.shape[1] != columns.shape[1]:
        raise InputError(f"X has {rows.shape[1]} columns but Z has {columns.shape[1]}")
    code, depth, numbers = _prepared(kernel)
    first, second, scale = *(_variances(kernel, points) for points in (rows, columns)), _scale(kernel, rows)
    covariance = scale * (rows @ columns.T) + float(kernel.sigma_b) ** 2
    _check(code, first, depth, numbers, "X", kernel)
    _check(code, second, depth, numbers, "Z" if Z is not None else "X", kernel)
    out = np.empty(covariance.shape)
    same = _duplicates(rows, columns) if kernel.f1 == kernel.f2 else np.full(len(columns), -1)
    code["fill"](first, second, covariance, same, depth, kernel.layer.factor is not None, numbers, out)
    if Z is None:
        np.fill_diagonal(out, diag(kernel, rows))
    return out


def diag(kernel: Kernel, X: ArrayLike) -> NDArray[np.float64]:
    """k(x, x) for every row of X: shape (n,); +inf where the kernel is singular."""
    rows = _data(X, "X")
    code, depth, numbers = _prepared(kernel)
    variances = _variances(kernel, rows)
    _check(code, variances, depth, numbers, "X", kernel)
    if kernel.f1 != kernel.f2:
        return np.array([gram(kernel, x[None], x[None])[0, 0] for x in rows])
    out = np.empty(len(rows))
    code["fill_same"](variances, depth, kernel.layer.factor is not None, numbers, out)
    return out


def _data(X: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        data = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a numeric array of shape (n, d): {error}") from error
    if data.ndim != 2 or 0 in data.shape:
        raise InputError(f"{name} must have shape (n, d) with n, d >= 1; got {data.shape}")
    bad = ~np.isfinite(data)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(f"{name}[{row}, {column}] is {data[row, column]}; every entry must be finite")
    return np.ascontiguousarray(data)


def _scale(kernel: Kernel, X: NDArray[np.float64]) -> float:
    return float(kernel.sigma_w) ** 2 / X.shape[1]


def _variances(kernel: Kernel, X: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = _scale(kernel, X) * np.einsum("ij,ij->i", X, X) + float(kernel.sigma_b) ** 2
    return result


def _duplicates(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.int64]:
    """For every column point, a row point equal to it (its class), or -1: such pairs are the diagonal."""
    _, inverse = np.unique(np.vstack([rows, columns]), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    return np.concatenate([inverse[: len(rows)], inverse[len(rows) :]])


def _check(code: dict[str, Any], a: NDArray[np.float64], depth: int, numbers: tuple[float, ...], name: str, kernel: Kernel) -> None:
    """A zero variance under an activation that has no kernel there (0/0) is an error, not a NaN."""
    zero = a == 0
    if depth > 1 and zero.any() and not np.isfinite(code["variance1"](0.0, *numbers)):
        row = int(np.flatnonzero(zero)[0])
        raise Undefined(f"{name}[{row}] is a zero row and sigma_b = 0: {kernel!r} is not defined there (0/0)")


def _prepared(kernel: Kernel) -> tuple[dict[str, Any], int, tuple[float, ...]]:
    if not isinstance(kernel.depth, int):
        raise InputError(f"{kernel!r}: give a number as depth before asking for values")
    from kernelcalc.compile.source import layer_source

    source = layer_source(kernel)
    values = {s: x for e in kernel.layer.expectations for s, x in e.values}
    free = [str(s) for s in source.parameters if not values[s].is_number]
    free += [name for name in ("sigma_w", "sigma_b") if not getattr(kernel, name).is_number]
    if free:
        raise InputError(f"{kernel!r}: give numbers for {', '.join(free)} before asking for values")
    numbers = (float(kernel.sigma_w) ** 2, float(kernel.sigma_b) ** 2, *(float(values[s]) for s in source.parameters))
    return _compiled(source.text), kernel.depth, numbers


@lru_cache(maxsize=64)
def _compiled(text: str) -> dict[str, Any]:
    """The module of a source text, with the loops that fill matrices around its functions."""
    import numba

    module: dict[str, Any] = {}
    exec(compile(text + LOOPS, "<kernelcalc layer>", "exec"), module)
    for name in ("variance1", "variance2", "cross", "cross_same", "factor", "factor_same", "pair", "same_pair"):
        module[name] = numba.njit(error_model="numpy")(module[name])
    for name in ("fill", "fill_same"):
        module[name] = numba.njit(error_model="numpy", nogil=True)(module[name])
    return module


LOOPS = '''
def pair(a, b, c, depth, tangent, numbers):
    t = c
    for _ in range(depth - 1):
        D = max(a * b - c * c, 0.0)
        f = factor(a, b, c, D, *numbers)
        c = cross(a, b, c, D, *numbers)
        a = variance1(a, *numbers)
        b = variance2(b, *numbers)
        t = c + t * f if tangent else c
    return t


def same_pair(a, depth, tangent, numbers):
    t = a
    for _ in range(depth - 1):
        f = factor_same(a, *numbers)
        c = cross_same(a, *numbers)
        t = c + t * f if tangent else c
        a = variance1(a, *numbers)
    return t


def fill(first, second, covariance, same, depth, tangent, numbers, out):
    n, p = covariance.shape
    for i in range(n):
        for j in range(p):
            if same[0] >= 0 and same[i] == same[n + j]:
                out[i, j] = same_pair(first[i], depth, tangent, numbers)
            else:
                out[i, j] = pair(first[i], second[j], covariance[i, j], depth, tangent, numbers)


def fill_same(variances, depth, tangent, numbers, out):
    for i in range(len(variances)):
        out[i] = same_pair(variances[i], depth, tangent, numbers)
'''
