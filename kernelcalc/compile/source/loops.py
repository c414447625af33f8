"""Loops over the pairs of one row, around the statements of one layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kernelcalc.compile.forms.program import Let, Program, used
from kernelcalc.compile.layout import LANES, LOOKUPS, STRIDE
from kernelcalc.compile.source.printer import PAIR, variability
from kernelcalc.compile.source.statements import Statements, blocks, places

# functions that look up a value, and those for all pairs of a row, with the lanes of arguments and work space
MANY = {
    "lookup": "lookups(offset(w, {0}), m, mean, offset(w, {2}))",
    "lookup_side": "lookups_side(offset(w, {0}), offset(w, {1}), m, mean, offset(w, {2}))",
    "lookup_plane": "lookups_plane(offset(w, {0}), offset(w, {1}), m, mean)",
}


@dataclass(frozen=True)
class Loop:
    """A function of w and the arguments: row is a column of its point table, column those of all points.

    tables: the program for which the tables were made; program: what is computed; opening, lines: of a pair;
    taken: how many of the lanes for values of tables hold what lines need.
    """

    name: str
    arguments: str
    tables: Program
    program: Program
    opening: list[str]
    lines: list[str]
    taken: int = 0

    def part(self, suffix: str, lines: list[str], counted: bool = False) -> Loop:
        """A loop over other lines, which counts close pairs or does not."""
        again = [line for line in self.opening if counted or not line.startswith("close +=")]
        return replace(self, name=f"{self.name}_{suffix}", opening=again, lines=lines)


def pairs(module: Statements, loop: Loop) -> list[str]:
    """The loop, in several where a part is no vector code or seldom needed."""
    rare = [x for x in loop.program.pair if x.value.func.__name__ == "seldom"]
    if len(rare) == 1 and module.line(rare[0]) in loop.lines:
        return _parted(module, loop, rare[0])
    integrals = {integral.name for integral in loop.program.integrals}
    summed = [x for x in loop.program.pair if x.value.func.__name__ in integrals]
    if len(summed) == 1 and module.line(summed[0]) in loop.lines:
        return _integrated(module, loop, summed[0])
    found = [x for x in loop.program.pair if x.value.func.__name__ in MANY]
    few = len(found) > 0 and loop.taken + 2 * len(found) <= 2 * LOOKUPS
    return _looked_up(module, loop, found) if few else _written(module, loop)


def _integrated(module: Statements, loop: Loop, integral: Let) -> list[str]:
    """An integral is a loop itself, and what surrounds it would be no vector code: what it needs, it, and the
    rest. What it needs of the pair, and what it finds, lie where values of tables would."""
    passed = [x for x in integral.value.args if variability(x) == PAIR]
    taken = loop.taken + len(passed) + len(integral.targets)
    lanes = ((LANES + k) * STRIDE for k in range(loop.taken, taken))
    given = {x: next(lanes) for x in passed}
    before = [module.line(x) for x in _needed(loop.program, [Let((), x) for x in given])]
    before += [f"w[{lane} + j] = {module.value(x)}" for x, lane in given.items()]
    results = ", ".join(f"w[{next(lanes)} + j]" for _ in integral.targets)
    values = (f"w[{given[x]} + j]" if x in given else module.value(x) for x in integral.value.args)
    call = f"{results} = {integral.value.func.__name__}({', '.join(values)})"
    kept = f"{', '.join(map(str, integral.targets))} = {results}"
    rest = [kept if line == module.line(integral) else line for line in loop.lines]
    return [
        *_written(module, loop.part("before", before, counted=True)),
        *_written(module, replace(loop, name=f"{loop.name}_sums", opening=[], lines=[call])),
        *pairs(module, replace(loop.part("after", rest), taken=taken)),
        *_surrounded(loop, [f"    {loop.name}_sums(w, {loop.arguments})"]),
    ]


def _looked_up(module: Statements, loop: Loop, found: list[Let]) -> list[str]:
    """Values of tables are no vector code, or slow: what they need, they, and the rest."""
    work = (LANES + 2 * LOOKUPS) * STRIDE
    before, after = [module.line(x) for x in _needed(loop.program, found)], loop.lines
    calls = [f"    mean = offset(numbers, int(numbers[{module.place('at')}]))"]
    for k, statement in enumerate(found):
        mu, x = ((LANES + loop.taken + 2 * k + i) * STRIDE for i in range(2))
        given = zip((mu, x), statement.value.args[:-1], strict=False)  # the last one is the table
        before += [f"w[{lane} + j] = {module.value(u)}" for lane, u in given]
        known = module.line(statement), f"{statement.targets[0]} = w[{mu} + j]"
        after = [known[1] if line == known[0] else line for line in after]
        calls.append(f"    {MANY[statement.value.func.__name__].format(mu, x, work)}")
    return [
        *_written(module, loop.part("before", before, counted=True)),
        *_written(module, loop.part("after", after)),
        *_surrounded(loop, calls),
    ]


def _surrounded(loop: Loop, calls: list[str]) -> list[str]:
    """The loop before, these calls, and the loop after."""
    return [
        "@inline",
        f"def {loop.name}(w, {loop.arguments}):",
        f"    close = {loop.name}_before(w, {loop.arguments})",
        *calls,
        f"    {loop.name}_after(w, {loop.arguments})",
        "    return close",
        "",
    ]


def _parted(module: Statements, loop: Loop, rare: Let) -> list[str]:
    """What pairs need seldom in a loop of its own, left out where no pair of the row needs it."""
    value, size, least = rare.value.args
    to_tell, to_have = (
        [module.line(x) for x in _needed(loop.program, [Let((), of)])] for of in (size, value)
    )
    some = [*to_tell, f"close += 1 if {module.value(size)} < {module.value(least)} else 0"]
    values = [*to_have, f"w[X + j] = {module.value(value)}"]
    kept = f"{rare.targets[0]} = w[X + j]"
    rest = [kept if line == module.line(rare) else line for line in loop.lines]
    name = loop.name
    return [
        *_written(module, loop.part("some", some)),
        *_written(module, loop.part("seldom", values)),
        *pairs(module, loop.part("always", rest, counted=True)),
        "@inline",
        f"def {name}(w, {loop.arguments}):",
        f"    if {name}_some(w, {loop.arguments}) != 0:",
        f"        {name}_seldom(w, {loop.arguments})",
        f"    return {name}_always(w, {loop.arguments})",
        "",
    ]


def _written(module: Statements, loop: Loop) -> list[str]:
    rows, columns = places(loop.tables, "row"), places(loop.tables, "column")
    many = blocks(loop.tables, "row") | blocks(loop.tables, "column")
    return [
        "@inline",
        f"def {loop.name}(w, {loop.arguments}):",
        "    wide()",
        "    apart()",
        *module.given(loop.tables),
        *(
            f"    {x} = offset(row, {k}*STRIDE)" if x in many else f"    {x} = row[{k}*STRIDE]"
            for x, k in rows.items()
        ),
        "    close = 0",
        "    for j in range(m):",
        *(f"        {line}" for line in loop.opening),
        *(
            f"        {x} = offset(column, {k}*STRIDE + j)"
            if x in many
            else f"        {x} = column[{k}*STRIDE + j]"
            for x, k in columns.items()
            if x in used(loop.program)
        ),
        *(f"        {line}" for line in loop.lines),
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
