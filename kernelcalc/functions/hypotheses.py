"""Which theorems of Eilers et al. (2024) cover a surrogate derivative."""

from __future__ import annotations

import warnings

from kernelcalc.errors import InputError, SurrogateWarning
from kernelcalc.functions.base import Function, shown
from kernelcalc.kept import recall

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
