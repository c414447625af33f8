"""Matrices of float32: their functions, their promise, and where they are float64 results rounded once."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
from exact_kernels import exact, ulps
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc.compile.arithmetic import vecsingle
from kernelcalc.compile.evaluator import evaluator
from kernelcalc.compile.layout import TILE
from kernelcalc.kernels import Kernel

Single = NDArray[np.float32]
ULP = 2.0**-23
RNG = np.random.default_rng(12)
KERNELS: dict[str, Callable[..., Kernel]] = {
    "ntk erf": lambda depth: kc.NTK(kc.Erf(), depth, sigma_b=0.1),
    "ntk erf without bias": lambda depth: kc.NTK(kc.Erf(2), depth),
    "sgntk sign": lambda depth: kc.SGNTK(kc.Sign(), kc.Erf().derivative, depth, sigma_b=0.1),
    "ntk relu": lambda depth: kc.NTK(kc.ReLU(), depth, sigma_w=1.4, sigma_b=0.1),
}


def angle_points() -> list[Single]:
    """q, p and p - q, exact for the q, any of which may be small."""
    q = np.float32(0.5) * np.concatenate([RNG.random(2000), 10.0 ** RNG.uniform(-12, 0, 2000)])
    q = np.where(RNG.random(q.size) < 0.5, q, 1 - q).astype(np.float32)
    return [q, (1 - q.astype(float)).astype(np.float32), (1 - 2 * q.astype(float)).astype(np.float32)]


POSITIVE = [(10.0 ** RNG.uniform(-35, 35, 3000)).astype(np.float32)]
CASES: list[tuple[Callable[..., object], Callable[..., mp.mpf], list[Single], float, int | None]] = [
    (vecsingle.rsqrtf, lambda x: 1 / mp.sqrt(x), POSITIVE, 1.1, None),
    (vecsingle.sqrtf, mp.sqrt, POSITIVE, 0.6, None),
    *(
        (vecsingle.half_angle_triplef, form, angle_points(), 2.5, output)
        for output, form in enumerate(
            (
                lambda q, p, r: mp.acos(r) if abs(r) < 0.5 else 2 * mp.atan2(mp.sqrt(q), mp.sqrt(p)),
                lambda q, p, r: mp.acos(-r) if abs(r) < 0.5 else 2 * mp.atan2(mp.sqrt(p), mp.sqrt(q)),
                lambda q, p, r: mp.asin(r) if abs(r) < 0.5 else mp.atan2(p - q, 2 * mp.sqrt(q * p)),
            )
        )
    ),
]


@pytest.mark.parametrize(
    ("function", "form", "points", "bound", "output"), CASES, ids=lambda x: getattr(x, "__name__", "")
)
def test_functions_of_float32(
    function: Callable[..., object],
    form: Callable[..., mp.mpf],
    points: list[Single],
    bound: float,
    output: int | None,
) -> None:
    rows = np.stack(points, axis=1)
    results = [function(*row) for row in rows]
    found = [result[output or 0] if isinstance(result, tuple) else result for result in results]
    with mp.workdps(30):
        wanted = [form(*map(float, row)) for row in rows]
        errors = [
            float(abs(mp.mpf(value) - w)) / (ULP * 2.0 ** (mp.frexp(w)[1] - 1))
            for value, w in zip(found, wanted, strict=True)
        ]
    assert max(errors) <= bound


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 30])
@pytest.mark.parametrize("name", KERNELS)
def test_entries_of_float32_keep_their_promise(name: str, depth: int) -> None:
    kernel, bound = KERNELS[name](depth), 2.0 * max(depth, 3)
    X = np.random.default_rng(13).standard_normal((TILE + 20, 6))
    X[5], X[6], X[7] = X[4], -X[4], X[4] + 1e-6 * X[3]
    whole, rounded = kernel(X), kernel(X, dtype=np.float32)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(rounded[4, 4:8], whole[4, 4:8].astype(np.float32))  # close: float64
    if depth > 1:
        assert (rounded != whole.astype(np.float32)).any()  # layers in float32, indeed
    errors = np.abs(rounded - whole) / (ULP * np.abs(whole))
    for place in np.argsort(errors, axis=None)[-12:]:
        i, j = np.unravel_index(place, errors.shape)
        if errors[i, j] > bound:  # passes through zero, or the promise is broken
            entry = exact([kernel], X[i], X[j], [depth])[0][0]
            assert ulps(float(rounded[i, j]), entry) * 2.0**-29 <= bound


def common(n: int, d: int, offset: float) -> NDArray[np.float64]:
    """Rows with a part in common, so that most correlations are about offset^2/(1 + offset^2)."""
    rng = np.random.default_rng(16)
    return rng.standard_normal((n, d)) + offset * rng.standard_normal(d)


@pytest.mark.parametrize(("d", "offset"), [(32, 1.3), (32, 1.8), (300, 1.5), (784, 2.2)])
@pytest.mark.parametrize("name", KERNELS)
def test_rows_with_a_part_in_common_keep_the_promise(name: str, d: int, offset: float) -> None:
    kernel, X = KERNELS[name](3), common(2 * TILE, d, offset)
    whole, rounded = kernel(X), kernel(X, dtype=np.float32)
    assert 0 < (np.abs(rounded - whole) / (ULP * np.abs(whole))).max() <= 6


def test_float32_depends_on_the_pair_alone() -> None:
    """Whether the float64 product of a tile is taken whole or pair by pair, or is not needed."""
    kernel, X = KERNELS["ntk erf"](3), common(60, 32, 1.8)
    others = np.random.default_rng(17).standard_normal((2 * TILE, 32))
    company = np.concatenate([others, X[:5]])
    K = kernel(X, dtype=np.float32)
    np.testing.assert_array_equal(kernel(company, dtype=np.float32)[-5:, -5:], K[:5, :5])
    np.testing.assert_array_equal(kernel(X[:1], X[1:2], dtype=np.float32)[0, 0], K[0, 1])


def test_float32_data_that_pass_through_zero() -> None:
    """A correlation of 1e-4 is known as well as its terms allow, not to its own last digits."""
    kernel, X = KERNELS["ntk erf without bias"](3), np.random.default_rng(18).standard_normal((TILE, 784))
    whole, rounded, size = kernel(X), kernel(X, dtype=np.float32), kernel(np.abs(X))
    assert np.abs(whole).min() < 1e-5 * size.min()
    assert (np.abs(rounded - whole) <= 6 * ULP * size).all()


@pytest.mark.parametrize(("depth", "scale"), [(31, 1.0), (3, 1e15)])
def test_where_float32_cannot_promise_its_digits_float64_is_rounded(depth: int, scale: float) -> None:
    X = scale * np.random.default_rng(14).standard_normal((40, 3))
    kernel = KERNELS["ntk relu"](depth)
    np.testing.assert_array_equal(kernel(X, dtype=np.float32), kernel(X).astype(np.float32))


def test_a_kernel_with_a_table_has_no_layers_in_float32() -> None:
    tabled = kc.SGNTK(kc.Sign(), kc.function("exp(-abs(z))"), 3, sigma_b=0.1)
    assert not evaluator(tabled).structure.in_float32
    assert evaluator(KERNELS["ntk relu"](3)).structure.in_float32


def test_places_and_threads_change_no_bit_of_float32() -> None:
    kernel = KERNELS["ntk erf"](3)
    X = np.random.default_rng(15).standard_normal((2 * TILE + 5, 6))
    K = kernel(X, dtype=np.float32, threads=1)
    np.testing.assert_array_equal(kernel(X, dtype=np.float32, threads=3), K)
    np.testing.assert_array_equal(kernel(X[300:], X[:77], dtype=np.float32), K[300:, :77])
