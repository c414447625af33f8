"""The derivation behind a tag: a claim of derivations/, or an expectation such as "dual(erf, relu)"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.engine import written
from kernelcalc.expectation.problem import E, Z
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.base import Function
from kernelcalc.functions.named import function_by_name
from kernelcalc.symbols import a, b, c, v, z
from kernelcalc.trace import Step, recording
from kernelcalc.verify.claim import Claim

_CALL = re.compile(r"\s*(dual|mean)\s*\((.*)\)\s*", re.DOTALL)


@dataclass(frozen=True)
class Derivation:
    """Its steps in order, and the form they end in.

    how: what the derivation does, in its author's words; claim: the claim it belongs to; for an expectation
    None, and whole is the expectation, unevaluated.
    """

    tag: str
    title: str
    steps: tuple[Step, ...]
    form: Any
    how: str = ""
    claim: Claim | None = None
    whole: Any = None

    @property
    def points(self) -> tuple[Mapping[sp.Symbol, sp.Expr], ...]:
        """Where the claim is tested."""
        return self.claim.points if self.claim else ()


def of_claim(claim: Claim) -> Derivation:
    """Run the derivation of a claim and write its steps down. Raises InputError if it has none."""
    if claim.derive is None:
        raise InputError(
            f"claim {claim.tag} has no derivation by symbols; its numbers are checked by kernelcalc verify"
        )
    with recording() as steps:
        result = claim.derive()
        form = getattr(result, "expr", result)
    own = tuple(getattr(result, "steps", ()))
    found = own if len(own) >= len(steps) else tuple(steps)
    if not found and form != claim.holds:  # one computation; what it gave is the statement in another shape
        found = (Step("statement", form, claim.holds),)
    words = (claim.derive.__doc__ or "").strip().split("\n\n")[0]
    plain = not isinstance(result, Expectation) and claim.derive.__name__ != "<lambda>"
    return Derivation(claim.tag, claim.title, found, form, words if plain else "", claim)


def of_expectation(call: str) -> Derivation | None:
    """The derivation of "dual(f, g)", "dual(f)" or "mean(f)"; None if the tag is no such call.

    Raises InputError for unknown functions, and where the rules find no closed form.
    """
    match = _CALL.fullmatch(call)
    if match is None:
        return None
    functions = [function_by_name(name.strip()).symbolic for name in _arguments(match[2])]
    if len(functions) not in ((1, 2) if match[1] == "dual" else (1,)):
        raise InputError(f"{call}: write dual(f), dual(f, g) or mean(f)")
    found = dual(*functions) if match[1] == "dual" else mean(functions[0])
    if found.expr is None:
        raise InputError(f"{call} has no closed form: {found.reason}")
    f, *others = functions
    whole = written(f, *(others or [f]), a, b, c) if match[1] == "dual" else _mean(f)
    return Derivation(call.strip(), repr(found), found.steps, found.expr, whole=whole)


def _arguments(inner: str) -> list[str]:
    """What stands between the commas outside of brackets."""
    depth, parts = 0, [""]
    for char in inner:
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _mean(f: Function) -> sp.Expr:
    """E f(Z), unevaluated."""
    return E(f.expr.subs(z, Z) + sp.Add(*(w * sp.DiracDelta(Z - t) for t, w in f.deltas)), v)
