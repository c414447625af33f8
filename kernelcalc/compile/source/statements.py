"""What the parts of a generated module have in common: statements of a program as lines of Python."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from kernelcalc.compile.forms.program import Let, Program, is_block, used
from kernelcalc.compile.layout import WEDGE
from kernelcalc.compile.source.printer import Printer, numeric

STATE = ("q", "p", "root_q", "root_p", "r", "d", "a_x", "a_y")  # what a pair hands on besides c, T, S


class Statements:
    """Prints the statements of one kernel structure.

    numbers: w2, s2, the parameters, w2/n0, the constants of all programs one after another. Point tables hold
    layer by layer rows of STRIDE numbers, one for each quantity.
    """

    def __init__(self, programs: Iterable[Program], header: str) -> None:
        self.programs = tuple(programs)
        self.printer = Printer(header)
        parameters = map(str, self.programs[0].parameters)
        self.numbers = ["w2", "s2", *parameters, "scale", "at"]  # at: of the table

    @property
    def constant_count(self) -> int:
        """How many constants the programs have together."""
        return sum(len(targets(program)) for program in self.programs)

    def line(self, statement: Let) -> str:
        """targets = value."""
        return f"{', '.join(map(str, statement.targets))} = {self.value(statement.value)}"

    def value(self, expr: object) -> str:
        """An expression."""
        return str(self.printer.doprint(numeric(sp.sympify(expr))))

    def place(self, name: str) -> int:
        """Where a number that all structures have lies."""
        return self.numbers.index(name)

    def loaded(self) -> list[str]:
        """The numbers that are given, as local variables."""
        lines = [f"    {x} = numbers[{i}]" for i, x in enumerate(self.numbers)]
        return [*lines, "    mean = offset(numbers, int(at))"]

    def given(self, program: Program) -> list[str]:
        """Those, and the constants of one program."""
        before = self.programs[: self.programs.index(program)]
        start = len(self.numbers) + sum(len(targets(other)) for other in before)
        return [
            *self.loaded(),
            *(f"    {x} = numbers[{start + i}]" for i, x in enumerate(targets(program))),
        ]

    def constants(self) -> list[str]:
        """The function that computes the constants of all programs."""
        lines = ["def constants(numbers):", *self.loaded()]
        start = len(self.numbers)
        for program in self.programs:
            lines += [f"    {self.line(statement)}" for statement in program.constants]
            lines += [f"    numbers[{start + i}] = {target}" for i, target in enumerate(targets(program))]
            start += len(targets(program))
        return [*lines, ""]

    def points(
        self, program: Program, role: str, head: list[str], at: str, after: str
    ) -> list[str]:
        """A function that fills the table of m points; values[at]: variances, values[after]: next ones."""
        side, kept, whole = {"row": "a_x", "column": "a_y"}[role], places(program, role), size(program, role)
        statements: tuple[Let, ...] = getattr(program, role)
        many = blocks(program, role)
        lines = [
            *head,
            *self.given(program),
            "    for l in range(depth - 1):",
            "        for i in range(m):",
            f"            a = values[{at}]",
            f"            {side} = a",
            *(f"            {self.line(x)}" for x in statements if not is_block(x)),
            f"            place = l*{whole}*STRIDE + i",
            *(f"            table[place + {k}*STRIDE] = {x}" for x, k in kept.items() if x not in many),
            f"            values[{after}] = {self.value(program.outputs[side])}",
        ]
        if many:
            lines += ["        for i in range(m):", f"            place = l*{whole}*STRIDE + i"]
            for name, of in many.items():
                to = f"offset(table, place + {kept[name]}*STRIDE)"
                lines.append(f"            wedges(table[place + {kept[of]}*STRIDE], {to})")
        return [*lines, ""]

    def layer(self, program: Program, keep: dict[str, str], read: dict[str, str]) -> list[str]:
        """The statements of a pair, then its new state; keep: where c, q, p, T, ... go, read: T, S before."""
        lines = [self.line(statement) for statement in program.pair]
        lines.append(f"cross = {self.value(program.outputs['c'])}")
        if "factor" not in program.outputs:
            lines.append(f"{keep['c']} = cross")
        unit = "".join(f"*{program.outputs[x]}" for x in ("unit_x", "unit_y") if x in program.outputs)
        if "e" in keep and "size" in program.outputs:
            lines.append(f"before_T, before_S = {read['T']}, {read['S']}")
        for total, factor in (("T", "factor"), ("S", "transposed")):
            if factor in program.outputs:
                value = self.value(program.outputs[factor])
                lines.append(f"{keep[total]} = fma({read[total]}{unit}, {value}, cross)")
        state = [x for x in STATE if x in keep and x in program.outputs]
        values = ", ".join(self.value(program.outputs[x]) for x in state)
        lines += self._lost(program, keep, read)
        return [*lines, *([f"{', '.join(keep[x] for x in state)} = {values}"] if state else [])]

    def _lost(self, program: Program, keep: dict[str, str], read: dict[str, str]) -> list[str]:
        """The largest quotient of losses.py so far, where the program has one."""
        if "e" not in keep or "size" not in program.outputs:
            return []
        lines = [
            f"size, least = {self.value(program.outputs['size'])}, {self.value(program.outputs['spread'])}",
            f"lost, most = size/max(abs(cross), least), {read['e']}",
            "most = most if lost <= most else lost",
        ]
        for total, factor in (("T", "factor"), ("S", "transposed")):
            if factor in program.outputs:
                size = f"fma({self.value(program.outputs[f'size {factor}'])}, abs(before_{total}), size)"
                lines += [
                    f"lost = {size}/max(abs({keep[total]}), least)",
                    "most = most if lost <= most else lost",
                ]
        if "narrow" in program.outputs:
            lines += [f"lost = {self.value(program.outputs['narrow'])}"]
            lines += ["most = most if lost <= most else lost"]
        return [*lines, f"{keep['e']} = most"]


def targets(program: Program) -> list[str]:
    """The names of its constants."""
    return [str(target) for statement in program.constants for target in statement.targets]


def quantities(program: Program, role: str) -> list[str]:
    """What a point table holds: the variance and the targets of the point statements that pairs use."""
    suffix = {"row": "_x", "column": "_y"}[role]
    return sorted(name for name in used(program) if name.endswith(suffix))


def blocks(program: Program, role: str) -> dict[str, str]:
    """Those of them that are many numbers, and of what: see wedges.py."""
    statements: tuple[Let, ...] = getattr(program, role)
    return {x.targets[0].name: str(x.value.args[0]) for x in statements if is_block(x)}


def places(program: Program, role: str) -> dict[str, int]:
    """Where in a point table the quantities begin."""
    many, at, found = blocks(program, role), 0, {}
    for name in quantities(program, role):
        found[name] = at
        at += WEDGE if name in many else 1
    return found


def size(program: Program, role: str) -> int:
    """How many numbers a point table holds of a point in a layer."""
    many = blocks(program, role)
    return sum(WEDGE if name in many else 1 for name in quantities(program, role))
