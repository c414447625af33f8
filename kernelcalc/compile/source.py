"""Python source of one layer of a kernel, printed from its derived expressions, for Numba to compile.

sigma_w^2, sigma_b^2 and the parameters of the functions are arguments: one compilation serves all values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.errors import InputError
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import D, a, b, c

w2, s2 = sp.Symbol("w2", positive=True), sp.Symbol("s2", nonnegative=True)  # sigma_w^2, sigma_b^2


class _Printer(PythonCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    """Square roots as sqrt, asin with its argument held in [-1, 1]."""

    def _print_asin(self, expr: sp.Expr) -> str:
        return f"asin(min(1.0, max(-1.0, {self._print(expr.args[0])})))"

    def _print_Function(self, expr: sp.Expr) -> str:
        return f"{expr.func.__name__}({', '.join(self._print(arg) for arg in expr.args)})"

    _print_erf = _print_erfc = _print_exp = _print_cos = _print_sin = _print_cosh = _print_sinh = _print_Function

    def _print_Pow(self, expr: sp.Expr, rational: bool = False) -> str:
        base, power = expr.as_base_exp()
        if power.is_Rational and power.q == 2:
            whole = int(abs(power) - sp.Rational(1, 2))
            factors = [f"sqrt({self._print(base)})"] + [f"({self._print(base)})"] * whole
            product = "*".join(factors)
            return f"(1.0/({product}))" if power < 0 else f"({product})"
        return str(super()._print_Pow(expr, rational=rational))

    def _print_Pi(self, expr: sp.Expr) -> str:
        return "pi"

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return "exp(1.0)"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"({expr.p}.0/{expr.q}.0)"

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{expr.p}.0" if abs(expr.p) > 9 else str(expr.p)

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "inf"


@dataclass(frozen=True)
class LayerSource:
    """The generated module text and the order in which the functions take the parameters."""

    text: str
    parameters: tuple[sp.Symbol, ...]


def with_determinant(expr: sp.Expr) -> sp.Expr:
    """The same expression with c^2 under roots written by D = a b - c^2: sums of non-negative terms."""

    def rewrite(power: sp.Expr) -> sp.Expr:
        inside = sp.expand(power.base)
        if not inside.is_polynomial(c) or sp.degree(inside, c) != 2:
            return power
        swapped = sp.expand(inside.subs(c**2, a * b - D))
        return swapped**power.exp if not swapped.has(c) else power

    return expr.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.has(c), rewrite)


@lru_cache(maxsize=256)
def layer_source(kernel: Kernel) -> LayerSource:
    """Functions variance1(a), variance2(a), cross(a, b, c, D), factor(...), and their values on the diagonal."""
    layer = kernel.layer
    for e in layer.expectations:
        if e.template is None:
            raise InputError(f"{kernel!r}: {e!r} has no closed form: {e.reason}")
    parameters = tuple(sorted({s for e in layer.expectations for s, _ in e.values}, key=str))
    tail = ", ".join(["w2", "s2", *map(str, parameters)])
    forms: dict[str, tuple[str, sp.Expr]] = {
        "variance1": ("a", w2 * layer.first.symbolic_diagonal + s2),
        "variance2": ("a", w2 * layer.second.symbolic_diagonal + s2),
        "cross": ("a, b, c, D", w2 * with_determinant(layer.cross.template) + s2),
        "cross_same": ("a", w2 * layer.cross.symbolic_diagonal + s2),
        "factor": ("a, b, c, D", w2 * with_determinant(layer.factor.template) if layer.factor else sp.Integer(0)),
        "factor_same": ("a", w2 * layer.factor.symbolic_diagonal if layer.factor else sp.Integer(0)),
    }
    printer = _Printer({"fully_qualified_modules": False})
    text = ["from math import asin, cos, cosh, erf, erfc, exp, inf, log, pi, sin, sinh, sqrt", ""]
    for name, (arguments, form) in forms.items():
        lines, (value,) = sp.cse(form, symbols=sp.numbered_symbols("t"))
        body = [f"    {s} = {printer.doprint(e)}" for s, e in lines] + [f"    return {printer.doprint(value)}"]
        text += [f"def {name}({arguments}, {tail}):", *body, ""]
    return LayerSource("\n".join(text), parameters)
