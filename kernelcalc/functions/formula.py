"""A user's formula, parsed into SymPy and never evaluated as Python.

    sum     := product (("+" | "-") product)*
    product := signed (("*" | "/") signed)*
    signed  := ("-" | "+")* power
    power   := atom (("**" | "^") signed)?            right to left, binds tighter than a sign on its left
    atom    := number | constant | "z" | name "(" sum ("," sum)* ")" | "(" sum ")"
    where(condition, a, b), piecewise(condition, a, condition, b, ..., otherwise)
    condition := sum (("<" | "<=" | ">" | ">=") sum)+

Numbers are exact: 0.1 is 1/10. Names of functions may be capitalised, as SymPy prints them. Every size is
limited before anything is computed, so that hostile text ends at once.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions import analysis
from kernelcalc.symbols import z

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 50  # of nesting
SWITCHING = ("abs", "sign", "heaviside", "relu", "clip", "max", "min")
SWITCH_DEPTH = 4  # levels that one of these counts for: nested, they multiply the pieces
MAX_DIGITS = 50  # of one number
MAX_EXPONENT = 64  # of a power, and of the powers of z that products of powers give
MAX_BITS = 4096  # of numerator and denominator of a power of a number
MAX_CONSTANT = 1e100  # magnitude of any part without z; keeps towers of exponentials from forming
MAX_ARGUMENTS = 10  # of max and min
MAX_BRANCHES = 32

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|<=|>=|[-+*/^(),<>])|(?P<end>\Z)|(?P<other>.))",
    re.ASCII | re.DOTALL,
)

# name: (number of arguments, or None for 2 to MAX_ARGUMENTS; what it makes of them)
FUNCTIONS: dict[str, tuple[int | None, Callable[..., sp.Expr]]] = {
    "exp": (1, sp.exp),
    "log": (1, sp.log),
    "ln": (1, sp.log),
    "sqrt": (1, sp.sqrt),
    "abs": (1, sp.Abs),
    "sign": (1, sp.sign),
    "heaviside": (1, sp.Heaviside),
    "sin": (1, sp.sin),
    "cos": (1, sp.cos),
    "sinh": (1, sp.sinh),
    "cosh": (1, sp.cosh),
    "tanh": (1, sp.tanh),
    "sech": (1, lambda u: 1 / sp.cosh(u)),
    "atan": (1, sp.atan),
    "asinh": (1, sp.asinh),
    "erf": (1, sp.erf),
    "erfc": (1, sp.erfc),
    "sigmoid": (1, lambda u: 1 / (1 + sp.exp(-u))),
    "softplus": (1, lambda u: sp.log(1 + sp.exp(u))),
    "relu": (1, lambda u: sp.Max(0, u)),
    "clip": (3, lambda u, low, high: sp.Max(low, sp.Min(u, high))),
    "max": (None, sp.Max),
    "min": (None, sp.Min),
}
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}
BRANCHING = ("where", "piecewise")
SATISFIED: dict[str, Callable[[int], bool]] = {"> 0": lambda s: s > 0, ">= 0": lambda s: s >= 0, "!= 0": bool}
RELATIONS: dict[str, Callable[..., sp.Basic]] = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int  # counted from 0


class _Demand(NamedTuple):
    """What an operation at a position asks of its operand wherever the guard holds."""

    at: int
    operation: str
    operand: sp.Expr
    wanted: str  # a key of SATISFIED
    guard: sp.Basic


def parse(text: str) -> sp.Expr:
    """The formula as a SymPy expression in ``symbols.z``; the variable may be called z or x.

    The value is real and finite for every real z, outside of branches of ``where`` that are not taken.
    Raises InputError, one line that names the position (from 1) and what is wrong or was expected: for
    anything outside the grammar above, values that are not real or not finite at some z (1/z, sqrt(z)),
    sizes beyond the limits above, and functions ``analysis.pieces`` cannot take apart (abs(sin(z))).
    """
    if not isinstance(text, str):
        raise InputError(f"a formula is a string such as 'tanh(2*z)', got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise InputError(f"the formula has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    return _Parser(text).formula()


def _magnitude(e: sp.Expr) -> float:
    """|e| of a number, inf beyond floats; that its parts are below MAX_CONSTANT makes this cheap."""
    try:
        return abs(float(e)) if e.is_Rational else float(abs(sp.N(e, 15)))
    except (OverflowError, TypeError):  # TypeError: not real, or infinite
        return math.inf


def _degree(e: sp.Expr) -> int:
    """An upper bound of the degree in z after expansion, at any level of nesting."""
    if e.is_Pow and e.exp.is_Rational:
        return _degree(e.base) * max(1, math.ceil(abs(float(e.exp))))
    below = [_degree(t) for t in e.args if isinstance(t, sp.Expr)]
    return int(e == z) if not below else sum(below) if e.is_Mul else max(below)


class _Parser:
    """Recursive descent over the tokens; every method leaves ``self.i`` behind what it has read."""

    def __init__(self, text: str) -> None:
        self.text, self.i, self.depth = text, 0, 0
        found = [(str(match.lastgroup), match) for match in _TOKEN.finditer(text)]
        self.tokens = [_Token(kind, match[kind], match.start(kind)) for kind, match in found]
        self.variable = ""
        self.guard: sp.Basic = sp.true  # the condition under which the current branch is taken
        self.demands: list[_Demand] = []

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        position = self.tokens[self.i].at if at is None else at
        near = self.text[max(0, position - 12) : position + 12]
        raise InputError(f"position {position + 1}, near {near!a}: {what}")

    def peek(self) -> str:
        return self.tokens[self.i].text if self.tokens[self.i].kind == "sign" else ""

    def found(self) -> str:
        token = self.tokens[self.i]
        if token.kind == "other" and not token.text.isascii():
            return f"{token.text!a} ({unicodedata.name(token.text, 'no name')}; a formula is plain ASCII)"
        return "the end" if token.kind == "end" else f"{token.text[:30]!a}"

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            self.fail(f"expected {expected!r}, found {self.found()}")
        self.i += 1

    def formula(self) -> sp.Expr:
        if self.tokens[0].kind == "end":
            self.fail("the formula is empty; expected a function of z such as tanh(2*z)")
        result = self.sum()
        if self.tokens[self.i].kind != "end":
            self.fail(f"expected an operator or the end, found {self.found()}{self.hint()}")
        for demand in self.demands:
            self.check(demand)
        return self.checked(result)

    def checked(self, result: sp.Expr) -> sp.Expr:
        """The whole formula, if it can be taken to pieces and is finite at their ends."""
        try:
            parts = analysis.pieces(result)
            ends = [(e, t, side) for lo, hi, e in parts for t, side in ((lo, "+"), (hi, "-")) if t.is_finite]
            limits = [(t, x) for e, t, side in ends for x in analysis.limits(e, t, side)]
            infinite = [t for t, x in limits if analysis.is_infinite(x)]
        except InputError as error:
            raise InputError(f"{self.text.strip()!a}: {error}") from error
        if infinite:
            raise InputError(f"{self.text.strip()!a} is infinite at z = {infinite[0]}")
        return result

    def hint(self) -> str:
        kind, text, _ = self.tokens[self.i]
        if kind in ("number", "name") or text == "(":
            return " (write * between factors)"
        return " (comparisons stand only in where(...))" if text in RELATIONS else ""

    def deeper(self, levels: int) -> None:
        self.depth += levels
        if self.depth > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels (abs, max and such count as {SWITCH_DEPTH})")

    def bounded(self, e: sp.Expr, at: int) -> sp.Expr:
        """e, if it is a real number of reasonable size or its degree in z is."""
        if not e.has(z):
            if e.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or not e.is_extended_real or _magnitude(e) > MAX_CONSTANT:
                self.fail("this number is not real, or beyond 1e100", at)
        elif _degree(e) > MAX_EXPONENT:
            self.fail(f"powers of z go beyond {MAX_EXPONENT}", at)
        return e

    def sum(self) -> sp.Expr:
        result = self.product()
        while (sign := self.peek()) in ("+", "-"):
            at = self.tokens[self.i].at
            self.i += 1
            term = self.product()
            result = self.bounded(result + term if sign == "+" else result - term, at)
        return result

    def product(self) -> sp.Expr:
        result = self.signed()
        while (sign := self.peek()) in ("*", "/"):
            at = self.tokens[self.i].at
            self.i += 1
            factor = self.signed()
            factor = factor if sign == "*" else self.power_of(factor, sp.Integer(-1), at)
            result = self.bounded(result * factor, at)
        return result

    def signed(self) -> sp.Expr:
        negative = False
        while (sign := self.peek()) in ("+", "-"):
            negative ^= sign == "-"
            self.i += 1
        result = self.power()
        return -result if negative else result

    def power(self) -> sp.Expr:
        base = self.atom()
        if self.peek() not in ("**", "^"):
            return base
        at = self.tokens[self.i].at
        self.i += 1
        self.deeper(1)
        exponent = self.signed()
        self.depth -= 1
        return self.power_of(base, exponent, at)

    def power_of(self, base: sp.Expr, exponent: sp.Expr, at: int) -> sp.Expr:
        """base**exponent, after estimating its size; division is the exponent -1."""
        if exponent.has(z) or base == sp.E:
            if base.has(z) or not base.is_positive:
                self.fail("expected a positive number as the base of a power with z in the exponent", at)
            return self.bounded(base**exponent, at)
        if not exponent.is_Rational or abs(exponent) > MAX_EXPONENT:
            self.fail(f"expected a rational exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}", at)
        if base.is_Rational and max(abs(base.p), base.q).bit_length() * abs(exponent.p) > MAX_BITS:
            self.fail("this power of a number is too large", at)
        if not base.has(z) and _magnitude(base) < 1 / MAX_CONSTANT and exponent < 0:
            self.fail("division by zero", at)
        if not exponent.is_Integer:
            self.demand(at, "a root", base, "> 0" if exponent < 0 else ">= 0")
        elif exponent < 0:
            self.demand(at, "division", base, "!= 0")
        magnitude = _magnitude(base) if not base.has(z) else 1.0
        if magnitude > 0 and abs(math.log10(magnitude) * float(exponent)) > math.log10(MAX_CONSTANT):
            self.fail("this power of a number is beyond 1e100 or below 1e-100", at)
        return self.bounded(base**exponent, at)

    def atom(self) -> sp.Expr:
        kind, text, at = self.tokens[self.i]
        if kind == "number":
            digits, _, scale = text.lower().partition("e")
            if len(digits) > MAX_DIGITS or len(scale) > 4 or abs(int(scale or 0)) > 100:
                self.fail(f"a number may have {MAX_DIGITS} digits and an exponent between -100 and 100")
            self.i += 1
            return self.bounded(sp.Rational(text), at)
        if text == "(":
            self.i += 1
            self.deeper(1)
            result = self.sum()
            self.take(")")
            self.depth -= 1
            return result
        if kind != "name":
            self.fail(f"expected a number, z, a function or '(', found {self.found()}")
        self.i += 1
        if text in ("z", "x"):
            if self.variable not in ("", text):
                self.fail("both z and x appear; expected one variable", at)
            self.variable = text
            return z
        name = text.lower()
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name not in FUNCTIONS and name not in BRANCHING:
            near = difflib.get_close_matches(name, [*FUNCTIONS, *BRANCHING, *CONSTANTS], n=1)
            known = ", ".join(["z", *CONSTANTS, *FUNCTIONS, *BRANCHING])
            meant = f"did you mean {near[0]!r}?" if near else f"known: {known}"
            self.fail(f"unknown name {text[:30]!r}; {meant}", at)
        levels = SWITCH_DEPTH if name in SWITCHING else 1
        self.deeper(levels)
        self.take("(")
        result = self.branches(name, at) if name in BRANCHING else self.call(name, at)
        self.take(")")
        self.depth -= levels
        return result

    def call(self, name: str, at: int) -> sp.Expr:
        arguments = [self.sum()]
        while self.peek() == ",":
            self.i += 1
            arguments.append(self.sum())
        count, make = FUNCTIONS[name]
        if not (len(arguments) == count or (count is None and 2 <= len(arguments) <= MAX_ARGUMENTS)):
            wanted = f"{count}" if count else f"2 to {MAX_ARGUMENTS}"
            self.fail(f"{name} takes {wanted} argument{'s' * (count != 1)}, got {len(arguments)}", at)
        if name in ("log", "ln"):
            self.demand(at, name, arguments[0], "> 0")
        if name == "sqrt":
            return self.power_of(arguments[0], sp.Rational(1, 2), at)
        return self.bounded(make(*arguments), at)

    def branches(self, name: str, at: int) -> sp.Expr:
        outer, pairs = self.guard, list[tuple[sp.Expr, sp.Basic]]()
        while True:
            first = self.tokens[self.i].at
            value = self.sum()
            if self.peek() not in RELATIONS or (name == "where" and pairs):
                break
            condition = self.condition(value)
            self.take(",")
            previous, self.guard = self.guard, sp.And(self.guard, condition)
            pairs.append((self.sum(), condition))
            self.guard = sp.And(previous, sp.Not(condition))
            if len(pairs) > MAX_BRANCHES:
                self.fail(f"at most {MAX_BRANCHES} branches are allowed", at)
            self.take(",")
        if not pairs:
            form = "where(condition, a, b)" if name == "where" else "piecewise(condition, a, ..., otherwise)"
            self.fail(f"expected {form} with a condition such as z < 0", first)
        self.guard = outer
        return self.bounded(sp.Piecewise(*pairs, (value, True)), at)

    def condition(self, left: sp.Expr) -> sp.Basic:
        parts = []
        while (relation := self.peek()) in RELATIONS:
            self.i += 1
            right = self.sum()
            parts.append(RELATIONS[relation](left, right))
            left = right
        return sp.And(*parts)

    def demand(self, at: int, operation: str, operand: sp.Expr, wanted: str) -> None:
        if not (operand.is_positive or (operand.is_nonnegative and wanted == ">= 0")):
            self.demands.append(_Demand(at, operation, operand, wanted, self.guard))

    def check(self, demand: _Demand) -> None:
        """Fail if the demand is broken where its guard holds: inside the pieces of its sign, or at a cut."""
        at, operation, operand, wanted, guard = demand
        if guard == sp.false:
            return
        watched = operand if guard == sp.true else sp.Piecewise((operand, guard), (1, True))
        try:
            signs = analysis.split(sp.sign(watched))
        except InputError as error:
            self.fail(str(error), at)
        points = [(analysis.inside(lo, hi, sp.S.One), int(sign)) for lo, hi, sign in signs]
        points += [
            (hi, analysis.compare(operand.subs(z, hi), sp.S.Zero))
            for _, hi, _ in signs[:-1]
            if guard.subs(z, hi) == sp.true
        ]
        for t, sign in points:
            if guard.subs(z, t) == sp.true and not SATISFIED[wanted](sign):
                is_now = ("negative", "0", "positive")[sign + 1]
                value = f"{str(operand)[:60]} is {is_now} at z = {t}"
                self.fail(f"{operation} needs a value {wanted}, but {value}", at)
