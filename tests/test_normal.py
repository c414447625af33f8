"""Normal integrals of two variables: at any precision, compiled, their limits, and kernels made of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc.compile.arithmetic.normal import conditioned, phi, quadrant
from kernelcalc.compile.digits import OPERATIONS, evaluate, first_layer
from kernelcalc.compile.forms.program import share
from kernelcalc.compile.forms.stable import program
from kernelcalc.compile.tape import NEAR
from kernelcalc.compile.taping import tape
from kernelcalc.functions.normal import FAR, Phi, Phi2, bivariate_normal_cdf, normal_cdf, wedge
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c

ULP = 2.0**-53

# ---------------------------------------------------------------- mpmath


@pytest.mark.parametrize(
    ("h", "k", "r"),
    [(1, 2, 0.5), (-1, 0.5, -0.9), (-3, -4, 0.3), (0, 1, 0.99), (-1, -1, 0.999), (2, -2, 0.7), (-9, -7, 0.5)],
)
def test_phi2_is_the_integral_of_its_definition(h: float, k: float, r: float) -> None:
    with mp.workdps(40):
        s = mp.sqrt(1 - mpf(r) ** 2)
        cuts = [h - 24, h - 6, h - 3, h - 1, h - mpf(1) / 4, h]
        exact = mp.quad(lambda x: mp.npdf(x) * mp.ncdf((k - r * x) / s), cuts)
    with mp.workdps(25):
        assert abs(bivariate_normal_cdf(h, k, r) - exact) <= mpf(10) ** -24 * exact


def test_phi2_keeps_its_digits_far_out_and_at_any_precision() -> None:
    for digits in (15, 40):
        with mp.workdps(digits):
            value = bivariate_normal_cdf(-30, -40, 0.5)
        with mp.workdps(60):
            assert abs(value / bivariate_normal_cdf(-30, -40, 0.5) - 1) < mpf(10) ** (1 - digits)
    assert mpf("1e-380") < value < mpf("2e-380")


@pytest.mark.parametrize(("h", "A"), [(40, 1e-5), (1e-3, 30), (6, 38.1), (60, 7.9), (60, 8.1), (1e4, 3)])
def test_far_triangles_are_the_integral_of_their_definition(h: float, A: float) -> None:
    with mp.workdps(55):
        x, y = mpf(h), mpf(A)
        cuts = [0, 1 / (1 + y), 3 / (1 + y), 8 / (1 + y), 50 / (1 + y), mp.inf]
        integral = mp.quad(lambda t: mp.exp(-t * (y + t / 2)) / (x * x + (y + t) ** 2), cuts)
        exact = x * mp.exp(-(x * x + y * y) / 2) * integral / (2 * mp.pi)
    with mp.workdps(40):
        assert x * x + y * y > FAR * mp.dps
        assert abs(wedge(x, y) - exact) <= mpf(10) ** -38 * exact


def test_triangles_beyond_all_floats_take_no_time() -> None:
    assert wedge(mpf(1), mpf(2) ** 10**6) == 0
    value = wedge(mpf(1), mpf(2) ** 1000)
    assert -mp.log(value) == pytest.approx(mpf(2) ** 1999)
    far = mpf(2) ** 10**6
    ends = {"phi": (0, 1), "erf": (-1, 1), "erfc": (2, 0), "exp": (0, mp.inf)}
    assert {name: (OPERATIONS[name](-far), OPERATIONS[name](far)) for name in ends} == ends


def test_outside_of_its_domain_it_is_no_number() -> None:
    assert mp.isnan(bivariate_normal_cdf(1, 1, 2))
    assert mp.isnan(bivariate_normal_cdf(mp.mpc(0, 1), 1, 0.5))
    assert mp.isnan(normal_cdf(mp.mpc(0, 1)))
    assert Phi2(sp.I, 1, sp.Rational(1, 2)).evalf() is sp.nan


def test_known_values() -> None:
    h, k = sp.symbols("h k", real=True)
    assert Phi2(0, 0, c) == sp.Rational(1, 4) + sp.asin(c) / (2 * sp.pi)
    assert Phi2(h, k, 0) == Phi(h) * Phi(k)
    assert Phi2(h, sp.oo, c) == Phi(h)
    assert Phi2(h, -sp.oo, c) == 0
    assert Phi2(-1 / sp.sqrt(a), -2 / sp.sqrt(a), 1) == Phi(-2 / sp.sqrt(a))
    assert Phi2(h, -h, -1) == 0
    assert Phi2(h, k, c) == Phi2(k, h, c)
    assert sp.latex(Phi2(h, k, c) ** 2) == "\\Phi_2^{2}\\left(h, k, c\\right)"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_derivatives(index: int) -> None:
    x = sp.symbols("x0:3", real=True)
    point = [sp.Rational(-1, 3), sp.Rational(3, 4), sp.Rational(2, 5)]
    step = sp.Rational(1, 10**12)
    higher = [p + step * int(i == index) for i, p in enumerate(point)]
    lower = [p - step * int(i == index) for i, p in enumerate(point)]
    ratio = (Phi2(*higher).evalf(50) - Phi2(*lower).evalf(50)) / (2 * step)
    exact = sp.diff(Phi2(*x), x[index]).subs(dict(zip(x, point, strict=True))).evalf(30)
    assert abs(ratio - exact) < 1e-20


# ---------------------------------------------------------------- float64


def _ulps(h: float, k: float, q: float) -> float:
    """The error of the compiled P(X > h, Y > k), correlation 1 - 2 q."""
    with mp.workdps(30):
        r = 1 - 2 * mpf(q)
        s = 2 * mp.sqrt(mpf(q) * (1 - mpf(q)))
        sides = float((k - r * h) / s), float((h - r * k) / s)
        exact = bivariate_normal_cdf(-h, -k, r)
        return float(abs(quadrant(h, k, *sides) - exact) / exact) / (2 * ULP)


def test_compiled_quarter_planes() -> None:
    random = np.random.default_rng(5)
    for _ in range(150):  # both sides above 0, where values may be tiny
        h, k, q = (random.uniform(0, x) for x in (3, 3, 1))
        far = (h * h + k * k - 2 * (1 - 2 * q) * h * k) / (8 * q * (1 - q))  # of exp(-far), known to far ulp
        assert far > 600 or _ulps(h, k, q) <= 16 + 2 * far
    for _ in range(100):  # any sides: relative to P(X > h)
        h, k, q = random.uniform(-4, 4), random.uniform(-4, 4), random.uniform()
        assert _ulps(h, k, q) * float(bivariate_normal_cdf(-h, -k, 1 - 2 * q)) <= 16
    for q in (1e-20, 1e-9, 1e-3):  # equal and nearly equal arguments
        assert _ulps(0.7, 0.7, q) <= 16
        assert _ulps(1e-9, 1e-9, q) <= 16
        assert _ulps(1.5, 1.5 + np.sqrt(q), q) <= 32


def test_compiled_quarter_planes_at_the_ends() -> None:
    assert quadrant(0.5, 0.5, conditioned(0.5, 0.5, 0.0, 1.0, 1.0), 0.0) == pytest.approx(
        float(normal_cdf(-0.5)), rel=1e-15
    )
    zero = conditioned(0.0, 0.0, 0.25, 0.75, 0.5)  # the origin itself: only the angle matters
    assert quadrant(0.0, 0.0, zero, zero) == pytest.approx(1 / 3, rel=1e-15)
    opposite = conditioned(0.5, 0.5, 1.0, 0.0, -1.0)
    assert quadrant(0.5, 0.5, opposite, opposite) == 0.0
    assert quadrant(1e200, 0.0, 1e200, 1e200) == 0.0
    assert quadrant(-1e200, 0.3, 5e199, -1e200) == pytest.approx(float(normal_cdf(-0.3)), rel=1e-15)
    with mp.workdps(30):
        for x in (-30.0, -8.3, -3.0, -0.7, 0.2, 3.0):
            assert abs(phi(x) - normal_cdf(x)) <= 8 * ULP * normal_cdf(x)


# ---------------------------------------------------------------- limits


def test_limits() -> None:
    step = kc.dual(kc.Step("theta"))
    assert step.limit("theta", 0) == kc.dual(kc.Heaviside()).expr
    assert step.limit("theta", kc.oo) == 0
    assert kc.dual(kc.Probit("beta", 1)).limit("beta", kc.oo) == kc.dual(kc.Heaviside()).expr
    assert sp.simplify(kc.dual(kc.ELU("alpha")).limit("alpha", 0) - kc.dual(kc.ReLU()).expr) == 0
    slope = step.asymptotic("theta", 0, terms=2) - kc.dual(kc.Heaviside()).expr
    density = (1 / sp.sqrt(a) + 1 / sp.sqrt(b)) / sp.sqrt(2 * sp.pi)
    assert sp.simplify(slope + sp.Symbol("theta", real=True) * density / 2) == 0


# ---------------------------------------------------------------- kernels

KERNELS: dict[str, Kernel] = {
    "hard-tanh": kc.NTK(kc.HardTanh(), 3, sigma_b=0.2),
    "threshold": kc.SGNTK(kc.Step(1), kc.Gaussian(2).centred(1), 3, sigma_w=2.0, sigma_b=0.2),
    "step, gradients of ReLU": kc.GeneralizedNTK(
        (kc.Step(1), kc.Step(1).derivative), (kc.ReLU(), kc.ReLU().derivative), 2, sigma_b=0.2
    ),
    "sign, gradients of hard-tanh": kc.GeneralizedNTK(
        (kc.Sign(), kc.Sign().derivative), (kc.HardTanh(), kc.HardTanh().derivative), 3, sigma_b=0.2
    ),
}


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_on_data(name: str) -> None:
    kernel = KERNELS[name]
    X = np.random.default_rng(3).standard_normal((4, 5))
    X[2] = -2.0 * X[1]
    K = kernel(X)
    assert np.isfinite(K).all()
    for i, j in ((0, 1), (1, 0), (1, 2), (3, 3), (2, 0)):
        exact = kernel.reference(X[i].tolist(), X[j].tolist(), digits=18)
        assert abs(K[i, j] - exact) <= 1e-13 * abs(exact)


def test_huge_variances_do_not_overflow() -> None:
    """exp(a/2) P(X > sqrt a) at a = 5000: infinity times 0 for float64, left to the second phase."""
    k = kc.NTK(kc.ELU(), 2)
    X = np.array([[80.0, -60.0], [75.0, 30.0]])
    exact = k.reference(X[0].tolist(), X[1].tolist(), digits=17)
    assert abs(k(X)[0, 1] - exact) <= 1e-14 * exact


@pytest.mark.parametrize("kernel", [kc.NTK(kc.Step(), 2), kc.NNGP(kc.Probit(), 2)], ids=str)
@pytest.mark.parametrize("y", [(-0.699, -0.1), (0.7, 0.1001)])
def test_threshold_0_has_more_digits_too(kernel: Kernel, y: tuple[float, float]) -> None:
    """Where h = k = 0, the quarter plane is an angle, in mpmath as in float64."""
    x = (0.7, 0.1)
    made = tape(program(kernel, close=True), NEAR)
    values = {s: v for e in kernel.layer.expectations for s, v in e.values}
    assert 0 in values.values()
    names = share([dict(e.values) for e in kernel.layer.expectations])[1]
    with mp.workdps(40):
        numbers = {"w2": mp.mpf(1), "s2": mp.mpf(0)} | {s.name: mp.mpf(int(v)) for s, v in names.items()}
        c, tangent, _ = evaluate(made, numbers, first_layer(x, y, mp.mpf(1), mp.mpf(0)), 2)
        exact = kernel.reference(x, y, digits=25)
        assert abs((c if kernel.s1 is None else tangent) - exact) <= 1e-24 * abs(exact)
