"""A kernel as machine code: the compiled functions of its structure, called with its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kernelcalc.arrays import aligned
from kernelcalc.compile.layout import MARKS, SCRATCH, STRIDE, TILE
from kernelcalc.compile.rounded import Rounded
from kernelcalc.compile.structure import (
    POWERS,
    Structure,
    compiled,
    fractions,
    free_names,
    jumps,
    lone_mass,
    parameters_of,
    silent,
    structure_of,
    tabled,
)
from kernelcalc.errors import InputError, Undefined
from kernelcalc.functions.base import nearest_float
from kernelcalc.kept import recall
from kernelcalc.late import Late

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelcalc.compile.second import Second
    from kernelcalc.compile.tables import means, planes, powers
    from kernelcalc.kernels import Kernel

    Matrix = NDArray[np.float64]
else:
    means = Late("kernelcalc.compile.tables.means")
    planes = Late("kernelcalc.compile.tables.planes")
    powers = Late("kernelcalc.compile.tables.powers")

HUGE_PAGE = 2**21  # bytes
DEEP = 32  # layers, beyond which two units in the last place each are too many: left to the second phase
DEEP_CLOSE = 16  # the same for pairs of close points, which take more steps a layer
DEEP_STEEP = 10  # the same where the factor of a layer divides by roots of the variances: quadratic in layers
SLIGHT = 2.0**-10  # of sigma_b^2/sigma_w^2, below which variances hand on their roundings from layer to layer
LEAST, LARGEST = 2.0**-960, 2.0**960  # variances outside lose digits, or all, in layers to come: likewise

class Lookup(Protocol):
    """A table at the end of the numbers of a kernel."""

    @property
    def numbers(self) -> Matrix:
        """The table as compiled code takes it."""

    @property
    def reach(self) -> float:
        """The largest argument in float64."""

    @property
    def falls(self) -> bool:
        """Whether the second phase takes larger ones."""


@dataclass(frozen=True)
class Points:
    """What the layers need of the points of one side. values[l]: the variances of layer l + 1."""

    data: Matrix
    powers: Matrix  # per row, a power of two that brings its largest entry far from over- and underflow
    squares: Matrix  # squared norms
    values: Matrix
    inverse: Matrix  # 1/sqrt of the first variances, up to whole tiles
    table: Matrix
    hard: NDArray[np.bool_]  # whose pairs are left to the second phase
    dead: NDArray[np.bool_]  # zero rows without bias where f(0) = 0: the kernel is 0 in all layers, not 0/0
    highest: Matrix  # bounds of the variances of the last layer


class Space:
    """The arrays one thread works in."""

    def __init__(self, dimension: int, past: bool = False) -> None:
        self.past = past  # results are written past the caches
        self._pages = np.empty(2 * HUGE_PAGE // 8)  # numpy asks for huge pages from there on
        start = -self._pages.ctypes.data % HUGE_PAGE // 8
        self.scratch = self._pages[start : start + SCRATCH]
        self.marks = np.empty(MARKS, dtype=np.int64)
        self.rows = np.empty((3, dimension))
        self._tables = np.empty((0, STRIDE))

    def tables(self, quantities: int) -> Matrix:
        """Point tables of one tile, made when first needed."""
        if len(self._tables) < quantities:
            self._tables = aligned((quantities, STRIDE))
        return self._tables


@dataclass(frozen=True)
class Evaluator:
    """The functions of one kernel structure, and the numbers of one kernel."""

    kernel: Kernel
    depth: int
    parameters: tuple[float, ...]  # sigma_w^2, sigma_b^2, the parameters of the functions
    structure: Structure

    def _call(self, entry: str, *arguments: Any, dtype: str = "float64") -> None:
        passed = [x.__array_interface__["data"][0] if isinstance(x, np.ndarray) else x for x in arguments]
        compiled(self.structure.source, entry, dtype)(*passed)

    @cached_property
    def exact_numbers(self) -> tuple[Any, ...]:
        """sigma_w^2, sigma_b^2 and the parameters before they are rounded."""
        kernel, structure = self.kernel, self.structure
        found = recall(kernel.recipe, "fractions", lambda: fractions(parameters_of(kernel, structure)))
        rest = parameters_of(kernel, structure) if found is None else [Fraction(x) for x in found]
        return (*(x**2 for x in kernel.deviations), *rest)

    def second(self, dimension: int) -> Second | None:
        """The second phase; None where it has nothing to add."""
        from kernelcalc.compile.second import Second

        if self.depth == 1 or not self.structure.tapes:
            return None
        if dimension not in self._seconds:
            self._seconds[dimension] = Second.of(self, dimension)
        return self._seconds[dimension]

    @property
    def unsettled(self) -> float:
        """The largest relative error estimated of an entry computed so far; 0 if all have their digits."""
        return max((found.unsettled for found in self._seconds.values() if found is not None), default=0.0)

    @property
    def steep(self) -> bool:
        """Whether a surrogate with a mass divides by roots of variances that differ from layer to layer."""
        kernel, (w2, s2) = self.kernel, self.parameters[:2]
        return s2 < SLIGHT * w2 and recall(kernel.recipe, "lone mass", lambda: lone_mass(kernel))

    @property
    def slow(self) -> bool:
        """Whether digits beyond float64 cost milliseconds an entry: sought only where it has none."""
        return self.structure.mean == POWERS

    @cached_property
    def deep(self) -> bool:
        """Whether so many layers have roundings that may add up to too much."""
        return self.depth > (DEEP_STEEP if self.steep else DEEP) and not self.slow

    @property
    def known(self) -> bool:
        """Whether variances keep their digits in float64."""
        return self.structure.covered or self.structure.certain

    @property
    def deep_close(self) -> bool:
        """The same for pairs of close points."""
        return self.deep or (self.depth > DEEP_CLOSE and not self.slow)

    @property
    def loose(self) -> float:
        """The relative error expected of all layers, where a mean comes from a table of two variables."""
        return 0.0 if self.structure.shift is None else self.depth * float(getattr(self.mean, "error", 0.0))

    @property
    def alone(self) -> bool:
        """Whether entries (of deep networks, close pairs) needed the second phase, and there is none
        for a table of two variables."""
        return self.structure.shift is not None and bool(self._lacking)

    @cached_property
    def _lacking(self) -> list[int]:
        return []

    @cached_property
    def _seconds(self) -> dict[int, Second | None]:
        return {}

    def prepare(self, dtype: str = "float64", rounded: Rounded | None = None) -> None:
        """Compile or load what all tiles need, before threads do it one after another.

        The code of close pairs comes with the first of them.
        """
        compiled(self.structure.source, "tile" if rounded is None else "tilef", dtype)

    def numbers(self, dimension: int) -> Matrix:
        """The numbers as the code takes them: parameters, sigma_w^2/n0, and the constants of the program."""
        if dimension not in self._numbers:
            self._numbers[dimension] = self._numbered(dimension)
        return self._numbers[dimension]

    @cached_property
    def _numbers(self) -> dict[int, Matrix]:
        return {}

    def _numbered(self, dimension: int) -> Matrix:
        count = len(self.parameters)
        made = np.zeros(count + 2 + self.structure.constants)
        made[:count] = self.parameters
        made[count], made[count + 1] = self.parameters[0] / dimension, len(made)
        made = np.concatenate([made, self.mean.numbers]) if self.mean is not None else made
        self._call("constants", made)
        return made

    @cached_property
    def mean(self) -> Lookup | None:
        """The mean that the factor looks up."""
        known = self.structure
        if not known.mean:
            return None
        if known.mean == POWERS:
            return powers.powers(known.shape)
        table_of = means.table_of if known.shift is None else planes.table_of
        return table_of(tabled(self.kernel, known), known.shape)

    def _beyond(self, values: Matrix) -> NDArray[np.bool_]:
        """Points with a variance beyond the table of the mean. InputError where no other phase knows more."""
        if self.depth == 1 or self.mean is None or self.mean.reach == math.inf:
            return np.zeros(values.shape[1], dtype=bool)
        slope = self.parameters[-2]  # weight is the last
        most = (self.mean.reach / slope) ** 2
        beyond = values.max(axis=0) > most
        if beyond.any() and not (self.mean.falls and self.structure.tapes):
            raise InputError(
                f"{self.kernel!r}: a variance of {values.max():.3g} occurs, and the mean is known up"
                f" to {most:.3g}; scale the data"
            )
        return np.asarray(beyond)

    def points(self, data: Matrix, role: str, name: str, known: Points | None = None) -> Points:
        """The tables of all layers for the rows of data; known: those of the same rows in the other role."""
        n, dimension = data.shape
        w2, s2 = self.parameters[:2]
        values = np.zeros((self.depth, n))
        squares, powers = _norms(data) if known is None else (known.squares, known.powers)
        values[0] = (w2 / dimension) * squares + s2
        if not (values[0] < math.inf).all():
            row = int(np.argmin(values[0] < math.inf))
            raise InputError(
                f"the variance of {name}[{row}], sigma_w^2 |x|^2/n0 + sigma_b^2, is beyond the range of"
                " float64 (1.8e308); scale the data"
            )
        zero = np.zeros(n, dtype=bool) if s2 else np.all(data == 0, axis=1)
        if self.depth > 1 and zero.any() and jumps(self.kernel):  # sign: 0/0
            row = int(np.flatnonzero(zero)[0])
            raise Undefined(
                f"{name}[{row}] is a zero row and sigma_b = 0: {self.kernel!r} is not defined there (0/0)"
            )
        dead = np.logical_and(zero, silent(self.kernel)[role == "column"])
        values[0][zero & ~dead] = LEAST  # for the limits
        blocks = -(-n // TILE)
        table = aligned((blocks, self.depth - 1, self.structure.quantities[role], STRIDE))
        self._call(f"{role}s", n, self.depth, values, self.numbers(dimension), table)
        beyond = self._beyond(values)
        inverse = aligned((blocks * TILE,))
        with np.errstate(divide="ignore"):
            inverse[:n] = np.where(values[0] == 0, 0.0, 1 / np.sqrt(values[0]))
        hard: NDArray[np.bool_] = beyond | ~(((values > LEAST) & (values < LARGEST)).all(axis=0) | dead)
        highest = np.where(values.max(axis=0) < LARGEST, values[-1], np.inf)  # what came of more may be 0
        made = Points(data, powers, squares, values, inverse, table, hard, dead, highest)
        if not self.known and (second := self.second(dimension)) is not None:
            unknown, most = second.unknown(made)
            return replace(made, hard=hard | unknown, highest=np.maximum(highest, most))
        return made

    def diagonal(self, points: Points) -> Matrix:
        """k(x, x) for every point."""
        out = np.empty(len(points.data))
        first = np.ascontiguousarray(points.values[0])
        numbers = self.numbers(points.data.shape[1])
        self._call("same", len(out), self.depth, self.structure.tangent, first, numbers, out)
        out[points.dead] = 0.0
        if not self.deep and self.known and not points.hard.any():
            return out
        second = self.second(points.data.shape[1])
        return out if second is None else second.diagonal(points, out)

    def tile(
        self,
        rows: Points,
        columns: Points,
        where: tuple[int, int, int, int],
        numbers: Matrix,
        diagonal: Matrix | None,
        out: NDArray[Any],
        mirrored: NDArray[Any] | None,
        space: Space,
        rounded: Rounded | None = None,
    ) -> None:
        """out = k(rows i0.., columns j0..), where = (i0, how many, j0, how many), both multiples of TILE.

        No more rows than TILE. out and mirrored (for columns against rows, or None) are parts of matrices,
        float64 or float32, whose rows lie in one piece. Of tiles on the diagonal of a mirrored matrix only
        out's lower triangle is written. diagonal: the values that equal rows get, None where rows and columns
        belong to different networks; rounded: compute ordinary pairs in float32.
        """
        i0, ni, j0, nj = where
        hard = rows.hard[i0 : i0 + ni].any() or columns.hard[j0 : j0 + nj].any()
        all_wanted = hard or self.deep
        close_wanted = self.deep_close or not self.structure.covered
        at, end = j0, j0 + nj
        while at < end:
            part = i0, ni, at, min(TILE, end - at) if all_wanted else end - at
            left, image = out[:, at - j0 :], None if mirrored is None else mirrored[at - j0 :]
            at = self.first_phase(rows, columns, part, numbers, diagonal, left, image, space, rounded)
            wanted = all_wanted or (space.marks[0] > 0 and close_wanted)
            second = self.second(rows.data.shape[1]) if wanted else None
            if wanted and second is None:
                self._lacking.append(self.depth)
            if second is not None:
                last = (at - 1) // TILE * TILE
                left, image = out[:, last - j0 :], None if mirrored is None else mirrored[last - j0 :]
                second.improve(rows, columns, (i0, ni, last, at - last), space.marks, left, image)

    def first_phase(
        self,
        rows: Points,
        columns: Points,
        where: tuple[int, int, int, int],
        numbers: Matrix,
        diagonal: Matrix | None,
        out: NDArray[Any],
        mirrored: NDArray[Any] | None,
        space: Space,
        rounded: Rounded | None = None,
    ) -> int:
        """As tile, without the second phase, up to the first tile with close pairs.

        Returns the column behind it; space.marks holds how many of its pairs are close, and which.
        """
        i0, ni, j0, nj = where
        dimension = rows.data.shape[1]
        mirror = 0 if mirrored is None else 1
        target = out if mirrored is None else mirrored
        dtype, size = out.dtype.name, out.itemsize
        written = (out, out.strides[0] // size, target, target.strides[0] // size)
        data = rows.data, columns.data
        tables: tuple[Any, ...] = rows.inverse, columns.inverse, rows.table, columns.table, numbers
        sizes = dimension, self.depth, mirror
        marks = space.marks
        past = space.past
        entry = "tile"
        if rounded is not None:
            entry, tables = "tilef", (*tables[:2], *rounded.arrays, numbers)
        given = i0, ni, j0, nj, *sizes, past, self.structure.near, *tables
        self._call(entry, *data, *given, *written, marks, space.scratch, dtype=dtype)
        done = int(marks[-1])
        if marks[0]:
            last = (done - 1) // TILE * TILE
            out, target = out[:, last - j0 :], target if mirrored is None else target[last - j0 :]
            written = (out, written[1], target, written[3])
            same = rows.values if diagonal is None else diagonal
            norms = rows.powers, columns.powers, rows.squares, columns.squares
            points = *norms, rows.values, columns.values, same, numbers
            alike = diagonal is not None
            size = self.depth * self.structure.quantities["close"]  # one layer to gather in
            work = *space.rows, space.scratch, space.tables(size)
            passed = i0, ni, last, done - last, *sizes, alike, *points
            self._call("close", *data, *passed, *written, marks, *work, dtype=dtype)
        return done


def _norms(data: Matrix) -> tuple[Matrix, Matrix]:
    """The squares and powers of Points."""
    squares, powers = np.einsum("ij,ij->i", data, data), np.ones(len(data))
    if not ((squares > data.shape[1] * 2.0**-390) & (squares < 2.0**390)).all():
        exponents = np.frexp(np.abs(data).max(axis=1))[1]
        powers = np.where(abs(exponents) < 200, 1.0, np.ldexp(1.0, np.clip(-exponents, -1000, 1000)))
    return squares, powers


def evaluator(kernel: Kernel) -> Evaluator:
    """The compiled kernel. Raises InputError where numbers or a closed form are missing."""
    return Evaluator(kernel, *_given(kernel))


@lru_cache(maxsize=128)
def _given(kernel: Kernel) -> tuple[int, tuple[float, ...], Structure]:
    """The depth, the numbers and the structure; a matrix of a kernel that is known reads no file."""
    if not isinstance(kernel.depth, int):
        raise InputError(f"{kernel!r}: give a number as depth before asking for values")
    free = recall(kernel.recipe, "free", lambda: free_names(kernel))
    given = zip(("sigma_w", "sigma_b"), kernel.deviations, strict=True)
    free += [name for name, value in given if not isinstance(value, Fraction) and not value.is_number]
    if free:
        raise InputError(f"{kernel!r}: give numbers for {', '.join(free)} before asking for values")
    structure = structure_of(kernel)
    w2, s2 = (nearest_float(value**2) for value in kernel.deviations)
    rest = recall(
        kernel.recipe, "numbers", lambda: [float(x).hex() for x in parameters_of(kernel, structure)]
    )
    return kernel.depth, (w2, s2, *map(float.fromhex, rest)), structure
