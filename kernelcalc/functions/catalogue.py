"""The catalogue: every named function, and functions by name or formula."""

from __future__ import annotations

import difflib

from kernelcalc.errors import InputError
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.base import Function
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.formula import parse
from kernelcalc.functions.surrogates import SURROGATES

CATALOGUE: tuple[Entry, ...] = (*ACTIVATIONS, *SURROGATES)
BY_NAME: dict[str, Entry] = {entry.name: entry for entry in CATALOGUE}
BY_LABEL: dict[str, Entry] = {entry.label: entry for entry in CATALOGUE}


def catalogue() -> tuple[Entry, ...]:
    """All named functions."""
    return CATALOGUE


def function(formula: str) -> Function:
    """A function of z from a user's formula, parsed and never evaluated as Python.

    Example: function("1/(1 + 25*abs(z))**2"). Raises InputError with the position of what is wrong.
    """
    return Function(formula.strip() if isinstance(formula, str) else "formula", parse(formula))


def function_by_name(name: str, **params: object) -> Function:
    """A catalogue function by its public name or label, or "label'" for a derivative; else a formula.

    Raises InputError for unknown names, with the nearest known one, and as ``function`` does.
    """
    stem, primes = name.rstrip("'"), len(name) - len(name.rstrip("'"))
    entry = BY_NAME.get(stem) or BY_LABEL.get(stem.lower())
    if entry is None:
        if stem.isidentifier() and stem not in {"z", "x"}:
            near = difflib.get_close_matches(stem.lower(), BY_LABEL, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"unknown function {name!r}{hint} (known: {', '.join(BY_LABEL)}; or a formula in z)"
            )
        if params:
            raise InputError(f"the formula {name!r} has no parameters; got {', '.join(params)}")
        return function(name)
    result = entry(**params)
    for _ in range(primes):
        result = result.derivative
    return result
