"""Meshes of the functions themselves, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.quadrature.exact import Integrand, compiled, number
from kernelcalc.quadrature.law import Estimate
from kernelcalc.quadrature.panels import LINE, Panel, Sample, Stretch, resolve
from kernelcalc.quadrature.rules import GUARD, Rule


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
    squared: bool = False,
    spare: int = 2 * GUARD,
) -> tuple[Panel, ...]:
    """Panels that resolve f(centre + sd u) for standard normal u; none if f has no regular part."""
    if f.expr == 0:
        return ()
    with mp.workdps(digits + spare):
        special = special_points(f, centre, sd)
    sample = sampled(f, centre, sd, spare)
    return tuple(resolve(sample, special, digits, cap=cap, domain=domain, squared=squared))


def total(panels: Sequence[Panel]) -> Estimate:
    """The panels' integral against the standard normal density."""
    root = mp.sqrt(2 * mp.pi)
    first, second = (mp.fsum(p.integrals[i] for p in panels) / root for i in (0, 1))
    return Estimate(first, second, mp.fsum(p.modulus for p in panels) / root)
