"""The catalogue: every named function."""

from __future__ import annotations

from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.surrogates import SURROGATES

CATALOGUE: tuple[Entry, ...] = (*ACTIVATIONS, *SURROGATES)
BY_NAME: dict[str, Entry] = {entry.name: entry for entry in CATALOGUE}
BY_LABEL: dict[str, Entry] = {entry.label: entry for entry in CATALOGUE}


def catalogue() -> tuple[Entry, ...]:
    """All named functions."""
    return CATALOGUE
