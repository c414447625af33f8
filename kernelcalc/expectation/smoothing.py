"""Gaussian smoothing: f_eps(x) = E f(x + eps Z), derived by the rules for means.

If (X, Y) has variances a, b then (X + eps Z, Y + eps Z') has a + eps^2, b + eps^2 and the same covariance:
the dual of f_eps is that of f there, and so is its mean.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.atoms import atoms
from kernelcalc.expectation.engine import Engine
from kernelcalc.expectation.problem import Mean, NoRule
from kernelcalc.expectation.rules import moved
from kernelcalc.functions.base import Function
from kernelcalc.symbols import z


def smoothed(f: Function, epsilon: sp.Symbol, value: sp.Expr) -> Function:
    """f_eps with the parameter epsilon of that value. Raises InputError where the rules find no formula."""
    engine = Engine()
    parts = [(w * atom.coef, part) for atom in atoms(f.symbolic) for w, part in moved(atom.bare, z)]
    try:
        terms = [w * part.coef * engine.solve(Mean(part.bare, epsilon**2)) for w, part in parts]
    except NoRule as stopped:
        raise InputError(f"no formula for {f!r} smoothed by a Gaussian: {stopped}") from stopped
    template = sp.Add(*terms)
    return replace(
        f,
        name=f"smooth {f.name}",
        template=template,
        parameters=(*f.parameters, (epsilon, value)),
        masses=(),
    )
