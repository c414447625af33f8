"""Programs printed as Python source for Numba: the loops over blocks of pairs, in float64.

The generated module holds, for one kernel structure (all numbers are arguments, all arrays pointers):

    constants       parameters -> constants
    rows, columns   what each layer needs of each point, in blocks of TILE points
    same            the diagonal
    tile            the matrix product of TILE rows and columns, all layers, the write and its mirror image
    close           all layers for single pairs whose angle is small, from the rows themselves

The state of the pairs of one row of a tile lies in one scratch array at constant offsets, which LLVM can tell
apart without asking: only then do the layers become vector code.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.compile.program import Let, Program
from kernelcalc.errors import InputError

HEADER = """\
from math import copysign, inf
from kernelcalc.compile.blocks import PRODUCT_SPACE, STRIDE, TILE, product, write_transposed
from kernelcalc.compile.normal import conditioned, phi, quadrant
from kernelcalc.compile.pairs import gram_determinant, inner, largest, parallel_determinant, rejection
from kernelcalc.compile.primitives import fma, inline, offset, wide
from kernelcalc.compile.vecmath import (
    angles, asin, cosh, erf, erfc, exp, half_angle_triple, hypot, log, root_angles, rsqrt, sin_minus_t_cos,
    sincos, sinh, sqrt,
)

Q, P, R, C, T, S = 0, STRIDE, 2*STRIDE, 3*STRIDE, 4*STRIDE, 5*STRIDE
LANES = TILE*STRIDE + PRODUCT_SPACE

@inline
def first(w, products, m, inverse, inverses, scale, s2, near):
    wide()
    close = 0
    for j in range(m):
        c = fma(scale, products[j], s2)
        r = c*(inverse*inverses[j])
        q = 0.5 - 0.5*r
        p = 0.5 + 0.5*r
        w[Q + j] = q
        w[P + j] = p
        w[R + j] = r
        w[C + j] = c
        w[T + j] = c
        w[S + j] = c
        close += 0 if (q if q < p else p) >= near else 1
    return close

@inline
def copy(source, m, target):
    wide()
    for j in range(m):
        target[j] = source[j]
"""

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
angle = sqrt(scale/a_x)*(sqrt(xx)/px)*(sqrt(scale/a_y)*(sqrt(yy)/py))*sqrt(sine)
apart = sqrt(scale/a_x)*(sqrt(distance)/pm)
angle = hypot(angle, apart*sqrt(s2/a_y))
d = scale*(spread/pm/pm)
c = scale*(xy/px/py) + s2
apart *= apart
if c > 0.0 and apart < 0.25 and apart*a_x < 0.25*a_y:
    c = 0.5*(a_x*(1.0 - apart) + a_y)
r = c/(sqrt(a_x)*sqrt(a_y))
root_q = angle/sqrt(2.0 + 2.0*abs(r))
root_p = sqrt(1.0 - root_q*root_q)
if c < 0.0:
    root_q, root_p = root_p, root_q
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
    and quantity k of point i = t TILE + e, table[((t (depth - 1) + l) K + k) STRIDE + e].
    """

    def __init__(self, program: Program, close: Program, same: Program | None) -> None:
        self.program, self.near, self.diagonal = program, close, same
        self.printer = Printer({"fully_qualified_modules": False})
        self.numbers = ["w2", "s2", *map(str, program.parameters), "scale"]

    @property
    def constant_count(self) -> int:
        """How many constants the programs have together."""
        return sum(len(statement.targets) for statement in self._constant_statements())

    def _constant_statements(self) -> list[Let]:
        return [*self.program.constants, *self.near.constants]

    def text(self) -> str:
        """The whole source."""
        parts = [HEADER, *self._constants()]
        for role in ("row", "column"):
            parts += self._points(role)
        return "\n".join([*parts, *self._same(), *self._advance(), *self._tile(), *self._close()]) + "\n"

    # ------------------------------------------------------------ pieces

    def _line(self, statement: Let) -> str:
        return f"{', '.join(map(str, statement.targets))} = {self.printer.doprint(numeric(statement.value))}"

    def _value(self, expr: object) -> str:
        return str(self.printer.doprint(numeric(sp.sympify(expr))))

    def _given(self, program: Program) -> list[str]:
        """The numbers as local variables."""
        own = {t for statement in program.constants for t in statement.targets}
        constants = [t for statement in self._constant_statements() for t in statement.targets]
        given = enumerate([*self.numbers, *constants])
        return [f"    {x} = numbers[{i}]" for i, x in given if isinstance(x, str) or x in own]

    def quantities(self, role: str) -> list[str]:
        """What a point table holds: the variance and the targets of the point statements that pairs use."""
        program, suffix = self.program, {"row": "_x", "column": "_y"}[role]
        used = {s.name for statement in program.pair for s in statement.value.free_symbols}
        used |= {s.name for value in program.outputs.values() for s in sp.sympify(value).free_symbols}
        return sorted(name for name in used if name.endswith(suffix))

    def _constants(self) -> list[str]:
        lines = ["def constants(numbers):", *(f"    {x} = numbers[{i}]" for i, x in enumerate(self.numbers))]
        lines += [f"    {self._line(statement)}" for statement in self._constant_statements()]
        start = len(self.numbers)
        targets = [t for statement in self._constant_statements() for t in statement.targets]
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
            f"            place = (i//TILE*(depth - 1) + l)*{len(kept)}*STRIDE + i % TILE",
            *(f"            table[place + {k}*STRIDE] = {name}" for k, name in enumerate(kept)),
            f"            values[(l + 1)*n + i] = {self._value(program.outputs[side])}",
        ]
        return [*lines, ""]

    def _same(self) -> list[str]:
        """k(x, x): the next variance and the factor at X = Y, in a."""
        if self.diagonal is None:
            return []
        diagonal = self.diagonal
        lines = [
            "def same(n, depth, tangent, values, numbers, out):",
            *self._given(self.near)[: len(self.numbers)],
            *(f"    {self._line(statement)}" for statement in diagonal.constants),
            "    for i in range(n):",
            "        a = values[i]",
            "        t = a",
            "        for l in range(depth - 1):",
            *(f"            {self._line(statement)}" for statement in diagonal.row),
            f"            f = {self._value(diagonal.outputs['factor'])}",
            f"            a = {self._value(diagonal.outputs['a_x'])}",
            "            t = a + t*f if tangent else a",
            "        out[i] = t",
        ]
        return [*lines, ""]

    def _layer(self, program: Program, indent: str, keep: dict[str, str]) -> list[str]:
        """The statements of a pair, then its new state; keep: where c, q, p, T, S, ... go."""
        lines = [self._line(statement) for statement in program.pair]
        lines.append(f"cross = {self._value(program.outputs['c'])}")
        lines.append(f"{keep['c']} = cross")
        unit = "".join(f"/{program.outputs[x]}" for x in ("unit_x", "unit_y") if x in program.outputs)
        if "factor" in program.outputs:
            lines.append(f"{keep['T']} = cross + {keep['T']}{unit}*{self._value(program.outputs['factor'])}")
        if "transposed" in program.outputs:
            lines.append(
                f"{keep['S']} = cross + {keep['S']}{unit}*{self._value(program.outputs['transposed'])}"
            )
        state = [x for x in ("q", "p", "root_q", "root_p", "r", "d", "a_x", "a_y") if x in keep]
        values = ", ".join(self._value(program.outputs[x]) for x in state)
        lines.append(f"{', '.join(keep[x] for x in state)} = {values}")
        return [indent + line for line in lines]

    def _advance(self) -> list[str]:
        """One layer for the pairs of a row."""
        keep = {name: f"w[{name.upper()} + j]" for name in ("q", "p", "r", "c", "T", "S")}
        rows, columns = self.quantities("row"), self.quantities("column")
        lines = [
            "@inline",
            "def advance(w, m, row, column, numbers):",
            "    wide()",
            *self._given(self.program),
            *(f"    {name} = row[{k}*STRIDE]" for k, name in enumerate(rows)),
            "    for j in range(m):",
            "        q, p, r = w[Q + j], w[P + j], w[R + j]",
            *(f"        {name} = column[{k}*STRIDE + j]" for k, name in enumerate(columns)),
            *self._layer(self.program, " " * 8, keep),
        ]
        return [*lines, ""]

    def _tile(self) -> list[str]:
        """Rows i0.. and columns j0.. (multiples of TILE); mirror: 0 none, 1 all, 2 a tile on the diagonal."""
        result = "T" if "factor" in self.program.outputs else "C"
        mirrored = "S" if "transposed" in self.program.outputs else result
        step_row, step_column = (f"{len(self.quantities(role))}*STRIDE" for role in ("row", "column"))
        lines = [
            "def tile(X, Y, i0, ni, j0, nj, d, depth, mirror, near, inverse_row, inverse_column, row,",
            "         column, numbers, out, out_stride, mirrored, mirrored_stride, marks, space):",
            "    w = offset(space, LANES)",
            f"    scale, s2 = numbers[{self.numbers.index('scale')}], numbers[{self.numbers.index('s2')}]",
            "    product(offset(X, i0*d), ni, offset(Y, j0*d), nj, d, offset(space, TILE*STRIDE), space)",
            "    count = 0",
            "    for i in range(ni):",
            "        m = i + 1 if mirror == 2 else nj",
            "        products = offset(space, i*STRIDE)",
            "        inverse, inverses = inverse_row[i0 + i], offset(inverse_column, j0)",
            "        if first(w, products, m, inverse, inverses, scale, s2, near) > 0:",
            "            for j in range(m):",
            "                if not (w[Q + j] >= near and w[P + j] >= near):",
            "                    marks[1 + count] = i*TILE + j",
            "                    count += 1",
            "        for l in range(depth - 1):",
            f"            at_row = (i0//TILE*(depth - 1) + l)*{step_row} + i",
            f"            at_column = (j0//TILE*(depth - 1) + l)*{step_column}",
            "            advance(w, m, offset(row, at_row), offset(column, at_column), numbers)",
            f"        copy(offset(w, {result}), m, offset(out, i*out_stride))",
            "        if mirror > 0:",
            f"            copy(offset(w, {mirrored}), m, products)",
            "    if mirror == 1:",
            "        write_transposed(space, ni, nj, mirrored, mirrored_stride)",
            "    if mirror == 2:",
            "        for i in range(ni):",
            "            for j in range(i):",
            "                mirrored[j*mirrored_stride + i] = space[i*STRIDE + j]",
            "    marks[0] = count",
        ]
        return [*lines, ""]

    def _close(self) -> list[str]:
        """The pairs marked as close, from the rows themselves; equal rows take the diagonal's value."""
        program = self.near
        state = ("root_q", "root_p", "r", "d", "a_x", "a_y")
        keep = {"c": "c", "T": "t", "S": "s"} | {name: name for name in state}
        tangent = "factor" in program.outputs
        result = "t" if tangent else "c"
        mirrored = "s" if "transposed" in program.outputs else result
        lines = [
            "def close(X, Y, i0, j0, width, depth, mirror, alike, power_row, power_column, a_row, a_column,",
            "          diagonal, numbers, out, out_stride, mirrored, mirrored_stride, marks, xs, ys, zs):",
            *self._given(program),
            "    for index in range(marks[0]):",
            "        down, along = marks[1 + index]//TILE, marks[1 + index] % TILE",
            "        i, j = i0 + down, j0 + along",
            *(" " * 8 + line for line in CLOSE_GEOMETRY.splitlines()),
            "        if equal and alike:",
            "            out[down*out_stride + along] = diagonal[i]",
            "            if mirror > 0:",
            "                mirrored[along*mirrored_stride + down] = diagonal[i]",
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
            f"        out[down*out_stride + along] = {result}",
            "        if mirror > 0:",
            f"            mirrored[along*mirrored_stride + down] = {mirrored}",
        ]
        return [*lines, ""]
