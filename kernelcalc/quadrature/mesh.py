"""Meshes of the functions themselves, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.quadrature.exact import Integrand, compiled, number
from kernelcalc.quadrature.law import Estimate
from kernelcalc.quadrature.panels import LINE, Panel, Sample, Stretch, resolve
from kernelcalc.quadrature.rules import GUARD, Rule, rules


def sampled(f: Integrand, centre: mpf, sd: mpf, spare: int = GUARD) -> Sample:
    """u -> f(centre + sd u), arguments to ``spare`` more digits than values."""
    values = compiled(f.expr)

    def sample(points: Sequence[mpf], rule: Rule) -> list[mpf]:
        with mp.workdps(rule.dps + spare):
            arguments = [centre + sd * u for u in points]
        with mp.workdps(rule.dps):
            return values(arguments)

    return sample


def special_points(f: Integrand, centre: mpf, sd: mpf) -> list[mpf]:
    """Where f may kink, jump or be steep: its break points and 0."""
    return [(number(t) - centre) / sd for t in {sp.S.Zero, *f.breakpoints}]


@lru_cache(maxsize=256)
def mesh(
    f: Integrand,
    centre: mpf,
    sd: mpf,
    digits: int,
    *,
    cap: float = 3.0,
    domain: tuple[Stretch, ...] = LINE,
    reach: mpf = 0,
    spare: int = 2 * GUARD,
) -> tuple[Panel, ...]:
    """Panels that resolve f(centre + sd u) for standard normal u; none if f has no regular part."""
    if f.expr == 0:
        return ()
    sample = sampled(f, centre, sd, spare)
    with mp.workdps(digits + spare):
        special = special_points(f, centre, sd)
    return tuple(resolve(sample, special, digits, cap=cap, domain=domain, reach=reach))


@lru_cache(maxsize=256)
def lean_mesh(
    f: Integrand,
    sd: mpf,
    digits: int,
    cap: float,
    spare: int,
    domain: tuple[Stretch, ...] = LINE,
    reach: mpf = 0,
) -> tuple[Panel, ...]:
    """A mesh for products with what is smooth on the scale ``cap``: crowds of small panels are merged.

    The merged panel's values at its nodes are such that its rule integrates f times any polynomial below the
    order of the rule as the crowd does (product integration); f itself is not smooth there.
    """
    panels = mesh(f, mpf(0), sd, digits, cap=cap, domain=domain, reach=reach, spare=spare)
    groups: list[list[Panel]] = []
    for panel in panels:
        if groups and groups[-1][-1].high == panel.low and panel.high - groups[-1][0].low <= cap / 4:
            groups[-1].append(panel)
        else:
            groups.append([panel])
    return tuple(p for group in groups for p in ([_merged(group, digits)] if len(group) > 3 else group))


def _merged(group: Sequence[Panel], digits: int) -> Panel:
    low, high = group[0].low, group[-1].high
    values = []
    for rule in rules(digits):
        with mp.workdps(rule.dps + GUARD):
            mid, half = (low + high) / 2, (high - low) / 2
            poles = [
                (-1) ** k * mp.sqrt((1 - x * x) * w) for k, (x, w) in enumerate(zip(*rule[2:], strict=True))
            ]
            sums = [mpf(0)] * len(poles)
            for panel in group:
                for node, weight, value in zip(
                    rule.nodes, rule.weights, panel.values[rule.which], strict=True
                ):
                    x = (panel.mid - mid + panel.half * node) / half
                    terms = [pole / (x - at or mp.eps) for pole, at in zip(poles, rule.nodes, strict=True)]
                    share = panel.half * weight * value / mp.fsum(terms)
                    sums = [s + share * term for s, term in zip(sums, terms, strict=True)]
            values.append([s / (half * w) for s, w in zip(sums, rule.weights, strict=True)])
    return replace(group[0], low=low, high=high, mid=mid, half=half, values=(values[0], values[1]))


def total(panels: Sequence[Panel]) -> Estimate:
    """The panels' integral against the standard normal density."""
    root = mp.sqrt(2 * mp.pi)
    first, second = (mp.fsum(p.integrals[i] for p in panels) / root for i in (0, 1))
    return Estimate(first, second, mp.fsum(p.modulus for p in panels) / root)
