"""Expressions printed as Python source for Numba: fused sums, products in the order that loops hoist."""

from __future__ import annotations

from itertools import chain

import sympy as sp
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.errors import Uncompiled

PAIR = 3  # the variability of what belongs to a pair


class Printer(PythonCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    """Float64 code in the functions that `known`, the head of the generated module, imports."""

    def __init__(self, known: str) -> None:
        super().__init__({"fully_qualified_modules": False})
        self.known = known

    def _call(self, name: str, *args: sp.Expr) -> str:
        return f"{name}({', '.join(self._print(arg) for arg in args)})"

    def _print_Function(self, expr: sp.Expr) -> str:
        if expr.func.__name__ == "seldom":  # where its loop is not parted
            return str(self._print(expr.args[0]))
        if expr.func.__name__ not in self.known:
            raise Uncompiled(
                f"{expr.func.__name__} has no compiled form yet: use kernel.reference, or another function"
            )
        return self._call(expr.func.__name__, *expr.args)

    _print_asin = _print_exp = _print_erf = _print_erfc = _print_log = _print_Function
    _print_sinh = _print_cosh = _print_erfcx = _print_Function

    def _print_sin(self, expr: sp.Expr) -> str:
        return f"sincos({self._print(expr.args[0])})[0]"

    def _print_cos(self, expr: sp.Expr) -> str:
        return f"sincos({self._print(expr.args[0])})[1]"

    def _print_Abs(self, expr: sp.Expr) -> str:
        return self._call("abs", *expr.args)

    def _print_sign(self, expr: sp.Expr) -> str:
        return f"copysign(1.0, {self._print(expr.args[0])})"

    def _print_Min(self, expr: sp.Expr) -> str:
        x, y = (self._print(arg) for arg in expr.args)
        return f"({x} if {x} < {y} else {y})"

    def _print_Max(self, expr: sp.Expr) -> str:
        x, y = (self._print(arg) for arg in expr.args)
        return f"({y} if {x} < {y} else {x})"

    def _print_Pow(self, expr: sp.Expr, rational: bool = False) -> str:
        base, power = self._print(expr.base), expr.exp
        if power.is_Rational and power.q == 2:
            whole = int(abs(power) - sp.Rational(1, 2))
            product = "*".join([f"sqrt({base})"] + [f"({base})"] * whole)
            return f"(1.0/({product}))" if power < 0 else f"({product})"
        if power.is_Integer and 1 < abs(power) <= 8:
            product = "*".join([f"({base})"] * abs(int(power)))
            return f"(1.0/({product}))" if power < 0 else f"({product})"
        return str(super()._print_Pow(expr, rational=rational))

    # Loops hoist what changes least, so that comes first. What belongs to the row and to the column is
    # brought together first, so that exchanging the two points changes no bit of what is symmetric.

    def _factors(self, expr: sp.Expr) -> list[str]:
        """Factors of a product: shared by all pairs, of the points, of the pair."""
        groups: list[list[str]] = [[], [], [], []]
        for arg in sorted(sp.Mul.make_args(expr), key=str):
            if arg != -1:
                groups[variability(arg)].append(self.parenthesize(arg, PRECEDENCE["Mul"]))
        shared, row, column, pair = ("*".join(group) for group in groups)
        points = f"({row}*({column}))" if row and column else row + column
        factors = [part for part in (shared, points, pair) if part] or ["1.0"]
        if len(factors) == 1:
            factors = [row, f"({column})"] if row and column else [*chain(*groups)] or ["1.0"]
        if -1 in sp.Mul.make_args(expr):
            factors[0] = f"-{factors[0]}"
        return factors

    def _print_Mul(self, expr: sp.Expr) -> str:
        over, under = expr.as_numer_denom() if any(map(_divides, expr.args)) else (expr, sp.S.One)
        product = "*".join(self._factors(over))
        return product if under == 1 else f"{product}/({self._print(under)})"

    def _print_Add(self, expr: sp.Expr, order: object = None) -> str:
        """Sums of products by fused multiply-adds."""
        terms = sorted(expr.args, key=lambda arg: (variability(arg) in (0, 3), str(arg)))
        fused = [term for term in terms if len(self._two(term)) == 2]
        if len(fused) == len(terms) == 2 and all({"_x", "_y"} <= _sides(term) for term in terms):
            fused = []
        rest = [term for term in terms if term not in fused] or [fused.pop(0)]
        total = " + ".join(map(self._print, rest))
        for term in fused:
            first, second = self._two(term)
            total = f"fma({first}, {second}, {total})"
        return total if fused else f"({total})"

    def _two(self, term: sp.Expr) -> list[str]:
        """The two factors with which a product enters a fused multiply-add; otherwise fewer."""
        if not term.is_Mul or any(map(_divides, term.args)):
            return []
        *left, right = self._factors(term)
        return ["*".join(left), right] if left else [right]

    def _print_Pi(self, expr: sp.Expr) -> str:
        return repr(float(sp.pi))

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "inf"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{float(expr)!r}"


def _sides(expr: sp.Expr) -> set[str]:
    """The suffixes in an expression: _x for the row's, _y for the column's quantities, "" for the pair's."""
    names = {symbol.name for symbol in expr.free_symbols}
    shared = {name for name in names if name in ("w2", "s2", "at", "mean") or name.startswith(("k", "par"))}
    return {name[-2:] if name.endswith(("_x", "_y")) else "" for name in names - shared}


def variability(expr: sp.Expr) -> int:
    """0 for what all pairs share, 1 for what belongs to the row, 2 to the column, 3 to the pair."""
    sides = _sides(expr)
    return 0 if not sides else 1 if sides == {"_x"} else 2 if sides == {"_y"} else 3


def _divides(factor: sp.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Integer and factor.exp < 0)


def numeric(expr: sp.Expr) -> sp.Expr:
    """Numbers such as sqrt(2)/pi folded into one correctly rounded constant."""

    def fold(node: sp.Expr) -> sp.Expr:
        if not node.is_Mul and not node.is_Add:
            return node
        numbers = [arg for arg in node.args if arg.is_number]
        if len(numbers) < 2 and not (numbers and not numbers[0].is_Rational):
            return node
        value = sp.Float(sp.N(node.func(*numbers), 30), 17)
        return node.func(value, *(arg for arg in node.args if not arg.is_number))

    return expr.replace(lambda e: e.is_Mul or e.is_Add, fold)
