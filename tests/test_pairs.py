"""pairs.py against exact rational arithmetic on the float64 rows."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelcalc.compile.arithmetic import pairs
from kernelcalc.compile.arithmetic.twofold import Two

Row = NDArray[np.float64]
ULP = Fraction(1, 2**52)
RNG = np.random.default_rng(3)


def fractions(x: Row) -> list[Fraction]:
    return [Fraction(float(v)) for v in x]


def exact_inner(x: Row, y: Row) -> Fraction:
    return sum((u * v for u, v in zip(fractions(x), fractions(y), strict=True)), Fraction(0))


def exact_determinant(x: Row, y: Row) -> Fraction:
    return exact_inner(x, x) * exact_inner(y, y) - exact_inner(x, y) ** 2


def exact_distance(x: Row, y: Row) -> Fraction:
    return sum(((u - v) ** 2 for u, v in zip(fractions(x), fractions(y), strict=True)), Fraction(0))


def root(q: Fraction) -> Fraction:
    """The square root to 40 digits."""
    shift = 10**80 * q.denominator
    return Fraction(isqrt(q.numerator * shift), isqrt(q.denominator * shift)) if q else q


def error(value: float | Two, exact: Fraction) -> Fraction:
    parts = value if isinstance(value, tuple) else (value,)
    total = sum(map(Fraction, parts), Fraction(0))
    return abs(total - exact) / exact if exact else abs(total)


FAMILIES: dict[str, Callable[[Row], Row]] = {
    **{f"angle {e}": lambda x, e=e: x + e * RNG.normal(size=x.size) for e in (1, 1e-2, 1e-4, 1e-8, 1e-13)},  # type: ignore[misc]  # e binds the loop variable
    **{f"opposite {e}": lambda x, e=e: e * RNG.normal(size=x.size) - x for e in (1e-4, 1e-8, 1e-13)},  # type: ignore[misc]  # as above
    "duplicate": np.copy,
    "opposite": np.negative,
    "twice": lambda x: 2 * x,
    "multiple": lambda x: x * 1.1,
    "next": lambda x: np.nextafter(x, 9),
    "one digit": lambda x: np.where(np.arange(x.size) == x.size // 2, np.nextafter(x, 9), x),
    "angle 1e-17": lambda x: x + 1e-17 * RNG.normal(size=x.size),
}
WITHOUT_MINORS = [name for name in FAMILIES if name.startswith(("angle 1e-0", "angle 1e-13", "opposite 1e"))]


def sample(family: str) -> Iterator[tuple[Row, Row]]:
    for size in (2, 3, 32, 300):
        for _ in range(6):
            x = RNG.normal(size=size)
            x *= pairs.power_above(x, x.size)
            yield x, np.asarray(FAMILIES[family](x))


@pytest.mark.parametrize("family", FAMILIES)
def test_rejection_knows_when_it_is_enough(family: str) -> None:
    for x, y in sample(family):
        xx = pairs.inner(x, x, x.size)
        rr, xr, distance = pairs.rejection(x, y, x.size, pairs.inner(x, y, x.size) / xx)
        determinant, enough = pairs.gram_determinant(xx, rr, xr)
        assert error(distance, exact_distance(x, y)) <= 4 * ULP
        if family in WITHOUT_MINORS:
            assert enough
        if enough:
            assert error(determinant, exact_determinant(x, y)) <= 4 * ULP


@pytest.mark.parametrize("family", FAMILIES)
def test_minors_are_enough_for_any_pair(family: str) -> None:
    for x, y in sample(family):
        n = x.size
        determinant = pairs.parallel_determinant(
            x, y, n, pairs.inner(x, x, n), pairs.largest(x, n), np.empty(n)
        )
        assert error(determinant, exact_determinant(x, y)) <= 6 * ULP


@pytest.mark.parametrize("family", FAMILIES)
def test_exact_pair_has_thirty_digits(family: str) -> None:
    for x, y in sample(family):
        xx, yy, xy, area, distance = pairs.exact_pair(x, y, x.size)
        bound = Fraction(max(1, x.size // 30), 10**30)
        assert error(xx, exact_inner(x, x)) <= bound
        assert error(yy, exact_inner(y, y)) <= bound
        assert abs(sum(map(Fraction, xy)) - exact_inner(x, y)) <= bound * Fraction(xx[0] + yy[0])
        assert error(area, root(exact_determinant(x, y))) <= bound
        assert error(distance, exact_distance(x, y)) <= bound


def test_elements_of_very_different_size() -> None:
    """The determinant sits in products of elements 150 orders below the largest."""
    for k in range(1, 15):
        small = 10.0 ** (-10 * k)
        x, y = np.array([1.0, small, 0.0]), np.array([1.0, small * (1 + 2.0**-52), small**2])
        area = pairs.exact_pair(x, y, x.size)[3]
        assert error(area, root(exact_determinant(x, y))) <= Fraction(1, 10**28)


@pytest.mark.parametrize("exponent", [-150, -30, 0, 30, 150])
def test_scaling_is_exact_and_reaches_one(exponent: int) -> None:
    x = RNG.normal(size=7) * 10.0**exponent
    power = pairs.power_above(x, x.size)
    assert 0.5 <= np.max(np.abs(x * power)) < 1
    assert (x * power / power == x).all()


def test_zero_rows() -> None:
    zero, x = np.zeros(3), np.ones(3)
    assert pairs.power_above(zero, 3) == 1
    assert pairs.exact_pair(zero, x, 3) == ((0.0, 0.0), (3.0, 0.0), (0.0, 0.0), (0.0, 0.0), (3.0, 0.0))
    assert pairs.exact_pair(x, zero, 3)[3] == (0.0, 0.0)
