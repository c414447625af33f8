"""Times of Gram matrices against the bare matrix product, textbook NumPy and neural-tangents.

    python benchmarks/speed.py [--n 2000] [--repeats 3] [--nt-python PATH] [--json FILE]

All run on the same data, one after another, with the same number of threads; the best of the repeats counts.
--nt-python: the interpreter of an environment with neural-tangents; it is called with diagonal_spatial=True,
which is the faster way for it, and float64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernelcalc as kc

Matrix = NDArray[np.float64]

NEURAL_TANGENTS = """
import sys, time, json, jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from neural_tangents import stax
X, depth, repeats = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
layers = [stax.Dense(1, W_std=1.0, b_std=0.1)]
for _ in range(depth - 1):
    layers += [stax.Erf(), stax.Dense(1, W_std=1.0, b_std=0.1)]
kernel = jax.jit(lambda x: stax.serial(*layers)[2](x, None, "ntk", diagonal_spatial=True))
best = float("inf")
for _ in range(repeats + 1):
    start = time.perf_counter()
    np.asarray(kernel(X).block_until_ready())
    best = min(best, time.perf_counter() - start)
print(json.dumps(best))
"""


def textbook(X: Matrix, depth: int, s2: float = 0.01) -> Matrix:
    """NTK(erf) by the formulas of Williams 1997 in NumPy, with no care for digits."""
    S: Matrix = X @ X.T / X.shape[1] + s2
    T = S
    for _ in range(depth - 1):
        v = np.diag(S)
        a, b = v[:, None], v[None, :]
        factor = 4 / np.pi / np.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * S * S)
        S = 2 / np.pi * np.arcsin(2 * S / np.sqrt((1 + 2 * a) * (1 + 2 * b))) + s2
        T = S + T * factor
    return T


def best(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest of the calls, the first not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def neural_tangents(python: str, X: Matrix, depth: int, repeats: int) -> float:
    """Seconds of NTK(erf) in the other environment."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "X.npy"
        np.save(data, X)
        command = [python, "-c", NEURAL_TANGENTS, str(data), str(depth), str(repeats)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def measure(n: int, dimension: int, depth: int, repeats: int, python: str | None) -> dict[str, float]:
    """Nanoseconds an entry of every candidate."""
    X = np.random.default_rng(0).standard_normal((n, dimension))
    erf, sign = kc.Erf(), kc.Sign()
    ntk = kc.NTK(erf, depth, sigma_b=0.1)
    surrogate = kc.SGNTK(sign, erf.derivative, depth, sigma_b=0.1)
    close = X[:1] + 1e-5 * X
    calls: dict[str, Callable[[], Any]] = {
        "X @ X.T": lambda: X @ X.T,
        "kernelcalc NTK(erf)": lambda: ntk(X),
        "kernelcalc SG-NTK(sign, erf')": lambda: surrogate(X),
        "kernelcalc SG-NTK, float32": lambda: surrogate(X, dtype=np.float32),
        "kernelcalc SG-NTK, all pairs close": lambda: surrogate(close),
        "kernelcalc SG-NTK matvec": lambda: surrogate.matvec(X, X[:, 0]),
        "textbook NumPy NTK(erf)": lambda: textbook(X, depth),
    }
    found = {name: best(call, repeats) for name, call in calls.items()}
    if python is not None:
        found["neural-tangents NTK(erf)"] = neural_tangents(python, X, depth, repeats)
    return {name: seconds / n**2 * 1e9 for name, seconds in found.items()}


def cold() -> float:
    """Seconds of a new process with a warm cache, from its start to its first 100 x 100 matrix."""
    program = (
        "import numpy as np, kernelcalc as kc\n"
        "kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)(np.random.rand(100, 5))"
    )
    return best(lambda: subprocess.run([sys.executable, "-c", program], check=True), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", default="32:3,784:3,32:30", help="dimension:depth, ...")
    parser.add_argument("--nt-python", help="interpreter with neural-tangents")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results: dict[str, Any] = {"cold start, warm cache (s)": cold()}
    print(f"start to first 100 x 100 matrix, warm cache: {results['cold start, warm cache (s)']:.2f} s")
    for case in args.cases.split(","):
        dimension, depth = map(int, case.split(":"))
        load = os.getloadavg()[0]
        found = measure(args.n, dimension, depth, args.repeats, args.nt_python)
        product = found["X @ X.T"]
        print(f"\nn = {args.n}, d = {dimension}, depth {depth}; load average {load:.1f}")
        print(f"{'':36}{'ns/entry':>9}{'/ X @ X.T':>11}")
        for name, value in found.items():
            print(f"{name:36}{value:9.2f}{value / product:11.2f}")
        results[case] = {"load": load, "ns per entry": found}
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
