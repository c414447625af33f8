"""Closed forms and kernels as LaTeX, the way the papers write them, or in another notation.

Constants stand in front, (2/pi) arcsin(...); roots are gathered, sqrt(a b); sums begin with a positive term;
|Sigma| = a b - c^2, rho = c / sqrt(a b) and theta = arccos rho are named; kernels are Sigma^{(l)}, dot Sigma,
tilde Sigma, Theta and I (Eilers et al. 2024), or K, dot K and Theta as in neural-tangents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.printing import Printer
from kernelcalc.symbols import DETERMINANT, D, a, b, c, rho, sigma_b, sigma_w

if TYPE_CHECKING:
    from kernelcalc.kernels import Kernel

NORMS = {name: sp.Symbol(rf"\lVert {name[0]}\rVert", positive=True) for name in ("xx", "yy")}
EULER = sp.Symbol(r"\gamma_{\mathrm{E}}", positive=True)  # gamma alone may be a parameter
INNER = sp.Symbol(r"\langle x,y\rangle", real=True)
theta = sp.Symbol("theta", nonnegative=True)  # arccos rho
C_w, C_b = sp.Symbol("C_w", positive=True), sp.Symbol("C_b", nonnegative=True)  # sigma_w^2, sigma_b^2
STYLES = ("paper", "neural-tangents")


@dataclass(frozen=True)
class Notation:
    """How formulas are written.

    style: "paper" (Sigma, dot Sigma, tilde Sigma, Theta, I) or "neural-tangents" (K, dot K, Theta, with
    K_{11}, K_{22}, K_{12} for a, b, c); variances: C_w = sigma_w^2 and C_b = sigma_b^2 in place of standard
    deviations; symbols: name of a symbol ("m", "sigma_w", "a") -> its LaTeX.

    Raises InputError for an unknown style.
    """

    style: str = "paper"
    variances: bool = False
    symbols: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise InputError(f"unknown notation {self.style!r}; it is one of {', '.join(STYLES)}")

    @property
    def covariance(self) -> str:
        return r"\Sigma" if self.style == "paper" else r"\mathcal{K}"

    @property
    def entries(self) -> tuple[str, str, str]:
        """Var X, Var Y and Cov(X, Y)."""
        if self.style == "paper":
            return ("a", "b", "c")
        letter = self.covariance
        return (letter + "_{11}", letter + "_{22}", letter + "_{12}")

    def tangent(self, kind: str) -> str:
        """The letter of a tangent kernel ("" for the NNGP)."""
        paper = {"NTK": r"\Theta", "SGNTK": "I", "GeneralizedNTK": "I"}
        other = {"NTK": r"\Theta", "SGNTK": r"\tilde\Theta", "GeneralizedNTK": r"\tilde\Theta"}
        return (paper if self.style == "paper" else other).get(kind, "")

    def factor(self, kind: str) -> str:
        """The letter of the expectation of derivatives that multiplies the tangent kernel in a layer."""
        return (r"\dot" if kind == "NTK" else r"\tilde") + self.covariance

    def covariances(self, kernel: Kernel) -> tuple[str, str, str]:
        """The letters for Cov(X, Y), Var X, Var Y: with indices where the two networks differ."""
        letter = self.covariance
        return (letter + "_{1,2}", letter + "_1", letter + "_2") if kernel.f1 != kernel.f2 else (letter,) * 3

    def put(self, expr: sp.Expr) -> sp.Expr:
        """The expression in variances, where these are asked for."""
        if not self.variances:
            return expr
        return expr.subs({sigma_w: sp.sqrt(C_w), sigma_b: sp.sqrt(C_b)}, simultaneous=True)

    def names(self, expr: sp.Expr) -> dict[sp.Symbol, str]:
        """How the symbols of an expression are written."""
        known = {D.name: rf"\lvert {self.covariance}\rvert", "scale": r"\lambda"}  # that of SELU
        known |= dict(zip("abc", self.entries, strict=True)) if self.style != "paper" else {}
        known |= self.symbols
        return {s: known[s.name] for s in expr.free_symbols if s.name in known}


_NOTATION: ContextVar[Notation] = ContextVar("notation", default=Notation())  # noqa: B039  # it is frozen


@contextmanager
def using(notation: Notation) -> Iterator[None]:
    """Everything is written in this notation inside the block."""
    token = _NOTATION.set(notation)
    try:
        yield
    finally:
        _NOTATION.reset(token)


def current() -> Notation:
    """The notation in use."""
    return _NOTATION.get()


# ---------------------------------------------------------------- closed forms


def shortened(expr: sp.Expr) -> sp.Expr:
    """The expression with |Sigma|, rho and theta where it becomes shorter by them; ``spelled`` undoes it."""
    if not {a, b, c} <= expr.free_symbols:
        return expr
    found = expr.replace(_hides_determinant, _with_determinant)
    ratio = c / sp.sqrt(a * b)
    known = {ratio: rho, -ratio: -rho}
    found = found.replace(
        lambda e: isinstance(e, sp.asin) or _normal(e), lambda e: e.func(*(known.get(x, x) for x in e.args))
    )
    angle = _gathered(sp.expand(found.subs(sp.asin(rho), sp.pi / 2 - theta)))
    fewer = len(sp.Add.make_args(angle)) < len(sp.Add.make_args(sp.expand(found)))
    short = angle if fewer and angle.count_ops() <= found.count_ops() + 2 else found
    return short.replace(_normal, lambda e: e.func(*map(_over_one_root, e.args)))


def _normal(e: sp.Expr) -> bool:
    """Whether e is a distribution function of the normal law, in one or two variables."""
    return isinstance(e, sp.Function) and type(e).__name__ in ("Phi", "Phi2")


def spelled(expr: sp.Expr) -> sp.Expr:
    """The expression in a, b and c alone."""
    return expr.subs([(theta, sp.acos(rho)), (rho, c / sp.sqrt(a * b)), (D, DETERMINANT)])


def _over_one_root(argument: sp.Expr) -> sp.Expr:
    """c/sqrt(a D) - sqrt(a/D) as (c - a)/sqrt(a D), where D = a b - c^2 goes into the root if it can."""
    if not argument.is_Add:
        return argument
    top, bottom = sp.fraction(sp.together(argument))
    over = sp.cancel(top / DETERMINANT)
    if over.free_symbols.isdisjoint((a, b, c)):
        return over * D / bottom
    return sp.factor_terms(top, sign=True) / bottom


def _hides_determinant(e: sp.Expr) -> bool:
    """A radicand or denominator in a, b, c, or a multiple of a b - c^2: not a polynomial of moments."""
    if e.is_Pow and e.base.is_Add and not (e.exp.is_Integer and e.exp > 0):
        return bool({a, b, c} <= e.free_symbols)
    return bool(
        e.is_Add and {a, b, c} <= e.free_symbols and sp.cancel(e / DETERMINANT).is_polynomial(a, b, c)
    )


def _with_determinant(e: sp.Expr) -> sp.Expr:
    inside = e.base if e.is_Pow else e
    swapped = sp.expand(sp.expand(inside).subs(c**2, a * b - D))
    found = min((inside, swapped, sp.factor_terms(swapped)), key=lambda x: (x.count_ops(), len(str(x))))
    return found**e.exp if e.is_Pow else found


def _gathered(expr: sp.Expr) -> sp.Expr:
    """All pairs pi u - theta u as (pi - theta) u."""
    terms = list(sp.Add.make_args(expr))
    pairs = [term for term in terms if term.has(theta) and -term.subs(theta, sp.pi) in terms]
    if not pairs:
        return expr
    rest = sp.Add(*terms) - sp.Add(*(term - term.subs(theta, sp.pi) for term in pairs))
    front = sp.factor_terms(sp.together(sp.Add(*(-term / theta for term in pairs))))
    return rest + sp.Mul(*sp.Mul.make_args(front), sp.pi - theta, evaluate=False)


def _complementary(expr: sp.Expr) -> sp.Expr:
    """w - w erf(u) = w erfc(u)."""
    if not expr.is_Add:
        return expr
    terms = list(expr.args)
    for term in expr.args:
        for u in sorted(term.atoms(sp.erf), key=str):
            rest = -term / u
            if term in terms and rest in terms and not rest.has(sp.erf):
                terms = [x for x in terms if x not in (term, rest)] + [rest * sp.erfc(*u.args)]
    return sp.Add(*terms)


def latex(expr: sp.Expr, names: Mapping[sp.Symbol, str] | None = None) -> str:
    """A closed form as LaTeX; names: how symbols are written, before what the notation in use says."""
    expr = written(expr)
    return _printer(expr, names).doprint(expr)


def terms(expr: sp.Expr, names: Mapping[sp.Symbol, str] | None = None) -> list[sp.Expr]:
    """The terms of a sum in the order in which latex writes them."""
    expr = written(expr)
    return _printer(expr, names)._as_ordered_terms(expr) if expr.is_Add else [expr]


def _printer(expr: sp.Expr, names: Mapping[sp.Symbol, str] | None) -> Printer:
    symbol_names = current().names(expr) | dict(names or {})
    return Printer({"symbol_names": symbol_names, "fold_frac_powers": True, "parenthesize_super": False})


def written(expr: sp.Expr) -> sp.Expr:
    """xx, yy and xy as norms and scalar product; 1 - erf as erfc; variances if these are asked for."""
    named = {s: NORMS[s.name] ** 2 for s in expr.free_symbols if s.name in NORMS}
    named |= {s: INNER for s in expr.free_symbols if s.name == "xy"}
    named |= dict.fromkeys(expr.atoms(sp.EulerGamma.func), EULER)
    return current().put(_complementary(expr.subs(named) if named else expr))


# ---------------------------------------------------------------- kernels


def kernel_names(kernel: Kernel, level: str = "l") -> dict[sp.Symbol, str]:
    """a, b, c, T, |Sigma|, rho and theta as those of a layer."""
    now = current()
    cross, first, second = now.covariances(kernel)
    return {
        a: rf"{first}^{{({level})}}(x,x)",
        b: rf"{second}^{{({level})}}(y,y)",
        c: rf"{cross}^{{({level})}}(x,y)",
        sp.Symbol("T", real=True): rf"{now.tangent(kernel.kind)}^{{({level})}}(x,y)",
        D: rf"\lvert {cross}^{{({level})}}\rvert",
        rho: rf"\rho^{{({level})}}",
        theta: rf"\theta^{{({level})}}",
    }


def kernel_latex(kernel: Kernel, notation: Notation | None = None) -> str:
    """The recursion of a kernel as an aligned block."""
    with using(notation or current()):
        return _kernel_latex(kernel)


def _kernel_latex(kernel: Kernel) -> str:
    now = current()
    cross, first, second = now.covariances(kernel)
    names = kernel_names(kernel)
    cross_map, first_map = kernel.covariance_map(), kernel.variance_map(kernel.layer.first)
    start = kernel.sigma_w**2 / sp.Symbol("n_0") * sp.Symbol("xy", real=True) + kernel.sigma_b**2
    lines = [
        rf"{cross}^{{(1)}}(x,y) &= {latex(start)}",
        rf"{cross}^{{(l+1)}}(x,y) &= {latex(cross_map, names)}",
        rf"{first}^{{(l+1)}}(x,x) &= {latex(first_map, names)}",
    ]
    if kernel.f1 != kernel.f2:
        second_map = kernel.variance_map(kernel.layer.second).subs(a, b)
        lines += [rf"{second}^{{(l+1)}}(y,y) &= {latex(second_map, names)}"]
    if kernel.layer.factor is not None:
        tangent, factor = now.tangent(kernel.kind), now.factor(kernel.kind)
        lines += [
            rf"{factor}^{{(l+1)}}(x,y) &= {latex(kernel.factor_map(reduced=True), names)}",
            rf"{tangent}^{{(1)}}(x,y) &= {cross}^{{(1)}}(x,y)",
            rf"{tangent}^{{(l+1)}}(x,y) &= {cross}^{{(l+1)}}(x,y)"
            rf" + {tangent}^{{(l)}}(x,y)\,{factor}^{{(l+1)}}(x,y)",
        ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
