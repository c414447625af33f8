"""Means off the centre: tables of two variables, and threshold networks that look them up."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.compile import cache
from kernelcalc.compile.forms import named
from kernelcalc.compile.tables import planes, smoothed
from kernelcalc.compile.tables.planes import Plane
from kernelcalc.errors import InputError
from kernelcalc.expectation import waves
from kernelcalc.functions.base import Function

R = sp.Rational
ELSEWHERE = 10  # how much larger E |s| may be elsewhere in the same square
SPIKE = kc.SuperSpike(1, 1)


@pytest.fixture(scope="module")
def plane() -> Plane:
    return planes.table_of(kc.SuperSpike(3, 25).centred(1), ())


def points(count: int) -> list[tuple[float, float]]:
    """mu and x over many orders of magnitude, mu some deviations from the kink and far from it."""
    draw = np.random.default_rng(4)
    x = 2.0 ** draw.uniform(-30, 6, count)
    near = x * draw.standard_normal(count) * 2
    far = 2.0 ** draw.uniform(-20, 9, count) * draw.choice([-1.0, 1.0], count)
    return [*zip(near.tolist(), x.tolist(), strict=True), *zip(far.tolist(), x.tolist(), strict=True)]


def test_the_table_keeps_its_measured_error(plane: Plane) -> None:
    assert plane.error <= 1e-13
    for mu, x in [*points(6), (0.0, 0.0), (0.7, 0.0), (-3.0, 1e-12)]:
        shifted = SPIKE.shifted(R(mu)) if mu else SPIKE
        exact = quadrature.mean(shifted, R(x) ** 2, digits=18) if x else SPIKE(mu)
        assert abs(plane(mu, x) - float(exact)) <= ELSEWHERE * plane.error * float(exact)


def test_what_is_small_far_out_keeps_its_digits(plane: Plane) -> None:
    for mu, x in ((3e6, 1e6), (3e9, 1e9)):
        exact = float(quadrature.mean(SPIKE.shifted(R(mu)), R(x) ** 2, digits=14))
        assert abs(plane(mu, x) - exact) <= 1e-10 * exact


def test_a_closed_form_confirms_the_table() -> None:
    """The Laplace surrogate has erfcx off its centre too."""
    table = planes.table_of(kc.Laplace(2, 3), ())
    assert table.tree[0] == table.tree[1]  # even: half a tree
    with mp.workdps(30):
        for mu, x in points(100):
            v, m = mp.mpf(x) ** 2, mp.mpf(abs(mu))
            sides = [mp.exp(v / 2 + s * m) * mp.erfc((v + s * m) / mp.sqrt(2 * v)) / 2 for s in (1, -1)]
            if v < 200:
                assert abs(table(mu, x) - sum(sides)) <= table.error * (ELSEWHERE * sum(sides) + planes.FLOOR)


def looked_up(plane: Plane, mu: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of the compiled code."""
    source = (
        "from kernelcalc.compile.arithmetic.lookup import lookup_plane\n"
        "def entry(mu, x, y, n, table):\n"
        "    for i in range(n):\n        y[i] = lookup_plane(mu[i], x[i], table)\n"
    )
    call = cache.function(source, "entry", (*("float64*",) * 3, "int64", "float64*"))
    y, numbers = np.empty_like(x), plane.numbers
    call(mu.ctypes.data, x.ctypes.data, y.ctypes.data, len(x), numbers.ctypes.data)
    return y


def test_the_compiled_lookup_agrees(plane: Plane) -> None:
    mu, x = np.array([*points(200), (1e13, 1.0), (1.0, 1e13), (np.nan, 1.0)]).T.copy()
    y = looked_up(plane, mu, x)
    found = [plane(m, s) for m, s in zip(mu[:-3], x[:-3], strict=True)]
    assert y[:-3] == pytest.approx(found, rel=1e-12)
    assert np.isnan(y[-3:]).all()


@pytest.mark.parametrize(
    "f",
    [
        kc.SparseFastSigmoid(1, R(1, 3)),
        kc.PeriodicExponential(1, R(1, 2), R(1, 4)),
        kc.function("sqrt(1 + z**2)*atan(z)"),
    ],
    ids=["jump", "for ever", "growing"],
)
def test_jumps_periods_and_growth(f: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rough tables, as these take long: close to a jump, many periods away, and as wide as many; small values
    of a function that is large elsewhere."""
    monkeypatch.setattr(planes, "TARGET", 1e-9)
    monkeypatch.setattr(planes, "SIZES", (2.0**30,))
    table = planes.make(f)
    again = Plane.from_text(table.to_text())
    assert (again.numbers == table.numbers).all()
    near = [(1 / 3 + 2e-10, 1e-10), (1 / 3 - 1e-4, 1e-4), (1.4, 0.1)]
    spots = [*near, (41.4, 0.2), (-0.3, 0.5), (17.3, 5.0), (9.0, 90.0)]
    found = [table(mu, x) for mu, x in spots]
    for (mu, x), value in zip(spots, found, strict=True):
        moved, v = f.shifted(R(mu)), R(x) ** 2
        if waves.wave(f) is None:
            exact = quadrature.mean(moved, v, digits=12)
        else:
            with mp.workdps(20):
                exact = waves.mean(moved, mp.mpf(x) ** 2)
        assert abs(value - exact) <= 1e-7 * abs(exact)
    mu, x = np.array(spots).T.copy()
    assert looked_up(table, mu, x) == pytest.approx(found, rel=1e-13)


def test_text_round_trip(plane: Plane) -> None:
    again = Plane.from_text(plane.to_text())
    assert (again.numbers == plane.numbers).all()
    assert again.error == plane.error


def test_slope_height_and_centre_stay_numbers_of_the_run() -> None:
    found = named.canonical(kc.SuperSpike(3, 25).centred(R(1, 2)).symbolic, centred=True)
    assert str((found.amplitude, found.scale, found.shift)) == "(A, beta, theta)"
    assert found.base.template == SPIKE.symbolic.template.subs({s: 1 for s, _ in SPIKE.parameters})


@pytest.mark.parametrize(
    ("formula", "reason"), [("1/sqrt(abs(z))", "not finite|steep"), ("cos(z**2)", "too often")]
)
def test_what_cannot_be_tabulated_is_refused(
    formula: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (planes, smoothed):
        monkeypatch.setattr(module, "MOST", 200)
    z = kc.symbols.z
    expr = 1 / sp.sqrt(sp.Abs(z)) if "sqrt" in formula else sp.cos(z**2)
    with pytest.raises(InputError, match=reason):
        planes.make(Function(formula, expr))


ROWS = np.random.default_rng(0).standard_normal((6, 8))
ROWS[5] = ROWS[4] * (1 + 1e-7) + 1e-7


def test_threshold_networks() -> None:
    """Rows 4 and 5 are a close pair, for which sums cancel: the second phase looks up the same table."""
    k = kc.SGNTK(kc.Step(1), kc.SuperSpike(1, 25).centred(1), 3, sigma_w=2.0, sigma_b=0.1)
    K = k(ROWS)
    np.testing.assert_array_equal(k(ROWS[:4]), K[:4, :4])
    assert "table" in k.method(ROWS)
    for i, j in ((0, 0), (0, 1), (1, 0), (3, 2), (4, 5)):
        exact = k.reference(ROWS[i].tolist(), ROWS[j].tolist(), digits=17)
        assert abs(K[i, j] - exact) <= 1e-13 * abs(exact)


def test_means_far_off_the_centre() -> None:
    """A long row beside a short one: thousands of widths of the surrogate off the centre."""
    k = kc.SGNTK(kc.Step(1), kc.surrogate("norse.super").centred(1), 2)
    rows = np.array([[0.3], [9.0]]) * ROWS[:2]
    K = k(rows)
    for i, j in ((0, 1), (1, 0)):
        exact = k.reference(rows[i].tolist(), rows[j].tolist(), digits=15)
        assert abs(K[i, j] - exact) <= 1e-13 * abs(exact)


def test_a_mean_beyond_the_table_is_refused() -> None:
    rows = ROWS.copy()
    rows[0] *= 1e-16
    with pytest.raises(InputError, match="beyond the table"):
        kc.SGNTK(kc.Step(R(1, 10**5)), kc.SuperSpike(1, 25), 2)(rows)
