"""Limits and asymptotic expansions of closed forms and kernels, derived term by term."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import sympy as sp

from kernelcalc import symbols as sym
from kernelcalc.errors import InputError
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.base import Function
from kernelcalc.kernels import T, Kernel
from kernelcalc.series import NoSeries, series
from kernelcalc.symbols import a, b, c

t = sp.Symbol("t", positive=True)  # the small variable of an expansion: x = t^2, so that roots are powers

Terms = list[tuple[sp.Expr, sp.Rational]]  # (coefficient, exponent of x), in increasing order


def limit(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> sp.Expr:
    """The limit of a closed form as a positive symbol tends to point (from below for oo, else from above)."""
    (coefficient, power), *_ = expansion(_at_zero(expr, symbol, point), symbol, 1)
    return coefficient if power == 0 else sp.Integer(0) if power > 0 else sp.oo * sp.sign(coefficient)


def expand(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr, terms: int = 1) -> sp.Expr:
    """The first terms of the expansion of a closed form at a point, written in the symbol."""
    small = 1 / symbol if point == sp.oo else symbol - point
    found = expansion(_at_zero(expr, symbol, point), symbol, terms)
    return sp.Add(*(coefficient * small**power for coefficient, power in found))


def _at_zero(expr: sp.Expr, symbol: sp.Symbol, point: sp.Expr) -> sp.Expr:
    """expr with the symbol replaced so that the point becomes 0 from above."""
    if point == sp.oo:
        return expr.subs(symbol, 1 / symbol)
    return expr.subs(symbol, point + symbol)


def expansion(expr: sp.Expr, x: sp.Symbol, terms: int) -> Terms:
    """The first nonzero terms of expr at x -> 0+, in powers of x or of sqrt(x); fewer if expr ends before.

    Raises InputError where expr is no such series, times a power.
    """
    reason: Exception | None = None
    for root in (1, 2):
        form = tidy(expr.subs(x, t**root))
        for kept in (terms + 1, 2 * terms + 1, 4 * terms + 4, 8 * terms + 24):
            try:
                found = series(_regular(form, kept), t, kept)
            except NoSeries as stopped:
                reason = stopped
                break
            nonzero = [(x, sp.Rational(found.order + i, root)) for i, x in enumerate(found.coefs) if x != 0]
            if len(nonzero) >= terms:
                return nonzero[:terms]
        else:
            return nonzero or [(sp.Integer(0), sp.Integer(0))]
    raise InputError(f"no expansion of {expr} in powers of sqrt({x}): {reason}")


def _regular(expr: sp.Expr, kept: int) -> sp.Expr:
    """asin near +-1, where it has a root, written by atan: asin u = pi/2 - atan(sqrt(1 - u^2)/u) for u > 0."""

    def rewrite(u: sp.Expr) -> sp.Expr:
        u = _regular(u, kept)
        end = series(u, t, kept)[0]
        if end not in (1, -1):
            return sp.asin(u)
        return end * sp.pi / 2 - sp.atan(tidy(sp.sqrt(sp.factor(sp.together(1 - u**2)))) / u)

    return expr.replace(sp.asin, rewrite)


# ---------------------------------------------------------------- kernels


def limit_function(f: Function, symbol: sp.Symbol, point: sp.Expr) -> Function:
    """The pointwise limit of f as a parameter tends to a point, for z > 0 and for z < 0."""
    free = f.with_params(**{symbol.name: symbol})
    if free.expr == f.expr:
        return f
    positive = sp.Symbol("z_+", positive=True)
    right, left = (sp.limit(free.expr.subs(sym.z, side * positive), symbol, point) for side in (1, -1))
    ends = [value.subs(positive, side * sym.z) for value, side in ((right, 1), (left, -1))]
    expr = sp.expand((ends[0] + ends[1]) / 2) + sp.expand((ends[0] - ends[1]) / 2) * sp.sign(sym.z)
    kept = tuple((s, value) for s, value in f.parameters if s in expr.free_symbols)
    name = f"lim {f.name}" if expr != sp.sign(sym.z) else "sign"
    return Function(name, expr, kept)


def limit_kernel(kernel: Kernel, name: str, point: sp.Expr) -> Kernel:
    """The kernel of the pointwise limit of the activations, proved to be the limit of the layer maps.

    A surrogate derivative keeps its own parameters. Raises InputError if the two limits differ.
    """
    symbols = {s.name: s for f in (kernel.f1, kernel.f2) for s, _ in f.parameters}
    if name not in symbols:
        raise InputError(f"{kernel!r}: its activations have no parameter {name!r}, only {sorted(symbols)}")
    symbol = symbols[name]
    free = _free(kernel, symbol)
    f1, f2 = (limit_function(f, symbol, point) if name in f.params else f for f in (kernel.f1, kernel.f2))
    s1 = f1.derivative if _moves(kernel, 1) else kernel.s1
    s2 = f2.derivative if _moves(kernel, 2) else kernel.s2
    result = replace(kernel, f1=f1, f2=f2, s1=s1, s2=s2)
    for before, after in zip(free.layer.expectations, result.layer.expectations, strict=True):
        if before.expr is None or after.expr is None:
            raise InputError(f"{kernel!r}: {before!r} has no closed form, so its limit is not derived")
        if sp.simplify(limit(before.expr, symbol, point) - after.expr) != 0:
            raise InputError(f"{kernel!r}: the limit of {before!r} is not the expectation of the limit functions")
    return result


def _moves(kernel: Kernel, side: int) -> bool:
    """Whether a derivative is that of its activation, and so follows it in the limit."""
    f, s = (kernel.f1, kernel.s1) if side == 1 else (kernel.f2, kernel.s2)
    return s is not None and s == f.derivative and not (kernel.kind == "SGNTK" and side == 2)


def _free(kernel: Kernel, symbol: sp.Symbol) -> Kernel:
    """The kernel with one parameter of its activations (and their derivatives) left as a symbol."""
    free = {symbol.name: symbol}
    f1, f2 = (f.with_params(**free) if symbol.name in f.params else f for f in (kernel.f1, kernel.f2))
    return replace(
        kernel,
        f1=f1,
        f2=f2,
        s1=f1.derivative if _moves(kernel, 1) else kernel.s1,
        s2=f2.derivative if _moves(kernel, 2) else kernel.s2,
    )


# ---------------------------------------------------------------- growth on the diagonal


@dataclass(frozen=True)
class DiagonalGrowth:
    """k(x, x) ~ coefficient * symbol^exponent; the coefficient is in a1 = S^{(1)}(x, x), sigma_w and sigma_b."""

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
    symbol = {s.name: s for s, _ in kernel.f1.parameters}.get(name)
    if symbol is None or kernel.layer.factor is None:
        raise InputError(f"{kernel!r} has no parameter {name!r} for its diagonal to grow with")
    free = _free(kernel, symbol)
    assert free.layer.factor is not None
    next_a = limit(free.variance_map(free.layer.first), symbol, sp.oo)
    form = sp.sympify(free.sigma_w**2 * free.layer.factor.diagonal)
    ((coefficient, power),) = expansion(form.subs(symbol, 1 / symbol), symbol, 1)
    if power >= 0:
        raise InputError(f"{kernel!r}: the diagonal does not grow with {name}")
    if isinstance(kernel.depth, int):
        total, state = a1, a1
        for _ in range(kernel.depth - 1):
            total, state = total * coefficient.subs(a, state), next_a.subs(a, state)
        return DiagonalGrowth(symbol, tidy(total), -power * (kernel.depth - 1))
    fixed = next_a.subs(a, a1)
    if sp.simplify(next_a.subs(a, fixed) - fixed) != 0:
        raise InputError(f"{kernel!r}: the variance changes from layer to layer; give a number as depth")
    first, later = coefficient.subs(a, a1), coefficient.subs(a, fixed)
    return DiagonalGrowth(symbol, tidy(a1 * first) * later ** (kernel.depth - 2), -power * (kernel.depth - 1))


# ---------------------------------------------------------------- small angles on a sphere


@dataclass(frozen=True)
class SmallAngle:
    """Behaviour of a kernel on the sphere |x|^2 = |y|^2 = xx as u = 1 - cos(angle) -> 0+.

    gaps[l-1], factors[l-1]: (K, p) with S^{(l)}(x,x) - S^{(l)}(x,y) ~ K u^p and factor_l ~ K u^p (factor_1 = 1).
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
    from kernelcalc.kernels import xx

    if not isinstance(kernel.depth, int):
        raise InputError("small_angle needs a depth that is a number; small_angle_exponent serves symbolic depth")
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
    """Leading terms in g of the next gap and of the factor at b = a, c = a - g, as (coefficient in a, power)."""
    g = sp.Symbol("g", positive=True)
    on_sphere = {b: a, c: a - g}
    gap = kernel.variance_map(kernel.layer.first) - kernel.covariance_map()
    ((gap_term),) = expansion(gap.subs(on_sphere, simultaneous=True), g, 1)
    if kernel.layer.factor is None:
        return gap_term, (sp.Integer(1), sp.Integer(0))
    ((factor_term),) = expansion(kernel.factor_map().subs(on_sphere, simultaneous=True), g, 1)
    return gap_term, factor_term


def _composed(term: tuple[sp.Expr, sp.Expr], state: sp.Expr, gap: tuple[sp.Expr, sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
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

    Found by bisection of the covariance map in high precision on [-a*, a*]; empty if the variance has no
    finite positive fixed point.
    """
    import mpmath as mp

    variance = kernel.variance_map(kernel.layer.first)
    if variance.free_symbols - {a}:
        raise InputError(f"{kernel!r}: depth limits need numbers for {sorted(map(str, variance.free_symbols - {a}))}")
    with mp.workdps(40):
        grow = sp.lambdify(a, variance, "mpmath")
        fixed = mp.mpf(1)
        for _ in range(10_000):
            fixed, old = grow(fixed), fixed
            if not mp.isfinite(fixed) or fixed <= 0 or abs(fixed) > mp.mpf(10) ** 30:
                return ()
            if abs(fixed - old) <= mp.mpf(10) ** -36 * abs(fixed):
                break
        else:
            return ()
        cross = kernel.covariance_map().subs({a: fixed, b: fixed}, simultaneous=True)
        step = sp.lambdify(c, cross - c, "mpmath")
        slope = sp.lambdify(c, sp.diff(kernel.covariance_map(), c).subs({a: fixed, b: fixed}, simultaneous=True), "mpmath")
        found = [DepthLimit(sp.Float(fixed, 30), sp.Float(x, 30), sp.Float(slope(x), 30)) for x in _roots(step, fixed)]
        edge = limit(sp.diff(kernel.covariance_map(), c).subs({b: a, c: a - T}, simultaneous=True).subs(T, t), t, sp.Integer(0))
        found.append(DepthLimit(sp.Float(fixed, 30), sp.Float(fixed, 30), edge.subs(a, sp.Float(fixed, 30))))
        return tuple(found)


def _roots(step: object, end: object) -> list[object]:
    """Roots of step strictly inside (-end, end)."""
    import mpmath as mp

    n = 400
    grid = [end * (mp.mpf(2 * i) / n - 1) for i in range(1, n)]
    values = [step(x) for x in grid]  # type: ignore[operator]  # an mpmath callable
    found = []
    for x, y, fx, fy in zip(grid, grid[1:], values, values[1:], strict=False):
        if fx == 0:
            found.append(x)
        elif fx * fy < 0:
            found.append(mp.findroot(step, (x, y), solver="anderson", tol=mp.mpf(10) ** -60, verify=False))
    return found
