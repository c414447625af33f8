"""Normal integrals times growing exponentials: exp(-|z|) as an activation, at rows of any length."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc.compile.forms.complements import complements
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import a

X, Y = np.random.default_rng(3).standard_normal((2, 4))


def test_differences_become_probabilities() -> None:
    h, k, r = sp.symbols("h k r", real=True)
    grown = sp.exp(2 * a)
    assert complements(grown * (1 - Phi(h))) == grown * Phi(-h)
    assert complements(grown * (Phi(h) - Phi2(h, k, r))) == grown * Phi2(h, -k, -r)
    assert complements(grown * (Phi(k) - Phi2(h, k, r))) == grown * Phi2(-h, k, -r)
    assert complements(grown * (1 - Phi(h) - Phi(k) + Phi2(h, k, r))) == grown * Phi2(-h, -k, r)
    for kept in (1 - Phi(h), grown * (1 + Phi(h)), grown * (2 - Phi(h))):
        assert sp.expand_mul(complements(kept)) == sp.expand_mul(kept)


@pytest.mark.parametrize("tangent", [False, True])
def test_long_rows(tangent: bool) -> None:
    """Against quadrature, and where that ends against the power of the length that is left."""
    kernel = (kc.NTK if tangent else kc.NNGP)(kc.Laplace(), 2)
    for size in (30.0, 1e4):
        wanted = float(kernel.reference((size * X).tolist(), (size * Y).tolist(), digits=16))
        assert kernel(np.array([size * X, size * Y]))[0, 1] == pytest.approx(wanted, rel=4e-15)
    near, far = (kernel(np.array([size * X, size * Y])) for size in (1e20, 1e30))
    assert far[0, 1] * 1e20 == pytest.approx(near[0, 1], rel=4e-15)
    assert far[0, 0] == pytest.approx(near[0, 0] * (1e10 if tangent else 1e-10), rel=4e-15)
