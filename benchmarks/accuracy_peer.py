"""Kernels of pairs of rows by neural-tangents in float64, called by accuracy_cases.py as

    python accuracy_peer.py PAIRS.npz JOB VALUES.json

in an environment of its own. With diagonal_spatial=True, which gives it more digits than its default; layer
by layer, so that one pass serves all depths.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax  # type: ignore[import-not-found]  # lives in an environment of its own
import numpy as np
from neural_tangents import stax  # type: ignore[import-not-found]  # likewise

jax.config.update("jax_enable_x64", True)
BLOCK = 64  # rows of a matrix, of which only the diagonal is asked for


def layers(activation: str, m: float, sigma_b: float) -> tuple[Any, Any]:
    """The kernel functions of the first layer and of a later one."""
    function = {"erf": lambda: stax.Erf(1.0, m, 0.0), "relu": stax.Relu, "sign": stax.Sign}[activation]()
    first, later = (stax.Dense(1, W_std=1.0, b_std=sigma_b) for _ in range(2))
    step = stax.serial(function, later)[2]
    return first[2], jax.jit(lambda kernel: step(kernel, diagonal_spatial=True))


def values(first: Any, step: Any, X: Any, Y: Any, depths: list[int]) -> dict[str, dict[int, list[float]]]:
    """nngp and ntk of X[i], Y[i] by depth."""
    n = len(X)
    found: dict[str, dict[int, list[float]]] = {
        kind: {depth: [] for depth in depths} for kind in ("nngp", "ntk")
    }
    for start in range(0, n, BLOCK):
        few = [np.resize(rows[start : start + BLOCK], (BLOCK, rows.shape[1])) for rows in (X, Y)]
        kernel = first(*few, diagonal_spatial=True)
        for depth in range(1, max(depths) + 1):
            if depth > 1:
                kernel = step(kernel)
            for kind, rows in found.items():
                if depth in rows:
                    matrix = kernel.nngp if depth == 1 else getattr(kernel, kind)
                    rows[depth] += np.asarray(matrix).diagonal()[: n - start].tolist()
    return found


def main() -> None:
    pairs = np.load(sys.argv[1])
    activation, m, sigma_b, depths = json.loads(sys.argv[2])
    first, step = layers(activation, m, sigma_b)
    found = {name: values(first, step, both[0], both[1], depths) for name, both in pairs.items()}
    Path(sys.argv[3]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
