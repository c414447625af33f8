r"""A displayed equation taken to parts: left side, right sides, definitions, what was not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kernelcalc.checking.lexer import EQUAL, RELATIONS, Token, fail, tokens
from kernelcalc.checking.parser import parse_tokens
from kernelcalc.checking.syntax import Enclosed, Name, Node, Product
from kernelcalc.errors import InputError

_OPEN, _CLOSE = {"(", "[", "{", "|<", "||<", r"\langle"}, {")", "]", "}", "|>", "||>", r"\rangle"}
_OPERATORS = {"+", "-", "*", "/", r"\cdot", r"\times"} | EQUAL
_EXPECTATIONS = {"E", "Var", "Cov"}
Definitions = Mapping[str, tuple[str, Node]]  # key of a name -> text, nodes


@dataclass(frozen=True)
class Equation:
    """left: the symbol on the left, if there is a left side and it is one; sides: the formulas, in order.

    definitions: names that the equation itself explains; unread: what stands behind it and was not read.
    """

    text: str
    left: Name | None
    sides: tuple[Node, ...]
    definitions: Definitions = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def read(text: str) -> Equation:
    r"""The parts of "A = B = C, \quad \rho = ..." or of a formula alone.

    Raises InputError for relations other than =, and a left side that is more than a symbol.
    """
    found = tokens(text)
    main, tails = _clauses(found)
    members = _split(text, main)
    first, sides = (members[0], members[1:]) if len(members) > 1 else ([], members)
    definitions: dict[str, tuple[str, Node]] = {}
    unread = []
    for tail in tails:
        try:
            key, node = _definition(text, tail)
            definitions[key] = (text, node)
        except InputError:
            end = found[found.index(tail[-1]) + 1].at
            unread.append(text[tail[0].at : end].strip().rstrip(".,"))
    left = _left(text, first) if first else None
    read_sides = tuple(parse_tokens(text, [*side, _end(text)]) for side in sides)
    return Equation(text, left, read_sides, definitions, tuple(filter(None, unread)))


def define(lines: Iterable[str]) -> dict[str, tuple[str, Node]]:
    """Definitions from text such as "\\rho = c/\\sqrt{ab}". Raises InputError if one is none."""
    found = {}
    for line in lines:
        key, node = _definition(line, tokens(line)[:-1])
        found[key] = (line, node)
    return found


def _end(text: str) -> Token:
    return Token("end", "", len(text))


def _definition(text: str, part: Sequence[Token]) -> tuple[str, Node]:
    members = _split(text, part)
    if len(members) != 2:
        raise InputError(f"{text!r} is no definition such as \\rho = c/\\sqrt{{ab}}")
    name = parse_tokens(text, [*members[0], _end(text)])
    if not isinstance(name, Name) or name.level is not None or name.arguments:
        raise InputError(f"{text!r}: only a symbol without level and points can be defined")
    return name.key, parse_tokens(text, [*members[1], _end(text)])


def _clauses(found: Sequence[Token]) -> tuple[list[Token], list[list[Token]]]:
    """The equation, and what follows it behind commas and gaps."""
    clauses: list[list[Token]] = [[]]
    depth, previous = 0, ""
    for token, following in pairwise(found):
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        stop = token.kind == "sign" and token.text in (",", ";", ".", ":")
        gap = token.kind == "gap"
        if gap and not token.text and (depth or {previous, following.text} & _OPERATORS):
            continue  # space within a long formula
        if depth == 0 and (stop or gap):
            clauses.append([])
        else:
            clauses[-1].append(token)
        previous = token.text
    return clauses[0], [clause for clause in clauses[1:] if clause]


def _split(text: str, part: Sequence[Token]) -> list[list[Token]]:
    members: list[list[Token]] = [[]]
    depth = 0
    for token in part:
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if token.text in EQUAL and depth == 0:
            members.append([])
        elif token.text in RELATIONS:
            fail(text, token.at, f"{token.text!r} is no equality; only = can be checked")
        else:
            members[-1].append(token)
    return members


def _left(text: str, part: Sequence[Token]) -> Name | None:
    """The symbol on the left; None for an expectation, or a name such as G(v) that only is a label."""
    if part[0].text in _EXPECTATIONS:
        return None
    node = parse_tokens(text, [*part, _end(text)])
    if isinstance(node, Name):
        return node
    if isinstance(node, Product) and len(node.factors) == 2:
        (_, name), (sign, argument) = node.factors
        if isinstance(name, Name) and sign == "" and isinstance(argument, Enclosed):
            return None
    return fail(text, part[0].at, "left of = only a symbol, or an expectation E[...], is understood")
