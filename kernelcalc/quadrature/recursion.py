"""Kernels of infinitely wide networks from their definition, layer by layer, on exact inputs (Theorem E.4).

Two networks (f1, s1) and (f2, s2) share their weights; a, b, c are the variances of the first on x and of the
second on y, and their covariance. NNGP, NTK and SG-NTK are the cases with one network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import sympy as sp
from mpmath import mp, mpf

from kernelcalc.errors import InputError
from kernelcalc.quadrature.exact import Integrand, compiled, exact, number
from kernelcalc.quadrature.gaussian import check_digits, expectation, vanishes
from kernelcalc.quadrature.mesh import special_points

Vector = Iterable[object]

SPARE = 6  # digits carried from layer to layer beyond those asked for


class Layer(NamedTuple):
    """Var X, Var Y, Cov(X, Y) of a layer, and the factor sigma_w^2 E s1(X) s2(Y) that leads to the next (None
    at the last layer, and where no derivatives were given)."""

    a: mpf
    b: mpf
    c: mpf
    factor: mpf | None


class _Law(NamedTuple):
    """Variances and covariance; line = +-1 if Y = line sqrt(b/a) X exactly; same if X = Y; how many digits
    of the numbers are known."""

    a: sp.Expr
    b: sp.Expr
    c: sp.Expr
    line: int
    same: bool
    known: int


class _Networks(NamedTuple):
    f1: Integrand
    s1: Integrand | None
    f2: Integrand
    s2: Integrand | None


class _Coarse(ArithmeticError):
    """The covariances must be carried to ``needed`` digits."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"the layers need more than {needed} digits: X and Y are too close to a line")
        self.needed = needed


def nngp(
    f: Integrand, x: Vector, y: Vector, depth: int, sigma_w: object, sigma_b: object, *, digits: int = 50
) -> mpf:
    """Covariance of the outputs at x and y (S57); arguments and errors as in ``generalized``."""
    return _kernel(_Networks(f, None, f, None), x, y, depth, sigma_w, sigma_b, digits)


def ntk(
    f: Integrand, df: Integrand, x: Vector, y: Vector, depth: int, sigma_w: object, sigma_b: object,
    *, digits: int = 50,
) -> mpf:  # fmt: skip
    """Neural tangent kernel; ``df`` is the derivative of ``f``."""
    return _kernel(_Networks(f, df, f, df), x, y, depth, sigma_w, sigma_b, digits)


def sgntk(
    f: Integrand, df: Integrand, s: Integrand, x: Vector, y: Vector, depth: int, sigma_w: object,
    sigma_b: object, *, digits: int = 50,
) -> mpf:  # fmt: skip
    """Surrogate gradient NTK (E.2): the derivative ``df`` acts on x, the surrogate ``s`` on y."""
    return _kernel(_Networks(f, df, f, s), x, y, depth, sigma_w, sigma_b, digits)


def generalized(
    f1: Integrand, s1: Integrand, f2: Integrand, s2: Integrand, x: Vector, y: Vector, depth: int,
    sigma_w: object, sigma_b: object, *, digits: int = 50,
) -> mpf:  # fmt: skip
    """Generalised NTK (Theorem E.4): I_1 = S_1, I_{l+1} = S_{l+1} + I_l sigma_w^2 E s1(X) s2(Y).

    x, y: sequences of equal length >= 1, numbers taken exactly; depth >= 1; sigma_w > 0; sigma_b >= 0.
    Raises InputError naming a wrong input, Undefined where the kernel diverges (two Dirac masses on X = Y),
    ArithmeticError where the quadrature cannot certify the digits.
    """
    return _kernel(_Networks(f1, s1, f2, s2), x, y, depth, sigma_w, sigma_b, digits)


def layers(
    f1: Integrand, s1: Integrand | None, f2: Integrand, s2: Integrand | None, x: Vector, y: Vector,
    depth: int, sigma_w: object, sigma_b: object, *, digits: int = 50,
) -> list[Layer]:  # fmt: skip
    """The ``depth`` layers that ``generalized`` sums over, first to last; without s1 or s2, no factors."""
    left, right = _vectors(x, y)
    return _layers(_Networks(f1, s1, f2, s2), left, right, depth, sigma_w, sigma_b, digits)


def _kernel(
    networks: _Networks, x: Vector, y: Vector, depth: int, sigma_w: object, sigma_b: object, digits: int
) -> mpf:
    left, right = _vectors(x, y)
    wanted = digits
    while True:
        found = _layers(networks, left, right, depth, sigma_w, sigma_b, wanted)
        with mp.workdps(wanted + SPARE):
            kernel, size = found[0].c, abs(found[0].c)
            for before, layer in pairwise(found):
                factor = before.factor or mpf(0)
                kernel, size = layer.c + kernel * factor, abs(layer.c) + size * abs(factor)
            lost = min(digits, math.ceil(-mp.log10(abs(kernel) / size))) if kernel else 0
        if wanted + SPARE // 2 >= digits + lost:
            break
        wanted = digits + lost  # the sum cancels: its terms must be known better
    with mp.workdps(digits + 8):
        return +kernel


def _layers(
    networks: _Networks,
    left: list[sp.Expr],
    right: list[sp.Expr],
    depth: int,
    sigma_w: object,
    sigma_b: object,
    digits: int,
) -> list[Layer]:
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise InputError(f"depth = {depth!r} must be a whole number of weight layers >= 1")
    check_digits(digits)
    slope, shift = exact(sigma_w, "sigma_w"), exact(sigma_b, "sigma_b")
    if not slope.is_positive:
        raise InputError(f"sigma_w = {sigma_w!r} must be > 0")
    if shift.is_negative:
        raise InputError(f"sigma_b = {sigma_b!r} must be >= 0")

    def inner(p: list[sp.Expr], q: list[sp.Expr]) -> sp.Expr:
        return slope**2 * sp.Add(*(s * t for s, t in zip(p, q, strict=True))) / len(p) + shift**2

    a, b, c = inner(left, left), inner(right, right), inner(left, right)
    line = int(sp.sign(c)) if vanishes(a * b - c**2) else 0
    start = _Law(a, b, c, line, left == right, digits + 60)
    reached = digits + SPARE  # what the factors and the last layer need
    lost = _lost(a, b, c, 0) if c != 0 else 0  # and the layers between will lose about as much again
    carried = reached + 4 * (1 + lost // 4)
    while True:
        try:
            return _Recursion(networks, slope**2, shift**2, reached, carried).run(start, depth)
        except _Coarse as coarse:
            if coarse.needed > 20 * digits + 500:
                raise
            carried = coarse.needed


def _vectors(x: Vector, y: Vector) -> tuple[list[sp.Expr], list[sp.Expr]]:
    found = []
    for name, values in (("x", x), ("y", y)):
        if not isinstance(values, Iterable):
            raise InputError(f"{name} = {values!r} must be a sequence of numbers")
        found.append([exact(value, f"{name}[{i}]") for i, value in enumerate(values)])
        if not found[-1]:
            raise InputError(f"{name} is empty: it needs at least one entry")
    if len(found[0]) != len(found[1]):
        raise InputError(
            f"x has {len(found[0])} entries and y has {len(found[1])}: they must be of equal length"
        )
    return found[0], found[1]


@dataclass(frozen=True)
class _Recursion:
    """One pass through the layers to ``digits`` digits, covariances carried to ``carried``."""

    networks: _Networks
    weight: sp.Expr
    bias: sp.Expr
    digits: int
    carried: int

    def run(self, law: _Law, depth: int) -> list[Layer]:
        _, s1, _, s2 = self.networks
        found = []
        for layer in range(1, depth + 1):
            factor = None
            with mp.workdps(self.digits):
                if layer < depth and s1 is not None and s2 is not None:
                    factor = number(self.weight) * expectation(s1, s2, *law[:4], self.digits)
                found.append(Layer(number(law.a), number(law.b), number(law.c), factor))
            if layer < depth:
                law = self._next(law, self.digits if layer + 1 == depth else self.carried)
        return found

    def _next(self, law: _Law, digits: int) -> _Law:
        """The law one layer on; that X and Y are on a line is passed on, not read off the numbers."""
        f1, _, f2, _ = self.networks
        a = self._covariance(_square(f1, law.a, digits))
        ratio = mpf(1) if law.same and f1 == f2 else self._ratio(law) if law.line else None
        if ratio == 1:
            return _Law(a, a, a, int(a != 0), True, digits)
        if ratio is not None and self.bias == 0:
            k = exact(ratio, "ratio")
            return _Law(a, a * k**2, a * k, int(sp.sign(a * k)), False, digits)
        b = self._covariance(_square(f2, law.b, digits))
        c = self._covariance(expectation(f1, f2, *law[:4], digits))
        if digits == self.carried and c != 0 and (lost := _lost(a, b, c, digits)) > digits - self.digits:
            raise _Coarse(self.digits + lost + SPARE)
        return _Law(a, b, c, 0, False, digits)

    def _covariance(self, expected: mpf) -> sp.Expr:
        with mp.workdps(self.carried):
            return exact(number(self.weight) * expected + number(self.bias), "covariance")

    def _ratio(self, law: _Law) -> mpf | None:
        """k if f2(Y) = k f1(X) wherever Y = line sqrt(b/a) X, judged at points between all break points."""
        f1, _, f2, _ = self.networks
        with mp.workdps(law.known):
            root_a, root_b = mp.sqrt(number(law.a)), law.line * mp.sqrt(number(law.b))
            breaks = [*special_points(f1, mpf(0), root_a), *special_points(f2, mpf(0), root_b)]
            stops = sorted({mpf(-20), *(t for t in breaks if abs(t) < 20), mpf(20)})
            points = [
                low + (high - low) * mpf(k) ** 2 / 67 for low, high in pairwise(stops) for k in range(1, 9)
            ]
            left = compiled(f1.expr)([root_a * u for u in points])
            right = compiled(f2.expr)([root_b * u for u in points])
            top, over = max(zip(left, right, strict=True), key=lambda pair: abs(pair[0]))
            if top == 0:
                return None
            ratio = over / top
            small = mpf(10) ** (SPARE - law.known)
            if any(
                abs(q - ratio * p) > small * max(abs(p * ratio), abs(q))
                for p, q in zip(left, right, strict=True)
            ):
                return None
            return mpf(1) if abs(ratio - 1) <= small else ratio


def _lost(a: sp.Expr, b: sp.Expr, c: sp.Expr, most: int) -> int:
    """Digits that a b - c^2 has fewer than a, b and c."""
    gap = 1 - c**2 / (a * b)
    with mp.workdps(20):
        return math.ceil(-mp.log10(number(gap))) if gap.is_positive else most


@lru_cache(maxsize=1024)
def _square(f: Integrand, a: sp.Expr, digits: int) -> mpf:
    return expectation(f, f, a, a, a, int(a != 0), digits)
