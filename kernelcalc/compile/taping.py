"""From programs to tapes: expressions taken apart into single operations, each value computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kernelcalc.compile.tape import LEAST, OPERATIONS, PI, RESULTS, Instruction, Tape
from kernelcalc.errors import Uncompiled
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc import symbols as sym
    from kernelcalc.compile.forms import program
    from kernelcalc.compile.forms.program import Let, Program
    from kernelcalc.compile.source import printer
else:
    sp, sym = Late("sympy"), Late("kernelcalc.symbols")
    printer = Late("kernelcalc.compile.source.printer")
    program = Late("kernelcalc.compile.forms.program")


class Missing(Uncompiled):
    """A function that has no operation."""


@dataclass
class Lowering:
    """Expressions to instructions, each value computed once."""

    inputs: dict[str, int] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)
    code: list[Instruction] = field(default_factory=list)
    known: dict[object, tuple[int, ...]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    registers: int = 0
    uniform: set[int] = field(default_factory=set)  # the same for all pairs
    left_out: set[str] = field(default_factory=lambda: {"mean"})  # what only float64 needs

    def input(self, name: str, uniform: bool) -> int:
        self.inputs[name] = self.names[name] = self._register(uniform)
        return self.inputs[name]

    def _register(self, uniform: bool) -> int:
        self.registers += 1
        if uniform:
            self.uniform.add(self.registers - 1)
        return self.registers - 1

    def constant(self, value: str) -> int:
        if value not in self.constants:
            self.constants[value] = self._register(True)
        return self.constants[value]

    def emit(self, operation: str, *operands: int) -> tuple[int, ...]:
        """The registers of the results of an operation."""
        if operation in ("add", "mul"):
            operands = tuple(sorted(operands))
        key = operation, operands
        if key not in self.known:
            shared = all(x in self.uniform for x in operands)
            results = tuple(self._register(shared) for _ in range(OPERATIONS[operation][1]))
            self.code.append(Instruction(operation, results, operands))
            self.known[key] = results
        return self.known[key]

    def one(self, operation: str, *operands: int) -> int:
        return self.emit(operation, *operands)[0]

    def let(self, statement: Let, suffix: dict[sp.Symbol, sp.Symbol] | None = None) -> None:
        if program.is_block(statement):
            self.left_out |= {target.name for target in statement.targets}
            return
        value = statement.value.xreplace(suffix) if suffix else statement.value
        results = self.several(value) if len(statement.targets) > 1 else (self.value(value),)
        self.names |= {target.name: x for target, x in zip(statement.targets, results, strict=True)}

    def several(self, value: sp.Expr) -> tuple[int, ...]:
        """The results of functions with more than one."""
        name = value.func.__name__
        given = [self.value(arg) for arg in value.args if str(arg) not in self.left_out]
        if name == "half_angle_triple":
            return self.emit("root_angles", *(self.one("sqrt", x) for x in given[:2]), given[2])
        if name == "acute_angles":
            q, p = (self.one("sqrt", x) for x in given[:2])
            right = self.one("less", given[2], self.constant("0"))
            near, far = (self.one("select", right, *two) for two in ((p, q), (q, p)))
            return self.emit("root_angles", near, far, self.one("abs", given[2]))[::2]
        if name == "angles_on_circle":
            return self.emit("angles", *given)
        return self.emit(name, *given)

    def value(self, expr: sp.Expr) -> int:
        """The register of an expression."""
        if expr in self.known:
            return self.known[expr][0]
        found = self._value(expr)
        self.known[expr] = (found,)
        return found

    def _value(self, expr: sp.Expr) -> int:
        if expr.is_Symbol:
            return self.names[expr.name]
        if expr.is_Float:
            expr = sp.Rational(expr)
        if expr.is_Rational:
            return self.constant(str(expr))
        if expr is sp.pi:
            return self.constant(PI)
        if expr is sp.E:
            return self.one("exp", self.constant("1"))
        for kind, method in (
            ("Add", self._sum),
            ("Mul", self._product),
            ("Pow", self._power),
            ("Piecewise", self._piecewise),
            ("Relational", self._relation),
        ):
            if getattr(expr, f"is_{kind}", False):
                return method(expr)
        return self._function(expr)

    def _sum(self, expr: sp.Expr) -> int:
        total, *rest = (self.value(arg) for arg in sorted(expr.args, key=str))
        for x in rest:
            total = self.one("add", total, x)
        return total

    def _product(self, expr: sp.Expr) -> int:
        """In the order of printer.py: nothing may leave the range of floats in between."""
        over, under = expr.as_numer_denom() if any(map(printer._divides, expr.args)) else (expr, sp.S.One)
        groups: list[list[int]] = [[], [], [], []]
        for arg in sorted(sp.Mul.make_args(over), key=str):
            if arg not in (-1, 1):
                groups[printer.variability(arg)].append(self.value(arg))
        shared, row, column, pair = (self._times(group) for group in groups)
        total = self._times([*shared, *self._times([*row, *column]), *pair])
        result = total[0] if total else self.constant("1")
        if -1 in sp.Mul.make_args(over):
            result = self.one("neg", result)
        return result if under == 1 else self.one("div", result, self.value(under))

    def _times(self, factors: Sequence[int]) -> list[int]:
        total = list(factors[:1])
        for x in factors[1:]:
            total = [self.one("mul", total[0], x)]
        return total

    def _power(self, expr: sp.Expr) -> int:
        base, power = self.value(expr.base), expr.exp
        if expr.base is sp.E:
            return self.one("exp", self.value(power))
        if not power.is_Rational or power.q not in (1, 2, 4):
            return self.one("pow", base, self.value(power))
        whole, quarters = divmod(int(4 * abs(power)), 4)
        factors = [base] * whole
        if quarters:
            root = self.one("sqrt", base)
            factors = [root] * (quarters // 2) + [self.one("sqrt", root)] * (quarters % 2) + factors
        product = self._times(factors)[0]
        return self.one("div", self.constant("1"), product) if power < 0 else product

    def _piecewise(self, expr: sp.Piecewise) -> int:
        *cases, last = expr.args
        result = self.value(last[0])
        for value, condition in reversed(cases):
            result = self.one("select", self.value(condition), self.value(value), result)
        return result

    def _relation(self, expr: sp.Expr) -> int:
        first, second = (self.value(arg) for arg in expr.args)
        zero, one = self.constant("0"), self.constant("1")
        if isinstance(expr, sp.StrictLessThan | sp.StrictGreaterThan):
            two = (first, second) if isinstance(expr, sp.StrictLessThan) else (second, first)
            return self.one("less", *two)
        if isinstance(expr, sp.LessThan | sp.GreaterThan):
            two = (second, first) if isinstance(expr, sp.LessThan) else (first, second)
            return self.one("select", self.one("less", *two), zero, one)
        return self.one("equal", first, second)

    def _function(self, expr: sp.Expr) -> int:
        name = expr.func.__name__
        if name == "exp":
            return self.one("exp", self.value(expr.args[0]))
        given = [self.value(arg) for arg in expr.args if str(arg) not in self.left_out]
        one = self.constant("1")
        if name == "rsqrt":
            return self.one("div", one, self.one("sqrt", given[0]))
        if name == "sign":
            return self.one("copysign", one, given[0])
        if name == "Abs":
            return self.one("abs", given[0])
        if name == "seldom":
            return given[0]
        if name in ("Max", "Min"):
            first, second = given if name == "Min" else given[::-1]
            return self.one("select", self.one("less", *given), first, second)
        if name == "And":
            return self.one("mul", *given)
        if name == "hypot4":
            return self.one("hypot", *(self.one("hypot", *two) for two in (given[:2], given[2:])))
        if name == "expm1":  # 2 exp(x/2) sinh(x/2), where exp(x) - 1 cancels
            half = self.one("mul", self.constant("1/2"), given[0])
            product = self.one("mul", *(self.one(x, half) for x in ("exp", "sinh")))
            near = self.one("mul", self.constant("2"), product)
            far = self.one("add", self.one("exp", given[0]), self.one("neg", one))
            return self.one("select", self.one("less", self.one("abs", given[0]), one), near, far)
        if name == "conditioned":
            return self._conditioned(*given)
        if name == "quarter" or (name == "quadrant" and expr.args[2].func.__name__ == "conditioned"):
            return self._quadrant(*given)  # of thresholds: only these are 0 in both places at any angle
        if OPERATIONS.get(name, (0, 0)) != (len(given), 1):
            raise Missing(f"{name} has no form with more digits")
        return self.one(name, *given)

    def _both_0(self, h: int, k: int) -> int:
        zero = self.constant("0")
        return self.one("mul", self.one("equal", h, zero), self.one("equal", k, zero))

    def _quadrant(self, h: int, k: int, A: int, B: int) -> int:
        """P(X > h, Y > k); at the origin (pi - theta)/(2 pi), where A = LEAST tan(theta/2)."""
        slope = self.one("div", A, self.constant(LEAST))
        half = self.one("angles", self.constant("1"), slope)
        corner = self.one("div", half, self.constant(PI))
        return self.one("select", self._both_0(h, k), corner, self.one("quadrant", h, k, A, B))

    def _conditioned(self, h: int, k: int, q: int, p: int, r: int) -> int:
        """(h - r k)/sqrt(1 - r^2), as in normal.py, where LEAST stands for h = k = 0."""
        zero, two = self.constant("0"), self.constant("2")
        right = self.one("less", zero, r)
        near = self.one(
            "add", self.one("add", h, self.one("neg", k)), self.one("mul", two, self.one("mul", q, k))
        )
        more = self.one("neg", self.one("mul", two, self.one("mul", p, k)))
        far = self.one("add", self.one("add", h, k), more)
        top = self.one("select", right, near, far)
        under = self.one("mul", two, self.one("sqrt", self.one("mul", q, p)))
        least = self.one("mul", self.constant(LEAST), self.one("mul", two, q))
        top = self.one("select", self._both_0(h, k), least, top)
        return self.one(
            "div", top, self.one("select", self.one("equal", under, zero), self.constant("tiny"), under)
        )


def tape(program: Program, names: Sequence[str]) -> Tape:
    """A program as a tape; names: its state, NEAR, FAR or POINT. Raises Missing without an operation."""
    lowered = Lowering()
    for name in ("w2", "s2", *map(str, program.parameters)):
        lowered.input(name, True)
    for name in (*names, *RESULTS):
        lowered.input(name, False)
    for statement in program.constants:
        lowered.let(statement)
    for statements, side in ((program.row, "a_x"), (program.column, "a_y")):
        for statement in statements:
            lowered.let(statement, {sym.a: sp.Symbol(side, positive=True)})
    outputs = _outputs(lowered, program, names)
    every = lowered.code
    layer = _needed(every, set(outputs.values()))
    first = [i for i in layer if i.results[0] in lowered.uniform]
    layer = [i for i in layer if i.results[0] not in lowered.uniform]
    last = _needed(layer, {x for name, x in outputs.items() if name in RESULTS})
    constants = {register: value for value, register in lowered.constants.items()}
    moves, ends = [], []
    for name, register in outputs.items():  # first aside, then into place: outputs may be inputs
        aside = lowered._register(False)
        moves.append(Instruction("copy", (aside,), (register,)))
        ends.append((name, Instruction("copy", (lowered.inputs[name],), (aside,))))
    final = [move for move, (name, _) in zip(moves, ends, strict=True) if name in RESULTS]
    return Tape(
        lowered.inputs,
        constants,
        first,
        [*layer, *moves, *(end for _, end in ends)],
        [*last, *final, *(end for name, end in ends if name in RESULTS)],
        lowered.registers,
    )


def _outputs(lowered: Lowering, program: Program, names: Sequence[str]) -> dict[str, int]:
    """The registers of the next state and of the results, of row, column and pair."""
    own = {sym.a: sp.Symbol("a_x", positive=True)} if "a_y" not in names else {}
    found: dict[str, int] = {}
    for statement in program.pair:
        lowered.let(statement)
    for name in names:
        if name not in program.outputs:
            continue
        value = sp.sympify(program.outputs[name])
        if name in ("a_x", "a_y"):
            value = value.xreplace({sym.a: sp.Symbol(name, positive=True)})
        found[name] = lowered.value(value)
    found["c"] = lowered.value(sp.sympify(program.outputs["c"])) if "c" in program.outputs else found["a_x"]
    units = [
        lowered.value(sp.sympify(program.outputs[x])) for x in ("unit_x", "unit_y") if x in program.outputs
    ]
    for total, factor in (("T", "factor"), ("S", "transposed")):
        if factor in program.outputs:
            before = lowered.inputs[total]
            for unit in units:
                before = lowered.one("mul", before, unit)
            value = sp.sympify(program.outputs[factor]).xreplace(own)
            grown = lowered.one("mul", before, lowered.value(value))
            found[total] = lowered.one("add", grown, found["c"])
    return found


def _needed(code: Sequence[Instruction], wanted: set[int]) -> list[Instruction]:
    """The instructions that lead to these registers."""
    wanted, kept = set(wanted), []
    for instruction in reversed(code):
        if wanted & set(instruction.results):
            kept.append(instruction)
            wanted |= set(instruction.operands)
    return kept[::-1]


def texts(programs: Sequence[tuple[str, Program, Sequence[str]]]) -> dict[str, str]:
    """Tapes by name as texts, those left out that miss an operation."""
    found = {}
    for name, program, state in programs:
        try:
            found[name] = tape(program, state).text()
        except Missing:
            continue
    return found
