"""Checks of what users pass: every message names the argument, what was wrong, and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Reals = NDArray[np.float64]


def reals(value: ArrayLike, name: str) -> Reals:
    """A float64 array of finite numbers; InputError names the first entry that is not."""
    raw = np.asarray(value)
    if raw.dtype.kind not in "fiub":
        raise InputError(f"{name} must hold real numbers, got entries of type {raw.dtype}")
    array: Reals = raw.astype(np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = ", ".join(str(i) for i in bad[0])
        entry = f"{name}[{where}]" if where else name
        raise InputError(f"{entry} is {array[tuple(bad[0])]}; every entry must be finite")
    return array


def points(value: ArrayLike, name: str, columns: int | None = None) -> Reals:
    """A matrix (n, d) with n, d >= 1, one row per point; columns: the d it must have."""
    array = reals(value, name)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{name} must have shape (n, d) with n, d >= 1, one row per point; got {array.shape}"
        )
    if columns is not None and array.shape[1] != columns:
        raise InputError(f"{name} has {array.shape[1]} columns, the training points have {columns}")
    return array


def targets(value: ArrayLike, name: str, rows: int) -> Reals:
    """Target values (n,) or (n, o), one row per point."""
    array = reals(value, name)
    if array.ndim not in (1, 2) or array.shape[0] != rows or 0 in array.shape:
        raise InputError(f"{name} must have shape ({rows},) or ({rows}, outputs); got {array.shape}")
    return array


def positive(value: object, name: str, *, zero: bool = False) -> float:
    """A finite number > 0 (zero: >= 0)."""
    number = _number(value, name)
    if not math.isfinite(number) or not (number > 0 or (zero and number == 0)):
        raise InputError(f"{name}={value!r} must be a finite number {'>=' if zero else '>'} 0")
    return number


def whole(value: object, name: str, least: int) -> int:
    """A whole number >= least."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise InputError(f"{name}={value!r} must be a whole number >= {least}")
    return int(value.__index__())


def times(value: object, name: str = "t", *, whole: bool = False) -> Reals:
    """Times t >= 0, inf allowed, of any shape; whole: numbers of steps."""
    try:
        array: Reals = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}={value!r} must be a number >= 0, an array of them, or inf") from error
    if not array.size:
        raise InputError(f"{name} is empty; give at least one time")
    wrong = ~(array >= 0)
    if whole:
        wrong |= np.isfinite(array) & (array != np.floor(array))
    if wrong.any():
        first = array[wrong].flat[0]
        kind = "whole numbers >= 0" if whole else "numbers >= 0"
        raise InputError(f"{name} contains {first:g}; it must hold {kind} (inf is allowed)")
    return array


def _number(value: object, name: str) -> float:
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise InputError(f"{name}={value!r} must be a number")
    return float(value)
