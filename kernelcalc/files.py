"""Matrices from and to files: checked when read, and written whole or not at all."""

from __future__ import annotations

import csv
import os
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kernelcalc.errors import InputError

SUFFIXES = (".npy", ".csv")


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: the file name must end in {' or '.join(SUFFIXES)}")
    return suffix


def read_matrix(path: Path) -> NDArray[np.float64]:
    """The finite real matrix (n, d), n, d >= 1, in a .npy file or a .csv file with or without a header line.

    Raises InputError if the file cannot be read or holds anything else.
    """
    read = _read_npy if _suffix(path) == ".npy" else _read_csv
    try:
        matrix = read(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if matrix.ndim != 2 or not matrix.size:
        raise InputError(
            f"{path}: need a matrix with one row per input, got an array of shape {matrix.shape}"
        )
    bad = np.argwhere(~np.isfinite(matrix))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        value = matrix[row, column]
        raise InputError(f"{path}: row {row + 1}, column {column + 1} is {value}; all entries must be finite")
    return matrix


def _read_npy(path: Path) -> NDArray[np.float64]:
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    # what a damaged or foreign file brings about in the parser of the header, or when it asks for the memory
    except (ValueError, EOFError, MemoryError, TypeError, SyntaxError, tokenize.TokenError) as error:
        raise InputError(f"{path}: no .npy file with a numeric array ({_first_line(error)})") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path}: entries must be real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # what is too large for float64 becomes inf, which is refused
        return array.astype(np.float64)


def _read_csv(path: Path) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                if rows or any(map(_is_number, cells)):
                    rows.append([_number(cell, path, lines.line_num, i) for i, cell in enumerate(cells)])
                    if len(cells) != len(rows[0]):
                        found = f"{len(cells)} columns, the first row {len(rows[0])}"
                        raise InputError(f"{path}: line {lines.line_num} has {found}")
                elif lines.line_num > 1:  # only one line may be without numbers: the header
                    _number(cells[0], path, lines.line_num, 0)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no text in columns separated by commas ({_first_line(error)})") from error
    if not rows:
        raise InputError(f"{path}: no rows of numbers")
    return np.array(rows, dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, path: Path, line: int, column: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"{path}: line {line}, column {column + 1}: {cell[:40]!r} is no number") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def check_writable(path: Path) -> None:
    """Raises InputError if a file cannot be put there: better before a long computation than after it."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"{path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} is not writable")


def check_matrix_path(path: Path) -> None:
    """Raises InputError if write_matrix could not write there."""
    _suffix(path)
    check_writable(path)


def write_matrix(path: Path, matrix: NDArray[np.float64]) -> None:
    """Write to a .npy file, or a .csv file with 17 digits, from which every float64 is read back exactly."""
    if _suffix(path) == ".npy":
        write_whole(path, lambda file: np.lib.format.write_array(file, matrix, allow_pickle=False))
    else:
        write_whole(path, lambda file: np.savetxt(file, matrix, fmt="%.17g", delimiter=","))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let write fill the file; after an error or a crash the old file (or none) is there, never half of it.

    Raises InputError if it cannot be written.
    """
    path = path.resolve()  # a link stays a link
    if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
        with path.open("wb") as device:
            write(device)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
