"""Kernels of max(0, z)^p for real p: the tables against Gauss's function, entries against the recursion in
many digits."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from exact_kernels import exact, ulps

import kernelcalc as kc
from kernelcalc.compile import cache
from kernelcalc.compile.tables.powers import ALONE, powers
from kernelcalc.kernels import Kernel

SOURCE = """
from kernelcalc.compile.arithmetic.powers import power_alone, power_pair, root_power_pair

def run(root_q, root_p, count, k, table, out):
    for i in range(count):
        less, kappa = power_pair(root_q[i], root_p[i], 0.0, k, table)
        root, _ = root_power_pair(root_q[i], root_p[i], 0.0, k, table)
        alone = power_alone(root_q[i], root_p[i], 0.0, k, table)
        out[4*i], out[4*i + 1], out[4*i + 2], out[4*i + 3] = less, kappa, root, alone
"""
TYPES = ("float64*", "float64*", "int64", "int64", "float64*", "float64*")
EXPONENTS = ("3/4", "3/2", "13/5", "1500000001/1000000000", "2/5", "9", "-1/4", "1/2", "-3/5")
SMALL = (0.0, 1e-100, 1e-30, 1e-8, 0.003, 0.11, 0.2499, 0.2501, 0.37, 0.4999, 0.5001, 0.6, 0.7)


def test_tables_have_all_digits_at_both_ends() -> None:
    """Of covariances 1 - kappa, too. p^(n + 1/2) magnifies the rounding of sqrt(p)."""
    with_gap, alone = EXPONENTS[:6], EXPONENTS
    tables = powers([*with_gap, *(n + ALONE for n in alone)]).numbers
    x, y = np.array(SMALL), np.sqrt(1 - np.array(SMALL) ** 2)
    root_q, root_p = np.concatenate([x, y]), np.concatenate([y, x])
    run = cache.function(SOURCE, "run", TYPES)
    for k, n in enumerate([*with_gap, *alone]):
        found = np.empty((len(root_q), 4))
        arrays = root_q, root_p, len(root_q), k, tables, found
        run(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arrays))
        for row, q, p in zip(found, root_q, root_p, strict=True):
            less, kappa = _exact(n, q, p)
            wanted = {0: less, 1: kappa, 2: mp.sqrt(less)} if k < len(with_gap) else {3: kappa}
            for place, value in wanted.items():
                assert _close(row[place], value, 8 + 2 * _number(n)), (n, q, p, place, row[place])


def _exact(text: str, root_q: float, root_p: float) -> tuple[mp.mpf, mp.mpf]:
    with mp.workdps(260):
        n, small = _number(text), mp.mpf(min(root_q, root_p)) ** 2
        p = small if root_p < root_q else 1 - small
        if p == 1 and n <= -0.5:
            return mp.mpf(0), mp.inf
        top = mp.gamma(n + 1) ** 2 / (mp.gamma(n + 1.5) * mp.gamma(n + 0.5)) if n > -0.5 else 1
        with mp.workdps(260 if small < 1e-20 and p > 0.5 else 40):
            kappa = top * p ** (n + 0.5) * mp.hyp2f1(0.5, 0.5, n + 1.5, p) if p != 1 else mp.mpf(1)
        return 1 - kappa, kappa


def _number(text: str) -> mp.mpf:
    over, _, under = text.partition("/")
    return mp.mpf(int(over)) / int(under or 1)


def _close(value: float, wanted: mp.mpf, ulps: mp.mpf) -> bool:
    if mp.isinf(wanted) or wanted == 0:
        return bool(value == wanted)
    with mp.workdps(40):
        return bool(abs(mp.mpf(float(value)) - wanted) <= ulps * 2.0**-52 * abs(wanted) + 1e-307)


@pytest.mark.parametrize(("make", "p", "sigma_b"), [(kc.NTK, 1.5, 0.3), (kc.NNGP, 2.6, 0)])
def test_entries_wherever_rows_lie(make: Callable[..., Kernel], p: float, sigma_b: float) -> None:
    """Nearly parallel and opposite rows, multiples, rows too short for the variances to be floats."""
    x, y = np.random.default_rng(7).standard_normal((2, 5))
    others = [y, -x, 3 * x, -2.5 * x, 1e-100 * y, 1e8 * y]
    others += [sign * x + e * y for sign in (1, -1) for e in (0.1, 1e-4, 1e-12)]
    rows = np.array([x, *others, x])
    depths = 2, 3
    kernels = [make(kc.RectifiedPower(p), depth, sigma_b=sigma_b) for depth in depths]
    matrices = [kernel(rows) for kernel in kernels]
    for i, row in enumerate(others, 1):
        for K, wanted in zip(matrices, exact(kernels[:1], x, row, depths)[0], strict=True):
            assert ulps(K[0, i], wanted) <= 16, (i, K[0, i], wanted.value)
    assert all(K[0, -1] == K[0, 0] for K in matrices)


def test_the_tangent_kernel_of_a_steep_power_is_infinite_for_equal_rows() -> None:
    steep, other = (kc.dual(kc.RectifiedPower(p).derivative) for p in (0.4, 0.6))
    assert steep.diagonal == sp.oo
    assert other.diagonal is not None
    assert other.diagonal.subs(other.arguments[0], 1).is_finite
