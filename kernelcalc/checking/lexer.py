r"""Text into tokens, for LaTeX and for plain text such as 2/pi*asin(c/sqrt(a*b)).

LaTeX is what contains a backslash or a brace. What only sets the type is dropped here: spaces, \left and
\right, sizes, fonts, alignment, labels. A letter is a token of its own in LaTeX, a word is one in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from kernelcalc.errors import InputError

MAX_LENGTH = 10_000  # characters
FUNCTIONS = {
    "exp": "exp", "log": "log", "ln": "log", "sqrt": "sqrt", "abs": "abs",
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "sech": "sech",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "asin": "asin", "acos": "acos", "atan": "atan",
    "arcsinh": "asinh", "arsinh": "asinh", "asinh": "asinh",
    "arccosh": "acosh", "arcosh": "acosh", "acosh": "acosh",
    "arctanh": "atanh", "artanh": "atanh", "atanh": "atanh", "atan2": "atan2",
    "erf": "erf", "erfc": "erfc", "erfi": "erfi", "erfcx": "erfcx", "Ei": "Ei", "gs": "gs",
    "Phi": "Phi", "Phi2": "Phi2", "Gamma": "Gamma", "hyp2f1": "hyp2f1",
    "sign": "sign", "sgn": "sign", "Heaviside": "heaviside", "heaviside": "heaviside",
    "max": "max", "min": "min", "Max": "max", "Min": "min",
    "det": "det", "norm": "norm", "dot": "inner",
}  # fmt: skip
RELATIONS = {
    r"\approx", r"\sim", r"\simeq", r"\propto", r"\le", r"\leq", r"\ge", r"\geq", r"\ne", r"\neq", r"\to",
    r"\in", r"\rightarrow", r"\longrightarrow", r"\xrightarrow", r"\ll", r"\gg", r"\lesssim", r"\gtrsim",
    "<", ">",
}  # fmt: skip
EQUAL = {"=", ":=", r"\equiv", r"\coloneqq", r"\eqqcolon", r"\triangleq"}
ACCENTS = {
    "dot": "dot", "tilde": "tilde", "widetilde": "tilde", "hat": "hat", "widehat": "hat", "bar": "bar",
    "overline": "bar",
}  # fmt: skip
_FONTS = (
    "mathrm|mathbf|boldsymbol|bm|vec|mathcal|mathbb|mathsf|mathfrak|mathscr|mathit|mathnormal|pmb|symbf|symcal"
)
_UPRIGHT = "mathrm|operatorname\\*?|mathop|text|textrm|textnormal|textup|mbox|textit|textbf|textsf"
_SILENT = {
    "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber", "notag", "mathstrut",
    "allowbreak", "nobreak", "quad", "qquad", "hfill", "middle", "strut", "noindent", "rm", "relax",
    "hspace", "vspace", "hskip", "phantom", "vphantom", "hphantom", "label", "tag", "mathrlap", "smash",
}  # fmt: skip
_WITH_GROUP = {"hspace", "vspace", "phantom", "vphantom", "hphantom", "label", "tag"}
_LAYOUT = {
    "aligned", "align", "align*", "alignat", "alignat*", "split", "gathered", "gather", "gather*",
    "equation", "equation*", "multline", "multline*", "displaymath", "math", "eqnarray", "eqnarray*",
    "flalign", "flalign*",
}  # fmt: skip
_BARS = {
    "|": "|", r"\vert": "|", r"\lvert": "|<", r"\rvert": "|>", r"\mid": "|", r"\|": "||", r"\Vert": "||",
    r"\lVert": "||<", r"\rVert": "||>",
}  # fmt: skip
_SIZES = r"\\(?:left|right|[bB]ig{1,2}[lmr]?|[bB]ig[lmr]?)(?![A-Za-z])"

_LATEX = re.compile(
    rf"""
    (?P<gauss>\{{\}}_\{{?2\}}?F_\{{?1\}}?(?=\s*(?:\\left\s*)?\())
  | (?P<space>\s+|~|&|\{{\s*\}}|%[^\n]*(?:\n|\Z)|\\[,;:!\ >/@]|\\\n|\\-|\\\\\*?(?:\s*\[[^\]]*\])?)
  | (?P<upright>\\(?:{_UPRIGHT})\s*\{{(?P<word>[^{{}}]*)\}})
  | (?P<font>\\(?:{_FONTS})(?![A-Za-z])\s*
        (?:\{{\s*(?P<inner>\\[A-Za-z]+|[A-Za-z])\s*\}}|(?P<bare>\\[A-Za-z]+|[A-Za-z])))
  | (?P<sized>{_SIZES}\s*(?P<fence>\\[A-Za-z]+|\\[|{{}}]|[()\[\]|.<>/]))
  | (?P<environment>\\(?:begin|end)\s*\{{(?P<which>[A-Za-z]+\*?)\}}(?:\[[a-z]\])?)
  | (?P<number>\d+(?:\.\d+)?|\.\d+)
  | (?P<normal>\\Phi(?P<two>_2|_\{{2\}})?(?=(?:\^\{{\d+\}}|\^\d)?\s*(?:\\left\s*)?\())
  | (?P<gamma>\\Gamma(?=(?:\^\{{\d+\}}|\^\d)?\s*(?:\\left\s*)?\())
  | (?P<command>\\[A-Za-z]+\*?|\\[|{{}}%$\#_&])
  | (?P<letter>[A-Za-z])
  | (?P<sign>:=|[-+*/^_(){{}}\[\]|,;.=<>'!:])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|:=|[-+*/^(),|=<>'])|(?P<other>.)",
    re.ASCII | re.DOTALL,
)


class Token(NamedTuple):
    """kind: number, letter, word, function, accent, command, sign, gap (words between formulas) or end."""

    kind: str
    text: str
    at: int


def fail(text: str, at: int, what: str) -> NoReturn:
    """The error of every stage: the position from 1, the place in the text, and what is wrong there."""
    near = " ".join(text[max(0, at - 15) : at + 15].split())
    raise InputError(f"position {at + 1}, near {near!r}: {what}")


def is_latex(text: str) -> bool:
    """Whether a text is LaTeX: it has a backslash, a brace or an alignment."""
    return not {"\\", "{", "&"}.isdisjoint(text)


def tokens(text: str) -> list[Token]:
    """The tokens of a formula, an end at the end. Raises InputError for what no formula contains."""
    if not isinstance(text, str):
        raise InputError(f"a formula is text, got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise InputError(f"the formula has {len(text)} characters; at most {MAX_LENGTH} are read")
    if not is_latex(text):
        return [*_plain(text), Token("end", "", len(text))]
    return [*_joined(list(_latex(text))), Token("end", "", len(text))]


def _plain(text: str) -> Iterator[Token]:
    for match in _PLAIN.finditer(text):
        kind, found, at = str(match.lastgroup), match[0], match.start()
        if kind == "other":
            fail(text, at, f"{found!r} has no meaning in a formula")
        if kind == "word" and found in FUNCTIONS and text[match.end() :].lstrip().startswith("("):
            yield Token("function", FUNCTIONS[found], at)
        elif kind != "space":
            yield Token(kind, "^" if found == "**" else found, at)


def _latex(text: str) -> Iterator[Token]:
    skip = 0
    for match in _LATEX.finditer(text):
        kind, found, at = str(match.lastgroup), match[0], match.start()
        if at < skip:
            continue
        if match["upright"] is not None:
            yield _upright(match["word"], at, words=found.startswith((r"\text", r"\mbox")))
        elif match["font"] is not None:
            yield _single(match["inner"] or match["bare"], at)
        elif match["fence"] == ".":
            continue  # half of a pair that a line break tore apart
        elif match["sized"] is not None:
            yield _fence(text, found, match["fence"], at)
        elif match["normal"] is not None:
            yield Token("function", "Phi2" if match["two"] else "Phi", at)
        elif kind in ("gamma", "gauss"):
            yield Token("function", {"gamma": "Gamma", "gauss": "hyp2f1"}[kind], at)
        elif match["environment"] is not None:
            if match["which"] not in _LAYOUT:
                fail(text, at, f"{match['which']} is not read: only formulas of one number are compared")
        elif kind == "command":
            name = found[1:]
            if name in ("quad", "qquad"):
                yield Token("gap", "", at)
            elif name in _SILENT:
                end = re.compile(r"\s*\{[^{}]*\}").match(text, match.end()) if name in _WITH_GROUP else None
                skip = end.end() if end else skip
            elif name in ACCENTS:
                yield Token("accent", ACCENTS[name], at)
            else:
                yield _single(found, at)
        elif kind == "other":
            fail(text, at, f"{found!r} has no meaning in a formula")
        elif kind != "space":
            yield Token(kind, _BARS.get(found, found), at)


def _upright(word: str, at: int, *, words: bool) -> Token:
    """Letters in upright type: a function, a name, or words; words: in a command for text."""
    word = word.strip().replace(r"\,", "")
    if word in FUNCTIONS:
        return Token("function", FUNCTIONS[word], at)
    if len(word) == 1:
        return Token("letter", word, at)
    return Token("word" if word.isalpha() and len(word) <= 3 and not words else "gap", word, at)


def _single(found: str, at: int) -> Token:
    """A letter, or a command that is a bar, a function or a symbol."""
    name = found.removeprefix("\\")
    if found in _BARS:
        return Token("sign", _BARS[found], at)
    if found.startswith("\\") and name in FUNCTIONS and name not in ("sqrt", "dot", "Gamma"):
        return Token("function", FUNCTIONS[name], at)
    if found in (r"\lbrace", r"\{", r"\lbrack"):
        return Token("sign", "(", at)
    if found in (r"\rbrace", r"\}", r"\rbrack"):
        return Token("sign", ")", at)
    return Token("command" if found.startswith("\\") else "letter", found, at)


def _fence(text: str, found: str, fence: str, at: int) -> Token:
    """A delimiter behind \\left, \\right or a size; bars know then whether they open or close."""
    if fence in _BARS:
        sizing = found[1:].rstrip()
        side = "<" if sizing.startswith("left") else ">" if sizing.startswith("right") else ""
        bars = _BARS[fence]
        return Token("sign", bars if bars[-1] in "<>" else bars + side, at)
    if fence in ("(", "[", r"\{", r"\lbrace", r"\lbrack"):
        return Token("sign", "(", at)
    if fence in (")", "]", r"\}", r"\rbrace", r"\rbrack"):
        return Token("sign", ")", at)
    if fence in (r"\langle", r"\rangle", "/"):
        return Token("command" if fence != "/" else "sign", fence, at)
    return fail(text, at, f"a delimiter {fence!r} is not read")


def _joined(found: list[Token]) -> Iterator[Token]:
    """Letters side by side that spell a function before a bracket, erf(...), as that function."""
    i = 0
    while i < len(found):
        end = i
        while end < len(found) and found[end].kind == "letter" and found[end].at == found[i].at + end - i:
            end += 1
        word = "".join(token.text for token in found[i:end])
        bracket = end < len(found) and found[end].text in ("(", "{")
        if end - i > 2 and word in FUNCTIONS and bracket:
            yield Token("function", FUNCTIONS[word], found[i].at)
            i = end
        else:
            yield found[i]
            i += 1
