"""Evaluators as programs: threads, forks, options, matvec, and what a warm process does not do."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc.compile.forms.program import share
from kernelcalc.compile.layout import TILE
from kernelcalc.kernels import Kernel

Matrix = NDArray[np.float64]
ULP = 2.0**-52
KERNEL = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)


def data(n: int) -> Matrix:
    """Rows with a duplicate of row 0 behind every tile boundary."""
    X = np.random.default_rng(4).standard_normal((n, 6))
    X[TILE - 1 :: TILE] = X[0]
    X[TILE::TILE] = X[0]
    return X


def test_duplicates_get_the_diagonal_bit_for_bit() -> None:
    X = data(2 * TILE + 3)
    alike = [0, TILE - 1, TILE, 2 * TILE - 1, 2 * TILE]
    for kernel in (KERNEL, kc.NTK(kc.Erf(2), 4, sigma_b=0.3), kc.NTK(kc.ReLU(), 3)):
        K = kernel(X)
        assert np.unique(K[np.ix_(alike, alike)]).tolist() == [kernel.diag(X)[0]]
        np.testing.assert_allclose(K[0], K[TILE], rtol=0, atol=4 * ULP * K[0, 0])


@pytest.mark.parametrize("n", [1, 7, TILE - 1, TILE, TILE + 1])
def test_thread_counts_and_places_change_no_bit(n: int) -> None:
    X = data(n)
    K = KERNEL(X, threads=1)
    np.testing.assert_array_equal(KERNEL(X, threads=3), K)
    np.testing.assert_array_equal(KERNEL(X[::-1], threads=2)[::-1, ::-1][0, 1:], K[0, 1:])


@pytest.mark.parametrize("kernel", [KERNEL, kc.NTK(kc.Erf(), 4, sigma_b=0.1)], ids=str)
def test_close_pairs_have_the_same_bits_alone_and_in_company(kernel: Kernel) -> None:
    """Neighbours in a row, or scattered; t = 1, -1 and <x, y>/|x|^2; multiples; extreme rows."""
    rng = np.random.default_rng(6)
    X = np.tile(rng.standard_normal(5), (40, 1)) + 1e-3 * rng.standard_normal((40, 5))
    X[4::7] *= -1.0
    X[5::7] *= rng.uniform(0.1, 10.0, (5, 1))
    X[6::7] = X[0] * np.array([[2.0], [-3.0], [1e140], [1e-140], [1.1]])
    X = rng.permutation(X)
    X[::3] = rng.standard_normal((14, 5))
    K = kernel(X)
    for i, j in rng.integers(0, 40, (150, 2)):
        pair = X[[min(i, j), max(i, j)]]
        assert kernel(pair)[1, 0] == K[max(i, j), min(i, j)] or i == j


def test_eight_threads_at_once() -> None:
    X = data(300)
    kernels = [kc.NTK(kc.Erf(m), 2 + m % 3, sigma_b=0.1) for m in range(1, 5)]
    expected = [kernel(X, threads=1) for kernel in kernels]
    barrier = threading.Barrier(8)

    def call(index: int) -> Matrix:
        barrier.wait()
        return kernels[index % 4](X, threads=2)

    with ThreadPoolExecutor(8) as pool:
        for index, K in enumerate(pool.map(call, range(8))):
            np.testing.assert_array_equal(K, expected[index % 4])


def _in_child(X: Matrix) -> Matrix:
    return KERNEL(X, threads=2)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_forked_workers_after_a_call() -> None:
    X = data(300)
    K = KERNEL(X, threads=2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for found in pool.map(_in_child, [X, X, X], chunksize=1):
            np.testing.assert_array_equal(found, K)


def test_out_is_used_and_checked() -> None:
    X = data(TILE + 9)
    for dtype in (np.float64, np.float32):
        out = np.full((len(X), len(X)), np.nan, dtype)
        assert KERNEL(X, out=out) is out
        np.testing.assert_array_equal(out, KERNEL(X, dtype=dtype))
    with pytest.raises(kc.InputError, match="float64 or float32"):
        KERNEL(X, dtype=np.int64)
    with pytest.raises(kc.InputError, match="out must be a writeable C-contiguous float32"):
        KERNEL(X, out=np.empty((len(X), len(X))), dtype=np.float32)
    with pytest.raises(kc.InputError, match="out must be"):
        KERNEL(X, out=np.empty((len(X), len(X))).T)


def test_matvec_is_the_product_with_the_matrix() -> None:
    X, Z = data(TILE + 40), data(TILE + 5)
    v = np.random.default_rng(5).standard_normal((len(Z), 2))
    for left, right, vector in ((X, Z, v), (X, Z, v[:, 0]), (Z, None, v)):
        K = KERNEL(left, right)
        found = KERNEL.matvec(left, vector, right)
        np.testing.assert_allclose(found, K @ vector, rtol=0, atol=1e-13 * np.abs(K).sum(axis=1).max())
        np.testing.assert_array_equal(found, KERNEL.matvec(left, vector, right, threads=1))
    with pytest.raises(kc.InputError, match="v must have shape"):
        KERNEL.matvec(X, v[:3], Z)


def test_parameters_of_the_same_name_stay_apart() -> None:
    """Erf(1) and Erf(2) both call theirs m; so do the two derivatives, with values of their own."""
    kernel = kc.GeneralizedNTK(
        (kc.Erf(1), kc.Erf(3).derivative), (kc.Erf(2), kc.Erf(4).derivative), 3, sigma_b=0.3
    )
    X = data(3)
    K = kernel(X)
    for i, j in ((0, 1), (1, 0), (2, 2)):
        exact = float(kernel.reference(X[i], X[j], digits=18))
        assert abs(K[i, j] - exact) <= 64 * ULP * abs(exact)
    names, values = share([dict(kc.dual(kc.Erf(m)).values) for m in (1, 2, 1)])
    assert names[0] == names[2] != names[1]
    assert sorted(values.values()) == [1, 2]


PROGRAM = """
import sys
import numpy as np
import kernelcalc as kc
K = kc.SGNTK(kc.Sign(), kc.Erf(MM).derivative, 3, sigma_b=0.1)(np.arange(12.0).reshape(4, 3))
loaded = [name for name in WATCHED if name in sys.modules]
print(K.tobytes().hex(), *loaded)
"""
WATCHED = ["numba", "kernelcalc.compile.forms.stable", "kernelcalc.compile.source.emit"]


def test_a_warm_process_derives_and_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))

    def run(m: str) -> list[str]:
        program = PROGRAM.replace("WATCHED", repr(WATCHED)).replace("MM", m)
        command = [sys.executable, "-c", program]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    cold, warm, other = run("1"), run("1"), run("2.5")
    assert "numba" in cold
    assert warm == cold[:1]
    assert len(other) == 1, other  # another number, the same structure
    assert other != warm
