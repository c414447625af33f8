"""Mutants: statements wrong by one sign, constant, exponent or exchanged symbol; the judge must reject each.

A check that cannot fail is no check: a mutant that survives shows that the points or the witness of a claim
are blind to it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.symbols import c, rho
from kernelcalc.verify.claim import Claim, Point
from kernelcalc.verify.judge import derived, judge, one_line
from kernelcalc.verify.numeric import NoNumber, agreement, describe, entries, evaluate, witnessed

LEAST = 3  # mutants per claim, at least
MOST = 20  # and at most
DIGITS = 20  # of the true values, computed once for all mutants of a claim
SLIGHTLY = sp.Rational(1001, 1000)

Mutants = Iterator[tuple[str, Any]]  # description, form


@dataclass(frozen=True)
class Survival:
    """What became of the mutants of one claim; reason says why it could not be tested, if so."""

    tag: str
    title: str
    mutants: int = 0
    survivors: tuple[str, ...] = ()
    seconds: float = 0.0
    reason: str = ""

    @property
    def rejected(self) -> int:
        return self.mutants - len(self.survivors)

    @property
    def ok(self) -> bool:
        return not self.survivors and not self.reason


def try_mutants(claim: Claim) -> Survival:
    """Let the judge see mutants of the form that should hold. Never raises for a bad claim."""
    start = time.perf_counter()
    result = Survival(claim.tag, claim.title)
    try:
        result = _tried(claim, result)
    # derive and witness are the claim's own code and may raise anything; one claim must not stop the others
    except Exception as error:
        result = replace(result, reason=one_line(f"{type(error).__name__}: {error}"))
    return replace(result, seconds=round(time.perf_counter() - start, 3))


def _tried(claim: Claim, result: Survival) -> Survival:
    digits = min(DIGITS, claim.digits)
    truths = _truths(claim, digits)

    def verdict_on(form: Any) -> str:
        recorded = replace(
            claim, printed=form, corrected=None, doubtful="", derive=None, digits=digits - 5,
            witness=lambda point, _: truths[describe(point)],
        )  # fmt: skip
        return judge(recorded).verdict

    if verdict_on(claim.holds) == "failed":
        return replace(result, reason="the statement itself is rejected; see kernelcalc verify")
    chosen = list(itertools.islice(mutants_of(claim), MOST))
    survivors = tuple(
        f"{words}: {one_line(str(form))}" for words, form in chosen if verdict_on(form) != "failed"
    )
    few = f"only {len(chosen)} mutants" if len(chosen) < LEAST else ""
    return replace(result, mutants=len(chosen), survivors=survivors, reason=few)


def _truths(claim: Claim, digits: int) -> Mapping[str, Any]:
    if claim.witness:
        return {describe(point): witnessed(claim.witness, point, digits) for point in claim.points}
    form = derived(claim)
    values = {describe(point): evaluate(form, point, digits) for point in claim.points}
    rows = form.rows if isinstance(form, sp.MatrixBase) else 0
    size = len(entries(form)) // rows if rows else 0
    return {
        key: mp.matrix([value[i * size : (i + 1) * size] for i in range(rows)]) if rows else value[0]
        for key, value in values.items()
    }


def mutants_of(claim: Claim) -> Mutants:
    """Mutants of the form that should hold, of all kinds in turn, each different from it as a function."""
    form = claim.holds
    nearby = _nearby(claim)
    seen = {form}
    kinds = (_scaled, _signs, _swapped, _exponents, _constants, _dropped, _arguments, _shifted)
    for words, mutant in _in_turn([kind(form) for kind in kinds]):
        if mutant not in seen and _differs(mutant, form, nearby):
            seen.add(mutant)
            yield words, mutant


def _in_turn(kinds: list[Mutants]) -> Mutants:
    for group in itertools.zip_longest(*kinds):
        yield from (item for item in group if item is not None)


def _nearby(claim: Claim) -> list[Point]:
    """Points close to the claim's, where nothing coincides by chance (c = 0, a = b); always the same ones."""
    chance = random.Random(claim.tag)
    found: list[Point] = []
    for point in itertools.islice(itertools.cycle(claim.points), 6):
        moved: dict[sp.Symbol, sp.Rational] = {}
        for symbol, value in point.items():
            step = sp.Rational(chance.randint(10**8, 10**9), 10**10)
            if symbol.is_integer:
                moved[symbol] = value + chance.randint(1, 3)
            elif symbol in (c, rho):  # towards zero, so that c^2 < a b still holds
                moved[symbol] = (
                    value * (1 - step) if value else step * min(v for v in (*point.values(), 1) if v > 0)
                )
            else:
                moved[symbol] = value * (1 + step) if value else step
        found.append(moved)
    return found


def _differs(mutant: Any, form: Any, nearby: list[Point]) -> bool:
    """True if the mutant has values, and others than the form has."""
    if mutant.has(sp.nan, sp.zoo, sp.oo):
        return False
    differs = False
    for point in nearby:
        try:
            values = evaluate(form, point, 30)
        except NoNumber:
            continue  # just outside the domain
        try:
            differs |= agreement(evaluate(mutant, point, 30), values, 30) < 30
        except (NoNumber, InputError):
            return False
    return differs


# -- the kinds of mutants; each node of the expression is reached by a path of argument numbers


def _nodes(form: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """All parts that a statement could have got wrong: entries, terms, factors, exponents, arguments."""
    if isinstance(form, sp.MatrixBase):
        for i, entry in enumerate(entries(form)):
            yield from _nodes(entry, (*path, i))
        return
    yield path, form
    inner = form.args
    if isinstance(form, sp.Sum | sp.Integral | sp.Product):
        inner = form.args[:1]  # not the limits
    elif isinstance(form, sp.Piecewise):
        for i, (value, _) in enumerate(form.args):
            yield from _nodes(value, (*path, i, 0))
        return
    lists = isinstance(form, sp.Function)  # the parameters of hypergeometric functions
    for i, arg in enumerate(inner):
        if isinstance(arg, sp.Expr) or (lists and isinstance(arg, sp.Tuple)):
            yield from _nodes(arg, (*path, i))


def _put(form: Any, path: tuple[int, ...], new: Any) -> Any:
    """The form with the part at the path replaced."""
    if not path:
        return new
    if isinstance(form, sp.MatrixBase):
        changed = entries(form)
        changed[path[0]] = _put(changed[path[0]], path[1:], new)
        return sp.ImmutableMatrix(*form.shape, changed)
    args = list(form.args)
    args[path[0]] = _put(args[path[0]], path[1:], new)
    return form.func(*args)


def _tops(form: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(form, sp.MatrixBase):
        return (((i,), entry) for i, entry in enumerate(entries(form)))
    return iter([((), form)])


def _scaled(form: Any) -> Mutants:
    for path, node in _tops(form):
        yield "coefficient", _put(form, path, node * SLIGHTLY)


def _signs(form: Any) -> Mutants:
    for path, node in _tops(form):
        yield "sign", _put(form, path, -node)
    for path, node in _nodes(form):
        if node.is_Add:
            for i, term in enumerate(node.args):
                yield "sign of a term", _put(form, (*path, i), -term)


def _exponents(form: Any) -> Mutants:
    for path, node in _nodes(form):
        if node.is_Pow or isinstance(node, sp.exp):
            base, exponent = node.as_base_exp()
            yield "exponent + 1", _put(form, path, base ** (exponent + 1))
            yield "sign of an exponent", _put(form, path, base**-exponent)


def _swapped(form: Any) -> Mutants:
    symbols = sorted(form.free_symbols, key=str)
    for x, y in itertools.combinations(symbols, 2):
        if x.is_integer == y.is_integer:
            yield f"{x} and {y} exchanged", form.xreplace({x: y, y: x})
    if isinstance(form, sp.MatrixBase) and form.rows == form.cols:
        yield "transposed", form.T


def _constants(form: Any) -> Mutants:
    for path, node in _nodes(form):
        if node.is_Rational:
            yield f"{node} -> {node + 1}", _put(form, path, node + 1)


def _dropped(form: Any) -> Mutants:
    for path, node in _nodes(form):
        if node.is_Add or node.is_Mul:
            word = "term" if node.is_Add else "factor"
            for i in range(len(node.args)):
                yield f"{word} dropped", _put(form, path, node.func(*node.args[:i], *node.args[i + 1 :]))


def _arguments(form: Any) -> Mutants:
    for path, node in _nodes(form):
        if isinstance(node, sp.Function) and not isinstance(node, sp.Piecewise):
            for i, arg in enumerate(node.args):
                if isinstance(arg, sp.Expr):
                    yield f"argument of {node.func}", _put(form, (*path, i), arg / SLIGHTLY)


def _shifted(form: Any) -> Mutants:
    for shift in (sp.Rational(1, 1000), sp.Rational(-1, 1000), sp.S.One):
        for path, node in _tops(form):
            yield f"{shift} added", _put(form, path, node + shift)
