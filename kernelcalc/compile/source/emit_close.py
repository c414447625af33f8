"""The part of a generated module for pairs whose angle is small: rows of a tile, one after another."""

from __future__ import annotations

from kernelcalc.compile.forms.program import Program, outermost
from kernelcalc.compile.source.loops import Loop, pairs
from kernelcalc.compile.source.statements import Statements, size

LANE = {"root_q": "Q", "root_p": "P", "r": "R", "d": "D"}


class Close:
    """Marked pairs from the rows themselves; equal rows take the diagonal's value.

    The point tables of the tile are made in `tables`, as few tiles need them: for layer l and quantity k of
    point e of the tile, table[(l K + k) STRIDE + e], those of the rows first.
    """

    def __init__(self, program: Program, module: Statements) -> None:
        self.program, self.module = program, module

    def counts(self) -> tuple[int, int]:
        """How many quantities the point tables hold, of rows and columns."""
        return size(self.program, "row"), size(self.program, "column")

    def lines(self) -> list[str]:
        """All functions."""
        return [*self._points(), *self._onward(), *self._close()]

    def _points(self) -> list[str]:
        lines = []
        for role in ("row", "column"):
            name = f"def near_{role}s(m, depth, values, numbers, table):"
            head = ["@inline", name, "    wide()", "    apart()"]
            lines += self.module.points(self.program, role, head, "i", "i")
        return lines

    def _onward(self) -> list[str]:
        """One layer for the pairs of a row, and the last, which hands nothing on."""
        keep = {name: f"w[{name.upper()} + j]" for name in ("c", "T", "S")}
        keep |= {name: f"w[{lane} + j]" for name, lane in LANE.items()}
        state = [f"{', '.join(LANE)} = {', '.join(keep[name] for name in LANE)}"]
        arguments, made = "m, row, column, numbers", self.program
        lines = []
        for name, program in (("onward", made), ("final", outermost(made))):
            body = self.module.layer(program, keep, keep)
            lines += pairs(self.module, Loop(name, arguments, made, program, state, body))
        return lines

    def _close(self) -> list[str]:
        module, (rows, columns) = self.module, self.counts()
        result = "T" if "factor" in self.program.outputs else "C"
        mirrored = "S" if "transposed" in self.program.outputs else result
        lines = [
            "def close(X, Y, i0, ni, j0, nj, width, depth, mirror, alike, power_row, power_column,",
            "          square_row, square_column, a_row, a_column, diagonal, numbers, out, out_stride,",
            "          mirrored, mirrored_stride, marks, xs, ys, zs, w, tables):",
            "    of_rows = power_row, square_row, a_row",
            "    of_columns = power_column, square_column, a_column",
            f"    scale, s2 = numbers[{module.place('scale')}], numbers[{module.place('s2')}]",
            f"    others = offset(tables, (depth - 1)*{rows}*STRIDE)",
            f"    chosen = offset(others, (depth - 1)*{columns}*STRIDE)",
            "    if depth > 1:",
            "        points, variances = together(a_row, i0, ni, offset(w, A)), offset(w, A)",
            "        near_rows(points, depth, variances, numbers, tables)",
            "        points = together(a_column, j0, nj, variances)",
            "        near_columns(points, depth, variances, numbers, others)",
            "    start = 0",
            "    while start < marks[0]:",
            "        run = offset(marks, 1 + start)",
            "        down, count = run[0]//TILE % TILE, 1",
            "        while start + count < marks[0] and run[count]//TILE % TILE == down:",
            "            count += 1",
            "        start += count",
            "        left, m = run[0] % TILE, (count + 7)//8*8",
            "        neighbours = run[count - 1] % TILE == left + count - 1",
            "        first_layer(X, Y, i0 + down, j0, width, run, count, alike, of_rows, of_columns, scale,",
            "                    s2, (xs, ys, zs), w)",
            "        for l in range(depth - 1):",
            f"            row = offset(tables, l*{rows}*STRIDE + down)",
            f"            column = offset(others, l*{columns}*STRIDE + left)",
            "            if not neighbours:",
            f"                gathered(offset(others, l*{columns}*STRIDE), {columns}, run, count, chosen)",
            "                column = chosen",
            "            if l < depth - 2:",
            "                onward(w, m, row, column, numbers)",
            "            else:",
            "                final(w, m, row, column, numbers)",
            "        for k in range(count):",
            "            right, equal = along(run[k]), run[k] < 0",
            f"            out[down*out_stride + right] = diagonal[i0 + down] if equal else w[{result} + k]",
            "            if mirror > 0:",
            f"                value = diagonal[i0 + down] if equal else w[{mirrored} + k]",
            "                mirrored[right*mirrored_stride + down] = value",
        ]
        return [*lines, ""]
