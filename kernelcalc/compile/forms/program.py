"""What a layer computes, as straight-line statements in SymPy, printed later as code.

Per point: the variance a of a layer and what depends on it alone. Per pair: the correlation r with
the half-angle pair q = (1 - r)/2, p = (1 + r)/2, all three to full relative accuracy: parallel, opposite and
orthogonal points need one each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from kernelcalc.symbols import a

ax, ay = sp.Symbol("a_x", positive=True), sp.Symbol("a_y", positive=True)
half_angle_triple = sp.Function("half_angle_triple")  # (q, p, r) -> theta = acos r, pi - theta, pi/2 - theta
root_angles = sp.Function("root_angles")  # half_angle_triple, given sqrt(q) and sqrt(p)
hypot, hypot4 = sp.Function("hypot"), sp.Function("hypot4")
acute_angles = sp.Function("acute_angles")  # (q, p, r) -> acos|r|, asin|r|
angles = sp.Function("angles")  # (y, x) -> theta = atan2(y, x), pi - theta, y >= 0
angles_on_circle = sp.Function("angles_on_circle")  # likewise, for x^2 + y^2 = 1
copysign = sp.Function("copysign")  # (x, y) -> |x| with the sign of y
rsqrt = sp.Function("rsqrt")  # 1/sqrt
t_minus_sin = sp.Function("t_minus_sin")  # (t, sin t) -> t - sin t
sin_minus_t_cos = sp.Function("sin_minus_t_cos")  # (t, sin t, cos t) -> sin t - t cos t
at_most = sp.Function("at_most", real=True)  # (s, t, x, y) -> x if s <= t, else y
seldom = sp.Function("seldom", real=True)  # (x, y, least) -> x if y < least; else anything
sine = sp.Symbol("sine", real=True)  # of the angle phi of an integral, its cosine and 1/cos(phi)^2
lack = sp.Symbol("lack", nonnegative=True)  # 1 - sine, that does not cancel
cosine, inverse_square = sp.Symbol("cosine", positive=True), sp.Symbol("inverse_square", positive=True)


@dataclass(frozen=True)
class Let:
    """targets = value; value is a function with as many results as there are targets, or an expression."""

    targets: tuple[sp.Symbol, ...]
    value: sp.Expr


def is_block(statement: Let) -> bool:
    """Whether the target stands for many numbers of a point."""
    return bool(statement.value.func.__name__ == "wedges")


def let(target: sp.Symbol, value: sp.Expr) -> Let:
    return Let((target,), value)


@dataclass(frozen=True)
class Direct:
    """Statements of a pair, and what they lead to without an integral."""

    pair: tuple[Let, ...]
    values: tuple[sp.Expr, ...]
    sizes: tuple[sp.Expr, ...]

    @property
    def needed(self) -> set[sp.Symbol]:
        """The names that come from outside."""
        forms = (*(statement.value for statement in self.pair), *self.values, *self.sizes)
        own = {target for statement in self.pair for target in statement.targets}
        return set().union(*(sp.sympify(form).free_symbols for form in forms)) - own


@dataclass(frozen=True)
class Integral:
    """Int_0^Phi of the values over phi, in sine, lack, cosine, inverse_square and the arguments.

    sizes: the sums of the absolute values of their terms, integrated likewise. Statements call it by its
    name, as a function of tan(Phi/2), of the largest k with exp(k sine/sin(Phi)) in it, and of the arguments.
    direct: the results where that k is above STEEP.
    """

    name: str
    arguments: tuple[sp.Symbol, ...]
    values: tuple[sp.Expr, ...]
    sizes: tuple[sp.Expr, ...]
    direct: Direct | None = None


STEEP = 4


@dataclass(frozen=True)
class Program:
    """One layer of a kernel.

    constants: from sigma_w^2 (w2), sigma_b^2 (s2) and the parameters; row, column: from those and the
    variance a of a point; pair: from those of row (suffix _x) and column (suffix _y) and q, p, r.
    outputs: meaning -> expression, "a" for a point, "c", "q", "p", "r", "factor", "transposed" for a pair;
    "unit_x", "unit_y": what the tangent kernel is to be multiplied with before the factor; "size", "spread",
    "size factor", "size transposed": see losses.py.
    """

    parameters: tuple[sp.Symbol, ...]
    constants: tuple[Let, ...]
    row: tuple[Let, ...]
    column: tuple[Let, ...]
    pair: tuple[Let, ...]
    outputs: Mapping[str, sp.Expr]
    integrals: tuple[Integral, ...] = ()


def used(program: Program) -> set[str]:
    """The names that the statements and outputs of a pair read."""
    values = [*(statement.value for statement in program.pair), *program.outputs.values()]
    return {symbol.name for value in values for symbol in sp.sympify(value).free_symbols}


def level(program: Program) -> Program:
    """The program of the later layers: where a layer gives all points one variance, columns are like rows.

    So it is behind a jump such as that of sign. Statements that become equal are computed once. Names that no
    pair reads are not in the point tables, so that nothing may come to read them.
    """
    kept = used(program)

    def written_out(statements: Iterable[Let]) -> dict[sp.Symbol, sp.Expr]:
        meaning: dict[sp.Symbol, sp.Expr] = {}
        for statement in statements:
            value = statement.value.xreplace(meaning)
            several = len(statement.targets) > 1
            for i, target in enumerate(statement.targets):
                meaning[target] = sp.Function(f"result{i}")(value) if several else value
        return meaning

    row, column = written_out(program.row), written_out(program.column)
    after = {sp.sympify(program.outputs[side]).xreplace(of) for side, of in (("a_x", row), ("a_y", column))}
    if len(after) > 1 or after.pop().has(a):
        return program
    alike = {value: target for target, value in (row | {ax: a}).items() if target.name in kept}
    new = {target: alike[value] for target, value in (column | {ay: a}).items() if value in alike}
    pair: list[Let] = []
    known: dict[sp.Expr, tuple[sp.Symbol, ...]] = {}
    for statement in program.pair:
        value = statement.value.xreplace(new)
        if value in known:
            new |= dict(zip(statement.targets, known[value], strict=True))
        else:
            known[value] = statement.targets
            pair.append(Let(statement.targets, value))
    outputs = {name: sp.sympify(value).xreplace(new) for name, value in program.outputs.items()}
    return replace(program, pair=tuple(pair), outputs=outputs)


def _is_size(name: str) -> bool:
    return name.startswith("size")


def outermost(program: Program) -> Program:
    """The program of the last layer: what it computes for a next one is left out."""
    kept = ("c", "factor", "transposed", "unit_x", "unit_y", "spread", *filter(_is_size, program.outputs))
    outputs = {name: value for name, value in program.outputs.items() if name in kept}
    needed = {symbol for value in outputs.values() for symbol in sp.sympify(value).free_symbols}
    pair: list[Let] = []
    for statement in reversed(program.pair):
        if needed & set(statement.targets):
            pair.insert(0, statement)
            needed |= statement.value.free_symbols
    return replace(program, pair=tuple(pair), outputs=outputs)


def share(
    given: Iterable[Mapping[sp.Symbol, sp.Expr]],
) -> tuple[list[dict[sp.Symbol, sp.Symbol]], dict[sp.Symbol, sp.Expr]]:
    """Names for the parameters of several formulas, one for each different pair of name and value.

    The same name may mean different values in different formulas (Generalized kernels of erf_1 and erf_2).
    Returns, per formula, old -> new symbols, and the values of the new ones in the order of appearance.
    """
    names: dict[tuple[sp.Symbol, sp.Expr], sp.Symbol] = {}
    renamed = []
    for values in given:
        for s, x in values.items():
            names.setdefault((s, x), sp.Symbol(f"par{len(names)}", **s.assumptions0))
        renamed.append({s: names[s, x] for s, x in values.items()})
    return renamed, {new: x for (_, x), new in names.items()}
