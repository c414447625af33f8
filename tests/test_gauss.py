"""Gauss-Legendre rules against their definition, in integers and by mpmath."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from kernelcalc import gauss


@pytest.mark.parametrize("n", [1, 2, 7, 16, 64])
def test_polynomials_up_to_twice_the_order_are_integrated_exactly(n: int) -> None:
    rule = gauss.exact(n)
    assert [x for x, _ in rule] == sorted({x for x, _ in rule})
    for k in range(2 * n):
        whole = Fraction(2, k + 1) if k % 2 == 0 else Fraction(0)
        assert abs(sum(w * x**k for x, w in rule) - whole) < Fraction(1, 2**140)
    beyond = sum(w * x ** (2 * n) for x, w in rule)
    assert beyond < Fraction(2, 2 * n + 1) - Fraction(1, 2**140)


def test_floats_are_the_nearest_and_long_doubles_hold_more() -> None:
    x, w = gauss.rule(32)
    with mp.workdps(40):
        for place, weight in zip(x.tolist(), w.tolist(), strict=True):
            root = mp.findroot(lambda t: mp.legendre(32, t), mp.mpf(place))
            slope = mp.diff(lambda t: mp.legendre(32, t), root)
            assert place == float(root)
            assert weight == float(2 / ((1 - root**2) * slope**2))
    fine, heavy = gauss.fine(32)
    assert np.array_equal(fine.astype(float), x)
    assert np.array_equal(heavy.astype(float), w)
    if np.finfo(np.longdouble).eps < np.finfo(float).eps:
        assert abs(heavy.sum() - 2) < 1e-18
        assert not np.array_equal(fine, x)
