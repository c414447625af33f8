"""The table of the logistic mixture against its definition, and the expectations that it gives."""

from __future__ import annotations

import mpmath as mp
import pytest

import kernelcalc as kc
from kernelcalc.expectation import mixture as mx
from kernelcalc.functions.base import Function

TANH, SIGMOID, SECH2 = "tanh(z)", "1/(1 + exp(-z))", "1/cosh(z)**2"
SOFTPLUS, SWISH = "log(1 + exp(z))", "z/(1 + exp(-z))"


def found(formula: str) -> mx.Mixture:
    mixture = mx.mixture(kc.function(formula))
    assert mixture is not None
    return mixture


def sums(x: mp.mpf, count: int, step: float) -> mp.mpf:
    return mp.fsum(w * mp.erf(x / (mp.sqrt(2) * k)) for k, w in mx.nodes(count, step))


def test_the_table_is_as_exact_as_it_says() -> None:
    with mp.workdps(30):
        points = [mp.mpf(i) / 7 for i in range(0, 140, 3)]
        assert max(abs(sums(x, mx.COUNT, mx.STEP) - mp.tanh(x)) for x in points) < mx.ERROR
        assert max(abs(sums(x, 25, 0.13) - mp.tanh(x)) for x in points) < 1e-13  # as many as a table may have
        assert max(abs(sums(x, 17, 0.2) - mp.tanh(x)) for x in points) > 1e-10  # too few


def test_the_nodes_are_the_kolmogorov_law() -> None:
    """Moments E K^p = 2^(1 - p/2) Gamma(p/2 + 1) eta(p), and the two series of the density agree."""
    with mp.workdps(30):
        for p in (1, 2, 3):
            exact = 2 ** (1 - mp.mpf(p) / 2) * mp.gamma(mp.mpf(p) / 2 + 1) * mp.altzeta(p)
            assert abs(mp.fsum(w * k**p for k, w in mx.nodes()) - exact) < 1e-13
        k = mp.mpf("1.0000001")
        assert abs(mx.density(k) / mx.density(2 - k) - 1) < 1e-5


MORE = ("3*tanh(2*z) - 1", "tanh(z/3)**2")


@pytest.mark.parametrize("formula", [TANH, SIGMOID, SECH2, SOFTPLUS, SWISH, *MORE])
def test_means(formula: str) -> None:
    f = kc.function(formula)
    for v in ("0.001", "1.3", "1000"):
        value, bound = mx.mean(found(formula), mp.mpf(v))
        exact = kc.mean(f).reference(v, digits=22)
        assert abs(value - exact) <= bound + abs(exact) * mp.mpf(10) ** -20


@pytest.mark.parametrize(
    ("f", "g"), [(TANH, TANH), (SIGMOID, SIGMOID), (SOFTPLUS, SOFTPLUS), (SWISH, SWISH), (SECH2, SECH2)]
)
def test_duals(f: str, g: str) -> None:
    for point in (("1.3", "0.7", "-0.4"), ("30", "20", "24")):
        a, b, c = map(mp.mpf, point)
        value, bound = mx.dual(found(f), found(g), a, b, c)
        exact = kc.dual(kc.function(f), kc.function(g)).reference(*point, digits=17)
        assert abs(value - exact) <= bound + abs(exact) * mp.mpf(10) ** -15


def test_steep_functions_keep_their_digits() -> None:
    """A variance of 1e6 is beyond every Hermite series; the mixture does not notice."""
    e = kc.dual(kc.function("tanh(1000*z)"))
    values, bounds = e.bounded(1.0, 2.0, 0.5)
    assert bounds <= 2e-15
    assert abs(values - float(e.reference(1, 2, mp.mpf("0.5"), digits=20))) <= 1e-16
    limit = 2 / mp.pi * mp.asin(0.5 / mp.sqrt(2))
    assert abs(values - float(limit)) < 1e-5
    assert abs(values - float(limit)) > 1e-9


OTHERS = ("z**2", "1/(1 + z**2)", "exp(-abs(z))", "tanh(z)*exp(-z**2)", "tanh(z**3)")


@pytest.mark.parametrize("formula", OTHERS)
def test_what_is_no_mixture(formula: str) -> None:
    assert mx.mixture(Function(formula, kc.function(formula).expr)) is None
