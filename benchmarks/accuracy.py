"""Errors of Gram matrices in ulps, by family of pairs, against the closed forms in many digits.

    python benchmarks/accuracy.py [--pairs 40] [--depths 1,2,3,10,20] [--json FILE]

Reference: the recursion of `kernel.layer`'s closed forms in mpmath on the exact inputs, with a determinant of
its own for parallel points and as many digits as the closeness of the pair and the parameters need. Beside
it, the textbook formulas in NumPy. The error is relative to the value or, where it passes through zero (is
below an eighth of that), to the value with the sum of |x_i y_i| in place of <x, y>; an ulp is 2^-52.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c

Matrix = NDArray[np.float64]
ULP = 2.0**-52
DIMENSION = 8


def families(rng: np.random.Generator) -> dict[str, Callable[[Matrix], Matrix]]:
    """The second row of a pair, from the first (and for sizes: both)."""

    def noise(x: Matrix) -> Matrix:
        return rng.standard_normal(len(x))

    made: dict[str, Callable[[Matrix], Matrix]] = {"random": noise, "duplicate": np.copy}
    for e in (1, 2, 4, 8, 12, 15):
        made[f"close 1e-{e}"] = lambda x, e=e: x + 10.0**-e * noise(x)  # type: ignore[misc]  # a default
    made["orthogonal"] = lambda x: (y := noise(x)) - x * (x @ y) / (x @ x)
    made["opposite"] = lambda x: -x
    made["opposite 1e-8"] = lambda x: -x + 1e-8 * noise(x)
    made["scaled"] = lambda x: 1.3 * x
    made["scaled 100 1e-6"] = lambda x: 100 * (x + 1e-6 * noise(x))
    made["opposite scaled"] = lambda x: -1.7 * x
    return made


SIZES = {"1": 1.0, "1e-150": 1e-150, "1e-30": 1e-30, "1e30": 1e30, "1e150": 1e150}


def kernels(depth: int, sigma_b: float) -> Iterator[tuple[str, Kernel]]:
    """The kernels of the table."""
    o: dict[str, Any] = {"sigma_b": sigma_b}
    smooth = {f"erf({m:g})": kc.Erf(m) for m in (1e-8, 0.1, 1, 100, 1e15)}
    for name, f in {**smooth, "sign": kc.Sign(), "relu": kc.ReLU()}.items():
        yield f"nngp {name}", kc.NNGP(f, depth, **o)
        yield f"ntk {name}", kc.NTK(f, depth, **o)
    for m in (1e-8, 1, 1e15):
        yield f"sgntk sign erf({m:g})'", kc.SGNTK(kc.Sign(), kc.Erf(m).derivative, depth, **o)
    yield "sgntk erf(5) erf(2)'", kc.SGNTK(kc.Erf(5), kc.Erf(2).derivative, depth, **o)


def compiled(kernel: Kernel, module: Any) -> tuple[Any, ...]:
    """Variance map, covariance map, factor and factor at X = Y (or None) as functions of a, b, c."""
    layer = kernel.layer
    forms = [layer.first.diagonal, layer.cross.expr]
    if layer.factor is not None:
        forms += [layer.factor.expr, layer.factor.diagonal]
    calls = [sp.lambdify((a, b, c), form, module) for form in forms]
    return tuple(calls) if len(calls) == 4 else (*calls, None, None)


def exact(kernel: Kernel, forms: tuple[Any, ...], x: Matrix, y: Matrix, digits: int) -> tuple[Any, Any]:
    """k(x, y) and the sum of the absolute values of its terms."""
    with mp.workdps(digits):
        xs, ys = ([mp.mpf(float(value)) for value in row] for row in (x, y))
        w2, s2 = mp.mpmathify(kernel.sigma_w) ** 2, mp.mpmathify(kernel.sigma_b) ** 2
        sums = mp.fdot(xs, xs), mp.fdot(ys, ys), mp.fdot(xs, ys)
        va, vb, vc = (w2 * value / len(xs) + s2 for value in sums)
        same = bool((x == y).all())
        opposite = not same and abs(va * vb - vc**2) <= mp.mpf(10) ** (20 - digits) * va * vb
        vm = w2 * mp.fsum(abs(u * v) for u, v in zip(xs, ys, strict=True)) / len(xs) + s2
        value, size, infinite = vc, vm, False
        first, cross, factor, limit = forms
        for _ in range(int(kernel.depth) - 1):
            if opposite:  # exactly parallel: a hair inside the domain, not outside
                vc *= 1 - mp.mpf(10) ** (10 - digits)
            na, nb = (w2 * mp.re(first(v, v, v)) + s2 for v in (va, vb))
            new = na if same else w2 * mp.re(cross(va, vb, vc)) + s2
            f = 0 if factor is None else w2 * (limit(va, va, va) if same else mp.re(factor(va, vb, vc)))
            # what grows without bound as the hair shrinks is infinite at the boundary
            infinite |= opposite and abs(f) * mp.sqrt(va * vb) > mp.mpf(10) ** (digits // 3)
            value = new + value * f
            vm = max(na if same else w2 * mp.re(cross(va, vb, vm)) + s2, abs(new))
            size = vm + size * abs(f)
            if opposite and abs(na * nb - new**2) <= mp.mpf(10) ** (-digits // 4) * na * nb:
                new = mp.sign(new) * mp.sqrt(na * nb)  # parallel again: without this, the hair would grow
            else:
                opposite = False
            va, vb, vc = na, nb, new
        if infinite:
            value = size = mp.inf if value > 0 else -mp.inf
        return value, size


def naive(kernel: Kernel, forms: tuple[Any, ...], x: Matrix, y: Matrix) -> float:
    """The same recursion as textbooks have it, in float64."""
    w2, s2 = float(kernel.sigma_w) ** 2, float(kernel.sigma_b) ** 2
    va, vb, vc = (w2 * (u @ v) / len(x) + s2 for u, v in ((x, x), (y, y), (x, y)))
    first, cross, factor, _ = forms
    value = vc
    with np.errstate(all="ignore"):
        for _ in range(int(kernel.depth) - 1):
            new = w2 * cross(va, vb, vc) + s2
            value = new + (value * w2 * factor(va, vb, vc) if factor is not None else 0.0)
            va, vb = (w2 * first(v, v, v) + s2 for v in (va, vb))
            vc = new
    return float(value)


def ulps(value: float, exact_value: Any, size: Any) -> float:
    """The error; infinite for NaN and for infinities that should not be there."""
    if mp.isinf(exact_value) or exact_value == 0:
        return 0.0 if value == exact_value else float("inf")
    if not np.isfinite(value):
        return float("inf")
    scale = abs(exact_value) if abs(exact_value) > size / 8 else size
    return float(abs(mp.mpf(value) - exact_value) / scale) / ULP


def measure(pairs: int, depths: list[int], seed: int) -> tuple[dict[str, Any], int]:
    """Worst errors by kernel, family, size, depth and bias."""
    rng = np.random.default_rng(seed)
    worst: dict[str, Any] = {}
    count = 0
    for depth in depths:
        for sigma_b in (0.0, 0.1, 1.0):
            for name, kernel in kernels(depth, sigma_b):
                precise, plain = compiled(kernel, "mpmath"), compiled(kernel, ["scipy", "numpy"])
                digits = 200 if "erf(1e-08)" in name or "erf(1e+15)" in name else 90
                for family, second in families(rng).items():
                    for label, scale in SIZES.items():
                        if label != "1" and (depth > 3 or family not in ("random", "close 1e-8")):
                            continue
                        if label != "1" and "erf(" in name and "sign" not in name:
                            continue  # their values leave the range of floats first
                        many = 800 if label != "1" else digits
                        for _ in range(pairs):
                            x = scale * rng.standard_normal(DIMENSION)
                            y = scale * second(x / scale)
                            got = kernel(np.array([x, y]), threads=1)
                            for i, j in ((0, 1), (1, 0)):
                                count += 1
                                value, size = exact(kernel, precise, *((x, y) if i == 0 else (y, x)), many)
                                key = f"{name} | {family} | {label} | {depth} | {sigma_b:g}"
                                error = ulps(got[i, j], value, size)
                                plainly = naive(kernel, plain, *((x, y) if i == 0 else (y, x)))
                                other = ulps(plainly, value, size)
                                old = worst.get(key, (0.0, 0.0))
                                worst[key] = max(old[0], error), max(old[1], other)
    return worst, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=1, help="of each family, kernel, depth and bias")
    parser.add_argument("--depths", default="1,2,3,10,20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    worst, count = measure(args.pairs, [int(depth) for depth in args.depths.split(",")], args.seed)
    print(f"{count} entries; load average {os.getloadavg()[0]:.1f}")
    for axis, title in ((1, "family"), (0, "kernel"), (2, "norm"), (3, "depth")):
        print(f"\n{title:28} kernelcalc  textbook   (worst error, ulps)")
        table: dict[str, list[float]] = {}
        for key, (error, other) in worst.items():
            row = table.setdefault(key.split(" | ")[axis], [0.0, 0.0])
            row[0], row[1] = max(row[0], error), max(row[1], other)
        for label, row in table.items():
            print(f"{label:28} {row[0]:10.3g} {row[1]:9.2g}")
    print("\nlargest:")
    for key, (error, _) in sorted(worst.items(), key=lambda item: -item[1][0])[:40]:
        print(f"  {error:10.3g}  {key}")
    if args.json:
        args.json.write_text(json.dumps({"entries": count, "worst": worst}, indent=1))


if __name__ == "__main__":
    main()
