r"""Tokens into nodes: a Pratt parser, stricter than a reader where a reader could go wrong.

Binding, from weak to strong: sums, products (written or side by side), signs, powers. Refused because people
read them in different ways: a/2b, \sin a b, \sin a / b, x^12.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

import sympy as sp

from kernelcalc.checking.lexer import Token, fail, is_latex, tokens
from kernelcalc.checking.syntax import (
    Apply,
    Bars,
    Enclosed,
    Inner,
    Name,
    Node,
    Norm,
    Number,
    Power,
    Product,
    Root,
    Sum,
    Transposed,
)

MAX_DEPTH = 60  # of nesting
MAX_NODES = 3000
MAX_DIGITS = 60  # of one number
SUM, PRODUCT, POWER = 10, 20, 30
LAYERED = {"Sigma", "Theta", "I", "K", "k", "T", "rho", "theta"}  # names with a level above and points behind
VECTORS = {"x", "y", "X", "Y"}
TRIGONOMETRIC = {"sin", "cos", "tan", "sinh", "cosh", "tanh"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_FRACTIONS = {r"\frac", r"\tfrac", r"\dfrac", r"\cfrac"}
_LETTERS = {r"\ell": "l", r"\varrho": "rho", r"\vartheta": "theta", r"\infty": "oo", r"\varphi": "phi"}
_REFUSED = {r"\sum", r"\int", r"\prod", r"\lim", r"\partial", r"\nabla", r"\pm", r"\mp", r"\binom", r"\sup"}
_DOTS = {r"\cdot": ".", "*": "*", r"\times": "*", "/": "/"}
_ENDS = {")", "]", "}", ",", ";", "||>", "|>", r"\rangle"}


def parse(text: str) -> Node:
    """The formula as nodes. Raises InputError with the position of what is wrong or was expected."""
    return parse_tokens(text, tokens(text))


def parse_tokens(text: str, found: Sequence[Token]) -> Node:
    """The same for a part of the tokens of a text; the last one must be an end."""
    parser = _Parser(text, found)
    if parser.now.kind == "end":
        parser.fail("a formula was expected")
    node = parser.expression(0)
    if parser.now.kind != "end":
        parser.fail(f"an operator or the end was expected, not {parser.now.text!r}")
    return node


class _Parser:
    def __init__(self, text: str, found: Sequence[Token]) -> None:
        self.text, self.tokens, self.i = text, list(found), 0
        self.latex = is_latex(text)
        self.depth = self.made = 0
        self.bars: list[str] = []  # the bars that are open, so that the next one closes

    @property
    def now(self) -> Token:
        return self.tokens[self.i]

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        fail(self.text, self.now.at if at is None else at, what)

    def next(self) -> Token:
        token = self.now
        self.i += token.kind != "end"
        return token

    def take(self, expected: str) -> None:
        if self.now.text != expected or self.now.kind == "end":
            found = "the end" if self.now.kind == "end" else repr(self.now.text)
            self.fail(f"{expected!r} was expected, not {found}")
        self.next()

    # ------------------------------------------------------------ operators

    def expression(self, binding: int) -> Node:
        """The longest expression whose operators bind more strongly than the number given."""
        self.depth += 1
        self.made += 1
        if self.depth > MAX_DEPTH or self.made > MAX_NODES:
            self.fail(f"the formula is nested deeper than {MAX_DEPTH} levels, or has over {MAX_NODES} parts")
        left = self.signed(binding)
        while True:
            if self.now.text in ("+", "-") and binding < SUM:
                left = self.sum(left)
            elif self.joined() is not None and binding < PRODUCT:
                left = self.product(left)
            else:
                self.depth -= 1
                return left

    def signed(self, binding: int) -> Node:
        if self.now.text not in ("+", "-"):
            return self.power(self.atom())
        if binding >= PRODUCT and self.latex:
            self.fail("put a negative factor into brackets")
        token = self.next()
        inner = self.expression(max(binding, SUM))
        return inner if token.text == "+" else Sum(token.at, (("-", inner),))

    def sum(self, first: Node) -> Node:
        terms = [("+", first)]
        while self.now.text in ("+", "-"):
            sign = self.next().text
            terms.append((sign, self.expression(SUM)))
        return Sum(first.at, tuple(terms))

    def joined(self) -> str | None:
        """How the next token continues a product: a sign of multiplication, "" if side by side, else None."""
        token = self.now
        if token.text in _DOTS:
            return _DOTS[token.text]
        if token.kind in ("letter", "word", "function", "accent", "command"):
            return None if token.text in (r"\rangle", r"\top") else ""
        if token.text in ("(", "[", "{", "|<", "||<") or (token.text in ("|", "||") and not self.closes()):
            return ""
        return None

    def product(self, first: Node) -> Node:
        factors = [("", first)]
        while (sign := self.joined()) is not None:
            if sign:
                self.next()
            elif len(factors) > 1 and factors[-1][0] == "/" and not isinstance(factors[-1][1], Enclosed):
                self.fail("a/b c can be read in two ways: write brackets, or \\frac")
            factors.append((sign, self.expression(PRODUCT)))
        if self.now.kind == "number":
            self.fail("a number cannot follow a factor; write \\cdot, or braces around an exponent")
        return Product(first.at, tuple(factors))

    def power(self, base: Node) -> Node:
        raised = False
        while self.now.text in ("^", "!", "_", "'"):
            token = self.next()
            if token.text != "^" or raised:
                self.fail(f"{token.text!r} has no meaning here; braces may be missing", token.at)
            raised = True
            if self.now.text in (r"\top", r"\intercal") or (
                isinstance(base, Name) and base.letter in VECTORS and self.now.text == "T"
            ):
                self.next()
                base = Transposed(base.at, base)
                continue
            base = Power(base.at, base, self.script())
        return base

    def script(self) -> Node:
        """An exponent or subscript: a group, or in LaTeX the one sign that follows."""
        if self.now.text == "{":
            return self.group()
        if not self.latex:
            return self.expression(POWER)
        if self.now.kind == "number" and len(self.now.text) > 1:
            self.fail(f"LaTeX raises only the first digit; write {{{self.now.text}}}")
        if self.now.kind not in ("number", "letter", "command", "word") or self.now.text in _FRACTIONS:
            self.fail("braces are needed around this")
        return self.bare()

    def bare(self) -> Node:
        """One sign of LaTeX as an argument: a digit, a letter or a command."""
        token = self.next()
        if token.kind == "number":
            return Number(token.at, sp.Rational(token.text))
        if token.kind in ("letter", "command", "word"):
            return self.named(token)
        return self.fail("braces were expected", token.at)

    def argument(self) -> Node:
        r"""An argument of \frac and \sqrt: a group or one sign, as \frac12 means 1/2."""
        if self.now.text == "{":
            return self.group()
        token = self.now
        if token.kind == "number" and len(token.text) > 1 and "." not in token.text:
            rest = Token("number", token.text[1:], token.at + 1)
            self.tokens[self.i : self.i + 1] = [Token("number", token.text[0], token.at), rest]
        return self.bare()

    def group(self) -> Node:
        self.take("{")
        node = self.expression(0)
        self.take("}")
        return node

    # ------------------------------------------------------------ operands

    def atom(self) -> Node:
        token = self.now
        if token.kind == "number":
            if len(token.text) > MAX_DIGITS:
                self.fail(f"a number may have {MAX_DIGITS} digits")
            self.next()
            if not re.fullmatch(r"[^eE]*([eE][+-]?\d{1,2})?", token.text):
                self.fail("the exponent of a number has at most two digits", token.at)
            return Number(token.at, sp.Rational(token.text))
        if token.text in _CLOSING:
            self.next()
            inner = self.expression(0)
            if self.now.text == ",":
                self.fail("a comma has no meaning in these brackets")
            self.take(_CLOSING[token.text])
            return Enclosed(token.at, inner)
        if token.text.rstrip("<") in ("|", "||"):
            return self.barred()
        if token.kind == "function":
            self.next()
            return self.applied(token.text, token.at)
        if token.text == r"\langle":
            self.next()
            left = self.expression(0)
            self.take(",")
            node = Inner(token.at, left, self.expression(0))
            self.take(r"\rangle")
            return node
        if token.text in _FRACTIONS:
            self.next()
            top = self.argument()
            return Enclosed(token.at, Product(token.at, (("", top), ("/", self.argument()))))
        if token.text == r"\sqrt":
            self.next()
            order = None
            if self.now.text == "[":
                self.next()
                order = self.expression(0)
                self.take("]")
            return Root(token.at, self.argument(), order)
        if token.kind in ("letter", "word", "command", "accent"):
            return self.name()
        if token.kind == "gap":
            self.fail(f"words ({token.text!r}) are not read inside of a formula" if token.text else "a gap")
        found = "the end" if token.kind == "end" else repr(token.text)
        return self.fail(f"a number, a symbol, a function or a bracket was expected, not {found}")

    def closes(self) -> bool:
        """Whether a bar without side closes an open one."""
        return bool(self.bars) and self.bars[-1] == self.now.text.rstrip("<>")

    def barred(self) -> Node:
        token = self.next()
        kind = token.text.rstrip("<")
        self.bars.append(kind)
        inner = self.expression(0)
        if self.now.text not in (kind, kind + ">"):
            self.fail(f"the bar {kind!r} of position {token.at + 1} is not closed")
        self.next()
        self.bars.pop()
        return Norm(token.at, inner) if kind == "||" else Bars(token.at, inner)

    def applied(self, function: str, at: int) -> Node:
        exponent = None
        if function == "Phi" and self.now.text == "_":  # of two variables
            self.next()
            function = "Phi2" if self.subscript() == "2" else ""
        if self.now.text == "_" or not function:
            self.fail(f"a subscript of {function} is not read")
        if self.now.text == "^":
            self.next()
            exponent = self.script()
            minus_one = Sum(exponent.at, (("-", Number(exponent.at, sp.Integer(1))),))
            if _same(exponent, minus_one) and function in TRIGONOMETRIC:
                function, exponent = "a" + function, None
        node: Node = Apply(at, function, self.arguments(function))
        return node if exponent is None else Power(at, node, exponent)

    def arguments(self, function: str) -> tuple[Node, ...]:
        braced = self.now.text == "{" and self.tokens[self.i + 1].text in _CLOSING
        if braced:
            self.next()
        if self.now.text in _CLOSING:
            closing = _CLOSING[self.next().text]
            found = [self.expression(0)]
            while self.now.text == "," or (function in ("Phi2", "hyp2f1") and self.now.text == ";"):
                self.next()
                found.append(self.expression(0))
            self.take(closing)
            if braced:
                self.take("}")
            return tuple(found)
        front = [Number(self.now.at, sp.Rational(self.next().text))] if self.now.kind == "number" else []
        alone = self.joined() not in ("", None) or self.now.kind == "function"
        if alone or (self.joined() is None and not front):
            self.fail(f"{function} needs an argument in brackets")
        parts: list[Node] = [*front] if self.joined() is None else [*front, self.power(self.atom())]
        follows, bracket = self.joined(), self.now.kind == "function" or self.now.text in _CLOSING
        if follows == "/" or (follows == "" and not bracket):
            self.fail(f"where the argument of {function} ends can be read in two ways: write brackets")
        return (Product(parts[0].at, tuple(("", part) for part in parts)),) if parts[1:] else (parts[0],)

    # ------------------------------------------------------------ names

    def name(self) -> Node:
        token = self.next()
        accent = ""
        if token.kind == "accent":
            accent, braced = token.text, self.now.text == "{"
            if braced:
                self.next()
            token = self.next()
            if token.kind not in ("letter", "command"):
                self.fail("a symbol was expected under the accent", token.at)
            if braced:
                self.take("}")
        return self.named(token, accent, scripts=True)

    def named(self, token: Token, accent: str = "", *, scripts: bool = False) -> Node:
        if token.text in _REFUSED:
            self.fail(f"{token.text} is not read: only closed forms are compared", token.at)
        letter = _LETTERS.get(token.text, token.text.removeprefix("\\"))
        found = Name(token.at, letter, accent)
        if not self.latex:
            stem, _, sub = letter.partition("_")
            primes = 0
            while self.now.text == "'":
                primes += bool(self.next())
            found = Name(token.at, stem, accent, sub, primes)
        return self.scripted(found) if scripts else found

    def scripted(self, base: Name) -> Node:
        """Subscript, primes, level and points of a name, in any order; a power comes out around it."""
        sub, primes, level, power = base.sub, base.primes, base.level, None
        layered = base.letter in LAYERED
        while self.now.text in ("_", "^", "'"):
            at = self.i
            sign = self.next().text
            if sign == "'":
                primes += 1
            elif sign == "_" and not sub and self.latex:
                sub = self.subscript()
            elif sign == "^" and self.now.text == r"\prime":
                self.next()
                primes += 1
            elif sign == "^" and layered and level is None and self.level_follows():
                level = self.script()
            elif sign == "^" and layered and power is None and self.now.text not in (r"\top", "T"):
                power = self.script()
            else:
                self.i = at
                break
        points = self.points() if layered or (self.now.text == "(" and self.comma_inside()) else ()
        found = Name(base.at, base.letter, base.accent, sub, primes, level, points)
        return found if power is None else Power(base.at, found, power)

    def level_follows(self) -> bool:
        """Whether a superscript is a level: in brackets of its own, as in Sigma^{(l+1)}."""
        following = [token.text for token in self.tokens[self.i : self.i + 2]]
        return following[0] in ("(", "[") or (following[0] == "{" and following[1] in ("(", "["))

    def subscript(self) -> str:
        """The text of a subscript: w, min, 12, x,y."""
        if self.now.text != "{":
            return self.next().text.removeprefix("\\").replace("infty", "oo")
        self.next()
        text, depth = "", 0
        while self.now.kind != "end" and (depth or self.now.text != "}"):
            depth += {"{": 1, "}": -1}.get(self.now.text, 0)
            text += "" if self.now.text in "{}," else self.now.text.removeprefix("\\")
            self.next()
        self.take("}")
        return text.replace("infty", "oo")

    def comma_inside(self) -> bool:
        """Whether the bracket that opens here has a comma of its own."""
        depth = 0
        for token in self.tokens[self.i :]:
            depth += (token.text in _CLOSING) - (token.text in _CLOSING.values())
            if depth == 1 and token.text == ",":
                return True
            if depth == 0:
                return False
        return False

    def points(self) -> tuple[Node, ...]:
        if self.now.text != "(" or not self.comma_inside():
            return ()
        self.next()
        found = [self.expression(0)]
        while self.now.text == ",":
            self.next()
            found.append(self.expression(0))
        self.take(")")
        return tuple(found)


def _same(left: Node, right: Node) -> bool:
    """Equal but for positions."""
    strip = re.compile(r"at=\d+")
    return strip.sub("", repr(left)) == strip.sub("", repr(right))
