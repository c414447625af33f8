"""The judge: one claim in, one verdict out. What is not shown to hold has failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from weakref import WeakKeyDictionary

import mpmath as mp
import sympy as sp

from kernelcalc.verify.claim import Claim, Point
from kernelcalc.verify.numeric import Number, agreement, describe, entries, evaluate, shape, show, witnessed
from kernelcalc.verify.prove import proved_equal

Word = Literal["proved", "confirmed", "refuted", "failed"]
WITNESS_GUARD = 3  # the witness is asked for a little more than the comparison needs


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    verdict: "proved" (equal by symbols, and the numbers agree), "confirmed" (the numbers agree), "refuted"
    (as printed; the corrected form is proved or confirmed), "failed". digits: how many the form that should
    hold has in common with the witness at the worst point, 0 without a witness; proof: the method that showed
    the symbolic equality, "" if none did; reason: why it failed.
    """

    tag: str
    title: str
    source: str
    verdict: Word
    digits: int = 0
    points: int = 0
    seconds: float = 0.0
    statement: str = ""
    conditions: str = ""
    proof: str = ""
    counterexample: str | None = None
    corrected: str | None = None
    corrected_latex: str | None = None
    doubtful: str = ""
    note: str = ""
    reason: str = ""


_JUDGED: WeakKeyDictionary[Claim, Verdict] = WeakKeyDictionary()


class Rejected(Exception):
    """The claim does not hold, or cannot be judged; carries the digits reached, as far as there were any."""

    def __init__(self, reason: str, digits: int = 0) -> None:
        super().__init__(reason)
        self.digits = digits


def judge(claim: Claim, digits: int | None = None) -> Verdict:
    """The verdict on the claim, to claim.digits digits unless told otherwise; a bad claim never raises."""
    start = time.perf_counter()
    verdict = failed(claim, "")
    try:
        verdict = _judged(claim, verdict, digits or claim.digits)
    except Rejected as rejection:
        verdict = replace(verdict, reason=str(rejection), digits=rejection.digits)
    # derive and witness are the claim's own code and may raise anything; one claim must not stop the others
    except Exception as error:
        verdict = replace(verdict, reason=one_line(f"{type(error).__name__}: {error}"))
    _JUDGED[claim] = verdict = replace(verdict, seconds=round(time.perf_counter() - start, 3))
    return verdict


def last_verdict(claim: Claim) -> Verdict | None:
    """What judge said of this claim last, None if it was not asked."""
    return _JUDGED.get(claim)


def failed(claim: Claim, reason: str, seconds: float = 0.0) -> Verdict:
    """A verdict "failed" with what is known of the claim beforehand."""
    return Verdict(
        tag=claim.tag,
        title=claim.title,
        source=claim.source,
        verdict="failed",
        points=len(claim.points),
        seconds=seconds,
        statement=claim.statement,
        conditions=claim.conditions,
        corrected=None if claim.corrected is None else sp.sstr(claim.corrected),
        corrected_latex=None if claim.corrected is None else sp.latex(claim.corrected),
        doubtful=claim.doubtful,
        note=claim.note,
        reason=reason,
    )


def one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:297] + "..."


def derived(claim: Claim) -> Any:
    """What the claim's derivation gives, as an expression or matrix; None if it has no derivation."""
    if claim.derive is None:
        return None
    result = claim.derive()
    form = getattr(result, "expr", result)
    if isinstance(form, sp.MatrixBase):
        form = form.as_immutable()
    elif isinstance(form, int | sp.Expr):
        form = sp.sympify(form)
    else:
        raise Rejected(f"derive() gives no closed form but {one_line(repr(form))}")
    if any(entry.has(sp.nan, sp.zoo) for entry in entries(form)):
        raise Rejected(f"derive() gives {one_line(str(form))}")
    return form


def _judged(claim: Claim, verdict: Verdict, digits: int) -> Verdict:
    form = derived(claim)
    if form is not None:
        _require_shape(form, claim, "derive()")
    truths = [_truth(claim, form, point, digits) for point in claim.points]
    reached = _agree(
        claim, claim.holds, truths, digits, "printed" if claim.corrected is None else "corrected"
    )
    method = None if form is None else proved_equal(form, claim.holds, claim.domain)
    if method is None and form is not None:
        _agree(claim, form, truths, digits, "derived")
    if method is None and claim.witness is None:
        raise Rejected("no witness, and derive() is not proved equal to the statement")
    verdict = replace(
        verdict,
        verdict="proved" if method else "confirmed",
        proof=method or "",
        digits=reached if claim.witness else 0,
    )
    if claim.corrected is None:
        return verdict
    _require_shape(claim.printed, claim, "the printed form")
    return replace(verdict, verdict="refuted", counterexample=_counterexample(claim, truths, digits))


def _require_shape(form: Any, claim: Claim, owner: str) -> None:
    if shape(form) != shape(claim.holds):
        raise Rejected(f"{owner} has shape {shape(form)}, the statement {shape(claim.holds)}")


def _truth(claim: Claim, form: Any, point: Point, digits: int) -> list[Number]:
    """The left-hand side at the point: from the witness, or, without one, from the derivation."""
    if claim.witness is None:
        return evaluate(form, point, digits)
    value = witnessed(claim.witness, point, digits + WITNESS_GUARD)
    _require_shape(value, claim, "the witness")
    return entries(value)


def _agree(claim: Claim, form: Any, truths: Sequence[Sequence[Number]], digits: int, word: str) -> int:
    """The digits in common with the truth at the worst point. Raises Rejected if they are too few."""
    reached = digits
    for point, truth in zip(claim.points, truths, strict=True):
        values = evaluate(form, point, digits)
        common = agreement(values, truth, digits)
        reached = min(reached, common)
        if common < digits:
            where = f"at {describe(point)}: {word} {show(values)}, true {show(truth)}"
            raise Rejected(one_line(f"{common} of {digits} digits {where}"), common)
    return reached


def _counterexample(claim: Claim, truths: Sequence[Sequence[Number]], digits: int) -> str:
    """The point where the printed form is most clearly wrong. Raises Rejected if there is none."""
    found = []
    for point, truth in zip(claim.points, truths, strict=True):
        values = evaluate(claim.printed, point, digits)
        undefined = not all(map(mp.isfinite, values))  # a pole counts as wrong, but a wrong number shows more
        text = f"{describe(point)}: printed {show(values)}, true {show(truth)}"
        found.append((agreement(values, truth, digits), undefined, text))
    common, _, text = min(found, key=lambda item: item[:2])
    if common > digits // 3:
        raise Rejected(
            f"the printed form is right to {common} digits at every point, so it is not refuted", common
        )
    return text
