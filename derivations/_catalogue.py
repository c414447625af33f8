"""What the files of the catalogue of activation functions share: points, and claims about both duals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from kernelcalc import quadrature
from kernelcalc.expectation.result import dual
from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import a, b, c
from kernelcalc.verify.claim import Claim, Point

Expr = Any  # SymPy carries no types
D = a * b - c**2
rho = c / sp.sqrt(a * b)
theta = sp.acos(rho)
LAWS = ("5/4 3/4 1/2", "1 2 -5/4", "2 1/3 0")  # a, b, c
NEAR = (*LAWS, "1/2 2/3 4/7")  # a correlation of 0.99 too


def points(symbols: Sequence[sp.Symbol], values: str = "", laws: Sequence[str] = LAWS) -> tuple[Point, ...]:
    """The laws, each with values for further symbols."""
    names, extra = (a, b, c, *symbols), values.split()
    return tuple(dict(zip(names, map(sp.Rational, [*law.split(), *extra]), strict=True)) for law in laws)


def both(
    tag: str,
    words: str,
    make: Callable[..., Function],
    kappa: Expr,
    slope: Expr | None,
    values: Mapping[sp.Symbol, str] | None = None,
    *,
    digits: int = 30,
    conditions: str = "",
    laws: Sequence[str] = LAWS,
) -> tuple[Claim, ...]:
    """E[f(X) f(Y)] = kappa and, unless None, E[f'(X) f'(Y)] = slope, for f = make(*parameters)."""
    given = dict(values or {})

    def claim(order: int, form: Expr) -> Claim:
        prime = "'" * order

        def function(*parameters: Any) -> Function:
            f = make(*parameters)
            return f.derivative if order else f

        def witness(point: Point, digits: int) -> Any:
            f = function(*(point[s] for s in given))
            return quadrature.dual(f, f, point[a], point[b], point[c], digits=digits)

        return Claim(
            tag=f"dual/{tag}{'/slope' * order}",
            title=f"E[f{prime}(X) f{prime}(Y)], f(x) = {words}",
            source="catalogue of activation functions",
            statement=f"f(x) = {words}: E[f{prime}(X) f{prime}(Y)], (X, Y) ~ N(0, [[a, c], [c, b]])",
            conditions=conditions or "c^2 < a b",
            printed=form,
            derive=lambda: dual(function(*given)),
            witness=witness,
            points=points(tuple(given), " ".join(given.values()), laws[: 2 if order else None]),
            digits=digits,
        )

    return (claim(0, kappa), *(() if slope is None else (claim(1, slope),)))


# ---------------------------------------------------------------- normal integrals over half planes


def Q(x: Expr) -> Expr:
    """P(Z > x)."""
    return Phi(-x)


def normal(x: Expr, v: Expr) -> Expr:
    """The density of N(0, v) at x."""
    return sp.exp(-(x**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)


def density(s: Expr, t: Expr, va: Expr = a, vb: Expr = b, cov: Expr = c) -> Expr:
    """The density of N(0, [[va, cov], [cov, vb]]) at (s, t)."""
    det = va * vb - cov**2
    return sp.exp(-(vb * s**2 - 2 * cov * s * t + va * t**2) / (2 * det)) / (2 * sp.pi * sp.sqrt(det))


def above(s: Expr, t: Expr, cov: Expr = c) -> Expr:
    """P(X > s, Y > t)."""
    return Phi2(-s / sp.sqrt(a), -t / sp.sqrt(b), cov / sp.sqrt(a * b))


def hinges(s: Expr, t: Expr, cov: Expr = c) -> Expr:
    """E (X - s)_+ (Y - t)_+."""
    det = a * b - cov**2
    return (
        (cov + s * t) * above(s, t, cov)
        + det * density(s, t, cov=cov)
        - t * a * normal(s, a) * Q((t - cov * s / a) / sp.sqrt(det / a))
        - s * b * normal(t, b) * Q((s - cov * t / b) / sp.sqrt(det / b))
    )


def hinge(t: Expr, v: Expr) -> Expr:
    """E (Z - t)_+, Z ~ N(0, v)."""
    return v * normal(t, v) - t * Q(t / sp.sqrt(v))
