"""The comparison itself: by symbols, and by numbers at points that no wrong formula survives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import mpmath as mp
import sympy as sp

from kernelcalc.checking.equation import Definitions, Equation, define, read
from kernelcalc.checking.meaning import expression
from kernelcalc.checking.points import points
from kernelcalc.checking.spec import target
from kernelcalc.checking.syntax import Name, names
from kernelcalc.checking.targets import Case, ClaimTarget, Target
from kernelcalc.errors import InputError
from kernelcalc.functions.expressions import complementary
from kernelcalc.verify.claim import Point
from kernelcalc.verify.numeric import NoNumber, Unsettled, agreement, describe, evaluate, show
from kernelcalc.verify.prove import OutOfTime, proved_equal, time_limit

DIGITS = 30  # of closed forms
REFERENCE_DIGITS = 20  # where the truth is an integral
REFERENCE_POINTS = 4
SECONDS = 6.0  # processor time for a proof
EVALUATION = 2.0  # processor time for both values at a point; more decides nothing
READING = 20.0  # processor time for SymPy to take in a formula

Word = Literal["equal", "different", "not comparable"]


@dataclass(frozen=True)
class Comparison:
    """What became of a formula; true if it is equal to the derived one.

    verdict: "equal", "different" or "not comparable" (then reason says why). against: what it was compared
    with. proof: the method that showed it by symbols, "" if none did. digits, points: how well numbers agree
    (at the worst point, if different) and at how many points. point, given, derived: where they differ, and
    both values. notes: with which values, and what was not read.
    """

    verdict: Word
    formula: str
    against: str
    proof: str = ""
    digits: int = 0
    points: int = 0
    point: str = ""
    given: str = ""
    derived: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.verdict == "equal"

    @property
    def shown(self) -> str:
        """How it was shown, or where the formulas differ, or why they cannot be compared."""
        if self.verdict == "not comparable":
            return self.reason
        if self.verdict == "different":
            return f"at {self.point}: given {self.given}, derived {self.derived}"
        numbers = f"to {self.digits} digits at {self.points} points"
        return f"by symbols ({self.proof}), and {numbers}" if self.proof else numbers

    def __str__(self) -> str:
        notes = f" [{'; '.join(self.notes)}]" if self.notes else ""
        return f"{self.verdict} ({self.against}): {self.shown}{notes}"

    def _repr_markdown_(self) -> str:
        notes = "".join(f"  \n*{note}*" for note in self.notes)
        return f"**{self.verdict}** (`{self.against}`): {self.shown}{notes}"


def check(formula: str, against: object, *, define: Iterable[str] = (), digits: int = DIGITS) -> Comparison:
    r"""Whether a formula, in LaTeX or as text, equals the derived one: equal, different, or not comparable.

    formula: "2/pi*asin(c/sqrt(a*b))" or r"\Theta^{(2)}(x,y) = ..."; of several right sides each is compared.
    against: an Expectation, a Kernel, a claim or its tag, or text such as "dual(erf)", "mean(erf')",
    "sgntk(sign, erf', depth=2)", "limit(dual(erf), m)". define: symbols of your own, r"\Delta = ab - c^2".

    Known besides the parameters: a, b, c (also \Sigma(x,x), \Sigma(y,y), \Sigma(x,y)), \rho, \theta and
    |\Sigma|; in kernels the quantities of all layers and x\cdot y, \|x\|, n_0, \sigma_w, \sigma_b. Numbers
    are compared at points with a != b, c < 0, c = 0, nearly parallel, small and large parameters. The formula
    is never evaluated as Python. Raises InputError only where against names nothing; what is wrong with the
    formula is a verdict.
    """
    if not isinstance(digits, int) or not 1 <= digits <= 200:
        raise InputError(f"digits={digits!r} must be a whole number from 1 to 200")
    shown = " ".join(formula.split()) if isinstance(formula, str) else repr(formula)
    try:
        equation, given = read(formula), _define(define)
    except InputError as error:
        label = against if isinstance(against, str) else repr(against)
        return Comparison("not comparable", shown, label, reason=str(error))
    return compare(equation, against, given, digits)


def _define(lines: Iterable[str]) -> Definitions:
    return define([lines] if isinstance(lines, str) else lines)


def compare(equation: Equation, against: object, given: Definitions, digits: int = DIGITS) -> Comparison:
    """The comparison of an equation that has been read; given: definitions besides its own."""
    definitions = {**given, **equation.definitions}
    nodes = [*equation.sides, *(node for _, node in definitions.values())]
    used = [name for node in nodes for name in names(node)]
    aim = target(against, {name.key for name in used})
    shown = " ".join(equation.text.split())
    start = Comparison("not comparable", shown, aim.label, notes=_unread(equation))
    try:
        sides = range(len(equation.sides))
        results = [_side(equation, i, used, aim, definitions, digits, start) for i in sides]
    except (InputError, NoNumber) as error:
        return replace(start, reason=str(error))
    except (OutOfTime, RecursionError):
        return replace(start, reason="the formula is too large to be compared")
    order = ["different", "not comparable", "equal"]
    return min(results, key=lambda result: order.index(result.verdict))


def _unread(equation: Equation) -> tuple[str, ...]:
    return tuple(f"not read: {text}" for text in equation.unread)


def _side(
    equation: Equation, i: int, used: Sequence[Name], aim: Target, definitions: Definitions, digits: int,
    start: Comparison,
) -> Comparison:  # fmt: skip
    refused: InputError | None = None
    different: tuple[Comparison, Any] | None = None
    for case in aim.cases(equation.left, used):
        try:
            with time_limit(READING):
                form = expression(equation.text, equation.sides[i], case.names, definitions)
        except InputError as error:
            refused = refused or error
            continue
        notes = (*_unread(equation), *filter(None, [case.note]))
        result = _compared(form, case, digits, replace(start, notes=notes))
        if result:
            return result
        missing = sorted(s.name for s in (case.needed() - form.free_symbols))
        hint = (f"the formula does not contain {', '.join(missing)}",) if missing else ()
        different = replace(result, notes=(*notes, *hint)), form
    if different is None:
        raise refused or InputError(f"{aim.label} gives nothing to compare with")
    result, form = different
    return _with_misprint(result, form, aim) if isinstance(aim, ClaimTarget) else result


def _with_misprint(result: Comparison, form: Any, aim: ClaimTarget) -> Comparison:
    """Says so if the formula is what the paper prints by mistake."""
    claim = aim.claim
    if claim.corrected is None:
        return result
    printed = aim.pick(claim.printed)
    if any(_agrees(form, printed, point, DIGITS) < DIGITS for point in claim.points):
        return result
    return replace(result, notes=(*result.notes, f"as printed in the paper: {claim.note}"))


def _agrees(form: Any, other: Any, point: Point, digits: int) -> int:
    try:
        return agreement(evaluate(form, point, digits), evaluate(other, point, digits), digits)
    except NoNumber:
        return 0


@dataclass(frozen=True)
class _Place:
    """Both values at a point and their common digits; common is None where the point decides nothing."""

    point: Point
    given: str
    derived: str
    common: int | None


def _compared(form: Any, case: Case, digits: int, start: Comparison) -> Comparison:
    truth = case.truth
    if truth is not None and {form, truth} & {sp.oo, -sp.oo, sp.zoo}:
        if form == truth:
            return replace(start, verdict="equal", proof="both infinite")
        return replace(start, verdict="different", point="every point", given=str(form), derived=str(truth))
    free = form.free_symbols | case.needed()
    places = case.points or points(free)
    if truth is None:
        places, digits = places[:REFERENCE_POINTS], min(digits, REFERENCE_DIGITS)
    if missing := free - set(places[0] if places else ()):
        raise InputError(f"no values are known for {', '.join(sorted(map(str, missing)))}")
    smooth, exact = (form if x is None else complementary(x) for x in (form, truth))
    found = [_in_time(smooth, case, exact, point, digits) for point in places]
    decided = [(place.common, i) for i, place in enumerate(found) if place.common is not None]
    if 2 * len(decided) < len(found):
        raise NoNumber("too few points at which both forms can be evaluated")
    common, i = min(decided)
    if common < digits:
        seen = {s: x for s, x in found[i].point.items() if s in free}
        return replace(
            start, verdict="different", digits=common, points=len(decided), point=describe(seen),
            given=found[i].given, derived=found[i].derived,
        )  # fmt: skip
    proof = proved_equal(form, truth, case.domain, seconds=SECONDS) if truth is not None else None
    return replace(start, verdict="equal", proof=proof or "", digits=digits, points=len(decided))


def _in_time(form: Any, case: Case, truth: Any, point: Point, digits: int) -> _Place:
    try:
        with time_limit(EVALUATION if case.truth is not None else READING):
            return _at(form, case, truth, point, digits)
    except OutOfTime:
        return _Place(point, "", "", None)


def _at(form: Any, case: Case, truth: Any, point: Point, digits: int) -> _Place:
    try:
        if case.reference is not None and case.truth is None:
            derived = [mp.mpmathify(case.reference(point, digits + 5))]
        else:
            derived = evaluate(truth, point, digits)
    except NoNumber as error:
        return _Place(point, "", f"no number ({error})", None)
    try:
        values = evaluate(form, point, digits)
    except Unsettled as error:
        return _Place(point, f"no number ({error})", show(derived), None)
    except (NoNumber, ArithmeticError) as error:
        return _Place(point, f"no number ({error})", show(derived), 0)
    common: int | None = agreement(values, derived, digits)
    if derived == [0] and common == 0 and truth is not None and truth.free_symbols:
        common = None  # zero, or something small lost in a cancellation
    return _Place(point, show(values), show(derived), common)
