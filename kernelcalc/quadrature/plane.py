"""E f(X) g(Y) for the regular parts of f and g and a regular covariance: a two-dimensional integral.

The plane is tiled by panels of f times panels of g, no wider than the density is. Close to a line (s small)
that would take too many tiles: only the zones where g is rough on the scale s are tiled, and elsewhere the
integral over Y given X, which smooths g on that scale, is a short Gauss-Hermite sum.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from operator import mul

from mpmath import mp, mpf
from mpmath.libmp import to_fixed

from kernelcalc.errors import Undefined
from kernelcalc.quadrature.exact import Integrand, number
from kernelcalc.quadrature.law import Estimate, Pair
from kernelcalc.quadrature.mesh import lean_mesh, mesh, sampled, special_points, total
from kernelcalc.quadrature.panels import FARTHEST, Panel, Sample, Stretch, Unresolved, resolve
from kernelcalc.quadrature.rules import GUARD, Rule, gauss_hermite, hermite_order, rules

NARROW = 0.12  # conditional standard deviation below which not all of the plane is tiled


def in_plane(f: Integrand, g: Integrand, pair: Pair, digits: int, effort: int) -> Estimate:
    """E f(X) g(Y), masses left out; every unit of effort halves all meshes."""
    cap = 3.0 * 2.0 ** (math.floor(4 * mp.log(pair.s, 2)) / 4 - effort)
    if pair.s >= NARROW:
        return _over_the_plane(f, g, pair, digits, cap)
    inner = _Smoothed(g, pair, digits, effort)
    sign = 1 if pair.rho > 0 else -1
    with mp.workdps(pair.dps):
        squares = [mp.fsum(p.square for p in mesh(h, mpf(0), r, digits)) for h, r in _factors(f, g, pair)]
        # what the finite reach leaves out is small compared with this
        result = Estimate(mpf(0), mpf(0), mp.sqrt(squares[0] * squares[1]) * mpf(10) ** (-digits - 9))
        zones = [(low / pair.rho, high / pair.rho)[::sign] for low, high in inner.zones][::sign]
        for zone, (v0, v1) in zip(zones, inner.zones[::sign], strict=True):
            window = (v0 - inner.width, v1 + inner.width)
            rows = lean_mesh(f, pair.root_a, digits, cap, pair.spare, (zone,))
            columns = lean_mesh(g, pair.root_b, digits, cap, pair.spare, (window,))
            result = result.plus(_tiled(rows, columns, pair, digits))
        stops = [-mp.inf, *chain.from_iterable(zones), mp.inf]
        outside = list(zip(stops[::2], stops[1::2], strict=True))
        left = sampled(f, mpf(0), pair.root_a)

        def product(points: Sequence[mpf], rule: Rule) -> list[mpf]:
            with mp.workdps(rule.dps):
                ours = rules(digits)[rule.which]  # a probe wants more precision than Hermite sums have
                return [y and y * inner(u, ours) for u, y in zip(points, left(points, rule), strict=True)]

        special = special_points(f, mpf(0), pair.root_a)
        scale = result.scale * mp.sqrt(2 * mp.pi)
        return result.plus(total(resolve(product, special, digits, domain=outside, scale=scale, most=400)))


def _over_the_plane(f: Integrand, g: Integrand, pair: Pair, digits: int, cap: float) -> Estimate:
    """All of the plane tiled, as far out as the joint density times f and g asks for."""
    reach = mpf(0)
    while reach < FARTHEST:
        rows, columns = (
            lean_mesh(h, r, digits, cap, pair.spare, reach=reach) for h, r in _factors(f, g, pair)
        )
        result = _tiled(rows, columns, pair, digits)
        rims = _bounds(_ends(rows), columns, pair) + _bounds(rows, _ends(columns), pair)
        with mp.workdps(20):
            neglected = mp.fsum(mp.exp(bound) for bound, _, _ in rims)
            if neglected <= result.scale * pair.s * mpf(10) ** (-digits - 3):
                return result
        reach = max(abs(t) for panels in (rows, columns) for t in (panels[0].low, panels[-1].high)) * 7 / 5
    raise Undefined("the integrand outgrows the Gaussian: infinite, or out of reach")


def _ends(panels: Sequence[Panel]) -> list[Panel]:
    """The outer rims of a mesh."""
    return [replace(panels[0], high=panels[0].low), replace(panels[-1], low=panels[-1].high)]


def _factors(f: Integrand, g: Integrand, pair: Pair) -> tuple[tuple[Integrand, mpf], ...]:
    return (f, pair.root_a), (g, pair.root_b)


class _Smoothed:
    """u -> E g(sqrt(b) (rho u + s w)), w standard normal, outside the zones of v = rho u where g is rough."""

    def __init__(self, g: Integrand, pair: Pair, digits: int, effort: int) -> None:
        self.pair = pair
        self.sample: Sample = sampled(g, mpf(0), pair.root_b, pair.spare)
        high = rules(digits)[1].dps
        panels = mesh(g, mpf(0), pair.root_b, digits)
        self.width = pair.s * (math.sqrt(2 * math.log(10) * (2 * digits + 12)) + 2)
        steps = next(k for k in range(1, 10000) if hermite_order(k, high)) + 4 * effort
        self.smooth = pair.s * 2 ** mpf(steps / 4)
        with mp.workdps(pair.dps):
            self.kinks = sorted(number(t) / pair.root_b for t in g.breakpoints)
            margin = self.smooth + 2 * self.width
            rough = [(t - margin, t + margin) for t in self.kinks]
            rough += [(p.low - margin, p.high + margin) for p in panels if p.half < self.smooth]
        self.edges = [p.low for p in panels][1:]
        self.halves = [p.half for p in panels]
        self.backoff = 4 * effort
        self.zones = _merged(rough)

    def __call__(self, u: mpf, rule: Rule) -> mpf:
        with mp.workdps(self.pair.dps):
            v = self.pair.rho * u
            near = bisect(self.kinks, v)
            nearest = min((abs(v - t) for t in self.kinks[max(0, near - 1) : near + 1]), default=mp.inf)
            first, last = bisect(self.edges, v - self.width), bisect(self.edges, v + self.width)
            radius = min(nearest - self.width, *self.halves[first : last + 1])
            steps = min(4000, math.floor(4 * mp.log(radius / self.pair.s, 2))) - self.backoff
            order = hermite_order(steps, rule.dps)
            if not order:
                raise Unresolved(f"g is rough near {mp.nstr(v, 6)} standard deviations, outside its zones")
            nodes, weights = gauss_hermite(order + 2 * rule.which, rule.dps)
            points = [v + self.pair.s * x for x in nodes]
        with mp.workdps(rule.dps):
            return mp.fdot(weights, self.sample(points, rule))


def _merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The union, as disjoint stretches in ascending order."""
    found: list[Stretch] = []
    for low, high in sorted(stretches):
        if found and low <= found[-1][1]:
            low, high = found[-1][0], max(found.pop()[1], high)
        found.append((low, high))
    return found


def _tiled(rows: Sequence[Panel], columns: Sequence[Panel], pair: Pair, digits: int) -> Estimate:
    """The sum over all tiles that matter, largest first."""
    tiles = sorted(_bounds(rows, columns, pair), reverse=True)
    workers = [_Tile(rule, pair) for rule in rules(digits)]
    sums: tuple[list[mpf], list[mpf]] = ([], [])
    size = mpf(0)
    with mp.workdps(digits + GUARD):
        for done, (bound, i, j) in enumerate(tiles):
            if (len(tiles) - done) * mp.exp(bound) < size * mpf(10) ** (-digits - 5):
                break
            for worker, found in zip(workers, sums, strict=True):
                value, modulus = worker.integral(rows[i], columns[j])
                found.append(value)
            size += modulus  # of the second rule
        constant = 2 * mp.pi * pair.s
        return Estimate(mp.fsum(sums[0]) / constant, mp.fsum(sums[1]) / constant, size / constant)


def _bounds(rows: Sequence[Panel], columns: Sequence[Panel], pair: Pair) -> list[tuple[float, int, int]]:
    """The logarithm of an upper bound of each tile's integral (as far as the nodes see the maximum)."""
    rho, twice = pair.rho, 2 * pair.s**2

    def outline(panel: Panel) -> tuple[mpf, mpf, float]:
        top = max(map(abs, panel.values[1]))
        return panel.low, panel.high, float(mp.log(top * panel.half * 2)) + 1 if top else -math.inf

    def least(u0: mpf, u1: mpf, v0: mpf, v1: mpf) -> mpf:
        """The minimum of u^2 - 2 rho u v + v^2 on the tile: at the origin or on an edge."""
        if u0 <= 0 <= u1 and v0 <= 0 <= v1:
            return 0
        edges = [(u, min(max(rho * u, v0), v1)) for u in (u0, u1)] + [
            (min(max(rho * v, u0), u1), v) for v in (v0, v1)
        ]
        return min(u * u - 2 * rho * u * v + v * v for u, v in edges)

    tops = [outline(p) for p in columns]
    with mp.workdps(pair.dps):
        return [
            (log_f + log_g - float(least(u0, u1, v0, v1) / twice), i, j)
            for i, (u0, u1, log_f) in enumerate(map(outline, rows))
            for j, (v0, v1, log_g) in enumerate(tops)
            if min(log_f, log_g) > -math.inf
        ]


class _Tile:
    """Integrals of f(u) g(v) exp(log density) over tiles, by one product rule.

    About the middle of a tile the exponent splits into what one node decides and theta x_k x_l; the table of
    the latter serves all tiles of that area. The double sum runs in fixed point.
    """

    def __init__(self, rule: Rule, pair: Pair) -> None:
        self.rule, self.pair = rule, pair
        self.bits = int(3.33 * rule.dps) + 40
        self.tables: dict[mpf, list[list[int]]] = {}
        self.tilts: dict[tuple[mpf, mpf], list[mpf]] = {}
        self.own: dict[tuple[mpf, mpf, bool], list[mpf]] = {}
        with mp.workdps(pair.dps):
            self.alpha, self.gamma = 1 / pair.s**2, pair.rho / pair.s**2

    def integral(self, row: Panel, column: Panel) -> tuple[mpf, mpf]:
        """The integral, and that of the modulus."""
        left, left_shift = self._fixed(row, column.mid, True)
        right, right_shift = self._fixed(column, row.mid, False)
        table = self._table(row.half * column.half)
        result = sum(map(mul, left, [sum(map(mul, line, right)) for line in table]))
        modulus = abs(result)
        if self.rule.which and (min(left) < 0 < max(left) or min(right) < 0 < max(right)):
            right = list(map(abs, right))
            modulus = sum(map(mul, map(abs, left), [sum(map(mul, line, right)) for line in table]))
        with mp.workdps(self.rule.dps):
            density = mp.exp(self.pair.log_density(row.mid, column.mid))
            shift = -left_shift - right_shift - self.bits
            return mp.ldexp(result * density, shift), mp.ldexp(modulus * density, shift)

    def _fixed(self, panel: Panel, other: mpf, is_row: bool) -> tuple[list[int], int]:
        """n_k with n_k 2^-shift = weight * value * the factor of the density that node k alone decides."""
        own, tilt = self._own(panel, is_row), self._tilt(panel.half, other)
        with mp.workdps(self.rule.dps):
            raw = [x._mpf_ for x in map(mul, own, tilt)]
        shift = self.bits - max((exponent + count for _, man, exponent, count in raw if man), default=0)
        return [to_fixed(x, shift) for x in raw], shift

    def _own(self, panel: Panel, is_row: bool) -> list[mpf]:
        key = panel.mid, panel.half, is_row
        if key not in self.own:
            with mp.workdps(self.pair.dps):
                slope = -self.alpha * panel.half
                logs = [slope * x * (panel.mid + panel.half * x / 2) for x in self.rule.nodes]
            terms = zip(self.rule.weights, panel.values[self.rule.which], logs, strict=True)
            with mp.workdps(self.rule.dps):
                self.own[key] = [y and panel.half * w * y * mp.exp(log) for w, y, log in terms]
        return self.own[key]

    def _tilt(self, half: mpf, other: mpf) -> list[mpf]:
        if (half, other) not in self.tilts:
            self.tilts[half, other] = self._exponentials(half, other)
        return self.tilts[half, other]

    def _table(self, area: mpf) -> list[list[int]]:
        """exp(theta x_k x_l) in fixed point, theta = rho area / s^2."""
        if area not in self.tables:
            n = len(self.rule.nodes)
            rows = [self._exponentials(area, x) for x in self.rule.nodes[: (n + 1) // 2]]
            upper = [[to_fixed(e._mpf_, self.bits) for e in row] for row in rows]
            self.tables[area] = upper + [row[::-1] for row in upper[: n // 2][::-1]]
        return self.tables[area]

    def _exponentials(self, p: mpf, q: mpf) -> list[mpf]:
        """exp(p q x rho / s^2) at all nodes x, which come in pairs +-x."""
        n = len(self.rule.nodes)
        with mp.workdps(self.pair.dps):
            logs = [self.gamma * p * q * x for x in self.rule.nodes[: (n + 1) // 2]]
        with mp.workdps(self.rule.dps):
            lower = [mp.exp(log) for log in logs]
            return lower + [1 / e for e in lower[: n // 2][::-1]]
