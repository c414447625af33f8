r"""The equations of a LaTeX file that say what they should equal.

    % kernelcalc: dual(erf)                  the next displayed equation, or all rows of it
    % kernelcalc: define \Delta = ab - c^2   a symbol of the draft, from here on
    % kernelcalc: skip                       not this row

Marks may also stand between the rows of an align. \newcommand, \def and \DeclareMathOperator of the file are
expanded; files that it inputs are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kernelcalc.checking.compare import DIGITS, Comparison, compare
from kernelcalc.checking.equation import define, read
from kernelcalc.checking.lexer import MAX_LENGTH
from kernelcalc.checking.syntax import Node
from kernelcalc.errors import InputError

MAX_FILE = 5_000_000  # characters
MAX_EXPANSIONS = 1000
_MARK = re.compile(r"^[ \t]*%+[ \t]*kernelcalc:[ \t]*(.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")
_VERBATIM = re.compile(r"\\begin\{(verbatim\*?|lstlisting|minted|comment)\}.*?\\end\{\1\}", re.DOTALL)
_ENVIRONMENTS = (
    "equation|align|gather|multline|flalign|alignat|eqnarray|displaymath|dmath|aligned|split|gathered"
)
_DISPLAY = re.compile(
    rf"\\begin\{{(?P<name>(?:{_ENVIRONMENTS})\*?)\}}(?P<body>.*?)\\end\{{(?P=name)\}}"
    r"|\\\[(?P<bracket>.*?)\\\]|\$\$(?P<dollar>.*?)\$\$|\x00(?P<mark>\d+)\x00",
    re.DOTALL,
)
_INNER = re.compile(  # what is no part of a row
    r"\\(?:label|tag)\{[^{}]*\}|\\(?:begin|end)\{(?:aligned|split|gathered|alignedat)\}(?:\[[a-z]\])?(?:\{\d+\})?"
)
_ROW = re.compile(r"\\\\\*?(?:\[[^\]]*\])?|\\(?:begin|end)\{|\\.|[{}]", re.DOTALL)
_CONTINUES = re.compile(r"(?:[&\s~]|\\(?:q?quad|[,;:! ])|\{\})*(?:=|\+|-|\\cdot|\\times|\\equiv|$)")
_MACRO = re.compile(
    r"\\(?:(?:re|provide)?newcommand|def|renewcommand|providecommand|DeclareMathOperator)\*?\s*\{?\\([A-Za-z]+)\}?"
    r"\s*(?:\[(\d)\]|((?:#\d)+))?\s*(?=\{)"
)


@dataclass(frozen=True)
class Checked:
    """An equation of a draft: its line, what it was marked with, its text, and what became of it."""

    line: int
    against: str
    text: str
    result: Comparison


@dataclass(frozen=True)
class Report:
    """All marked equations of a draft; unmarked: how many displayed equations have no mark."""

    checked: tuple[Checked, ...]
    unmarked: int


def check_draft(text: str, *, digits: int = DIGITS) -> Report:
    """Compare every marked equation of a LaTeX text. Raises InputError if it is too long."""
    if len(text) > MAX_FILE:
        raise InputError(f"the file has {len(text)} characters; at most {MAX_FILE} are read")
    marks: list[tuple[str, int]] = []

    def note(match: re.Match[str]) -> str:
        marks.append((match[1], text.count("\n", 0, match.start()) + 1))
        return f"\x00{len(marks) - 1}\x00"

    text = _VERBATIM.sub(lambda found: "\n" * found[0].count("\n"), text.replace("\x00", " "))
    plain = _COMMENT.sub(r"\1", _MARK.sub(note, text))
    macros = _macros(plain)
    found: list[Checked] = []
    definitions: dict[str, tuple[str, Node]] = {}
    unmarked, mark = 0, ""
    pending: int | None = None  # the line of a mark that still waits for its equation

    def refuse(line: int, against: str, source: str, why: str) -> None:
        shown = " ".join(source.split())
        found.append(Checked(line, against, shown, Comparison("not comparable", shown, against, reason=why)))

    for match in _DISPLAY.finditer(plain):
        line = plain.count("\n", 0, match.start()) + 1
        if match["mark"] is not None:
            words, line = marks[int(match["mark"])]
            if words.startswith("define"):
                try:
                    definitions |= define([_expanded(words.removeprefix("define").strip(), macros)])
                except InputError as error:
                    refuse(line, words, "", str(error))
                continue
            if pending is not None:
                refuse(pending, mark, "", "no displayed equation follows this mark")
            mark, pending = words, line
            continue
        body = next(part for part in (match["body"], match["bracket"], match["dollar"]) if part is not None)
        start = match.start() + match[0].index(body)
        for own, at, source in _rows(body):
            against = mark if own is None else marks[own][0]
            if not against or against == "skip":
                unmarked += not against
                continue
            line = plain.count("\n", 0, start + at) + 1
            try:
                equation = read(_expanded(source, macros) + "{}")  # LaTeX, whatever it looks like
                result = compare(equation, against, definitions, digits)
            except InputError as error:
                refuse(line, against, source, str(error))
                continue
            found.append(Checked(line, against, result.formula, result))
        mark, pending = "", None
    if pending is not None:
        refuse(pending, mark, "", "no displayed equation follows this mark")
    return Report(tuple(found), unmarked)


def _rows(body: str) -> Iterator[tuple[int | None, int, str]]:
    """The equations of a display: number of the mark before it, place, text. Broken lines are joined."""
    body = _INNER.sub(lambda found: " " * len(found[0]), body)
    parts: list[tuple[int, str]] = []
    depth = start = 0
    for match in _ROW.finditer(body):
        token = match[0]
        depth += (token == "{" or token.startswith(r"\begin")) - (token == "}" or token.startswith(r"\end"))
        if token.startswith("\\\\") and depth <= 0:
            parts.append((start, body[start : match.start()]))
            start = match.end()
    parts.append((start, body[start:]))
    rows: list[tuple[int | None, int, str]] = []
    mark: int | None = None
    for at, part in parts:
        numbers = re.findall(r"\x00(\d+)\x00", part)
        part = re.sub(r"\x00\d+\x00", lambda found: " " * len(found[0]), part)
        mark = int(numbers[-1]) if numbers else mark
        if rows and (_CONTINUES.match(part) or "=" not in part) and not numbers:
            rows[-1] = (rows[-1][0], rows[-1][1], f"{rows[-1][2]} {part}")
        elif part.strip():
            rows.append((mark, at + len(part) - len(part.lstrip()), part))
    yield from rows


def _macros(text: str) -> dict[str, tuple[int, str]]:
    """Commands that the file defines: name -> number of arguments, body."""
    found: dict[str, tuple[int, str]] = {}
    for match in _MACRO.finditer(text):
        body = _group(text, match.end())
        if body is not None:
            operator = match[0].startswith(r"\DeclareMathOperator")
            count = int(match[2] or 0) or len(match[3] or "") // 2
            found[match[1]] = (count, rf"\operatorname{{{body}}}" if operator else body)
    return found


def _group(text: str, at: int) -> str | None:
    """What stands between the brace at this place and the one that closes it."""
    depth = 0
    for i in range(at, min(len(text), at + MAX_LENGTH)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return text[at + 1 : i]
    return None


def _expanded(source: str, macros: dict[str, tuple[int, str]]) -> str:
    """The text with the file's own commands replaced. Raises InputError if that does not end."""
    if not macros:
        return source
    known = "|".join(sorted(macros, key=len, reverse=True))
    pattern = re.compile(rf"\\({known})(?![A-Za-z])")
    for _ in range(MAX_EXPANSIONS):
        match = pattern.search(source)
        if match is None:
            return source
        count, body = macros[match[1]]
        end = match.end()
        for i in range(1, count + 1):
            while end < len(source) and source[end].isspace():
                end += 1
            argument = _group(source, end) if source[end : end + 1] == "{" else source[end : end + 1]
            if not argument and source[end : end + 1] != "{":
                raise InputError(f"\\{match[1]} needs {count} arguments in braces")
            end += len(str(argument)) + (2 if source[end : end + 1] == "{" else 0)
            body = body.replace(f"#{i}", str(argument))
        source = f"{source[: match.start()]}{body}{source[end:]}"
        if len(source) > MAX_LENGTH:
            break
    raise InputError("the commands of the file make this formula too long, or they name themselves")
