"""Gaussian expectations by quadrature of their definition: E f(Z) and E f(X) g(Y)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import mul

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.errors import InputError, Undefined
from kernelcalc.quadrature.exact import Integrand, compiled, exact, number
from kernelcalc.quadrature.law import ZERO, Estimate, Pair, pair_of, pointwise
from kernelcalc.quadrature.mesh import mesh, sampled, special_points, total
from kernelcalc.quadrature.panels import Unresolved, resolve
from kernelcalc.quadrature.plane import in_plane
from kernelcalc.quadrature.rules import GUARD, Rule, rules


def mean(f: Integrand, v: object, *, mu: object = 0, digits: int = 50) -> mpf:
    """E f(Z), Z ~ N(mu, v), to ``digits`` digits; v = 0 gives f(mu).

    Of break points beyond 100 standard deviations nothing is seen.

    Raises InputError (v < 0), Undefined (infinite, or a mass of f at mu when v = 0), ArithmeticError (two
    meshes disagree).
    """
    variance, centre = exact(v, "v"), exact(mu, "mu")
    check_digits(digits)
    if variance.is_negative:
        raise InputError(f"v = {v!r} is negative: give a variance >= 0")
    return certify(
        lambda want, _: _mean(f, variance, centre, want),
        digits,
        lambda: f"E f(Z) for f = {f!r}, v = {mp.nstr(number(variance))}, mu = {mp.nstr(number(centre))}",
    )


def dual(f: Integrand, g: Integrand, a: object, b: object, c: object, *, digits: int = 30) -> mpf:
    """E f(X) g(Y), (X, Y) ~ N(0, [[a, c], [c, b]]), to ``digits`` digits; c^2 = a b is allowed.

    Close to a line a value below 10^(-3 digits) sqrt(E f^2 E g^2) may be returned as 0.
    Raises InputError (not a covariance), Undefined (infinite, e.g. two masses that meet on the line of a
    singular covariance), ArithmeticError (two meshes disagree).
    """
    var_x, var_y, cov = exact(a, "a"), exact(b, "b"), exact(c, "c")
    check_digits(digits)
    for name, value in (("a", var_x), ("b", var_y)):
        if value.is_negative:
            raise InputError(f"{name} = {value} is negative: give a variance >= 0")
    gap = var_x * var_y - cov**2
    singular = vanishes(gap)
    if not singular and gap.is_negative:
        raise InputError(f"c = {c!r} with variances a = {a!r}, b = {b!r}: c^2 must be at most a b")
    return expectation(f, g, var_x, var_y, cov, int(sp.sign(cov)) if singular else 0, digits)


def expectation(
    f: Integrand, g: Integrand, a: sp.Expr, b: sp.Expr, c: sp.Expr, line: int, digits: int
) -> mpf:
    """``dual`` for exact numbers known to be a covariance: that of Y = line sqrt(b/a) X if line = +-1; for
    line = 0 a regular one, or c = 0."""

    def compute(want: int, effort: int) -> Estimate:
        if c == 0:
            return _mean(f, a, sp.S.Zero, want).times(_mean(g, b, sp.S.Zero, want))
        pair = pair_of(a, b, c, line, want)
        return _on_line(f, g, pair, want) if line else _regular(f, g, pair, want, effort)

    def what() -> str:
        law = ", ".join(
            f"{name} = {mp.nstr(number(value), 20)}" for name, value in (("a", a), ("b", b), ("c", c))
        )
        return f"E f(X) g(Y) for f = {f!r}, g = {g!r}, {law}"

    return certify(compute, digits, what)


def certify(compute: Callable[[int, int], Estimate], digits: int, what: Callable[[], str]) -> mpf:
    """The value of ``compute(digits, effort)`` once its two rules agree to ``digits``.

    Agreement is relative to the value; if the value is a sum that cancels by more than ``digits`` digits, the
    error is at most 10^(-2 digits) of the sum of moduli (and a value below that is returned as 0).
    Raises ArithmeticError naming the agreement reached.
    """
    want, effort, found = digits, 0, ""
    while effort < 3:
        try:
            with mp.workdps(want + GUARD):
                estimate = compute(want, effort)
                if estimate.scale == 0:
                    return mpf(0)
                lost = _digits(abs(estimate.second) / estimate.scale, 2 * digits + 5)
                agreed = _digits(abs(estimate.first - estimate.second) / estimate.scale, want + GUARD)
        except Unresolved as error:
            want, effort, found = want + 8, effort + 2, f"no mesh found ({error})"
            continue
        needed = digits + min(math.ceil(lost), digits)
        if agreed >= needed:
            with mp.workdps(digits + 8):
                return mpf(0) if lost > 2 * digits else +estimate.second
        found = f"two meshes agree to {agreed:.1f} of {needed} digits"
        want, effort = (needed + 1, effort) if needed > want else (want, effort + 1)
    raise ArithmeticError(f"{what()}: {found}; is every kink and jump among the function's breakpoints?")


def _digits(ratio: mpf, most: float) -> float:
    return float(min(most, max(0, -mp.log10(ratio)))) if ratio else most


def check_digits(digits: int) -> None:
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= 1000:
        raise InputError(f"digits = {digits!r} must be a whole number from 1 to 1000")


def vanishes(value: sp.Expr) -> bool:
    return bool(value == 0 if value.is_Rational else value.equals(0))


def _mean(f: Integrand, v: sp.Expr, mu: sp.Expr, digits: int) -> Estimate:
    if v == 0:
        if any(vanishes(t - mu) for t, _ in f.deltas):
            raise Undefined(f"{f!r} has a Dirac mass at {mu}, where all probability is")
        return pointwise(lambda: compiled(f.expr)([number(mu)])[0], digits)
    with mp.workdps(digits + 2 * GUARD):
        result = total(mesh(f, number(mu), mp.sqrt(number(v)), digits))
    for t, weight in f.deltas:
        result = result.plus(pointwise(partial(_mass, t, weight, mu, v), digits))
    return result


def _mass(t: sp.Expr, weight: sp.Expr, mu: sp.Expr, v: sp.Expr) -> mpf:
    return number(weight) * mp.exp(-number((t - mu) ** 2 / (2 * v))) / mp.sqrt(2 * mp.pi * number(v))


def _on_line(f: Integrand, g: Integrand, pair: Pair, digits: int) -> Estimate:
    """The singular covariance: X = sqrt(a) u, Y = +-sqrt(b) u."""
    with mp.workdps(pair.dps):
        flip = pair.line * pair.root_b
        ratio = flip / pair.root_a
        result = ZERO
        if f.expr != 0 and g.expr != 0:
            left, right = sampled(f, mpf(0), pair.root_a), sampled(g, mpf(0), flip)

            def product(points: Sequence[mpf], rule: Rule) -> list[mpf]:
                with mp.workdps(rule.dps):
                    return list(map(mul, left(points, rule), right(points, rule)))

            special = special_points(f, mpf(0), pair.root_a) + special_points(g, mpf(0), flip)
            result = total(resolve(product, special, digits))
        for t, _ in f.deltas:
            for r, _ in g.deltas:
                if abs(number(t) * ratio - number(r)) <= abs(number(r)) * mpf(10) ** -digits:
                    raise Undefined(
                        f"Dirac masses of {f!r} and {g!r} meet where Y = {mp.nstr(ratio, 6)} X: infinite"
                    )
        for h, k, root, slope in ((f, g, pair.root_a, ratio), (g, f, pair.root_b, 1 / ratio)):
            for t, weight in h.deltas if k.expr != 0 else ():
                result = result.plus(pointwise(partial(_mass_on_line, k, t, weight, root, slope), digits))
    return result


def _mass_on_line(g: Integrand, t: sp.Expr, weight: sp.Expr, root: mpf, slope: mpf) -> mpf:
    """A mass at t times g there; where g jumps, the mean of its sides is the limit of regular covariances."""
    with mp.workdps(3 * mp.dps):
        image = slope * number(t)
        beside = (abs(image) or abs(slope) * root) * mpf(10) ** (-2 * mp.dps // 3)
        value = mp.fsum(compiled(g.expr)([image - beside, image + beside])) / 2
    return number(weight) * value * mp.exp(-((number(t) / root) ** 2) / 2) / (root * mp.sqrt(2 * mp.pi))


def _regular(f: Integrand, g: Integrand, pair: Pair, digits: int, effort: int) -> Estimate:
    result = in_plane(f, g, pair, digits, effort) if f.expr != 0 and g.expr != 0 else ZERO
    for h, k, law in ((f, g, pair), (g, f, pair.swapped())):
        for t, weight in h.deltas if k.expr != 0 else ():
            result = result.plus(_mass_and_function(k, t, weight, law, digits))
    for t, w in f.deltas:
        for r, q in g.deltas:
            result = result.plus(pointwise(partial(_two_masses, t, w, r, q, pair), digits))
    return result


def _two_masses(t: sp.Expr, w: sp.Expr, r: sp.Expr, q: sp.Expr, pair: Pair) -> mpf:
    with mp.workdps(pair.dps):
        log = pair.log_density(number(t) / pair.root_a, number(r) / pair.root_b)
        area = 2 * mp.pi * pair.s * pair.root_a * pair.root_b
    return number(w * q) * mp.exp(log) / area


def _mass_and_function(g: Integrand, t: sp.Expr, weight: sp.Expr, pair: Pair, digits: int) -> Estimate:
    """weight * integral of p(t, y) g(y) dy by the joint density; only the mesh knows where it is large."""
    with mp.workdps(pair.dps):
        u = number(t) / pair.root_a
        centre = pair.rho * u
        panels = mesh(g, pair.root_b * centre, pair.root_b * pair.s, digits, spare=pair.spare)
    found = []
    for rule in rules(digits):
        terms = []
        for panel in panels:
            with mp.workdps(pair.dps):
                logs = [
                    pair.log_density(u, centre + pair.s * (panel.mid + panel.half * x)) for x in rule.nodes
                ]
            with mp.workdps(rule.dps):
                values = panel.values[rule.which]
                terms += [
                    panel.half * m * mp.exp(log) * y
                    for m, log, y in zip(rule.weights, logs, values, strict=True)
                ]
        with mp.workdps(rule.dps):
            factor = number(weight) / (2 * mp.pi * pair.root_a)  # dv = s dw cancels the s of 1/(2 pi s)
            found.append(factor * mp.fsum(terms))
            scale = abs(factor) * mp.fsum(terms, absolute=True)
    return Estimate(found[0], found[1], scale)
