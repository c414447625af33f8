"""kappa_n(r) = E X_+^n Y_+^n over its value at X = Y, for real n > -1, as tables of sqrt(q) and sqrt(p).

With q = (1 - r)/2 and p = (1 + r)/2 (rules.dual_polar, and the connection formula DLMF 15.8.4 with Euler's
transformation 15.8.1),

    kappa = C p^(n + 1/2) 2F1(1/2, 1/2; n + 3/2; p),  C = Gamma(n + 1)^2/(Gamma(n + 3/2) Gamma(n + 1/2)),
    1 - kappa = (1 - 2F1(-n, -n; 1/2 - n; q)) - K q^(n + 1/2) 2F1(1/2, 1/2; n + 3/2; q),
    K = Gamma(n + 1)^2 Gamma(-n - 1/2)/(pi Gamma(n + 1/2)).

For n <= -1/2 it is infinite at X = Y and stands for kappa/C. Where n + 1/2 is a whole number both parts of
the second are infinite and the sum has a logarithm: a number so near to n that nothing is seen of the
difference takes its place, with as many more digits.

A side is cut into octaves of x = 2^e m, 1 <= m < 2, with 2^(e s) taken out, and those into intervals with a
polynomial in m each. Below the lowest octave the function is C x^s to the last digit, so the polynomials of
that octave do.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kernelcalc import kept
from kernelcalc.compile.layout import POWER_SCALES, POWER_TERMS
from kernelcalc.compile.tables.piecewise import Long, Vector, long
from kernelcalc.errors import InputError
from kernelcalc.late import Late

if TYPE_CHECKING:
    import mpmath as mp
else:
    mp = Late("mpmath")

Number = Any  # mpmath carries no types
BITS = (5, 6, 7, 8, 9, 10)  # intervals of an octave, as powers of two, tried in turn
TARGET = 2.0**-54  # relative error of the polynomials
SAME = 2.0**-60  # below which octaves are alike
LEAST = 2 - POWER_SCALES  # the exponent of the least normal number
POINTS = 32  # of an octave, from which the others are interpolated
DIGITS, HAIR = 90, 30  # working digits; of the distance that stands for 0, which costs as many
ALONE = " alone"
HEADER = 3  # numbers in front of the sides
Sampled = Callable[[int, Long], Long]  # the function over 2^(e s), of e and m


@dataclass(frozen=True)
class Side:
    """coefficients[octave, interval]: in powers of m - its middle; slope: s; low: the lowest octave."""

    bits: int
    low: int
    slope: Fraction
    coefficients: Vector

    @property
    def numbers(self) -> Vector:
        """As compiled code takes them."""
        with mp.workdps(25):
            scales = np.array([float(mp.mpf(2) ** _real(e * self.slope)) for e in range(1 - POWER_SCALES, 1)])
        scales[0] = 0.0 if self.slope > 0 else np.inf if self.slope < 0 else 1.0
        head = [52 - self.bits, self.low + POWER_SCALES - 1]
        return np.concatenate([head, scales, self.coefficients.ravel()])


@dataclass(frozen=True)
class Power:
    """The tables of one exponent; gap: near q = 0 of sqrt(1 - kappa), not of kappa."""

    n: Fraction
    gap: bool = True

    @cached_property
    def border(self) -> int:
        """log2 of the sqrt(q) below which 1 - kappa is tabulated, else kappa: neither loses digits there."""
        return -1 if self.n <= 4 else -2 if self.n <= 16 else -3

    @cached_property
    def near(self) -> Side:
        """sqrt(1 - kappa) or kappa, up to the border."""
        low = next((e for e in range(self.border - 1, LEAST, -1) if self._alike(e)), LEAST)
        return _side(self._near, range(low, self.border), self.slope, self.n)

    @property
    def slope(self) -> Fraction:
        """s of what is tabulated near q = 0."""
        half = self.n + Fraction(1, 2)
        return min(Fraction(1), half) if self.gap else min(Fraction(0), 2 * half)

    @cached_property
    def far(self) -> Side:
        """kappa, up to p = 1 - q on the border."""
        return _side(self._far, range(-31, 0), 2 * self.n + 1, self.n, 1 - 4.0**self.border)

    @cached_property
    def numbers(self) -> Vector:
        sides = self.near.numbers, self.far.numbers
        return np.concatenate([[2.0**self.border, HEADER, HEADER + len(sides[0])], *sides])

    @cached_property
    def _series(self) -> tuple[list[Number], list[Number], Number]:
        """Coefficients of (1 - 2F1(...))/q and of K 2F1(...), and n, a hair off."""
        with mp.workdps(DIGITS):
            n, hair = _real(self.n), mp.mpf(10) ** -HAIR
            whole = mp.nint(n + 0.5)
            n = whole - 0.5 + hair if abs(n + 0.5 - whole) < hair else n
            K = mp.gamma(n + 1) ** 2 * mp.gamma(-n - 0.5) / (mp.pi * mp.gamma(n + 0.5))
            count = int((HAIR + 25) * np.log(10) / np.log(4)) + 2
            even, odd = [mp.mpf(1)], [K]
            for k in range(count):
                even.append(even[k] * (k - n) ** 2 / ((0.5 - n + k) * (k + 1)))
                odd.append(odd[k] * (k + 0.5) ** 2 / ((n + 1.5 + k) * (k + 1)))
            return [-x for x in even[1:]], odd[:-1], n

    def small(self, x: Number) -> Number:
        """What is tabulated near q = 0, in units of x^s and, of 1 - kappa, squared; in mpmath."""
        even, odd, n = self._series
        q = x * x
        count = min(len(even), int((DIGITS + 5) / max(0.6, -float(mp.log10(q)))) + 2)
        first, second = (mp.polyval(terms[count - 1 :: -1], q) for terms in (even, odd))
        if self.gap:  # 1 - kappa is of the order of q or q^(n + 1/2)
            return first * q ** (1 - min(1, n + 0.5)) - second * q ** (n + 0.5 - min(1, n + 0.5))
        top = 1 if n > -0.5 else mp.gamma(n + 1.5) * mp.gamma(n + 0.5) / mp.gamma(n + 1) ** 2
        return top * ((1 - first * q) * q ** -min(0, n + 0.5) + second * q ** max(0, n + 0.5))

    def _alike(self, e: int) -> bool:
        """Whether below 2^(e + 1) what is tabulated is a power of x to the last digit."""
        with mp.workdps(DIGITS):
            high, low = (self.small(mp.ldexp(1, k)) for k in (e + 1, LEAST))
            return bool(abs(high - low) < SAME * abs(low))

    def _near(self, e: int, m: Long) -> Long:
        """By interpolation between Chebyshev points of the octave."""
        nodes, weights = _points()
        with mp.workdps(DIGITS):
            values = np.array([long(self.small(mp.ldexp(_exact(x), e))) for x in nodes])
        apart = m[:, None] - nodes
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = weights / apart
            found = (shares @ values) / shares.sum(axis=1)
        hit = apart == 0
        found[hit.any(axis=1)] = values[hit.argmax(axis=1)[hit.any(axis=1)]]
        return np.asarray(m ** _long(self.slope) * (np.sqrt(found) if self.gap else found))

    def _far(self, e: int, m: Long) -> Long:
        p, n = np.ldexp(m, e) ** 2, _long(self.n)
        with mp.workdps(40):
            exact = _real(self.n)
            C = long(mp.gamma(exact + 1) ** 2 / (mp.gamma(exact + 1.5) * mp.gamma(exact + 0.5)))
            C = C if self.n > -0.5 else np.longdouble(1)
        count = int(45 / -np.log(float(p.max()))) + 3
        total = np.ones_like(p)
        for k in reversed(range(count)):
            total = 1 + total * p * ((k + 0.5) ** 2 / ((n + 1.5 + k) * (k + 1)))
        return np.asarray(C * m ** (2 * n + 1) * total)


def _real(x: Fraction) -> Number:
    return mp.mpf(x.numerator) / x.denominator


def _long(x: Fraction) -> np.longdouble:
    with mp.workdps(40):
        return long(_real(x))


def _exact(x: np.longdouble) -> Number:
    high = float(x)
    return mp.mpf(high) + mp.mpf(float(x - np.longdouble(high)))


@cache
def _points() -> tuple[Long, Long]:
    """Chebyshev points of 1 <= m <= 2 and the weights of the barycentric formula."""
    k = np.arange(POINTS)
    angles = (2 * k + 1) * np.arccos(np.longdouble(-1)) / (2 * POINTS)
    return np.longdouble(1.5) + np.cos(angles) / 2, (-1.0) ** k * np.sin(angles)


@cache
def _rule() -> tuple[Long, Long]:
    """Chebyshev points in [-1, 1] and the matrix from values there to coefficients of powers."""
    k = np.arange(POWER_TERMS)
    angles = (2 * k + 1) * np.arccos(np.longdouble(-1)) / (2 * POWER_TERMS)
    chebyshev = np.cos(k[:, None] * angles) * 2 / np.longdouble(POWER_TERMS)
    chebyshev[0] /= 2
    powers = np.zeros((POWER_TERMS, POWER_TERMS), np.longdouble)
    for j in k:
        made = np.polynomial.chebyshev.cheb2poly(np.eye(POWER_TERMS)[j])
        powers[: len(made), j] = made
    return np.cos(angles), powers @ chebyshev


def _side(sampled: Sampled, octaves: range, slope: Fraction, n: Fraction, most: float = 1.0) -> Side:
    """most: of x^2, at which the last octave ends. Raises InputError where polynomials miss the function."""
    for bits in BITS:
        parts = []
        for e in octaves:
            last = min(2.0, np.sqrt(most) * 2.0**-e)
            made = _octave(partial(sampled, e), bits, last)
            if made is None:
                break
            parts.append(made)
        if len(parts) == len(octaves):
            return Side(bits, octaves.start, slope, np.array(parts))
    raise InputError(f"max(0, z)^{float(n):g} is too steep to be tabulated")


def _octave(sampled: Callable[[Long], Long], bits: int, last: float) -> Vector | None:
    """Coefficients of the intervals (those beyond `last` are 0); None where they miss TARGET."""
    nodes, matrix = _rule()
    count, half = 2**bits, 2.0 ** (-bits - 1)
    middle: Vector = 1 + (2 * np.arange(count) + 1) * half
    used = middle - half <= last
    checks = np.cos(np.pi * np.arange(POWER_TERMS + 1) / POWER_TERMS)
    m = middle[used, None] + half * np.concatenate([nodes, checks])
    values = sampled(m.astype(np.longdouble).ravel()).reshape(m.shape)
    powers = values[:, :POWER_TERMS] @ matrix.T / np.longdouble(half) ** np.arange(POWER_TERMS)
    coefficients = powers.astype(np.float64)
    t, total = half * checks, np.zeros((len(m), len(checks)), np.longdouble)
    for k in reversed(range(POWER_TERMS)):
        total = total * t + (powers if k == 0 else coefficients)[:, k, None]
    wanted = values[:, POWER_TERMS:]
    if not (np.abs(total - wanted) <= TARGET * np.abs(wanted)).all():
        return None
    made = np.zeros((count, POWER_TERMS))
    made[used] = coefficients
    return made


@dataclass(frozen=True)
class Powers:
    """The tables of several exponents, where each begins in front of them."""

    numbers: Vector
    reach: float = float("inf")
    falls: ClassVar[bool] = False


@lru_cache(maxsize=64)
def _numbers(n: str) -> Vector:
    def generate() -> str:
        made = Power(Fraction(n.removesuffix(ALONE)), not n.endswith(ALONE))
        return base64.b64encode(made.numbers.tobytes()).decode()

    return np.frombuffer(base64.b64decode(kept.text(f"power table {n}", generate)))


def powers(exponents: Sequence[str]) -> Powers:
    """Tables of kappa_n for these n, fractions as texts, made now or by an earlier process.

    With ALONE behind it, kappa is all that is wanted.
    """
    parts = [_numbers(n) for n in exponents]
    starts = np.cumsum([len(parts), *map(len, parts[:-1])])
    return Powers(np.concatenate([starts.astype(np.float64), *parts]))
