"""Errors in ulps of kernels without closed form, at nearly parallel and nearly opposite rows of two norms.

    python benchmarks/accuracy_series.py [--only NAME] [--references FOLDER] [--processes N]

NNGP and NTK of depth 2 and 3 of activations without closed form, and generalised NTKs of sign, step and ReLU
networks with smooth twins; rows of norms size and four fifths of it, |x|^2/n0 = size^2, 1 - |r| from 1e-2 to
1e-13. Reference: quadrature of the definition (kernelcalc.quadrature), layer by layer, kept in FOLDER. An ulp
is 2^-52 of the value or, where that is below an eighth of it, of the sum of the absolute values of its terms.
Ends with what was asked, met or not, and exit status 0 or 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import mpmath as mp
import numpy as np
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc.compile.tables.nested import Part, nested
from kernelcalc.functions.base import Function
from kernelcalc.quadrature import recursion

Matrix = NDArray[np.float64]
NAMES = ("Tanh", "Sigmoid", "Arctan", "Softsign", "Softplus", "Swish", "Mish", "TanhGELU")
TWINS = ("Sigmoid", "Tanh", "Softsign", "Arctan")
SIZES = (0.3, 1.0, 3.0, 30.0)
GAPS = (1e-2, 1e-4, 1e-8, 1e-13)
ASKED, DIGITS = 16.0, 20
DEPTHS = (2, 3)


def networks() -> Iterator[tuple[str, Function, Function]]:
    """Pairs of activations."""
    for name in NAMES:
        yield name, getattr(kc, name)(), getattr(kc, name)()
    for f, name in product((kc.Sign(), kc.Heaviside(), kc.ReLU()), TWINS):
        yield f"{f.name}, {name}", f, getattr(kc, name)()


def rows(size: float) -> tuple[Matrix, Matrix]:
    """One row, and those that are close to it or its opposite."""
    one, other = np.array([3.0, 4.0, 0.0]) / 5, np.array([4.0, -3.0, 12.0]) / 13
    near = [s * ((1 - q) * one + np.sqrt(q * (2 - q)) * other) for q, s in product(GAPS, (1, -1))]
    return size * np.sqrt(3) * one[None], 0.8 * size * np.sqrt(3) * np.array(near)


def exact(f: Function, g: Function, x: Matrix, y: Matrix) -> list[list[str]]:
    """The covariances of the layers and the factors between them."""
    found = recursion.layers(f, f.derivative, g, g.derivative, x, y, DEPTHS[-1], 1, 0, digits=DIGITS)
    numbers = ((layer.c, layer.factor or mp.mpf(0)) for layer in found)
    return [[mp.nstr(c, DIGITS + 2), mp.nstr(factor, DIGITS + 2)] for c, factor in numbers]


def kept(folder: Path | None, f: Function, g: Function, x: Matrix, y: Matrix) -> list[list[str]]:
    """As exact(), from a file named after all that it depends on."""
    if folder is None:
        return exact(f, g, x, y)
    given = repr((str(f.expr), str(g.expr), x.tobytes().hex(), y.tobytes().hex(), DEPTHS, DIGITS))
    file = folder / f"series-{hashlib.sha256(given.encode()).hexdigest()[:32]}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(exact(f, g, x, y)))
    found: list[list[str]] = json.loads(file.read_text())
    return found


def terms(f: Function, depth: int, x: Matrix, y: Matrix, before: float) -> float:
    """E |f(X) f(Y)|, the sum of absolute values for a covariance; before: that of the layer before."""
    points = np.stack([x, y])
    a, norms = kc.NNGP(f, depth - 1).diag(points), np.sqrt(kc.NNGP(f, depth).diag(points))
    r = before / np.sqrt(a.prod())
    one, two = (Part(f, np.sqrt(a[i : i + 1]), norms[i : i + 1]) for i in (0, 1))
    return float(nested(one, two, np.array([1 - abs(r)]), np.array([np.sign(r)])).size[0])


def errors(name: str, folder: Path | None) -> dict[str, tuple[float, str]]:
    """The largest error of each kernel of two networks, and where it is."""
    _, f, g = next(pair for pair in networks() if pair[0] == name)
    worst: dict[str, tuple[float, str]] = {}
    for size in SIZES:
        X, Y = rows(size)
        values = {
            (kind, depth): (
                kc.NNGP(f, depth)
                if kind == "NNGP"
                else kc.GeneralizedNTK((f, f.derivative), (g, g.derivative), depth)
            )(X, Y)[0]
            for kind, depth in product(("NNGP", "NTK") if f == g else ("NTK",), DEPTHS)
        }
        for i, (gap, sign) in enumerate(product(GAPS, (1, -1))):
            with mp.workdps(DIGITS + 5):
                layers = [[mp.mpf(x) for x in layer] for layer in kept(folder, f, g, X[0], Y[i])]
                total = scale = layers[0][0]
                for depth in DEPTHS:
                    factor, c = layers[depth - 2][1], layers[depth - 1][0]
                    total, scale = c + factor * total, abs(c) + abs(factor) * abs(scale)
                    for kind, wanted, size_of in (("NNGP", c, abs(c)), ("NTK", total, scale)):
                        if (kind, depth) in values:
                            unit = abs(wanted) if abs(wanted) > size_of / 8 else size_of
                            difference = float(abs(mp.mpf(float(values[kind, depth][i])) - wanted)) * 2.0**52
                            off = difference / float(unit)
                            if off > ASKED and kind == "NNGP":  # does it pass through zero?
                                sum_ = terms(f, depth, X[0], Y[i], float(layers[depth - 2][0]))
                                off = difference / sum_ if abs(wanted) < sum_ / 8 else off
                            place = off, f"size {size:g}, r = {'-' if sign < 0 else ''}(1 - {gap:g})"
                            label = f"{kind} {depth}, {name}"
                            worst[label] = max(worst.get(label, (0.0, "")), place)
    return worst


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--references", type=Path, metavar="FOLDER", help="keep references for more runs")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    every = [name for name, _, _ in networks()]
    names = [name for name in every if args.only.lower() in name.lower()]
    if not names:
        parser.error(f"no networks are called {args.only}; there are {'; '.join(every)}")
    for variable in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    found: dict[str, tuple[float, str]] = {}
    with get_context("spawn").Pool(min(args.processes, len(names))) as pool:
        for worst in pool.imap(partial(errors, folder=args.references), names):
            found |= worst
            for label, (off, place) in worst.items():
                print(f"{label:32} {off:8.3g}  {place}", flush=True)
    missed = [label for label, (off, _) in found.items() if not off <= ASKED]
    print(f"asked: {ASKED:g} ulps; " + (f"not met: {'; '.join(missed)}" if missed else "met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
