"""SymPy expressions as LaTeX in the order in which mathematicians write them.

Numbers, pi, parameters, then variances and arguments; (2/pi) arcsin rho with the constant in front;
1 + 2 m^2 a with the number first; roots gathered, sqrt(a b); one fraction where it is one; brackets no larger
than needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from kernelcalc.symbols import D

LATE = ("a", "b", "c", "v", "D", "T", "z", "X", "Y", "Z", "s")  # names written behind parameters
_TALL = re.compile(r"\\frac|\\sqrt|\\sum|\\int|\\begin|\^\{[^{}]*[\^_/]|\^\{\w{2}")
# brackets with none inside but those of a level, (l), of two inputs, (x,y), and of max and min
_PLAIN = re.compile(
    r"\\left\(((?:\^\{\(\w+\)\}|\([a-z],[a-z]\)|\\m(?:ax|in)\([^()\\]*\)|[^\\()]|\\(?!left|right))*)\\right\)"
)


def negative(term: sp.Expr) -> bool:
    """Whether a term is written with a minus in front."""
    return bool(term.could_extract_minus_sign() if term.is_Add else term.as_coeff_Mul()[0].is_negative)


def _trails(factor: sp.Expr) -> bool:
    """Whether a factor is written behind the fraction: a function, or a power of letters with one above."""
    if factor.is_Pow and factor.exp.free_symbols:
        return not factor.base.is_Integer
    base, power = (factor, sp.Integer(1)) if isinstance(factor, sp.exp) else factor.as_base_exp()
    plain = isinstance(base, sp.Function | sp.Max | sp.Min) and not isinstance(base, sp.Abs | AppliedUndef)
    return plain and bool(power.is_Integer and power > 0)


def _degree(term: sp.Expr) -> int:
    """The degree of a term of a polynomial, |Sigma| counted as a b; other terms stay where they are."""
    return int(sp.Poly(term.subs(D, D**2)).total_degree()) if term.is_polynomial() else 0


def _flat(text: str) -> str:
    r"""\left( \right) as plain brackets around what is one line high and has no brackets of its own."""
    plain = _PLAIN.sub(lambda found: found[0] if _TALL.search(found[1]) else f"({found[1].strip()})", text)
    return plain if plain == text else _flat(plain)


def _spaced(pieces: Sequence[str]) -> str:
    """Factors in a row, with a thin space before a name in upright letters: A erf(z)."""
    text, last = "", ""
    for piece in filter(None, pieces):
        name = text and piece.startswith(r"\mathrm{") and not last.startswith(r"\frac")
        text += (r" \, " if name else " " if text else "") + piece
        last = piece
    return text


class _Constant(str):
    """The LaTeX of a root of a number: it stands in front of letters."""


class Printer(LatexPrinter):  # type: ignore[misc]  # SymPy is untyped
    """Radicands are taken to be non-negative, as they are in every formula of a real quantity."""

    def doprint(self, expr: sp.Expr) -> str:
        text = str(super().doprint(expr))
        for old, new in ((r"\operatorname{", r"\mathrm{"), (" \\right", "\\right"), ("_{min}", r"_{\min}")):
            text = text.replace(old, new)
        return _flat(text)

    def _print_MatrixBase(self, expr: sp.MatrixBase) -> str:
        rows = [" & ".join(rf"\displaystyle {self._print(x)}" for x in row) for row in expr.tolist()]
        return r"\begin{bmatrix} " + r" \\[2pt] ".join(rows) + r" \end{bmatrix}"

    def _brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def _applied(self, name: str, argument: sp.Expr, exp: str | None) -> str:
        """name^exp(argument), without brackets around a single letter behind a command such as arcsin."""
        power = f"^{{{exp}}}" if exp else ""
        text = str(self._print(argument))
        plain = argument.is_Symbol or argument.is_Integer
        if plain and (name == r"\log" or (name.startswith(r"\arc") and argument.is_Symbol)):
            return f"{name}{power} {text}"
        return name + power + self._brackets(text)

    def _print_asin(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied(r"\arcsin", expr.args[0], exp)

    def _print_acos(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied(r"\arccos", expr.args[0], exp)

    def _print_atan(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied(r"\arctan", expr.args[0], exp)

    def _print_Function(self, expr: sp.Expr, exp: str | None = None) -> str:
        if len(expr.args) != 1 or isinstance(expr, AppliedUndef):
            return str(super()._print_Function(expr, exp))
        known = {"log", "sin", "cos", "tan", "sinh", "cosh", "tanh"}
        name = type(expr).__name__
        return self._applied(rf"\{name}" if name in known else rf"\mathrm{{{name}}}", expr.args[0], exp)

    _print_erf = _print_erfc = _print_erfi = _print_sign = _print_log = _print_Function

    def _print_Ei(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied(r"\mathrm{Ei}", expr.args[0], exp)

    def _print_hyper(self, expr: sp.Expr, exp: str | None = None) -> str:
        """On one line: a matrix of parameters has a bar, which ends a cell of Markdown."""
        over, under = (", ".join(map(self._print, part)) for part in (expr.ap, expr.bq))
        name = rf"{{}}_{{{len(expr.ap)}}}F_{{{len(expr.bq)}}}" + ("" if exp is None else rf"^{{{exp}}}")
        return rf"{name}\left({over}; {under}; {self._print(expr.argument)}\right)"

    def _print_Abs(self, expr: sp.Expr, exp: str | None = None) -> str:
        inner = self._print(expr.args[0])  # no "|": it ends a cell in Markdown
        tall = _TALL.search(inner)
        text = rf"\left\lvert {inner}\right\rvert" if tall else rf"\lvert {inner}\rvert"
        return f"{text}^{{{exp}}}" if exp else text

    def _print_Heaviside(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied("H", expr.args[0], exp)

    def _print_DiracDelta(self, expr: sp.Expr, exp: str | None = None) -> str:
        return self._applied(r"\delta", expr.args[0], exp)

    def _print_exp(self, expr: sp.Expr, exp: str | None = None) -> str:
        argument = sp.together(expr.args[0])
        coefficient, rest = argument.as_coeff_Mul()
        if rest.is_Add or sp.fraction(rest)[1] != 1:
            return r"\exp" + self._brackets(self._print(argument))
        over = "" if coefficient.q == 1 else f"/{coefficient.q}"
        return f"e^{{{self._print(coefficient.p * rest)}{over}}}"

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        terms: list[sp.Expr] = list(super()._as_ordered_terms(expr, order=order))
        biases = [term for term in terms if {s.name for s in term.free_symbols} == {"sigma_b"}]
        rest = [term for term in terms if term not in biases]
        numbers = [term for term in rest if term.is_number]
        rest = [term for term in rest if term not in numbers]
        if biases:  # ... + sigma_b^2 + 1
            return sorted(rest, key=negative) + biases + numbers
        ahead = [term for term in numbers if not negative(term)]  # 1 + z^2, but z^2 - 1
        if ahead:
            rest.sort(key=_degree)
        found = ahead + rest + [term for term in numbers if negative(term)]
        return sorted(found, key=negative) if negative(found[0]) else found

    def _print_Pow(self, expr: sp.Expr) -> str:
        base, power = expr.as_base_exp()
        if power.is_Rational and power < 0 and base.is_commutative:
            return self._fraction([expr])
        if power.is_Rational and power.q > 2:  # a^{1/4} rather than the fourth root of a
            inner = self._print(base)
            return f"{self._brackets(inner) if base.is_Add or base.is_Mul else inner}^{{{power.p}/{power.q}}}"
        return str(super()._print_Pow(expr))

    def _print_Mul(self, expr: sp.Expr) -> str:
        factors = expr.as_ordered_factors()
        if not expr.is_commutative or expr.has(sp.MatrixBase):
            return str(super()._print_Mul(expr))
        if negative(expr):
            return "- " + self._parenthesized(-expr)
        return self._fraction(factors)

    def _parenthesized(self, expr: sp.Expr) -> str:
        text = str(self._print(expr))
        return self._brackets(text) if expr.is_Add else text

    def _rank(self, x: sp.Expr | str) -> tuple[bool, ...]:
        """Where a factor stands: numbers, constants, parameters, variances, sums, long names, text."""
        if isinstance(x, _Constant):
            return (False, True, *(False,) * 5)
        if isinstance(x, str):
            return (True,) * 7
        base = x.base if x.is_Pow else x
        name = self._settings["symbol_names"].get(base, getattr(base, "name", ""))
        long = any(part in name for part in ("(", "\\lVert", "\\langle", "\\rvert"))
        late = getattr(base, "name", "") in LATE
        return (
            False, not x.is_Integer, not base.is_Integer, not x.is_number, bool(base.is_Add), long, late
        )  # fmt: skip

    def _product(self, factors: Sequence[sp.Expr | str], alone: bool = True) -> str:
        """Factors in a row; alone: one sum needs no brackets."""
        if len(factors) == 1 and alone and not isinstance(factors[0], str):
            return str(self._print(factors[0]))
        text = ""
        for factor in sorted(factors, key=self._rank):
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
        elif root or below:
            kind = _Constant if all(x.is_number for x in (*root, *below)) else str
            (top if root else bottom).append(kind(rf"\sqrt{{{self._product(root or below)}}}"))
        alone = len(behind) == 1 and not (top or bottom or tail)
        tail += [str(self._print(x)) if alone else self._parenthesized(x) for x in behind]
        if bottom:
            front = rf"\frac{{{self._product(top) if top else '1'}}}{{{self._product(bottom)}}}"
        else:
            front = self._product(top, alone=not tail) if top else "" if tail else "1"
        return _spaced([front, *tail])

    def _sorted(self, factors: Sequence[sp.Expr]) -> tuple[list[sp.Expr], ...]:
        """Numerator, denominator, the radicands of both, and functions."""
        over: list[sp.Expr] = []
        under: list[sp.Expr] = []
        root: list[sp.Expr] = []
        below: list[sp.Expr] = []
        behind: list[sp.Expr] = []
        number = sp.Integer(1)
        powers = [factor for factor in factors if isinstance(factor, sp.exp)]
        if len(powers) > 1:
            factors = [x for x in factors if x not in powers] + [sp.exp(sp.Add(*(x.args[0] for x in powers)))]
        for factor in factors:
            base, power = (factor, sp.Integer(1)) if isinstance(factor, sp.exp) else factor.as_base_exp()
            if factor.is_Rational:
                number *= factor
            elif _trails(factor):
                behind.append(factor)
            elif abs(power) == sp.S.Half:
                content, rest = base.primitive() if base.is_Add else (sp.Integer(1), base)
                up, down = (rest, sp.Integer(1)) if rest.is_Add else sp.fraction(rest)
                inside, outside = (root, below) if power > 0 else (below, root)
                inside.extend(x for x in (content, up) if x != 1)
                outside.extend([down] if down != 1 else [])
            elif power.is_Rational and power < 0:
                under.append(base**-power)
            elif factor.is_Add and factor.atoms(sp.Function) - factor.atoms(sp.log, sp.Abs):
                behind.append(factor)
            elif factor.is_Add:
                content, rest = factor.primitive()
                number *= content
                over.append(rest)
            else:
                over.append(factor)
        fractional = [x for x in over if x.is_Pow and x.base.is_Integer and x.exp.is_Rational]
        for factor in [x for x in fractional if 0 < x.exp < 1]:
            if number.q % factor.base == 0:  # 2^{3/4}/2 = 1/2^{1/4}
                number *= factor.base
                over.remove(factor)
                under.append(factor.base ** (1 - factor.exp))
        for i, factor in enumerate(under):  # 2 * 2^{5/8} = 2^{13/8}
            if factor.is_Pow and factor.base.is_Integer and number.q % factor.base == 0:
                number *= factor.base
                under[i] = sp.Pow(factor.base, factor.exp + 1, evaluate=False)
        for radicand in [x for x in root if x.is_Integer and number.q % x == 0]:  # sqrt(2)/2 = 1/sqrt(2)
            number *= radicand
            root.remove(radicand)
            below.append(radicand)
        if len(below) == 1 and below[0].is_Add:  # sqrt(2)/sqrt(2 D + a) = 1/sqrt(D + a/2)
            for radicand in [x for x in root if x.is_Integer]:
                divided = sp.expand(below[0] / radicand)
                if any(term.as_coeff_Mul()[0].is_Integer for term in sp.Add.make_args(divided)):
                    root.remove(radicand)
                    below = [divided]
        over += [sp.Integer(number.p)] if number.p != 1 else []
        under += [sp.Integer(number.q)] if number.q != 1 else []
        behind.sort(key=lambda factor: not isinstance(factor, sp.exp))
        return over, under, root, below, behind
