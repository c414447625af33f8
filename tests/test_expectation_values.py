"""What a user sees of an expectation: refusals, values with bounds, diagonals, parameters, tidy forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
import sympy as sp
from mpmath import mp, mpf
from steps import POINT, POINTS, at, close

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.compile import structure
from kernelcalc.expectation import diagonal, engine, numeric
from kernelcalc.expectation.intervals import pole
from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.result import Expectation, apart
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, m, z

R = sp.Rational


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("f", "g", "words"),
    [
        (Function("grows", sp.exp(z**2 / 10)), kc.Identity(), "only for variances"),
        (Function("grows", sp.exp(z**2 / 10)), kc.Sign().derivative, "only for variances"),
        (kc.function("z*exp(z**4)"), kc.Monomial(2), "outgrow the Gaussian"),
        (kc.function("erf(z + 1)*sin(z)"), kc.function("erf(z - 1)"), "complex arguments"),
        (kc.function("sign(z - 1)"), kc.Sin(), "no closed form known"),
        (kc.function("tanh(z)"), kc.Sign(), "no closed form known"),
        (kc.function("tanh(z)"), kc.function("softplus(z)"), "no closed form known"),
        (kc.function("sech(z)**2"), kc.Sign().derivative, "no closed form known"),
        (kc.function("1/(1 + abs(z))**10"), kc.Sign().derivative, "no closed form known"),
        (kc.function("1/(1 + abs(z - 1))"), kc.Sign().derivative, "between -oo and 1"),
    ],
    ids=str,
)
@pytest.mark.timeout(120)  # they used to take for ever
def test_what_has_no_closed_form_says_why(f: Function, g: Function, words: str) -> None:
    e = kc.dual(f, g)
    assert e.expr is None
    assert not e.closed_form
    assert words in e.reason
    with pytest.raises(kc.InputError, match="has no closed form"):
        e.limit("a", 0)


def test_a_divergent_mean_has_no_value() -> None:
    e = kc.mean(Function("grows", sp.exp(z**2 / 10)))
    assert e(1.0) == pytest.approx(float(1 / mp.sqrt(mpf("0.8"))), rel=1e-15)
    with pytest.raises(kc.Undefined):
        e(20.0)


def test_an_unknown_atom_raises_no_rule() -> None:
    with pytest.raises(NoRule):
        engine.derive_mean(kc.function("log(1 + z**2)"))


# ---------------------------------------------------------------- values and bounds


@pytest.mark.parametrize("g", ["tanh(z)", "1/(1 + 25*abs(z))**2", "softplus(z)", "where(z > 1, 1, 0)"])
@pytest.mark.parametrize("f", [kc.function("tanh(z)"), kc.function("sign(z - 1)").derivative], ids=str)
def test_bounds_of_the_series_hold(f: Function, g: str) -> None:
    for point in ((1.3, 0.7, 0.2), (1.3, 0.7, -0.9)):
        found, bound = numeric.dual(f, kc.function(g), *point)
        exact = float(quadrature.dual(f, kc.function(g), *point, digits=17))
        assert abs(found - exact) <= bound + 1e-16 * abs(exact)
        assert bound <= 1e-7


def test_a_long_series_knows_that_it_is_cut() -> None:
    steep = kc.function("tanh(25*z)")
    found, bound = numeric.dual(steep, steep, 1.3, 0.7, 0.953939)
    exact = float(quadrature.dual(steep, steep, 1.3, 0.7, 0.953939, digits=17))
    assert 1e-13 < abs(found - exact) <= bound


@pytest.mark.parametrize(
    "formula",
    [
        "where(z > 15, 1, 0)*tanh(z)",
        "where(z > 60, 1, 0)*tanh(z)",
        "sech(300*(z - 1/3))**2",
        "tanh(z)*exp(3*z)",
    ],
)
def test_what_is_small_or_narrow_or_far_out_is_not_overlooked(formula: str) -> None:
    f = kc.function(formula)
    (value,), (bound,) = kc.mean(f).bounded([1.0])
    exact = float(quadrature.mean(f, 1, digits=17))
    assert abs(value - exact) <= bound <= 1e-13 * abs(exact)


@pytest.mark.parametrize(
    ("f", "mu"), [(kc.TanhPlusOne(), R(9, 4)), (kc.S2NN(), R(4, 5)), (kc.SuperSpike(), R(7, 2))], ids=str
)
@pytest.mark.parametrize("variance", [1e-9, 1e9])
def test_what_is_narrow_in_standard_deviations_is_not_overlooked(
    f: Function, mu: sp.Expr, variance: float
) -> None:
    (value,), (bound,) = kc.mean(f, mu).bounded([variance])
    exact = float(quadrature.mean(f, variance, mu=mu, digits=17))
    assert abs(value - exact) <= bound <= 1e-13 * abs(exact)


def test_a_tiny_difference_of_distribution_functions_is_not_0() -> None:
    variance = 1 / 115
    exact = quadrature.mean(kc.StepSurrogate(), variance, mu=-2, digits=20)
    assert 1e-105 < exact < 1e-95
    assert kc.mean(kc.StepSurrogate(), -2)(variance) == pytest.approx(float(exact), rel=1e-15, abs=0)


def test_values_without_closed_form() -> None:
    e = kc.dual(kc.function("tanh(z)"))
    values, bounds = e.bounded([1.0, 2.0], 2.0, [[0.5], [-0.5]])
    assert values.shape == bounds.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        exact = float(quadrature.dual(e.f, e.f, (1, 2)[j], 2, (0.5, -0.5)[i], digits=17))
        assert abs(values[i, j] - exact) <= bounds[i, j] <= 1e-13 * abs(exact)
    assert kc.dual(kc.function("tanh(z)"), kc.Abs())(1.0, 2.0, 0.5) == 0.0
    assert kc.mean(kc.function("softplus(z)"))(2.0) == pytest.approx(
        float(quadrature.mean(kc.function("softplus(z)"), 2, digits=17)), rel=1e-14
    )


def test_values_of_a_closed_form_are_rounded_once() -> None:
    e = kc.dual(kc.ReLU())
    for point in (
        (1.3, 0.7, -0.95),
        (1.0, 1.0, -1 + 1e-13),
        (2.0, 3.0, 0.0),
        (1e-200, 1e200, 0.3),
        (0.0, 1.0, 0.0),
    ):
        exact = quadrature.dual(e.f, e.f, *point, digits=20)
        assert e(*point) == float(exact)
    assert e(4.0, 4.0, 4.0) == 2.0
    assert e(4.0, 9.0, 6.0) == 3.0
    assert kc.dual(kc.Sign().derivative)(1.0, 1.0, 1.0) == float("inf")
    assert isinstance(e(1, 1, 0), float)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e(1.0, 1.0), r"takes 3 argument\(s\) \(a, b, c\), got 2"),
        (lambda e: e(1.0, -1.0, 0.0), "b=-1.0 must be finite and >= 0"),
        (lambda e: e(1.0, 1.0, float("nan")), "c=nan must be finite"),
        (lambda e: e(1.0, 1.0, 1.1), r"c\^2 > a b"),
        (lambda e: e(1.0, "x", 1.0), "b='x' must be numbers"),
        (lambda e: e(1.0, 1j, 1.0), "b=1j must be numbers"),
        (lambda e: e.limit("q", 0), "no parameter 'q'; it has"),
        (lambda e: kc.dual(kc.Erf("m"))(1.0, 1.0, 0.0), "give numbers for m"),
        (lambda e: kc.dual(cast(Function, "erf")), "'erf' is not a function"),
        (lambda e: kc.mean(cast(Function, None)), "None is not a function"),
        (lambda e: e.asymptotic("a", 0, diagonal=True), "oo at X = Y"),
    ],
)
def test_bad_input_is_named_in_one_line(call: Callable[[Expectation], object], words: str) -> None:
    with pytest.raises(kc.InputError, match=words) as caught:
        call(kc.dual(kc.Sign().derivative))
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- diagonal


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (kc.ReLU(), kc.ReLU()),
        (kc.GELU().derivative, kc.GELU().derivative),
        (kc.Sin(2, R(1, 3)), kc.Erf()),
        (kc.ABReLU(-2, R(1, 3)).derivative, kc.Abs()),
        (kc.Sign().derivative, kc.Erf().derivative),
        (kc.Sign().derivative, kc.function("where(z < 0, 1, 3)")),
        (kc.function("sign(z - 1)").derivative, kc.GELU()),
        (kc.function("exp(-abs(z))"), kc.function("exp(-abs(z))")),
        (kc.function("clip(z, -1, 1)"), kc.Erf().derivative),
    ],
    ids=str,
)
def test_diagonal_equals_the_integral_on_the_line(f: Function, g: Function) -> None:
    expected = quadrature.dual(f, g, R(7, 5), R(7, 5), R(7, 5), digits=20)
    assert close(at(kc.dual(f, g).diagonal, R(7, 5)), expected, 20)


def test_masses_that_meet_are_infinite() -> None:
    delta = kc.Sign().derivative
    assert kc.dual(delta).diagonal == sp.oo
    assert kc.dual(delta, kc.function("-sign(z)").derivative).diagonal == -sp.oo
    assert kc.dual(kc.Box().derivative).diagonal == sp.oo  # squares of a difference of parameters
    assert kc.dual(kc.function("sign(z-1)").derivative, delta).diagonal == 0
    assert kc.dual(kc.function("tanh(z)")).diagonal is None
    assert kc.mean(kc.ReLU()).diagonal is None


def test_where_the_order_of_kinks_matters_the_diagonal_holds_for_its_values_only() -> None:
    """[X > 1/2][X > 1] = [X > 1]: code that is kept must not take that for other thresholds."""
    f, g = kc.Step(0.5), kc.StepSurrogate(tau=1)
    e = kc.dual(f, g)
    assert close(at(e.diagonal, R(7, 5)), quadrature.dual(f, g, R(7, 5), R(7, 5), R(7, 5), digits=25), 20)
    assert not diagonal.general(e)
    assert diagonal.general(kc.dual(kc.Step(0.5)))
    assert kc.dual(kc.Step(1), kc.Triangle(W=0.5)).diagonal == 0
    kernel = kc.GeneralizedNTK((kc.ThresholdReLU(0.5), f), (kc.ThresholdReLU(0.5), g), 2)
    assert json.loads(structure._derive(kernel, False)) is None


def test_the_diagonal_takes_a_limit_where_the_form_is_0_over_0() -> None:
    e = replace(kc.dual(kc.Identity()), template=(a * b - c**2) * c / (sp.sqrt(a * b) - c) / (2 * a))
    assert e.diagonal is not None
    assert sp.simplify(e.diagonal - a) == 0


# ---------------------------------------------------------------- parameters


def test_parameters_of_one_name_stay_apart() -> None:
    e = kc.dual(kc.Erf(1), kc.Erf(2))
    assert e.g is not None
    symbolic = kc.dual(kc.Erf("m"), kc.Erf(2)).expr
    assert symbolic is not None
    assert e.expr == symbolic.subs(m, 1)
    assert set(dict(e.values).values()) == {1, 2}
    assert e.limit("m", kc.oo) == kc.dual(kc.Sign(), kc.Erf(2)).expr
    assert len({s.name for s, _ in kc.dual(kc.ABReLU(-2, R(1, 3)), kc.Sin(R(3, 2))).values}) == 4
    third = kc.dual(kc.Erf(3), e.g)  # e.g carries m_2
    assert close(at(third.expr, *POINTS[0]), at(kc.dual(kc.Erf(3), kc.Erf(2)).expr, *POINTS[0]), 25)


def test_equal_values_share_a_symbol() -> None:
    first, second, third = apart(kc.Erf(1), kc.Erf(3), kc.Erf(3).derivative)
    assert [dict(f.parameters) for f in (first, second, third)][1:] == [dict(second.parameters)] * 2
    assert (first.params["m"], second.params["m_2"], third.params["m_2"]) == (1, 3, 3)
    assert [f.expr for f in (second, third)] == [kc.Erf(3).expr, kc.Erf(3).derivative.expr]


@pytest.mark.parametrize("name", ["a", "b", "c", "v", "z"])
def test_names_of_the_formulas_are_no_parameters(name: str) -> None:
    with pytest.raises(kc.InputError, match="taken by the formulas"):
        kc.Erf(name)
    with pytest.raises(kc.InputError, match="formulas use it"):
        Function("f", sp.Symbol(name) * z**2, ((sp.Symbol(name), sp.Integer(1)),))


def test_parameters_of_either_sign() -> None:
    w, u = sp.symbols("w u", real=True)
    for left, right in ((R(-2), R(3, 2)), (R(-2), R(-1, 2)), (R(2), R(1, 3))):
        f, g = Function("f", sp.erf(w * z), ((w, left),)), Function("g", sp.erf(u * z), ((u, right),))
        expected = quadrature.dual(f, g, *POINTS[1], digits=20)
        assert close(at(kc.dual(f, g).expr, *POINTS[1]), expected, 20)


# ---------------------------------------------------------------- tidy, integrals


def test_roots_of_squares() -> None:
    A, B = sp.symbols("A B", real=True)
    assert tidy(sp.sqrt((A - B) ** 2 * a)) == sp.sqrt(a) * sp.Abs(A - B)
    assert tidy(sp.sqrt(c**2 / a)) == sp.Abs(c) / sp.sqrt(a)
    assert tidy(sp.sqrt((c**2 - a * b) ** 2)) == a * b - c**2
    assert tidy(sp.sqrt(-sp.Integer(1)) * c) == sp.I * c
    assert tidy(sp.exp(sp.I * A) - sp.exp(-sp.I * A)) == 2 * sp.I * sp.sin(A)
    assert tidy(sp.erf(sp.I * c)) == sp.I * sp.erfi(c)


def test_what_stands_under_a_root_keeps_its_sign() -> None:
    A, B = sp.symbols("A B", real=True)
    for inside in (A - B, B - A, -A, A * B - 1, 1 - A * B, A - 3 * a):
        assert tidy(sp.sqrt(inside)) == sp.sqrt(inside)


def test_tidy_changes_nothing() -> None:
    A = sp.Symbol("A", real=True)
    roots = [a, a * b - c**2, (A - 1) ** 2 * b, (1 + 2 * a) * (1 + 2 * b) - 4 * c**2, c**2 / (a * b - c**2)]
    form = sp.Add(*(A**i * sp.sqrt(x * y) / sp.sqrt(x + y) for i, (x, y) in enumerate(pairwise(roots))))
    for values in ((R(1, 3), R(-1, 2)), (R(3), R(1, 2)), (R(-2), R(9, 10))):
        point = {**POINT, A: values[0], c: values[1]}
        assert abs(sp.N((tidy(form) - form).subs(point), 30)) < R(1, 10**25)


@pytest.mark.parametrize("n", range(5))
def test_integrals_of_poles(n: int) -> None:
    t = R(2, 3)
    with mp.workdps(30):
        expected = mp.quad(lambda y: mp.exp(-(y**2)) / (y + mpf(2) / 3) ** n, [0, 1, 4, mp.inf])
        assert abs(mpf(sp.N(pole(n, t), 30)) - expected) <= mpf(10) ** -25
