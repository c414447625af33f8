"""The catalogue: every named function as data (name, parameters with their domain, expression, source).

To add one, write an entry; its derivative, kinks, bounds and kernels are derived, never typed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function, exact
from kernelcalc.functions.formula import parse
from kernelcalc.symbols import m, z


@dataclass(frozen=True)
class Parameter:
    """A parameter: its symbol, its default, and what values it may take."""

    symbol: sp.Symbol
    default: sp.Expr

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
        return value


@dataclass(frozen=True)
class Entry:
    """One named family; calling it with parameter values gives a Function."""

    name: str  # the public name, kc.<name>
    label: str  # the name in formulas and on the command line
    expr: sp.Expr
    parameters: tuple[Parameter, ...] = ()
    source: str = ""

    def __call__(self, *args: object, **kwargs: object) -> Function:
        names = [p.symbol.name for p in self.parameters]
        if len(args) > len(names) or set(kwargs) - set(names) or set(names[: len(args)]) & set(kwargs):
            raise InputError(f"{self.name} takes ({', '.join(names)}); got {args!r} {kwargs!r}")
        given = dict(zip(names, args, strict=False)) | kwargs
        values = tuple((p.symbol, p.value(given.get(p.symbol.name), self.name)) for p in self.parameters)
        return Function(self.label, self.expr, values, source=self.source)

    def __repr__(self) -> str:
        inner = ", ".join(f"{p.symbol}={p.default}" for p in self.parameters)
        return f"{self.name}({inner})"


def _p(name: str, default: object, **assumptions: bool) -> Parameter:
    return Parameter(sp.Symbol(name, **(assumptions or {"real": True})), sp.sympify(default))


_B = _p("B", 1, positive=True)
_BETA = _p("beta", 1, positive=True)
_DEGREE = _p("k", 2, positive=True, integer=True)
_LOW, _HIGH = _p("A", sp.Rational(1, 100)), _p("B", 1)
_PHASE = _p("phi", 0)

CATALOGUE: tuple[Entry, ...] = (
    Entry("Identity", "identity", z),
    Entry("Erf", "erf", sp.erf(m * z), (Parameter(m, sp.Integer(1)),), "Eilers et al. 2024, section D"),
    Entry("Sign", "sign", sp.sign(z), (), "Eilers et al. 2024, section D"),
    Entry("Heaviside", "heaviside", sp.Heaviside(z), (), "Cho and Saul 2009, order 0"),
    Entry("ReLU", "relu", z * sp.Heaviside(z), (), "Cho and Saul 2009, order 1"),
    Entry("RectifiedQuadratic", "relu2", z**2 * sp.Heaviside(z), (), "Cho and Saul 2009, order 2"),
    Entry(
        "ABReLU",
        "abrelu",
        _LOW.symbol * z * sp.Heaviside(-z) + _HIGH.symbol * z * sp.Heaviside(z),
        (_LOW, _HIGH),
    ),
    Entry("LeakyReLU", "leaky_relu", _LOW.symbol * z * sp.Heaviside(-z) + z * sp.Heaviside(z), (_LOW,)),
    Entry("Abs", "abs", sp.Abs(z)),
    Entry("Sin", "sin", sp.sin(_B.symbol * z + _PHASE.symbol), (_B, _PHASE)),
    Entry("Cos", "cos", sp.cos(_B.symbol * z), (_B,)),
    Entry("Exp", "exp", sp.exp(_B.symbol * z), (_B,)),
    Entry("Gaussian", "gaussian", sp.exp(-_BETA.symbol * z**2), (_BETA,)),
    Entry("Monomial", "monomial", z**_DEGREE.symbol, (_DEGREE,)),
    Entry("GELU", "gelu", z * (1 + sp.erf(z / sp.sqrt(2))) / 2, (), "Hendrycks and Gimpel 2016"),
)

BY_NAME: dict[str, Entry] = {entry.name: entry for entry in CATALOGUE}
BY_LABEL: dict[str, Entry] = {entry.label: entry for entry in CATALOGUE}


def catalogue() -> tuple[Entry, ...]:
    """All named functions."""
    return CATALOGUE


def function(formula: str) -> Function:
    """A function of z from a user's formula, parsed and never evaluated as Python.

    Example: function("1/(1 + 25*abs(z))**2"). Raises InputError with the position of what is wrong.
    """
    return Function(formula.strip() if isinstance(formula, str) else "formula", parse(formula))


def function_by_name(name: str, **params: object) -> Function:
    """A catalogue function by its public name or label, or "label'" for a derivative; else a formula.

    Raises InputError for unknown names, with the nearest known one, and as ``function`` does.
    """
    stem, primes = name.rstrip("'"), len(name) - len(name.rstrip("'"))
    entry = BY_LABEL.get(stem.lower()) or BY_NAME.get(stem)
    if entry is None:
        if stem.isidentifier() and stem not in {"z", "x"}:
            near = difflib.get_close_matches(stem.lower(), BY_LABEL, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"unknown function {name!r}{hint} (known: {', '.join(BY_LABEL)}; or a formula in z)"
            )
        if params:
            raise InputError(f"the formula {name!r} has no parameters; got {', '.join(params)}")
        return function(name)
    result = entry(**params)
    for _ in range(primes):
        result = result.derivative
    return result
