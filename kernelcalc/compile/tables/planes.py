"""G(mu, x^2) = E s(mu + x Z) as polynomials on a tree of squares, for the compiled code.

Thresholds need the mean of a surrogate derivative off its centre: a function of two variables, smooth but
near the points (t, 0) where s kinks or jumps at t; jumps are taken out (smoothed.py). The half plane x >= 0
is cut into squares that are halved until a polynomial of degree TERMS - 1 in each variable meets G at points
between its nodes; towards (t, 0) they shrink. lookup.py starts at the square of the size of mu and x at the
origin, and walks down from there, one bit of mu and x a step. Values at the nodes are Gauss-Legendre sums
over panels that resolve s and are not much wider than x.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from kernelcalc import kept
from kernelcalc.compile.arithmetic.chebyshev import nodes_to_powers
from kernelcalc.compile.layout import PLANE_FOLD, PLANE_FOLDED, PLANE_LEVELS, TABLE_HEADER
from kernelcalc.compile.layout import PLANE_TERMS as TERMS
from kernelcalc.compile.tables.means import formula
from kernelcalc.compile.tables.smoothed import MOST, Edge, Smoothed, TooMany
from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc.compile.tables import periods
    from kernelcalc.expectation import numeric, waves
else:
    sp, periods = Late("sympy"), Late("kernelcalc.compile.tables.periods")
    numeric, waves = Late("kernelcalc.expectation.numeric"), Late("kernelcalc.expectation.waves")

Vector = NDArray[np.float64]

SIZES = (2.0**40, 2.0**10, 2.0**6)  # half the width of the table, in units of s with slope 1: what can be had
SMALLEST = 2.0**-46  # of a square
TARGET = 5e-14  # relative to the largest E |s| in a square; rounding leaves 1e-15
ROUGH = 100.0  # times that for the last terms of a series: no need to look closer
FLOOR = 2.0**-10  # of sup |s|: smaller values are known to as many digits as this
NEAR = 2.0**10  # size of a square, beyond which that grows like a square
UNUSED = np.zeros((TERMS, TERMS))
CHECKS = np.array([-0.9999, -0.56, 0.07, 0.62, 0.9999])


@dataclass(frozen=True)
class Plane:
    """tree[i]: the place of the first of four smaller squares, or minus the number of a polynomial less 1;
    tree[0] is mu >= 0, tree[1] mu < 0 (the same square where s is even). Where PLANE_FOLDED stands instead,
    tree[2] has one period of the function. error: relative to the largest E |s| in the square."""

    tree: Vector
    coefficients: Vector  # (polynomials, TERMS^2)
    edges: Vector  # (edges, 3): place, height, decay of what is added to the polynomials (smoothed.py)
    far: float  # mu beyond which periods are not told apart
    error: float
    reach: float
    falls: ClassVar[bool] = False

    @cached_property
    def numbers(self) -> Vector:
        """The table as compiled code takes it."""
        head = np.zeros(TABLE_HEADER)
        at = TABLE_HEADER + len(self.tree)
        edges = at + 4 * PLANE_LEVELS
        head[:6] = 1 / self.reach, edges + self.edges.size, at, len(self.edges), edges, self.far
        parts = head, self.tree, self._at_origin(), self.edges.ravel(), self.coefficients.ravel()
        return np.concatenate(parts)

    def _at_origin(self) -> Vector:
        """For both signs of mu and every level, the square at the origin, and by how much it is smaller than
        all: not the whole tree is to be walked down."""
        found = []
        for place in self.tree[:2].tolist():
            scale = 1.0
            for _ in range(PLANE_LEVELS):
                found += [place, scale]
                if place > 0:
                    place, scale = float(self.tree[int(place)]), 2 * scale
        return np.array(found)

    def __call__(self, mu: float, x: float) -> float:
        """G(mu, x^2) as the compiled code has it, up to the rounding of fused operations."""
        s, w, place = self._leaf(abs(mu) / self.reach, x / self.reach, self.tree[int(mu < 0)])
        edges = [Edge(*numbers) for numbers in self.edges]
        if place == PLANE_FOLDED:
            s, w = abs(mu - np.floor(mu + 0.5)) / PLANE_FOLD, min(x / PLANE_FOLD, np.nextafter(1, 0))
            (s, w, place), edges = self._leaf(s, w, self.tree[2]), []
        c = self.coefficients[int(-place) - 1].reshape(TERMS, TERMS)
        powers = np.arange(TERMS)
        value = float((2 * s - 1) ** powers @ c @ (2 * w - 1) ** powers)
        return value + sum(float(edge.mean(mu, x)) for edge in edges)

    def _leaf(self, s: float, w: float, place: float) -> tuple[float, float, float]:
        while place > 0:
            s, w = 2 * s, 2 * w
            i, j = int(s >= 1), int(w >= 1)
            s, w, place = s - i, w - j, self.tree[int(place) + 2 * i + j]
        return s, w, place

    def to_text(self) -> str:
        """The table for `kept.text`."""
        parts = self.tree, self.coefficients, self.edges
        kept = [base64.b64encode(part.tobytes()).decode() for part in parts]
        return json.dumps([*kept, *(x.hex() for x in (self.far, self.error, self.reach))])

    @classmethod
    def from_text(cls, text: str) -> Plane:
        *kept, far, error, reach = json.loads(text)
        tree, coefficients, edges = (np.frombuffer(base64.b64decode(part)) for part in kept)
        numbers = map(float.fromhex, (far, error, reach))
        return cls(tree, coefficients.reshape(-1, TERMS**2), edges.reshape(-1, 3), *numbers)


class _Tree:
    """Squares and their polynomials, as they are found; the first `roots` entries are where to start."""

    def __init__(self, roots: int, name: str) -> None:
        self.tree, self.name = [0.0] * roots, name
        self.found: list[Vector] = []
        self.worst = 0.0
        exact, self._to_series, self._to_powers = nodes_to_powers(TERMS)
        self._nodes = exact.astype(np.float64)
        self._powers = CHECKS[:, None] ** np.arange(TERMS)

    def grow(self, root: int, smoothed: Smoothed, reach: float, side: int = 1) -> None:
        """The squares of |mu| and x up to reach; side: -1 for mu < 0."""
        waiting = [(root, 0.0, 0.0, reach)]
        while waiting:
            place, left, low, width = waiting.pop()
            kind = smoothed.kind(side * left, low, width)
            c = None if kind == "halve" else UNUSED
            if kind == "fit":
                c = self._fitted(smoothed, (side, side * left, low, width))
            if c is None:
                self.tree[place] = float(len(self.tree))
                for k in range(4):
                    corner = left + (k // 2) * width / 2, low + (k % 2) * width / 2
                    waiting.append((len(self.tree) + k, *corner, width / 2))
                self.tree += [0.0] * 4
                if len(self.tree) > MOST:
                    raise TooMany(f"{self.name} is too steep or jumps too often for its mean to be tabulated")
            elif kind == "folded":
                self.tree[place] = PLANE_FOLDED
            else:
                self.tree[place] = -float(len(self.found)) - 1
                self.found.append(c.ravel())

    def _fitted(self, smoothed: Smoothed, square: tuple[int, float, float, float]) -> Vector | None:
        """The polynomial, or None where there has to be more than one."""
        side, start, low, width = square
        inside = width * (1 + self._nodes) / 2
        values, sizes = smoothed(start, side * inside, low + inside)
        series = self._to_series @ values @ self._to_series.T
        grows = width > 1 and not smoothed.bounded  # then it may be small in a corner
        floor = min(1.0, FLOOR * max(1.0, width / NEAR) ** 2) * smoothed.most(low + width)
        size = max(float(sizes.min() if grows else sizes.max()), floor)
        error = float(np.abs(series[-1]).max() + np.abs(series[:, -1]).max()) / size
        c: Vector = (self._to_powers @ series @ self._to_powers.T).astype(np.float64)
        if error < ROUGH * TARGET or width <= SMALLEST:
            inside = width * (1 + CHECKS) / 2
            exact, _ = smoothed(start, side * inside, low + inside)
            error = float(np.abs(self._powers @ c @ self._powers.T - exact).max()) / size
        if error <= TARGET:
            self.worst = max(self.worst, error)
            return c
        if width > SMALLEST:
            return None
        c = np.zeros((TERMS, TERMS))
        c[0, 0] = values.mean()
        return c

    def plane(self, reach: float, edges: tuple[Edge, ...], far: float = 0.0) -> Plane:
        """The table."""
        numbers = np.array([(edge.at, edge.height, edge.decay) for edge in edges]).reshape(-1, 3)
        return Plane(np.array(self.tree), np.array(self.found), numbers, far, 2 * self.worst, reach)


def make(f: Function) -> Plane:
    """The table of a function with numbers as parameters. InputError where squares do not resolve it."""
    if f.deltas:
        raise InputError(f"{f!r} has Dirac masses: its mean is not tabulated")
    if (wave := waves.wave(f)) is not None:
        return _periodic(wave, repr(f))
    for reach in SIZES:
        try:
            return _make(f, reach)
        except numeric._Unresolved:
            reason = InputError(f"{f!r} is not finite everywhere: its mean cannot be tabulated")
        except TooMany as error:
            if reach <= NEAR:  # the last size is for what overflows
                raise
            reason = error
    raise reason


def _make(f: Function, reach: float) -> Plane:
    edges = tuple(Edge(float(t), float(height)) for t, height in f.jumps)
    kinks = [float(t) for t in f.breakpoints]
    near = math.inf if f.bounded else 1 + max(map(abs, kinks), default=0.0)
    smoothed = Smoothed(numeric._values(f), kinks, reach, repr(f), edges, near)
    made = _Tree(2, repr(f))
    made.grow(0, smoothed, reach)
    if f.parity == "even" and not edges:
        made.tree[1] = made.tree[0]
    else:
        made.grow(1, smoothed, reach, -1)
    return made.plane(reach, edges)


def _periodic(wave: waves.Wave, name: str) -> Plane:
    """Far to the right of 0 the function repeats: one square has the mean of a period."""
    cut, whole = periods.Cut(wave, name), periods.Whole(wave, name)
    made = _Tree(3, name)
    made.grow(0, cut, SIZES[0])
    made.grow(1, cut, SIZES[0], -1)
    made.grow(2, whole, PLANE_FOLD)
    return made.plane(SIZES[0], cut.edges, periods.FAR)


@lru_cache(maxsize=16)
def _table(f: Function, key: str) -> Plane:
    def generate() -> str:
        from kernelcalc.compile.forms.named import canonical

        base = canonical(f.symbolic, centred=True).base
        values = tuple((s, x) for s, x in f.parameters if s in dict(base.parameters))
        return make(replace(base, parameters=values)).to_text()

    return Plane.from_text(kept.text(f"plane table {key}", generate))


def table_of(f: Function, shape: Iterable[str]) -> Plane:
    """The table of G(mu, v) of f with unit slope and amplitude, centred at 0, as `means.table_of`."""
    return _table(f, formula(f, tuple(shape)))
