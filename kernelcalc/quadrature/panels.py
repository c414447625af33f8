"""One-dimensional meshes on which a function times the standard normal density is resolved to given digits.

Every panel carries the function's values at the nodes of two Gauss-Legendre rules that differ in order and
in working precision; whatever is integrated later is integrated by both, and their difference is the check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul

from mpmath import mp, mpf

from kernelcalc.errors import Undefined
from kernelcalc.quadrature.rules import GUARD, Rule, rules

SMOOTH_DEPTH = 40  # bisections after which a stretch without a break point counts as not smooth
FARTHEST = 1000  # standard deviations within which an integrand must have begun to decay
LAST_MARK = 100  # standard deviations beyond which break points are not looked at

Sample = Callable[[Sequence[mpf], Rule], list[mpf]]
Stretch = tuple[mpf, mpf]

LINE: tuple[Stretch, ...] = ((-mp.inf, mp.inf),)


class Unresolved(ArithmeticError):
    """No mesh was found on which the two rules agree."""


@dataclass(slots=True)
class Panel:
    """A stretch [low, high] = mid +- half: ``values[i]`` at the nodes of rule i, its integrals against
    exp(-u^2/2), those of its modulus and square, and how wrong they may be (``defect``)."""

    low: mpf
    high: mpf
    mid: mpf
    half: mpf
    depth: int
    special: tuple[bool, bool]
    values: tuple[list[mpf], list[mpf]]
    integrals: tuple[mpf, mpf]
    modulus: mpf
    square: mpf
    defect: mpf
    probed: bool = False


def _panel(
    sample: Sample, pair: tuple[Rule, Rule], low: mpf, high: mpf, depth: int, special: tuple[bool, bool]
) -> Panel:
    mid, half = (low + high) / 2, (high - low) / 2
    values, integrals, moments = [], [], []
    for rule in pair:
        points = [mid + half * x for x in rule.nodes]
        found = sample(points, rule)
        with mp.workdps(rule.dps):
            masses = [w * mp.exp(-u * u / 2) for w, u in zip(rule.weights, points, strict=True)]
            terms = [mass * value for mass, value in zip(masses, found, strict=True)]
            integrals.append(half * mp.fsum(terms))
            moments.append(half * mp.fdot(terms, rule.nodes))  # sees what is odd about the middle
        values.append(found)
    defect = max(abs(integrals[0] - integrals[1]), abs(moments[0] - moments[1]))
    modulus, square = half * mp.fsum(terms, absolute=True), half * mp.fdot(terms, found)
    return Panel(
        low, high, mid, half, depth, special,
        (values[0], values[1]), (integrals[0], integrals[1]), modulus, square, defect,
    )  # fmt: skip


def _probe(sample: Sample, rule: Rule, panel: Panel, tolerance: mpf, digits: int) -> mpf:
    """How much a feature close to a special end of the panel, between the nodes, could contribute.

    The nodes' interpolant is compared with the function at distances 4^-j from that end, to float accuracy:
    a function that is flat at every node may still turn over next to a break point.
    """
    values = panel.values[1]
    top = max(map(abs, values)) or mpf(1)
    nodes = [float(x) for x in rule.nodes]
    heights = [float(value / top) for value in values]
    poles = [
        (-1) ** k * math.sqrt((1 - x * x) * float(w))
        for k, (x, w) in enumerate(zip(nodes, rule.weights, strict=True))
    ]
    sharp = rule._replace(dps=3 * rule.dps)  # near the end the formula itself may cancel
    smallest = mpf(10) ** (-digits - 5)
    worst = mpf(0)
    for side, special in zip((-1, 1), panel.special, strict=True):
        distance = panel.half / 2
        while special and distance > smallest and worst <= tolerance:
            x = side * (1 - float(distance / panel.half))
            u = panel.mid + side * (panel.half - distance)
            if abs(x) > nodes[-1]:
                terms = [pole / (x - node) for node, pole in zip(nodes, poles, strict=True)]
                guess = sum(map(mul, terms, heights)) / sum(terms)
                gap = abs(sample([u], sharp)[0] / top - guess)
                if gap > 1e-9:
                    worst = max(worst, gap * top * distance * mp.exp(-u * u / 2))
            distance /= 4
    return worst


def resolve(
    sample: Sample,
    special: Sequence[mpf],
    digits: int,
    *,
    cap: float = 3.0,
    domain: Sequence[Stretch] = LINE,
    reach: mpf = 0,
    scale: mpf = 0,
    most: int = 2000,
) -> list[Panel]:
    """Panels, in ascending order, that resolve ``sample`` on the domain against the standard normal density.

    special: where the function may kink, jump or be steep (panels end there, and shrink towards it); cap:
    largest half-width; reach: how far out to go at least; scale: size of what the integral will be added to,
    if larger than itself; most: number of panels to give up at.
    Raises Unresolved if the function is not smooth between the special points, Undefined if it outgrows the
    density.
    """
    pair = rules(digits)
    with mp.workdps(pair[1].dps + GUARD):
        reach = max(reach, mpf(math.ceil(4 * math.sqrt(2 * math.log(10) * (digits + 12)))) / 4)
        marked = _distinct([*special, *(t for stretch in domain for t in stretch if mp.isfinite(t))])
        panels: list[Panel] = []
        todo: list[tuple[mpf, mpf, int]] = []
        for low, high in domain:
            low, high = max(+low, -reach), min(+high, reach)
            todo += _cells([low, *(t for t in marked if low < t < high), high], cap) if low < high else []
        while todo:
            for low, high, depth in todo:
                panels.append(_panel(sample, pair, low, high, depth, (low in marked, high in marked)))
            total = mp.fsum(p.modulus for p in panels)
            tolerance = max(total, scale) * mpf(10) ** (-digits - 3)
            for panel in panels:
                if not panel.probed and any(panel.special) and panel.defect <= tolerance:
                    panel.defect = max(panel.defect, _probe(sample, pair[1], panel, tolerance, digits))
                    panel.probed = True
            poor = [p for p in panels if p.defect > tolerance]
            panels = [p for p in panels if p.defect <= tolerance]
            todo = [cell for p in poor for cell in _split(p, digits)]
            if len(panels) + len(todo) > most:
                raise Unresolved(f"{most} panels do not resolve the integrand")
            if not poor:
                todo = _extension(sample, pair[1], marked, panels, cap, tolerance, domain)
        return sorted(panels, key=lambda p: p.mid)


def _split(panel: Panel, digits: int) -> list[tuple[mpf, mpf, int]]:
    """In halves; next to a special point, once that is clearly needed, at once in four geometric steps."""
    deepest = 12 * digits + 200 if any(panel.special) else SMOOTH_DEPTH
    low, high = panel.low, panel.high
    if panel.depth >= deepest:
        raise Unresolved(f"the integrand is not smooth near {mp.nstr(panel.mid, 12)} standard deviations")
    levels = 4 if panel.depth >= 6 and panel.special[0] != panel.special[1] else 1
    steps = [(high - low) / 2**k for k in range(levels, 0, -1)]
    stops = [
        low,
        *((low + h for h in steps) if not panel.special[1] else (high - h for h in steps[::-1])),
        high,
    ]
    return [(*cell, panel.depth + levels) for cell in pairwise(stops)]


def _extension(
    sample: Sample,
    rule: Rule,
    marked: Sequence[mpf],
    panels: Sequence[Panel],
    cap: float,
    tolerance: mpf,
    domain: Sequence[Stretch],
) -> list[tuple[mpf, mpf, int]]:
    """Cells beyond the open ends of the mesh, if the integrand is not negligible there."""

    def matters(t: mpf, there: mpf) -> bool:
        return bool(abs(sample([there], rule)[0]) * mp.exp(-t * t / 2) > tolerance)

    found = []
    low, high = min(p.low for p in panels), max(p.high for p in panels)
    is_open = (
        domain[0][0] == -mp.inf and low < domain[0][1],
        domain[-1][1] == mp.inf and high > domain[-1][0],
    )
    for side, end, can_grow in zip((-1, 1), (low, high), is_open, strict=True):
        beyond = [end, *(t for t in marked if side * end < side * t <= LAST_MARK)]
        stops = (side * min(side * t + cap, side * u) for t, u in pairwise([*beyond, side * mp.inf]))
        cells = zip(beyond, stops, strict=True) if can_grow else ()
        far = next((t for t, u in cells if matters(t, t + side * cap) or matters(t, (t + u) / 2)), None)
        if far is not None:
            there = far + side * cap
            if abs(there) > FARTHEST or (tolerance and matters(side * mpf(FARTHEST), side * mpf(FARTHEST))):
                raise Undefined("the integrand outgrows the Gaussian: infinite, or out of reach")
            found += _cells(_distinct([end, there, *(t for t in beyond if abs(t) < abs(there))]), cap)
    return found


def _cells(ends: Sequence[mpf], cap: float) -> list[tuple[mpf, mpf, int]]:
    """The stretches between consecutive ends, in equal parts no wider than 2 cap, at depth 0."""
    found = []
    for low, high in pairwise(ends):
        parts = max(1, math.ceil((high - low) / (2 * cap)))
        stops = [low, *(low + (high - low) * k / parts for k in range(1, parts)), high]
        found += [(*cell, 0) for cell in pairwise(stops)]
    return found


def _distinct(points: Sequence[mpf]) -> list[mpf]:
    """Ascending, rounded to the working precision, with points that differ by rounding only taken once."""
    kept: list[mpf] = []
    for t in sorted(+t for t in points):
        if not kept or t - kept[-1] > abs(t) * mpf(10) ** (10 - mp.dps):
            kept.append(t)
    return kept
