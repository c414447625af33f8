"""Functions and the catalogue: values, derivatives as distributions, parameters, names and clear errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import sympy as sp
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.functions.base import Function, exact
from kernelcalc.functions.catalogue import BY_LABEL, BY_NAME, CATALOGUE
from kernelcalc.functions.entry import Entry
from kernelcalc.symbols import m, z

R = sp.Rational


# ---------------------------------------------------------------- the catalogue


def test_names_and_labels_are_unique() -> None:
    assert len(BY_NAME) == len(BY_LABEL) == len(CATALOGUE) == len(kc.catalogue())
    assert all(label == label.lower() for label in BY_LABEL)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_entry_is_public_hashable_and_named(entry: Entry) -> None:
    f = entry()
    assert getattr(kc, entry.name) == entry
    assert f == entry(*(p.default for p in entry.parameters))
    assert hash(f) == hash(entry())
    assert repr(f).startswith(entry.label)
    assert kc.function_by_name(entry.label) == kc.function_by_name(entry.name) == f
    assert kc.function_by_name(entry.label + "'") == f.derivative
    assert "displaystyle" in f._repr_latex_()
    assert all(p.symbol.name in repr(entry) for p in entry.parameters)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_the_derivative_is_that_of_the_distribution(entry: Entry) -> None:
    """E f'(Z) = E[Z f(Z)]/v for Gaussian Z (Stein): jumps must turn up as masses, kinks must not."""
    f, v = entry(), R(7, 5)
    moment = Function("moment", z * f.expr)
    with mp.workdps(40):
        found = quadrature.mean(f.derivative, v, digits=25)
        expected = quadrature.mean(moment, v, digits=25) / (mpf(7) / 5)
        assert abs(found - expected) <= mpf(10) ** -24 * max(1, abs(expected))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_values_and_parity(entry: Entry) -> None:
    f = entry()
    call = sp.lambdify(z, f.expr, "mpmath")
    for x in (-1.75, -0.3, 0.4, 2.0):
        assert f(x) == pytest.approx(float(call(x)), rel=1e-14)
        if f.parity:
            assert f(-x) == pytest.approx({"even": 1, "odd": -1}[f.parity] * f(x), rel=1e-14)
    if f.parity is None:
        assert any(abs(abs(f(x)) - abs(f(-x))) > 1e-4 for x in (0.7, 1.3))


def test_masses() -> None:
    assert kc.Sign().derivative.deltas == ((0, 2),)
    assert kc.Sign().derivative.expr == 0
    assert kc.Heaviside().derivative.deltas == ((0, 1),)
    assert kc.ReLU().derivative.deltas == ()
    steps = kc.function("sign(z - 1) + 3*heaviside(z + 2) + z")
    assert dict(steps.derivative.deltas) == {1: 2, -2: 3}
    assert steps.derivative.expr == 1
    with pytest.raises(kc.InputError, match="not a measure"):
        _ = kc.Sign().derivative.derivative


@pytest.mark.parametrize(
    ("formula", "parity"),
    [
        ("sign(z)", "even"),
        ("sign(z - 1) + sign(z + 1)", "even"),
        ("sign(z - 1) - sign(z + 1)", "odd"),
        ("sign(z - 1) - 2*sign(z + 1)", None),
        ("sign(z - 1)", None),
        ("sign(z) + z", "even"),
        ("sign(z) + z**2", None),
    ],
)
def test_parity_of_derivatives_with_masses(formula: str, parity: str | None) -> None:
    assert kc.function(formula).derivative.parity == parity


def test_masses_are_neither_bounded_nor_lipschitz() -> None:
    delta = kc.Sign().derivative
    assert (delta.bounded, delta.lipschitz, delta.envelope) == (False, None, None)
    assert kc.Erf().bounded
    assert kc.Erf(2).lipschitz == 4 / sp.sqrt(sp.pi)
    assert kc.Sign().lipschitz is None
    assert not kc.ReLU().bounded
    assert kc.ReLU().kinks == kc.ReLU().breakpoints == (0,)
    assert kc.Sign().jumps == ((0, 2),)


# ---------------------------------------------------------------- parameters


def test_floats_become_the_rationals_they_are() -> None:
    assert kc.Erf(0.1).params["m"] == R(3602879701896397, 36028797018963968)
    assert kc.Erf(0.5) == kc.Erf(R(1, 2))
    assert exact(sp.Float("0.1")) != R(1, 10)
    assert exact(sp.pi) == sp.pi


def test_symbols_stay_and_can_be_set_later() -> None:
    f = kc.Erf("m")
    assert f == kc.Erf(m)
    assert f.expr == sp.erf(m * z)
    assert f.with_params(m=2) == kc.Erf(2)
    assert kc.Erf(2).symbolic == f
    assert kc.Monomial(3).symbolic == kc.Monomial(3)
    steep = sp.Symbol("s", positive=True)
    renamed = kc.Erf(2).renamed({m: steep})
    assert renamed.expr == kc.Erf(2).expr
    assert set(renamed.params) == {"s"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kc.Erf(0), "Erf: m=0 must be > 0"),
        (lambda: kc.Erf(-1.5), "Erf: m=-1.5 must be > 0"),
        (lambda: kc.Erf(sp.Symbol("s", real=True)), "Erf: m=s must be > 0"),
        (lambda: kc.Erf(sp.I), "Erf: m=I must be real"),
        (lambda: kc.Erf(float("nan")), "Erf: m=nan must be a finite real number"),
        (lambda: kc.Erf(float("inf")), "Erf: m=inf must be a finite real number"),
        (lambda: kc.Erf("not a name"), "a parameter is a number, a SymPy symbol or the name of one"),
        (lambda: kc.Erf([1]), r"Erf: m=\[1\] is not a number"),
        (lambda: kc.Erf(1, 2), r"Erf takes \(m\)"),
        (lambda: kc.Erf(steepness=1), r"Erf takes \(m\)"),
        (lambda: kc.Erf(1, m=1), r"Erf takes \(m\)"),
        (lambda: kc.ReLU(1), r"ReLU takes \(\)"),
        (lambda: kc.Monomial(R(1, 2)), "must be an integer"),
        (lambda: kc.Monomial("n"), "must be an integer"),
        (lambda: kc.Monomial(0), "must be > 0"),
        (lambda: kc.Erf().with_params(k=1), r"erf has no parameter 'k'; it has \['m'\]"),
        (lambda: kc.Erf("m")(1.0), "give numbers for m"),
        (lambda: kc.Erf()(cast(float, "x")), "give numbers for x"),
        (lambda: kc.Erf()(float("nan")), "x=nan must be a finite real number"),
        (lambda: Function("f", sp.Symbol("q") * z), r"f: unexpected symbols \['q'\]"),
        (lambda: kc.function_by_name("rellu"), "unknown function 'rellu'; did you mean 'relu'?"),
        (lambda: kc.function_by_name("tanh(z)", m=2), "has no parameters; got m"),
        (lambda: kc.function_by_name("sign''"), "not a measure"),
        (lambda: kc.function("1/z"), "position"),
        (lambda: kc.function(cast(str, 3)), "a formula is a string"),
    ],
)
def test_bad_input_is_named_in_one_line(call: Callable[[], object], words: str) -> None:
    with pytest.raises(kc.InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_formulas_by_name() -> None:
    assert kc.function_by_name("erf", m=2) == kc.Erf(2)
    assert kc.function_by_name("ERF") == kc.Erf()
    assert kc.function_by_name("relu''").deltas == ((0, 1),)
    assert kc.function_by_name("1/(1 + 25*abs(z))**2") == kc.function("1/(1 + 25*abs(z))**2")
    assert kc.function_by_name("z").expr == z


def test_functions_compare_by_content() -> None:
    parts: dict[Any, str] = {kc.Erf(2): "steep", kc.Erf(): "plain"}
    assert parts[kc.Erf("m").with_params(m=2)] == "steep"
    assert kc.Erf() != kc.Erf(2)
    assert len({kc.Sign(), kc.Sign(), kc.Sign().derivative}) == 2
