"""What a formula says, before its symbols mean anything: the nodes that the parser makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import sympy as sp


@dataclass(frozen=True)
class Node:
    """at: the position in the text, counted from 0."""

    at: int


@dataclass(frozen=True)
class Number(Node):
    value: sp.Rational


@dataclass(frozen=True)
class Name(Node):
    r"""A symbol such as \dot\Sigma_m^{(l+1)}(x, y): its parts, "" or () where it has none."""

    letter: str
    accent: str = ""
    sub: str = ""
    primes: int = 0
    level: Node | None = None
    arguments: tuple[Node, ...] = ()

    @property
    def key(self) -> str:
        """The name without level and arguments, as SymPy writes it: sigma_w, lambda_min, K'."""
        stem = self.letter + "'" * self.primes + (f"_{self.sub}" if self.sub else "")
        return f"{self.accent} {stem}" if self.accent else stem

    def __str__(self) -> str:
        level = "" if self.level is None else "^(...)"
        return self.key + level + (f"({', '.join(map(str, self.arguments))})" if self.arguments else "")


@dataclass(frozen=True)
class Sum(Node):
    terms: tuple[tuple[str, Node], ...]  # "+" or "-", term


@dataclass(frozen=True)
class Product(Node):
    """factors: how each is joined, "" (side by side), "*", "." (a dot) or "/", and the factor."""

    factors: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Root(Node):
    radicand: Node
    order: Node | None


@dataclass(frozen=True)
class Apply(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Bars(Node):
    """|inner|: an absolute value, or the determinant of a matrix such as Sigma."""

    inner: Node


@dataclass(frozen=True)
class Norm(Node):
    inner: Node


@dataclass(frozen=True)
class Inner(Node):
    """<left, right>."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Transposed(Node):
    inner: Node


@dataclass(frozen=True)
class Enclosed(Node):
    """In round brackets; they decide what a/(b)c means and are without meaning otherwise."""

    inner: Node


def names(node: Node) -> Iterator[Name]:
    """All names in a formula, arguments of names left out."""
    if isinstance(node, Name):
        yield node
        return
    for part in fields(node):
        value = getattr(node, part.name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item[1] if isinstance(item, tuple) else item
            if isinstance(inner, Node):
                yield from names(inner)
