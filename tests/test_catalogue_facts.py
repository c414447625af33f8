"""What is known of the surrogate derivatives besides their means: both ends, other forms, how G enters."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, m, mu, v

R = sp.Rational
ENDS: dict[str, tuple[str | None, str | None]] = {  # the leading terms for small and for large v
    "Box": ("A", "A_0 + 2*W*(A - A_0)/sqrt(2*pi*v)"),
    "OneSidedBox": ("1/2", "u/sqrt(2*pi*v)"),
    "Triangle": ("A*(1 - sqrt(2*v/pi)/W)", "A*W/sqrt(2*pi*v)"),
    "Laplace": ("A*(1 - beta*sqrt(2*v/pi))", "2*A/(beta*sqrt(2*pi*v))"),
    "OneSidedExponential": ("A*(1 - sqrt(v/(2*pi))/tau)", "A/2"),
    "GaussianSurrogate": ("A*(1 - kappa*v)", "A*sqrt(pi/kappa)/sqrt(2*pi*v)"),
    "MultiGaussian": (None, "gamma*(1 - h)/sqrt(2*pi*v)"),
    "SuperSpike": ("A*(1 - 2*beta*sqrt(2*v/pi) + 3*beta**2*v)", "2*A/beta/sqrt(2*pi*v)"),
    "OneSidedSuperSpike": ("A*(1 - beta*sqrt(2*v/pi) + Rational(3, 2)*beta**2*v)", "A/2"),
    "ATanSurrogate": ("A*(1 - kappa**2*v)", "A*pi/kappa/sqrt(2*pi*v)"),
    "LogAbs": (
        "alpha*(1 - alpha*sqrt(2*v/pi) + alpha**2*v)",
        "(log(2*alpha**2*v) - EulerGamma)/sqrt(2*pi*v)",
    ),
    "Circ": ("1 - 3*v/(2*alpha**2)", "2*alpha/sqrt(2*pi*v)"),
    "FakeNumericalGradient": ("alpha", "(2 + log(2*alpha**2*v) - EulerGamma)/sqrt(2*pi*v)"),
    "LogTailedReLU": ("(1 + alpha)/2", "alpha/2 + (1 + (log(2*v) - EulerGamma)/2)/sqrt(2*pi*v)"),
}


def symbolic(name: str) -> Function:
    """The family with symbols for its parameters, centred at 0."""
    f: Function = getattr(kc, name)().symbolic
    return f.with_params(z_0=0) if "z_0" in f.params else f


@pytest.mark.parametrize("name", ENDS)
def test_both_ends_are_derived(name: str) -> None:
    f = symbolic(name)
    e = kc.mean(f)
    for end, printed in zip((sp.S.Zero, sp.oo), ENDS[name], strict=True):
        if printed is None:
            continue
        known = {s.name: s for s, value in f.parameters if s == value}
        expected = sp.expand(sp.expand_log(sp.sympify(printed, locals={**known, "v": v}), force=True))
        shapes = {t.subs(sp.log(v), 2).as_independent(v)[1] for t in sp.Add.make_args(expected)}
        assert sp.simplify(e.asymptotic("v", end, terms=len(shapes)) - expected) == 0


def test_the_mean_of_circ_in_bessel_functions() -> None:
    """2 sqrt(2x/pi) x e^x (K1(x) - K0(x)), x = alpha^2/(4v)."""
    form = kc.mean(kc.Circ(R(3, 2))).expr
    assert form is not None
    for size in (R(1, 100), R(4, 3), R(500)):
        with mp.workdps(60):
            x = mp.mpf(9) / 16 * size.q / size.p
            expected = 2 * mp.sqrt(2 * x / mp.pi) * x * mp.exp(x) * (mp.besselk(1, x) - mp.besselk(0, x))
            assert abs(mp.mpf(sp.N(form.subs(v, size), 50)) - expected) < mp.mpf(10) ** -40 * expected


@pytest.mark.parametrize("name", ["SuperSpike", "ATanSurrogate", "Laplace"])
def test_steep_networks_need_the_mean_only(name: str) -> None:
    """E[erf_m'(X) s(Y)] = 2m/sqrt(pi q) G(b - 2 m^2 c^2/q), q = 1 + 2 m^2 a."""
    s = symbolic(name)
    q = 1 + 2 * m**2 * a
    mean, found = kc.mean(s).expr, kc.dual(kc.Erf("m").derivative, s).expr
    assert mean is not None
    assert found is not None
    expected = 2 * m / sp.sqrt(sp.pi * q) * mean.subs(v, b - 2 * m**2 * c**2 / q)
    point = {a: R(3, 2), b: R(7, 5), c: R(-2, 3), m: R(9, 4)}
    point |= {p: R(5 + i, 4) for i, (p, _) in enumerate(s.parameters)}
    assert abs(sp.N((found - expected).subs(point), 40)) < R(1, 10**35)


@pytest.mark.parametrize("name", ["Triangle", "Laplace", "ATanSurrogate", "HardTanhPlusOne"])
def test_the_heat_equation_holds(name: str) -> None:
    """dG/dv = 1/2 d^2 G/d mu^2."""
    form = kc.mean(getattr(kc, name)(), "mu").expr
    assert form is not None
    rest = form.diff(v) - form.diff(mu, 2) / 2
    assert abs(sp.N(rest.subs({v: R(3, 4), mu: R(-5, 7)}), 40)) < R(1, 10**35)


def test_odd_surrogates_give_no_signal() -> None:
    assert kc.mean(kc.OddSign(3)).expr == 0
    assert kc.dual(kc.Sign().derivative, kc.OddSign(3)).expr == 0
