"""Errors of Gram matrices in ulps, by family of pairs, against the closed forms in many digits.

    python benchmarks/accuracy.py [--pairs 4] [--all] [--nt-python PATH] [--json FILE]

Kernels: NNGP, NTK, SG-NTK with erf_m (m from 1e-8 to 1e15), sign, ReLU; --all: every function of the
catalogue that has a closed form. Each pair is new and enters as k(x, y) and k(y, x) at all depths, 30 and 100
for one pair of each family. Reference: exact_kernels.py; a sample of it is compared with `kernel.reference`,
quadrature of the definition. Beside it the textbook formulas in NumPy and, with the interpreter of an
environment that has it, neural-tangents, both in float64. An ulp is 2^-52 of the value or, where that passes
through zero (is below an eighth of it), of the sum of the absolute values of its terms; inf in the table: not
finite where the value is, or finite where it is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp
from exact_kernels import exact, layer_of, ulps
from numpy.typing import NDArray
from pair_families import Pair, families

import kernelcalc as kc
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c

Matrix = NDArray[np.float64]
BLOCK = 4  # pairs in one matrix
DEPTHS, DEEP = [1, 2, 3, 5, 10, 20], [30, 100]
ERF = (1e-8, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e8, 1e15)
BOUNDS = {3: 16.0, 10**9: 64.0}  # ulps, up to that depth


@dataclass(frozen=True)
class Row:
    """One entry of one kernel at one pair; peer, textbook: their errors, None where they were not asked."""

    kernel: str
    activation: str
    sigma_b: float
    family: str
    depth: int
    value: float
    exact: str
    error: float
    textbook: float | None = None
    peer: float | None = None


def groups(every: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Activations, each with makers of kernels: (depth, sigma_b) -> Kernel."""

    def made(f: Any, **surrogates: Any) -> dict[str, Any]:
        found: dict[str, Any] = {
            "nngp": lambda depth, s: kc.NNGP(f, depth, sigma_b=s),
            "ntk": lambda depth, s: kc.NTK(f, depth, sigma_b=s),
        }

        def tangent(g: Any) -> Any:
            return lambda depth, s: kc.SGNTK(f, g, depth, sigma_b=s)

        return found | {f"sgntk {name}": tangent(g) for name, g in surrogates.items()}

    erf = {m: kc.Erf(m).derivative for m in (1e-8, 1.0, 1e15)}
    for m in ERF:
        surrogate = {"erf(1)'": erf[1.0]} if m != 1 else {"erf(2)'": kc.Erf(2).derivative}
        yield f"erf({m:g})", made(kc.Erf(m), **surrogate)
    yield "sign", made(kc.Sign(), **{f"erf({m:g})'": g for m, g in erf.items()})
    yield "relu", made(kc.ReLU(), **{"erf(1)'": erf[1.0]})
    for entry in kc.catalogue() if every else ():
        f = entry()
        if entry.name not in ("Erf", "Sign", "ReLU") and closed(kc.NTK(f, 2)):
            yield repr(f), made(f)


def closed(kernel: Kernel) -> bool:
    return all(e.template is not None for e in kernel.layer.expectations)


def textbook(kernel: Kernel, X: Matrix, Y: Matrix, depths: list[int]) -> list[Matrix]:
    """The recursion as textbooks have it, in float64, for X[i], Y[i]."""
    layer = layer_of(kernel.f1, kernel.s1, kernel.f2, kernel.s2)
    expressions = [layer.first.diagonal, layer.cross.expr] + ([layer.factor.expr] if layer.factor else [])
    calls = [sp.lambdify((a, b, c), form, ["scipy", "numpy"]) for form in expressions]
    w2, s2 = float(kernel.sigma_w) ** 2, float(kernel.sigma_b) ** 2
    with np.errstate(all="ignore"):
        va, vb, vc = (w2 * (U * V).sum(axis=1) / X.shape[1] + s2 for U, V in ((X, X), (Y, Y), (X, Y)))
        found = {1: vc}
        value = vc
        for depth in range(2, max(depths) + 1):
            new = w2 * calls[1](va, vb, vc) + s2
            value = new + value * w2 * calls[2](va, vb, vc) if layer.factor else new
            va, vb, vc = w2 * calls[0](va, va, va) + s2, w2 * calls[0](vb, vb, vb) + s2, new
            found[depth] = value
    return [found[depth] for depth in depths]


def in_blocks(kernel: Kernel, X: Matrix, Y: Matrix) -> Matrix:
    """k(X[i], X[i]), k(X[i], Y[i]) and k(Y[i], X[i]), shape (n, 3), from matrices of a few pairs each."""
    found = []
    for start in range(0, len(X), BLOCK):
        x, y = X[start : start + BLOCK], Y[start : start + BLOCK]
        K, n = kernel(np.concatenate([x, y])), len(x)
        found += [(K[i, i], K[i, n + i], K[n + i, i]) for i in range(n)]
    return np.array(found)


def peer_values(
    python: str, activation: str, m: float, sigma_b: float, X: Matrix, Y: Matrix
) -> dict[str, Any]:
    """neural-tangents' kernels of X[i], Y[i] at DEPTHS + DEEP: nngp and ntk."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/pairs.npy", np.stack([X, Y]))
        job = json.dumps([activation, m, sigma_b, DEPTHS + DEEP])
        script = Path(__file__).with_name("accuracy_peer.py")
        subprocess.run([python, str(script), f"{folder}/pairs.npy", job, f"{folder}/values.json"], check=True)
        values: dict[str, Any] = json.loads(Path(folder, "values.json").read_text())
        return values


def measure(args: argparse.Namespace) -> Iterator[Row]:
    """Every entry."""
    rng = np.random.default_rng(args.seed)
    for activation, makers in groups(args.all):
        if args.only and args.only not in activation:
            continue
        for sigma_b in args.sigma_b:
            start = time.perf_counter()
            pairs = [
                (name, draw())
                for name, draw in families(rng)
                if (sigma_b > 0 or "zero" not in name) and args.family in name
                for _ in range(args.pairs)
            ]
            rows = list(entries(activation, makers, sigma_b, pairs, args))
            worst = max(rows, key=lambda row: row.error)
            took = time.perf_counter() - start
            print(f"{activation} sigma_b={sigma_b:g}, {took:.0f} s, worst {worst}", file=sys.stderr)
            yield from rows


def entries(
    activation: str, makers: dict[str, Any], sigma_b: float, pairs: list[tuple[str, Pair]], args: Any
) -> Iterator[Row]:
    kernels = {name: make(2, sigma_b) for name, make in makers.items()}
    turned = {
        name: kc.GeneralizedNTK((k.f2, k.s2), (k.f1, k.s1), 2, sigma_b=sigma_b)
        for name, k in kernels.items()
        if not k.symmetric
    }
    for dimension in sorted({len(x) for _, (x, _) in pairs}):
        chosen = [(name, x, y) for name, (x, y) in pairs if len(x) == dimension]
        X, Y = (np.array([pair[i] for pair in chosen]) for i in (1, 2))
        values = {
            name: {depth: in_blocks(make(depth, sigma_b), X, Y) for depth in DEPTHS + DEEP}
            for name, make in makers.items()
        }
        plain = {
            name: dict(zip(DEPTHS + DEEP, textbook(k, X, Y, DEPTHS + DEEP), strict=True))
            for name, k in kernels.items()
        }
        peer: dict[str, Any] = {}
        base = activation.split("(")[0]
        m = float(activation.split("(")[1][:-1]) if base == "erf" else 1.0
        if args.nt_python and base in ("erf", "sign", "relu"):
            peer = peer_values(args.nt_python, base, m, sigma_b, X, Y)
        for i, (family, x, y) in enumerate(chosen):
            depths = DEPTHS + (DEEP if i == 0 or chosen[i - 1][0] != family else [])
            every = [*kernels.items(), *turned.items()]
            wanted = exact([k for _, k in every], x, y, depths)
            for (name, k), column in zip(every, wanted, strict=True):
                for depth, e in zip(depths, column, strict=True):
                    same, forward, back = values[name][depth][i]
                    if name in turned:
                        forward, back = (forward, forward) if k is kernels[name] else (back, back)
                    other = ulps(plain[name][depth][i], e) if k is kernels[name] else None
                    third = ulps(peer[name][str(depth)][i], e) if name in peer else None
                    error, value = max((ulps(got, e), got) for got in (forward, back))
                    if family.endswith("duplicate") and forward != same:
                        error = float("inf")
                    shown = mp.nstr(e.value, 20)
                    yield Row(name, activation, sigma_b, family, depth, value, shown, error, other, third)


def check_reference(rng: np.random.Generator) -> float:
    """The largest relative difference of exact_kernels from the quadrature of the definition, on a sample."""
    worst = 0.0
    for _, makers in groups(False):
        for make in makers.values():
            kernel = make(3, 0.3)
            x, y = rng.standard_normal((2, 3))
            definition = kernel.reference(x, y, digits=15)
            worst = max(worst, float(abs(exact([kernel], x, y, [3])[0][0].value / definition - 1)))
    return worst


def table(rows: list[Row], by: str) -> None:
    print(f"\n{by:44} kernelcalc  textbook neural-tangents   (worst error in ulps)")
    labels: dict[Any, list[Row]] = {}
    for row in rows:
        labels.setdefault(getattr(row, by), []).append(row)
    for label, members in labels.items():
        columns = [
            max((value for row in members if (value := getattr(row, name)) is not None), default=None)
            for name in ("error", "textbook", "peer")
        ]
        print(f"{label!s:44}" + "".join(f"{'-' if x is None else format(x, '.3g'):>11}" for x in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=4, help="of each family, activation and bias")
    parser.add_argument("--sigma-b", type=float, nargs="*", default=[0.0, 0.1, 1.0])
    parser.add_argument("--all", action="store_true", help="every function of the catalogue")
    parser.add_argument("--only", help="activations whose name contains this")
    parser.add_argument("--family", default="", help="families whose name contains this")
    parser.add_argument("--nt-python", help="interpreter of an environment with neural-tangents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = list(measure(args))
    print(f"{len(rows)} values of kernels (each as k(x, y) and k(y, x))")
    for by in ("family", "activation", "kernel", "depth"):
        table(rows, by)
    print("\nlargest:")
    for row in sorted(rows, key=lambda row: -row.error)[:30]:
        where = f"sigma_b={row.sigma_b:g} depth {row.depth}: {row.family}"
        print(f"  {row.error:10.3g}  {row.kernel} {row.activation} {where}")
    for depth, bound in BOUNDS.items():
        worst = max(row.error for row in rows if row.depth <= depth)
        print(f"depth <= {min(depth, max(DEEP))}: worst {worst:.3g} ulps, bound {bound:g}")
    print(f"exact_kernels against quadrature: {check_reference(np.random.default_rng(1)):.1g}")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
