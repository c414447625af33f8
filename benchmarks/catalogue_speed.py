"""Time per entry of SG-NTK(sign, .) with every surrogate, against erf'; of NTK(.) with every activation that
has a closed form, and of NTK(tanh), against ReLU.

    python benchmarks/catalogue_speed.py [--n 1000] [--depth 3] [--seconds 0.3] [--size 1] [--only NAME]
                                         [--json FILE]

One thread, rows of different norms, for NTK(tanh) and ReLU rows of one norm, too. Every kernel is compiled
before anything is timed; then the kernels take turns, so that all meet the same machine, and the best counts.
Exit status 1 if a surrogate takes more than twice as long as erf', or NTK(tanh) 15 times as long as ReLU's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.kernels import Kernel

TANH, RELU = "tanh, rows of one norm", "relu, rows of one norm"
SERIES, BESIDE = "tanh, rows of different norms", "relu, rows of different norms"
SURROGATE, SLOWEST = 2.0, 15.0  # times erf' and ReLU, at most
FORMULAS = ("1/(1 + 25*abs(z))**2", "exp(-abs(z)**3)")


def kernels(depth: int, only: str) -> tuple[dict[str, Kernel], dict[str, str]]:
    """The kernels by the names of their surrogates, and why others have none."""
    surrogates = {"erf'": kc.Erf().derivative} | {f: kc.function(f) for f in FORMULAS}
    found, refused = {}, {}
    for entry in SURROGATES:
        surrogates[entry.name] = entry()
    rows = np.random.default_rng(0).standard_normal((8, 32))
    for name, surrogate in surrogates.items():
        if only and name not in (only, "erf'"):
            continue
        k = kc.SGNTK(kc.Sign(), surrogate, depth, sigma_b=0.1)
        try:
            k(rows)
            found[name] = k
            print(f"compiled {name}", file=sys.stderr)
        except InputError as error:
            refused[name] = str(error)
    return found, refused


def networks(depth: int, only: str) -> dict[str, Kernel]:
    """The NTKs of the activations with closed forms."""
    rows = np.random.default_rng(0).standard_normal((8, 32))
    found = {}
    for entry in ACTIVATIONS:
        k = kc.NTK(entry(), depth, sigma_b=0.1)
        if only in ("", entry.name) and k.method(rows).startswith("closed form"):
            k(rows)
            found[f"NTK({entry.name})"] = k
            print(f"compiled NTK({entry.name})", file=sys.stderr)
    return found


def best(calls: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Seconds of the fastest call of each, in turns for about `seconds` each."""
    times = dict.fromkeys(calls, float("inf"))
    start = time.perf_counter()
    while time.perf_counter() - start < seconds * len(calls):
        for name, call in calls.items():
            before = time.perf_counter()
            call()
            times[name] = min(times[name], time.perf_counter() - before)
    return times


def verdict(nanoseconds: dict[str, float], surrogates: Iterable[str]) -> bool:
    """Whether both bounds hold; says so."""
    met = True
    for name, base, most in (
        *((name, "erf'", SURROGATE) for name in surrogates),
        (TANH, RELU, SLOWEST),
        (SERIES, BESIDE, SLOWEST),
    ):
        times = nanoseconds[name] / nanoseconds[base]
        if times > most:
            met = False
            print(f"{name}: {times:.2f} times {base}, more than {most:g}")
    if met:
        print(f"no surrogate above {SURROGATE:g} x erf', NTK(tanh) not above {SLOWEST:g} x ReLU")
    return met


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--n", type=int, default=1000, help="rows")
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="per kernel")
    parser.add_argument("--size", type=float, default=1.0, help="of the entries of the rows")
    parser.add_argument("--only", default="", help="one surrogate or activation")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    rows = options.size * np.random.default_rng(1).standard_normal((options.n, 32))
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    out = np.empty((options.n, options.n))
    found, refused = kernels(options.depth, options.only)
    tanh, relu = (kc.NTK(f, options.depth, sigma_b=0.1) for f in (kc.function("tanh(z)"), kc.ReLU()))
    compiled = found | networks(options.depth, options.only)
    calls: dict[str, Callable[[], object]] = {
        name: partial(k, x, out=out, threads=1)
        for name, k, x in (
            *((name, k, rows) for name, k in compiled.items()),
            (TANH, tanh, unit),
            (RELU, relu, unit),
            (SERIES, tanh, rows),
            (BESIDE, relu, rows),
        )
    }
    for call in calls.values():
        call()
    nanoseconds = {name: 1e9 * t / options.n**2 for name, t in best(calls, options.seconds).items()}
    for name, value in nanoseconds.items():
        base = "erf'" if name in found else RELU if name in (TANH, RELU) else BESIDE
        print(f"{name:40s} {value:7.2f} ns per entry {value / nanoseconds[base]:6.2f} x {base}")
    for name, reason in refused.items():
        print(f"{name:40s} refused: {reason}")
    if options.json:
        options.json.write_text(json.dumps({"ns": nanoseconds, "refused": refused}, indent=1))
    return 0 if verdict(nanoseconds, found) else 1


if __name__ == "__main__":
    sys.exit(main())
