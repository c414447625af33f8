"""Plain statements such as "Sdot_m(x,x) ~ 2 sigma_w^2/pi m a^(-1/2) as m -> oo" set as words and formulas.

Letters, digits and signs stay as they are and in their order (a test reads them back); only their dress
changes: Greek letters, indices, powers, roots. What is no formula stays text.
"""

from __future__ import annotations

import re

from kernelcalc.tables.model import Cell, joined, text

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi"),
    *("rho", "sigma", "tau", "phi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma"),
    *("Phi", "Psi", "Omega"),
)
_OPERATIONS = ("lim", "sin", "cos", "exp", "log", "max", "min", "det", "arcsin", "arccos", "sup", "sum")
COMMANDS = {name: "\\" + name for name in (*_GREEK, *_OPERATIONS)} | {
    "prod": r"\prod",
    "int": r"\int",
    "Int": r"\int",
    "oo": r"\infty",
    "eps": r"\varepsilon",
    "grad": r"\nabla",
    "E": r"\mathbb{E}",
    "P": "P",
    "Sdot": r"\dot\Sigma",
    "Tdot": r"\dot T",
    "dtheta": r"d\theta",
    "dlambda": r"d\lambda",
    "dgamma": r"d\gamma",
}
SIGNS = {
    "->": r"\to ",
    "+-": r"\pm ",
    "<=": r"\le ",
    ">=": r"\ge ",
    "!=": r"\ne ",
    "==": "=",
    "~": r"\sim ",
    "|": r"\vert ",
    "*": "^*",
} | {sign: "\\" + sign for sign in "{}%&#$"}
_UPRIGHT = {"erf", "sign", "diag", "Var", "Cov", "Id", "tr", "arctan", "atan", "relu", "NTK", "SGNTK", "box"}
_LAYERED = {"Sigma", "Theta", "Sdot", "Tdot", "I", "W", "b", "J", "h", "A", "B", "S", "theta", "n", "~", "'"}
_LAYER = re.compile(r"[lLi]([+-]\d+)?|\d+")
_TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|\+-|->|<=|>=|!=|:=|==|\S|\s+")
_OPERATORS = {"+", "-", "=", "->", "<=", ">=", "<", ">", "!=", ":=", "~", "/"}
_AHEAD = {"lim", "sum", "prod", "int", "Int", "max", "min", "sup", "det", "E", "grad", "sqrt", "I", "A", "a"}


def typeset(words: str) -> Cell:
    """Words and formulas; what looks like a formula but cannot be read stays text."""
    chunks = _whole(words.split(" "))
    kinds = _kinds(chunks)
    cells, start = [], 0
    for i in range(1, len(chunks) + 1):
        if i == len(chunks) or kinds[i] != kinds[start] or chunks[i - 1][-1:] in (";", ":"):
            run = " ".join(chunks[start:i])
            cells.append(_formula(run) if kinds[start] else text(run))
            start = i
    return joined(cells, " ")


def _whole(chunks: list[str]) -> list[str]:
    """Formulas whose brackets hold spaces as one chunk."""
    found: list[str] = []
    rest = list(chunks)
    while rest:
        chunk = rest.pop(0)
        if _is_formula(chunk) or chunk[:1] == "(":
            taken, n = chunk, 0
            while _open(taken) > 0 and n < len(rest) and not re.match(r"[a-z]{4,}", _known(rest[n])):
                taken, n = f"{taken} {rest[n]}", n + 1
            if n and _open(taken) == 0 and not re.match(r"\([A-Za-z]{3,}", _known(chunk)):
                chunk, rest = taken, rest[n:]
        found.append(chunk)
    return found


def _known(chunk: str) -> str:
    """The chunk without names that belong to formulas, so that only words are long."""
    return re.sub(
        r"[A-Za-z]+", lambda word: "" if word[0] in COMMANDS or word[0] in _UPRIGHT else word[0], chunk
    )


def _open(chunk: str) -> int:
    return sum(chunk.count(mark) for mark in "([{") - sum(chunk.count(mark) for mark in ")]}")


def _kinds(chunks: list[str]) -> list[bool]:
    """Whether each chunk belongs to a formula."""
    sure = [_is_formula(chunk) for chunk in chunks]
    for i, chunk in enumerate(chunks):
        bare = chunk.strip(",;:.()")
        after = i + 1 < len(chunks) and (sure[i + 1] or chunks[i + 1].strip(",;:.()") in _AHEAD - {"a", "A"})
        before = i > 0 and sure[i - 1] and not chunks[i - 1].endswith((",", ";", ":"))
        if i and chunks[i - 1] in {"Section", "Appendix", "Theorem", "Lemma", "Remark", "section"}:
            sure[i] = False
        elif bare in _OPERATORS and chunk == bare:
            sure[i] = True
        elif bare in {"a", "A"}:  # the article or the letter
            sure[i] = chunk != bare or (after and len(chunks[i + 1].strip(",;")) <= 3) or before
        elif bare in _AHEAD:
            sure[i] = after or before
        elif re.fullmatch(r"d[a-z]", bare):
            sure[i] = before
    return sure


_NUMBERED = re.compile(r"\(?S\d+\)?(-\(?S\d+\)?)?|[A-Z](\.\d+)+|\d+(\.\d+)+|(19|20)\d\d")
_WORD = re.compile(r"[A-Za-z][a-z]+('s)?(-[A-Za-z]+)*")


def _is_formula(chunk: str) -> bool:
    bare = chunk.rstrip(",;:.").strip("()").lstrip("-")
    if not bare or bare in _AHEAD or bare[0] == '"' or _NUMBERED.fullmatch(bare):
        return False
    if bare.rstrip("'") in COMMANDS or bare in {"erf", "erf'"} or re.fullmatch(r"[A-Za-z]'*", bare):
        return True
    if _WORD.fullmatch(bare):
        return False
    if " " in bare and all(part in _OPERATORS or _is_formula(part) for part in bare.split()):
        return True  # (pi - theta)
    return bool(re.search(r"[_^=<>|+*/~\[\]\d]|[A-Za-z']\(|->|[A-Za-z]'[A-Za-z]", bare))


def _formula(run: str) -> Cell:
    """A formula between dollars; the marks at its ends, and brackets without a partner, stay outside."""
    bare = run.rstrip(",;:.")
    tail, head = run[len(bare) :], ""
    while _open(bare) < 0 and bare.endswith(")"):
        bare, tail = bare[:-1], ")" + tail
    while _open(bare) > 0 and bare.startswith("("):
        bare, head = bare[1:], head + "("
    try:
        found = [re.sub(r" +", " ", _Reader(part).all()) for part in _listed(bare)]
    except _Unreadable:
        return text(run)
    shown = head + ", ".join(f"${part}$" for part in found) + tail
    return Cell(shown, shown)


def _listed(formula: str) -> list[str]:
    """The parts between commas outside of brackets: a line may end there."""
    parts = [""]
    for piece in formula.split(", "):
        parts[-1] += piece
        if _open(parts[-1]) == 0:
            parts.append("")
        else:
            parts[-1] += ", "
    return [part for part in parts if part]


class _Unreadable(Exception):
    """Brackets that do not match."""


class _Reader:
    """Plain formula -> LaTeX, one token at a time."""

    def __init__(self, plain: str) -> None:
        self.tokens = _TOKEN.findall(plain)
        self.at = 0

    def all(self) -> str:
        found = self.until("")
        if self.at < len(self.tokens):
            raise _Unreadable
        return found

    def until(self, *ends: str) -> str:
        """Everything up to one of the closing brackets, which is taken too ("": up to the end)."""
        pieces: list[str] = []
        last = ""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token in ends:
                self.at += 1
                return "".join(pieces).strip()
            if token in (")", "]") and ends != ("",):
                raise _Unreadable
            self.at += 1
            pieces.append(self._piece(token, last))
            if token not in ("^", "_") and not token.isspace():
                last = token
        if ends != ("",):
            raise _Unreadable
        return "".join(pieces).strip()

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _piece(self, token: str, last: str) -> str:
        if token in ("^", "_"):
            return f"{token}{{{self._script(token, last)}}}"
        if token == "sqrt" and self._next() == "(":
            self.at += 1
            return rf"\sqrt{{{self.until(')')}}}"
        if token == "(":
            return f"({self.until(')')})"
        if token == "[":
            return f"[{self.until(']')}]"
        if token == "<":
            return self._angle()
        if self._next() == "~" and token.isalpha() and self.at + 1 <= len(self.tokens) and self._hugged():
            self.at += 1
            return rf"\tilde{{{self._word(token)}}}"
        if token.isspace():
            if last == ",":
                return r"\allowbreak "
            follows = self._next()[:1]
            opens = follows.isalnum() or follows in tuple("([|") or self._hugs_angle()
            apart = opens and (last.isalnum() or last in (")", "]", "'", "|", "}"))
            return r"\," if apart else " "
        if len(token) == 1 and token.isalpha() and self._next().isdigit():  # n0 is n_0
            index = self.tokens[self.at]
            self.at += 1
            if self._next() == "_":  # W1_11 is W_{1,11}
                self.at += 1
                index += f",{self._script('_', token)}"
            return f"{token}_{{{index}}}"
        if token.isalpha() and self.tokens[self.at : self.at + 2] == ["^", "_"]:  # an estimate
            self.at += 1
            return rf"\hat{{{self._word(token)}}}"
        return self._word(token) if token.isalpha() else SIGNS.get(token, token)

    def _hugged(self) -> bool:
        """Whether the tilde ahead belongs to the letter before it: no space in between."""
        return self.at > 0 and not self.tokens[self.at - 1].isspace()

    def _hugs_angle(self) -> bool:
        """Whether a scalar product <x,y> is ahead, and no sign "less than"."""
        ahead = self.tokens[self.at : self.at + 2]
        return len(ahead) == 2 and ahead[0] == "<" and not ahead[1].isspace()

    def _angle(self) -> str:
        """<x,y> as a scalar product, or "less than"."""
        for end in range(self.at, min(self.at + 12, len(self.tokens))):
            if self.tokens[end].isspace():
                break
            if self.tokens[end] == ">":
                return rf"\langle {self.until('>')}\rangle "
        return "<"

    def _script(self, kind: str, last: str) -> str:
        token = self._next()
        if not token or token.isspace():
            raise _Unreadable
        self.at += 1
        if token == "{":
            return self.until("}")
        if token == "(":
            inner = self.until(")")
            return f"({inner})" if kind == "^" and last in _LAYERED and _LAYER.fullmatch(inner) else inner
        if token == "-":
            after = self._next()
            self.at += 1
            return f"-{self._word(after)}"
        return self._word(token)

    def _word(self, token: str) -> str:
        if token in COMMANDS and (token != "E" or self._next() == "["):
            return COMMANDS[token] + (" " if token != "E" else "")
        if token in _UPRIGHT or (token.isalpha() and len(token) > 3):
            return rf"\mathrm{{{token}}}"
        return token
