"""Kernels without closed form at nearly parallel and nearly opposite rows of different norms."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Rational

import kernelcalc as kc
from kernelcalc.compile.tables.nested import Part, nested
from kernelcalc.expectation import numeric
from kernelcalc.functions.base import Function
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import z

ULP = 2.0**-52
SIGN, SOFTSIGN, TANH = kc.Sign(), kc.Softsign(), kc.Tanh()
CASES = [
    (kc.NTK(kc.Arctan(), 3), 1e-8, 1),
    (kc.NTK(kc.Arctan(), 2, sigma_b=0.1), 1e-4, -1),
    (kc.NTK(SOFTSIGN, 2), 1e-13, 1),
    (kc.GeneralizedNTK((SIGN, SIGN.derivative), (TANH, TANH.derivative), 3), 1e-13, -1),
    (kc.GeneralizedNTK((kc.ReLU(), kc.ReLU().derivative), (SOFTSIGN, SOFTSIGN.derivative), 2), 1e-2, 1),
]


def rows(size: float, gap: float, sign: int) -> np.ndarray:
    """|x|^2/n0 = size^2, y four fifths as long, 1 - |r| = gap."""
    one, other = np.array([3.0, 4.0, 0.0]) / 5, np.array([4.0, -3.0, 12.0]) / 13
    length = size * np.sqrt(3)
    near = sign * ((1 - gap) * one + np.sqrt(gap * (2 - gap)) * other)
    return np.stack([length * one, 0.8 * length * near])


@pytest.mark.parametrize(("k", "gap", "sign"), CASES, ids=str)
def test_values_to_the_last_digits(k: Kernel, gap: float, sign: int) -> None:
    x, y = rows(3.0, gap, sign)
    exact = k.reference(x, y, digits=17)
    value, bound = k(x[None], y[None])[0, 0], k.error_bound(x[None], y[None])[0, 0]
    assert abs(value - exact) <= 8 * ULP * abs(exact)
    assert abs(value - exact) <= bound <= 200 * ULP * abs(exact)


@pytest.mark.parametrize("f", [TANH, SOFTSIGN.derivative], ids=str)
def test_gaps_keep_their_digits(f: Function) -> None:
    """E (f(X) - f(Y))^2 at equal norms: 2 sd^2 gap E f'^2 in the limit, by a quotient of two gaps."""
    sd, norm = np.full(3, 2.0), np.ones(3)
    gap = np.array([1e-9, 1e-11, 1e-13])
    apart = nested(Part(f, sd, norm), Part(f, sd, norm), gap, np.ones(3), np.ones(3)).apart[0]
    assert apart / gap == pytest.approx(np.full(3, apart[0] / gap[0]), rel=1e-3)
    same = nested(Part(f, sd, norm), Part(f, sd, norm), 0 * gap, norm, norm)
    assert (same.apart[0] <= 1e-29).all()


@pytest.mark.parametrize("f", [kc.Softplus(), kc.TanhGELU(), kc.TanhGELU().derivative, kc.Mish()], ids=str)
def test_functions_keep_their_digits_where_they_vanish(f: Function) -> None:
    at = np.array([-2.5, -4.0])
    for x, value in zip(at, numeric._values(f)(at), strict=True):
        exact = float(f.expr.subs(z, Rational(x)).evalf(20))
        assert value == pytest.approx(exact, rel=32 * ULP, abs=0.0)
