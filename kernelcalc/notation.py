"""Closed forms and kernels as LaTeX, the way the papers write them.

Constants stand in front, (2/pi) arcsin(...); roots are gathered, sqrt(a b); sums begin with a positive term;
kernels are Sigma^{(l)}, dot Sigma, tilde Sigma, Theta and I (Eilers et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.kernels import Kernel

TANGENT = {"NTK": r"\Theta", "SGNTK": "I", "GeneralizedNTK": "I"}
FACTOR = {"NTK": r"\dot\Sigma", "SGNTK": r"\tilde\Sigma", "GeneralizedNTK": r"\tilde\Sigma"}
NORMS = {name: sp.Symbol(rf"\lVert {name[0]}\rVert", positive=True) for name in ("xx", "yy")}
INNER = sp.Symbol(r"\langle x,y\rangle", real=True)


def _negative(term: sp.Expr) -> bool:
    return bool(term.could_extract_minus_sign() if term.is_Add else term.as_coeff_Mul()[0].is_negative)


def _trails(factor: sp.Expr) -> bool:
    """Whether a factor is written behind the fraction: a function, or a power with a letter above."""
    if factor.is_Pow and factor.exp.free_symbols:
        return True
    base, power = (factor, sp.Integer(1)) if isinstance(factor, sp.exp) else factor.as_base_exp()
    plain = isinstance(base, sp.Function) and not isinstance(base, sp.Abs | AppliedUndef)
    return plain and bool(power.is_Integer and power > 0)


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy is untyped
    """Radicands are taken to be non-negative, as they are in every formula of a real quantity."""

    def doprint(self, expr: sp.Expr) -> str:
        text = str(super().doprint(expr))
        for old, new in ((r"\operatorname{", r"\mathrm{"), (" \\right", "\\right"), ("_{min}", r"_{\min}")):
            text = text.replace(old, new)
        return text

    def _brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def _print_asin(self, expr: sp.Expr, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"\arcsin{power}" + self._brackets(self._print(expr.args[0]))

    def _print_Abs(self, expr: sp.Expr, exp: str | None = None) -> str:
        text = rf"\left\lvert {self._print(expr.args[0])}\right\rvert"  # no "|": it ends a cell in Markdown
        return f"{text}^{{{exp}}}" if exp else text

    def _print_Heaviside(self, expr: sp.Expr, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return f"H{power}" + self._brackets(self._print(expr.args[0]))

    def _print_exp(self, expr: sp.Expr, exp: str | None = None) -> str:
        argument = sp.together(expr.args[0])
        coefficient, rest = argument.as_coeff_Mul()
        if rest.is_Add or sp.fraction(rest)[1] != 1:
            return r"\exp" + self._brackets(self._print(argument))
        over = "" if coefficient.q == 1 else f"/{coefficient.q}"
        return f"e^{{{self._print(coefficient.p * rest)}{over}}}"

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        terms: list[sp.Expr] = list(super()._as_ordered_terms(expr, order=order))
        terms = sorted(terms, key=_negative) if _negative(terms[0]) else terms
        biases = [term for term in terms if {s.name for s in term.free_symbols} == {"sigma_b"}]
        rest = [term for term in terms if term not in biases]  # ... + sigma_b^2 + 1
        numbers = [term for term in rest if term.is_number] if biases else []
        return [term for term in rest if term not in numbers] + biases + numbers

    def _print_Pow(self, expr: sp.Expr) -> str:
        base, power = expr.as_base_exp()
        if power.is_Rational and power < 0 and base.is_commutative:
            return self._fraction([expr])
        return str(super()._print_Pow(expr))

    def _print_Mul(self, expr: sp.Expr) -> str:
        factors = expr.as_ordered_factors()
        if not expr.is_commutative or expr.has(sp.MatrixBase):
            return str(super()._print_Mul(expr))
        if _negative(expr):
            return "- " + self._parenthesized(-expr)
        return self._fraction(factors)

    def _parenthesized(self, expr: sp.Expr) -> str:
        text = str(self._print(expr))
        return self._brackets(text) if expr.is_Add else text

    def _product(self, factors: Sequence[sp.Expr | str], alone: bool = True) -> str:
        """Factors in a row: numbers, constants, letters, sums, text; alone: one sum needs no brackets."""

        def rank(x: sp.Expr | str) -> tuple[bool, ...]:
            if isinstance(x, str):
                return (True,) * 5
            base = x.base if x.is_Pow else x
            name = self._settings["symbol_names"].get(base, getattr(base, "name", ""))
            long = any(part in name for part in ("(", "\\lVert", "\\langle"))
            return (False, not x.is_Integer, not x.is_number, bool(base.is_Add), long)

        if len(factors) == 1 and alone and not isinstance(factors[0], str):
            return str(self._print(factors[0]))
        text = ""
        for factor in sorted(factors, key=rank):
            piece = factor if isinstance(factor, str) else self._parenthesized(factor)
            text += (r" \cdot " if text and piece[0].isdigit() else " " if text else "") + piece
        return text

    def _fraction(self, factors: Sequence[sp.Expr]) -> str:
        """Numbers, letters, sums and roots as one fraction, or a root of a fraction; then the functions."""
        over, under, root, below, behind = self._sorted(factors)
        top: list[sp.Expr | str] = list(over)
        bottom: list[sp.Expr | str] = list(under)
        tail = []
        if root and below:
            tail.append(rf"\sqrt{{\frac{{{self._product(root)}}}{{{self._product(below)}}}}}")
        elif root:
            top.append(rf"\sqrt{{{self._product(root)}}}")
        elif below:
            bottom.append(rf"\sqrt{{{self._product(below)}}}")
        tail += [str(self._print(factor)) for factor in behind]
        if bottom:
            front = rf"\frac{{{self._product(top) if top else '1'}}}{{{self._product(bottom)}}}"
        else:
            front = self._product(top, alone=not tail) if top else "" if tail else "1"
        return " ".join(filter(None, [front, *tail]))

    def _sorted(self, factors: Sequence[sp.Expr]) -> tuple[list[sp.Expr], ...]:
        """Numerator, denominator, the radicands of both, and functions."""
        over: list[sp.Expr] = []
        under: list[sp.Expr] = []
        root: list[sp.Expr] = []
        below: list[sp.Expr] = []
        behind: list[sp.Expr] = []
        number = sp.Integer(1)
        for factor in factors:
            base, power = (factor, sp.Integer(1)) if isinstance(factor, sp.exp) else factor.as_base_exp()
            if factor.is_Rational:
                number *= factor
            elif _trails(factor):
                behind.append(factor)
            elif abs(power) == sp.S.Half:
                content, rest = base.primitive() if base.is_Add else (sp.Integer(1), base)
                (root if power > 0 else below).extend([rest] if content == 1 else [content, rest])
            elif power.is_Rational and power < 0:
                under.append(base**-power)
            else:
                over.append(factor)
        for radicand in [x for x in root if x.is_Integer and number.q % x == 0]:  # sqrt(2)/2 = 1/sqrt(2)
            number *= radicand
            root.remove(radicand)
            below.append(radicand)
        over += [sp.Integer(number.p)] if number.p != 1 else []
        under += [sp.Integer(number.q)] if number.q != 1 else []
        return over, under, root, below, behind


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


def latex(expr: sp.Expr, names: dict[sp.Symbol, str] | None = None) -> str:
    """A closed form as LaTeX; names: how symbols are written."""
    return _printer(names).doprint(_written(expr))


def terms(expr: sp.Expr) -> list[sp.Expr]:
    """The terms of a sum in the order in which latex writes them."""
    expr = _written(expr)
    return _printer(None)._as_ordered_terms(expr) if expr.is_Add else [expr]


def _printer(names: dict[sp.Symbol, str] | None) -> _Printer:
    settings = {"symbol_names": names or {}, "fold_frac_powers": True, "parenthesize_super": False}
    return _Printer(settings)


def _written(expr: sp.Expr) -> sp.Expr:
    """xx, yy and xy as norms and scalar product; 1 - erf as erfc."""
    named = {s: NORMS[s.name] ** 2 for s in expr.free_symbols if s.name in NORMS}
    named |= {s: INNER for s in expr.free_symbols if s.name == "xy"}
    return _complementary(expr.subs(named) if named else expr)


def kernel_names(kernel: Kernel, level: str = "l") -> dict[sp.Symbol, str]:
    """a, b, c and T as the covariances and the tangent kernel of a layer."""
    cross, first, second = covariance_symbols(kernel)
    return {
        a: rf"{first}^{{({level})}}(x,x)",
        b: rf"{second}^{{({level})}}(y,y)",
        c: rf"{cross}^{{({level})}}(x,y)",
        sp.Symbol("T", real=True): rf"{TANGENT.get(kernel.kind, '')}^{{({level})}}(x,y)",
    }


def covariance_symbols(kernel: Kernel) -> tuple[str, str, str]:
    """The letters for Cov(X, Y), Var X, Var Y: with indices where the two networks differ."""
    return (r"\Sigma_{1,2}", r"\Sigma_1", r"\Sigma_2") if kernel.f1 != kernel.f2 else (r"\Sigma",) * 3


def kernel_latex(kernel: Kernel) -> str:
    """The recursion of a kernel as an aligned block."""
    cross, first, second = covariance_symbols(kernel)
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
        tangent, factor = TANGENT[kernel.kind], FACTOR[kernel.kind]
        lines += [
            rf"{factor}^{{(l+1)}}(x,y) &= {latex(kernel.factor_map(reduced=True), names)}",
            rf"{tangent}^{{(1)}}(x,y) &= {cross}^{{(1)}}(x,y)",
            rf"{tangent}^{{(l+1)}}(x,y) &= {cross}^{{(l+1)}}(x,y)"
            rf" + {tangent}^{{(l)}}(x,y)\,{factor}^{{(l+1)}}(x,y)",
        ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
