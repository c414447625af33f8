"""Limits and asymptotics against closed forms and recursions in high precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc.functions.base import Function
from kernelcalc.limits import (
    a1,
    depth_limits,
    diagonal_growth,
    expand,
    expansion,
    limit,
    limit_function,
    small_angle,
    small_angle_exponent,
)
from kernelcalc.series import NoSeries, series, vanishes
from kernelcalc.symbols import L, a, b, c, m, n0, sigma_b, sigma_w, xx, xy, yy, z

R = sp.Rational
x = sp.Symbol("x", positive=True)
SLOPE = kc.Erf("m").derivative
STEP = Function("step", z + sp.erf(m * z), ((m, sp.Integer(1)),))
POINTS = (
    {a: R(3, 2), b: R(1, 2), c: R(-2, 3)},
    {a: R(1, 3), b: R(2), c: R(3, 4)},
    {a: R(1), b: R(1), c: R(0)},
)


def number(form: sp.Expr, values: dict[sp.Symbol, sp.Expr], digits: int = 80) -> mpf:
    with mp.workdps(digits):
        return mpf(sp.N(form.subs(values), digits))


# ---------------------------------------------------------------- limits of expectations


@pytest.mark.parametrize(
    ("finite", "infinite"),
    [
        (kc.dual(kc.Erf("m")), kc.dual(kc.Sign())),
        (kc.dual(SLOPE), kc.dual(kc.Sign().derivative)),
        (kc.dual(SLOPE, kc.Erf(2).derivative), kc.dual(kc.Sign().derivative, kc.Erf(2).derivative)),
        (kc.dual(kc.Erf("m"), kc.ReLU()), kc.dual(kc.Sign(), kc.ReLU())),
        (
            kc.dual(SLOPE, kc.function("max(0, 1 - abs(z))")),
            kc.dual(kc.Sign().derivative, kc.function("max(0, 1 - abs(z))")),
        ),
    ],
    ids=str,
)
def test_steep_erf_becomes_sign(finite: kc.Expectation, infinite: kc.Expectation) -> None:
    found = finite.limit("m", kc.oo)
    assert infinite.expr is not None
    for point in POINTS:
        assert abs(number(found - infinite.expr, point)) < mpf(10) ** -70


def test_limits_in_the_covariance() -> None:
    relu, sign = kc.dual(kc.ReLU()), kc.dual(kc.Sign().derivative)
    assert relu.limit("c", 0) == sp.sqrt(a * b) / (2 * sp.pi)
    assert relu.expr is not None
    assert sign.expr is not None
    assert limit(relu.expr.subs({b: a, c: a - x}), x, sp.S.Zero) == a / 2
    assert limit(sign.expr.subs({b: a, c: a - x}), x, sp.S.Zero) == sp.oo
    assert limit(-sign.expr.subs({b: a, c: x - a}), x, sp.S.Zero) == -sp.oo


@pytest.mark.parametrize(
    ("e", "diagonal", "order"),
    [
        (kc.dual(kc.Erf("m")), False, 6),
        (kc.dual(kc.Erf("m")), True, 5),
        (kc.dual(SLOPE), False, 6),
        (kc.dual(SLOPE), True, 5),
        (kc.dual(SLOPE, kc.Erf(2).derivative), False, 6),
    ],
)
def test_three_terms_leave_a_remainder_of_the_next_order(
    e: kc.Expectation, diagonal: bool, order: int
) -> None:
    terms = e.asymptotic("m", terms=3, diagonal=diagonal)
    exact = kc.dual(e.f.with_params(m="m"), e.g).diagonal if diagonal else e.expr
    assert exact is not None
    for point in POINTS[:2]:
        near, far = (abs(number(exact - terms, {**point, m: sp.Integer(k)})) for k in (10**6, 2 * 10**6))
        assert abs(near / far - 2**order) < 1e-3
        assert near > mpf(10) ** -70


# ---------------------------------------------------------------- expansions


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (sp.sin(a) ** 2 + sp.cos(a) ** 2 - 1 + 3 * x**2, [(3, 2)]),
        (sp.sqrt(a + 1) * sp.sqrt(a) - sp.sqrt(a**2 + a) + sp.sqrt(x), [(1, R(1, 2))]),
        (1 / (sp.asin(1 - x) - sp.pi / 2), [(-sp.sqrt(2) / 2, -R(1, 2))]),
        (sp.asin(x / 2 - 1) + sp.pi / 2, [(1, R(1, 2))]),
        (sp.Abs(x - a) - a, [(-1, 1)]),
        (sp.erf(a / x) * x**3, [(1, 3)]),
        (sp.exp(-1 / x) + x, [(1, 1)]),
        (sp.Integer(0) * x, [(0, 0)]),
        ((1 + x) ** 2 - 1 - 2 * x, [(1, 2)]),
    ],
)
def test_leading_term(expr: sp.Expr, expected: list[tuple[sp.Expr, sp.Expr]]) -> None:
    found = expansion(expr, x, 1)
    assert [power for _, power in found] == [power for _, power in expected]
    assert all(sp.simplify(got - want) == 0 for (got, _), (want, _) in zip(found, expected, strict=True))


def test_expansion_of_asin_at_both_ends_is_the_function() -> None:
    for expr in (sp.asin(1 - x + x**2), sp.asin(-sp.sqrt(1 - x)), sp.sqrt(x) * sp.asin((1 - x) / (1 + x))):
        terms = expansion(expr, x, 4)
        value = sp.Add(*(k * x**p for k, p in terms))
        assert abs(number(expr - value, {x: R(1, 10**16)})) < mpf(10) ** (-16 * float(terms[-1][1]) - 6)


@pytest.mark.parametrize("expr", [sp.exp(1 / x), sp.asin(2 / x), sp.Abs(c + x)])
def test_what_is_no_power_series_is_an_error(expr: sp.Expr) -> None:
    with pytest.raises(kc.InputError, match="no expansion"):
        expansion(expr, x, 1)
    with pytest.raises(NoSeries):
        series(expr, x, 3)


def test_logarithms_are_no_powers_but_have_expansions_and_limits() -> None:
    with pytest.raises(kc.InputError, match="logarithm"):
        expansion(1 + sp.log(x), x, 1)
    assert expand(sp.sqrt(x) * sp.log(2 * x), x, sp.oo) == sp.sqrt(x) * (sp.log(x) + sp.log(2))
    assert limit(sp.log(x), x, sp.oo) == sp.oo
    assert limit(x * sp.log(x), x, sp.S.Zero) == 0
    assert limit(1 - sp.log(x) ** 3, x, sp.S.Zero) == sp.oo


def test_smaller_than_every_power_is_a_limit_but_no_term() -> None:
    assert limit(sp.exp(-1 / x), x, sp.S.Zero) == 0
    with pytest.raises(kc.InputError, match="no leading power"):
        expansion(sp.exp(-1 / x), x, 1)


def test_zeros_are_told_from_small_numbers() -> None:
    assert vanishes(sp.sqrt(a * b) - sp.sqrt(a) * sp.sqrt(b))
    assert not vanishes(a * R(1, 10**30))


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize(
    ("finite", "infinite"),
    [
        (kc.NTK(kc.Erf(), 3, sigma_b=0.5), kc.NTK(kc.Sign(), 3, sigma_b=0.5)),
        (kc.NNGP(kc.Erf(2), 3), kc.NNGP(kc.Sign(), 3)),
        (kc.SGNTK(kc.Erf(), kc.Erf().derivative, 3), kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3)),
        (
            kc.GeneralizedNTK((kc.Erf(), SLOPE.with_params(m=1)), (kc.ReLU(), kc.GELU().derivative), 2),
            kc.GeneralizedNTK((kc.Sign(), kc.Sign().derivative), (kc.ReLU(), kc.GELU().derivative), 2),
        ),
    ],
    ids=str,
)
def test_the_limit_of_a_kernel_is_the_kernel_of_the_limit(finite: kc.Kernel, infinite: kc.Kernel) -> None:
    assert finite.limit("m", kc.oo) == infinite


@pytest.mark.parametrize(
    "finite",
    [
        kc.NTK(kc.Erf("m"), 2, sigma_w=sigma_w, sigma_b=sigma_b),
        kc.SGNTK(kc.Erf("m"), kc.Erf().derivative, 3, sigma_w=sigma_w, sigma_b=sigma_b),
    ],
    ids=str,
)
def test_the_limit_of_a_kernel_s_closed_form_is_real_on_gram_matrices(finite: kc.Kernel) -> None:
    form, limiting = limit(finite.expr(), m, kc.oo), finite.limit("m", kc.oo).expr()
    own = {sigma_w: R(3, 2), sigma_b: R(1, 3), n0: R(2)}
    for products in ((R(3, 2), R(1, 2), R(-2, 3)), (R(1, 3), R(2), R(3, 4)), (R(1), R(1), R(0))):
        point = {**own, **dict(zip((xx, yy, xy), products, strict=True))}
        assert abs(number(form, point) - number(limiting, point)) < 1e-60


def test_what_has_the_parameter_as_a_symbol_follows_it() -> None:
    fixed, steep = (kc.Erf(2), kc.Erf().derivative), (kc.Erf("m"), SLOPE)
    found = kc.GeneralizedNTK(steep, fixed, 2).limit("m", kc.oo)
    assert found == kc.GeneralizedNTK((kc.Sign(), kc.Sign().derivative), fixed, 2)


def test_a_surrogate_becomes_a_delta() -> None:
    found, twice = (kc.SGNTK(kc.Erf(2), kc.Erf(k).derivative, 2) for k in ("m", 1))
    found = found.limit("m", kc.oo)
    assert (found.f1, found.f2) == (kc.Erf(2), kc.Erf(2))
    assert found.s2 is not None
    assert (found.s2.expr, found.s2.deltas) == (0, ((0, 2),))
    assert twice.limit("m", kc.oo) == kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2)  # numbers: the activations
    singular = kc.SGNTK(kc.Sign(), SLOPE, 2).limit("m", kc.oo)
    assert sp.simplify(singular.expr() - kc.NTK(kc.Sign(), 2).expr()) == 0


def test_limit_functions() -> None:
    assert limit_function(kc.Erf(), m, sp.oo).expr == sp.sign(z)
    assert limit_function(kc.Erf(), m, sp.S(3)) == kc.Erf(3)
    assert limit_function(kc.ReLU(), m, sp.oo) == kc.ReLU()
    scale = sp.Symbol("k", positive=True)
    smooth = Function("smooth", z * sp.erf(scale * z) + 1, ((scale, sp.Integer(1)),))
    assert sp.simplify(limit_function(smooth, scale, sp.oo).expr - z * sp.sign(z) - 1) == 0
    for f, name in ((kc.Sin(), "B"), (kc.LeakyReLU(), "A"), (kc.Exp(), "B")):
        with pytest.raises(kc.InputError, match="no finite pointwise limit"):
            limit_function(f, next(s for s, _ in f.parameters if s.name == name), sp.oo)


def test_limits_that_do_not_commute_are_refused() -> None:
    scale = sp.Symbol("k", positive=True)
    bump = Function("bump", sp.sqrt(scale) * sp.exp(-(scale**2) * z**2), ((scale, sp.Integer(1)),))
    assert limit_function(bump, scale, sp.oo).expr == 0  # but E f^2 tends to a positive number
    with pytest.raises(kc.InputError, match="not the expectation of the limit functions"):
        kc.NNGP(bump, 2).limit("k", kc.oo)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kc.NTK(kc.Sin(), 2).limit("m", kc.oo), "no parameter 'm', only"),
        (lambda: kc.NNGP(kc.Sin(), 2).limit("B", kc.oo), "no finite pointwise limit"),
        (lambda: diagonal_growth(kc.NTK(kc.ReLU(), 2), "m"), "no parameter 'm' for its diagonal"),
        (lambda: diagonal_growth(kc.NNGP(kc.Erf(), 2), "m"), "no parameter 'm' for its diagonal"),
        (lambda: diagonal_growth(kc.SGNTK(kc.Erf(), kc.Erf().derivative, 2), "m"), "does not grow with m"),
        (
            lambda: diagonal_growth(kc.GeneralizedNTK((kc.Erf(), SLOPE), (kc.Sign(), SLOPE), 2), "m"),
            "two different activations",
        ),
        (lambda: diagonal_growth(kc.NTK(STEP, "L"), "m"), "give a number as depth"),
        (lambda: diagonal_growth(kc.NTK(kc.Exp(), 3), "B"), "no expansion"),
        (lambda: diagonal_growth(kc.NTK(kc.ABReLU(), 3), "B"), "variance of the next layer grows"),
        (lambda: small_angle(kc.NTK(kc.Sign(), "L")), "depth that is a number"),
        (lambda: depth_limits(kc.NNGP(kc.Erf(), 2, sigma_w="w")), "need numbers for w"),
    ],
)
def test_bad_input_is_named_in_one_line(call: Callable[[], object], words: str) -> None:
    with pytest.raises(kc.InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- the diagonal of a steep network


def erf_diagonal(depth: int, steepness: mpf, variance: mpf, w2: mpf, s2: mpf) -> mpf:
    """Theta(x, x) of an erf_m network, by the recursion written out by hand."""
    tangent, m2 = variance, steepness**2
    for _ in range(depth - 1):
        factor = w2 * 4 * m2 / (mp.pi * mp.sqrt(1 + 4 * variance * m2))
        variance = w2 * 2 / mp.pi * mp.asin(2 * variance * m2 / (1 + 2 * variance * m2)) + s2
        tangent = variance + tangent * factor
    return tangent


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_growth_of_the_diagonal(depth: int) -> None:
    w, s = R(3, 2), R(1, 3)
    growth = diagonal_growth(kc.NTK(kc.Erf(), depth, sigma_w=w, sigma_b=s), "m")
    assert growth.exponent == depth - 1
    with mp.workdps(60):
        steep = mpf(10) ** 20
        exact = erf_diagonal(depth, steep, mpf(7) / 5, mpf(9) / 4, mpf(1) / 9)
        assert abs(number(growth.expr, {a1: R(7, 5), m: sp.Integer(10) ** 20}) / exact - 1) < mpf(10) ** -18


def test_growth_at_symbolic_depth() -> None:
    growth = diagonal_growth(kc.NTK(kc.Erf(), "L", sigma_w="w", sigma_b="s"), "m")
    for depth in (2, 3, 5):
        concrete = diagonal_growth(kc.NTK(kc.Erf(), depth, sigma_w="w", sigma_b="s"), "m")
        assert sp.simplify(growth.expr.subs(L, depth) / concrete.expr) == 1


# ---------------------------------------------------------------- small angles, large depth


def sign_ntk(depth: int, u: mpf, w2: mpf, s2: mpf, scale: mpf) -> mpf:
    """Theta(x, y) of a sign network on the sphere, 1 - cos(angle) = u, by the recursion written by hand."""
    variance = w2 * scale + s2
    covariance = tangent = variance - w2 * scale * u
    for _ in range(depth - 1):
        factor = w2 * 2 / (mp.pi * mp.sqrt(variance**2 - covariance**2))
        covariance = w2 * 2 / mp.pi * mp.asin(covariance / variance) + s2
        variance = w2 + s2
        tangent = covariance + tangent * factor
    return tangent


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_small_angles_of_the_sign_network(depth: int) -> None:
    kernel = kc.NTK(kc.Sign(), depth, sigma_w=R(3, 2), sigma_b=R(1, 3))
    found = small_angle(kernel)
    assert found.alpha == 2 - R(4, 2**depth)
    assert small_angle_exponent(kc.NTK(kc.Sign(), "L")).subs(L, depth) == found.alpha
    with mp.workdps(400):
        u = mpf(10) ** -200
        exact = sign_ntk(depth, u, mpf(9) / 4, mpf(1) / 9, mpf(7) / 5 / 3)
        size = {sp.Symbol(xx.name, positive=True): R(7, 5), n0: sp.Integer(3)}
        leading = number(found.coefficient, size, 60) * u ** mpf(sp.Rational(found.exponent))
        assert abs(leading / exact - 1) < mpf(10) ** -20


def test_small_angles_of_a_continuous_network() -> None:
    found = small_angle(kc.NTK(kc.ReLU(), 3))
    assert found.exponent == 0
    assert [power for _, power in found.gaps] == [1, 1, 1]
    assert small_angle_exponent(kc.NTK(kc.ReLU(), "L")) == 0


@pytest.mark.parametrize(
    ("kernel", "rates"),
    [
        (kc.NNGP(kc.Erf(), 2, sigma_w=1.5, sigma_b=0.1), 2),
        (kc.NNGP(kc.Sign(), 2, sigma_w=1.5, sigma_b=0.25), 2),
        (kc.NNGP(kc.Cos(), 2, sigma_w=2.0), 2),
        (kc.NNGP(kc.Erf(), 2, sigma_w=0.5, sigma_b=0.5), 1),
    ],
    ids=str,
)
def test_fixed_points_of_depth(kernel: kc.Kernel, rates: int) -> None:
    found = depth_limits(kernel)
    assert len(found) == rates
    assert found[-1].covariance == found[-1].variance
    variance, covariance = kernel.variance_map(kernel.layer.first), kernel.covariance_map()
    for point in found:
        at = {a: point.variance, b: point.variance, c: point.covariance}
        assert abs(sp.N((variance - a).subs(at), 25)) < 1e-24
        assert abs(sp.N((covariance - c).subs(at), 25)) < 1e-13
        if point.rate != sp.oo:
            step = {**at, c: point.covariance - R(1, 10**8)}
            moved = (point.covariance - sp.N(covariance.subs(step), 30)) * 10**8
            assert abs(moved - point.rate) < 1e-6
    stable = [point for point in found if point.rate < 1]
    assert len(stable) == 1


def test_depth_limits_at_the_edge_and_beyond() -> None:
    (critical,) = depth_limits(kc.NNGP(kc.ReLU(), 2, sigma_w=sp.sqrt(2)))
    assert abs(critical.rate - 1) < 1e-25
    assert depth_limits(kc.NNGP(kc.ReLU(), 2, sigma_w=2)) == ()
    assert depth_limits(kc.NNGP(kc.ReLU(), 2, sigma_w=1)) == ()
