"""The catalogue as rows: what is known of every function, and how it is known.

status: "derived" where the rules find the closed form; "numeric" where values come from series, tables or
quadrature, with a bound of their error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sympy import Rational as R

from kernelcalc import kept
from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.base import Function, shown
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.hypotheses import violations
from kernelcalc.functions.libraries import LIBRARIES, Named
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import z

Row = dict[str, Any]
KINDS = ("surrogate", "library", "activation")  # the quickest to derive first
STATUS = ("mean", "mean_at_mu", "dual", "derivative_dual")  # the columns that say how something is known
KNOWN = ("derived", "numeric")
POINT, MU = (1.0, 2.0, 0.5), R(1, 2)  # a, b, c and the mean mu at which errors are stated; v is a
Progress = Callable[[float], None]


def rows(kinds: Sequence[str] = KINDS, progress: Progress = lambda share: None) -> Iterator[Row]:
    """One row for each activation function, family of surrogate derivatives, and name in a library.

    What is found is kept in the cache of compiled code until kernelcalc changes. progress: is told the share
    that is done.
    """
    for i, kind in enumerate(kinds):

        def part(share: float, start: int = i) -> None:
            progress((start + share) / len(kinds))

        yield from json.loads(kept.text(f"list of {kind}", partial(_text, kind, part)))


def _text(kind: str, progress: Progress) -> str:
    return json.dumps(_rows(kind, progress))


def _rows(kind: str, progress: Progress) -> list[Row]:
    if kind == "library":
        return [_named(row) for row in LIBRARIES]
    found = []
    entries, describe = (ACTIVATIONS, _activation) if kind == "activation" else (SURROGATES, _surrogate)
    for done, entry in enumerate(entries):
        progress(done / len(entries))
        found.append(_base(kind, entry) | describe(entry()))
    return found


def _named(named: Named) -> Row:
    return {
        "kind": "library",
        "name": named.path,
        "parameters": {name: str(value) for name, value in named.defaults.items()},
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


def _status(column: str, f: Function, make: Callable[[object], Expectation], *point: float) -> Row:
    """How make("mu") is known, and if numerically, the relative error of a value of make(MU) at the point."""
    try:
        if make("mu").closed_form:
            return {column: "derived"}
    except InputError:  # the derivative is no measure
        return {column: "none"}
    value, bound = make(MU).bounded(*point)
    return {column: "numeric", f"{column}_error": float(bound / abs(value) if value else bound)}


def _activation(f: Function) -> Row:
    return _status("dual", f, lambda mu: dual(f), *POINT) | _status(
        "derivative_dual", f, lambda mu: dual(f.derivative), *POINT
    )


def _surrogate(s: Function) -> Row:
    constant = s.lipschitz
    known = {
        "at_0": shown(s.expr.subs(z, 0)),
        "parity": s.parity or "",
        "bounded": s.bounded,
        "continuous": not s.jumps,
        "lipschitz": None if constant is None else str(constant),
        "violates": [f"{theorem}: {reason}" for theorem, reason in violations(s)],
    }
    known |= _status("mean", s, lambda mu: mean(s), POINT[0])
    return known | _status("mean_at_mu", s, lambda mu: mean(s, mu), POINT[0])


def words(row: Row, column: str) -> str:
    """The status of a column for people: a numeric one with its error."""
    if row[column] == "numeric":
        return f"numeric to {_rounded_up(row[f'{column}_error'])}"
    return str(row[column])


def _rounded_up(error: float) -> str:
    """An error as a power of ten that it does not exceed."""
    return f"1e{math.ceil(math.log10(error))}" if error > 0 else "exact"


def shares(found: list[Row]) -> dict[str, int]:
    """How many of the expectations listed are known in which way."""
    known = [row[column] for row in found for column in STATUS if row.get(column) in KNOWN]
    return {word: known.count(word) for word in KNOWN}
