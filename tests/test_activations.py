"""Activation functions by name, lists of steps and pieces, shifts and Gaussian smoothing."""

from __future__ import annotations

import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.functions.base import Function
from kernelcalc.symbols import z

R = sp.Rational


@pytest.mark.parametrize(
    ("f", "at", "value"),
    [
        (kc.HardTanh(), 3, 1),
        (kc.HardSigmoid(), -1, R(1, 3)),
        (kc.HardSwish(), -1, R(-1, 3)),
        (kc.ReLU6(), 7, 6),
        (kc.ELU(2), -1, 2 * (sp.exp(-1) - 1)),
        (kc.CELU(2), -1, 2 * (sp.exp(R(-1, 2)) - 1)),
        (kc.SELU(), 1, R("1.0507009873554804934193349852946")),
        (kc.Hermite(3), 2, 2 / sp.sqrt(6)),
        (kc.Probit(2, 1), R(-1, 2), R(1, 2)),
        (kc.Softplus(), 0, sp.log(2)),
        (kc.Mish(), 1, sp.tanh(sp.log(1 + sp.E))),
        (kc.SiLU(), 1, 1 / (1 + sp.exp(-1))),
        (kc.Snake(2), 1, 1 + sp.sin(2) ** 2 / 2),
        (kc.RectifiedMonomial(3), 2, 8),
        (kc.MultiStep([-1, 1], [2, 3]), 0, 2),
        (kc.PiecewiseLinear([0, 2], [1, -1, 3], value=5), 3, 6),
        (kc.Polynomial([1, 0, 2]), 3, 19),
        (kc.Erf().derivative.centred(2), 2, 2 / sp.sqrt(sp.pi)),
    ],
    ids=str,
)
def test_values(f: Function, at: object, value: sp.Expr) -> None:
    assert sp.simplify(f.expr.subs(z, at) - value) == 0


def test_shifts() -> None:
    f = kc.Sign().derivative.centred(R(1, 3))
    assert f.deltas == ((R(1, 3), 2),)
    assert kc.Sign().centred(0) is not None
    assert kc.Sign().centred(0) == kc.Sign()
    assert kc.Step(1).centred(2).breakpoints == (3,)


@pytest.mark.parametrize("f", [kc.Step(1), kc.HardTanh(), kc.Abs(), kc.Sign().derivative], ids=str)
def test_smoothing_adds_to_the_variances(f: Function) -> None:
    smooth = f.smoothed(R(1, 2))
    assert not smooth.jumps
    assert not smooth.deltas
    exact = f(0.3) if f.expr != 0 else 0.0
    assert f.deltas or abs(f.smoothed(R(1, 10**6))(0.3) - exact) < 1e-5
    point = (1.0, 2.0, 0.5)
    assert kc.dual(f)(1.25, 2.25, 0.5) == pytest.approx(
        float(quadrature.dual(smooth, smooth, *point, digits=16)), rel=1e-14
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kc.MultiStep([1, 0]), "must increase"),
        (lambda: kc.MultiStep([0, 1], [1]), "one weight for each"),
        (lambda: kc.MultiStep(3), "thresholds: give a list of numbers, not 3"),  # type: ignore[arg-type]  # that is the point
        (lambda: kc.MultiStep([float("nan")]), "finite"),
        (lambda: kc.PiecewiseLinear([0], [1]), "one slope more"),
        (lambda: kc.PiecewiseLinear([0], [1, "x"]), "real number"),
        (lambda: kc.Polynomial([]), "at least one"),
        (lambda: kc.ReLU().smoothed(0), "must be > 0"),
        (lambda: kc.ReLU().centred(sp.I), "must be real"),
        (lambda: kc.ELU(-1), "must be > 0"),
        (lambda: kc.Tanh().smoothed(1), "no formula"),
    ],
)
def test_refusals(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(kc.InputError, match=words):
        call()


def test_a_weight_of_zero_is_no_mass() -> None:
    t = sp.Symbol("t", real=True)
    f = Function("jumps by t", t * sp.Heaviside(z - t), ((t, R(0)),))
    assert f.derivative.deltas == ()
    assert f.with_params(t=2).derivative.deltas == ((2, 2),)


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (kc.Sign(), kc.HardTanh()),
        (kc.Heaviside(), kc.Probit(2, R(1, 2))),
        (kc.Step(1), kc.ReLU()),
        (kc.ELU(), kc.ReLU()),
        (kc.ELU(), kc.GELU()),
        (kc.MultiStep([-1, 1]), kc.Erf()),
        (kc.HardTanh(), kc.Sin()),
        (kc.HardTanh(), kc.Sign().derivative),
    ],
    ids=str,
)
def test_mixed_pairs(f: Function, g: Function) -> None:
    e = kc.dual(f, g)
    if e.expr is None:
        assert "sin" in repr(e.g)  # a wave against a step away from 0: erf of a complex argument
        return
    for point in ((1.25, 0.75, 0.5), (1.0, 2.0, -1.25)):
        exact = float(e.reference(*point, digits=17))
        assert e(*point) == pytest.approx(exact, rel=1e-15)
