"""G(v) = E F(Z), Z ~ N(0, v), as a table in x = sqrt(v), for every F that is analytic between its kinks.

    G(x^2) = sqrt(2/pi)/x * integral of h(z) exp(-z^2/(2 x^2)) over z > 0,   h(z) = (F(z) + F(-z))/2,

by Gauss-Legendre panels: one per octave of z, cut at every kink and halved until a Legendre series resolves
h. The panels of all octaves being alike, so are the values of the exponential function; below 2^-32 x it
is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial.legendre import legvander

from kernelcalc import gauss, kept
from kernelcalc.compile.tables.piecewise import Long, Sample, Table, Vector, long, tabulate
from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function
from kernelcalc.kept import recall
from kernelcalc.late import Late

if TYPE_CHECKING:
    import mpmath as mp
    import sympy as sp

    from kernelcalc import symbols as sym
    from kernelcalc.compile.tables import periods
    from kernelcalc.expectation import waves
    from kernelcalc.functions import analysis
else:
    mp, sp, sym = Late("mpmath"), Late("sympy"), Late("kernelcalc.symbols")
    periods = Late("kernelcalc.compile.tables.periods")
    waves, analysis = Late("kernelcalc.expectation.waves"), Late("kernelcalc.functions.analysis")

ORDER = 28  # of the rule: exp(-y^2/2) on an octave, times a resolved function, to 2^-64
LOWEST, HIGHEST = -112, 106  # octaves of z
FINE, REACH = 32, 5  # octaves below and above x that the exponential function spans
RESOLVED = 2.0**-50  # of a Legendre series, relative to the integral from 0; the rule squares it
HALVINGS = 14
MOST = 64  # panels of an octave
FLOOR = 2.0**-24  # of the largest mean, for functions that vanish at 0
DIGITS = 40


@lru_cache(maxsize=1)
def rule() -> tuple[Long, Long, Long]:
    """Nodes and weights on [0, 1] to the precision of a long double, and the analysis matrix."""
    x, weights = gauss.fine(ORDER)
    u, w = (1 + x) / 2, weights / 2
    degrees = np.arange(ORDER)
    analysis_matrix = (legvander(2 * u - 1, ORDER - 1) * (2 * degrees + 1) * w[:, None]).T
    return u, w, analysis_matrix


def _even_part(f: Function) -> tuple[Callable[[Long], Long], list[float]]:
    """z > 0 -> h(z), each analytic piece by its own formula; and the cuts."""
    pieces = analysis.pieces(f.expr)
    starts = [float(piece.lo) for piece in pieces[1:]]
    calls = [sp.lambdify(sym.z, piece.expr, "mpmath") for piece in pieces]

    def one(x: mp.mpf) -> mp.mpf:
        return mp.mpf(calls[int(np.searchsorted(starts, float(x)))](x))

    def values(x: Long) -> Long:
        high = x.astype(np.float64)
        rest = (x - high).astype(np.float64)
        try:
            with mp.workdps(DIGITS):
                exact = [mp.mpf(s) + mp.mpf(t) for s, t in zip(high.tolist(), rest.tolist(), strict=True)]
                found = np.array([long((one(t) + one(-t)) / 2) for t in exact])
        except (ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
            raise InputError(f"{f!r} is not a finite real function: {error}") from error
        if not np.isfinite(found.astype(np.float64)).all():
            raise InputError(f"{f!r} is not finite everywhere: its mean cannot be tabulated")
        return found

    return values, sorted({abs(t) for t in starts if t != 0})


class HalfLine:
    """Panels that resolve h on z > 0, and from them G at any x."""

    def __init__(self, f: Function) -> None:
        if f.deltas:
            raise InputError(f"{f!r} has Dirac masses: its mean is not tabulated")
        self.name = repr(f)
        self._values, self._cuts = _even_part(f)
        self.low = LOWEST
        self.regular: dict[int, tuple[Long, Long]] = {}  # octave -> weighted values, and sizes
        self.special: dict[int, tuple[Long, Long]] = {}  # octave -> nodes, weighted values
        first = self._values(np.array([2.0**LOWEST], np.longdouble))[0] * np.longdouble(2.0) ** LOWEST
        self.sums, self.sizes = [first], [abs(first)]  # integrals from 0 to 2^octave
        for octave in range(LOWEST, HIGHEST):
            self._add(octave)
        self.kernels: dict[bytes, Long] = {}
        self.tops = np.zeros(HIGHEST - LOWEST, np.longdouble)  # of E|h| from an octave on
        octaves = np.arange(LOWEST + FINE, HIGHEST - REACH)
        self.tops[octaves - LOWEST] = self(np.ldexp(1.0, octaves)).size
        self.tops = np.maximum.accumulate(self.tops[::-1])[::-1]

    def _add(self, octave: int) -> None:
        left = 2.0**octave
        inner = [t for t in self._cuts if left < t < 2 * left]
        waiting = list(zip([left, *inner], [*inner, 2 * left], strict=True))
        nodes, terms = [], []
        u, w, matrix = rule()
        for _ in range(HALVINGS):
            again = []
            for lo, hi in waiting:
                x = np.longdouble(lo) + np.longdouble(hi - lo) * u
                h = self._values(x)
                series = np.abs(matrix @ h) * (hi - lo)
                if series[-3:].max() > RESOLVED * (self.sizes[-1] + series.max()):
                    again += [(lo, (lo + hi) / 2), ((lo + hi) / 2, hi)]
                else:
                    nodes.append(x)
                    terms.append(h * w * np.longdouble(hi - lo))
            if not again:
                break
            waiting = again
            if len(again) > MOST:
                raise self._unresolved()
        else:
            raise self._unresolved()
        total = np.concatenate(terms)
        if len(terms) == 1:
            self.regular[octave] = total, np.abs(total)
        else:
            self.special[octave] = np.concatenate(nodes), total
        self.sums.append(self.sums[-1] + total.sum())
        self.sizes.append(self.sizes[-1] + np.abs(total).sum())

    def _unresolved(self) -> InputError:
        return InputError(f"{self.name} oscillates or jumps too often for its mean to be tabulated")

    def __call__(self, x: Vector) -> Sample:
        """G(x^2) and E|h|, at any x > 0; where h vanishes at 0, FLOOR times what it grows to."""
        values, sizes = np.empty(len(x), np.longdouble), np.empty(len(x), np.longdouble)
        octaves = np.frexp(x)[1] - 1
        for octave in np.unique(octaves):
            here = octaves == octave
            values[here], sizes[here] = self._octave(int(octave), np.ldexp(x[here], -int(octave)))
        return Sample(values, sizes)

    def _octave(self, octave: int, xi: Vector) -> tuple[Long, Long]:
        lowest = max(octave - FINE, LOWEST)
        total = np.full(len(xi), self.sums[lowest - LOWEST])
        size = np.full(len(xi), self.sizes[lowest - LOWEST])
        kernel = self._kernel(xi)
        for k in range(lowest, min(octave + REACH, HIGHEST)):
            if k in self.regular:
                weights = kernel[:, k - octave + FINE]
                total += weights @ self.regular[k][0]
                size += weights @ self.regular[k][1]
            else:
                nodes, terms = self.special[k]
                y = np.ldexp(nodes, -octave) / xi[:, None].astype(np.longdouble)
                weights = np.exp(-y * y / 2)
                total += weights @ terms
                size += weights @ np.abs(terms)
        factor = np.sqrt(2 / _pi()) / np.ldexp(xi.astype(np.longdouble), octave)
        return total * factor, np.maximum(size * factor, FLOOR * self.tops[octave - LOWEST])

    def _kernel(self, xi: Vector) -> Long:
        """exp(-(z/x)^2/2) for x = xi 2^e and the nodes of octaves e - FINE, ..., e + REACH - 1."""
        key = xi.tobytes()
        if key not in self.kernels:
            u, _, _ = rule()
            zeta = np.ldexp(1 + u, np.arange(-FINE, REACH)[:, None])
            y = zeta[None] / xi[:, None, None].astype(np.longdouble)
            self.kernels[key] = np.exp(-y * y / 2)
        return self.kernels[key]


def _pi() -> np.longdouble:
    with mp.workdps(30):
        return long(+mp.pi)


def make(f: Function) -> Table:
    """The table of E f(Z), Z ~ N(0, x^2)."""
    if (wave := waves.wave(f)) is not None:
        return tabulate(partial(_wave, f, wave), f"the mean of {f!r}", start=-1)
    return tabulate(HalfLine(f), f"the mean of {f!r}", start=-1)


def _wave(f: Function, wave: waves.Wave, x: Vector) -> Sample:
    """The mean of a positive function that repeats for ever; off its centre by panels where there is no
    series, as special functions take long."""

    def one(t: float) -> np.longdouble:
        if wave.start != 0 and t * t < waves.LARGE:
            return periods.mean(wave, t)
        return long(waves.mean(f, mp.mpf(t) ** 2))

    with mp.workdps(25):
        values = np.array([one(t) for t in x.tolist()])
    return Sample(values, values)


@lru_cache(maxsize=64)
def _table(f: Function, key: str) -> Table:
    def generate() -> str:
        from kernelcalc.compile.forms.named import canonical

        base = canonical(f.symbolic).base
        values = tuple((s, x) for s, x in f.parameters if s in dict(base.parameters))
        return make(replace(base, parameters=values)).to_text()

    return Table.from_text(kept.text(f"mean table {key}", generate))


def formula(f: Function, shape: tuple[str, ...] | None = None) -> str:
    """The formula of f in its parameters, and the values of those named (None: of all)."""

    def write() -> str:
        values = [(s.name, sp.srepr(x)) for s, x in f.parameters if shape is None or s.name in shape]
        return f"{sp.srepr(f.template)} {values}"

    return recall(f.recipe, f"formula, {shape}", write)


def table_of(f: Function, shape: Iterable[str]) -> Table:
    """The table of the mean of f with unit slope and amplitude, made now or by an earlier process.

    shape: the names of the parameters that are more than slope and amplitude; f has numbers for them.
    """
    return _table(f, formula(f, tuple(shape)))


@lru_cache(maxsize=64)
def scaled_table(f: Function) -> tuple[Table, float, float]:
    """A table, beta and A with E f(Z) = A table(beta x), Z ~ N(0, x^2). InputError where there is none."""
    from kernelcalc.compile.forms.named import canonical

    found = canonical(f.symbolic)
    table = table_of(f, [s.name for s, _ in found.base.parameters])
    slope, weight = slope_and_weight(f, str(found.scale) if found.scale != 1 else "")
    return table, slope, weight


@lru_cache(maxsize=256)
def slope_and_weight(f: Function, slope: str, shift: str | None = None) -> tuple[float, ...]:
    """beta and A with G(v) = A G1(beta^2 v), G1 the tabulated mean; slope: the name of beta, "" for 1.

    shift: the name of z0 ("" for 0) in G(mu, v) = A G1(beta (mu - z0), beta^2 v); then z0, beta and A.
    """

    def generate() -> str:
        from kernelcalc.compile.forms.named import weight

        return weight(f, centred=shift is not None).hex()

    found = kept.text(f"mean weight {shift is None} {formula(f)}", generate)
    beta = float(f.params[slope]) if slope else 1.0
    if shift is None:
        return beta, float.fromhex(found)
    return float(f.params[shift]) if shift else 0.0, beta, float.fromhex(found)
