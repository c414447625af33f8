"""Programs printed as Python source for Numba: the loops over blocks of pairs, in float64.

The generated module holds, for one kernel structure (all numbers are arguments, all arrays pointers):

    constants       parameters -> constants
    rows, columns   what each layer needs of each point, in blocks of TILE points
    same            the diagonal
    tile            the matrix product of TILE rows and columns, all layers, the write and its mirror image
    close           all layers for pairs whose angle is small, from the rows themselves

The state of the pairs of one row of a tile lies in one scratch array at constant offsets, which LLVM can tell
apart without asking: only then do the layers become vector code.
"""

from __future__ import annotations

import sympy as sp

from kernelcalc.compile.printer import Printer, numeric
from kernelcalc.compile.program import Let, Program, level, outermost, used

HEADER = """\
from math import copysign, inf
from kernelcalc.compile.blocks import (
    PRODUCT_SPACE, STRIDE, TILE, product, settle, stream, stream_transposed, write_transposed,
)
from kernelcalc.compile.lookup import lookup, lookup_plane, lookup_side
from kernelcalc.compile.normal import conditioned, phi, quadrant
from kernelcalc.compile.pairs import (
    comparison, gram_determinant, inner, largest, parallel_determinant, rejection, scaled,
)
from kernelcalc.compile.primitives import apart, fma, inline, offset, wide
from kernelcalc.compile.vecmath import (
    acute_angles, angles, asin, cosh, erf, erfc, exp, half_angle_triple, hypot, log, root_angles, rsqrt,
    sin_minus_t_cos, sincos, sinh, sqrt,
)

Q, P, R, C, T, S, D, A, B = (k*STRIDE for k in range(9))
LANES = TILE*STRIDE + PRODUCT_SPACE

@inline
def first(w, products, m, inverse, inverses, scale, s2, near):
    wide()
    close = 0
    for j in range(m):
        c = fma(scale, products[j], s2)
        r = c*(inverse*inverses[j])
        w[T + j], w[S + j], w[C + j] = c, c, c
        close += 0 if (0.5 - 0.5*r if r > 0.0 else 0.5 + 0.5*r) >= near else 1
    return close

@inline
def copy(source, m, target):
    wide()
    for j in range(m):
        target[j] = source[j]
"""

STATE = "q, p, r = w[Q + j], w[P + j], w[R + j]"

# q, p, r and c of the first layer from the matrix product, and how many pairs are too close for that
OPENING = [
    "c = fma(scale, products[j], s2)",
    "r = c*(inverse*inverses[j])",
    "q = 0.5 - 0.5*r",
    "p = 0.5 + 0.5*r",
    "close += 0 if (q if q < p else p) >= near else 1",
]

# q, p and d of the first layer from the rows: determinant from the rejection, differences exactly. Rows of
# extreme size are scaled by powers of two, so that no square overflows.
CLOSE_GEOMETRY = """\
px, py = power_row[i], power_column[j]
pm = px if px < py else py
x, y = offset(X, i*width), offset(Y, j*width)
if px != 1.0 or py != 1.0:
    scaled(x, width, pm, xs)
    scaled(y, width, pm, ys)
    _, _, distance, spread = comparison(xs, ys, width)
    scaled(x, width, px, xs)
    scaled(y, width, py, ys)
    x, y = xs, ys
    yy, xy, _, _ = comparison(x, y, width)
else:
    yy, xy, distance, spread = comparison(x, y, width)
if i != known:
    xx, known = inner(x, x, width), i
sine = 0.0
if xx > 0.0 and yy > 0.0 and distance > 0.0:
    rr, xr, _ = rejection(x, y, width, xy/xx)
    determinant, found = gram_determinant(xx, rr, xr)
    if not found:
        determinant = parallel_determinant(x, y, width, xx, largest(x, width), zs)
    sine = determinant/(xx*yy)
a_x, a_y = a_row[i], a_column[j]
angle = sqrt(scale/a_x)*(sqrt(xx)/px)*(sqrt(scale/a_y)*(sqrt(yy)/py))*sqrt(sine)
gap = sqrt(scale/a_x)*(sqrt(distance)/pm)
angle = hypot(angle, gap*sqrt(s2/a_y))
c = scale*(xy/px/py) + s2
gap *= gap
if c > 0.0 and gap < 0.25 and gap*a_x < 0.25*a_y:
    c = 0.5*(a_x*(1.0 - gap) + a_y)
r = c/(sqrt(a_x)*sqrt(a_y))
small = angle/sqrt(2.0 + 2.0*abs(r))
large = sqrt(1.0 - small*small)
w[Q + k] = small if c >= 0.0 else large
w[P + k] = large if c >= 0.0 else small
w[R + k], w[C + k], w[T + k], w[S + k] = r, c, c, c
w[D + k], w[A + k], w[B + k] = scale*(spread/pm/pm), a_x, a_y
marks[1 + first + k] = -1 - mark if alike and distance == 0.0 else mark
"""


class Module:
    """The source of one kernel structure: ordinary pairs by tiles, close pairs gathered.

    Arrays are pointers. numbers: w2, s2, the parameters, w2/n0, the constants of both programs. Point tables:
    for layer l and quantity k of point i = t TILE + e, table[((t (depth - 1) + l) K + k) STRIDE + e].
    """

    def __init__(self, program: Program, close: Program, same: Program | None) -> None:
        self.program, self.near, self.diagonal = program, close, same
        self.printer = Printer(HEADER)
        self.numbers = ["w2", "s2", *map(str, program.parameters), "scale", "at"]  # at: of the table

    @property
    def constant_count(self) -> int:
        """How many constants the two programs have together."""
        return sum(len(self._targets(program)) for program in (self.program, self.near))

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

    def _targets(self, program: Program) -> list[str]:
        return [str(target) for statement in program.constants for target in statement.targets]

    def _loaded(self, names: list[str]) -> list[str]:
        lines = [f"    {x} = numbers[{i}]" for i, x in enumerate(names)]
        return [*lines, "    mean = offset(numbers, int(at))"]

    def _given(self, program: Program) -> list[str]:
        """The numbers as local variables."""
        start = len(self.numbers) + (len(self._targets(self.program)) if program is self.near else 0)
        places = [*range(len(self.numbers)), *range(start, start + len(self._targets(program)))]
        names = [*self.numbers, *self._targets(program)]
        lines = [f"    {x} = numbers[{i}]" for i, x in zip(places, names, strict=True)]
        return [*lines, "    mean = offset(numbers, int(at))"]

    def quantities(self, role: str) -> list[str]:
        """What a point table holds: the variance and the targets of the point statements that pairs use."""
        suffix = {"row": "_x", "column": "_y"}[role]
        return sorted(name for name in used(self.program) if name.endswith(suffix))

    def _constants(self) -> list[str]:
        lines = ["def constants(numbers):", *self._loaded(self.numbers)]
        start = len(self.numbers)
        for program in (self.program, self.near):
            targets = self._targets(program)
            lines += [f"    {self._line(statement)}" for statement in program.constants]
            lines += [f"    numbers[{start + i}] = {target}" for i, target in enumerate(targets)]
            start += len(targets)
        return [*lines, ""]

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
            *self._loaded(self.numbers),
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

    def _layer(
        self, program: Program, indent: str, keep: dict[str, str], read: dict[str, str]
    ) -> list[str]:
        """The statements of a pair, then its new state; keep: where c, q, p, T, ... go, read: T, S before."""
        lines = [self._line(statement) for statement in program.pair]
        lines.append(f"cross = {self._value(program.outputs['c'])}")
        if "factor" not in program.outputs:
            lines.append(f"{keep['c']} = cross")
        unit = "".join(f"/{program.outputs[x]}" for x in ("unit_x", "unit_y") if x in program.outputs)
        for total, factor in (("T", "factor"), ("S", "transposed")):
            if factor in program.outputs:
                value = self._value(program.outputs[factor])
                lines.append(f"{keep[total]} = fma({read[total]}{unit}, {value}, cross)")
        names = ("q", "p", "root_q", "root_p", "r", "d", "a_x", "a_y")
        state = [x for x in names if x in keep and x in program.outputs]
        values = ", ".join(self._value(program.outputs[x]) for x in state)
        lines += [f"{', '.join(keep[x] for x in state)} = {values}"] if state else []
        return [indent + line for line in lines]

    def _advance(self) -> list[str]:
        """One layer for the pairs of a row: the first, later ones, and the last, which hands nothing on."""
        keep = {name: f"w[{name.upper()} + j]" for name in ("q", "p", "r", "c", "T", "S")}
        rows, columns = self.quantities("row"), list(enumerate(self.quantities("column")))
        lines = []
        start = {
            "advance": (
                "products, m, inverse, inverses, scale, s2, near, row, column, numbers",
                OPENING,
                self.program,
                keep | {"T": "c", "S": "c"},
            ),
            "again": ("m, row, column, numbers", [STATE], level(self.program), keep),
            "last": ("m, row, column, numbers", [STATE], outermost(level(self.program)), keep),
        }
        for name, (arguments, opening, program, read) in start.items():
            lines += [
                "@inline",
                f"def {name}(w, {arguments}):",
                "    wide()",
                "    apart()",
                *self._given(self.program),
                *(f"    {x} = row[{k}*STRIDE]" for k, x in enumerate(rows)),
                "    close = 0",
                "    for j in range(m):",
                *(" " * 8 + line for line in opening),
                *(f"        {x} = column[{k}*STRIDE + j]" for k, x in columns if x in used(program)),
                *self._layer(program, " " * 8, keep, read),
                "    return close",
                "",
            ]
        return lines

    def _tile(self) -> list[str]:
        """Rows i0.. and columns j0.. (multiples of TILE); mirror: 0 none, 1 all, 2 a tile on the diagonal."""
        result = "T" if "factor" in self.program.outputs else "C"
        mirrored = "S" if "transposed" in self.program.outputs else result
        step_row, step_column = (f"{len(self.quantities(role))}*STRIDE" for role in ("row", "column"))
        lines = [
            "def tile(X, Y, i0, ni, j0, nj, d, depth, mirror, past, near, inverse_row, inverse_column, row,",
            "         column, numbers, out, out_stride, mirrored, mirrored_stride, marks, space):",
            "    w = offset(space, LANES)",
            f"    scale, s2 = numbers[{self.numbers.index('scale')}], numbers[{self.numbers.index('s2')}]",
            "    product(offset(X, i0*d), ni, offset(Y, j0*d), nj, d, offset(space, TILE*STRIDE), space)",
            "    count = 0",
            "    for i in range(ni):",
            "        m = i + 1 if mirror == 2 else nj",
            "        whole = (m + 7)//8*8  # to the end of a vector: the rest of a loop would be slow",
            "        products = offset(space, i*STRIDE)",
            "        inverse, inverses = inverse_row[i0 + i], offset(inverse_column, j0)",
            f"        at_row = i0//TILE*(depth - 1)*{step_row} + i",
            f"        at_column = j0//TILE*(depth - 1)*{step_column}",
            "        given = inverse, inverses, scale, s2, near",
            "        if depth == 1:",
            "            near_ones = first(w, products, whole, *given)",
            "        else:",
            "            tables = offset(row, at_row), offset(column, at_column), numbers",
            "            near_ones = advance(w, products, whole, *given, *tables)",
            "        if near_ones > 0:",
            "            for j in range(i if mirror == 2 else m):",
            "                r = fma(scale, products[j], s2)*(inverse*inverses[j])",
            "                if not (0.5 - 0.5*r >= near and 0.5 + 0.5*r >= near):",
            "                    marks[1 + count] = i*TILE + j",
            "                    count += 1",
            "        for l in range(1, depth - 1):",
            f"            at_row += {step_row}",
            f"            at_column += {step_column}",
            "            if l < depth - 2:",
            "                again(w, whole, offset(row, at_row), offset(column, at_column), numbers)",
            "            else:",
            "                last(w, whole, offset(row, at_row), offset(column, at_column), numbers)",
            "        if past:",
            f"            stream(offset(w, {result}), m, offset(out, i*out_stride))",
            "        else:",
            f"            copy(offset(w, {result}), m, offset(out, i*out_stride))",
            "        if mirror > 0:",
            f"            copy(offset(w, {mirrored}), m, products)",
            "    if mirror == 1 and past:",
            "        stream_transposed(space, ni, nj, mirrored, mirrored_stride, offset(space, TILE*STRIDE))",
            "    if mirror == 1 and not past:",
            "        write_transposed(space, ni, nj, mirrored, mirrored_stride)",
            "    if mirror == 2:",
            "        for j in range(0, nj, 8):",
            "            below = j + 8",
            "            if below < ni:",
            "                source, target = offset(space, below*STRIDE + j), j*mirrored_stride + below",
            "                image = offset(mirrored, target)",
            "                write_transposed(source, ni - below, 8, image, mirrored_stride)",
            "            for i in range(j, min(below, ni)):",
            "                for e in range(j, i):",
            "                    mirrored[e*mirrored_stride + i] = space[i*STRIDE + e]",
            "    marks[0] = count",
            "    settle()",
        ]
        return [*lines, ""]

    def _close(self) -> list[str]:
        """The pairs marked as close, from the rows themselves; equal rows take the diagonal's value."""
        program = self.near
        state = ("root_q", "root_p", "r", "d", "a_x", "a_y")
        lane = dict(zip(state, "QPRDAB", strict=True))
        keep = {name: f"w[{name.upper()} + j]" for name in ("c", "T", "S")}
        keep |= {name: f"w[{lane[name]} + j]" for name in state}
        tangent = "factor" in program.outputs
        result = "T" if tangent else "C"
        mirrored = "S" if "transposed" in program.outputs else result
        lines = [
            "@inline",
            "def onward(w, m, numbers):",
            "    wide()",
            "    apart()",
            *self._given(program),
            "    for j in range(m):",
            *(f"        {name} = w[{lane[name]} + j]" for name in state),
        ]
        for role, side in (("row", "a_x"), ("column", "a_y")):
            lines.append(f"        a = {side}")
            lines += [f"        {self._line(statement)}" for statement in getattr(program, role)]
        lines += self._layer(program, " " * 8, keep, keep)
        lines += [
            "",
            "def close(X, Y, i0, j0, width, depth, mirror, alike, power_row, power_column, a_row, a_column,",
            "          diagonal, numbers, out, out_stride, mirrored, mirrored_stride, marks, xs, ys, zs, w):",
            f"    scale, s2 = numbers[{self.numbers.index('scale')}], numbers[{self.numbers.index('s2')}]",
            "    known, xx = -1, 0.0",
            "    for first in range(0, marks[0], TILE):",
            "        count = min(TILE, marks[0] - first)",
            "        for k in range(count):",
            "            mark = marks[1 + first + k]",
            "            i, j = i0 + mark//TILE, j0 + mark % TILE",
            *(" " * 12 + line for line in CLOSE_GEOMETRY.splitlines()),
            "        for l in range(depth - 1):",
            "            onward(w, count, numbers)",
            "        for k in range(count):",
            "            mark = marks[1 + first + k]",
            "            equal = mark < 0",
            "            mark = -1 - mark if equal else mark",
            "            down, along = mark//TILE, mark % TILE",
            f"            out[down*out_stride + along] = diagonal[i0 + down] if equal else w[{result} + k]",
            "            if mirror > 0:",
            f"                value = diagonal[i0 + down] if equal else w[{mirrored} + k]",
            "                mirrored[along*mirrored_stride + down] = value",
        ]
        return [*lines, ""]
