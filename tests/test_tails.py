"""Exponentials times normal integrals as one function: in float64, double-double, mpmath; what they serve."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sympy as sp
from exact_kernels import exact, ulps
from mpmath import mp, mpf

import kernelcalc as kc
from kernelcalc.compile.arithmetic.normal import scaled_quadrant
from kernelcalc.compile.arithmetic.primitives import compiled
from kernelcalc.compile.arithmetic.twofold import Two
from kernelcalc.compile.arithmetic.twofold_normal import scaled_side, scaled_slopes
from kernelcalc.compile.digits import OPERATIONS
from kernelcalc.compile.forms.stable import program
from kernelcalc.compile.forms.tails import by_erf, scaled, tails
from kernelcalc.functions.normal import FAR, Phi, Phi2, bivariate_normal_cdf, scaled_wedge, wedge
from kernelcalc.functions.special import erfcx
from kernelcalc.symbols import a, b, c

RNG = np.random.default_rng(1889)


def corners(size: float, count: int = 40) -> list[tuple[float, ...]]:
    """h, k and (1 - r)/2."""
    return [
        tuple(map(float, (*side, RNG.uniform(0.02, 0.98)))) for side in size * RNG.uniform(-1, 1, (count, 2))
    ]


def sides(h: mpf, k: mpf, q: mpf) -> tuple[mpf, mpf]:
    r, s = 1 - 2 * q, 2 * mp.sqrt(q * (1 - q))
    return (k - r * h) / s, (h - r * k) / s


@pytest.mark.parametrize("size", [1e-3, 1.0, 6.0])
def test_scaled_quarter_planes(size: float) -> None:
    for h, k, q in corners(size):
        with mp.workdps(40):
            exactly = [mpf(x) for x in (h, k, q)]
            A, B = (mpf(float(x)) for x in sides(*exactly))
            Q = mpf(h) ** 2 + A**2
            whole = mp.exp(Q / 2) * bivariate_normal_cdf(-h, -k, 1 - 2 * mpf(q))
            terms = mp.exp(Q / 2) if min(h, k, A, B) < 0 else whole
            assert abs(scaled_quadrant(h, k, float(A), float(B)) - whole) <= 40 * mpf(2) ** -52 * terms
            A, B = sides(*exactly)
            value = OPERATIONS["scaled_quadrant"](*exactly[:2], A, B)
            assert abs(value - whole * mp.exp((exactly[0] ** 2 + A**2 - Q) / 2)) <= mpf(10) ** -35 * terms


@pytest.mark.parametrize(
    ("scale", "thin"),
    [*((scale, 1.0) for scale in (1e-2, 1.0, 30.0, 1e6, 1e70, 1e120, 1e150)), (1e70, 1e-16), (1e140, 1e-16)],
)
def test_scaled_wedges_are_the_integral_of_their_definition(scale: float, thin: float) -> None:
    """h/(2 pi) Int_0^oo exp(-A t - t^2/2)/(h^2 + (A + t)^2) dt, whatever the range of floats."""

    @compiled
    def doubled(h: Two, A: Two) -> Two:
        return scaled_side(h, A)

    for h, A in scale * RNG.uniform(0.05, 1, (12, 2)) * [thin, 1]:
        with mp.workdps(60):
            x, y = mpf(float(h)), mpf(float(A))
            t, square = 1 / (1 + y), x * x + y * y  # units: mp.quad's error is absolute
            integral = mp.quad(
                lambda u, x=x, y=y, t=t, square=square: (
                    mp.exp(-u * t * (y + u * t / 2)) * square / (x * x + (y + u * t) ** 2)
                ),
                [0, 1, 3, 8, 20, 50, 150],
            )
            wanted = x * integral * t / square / (2 * mp.pi)
        with mp.workdps(40):
            assert abs(scaled_wedge(x, y) - wanted) <= mpf(10) ** -37 * wanted
            high, low = doubled((float(h), 0.0), (float(A), 0.0))
            digits = 24 if scale < 1e140 else 17  # low parts are denormal numbers
            assert abs(mpf(high) + mpf(low) - wanted) <= mpf(10) ** -digits * wanted
        alone = scaled_quadrant(float(h), 0.0, float(A), max(scale, 1.0))
        assert abs(alone - wanted) <= 8 * 2.0**-52 * wanted


def test_slopes_bound_the_derivatives() -> None:
    for h, A in [*RNG.uniform(0.01, 9, (20, 2)), *(RNG.uniform(0.01, 3, (20, 2)) * [1, -1])]:
        with mp.workdps(40):
            x, y, e = mpf(float(h)), mpf(float(A)), mpf(10) ** -15
            by_h = abs(scaled_wedge(x + e, y) - scaled_wedge(x, y)) / e
            by_A = abs(scaled_wedge(x, y + e) - scaled_wedge(x, y)) / e
            bounds = scaled_slopes(float(h), float(A), float(scaled_wedge(x, y)))
        assert by_h <= 1.001 * bounds[0]
        assert by_A <= 1.001 * bounds[1]


def test_wedges_beside_half_planes() -> None:
    with mp.workdps(30):
        for h, A in ((0.3, -2.0), (4.0, -1.0)):
            whole = mp.exp((mpf(h) ** 2 + mpf(A) ** 2) / 2) * wedge(mpf(h), mpf(A))
            assert abs(scaled_wedge(mpf(h), mpf(A)) - whole) <= mpf(10) ** -27 * whole
        side = OPERATIONS["scaled_quadrant"]
        assert scaled_wedge(mpf(0), mpf(1)) == side(mpf(0), mpf(0), mpf(0), mpf(1)) == 0
        assert FAR * mp.dps < 100**2 + 90**2  # another branch
        assert scaled_wedge(mpf(100), mpf(-90)) > mp.exp(4000)


def test_what_is_recognised() -> None:
    x = sp.sqrt(a)
    assert tails(sp.exp(a / 2) * Phi(-x)) == erfcx(x / sp.sqrt(2)) / 2
    assert tails(sp.exp(a / 3) * Phi(-x)) == sp.exp(a / 3) * Phi(-x)
    r = c / sp.sqrt(a * b)
    product = sp.exp(a / 2 + b / 2 + c) * Phi2(-x - c / x, -sp.sqrt(b) - c / sp.sqrt(b), r)
    assert tails(3 * product) == 3 * scaled(x + c / x, sp.sqrt(b) + c / sp.sqrt(b), r)
    assert tails(sp.exp(c) * product) == sp.exp(c) * product
    assert by_erf(1 - 2 * Phi(-x)) == sp.erf(x / sp.sqrt(2))


@pytest.mark.parametrize("name", ["ELU", "SELU", "CELU"])
def test_steep_integrals_give_way_to_forms_without_exponentials(name: str) -> None:
    (pair,) = (made for made in program(kc.NTK(getattr(kc, name)(), 3)).integrals if len(made.values) == 2)
    assert pair.direct is not None
    assert not any(let.value.has(sp.exp) for let in pair.direct.pair)


FUNCTIONS = {
    "elu": kc.ELU,
    "selu": kc.SELU,
    "exp(-|z|)": lambda: kc.function("exp(-abs(z))"),
    "hard-tanh": kc.HardTanh,
    "hard-swish": kc.HardSwish,
}


@pytest.mark.parametrize("size", [30.0, 1e4, 1e8])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_long_rows_keep_their_digits(name: str, size: float) -> None:
    kernel = kc.NTK(FUNCTIONS[name](), 3, sigma_b=0.5)
    x, y = size * RNG.standard_normal((2, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        K = kernel(np.array([x, y]))
    for value, rows in ((K[0, 1], (x, y)), (K[0, 0], (x, x))):
        assert ulps(float(value), exact([kernel], *rows, [3])[0][0]) <= 16
