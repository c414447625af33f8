"""Steps: what a derivation did, one equality after the other, each with the rule's name and what it needs.

Whoever wants them opens ``recording()``; the expectations, limits, expansions and layers that the library
computes inside are then written down in order, as are the calls of ``diff``, ``integrate``, ``limit`` and
``simplify`` below. Outside of a recording nothing is kept and these are SymPy's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import sympy as sp


@dataclass(frozen=True)
class Step:
    """One line of a derivation: before = after by the rule named; needs: the condition it holds under.

    tends: (symbol, point) where before only tends to after, or before / after to 1 (an expansion).
    """

    rule: str
    before: Any  # SymPy is untyped
    after: Any
    needs: str = ""
    tends: tuple[Any, Any] | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.before} = {self.after}"

    def latex(self) -> str:
        """The step as LaTeX: before = after."""
        return f"{sp.latex(self.before)} = {sp.latex(self.after)}"


_STEPS: ContextVar[list[Step] | None] = ContextVar("steps", default=None)


@contextmanager
def recording() -> Iterator[list[Step]]:
    """A list that fills with the steps of what is computed inside; equal steps are kept once."""
    steps: list[Step] = []
    token = _STEPS.set(steps)
    try:
        yield steps
    finally:
        _STEPS.reset(token)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing inside is written down: parts of a larger step."""
    token = _STEPS.set(None)
    try:
        yield
    finally:
        _STEPS.reset(token)


def note(rule: str, before: Any, after: Any, needs: str = "", tends: tuple[Any, Any] | None = None) -> None:
    """Write a step down, unless it says nothing or is there already."""
    steps = _STEPS.get()
    step = Step(rule, before, after, needs, tends)
    if steps is not None and before != after and step not in steps:
        steps.append(step)


def extend(found: Iterable[Step]) -> None:
    """Write down the steps of a derivation made elsewhere."""
    if _STEPS.get() is not None:
        for step in found:
            note(step.rule, step.before, step.after, step.needs, step.tends)


# ---------------------------------------------------------------- SymPy's own, written down


def diff(form: Any, *symbols: Any) -> Any:
    """A derivative."""
    found = sp.diff(form, *symbols)
    if not isinstance(form, sp.MatrixBase):
        note("derivative", sp.Derivative(form, *symbols), found)
    return found


def integrate(form: Any, *limits: Any) -> Any:
    """An integral."""
    found = sp.integrate(form, *limits)
    if all(isinstance(limit, tuple) for limit in limits):
        note("integral", sp.Integral(form, *limits), found)
    return found


def limit(form: Any, symbol: Any, point: Any, side: str = "+") -> Any:
    """A limit, from above unless the side says otherwise."""
    found = sp.limit(form, symbol, point, side)
    note("limit", sp.Limit(form, symbol, point, side), found)
    return found


def simplify(form: Any) -> Any:
    """A simpler form."""
    found = sp.simplify(form)
    if not isinstance(form, sp.MatrixBase):
        note("simplify", form, found)
    return found
