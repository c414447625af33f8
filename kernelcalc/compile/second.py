"""The second phase: entries whose digits float64 cannot promise, from the same expressions with more digits.

Which: entries of deep networks, where float64 loses up to two units in the last place a layer; pairs of
close points, where a closed form has no rule in gaps.py and cancels; points whose variances float64 does not
know to the last digit. They are evaluated in double-double (lanes.py), which estimates its own error; where
that is not enough either, in mpmath (digits.py), up to MOST instructions. `unsettled` are those left.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelcalc.compile.evaluator import Space
from kernelcalc.compile.layout import STRIDE, TILE
from kernelcalc.compile.machine import DIGITS, Machine, available, read, two
from kernelcalc.compile.structure import mute
from kernelcalc.compile.tape import FAR, NEAR, POINT, QUADRANTS, RESULTS, Tape
from kernelcalc.late import Late

if TYPE_CHECKING:
    import mpmath as mp
    from numpy.typing import NDArray

    from kernelcalc.compile import digits
    from kernelcalc.compile.evaluator import Evaluator, Points

    Matrix = NDArray[np.float64]
    Integers = NDArray[np.int64]
else:
    mp, digits = Late("mpmath"), Late("kernelcalc.compile.digits")

ENOUGH = 2.0**-50  # the relative error with which a value is settled
TINY = -2038  # log2 of a product of two variances, below which their covariance is 0 in float64
UNSURE = 2.0**-40  # of the sum of the absolute values of its terms, below which a sum may be rounding
NOTHING = 2.0**-1000  # entries as small, of such variances, are taken for 0
SMALL = 4096  # entries of a matrix
SAMPLE, PILED = 16, 30 * 2.0**-52  # the worst of all is up to 1.6 times the worst of a sample
COSTLY, HEAVY = 1000, 30  # what an integral over a quarter plane counts in mpmath, in double-double
SERIES = 200  # what a hypergeometric function counts in mpmath
BEYOND = 2.0**-1018  # variances below, or rounded to 0 in some layer, have no digits in double-double
ROUNDED = 8 * 2.0**-52  # relative error of a variance, a layer, that float64 may make
ROOT = -490  # log2 of the root of 1 -+ r, below which that may have no digits
MOST = 10**7  # instructions for one matrix in mpmath, half a minute
PRECISIONS = (50, 100, 200, 400, 800, 1600)  # digits tried in turn until two agree


@dataclass
class Second:
    """The second phase of one kernel on data of one dimension."""

    code: Evaluator
    near: Tape
    dimension: int
    tangent: int
    used: int = 0  # instructions in mpmath, or what integrals in double-double take instead
    unsettled: float = 0.0  # the largest relative error estimated of an entry that was left
    piled: dict[bool, bool] = field(default_factory=dict)  # for close pairs, for others
    lock: Any = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, code: Evaluator, dimension: int) -> Second | None:
        """None where the expression has a function without more digits."""
        text = code.structure.tapes.get("near")
        if text is None:
            return None
        tape = read(text)
        if not (available(tape) or digits.available(tape)):
            return None
        kernel = code.kernel
        tangent = 0 if kernel.s1 is None else 1 if kernel.symmetric or kernel.f1 != kernel.f2 else 2
        return cls(code, tape, dimension, tangent)

    # ------------------------------------------------------------ numbers

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """w2, s2 and the parameters, exactly."""
        names = [name for name in self.near.inputs if name not in (*NEAR, *RESULTS)]
        return dict(zip(names, self.code.exact_numbers, strict=True))

    @cached_property
    def price(self) -> int:
        """Instructions for one entry in mpmath."""
        slow = COSTLY * self.integrals + SERIES * sum("power" in i.operation for i in self.near.layer)
        return self.code.depth * (len(self.near.layer) + slow)

    @cached_property
    def integrals(self) -> int:
        """Over quarter planes, in one layer."""
        return sum(i.operation in QUADRANTS for i in self.near.layer)

    @cached_property
    def _even(self) -> bool:
        """Whether K(x, -x) is K(x, x)."""
        kernel = self.code.kernel
        return kernel.symmetric and kernel.f1.parity == "even" and not self.numbers["s2"]

    @cached_property
    def _first(self) -> tuple[float, ...]:
        """w2/n0 and s2, in two floats each."""
        w2, s2 = self.numbers["w2"], self.numbers["s2"]
        if isinstance(w2, Fraction):
            return *two(w2 / self.dimension), *two(s2)
        with mp.workdps(DIGITS):
            return *two(mp.mpmathify(w2) / self.dimension), *two(s2)

    @cached_property
    def _table(self) -> Matrix:
        return np.zeros(1) if self.code.mean is None else self.code.mean.numbers

    def _machine(self, name: str, state: tuple[str, ...]) -> Machine | None:
        text = self.code.structure.tapes.get(name)
        if text is None or not available(read(text)):
            return None
        return Machine.of(text, self.numbers, state, self.tangent)

    @cached_property
    def _near(self) -> Machine | None:
        return self._machine("near", NEAR)

    @cached_property
    def _far(self) -> Machine | None:
        return self._machine("far", FAR)

    @cached_property
    def _point(self) -> Machine | None:
        return self._machine("point", POINT)

    # ------------------------------------------------------------ points

    def points(self, points: Points) -> tuple[Matrix, Matrix] | None:
        """k(x, x) and its bound, shape (n, 2), and the variances of all layers, each with its bound, shape
        (2 depth, n). None without a machine."""
        if self._point is None:
            return None
        side = points.data, points.powers
        places = np.repeat(np.arange(len(points.data)), 2).reshape(-1, 2)
        values, variances = self._point.run(side, side, places, self.code.depth, self._first, self._table)
        return values[:, :2], variances

    def unknown(self, points: Points) -> tuple[NDArray[np.bool_], Matrix]:
        """Points whose variances float64 does not know to the last digits; bounds of the last variances."""
        found = self.points(points)
        if found is None:
            return np.zeros(len(points.data), dtype=bool), np.full(len(points.data), np.inf)
        exact, wrong = found[1][::2], found[1][1::2]
        allowed = ROUNDED * np.arange(1, len(exact) + 1)[:, None] * np.abs(points.values)
        with np.errstate(invalid="ignore"):
            known = np.abs(exact - points.values) + wrong <= allowed
        return np.asarray(~(known.all(axis=0) | points.dead)), exact[-1] + wrong[-1]

    def diagonal(self, points: Points, values: Matrix) -> Matrix:
        """k(x, x), given what float64 makes of it."""
        found = self.points(points)
        if found is None and not points.hard.any():
            return values
        known: Matrix = np.array([values, np.full(len(values), np.inf)]) if found is None else found[0].T
        result: Matrix = known[0].copy()
        wrong: Matrix = known[1]
        gone = np.isnan(result) | (np.isnan(values) & ~_settled(result, wrong))
        gone &= 2 * _size(points) <= TINY
        gone &= gone.any() and mute(self.code.kernel)
        result[gone] = 0.0
        unknown = (~_settled(result, wrong) | (_ended(points) & np.isinf(wrong))) & ~gone
        for k in np.flatnonzero(unknown & ~points.dead):
            exact = self._exact(points.data[k], None, result[k], wrong[k])
            result[k] = values[k] if exact is None else exact[0]
        result[points.dead] = values[points.dead]
        return result

    # ------------------------------------------------------------ pairs

    def improve(
        self,
        rows: Points,
        columns: Points,
        where: tuple[int, int, int, int],
        marks: Integers,
        out: NDArray[Any],
        mirrored: NDArray[Any] | None,
    ) -> None:
        """The entries of a tile that need it; arguments as for Evaluator.tile."""
        i0, ni, j0, nj = where
        deep, covered = self.code.deep, self.code.structure.covered
        hard = rows.hard[i0 : i0 + ni], columns.hard[j0 : j0 + nj]
        marked = marks[1 : 1 + marks[0]]
        close, equal = np.zeros((ni, nj), dtype=bool), np.zeros((ni, nj), dtype=bool)
        for mask, chosen in ((close, marked[marked >= 0]), (equal, -1 - marked[marked < 0])):
            mask[np.divmod(chosen % TILE**2, TILE)] = True
        wanted = np.full((ni, nj), deep and self._piles_up(rows, columns, False)) | hard[0][:, None] | hard[1]
        if close.any() and (not covered or (self.code.deep_close and self._piles_up(rows, columns, True))):
            wanted |= close
        if self.code.steep:
            wanted |= np.isinf(out[:ni, :nj]) & self._orthogonal(rows, columns, where)
        # where both variances are tiny, so is the covariance: below the range of floats
        tiny = _size(rows)[i0 : i0 + ni, None] + _size(columns)[j0 : j0 + nj] <= TINY
        images = (out[:ni, :nj],) if mirrored is None else (out[:ni, :nj], mirrored[:nj, :ni].T)
        for image in images:  # thresholds make NaN of variances that are 0 in float64
            gone = tiny & np.isnan(image)
            if gone.any() and mute(self.code.kernel):
                image[gone] = 0.0
        wanted &= ~np.logical_and.reduce([tiny, *(np.abs(image) < NOTHING for image in images)])
        wanted &= ~(equal | rows.dead[i0 : i0 + ni, None] | columns.dead[j0 : j0 + nj])
        if mirrored is not None and i0 == j0:
            wanted &= np.tri(ni, nj, -1, dtype=bool)
        down, along = np.nonzero(wanted)
        if not len(down):
            return
        places = np.column_stack([i0 + down, j0 + along])
        image = out if mirrored is None else mirrored.T
        before = np.column_stack([out[down, along], image[down, along]])
        near = close[down, along] | ~np.array(deep)
        values = self._pairs(rows, columns, places, near, before)
        with np.errstate(over="ignore"):
            out[down, along] = values[:, 0]
            if mirrored is not None:
                mirrored[along, down] = values[:, 1]

    def _orthogonal(self, rows: Points, columns: Points, where: tuple[int, ...]) -> NDArray[np.bool_]:
        """Pairs of whose inner products float64 does not know the sign, which is that of infinite entries."""
        i0, ni, j0, nj = where
        x, y = (
            p.data[start : start + n] * p.powers[start : start + n, None]
            for p, start, n in ((rows, i0, ni), (columns, j0, nj))
        )
        return np.asarray(np.abs(x @ y.T) <= UNSURE * np.abs(x) @ np.abs(y).T)

    def _piles_up(self, rows: Points, columns: Points, close: bool) -> bool:
        """Whether the roundings of the first phase add up over the layers, measured on some pairs of a large
        matrix, close ones or others; of a small one nobody minds the time."""
        with self.lock:
            if close not in self.piled:
                small = len(rows.data) * len(columns.data) <= SMALL
                self.piled[close] = small or self._measured(rows, columns, close) > PILED
            return self.piled[close]

    def _measured(self, rows: Points, columns: Points, close: bool) -> float:
        """The largest relative error of float64 among those of SAMPLE^2 pairs that are close, or are not; 1
        where they are too few to tell."""
        chosen = [
            np.ascontiguousarray(p.data[np.linspace(0, len(p.data) - 1, SAMPLE).astype(int)])
            for p in (rows, columns)
        ]
        few = self.code.points(chosen[0], "row", "X"), self.code.points(chosen[1], "column", "Z")
        space, out = Space(self.dimension), np.empty((SAMPLE, STRIDE))
        where = 0, SAMPLE, 0, SAMPLE
        self.code.first_phase(
            few[0], few[1], where, self.code.numbers(self.dimension), None, out, None, space
        )
        wanted = np.full(SAMPLE**2, not close)
        marked = space.marks[1 : 1 + space.marks[0]] % TILE**2
        wanted[marked // TILE * SAMPLE + marked % TILE] = close
        places = np.argwhere(wanted.reshape(SAMPLE, SAMPLE))
        before = out[places[:, 0], places[:, 1]]
        values = self._pairs(*few, places, np.full(len(places), close), np.column_stack([before] * 2))
        with np.errstate(all="ignore"):
            wrong = np.abs(before / values[:, 0] - 1)
        return float(np.max(wrong[np.isfinite(wrong)], initial=0.0 if len(places) > SAMPLE else 1.0))

    def _pairs(
        self, rows: Points, columns: Points, places: Integers, near: NDArray[np.bool_], before: Matrix
    ) -> Matrix:
        """K(x, y) and K(y, x) of pairs (i, j); near: which the tape of far pairs must not take; before: what
        the first phase made of them."""
        values = before.astype(np.float64)
        wrong = np.full(values.shape, np.inf)
        left = np.ones(len(places), dtype=bool)
        for machine, allowed in ((self._far, ~near), (self._near, left)):
            chosen = np.flatnonzero(left & allowed)
            if machine is None or not len(chosen) or self.used >= MOST:
                continue
            self.used += len(chosen) * self.code.depth * HEAVY * self.integrals
            given = (rows.data, rows.powers), (columns.data, columns.powers)
            where = np.ascontiguousarray(places[chosen])
            found, _ = machine.run(*given, where, self.code.depth, self._first, self._table)
            better = (found[:, 1::2] < np.minimum(wrong[chosen], 1e-9 * np.abs(found[:, ::2]))).all(axis=1)
            values[chosen[better]], wrong[chosen[better]] = found[better, ::2], found[better, 1::2]
            left = np.asarray(~_settled(values, wrong).all(axis=1))
        ended = map(_ended, (rows, columns))
        beyond = np.logical_or(*(mask[index] for mask, index in zip(ended, places.T, strict=True)))
        beyond &= np.isinf(wrong).any(axis=1)  # overflow, or a division by what is 0 for float64 alone
        if not self.code.structure.covered:
            hard = np.logical_or(rows.hard[places[:, 0]], columns.hard[places[:, 1]])
            beyond |= hard & np.isinf(values).any(axis=1)  # likewise, without a bound
            beyond |= self._vanishing(rows, columns, places)
        for n in np.flatnonzero(left | beyond):
            i, j = places[n]
            exact = self._exact(rows.data[i], columns.data[j], values[n, 0], wrong[n, 0])
            if exact is None:
                with np.errstate(all="ignore"):
                    estimate = float((wrong[n] / np.abs(values[n])).max())
                self.unsettled = max(self.unsettled, estimate if estimate < 1.0 else 1.0)
            else:
                values[n] = exact
        return values

    def _vanishing(self, rows: Points, columns: Points, places: Integers) -> NDArray[np.bool_]:
        """Pairs whose 1 - r or 1 + r is below the range of floats in the first layer, other than 0."""
        x, y = (p.data[index] for p, index in zip((rows, columns), places.T, strict=True))
        variances = [p.values[0][index] for p, index in zip((rows, columns), places.T, strict=True)]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            off = [np.log2(np.abs(difference).max(axis=1)) for difference in (x - y, x + y)]
            size = np.log2(np.maximum(*variances)) / 2
            near, far = ((o > -np.inf) & (o - size < ROOT) for o in off)
        return np.asarray(np.logical_or(near, far))

    def _exact(self, x: Matrix, y: Matrix | None, value: float, wrong: float) -> tuple[float, float] | None:
        """K(x, y) and K(y, x) in mpmath, given K(x, y) in double-double and its bound; y = None is x. None
        where no two precisions agree, or after MOST instructions."""
        if y is not None and self._even and (x == -y).all():
            y = None
        if y is None and self.code.structure.infinite:
            return np.inf, np.inf
        point = self.code.structure.tapes.get("point") if y is None else None
        tape, y = self.near if point is None else read(point), x if y is None else y
        if not digits.available(tape) or self.used >= MOST:
            return None
        last: tuple[Any, ...] | None = None
        if wrong < 1e-6 * abs(value):  # what double-double lost, the first precision can lose
            last = mp.mpf(value), mp.mpf(value)
        lost = _lost(x, y)
        precisions = [p for p in PRECISIONS[: len(PRECISIONS) if lost > PRECISIONS[-3] else -1] if p > lost]
        for precision in precisions:
            self.used += self.price * max(1, precision // 200)
            with mp.workdps(precision):
                weight, bias = (mp.mpmathify(self.numbers[name]) for name in ("w2", "s2"))
                state = digits.first_layer(x.tolist(), y.tolist(), weight, bias)
                found, wrongs = digits.bounded(tape, self.numbers, state, self.code.depth)
                of = (0, 0) if self.tangent == 0 else (1, 1 if point else self.tangent)
                pair = tuple(found[k] for k in of)
                known = (
                    precision == precisions[0] and last is not None and abs(pair[0] - last[0]) <= 4 * wrong
                )
                final = precision == precisions[-1]
                kept = all(_kept(found[k], wrongs[k]) or (final and mp.isinf(wrongs[k])) for k in of)
                agreed = last is not None and all(_agree(*both) for both in zip(pair, last, strict=True))
                if known or (kept and agreed):
                    return float(pair[0]), float(pair[1])
                last = pair
        return None


def _lost(x: Matrix, y: Matrix) -> int:
    """How many digits sums may lose: of long rows four times those of the entries, 1 -+ r beside a bias as
    well, of short ones twice as many, where terms of 1 leave a variance."""
    largest, least = (take(np.abs(row).max() or 1.0 for row in (x, y)) for take in (max, min))
    return max(int(4 * np.log10(largest)), int(-2 * np.log10(least)), 0)


def _size(points: Points) -> Matrix:
    """log2 of the last variances."""
    return np.asarray(np.log2(np.maximum(points.highest, 2.0**-1074)))


def _ended(points: Points) -> NDArray[np.bool_]:
    """Points with a variance beyond double-double."""
    return np.asarray(points.values.min(axis=0) < BEYOND)


def _settled(values: Matrix, wrong: Matrix) -> NDArray[np.bool_]:
    """Whether values have their digits, or are below the normal range of floats."""
    known = (wrong <= ENOUGH * np.abs(values)) & (wrong < np.inf)
    return np.asarray(known | (np.abs(values) + wrong < 2.0**-1019))


def _kept(value: Any, lost: Any) -> bool:
    """Whether a value has its digits, whatever sums that cancelled to 0 have lost."""
    return bool(lost <= abs(value) * mp.mpf(2) ** -56 + mp.mpf(2) ** -1080)


def _agree(first: Any, second: Any) -> bool:
    """Whether a value and that of the precision before are one."""
    if not mp.isfinite(first) or not mp.isfinite(second):
        return bool(first == second)
    if min(abs(first), abs(second)) > mp.mpf(2) ** 1100:  # infinite for floats, unless it shrinks
        return bool(mp.sign(first) == mp.sign(second) and 2 * abs(first) > abs(second))
    return bool(abs(first - second) <= abs(first) * mp.mpf(2) ** -56 + mp.mpf(2) ** -1080)
