"""Programs printed as Python source for Numba: the loops over blocks of pairs, in float64.

The generated module holds, for one kernel structure (all numbers are arguments, all arrays pointers):

    constants       parameters -> constants
    rows, columns   what each layer needs of each point
    same            the diagonal
    tile            all layers for a block of pairs, the matrix product already there
    close           all layers for single pairs whose angle is small, from the rows themselves
"""

from __future__ import annotations

from typing import ClassVar

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.compile.program import Let, Program
from kernelcalc.errors import InputError

HEADER = """\
from math import copysign, inf
from kernelcalc.compile.pairs import gram_determinant, inner, largest, parallel_determinant, rejection
from kernelcalc.compile.primitives import wide
from kernelcalc.compile.twofold import ZERO
from kernelcalc.compile.vecmath import (
    angles, asin, cosh, erf, erfc, exp, half_angles, log, rsqrt, sin_minus_t_cos, sincos, sinh, sqrt,
)
"""

WIDTH = 256  # pairs that go through all layers together: their state stays in the first-level cache

# q, p and d of the first layer from the rows: determinant from the rejection, differences exactly. Rows are
# scaled by powers of two, so that no square overflows.
CLOSE_GEOMETRY = """\
px, py = power_row[i], power_column[j]
pm = px if px < py else py
for e in range(width):
    xs[e] = X[i*width + e]*px
    ys[e] = Y[j*width + e]*py
distance = 0.0
spread = 0.0
for e in range(width):
    difference = (X[i*width + e] - Y[j*width + e])*pm
    distance += difference*difference
    spread += difference*((X[i*width + e] + Y[j*width + e])*pm)
equal = distance == 0.0
xx, yy, xy = inner(xs, xs, width), inner(ys, ys, width), inner(xs, ys, width)
sine = 0.0
if xx > 0.0 and yy > 0.0:
    rr, xr, _ = rejection(xs, ys, width, xy/xx)
    determinant, found = gram_determinant(xx, rr, xr)
    if not found:
        determinant = parallel_determinant(xs, ys, width, xx, largest(xs, width), zs)
    sine = determinant/(xx*yy)
a_x, a_y = a_row[i], a_column[j]
sine *= (scale*(xx/px/px)/a_x)*(scale*(yy/py/py)/a_y)
sine += (scale*(distance/pm/pm)/a_x)*(s2/a_y)
d = scale*(spread/pm/pm)
c = scale*(xy/px/py) + s2
r = c/(sqrt(a_x)*sqrt(a_y))
q = 0.5*sine/(1.0 + abs(r))
p = 1.0 - q
if c < 0.0:
    q, p = p, q
"""


class Printer(PythonCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    """Float64 code in the functions of vecmath."""

    def _call(self, name: str, *args: sp.Expr) -> str:
        return f"{name}({', '.join(self._print(arg) for arg in args)})"

    def _print_Function(self, expr: sp.Expr) -> str:
        if expr.func.__name__ not in HEADER:
            raise InputError(
                f"{expr.func.__name__} has no compiled form yet: use kernel.reference, or another function"
            )
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

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "inf"

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


class Module:
    """The source of one kernel structure: ordinary pairs in vectors, close pairs one by one.

    Arrays are pointers. numbers: w2, s2, the parameters, w2/n0, then the constants. Point tables: for layer l
    and quantity k of point i, table[(l K + k) n + i]. Entries and their arguments: SIGNATURES.
    """

    SIGNATURES: ClassVar[dict[str, tuple[str, ...]]] = {
        "constants": ("float64*",),
        "rows": ("int64", "int64", "float64*", "float64*", "float64*"),
        "columns": ("int64", "int64", "float64*", "float64*", "float64*"),
        "same": ("int64", "int64", "int64", "float64*", "float64*", "float64*"),
        "tile": (*("int64",) * 9, *("float64*",) * 9, "int64*", "float64"),
        "close": ("int64", "int64*", *("int64",) * 5, *("float64*",) * 12),
    }

    def __init__(self, program: Program, close: Program, same: tuple[sp.Expr, sp.Expr] | None) -> None:
        self.program, self.near, self.diagonal = program, close, same
        self.printer = Printer({"fully_qualified_modules": False})
        self.numbers = ["w2", "s2", *map(str, program.parameters), "scale"]

    @property
    def constant_count(self) -> int:
        """How many constants the programs have (those of close pairs come first and are all)."""
        return sum(len(statement.targets) for statement in self.near.constants)

    def text(self) -> str:
        """The whole source."""
        parts = [HEADER, *self._constants()]
        for role in ("row", "column"):
            parts += self._points(role)
        return "\n".join([*parts, *self._same(), *self._tile(), *self._close()]) + "\n"

    # ------------------------------------------------------------ pieces

    def _line(self, statement: Let) -> str:
        return f"{', '.join(map(str, statement.targets))} = {self.printer.doprint(numeric(statement.value))}"

    def _value(self, expr: object) -> str:
        return str(self.printer.doprint(numeric(sp.sympify(expr))))

    def _given(self, program: Program) -> list[str]:
        """The numbers as local variables."""
        constants = [str(t) for statement in program.constants for t in statement.targets]
        return [f"    {x} = numbers[{i}]" for i, x in enumerate([*self.numbers, *constants])]

    def quantities(self, role: str) -> list[str]:
        """What a point table holds: the variance and the targets of the point statements that pairs use."""
        program, suffix = self.program, {"row": "_x", "column": "_y"}[role]
        used = {s.name for statement in program.pair for s in statement.value.free_symbols}
        used |= {s.name for value in program.outputs.values() for s in sp.sympify(value).free_symbols}
        return sorted(name for name in used if name.endswith(suffix))

    def _constants(self) -> list[str]:
        lines = ["def constants(numbers):", *(f"    {x} = numbers[{i}]" for i, x in enumerate(self.numbers))]
        lines += [f"    {self._line(statement)}" for statement in self.near.constants]
        start = len(self.numbers)
        targets = [t for statement in self.near.constants for t in statement.targets]
        return [*lines, *(f"    numbers[{start + i}] = {t}" for i, t in enumerate(targets)), ""]

    def _points(self, role: str) -> list[str]:
        """Tables of all layers: values[l n + i] are the variances, the first layer's given."""
        program, side = self.program, {"row": "a_x", "column": "a_y"}[role]
        kept = self.quantities(role)
        lines = [
            f"def {role}s(n, depth, values, numbers, table):",
            *self._given(program),
            "    for l in range(depth - 1):",
            "        for i in range(n):",
            "            a = values[l*n + i]",
            f"            {side} = a",
            *(f"            {self._line(statement)}" for statement in getattr(program, role)),
            *(f"            table[(l*{len(kept)} + {k})*n + i] = {name}" for k, name in enumerate(kept)),
            f"            values[(l + 1)*n + i] = {self._value(program.outputs[side])}",
        ]
        return [*lines, ""]

    def _same(self) -> list[str]:
        """k(x, x): the next variance and the factor at X = Y, in a."""
        if self.diagonal is None:
            return []
        after, factor = self.diagonal
        lines = [
            "def same(n, depth, tangent, values, numbers, out):",
            *self._given(self.near)[: len(self.numbers)],
            "    for i in range(n):",
            "        a = values[i]",
            "        t = a",
            "        for l in range(depth - 1):",
            f"            f = {self._value(factor)}",
            f"            a = {self._value(after)}",
            "            t = a + t*f if tangent else a",
            "        out[i] = t",
        ]
        return [*lines, ""]

    def _layer(self, program: Program, indent: str, keep: dict[str, str]) -> list[str]:
        """The statements of a pair, then its new state; keep: where c, q, p, T, S, ... go."""
        lines = [self._line(statement) for statement in program.pair]
        lines.append(f"cross = {self._value(program.outputs['c'])}")
        lines.append(f"{keep['c']} = cross")
        if "factor" in program.outputs:
            lines.append(f"{keep['T']} = cross + {keep['T']}*{self._value(program.outputs['factor'])}")
        if "transposed" in program.outputs:
            lines.append(f"{keep['S']} = cross + {keep['S']}*{self._value(program.outputs['transposed'])}")
        state = [x for x in ("q", "p", "d", "a_x", "a_y") if x in keep]
        values = ", ".join(self._value(program.outputs[x]) for x in state)
        lines.append(f"{', '.join(keep[x] for x in state)} = {values}")
        return [indent + line for line in lines]

    def _tile(self) -> list[str]:
        """Rows i0.. and columns j0..: c = scale G + s2, all layers, the write and its mirror image."""
        w = WIDTH
        keep = {
            "q": "work[j]",
            "p": f"work[{w} + j]",
            "c": f"work[{2 * w} + j]",
            "T": f"work[{3 * w} + j]",
            "S": f"work[{4 * w} + j]",
        }
        rows, columns = self.quantities("row"), self.quantities("column")
        tangent = "factor" in self.program.outputs
        result = keep["T"] if tangent else keep["c"]
        mirrored = keep["S"] if "transposed" in self.program.outputs else result
        lines = [
            "def tile(i0, ni, j0, nj, n, p_all, depth, mirror, most, G, inverse_row, inverse_column,",
            "         row, column, numbers, out, work, turned, marks, near):",
            "    wide()",
            *self._given(self.program),
            "    count = marks[0]",
            "    for i in range(ni):",
            "        inverse = inverse_row[i0 + i]",
            "        least = 1.0",
            "        for j in range(nj):",
            "            c = scale*G[i*nj + j] + s2",
            "            r = c*(inverse*inverse_column[j0 + j])",
            "            q = 0.5 - 0.5*r",
            "            p = 0.5 + 0.5*r",
            "            work[j] = q",
            f"            work[{w} + j] = p",
            f"            work[{2 * w} + j] = c",
            f"            work[{3 * w} + j] = c",
            f"            work[{4 * w} + j] = c",
            "            small = q if q < p else p",
            "            least = small if small < least else least",
            "        if not least >= near:",
            "            for j in range(nj):",
            f"                if not (work[j] >= near and work[{w} + j] >= near):",
            "                    if count < most:",
            "                        marks[1 + count] = (i0 + i)*p_all + j0 + j",
            "                    count += 1",
            "        for l in range(depth - 1):",
            *(f"            {name} = row[(l*{len(rows)} + {k})*n + i0 + i]" for k, name in enumerate(rows)),
            "            for j in range(nj):",
            f"                q, p = work[j], work[{w} + j]",
            *(
                f"                {name} = column[(l*{len(columns)} + {k})*p_all + j0 + j]"
                for k, name in enumerate(columns)
            ),
            *self._layer(self.program, " " * 16, keep),
            "        for j in range(nj):",
            f"            out[(i0 + i)*p_all + j0 + j] = {result}",
            "        if mirror:",
            "            for j in range(nj):",
            f"                turned[i*nj + j] = {mirrored}",
            "    if mirror:",
            "        for j in range(nj):",
            "            for i in range(ni):",
            "                out[(j0 + j)*p_all + i0 + i] = turned[i*nj + j]",
            "    marks[0] = count",
        ]
        return [*lines, ""]

    def _close(self) -> list[str]:
        """The pairs marked as close, from the rows themselves; equal rows take the diagonal's value."""
        program = self.near
        keep = {"c": "c", "T": "t", "S": "s", "q": "q", "p": "p", "d": "d", "a_x": "a_x", "a_y": "a_y"}
        tangent = "factor" in program.outputs
        result = "t" if tangent else "c"
        mirrored = "s" if "transposed" in program.outputs else result
        lines = [
            "def close(count, marks, p_all, width, depth, mirror, alike, X, Y, power_row, power_column,",
            "          a_row, a_column, diagonal, numbers, out, xs, ys, zs):",
            *self._given(program),
            "    for index in range(count):",
            "        i, j = marks[1 + index]//p_all, marks[1 + index] % p_all",
            *(" " * 8 + line for line in CLOSE_GEOMETRY.splitlines()),
            "        if equal and alike:",
            "            out[i*p_all + j] = diagonal[i]",
            "            if mirror:",
            "                out[j*p_all + i] = diagonal[i]",
            "            continue",
            "        t = c",
            "        s = c",
            "        for l in range(depth - 1):",
        ]
        for role, side in (("row", "a_x"), ("column", "a_y")):
            lines.append(f"            a = {side}")
            lines += [f"            {self._line(statement)}" for statement in getattr(program, role)]
        lines += self._layer(program, " " * 12, keep)
        lines += [
            f"        out[i*p_all + j] = {result}",
            "        if mirror:",
            f"            out[j*p_all + i] = {mirrored}",
        ]
        return [*lines, ""]
