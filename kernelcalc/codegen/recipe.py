"""What is printed: the recursion of a kernel, or an expectation, as straight-line steps.

This is the textbook form. It loses digits near parallel points, where a b - c^2 cancels, and is clipped where
a rounding leads out of the domain; the compiled k(X) does neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.expressions import complementary
from kernelcalc.functions.normal import Phi
from kernelcalc.functions.special import erfcx, goodwin_staton
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import T, a, b, c, sigma_b, sigma_w

Expr = Any  # SymPy carries no types
arcsine, root = sp.Function("arcsine"), sp.Function("root")  # clipped; each language defines them
TAKEN = {"a", "b", "c", "T", "v", "x", "y", "n", "k", "expectation", "layer", "same", "depth", "state", "i"}
PRINTED = (
    sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.asin, sp.acos, sp.atan, sp.asinh,
    sp.erf, sp.erfc, sp.Abs, arcsine, root,
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """results = expressions in the inputs, parameters and the named subexpressions, in order."""

    inputs: tuple[sp.Symbol, ...]
    named: tuple[tuple[sp.Symbol, Expr], ...]
    results: tuple[Expr, ...]

    @property
    def expressions(self) -> tuple[Expr, ...]:
        return (*(value for _, value in self.named), *self.results)


@dataclass(frozen=True)
class Recipe:
    """title: what it is; step: from a, b, c (and T) to the next, or to the value of an expectation.

    same: the same at x = y, in a (and T); None where the formula of step is used there too. constants:
    parameters with their values; arguments: those without. depth: of a kernel, a number or a symbol.
    """

    title: str
    step: Step
    same: Step | None
    constants: tuple[tuple[sp.Symbol, Expr], ...]
    arguments: tuple[sp.Symbol, ...]
    depth: int | sp.Symbol | None = None

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        return (*(symbol for symbol, _ in self.constants), *self.arguments)

    @property
    def tangent(self) -> bool:
        return T in self.step.inputs

    @property
    def expressions(self) -> list[Expr]:
        return [*self.step.expressions, *(self.same.expressions if self.same else ())]

    def functions(self) -> set[Any]:
        """Every function in it."""
        return {f.func for e in self.expressions for f in e.atoms(sp.Function, sp.Piecewise, sp.Max, sp.Min)}

    def has(self, part: Expr) -> bool:
        return any(e.has(part) for e in self.expressions)


def recipe(source: Kernel | Expectation, known: Iterable[Any]) -> Recipe:
    """The recipe of a kernel or an expectation. known: further functions that the language has.

    Raises InputError without a closed form, and for functions that the language lacks.
    """
    made = _kernel(source) if isinstance(source, Kernel) else _expectation(source)
    missing = made.functions() - set(PRINTED) - set(known)
    if missing:
        names = ", ".join(sorted(f.__name__ for f in missing))
        raise InputError(f"{source!r}: this language has no {names}; evaluate it with kernelcalc instead")
    return made


def _expectation(e: Expectation) -> Recipe:
    if e.template is None:
        raise InputError(f"{e!r} has no closed form ({e.reason}), so there is no code to print")
    names = _Parameters()
    form = e.template.xreplace(names.symbols(dict(e.values)))
    diagonal = e.symbolic_diagonal
    same = None
    if e.g is not None and diagonal is not None:
        same = _step((a,), [diagonal.xreplace(names.symbols(dict(e.values)))])
    return Recipe(repr(e), _step(e.arguments, [form]), same, *names.sorted(form, diagonal))


def _kernel(kernel: Kernel) -> Recipe:
    names = _Parameters()
    w, bias = (names.symbol(s, value) for s, value in ((sigma_w, kernel.sigma_w), (sigma_b, kernel.sigma_b)))

    def put(e: Expectation, form: Expr) -> Expr:
        if form is None:
            raise InputError(f"{kernel!r} has no closed form: {e!r}: {e.reason}")
        return form.xreplace(names.symbols(dict(e.values)))

    layer = kernel.layer
    first, second, cross = (put(e, e.template) for e in (layer.first, layer.second, layer.cross))
    at_x, at_y = (put(e, e.symbolic_diagonal) for e in (layer.first, layer.second))
    maps = [w**2 * form + bias**2 for form in (at_x, at_y.subs(a, b), cross)]
    inputs: tuple[sp.Symbol, ...] = (a, b, c)
    same_inputs: tuple[sp.Symbol, ...] = (a,)
    alike = [maps[0]]
    if layer.factor is not None:
        maps.append(maps[2] + T * w**2 * put(layer.factor, layer.factor.template))
        diagonal = layer.factor.symbolic_diagonal
        known = diagonal is not None
        alike.append(maps[0] + T * w**2 * put(layer.factor, diagonal) if known else sp.nan)
        inputs, same_inputs = (a, b, c, T), (a, T)
    same = _step(same_inputs, alike) if kernel.f1 == kernel.f2 and sp.nan not in alike else None
    used = names.sorted(w, bias, first, second, *maps, *alike)
    return Recipe(repr(kernel), _step(inputs, maps), same, *used, depth=kernel.depth)


class _Parameters:
    """Symbols for pairs of name and value: the same name with another value gets a number behind it."""

    def __init__(self) -> None:
        self.known: dict[tuple[sp.Symbol, Expr], sp.Symbol] = {}

    def symbol(self, symbol: sp.Symbol, value: Expr) -> sp.Symbol:
        if (symbol, value) not in self.known:
            taken = {s.name for s in self.known.values()} | TAKEN
            stem = symbol.name.rstrip("_0123456789") if symbol.name[-1:].isdigit() else symbol.name
            names = (stem if i == 1 else f"{stem}_{i}" for i in count(1))
            name = next(name for name in names if name not in taken)
            self.known[symbol, value] = sp.Symbol(name, **symbol.assumptions0)
        return self.known[symbol, value]

    def symbols(self, values: Mapping[sp.Symbol, Expr]) -> dict[sp.Symbol, sp.Symbol]:
        return {symbol: self.symbol(symbol, value) for symbol, value in values.items()}

    def sorted(self, *forms: Expr) -> tuple[tuple[tuple[sp.Symbol, Expr], ...], tuple[sp.Symbol, ...]]:
        """Constants with their values, and arguments, that appear in the forms."""
        used = set().union(*(form.free_symbols for form in forms if form is not None))
        constants = {s: value for (_, value), s in self.known.items() if s in used and value.is_number}
        unknown = [s for (_, value), s in self.known.items() if s in used and not value.is_number]
        return tuple(constants.items()), tuple(unknown)


def _step(inputs: tuple[sp.Symbol, ...], forms: list[Expr]) -> Step:
    """Subexpressions that appear more than once get names x0, x1, ..."""
    prepared = [_clipped(_elementary(form)) for form in forms]
    named, results = sp.cse(prepared, symbols=(sp.Symbol(f"x{i}") for i in count()), optimizations="basic")
    return Step(inputs, tuple(named), tuple(results))


def _elementary(form: Expr) -> Expr:
    """Distribution functions and w - w erf(u) as erfc, which keeps digits; sign and Heaviside as cases."""
    form = form.replace(lambda e: isinstance(e, erfcx | goodwin_staton), lambda e: e.definition())
    form = complementary(form)
    form = form.replace(Phi, lambda u: sp.erfc(-u / sp.sqrt(2)) / 2)
    form = form.replace(sp.sign, lambda u: sp.Piecewise((1, u > 0), (-1, u < 0), (0, True)))
    return form.replace(sp.Heaviside, lambda u, *_: sp.Piecewise((1, u > 0), (0, u < 0), (sp.S.Half, True)))


def _clipped(form: Expr) -> Expr:
    """asin and roots of what is no negative number only up to roundings through helpers that clip."""

    def power(base: Expr, exponent: Expr) -> Expr:
        if exponent.is_Rational and exponent.q == 2 and base.is_nonnegative is None:
            return root(base) ** (2 * exponent)
        return base**exponent

    form = form.replace(sp.asin, arcsine)
    return form.replace(lambda e: e.is_Pow, lambda e: power(*e.args))
