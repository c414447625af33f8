"""The kernels and pairs of accuracy.py, and the errors of every entry of one job."""

from __future__ import annotations

import json
import math
import re
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import sympy as sp
from accuracy_names import ERF, SURROGATES, known, reason
from exact_kernels import exact, layer_of, ulps
from numpy.typing import NDArray
from pair_families import Pair, families
from references import References

import kernelcalc as kc
from kernelcalc.functions import surrogates as families_of_surrogates
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c

Matrix = NDArray[np.float64]
Makers = dict[str, Callable[[int, float], Kernel]]  # by name: (depth, sigma_b) -> kernel
BLOCK = 4  # pairs in one matrix
DEPTHS, DEEP = [1, 2, 3, 5, 10, 20], [30, 100]
# numbers as exp(exp(size)), which mpmath would write out; sums that lose as many digits as the size squared
STEEP = ("exp", "sinh", "laplace")


class Row(NamedTuple):
    """One entry of one kernel at one pair; textbook, peer: their errors, None where they were not asked.

    Where the library refused the pair, or there is no reference, error is NaN and exact says why."""

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


@dataclass(frozen=True)
class Job:
    """One activation with one sigma_b: pairs of each family whose name contains `family`."""

    activation: str
    sigma_b: float
    pairs: int
    seed: int
    family: str = ""
    every: bool = False
    peer: str | None = None  # the interpreter of an environment with neural-tangents
    depth: int = DEEP[-1]  # no deeper than this

    def draw(self) -> list[tuple[str, Pair]]:
        """The pairs by family, the same whatever other jobs there are."""
        rng = np.random.default_rng([self.seed, zlib.crc32(f"{self.activation} {self.sigma_b!r}".encode())])
        return [
            (name, draw())
            for name, draw in families(rng)
            if self.family in name and (self.sigma_b > 0 or "zero" not in name)
            if not (self.activation.startswith(STEEP) and re.search("norm|times|multiple", name))
            for _ in range(self.pairs)
        ]


@lru_cache
def makers_of(name: str) -> Makers:
    """The kernels of an activation, by one of the names that accuracy_names knows; without kernels where it
    has no closed form."""

    def made(f: Any, **surrogates: Any) -> Makers:
        def tangent(g: Any) -> Callable[[int, float], Kernel]:
            return lambda depth, s: kc.SGNTK(f, g, depth, sigma_b=s)

        found: Makers = {
            "nngp": lambda depth, s: kc.NNGP(f, depth, sigma_b=s),
            "ntk": lambda depth, s: kc.NTK(f, depth, sigma_b=s),
        }
        return found | {f"sgntk {name}": tangent(g) for name, g in surrogates.items()}

    erf = {m: kc.Erf(m).derivative for m in (1e-8, 1.0, 1e15)}
    delta = {"2 delta": kc.Sign().derivative}  # the limit m -> oo of erf(m)'
    for m in ERF:
        if name == f"erf({m:g})":
            surrogate = {"erf(1)'": erf[1.0]} if m != 1 else {"erf(2)'": kc.Erf(2).derivative}
            return made(kc.Erf(m), **surrogate, **delta)
    if name == "sign":
        return made(kc.Sign(), **{f"erf({m:g})'": g for m, g in erf.items()})
    if name == "relu":
        return made(kc.ReLU(), **{"erf(1)'": erf[1.0]}, **delta)
    if name == SURROGATES:  # the factor alone: the covariance of sign networks is above
        every = {entry.name: entry() for entry in families_of_surrogates.SURROGATES}
        closed = {name: s for name, s in every.items() if _closed(kc.SGNTK(kc.Sign(), s, 2))}
        return dict(list(made(kc.Sign(), **closed).items())[2:])
    f = next(entry() for entry in kc.catalogue() if repr(entry()) == name)
    return {} if reason(f) else made(f)


def _closed(kernel: Kernel) -> bool:
    return all(e.template is not None for e in kernel.layer.expectations)


def textbook(kernel: Kernel, X: Matrix, Y: Matrix, depths: Sequence[int]) -> dict[int, Matrix]:
    """The recursion as textbooks have it, in float64, for X[i], Y[i]; {} where SciPy lacks a function."""
    layer = layer_of(kernel.f1, kernel.s1, kernel.f2, kernel.s2)
    expressions = [layer.first.diagonal, layer.cross.expr] + ([layer.factor.expr] if layer.factor else [])
    calls = [sp.lambdify((a, b, c), form, ["scipy", "numpy"]) for form in expressions]
    w2, s2 = float(kernel.sigma_w) ** 2, float(kernel.sigma_b) ** 2
    with np.errstate(all="ignore"):
        va, vb, vc = (w2 * (U * V).sum(axis=1) / X.shape[1] + s2 for U, V in ((X, X), (Y, Y), (X, Y)))
        found = {1: vc}
        value = vc
        try:
            [call(va, vb, vc) for call in calls]
        except (NameError, TypeError, ValueError):
            return {}
        for depth in range(2, max(depths) + 1):
            new = np.broadcast_to(w2 * calls[1](va, vb, vc) + s2, len(X))  # duals of constants are numbers
            value = new + value * w2 * calls[2](va, vb, vc) if layer.factor else new
            va, vb, vc = w2 * calls[0](va, va, va) + s2, w2 * calls[0](vb, vb, vb) + s2, new
            found[depth] = value
    return found


Values = tuple[float, float, float]


def in_blocks(kernel: Kernel, X: Matrix, Y: Matrix, size: int = BLOCK) -> list[Values | str]:
    """k(X[i], X[i]), k(X[i], Y[i]) and k(Y[i], X[i]) from matrices of a few pairs each, or why it refused."""
    found: list[Values | str] = []
    for start in range(0, len(X), size):
        x, y = X[start : start + size], Y[start : start + size]
        n = len(x)
        try:
            K = kernel(np.concatenate([x, y]))
        except kc.InputError as error:
            found += in_blocks(kernel, x, y, 1) if n > 1 else [str(error)]
        else:
            found += [(K[i, i], K[i, n + i], K[n + i, i]) for i in range(n)]
    return found


def peer_values(job: Job, pairs: dict[int, tuple[Matrix, Matrix]]) -> dict[str, Any]:
    """neural-tangents' kernels at DEPTHS + DEEP by dimension, kind and depth; {} where it has none."""
    base, _, rest = job.activation.partition("(")
    if job.peer is None or base not in ("erf", "sign", "relu"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        stacked: dict[str, Any] = {str(d): np.stack(both) for d, both in pairs.items()}
        np.savez(f"{folder}/pairs.npz", **stacked)
        asked = json.dumps([base, float(rest[:-1] or 1), job.sigma_b, DEPTHS + DEEP])
        script = Path(__file__).with_name("accuracy_peer.py")
        command = [job.peer, str(script), f"{folder}/pairs.npz", asked, f"{folder}/values.json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise RuntimeError(f"{job.peer} failed:\n{done.stderr}")
        values: dict[str, Any] = json.loads(Path(folder, "values.json").read_text())
        return values


def by_dimension(job: Job) -> dict[int, tuple[list[str], Matrix, Matrix]]:
    """The families of its pairs and their rows."""
    found: dict[int, list[tuple[str, Pair]]] = {}
    for name, pair in job.draw():
        found.setdefault(len(pair[0]), []).append((name, pair))
    return {
        d: ([name for name, _ in few], np.array([x for _, (x, _) in few]), np.array([y for _, (_, y) in few]))
        for d, few in found.items()
    }


def references(job: Job, folder: Path | None) -> References:
    return References(folder, f"{job.activation} {job.sigma_b!r}")


def prepare(job: Job, folder: Path) -> int:
    """Computes the references of a job for runs to come; how many pairs."""
    makers, pairs = makers_of(job.activation), by_dimension(job)
    memory = references(job, folder)
    for names, X, Y in pairs.values():
        kernels, turned, depths = asked(makers, job.sigma_b, names, job.depth)
        for x, y, chosen in zip(X, Y, depths, strict=True):
            memory.exact([*kernels.values(), *turned.values()], x, y, chosen)
    return sum(len(names) for names, _, _ in pairs.values())


def measure(job: Job, folder: Path | None = None) -> tuple[int, list[Row]]:
    """How many pairs, and every entry; folder: where references are kept."""
    makers, pairs = makers_of(job.activation), by_dimension(job)
    memory = references(job, folder)
    peer = peer_values(job, {d: (X, Y) for d, (_, X, Y) in pairs.items()})
    rows = [
        row
        for d, (names, X, Y) in pairs.items()
        for row in entries(job, makers, names, X, Y, peer.get(str(d), {}), memory)
    ]
    return sum(len(names) for names, _, _ in pairs.values()), rows


def asked(
    makers: Makers, sigma_b: float, names: list[str], depth: int
) -> tuple[dict[str, Kernel], dict[str, Kernel], list[list[int]]]:
    """The kernels, those whose transposes differ turned round, and per pair the depths: DEEP for one pair of
    each family."""
    kernels = {name: make(2, sigma_b) for name, make in makers.items()}
    turned = {
        name: kc.GeneralizedNTK((k.f2, k.s2), (k.f1, k.s1), 2, sigma_b=sigma_b)
        for name, k in kernels.items()
        if not k.symmetric and k.s1 is not None and k.s2 is not None
    }
    new = [i == 0 or names[i - 1] != name for i, name in enumerate(names)]
    depths = [[n for n in DEPTHS + (DEEP if first else []) if n <= depth] for first in new]
    return kernels, turned, depths


def entries(
    job: Job,
    makers: Makers,
    names: list[str],
    X: Matrix,
    Y: Matrix,
    peer: dict[str, Any],
    memory: References,
) -> Iterator[Row]:
    """The errors at X[i], Y[i] of the family names[i]."""
    s = job.sigma_b
    kernels, turned, depths = asked(makers, s, names, job.depth)
    values: dict[str, dict[int, dict[int, Any]]] = {name: {} for name in makers}
    for depth in sorted(set(chain(*depths))):
        chosen = [i for i, wanted in enumerate(depths) if depth in wanted]
        for name, make in makers.items():
            found = in_blocks(make(depth, s), X[chosen], Y[chosen])
            values[name][depth] = dict(zip(chosen, found, strict=True))
    plain = {name: textbook(k, X, Y, DEPTHS + DEEP) for name, k in kernels.items()}
    every = [*kernels.items(), *turned.items()]
    for i, family in enumerate(names):
        try:
            wanted = memory.exact([k for _, k in every], X[i], Y[i], depths[i])
        except ArithmeticError as lost:  # as where a determinant is exp(-1e300)
            for name in makers:
                yield Row(name, job.activation, s, family, max(depths[i]), math.nan, str(lost), math.nan)
            continue
        for (name, k), column in zip(every, wanted, strict=True):
            for depth, e in zip(depths[i], column, strict=True):
                got = values[name][depth][i]
                if isinstance(got, str):
                    yield Row(name, job.activation, s, family, depth, math.nan, got, math.nan)
                    continue
                same, forward, back = got
                if name in turned:
                    forward, back = (forward, forward) if k is kernels[name] else (back, back)
                other = ulps(plain[name][depth][i], e) if k is kernels[name] and plain[name] else None
                third = ulps(peer[name][str(depth)][i], e) if name in peer else None
                error, value = max((ulps(one, e), float(one)) for one in (forward, back))
                if family.endswith("duplicate") and forward != same:
                    error = float("inf")
                shown = mp.nstr(e.value, 20)
                yield Row(name, job.activation, s, family, depth, value, shown, error, other, third)


def check_reference(rng: np.random.Generator) -> float:
    """The largest relative difference of exact_kernels from the quadrature of the definition, on a sample."""
    worst = 0.0
    for name in known(False):
        for make in makers_of(name).values():
            kernel = make(3, 0.3)
            x, y = rng.standard_normal((2, 3))
            definition = kernel.reference(x, y, digits=15)
            worst = max(worst, float(abs(exact([kernel], x, y, [3])[0][0].value / definition - 1)))
    return worst
