"""What the parts of a generated module have in common: statements of a program as lines of Python."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from kernelcalc.compile.forms.program import Let, Program, is_block, used
from kernelcalc.compile.layout import LANES, LOOKUPS, STRIDE, WEDGE
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
        return [*lines, f"{keep['e']} = most"]

    def pairs(
        self,
        name: str,
        arguments: str,
        programs: tuple[Program, Program],
        opening: list[str],
        lines: list[str],
    ) -> list[str]:
        """A function of the pairs of one row: row is a column of its point table, column those of all points.

        programs: for which the tables were made, and which of it is computed; opening, lines: of a pair.
        """
        _, program = programs
        rare = [x for x in program.pair if x.value.func.__name__ == "seldom"]
        if len(rare) == 1 and self.line(rare[0]) in lines:
            return self._parted(name, arguments, programs, opening, lines, rare[0])
        found = [x for x in program.pair if x.value.func.__name__ == "lookup_plane"]
        if not 0 < len(found) <= LOOKUPS:
            return self._loop(name, arguments, programs, opening, lines)
        before, after = [self.line(x) for x in _needed(program, found)], lines
        calls = []
        for k, statement in enumerate(found):  # they are no vector code: what they need, they, and the rest
            mu, x = ((LANES + 2 * k + i) * STRIDE for i in range(2))
            arguments_of = zip((mu, x), statement.value.args, strict=False)
            before += [f"w[{lane} + j] = {self.value(u)}" for lane, u in arguments_of]
            known = self.line(statement), f"{statement.targets[0]} = w[{mu} + j]"
            after = [known[1] if line == known[0] else line for line in after]
            calls.append(f"    lookups(offset(w, {mu}), offset(w, {x}), m, mean)")
        again = [line for line in opening if not line.startswith("close +=")]
        return [
            *self._loop(f"{name}_before", arguments, programs, opening, before),
            *self._loop(f"{name}_after", arguments, programs, again, after),
            "@inline",
            f"def {name}(w, {arguments}):",
            f"    mean = offset(numbers, int(numbers[{self.place('at')}]))",
            f"    close = {name}_before(w, {arguments})",
            *calls,
            f"    {name}_after(w, {arguments})",
            "    return close",
            "",
        ]

    def _parted(
        self,
        name: str,
        arguments: str,
        programs: tuple[Program, Program],
        opening: list[str],
        lines: list[str],
        rare: Let,
    ) -> list[str]:
        """What pairs need seldom in a loop of its own, left out where no pair of the row needs it."""
        _, program = programs
        value, size, least = rare.value.args
        again = [line for line in opening if not line.startswith("close +=")]
        to_tell, to_have = (
            [self.line(x) for x in _needed(program, [Let((), of)])] for of in (size, value)
        )
        some = [*to_tell, f"close += 1 if {self.value(size)} < {self.value(least)} else 0"]
        values = [*to_have, f"w[X + j] = {self.value(value)}"]
        kept = f"{rare.targets[0]} = w[X + j]"
        rest = [kept if line == self.line(rare) else line for line in lines]
        return [
            *self._loop(f"{name}_some", arguments, programs, again, some),
            *self._loop(f"{name}_seldom", arguments, programs, again, values),
            *self.pairs(f"{name}_always", arguments, programs, opening, rest),
            "@inline",
            f"def {name}(w, {arguments}):",
            f"    if {name}_some(w, {arguments}) != 0:",
            f"        {name}_seldom(w, {arguments})",
            f"    return {name}_always(w, {arguments})",
            "",
        ]

    def _loop(
        self,
        name: str,
        arguments: str,
        programs: tuple[Program, Program],
        opening: list[str],
        lines: list[str],
    ) -> list[str]:
        made, program = programs
        rows, columns = places(made, "row"), places(made, "column")
        many = blocks(made, "row") | blocks(made, "column")
        return [
            "@inline",
            f"def {name}(w, {arguments}):",
            "    wide()",
            "    apart()",
            *self.given(made),
            *(
                f"    {x} = offset(row, {k}*STRIDE)" if x in many else f"    {x} = row[{k}*STRIDE]"
                for x, k in rows.items()
            ),
            "    close = 0",
            "    for j in range(m):",
            *(f"        {line}" for line in opening),
            *(
                f"        {x} = offset(column, {k}*STRIDE + j)"
                if x in many
                else f"        {x} = column[{k}*STRIDE + j]"
                for x, k in columns.items()
                if x in used(program)
            ),
            *(f"        {line}" for line in lines),
            "    return close",
            "",
        ]


def _needed(program: Program, wanted: Iterable[Let]) -> list[Let]:
    """The statements of a pair on which others depend."""
    names = {symbol for x in wanted for symbol in x.value.free_symbols}
    found: list[Let] = []
    for statement in reversed(program.pair):
        if names & set(statement.targets):
            found.insert(0, statement)
            names |= statement.value.free_symbols
    return found


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
