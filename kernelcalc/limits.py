"""Limits of kernels: in a parameter, on the diagonal, at small angles, at large depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import mpmath as mp
import sympy as sp

from kernelcalc import symbols as sym
from kernelcalc.errors import InputError
from kernelcalc.expansions import Terms as Terms
from kernelcalc.expansions import at_zero
from kernelcalc.expansions import expand as expand
from kernelcalc.expansions import expansion as expansion
from kernelcalc.expansions import limit as limit
from kernelcalc.expectation.result import mean
from kernelcalc.expectation.tidy import t, tidy
from kernelcalc.functions.base import Function
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c, xx


def limit_function(f: Function, symbol: sp.Symbol, point: sp.Expr) -> Function:
    """The limit of f at every z > 0 and at every z < 0 as a parameter tends to a point.

    Raises InputError where there is none, or none that is finite.
    """
    if symbol.name not in f.params:
        return f
    free = f.with_params(**{symbol.name: symbol})
    if point.is_finite:
        return f.with_params(**{symbol.name: point})
    positive = sp.Symbol("z_+", positive=True)
    ends = []
    for side in (1, -1):
        value = sp.limit(free.expr.subs(sym.z, side * positive), symbol, point)
        if value.has(symbol, sp.oo, -sp.oo, sp.zoo, sp.nan, sp.AccumBounds, sp.Limit):
            raise InputError(f"{f!r} has no finite pointwise limit for {symbol} -> {point}")
        ends.append(value.subs(positive, side * sym.z))
    right, left = ends
    expr = sp.expand((right + left) / 2) + sp.expand((right - left) / 2) * sp.sign(sym.z)
    kept = tuple((s, value) for s, value in f.parameters if s in expr.free_symbols)
    return Function("sign" if expr == sp.sign(sym.z) else f"lim {f.name}", expr, kept)


def limit_distribution(s: Function, symbol: sp.Symbol, point: sp.Expr) -> Function:
    """The limit of a surrogate derivative: M delta(z) if it tends to 0 at z != 0 while its mean does not."""
    found = limit_function(s, symbol, point)
    average = mean(s.with_params(**{symbol.name: symbol}))
    if found.expr != 0 or average.expr is None:
        return found
    mass = tidy(limit(average.expr, symbol, point) * sp.sqrt(2 * sp.pi * sym.v))
    return Function(f"{mass} delta", sp.Integer(0), (), ((sp.Integer(0), mass),))


def limit_kernel(kernel: Kernel, name: str, point: sp.Expr) -> Kernel:
    """The kernel in the limit of a parameter, proved to be the limit of the layer maps.

    All functions that have the parameter as a symbol follow it, surrogate derivatives too; if there is none,
    the activations that have it as a number. Raises InputError if the limit of an expectation is not the
    expectation of the limits.
    """
    symbol, moving = _moving(kernel, name)
    free = _changed(kernel, {part: f.with_params(**{name: symbol}) for part, f in moving.items()})
    ends = {
        part: (limit_function if part in ("f1", "f2") else limit_distribution)(f, symbol, point)
        for part, f in moving.items()
    }
    result = _changed(kernel, ends)
    for before, after in zip(free.layer.expectations, result.layer.expectations, strict=True):
        if before.expr is None or after.expr is None:
            raise InputError(f"{kernel!r}: {before!r} has no closed form, so its limit is not derived")
        for form, expected in ((before.expr, after.expr), (before.diagonal, after.diagonal)):
            if form is None or expected is None or not _equal(limit(form, symbol, point), expected):
                words = f"the limit of {before!r} is not the expectation of the limit functions"
                raise InputError(f"{kernel!r}: {words}")
    return result


def _moving(kernel: Kernel, name: str) -> tuple[sp.Symbol, dict[str, Function]]:
    """A parameter's symbol, and which of f1, s1, f2, s2 follow it (not the derivatives of such an f)."""
    having = {
        part: f
        for part in ("f1", "s1", "f2", "s2")
        if (f := getattr(kernel, part)) is not None and name in f.params and not _own(kernel, part)
    }
    moving = {part: f for part, f in having.items() if not f.params[name].is_number}
    moving = moving or {part: f for part, f in having.items() if part in ("f1", "f2")}
    if not moving:
        known = sorted({known for f in (kernel.f1, kernel.f2) for known in f.params})
        raise InputError(f"{kernel!r}: its activations have no parameter {name!r}, only {known}")
    symbol = next(s for f in moving.values() for s, _ in f.parameters if s.name == name)
    if len(moving) < len(having):  # the others keep a parameter of that name
        symbol = sp.Dummy(name, **symbol.assumptions0)
    return symbol, moving


def _own(kernel: Kernel, part: str) -> bool:
    """Whether s1 or s2 is the derivative of its activation rather than a surrogate that looks like it."""
    if part in ("f1", "f2") or (kernel.kind == "SGNTK" and part == "s2"):
        return False
    f, s = (kernel.f1, kernel.s1) if part == "s1" else (kernel.f2, kernel.s2)
    return s is not None and s == f.derivative


def _changed(kernel: Kernel, functions: dict[str, Function]) -> Kernel:
    """The kernel with other functions; the derivative of an activation stays its derivative."""
    pairs = (("f1", "s1"), ("f2", "s2"))
    follow = {s: functions[f].derivative for f, s in pairs if f in functions and _own(kernel, s)}
    parts = {part: getattr(kernel, part) for part in ("f1", "s1", "f2", "s2")} | functions | follow
    return replace(kernel, **parts)


def _equal(x: sp.Expr, y: sp.Expr) -> bool:
    if x == y:  # oo among them
        return True
    difference = tidy(x - y)
    return bool(difference == 0 or sp.simplify(difference) == 0)


# ---------------------------------------------------------------- growth on the diagonal


@dataclass(frozen=True)
class DiagonalGrowth:
    """k(x, x) ~ coefficient * symbol^exponent, with a1 = S^{(1)}(x, x), sigma_w and sigma_b in the former."""

    symbol: sp.Symbol
    coefficient: sp.Expr
    exponent: sp.Expr

    @property
    def expr(self) -> sp.Expr:
        return self.coefficient * self.symbol**self.exponent


a1 = sp.Symbol("a_1", positive=True)  # S^{(1)}(x, x)


def diagonal_growth(kernel: Kernel, name: str) -> DiagonalGrowth:
    """Leading growth of k(x, x) as a parameter tends to oo, at a concrete depth or for symbolic L >= 2.

    With S^{(l)} -> a_l and a factor ~ K(a_l) m^p per layer (p > 0) the first term S^{(1)} * (product of all
    factors) outgrows the others. For symbolic depth the a_l must not change from layer 2 on.
    """
    if name not in kernel.f1.params or kernel.s1 is None:
        raise InputError(f"{kernel!r} has no parameter {name!r} for its diagonal to grow with")
    if kernel.f1 != kernel.f2:
        raise InputError(f"{kernel!r}: two different activations: its diagonal follows no variance alone")
    symbol, moving = _moving(kernel, name)
    free = _changed(kernel, {part: f.with_params(**{name: symbol}) for part, f in moving.items()})
    assert free.layer.factor is not None  # as s1 is not None
    if free.layer.factor.diagonal is None:
        raise InputError(f"{kernel!r}: {free.layer.factor!r} has no closed form on the diagonal")
    next_a = limit(free.variance_map(free.layer.first), symbol, sp.oo)
    form = free.sigma_w**2 * free.layer.factor.diagonal
    ((coefficient, power),) = expansion(at_zero(form, symbol, sp.oo), symbol, 1)
    if power >= 0:
        raise InputError(f"{kernel!r}: the diagonal does not grow with {name}")
    if next_a.has(sp.oo):
        raise InputError(f"{kernel!r}: the variance of the next layer grows with {name} as well")
    if isinstance(kernel.depth, int):
        total, state = a1, a1
        for _ in range(kernel.depth - 1):
            total, state = total * coefficient.subs(a, state), next_a.subs(a, state)
        return DiagonalGrowth(symbol, tidy(total), -power * (kernel.depth - 1))
    fixed = next_a.subs(a, a1)
    if sp.simplify(next_a.subs(a, fixed) - fixed) != 0:
        raise InputError(f"{kernel!r}: the variance changes from layer to layer; give a number as depth")
    first, later = coefficient.subs(a, a1), coefficient.subs(a, fixed)
    total = tidy(a1 * first) * later ** (kernel.depth - 2)
    return DiagonalGrowth(symbol, total, -power * (kernel.depth - 1))


# ---------------------------------------------------------------- small angles on a sphere


@dataclass(frozen=True)
class SmallAngle:
    """Behaviour of a kernel on the sphere |x|^2 = |y|^2 = xx as u = 1 - cos(angle) -> 0+.

    gaps[l-1], factors[l-1]: (K, p) with S^{(l)}(x,x) - S^{(l)}(x,y) ~ K u^p and factor_l ~ K u^p;
    factor_1 = 1.
    """

    kernel: Kernel
    gaps: tuple[tuple[sp.Expr, sp.Expr], ...]
    factors: tuple[tuple[sp.Expr, sp.Expr], ...]
    variances: tuple[sp.Expr, ...]

    @cached_property
    def exponent(self) -> sp.Expr:
        """p with k ~ K u^p for a singular kernel: the sum of the factors' exponents."""
        return sp.Add(*(power for _, power in self.factors))

    @cached_property
    def alpha(self) -> sp.Expr:
        """alpha with k ~ K |x - y|^(-alpha): u is proportional to |x - y|^2."""
        return -2 * self.exponent

    @cached_property
    def coefficient(self) -> sp.Expr:
        """K with k ~ K u^exponent, for a singular kernel (exponent < 0)."""
        return tidy(self.variances[0] * sp.Mul(*(value for value, _ in self.factors)))


def small_angle(kernel: Kernel) -> SmallAngle:
    """Leading terms of gaps and factors of every layer as the angle tends to 0, at a concrete depth."""
    if not isinstance(kernel.depth, int):
        raise InputError(
            "small_angle needs a depth that is a number; small_angle_exponent serves symbolic depth"
        )
    if kernel.f1 != kernel.f2:
        raise InputError(f"{kernel!r}: two different activations: S(x,x) - S(x,y) does not vanish at x = y")
    gap_form, factor_form = _gap_maps(kernel)
    variance = kernel.variance_map(kernel.layer.first)
    scale = kernel.sigma_w**2 / sym.n0 * sp.Symbol(xx.name, positive=True)
    state = scale + kernel.sigma_b**2
    gap = (scale, sp.Integer(1))
    gaps, factors, variances = [gap], [(sp.Integer(1), sp.Integer(0))], [state]
    for _ in range(kernel.depth - 1):
        factors.append(_composed(factor_form, state, gap))
        gap = _composed(gap_form, state, gap)
        state = tidy(variance.subs(a, state))
        gaps.append(gap)
        variances.append(state)
    return SmallAngle(kernel, tuple(gaps), tuple(factors), tuple(variances))


def _gap_maps(kernel: Kernel) -> tuple[tuple[sp.Expr, sp.Expr], tuple[sp.Expr, sp.Expr]]:
    """Leading terms (coefficient in a, power of g) of the next gap and of the factor at b = a, c = a - g."""
    g = sp.Symbol("g", positive=True)
    on_sphere = {b: a, c: a - g}
    gap = kernel.variance_map(kernel.layer.first) - kernel.covariance_map()
    ((gap_term),) = expansion(gap.subs(on_sphere, simultaneous=True), g, 1)
    if kernel.layer.factor is None:
        return gap_term, (sp.Integer(1), sp.Integer(0))
    ((factor_term),) = expansion(kernel.factor_map().subs(on_sphere, simultaneous=True), g, 1)
    return gap_term, factor_term


def _composed(
    term: tuple[sp.Expr, sp.Expr], state: sp.Expr, gap: tuple[sp.Expr, sp.Expr]
) -> tuple[sp.Expr, sp.Expr]:
    coefficient, power = term
    return tidy(coefficient.subs(a, state) * gap[0] ** power), power * gap[1]


def small_angle_exponent(kernel: Kernel) -> sp.Expr:
    """alpha(L) with k ~ K |x - y|^(-alpha) at symbolic depth L: gaps ~ u^(p^(l-1)), factors ~ gap^r."""
    (_, p), (_, r) = _gap_maps(kernel)
    level = sp.Symbol("l", integer=True, positive=True)
    return sp.simplify(-2 * sp.summation(r * p ** (level - 1), (level, 1, sym.L - 1)))


# ---------------------------------------------------------------- large depth


@dataclass(frozen=True)
class DepthLimit:
    """The fixed point of the covariance map and how fast it is approached.

    variance, covariance: a* and c* < a*, or c* = a*; rate: d c_{l+1} / d c_l there, so that the distance to
    c* shrinks by that factor per layer (rate 1: slower than geometrically; rate > 1: c* is left).
    """

    variance: sp.Expr
    covariance: sp.Expr
    rate: sp.Expr


def depth_limits(kernel: Kernel) -> tuple[DepthLimit, ...]:
    """All fixed points of (a, c) -> next (a, c), with their rates; sigma_w and sigma_b must be numbers.

    Found by iterating the variance from 1 and by bisection of the covariance map on [-a*, a*], to 30 digits;
    empty if the variance tends to 0 or oo, or moves on after 10 000 layers.
    """
    variance, covariance = kernel.variance_map(kernel.layer.first), kernel.covariance_map()
    free = (variance.free_symbols | covariance.free_symbols) - {a, b, c}
    if free:
        raise InputError(f"{kernel!r}: depth limits need numbers for {', '.join(sorted(map(str, free)))}")
    if kernel.f1 != kernel.f2:
        raise InputError(f"{kernel!r}: depth limits are those of one activation, not of two")
    slope = sp.diff(covariance, c)
    edge = limit(slope.subs({b: a, c: a - t}, simultaneous=True), t, sp.Integer(0))
    with mp.workdps(40):
        fixed = _variance_limit(sp.lambdify(a, variance, "mpmath"))
        if fixed is None:
            return ()
        at = sp.Float(fixed, 30)
        step, rate = (
            sp.lambdify(c, form.subs({a: sp.Float(fixed, 40), b: sp.Float(fixed, 40)}), "mpmath")
            for form in (covariance - c, slope)
        )
        inside = [DepthLimit(at, sp.Float(x, 30), sp.Float(rate(x), 30)) for x in _roots(step, fixed)]
        return (*inside, DepthLimit(at, at, sp.N(edge.subs(a, fixed), 30)))


def _variance_limit(grow: Callable[[mp.mpf], mp.mpf]) -> mp.mpf | None:
    fixed = mp.mpf(1)
    for _ in range(10_000):
        fixed, old = grow(fixed), fixed
        if not mp.mpf(10) ** -30 < fixed < mp.mpf(10) ** 30:
            return None
        if abs(fixed - old) <= mp.mpf(10) ** -36 * fixed:
            return fixed
    return None


def _roots(step: Callable[[mp.mpf], mp.mpf], end: mp.mpf) -> list[mp.mpf]:
    """Roots of step strictly inside (-end, end) at which it changes sign."""
    n = 400
    grid = [end * (mp.mpf(2 * i) / n - 1) for i in range(1, n)]
    values = [step(x) for x in grid]
    found = [x for x, value in zip(grid, values, strict=True) if value == 0]
    for x, y, at_x, at_y in zip(grid, grid[1:], values, values[1:], strict=False):
        if at_x * at_y < 0:
            found.append(mp.findroot(step, (x, y), solver="anderson", tol=mp.mpf(10) ** -60, verify=False))
    return sorted(found)
