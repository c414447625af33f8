"""Facts of the catalogue that are neither means nor duals in closed form: values and parities, both ends of
what has no closed form, other series and integrals for the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature
from kernelcalc.expectation import mixture
from kernelcalc.functions.base import Function
from kernelcalc.functions.entry import Entry
from kernelcalc.functions.normal import bivariate_normal_cdf
from kernelcalc.functions.special import mp_erfcx, mp_goodwin_staton
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import a, b, c, mu, v, z
from kernelcalc.verify import claim

R = sp.Rational
CENTRE: dict[str, tuple[str, str | None]] = {  # s(0) in parameter symbols, and the parity
    "StraightThrough": ("A", "even"), "StepSurrogate": ("h", None), "OddSign": ("-A", "odd"),
    "Box": ("A", "even"), "OneSidedBox": ("0", None), "Triangle": ("A", "even"), "Laplace": ("A", "even"),
    "OneSidedExponential": ("A", None), "GaussianSurrogate": ("A", "even"),
    "MultiGaussian": ("gamma*((1 + h)*N(0, sigma**2) - 2*h*N(sigma, s**2*sigma**2))", "even"),
    "SuperSpike": ("A", "even"), "OneSidedSuperSpike": ("A", None), "ATanSurrogate": ("A", "even"),
    "LogAbs": ("alpha", "even"), "QPseudoSpike": ("1", "even"), "SigmoidSurrogate": ("A", "even"),
    "Circ": ("1", "even"), "StudentSurrogate": ("1", "even"), "SquareWaveFourier": ("4/T", "even"),
    "S2NN": ("beta", None), "FakeNumericalGradient": ("alpha", "even"), "LogTailedReLU": ("alpha", None),
    "SparseFastSigmoid": ("0", None), "StochasticSpike": ("m*q", None), "HardTanhPlusOne": ("1", None),
    "TanhPlusOne": ("2", "even"), "ExponentialEscape": ("p_0/delta", None),
    "PeriodicExponential": ("A", None),
}  # fmt: skip


def density(x: Any, variance: Any) -> Any:
    return sp.exp(-(x**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


@pytest.mark.parametrize("entry", SURROGATES, ids=lambda entry: entry.name)
def test_values_at_0_and_parities(entry: Entry) -> None:
    s = entry()
    printed, parity = CENTRE[entry.name]
    names = {p.symbol.name: p.symbol for p in entry.parameters}
    at_0 = sp.sympify(printed, locals={**names, "N": density}).subs(dict(s.parameters))
    assert sp.simplify(s.expr.subs(z, 0) - at_0) == 0
    assert s.parity == parity


SIGMA, EXPONENT = "8*v", R(5, 2)  # s^2 = alpha^2 v of the logistic below, alpha = sqrt(8)
TAIL = "(log(2*v) - EulerGamma)"
NUMERIC_ENDS: dict[str, tuple[Function, str, str]] = {  # the leading terms for small and for large v
    "F2": (kc.StepSurrogate(-1, 2), "1/2", "1/2"),
    "F12": (
        kc.QPseudoSpike(EXPONENT, 3),
        "1 - 15/2*sqrt(2*v/pi) + Rational(315, 8)*v",
        "4/9/sqrt(2*pi*v)",
    ),
    "F13": (
        kc.SigmoidSurrogate(3, sp.sqrt(8)),
        f"3*(1 - {SIGMA}/4 + ({SIGMA})**2/8)",
        f"12/sqrt(8)*(1 - pi**2/(6*{SIGMA}))/sqrt(2*pi*v)",
    ),
    "F16": (kc.S2NN(3, 2), "11/8", f"(1 + 2*{TAIL})/2/sqrt(2*pi*v)"),
    "F19": (kc.SparseFastSigmoid(2, R(1, 2)), "0", "1/(2*2)/sqrt(2*pi*v)"),
    "F21": (kc.HardTanhPlusOne(3), "1", "1"),
    "F23": (kc.PeriodicExponential(3, R(1, 2), R(1, 4)), "3", ""),
}


@pytest.mark.parametrize("name", NUMERIC_ENDS)
@pytest.mark.parametrize("end", [0, 1], ids=["small", "large"])
def test_both_ends_of_what_has_no_expansion(name: str, end: int) -> None:
    """What the printed terms leave over is small against the last of them."""
    f, *ends = NUMERIC_ENDS[name]
    if not ends[end]:
        return  # half the mean of a period: tests/test_waves.py
    size = R(1, 10**10) if end == 0 else R(10**10)
    printed = sp.sympify(ends[end], locals={"v": v})
    terms = sorted((abs(sp.N(t.subs(v, size))) for t in sp.Add.make_args(sp.expand(printed))), reverse=True)
    with mp.workdps(35):
        found = quadrature.mean(f, size, digits=32)
        left = abs(found - mp.mpf(str(sp.N(printed.subs(v, size), 34))))
    assert left <= 2e-3 * float(terms[-1] or 1e-6)


# ---------------------------------------------------------------- other forms of the same means


def test_q_pseudo_spike_by_hypergeometric_functions_and_by_recursion() -> None:
    """2/sqrt(pi) t^p J_p(t), t = 1/(c sqrt(2v)); J_0 = sqrt(pi)/2, J_1 = gs,
    n J_(n+1) = t^(-n) - 2 J_(n-1) + 2 t J_n."""
    size = R(7, 10)
    with mp.workdps(40):
        t = 1 / (3 * mp.sqrt(2 * mp.mpf(7) / 10))
        p = mp.mpf(5) / 2
        general = mp.gamma((1 - p) / 2) / 2 * mp.hyp1f1(p / 2, 0.5, -(t**2))
        general -= p / 2 * mp.gamma(-p / 2) * t * mp.hyp1f1((p + 1) / 2, 1.5, -(t**2))
        general += t ** (1 - p) / (p - 1) * mp.hyp2f2(0.5, 1, 1 - p / 2, (3 - p) / 2, -(t**2))
        J = [mp.sqrt(mp.pi) / 2, mp_goodwin_staton(t)]
        for n in range(1, 4):
            J.append((t ** (-n) - 2 * J[n - 1] + 2 * t * J[n]) / n)
        for power, value in ((p, general), (3, J[3]), (4, J[4])):
            found = 2 / mp.sqrt(mp.pi) * t**power * value
            exact = quadrature.mean(kc.QPseudoSpike(sp.nsimplify(str(power)), 3), size, digits=32)
            assert abs(found - exact) <= mp.mpf(10) ** -30 * exact


@pytest.mark.parametrize("s", ["1/2", "3", "20"])
def test_four_ways_to_the_logistic_mean(s: str) -> None:
    size = sp.Rational(s)
    with mp.workdps(30):
        x = mp.mpf(size.p) / size.q
        exact = quadrature.mean(kc.SigmoidSurrogate(R(1, 4), 1), size**2, digits=26)
        k = mp.mpf(1) / mp.sqrt(2)
        alternating = mp.nsum(lambda n: -((-1) ** int(n)) * n * mp_erfcx(n * x * k), [1, mp.inf], method="a")
        count = int(3 * x) + 12
        y = [(2 * j + 1) * mp.pi / (mp.sqrt(2) * x) for j in range(count)]
        matsubara = mp.fsum(1 - mp.sqrt(mp.pi) * u * mp_erfcx(u) for u in y)
        for j in range(1, 10):
            odd = mp.fac2(2 * j - 1) * (x / mp.pi) ** (2 * j) / mp.mpf(4) ** j
            matsubara -= (-1) ** j * odd * mp.zeta(2 * j, count + mp.mpf(1) / 2)
        step = mp.mpf(min(0.42, 0.45 * float(x)))
        reach = min(38, 8.6 * float(x))
        nodes = [j * step for j in range(-int(reach / step), int(reach / step) + 1)]
        weights = [mp.exp(-((u / x) ** 2) / 2) / (4 * mp.cosh(u / 2) ** 2) for u in nodes]
        trapezoid = step / (x * mp.sqrt(2 * mp.pi)) * mp.fsum(weights)
        mixed = mp.fsum(w / mp.sqrt(2 * mp.pi * (4 * k * k + x * x)) for k, w in mixture.nodes())
        assert abs(alternating - exact) <= mp.mpf(10) ** -12 * exact
        assert abs(2 / x**2 * matsubara - exact) <= mp.mpf(10) ** -10 * exact
        assert abs(trapezoid - exact) <= mp.mpf(10) ** -14 * exact
        assert abs(mixed - exact) <= mp.mpf(10) ** -15 * exact


def test_s2nn_is_half_a_logistic_and_half_a_pole() -> None:
    """G = alpha G_sigma'(alpha sqrt v)/2 + beta/sqrt(2 pi v) gs(1/sqrt(2 v))."""
    left = quadrature.mean(kc.SigmoidSurrogate(R(1, 4), 3), R(7, 10), digits=26)
    with mp.workdps(30):
        size = mp.mpf(7) / 10
        right = 2 / mp.sqrt(2 * mp.pi * size) * mp_goodwin_staton(1 / mp.sqrt(2 * size))
        assert abs(3 * left / 2 + right - quadrature.mean(kc.S2NN(3, 2), R(7, 10), digits=26)) < 1e-24


def incomplete(low: mp.mpf, m: mp.mpf, t: mp.mpf) -> mp.mpf:
    """The integral of exp(-(y - m)^2)/(y + t)^2 over y > low, as a series of incomplete gamma functions."""
    shift = t + m
    terms = mp.nsum(
        lambda n: (2 * shift) ** n / mp.factorial(n) * mp.gammainc((n - 1) / mp.mpf(2), (low + t) ** 2) / 2,
        [0, mp.inf],
        method="d",
    )
    return mp.exp(-(shift**2)) * terms


def test_the_series_of_superspike_off_centre_and_of_sfs() -> None:
    with mp.workdps(30):
        size, centre = mp.mpf(7) / 10, mp.mpf(2) / 5
        scale = mp.sqrt(2 * size)
        t, m = 1 / (3 * scale), centre / scale
        found = t**2 / mp.sqrt(mp.pi) * (incomplete(mp.mpf(0), m, t) + incomplete(mp.mpf(0), -m, t))
        exact = quadrature.mean(kc.SuperSpike(1, 3).shifted(R(2, 5)), R(7, 10), digits=24)
        assert abs(found - exact) < mp.mpf(10) ** -18
        sparse = t**2 / mp.sqrt(mp.pi) * incomplete(1 / (2 * scale), mp.mpf(0), t)
        exact = quadrature.mean(kc.SparseFastSigmoid(3, R(1, 2)), R(7, 10), digits=24)
        assert abs(sparse - exact) < mp.mpf(10) ** -18


def test_superspike_for_small_slopes_and_by_an_integral() -> None:
    """A sum (-1)^n (n + 1) x^n Gamma((n + 1)/2)/sqrt(pi), x = beta sqrt(2 v), and an integral of erfcx."""
    with mp.workdps(30):
        for x in (mp.mpf("0.05"), mp.mpf("0.1")):
            terms = [(-x) ** n * (n + 1) * mp.gamma(mp.mpf(n + 1) / 2) / mp.sqrt(mp.pi) for n in range(40)]
            exact = quadrature.mean(kc.SuperSpike(1, 1), sp.Rational(str(x)) ** 2 / 2, digits=22)
            assert abs(mp.fsum(terms) - exact) < 2e-16
            laplace = mp.quad(lambda u, x=x: u * mp.exp(-u) * mp_erfcx(x * u / 2), [0, 2, 20, 90])
            assert abs(laplace - exact) < mp.mpf(10) ** -20


def even_rule(s: Callable[[Any], Any], size: float) -> float:
    """2/sqrt(pi) of the integral of exp(-y^2) s(sqrt(2 v) y), y = exp(u - exp(-u)): 70 fixed nodes."""
    u = np.arange(-3.7, 1.95, 0.08)
    y = np.exp(u - np.exp(-u))
    weights = 0.08 * y * (1 + np.exp(-u)) * np.exp(-(y**2))
    return float(2 / np.sqrt(np.pi) * weights @ s(np.sqrt(2 * size) * y))


@pytest.mark.parametrize("name", ["Laplace", "SuperSpike", "LogAbs", "ATanSurrogate", "Circ"])
def test_seventy_nodes_serve_every_even_function(name: str) -> None:
    f = getattr(kc, name)()
    s = sp.lambdify(z, f.expr, "numpy")
    for size in (1e-6, 0.3, 1e3):
        assert even_rule(s, size) == pytest.approx(kc.mean(f)(size), rel=1e-12)


# ---------------------------------------------------------------- how the mean enters


def test_half_of_it_for_heaviside_and_the_scaling_law() -> None:
    s = kc.SuperSpike(3, 2).symbolic
    whole, half = kc.dual(kc.Sign().derivative, s).expr, kc.dual(kc.Heaviside().derivative, s).expr
    assert whole is not None
    assert half is not None
    assert sp.simplify(whole - 2 * half) == 0
    A, beta = (symbol for symbol, _ in s.parameters)
    form = kc.mean(s).expr
    assert form is not None
    assert sp.simplify(form - A * form.subs({A: 1, beta: 1}).subs(v, beta**2 * v)) == 0


def test_the_limit_at_a_jump_is_not_the_value_there() -> None:
    """S78 near the diagonal: (s(0+) + s(0-))/2; S79 on it: that mean too, while the program has s(0) = h."""
    s = kc.StepSurrogate(R(1, 4), 1)
    form = kc.mean(s).expr
    assert form is not None
    assert form.limit(v, 0) == R(5, 8) != s.expr.subs(z, 0)


# ---------------------------------------------------------------- duals


def test_powers() -> None:
    for k in (1, 5, 6):
        expected = sum(
            (sp.factorial(k) / (2**i * sp.factorial(i))) ** 2 * (a * b) ** i * c ** (k - 2 * i)
            / sp.factorial(k - 2 * i)
            for i in range(k // 2 + 1)
        )  # fmt: skip
        assert sp.expand(kc.dual(kc.Monomial(k)).expr - expected) == 0


LAW = {a: R(5, 4), b: R(3, 4), c: R(-1, 2)}


DUALS = {found.tag: found for found in claim.collect() if found.tag.startswith("dual/")}


@pytest.mark.parametrize("tag", [tag for tag in DUALS if f"{tag}/slope" in DUALS])
def test_price(tag: str) -> None:
    """d/dc E[f f] = E[f' f'], of the forms as printed."""
    form, slope = DUALS[tag].printed, DUALS[f"{tag}/slope"].printed
    at = {**DUALS[tag].points[0], **LAW}
    assert abs(sp.N((form.diff(c) - slope).subs(at), 25)) < R(1, 10**20)


def test_slopes_of_real_powers() -> None:
    """E[f' f'] of max(x, 0)^p, as derived, is p^2 times the claim about p - 1."""
    rectified_power = import_module("kernelcalc.derivations.catalogue_polynomials").rectified_power
    slope = kc.dual(kc.RectifiedPower(R(9, 4)).derivative).expr
    assert slope is not None
    with mp.workdps(30):
        forms = (form.subs({a: 2, b: 3}) for form in (slope, rectified_power(R(5, 4))))
        found, claimed = (sp.lambdify(c, form, "mpmath") for form in forms)
        assert abs(found(mp.mpf("0.7")) - R(81, 16) * claimed(mp.mpf("0.7"))) < mp.mpf(10) ** -25


def test_gates_of_two_slopes() -> None:
    """E[X Phi(beta X) Y Phi(gamma Y)] = kappa_gelu(beta^2 a, gamma^2 b, beta gamma c)/(beta gamma)."""
    beta, gamma = R(3, 2), R(2, 3)
    found = kc.dual(kc.ScaledGELU(beta), kc.ScaledGELU(gamma)).expr
    gelu = kc.dual(kc.GELU()).expr
    assert found is not None
    assert gelu is not None
    scaled = gelu.subs({a: beta**2 * a, b: gamma**2 * b, c: beta * gamma * c}, simultaneous=True)
    assert abs(sp.N((found - scaled / (beta * gamma)).subs(LAW), 25)) < R(1, 10**22)


def test_exp_normalized_is_an_exponential() -> None:
    """The kernel map sqrt(ab) exp(g (rho + t)) of neural-tangents at a = b = 1 is that of exp(sqrt(g) x)."""
    g = R(3, 4)
    form = kc.dual(kc.Exp(sp.sqrt(g))).expr
    assert form is not None
    assert sp.simplify(form.subs({a: 1, b: 1}) - sp.exp(g * (c + 1))) == 0


def test_arctan_as_a_double_integral_of_arcsines() -> None:
    """2 Int exp(-p^2 - q^2) asin(2 p q c/sqrt((1 + 2 p^2 a)(1 + 2 q^2 b))) over p, q > 0."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    p, w = 3.25 * (nodes + 1), 3.25 * weights
    size = np.exp(-(p**2)) * w
    A, B, C = 1.25, 0.75, 0.5
    inner = 2 * p[:, None] * p * C / np.sqrt((1 + 2 * p[:, None] ** 2 * A) * (1 + 2 * p**2 * B))
    assert 2 * size @ np.arcsin(inner) @ size == pytest.approx(kc.dual(kc.Arctan())(A, B, C), rel=1e-12)


def test_linear_shift_leaves_the_density() -> None:
    """G(mu, v) of the multi-Gaussian: the same three terms, centred at mu and mu -+ sigma."""
    s = kc.MultiGaussian()
    form = kc.mean(s, "mu").expr
    assert form is not None
    gamma, h, sigma, wide = (s.params[name] for name in ("gamma", "h", "sigma", "s"))
    lobes = sum(density(mu + side * sigma, wide**2 * sigma**2 + v) for side in (1, -1))
    expected = gamma * ((1 + h) * density(mu, sigma**2 + v) - h * lobes)
    assert abs(sp.N((form - expected).subs({v: R(3, 4), mu: R(2, 5)}), 40)) < R(1, 10**35)


def test_quarter_planes_by_plackett_and_by_owen() -> None:
    """Phi(h) Phi(k) + 1/(2 pi) Int exp(-(h^2 + k^2 - 2 h k sin u)/(2 cos(u)^2)) over 0 < u < asin r, and
    (Phi(h) + Phi(k))/2 - T(h, .) - T(k, .) - [h k < 0]/2."""

    def owen(h: mp.mpf, t: mp.mpf) -> mp.mpf:
        return mp.quad(lambda x: mp.exp(-(h**2) * (1 + x**2) / 2) / (1 + x**2), [0, t]) / (2 * mp.pi)

    with mp.workdps(30):
        for case in (("0.7", "1.2", "0.6"), ("-0.4", "1.5", "-0.8")):
            h, k, r = map(mp.mpf, case)
            found = bivariate_normal_cdf(h, k, r)
            angle = [0, mp.asin(r)]
            far = [h**2 + k**2, 2 * h * k]
            plackett = mp.quad(
                lambda u, far=far: mp.exp(-(far[0] - far[1] * mp.sin(u)) / (2 * mp.cos(u) ** 2)), angle
            )
            assert abs(mp.ncdf(h) * mp.ncdf(k) + plackett / (2 * mp.pi) - found) < mp.mpf(10) ** -25
            s = mp.sqrt(1 - r**2)
            rest = owen(h, (k - r * h) / (h * s)) + owen(k, (h - r * k) / (k * s))
            half = (mp.ncdf(h) + mp.ncdf(k)) / 2 - (0.5 if h * k < 0 else 0)
            assert abs(half - rest - found) < mp.mpf(10) ** -25


@pytest.mark.parametrize("k", [2, 3])
def test_slopes_of_rectified_monomials(k: int) -> None:
    form, slope = (kc.dual(f).expr for f in (kc.RectifiedMonomial(k - 1), kc.RectifiedMonomial(k).derivative))
    assert form is not None
    assert slope is not None
    assert abs(sp.N((k**2 * form - slope).subs(LAW), 25)) < R(1, 10**22)
