"""Points, numbers of closed forms, and of the steps of derivations: E(...) by Gauss-Legendre panels in numpy.

It shares no code with the rules and sees SymPy expressions only; these may be complex and hold DiracDelta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp, mpf
from numpy.typing import NDArray
from sympy.core.relational import Relational

from kernelcalc.expectation.problem import E, Step, X, Y, Z
from kernelcalc.symbols import a, b, c, v

Array = NDArray[Any]
Point = Mapping[sp.Symbol, sp.Expr]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(14)
PANELS = np.linspace(-13.0, 13.0, 27)  # in standard deviations

R = sp.Rational
POINTS = (  # a != b; c = 0, c < 0, |rho| near 1
    (R(1, 2), R(7, 3), R(9, 10)),
    (R(2), R(3, 5), R(-1, 2)),
    (R(3, 2), R(2, 3), R(999, 1000)),
    (R(1), R(3), R(0)),
    (R(1, 3), R(5, 2), R(-9, 10)),
)
POINT: Point = {a: R(13, 10), b: R(7, 10), c: R(-2, 5), v: R(4, 5)}


def at(form: sp.Expr | None, *values: sp.Expr, digits: int = 30) -> mpf:
    """A closed form at v or at a, b, c."""
    assert form is not None
    symbols = (a, b, c) if len(values) == 3 else (a,) if form.has(a) else (v,)
    with mp.workdps(digits):
        return mpf(sp.N(form.subs(dict(zip(symbols, values, strict=True))), digits))


def close(x: mpf, y: mpf, digits: int) -> bool:
    with mp.workdps(digits + 10):
        return bool(abs(x - y) <= mpf(10) ** -digits * abs(y))


def broken(steps: Sequence[Step], point: Point, rtol: float = 1e-9) -> list[Step]:
    """The steps whose sides differ at a point."""
    sides = [(step, value(step.before, point), value(step.after, point)) for step in steps]
    return [step for step, x, y in sides if not abs(x - y) <= rtol * max(abs(x), abs(y), 1e-3)]


def value(expr: sp.Expr, point: Point) -> complex:
    """A side of a step at a point."""
    expr = expr.subs(dict(point))
    numbers = {e: sp.sympify(_expectation(e)) for e in expr.atoms(E)}
    numbers |= {i: sp.sympify(_integral(i)) for i in expr.atoms(sp.Integral)}
    return complex(sp.N(expr.xreplace(numbers), 20))


def _integral(integral: sp.Integral) -> mpf:
    s, low, high = integral.limits[0]
    return mp.quad(sp.lambdify(s, integral.function, "mpmath"), [mpf(sp.N(low)), mpf(sp.N(high))])


@lru_cache(maxsize=4096)
def _expectation(e: sp.Expr) -> complex:
    if len(e.args) == 2:
        return complex(_means(e.args[0], Z, np.zeros(1), float(e.args[1]))[0])
    var_x, var_y, cov = map(float, e.args[1:])
    left, right = e.args[0].as_independent(Y)
    regular, masses = _split(left, X)

    def given(x: Array) -> Array:
        """E[right | X = x]."""
        return _means(right, Y, cov / var_x * x, var_y - cov**2 / var_x)

    total = sum(complex(weight) * _density(t, var_x) * given(np.array([t]))[0] for t, weight in masses)
    if regular != 0:
        x, weights = _nodes(np.zeros(1), var_x, _breaks(regular, X))
        total += (_call(regular, X)(x) * weights)[0] @ given(x[0])
    return complex(total)


def _means(F: sp.Expr, x: sp.Symbol, mu: Array, v: float) -> Array:
    """E F at N(mu, v) for many mu."""
    regular, masses = _split(F, x)
    points, weights = _nodes(mu, v, _breaks(regular, x))
    total: Array = (_call(regular, x)(points) * weights).sum(axis=1)
    for t, weight in masses:
        total = total + complex(weight) * _density(t - mu, v)
    return total


def _split(F: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, list[tuple[float, sp.Expr]]]:
    """F(x) as its regular part and the places and weights of its masses."""
    regular, masses = sp.Integer(0), []
    for term in sp.Add.make_args(sp.expand(F) if F.has(sp.DiracDelta) else F):
        deltas = term.atoms(sp.DiracDelta)
        if deltas:
            (delta,) = deltas
            t = x - delta.args[0]
            masses.append((float(t), term.xreplace({delta: sp.Integer(1)}).subs(x, t)))
        else:
            regular += term
    return regular, masses


def _nodes(mu: Array, v: float, breaks: list[float]) -> tuple[Array, Array]:
    """For every mu, nodes of panels that end at the breaks, and weights times the density of N(mu, v)."""
    sd = np.sqrt(v)
    cuts = [(t - mu[:, None]) / sd for t in breaks]
    edges = np.sort(np.hstack([np.tile(PANELS, (len(mu), 1)), *cuts]).clip(-13, 13), axis=1)
    mids, halves = (edges[:, 1:] + edges[:, :-1]) / 2, (edges[:, 1:] - edges[:, :-1]) / 2
    w = (mids[..., None] + halves[..., None] * NODES).reshape(len(mu), -1)
    weights = (halves[..., None] * WEIGHTS).reshape(len(mu), -1)
    return mu[:, None] + sd * w, weights * _density(w, 1.0)


def _density(x: Any, v: float) -> Any:
    return np.exp(-(x**2) / (2 * v)) / np.sqrt(2 * np.pi * v)


def _call(F: sp.Expr, x: sp.Symbol) -> Callable[[Array], Array]:
    call = sp.lambdify(x, F, ["scipy", "numpy"])

    def values(points: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):  # branches that a condition leaves out
            found: Array = call(points) + 0 * points
        return found

    return values


def _breaks(F: sp.Expr, x: sp.Symbol) -> list[float]:
    """Zeros of what stands in sign, Abs, Heaviside, Max, Min and conditions."""
    inside = {f.args[0] for f in F.atoms(sp.sign, sp.Abs, sp.Heaviside) if f.has(x)}
    inside |= {p - q for f in F.atoms(sp.Max, sp.Min) for p, q in combinations(f.args, 2)}
    inside |= {r.lhs - r.rhs for r in F.atoms(Relational) if r.has(x)}
    return [float(t) for u in inside for t in sp.solve(u, x)]
