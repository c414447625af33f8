"""G(mu, x^2) = E s(mu + x Z) as polynomials on a tree of squares, for the compiled code.

Thresholds need the mean of a surrogate derivative off its centre: a function of two variables, smooth but
near the points (t, 0) where s kinks or jumps at t. The half plane x >= 0 is cut into squares that are halved
until a polynomial of degree TERMS - 1 in each variable meets G at points between its nodes; towards (t, 0)
they shrink. lookup.py starts at the square of the size of mu and x at the origin, and walks down from there,
one bit of mu and x a step. Values at the nodes are Gauss-Legendre sums over panels that resolve s and are not
much wider than x.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray

from kernelcalc import kept
from kernelcalc.compile.arithmetic.chebyshev import nodes_to_powers
from kernelcalc.compile.layout import PLANE_LEVELS, TABLE_HEADER
from kernelcalc.compile.layout import PLANE_TERMS as TERMS
from kernelcalc.compile.tables.means import formula
from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc.expectation import numeric
else:
    sp, numeric = Late("sympy"), Late("kernelcalc.expectation.numeric")

Vector = NDArray[np.float64]

SIZES = (2.0**40, 2.0**10)  # half the width of the table, in units of s with slope 1: what can be had
SMALLEST = 2.0**-46  # of a square
BESIDE = 2.0**-24  # of a square where s jumps: closer to a jump the mean of both sides is taken
MOST = 16000  # squares
TARGET = 5e-14  # relative to the largest E |s| in a square; rounding leaves 1e-15
ROUGH = 100.0  # times that for the last terms of a series: no need to look closer
FLOOR = 2.0**-10  # of sup |s|: smaller values are known to as many digits as this
NEAR = 2.0**10  # size of a square, beyond which that grows like a square
REACH = 8.0  # standard deviations: beyond them lies a part in 10^15
PANEL = 1.5  # of them: exp(-u^2/2) times a resolved function, by RULE
FINEST = -8  # panels next to a kink have the width 2^FINEST
CHECKS = np.array([-0.9999, -0.56, 0.07, 0.62, 0.9999])
RULE = leggauss(10)
LEGENDRE = legvander(RULE[0], 9) * (2 * np.arange(10) + 1) / 2 * RULE[1][:, None]
RESOLVED, HALVINGS = 1e-11, 12  # of a Legendre series, relative to sup |s| (the rule squares it); of panels
WIDE = 6.0  # widths of a density over which its centres may lie apart


@dataclass(frozen=True)
class Plane:
    """tree[i]: the place of the first of four smaller squares, or minus the number of a polynomial less 1;
    tree[0] is mu >= 0, tree[1] mu < 0 (the same square where s is even). error: relative to the largest
    E |s| in the square."""

    tree: Vector
    coefficients: Vector  # (polynomials, TERMS^2)
    error: float
    reach: float

    @cached_property
    def numbers(self) -> Vector:
        """The table as compiled code takes it."""
        head = np.zeros(TABLE_HEADER)
        at = TABLE_HEADER + len(self.tree)
        head[:3] = 1 / self.reach, at + 4 * PLANE_LEVELS, at
        return np.concatenate([head, self.tree, self._at_origin(), self.coefficients.ravel()])

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
        s, w, place = abs(mu) / self.reach, x / self.reach, self.tree[int(mu < 0)]
        while place > 0:
            s, w = 2 * s, 2 * w
            i, j = int(s >= 1), int(w >= 1)
            s, w, place = s - i, w - j, self.tree[int(place) + 2 * i + j]
        c = self.coefficients[int(-place) - 1].reshape(TERMS, TERMS)
        powers = np.arange(TERMS)
        return float((2 * s - 1) ** powers @ c @ (2 * w - 1) ** powers)

    def to_text(self) -> str:
        """The table for `kept.text`."""
        kept = [base64.b64encode(part.tobytes()).decode() for part in (self.tree, self.coefficients)]
        return json.dumps([*kept, self.error.hex(), self.reach.hex()])

    @classmethod
    def from_text(cls, text: str) -> Plane:
        *kept, error, reach = json.loads(text)
        tree, coefficients = (np.frombuffer(base64.b64decode(part)) for part in kept)
        return cls(tree, coefficients.reshape(-1, TERMS**2), float.fromhex(error), float.fromhex(reach))


def _plain() -> tuple[Vector, Vector]:
    """Nodes and weights for the mean of a smooth function of a standard normal variable."""
    left = np.arange(-REACH, REACH)
    nodes = (left[:, None] + (1 + RULE[0]) / 2).ravel()
    return nodes, np.tile(RULE[1] / 2, len(left)) * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)


PLAIN = _plain()


class _Smoothed:
    """s against normal densities."""

    def __init__(self, f: Function, reach: float) -> None:
        self.values: Callable[[Vector], Vector] = numeric._values(f)
        self.kinks = np.array(sorted({0.0, *(float(t) for t in f.breakpoints)}))
        steps = np.ldexp(1.0, np.arange(FINEST, int(np.log2(reach)) + 2))
        cuts = np.unique(self.kinks[:, None] + np.concatenate([-steps, [0.0], steps]))
        left, width = cuts[:-1], np.diff(cuts)
        self.top, self.cuts = 0.0, cuts
        for _ in range(HALVINGS):  # panels that resolve s
            nodes = left[:, None] + width[:, None] * (1 + RULE[0]) / 2
            h = self.values(nodes.ravel()).reshape(nodes.shape)
            self.top = max(self.top, float(np.abs(h).max()))
            rough = np.abs(h @ LEGENDRE)[:, -2:].max(axis=1) > RESOLVED * self.top
            if not rough.any():
                break
            if rough.sum() > MOST:
                raise TooMany(f"{f!r} oscillates or jumps too often for its mean to be tabulated")
            left, width = left[rough], width[rough] / 2
            self.cuts = np.union1d(self.cuts, left + width)
            left, width = np.concatenate([left, left + width]), np.tile(width, 2)

    def _nodes(self, low: float, high: float, width: float, start: float) -> tuple[Vector, Vector]:
        """Nodes and weights between low and high, all relative to start, on panels no wider than width."""
        own = self.cuts - start
        own = own[(low < own) & (own < high)]
        cuts = np.unique(np.concatenate([np.arange(low, high, width), [high], own]))
        half = np.diff(cuts) / 2
        nodes = cuts[:-1, None] + half[:, None] * (1 + RULE[0])
        return nodes.ravel(), (half[:, None] * RULE[1]).ravel()

    def __call__(self, start: float, mu: Vector, x: Vector) -> tuple[Vector, Vector]:
        """G and E |s| for all pairs (start + mu, x)."""
        wide = WIDE * x >= mu.max() - mu.min()
        if wide.all():
            return self._together(start, mu, x)
        values, sizes = np.empty((2, len(mu), len(x)))
        if wide.any():
            values[:, wide], sizes[:, wide] = self._together(start, mu, x[wide])
        narrow = np.flatnonzero(~wide)  # differences of large numbers would round: each mean by itself
        centre = start + mu
        z = centre[:, None, None] + x[narrow, None] * PLAIN[0]
        terms = self.values(z.ravel()).reshape(z.shape) * PLAIN[1]
        values[:, narrow], sizes[:, narrow] = terms.sum(axis=2), np.abs(terms).sum(axis=2)
        far = np.abs(centre[:, None] - self.kinks).min(axis=1)
        for i, k in np.argwhere(far[:, None] <= REACH * x[narrow]):
            one = i, narrow[k]
            value, size = self._together(start, mu[i : i + 1], x[narrow[k], None])
            values[one], sizes[one] = value[0, 0], size[0, 0]
        return values, sizes

    def _together(self, start: float, mu: Vector, x: Vector) -> tuple[Vector, Vector]:
        """On nodes that all of mu and x share, counted from a kink where there is one within reach: there s
        is steep, and rounding would tell."""
        middle = start + (mu.max() + mu.min()) / 2
        kink = float(self.kinks[np.abs(self.kinks - middle).argmin()])
        reach = REACH * float(x.max())
        if abs(kink - middle) <= reach + np.ptp(mu):
            start, mu = kink, (start - kink) + mu
        ends = float(mu.min()) - reach, float(mu.max()) + reach
        z, weights = self._nodes(*ends, PANEL * float(x.min()), start)
        terms = weights * self.values(start + z)
        density = (z - mu[:, None, None]) / x[:, None]
        density *= density
        density *= -0.5
        np.exp(density, out=density)
        scale = x * np.sqrt(2 * np.pi)
        return density @ terms / scale, density @ np.abs(terms) / scale


def make(f: Function) -> Plane:
    """The table of a function with numbers as parameters. InputError where squares do not resolve it."""
    if f.deltas:
        raise InputError(f"{f!r} has Dirac masses: its mean is not tabulated")
    for reach in SIZES:
        try:
            return _make(f, reach)
        except numeric._Unresolved as error:
            raise InputError(f"{f!r} is not finite everywhere: its mean cannot be tabulated") from error
        except TooMany as error:
            reason = error
    raise reason


class TooMany(InputError):
    """More panels or squares than are worth while."""


def _make(f: Function, reach: float) -> Plane:
    smoothed, (exact_nodes, to_series, to_powers) = _Smoothed(f, reach), nodes_to_powers(TERMS)
    nodes = exact_nodes.astype(np.float64)
    at_checks = CHECKS[:, None] ** np.arange(TERMS)
    smallest = BESIDE if f.jumps else SMALLEST
    even = f.parity == "even"
    tree = [0.0, 0.0]
    found: list[Vector] = []
    worst = 0.0
    waiting = [(place, 1 - 2 * place, 0.0, 0.0, reach) for place in ((0,) if even else (0, 1))]
    while waiting:
        place, side, left, low, width = waiting.pop()
        start, inside = side * left, width * (1 + nodes) / 2
        values, sizes = smoothed(start, side * inside, low + inside)
        series = to_series @ values @ to_series.T
        size = max(float(sizes.max()), min(1.0, FLOOR * max(1.0, width / NEAR) ** 2) * smoothed.top)
        error = float(np.abs(series[-1]).max() + np.abs(series[:, -1]).max()) / size
        c = (to_powers @ series @ to_powers.T).astype(np.float64)
        if error < ROUGH * TARGET or width <= smallest:
            inside = width * (1 + CHECKS) / 2
            exact, _ = smoothed(start, side * inside, low + inside)
            error = float(np.abs(at_checks @ c @ at_checks.T - exact).max()) / size
        if error > TARGET and width > smallest:
            tree[place] = float(len(tree))
            for k in range(4):
                corner = left + (k // 2) * width / 2, low + (k % 2) * width / 2
                waiting.append((len(tree) + k, side, *corner, width / 2))
            tree += [0.0] * 4
            if len(tree) > MOST:
                raise TooMany(f"{f!r} is too steep or jumps too often for its mean to be tabulated")
            continue
        if error > TARGET:
            c = np.zeros((TERMS, TERMS))
            c[0, 0] = values.mean()
        else:
            worst = max(worst, error)
        tree[place] = -float(len(found)) - 1
        found.append(c.ravel())
    if even:
        tree[1] = tree[0]
    return Plane(np.array(tree), np.array(found), 2 * worst, reach)


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
