"""The derivation of a claim, step by step, as text, LaTeX or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.verify.claim import Claim


@dataclass(frozen=True)
class Derivation:
    """What derive() of a claim gave: its steps (objects with rule, before, after) and the form at the end."""

    claim: Claim
    steps: tuple[Any, ...]
    form: Any


def derivation(claim: Claim) -> Derivation:
    """Run the claim's derivation. Raises InputError if it has none."""
    if claim.derive is None:
        raise InputError(
            f"claim {claim.tag} has no derivation by symbols; its numbers are checked by kernelcalc verify"
        )
    result = claim.derive()
    return Derivation(claim, tuple(getattr(result, "steps", ())), getattr(result, "expr", result))


def as_json(item: Derivation) -> dict[str, object]:
    steps = [{"rule": str(s.rule), "before": _text(s.before), "after": _text(s.after)} for s in item.steps]
    return {
        "tag": item.claim.tag,
        "title": item.claim.title,
        "steps": steps,
        "derived": _text(item.form),
        "printed": _text(item.claim.printed),
        "corrected": None if item.claim.corrected is None else _text(item.claim.corrected),
    }


def as_text(item: Derivation, *, latex: bool = False) -> str:
    """All steps, numbered, then the derived form and the printed one."""
    claim = item.claim
    comment = "% " if latex else ""
    lines = [f"{comment}{claim.tag}  {claim.title} ({claim.source})"]
    if claim.statement:
        lines.append(f"{comment}{claim.statement}")
    for number, step in enumerate(item.steps, 1):
        lines += ["", f"{comment}{number}. {step.rule}", _equation(step.before, step.after, latex)]
    lines += [
        "",
        f"{comment}derived:",
        _shown(item.form, latex),
        f"{comment}printed:",
        _shown(claim.printed, latex),
    ]
    if claim.corrected is not None:
        lines += [f"{comment}corrected ({claim.note}):", _shown(claim.corrected, latex)]
    return "\n".join(lines)


def _equation(before: Any, after: Any, latex: bool) -> str:
    if latex:
        return f"\\[ {_latex(before)} = {_latex(after)} \\]"
    return f"{_shown(before, latex)}\n    =\n{_shown(after, latex)}"


def _shown(form: Any, latex: bool) -> str:
    if latex:
        return f"\\[ {_latex(form)} \\]"
    # an expression too wide for the screen is easier to read in one line than cut into pieces
    pretty = form if isinstance(form, str) else sp.pretty(form, use_unicode=True, wrap_line=False)
    if max(map(len, pretty.splitlines())) > 110:
        pretty = _text(form)
    return "\n".join(f"    {line}" for line in pretty.splitlines())


def _latex(form: Any) -> str:
    return f"\\text{{{form}}}" if isinstance(form, str) else str(sp.latex(form))


def _text(form: Any) -> str:
    return form if isinstance(form, str) else str(sp.sstr(form))
