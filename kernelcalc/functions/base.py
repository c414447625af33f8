"""A function of one variable: an activation function or a surrogate derivative, as a distribution.

A function is its regular part (a SymPy expression in ``symbols.z``) plus Dirac masses. Parameters stay
symbols in ``template`` so that one derivation serves all their values; ``expr`` has the values put in.

A function made by calls with plain arguments, Erf(2).derivative, has these as its recipe: where an earlier
process has made it, its formula is not made before it is needed, and what is ``remembered`` is known at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial, wraps
from itertools import chain, count
from types import MappingProxyType
from typing import TYPE_CHECKING, ParamSpec, TypeAlias

from kernelcalc.errors import InputError
from kernelcalc.kept import digest, recipe, remembered
from kernelcalc.late import Deferred, Late, unlocked

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc import symbols as sym
    from kernelcalc.functions import analysis, decide, periodic
else:
    sp, sym = Late("sympy"), Late("kernelcalc.symbols")
    analysis, decide = Late("kernelcalc.functions.analysis"), Late("kernelcalc.functions.decide")
    periodic = Late("kernelcalc.functions.periodic")

P = ParamSpec("P")
Masses: TypeAlias = "tuple[tuple[sp.Expr, sp.Expr], ...]"
RESERVED = {"z", "a", "b", "c", "v"}  # the argument, variances and the covariance


def exact(value: object, name: str = "value") -> sp.Expr:
    """A parameter as an exact SymPy number or symbol (a float keeps its binary value).

    Raises InputError for NaN, infinities, what is no number, and the names z, a, b, c, v that formulas use
    themselves; a string names a new positive symbol.
    """
    given = value
    if isinstance(value, str):
        if not value.isidentifier():
            raise InputError(f"{name}={value!r}: a parameter is a number, a SymPy symbol or the name of one")
        given = sp.Symbol(value, positive=True)
    elif isinstance(value, float):
        given = sp.Rational(value) if abs(value) < float("inf") else sp.nan  # also catches nan
    try:
        number = sp.sympify(given, strict=True)
    except (sp.SympifyError, TypeError) as error:
        raise InputError(f"{name}={value!r} is not a number") from error
    if not isinstance(number, sp.Expr) or number.is_finite is False or number is sp.nan:
        raise InputError(f"{name}={value!r} must be a finite real number")
    if taken := {s.name for s in number.free_symbols} & RESERVED:
        raise InputError(f"{name}={value!r}: the name {min(taken)!r} is taken by the formulas; use another")
    return sp.Rational(number) if number.is_Float else number


def shown(value: sp.Expr) -> str:
    """An exact number as people write it: 0.1 for the float 0.1, 1/3 for the fraction."""
    is_float = value.is_Rational and not value.is_Integer and sp.Rational(float(value)) == value
    return repr(float(value)) if is_float else str(value)


def fraction(value: object) -> Fraction | None:
    """A plain number as a fraction; None for all else."""
    if isinstance(value, float):
        return Fraction(value) if abs(value) < float("inf") else None
    return Fraction(value) if isinstance(value, int | Fraction) and not isinstance(value, bool) else None


def nearest_float(value: Fraction | sp.Expr) -> float:
    """The float next to an exact number >= 0; infinite beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def planned(make: Callable[P, Function]) -> Callable[P, Function]:
    """What makes functions, so that they have a recipe and are made when their formula is needed."""

    @wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> Function:
        written = recipe(make.__qualname__, args, kwargs)
        if not written:
            return make(*args, **kwargs)
        made = Function.later(partial(make, *args, **kwargs), recipe=written)
        _ = made.fingerprint  # fails as make does, unless an earlier process made it
        return made

    return call


@dataclass(frozen=True, eq=False)
class Function(Deferred):
    """f(z) = regular part + sum of weight * delta(z - location); hashable, compared by content.

    name: how people call it; template: regular part in z and parameter symbols; parameters: pairs
    (symbol, value); masses: pairs (location, weight) in parameter symbols; own: made from a user's formula:
    kernels refuse it as a surrogate derivative if it is unbounded.
    """

    name: str
    template: sp.Expr
    parameters: tuple[tuple[sp.Symbol, sp.Expr], ...] = field(default_factory=tuple)
    masses: Masses = field(default_factory=tuple)
    source: str = field(default_factory=str)
    own: bool = field(default_factory=bool)
    recipe: str = field(default="", init=False)

    @remembered
    def fingerprint(self) -> str:
        """What tells functions apart: name, formula, parameters and masses."""
        parameters = [(sp.srepr(s), sp.srepr(value)) for s, value in self.parameters]
        return digest(self.name, sp.srepr(self.template), parameters, sp.srepr(self.masses))

    def __eq__(self, other: object) -> bool:
        return self.fingerprint == other.fingerprint if isinstance(other, Function) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __post_init__(self) -> None:
        unknown = self.template.free_symbols - {sym.z} - {symbol for symbol, _ in self.parameters}
        if unknown:
            raise InputError(
                f"{self.name}: unexpected symbols {sorted(map(str, unknown))}; use z for the argument"
            )
        if taken := {symbol.name for symbol, _ in self.parameters} & RESERVED:
            raise InputError(f"{self.name}: no parameter may be called {min(taken)!r}, formulas use it")

    def _put(self, expr: sp.Expr) -> sp.Expr:
        return expr.subs([(s, value) for s, value in self.parameters if s != value])

    @property
    def params(self) -> Mapping[str, sp.Expr]:
        """Parameter name -> value."""
        return MappingProxyType({s.name: value for s, value in self.parameters})

    @unlocked
    def expr(self) -> sp.Expr:
        """The regular part, in z, with the parameters' values."""
        return self._put(self.template)

    @unlocked
    def deltas(self) -> Masses:
        """Dirac masses as pairs (location, weight)."""
        put = ((self._put(t), self._put(w)) for t, w in self.masses)
        return tuple((t, w) for t, w in put if w != 0)

    @unlocked
    def symbolic(self) -> Function:
        """The same function with its parameters left as symbols (integer ones shape the formula: they keep
        their values)."""
        return replace(self, parameters=tuple((s, v if s.is_integer else s) for s, v in self.parameters))

    def renamed(self, names: Mapping[sp.Symbol, sp.Symbol]) -> Function:
        """The same function written in other parameter symbols."""
        return replace(
            self,
            template=self.template.xreplace(dict(names)),
            masses=tuple((t.xreplace(dict(names)), w.xreplace(dict(names))) for t, w in self.masses),
            parameters=tuple((names.get(s, s), value.xreplace(dict(names))) for s, value in self.parameters),
        )

    @planned
    def with_params(self, **values: object) -> Function:
        """The same function with other parameter values."""
        unknown = set(values) - set(self.params)
        if unknown:
            raise InputError(
                f"{self.name} has no parameter {sorted(unknown)[0]!r}; it has {sorted(self.params)}"
            )
        pairs = tuple(
            (s, exact(values[s.name], s.name) if s.name in values else old) for s, old in self.parameters
        )
        return replace(self, parameters=pairs)

    def _new_parameter(self, value: object, name: str, **assumptions: bool) -> tuple[sp.Symbol, sp.Expr]:
        """A symbol that no parameter has yet, with its value."""
        names = chain([name], (f"{name}_{i}" for i in count(2)))
        free = next(word for word in names if word not in self.params)
        return sp.Symbol(free, **assumptions), exact(value, name)

    @planned
    def centred(self, theta: object) -> Function:
        """f(z - theta), theta a real number or symbol: a surrogate derivative centred at a threshold."""
        symbol, value = self._new_parameter(theta, "theta", real=True)
        if not value.is_real:
            raise InputError(f"{self!r}: theta={theta!r} must be real")
        if value == 0:
            return self
        return replace(
            self,
            name=f"{self.name}[z - {shown(value)}]",
            template=self.template.subs(sym.z, sym.z - symbol),
            parameters=(*self.parameters, (symbol, value)),
            masses=tuple((t + symbol, w) for t, w in self.masses),
        )

    @planned
    def smoothed(self, epsilon: object) -> Function:
        """z -> E f(z + epsilon Z), Z standard normal, epsilon > 0: its means and duals are those of f at
        variances v + epsilon^2; a bounded f becomes Lipschitz. InputError where the rules find no formula."""
        from kernelcalc.expectation.smoothing import smoothed

        symbol, value = self._new_parameter(epsilon, "epsilon", positive=True)
        if not value.is_positive:
            raise InputError(f"{self!r}: epsilon={epsilon!r} must be > 0")
        return smoothed(self, symbol, value)

    @planned
    def shifted(self, by: object) -> Function:
        """f(z + mu) for a number, or for a symbol: kc.symbols.mu, or "mu" for short."""
        mu = sym.mu
        value = mu if by == mu.name else exact(by, "shift")
        if value == 0:
            return self
        if mu in dict(self.parameters):
            raise InputError(f"{self!r} is shifted already")
        return replace(
            self,
            name=f"{self.name}[z + {shown(value)}]",
            template=self.template.subs(sym.z, sym.z + mu),
            masses=tuple((t - mu, w) for t, w in self.masses),
            parameters=(*self.parameters, (mu, value)),
        )

    @unlocked
    def derivative(self) -> Function:
        """The derivative as a distribution: regular part plus a mass of the height of every jump."""
        return self._derived()

    @planned
    def _derived(self) -> Function:
        if self.masses:
            raise InputError(f"{self.name} has Dirac masses; its derivative is not a measure")
        if self.template.has(periodic.nearest):  # these are continuous
            return Function(f"{self.name}'", self.template.diff(sym.z), self.parameters, own=self.own)
        regular, masses = analysis.derivative(self.template)
        return Function(f"{self.name}'", regular, self.parameters, tuple(masses), own=self.own)

    @unlocked
    def _finite(self) -> sp.Expr:
        """The regular part with what repeats for ever cut off after one period: its bounds are the same."""
        return periodic.unrolled(self.expr)

    @unlocked
    def breakpoints(self) -> tuple[sp.Expr, ...]:
        """Every kink and jump of the regular part, sorted; of a wave those of many periods."""
        found = analysis.breakpoints(self._finite)
        if not self.expr.has(periodic.nearest, periodic.rising):
            return tuple(found)
        return tuple(decide.distinct([*found, *periodic.kinks(self.expr)]))

    @unlocked
    def jumps(self) -> Masses:
        """Pairs (location, height) of the jumps of the regular part."""
        if self.expr.has(periodic.rising):
            raise InputError(f"{self!r} has infinitely many jumps")
        return tuple(analysis.jumps(self._finite))

    @unlocked
    def kinks(self) -> tuple[sp.Expr, ...]:
        """Locations where the regular part is continuous but its derivative jumps."""
        return tuple(analysis.kinks(self._finite))

    @unlocked
    def parity(self) -> str | None:
        """ "even", "odd" or None, masses included."""
        parity = analysis.parity(self._finite)
        masses = dict(self.deltas)
        if not masses:
            return parity
        if self.expr == 0:
            parity = "even" if any(-t in masses and masses[-t] == w for t, w in self.deltas) else "odd"
        sign = {"even": 1, "odd": -1}.get(parity or "", 0)
        return parity if sign and all(masses.get(-t) == sign * w for t, w in self.deltas) else None

    @remembered
    def bounded(self) -> bool:
        """Whether sup |f| is finite (a Dirac mass is not)."""
        return not self.masses and analysis.bounded(self._finite)

    @remembered
    def steep(self) -> bool:
        """Whether the slope of the regular part is unbounded between its jumps; far quicker than its
        supremum, the Lipschitz constant."""
        return analysis.steep(self._finite)

    @unlocked
    def lipschitz(self) -> sp.Expr | None:
        """The Lipschitz constant, or None where there is none."""
        return None if self.masses else analysis.lipschitz(self._finite)

    @unlocked
    def envelope(self) -> tuple[sp.Expr, sp.Expr] | None:
        """(c, m) with |f(u)| <= c + m |u| for all u (the linear envelope, S50), or None."""
        return None if self.masses else analysis.envelope(self._finite)

    def __call__(self, x: float) -> float:
        """The regular part at x."""
        value = self.expr.subs(sym.z, exact(x, "x"))
        if not value.is_number:
            raise InputError(f"{self!r}: give numbers for {', '.join(sorted(map(str, value.free_symbols)))}")
        return float(value)

    @remembered
    def _words(self) -> str:
        inner = ", ".join(f"{name}={shown(value)}" for name, value in self.params.items())
        return f"{self.name}({inner})" if inner else self.name

    def __repr__(self) -> str:
        return self._words

    def _repr_latex_(self) -> str:
        from kernelcalc.display import function_latex

        return function_latex(self)

    def _repr_markdown_(self) -> str:
        from kernelcalc.display import code

        return f"{code(repr(self))}: {self._repr_latex_()}"
