"""Kernels as LaTeX, in the symbols of Eilers et al. 2024: Sigma^{(l)}, dot Sigma, tilde Sigma, Theta, I."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy.printing.latex import LatexPrinter

from kernelcalc.symbols import a, b, c

if TYPE_CHECKING:
    from kernelcalc.kernels import Kernel

TANGENT = {"NTK": r"\Theta", "SGNTK": "I", "GeneralizedNTK": "I"}
FACTOR = {"NTK": r"\dot\Sigma", "SGNTK": r"\tilde\Sigma", "GeneralizedNTK": r"\tilde\Sigma"}


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy is untyped
    """asin as arcsin, the way the papers write it."""

    def _print_asin(self, expr: sp.Expr, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"\arcsin{power}\left({self._print(expr.args[0])}\right)"


def latex(expr: sp.Expr, names: dict[sp.Symbol, str] | None = None) -> str:
    """A closed form as LaTeX; names: how symbols are written."""
    return str(_Printer({"symbol_names": names or {}}).doprint(expr))


def kernel_latex(kernel: Kernel) -> str:
    """The recursion of a kernel as an aligned block."""
    two = kernel.f1 != kernel.f2
    cross, first, second = (r"\Sigma_{1,2}", r"\Sigma_1", r"\Sigma_2") if two else (r"\Sigma",) * 3
    names = {a: rf"{first}^{{(l)}}(x,x)", b: rf"{second}^{{(l)}}(y,y)", c: rf"{cross}^{{(l)}}(x,y)"}
    step = kernel.recursion()
    w, s, n = (latex(x) for x in (kernel.sigma_w**2, kernel.sigma_b**2, sp.Symbol("n_0")))
    lines = [
        rf"{cross}^{{(1)}}(x,y) &= \frac{{{w}}}{{{n}}}\langle x,y\rangle + {s}",
        rf"{cross}^{{(l+1)}}(x,y) &= {latex(step['c'], names)}",
    ]
    lines += [rf"{first}^{{(l+1)}}(x,x) &= {latex(step['a'], names)}"]
    if two:
        lines += [rf"{second}^{{(l+1)}}(y,y) &= {latex(step['b'], names)}"]
    if kernel.layer.factor is not None:
        tangent, factor = TANGENT[kernel.kind], FACTOR[kernel.kind]
        lines += [
            rf"{factor}^{{(l+1)}}(x,y) &= {latex(kernel.factor_map(), names)}",
            rf"{tangent}^{{(1)}}(x,y) &= {cross}^{{(1)}}(x,y)",
            rf"{tangent}^{{(l+1)}}(x,y) &= {cross}^{{(l+1)}}(x,y) + {tangent}^{{(l)}}(x,y)\,{factor}^{{(l+1)}}(x,y)",
        ]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
