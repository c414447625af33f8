"""The part of a generated module that computes ordinary pairs in float32, for matrices of float32.

Inner products come from a float32 product, but where the correlation r is so near to +-1 that its rounding
would show in the kernel (|r| > MODERATE) from the float64 one: pair by pair, or for the whole tile if they
are many. What a pair gets depends on the pair alone. r and c of the first layer are float64 numbers
rounded once; the layers then compute with float32 numbers, twice as many at a time. There is no such part if
a layer needs a function that vecsingle.py does not have.
"""

from __future__ import annotations

import re

from kernelcalc.compile.forms.program import Program, level, outermost
from kernelcalc.compile.source.loops import Loop, pairs
from kernelcalc.compile.source.statements import Statements

FUNCTIONS = ("rsqrt", "sqrt", "copysign", "acute_angles", "half_angle_triple", "sin_minus_t_cos")
HEADER = f"""\
from kernelcalc.compile.arithmetic.registers import open_line
from kernelcalc.compile.arithmetic.vecsingle import {", ".join(f"{name}f" for name in FUNCTIONS)}

MODERATE = 0.7  # up to this |r| its errors are magnified by no more than 2
SHARE = 32  # a float64 product of the tile takes as long as this share of its inner products

# a multiple of sixteen apart: LLVM would use half registers, for fear of loads from half a store
QF, PF, RF, CF, TF, SF = (k*STRIDE for k in range(6))

@inline
def fine(product, inverse, other, scale, s2):
    return not abs(fma(scale, product, s2)*(inverse*other)) <= MODERATE

@inline
def mended(products, exact, m, inverse, inverses, scale, s2, kept):
    wide()
    apart()
    for j in range(m):
        sharp = fine(products[j], inverse, inverses[j], scale, s2)
        products[j] = exact[j] if sharp else products[j]

@inline
def opened(w, j, product, inverse, other, scale, s2):
    c = fma(scale, product, s2)
    r = c*(inverse*other)
    w[RF + j], w[CF + j] = r, c
    return bits(abs(r))

@inline
def openingf(w, products, m, inverse, inverses, scale, s2, kept):
    wide()
    largest, whole = bits(MODERATE), kept//16*16  # bits of positive numbers have their order, NaN is above
    for j in range(0, whole, 16):
        given = offset(products, j), offset(inverses, j), inverse, scale, s2
        size = open_line(*given, offset(w, RF + j), offset(w, CF + j))
        largest = size if size > largest else largest
    for j in range(whole, m):
        size = opened(w, j, products[j], inverse, inverses[j], scale, s2)
        largest = size if size > largest and j < kept else largest
    return largest > bits(MODERATE)
"""
OPENING = ["c, r = w[CF + j], w[RF + j]", "q, p = 0.5 - 0.5*r, 0.5 + 0.5*r"]
NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+)")
CALL = re.compile(r"\b([a-z_]\w*)\(")
NAMED = {*FUNCTIONS, "abs", "fma"}


class Single:
    """Layers in float32 with the point tables and numbers of the others, rounded."""

    def __init__(self, program: Program, module: Statements) -> None:
        self.program, self.module = program, module

    def lines(self) -> list[str]:
        """The functions of the layers; nothing if a function is missing."""
        keep = {name: f"w[{name.upper()}F + j]" for name in ("q", "p", "r", "c", "T", "S")}
        made, state = self.program, ["q, p, r = w[QF + j], w[PF + j], w[RF + j]"]
        opening = [_rounded(line) for line in OPENING]
        lines = []
        for name, program, start, read in (
            ("advancef", made, opening, keep | {"T": "c", "S": "c"}),
            ("againf", level(made), state, keep),
            ("lastf", outermost(level(made)), state, keep),
        ):
            body = self.module.layer(program, keep, read)
            if not set(CALL.findall("\n".join(body))) <= NAMED:
                return []
            rounded = [_rounded(line) for line in body]
            given = "m, row, column, numbers"
            lines += pairs(self.module, Loop(name, given, made, program, start, rounded))
        return [HEADER, *lines]


def _rounded(line: str) -> str:
    """A statement of float64 numbers as one of float32."""
    line = NUMBER.sub(lambda number: f"single({number[0]})", line)
    return CALL.sub(lambda call: f"{call[1]}f(" if call[1] in FUNCTIONS else call[0], line)
