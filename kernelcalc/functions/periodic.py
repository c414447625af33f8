"""Functions that repeat for ever: the distance to the nearest integer, and what is known of functions of it.

``pieces`` knows finitely many pieces only. Bounds, jumps and parity of s(nearest(z)) are those of the same
function cut off after one period (``unrolled``), and a quadrature needs the kinks within its reach.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

from kernelcalc.symbols import z

REACH = 40  # periods whose kinks are listed
HALF = sp.S.Half


class nearest(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """The distance of a real number from the nearest integer: a triangle wave of period 1."""

    nargs = 1
    _imp_ = staticmethod(lambda x: abs(x - mp.floor(x + mp.mpf(0.5))))

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        return sp.Abs(x - sp.floor(x + HALF)) if x.is_Rational else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return rising(self.args[0])

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return f"\\mathrm{{d}}{power}\\left({printer.doprint(self.args[0])},\\mathbb{{Z}}\\right)"


class rising(sp.Function):  # type: ignore[misc]  # SymPy is untyped
    """The derivative of nearest: 1 after an integer, -1 before one."""

    nargs = 1
    _imp_ = staticmethod(lambda x: mp.sign(mp.floor(x + mp.mpf(0.5)) - x) * -1)

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        return sp.sign(x - sp.floor(x + HALF)) if x.is_Rational else None

    def _eval_is_real(self) -> bool:
        return True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return f"\\mathrm{{d}}'\\left({printer.doprint(self.args[0])},\\mathbb{{Z}}\\right)"


def unrolled(expr: sp.Expr) -> sp.Expr:
    """expr with every nearest(u) true on |u| <= 1 and 0 beyond: all values and slopes, in finitely many
    pieces."""
    centres = (-HALF, HALF)
    expr = expr.replace(nearest, lambda u: sp.Add(*(sp.Max(0, HALF - abs(u - t)) for t in centres)))
    return expr.replace(
        rising, lambda u: sp.Add(*(sp.sign(t - u) * sp.Heaviside(HALF - abs(u - t)) for t in centres))
    )


def kinks(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """The kinks of the waves in expr to the right of where their argument is 0, as far as REACH periods."""
    starts = {sp.expand(z - wave.args[0]) for wave in expr.atoms(nearest, rising)}
    return tuple(sorted({start + sp.Rational(k, 2) for start in starts for k in range(2 * REACH + 1)}))
