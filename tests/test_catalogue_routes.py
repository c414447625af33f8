"""How far other routes to the same numbers reach: the catalogue's measurements, made again."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import dawsn, expi

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.compile.tables.hermite import series
from kernelcalc.expectation import mixture
from kernelcalc.symbols import v

R = sp.Rational
Vector = NDArray[np.float64]


def of_the_order(found: Any, printed: float) -> bool:
    """What was measured once, within a factor of 5; below the precision there is nothing to measure."""
    return bool(found <= 5 * printed) and (printed < 1e-14 or bool(found >= printed / 5))


def normal(count: int) -> tuple[Vector, Vector]:
    nodes, weights = hermegauss(count)
    return nodes, weights / np.sqrt(2 * np.pi)


@pytest.mark.parametrize(
    ("count", "step", "printed"), [(17, 0.2, 1e-8), (25, 0.13, 1e-13), (31, 0.11, 5e-16)]
)
def test_few_nodes_serve_all_slopes_of_the_logistic(count: int, step: float, printed: float) -> None:
    with mp.workdps(25):
        for s in (0, 0.02, 0.5, 2, 30, 10**4):
            many, few = (
                mp.fsum(w / mp.sqrt(4 * k * k + s * s) for k, w in mixture.nodes(*table))
                for table in ((120, 0.04), (count, step))
            )
            assert abs(few - many) <= printed * many


@pytest.mark.parametrize(
    ("count", "step", "printed"), [(17, 0.2, 4e-8), (25, 0.13, 6e-14), (31, 0.11, 7e-15)]
)
def test_softplus_by_smooth_rectifiers(count: int, step: float, printed: float) -> None:
    with mp.workdps(25):
        table = mixture.nodes(count, step)
        for x in (mp.mpf(i) / 5 - 8 for i in range(0, 90, 4)):
            total = mp.fsum(w * (x * mp.ncdf(x / (2 * k)) + 2 * k * mp.npdf(x / (2 * k))) for k, w in table)
            assert abs(total - mp.log1p(mp.exp(x))) <= printed


def test_the_mixture_off_the_centre() -> None:
    """sum of w N(alpha mu; 0, 4 k^2 + alpha^2 v)."""
    alpha, centre = 3, R(2, 5)
    exact = quadrature.mean(kc.SigmoidSurrogate(R(1, 4), alpha), R(7, 4), mu=centre, digits=20)
    with mp.workdps(25):
        wide = [(w, 4 * k * k + alpha**2 * mp.mpf(7) / 4) for k, w in mixture.nodes()]
        total = mp.fsum(w * mp.npdf(alpha * mp.mpf(2) / 5, 0, mp.sqrt(q)) for w, q in wide)
        assert abs(total - exact) <= 1e-15 * exact


@pytest.mark.parametrize(("slope", "printed"), [(8, 3e-2), (25, 0.8)])
def test_gauss_hermite_is_useless_for_steep_surrogates(slope: int, printed: float) -> None:
    u, w = normal(80)
    exact = kc.mean(kc.SigmoidSurrogate(1, slope))(1.0)
    assert of_the_order(abs(w @ np.cosh(slope * u / 2) ** -2.0 / exact - 1), printed)


TANH = ((1, 0.95), (4, 0.95), (20, 0.95))


def tanh_dual(a: float, rho: float) -> float:
    value: float = kc.dual(kc.Tanh())(a, a, rho * a)
    return value


@pytest.mark.parametrize(
    ("step", "printed"),
    [(None, (3e-7, 5e-4, 2e-2)), (0.25, (2e-15, 3e-8, 2e-4)), (0.125, (1e-16, 3e-15, 3e-8))],
)
def test_tanh_on_grids(step: float | None, printed: tuple[float, ...]) -> None:
    """40^2 nodes of Gauss and Hermite; trapezoidal sums given X, 70^2 and 140^2."""
    if step is None:
        u, w = normal(40)
    else:
        u = np.arange(-8.75, 8.75 + step / 2, step)
        w = step * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    for (a, rho), error in zip(TANH, printed, strict=True):
        y = np.sqrt(a) * (rho * u[:, None] + np.sqrt(1 - rho**2) * u)
        total = (w * np.tanh(np.sqrt(a) * u)) @ np.tanh(y) @ w
        assert of_the_order(abs(total / tanh_dual(a, rho) - 1), error)


@pytest.mark.parametrize(("a", "rho", "printed"), [(1, 0.5, 3e-16), (1, 0.95, 3e-9), (4, 0.95, 7e-6)])
def test_tanh_by_forty_terms(a: float, rho: float, printed: float) -> None:
    terms = series(kc.Tanh(), np.sqrt([float(a)]), whole=True).values[0, :40]
    total = terms**2 @ rho ** np.arange(40)
    assert of_the_order(abs(total / tanh_dual(a, rho) - 1), printed)


@pytest.mark.parametrize(
    ("x", "printed"), [(0.05, 7e-13), (0.1, 4e-14), (0.2, 1e-14), (0.5, 1e-15), (3, 1e-15)]
)
def test_superspike_loses_digits_in_closed_form(x: float, printed: float) -> None:
    """In float64: at its worst near x."""
    with np.errstate(all="raise"):
        worst = 0.0
        for slope in x * (1 + np.arange(12) / 40):
            t = 1 / slope
            gs = np.sqrt(np.pi) * dawsn(t) - np.exp(-(t**2)) * expi(t**2) / 2 if t < 26 else 0.0
            found = 2 / np.sqrt(np.pi) * t**2 * (1 / t - np.sqrt(np.pi) + 2 * t * gs)
            worst = max(worst, abs(found / kc.mean(kc.SuperSpike(1, 1))(slope**2 / 2) - 1))
    assert of_the_order(worst, printed)


def test_student_by_a_bessel_function() -> None:
    """p = 1/2: y exp(y^2/2) K0(y^2/2)/sqrt(pi), y = 1/(kappa sqrt(2v)); p = 1 and 3/2 are ATan and circ."""
    form = kc.mean(kc.StudentSurrogate(2, R(1, 2))).expr
    assert form is not None
    with mp.workdps(60):
        for size in (R(1, 50), R(4, 3), R(300)):
            y = 1 / (2 * mp.sqrt(2 * mp.mpf(size.p) / size.q))
            expected = y * mp.exp(y**2 / 2) * mp.besselk(0, y**2 / 2) / mp.sqrt(mp.pi)
            assert abs(mp.mpf(sp.N(form.subs(v, size), 50)) - expected) <= mp.mpf(10) ** -40 * expected
    assert kc.StudentSurrogate(3, 1).expr == kc.ATanSurrogate(1, 3).expr
    assert kc.StudentSurrogate(R(1, 3), R(3, 2)).expr == kc.Circ(3).expr


def test_the_slope_of_softplus_is_the_sigmoid() -> None:
    at = (1.5, 0.75, -0.5)
    assert kc.dual(kc.Softplus().derivative)(*at) == pytest.approx(kc.dual(kc.Sigmoid())(*at), rel=1e-15)
