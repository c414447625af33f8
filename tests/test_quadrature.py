"""The witness against values known without it, and its refusal to vouch for what it cannot certify."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
import sympy as sp
from mpmath import mp, mpf

import kernelcalc.quadrature as quadrature
from kernelcalc.errors import InputError, Undefined
from kernelcalc.quadrature import dual, generalized, layers, mean, nngp, ntk, plane, sgntk
from kernelcalc.quadrature.rules import gauss_hermite, gauss_legendre
from kernelcalc.symbols import z

ZERO = sp.Integer(0)
Q = sp.Rational


@dataclass(frozen=True)
class Given:
    """The least a function must be for the witness."""

    expr: sp.Expr
    breakpoints: tuple[sp.Expr, ...] = ()
    deltas: tuple[tuple[sp.Expr, sp.Expr], ...] = ()


def erf(m: object = 1) -> Given:
    return Given(sp.erf(m * z))


LINEAR = Given(z)
RELU = Given(sp.Max(0, z), (ZERO,))
STEP = Given(sp.Heaviside(z), (ZERO,))
SIGN = Given(sp.sign(z), (ZERO,))
DELTA = Given(ZERO, (), ((ZERO, sp.Integer(2)),))  # the derivative of sign
GAUSS = Given(2 / sp.sqrt(sp.pi) * sp.exp(-(z**2)))  # the derivative of erf
CUSP = Given((1 + 25 * sp.Abs(z)) ** -2, (ZERO,))


def close(found: mpf, exact: mpf, digits: int) -> bool:
    return bool(abs(found - exact) <= abs(exact) * mpf(10) ** -digits)


def real(value: sp.Expr) -> mpf:
    return mpf(value.p) / value.q if value.is_Rational else mpf(value.evalf(mp.dps))


V = Q(7, 3)
MEANS: dict[str, tuple[Given, sp.Expr, sp.Expr, Callable[[], mpf]]] = {
    "variance": (Given(z**2), V, ZERO, lambda: mpf(7) / 3),
    "fourth moment": (Given(z**4), V, ZERO, lambda: mpf(49) / 3),
    "shifted square": (Given(z**2), V, Q(-1, 3), lambda: mpf(7) / 3 + mpf(1) / 9),
    "modulus": (Given(sp.Abs(z), (ZERO,)), V, ZERO, lambda: mp.sqrt(14 / (3 * mp.pi))),
    "root, infinitely steep": (
        Given(sp.sqrt(sp.Abs(z)), (ZERO,)), sp.S.One, ZERO,
        lambda: mpf(2) ** 0.25 * mp.gamma(0.75) / mp.sqrt(mp.pi),
    ),
    "mass far out": (Given(sp.exp(20 * z)), sp.S.One, ZERO, lambda: mp.exp(200)),
    "tail": (Given(sp.Heaviside(z - 40), (Q(40),)), sp.S.One, ZERO, lambda: mp.erfc(40 / mp.sqrt(2)) / 2),
    "needle": (Given(sp.exp(-(10**12) * z**2)), sp.S.One, ZERO, lambda: 1 / mp.sqrt(1 + 2 * mpf(10) ** 12)),
    "needle on a plain": (
        Given(3 + sp.exp(-(10**12) * z**2)), sp.S.One, ZERO, lambda: 3 + 1 / mp.sqrt(1 + 2 * mpf(10) ** 12)
    ),
    "steep, off centre": (
        erf(10**6), sp.Integer(2), Q(1, 3), lambda: mp.erf(mpf(1) / 3 / mp.sqrt(4 + mpf(10) ** -12))
    ),
    "oscillation cancels": (Given(sp.cos(10 * z)), sp.S.One, ZERO, lambda: mp.exp(-50)),
    "mass": (DELTA, sp.Integer(2), sp.S.One, lambda: 2 * mp.exp(-mpf(1) / 4) / mp.sqrt(4 * mp.pi)),
    "wide": (erf(), Q(10**30), Q(10**15), lambda: mp.erf(1 / mp.sqrt(2 + mpf(10) ** -30))),
}  # fmt: skip


@pytest.mark.parametrize("case", MEANS.values(), ids=MEANS.keys())
def test_mean_to_50_digits(case: tuple[Given, sp.Expr, sp.Expr, Callable[[], mpf]]) -> None:
    f, v, mu, exact = case
    found = mean(f, v, mu=mu)
    with mp.workdps(70):
        assert close(found, exact(), 50)


def test_mean_at_zero_variance_and_of_odd_functions() -> None:
    with mp.workdps(60):
        assert close(mean(erf(), 0, mu=Fraction(1, 3)), mp.erf(mpf(1) / 3), 50)
    assert mean(erf(), 3) == 0
    assert (
        mean(Given(sp.Heaviside(z - 1), (sp.S.One,)), Q(1, 10**12)) == 0
    )  # a million standard deviations away
    with pytest.raises(Undefined, match="Dirac mass"):
        mean(DELTA, 0)


def sheppard(rho: mpf) -> mpf:
    """P(X > 0, Y > 0), Sheppard 1899."""
    return mpf(1) / 4 + mp.asin(rho) / (2 * mp.pi)


def arc_cosine(a: mpf, b: mpf, c: mpf) -> mpf:
    """E relu(X) relu(Y), Cho and Saul 2009 (degree 1)."""
    root = mp.sqrt(a * b - c**2)
    return (root + c * (mp.pi - mp.atan2(root, c))) / (2 * mp.pi)


def arc_sine(m: int) -> Callable[[mpf, mpf, mpf], mpf]:
    """E erf(m X) erf(m Y), Williams 1998."""
    return lambda a, b, c: (
        2 / mp.pi * mp.asin(2 * m**2 * c / mp.sqrt((1 + 2 * m**2 * a) * (1 + 2 * m**2 * b)))
    )


Plane = tuple[Given, Given, Callable[[mpf, mpf, mpf], mpf]]
PAIRS: dict[str, Plane] = {
    "XY": (LINEAR, LINEAR, lambda a, b, c: c),
    "X^2Y^2": (Given(z**2), Given(z**2), lambda a, b, c: a * b + 2 * c**2),
    "orthant": (STEP, STEP, lambda a, b, c: sheppard(c / mp.sqrt(a * b))),
    "relu": (RELU, RELU, arc_cosine),
    "erf": (erf(), erf(), arc_sine(1)),
    "mass and linear": (DELTA, Given(z**2), lambda a, b, c: 2 / mp.sqrt(2 * mp.pi * a) * (b - c**2 / a)),
    "two masses": (DELTA, DELTA, lambda a, b, c: 2 / (mp.pi * mp.sqrt(a * b - c**2))),
    "exp": (Given(sp.exp(z)), Given(sp.exp(2 * z)), lambda a, b, c: mp.exp((a + 4 * c + 4 * b) / 2)),
}
LAWS = {
    "half": (Q(1), Q(1), Q(1, 2)),
    "unequal, negative": (Q(2), Q(1, 3), Q(-1, 2)),
    "independent": (Q(1), Q(2), Q(0)),
    "close to a line": (Q(1), Q(1), 1 - Q(1, 10**20)),
    "close to a falling line": (Q(1), Q(4), -2 + Q(1, 10**7)),
    "very different variances": (Q(1, 10**20), Q(1), Q(1, 10**11)),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_dual_to_30_digits(pair: Plane, law: tuple[sp.Expr, sp.Expr, sp.Expr]) -> None:
    f, g, formula = pair
    found = dual(f, g, *law)
    with mp.workdps(90):
        assert close(found, formula(*map(real, law)), 30)


def test_orthant_of_correlation_one_half_is_a_third() -> None:
    assert close(dual(STEP, STEP, 1, "1", 0.5), mpf(1) / 3, 15)


def test_steep_functions_in_the_plane() -> None:
    found = dual(erf(10**6), erf(10**6), 1, 2, Q(1, 2), digits=20)
    with mp.workdps(40):
        assert close(found, arc_sine(10**6)(mpf(1), mpf(2), mpf(0.5)), 20)


@pytest.mark.parametrize("law", [(2, 1, Q(1, 2)), (1, 1, Q(999, 1000))], ids=["tiles", "ridge"])
def test_swapping_the_arguments(law: tuple[int, int, sp.Expr]) -> None:
    a, b, c = law
    shifted = Given(sp.Heaviside(z - 1), (sp.S.One,), ((Q(1, 2), sp.S.One),))
    with mp.workdps(20):
        assert close(dual(CUSP, shifted, a, b, c, digits=16), dual(shifted, CUSP, b, a, c, digits=16), 16)


def test_both_ways_through_the_plane_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    case = (CUSP, Given(sp.Max(0, z + Q(1, 3)), (Q(-1, 3),)), 1, 2, Q(7, 5))
    found = []
    for narrow in (0.0, 0.5):
        monkeypatch.setattr(plane, "NARROW", narrow)
        found.append(dual(*case, digits=16))
    assert found[0] != found[1]  # else it was one way twice
    with mp.workdps(20):
        assert close(found[0], found[1], 16)


def test_singular_covariances() -> None:
    with mp.workdps(40):
        assert close(dual(LINEAR, LINEAR, 4, 1, -2), mpf(-2), 30)
        assert close(dual(RELU, RELU, 3, 3, 3), mpf(3) / 2, 30)
        assert dual(RELU, RELU, 3, 3, -3) == 0
        assert close(dual(sign_at(0), STEP, 1, 4, 2), 1 / mp.sqrt(2 * mp.pi), 30)  # the limit of regular laws
        assert close(dual(sign_at(1), LINEAR, 1, 4, -2), -4 * mp.exp(-0.5) / mp.sqrt(2 * mp.pi), 30)
        assert close(dual(Given(z + 3), erf(), 0, 1, 0), mpf(0), 30)
        assert close(dual(Given(z + 3), RELU, 0, 1, 0), 3 / mp.sqrt(2 * mp.pi), 30)
        assert dual(sign_at(1), sign_at(2), 1, 1, 1) == 0  # they never meet
        irrational = dual(LINEAR, LINEAR, sp.sqrt(2), sp.sqrt(8), 2)
        assert close(irrational, mpf(2), 30)
    for law in ((1, 4, 2), (1, 4, -2)):
        with pytest.raises(Undefined, match="meet"):
            dual(DELTA, DELTA, *law)
    with pytest.raises(Undefined, match="Dirac mass"):
        dual(DELTA, RELU, 0, 1, 0)


def sign_at(t: int) -> Given:
    return Given(ZERO, (), ((sp.Integer(t), sp.Integer(2)),))


KINK = sp.Max(0, z - Q(3, 10))


def test_an_undeclared_kink_is_noticed() -> None:
    honest, careless = Given(KINK, (Q(3, 10),)), Given(KINK)
    mean(honest, 1)
    with pytest.raises(ArithmeticError, match="breakpoints"):
        mean(careless, 1)
    dual(honest, RELU, 1, 1, Q(1, 2))
    with pytest.raises(ArithmeticError, match="breakpoints"):
        dual(careless, RELU, 1, 1, Q(1, 2))


def test_what_has_no_value() -> None:
    with pytest.raises(Undefined, match="outgrows"):
        mean(Given(sp.exp(z**2)), 1)
    with pytest.raises(Undefined, match="no finite real value"):
        mean(Given(sp.log(z)), 1)
    with pytest.raises(InputError, match="m"):
        mean(Given(sp.erf(sp.Symbol("m") * z)), 1)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda: mean(RELU, -1), "v = -1"),
        (lambda: mean(RELU, float("nan")), "v = nan"),
        (lambda: mean(RELU, 1, mu="x"), "mu = 'x'"),
        (lambda: mean(RELU, 1, digits=0), "digits = 0"),
        (lambda: dual(RELU, RELU, 1, 1, 1.5), "c = 1.5"),
        (lambda: dual(RELU, RELU, 0, 1, 0.5), "c = 0.5"),
        (lambda: dual(RELU, RELU, 1, -1, 0), "b = -1"),
        (lambda: dual(RELU, RELU, sp.Symbol("a"), 1, 0), "a = a"),
        (lambda: nngp(RELU, [1.0], [1.0], 0, 1, 0), "depth = 0"),
        (lambda: nngp(RELU, [1.0], [1.0, 2.0], 2, 1, 0), "equal length"),
        (lambda: nngp(RELU, [], [], 2, 1, 0), "x is empty"),
        (lambda: nngp(RELU, [1.0, math.inf], [1.0, 2.0], 2, 1, 0), r"x\[1\] = inf"),
        (lambda: nngp(RELU, [1.0], 3, 2, 1, 0), "y = 3"),  # type: ignore[arg-type]  # that is the point
        (lambda: nngp(RELU, [1.0], [1.0], 2, 0, 0), "sigma_w = 0"),
        (lambda: nngp(RELU, [1.0], [1.0], 2, 1, -1), "sigma_b = -1"),
    ],
)
def test_wrong_input_is_named(wrong: Callable[[], mpf], name: str) -> None:
    with pytest.raises(InputError, match=name):
        wrong()


X, Y = [0.3, -1.2, 0.7], [1.1, 0.4, -0.25]


def inner(x: list[float], y: list[float]) -> Fraction:
    return sum((Fraction(s) * Fraction(t) for s, t in zip(x, y, strict=True)), Fraction(0)) / len(x)


def ratio(value: Fraction) -> mpf:
    return mpf(value.numerator) / value.denominator


def test_kernels_of_linear_networks() -> None:
    one = Given(sp.S.One)
    for x, y in ((X, Y), (X, X)):
        with mp.workdps(30):
            first = ratio(4 * inner(x, y))
            assert close(nngp(LINEAR, x, y, 3, 2, 0, digits=20), 16 * first, 20)
            assert close(ntk(LINEAR, one, x, y, 3, 2, 0, digits=20), 3 * 16 * first, 20)
            # every bias adds its variance, passed on with the weights above it
            assert close(nngp(LINEAR, x, y, 3, 2, Q(1, 2), digits=20), 16 * first + mpf(21) / 4, 20)


def test_relu_networks_on_a_line() -> None:
    """With sigma_w^2 = 2 and no bias a ReLU network keeps variances, and is homogeneous."""
    root = sp.sqrt(2)
    twice, minus = [2 * t for t in X], [-t for t in X]
    with mp.workdps(30):
        first = ratio(2 * inner(X, X))
        assert close(nngp(RELU, X, X, 4, root, 0, digits=20), first, 20)
        assert close(ntk(RELU, STEP, X, X, 4, root, 0, digits=20), 4 * first, 20)
        assert close(ntk(RELU, STEP, X, twice, 4, root, 0, digits=20), 8 * first, 20)
        second = layers(RELU, STEP, RELU, STEP, X, minus, 3, root, 0, digits=20)[1]
        assert (second.c, second.factor) == (0, mpf(1) / 2)
        assert close(second.a, first, 20)


def test_second_layer_from_published_kernels() -> None:
    with mp.workdps(30):
        a, b, c = (ratio(inner(*pair) + Fraction(1, 4)) for pair in ((X, X), (Y, Y), (X, Y)))
        assert close(nngp(RELU, X, Y, 2, 1, 0.5, digits=20), arc_cosine(a, b, c) + 0.25, 20)
        plain = arc_sine(1)(a, b, c) + 0.25
        assert close(nngp(erf(), X, Y, 2, 1, 0.5, digits=20), plain, 20)
        slope = 4 / (mp.pi * mp.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c**2))
        assert close(ntk(erf(), GAUSS, X, Y, 2, 1, 0.5, digits=20), plain + c * slope, 20)


def test_asymmetry_and_general_recursion() -> None:
    forth = sgntk(SIGN, DELTA, GAUSS, X, Y, 3, 1, 0.5, digits=16)
    back = sgntk(SIGN, DELTA, GAUSS, Y, X, 3, 1, 0.5, digits=16)
    assert abs(forth - back) > 1e-3
    assert close(generalized(SIGN, GAUSS, SIGN, DELTA, Y, X, 3, 1, 0.5, digits=16), forth, 15)
    steps = layers(SIGN, DELTA, SIGN, GAUSS, X, Y, 3, 1, 0.5, digits=16)
    kernel = steps[0].c
    for before, layer in pairwise(steps):
        assert before.factor is not None
        kernel = layer.c + kernel * before.factor
    assert steps[-1].factor is None
    assert close(kernel, forth, 15)


def test_sign_networks() -> None:
    minus = [-t for t in X]
    assert nngp(SIGN, X, X, 3, 1, 0.5, digits=20) == 1.25
    assert nngp(SIGN, X, minus, 3, 1, 0, digits=20) == -1
    assert nngp(SIGN, X, [2 * t for t in X], 3, 1, 0, digits=20) == 1
    for y in (X, minus):
        with pytest.raises(Undefined, match="meet"):
            ntk(SIGN, DELTA, X, y, 2, 1, 0)
    assert sgntk(SIGN, DELTA, GAUSS, X, X, 3, 1, 0.5, digits=16) > 0


def test_inputs_one_rounding_apart() -> None:
    near = [math.nextafter(X[0], 1.0), *X[1:]]
    a, b, c = inner(X, X), inner(near, near), inner(X, near)
    with mp.workdps(60):
        cov, root = ratio(c), mp.sqrt(ratio(a * b - c**2))
        exact = 2 / mp.pi * mp.atan2(cov, root) + cov * 2 / (mp.pi * root)
        assert close(ntk(SIGN, DELTA, X, near, 2, 1, 0, digits=20), exact, 20)
        gap = 2 / mp.pi * mp.atan2(root, cov)
        third = 2 / mp.pi * mp.asin(1 - gap) + exact * 2 / (mp.pi * mp.sqrt(gap * (2 - gap)))
        assert close(ntk(SIGN, DELTA, X, near, 3, 1, 0, digits=20), third, 20)


def test_nearby_inputs_of_a_smooth_network() -> None:
    near = [math.nextafter(X[0], 1.0), *X[1:]]
    diagonal, beside = (ntk(erf(), GAUSS, X, y, 3, 1, 0.5, digits=16) for y in (X, near))
    assert 0 < abs(diagonal - beside) < 1e-14


def test_gauss_rules_are_exact_to_their_degree() -> None:
    with mp.workdps(50):
        for n in (5, 26, 41):
            nodes, weights = gauss_legendre(n, 40)
            assert close(
                mp.fsum(w * x ** (2 * n - 2) for x, w in zip(nodes, weights, strict=True)),
                mpf(2) / (2 * n - 1),
                40,
            )
        for n in range(2, 65):
            nodes, weights = gauss_hermite(n, 40)
            moment = mp.fsum(w * x ** (2 * n - 2) for x, w in zip(nodes, weights, strict=True))
            assert close(moment, mp.fac2(2 * n - 3), 38)


def test_it_shares_no_code_with_what_it_judges() -> None:
    allowed = {f"kernelcalc.{name}" for name in ("errors", "symbols", "functions", "quadrature")}
    files = sorted(Path(quadrature.__path__[0]).glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                names = [node.module or ""]
            for name in names:
                known = name.split(".")[0] in {"mpmath", "sympy", "__future__"} | sys.stdlib_module_names
                assert known or ".".join(name.split(".")[:2]) in allowed, (file, name)


def test_a_whole_number_under_a_fraction_keeps_its_digits() -> None:
    f = Given(1 / sp.Max(3, sp.Abs(z)), (Q(-3), Q(3)))
    with mp.workdps(40):
        third = quadrature.mean(f, Q(1, 1000), digits=35)
        assert abs(third - mpf(1) / 3) < mpf(10) ** -35


def test_a_box_far_out_keeps_its_digits() -> None:
    """At 13 to 18 standard deviations: what the mesh first reaches is not all."""
    box = Given(sp.Heaviside(z, 0) * sp.Heaviside(1 - z, 0), (ZERO, sp.S.One))
    with mp.workdps(60):
        low, high = (mp.erfc(t * mp.sqrt(10)) / 2 for t in (3, 4))
        exact = low - high
    assert close(mean(box, Q(1, 20), mu=-3, digits=42), exact, 42)
