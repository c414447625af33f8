"""How wide a formula is when set, and long ones broken between their terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import sympy as sp

from kernelcalc.notation import latex, terms

LINE = 57.0  # the width of a formula's line, in letters, that fits beside a column of names on A4
_WIDE = {r"\arcsin": 4.5, r"\arccos": 4.5, r"\arctan": 4.5, r"\exp": 3.0, r"\cos": 3.0, r"\sin": 3.0,
         r"\max": 3.0, r"\log": 3.0, r"\tanh": 4.0, r"\lVert": 1.0}  # fmt: skip
_FLAT = re.compile(
    r"\\(left|right|mathrm|begin|end|displaystyle|mathbb|mathcal|lvert|rvert|dot|tilde|,|;|quad)"
)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]")


def broken(
    expr: sp.Expr, names: Mapping[sp.Symbol, str] | None = None, *, left: str = "", limit: float = LINE
) -> list[str]:
    """The LaTeX of a closed form as lines of at most that width, as far as its terms allow."""
    whole = left + latex(expr, names)
    if width(whole) <= limit:
        return [whole]
    pieces = [_signed(term, names, first=not i) for i, term in enumerate(terms(expr, names))]
    return gathered([left + pieces[0], *pieces[1:]], limit)


def series_lines(given: Sequence[sp.Expr], more: str) -> list[str]:
    """Terms in the order given, then more (the order of the remainder)."""
    pieces = [_signed(term, None, first=not i) for i, term in enumerate(given)]
    return gathered([*pieces, more], LINE)


def _signed(term: sp.Expr, names: Mapping[sp.Symbol, str] | None, *, first: bool) -> str:
    shown = latex(term, names)
    return shown if first or shown.startswith("-") else f"+ {shown}"


def gathered(pieces: Sequence[str], limit: float = LINE) -> list[str]:
    """Pieces put into as few lines as fit."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if width(f"{lines[-1]} {piece}") <= limit:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def width(source: str) -> float:
    """About how many letters wide a formula is when set."""
    tokens = _TOKEN.findall(source.replace("[2pt]", ""))  # between the rows of a matrix
    return _measured(tokens, 0, len(tokens))


def _measured(tokens: list[str], start: int, end: int) -> float:
    total, i = 0.0, start
    while i < end:
        token = tokens[i]
        if token == r"\frac":
            top, i = _group(tokens, i + 1)
            bottom, i = _group(tokens, i)
            total += max(top, bottom) + 0.5
        elif token in ("^", "_"):
            inner, i = _group(tokens, i + 1)
            total += 0.7 * inner
        elif token == r"\mathrm":  # letters as they are
            inner, i = _group(tokens, i + 1)
            total += inner
        else:
            total += _single(token)
            i += 1
    return total


def _single(token: str) -> float:
    if token in "{}&" or _FLAT.match(token):
        return 0.0
    return 2.0 if token in "+-=" else _WIDE.get(token, 1.0)


def _group(tokens: list[str], start: int) -> tuple[float, int]:
    """The width of the braces, or of the one token, at start, and where the next thing begins."""
    if start >= len(tokens) or tokens[start] != "{":
        return _single(tokens[start]) if start < len(tokens) else 0.0, start + 1
    depth = 0
    for i in range(start, len(tokens)):
        depth += (tokens[i] == "{") - (tokens[i] == "}")
        if not depth:
            return _measured(tokens, start + 1, i), i + 1
    raise ValueError(f"unbalanced braces in {''.join(tokens)}")
