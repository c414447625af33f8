"""Gaussian smoothing, the remedy for jumps: f_eps(z) = E f(z + eps Z) is the mean of f at N(z, eps^2)."""

from __future__ import annotations

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.result import mean
from kernelcalc.functions.base import Function, exact, shown
from kernelcalc.symbols import mu, v, z

EPSILON = sp.Symbol("epsilon", positive=True)


def smoothed(f: Function, epsilon: object) -> Function:
    """E f(z + epsilon Z) in closed form, with epsilon > 0 as one more parameter."""
    value = exact(epsilon, "epsilon")
    if not value.is_positive:
        raise InputError(f"epsilon={epsilon!r} must be > 0")
    if EPSILON in dict(f.parameters):
        raise InputError(f"{f!r} is smoothed already; smoothing twice adds the squares of epsilon")
    shifted = mean(f, mu.name)
    if shifted.template is None:
        raise InputError(f"{f!r} cannot be smoothed in closed form: {shifted.reason}")
    plain = shifted.template.replace(lambda e: hasattr(e, "definition"), lambda e: e.definition())
    template = plain.subs({mu: z, v: EPSILON**2}, simultaneous=True)
    kept = tuple((s, x) for s, x in shifted.values if s in template.free_symbols)
    return Function(f"{f.name} smoothed by {shown(value)}", sp.expand(template), (*kept, (EPSILON, value)))
