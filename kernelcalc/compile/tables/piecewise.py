"""Functions of one variable x >= 0 as piecewise polynomials with a measured error, for the compiled code.

Every octave 2^e <= x < 2^(e+1) is cut into 2^bits intervals; the exponent and the top bits of the mantissa of
x are the number of the interval, so that no search is needed and vectors can gather. The first interval
reaches down to 0. Beyond the last one a function is constant or falls like 1/x, where it does so to the last
digit, and elsewhere the table says how far it reaches. lookup.py holds the compiled evaluation.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernelcalc.compile.layout import FALLS, TABLE_HEADER, TABLE_TERMS
from kernelcalc.errors import InputError
from kernelcalc.late import Late

if TYPE_CHECKING:
    import mpmath as mp
else:
    mp = Late("mpmath")

Vector = NDArray[np.float64]
Long = NDArray[np.longdouble]  # where it is no longer than a double, errors come out larger and are reported

BITS = (5, 6, 7, 8, 9)  # intervals per octave, as powers of two, tried in turn
CHECKS = 5  # points per interval at which the polynomial is compared with the function
TARGET = 2.0**-54  # of the polynomial, relative to the size of the function
ROUNDING = 2.5 * 2.0**-53  # of the coefficients and of the evaluation
FOREVER = 2.0**900  # where constant tails would begin to fall
FAR = 120  # octaves of a tail like 1/x: its coefficients go down to 2^(-8 FAR) and must not underflow
LOWEST = -40  # no first interval ends below 2^-40
LOWER = 2**32 - 1  # half of the bits of a number
SLIGHT = 2.0**-500  # what stands for 0 in front of them: arithmetic with denormal numbers is slow
ZERO = 2.0**-40  # what stands for 0, relative to the end of the first interval


@dataclass(frozen=True)
class Sample:
    """Values of a function and its size, in relation to which errors are measured (where it crosses 0)."""

    values: Long
    size: Long


Sampled = Callable[[Vector], Sample]


@dataclass(frozen=True)
class Table:
    """coefficients[i]: of the i-th interval, in powers of x - its middle; error: relative, for x <= reach."""

    low: int  # the first octave is 2^low <= x < 2^(low + 1)
    bits: int
    coefficients: Vector  # (intervals, TABLE_TERMS)
    tail: float  # from here on the function falls like 1/x
    reach: float
    error: float

    @property
    def falls(self) -> bool:
        """Whether the function falls like 1/x beyond `reach` as well."""
        return self.tail < FOREVER

    @cached_property
    def numbers(self) -> Vector:
        """The table as compiled code takes it; octaves of a tail like 1/x are added up to 2^FAR."""
        coefficients, count = self.coefficients, 2**self.bits
        if self.falls:
            beyond = np.arange(1, FAR - self.low - len(coefficients) // count + 1)
            falls = -beyond[:, None, None] * (1 + np.arange(TABLE_TERMS))
            scaled = np.ldexp(coefficients[None, -count:], falls)
            coefficients = np.concatenate([coefficients, scaled.reshape(-1, TABLE_TERMS)])
        shift = 52 - self.bits
        octaves, rest = divmod(len(coefficients), count)
        last = np.nextafter(np.ldexp(1 + rest / count, self.low + octaves), 0.0)
        head = [shift, 2 ** (shift - 1), (self.low + 1023) << self.bits, np.ldexp(1.0, self.low), last]
        start = np.zeros(TABLE_HEADER)
        start[: len(head)] = head
        start[FALLS] = self.falls
        return np.concatenate([start, packed(coefficients)[:, :-1].ravel()])

    def __call__(self, x: Vector) -> Vector:
        """The function at x, as the compiled code has it up to the rounding of fused operations."""
        numbers = self.numbers
        coefficients = numbers[TABLE_HEADER:].reshape(-1, TABLE_TERMS - 1)
        coefficients = np.column_stack([coefficients, (coefficients[:, -1].view(np.int64) << 32).view(float)])
        inside = np.clip(np.asarray(x, dtype=np.float64), numbers[3], numbers[4])
        row = (inside.view(np.int64) >> int(numbers[0])) - int(numbers[2])
        middle = (((row + int(numbers[2])) << int(numbers[0])) + int(numbers[1])).view(np.float64)
        t = np.minimum(x, numbers[4]) - middle
        total: Vector = np.zeros_like(t)
        for k in reversed(range(TABLE_TERMS)):
            total = total * t + coefficients[row, k]
        return total

    def to_text(self) -> str:
        """The table for `kept.text`."""
        kept = base64.b64encode(self.coefficients.tobytes()).decode()
        numbers = [x.hex() for x in (self.tail, self.reach, self.error)]
        return json.dumps([self.low, self.bits, kept, numbers])

    @classmethod
    def from_text(cls, text: str) -> Table:
        low, bits, kept, numbers = json.loads(text)
        coefficients = np.frombuffer(base64.b64decode(kept)).reshape(-1, TABLE_TERMS)
        return cls(low, bits, coefficients, *map(float.fromhex, numbers))


def packed(coefficients: Vector) -> Vector:
    """The last coefficient of every row in 21 bits, laid into the lower half of the one before: neither needs
    more, and fetching numbers is what a lookup spends its time on."""
    made = coefficients.copy()
    last = made[:, -1].view(np.int64) >> 32
    made[np.abs(made[:, -2]) < np.finfo(np.float64).tiny, -2] = SLIGHT
    made[:, -2] = ((made[:, -2].view(np.int64) & ~LOWER) | last & LOWER).view(np.float64)
    made[:, -1] = (last << 32).view(np.float64)
    return made


@cache
def _rule() -> tuple[Long, Long]:
    """Chebyshev nodes in [-1, 1] in few bits, so that they are exact in every interval, and the matrix from
    values there to coefficients of powers."""
    with mp.workdps(40):
        angles = [mp.pi * (2 * k + 1) / (2 * TABLE_TERMS) for k in range(TABLE_TERMS)]
        nodes = [mp.mpf(round(float(mp.cos(t)) * 2.0**24)) / 2**24 for t in angles]
        inverse = mp.matrix([[x**k for k in range(TABLE_TERMS)] for x in nodes]) ** -1
        entries = [[long(inverse[i, j]) for j in range(TABLE_TERMS)] for i in range(TABLE_TERMS)]
    return np.array([float(x) for x in nodes], np.longdouble), np.array(entries)


def long(x: mp.mpf) -> np.longdouble:
    """An mpmath number as a long double, rounded once."""
    high = float(x)
    if not np.isfinite(high):
        return np.longdouble(high)
    return np.longdouble(high) + np.longdouble(float(x - mp.mpf(high)))


def _checks() -> Vector:
    """Points in [-1, 1] where an error that oscillates between the nodes is largest, and the ends."""
    k = np.round(np.linspace(0, TABLE_TERMS, CHECKS))
    points: Vector = np.cos(np.pi * k / TABLE_TERMS)
    points[0], points[-1] = 1.0, -1.0
    return points


def _fit(sampled: Sampled, left: Vector, right: Vector, middle: Vector) -> tuple[Vector, float]:
    """Coefficients on the intervals [left, right] in powers of x - middle, and the largest relative error."""
    nodes, matrix = _rule()
    center, half = (left + right) / 2, (right - left) / 2
    both = np.concatenate([nodes.astype(np.float64), _checks()])
    x = center[:, None] + half[:, None] * both
    found = sampled(x.ravel())
    values, size = found.values.reshape(x.shape), found.size.reshape(x.shape)
    scales = half[:, None].astype(np.longdouble) ** np.arange(TABLE_TERMS)
    powers = values[:, :TABLE_TERMS] @ matrix.T / scales
    for k in range(TABLE_TERMS):  # Horner's shift from the centre to the middle
        for j in reversed(range(k, TABLE_TERMS - 1)):
            powers[:, j] += powers[:, j + 1] * (middle - center)
    coefficients = packed(powers.astype(np.float64))
    t = x[:, TABLE_TERMS:].astype(np.longdouble) - middle[:, None]
    total = np.zeros_like(t)
    for k in reversed(range(TABLE_TERMS)):
        total = total * t + (powers[:, k] if k == 0 else coefficients[:, k])[:, None]
    wrong = np.abs(total - values[:, TABLE_TERMS:]) / size[:, TABLE_TERMS:]
    return coefficients, float(wrong.max())


def intervals(low: int, octaves: int, bits: int) -> tuple[Vector, Vector]:
    """Left ends and middles of the intervals of `octaves` octaves from 2^low."""
    count = 2**bits
    steps = np.arange(count * octaves)
    octave = np.ldexp(1.0, low + steps // count)
    return octave * (1 + (steps % count) / count), octave * (1 + (steps % count + 0.5) / count)


def tabulate(
    sampled: Sampled,
    name: str,
    *,
    start: int = 0,
    stop: float | None = None,
    most: int = 100,
    ways: tuple[int, ...] = BITS,
    target: float = TARGET,
) -> Table:
    """The function as a table; start: the first octave tried as the lowest; ways: the bits tried; target: of
    the polynomials.

    The table ends at `stop`, or (None) where the function is constant or falls like 1/x to 2^-58; a function
    that does neither before 2^most is tabulated that far. Raises InputError where the error wanted is not
    reached: the function has a singularity at x > 0, or at 0 one that polynomials of x do not resolve.
    """
    end, falling = (None, np.inf) if stop is not None else _settled(sampled, start, most)
    for bits in ways:
        low, worst = _lowest(sampled, start, bits, target), 0.0
        if low is None:
            continue
        tops = range(low, most if stop is None else int(np.ceil(np.log2(stop))))
        parts, tail, reach = [], np.inf, np.inf if stop is None else stop
        for octave in tops:
            left, middle = intervals(octave, 1, bits)
            width = 2 * (middle - left)
            left[0] *= ZERO if octave == low else 1.0
            used = slice(None) if stop is None else left < stop
            part, wrong = _fit(sampled, left[used], (middle + width / 2)[used], middle[used])
            parts.append(part)
            worst = max(worst, wrong)
            if worst > target:
                break
            if octave + 1 == end:
                tail = falling
                break
        else:
            reach = 2.0**tops.stop if stop is None else stop
        if worst <= target:
            reach = min(reach, 2.0**FAR) if tail < FOREVER else reach
            return Table(low, bits, np.concatenate(parts), tail, reach, 2 * worst + ROUNDING)
    raise InputError(f"{name} cannot be tabulated to the digits of float64: it is too steep or too singular")


def _lowest(sampled: Sampled, start: int, bits: int, target: float) -> int | None:
    """The largest octave (in steps) below which one polynomial resolves the function down to 0."""
    for low in range(start, LOWEST, -3):
        left, middle = intervals(low, 1, bits)
        _, wrong = _fit(sampled, left[:1] * ZERO, left[1:2], middle[:1])
        if wrong <= target:
            return low
    return None


def _settled(sampled: Sampled, start: int, most: int) -> tuple[int | None, float]:
    """The octave from which the function is constant or falls like 1/x (or None), and where it falls."""
    x = np.ldexp(1.0, np.arange(start, most + 1))
    values = sampled(x).values
    for scaled, falls in ((values, False), (values * x, True)):
        moving = np.flatnonzero(np.abs(scaled - scaled[-1]) > 2.0**-56 * abs(scaled[-1]))
        first = int(moving[-1]) + 2 if len(moving) else 1
        if first < len(x) - 4:
            return start + first, float(x[first]) if falls else np.inf
    return None, np.inf
