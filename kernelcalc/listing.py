"""The catalogue as rows: what is known of every function, and how it is known.

status: "derived" where the rules find the closed form, "numeric" where values come from quadrature or tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.base import Function, shown
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.hypotheses import violations
from kernelcalc.functions.libraries import LIBRARIES
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import z

Row = dict[str, Any]
STATUS = ("mean", "mean_at_mu", "dual", "derivative_dual")  # the columns that say how something is known


def rows(kinds: tuple[str, ...] = ("activation", "surrogate", "library")) -> Iterator[Row]:
    """One row for each activation function, family of surrogate derivatives, and name in a library."""
    if "activation" in kinds:
        yield from (_base("activation", entry) | _activation(entry()) for entry in ACTIVATIONS)
    if "surrogate" in kinds:
        yield from (_base("surrogate", entry) | _surrogate(entry()) for entry in SURROGATES)
    if "library" in kinds:
        for named in LIBRARIES:
            given = {name: str(value) for name, value in named.defaults.items()}
            yield {
                "kind": "library",
                "name": named.path,
                "parameters": given,
                "family": repr(named()),
                "note": named.note,
            }


def _base(kind: str, entry: Entry) -> Row:
    return {
        "kind": kind,
        "name": entry.label,
        "python": entry.name,
        "parameters": {p.symbol.name: str(p.default) for p in entry.parameters},
        "expression": str(entry.expr),
        "source": entry.source,
    }


def _status(make: Callable[[], Expectation]) -> str:
    try:
        return "derived" if make().closed_form else "numeric"
    except InputError:  # the derivative is no measure
        return "none"


def _activation(f: Function) -> Row:
    return {"dual": _status(lambda: dual(f)), "derivative_dual": _status(lambda: dual(f.derivative))}


def _surrogate(s: Function) -> Row:
    constant = s.lipschitz
    return {
        "at_0": shown(s.expr.subs(z, 0)),
        "parity": s.parity or "",
        "bounded": s.bounded,
        "continuous": not s.jumps,
        "lipschitz": None if constant is None else str(constant),
        "violates": [f"{theorem}: {reason}" for theorem, reason in violations(s)],
        "mean": _status(lambda: mean(s)),
        "mean_at_mu": _status(lambda: mean(s, "mu")),
    }


def share(found: list[Row]) -> tuple[int, int]:
    """How many of the expectations listed are derived by rules, and how many there are."""
    known = [row[column] for row in found for column in STATUS if row.get(column) in ("derived", "numeric")]
    return known.count("derived"), len(known)
