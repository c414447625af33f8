"""Derived expectations against quadrature: closed forms, every step, refusals, diagonals and values."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any

import pytest
import sympy as sp
from steps import POINT, POINTS, at, broken, close, value

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.expectation import engine, numeric, rules
from kernelcalc.expectation.result import Expectation
from kernelcalc.expectation.rules import Reduction
from kernelcalc.functions.base import Function

R = sp.Rational
EVERYTHING = bool(os.environ.get("KERNELCALC_ALL_PAIRS"))  # minutes instead of seconds

ACTIVATIONS: tuple[Function, ...] = (
    kc.Identity(),
    kc.Erf(R(3, 2)),
    kc.Sign(),
    kc.Heaviside(),
    kc.ReLU(),
    kc.RectifiedQuadratic(),
    kc.ABReLU(-2, R(1, 3)),
    kc.LeakyReLU(R(-3, 2)),
    kc.Abs(),
    kc.Sin(R(3, 2), R(1, 3)),
    kc.Cos(R(1, 2)),
    kc.Exp(R(2, 3)),
    kc.Gaussian(R(3, 4)),
    kc.Monomial(2),
    kc.Monomial(3),
    kc.GELU(),
)
FUNCTIONS = (*ACTIVATIONS, *(f.derivative for f in ACTIVATIONS))
SQUARES = [(f, f) for f in FUNCTIONS]
PAIRS = list(combinations_with_replacement(FUNCTIONS, 2))


def parameters(e: Expectation) -> dict[sp.Symbol, sp.Expr]:
    """A value for every symbol of a derivation: another one for each, negative where that is allowed."""
    symbols = set().union(*(s.free_symbols for step in e.steps for s in (step.before, step.after)))
    free = sorted((s for s in symbols - set(POINT) if s.name not in "sXYZ"), key=str)
    return {s: R(6 + 2 * i, 5) * (1 if s.is_positive else -1) for i, s in enumerate(free)}


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize(("index", "pair"), list(enumerate(PAIRS if EVERYTHING else SQUARES)), ids=str)
def test_closed_form_equals_the_integral_to_20_digits(index: int, pair: tuple[Function, Function]) -> None:
    point = POINTS[index % len(POINTS)]
    expected = quadrature.dual(*pair, *point, digits=20)
    assert close(at(kc.dual(*pair).expr, *point), expected, 20)


@pytest.mark.parametrize("pair", PAIRS[3::5], ids=str)
def test_mixed_pairs_agree_with_the_float64_series(pair: tuple[Function, Function]) -> None:
    e = kc.dual(*pair)
    for covariance in (R(0), R(5, 8), R(-7, 8)):
        found, bound = numeric.dual(*pair, 0.5, 2.5, float(covariance))
        assert abs(found - float(at(e.expr, R(1, 2), R(5, 2), covariance))) <= bound + 1e-16 * abs(found)
        assert bound <= 1e-8


@pytest.mark.parametrize(
    "f", [*FUNCTIONS, kc.function("exp(-abs(z-1))"), kc.function("1/(1+25*abs(z))**2")], ids=str
)
def test_mean_equals_the_integral_to_30_digits(f: Function) -> None:
    assert close(at(kc.mean(f).expr, R(6, 5), digits=40), quadrature.mean(f, R(6, 5), digits=30), 30)


# ---------------------------------------------------------------- steps

DERIVED = [
    *SQUARES,
    (kc.Erf("m"), kc.Erf(2)),
    (kc.Sign(), kc.Sin()),
    (kc.ReLU(), kc.Sin(2, R(1, 2))),
    (kc.ReLU(), kc.Exp()),
    (kc.ReLU(), kc.GELU()),
    (kc.GELU(), kc.Cos()),
    (kc.Sign().derivative, kc.function("max(0, 1 - abs(z))")),
    (kc.Sign().derivative, kc.function("1/(1 + 3*abs(z))**2")),
    (kc.Erf().derivative, kc.function("exp(-abs(z - 1))")),
    (kc.Erf().derivative, kc.function("1/(1 + z**2)")),
    (kc.Monomial(3), kc.function("1/(1 + 3*abs(z))**2")),
    (kc.Heaviside(), kc.function("1/(1 + 3*abs(z))**2")),  # half the mean: the sign drops out by parity
    (kc.function("sign(z - 1)").derivative, kc.GELU()),
    (kc.function("sign(z - 1)").derivative, kc.function("sign(z + 1)").derivative),
    (kc.function("sign(z - 1)*z**2"), kc.Monomial(2)),
    (kc.function("erf(2*z + 1)"), kc.Exp()),
    (kc.function("exp(-z**2)*sin(2*z)"), kc.function("z*exp(-z)")),
    (kc.function("sign(z - 1)"), kc.function("erf(2*z - 1)")),
    (kc.function("abs(z + 1) - abs(z - 1)"), kc.function("max(0, z - 1/2)")),
    (kc.function("where(z > 0, z, exp(z) - 1)"), kc.GELU()),
    (kc.function("exp(-abs(z))"), kc.function("z*heaviside(z + 1)")),
]


@pytest.mark.parametrize("pair", DERIVED, ids=str)
def test_every_step_holds(pair: tuple[Function, Function]) -> None:
    e = kc.dual(*pair)
    assert e.template is not None
    assert e.steps
    assert e.steps[-1].after == e.template
    assert not broken(e.steps, {**POINT, **parameters(e)})


@pytest.mark.parametrize(
    "f", [kc.GELU(), kc.Sin(), kc.function("exp(-abs(z - 1))*z"), kc.Sign().derivative], ids=str
)
def test_every_step_of_a_mean_holds(f: Function) -> None:
    e = kc.mean(f)
    assert not broken(e.steps, {**POINT, **parameters(e)})


USES: dict[str, tuple[Function, ...]] = {  # one function or two, whose mean or dual needs the rule
    "mean_linearity": (kc.function("z**2*exp(z)"),),
    "mean_parity": (kc.Erf(),),
    "mean_delta": (kc.Sign().derivative,),
    "mean_tilt": (kc.Gaussian(),),
    "mean_shift": (kc.Exp(),),
    "mean_wave": (kc.function("sign(z)*sin(z)"),),
    "mean_stein": (kc.Monomial(2),),
    "mean_base": (kc.Gaussian(),),
    "mean_pieces": (kc.SuperSpike(1, 2),),
    "mean_interval": (kc.ATanSurrogate(1, 2),),
    "dual_linearity": (kc.Sign(), kc.Monomial(3)),
    "dual_parity": (kc.Sign(), kc.Abs()),
    "dual_constant": (kc.Heaviside(), kc.Gaussian()),
    "dual_delta": (kc.Sign().derivative, kc.Erf().derivative),
    "dual_tilt": (kc.Gaussian(), kc.Gaussian()),
    "dual_shift": (kc.Exp(), kc.GELU()),
    "dual_wave": (kc.Sign(), kc.Sin()),
    "dual_moment": (kc.Identity(), kc.function("z/(1 + z**2)")),
    "dual_stein": (kc.ReLU(), kc.ReLU()),
    "dual_quadrant": (kc.function("sign(z - 1)"), kc.function("erf(z + 1)")),
    "dual_polar": (kc.RectifiedPower(R(9, 2)), kc.function("max(0, -z)**(9/2)")),
}


@pytest.mark.parametrize("name", USES)
def test_a_wrong_rule_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = USES[name]
    derive = engine.derive_mean if len(functions) == 1 else engine.derive_dual
    right_form, right_steps = derive(*functions)
    assert not broken(right_steps, POINT)
    rule: Callable[[Any], Reduction | None] = getattr(rules, name)
    used = []

    def wrong(p: Any) -> Reduction | None:
        right = rule(p)
        if right is None:
            return None
        used.append(p)
        negated = tuple((-weight, part) for weight, part in right.parts)
        return replace(right, parts=negated, constant=R(1, 7) - right.constant)

    for table in ("MEAN_RULES", "DUAL_RULES"):
        monkeypatch.setattr(engine, table, tuple(wrong if r is rule else r for r in getattr(rules, table)))
    form, steps = derive(*functions)
    assert used
    assert abs(value(form, POINT) - value(right_form, POINT)) > 1e-3
    assert broken(steps, POINT)


def test_every_rule_has_a_wrong_twin() -> None:
    assert {rule.__name__ for rule in (*rules.MEAN_RULES, *rules.DUAL_RULES)} == set(USES)
