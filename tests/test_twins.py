"""The generalised NTK of a true network and its smooth twin (S47): masses and kinks against any twin."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special
from sympy import Rational as R

import kernelcalc as kc
from kernelcalc.compile.tables import mehler, planes
from kernelcalc.compile.tables.hermite import series
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function
from kernelcalc.kernels import Kernel

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((2, 6))
ROWS = np.array([X, Y, -X, X + 1e-5 * Y])
EQUAL, RANDOM, OPPOSITE, CLOSE = (0, 0), (0, 1), (0, 2), (0, 3)
TWINS = [
    (kc.Sign(), kc.Sigmoid(), 3, 0.1, (EQUAL, RANDOM, CLOSE)),
    (kc.Sign(), kc.Tanh(), 2, 0.0, (EQUAL, OPPOSITE)),
    (kc.Softplus(), kc.Sign(), 2, 0.1, (RANDOM, OPPOSITE)),
    (kc.Step(0.5), kc.Sigmoid(), 2, 0.1, (EQUAL, RANDOM, CLOSE)),
    (kc.HardTanh(), kc.Tanh(), 2, 0.1, (EQUAL, CLOSE)),
    (kc.MultiStep((-1, 0, 1), (1, 1, 1)), kc.Softsign(), 2, 0.0, (RANDOM, OPPOSITE)),
]


CUSP = kc.surrogate("norse.super").centred(0.5)
# tables beside other forms in one layer: means of points off zero, integrals of pairs, parameters of one name
BESIDE = [
    (kc.Step(0.5), kc.GELU(), kc.GELU().derivative, (RANDOM, CLOSE)),
    (kc.Step(0.5), kc.ELU(), kc.ELU().derivative, (RANDOM, CLOSE)),
    (kc.Sign(), kc.ELU(), kc.Triangle(), (RANDOM, CLOSE)),
    (kc.Step(-1), kc.GELU(), CUSP, (RANDOM, CLOSE)),
]


def twins(f: Function, g: Function, depth: int, sigma_b: float) -> Kernel:
    return kc.GeneralizedNTK((f, f.derivative), (g, g.derivative), depth, sigma_w=1.2, sigma_b=sigma_b)


@pytest.mark.parametrize(("f", "g", "depth", "sigma_b", "pairs"), TWINS, ids=str)
def test_values_lie_within_their_bounds(
    f: Function, g: Function, depth: int, sigma_b: float, pairs: tuple[tuple[int, int], ...]
) -> None:
    k = twins(f, g, depth, sigma_b)
    rows = ROWS if CLOSE in pairs else ROWS[:3]
    K, bounds = k(rows), k.error_bound(rows)
    for i, j in pairs:
        exact = k.reference(ROWS[i], ROWS[j], digits=16)
        assert abs(K[i, j] - exact) <= bounds[i, j] + 1e-15 * abs(exact)
    assert bounds.max() <= 1e-12 * np.abs(K).max()


@pytest.mark.parametrize(("f", "g", "s", "pairs"), BESIDE, ids=str)
def test_tables_beside_other_forms(
    f: Function, g: Function, s: Function, pairs: tuple[tuple[int, int], ...]
) -> None:
    k = kc.GeneralizedNTK((f, f.derivative), (g, s), 2, sigma_w=1.2)
    for i, j in pairs:
        value = k(ROWS[[i]], ROWS[[j]])[0, 0]
        assert value == pytest.approx(float(k.reference(ROWS[i], ROWS[j], digits=18)), rel=2e-13)


SPIKES, SUPER = kc.surrogate("spikingjelly.Sigmoid"), kc.surrogate("snntorch.fast_sigmoid")
# thresholds and tabled means beside the forms of one layer, or beside a series (hard-tanh)
FAR = [
    (kc.Step(1), SPIKES, kc.ReLU(), kc.ReLU().derivative),
    (kc.Step(1), SUPER, kc.Erf(), kc.Erf().derivative),
    (kc.Step(1), SUPER, kc.Step(0.5), kc.Erf().derivative),
    (kc.MultiStep((1, 2), (1, 0.5)), SPIKES, kc.ReLU(), kc.ReLU().derivative),
    (kc.Step(1), SUPER, kc.HardTanh(), SUPER),
]


@pytest.mark.parametrize(("f", "s", "g", "u"), FAR, ids=str)
@pytest.mark.parametrize("size", [1.0, 0.01])
def test_equal_and_opposite_rows_and_thresholds_out_of_reach(
    f: Function, s: Function, g: Function, u: Function, size: float
) -> None:
    """To the last digits, and none is doubted: at 0.01 the threshold's variance is 0 for floats."""
    rows = size * np.array([X, Y, -X, Y])
    k = kc.GeneralizedNTK((f, s), (g, u), 3)
    K = k(rows)
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 3)):
        exact = float(k.reference(rows[i], rows[j], digits=18))
        assert K[i, j] == pytest.approx(exact, rel=4e-15, abs=0.0)


def test_a_series_knows_how_little_is_beyond_a_threshold() -> None:
    """E 1_{sd U > 1} = erfc(1/(sqrt(2) sd))/2, from the middle of the tail to where floats end."""
    deviations = np.array([1 / 36, 1 / 22, 1 / 16])
    norms = series(kc.Step(1), deviations).norms
    exact = special.erfc(1 / (np.sqrt(2) * deviations)) / 2
    assert norms**2 == pytest.approx(exact, rel=1e-12)
    k = kc.GeneralizedNTK((kc.Step(1), SUPER), (kc.HardTanh(), SUPER), 3)
    assert (k(1e-170 * ROWS) == 0).all()


def test_opposite_rows_of_a_threshold_with_a_tabled_mean() -> None:
    rows = np.array([X, Y, -X])
    k = kc.SGNTK(kc.Step(1), SPIKES, 2)
    assert k(rows)[0, 2] == pytest.approx(float(k.reference(X, -X, digits=18)), rel=1e-14)
    assert (kc.SGNTK(kc.Step(1), SPIKES, 3)(0.01 * rows) == 0).all()


def test_large_matrices_look_means_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a rough table, which is not kept: as exact as its error bound says."""
    monkeypatch.setattr(planes, "kept", SimpleNamespace(text=lambda _, generate: generate()))
    monkeypatch.setattr(planes, "TARGET", 1e-10)
    k = twins(kc.MultiStep((R(-1, 2), R(5, 4)), (1, 1)), kc.function("tanh(7*z/3)").centred(R(1, 3)), 2, 0.1)
    K, bounds = k(ROWS), k.error_bound(ROWS)
    monkeypatch.setattr(mehler, "MANY", 1)
    again, wider = k(ROWS), k.error_bound(ROWS)
    assert 2 * bounds.max() < wider.max() < 1e-8
    assert (again != K).any()
    assert (np.abs(again - K) <= bounds + wider).all()


CLOSED = [(kc.Heaviside(), kc.Erf()), (kc.Heaviside(), kc.HardTanh()), (kc.ReLU(), kc.HardTanh()),
          (kc.HardTanh(), kc.Erf()), (kc.Step(0.5), kc.GELU()), (kc.Step(0.5), kc.ReLU())]  # fmt: skip


@pytest.mark.parametrize(("f", "g"), CLOSED, ids=str)
def test_pairs_in_closed_form(f: Function, g: Function) -> None:
    for e in (kc.dual(f, g), kc.dual(g.derivative, f.derivative)):
        exact = float(e.reference(1.4, 0.6, -0.7, digits=17))
        assert e.closed_form
        assert e(1.4, 0.6, -0.7) == pytest.approx(exact, rel=4e-16)


def test_masses_and_the_line() -> None:
    """Two functions that jump where there is no closed form: infinite at equal rows only."""
    f = kc.function("where(z > 0, tanh(z) + 1, 0)")
    k = kc.NTK(f, 2, sigma_b=0.1)
    K = k(ROWS[:3])
    assert np.isinf(np.diag(K)).all()
    assert np.isfinite(K[~np.eye(3, dtype=bool)]).all()
    exact = k.reference(X, Y, digits=14)
    assert abs(K[0, 1] - exact) <= 1e-13 * abs(exact)
    with pytest.raises(kc.Undefined, match="zero row"):
        kc.NTK(f, 2)(np.zeros((1, 3)))


@pytest.mark.parametrize("f", [kc.ReLU6(), kc.MultiStep((-1, 2), (1, -2)), kc.Sign()], ids=str)
def test_coefficients_of_piecewise_polynomials(f: Function) -> None:
    """By parts, against integrals over panels."""
    deviations = np.array([0.2, 1.7])
    found = series(f, deviations)
    for i, sd in enumerate(deviations):
        panels = numeric.coefficients(f, sd, 1024)
        assert found.values[i] == pytest.approx(panels.values, abs=1e-13 * panels.norm)
        assert found.tails[i] == pytest.approx(panels.tail, rel=1e-5)


def test_what_a_series_leaves_over_is_seen_to_the_last_digits() -> None:
    """tanh: the tail falls below the square root of the precision."""
    found = series(kc.Tanh(), np.array([0.5, 1.0]), whole=True)
    assert (found.tails <= 2e-14 * found.norms).all()
    short = series(kc.Tanh(), np.array([1.0]))
    rest = np.sqrt((found.values[1, short.values.shape[1] :] ** 2).sum())
    assert short.tails[0] == pytest.approx(rest, rel=1e-3)
