"""What the judge of claims can prove by symbols, and what it can tell by numbers."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy as sp

from kernelcalc.symbols import L, a, b, c, m, rho, sigma_b, sigma_w
from kernelcalc.verify.numeric import NoNumber, agreement, evaluate
from kernelcalc.verify.prove import proved_equal

R = sp.Rational
x, y = sp.Symbol("x", positive=True), sp.Symbol("y", real=True)

# -- proofs

H = 1 / (2 * m**2)
DEPTH_TWO = (sigma_w**2 * 2 / sp.pi * sp.asin(c / sp.sqrt(a * b)) + sigma_b**2) / (sigma_w**2 + sigma_b**2)
EQUAL = [
    (sp.asin(c / sp.sqrt((a + H) * (b + H))), sp.atan2(c, sp.sqrt((a + H) * (b + H) - c**2))),
    (sp.asin(c / sp.sqrt(a * b)), sp.atan(c / sp.sqrt(a * b - c**2))),
    (4 * m**2 / sp.sqrt((1 + 2 * m**2 * a) * (1 + 2 * m**2 * b) - 4 * m**4 * c**2),
     2 / sp.sqrt((a + H) * (b + H) - c**2)),
    (sp.sqrt(sp.Integer(2) / (sp.pi * a)) / sp.sqrt(1 + 2 * (a * b - c**2) / a),
     sp.sqrt(2 / sp.pi) / sp.sqrt(a + 2 * (a * b - c**2))),
    (2 * sp.asin(sp.sqrt((1 - rho) / 2)), sp.acos(rho)),
    (sp.asin(DEPTH_TWO), sp.pi / 2 - sp.acos(DEPTH_TWO)),
    (sp.atan(x) + sp.atan(1 / x), sp.pi / 2),
    (sp.sqrt(3 + 2 * sp.sqrt(2)), 1 + sp.sqrt(2)),
    (m ** (L - 1) * m, m**L),
    (sp.exp(-(c**2) / (2 * (a * b - c**2))), sp.exp((a * b - c**2) ** -1 * -(c**2)) ** R(1, 2)),
    ((sp.exp(x) + sp.exp(y)) ** 2, sp.exp(2 * x) + 2 * sp.exp(x + y) + sp.exp(2 * y)),
    (sp.gamma(x + 1), x * sp.gamma(x)),
    (sp.tanh(x), (sp.exp(2 * x) - 1) / (sp.exp(2 * x) + 1)),
    (sp.cos(2 * x), 1 - 2 * sp.sin(x) ** 2),
]  # fmt: skip
# true for some values of the symbols, or up to a branch: a method that overlooks this would prove them
NOT_EQUAL = [
    (sp.atan(y) + sp.atan(1 / y), sp.pi / 2),
    (2 * sp.atan(y), sp.asin(2 * y / (1 + y**2))),
    (2 * sp.asin(sp.sqrt((1 - rho) / 2)), sp.acos(-rho)),
    (sp.sqrt(y**2), y),
    (sp.sqrt(y**2 - 2 * y + 1), y - 1),
    (sp.asin(sp.sin(y)), y),
    (sp.sign(y), 1),
    (sp.Heaviside(y - 1), 0),
    (sp.Piecewise((1, y > 0), (-1, True)), 1),
    (sp.floor(y), 0),
    (sp.sqrt(sp.exp(sp.I * y)), sp.exp(sp.I * y / 2)),
    (sp.sqrt(y) * sp.sqrt(-y), sp.I * y),
    ((-8 * x) ** R(1, 3), -2 * x ** R(1, 3)),
    (sp.asin(c / sp.sqrt(a * b)), sp.asin(c / sp.sqrt(a * b + R(1, 10**60)))),
    (sp.pi, R(sp.pi.evalf(60))),
    (sp.Matrix([[1, x]]), sp.Matrix([[1], [x]])),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=str)
def test_proofs_that_must_be_found(left: sp.Expr, right: sp.Expr) -> None:
    assert proved_equal(left, right)


@pytest.mark.parametrize(("left", "right"), NOT_EQUAL, ids=str)
def test_what_is_not_equal_is_not_proved(left: sp.Expr, right: sp.Expr) -> None:
    assert proved_equal(left, right, seconds=6) is None


def test_domain_helps_the_proof() -> None:
    t = sp.Symbol("t", positive=True)
    assert proved_equal(sp.sqrt(y**2), -y, {y: -t})


@pytest.mark.timeout(120)
def test_time_limit_on_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(left: sp.Expr, right: sp.Expr) -> bool:
        while True:
            pass

    monkeypatch.setattr("kernelcalc.verify.prove.METHODS", {"endless": endless})
    assert proved_equal(x, y, seconds=0.3) is None


# -- numbers


def test_cancellation_costs_no_digits() -> None:
    form = (1 + x) * (1 + 1 / x) - x - 1 / x - 2 + x**-50  # 10^-100 after the cancellation
    (value,) = evaluate(form, {x: R(100)}, 50)
    assert agreement([value], [mp.mpf(10) ** -100], 50) == 50
    assert abs(value * mp.mpf(10) ** 100 - 1) < mp.mpf(10) ** -14  # at the precision of this context


def test_agreement_is_relative_and_absolute_near_zero() -> None:
    with mp.workdps(60):
        assert agreement([mp.mpf("1e10") + 0.9], [mp.mpf("1e10")], 50) == 10
        assert agreement([mp.mpf("9e-31")], [mp.mpf(0)], 50) == 30
        assert agreement([mp.mpf("1e-51")], [mp.mpf(0)], 50) == 50
        assert agreement([mp.inf], [mp.inf], 50) == 0
        assert agreement([mp.mpc(1, "9e-21")], [mp.mpf(1)], 50) == 20


@pytest.mark.parametrize("form", [sp.zoo - sp.zoo, sp.Function("f")(x), y])
def test_no_number_is_an_error(form: sp.Expr) -> None:
    with pytest.raises(NoNumber):
        evaluate(form, {x: R(1)}, 20)


def test_infinite_sums_are_evaluated() -> None:
    k = sp.Symbol("k", integer=True, nonnegative=True)
    (value,) = evaluate(sp.Sum(x**k / sp.factorial(k), (k, 0, sp.oo)), {x: R(1, 2)}, 40)
    with mp.workdps(50):
        assert agreement([value], [mp.exp(mp.mpf("0.5"))], 40) == 40
