"""Training and test data from files: features first, targets or a class label last."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernelcalc.errors import InputError
from kernelcalc.files import read_matrix

if TYPE_CHECKING:
    from kernelcalc.training.inputs import Reals


@dataclass(frozen=True)
class Data:
    """Rows of a file: X (n, d); Y (n, targets) or labels, if the file has them."""

    X: Reals
    Y: Reals | None = None
    labels: tuple[str, ...] | None = None


def read_data(path: Path, *, targets: int = 1, classes: bool = False, features: int | None = None) -> Data:
    """The data in a .csv (with or without a header line) or .npy file.

    The last targets columns are Y; with classes the last one is a label, which may be any text. features: the
    number of columns before them, if known; a file of just these has no targets. Raises InputError.
    """
    if classes:
        rows, numbers = _labelled(path) if path.suffix.lower() == ".csv" else _numbered(path)
        targets = 1
    else:
        numbers = _numeric(path)
    width = len(rows[0]) if classes else numbers.shape[1]
    known = features is None or width == features + targets
    if not known and width != features:
        expected = f"{features} columns, or {features} + {targets} with targets"
        raise InputError(f"{path}: has {width} columns; the training data ask for {expected}")
    if known and width <= targets:
        raise InputError(
            f"{path}: has {width} columns; need at least one feature before the {targets} target"
        )
    if not classes:
        return Data(numbers[:, :-targets], numbers[:, -targets:]) if known else Data(numbers)
    if not known:
        return Data(read_matrix(path))
    return Data(numbers[:, : width - 1], labels=tuple(row[-1] for row in rows))


def _numeric(path: Path) -> Reals:
    try:
        return read_matrix(path)
    except InputError as error:
        if "is no number" not in str(error):
            raise
        try:
            _labelled(path)  # text in the last column alone?
        except InputError:
            raise error from None
        raise InputError(f"{error}; for a class label in the last column give --classify") from error


def _numbered(path: Path) -> tuple[list[list[str]], Reals]:
    matrix = read_matrix(path)
    return [[f"{value:.17g}" for value in row] for row in matrix], matrix[:, :-1]


def _labelled(path: Path) -> tuple[list[list[str]], Reals]:
    """The cells of a .csv file, and the numbers in all but its last column."""
    rows: list[list[str]] = []
    numbers: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                row = [cell.strip() for cell in cells]
                if rows and len(row) != len(rows[0]):
                    raise InputError(
                        f"{path}: line {lines.line_num} has {len(row)} columns, the first row {len(rows[0])}"
                    )
                values = [_number(cell) for cell in row[:-1]]
                if None in values:
                    if not rows and lines.line_num == 1 and all(value is None for value in values):
                        continue  # the header
                    i = values.index(None)
                    where = f"line {lines.line_num}, column {i + 1}"
                    raise InputError(f"{path}: {where}: {row[i][:40]!r} is no finite number")
                rows.append(row)
                numbers.append([value for value in values if value is not None])
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no text in columns separated by commas ({error})") from error
    if not rows:
        raise InputError(f"{path}: no rows of numbers")
    return rows, np.array(numbers, dtype=np.float64)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
