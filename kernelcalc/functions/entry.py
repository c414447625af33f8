"""A named family of functions as data: name, parameters with their domain, expression, source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function, exact, planned
from kernelcalc.kept import recall
from kernelcalc.late import Deferred, Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc.functions import catalogue
else:
    sp, catalogue = Late("sympy"), Late("kernelcalc.functions.catalogue")


@dataclass(frozen=True)
class Parameter:
    """A parameter: its symbol, its default, and what values it may take."""

    symbol: sp.Symbol
    default: sp.Expr
    above: sp.Expr | None = None  # values must be greater

    def value(self, given: object, owner: str) -> sp.Expr:
        """The given value, exact; InputError if it breaks the symbol's assumptions."""
        value = exact(self.default if given is None else given, f"{owner}: {self.symbol}")
        if not value.is_real:
            raise InputError(f"{owner}: {self.symbol}={given!r} must be real")
        for holds, words in (
            ("is_positive", "> 0"),
            ("is_nonnegative", ">= 0"),
            ("is_integer", "an integer"),
        ):
            if getattr(self.symbol, holds) and not getattr(value, holds):  # so a symbol must be declared so
                raise InputError(f"{owner}: {self.symbol}={given!r} must be {words}")
        if self.above is not None and not (value - self.above).is_extended_positive:
            raise InputError(f"{owner}: {self.symbol}={given!r} must be > {self.above}")
        return value


@dataclass(frozen=True)
class Entry(Deferred):
    """One named family; calling it with parameter values gives a Function."""

    name: str  # the public name, kc.<name>
    label: str  # the name in formulas and on the command line
    expr: sp.Expr
    parameters: tuple[Parameter, ...] = field(default_factory=tuple)
    source: str = field(default_factory=str)
    recipe: str = field(default="", init=False, compare=False)

    @planned
    def __call__(self, *args: object, **kwargs: object) -> Function:
        names = [p.symbol.name for p in self.parameters]
        if len(args) > len(names) or set(kwargs) - set(names) or set(names[: len(args)]) & set(kwargs):
            raise InputError(f"{self.name} takes ({', '.join(names)}); got {args!r} {kwargs!r}")
        given = dict(zip(names, args, strict=False)) | kwargs
        values = tuple((p.symbol, p.value(given.get(p.symbol.name), self.name)) for p in self.parameters)
        if not self.expr.has(sp.Sum):
            return Function(self.label, self.expr, values, source=self.source)
        counts = {symbol: value for symbol, value in values if symbol.is_integer}  # they shape the formula
        label = f"{self.label}[{', '.join(f'{symbol}={value}' for symbol, value in counts.items())}]"
        rest = tuple(pair for pair in values if pair[0] not in counts)
        return Function(label, self.expr.subs(counts).doit(), rest, source=self.source)

    def __repr__(self) -> str:
        inner = ", ".join(f"{p.symbol}={p.default}" for p in self.parameters)
        return f"{self.name}({inner})"


def named(name: str) -> Entry | None:
    """The family of the catalogue with this public name; without its formula as long as none is needed."""
    if name not in recall("the catalogue", "names", lambda: list(catalogue.BY_NAME)):
        return None
    return Entry.later(lambda: catalogue.BY_NAME[name], name=name, recipe=name)




def as_function(value: object, role: str = "") -> Function:
    """The value if it is a function of z; else an InputError that says how to get one."""
    if isinstance(value, Function):
        return value
    what = f"{role} {value!r}".lstrip()
    if isinstance(value, Entry):
        raise InputError(f"{role} kc.{value.name} is a family of functions: call it, kc.{value!r}".lstrip())
    hint = f"kc.function_by_name({value!r})" if isinstance(value, str) else "kc.Erf(), say,"
    raise InputError(f"{what} is not a function; take {hint} or kc.function('formula in z')")


def parameter(name: str, default: object, **assumptions: bool) -> Parameter:
    """A parameter, real unless more is assumed of its symbol."""
    return Parameter(sp.Symbol(name, **(assumptions or {"real": True})), sp.sympify(default))
