"""The numbers behind the steps of a derivation: every unevaluated E(...) by Gauss-Legendre panels in numpy.

It shares no code with the rules and sees SymPy expressions only; these may be complex and hold DiracDelta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from kernelcalc.expectation.problem import E, Step, X, Y, Z

Array = NDArray[Any]
Point = Mapping[sp.Symbol, sp.Expr]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(14)
PANELS = np.linspace(-13.0, 13.0, 27)  # in standard deviations


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


def _integral(integral: sp.Integral) -> mp.mpf:
    s, low, high = integral.limits[0]
    return mp.quad(sp.lambdify(s, integral.function, "mpmath"), [mp.mpf(sp.N(low)), mp.mpf(sp.N(high))])


@lru_cache(maxsize=4096)
def _expectation(e: sp.Expr) -> complex:
    if len(e.args) == 2:
        return complex(_means(e.args[0], Z, np.zeros(1), float(e.args[1]))[0])
    a, b, c = map(float, e.args[1:])
    left, right = e.args[0].as_independent(Y)
    regular, masses = _split(left, X)

    def given(x: Array) -> Array:
        """E[right | X = x]."""
        return _means(right, Y, c / a * x, b - c**2 / a)

    total = sum(complex(weight) * _density(t, a) * given(np.array([t]))[0] for t, weight in masses)
    if regular != 0:
        x, weights = _nodes(np.zeros(1), a, _breaks(regular, X))
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
    return lambda points: call(points) + 0 * points


def _breaks(F: sp.Expr, x: sp.Symbol) -> list[float]:
    """Zeros of what stands in sign, Abs, Heaviside, Max and Min."""
    inside = {f.args[0] for f in F.atoms(sp.sign, sp.Abs, sp.Heaviside) if f.has(x)}
    inside |= {p - q for f in F.atoms(sp.Max, sp.Min) for p, q in combinations(f.args, 2)}
    return [float(t) for u in inside for t in sp.solve(u, x)]
