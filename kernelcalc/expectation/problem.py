"""What the engine works on: an expectation still to be found, and the steps of a derivation."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from kernelcalc.expectation.atoms import Atom
from kernelcalc.trace import Step

__all__ = ["Dual", "E", "Mean", "NoRule", "Problem", "Step", "X", "Y", "Z"]

X, Y, Z = (sp.Symbol(name, real=True) for name in "XYZ")


class E(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """E(F, v): F(Z), Z ~ N(0, v).  E(F, a, b, c): F(X, Y), (X, Y) ~ N(0, [[a, c], [c, b]]). Unevaluated."""

    nargs = (2, 4)

    @classmethod
    def eval(cls, *args: sp.Expr) -> None:
        return None

    def _latex(self, printer: sp.printing.latex.LatexPrinter, exp: str | None = None) -> str:
        law = ",".join(printer.doprint(arg) for arg in self.args[1:])
        body = f"\\mathbb{{E}}_{{{law}}}\\left[{printer.doprint(self.args[0])}\\right]"
        return f"\\left({body}\\right)^{{{exp}}}" if exp else body


@dataclass(frozen=True)
class Mean:
    """E atom(Z), Z ~ N(0, v)."""

    atom: Atom
    v: sp.Expr

    @property
    def written(self) -> sp.Expr:
        return E(self.atom.expr(Z), self.v)


@dataclass(frozen=True)
class Dual:
    """E f(X) g(Y), (X, Y) ~ N(0, [[a, c], [c, b]])."""

    f: Atom
    g: Atom
    a: sp.Expr
    b: sp.Expr
    c: sp.Expr

    @property
    def swapped(self) -> Dual:
        return Dual(self.g, self.f, self.b, self.a, self.c)

    @property
    def det(self) -> sp.Expr:
        return sp.factor(self.a * self.b - self.c**2)

    @property
    def written(self) -> sp.Expr:
        return E(self.f.expr(X) * self.g.expr(Y), self.a, self.b, self.c)


Problem = Mean | Dual


class NoRule(Exception):
    """No rule applies: there is no closed form to be had this way."""
