"""Gram matrices against the recursion in many digits, one pair of every hard family.

At length, with the peers beside it: benchmarks/accuracy.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from exact_kernels import exact, ulps
from pair_families import families

import kernelcalc as kc
from kernelcalc.kernels import Kernel

DEPTHS = {3: 16.0, 6: 64.0}  # ulps
MAKERS: dict[str, Callable[[int], Kernel]] = {
    "ntk erf": lambda depth: kc.NTK(kc.Erf(1), depth, sigma_b=0.1),
    "ntk erf without bias": lambda depth: kc.NTK(kc.Erf(1), depth),
    "ntk erf 1e15": lambda depth: kc.NTK(kc.Erf(1e15), depth),
    "ntk erf 1e-8": lambda depth: kc.NTK(kc.Erf(1e-8), depth, sigma_b=0.1),
    "ntk relu": lambda depth: kc.NTK(kc.ReLU(), depth),
    "sgntk sign": lambda depth: kc.SGNTK(kc.Sign(), kc.Erf().derivative, depth, sigma_b=0.1),
    "ntk sign": lambda depth: kc.NTK(kc.Sign(), depth, sigma_b=1.0),
    "ntk sign without bias": lambda depth: kc.NTK(kc.Sign(), depth),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_family_of_pairs(name: str) -> None:
    make, rng = MAKERS[name], np.random.default_rng(8)
    biased = make(2).sigma_b != 0
    found = [
        (family, *draw()) for family, draw in families(rng) if biased or "zero row" not in family
    ]
    for dimension in {len(x) for _, x, _ in found}:
        pairs = [(family, x, y) for family, x, y in found if len(x) == dimension]
        rows = np.array([row for _, x, y in pairs for row in (x, y)])
        matrices = {depth: make(depth)(rows) for depth in DEPTHS}
        for i, (family, x, y) in enumerate(pairs):
            for depth, wanted in zip(DEPTHS, exact([make(2)], x, y, list(DEPTHS))[0], strict=True):
                value = matrices[depth][2 * i, 2 * i + 1]
                assert ulps(value, wanted) <= DEPTHS[depth], (family, depth, value, wanted.value)
                if family.endswith("duplicate"):
                    assert value == matrices[depth][2 * i, 2 * i]


def test_close_pairs_of_short_rows() -> None:
    """The difference of their norms tells a series from what cancels for long ones; wide weights take what is
    left of it to where it is seen."""
    rng, depth = np.random.default_rng(9), 20
    kernel = kc.NNGP(kc.Erf(1), depth, sigma_w=5)
    for size in (0.03, 0.05, 0.08):
        x = size * rng.standard_normal(16)
        y = x * (1 + 1e-5) + 1e-7 * size * rng.standard_normal(16)
        (wanted,) = exact([kernel], x, y, [depth])[0]
        assert ulps(kernel(np.array([x, y]))[0, 1], wanted) <= 64.0, size


def test_the_recursion_in_many_digits_is_the_definition() -> None:
    """exact_kernels.py, which everything is compared with, against the quadrature of the definition."""
    x, y = np.array([0.5, -1.25, 2.0]), np.array([1.5, 0.25, -0.5])
    for name in ("ntk erf", "ntk relu", "sgntk sign"):
        kernel = MAKERS[name](2)
        wanted = kernel.reference(x.tolist(), y.tolist(), digits=15)
        assert abs(exact([kernel], x, y, [2])[0][0].value / wanted - 1) < 1e-14
