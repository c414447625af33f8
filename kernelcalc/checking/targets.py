"""What a formula can be compared with: derived expectations, kernels, and the claims of the papers.

A target says, for the symbols that a formula uses, what they mean and which expression it should equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import sympy as sp

from kernelcalc.checking.meaning import Names
from kernelcalc.checking.syntax import Enclosed, Name, Node, Number, Product, Sum
from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.base import shown
from kernelcalc.symbols import DETERMINANT, a, b, c, v
from kernelcalc.verify.claim import Claim, Point
from kernelcalc.verify.judge import derived

Expr = Any  # SymPy carries no types
COVARIANCES = {"Sigma", "K"}  # the second with indices or points, as in neural-tangents
POINTS = {"x": "x", "y": "y", "x'": "y", "X": "x", "Y": "y", "X'": "y"}


@dataclass(frozen=True)
class Case:
    """One way to compare: what names mean, and the expression that is true.

    truth: None where there is no closed form; then reference gives values. points: None means standard points
    of the symbols that occur.
    """

    names: Names
    truth: Expr | None
    points: tuple[Point, ...] | None = None
    reference: Callable[[Point, int], Any] | None = None
    domain: Mapping[sp.Symbol, Expr] = field(default_factory=dict)
    note: str = ""

    def needed(self) -> set[sp.Symbol]:
        """The symbols of what is true: without a closed form, those of the arguments."""
        if self.truth is None:
            return {s for s in self.names.symbols.values() if s in (a, b, c, v)}
        return set(self.truth.free_symbols)


class Target(Protocol):
    """What a formula is compared with."""

    @property
    def label(self) -> str: ...

    def cases(self, left: Name | None, used: Sequence[Name]) -> Sequence[Case]:
        """The ways to compare, the most general first: a formula is right if it agrees in one of them.

        left: the symbol on the left side; used: all names of the formula. Raises InputError.
        """


def pair(name: Name) -> str | None:
    """Which two points a covariance is of: "xx", "xy", "yx", "yy"; "" if it does not say; None if unknown."""
    if name.arguments:
        letters = [POINTS.get(x.key) if isinstance(x, Name) else None for x in map(bare, name.arguments)]
        return None if None in letters or len(letters) != 2 else "".join(map(str, letters))
    sub = name.sub.translate(str.maketrans("12", "xy"))
    return sub if len(sub) == 2 and set(sub) <= {"x", "y"} else ""


def bare(node: Node) -> Node:
    """A node without its brackets."""
    return bare(node.inner) if isinstance(node, Enclosed) else node


def level(node: Node) -> tuple[str, int]:
    """A level such as l + 1 as its letter ("" for a number) and what is added. Raises InputError."""
    node = bare(node)
    match node:
        case Number() if node.value.is_Integer:
            return "", int(node.value)
        case Name():
            return node.key, 0
        case Sum():
            letter, total = "", 0
            for sign, term in node.terms:
                name, number = level(term)
                if name and (letter or sign == "-"):
                    break
                letter, total = letter or name, total + (-number if sign == "-" else number)
            else:
                return letter, total
        case Product():
            pass
    raise InputError("a level is a number, or a letter plus or minus a number")


def covariance_names(symbols: Mapping[str, Expr], used: Sequence[Name]) -> Names:
    """a, b, c with everything that people write for them; symbols: what else there is."""
    levels = {repr(level(name.level)) for name in used if name.level is not None}
    if len(levels) > 1:
        raise InputError("covariances of two levels appear; compare with a kernel instead")
    entries = {"xx": a, "yy": b, "xy": c, "yx": c}
    rho = c / sp.sqrt(a * b)

    def resolve(name: Name) -> Expr | None:
        if name.letter not in COVARIANCES or name.accent:
            return None
        return entries.get(pair(name) or "")

    def determinant(name: Name) -> Expr | None:
        return DETERMINANT if matrix(name) is not None else None

    def matrix(name: Name) -> Any:
        plain = name.letter in COVARIANCES and not name.accent and pair(name) == ""
        return sp.Matrix([[a, c], [c, b]]) if plain else None

    given = {"a": a, "b": b, "c": c, "rho": rho, "theta": sp.acos(rho)} | dict(symbols)
    return Names(given, {}, resolve, determinant, matrix)


@dataclass(frozen=True)
class ExpectationTarget:
    """A dual in a, b, c, or a mean in v; diagonal: the dual at X = Y, in a."""

    expectation: Expectation
    diagonal: bool = False

    @property
    def label(self) -> str:
        return f"diagonal({self.expectation!r})" if self.diagonal else repr(self.expectation)

    def cases(self, left: Name | None, used: Sequence[Name]) -> Sequence[Case]:
        e = self.expectation
        parameters = {symbol.name: value for symbol, value in e.values}
        given = [f"{name} = {shown(value)}" for name, value in parameters.items() if name != str(value)]
        note = ", ".join(given)
        if e.g is None:
            names = Names({"v": v} | parameters)
        elif self.diagonal:
            names = Names({"a": a} | parameters, {}, lambda name: a if pair(name) == "xx" else None)
        else:
            names = covariance_names(parameters, used)
        truth = e.diagonal if self.diagonal else e.expr
        reference = None
        if truth is None:
            open_parameters = {s for _, value in e.values for s in value.free_symbols}
            if open_parameters or self.diagonal:
                raise InputError(f"{self.label} has no closed form ({e.reason}), no values without numbers")

            def reference(point: Point, digits: int) -> Any:
                return e.reference(*(point[s] for s in e.arguments), digits=digits)

        return [Case(names, truth, reference=reference, note=f"with {note}" if note else "")]


@dataclass(frozen=True)
class FormTarget:
    """A closed form such as a limit, in a, b, c (or v) and parameters."""

    form: Expr
    label: str

    def cases(self, left: Name | None, used: Sequence[Name]) -> Sequence[Case]:
        symbols = {s.name: s for s in self.form.free_symbols}
        return [Case(covariance_names(symbols, used) if "v" not in symbols else Names(symbols), self.form)]


@lru_cache(maxsize=512)
def _derived(claim: Claim) -> Any:
    return derived(claim)


@dataclass(frozen=True)
class ClaimTarget:
    """The true form of a claim; entry: the row (and column) of a matrix, from 1."""

    claim: Claim
    entry: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        return self.claim.tag + (f"[{','.join(map(str, self.entry))}]" if self.entry else "")

    def pick(self, form: Any) -> Expr:
        """The entry of a matrix, or the one expression. Raises InputError if they do not fit."""
        if not isinstance(form, sp.MatrixBase):
            if self.entry:
                raise InputError(f"{self.claim.tag} is one formula, it has no entries")
            return form
        rows, columns = form.shape
        place = (*self.entry, 1) if len(self.entry) == 1 and columns == 1 else self.entry
        if len(place) != 2:
            tag = self.claim.tag
            raise InputError(f"{tag} is a matrix of {rows} x {columns} formulas; name one: {tag}[1,1]")
        if not (1 <= place[0] <= rows and 1 <= place[1] <= columns):
            raise InputError(f"{self.label}: the matrix has {rows} x {columns} entries")
        return form[place[0] - 1, place[1] - 1]

    def cases(self, left: Name | None, used: Sequence[Name]) -> Sequence[Case]:
        claim = self.claim
        form = _derived(claim)
        truth = self.pick(claim.holds if form is None else form)
        symbols = {s.name: s for point in claim.points for s in point}
        return [Case(self._names(symbols, used), truth, claim.points, domain=claim.domain)]

    def _names(self, symbols: dict[str, sp.Symbol], used: Sequence[Name]) -> Names:
        inner: dict[str, Expr] = {key: symbols[key] for key in ("xx", "yy", "xy") if key in symbols}
        if {"x_1", "x_2", "y_1", "y_2"} <= set(symbols):
            x1, x2, y1, y2 = (symbols[name] for name in ("x_1", "x_2", "y_1", "y_2"))
            inner = {"xx": x1**2 + x2**2, "yy": y1**2 + y2**2, "xy": x1 * y1 + x2 * y2}
        if {"a", "b", "c"} <= set(symbols):
            names = covariance_names(symbols, used)
            names.inner = inner
            return names
        return Names(symbols, inner)
