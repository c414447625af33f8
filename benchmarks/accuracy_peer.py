"""Kernels of pairs of rows by neural-tangents in float64, called by accuracy.py as

    python accuracy_peer.py PAIRS.npy JOB VALUES.json

in an environment of its own. With diagonal_spatial=True, which gives it more digits than its default.
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


def kernel(activation: str, m: float, depth: int, sigma_b: float) -> Any:
    """The kernel function of a network."""
    layers = [stax.Dense(1, W_std=1.0, b_std=sigma_b)]
    for _ in range(depth - 1):
        layer = {"erf": lambda: stax.Erf(1.0, m, 0.0), "relu": stax.Relu, "sign": stax.Sign}[activation]()
        layers += [layer, stax.Dense(1, W_std=1.0, b_std=sigma_b)]
    return stax.serial(*layers)[2]


def main() -> None:
    X, Y = np.load(sys.argv[1])
    activation, m, sigma_b, depths = json.loads(sys.argv[2])
    found: dict[str, dict[int, list[float]]] = {"nngp": {}, "ntk": {}}
    for depth in depths:
        call = kernel(activation, m, depth, sigma_b)
        for start in range(0, len(X), 16):  # blocks: only their diagonals are asked for
            both = call(X[start : start + 16], Y[start : start + 16], ("nngp", "ntk"), diagonal_spatial=True)
            for which in found:
                diagonal = np.asarray(getattr(both, which)).diagonal().tolist()
                found[which].setdefault(depth, []).extend(diagonal)
    Path(sys.argv[3]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
