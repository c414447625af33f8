"""Gram matrices larger than caches: memory, interrupts, progress, operators, rows at any address."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.gram import LARGE
from kernelcalc.progress import share_done
from kernelcalc.workers import Workers

KERNEL = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
ULP = 2.0**-52

MEMORY = """
import resource, numpy as np, kernelcalc as kc
kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
X = np.random.default_rng(0).standard_normal((4000, 16))
kernel(X[:600])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
K = kernel(X)
print((peak() - before) / K.nbytes)
"""

INTERRUPTED = """
import os, signal, threading, time, numpy as np, kernelcalc as kc
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a script
kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 100, sigma_b=0.1)
X = np.random.default_rng(0).standard_normal((20000, 16))
Y = X[:300]
kernel(Y)
done = []
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(1.0, interrupt).start()
start = time.monotonic()
try:
    kernel(X, Y, threads=2, progress=lambda share: (done.append(share), time.sleep(0.2)))
except KeyboardInterrupt:
    print(len(done) < 79 and threading.active_count() == 1 and np.isfinite(kernel(Y)).all())
"""


def output(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=300
    ).stdout.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module there")
def test_peak_memory_is_the_output_and_little_else() -> None:
    assert float(output(MEMORY)) <= 1.25


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to oneself there")
def test_an_interrupt_ends_all_threads_and_leaves_everything_usable() -> None:
    assert output(INTERRUPTED) == "True"


@pytest.mark.parametrize("columns", [2304, 2305, 2307])
def test_rows_written_past_the_caches_at_any_address(columns: int) -> None:
    """A row of columns * 8 bytes starts anywhere within a line of the cache."""
    X = np.random.default_rng(1).standard_normal((columns, 3))
    assert columns**2 * 8 >= LARGE
    K = KERNEL(X)
    some = np.array([0, 1, 7, 8, 255, 256, 257, 1000, 1024, 2047, 2048, columns - 1])
    np.testing.assert_array_equal(K[np.ix_(some, some)], KERNEL(X[some]))
    np.testing.assert_allclose(KERNEL(X, X[:1900]), K[:, :1900], rtol=8 * ULP)


@pytest.mark.parametrize("n", [7, 257, 3001])
def test_single_precision_is_double_precision_but_for_a_few_roundings(n: int) -> None:
    X = np.random.default_rng(4).standard_normal((n, 4))
    X[-1] = X[0]
    K = KERNEL(X)
    single = KERNEL(X, dtype=np.float32)
    np.testing.assert_allclose(single, K, rtol=0, atol=6 * 2.0**-23 * np.abs(K).max())
    np.testing.assert_array_equal(KERNEL(X, X[:5], dtype=np.float32)[5:], single[5:, :5])


def test_progress_goes_from_nothing_to_all() -> None:
    shares: list[float] = []
    X = np.random.default_rng(2).standard_normal((600, 4))
    KERNEL(X, threads=1, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 6
    assert shares[-1] == 1.0
    shares.clear()
    kc.NTK(kc.function("tanh(z)"), 2)(X[:300], threads=1, progress=shares.append)
    assert shares == [1 / 3, 2 / 3, 1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_after_two_seconds_on_terminals_only() -> None:
    now = [0.0]
    for stream, expected in ((Terminal(), True), (io.StringIO(), False)):
        now[0] = 0.0
        with share_done(stream, lambda: now[0]) as report:
            report(0.0)
            assert stream.getvalue() == ""
            now[0] = 2.2
            report(0.0)  # nothing yet, and no time left to tell
            now[0] = 2.5
            report(0.25)
            assert (" 25 %, 8 s left" in stream.getvalue()) is expected
        assert stream.getvalue().endswith("\r\033[K") is expected


def test_the_operator_is_the_matrix() -> None:
    rng = np.random.default_rng(3)
    X, Z, v = rng.standard_normal((300, 4)), rng.standard_normal((270, 4)), rng.standard_normal((270, 2))
    K, operator = KERNEL(X, Z), KERNEL.operator(X, Z)
    np.testing.assert_allclose(operator @ v, K @ v, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(operator @ v[:, 0], K @ v[:, 0], rtol=1e-12, atol=1e-12)
    u = rng.standard_normal(300)
    np.testing.assert_allclose(operator.T @ u, K.T @ u, rtol=1e-12, atol=1e-12)
    assert operator.shape == K.shape


def test_threads_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert Workers().count == 3
    assert Workers(2).count == 2
