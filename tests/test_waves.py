"""The surrogate derivative that repeats for ever: its mean, its table, and kernels."""

from __future__ import annotations

from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.compile.tables import periods, planes
from kernelcalc.errors import InputError
from kernelcalc.expectation import waves
from kernelcalc.functions.base import Function

R = sp.Rational
STEEP = kc.PeriodicExponential(2, R(1, 3), R(1, 5))


def test_it_is_what_the_programs_have() -> None:
    """exp(-|frac(z + 1/2) - 1/2|/tau) for z >= 0; sinabs is twice as steep there."""
    sinabs, rockpool = (kc.surrogate(f"{name}.PeriodicExponential") for name in ("sinabs", "rockpool"))
    for x in (0.0, 0.3, 0.5, 0.8, 1.0, 2.4, 7.75):
        distance = abs((x + 0.5) % 1 - 0.5)
        assert sinabs(x) == pytest.approx(np.exp(-4 * distance))
        assert rockpool(x) == pytest.approx(np.exp(-2 * distance))
    assert sinabs(-0.7) == pytest.approx(np.exp(-1.4))
    assert sinabs.lipschitz == 4  # 2 A/tau
    assert (sinabs.parity, sinabs.jumps, sinabs.bounded) == (None, (), True)


@pytest.mark.parametrize("f", [kc.PeriodicExponential(), STEEP], ids=str)
@pytest.mark.parametrize("v", [R(1, 10**12), R(1, 300), R(1, 20), R(5, 2)])
def test_the_mean_is_the_integral_to_40_digits(f: Function, v: sp.Expr) -> None:
    with mp.workdps(50):
        found = waves.mean(f, mp.mpf(v.p) / v.q)
        assert found is not None
        assert abs(found - quadrature.mean(f, v, digits=42)) <= mp.mpf(10) ** -40 * found


def test_the_mean_far_out_is_half_the_mean_of_a_period() -> None:
    """A/2 (p_0 + 2 tau/sqrt(2 pi v)); two quadratures that know too few kinks say so."""
    v = 1e12
    wave = kc.function("exp(-5*abs(z))*heaviside(1/2 - abs(z))*exp(z**2/2)")
    period = 2 * quadrature.mean(wave, 1, digits=16)
    expected = period * np.sqrt(2 * np.pi) / 2 + 2 * float(R(1, 3)) / np.sqrt(2 * np.pi * v)
    assert kc.mean(STEEP)(v) == pytest.approx(float(expected), rel=1e-12)
    with pytest.raises(ArithmeticError, match="kink"):
        quadrature.mean(STEEP, 10**4, digits=16)


@pytest.mark.parametrize("v", [R(1, 10**6), R(1, 20), R(8), R(10)])
@pytest.mark.parametrize("mu", [R(-3, 2), R(1, 3), R(7, 2)])
def test_off_the_centre_it_is_the_integral_too(mu: sp.Expr, v: sp.Expr) -> None:
    f = STEEP.shifted(mu)
    with mp.workdps(30):
        found = waves.mean(f, mp.mpf(v.p) / v.q)
        assert found is not None
        assert abs(found - quadrature.mean(f, v, digits=20)) <= mp.mpf(10) ** -20 * found
        if v < 9:
            wave = waves.wave(f)
            assert wave is not None
            high = periods.mean(wave, float(mp.sqrt(mp.mpf(v.p) / v.q)))
            assert abs(float(high) / found - 1) < 1e-14


def test_thresholds_meet_it_off_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a rough table, which is not kept; the amplitude is none of its parameters."""
    monkeypatch.setattr(planes, "kept", SimpleNamespace(text=lambda _, generate: generate()))
    monkeypatch.setattr(planes, "TARGET", 1e-9)
    rows = np.random.default_rng(0).standard_normal((3, 4))
    s = kc.surrogate("sinabs.PeriodicExponential", grad_width=R(7, 10), grad_scale=3).centred(1)
    k = kc.SGNTK(kc.Step(1), s, 2)
    K = k(rows)
    assert "table" in k.method(rows)
    for i, j in ((0, 1), (2, 0)):
        assert K[i, j] == pytest.approx(float(k.reference(rows[i], rows[j], digits=12)), rel=1e-7)


def test_kernels_look_it_up() -> None:
    rows = np.random.default_rng(0).standard_normal((3, 4))
    k = kc.SGNTK(kc.Sign(), kc.surrogate("sinabs.PeriodicExponential"), 3, sigma_b=0.1)
    K = k(rows)
    for i, j in ((0, 1), (2, 0)):
        exact = k.reference(rows[i], rows[j], digits=17)
        assert abs(K[i, j] - exact) <= 3e-15 * abs(exact)
    factor = k.layer.factor
    assert factor is not None
    assert "infinitely many kinks" in factor.reason


def test_what_has_no_end_is_refused_elsewhere() -> None:
    with pytest.raises(InputError, match="infinitely many jumps"):
        _ = STEEP.derivative.jumps
    assert waves.wave(kc.Laplace()) is None
