"""Programs printed as Python source for Numba: the loops over blocks of pairs, in float64.

The generated module holds, for one kernel structure (all numbers are arguments, all arrays pointers):

    constants       parameters -> constants
    rows, columns   what each layer needs of each point, in blocks of TILE points
    same            the diagonal
    tile            the matrix product of TILE rows and columns, all layers, the write and its mirror image
    close           all layers for pairs whose angle is small, from the rows themselves (emit_close.py)

The state of the pairs of one row of a tile lies in one scratch array at constant offsets, which LLVM can tell
apart without asking: only then do the layers become vector code.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelcalc.compile.forms.losses import LIMIT
from kernelcalc.compile.forms.program import Program, level, outermost
from kernelcalc.compile.source import emit_integral
from kernelcalc.compile.source.emit_close import Close
from kernelcalc.compile.source.emit_single import Single
from kernelcalc.compile.source.loops import Loop, pairs
from kernelcalc.compile.source.statements import Statements, blocks, size

HEADER = f"""\
from math import copysign, inf
from kernelcalc.compile.arithmetic.blocks import (
    PRODUCT_SPACE, STRIDE, TILE, inner_product, product, product_single, settle, stream, stream_transposed,
    write_transposed,
)
from kernelcalc.compile.layout import EXACT, MARKS, A, B, C, D, E, P, Q, R, S, T, X
from kernelcalc.compile.arithmetic.legendre import legendre, legendre_nodes, legendre_weights
from kernelcalc.compile.arithmetic.lookup import (
    lookup, lookup_plane, lookup_side, lookups, lookups_plane, lookups_side,
)
from kernelcalc.compile.arithmetic.neighbours import along, first_layer, gathered, together
from kernelcalc.compile.arithmetic.normal import conditioned, phi, quadrant, scaled_quadrant
from kernelcalc.compile.arithmetic.pairs import summed
from kernelcalc.compile.arithmetic.primitives import apart, as_single, bits, fma, inline, offset, single, wide
from kernelcalc.compile.arithmetic.roots import hypot, hypot4, rsqrt, sqrt
from kernelcalc.compile.arithmetic.vecmath import (
    acute_angles, angles, angles_on_circle, asin, cosh, erf, erfc, erfcx, exp, expm1, expm2,
    half_angle_triple, log, root_angles, sin_minus_t_cos, sincos, sinh,
)

LANES = TILE*STRIDE + PRODUCT_SPACE
LIMIT = {LIMIT}

@inline
def first(w, products, m, inverse, inverses, scale, s2, kept, near):
    wide()
    close = 0
    for j in range(m):
        c = fma(scale, products[j], s2)
        r = c*(inverse*inverses[j])
        w[T + j], w[S + j], w[C + j] = c, c, c
        close += 0 if (0.5 - 0.5*r if r > 0.0 else 0.5 + 0.5*r) >= near or j >= kept else 1
    return close

@inline
def at_most(s, t, x, y):
    return x if s <= t else y

@inline
def lost(w, depth, j):
    return depth > 1 and not w[E + j] <= LIMIT

@inline
def copy(source, m, target):
    wide()
    for j in range(m):
        target[j] = source[j]
"""

OPENED = """
@inline
def opened(w, products, m, inverse, inverses, scale, s2, kept, near):
    wide()
    close = 0
    for j in range(m):
        c = fma(scale, products[j], s2)
        r = c*(inverse*inverses[j])
        q, p = 0.5 - 0.5*r, 0.5 + 0.5*r
        w[C + j], w[T + j], w[S + j], w[E + j], w[Q + j], w[P + j], w[R + j] = c, c, c, 0.0, q, p, r
        close += 0 if (q if q < p else p) >= near or j >= kept else 1
    return close
"""

WEDGES = """
from kernelcalc.compile.arithmetic.wedges import quarter, wedges
"""

POWERS = """
from kernelcalc.compile.arithmetic.powers import power_alone, power_pair, root_power_pair
"""

STATE = "q, p, r = w[Q + j], w[P + j], w[R + j]"

# q, p, r and c of the first layer from the matrix product, and how many pairs are too close for that
OPENING = [
    "c = fma(scale, products[j], s2)",
    "r = c*(inverse*inverses[j])",
    "q = 0.5 - 0.5*r",
    "p = 0.5 + 0.5*r",
    "close += 0 if (q if q < p else p) >= near or j >= kept else 1",
]

@dataclass(frozen=True)
class Tile:
    """What tells a tile with layers in float32 from one with layers in float64."""

    name: str
    arguments: str
    numbers: str  # those of the layers
    suffix: str
    lanes: int  # that fill a register
    image: str  # where the mirror image is gathered, in place of the inner products
    stride: str
    product: str  # the matrix product
    first: list[str]  # the first layer, and near_ones: whether pairs of the row may be close

    def like(self, place: str) -> str:
        """Part of the work space as numbers of the kind of the layers."""
        return f"as_single({place})" if self.suffix else place


TILE_SINGLE = Tile(
    "tilef",
    "row, column, rounded, U, V, numbers",
    "rounded",
    "F",
    16,
    "as_single(space)",
    "2*STRIDE",
    "product_single(offset(U, i0*d), ni, offset(V, j0*d), nj, d, mirror == 2, space)",
    [
        "near_ones = openingf(w, products, whole, *given)",
        "if near_ones:",
        "    if exact == 0 and SHARE*spent > ni*nj:",
        "        exact = 1",
        "        rest = mirror == 2, panel, offset(space, EXACT)",
        "        product(offset(X, i0*d), ni, offset(Y, j0*d), nj, d, *rest)",
        "    if exact == 0:",
        "        for j in range(m):",
        "            if fine(products[j], inverse, inverses[j], scale, s2):",
        "                row_i, row_j = offset(X, (i0 + i)*d), offset(Y, (j0 + j)*d)",
        "                products[j] = inner_product(row_i, row_j, d)",
        "                spent += 1",
        "    else:",
        "        mended(products, offset(space, EXACT + i*STRIDE), whole, *given)",
        "    openingf(w, products, whole, *given)",
        "if depth > 1:",
        "    advancef(w, whole, *tables)",
    ],
)


class Module(Statements):
    """The source of one kernel structure: ordinary pairs by tiles, close pairs gathered.

    Arrays are pointers. Point tables: for layer l and quantity k of point i = t TILE + e,
    table[((t (depth - 1) + l) K + k) STRIDE + e].
    """

    def __init__(self, program: Program, close: Program, same: Program | None) -> None:
        self.large = bool(blocks(program, "row"))  # all layers share the code of one
        self.header = HEADER + WEDGES * (self.large or bool(blocks(close, "row")))
        self.header += POWERS * any(x.value.func.__name__.startswith("power_") for x in program.pair)
        super().__init__((program, close), self.header + " ".join(i.name for i in program.integrals))
        self.program, self.diagonal = program, same
        self.near, self.single = Close(close, self), Single(program, self)

    def text(self) -> str:
        """The whole source."""
        parts = [self.header, *self.constants()]
        for integral in self.program.integrals:
            parts += emit_integral.lines(integral, self)
        for role in ("row", "column"):
            name = f"def {role}s_of_tile(m, n, depth, values, numbers, table):"
            head = ["@inline", name, "    wide()", "    apart()"]
            parts += self.points(self.program, role, head, "l*n + i", "(l + 1)*n + i")
            parts += [
                f"def {role}s(n, depth, values, numbers, table):",
                "    for i in range(0, n, TILE):",
                f"        place = offset(table, i//TILE*(depth - 1)*{self.counts()[role]}*STRIDE)",
                f"        {role}s_of_tile(min(TILE, n - i), n, depth, offset(values, i), numbers, place)",
                "",
            ]
        parts += [*self._same(), *self._advance(), *self._tile(), *self._tile_single(), *self.near.lines()]
        return "\n".join(parts) + "\n"

    def counts(self) -> dict[str, int]:
        """How many quantities the point tables hold, those of close pairs and others."""
        ordinary = {role: size(self.program, role) for role in ("row", "column")}
        return ordinary | {"close": sum(self.near.counts())}

    def _same(self) -> list[str]:
        """k(x, x): the next variance and the factor at X = Y, in a."""
        if self.diagonal is None:
            return []
        diagonal = self.diagonal
        lines = [
            "def same(n, depth, tangent, values, numbers, out):",
            *self.loaded(),
            *(f"    {self.line(statement)}" for statement in diagonal.constants),
            "    for i in range(n):",
            "        a = values[i]",
            "        t = a",
            "        for l in range(depth - 1):",
            *(f"            {self.line(statement)}" for statement in diagonal.row),
            f"            f = {self.value(diagonal.outputs['factor'])}",
            f"            a = {self.value(diagonal.outputs['a_x'])}",
            "            t = a + t*f if tangent else a",
            "        out[i] = t",
        ]
        return [*lines, ""]

    def _advance(self) -> list[str]:
        """One layer for the pairs of a row: the first, later ones, and the last, which hands nothing on."""
        keep = {name: f"w[{name.upper()} + j]" for name in ("q", "p", "r", "c", "T", "S", "e")}
        first = "products, m, inverse, inverses, scale, s2, kept, near, row, column, numbers"
        made, later = self.program, "m, row, column, numbers"
        if self.large:
            again = Loop("again", later, made, made, [STATE], self.layer(made, keep, keep))
            return [*pairs(self, again), OPENED]
        lines = []
        for name, arguments, opening, program, read in (
            ("advance", first, OPENING, made, keep | {"T": "c", "S": "c", "e": "0.0"}),
            ("again", later, [STATE], level(made), keep),
            ("last", later, [STATE], outermost(level(made)), keep),
        ):
            body = self.layer(program, keep, read)
            lines += pairs(self, Loop(name, arguments, made, program, opening, body))
        return lines

    def _tile(self) -> list[str]:
        """Tiles of rows i0.. and columns j0.. (multiples of TILE), up to the first one with close pairs.

        mirror: whether the mirror images are written too; at one tile also 2, that on the diagonal.
        """
        first = [
            "if depth == 1:",
            "    near_ones = first(w, products, whole, *given, near)",
            "else:",
            "    near_ones = advance(w, products, whole, *given, near, *tables)",
        ]
        if self.large:
            first = ["near_ones = opened(w, products, whole, *given, near)"]
        product = "product(offset(X, i0*d), ni, offset(Y, j0*d), nj, d, mirror == 2, panel, space)"
        return self._blocked(
            Tile("tile", "row, column, numbers", "numbers", "", 8, "space", "STRIDE", product, first)
        )

    def _tile_single(self) -> list[str]:
        """As tile with layers in float32; row, column, rounded, U, V: tables, numbers and rows in float32."""
        layers = self.single.lines()
        return layers and [*layers, *self._blocked(TILE_SINGLE)]

    def _blocked(self, made: Tile) -> list[str]:
        """The loops of a tile around layers in float64 or float32."""
        result = "T" if "factor" in self.program.outputs else "C"
        mirrored = "S" if "transposed" in self.program.outputs else result
        if made.suffix:
            result, mirrored = (f"({x}F if depth > 1 else CF)" for x in (result, mirrored))
        lines = [
            f"def {made.name}(X, Y, i0, ni, j0, columns, d, depth, mirrors, past, near, inverse_row,",
            f"    inverse_column, {made.arguments}, out, out_stride,",
            "    mirrored, mirrored_stride, marks, space):",
            f"    panel, image, image_stride = offset(space, TILE*STRIDE), {made.image}, {made.stride}",
            f"    w, other = {made.like('offset(space, LANES)')}, {made.like('panel')}",
            f"    scale, s2 = numbers[{self.place('scale')}], numbers[{self.place('s2')}]",
            "    count, end = 0, j0 + columns",
            "    while j0 < end and count == 0:",
            "        nj, mirror = min(TILE, end - j0), 2 if mirrors > 0 and j0 == i0 else mirrors",
            *(f"    {line}" for line in self._tile_at(made, result, mirrored)),
            "        out, mirrored = offset(out, nj), offset(mirrored, nj*mirrored_stride)",
            "        j0 += nj",
            "    marks[0], marks[MARKS - 1] = count, j0",
            "    settle()",
        ]
        return [*lines, ""]

    def _tile_at(self, made: Tile, result: str, mirrored: str) -> list[str]:
        """The tile of columns j0.., its result and mirror image being in these lanes."""
        counts, suffix = self.counts(), made.suffix.lower()
        lossy = "size" in self.program.outputs and not suffix
        lost, some = (" or lost(w, depth, j)", " or depth > 1") if lossy else ("", "")
        marking = [
            f"        if near_ones != 0{some}:",
            "            for j in range(m):",
            "                r = fma(scale, products[j], s2)*(inverse*inverses[j])",
            f"                if not (0.5 - 0.5*r >= near and 0.5 + 0.5*r >= near){lost}:",
            "                    marks[1 + count] = i*TILE + j + (TILE*TILE if r < 0.0 else 0)",
            "                    count += 1",
        ]
        step_row, step_column = f"{counts['row']}*STRIDE", f"{counts['column']}*STRIDE"
        layers = [
            "        for l in range(1, depth - 1):",
            f"            at_row += {step_row}",
            f"            at_column += {step_column}",
            f"            tables = offset(row, at_row), offset(column, at_column), {made.numbers}",
            "            if l < depth - 2:",
            f"                again{suffix}(w, whole, *tables)",
            "            else:",
            f"                last{suffix}(w, whole, *tables)",
        ]
        if self.large:
            layers = [
                "        for l in range(depth - 1):",
                "            again(w, whole, *tables)",
                *layers[1:4],
            ]
        return [
            f"    {made.product}",
            "    exact, spent = 0, 0",
            "    for i in range(ni):",
            "        m = i if mirror == 2 else nj",
            "        # whole vectors: the rest would be slow",
            f"        whole = (m + {made.lanes - 1})//{made.lanes}*{made.lanes}",
            "        products = offset(space, i*STRIDE)",
            "        inverse, inverses = inverse_row[i0 + i], offset(inverse_column, j0)",
            f"        at_row = i0//TILE*(depth - 1)*{step_row} + i",
            f"        at_column = j0//TILE*(depth - 1)*{step_column}",
            "        given = inverse, inverses, scale, s2, m",
            f"        tables = offset(row, at_row), offset(column, at_column), {made.numbers}",
            *(f"        {line}" for line in made.first),
            *([] if lossy else marking),
            *layers,
            *(marking if lossy else []),
            "        if past:",
            f"            stream(offset(w, {result}), m, offset(out, i*out_stride))",
            "        else:",
            f"            copy(offset(w, {result}), m, offset(out, i*out_stride))",
            "        if mirror > 0:",
            f"            copy(offset(w, {mirrored}), m, offset(image, i*image_stride))",
            "    if mirror == 1 and past:",
            "        stream_transposed(image, image_stride, ni, nj, mirrored, mirrored_stride, other)",
            "    if mirror == 1 and not past:",
            "        write_transposed(image, image_stride, ni, nj, mirrored, mirrored_stride)",
            "    if mirror == 2:",
            "        for j in range(0, nj, 8):",
            "            below = j + 8",
            "            if below < ni:",
            "                source = offset(image, below*image_stride + j)",
            "                part = offset(mirrored, j*mirrored_stride + below)",
            "                write_transposed(source, image_stride, ni - below, 8, part, mirrored_stride)",
            "            for i in range(j, min(below, ni)):",
            "                for e in range(j, i):",
            "                    mirrored[e*mirrored_stride + i] = image[i*image_stride + e]",
        ]
