"""Kernels without closed form: as functions of the angle for rows of one norm, and as Mehler series."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.compile.angular import squared_norm
from kernelcalc.compile.tables import duals, mehler
from kernelcalc.compile.tables.duals import Dual
from kernelcalc.compile.tables.hermite import series
from kernelcalc.compile.tables.octaves import Octaves
from kernelcalc.compile.tables.sphere import sphere
from kernelcalc.gram import InaccurateWarning
from kernelcalc.kernels import Kernel

TANH = kc.function("tanh(z)")
KERNELS = {
    "ntk": kc.NTK(TANH, 3, sigma_w=1.5, sigma_b=0.1),
    "nngp": kc.NNGP(kc.function("z/(1 + exp(-z))"), 3),
    "sgntk": kc.SGNTK(TANH, kc.function("1/cosh(2*z)**2"), 3),
    "generalized": kc.GeneralizedNTK((kc.Erf(), kc.Erf().derivative), (TANH, TANH.derivative), 2),
}
D = 4
ROWS = np.random.default_rng(3).standard_normal((6, D))
ROWS[4] = ROWS[3] + 1e-6 * ROWS[2]
ROWS[5] = -ROWS[0]
UNIT = ROWS * np.sqrt(D) / np.linalg.norm(ROWS, axis=1)[:, None]
PAIRS = ((0, 0), (0, 1), (2, 1), (3, 4), (0, 5))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("data", "method"), [(UNIT, "table of the angle"), (ROWS, "Mehler series")])
def test_values_lie_within_their_bounds(name: str, data: np.ndarray, method: str) -> None:
    k = KERNELS[name]
    assert k.method(data) == method
    K, bound = k(data), k.error_bound(data)
    assert (bound <= 2e-11 * np.abs(K).max()).all()
    for i, j in PAIRS[:2] if name != "ntk" else PAIRS:
        exact = k.reference(data[i], data[j], digits=16)
        assert abs(K[i, j] - exact) <= bound[i, j] + 1e-15 * abs(exact)


def test_the_three_ways_agree() -> None:
    """Erf has a closed form: the table and the series of the same kernel must give it."""
    k = kc.NTK(kc.Erf(), 4, sigma_w=1.3, sigma_b=0.2)
    closed = k(UNIT)
    values, bounds = mehler.gram(k, UNIT, None)
    assert (np.abs(values - closed) <= bounds + 1e-14 * np.abs(closed)).all()
    found = sphere(k, 1.0)
    near, far = found.tables()
    variance = float(k.sigma_w**2 + k.sigma_b**2)
    for i in range(6):
        for j in range(6):
            weight = float(k.sigma_w**2) / (4 * D * variance)
            q, p = (weight * ((UNIT[i] + s * UNIT[j]) ** 2).sum() for s in (-1, 1))
            p += float(k.sigma_b**2) / variance
            table, root = (near, np.sqrt(q)) if q < p else (far, np.sqrt(p))
            assert table(np.array([root]))[0] == pytest.approx(closed[i, j], rel=2e-14)


@pytest.mark.parametrize("formula", ["tanh(z)", "1/(1 + exp(-z))", "cos(9*z)"])
def test_series_of_many_deviations_are_those_of_each(formula: str) -> None:
    """Interpolated or, where that does not resolve them as of the last, not."""
    f, many = kc.function(formula), np.geomspace(0.3, 2.0, 200)
    found = series(f, many)
    for i in (0, 60, 137, 199):
        alone = series(f, many[i : i + 1])
        count = min(found.values.shape[1], alone.values.shape[1])
        off = np.abs(found.values[i, :count] - alone.values[0, :count]).max()
        assert off <= found.errors[i] + alone.errors[0] <= 2e-14 * alone.norms[0]
        assert found.norms[i] == pytest.approx(alone.norms[0], rel=2e-15)
    assert found.values.shape[1] == alone.values.shape[1]
    assert 0.9 * alone.tails[0] <= found.tails[199] <= 2 * alone.tails[0]


def test_interpolation_octave_by_octave_keeps_the_digits() -> None:
    x = np.geomspace(0.01, 2.0, 1000)
    octaves = Octaves.of(x)
    assert octaves is not None
    assert octaves.nodes.size < 250

    def values(at: np.ndarray) -> np.ndarray:
        return np.column_stack([np.arctan(at), np.sin(at), at**3])

    norms = np.linalg.norm(values(octaves.nodes.ravel()), axis=1)
    found = octaves.between(values(octaves.nodes.ravel()), norms)
    assert found is not None
    assert found[0] == pytest.approx(values(x), abs=1e-15, rel=4e-15)
    assert found[1] == pytest.approx(np.linalg.norm(values(x), axis=1), rel=2e-15)
    assert octaves.between(np.sin(100 * octaves.nodes.reshape(-1, 1)), norms) is None


def test_the_angle_keeps_its_digits() -> None:
    """q' is a sum of terms of one sign: the kernel near the diagonal falls off as the derivative says."""
    found = sphere(KERNELS["ntk"], 1.0)
    level = found.levels[0]
    slope = float((np.arange(len(level.cross)) * level.cross).sum())
    for q in (1e-8, 1e-16, 1e-24):
        _, gap, _ = found._covariances(level, np.array([q], np.longdouble), np.array([1 - q], np.longdouble))
        ratio = float(gap[0] / (2 * slope * np.longdouble(q)))
        assert ratio == pytest.approx(1.0, rel=1e-6 if q > 1e-9 else 1e-12)


def test_series_bounds_hold_for_kinks_too() -> None:
    """exp(-|z|^3) has a jump in its third derivative: a slow series, and a bound that says so."""
    f = series(kc.function("exp(-abs(z)**3)"), np.array([0.5, 1.0]))
    r = np.array([[0.3, 0.95], [-0.7, 0.999]])
    places = np.divmod(np.arange(4), 2)
    values, bounds = (x.reshape(2, 2) for x in Dual(f, f).at(places, r.ravel(), np.zeros(4)))
    e = kc.dual(kc.function("exp(-abs(z)**3)"))
    sd = (0.5, 1.0)
    for i in range(2):
        for j in range(2):
            exact = e.reference(sd[i] ** 2, sd[j] ** 2, float(r[i, j]) * sd[i] * sd[j], digits=15)
            assert abs(values[i, j] - exact) <= bounds[i, j]
    assert bounds[1, 1] > 1e3 * bounds[0, 0]


def test_a_loose_bound_gives_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duals, "FINE", 1.0)  # no pair is settled
    k = kc.NNGP(kc.function("1/(1 + 25*abs(z))**2"), 2)
    rows = np.array([[1.0, 2.0], [1.0, 2.0001], [3.0, 1.0]])
    with pytest.warns(InaccurateWarning, match="no closed form"):
        K = k(rows)
    assert np.isfinite(K).all()
    assert k.error_bound(rows)[0, 1] > 1e-8


def test_equal_norms_are_told_from_nearly_equal_ones() -> None:
    assert squared_norm(UNIT) == pytest.approx(1.0)
    assert squared_norm(UNIT, UNIT * (1 + 1e-9)) is None
    assert squared_norm(np.zeros((2, 3))) is None


def test_all_entries_of_a_matrix() -> None:
    """Rectangles, the diagonal, products with vectors and single precision agree with the square matrix."""
    for data in (UNIT, ROWS):
        k: Kernel = KERNELS["ntk"]
        K = k(data)
        assert (K == K.T).all()
        assert k(data[:2], data) == pytest.approx(K[:2], rel=1e-14)
        assert k.diag(data) == pytest.approx(np.diag(K), rel=1e-14)
        assert k.matvec(data, np.ones(6)) == pytest.approx(K.sum(axis=1), rel=1e-13)
        assert k(data, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("formula", ["z/(1 + abs(z))", "exp(-abs(z)**3)"])
def test_kinks_on_the_sphere(formula: str) -> None:
    """Nested integrals where the series is too slow: full accuracy between nearly parallel rows too."""
    k = kc.NTK(kc.function(formula), 2, sigma_b=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        K = k(UNIT)
    assert k.method(UNIT) == "table of the angle"
    bound = k.error_bound(UNIT)
    assert (bound <= 1e-11 * np.abs(K).max()).all()
    for i, j in ((0, 1), (3, 4)):
        exact = k.reference(UNIT[i], UNIT[j], digits=13)
        assert abs(K[i, j] - exact) <= bound[i, j] + 1e-12 * abs(exact)


@pytest.mark.parametrize(("f", "g"), [("tanh(z)", "tanh(z)"), ("z/(1 + exp(-z))", "sign(z)")])
def test_few_close_pairs_are_summed_by_themselves(f: str, g: str) -> None:
    """The other pairs of a large block take fewer terms; a block of close pairs takes all for all."""
    first, second = kc.function(f), kc.function(g)
    k = kc.GeneralizedNTK((first, first.derivative), (second, second.derivative), 3, sigma_b=0.1)
    rows = np.random.default_rng(8).standard_normal((64, 32))
    rows[1], rows[2], rows[3] = rows[0] + 0.1 * rows[1], -rows[0], 0.0
    bounds, K = k.error_bound(rows), k(rows)
    assert bounds.max() <= 1e-12 * np.abs(K).max()
    for part in (slice(0, 4), slice(2, 6), slice(60, 64)):
        few = k(rows[part])
        assert (np.abs(few - K[part, part]) <= bounds[part, part]).all()
    exact = k.reference(rows[0], rows[1], digits=16)
    assert abs(K[0, 1] - exact) <= bounds[0, 1]
