"""Families of surrogate derivatives with symbols for parameters, and their means as people write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.functions.base import Function
from kernelcalc.functions.special import erfcx, faddeeva_re, goodwin_staton, half_line, hyperu
from kernelcalc.symbols import mu, v
from kernelcalc.verify.claim import Claim, Point, Witness

Expr = Any  # SymPy carries no types
R = sp.Rational

SIZES = ("7/5", "1/50", 30)  # of v: the mean feels the middle, the centre and the tails
VALUES = (("6/5", "3/4"), ("1/3", 2), ("5/2", "4/7"))  # of the other symbols, in turn


def normal(x: Expr) -> Expr:
    """The standard normal distribution function."""
    return (1 + sp.erf(x / sp.sqrt(2))) / 2


def ramp(m: Expr, size: Expr) -> Expr:
    """E max(Y, 0), Y ~ N(m, size)."""
    density = sp.exp(-(m**2) / (2 * size)) / sp.sqrt(2 * sp.pi)
    return m * normal(m / sp.sqrt(size)) + sp.sqrt(size) * density


WORDS: Mapping[str, object] = {
    "v": v, "mu": mu, "erfcx": erfcx, "gs": goodwin_staton, "J": half_line, "U": hyperu, "Re_w": faddeeva_re,
    "E1": lambda x: sp.expint(1, x), "Phi": normal, "R": ramp,
}  # fmt: skip


def family(name: str, **fixed: object) -> Function:
    """A family with symbols for all parameters that are not fixed."""
    entry: Callable[..., Function] = getattr(kc, name)
    return entry(**fixed).symbolic.with_params(**{key: fixed[key] for key in fixed if key != "n"})


def mean_claim(tag: str, f: Function, words: str, printed: str, *, off_centre: bool = False) -> Claim:
    """E s(Z) = printed, Z ~ N(0, v) or N(mu, v): derived by the rules, witnessed by quadrature."""
    names = {s.name: s for s, value in f.parameters if s == value}
    form = sp.sympify(printed, locals={**WORDS, **names})
    return Claim(
        tag=tag,
        title=f"{words}: E s(Z), Z ~ N({'mu' if off_centre else 0}, v)",
        source="Catalogue of surrogate derivatives",
        statement=f"G({'mu, ' if off_centre else ''}v) = {printed.replace('**', '^').replace('*', ' ')}",
        printed=form,
        derive=lambda: kc.mean(f, "mu" if off_centre else 0),
        witness=by_quadrature(f),
        points=points(form, off_centre),
        digits=40,
    )


def by_quadrature(f: Function) -> Witness:
    def witness(point: Point, digits: int) -> Any:
        given = f.with_params(**{s.name: point[s] for s, _ in f.parameters if s in point})
        return quadrature.mean(given.shifted(point.get(mu, 0)), point[v], digits=digits)

    return witness


def points(form: Expr, off_centre: bool) -> tuple[Point, ...]:
    """Three points; symbols that may be negative are so in the second."""
    others = sorted(form.free_symbols - {v, mu}, key=str)
    found = []
    for i, (size, values) in enumerate(zip(SIZES, VALUES, strict=True)):
        point = {s: R(values[j % 2]) + R(j, 9) for j, s in enumerate(others)}
        point = {s: -x if i == 1 and not s.is_nonnegative else x for s, x in point.items()}
        found.append({v: R(size), **point, **({mu: R((-1) ** i * 2, 3)} if off_centre else {})})
    return tuple(found)
