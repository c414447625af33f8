"""The public face of a derived expectation: its closed form, its steps, its limits and its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import sympy as sp

from kernelcalc import trace
from kernelcalc.errors import InputError
from kernelcalc.expectation.engine import derive_dual, derive_mean, written
from kernelcalc.expectation.problem import NoRule, Step
from kernelcalc.functions.base import Function
from kernelcalc.functions.entry import as_function
from kernelcalc.symbols import a, b, c, v

if TYPE_CHECKING:
    import numpy as np
    from mpmath import mpf
    from numpy.typing import NDArray

    from kernelcalc.expectation.reduced import Reduced


@dataclass(frozen=True)
class Expectation:
    """E f(Z), Z ~ N(0, v), or E f(X) g(Y), (X, Y) ~ N(0, [[a, c], [c, b]]).

    template: the closed form in parameter symbols, None where the rules find none (then ``reason`` says why
    and values come from quadrature with an error bound); values: parameter symbol -> value.
    """

    f: Function
    g: Function | None
    template: sp.Expr | None
    steps: tuple[Step, ...]
    values: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()
    reason: str = ""

    @cached_property
    def expr(self) -> sp.Expr | None:
        """The closed form in symbols.a, .b, .c (or .v), or None."""
        return None if self.template is None else self._put(self.template)

    def _put(self, form: sp.Expr, *, but: sp.Symbol | None = None) -> sp.Expr:
        """A form in parameter symbols with the values put in, but for one parameter."""
        return form.subs([(s, x) for s, x in self.values if s not in (x, but)], simultaneous=True)

    @cached_property
    def reduction(self) -> Reduced | None:
        """A dual as weights times a mean G(v) of one of its functions, in parameter symbols, or None."""
        from kernelcalc.expectation.reduced import reduce

        return None if self.g is None else reduce(self.f.symbolic, self.g.symbolic)

    @cached_property
    def reduced(self) -> sp.Expr | None:
        """A dual in a, b, c and the unevaluated mean G(v) = E g(Z), Z ~ N(0, v), of g (or of f); None where
        more than a mean is left. Exists with and without a closed form."""
        return None if self.reduction is None else self._put(self.reduction.form)

    @property
    def closed_form(self) -> bool:
        """Whether the rules found a closed form."""
        return self.template is not None

    @property
    def arguments(self) -> tuple[sp.Symbol, ...]:
        """(v,) for a mean, (a, b, c) for a dual."""
        return (v,) if self.g is None else (a, b, c)

    def _found(self) -> sp.Expr:
        if self.template is None:
            raise InputError(
                f"{self} has no closed form ({self.reason}); call it for values, or use .reference"
            )
        return self.template

    def _parameter(self, name: str | sp.Symbol) -> sp.Symbol:
        known = {s.name: s for s in self._found().free_symbols} | {s.name: s for s, _ in self.values}
        if str(name) not in known:
            raise InputError(f"{self} has no parameter {str(name)!r}; it has {sorted(known)}")
        return known[str(name)]

    def limit(self, name: str | sp.Symbol, point: object) -> sp.Expr:
        """The limit of the closed form as a parameter or argument tends to a point (oo allowed)."""
        from kernelcalc.expansions import limit

        symbol = self._parameter(name)
        self._record()
        return limit(self._put(self._found(), but=symbol), symbol, sp.sympify(point))

    def asymptotic(
        self, name: str | sp.Symbol, point: object = sp.oo, *, terms: int = 1, diagonal: bool = False
    ) -> sp.Expr:
        """The leading terms of the closed form as a parameter or argument tends to a point.

        terms: how many; diagonal: at X = Y (b = c = a) instead of off the diagonal.
        """
        from kernelcalc.expansions import expand

        symbol = self._parameter(name)
        form = self.symbolic_diagonal if diagonal else self._found()
        if form is None or form.is_infinite:
            raise InputError(f"{self} is {form} at X = Y: there is nothing to expand")
        self._record()
        return expand(self._put(form, but=symbol), symbol, sp.sympify(point), terms)

    @cached_property
    def symbolic_diagonal(self) -> sp.Expr | None:
        """The closed form at X = Y in symbols.a and parameter symbols; oo where infinite; None if unknown."""
        from kernelcalc.expectation.diagonal import diagonal

        return diagonal(self)

    @cached_property
    def diagonal(self) -> sp.Expr | None:
        """The closed form at X = Y in symbols.a; oo where it is infinite; None where there is none."""
        form = self.symbolic_diagonal
        if form is None:
            return None
        if self.g is not None:
            trace.note("X = Y", written(self.f.symbolic, self.g.symbolic, a, a, a), form)
        return self._put(form)

    def _record(self) -> None:
        """Write the derivation down where one is being recorded."""
        trace.extend(self.steps)

    def latex(self, *, notation: str = "paper", symbols: Mapping[str, str] | None = None) -> str:
        """The closed form as LaTeX, in a, b, c (or v), or in the notation of "neural-tangents".

        symbols: how single symbols are written, {"m": r"\\beta"}. Raises InputError for another notation.
        """
        from kernelcalc.notation import Notation, latex, using

        with using(Notation(notation, symbols=symbols or {})):
            return latex(self._put(self._found()))

    def code(self, language: str) -> str:
        """Source code of the closed form, nothing else needed: "python", "c", "mathematica" or "julia".

        expectation(a, b, c), or expectation(v) for a mean; parameters without values are further arguments.
        This is the textbook form: it loses digits near parallel points, which a call of this object does not.
        Raises InputError without a closed form, and for functions that the language lacks.
        """
        from kernelcalc.codegen.languages import code

        return code(self, language)

    def _repr_latex_(self) -> str:
        from kernelcalc.display import expectation_latex

        return expectation_latex(self)

    def _repr_markdown_(self) -> str:
        from kernelcalc.display import expectation_markdown

        return expectation_markdown(self)

    def __call__(self, *arguments: Any) -> Any:
        """Float64 values; arrays broadcast. A mean takes v, a dual takes a, b, c (variances, covariance).

        Raises InputError for NaN, negative variances, c^2 > a b, and Undefined where it is infinite.
        """
        values, _ = self.bounded(*arguments)
        return values if values.shape else float(values)

    def bounded(self, *arguments: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Float64 values, as a call gives them, and bounds of their absolute errors, as arrays.

        Closed forms and the reference are rounded once; a series is bounded in ``expectation.numeric``.
        """
        from kernelcalc.expectation.evaluate import evaluate

        return evaluate(self, arguments)

    def reference(self, *arguments: object, digits: int | None = None) -> mpf:
        """mpmath quadrature of the definition, independent of the closed form, to that many digits."""
        from kernelcalc import quadrature

        if self.g is None:
            (variance,) = arguments
            return quadrature.mean(self.f, variance, digits=digits or 50)
        return quadrature.dual(self.f, self.g, *arguments, digits=digits or 30)

    def __repr__(self) -> str:
        return f"mean({self.f!r})" if self.g is None else f"dual({self.f!r}, {self.g!r})"


def dual(f: Function, g: Function | None = None) -> Expectation:
    """E[f(X) g(Y)], (X, Y) ~ N(0, [[a, c], [c, b]]), derived; g defaults to f.

    Parameters stay symbols in the derivation, so .limit("m", oo) works for any value of m. Parameters of
    the same name and value are one parameter; with different values, g's gets the suffix _2.
    """
    found = _dual(*apart(as_function(f), as_function(f if g is None else g)))
    found._record()
    return found


def apart(*functions: Function) -> tuple[Function, ...]:
    """The functions with a symbol of its own for every parameter value: m, then m_2, m_3, ... in order."""
    taken: dict[str, tuple[sp.Symbol, sp.Expr]] = {}
    found = []
    for f in functions:
        renamed = {}
        for s, value in f.parameters:
            others = (sp.Symbol(f"{s.name}_{i}", **s.assumptions0) for i in count(2))
            for symbol in chain([s], others):
                if taken.setdefault(symbol.name, (symbol, value)) == (symbol, value):
                    renamed[s] = symbol
                    break
        found.append(f if all(s == t for s, t in renamed.items()) else f.renamed(renamed))
    return tuple(found)


def mean(f: Function, mu: object = 0) -> Expectation:
    """E f(Z), Z ~ N(mu, v), derived; mu is a number, or "mu" for a symbol. The result is a function of v."""
    found = _mean(as_function(f).shifted(mu))
    found._record()
    return found


@lru_cache(maxsize=1024)
def _dual(f: Function, g: Function) -> Expectation:
    values = tuple(dict(f.parameters + g.parameters).items())
    found = _first((f.symbolic, g.symbolic), (_shaped(f), _shaped(g)), (f, g))
    return replace(found, f=f, g=g, values=values)


@lru_cache(maxsize=1024)
def _mean(f: Function) -> Expectation:
    found = _first((f.symbolic, None), (_shaped(f), None), (f, None))
    return replace(found, f=f, values=f.parameters)


def _shaped(f: Function) -> Function:
    """The function with symbols for its parameters, but for those in exponents, which shape the formula."""
    shape = set().union(*(power.exp.free_symbols for power in f.template.atoms(sp.Pow)))
    kept = tuple((s, x if s.is_integer or s in shape else s) for s, x in f.parameters)
    return replace(f, parameters=kept)


def _first(*ways: tuple[Function, Function | None]) -> Expectation:
    """The first way to write the functions that has a closed form; the last, where none has. Powers of
    numbers may have an elementary one."""
    made: list[Expectation] = []
    for way in dict.fromkeys(ways):
        made.append(_derived(*way))
        if made[-1].template is not None and not made[-1].template.has(sp.hyper):
            return made[-1]
    return next((found for found in made if found.template is not None), made[-1])


@lru_cache(maxsize=1024)
def _derived(f: Function, g: Function | None) -> Expectation:
    try:
        template, steps = derive_mean(f) if g is None else derive_dual(f, g)
    except (NoRule, InputError) as stopped:  # InputError: parameters that leave the pieces of f open
        return Expectation(f, g, None, (), reason=str(stopped))
    return Expectation(f, g, template, steps)
