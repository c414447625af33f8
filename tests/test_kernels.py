"""The recursion of kernels: its special cases, its formulas at numbers, the diagonal, and clear errors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import sympy as sp
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc.functions.base import Function
from kernelcalc.kernels import Kernel
from kernelcalc.limits import limit
from kernelcalc.symbols import L, T, a, b, c, n0, sigma_b, sigma_w, xx, xy, yy

R = sp.Rational
SLOPE = kc.Erf().derivative
X, Y = (1, R(1, 2), -2), (R(3, 4), 2, 1)  # <x, x> = 21/4, <y, y> = 89/16, <x, y> = -1/4


def value(form: sp.Expr, digits: int = 40) -> mpf:
    """A closed form at the two points above, or at X alone."""
    numbers = {xx: R(21, 4), yy: R(89, 16), xy: R(-1, 4), n0: sp.Integer(3)}
    with mp.workdps(digits):
        return mpf(sp.N(form.subs(numbers), digits))


# ---------------------------------------------------------------- one recursion, three names


@pytest.mark.parametrize("f", [kc.Erf(2), kc.ReLU(), kc.Sign(), kc.GELU()], ids=str)
def test_ntk_and_sgntk_are_cases_of_the_generalised_kernel(f: Function) -> None:
    own, slope = (f, f.derivative), (f, SLOPE)
    assert kc.NTK(f, 3).recursion() == kc.GeneralizedNTK(own, own, 3).recursion()
    assert kc.SGNTK(f, SLOPE, 3).recursion() == kc.GeneralizedNTK(own, slope, 3).recursion()
    assert kc.SGNTK(f, f.derivative, 3).recursion() == kc.NTK(f, 3).recursion()
    nngp = kc.NNGP(f, 3).recursion()
    assert nngp == {**kc.NTK(f, 3).recursion(), "T": 0}


def test_the_first_argument_carries_the_true_derivative() -> None:
    there, back = (
        kc.SGNTK(kc.Sign(), SLOPE, 2),
        kc.GeneralizedNTK((kc.Sign(), SLOPE), (kc.Sign(), kc.Sign().derivative), 2),
    )
    swapped = {a: b, b: a}
    assert sp.simplify(there.factor_map().subs(swapped, simultaneous=True) - back.factor_map()) == 0
    assert sp.simplify(there.factor_map() - back.factor_map()) != 0
    assert there.factor_map() == kc.dual(kc.Sign().derivative, SLOPE).expr


@pytest.mark.parametrize(
    ("kernel", "symmetric"),
    [
        (kc.NNGP(kc.Sign(), 2), True),
        (kc.NTK(kc.GELU(), 2), True),
        (kc.SGNTK(kc.Erf(), SLOPE, 2), True),
        (kc.SGNTK(kc.Erf(2), SLOPE, 2), False),
        (kc.SGNTK(kc.Sign(), SLOPE, 2), False),
        (kc.GeneralizedNTK((kc.Erf(), SLOPE), (kc.Erf(), SLOPE), 2), True),
        (kc.GeneralizedNTK((kc.Erf(), SLOPE), (kc.Sign(), SLOPE), 2), False),
    ],
    ids=str,
)
def test_symmetry(kernel: Kernel, symmetric: bool) -> None:
    assert kernel.symmetric is symmetric
    there, swapped = value(kernel.expr()), value(kernel.expr().subs({xx: yy, yy: xx}, simultaneous=True))
    assert (abs(there - swapped) < mpf(10) ** -30) is symmetric


# ---------------------------------------------------------------- formulas at numbers


def test_depth_one_is_linear() -> None:
    kernel = kc.NTK(kc.ReLU(), 1, sigma_w="w", sigma_b="s")
    w, s = sp.symbols("w s", positive=True)
    assert sp.expand(kernel.expr() - (w**2 * xy / n0 + s**2)) == 0
    assert kc.NNGP(kc.ReLU(), 1, sigma_w="w", sigma_b="s").expr() == kernel.expr()


def test_relu_on_the_sphere_is_the_arc_cosine_recursion() -> None:
    """Cho and Saul (2009), Jacot et al. (2018): sigma_w^2 = 2, |x|^2 = n0, by the formulas in the angle."""
    u = sp.Symbol("u", positive=True)
    kernel = kc.NTK(kc.ReLU(), 3, sigma_w=sp.sqrt(2))
    with mp.workdps(40):
        for cosine in (mpf("0.3"), mpf("-0.8"), mpf("0.999")):
            k, theta = cosine, cosine
            for _ in range(2):
                slope = (mp.pi - mp.acos(k)) / mp.pi
                k = (k * (mp.pi - mp.acos(k)) + mp.sqrt(1 - k * k)) / mp.pi
                theta = k + theta * slope
            at = {xx: n0, yy: n0, xy: u * n0}
            found = sp.lambdify(u, kernel.expr().subs(at).subs(n0, 5), "mpmath")(cosine)
            assert abs(found - 2 * theta) < mpf(10) ** -36 * abs(theta)


@pytest.mark.parametrize(
    "kernel",
    [
        kc.NNGP(kc.GELU(), 3, sigma_w=R(3, 2), sigma_b=R(1, 3)),
        kc.NTK(kc.Erf(2), 3, sigma_w=R(3, 2), sigma_b=R(1, 3)),
        kc.NTK(kc.Sign(), 2, sigma_w=R(3, 2)),
        kc.SGNTK(kc.Sign(), SLOPE, 3, sigma_b=R(1, 3)),
        kc.SGNTK(kc.Sign(), kc.function("1/(1 + 25*abs(z))**2"), 2),
        kc.GeneralizedNTK((kc.Sign(), SLOPE), (kc.ReLU(), kc.GELU().derivative), 3, sigma_b=R(1, 3)),
    ],
    ids=str,
)
def test_closed_form_equals_the_definition(kernel: Kernel) -> None:
    found, expected = value(kernel.expr()), kernel.reference(cast(Any, X), cast(Any, Y), digits=15)
    with mp.workdps(30):
        assert abs(found - expected) <= mpf(10) ** -15 * abs(expected)


def test_layers_are_the_recursion_applied() -> None:
    kernel = kc.SGNTK(kc.Sign(), SLOPE, 4, sigma_w=R(3, 2), sigma_b=R(1, 3))
    layers, step = kernel.layers(), kernel.recursion()
    assert len(layers) == 4
    assert set(layers[0]) == {"a", "b", "c", "factor", "T"}
    assert layers[0]["T"] == layers[0]["c"]
    for before, after in pairwise(layers):
        state = {a: before["a"], b: before["b"], c: before["c"], T: before["T"]}
        for name, form in step.items():
            assert abs(value(form.subs(state, simultaneous=True) - after[name])) < mpf(10) ** -35
        assert abs(value(after["c"] + before["T"] * after["factor"] - after["T"])) < mpf(10) ** -35
    assert value(kernel.expr()) == value(layers[-1]["T"])


@pytest.mark.parametrize(
    "kernel",
    [
        kc.NNGP(kc.Sign(), 3, sigma_b=R(1, 2)),
        kc.NTK(kc.Erf("m"), 3, sigma_w="w"),
        kc.NTK(kc.ReLU(), 3, sigma_b="s"),
        kc.NTK(kc.Sin(2), 2),
        kc.NTK(kc.Sign(), 3, sigma_b="s"),
        kc.SGNTK(kc.Sign(), SLOPE, 3, sigma_b=R(1, 2)),
        kc.SGNTK(kc.Sign(), kc.function("1/(1 + 25*abs(z))**2"), 2),
        kc.GeneralizedNTK((kc.Sign(), SLOPE), (kc.Sign(), kc.GELU().derivative), 3),
    ],
    ids=str,
)
def test_the_diagonal_is_the_limit_y_to_x(kernel: Kernel) -> None:
    """At a gap of 10^-60 the two differ by what a fourth root of it allows, at most."""
    forms = kernel.expr(), kernel.expr(same=True)
    others = {s: R(6, 5) for s in forms[0].free_symbols - {xx, yy, xy, n0}}
    near, same = (sp.lambdify((xx, yy, xy, n0), form.subs(others), "mpmath", cse=True) for form in forms)
    with mp.workdps(500):
        x, n = mpf(21) / 4, mpf(3)
        close, there = near(x, x, x - mpf(10) ** -60, n), same(x, x, x, n)
        if there == mp.inf:
            assert close > 10**20
        else:
            assert abs(close - there) < mpf(10) ** -14 * abs(there)


def test_one_layer_at_y_to_x_is_a_limit() -> None:
    kernel = kc.NTK(kc.Erf("m"), 2)
    gap = sp.Symbol("g", positive=True)
    moved = kernel.factor_map().subs({b: a, c: a - gap}, simultaneous=True)
    assert kernel.layer.factor is not None
    assert kernel.layer.factor.diagonal is not None
    assert sp.simplify(limit(moved, gap, sp.S.Zero) - kernel.layer.factor.diagonal) == 0


# ---------------------------------------------------------------- construction


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (kc.NNGP(kc.ReLU(), 2), "NNGP(relu, depth=2, sigma_w=1, sigma_b=0)"),
        (
            kc.NTK(kc.Erf(0.1), 3, sigma_b=0.1),
            "NTK(erf(m=0.1), depth=3, sigma_w=1, sigma_b=0.1)",
        ),
        (
            kc.SGNTK(kc.Sign(), SLOPE, "L", sigma_w="w"),
            "SGNTK(sign, erf'(m=1), depth=L, sigma_w=w, sigma_b=0)",
        ),
        (
            kc.GeneralizedNTK((kc.Sign(), SLOPE), (kc.Abs(), kc.Sign()), 2),
            "GeneralizedNTK((sign, erf'(m=1)), (abs, sign), depth=2, sigma_w=1, sigma_b=0)",
        ),
    ],
    ids=str,
)
def test_repr(kernel: Kernel, words: str) -> None:
    assert repr(kernel) == words


def test_numbers_of_any_kind() -> None:
    exact = kc.NTK(kc.ReLU(), 3, sigma_w=R(3, 2), sigma_b=R(1, 2))
    assert kc.NTK(kc.ReLU(), cast(int, np.int64(3)), sigma_w=1.5, sigma_b=np.float64(0.5)) == exact
    assert hash(kc.NTK(kc.ReLU(), 3, sigma_w=1.5, sigma_b=0.5)) == hash(exact)
    symbolic = kc.NTK(kc.ReLU(), "L", sigma_w=sigma_w, sigma_b=sigma_b)
    assert symbolic.depth == L
    assert symbolic.covariance_map().has(sigma_w, sigma_b)
    assert r"\Theta" in kc.NTK(kc.ReLU(), 3).latex()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kc.NTK(kc.ReLU(), 0), "depth=0 must be >= 1"),
        (lambda: kc.NTK(kc.ReLU(), cast(int, 2.0)), "depth=2.0 must be a whole number"),
        (lambda: kc.NTK(kc.ReLU(), True), "depth=True must be a whole number"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_w=0), "sigma_w=0 must be > 0"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_w=-1.0), "sigma_w=-1.0 must be > 0"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_w=sp.I), "sigma_w=I must be > 0"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_w=float("nan")), "sigma_w=nan must be a finite real number"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_b=float("inf")), "sigma_b=inf must be a finite real number"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_b=-0.5), "sigma_b=-0.5 must be >= 0"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_b=[1]), r"sigma_b=\[1\] is not a number"),
        (lambda: kc.NTK(kc.ReLU(), 2, sigma_b="a"), "'a' is taken by the formulas"),
        (lambda: kc.NTK(cast(Function, kc.ReLU), 2), r"activation kc.ReLU is .* call it, kc.ReLU\(\)"),
        (lambda: kc.NTK(kc.Sign().derivative, 2), "activation sign' has a Dirac mass"),
        (
            lambda: kc.SGNTK(kc.Sign(), cast(Function, "erf"), 2),
            "surrogate derivative 'erf' is not a function",
        ),
        (lambda: kc.GeneralizedNTK(cast(Any, kc.Sign()), cast(Any, kc.Sign()), 2), "takes two pairs"),
        (lambda: kc.NTK(kc.ReLU(), "L").expr(), "depth that is a number, not L"),
        (lambda: kc.NTK(kc.function("tanh(z)"), 2).expr(), "has no closed form"),
        (lambda: kc.NTK(kc.ReLU(), "L").reference([1.0], [1.0]), "give a number as depth"),
    ],
)
def test_bad_input_is_named_in_one_line(call: Callable[[], object], words: str) -> None:
    with pytest.raises(kc.InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
