"""Which functions accuracy.py takes: all, or what --only means, and why it leaves others out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from functools import cache

import kernelcalc as kc
from kernelcalc.functions.base import Function

ERF = (1e-8, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e8, 1e15)
SURROGATES = "sign, all surrogates"


@cache
def known(every: bool) -> dict[str, str]:
    """The activations by the name under which a run has them: their names in the catalogue."""
    found = {f"erf({m:g})": "Erf" for m in ERF} | {"sign": "Sign", "relu": "ReLU"}
    if every:
        found[SURROGATES] = "Sign"
        found |= {repr(entry()): entry.name for entry in kc.catalogue() if entry.name not in found.values()}
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def chosen(only: str, every: bool) -> list[str]:
    """The activations that --only means: a name of the catalogue, in any spelling, or part of their names.

    Raises InputError where it means none, with what comes near.
    """
    names = known(every)
    labels = {name: name.split("(")[0].split("[")[0] for name in names}

    ways: tuple[Callable[[str], bool], ...] = (
        lambda name: only == names[name],
        lambda name: only == labels[name],
        lambda name: _plain(only) in map(_plain, (names[name], labels[name], name)),
        lambda name: only.lower() in name.lower(),
    )
    found = next(filter(None, ([name for name in names if way(name)] for way in ways)), [])
    if found:
        return found
    spellings = {_plain(name): name for name in [*labels.values(), *names.values()]}
    near = difflib.get_close_matches(_plain(only), spellings, n=3)
    rest = "" if every else "; --all takes the whole catalogue"
    hint = " or ".join(spellings[name] for name in near)
    hint = f"did you mean {hint}?" if hint else f"known: {', '.join(spellings.values())}"
    raise kc.InputError(f"--only {only}: no such function; {hint}{rest}")


def reason(f: Function) -> str:
    """Why a function of the catalogue is left out; "" where it is not."""
    try:
        return next((str(e.reason) for e in kc.NTK(f, 2).layer.expectations if e.template is None), "")
    except kc.InputError as error:
        return str(error)


def left_out(names: Iterable[str]) -> dict[str, str]:
    """Those of the names that have no closed form, and why."""
    functions = {repr(entry()): entry() for entry in kc.catalogue()}
    found = {name: reason(functions[name]) for name in names if name in functions}
    return {name: why for name, why in found.items() if why}
