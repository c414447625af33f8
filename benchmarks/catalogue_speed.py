"""Time per entry of SG-NTK(sign, .) with every surrogate, against erf'; of NTK(.) with every activation that
has a closed form, and of NTK(tanh), against ReLU.

    python benchmarks/catalogue_speed.py [--n 1000] [--depth 3] [--seconds 0.3] [--size 1] [--only NAME]
                                         [--json FILE]

One thread, rows of one norm for NTK(tanh), rows of different norms else. Every kernel is compiled before
anything is timed; then the kernels take turns, so that all meet the same machine, and the best counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.kernels import Kernel

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


def main() -> None:
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
    calls: dict[str, Callable[[], object]] = {
        name: partial(k, rows, out=out, threads=1)
        for name, k in (found | networks(options.depth, options.only)).items()
    }
    calls |= {name: partial(k, unit, out=out, threads=1) for name, k in (("tanh", tanh), ("relu", relu))}
    for call in calls.values():
        call()
    nanoseconds = {name: 1e9 * t / options.n**2 for name, t in best(calls, options.seconds).items()}
    for name, value in nanoseconds.items():
        base = "relu" if name in ("tanh", "relu") or name.startswith("NTK") else "erf'"
        print(f"{name:40s} {value:7.2f} ns per entry {value / nanoseconds[base]:6.2f} x {base}")
    for name, reason in refused.items():
        print(f"{name:40s} refused: {reason}")
    if options.json:
        options.json.write_text(json.dumps({"ns": nanoseconds, "refused": refused}, indent=1))


if __name__ == "__main__":
    main()
