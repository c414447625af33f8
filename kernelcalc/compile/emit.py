"""Programs printed as Python source for Numba: the loops over blocks of pairs, in float64.

The generated module holds, for one kernel structure (all numbers are arguments):

    constants(numbers)                      parameters -> constants
    rows(a, numbers, out), columns(...)     per point of one layer: out[k, i], and the next variances
    block(...)                              one layer for a row point and a run of column points, in place
    close_pair(...)                         all layers for one pair whose angle is tiny
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.compile.program import Let, Program

HELPERS = "half_angles angles rsqrt t_minus_sin sin_minus_t_cos sqrt quotient asin exp sinh cosh erf erfc erfcx log".split()


class Printer(PythonCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    """Float64 code in the functions of vecmath."""

    def _call(self, name: str, *args: sp.Expr) -> str:
        return f"{name}({', '.join(self._print(arg) for arg in args)})"

    def _print_Function(self, expr: sp.Expr) -> str:
        return self._call(expr.func.__name__, *expr.args)

    _print_asin = _print_exp = _print_erf = _print_erfc = _print_log = _print_Function
    _print_sinh = _print_cosh = _print_Function

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

    def _print_Pi(self, expr: sp.Expr) -> str:
        return repr(float(sp.pi))

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{float(expr)!r}"


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


def _line(statement: Let, printer: Printer) -> str:
    return f"{', '.join(map(str, statement.targets))} = {printer.doprint(numeric(statement.value))}"


def _value(expr: object, printer: Printer) -> str:
    return str(printer.doprint(numeric(sp.sympify(expr))))


class Module:
    """The source of one kernel structure: a program for ordinary pairs and one for close pairs."""

    def __init__(self, program: Program, close: Program) -> None:
        self.program, self.close, self.printer = program, close, Printer({"fully_qualified_modules": False})

    def text(self) -> str:
        """Python source; every function is compiled by the loader."""
        parts = [
            *self._constants("constants", self.program),
            *self._points("rows", self.program, "row"),
            *self._points("columns", self.program, "column"),
            *self._block(self.program),
            *self._constants("close_constants", self.close),
            *self._close(self.close),
        ]
        return "\n".join(parts) + "\n"

    def _constants(self, name: str, program: Program) -> list[str]:
        names = ["w2", "s2", *map(str, program.parameters)]
        lines = [f"def {name}(numbers, k):"]
        lines += [f"    {x} = numbers[{i}]" for i, x in enumerate(names)]
        lines += [f"    {_line(statement, self.printer)}" for statement in program.constants]
        targets = [t for statement in program.constants for t in statement.targets]
        return [*lines, *(f"    k[{i}] = {t}" for i, t in enumerate(targets)), "    return k", ""]

    def _given(self, program: Program) -> list[str]:
        """The numbers and constants as local variables."""
        names = ["w2", "s2", *map(str, program.parameters)]
        targets = [t for statement in program.constants for t in statement.targets]
        return [f"    {x} = numbers[{i}]" for i, x in enumerate(names)] + [f"    {t} = k[{i}]" for i, t in enumerate(targets)]

    def _points(self, name: str, program: Program, role: str) -> list[str]:
        statements: tuple[Let, ...] = getattr(program, role)
        targets = [t for statement in statements for t in statement.targets]
        following = program.outputs["a_x" if role == "row" else "a_y"]
        lines = [f"def {name}(values, numbers, k, out, after):", *self._given(program), "    for i in range(values.size):"]
        lines += ["        a = values[i]"]
        lines += [f"        {_line(statement, self.printer)}" for statement in statements]
        lines += [f"        out[{i}, i] = {t}" for i, t in enumerate(targets)]
        return [*lines, f"        after[i] = {_value(following, self.printer)}", ""]

    def _targets(self, program: Program, role: str) -> list[str]:
        return [str(t) for statement in getattr(program, role) for t in statement.targets]

    def _block(self, program: Program) -> list[str]:
        """One layer for row point i and the column points first..first+size, in place."""
        used = {s.name for statement in program.pair for s in statement.value.free_symbols}
        used |= {s.name for v in program.outputs.values() for s in sp.sympify(v).free_symbols}
        transposed = "transposed" in program.outputs
        lines = [
            "def block(i, first, size, a_row, a_column, row, column, numbers, k, Q, P, C, T, S):",
            *self._given(program),
            "    a_x = a_row[i]",
            *(f"    {t} = row[{n}, i]" for n, t in enumerate(self._targets(program, "row")) if t in used),
            "    for j in range(size):",
            "        q, p = Q[j], P[j]",
            "        a_y = a_column[first + j]",
            *(f"        {t} = column[{n}, first + j]" for n, t in enumerate(self._targets(program, "column")) if t in used),
            *(f"        {_line(statement, self.printer)}" for statement in program.pair),
            f"        cross = {_value(program.outputs['c'], self.printer)}",
            "        C[j] = cross",
        ]
        if "factor" in program.outputs:
            lines.append(f"        T[j] = cross + T[j]*{_value(program.outputs['factor'], self.printer)}")
        if transposed:
            lines.append(f"        S[j] = cross + S[j]*{_value(program.outputs['transposed'], self.printer)}")
        lines += [f"        {x.upper()}[j] = {_value(program.outputs[x], self.printer)}" for x in ("q", "p")]
        return [*lines, ""]

    def _close(self, program: Program) -> list[str]:
        """All layers for one pair: the variances, q, p and d of layer 1 are exact."""
        lines = [
            "def close_pair(depth, a_x, a_y, q, p, d, c, numbers, k):",
            *self._given(program),
            "    t = c",
            "    s = c",
            "    for _ in range(depth - 1):",
        ]
        for role, side in (("row", "a_x"), ("column", "a_y")):
            lines.append(f"        a = {side}")
            lines += [f"        {_line(statement, self.printer)}" for statement in getattr(program, role)]
        lines += [f"        {_line(statement, self.printer)}" for statement in program.pair]
        lines.append(f"        c = {_value(program.outputs['c'], self.printer)}")
        if "factor" in program.outputs:
            lines.append(f"        t = c + t*{_value(program.outputs['factor'], self.printer)}")
        if "transposed" in program.outputs:
            lines.append(f"        s = c + s*{_value(program.outputs['transposed'], self.printer)}")
        nexts = ("q", "p", "d", "a_x", "a_y")
        lines.append(f"        {', '.join(nexts)} = {', '.join(_value(program.outputs[x], self.printer) for x in nexts)}")
        final = ("t", "s") if "factor" in program.outputs else ("c", "c")
        return [*lines, f"    return {', '.join(final)}", ""]
