"""Times of Gram matrices against the bare matrix product, textbook NumPy and neural-tangents.

    python benchmarks/speed.py [--n 4000] [--repeats 5] [--peer PYTHON] [--json FILE]

All run on the same data, in turns, with the same number of threads; the best of the repeats counts.
--peer: the interpreter of an environment with benchmarks/neural-tangents.txt installed; neural-tangents is
called jitted, in float64, with diagonal_spatial=True, which is the faster and more accurate way for it.
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
PEER = "neural-tangents NTK(erf)"
PRODUCT = "X @ X.T"

# answers every line "file depth" with the seconds of one call, after a first one that compiles
NEURAL_TANGENTS = """
import sys, time, jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from neural_tangents import stax
kernels = {}
for line in sys.stdin:
    file, depth = line.split()
    if (file, depth) not in kernels:
        layers = [stax.Dense(1, W_std=1.0, b_std=0.1)]
        for _ in range(int(depth) - 1):
            layers += [stax.Erf(), stax.Dense(1, W_std=1.0, b_std=0.1)]
        function = stax.serial(*layers)[2]
        call = jax.jit(lambda x, function=function: function(x, None, "ntk", diagonal_spatial=True))
        kernels[file, depth] = call, np.load(file)
        call(kernels[file, depth][1]).block_until_ready()
    call, X = kernels[file, depth]
    time.sleep(0.1)
    start = time.perf_counter()
    np.asarray(call(X).block_until_ready())
    print(time.perf_counter() - start, flush=True)
"""
PEER_START = """
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from neural_tangents import stax
layers = [stax.Dense(1, W_std=1.0, b_std=0.1)]
for _ in range(2):
    layers += [stax.Erf(), stax.Dense(1, W_std=1.0, b_std=0.1)]
jax.jit(lambda x: stax.serial(*layers)[2](x, None, "ntk"))(np.random.rand(100, 5)).block_until_ready()
"""
START = """
import numpy as np, kernelcalc as kc
kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)(np.random.rand(100, 5))
"""
MEMORY = """
import resource, sys, numpy as np, kernelcalc as kc
kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
X = np.random.default_rng(0).standard_normal((int(sys.argv[1]), 32))
kernel(X[:600])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
K = kernel(X)
print((peak() - before) / K.nbytes, peak() / K.nbytes)
"""


class Peer:
    """neural-tangents in a process of its own."""

    def __init__(self, python: str) -> None:
        self.python = python
        self.process = subprocess.Popen(
            [python, "-c", NEURAL_TANGENTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, file: Path, depth: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file, depth, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


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


def elapsed(call: Callable[[], Any]) -> float:
    time.sleep(0.1)  # threads of the call before (OpenBLAS) wait busily for more work
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(n: int, dimension: int, depth: int, repeats: int, peer: Peer | None) -> dict[str, float]:
    """Nanoseconds an entry of every candidate: the best of calls in turns, the first not counted."""
    X = np.random.default_rng(0).standard_normal((n, dimension))
    erf, sign = kc.Erf(), kc.Sign()
    ntk = kc.NTK(erf, depth, sigma_b=0.1)
    surrogate = kc.SGNTK(sign, erf.derivative, depth, sigma_b=0.1)
    close, single = X[:1] + 1e-5 * X, X.astype(np.float32)
    calls: dict[str, Callable[[], Any]] = {
        PRODUCT: lambda: X @ X.T,
        "X @ X.T, float32": lambda: single @ single.T,
        "kernelcalc NTK(erf)": lambda: ntk(X),
        "kernelcalc NTK(erf), float32": lambda: ntk(X, dtype=np.float32),
        "kernelcalc NTK(erf), all pairs close": lambda: ntk(close),
        "kernelcalc SG-NTK(sign, erf')": lambda: surrogate(X),
        "kernelcalc SG-NTK, float32": lambda: surrogate(X, dtype=np.float32),
        "kernelcalc SG-NTK, all pairs close": lambda: surrogate(close),
        "kernelcalc SG-NTK matvec": lambda: surrogate.matvec(X, X[:, 0]),
        "textbook NumPy NTK(erf)": lambda: textbook(X, depth),
    }
    found = dict.fromkeys(calls, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "X.npy"
        np.save(file, X)
        for turn in range(repeats + 1):
            seconds = {name: elapsed(call) for name, call in calls.items()}
            if peer is not None:
                seconds[PEER] = peer.seconds(file, depth)
            if turn:
                found = {name: min(value, found.get(name, value)) for name, value in seconds.items()}
    return {name: seconds / n**2 * 1e9 for name, seconds in found.items()}


def start_up(peer: Peer | None) -> dict[str, float]:
    """Seconds of a new process, from its start to its first 100 x 100 matrix."""

    def best(python: str, program: str, repeats: int, **environment: str) -> float:
        command, given = [python, "-c", program], os.environ | environment
        return min(
            elapsed(lambda: subprocess.run(command, check=True, capture_output=True, env=given))
            for _ in range(repeats)
        )

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        found["kernelcalc, empty cache"] = best(sys.executable, START, 1, KERNELCALC_CACHE_DIR=folder)
        found["kernelcalc, warm cache"] = best(sys.executable, START, 3, KERNELCALC_CACHE_DIR=folder)
    if peer is not None:
        found["neural-tangents"] = best(peer.python, PEER_START, 2)
    return found


def memory(n: int) -> list[float]:
    """In units of an n x n matrix: by how much computing it raises the peak memory; peak of the process."""
    command = [sys.executable, "-c", MEMORY, str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(number) for number in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", default="32:3,784:3,32:30", help="dimension:depth, ...; may be empty")
    parser.add_argument("--peer", help="interpreter with neural-tangents")
    parser.add_argument("--start", action="store_true", help="also the start of a process")
    parser.add_argument("--memory", type=int, metavar="N", help="also the peak memory of an N x N matrix")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    peer = Peer(args.peer) if args.peer else None
    results: dict[str, Any] = {}
    for case in filter(None, args.cases.split(",")):
        dimension, depth = map(int, case.split(":"))
        load = os.getloadavg()[0]
        found = measure(args.n, dimension, depth, args.repeats, peer)
        print(f"\nn = {args.n}, d = {dimension}, depth {depth}; load average {load:.1f}")
        print(f"{'':38}{'ns/entry':>9}{'/ X @ X.T':>11}" + (f"{'faster than peer':>18}" if peer else ""))
        for name, value in found.items():
            ratio = f"{found[PEER] / value:18.2f}" if peer else ""
            print(f"{name:38}{value:9.2f}{value / found[PRODUCT]:11.2f}{ratio}")
        results[case] = {"n": args.n, "load": load, "ns per entry": found}
    if args.start:
        results["start (s)"] = start_up(peer)
        print("\nstart of a process to its first 100 x 100 matrix, in seconds")
        print("".join(f"{name:38}{value:9.2f}\n" for name, value in results["start (s)"].items()), end="")
    if args.memory:
        results["peak memory / matrix"] = memory(args.memory)
        added, whole = results["peak memory / matrix"]
        print(f"\npeak memory, n = {args.memory}: {added:.3f} of the matrix, the process {whole:.3f}")
    if peer is not None:
        peer.close()
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
