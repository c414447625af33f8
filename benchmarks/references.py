"""Reference values kept on disk, so that after a change of the library only its own are computed again.

A reference is found by a hash of all that it is made of: the closed forms themselves, sigma_w and sigma_b,
the float64 rows bit by bit, the depths, and the source of exact_kernels.py. What differs is computed anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import exact_kernels
import mpmath as mp
import numpy as np
import sympy as sp
from exact_kernels import AGREE, Exact, Row, exact, layer_of

from kernelcalc.kernels import Kernel

ROUGHLY = 12  # digits of what errors are measured by


@lru_cache(maxsize=1)
def _method() -> str:
    return f"{Path(exact_kernels.__file__).read_text()} {mp.__version__}"


@lru_cache(maxsize=256)
def _meaning(kernel: Kernel) -> str:
    """All that exact() reads of a kernel."""
    layer = layer_of(kernel.f1, kernel.s1, kernel.f2, kernel.s2)
    factor = () if layer.factor is None else (layer.factor.expr, layer.factor.diagonal)
    forms = layer.first.diagonal, layer.second.diagonal, layer.cross.expr, *factor
    return repr([kernel.f1 == kernel.f2, *map(sp.srepr, (kernel.sigma_w, kernel.sigma_b, *forms))])


def key(kernels: Sequence[Kernel], x: Row, y: Row, depths: Sequence[int]) -> str:
    """What the references of these kernels at this pair are known by."""
    rows = [np.ascontiguousarray(row, dtype="<f8").tobytes().hex() for row in (x, y)]
    given = [_method(), *map(_meaning, kernels), *rows, list(depths)]
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()


class References:
    """exact() with a memory in a file, one line a pair; only one process at a time may add to it."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self.file = None if folder is None else folder / f"{re.sub('[^A-Za-z0-9.+-]', '_', name)}.jsonl"

    @cached_property
    def kept(self) -> dict[str, list[list[Exact]]]:
        """What the file holds; a line that was cut off does not count."""
        found: dict[str, list[list[Exact]]] = {}
        if self.file is None or not self.file.exists():
            return found
        with mp.workdps(2 * AGREE):
            for line in self.file.read_text().splitlines():
                try:
                    name, values = json.loads(line)
                except json.JSONDecodeError:
                    continue
                found[name] = [[Exact(*map(mp.mpf, one)) for one in column] for column in values]
        return found

    def exact(
        self, kernels: Sequence[Kernel], x: Row, y: Row, depths: Sequence[int]
    ) -> list[list[Exact]]:
        """As exact_kernels.exact, to AGREE digits."""
        if self.file is None:
            return exact(kernels, x, y, depths)
        name = key(kernels, x, y, depths)
        if name not in self.kept:
            found = exact(kernels, x, y, depths)
            texts = [[_texts(e) for e in column] for column in found]
            self.kept[name] = found
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a") as kept_in:
                kept_in.write(f"\n{json.dumps([name, texts])}\n")  # a new line even after one cut off
        return self.kept[name]


def _texts(e: Exact) -> tuple[str, str, str]:
    digits = (e.value, AGREE + 4), (e.size, ROUGHLY), (e.peak, ROUGHLY)
    value, size, peak = (mp.nstr(number, count) for number, count in digits)
    return value, size, peak
