"""Surrogate derivatives: their means against quadrature, over 24 decades of the variance."""

from __future__ import annotations

import random

import mpmath as mp
import pytest
import sympy as sp
from steps import POINT, broken

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.functions.base import Function
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.special import half_line
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import mu, v

R = sp.Rational
WITHOUT = {  # no closed form, section 1
    "SigmoidSurrogate", "S2NN", "SparseFastSigmoid", "TanhPlusOne", "PeriodicExponential",
}  # fmt: skip
ONLY_CENTRED = {  # none for a mean other than 0
    "SuperSpike", "OneSidedSuperSpike", "LogAbs", "QPseudoSpike", "Circ", "StudentSurrogate",
    "FakeNumericalGradient", "LogTailedReLU",
}  # fmt: skip


MORE: dict[str, dict[str, sp.Expr]] = {
    "SquareWaveFourier": {"T": R(9, 2)},
    "StudentSurrogate": {"p": R(5, 2)},
}


def others(entry: Entry) -> Function:
    """The family with other parameters than the defaults."""
    draw = random.Random(entry.name)
    values = {}
    for p in entry.parameters:
        value = R(draw.randint(3, 40), 16)
        values[p.symbol.name] = sp.Integer(3) if p.symbol.is_integer else value + (p.above or 0)
    return entry(**values | MORE.get(entry.name, {}))


CLOSED = [entry for entry in SURROGATES if entry.name not in WITHOUT]
FUNCTIONS = [f for entry in CLOSED for f in (entry(), others(entry))]


def value(f: Function, variance: sp.Expr, centre: sp.Expr = sp.S.Zero, digits: int = 50) -> mp.mpf:
    form = kc.mean(f, centre).expr
    assert form is not None
    call = sp.lambdify(v, form, "mpmath")
    with mp.workdps(3 * digits):  # polynomials in 1/v cancel for small v
        return mp.mpf(call(mp.mpf(int(variance.p)) / int(variance.q)))


def agree(x: mp.mpf, y: mp.mpf, scale: float = 0.0, digits: int = 40) -> bool:
    """Relative to y; waves, whose means are exponentially small, to their size."""
    with mp.workdps(digits + 20):
        return bool(abs(x - y) <= mp.mpf(10) ** -digits * max(abs(y), scale))


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
@pytest.mark.parametrize("size", [-12, 0, 12])
def test_the_mean_equals_the_integral_to_40_digits(f: Function, size: int) -> None:
    variance = R(7, 5) * sp.Integer(10) ** size
    waves = f.name.startswith("square_wave")
    if size > 0 and (waves or f.name == "exponential_escape"):
        variance = R(7, 5)  # 0 to 10^12 digits, or infinite to floats
    assert agree(value(f, variance), quadrature.mean(f, variance, digits=42), waves)


@pytest.mark.parametrize("entry", [e for e in CLOSED if e.name not in ONLY_CENTRED], ids=lambda e: e.name)
@pytest.mark.parametrize("centre", [R(-2, 3), R(5, 4)])
def test_the_mean_at_another_centre(entry: Entry, centre: sp.Expr) -> None:
    f = others(entry)
    form = kc.mean(f, "mu").expr
    assert form is not None
    assert form.has(mu) or entry.name == "StraightThrough"
    assert agree(value(f, R(3, 7), centre), quadrature.mean(f.shifted(centre), R(3, 7), digits=42), 1e-2)


@pytest.mark.parametrize("name", sorted(WITHOUT | ONLY_CENTRED))
def test_what_has_no_closed_form_says_so_and_has_values(name: str) -> None:
    f = others(getattr(kc, name))
    e = kc.mean(f) if name in WITHOUT else kc.mean(f, R(1, 2))
    assert e.expr is None
    assert "no closed form" in e.reason
    assert e(0.75) == pytest.approx(float(e.reference(R(3, 4), digits=20)), rel=1e-12)


STEPS = [e for e in CLOSED if e.name != "HardTanhPlusOne"]  # Max in Min: no breaks for the panels


@pytest.mark.parametrize("entry", STEPS, ids=lambda e: e.name)
def test_every_step_holds(entry: Entry) -> None:
    e = kc.mean(others(entry))
    assert e.closed_form
    assert not broken(e.steps, {**POINT, **dict(e.values)})


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f.name not in ("step", "laplace")], ids=str)
@pytest.mark.parametrize("end", [sp.S.Zero, sp.oo])
def test_the_expansions_approach_the_mean(f: Function, end: sp.Expr) -> None:
    """The error of two terms is far below the second one, far out."""
    e = kc.mean(f)
    assert e.expr is not None
    if not e.expr.has(v):
        return
    if (end == sp.oo and f.name.startswith(("square_wave", "exponential"))) or e.expr.has(half_line):
        with pytest.raises(kc.InputError, match=r"no leading power|no expansion"):
            e.asymptotic("v", end)
        return
    far = R(1, 10**14) if end == 0 else R(10**14)
    first, second = (e.asymptotic("v", end, terms=n) for n in (1, 2))
    with mp.workdps(60):
        exact = value(f, far)
        errors = [abs(mp.mpf(sp.N(form.subs(v, far), 60)) - exact) for form in (first, second)]
        assert errors[0] <= mp.mpf(10) ** -4 * abs(exact)
        assert errors[1] <= mp.mpf(10) ** -4 * errors[0] or errors[1] <= mp.mpf(10) ** -40 * abs(exact)
