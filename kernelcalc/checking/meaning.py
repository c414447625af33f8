"""Nodes into SymPy: the target says what symbols mean, and sizes are limited before anything is computed.

Growing functions do not stand inside of growing ones (e^(e^x), sin(e^x)): so no number takes too long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from kernelcalc.checking.lexer import fail
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
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.functions.special import erfcx, goodwin_staton

Expr = Any  # SymPy carries no types
Vector = Mapping[str, Expr]  # a combination of x and y: letter -> coefficient
MAX_EXPONENT = 64
MAX_DEGREE = 64
MAX_BITS = 4096  # of a power of a number
MAX_DEFINITIONS = 20  # that stand inside each other
CONSTANTS = {"pi": sp.pi, "oo": sp.oo}
GROWING = (sp.exp, sp.sinh, sp.cosh, sp.erfi, sp.Ei, erfcx)
# slow or impossible at giants
WEARY = (*GROWING, sp.sin, sp.cos, sp.tan, sp.tanh, sp.erf, sp.erfc, Phi, Phi2)

FUNCTIONS: dict[str, tuple[int | None, Callable[..., Expr]]] = {
    "exp": (1, sp.exp), "log": (1, sp.log), "sqrt": (1, sp.sqrt), "abs": (1, sp.Abs),
    "sin": (1, sp.sin), "cos": (1, sp.cos), "tan": (1, sp.tan), "sinh": (1, sp.sinh),
    "cot": (1, lambda u: sp.cos(u) / sp.sin(u)), "sec": (1, lambda u: 1 / sp.cos(u)),
    "csc": (1, lambda u: 1 / sp.sin(u)), "cosh": (1, sp.cosh), "tanh": (1, sp.tanh),
    "sech": (1, lambda u: 1 / sp.cosh(u)), "asin": (1, sp.asin), "acos": (1, sp.acos),
    "atan": (1, sp.atan), "atan2": (2, sp.atan2), "asinh": (1, sp.asinh), "acosh": (1, sp.acosh),
    "atanh": (1, sp.atanh), "erf": (1, sp.erf), "erfc": (1, sp.erfc), "erfi": (1, sp.erfi),
    "erfcx": (1, erfcx), "gs": (1, goodwin_staton), "Ei": (1, sp.Ei), "sign": (1, sp.sign),
    "Phi": (1, Phi), "Phi2": (3, Phi2), "Gamma": (1, sp.gamma),
    "hyp2f1": (4, lambda s, t, u, x: sp.hyper((s, t), (u,), x)),
    "heaviside": (1, sp.Heaviside), "max": (None, sp.Max), "min": (None, sp.Min),
}  # fmt: skip


@dataclass
class Names:
    """What names mean for a target.

    symbols: key -> expression. inner: the products "xx", "xy", "yy" of the two points, if there are points.
    resolve: for names with a level or points; None for what it does not know. determinant, matrix: of a name
    such as Sigma, None for others.
    """

    symbols: Mapping[str, Expr]
    inner: Mapping[str, Expr] = field(default_factory=dict)
    resolve: Callable[[Name], Expr | None] = lambda name: None
    determinant: Callable[[Name], Expr | None] = lambda name: None
    matrix: Callable[[Name], Any] = lambda name: None

    def known(self) -> str:
        points = [r"\|x\|, \|y\|, x\cdot y"] if self.inner else []
        return ", ".join([*sorted(self.symbols), *points])


def expression(
    text: str, node: Node, names: Names, definitions: Mapping[str, tuple[str, Node]] | None = None
) -> Expr:
    """The formula as a SymPy expression. Raises InputError for unknown symbols and sizes beyond the limits.

    definitions: further names of the user, key -> (text, nodes); they come before those of the target.
    """
    return _Reader(text, names, definitions or {}).expr(node)


def _degree(e: Expr) -> int:
    """An upper bound of the total degree after expansion, at any level of nesting."""
    if e.is_Pow and e.exp.is_Rational:
        return _degree(e.base) * max(1, math.ceil(abs(float(e.exp))))
    below = [_degree(part) for part in e.args if isinstance(part, sp.Expr)]
    return int(e.is_Symbol) if not below else sum(below) if e.is_Mul else max(below)


def _growing(e: Expr) -> bool:
    return bool(e.has(*GROWING) or any(power.exp.free_symbols for power in e.atoms(sp.Pow)))


class _Reader:
    def __init__(self, text: str, names: Names, definitions: Mapping[str, tuple[str, Node]], depth: int = 0):
        self.text, self.names, self.definitions, self.depth = text, names, definitions, depth

    def expr(self, node: Node) -> Expr:
        match node:
            case Number():
                return node.value
            case Enclosed():
                return self.expr(node.inner)
            case Name():
                return self.name(node)
            case Sum():
                return sp.Add(*((-1 if sign == "-" else 1) * self.expr(term) for sign, term in node.terms))
            case Product():
                return self.bounded(self.product(node), node)
            case Power():
                return self.power(node)
            case Root():
                return self.root(node)
            case Apply():
                return self.apply(node)
            case Bars():
                return self.bars(node)
            case Norm():
                vector = self.vector(node.inner)
                if vector is None:
                    return fail(self.text, node.at, "the norm of something that is no combination of x and y")
                return sp.sqrt(sp.factor(self.inner(vector, vector)))
            case Inner():
                left, right = self.vector(node.left), self.vector(node.right)
                if left is None or right is None:
                    return fail(self.text, node.at, "a scalar product of x and y was expected")
                return self.inner(left, right)
        return fail(self.text, node.at, "a transposed vector without a vector behind it")

    def bounded(self, e: Expr, node: Node) -> Expr:
        if e.has(sp.nan, sp.zoo):
            fail(self.text, node.at, "a division by zero")
        if _degree(e) > MAX_DEGREE:
            fail(self.text, node.at, f"powers beyond {MAX_DEGREE} are not compared")
        return e

    # ------------------------------------------------------------ names

    def name(self, name: Name) -> Expr:
        key = name.key
        if key in self.definitions and name.level is None and not name.arguments:
            return self.defined(name)
        if name.level is None and not name.arguments and key in self.names.symbols:
            return self.names.symbols[key]
        if (found := self.names.resolve(name)) is not None:
            return found
        if key in CONSTANTS and name.level is None and not name.arguments:
            return CONSTANTS[key]
        if key == "e":
            return sp.E
        letters = [self.names.symbols.get(letter) for letter in key]
        if len(letters) > 1 and None not in letters and name.level is None and not name.arguments:
            return sp.Mul(*letters)  # ab in plain text
        if self.is_vector(name):
            return fail(self.text, name.at, f"the vector {key} stands alone; write x\\cdot y or \\|x\\|")
        return fail(
            self.text,
            name.at,
            f"unknown symbol {str(name)!r}; known are {self.names.known()}; define "
            f"others ({key} = ...)",
        )

    def defined(self, name: Name) -> Expr:
        if self.depth >= MAX_DEFINITIONS:
            fail(self.text, name.at, f"{name.key} is defined by itself, or through too many definitions")
        text, node = self.definitions[name.key]
        others = {key: value for key, value in self.definitions.items() if key != name.key}
        return _Reader(text, self.names, others, self.depth + 1).expr(node)

    # ------------------------------------------------------------ vectors

    def is_vector(self, node: Node) -> bool:
        return (
            isinstance(node, Name) and node.key in ("x", "y", "x'") and node.key not in self.names.symbols
            and node.key not in self.definitions and bool(self.names.inner) and node.level is None
        )  # fmt: skip

    def vector(self, node: Node) -> Vector | None:
        """A combination of x and y, or None if the node is none."""
        match node:
            case Enclosed():
                return self.vector(node.inner)
            case Name() if self.is_vector(node):
                return {"x" if node.key == "x" else "y": sp.S.One}
            case Sum():
                parts = [(sign, self.vector(term)) for sign, term in node.terms]
                total: dict[str, Expr] = {}
                for sign, part in parts:
                    if part is None:
                        return None
                    for letter, value in part.items():
                        total[letter] = total.get(letter, sp.S.Zero) + (-value if sign == "-" else value)
                return total
            case Product():
                if any(isinstance(factor, Transposed) for _, factor in node.factors):
                    return None
                found = [self.vector(factor) for sign, factor in node.factors if sign != "/"]
                vectors = [part for part in found if part is not None]
                if len(vectors) != 1:
                    return None
                rest = tuple(item for item in node.factors if self.vector(item[1]) is None)
                scale = self.product(Product(node.at, rest)) if rest else sp.S.One
                return {letter: scale * value for letter, value in vectors[0].items()}
        return None

    def inner(self, left: Vector, right: Vector) -> Expr:
        known = self.names.inner
        return sp.Add(
            *(u * v * known["".join(sorted(p + q))] for p, u in left.items() for q, v in right.items())
        )

    def product(self, node: Product) -> Expr:
        """The product; x \\cdot y and x^T y, of two vectors that stand side by side, is one factor."""
        total, pending = sp.S.One, None
        for i, (sign, factor) in enumerate(node.factors):
            transposed = isinstance(factor, Transposed)
            vector = self.vector(factor.inner if isinstance(factor, Transposed) else factor)
            if vector is None:
                if pending is not None:
                    fail(self.text, factor.at, "a vector stands alone; write x\\cdot y")
                value = self.expr(factor)
                if sign == "/" and value == 0:
                    fail(self.text, factor.at, "a division by zero")
                total = total / value if sign == "/" else total * value
            elif pending is None:
                following = node.factors[i + 1][0] if i + 1 < len(node.factors) else None
                if sign == "/" or not (following == "." or (transposed and following == "")):
                    fail(self.text, factor.at, "a vector stands alone; write x\\cdot y or x^\\top y")
                pending = vector
            else:
                total, pending = total * self.inner(pending, vector), None
        return total

    # ------------------------------------------------------------ operations

    def power(self, node: Power) -> Expr:
        exponent = self.expr(node.exponent)
        if isinstance(node.base, Name) and self.vector(node.base) is not None:
            return fail(self.text, node.at, "a power of a vector; write \\|x\\|^2")
        return self.raised(self.expr(node.base), exponent, node)

    def root(self, node: Root) -> Expr:
        order = sp.Integer(2) if node.order is None else self.expr(node.order)
        if not (order.is_Integer and 2 <= order <= MAX_EXPONENT):
            fail(self.text, node.at, f"the order of a root is a whole number from 2 to {MAX_EXPONENT}")
        return self.raised(self.expr(node.radicand), 1 / order, node)

    def raised(self, base: Expr, exponent: Expr, node: Node) -> Expr:
        if base == 0 and exponent.is_negative:
            fail(self.text, node.at, "a division by zero")
        if exponent.is_Rational:
            if abs(exponent) > MAX_EXPONENT or exponent.q > MAX_EXPONENT:
                fail(self.text, node.at, f"exponents beyond {MAX_EXPONENT} are not compared")
            if base.is_Rational and max(abs(base.p), base.q).bit_length() * abs(exponent.p) > MAX_BITS:
                fail(self.text, node.at, "this power of a number is too large")
        elif _growing(exponent) or (_growing(base) and base != sp.E):
            fail(self.text, node.at, "a growing function inside of another one is not compared")
        elif exponent.is_number and base.is_number and abs(sp.N(exponent, 10)) > 1000:
            fail(self.text, node.at, "this power of a number is too large")
        return self.bounded(base**exponent, node)

    def apply(self, node: Apply) -> Expr:
        if node.function == "norm":
            return self.expr(Norm(node.at, node.arguments[0]))
        if node.function == "inner" and len(node.arguments) == 2:
            return self.expr(Inner(node.at, *node.arguments))
        if node.function == "det":
            return self.bars(Bars(node.at, node.arguments[0]))
        count, make = FUNCTIONS[node.function]
        if len(node.arguments) != count and (count or not 2 <= len(node.arguments) <= 10):
            fail(self.text, node.at, f"{node.function} takes {count or '2 to 10'} arguments")
        values = [self.expr(argument) for argument in node.arguments]
        e = make(*values)
        if any(_growing(value) for value in values) and e.has(*WEARY):
            fail(self.text, node.at, "a growing function inside of another one is not compared")
        return self.bounded(e, node)

    def bars(self, node: Bars) -> Expr:
        inner = node.inner.inner if isinstance(node.inner, Enclosed) else node.inner
        free = isinstance(inner, Name) and not inner.arguments and inner.key not in self.names.symbols
        if isinstance(inner, Name) and free and (found := self.names.determinant(inner)) is not None:
            return found
        if isinstance(inner, Sum) and (matrix := self.matrix(inner)) is not None:
            return matrix.det()
        vector = self.vector(inner)
        if vector is not None:
            return self.expr(Norm(node.at, inner))
        return sp.Abs(self.expr(inner))

    def matrix(self, node: Node) -> Any:
        """A combination of Sigma and the identity I, as in |I/(2m^2) + Sigma|; None if the node is none."""
        match node:
            case Enclosed():
                return self.matrix(node.inner)
            case Name():
                identity = node.key in ("I", "I_2") and node.key not in self.names.symbols
                return sp.eye(2) if identity and not node.arguments else self.names.matrix(node)
            case Sum():
                total = sp.zeros(2)
                for sign, term in node.terms:
                    if (part := self.matrix(term)) is None:
                        return None
                    total += -part if sign == "-" else part
                return total
            case Product():
                found = [self.matrix(factor) for _, factor in node.factors]
                if sum(part is not None for part in found) == 1:
                    i = next(i for i, part in enumerate(found) if part is not None)
                    one = (node.factors[i][0], Number(node.at, sp.S.One))
                    rest = (*node.factors[:i], one, *node.factors[i + 1 :])
                    return self.product(Product(node.at, rest)) * found[i]
        return None
