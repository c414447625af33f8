"""Which theorems of Eilers et al. (2024) cover a surrogate derivative, and what is refused for them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from kernelcalc.errors import InputError, SurrogateWarning
from kernelcalc.functions.base import Function, shown
from kernelcalc.kept import recall
from kernelcalc.late import Late

if TYPE_CHECKING:
    from kernelcalc.functions import analysis
else:
    analysis = Late("kernelcalc.functions.analysis")

TRAINING = "Theorem E.5 (training; bounded and Lipschitz)"
SIGN = "Lemma E.7 and (S78) (the limit of sign networks; bounded and continuous)"
INITIAL = "Theorem E.4 (initialisation; finitely many jumps and a linear envelope)"

_seen: set[Function] = set()


def violations(s: Function) -> tuple[tuple[str, str], ...]:
    """Pairs (theorem that does not cover s, reason).

    Raises InputError where symbolic parameters leave it open.
    """
    return tuple((theorem, why) for theorem, why in recall(s.recipe, "violations", lambda: _violations(s)))


def _violations(s: Function) -> list[tuple[str, str]]:
    jumps = ", ".join(f"z = {shown(t)}" for t, _ in s.jumps)
    found = []
    try:
        bounded = s.bounded
    except InputError:
        if not jumps:
            raise
        bounded = True  # whether or not it is, the jumps are enough
    if not bounded:
        found += [(TRAINING, "it is unbounded"), (SIGN, "it is unbounded")]
        if s.envelope is None:
            found.append((INITIAL, "it outgrows every line"))
    elif jumps:
        found += [(TRAINING, f"it jumps at {jumps}"), (SIGN, f"it jumps at {jumps}")]
    elif s.steep:
        found.append((TRAINING, "its slope is unbounded"))
    return found


def refuse(s: Function) -> None:
    """Raise InputError for a user's formula that is unbounded, unless they have said that it may be."""
    if growth := recall(s.recipe, "growth of an own formula", lambda: _growth(s) if s.own else ""):
        raise InputError(
            f"surrogate derivative {s!r} {growth}; smoothing keeps that: clip it, clip(..., -1, 1), "
            "or say that you mean it, kc.function(formula, unbounded=True)"
        )


def _growth(s: Function) -> str:
    try:
        if s.bounded:
            return ""
    except InputError:  # its limits are not known
        return ""
    parts = analysis.pieces(s.expr)
    ends = [(e, t, side) for lo, hi, e in parts for t, side in ((lo, "+"), (hi, "-"))]
    at = next(t for e, t, side in ends if any(analysis.is_infinite(x) for x in analysis.limits(e, t, side)))
    line = "no faster than a line" if s.envelope else "faster than every line"
    theorems = "; ".join(theorem for theorem, _ in violations(s))
    return f"is unbounded as z -> {at}, where it grows {line}, and so not covered by {theorems}"


def warn(s: Function) -> None:
    """Say once per surrogate derivative which theorems do not cover it, and what helps."""
    if s in _seen:
        return
    _seen.add(s)
    try:
        found = violations(s)
    except InputError:  # symbolic parameters
        return
    if not found:
        return
    theorems = "; ".join(theorem for theorem, _ in found)
    remedy = "; surrogate.smoothed(epsilon) is smooth, and its mean is G(v + epsilon^2)" if s.bounded else ""
    words = f"{s!r}: {found[0][1]}, so it is not covered by {theorems}{remedy}"
    warnings.warn(words, SurrogateWarning, stacklevel=3)  # at the kernel's caller
