"""What kernels that differ in numbers only have in common: their code, derived once and kept, and its key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from kernelcalc import kept
from kernelcalc.compile import cache
from kernelcalc.errors import Uncompiled
from kernelcalc.kept import recall
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc import symbols as sym
    from kernelcalc.compile.forms import named, program
    from kernelcalc.compile.tables import means
    from kernelcalc.expectation import diagonal, result
    from kernelcalc.functions.base import Function
    from kernelcalc.kernels import Kernel
else:
    sp, sym = Late("sympy"), Late("kernelcalc.symbols")
    means = Late("kernelcalc.compile.tables.means")
    named = Late("kernelcalc.compile.forms.named")
    program = Late("kernelcalc.compile.forms.program")
    diagonal, result = (Late(f"kernelcalc.expectation.{x}") for x in ("diagonal", "result"))

POINTER, INTEGER, NUMBER = "float64*", "int64", "float64"
RESULT = "result*"  # float64 or float32
SINGLE = "float32*"
SIGNATURES: dict[str, tuple[str, ...]] = {
    "constants": (POINTER,),
    "rows": (*(INTEGER,) * 2, *(POINTER,) * 3),
    "columns": (*(INTEGER,) * 2, *(POINTER,) * 3),
    "same": (*(INTEGER,) * 3, *(POINTER,) * 3),
    "tile": (
        *(POINTER,) * 2,
        *(INTEGER,) * 8,
        NUMBER,
        *(POINTER,) * 5,
        *(RESULT, INTEGER) * 2,
        "int64*",
        POINTER,
    ),
    "tilef": (
        *(POINTER,) * 2,
        *(INTEGER,) * 8,
        NUMBER,
        *(POINTER,) * 2,
        *(SINGLE,) * 5,
        POINTER,
        *(RESULT, INTEGER) * 2,
        "int64*",
        POINTER,
    ),
    "close": (
        *(POINTER,) * 2,
        *(INTEGER,) * 8,
        *(POINTER,) * 8,
        *(RESULT, INTEGER) * 2,
        "int64*",
        *(POINTER,) * 5,
    ),
}


POWERS = "powers"
NEAR = 0.05  # pairs with (1 - |r|)/2 below this are computed from the rows, not from the matrix product
CLOSER = 0.005  # the same for continuous functions by integrals: close pairs go to the second phase


@dataclass(frozen=True)
class Structure:
    """What kernels that differ in numbers only have in common."""

    source: str
    quantities: dict[str, int]  # numbers that point tables hold per layer and point: row, column; close, both
    constants: int
    tangent: bool
    mean: str  # whose mean is looked up in a table: "s1", "s2" or ""; POWERS: tables of powers are
    shape: list[str]  # the parameters on which the table depends, or which tables of powers
    slope: str  # the parameter that scales its argument
    shift: str | None = None  # the one that shifts it, "" for none; None: a table of one variable
    tapes: dict[str, str] = field(default_factory=dict)  # of the second phase
    covered: bool = True  # whether gaps.py has a rule for the covariance
    certain: bool = True  # whether the variances are sums of positive terms
    infinite: bool = False  # whether k(x, x) is, however small the density where surrogates share a mass
    renamed: bool = False  # whether parameters of the tabled function have other names here than there
    near: float = NEAR

    @property
    def in_float32(self) -> bool:
        """Whether there is code for layers in float32."""
        return "def tilef(" in self.source


def free_names(kernel: Kernel) -> list[str]:
    """Parameters of the functions that are not numbers."""
    _, parameters = program.share([dict(f.parameters + g.parameters) for f, g in _apart(kernel)])
    return [str(value) for value in parameters.values() if not value.is_number]


def jumps(kernel: Kernel) -> bool:
    """Whether an activation does."""
    return recall(kernel.recipe, "jumps", lambda: bool(kernel.f1.jumps or kernel.f2.jumps))


def silent(kernel: Kernel) -> list[bool]:
    """Whether f1(0) = 0, and f2(0)."""
    return recall(
        kernel.recipe, "silent", lambda: [bool(f.expr.subs(sym.z, 0) == 0) for f in (kernel.f1, kernel.f2)]
    )


def mute(kernel: Kernel) -> bool:
    """Whether the kernel vanishes with the variances: f(0) = 0, s(0) = 0 for one side, and no masses at 0."""

    def zero(f: Function) -> bool:
        return bool(f.expr.subs(sym.z, 0) == 0)

    def found() -> bool:
        surrogates = [s for s in (kernel.s1, kernel.s2) if s is not None]
        away = all(t != 0 for s in surrogates for t, _ in s.deltas)
        return zero(kernel.f1) and zero(kernel.f2) and away and (not surrogates or any(map(zero, surrogates)))

    return recall(kernel.recipe, "mute", found)


def parameters_of(kernel: Kernel, structure: Structure) -> list[sp.Expr | float]:
    """What the code takes as parameters: for a tabulated mean its slope and weight."""
    pairs = _apart(kernel)
    if structure.mean in ("", POWERS):
        return list(program.share([dict(f.parameters + g.parameters) for f, g in pairs])[1].values())
    other = pairs[3][0 if structure.mean == "s2" else 1]
    given = [dict(f.parameters + g.parameters) for f, g in pairs[:3]]
    _, parameters = program.share([*given, dict(other.parameters)])
    named = tabled(kernel, structure)
    return [*parameters.values(), *means.slope_and_weight(named, structure.slope, structure.shift)]


def tabled(kernel: Kernel, structure: Structure) -> Function:
    """The function whose mean is looked up, its parameters named as in `shape`, `slope` and `shift`."""
    if structure.renamed:
        return _apart(kernel)[3][structure.mean == "s2"]
    found: Function = getattr(kernel, structure.mean)
    return found


def lone_mass(kernel: Kernel) -> bool:
    """Whether a surrogate has a mass where its activation does not jump."""
    sides = (kernel.f1, kernel.s1), (kernel.f2, kernel.s2)
    return any(s is not None and bool(s.masses) and not f.jumps for f, s in sides)


def fractions(numbers: Iterable[sp.Expr | float]) -> list[str] | None:
    """The numbers as texts, if all are rational."""
    given = [sp.Rational(x) if isinstance(x, float) else x for x in numbers]
    return [str(x) for x in given] if all(x.is_Rational for x in given) else None


def _apart(kernel: Kernel) -> list[tuple[Function, ...]]:
    """The functions of the expectations of a layer, in the order of Layer.expectations."""
    pairs = [(kernel.f1, kernel.f1), (kernel.f2, kernel.f2), (kernel.f1, kernel.f2)]
    pairs += [] if kernel.s1 is None or kernel.s2 is None else [(kernel.s1, kernel.s2)]
    return [result.apart(*pair) for pair in pairs]


def _key(kernel: Kernel, values: bool) -> str:
    """Everything that the source depends on; values: with the values of real parameters."""
    return recall(kernel.recipe, f"key, {values}", lambda: _written(kernel, values))


def _written(kernel: Kernel, values: bool) -> str:
    def content(f: Function, kept: dict[sp.Symbol, sp.Symbol]) -> str:
        given = f if values else f.symbolic
        known = [(str(kept[s]), sp.srepr(s), sp.srepr(x)) for s, x in given.parameters]
        return repr((sp.srepr(f.template), sp.srepr(f.masses), known))

    pairs = _apart(kernel)
    names, _ = program.share([dict(f.parameters + g.parameters) for f, g in pairs])
    contents = [[content(f, kept) for f in pair] for pair, kept in zip(pairs, names, strict=True)]
    return repr((kernel.f1 == kernel.f2, kernel.symmetric, values, contents))


@lru_cache(maxsize=1024)
def compiled(source: str, entry: str, dtype: str = "float64") -> Callable[..., None]:
    types = tuple(name.replace("result", dtype) for name in SIGNATURES[entry])
    return cache.function(source, entry, types)


@lru_cache(maxsize=128)
def structure_of(kernel: Kernel) -> Structure:
    """Derived, or as an earlier process derived it. Raises Uncompiled where there is no code for it."""
    found = json.loads(kept.text(_key(kernel, False), lambda: _derived(kernel, False)))
    if found is None:  # the closed form holds for these values only
        found = json.loads(kept.text(_key(kernel, True), lambda: _derived(kernel, True)))
    if isinstance(found, str):
        raise Uncompiled(found)
    return Structure(**found)


def _derived(kernel: Kernel, values: bool) -> str:
    """As _derive; the reason as a text where there is no compiled form."""
    try:
        return _derive(kernel, values)
    except Uncompiled as error:
        return json.dumps(str(error))


def evaluator_key(kernel: Kernel) -> str:
    """What tells the functions of a kernel apart, the values of their parameters included."""
    return _key(kernel, True)


def _derive(kernel: Kernel, values: bool) -> str:
    """A Structure as JSON; null where it depends on the values of the parameters."""
    from kernelcalc.compile import tape
    from kernelcalc.compile.forms import named
    from kernelcalc.compile.forms.stable import certain, covered, diagonal_program, infinite, power_tables
    from kernelcalc.compile.forms.stable import program as derived
    from kernelcalc.compile.source.emit import Module
    from kernelcalc.compile.taping import texts

    if not values and not _general(kernel):
        return json.dumps(None)
    ordinary, close = derived(kernel), derived(kernel, close=True)
    same = diagonal_program(kernel) if kernel.f1 == kernel.f2 else None
    module, tables = Module(ordinary, close, same), power_tables(kernel)
    needs = named.needs(kernel.layer.factor)
    if tables and needs[0]:
        raise Uncompiled(f"{kernel!r} would need tables of two kinds")
    kinds: list[tuple[str, program.Program, tuple[str, ...]]] = [("near", close, tape.NEAR)]
    kinds += [] if ordinary.integrals else [("far", ordinary, tape.FAR)]
    kinds += [] if same is None else [("point", same, tape.POINT)]
    made = Structure(
        module.text(),
        module.counts(),
        module.constant_count,
        kernel.layer.factor is not None,
        *((POWERS, tables, "", None) if tables else needs),
        texts(kinds),
        covered(kernel),
        certain(kernel),
        infinite(kernel),
        bool(needs[0]) and _apart(kernel)[3][needs[0] == "s2"] != getattr(kernel, needs[0]),
        CLOSER if ordinary.integrals and not jumps(kernel) else NEAR,
    )
    return json.dumps(vars(made))


def _general(kernel: Kernel) -> bool:
    """Whether the closed forms, and where the activations jump, hold for all values of their parameters."""
    found = [result.dual(f.symbolic, g.symbolic) for f, g in _apart(kernel)]
    if not all(e.template is not None or (i == 3 and e.reduction) for i, e in enumerate(found)):
        return False
    if any(e.template is not None and e.template.has(sp.hyper) for e in found):  # tables are made for numbers
        return False
    layer = kernel.layer
    at_points = [layer.first, layer.second]
    if kernel.f1 == kernel.f2 and layer.factor is not None and not named.role(layer.factor):
        at_points.append(layer.factor)
    return all(diagonal.general(e) for e in at_points)
