"""twofold.py against mpmath: relative errors, exactness of the error-free transformations, a real fma."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from kernelcalc.compile.arithmetic import twofold
from kernelcalc.compile.arithmetic._coefficients import PI
from kernelcalc.compile.arithmetic.primitives import compiled, fma
from kernelcalc.compile.arithmetic.twofold import Two

POINTS = 150
RNG = np.random.default_rng(19710601)


def two(value: mpf) -> Two:
    high = float(value)
    return high, float(value - mpf(high))


def exact(x: Two) -> mpf:
    return mpf(x[0]) + mpf(x[1])


def noisy(x: NDArray[np.float64]) -> list[Two]:
    """Double-doubles with these high parts and random low parts."""
    return [(float(h), float(h) * 2.0**-54 * RNG.uniform(-1, 1)) for h in x]


def uniform(low: float, high: float) -> NDArray[np.float64]:
    return RNG.uniform(low, high, POINTS)


def magnitudes(low: float, high: float) -> NDArray[np.float64]:
    return np.asarray(10.0 ** RNG.uniform(low, high, POINTS))


def signed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x * RNG.choice([-1.0, 1.0], x.size))


def points(*parts: NDArray[np.float64]) -> list[Two]:
    return noisy(np.concatenate(parts))


def with_functions_of(arguments: list[Two], *functions: Callable[[mpf], mpf]) -> list[list[Two]]:
    with mp.workdps(50):
        return [arguments, *([two(f(exact(x))) for x in arguments] for f in functions)]


THETA = points(uniform(0, math.pi), magnitudes(-16, 0), math.pi - magnitudes(-14, 0))
SMALL = points(magnitudes(-40, -0.31))
UNIT = points(uniform(-1, 1), signed(1 - magnitudes(-12, 0)))
EXPONENTS = points(uniform(-600, 600), signed(magnitudes(-20, 1)))
DEVIATES = points(uniform(-6, 6), uniform(6, 24), signed(magnitudes(-20, 0)))
NORMAL = RNG.normal(size=(2, POINTS))
ALL_SIZES = [points(signed(magnitudes(-100, 100))) for _ in range(2)]


@dataclass(frozen=True)
class Case:
    function: Callable[..., Any]
    reference: Callable[..., mpf]
    arguments: list[list[Two]]
    bound: float
    output: int | None = None

    def __str__(self) -> str:
        return self.function.__name__ + ("" if self.output is None else f"[{self.output}]")


CASES = (
    Case(twofold.add, lambda x, y: x + y, [noisy(-NORMAL[0]), noisy(NORMAL[1])], 4e-32),
    Case(twofold.sub, lambda x, y: x - y, [noisy(NORMAL[0]), noisy(NORMAL[0] * (1 + 1e-9))], 4e-32),
    Case(twofold.mul, lambda x, y: x * y, ALL_SIZES, 7e-32),
    Case(twofold.quotient, lambda x, y: x / y, ALL_SIZES, 1.3e-31),
    Case(twofold.sqrt, mp.sqrt, [points(magnitudes(-250, 250))], 6e-32),
    Case(twofold.rsqrt, lambda x: 1 / mp.sqrt(x), [points(magnitudes(-250, 250))], 1e-31),
    Case(twofold.angles, mp.atan2, with_functions_of(THETA, mp.sin, mp.cos)[1:], 1e-31, 0),
    Case(twofold.angles, lambda y, x: mp.atan2(y, -x),
         with_functions_of(THETA, mp.sin, mp.cos)[1:], 1e-31, 1),
    Case(twofold.angles_on_circle, mp.atan2, with_functions_of(THETA, mp.sin, mp.cos)[1:], 1e-31, 0),
    Case(twofold.half_angles, lambda q, p: 2 * mp.atan2(mp.sqrt(q), mp.sqrt(p)),
         with_functions_of(SMALL, lambda q: 1 - q), 1e-31, 0),
    Case(twofold.half_angles, lambda q, p: 2 * mp.atan2(mp.sqrt(p), mp.sqrt(q)),
         with_functions_of(SMALL, lambda q: 1 - q)[::-1], 1e-31, 1),
    Case(twofold.angle_triple, lambda y, x: mp.atan2(x, y),
         with_functions_of(SMALL, mp.cos, mp.sin)[1:], 1e-31, 2),
    Case(twofold.half_angle_triple, lambda q, p, c: mp.asin(c),
         [*with_functions_of(SMALL, lambda c: (1 - c) / 2, lambda c: (1 + c) / 2)[1:], SMALL], 1e-31, 2),
    Case(twofold.asin, mp.asin, [UNIT], 1e-31),
    Case(twofold.acos, mp.acos, [UNIT], 1e-31),
    Case(twofold.atan, mp.atan, [ALL_SIZES[0]], 1e-31),
    Case(twofold.t_minus_sin, lambda t, s: t - mp.sin(t), with_functions_of(THETA, mp.sin), 2e-31),
    Case(twofold.sin_minus_t_cos, lambda t, s, c: mp.sin(t) - t * mp.cos(t),
         with_functions_of(THETA, mp.sin, mp.cos), 2e-31),
    Case(twofold.exp, mp.exp, [EXPONENTS], 1e-30),
    Case(twofold.expm1, mp.expm1, [EXPONENTS], 1e-30),
    Case(twofold.sinh, mp.sinh, [EXPONENTS], 1e-30),
    Case(twofold.cosh, mp.cosh, [EXPONENTS], 1e-30),
    Case(twofold.log, mp.log, [points(magnitudes(-200, 200), 1 + signed(magnitudes(-15, -0.3)))], 1e-30),
    Case(twofold.log1p, mp.log1p, [points(magnitudes(-30, 30), -magnitudes(-20, -0.01))], 1e-30),
    Case(twofold.erf, mp.erf, [DEVIATES], 1e-30),
    Case(twofold.erfc, mp.erfc, [DEVIATES], 1e-29),
    Case(twofold.erfcx, lambda x: mp.exp(x**2) * mp.erfc(x), [DEVIATES], 1e-29),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_relative_error(case: Case) -> None:
    worst, where = mpf(0), None
    for arguments in zip(*case.arguments, strict=True):
        result = case.function(*arguments)
        value = result if case.output is None else result[case.output]
        assert value[0] + value[1] == value[0]  # normalised
        with mp.workdps(80):
            reference = case.reference(*map(exact, arguments))
            error = abs(exact(value) - reference) / abs(reference)
        assert mp.isfinite(error)
        if error > worst:
            worst, where = error, arguments
    assert worst <= case.bound, (worst, where)


def test_error_free_transformations_are_exact() -> None:
    for a, b in zip(signed(magnitudes(-60, 60)), signed(magnitudes(-60, 60)), strict=True):
        s, e = twofold.two_sum(a, b)
        assert Fraction(s) + Fraction(e) == Fraction(float(a)) + Fraction(float(b))
        p, e = twofold.two_prod(a, b)
        assert Fraction(p) + Fraction(e) == Fraction(float(a)) * Fraction(float(b))


def test_fma_rounds_once_and_is_an_instruction() -> None:
    @compiled
    def products(x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64]) -> None:
        for i in range(error.size):
            error[i] = fma(x[i], y[i], -(x[i] * y[i]))

    x, y = RNG.normal(size=(2, 1000))
    error = np.empty(1000)
    products(x, y, error)
    for a, b, e in zip(x, y, error, strict=True):
        assert Fraction(float(a)) * Fraction(float(b)) == Fraction(float(a * b)) + Fraction(float(e))
    (assembly,) = products.inspect_asm().values()  # type: ignore[attr-defined]  # a Numba dispatcher
    assert re.search(r"fn?m(add|sub|la|ls)", assembly)
    assert not re.search(r"call\w*\s.*fma", assembly)


def test_special_values() -> None:
    zero, one = (0.0, 0.0), (1.0, 0.0)
    assert twofold.sqrt(zero) == zero
    assert twofold.sqrt((-1e-40, 0.0)) == zero
    assert twofold.rsqrt(zero) == (math.inf, 0.0)
    assert twofold.exp(zero) == one
    assert twofold.exp((-1e6, 0.0)) == zero
    assert twofold.exp((1e6, 0.0)) == (math.inf, 0.0)
    assert twofold.expm1(zero) == zero
    assert twofold.erf(zero) == zero
    assert twofold.erfc(zero) == one
    assert twofold.angles(zero, one) == (zero, PI)
    assert twofold.angles(zero, (-1.0, 0.0)) == (PI, zero)
    assert twofold.half_angles(zero, one) == (zero, PI)
