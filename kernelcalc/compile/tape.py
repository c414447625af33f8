"""Programs as tapes: straight-line code on numbered registers, for arithmetic with more digits than float64.

A tape is the same generated expression as emit.py prints, taken apart by taping.py. lanes.py runs
it in double-double for many pairs at once, digits.py in mpmath for one. It needs neither SymPy nor a
compiler per kernel, and is plain data: kept on disk as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

# in the order of their numbers in lanes.py: operands, results
OPERATIONS: dict[str, tuple[int, int]] = {
    "copy": (1, 1),
    "add": (2, 1),
    "mul": (2, 1),
    "div": (2, 1),
    "sqrt": (1, 1),
    "neg": (1, 1),
    "abs": (1, 1),
    "copysign": (2, 1),
    "less": (2, 1),
    "equal": (2, 1),
    "select": (3, 1),
    "root_angles": (3, 3),
    "angles": (2, 2),
    "sin_minus_t_cos": (3, 1),
    "exp": (1, 1),
    "log": (1, 1),
    "erf": (1, 1),
    "erfc": (1, 1),
    "erfcx": (1, 1),
    "sinh": (1, 1),
    "cosh": (1, 1),
    "asin": (1, 1),
    "phi": (1, 1),
    "lookup": (1, 1),
    "lookup_side": (2, 1),
    "hypot": (2, 1),
    "quadrant": (4, 1),
    "scaled_quadrant": (4, 1),
    "lookup_plane": (2, 1),
    "sin": (1, 1),  # from here on digits.py only
    "cos": (1, 1),
    "pow": (2, 1),
    "gamma": (1, 1),
    "power_pair": (4, 2),
    "root_power_pair": (4, 2),
    "power_alone": (4, 1),
}
QUADRANTS = ("quadrant", "scaled_quadrant")
TABLES = ("lookup", "lookup_side", "lookup_plane")
APART = (*QUADRANTS, "lookup_plane")  # in lanes_normal.py
NEAR = ("root_q", "root_p", "r", "d", "a_x", "a_y")  # the state of a close pair, then the results
FAR = ("q", "p", "r", "a_x", "a_y")
POINT = ("a_x",)
RESULTS = ("c", "T", "S")
PI = "pi"
LEAST = f"1/{2**500}"  # what stands for a threshold 0, where only ratios have a meaning


@dataclass(frozen=True)
class Instruction:
    """results = operation(operands); registers are numbers, each written once but for those of the state."""

    operation: str
    results: tuple[int, ...]
    operands: tuple[int, ...]


@dataclass
class Tape:
    """inputs: registers of w2, s2, the parameters and the state by name; constants: register -> "1/3", "pi".

    first: run once; layer: once per layer, new state included; last: the last layer, results only.
    """

    inputs: dict[str, int]
    constants: dict[int, str]
    first: list[Instruction]
    layer: list[Instruction]
    last: list[Instruction]
    registers: int

    def text(self) -> str:
        """As JSON."""
        parts = [
            [[i.operation, list(i.results), list(i.operands)] for i in part]
            for part in (self.first, self.layer, self.last)
        ]
        return json.dumps([self.inputs, list(self.constants.items()), *parts, self.registers])

    @classmethod
    def of_text(cls, text: str) -> Tape:
        inputs, constants, *parts, registers = json.loads(text)
        first, layer, last = (
            [Instruction(name, tuple(results), tuple(operands)) for name, results, operands in part]
            for part in parts
        )
        return cls(inputs, dict(map(tuple, constants)), first, layer, last, registers)

    @property
    def operations(self) -> set[str]:
        return {i.operation for part in (self.first, self.layer, self.last) for i in part}


def allocate(tape: Tape) -> Tape:
    """The same with registers used again; results never share one with operands."""
    fixed = {*tape.inputs.values(), *tape.constants, *(x for i in tape.first for x in i.results)}
    place = {register: i for i, register in enumerate(sorted(fixed))}
    most = len(place)
    parts: list[list[Instruction]] = [
        [_placed(i, place) for i in tape.first],
    ]
    for part in (tape.layer, tape.last):
        final = {x: n for n, i in enumerate(part) for x in i.operands}
        now = dict(place)
        free: list[int] = []
        count = len(place)
        done: list[Instruction] = []
        for n, instruction in enumerate(part):
            for x in instruction.results:
                if x not in now:
                    if free:
                        now[x] = free.pop()
                    else:
                        now[x], count = count, count + 1
            done.append(_placed(instruction, now))
            ended = {*instruction.operands, *instruction.results} - fixed
            free += [now[x] for x in ended if final.get(x, -1) <= n]
        most = max(most, count)
        parts.append(done)
    inputs = {name: place[x] for name, x in tape.inputs.items()}
    constants = {place[x]: value for x, value in tape.constants.items()}
    first, layer, last = parts
    return Tape(inputs, constants, first, layer, last, most)


def _placed(i: Instruction, place: dict[int, int]) -> Instruction:
    return Instruction(i.operation, tuple(place[x] for x in i.results), tuple(place[x] for x in i.operands))
