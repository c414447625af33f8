"""Kernels of pairs of rows in mpmath: the recursion of the closed forms on the exact float64 inputs, for many
depths in one pass. What the table of accuracy.py and tests/test_accuracy.py compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import Any

import mpmath as mp
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.functions.special import goodwin_staton
from kernelcalc.kernels import Kernel, Layer
from kernelcalc.symbols import a, b, c

Row = NDArray[np.float64]
Form = Callable[..., Any]
DIGITS = (100, 160, 400, 1000, 2500)  # tried in turn until two agree
AGREE = 22
NOTHING = mp.mpf(10) ** -100_000  # variances that fall so fast take as many digits as their exponents have


class Lost(ArithmeticError):
    """Too few digits."""


@dataclass(frozen=True)
class Exact:
    """k(x, y), and what its rounding errors are measured by: the sum of the absolute values of its terms."""

    value: mp.mpf
    size: mp.mpf
    peak: mp.mpf  # the largest value of all layers so far


def call(form: sp.Expr) -> Form:
    """A closed form in mpmath; exp(u) (1 - erf(x)) is exp(u) erfc(x), or it takes u digits to see it."""
    if form.has(sp.exp) and form.has(sp.erf):
        parts = sp.Add.make_args(form.replace(sp.erf, lambda x: 1 - sp.erfc(x)))
        form = sp.Add(*(sp.expand_mul(part, deep=False) for part in parts))
    found: Form = sp.lambdify((a, b, c), form, "mpmath")
    return found


@lru_cache(maxsize=256)
def forms(layer: Layer) -> tuple[Form, Form, Form, Form | None, Form | None]:
    """E[f1 f1], E[f2 f2] at X = Y, E[f1 f2], E[s1 s2] and that at X = Y, of a, b, c."""
    first, second, cross = map(call, (layer.first.diagonal, layer.second.diagonal, layer.cross.expr))
    factor, same = (
        None if form is None else call(form)
        for form in ((None, None) if layer.factor is None else (layer.factor.expr, layer.factor.diagonal))
    )
    return first, second, cross, factor, same


@lru_cache(maxsize=256)
def terms(layer: Layer) -> Form | None:
    """The sum of the absolute values of the terms of a polynomial E[f1 f2]; None for other closed forms."""
    cross = layer.cross.expr
    if cross is None or not cross.is_polynomial(a, b, c):
        return None
    size = sum(abs(factor) * a**i * b**j * c**k for (i, j, k), factor in sp.Poly(cross, a, b, c).terms())
    return call(size)


@lru_cache(maxsize=1024)
def layer_of(f1: Function, s1: Function | None, f2: Function, s2: Function | None) -> Layer:
    """Derived once for all depths and sizes."""
    return Kernel("NNGP", f1, s1, f2, s2, 2, sp.Integer(1), sp.Integer(0)).layer


def parallel(x: Row, y: Row, biased: bool) -> int:
    """1 or -1 where the first covariance is singular, c = +-sqrt(ab); else 0."""
    u, v = ([Fraction(float(value)) for value in row] for row in (x, y))
    xx, yy, xy = (sum(s * t for s, t in zip(*two, strict=True)) for two in ((u, u), (v, v), (u, v)))
    if xx * yy != xy * xy or (biased and u != v):
        return 0
    return 1 if xy >= 0 else -1


@lru_cache(maxsize=256)
def cancels(layer: Layer) -> bool:
    """Whether closed forms are sums of terms that short or long rows make much larger than these: two
    precisions that both lose all of it would agree."""
    grows = sp.exp, sp.sin, sp.cos, sp.erf, sp.erfc, Phi, Phi2
    return any(e.expr is not None and e.expr.has(*grows) for e in layer.expectations)


@lru_cache(maxsize=256)
def singular(layer: Layer) -> bool:
    """Whether terms with inverse powers of ab - c^2 cancel where it vanishes, to the power of 3/2."""
    return any(e.expr is not None and e.expr.has(goodwin_staton) for e in layer.expectations)


def magnitude(*rows: Row) -> int:
    """The largest power of ten in a squared norm, or of one over it."""
    norms = [mp.fdot(row.tolist(), row.tolist()) for row in rows]
    return max((abs(int(mp.log10(norm))) for norm in norms if norm), default=0)


def exact(kernels: Sequence[Kernel], x: Row, y: Row, depths: Sequence[int]) -> list[list[Exact]]:
    """k(x, y) of each kernel at each of the depths (their own do not count), to AGREE digits at least.

    The kernels share the activations and sigma_w, sigma_b. Raises ArithmeticError where no two of the
    precisions agree.
    """
    one = kernels[0]
    layers = [layer_of(k.f1, k.s1, k.f2, k.s2) for k in kernels]
    given = [forms(layer) for layer in layers]
    side = parallel(x, y, one.sigma_b != 0)
    same = side == 1 and one.f1 == one.f2 and bool((x == y).all())
    last: list[list[Exact]] | None = None
    less = 0.6 if any(map(singular, layers)) else 1
    more = 2 * magnitude(x, y) if less < 1 or any(map(cancels, layers)) else 0
    for digits in DIGITS:
        with mp.workdps(digits + more):
            hair = mp.mpf(10) ** (10 - int(less * mp.mp.dps))
            try:
                found = _pass(one, given, x, y, depths, side, same, hair)
            except (ZeroDivisionError, Lost):  # the determinant or a variance is below these digits
                continue
            if last is not None and all(map(_agree, chain(*found), chain(*last))):
                return found
        last = found
    raise ArithmeticError(f"{one!r}: no two precisions agree at {x}, {y}")


def _agree(first: Exact, second: Exact) -> bool:
    if mp.isinf(first.value) or mp.isinf(second.value):
        return bool(first.value == second.value)
    return bool(abs(first.value - second.value) <= first.size * mp.mpf(10) ** -AGREE)


def _pass(
    kernel: Kernel,
    given: Sequence[Any],
    x: Row,
    y: Row,
    depths: Sequence[int],
    side: int,
    same: bool,
    hair: mp.mpf,
) -> list[list[Exact]]:
    first, second, cross = given[0][:3]
    whole = terms(layer_of(kernel.f1, kernel.s1, kernel.f2, kernel.s2))
    xs, ys = ([mp.mpf(float(value)) for value in row] for row in (x, y))
    w2, s2 = mp.mpmathify(kernel.sigma_w) ** 2, mp.mpmathify(kernel.sigma_b) ** 2
    va, vb, vc = (w2 * mp.fdot(*two) / len(xs) + s2 for two in ((xs, xs), (ys, ys), (xs, ys)))
    large = w2 * mp.fsum(abs(u * v) for u, v in zip(xs, ys, strict=True)) / len(xs) + s2
    state = [Exact(vc, large, abs(vc))] * len(given)
    found = {1: state}
    for depth in range(2, max(depths) + 1):
        if min(va, vb) < NOTHING:  # a zero row without bias, or nearly: 0 in all layers if f(0) = 0
            least = Exact(min(va, vb), min(va, vb), mp.mpf(0))
            found[depth] = [k if mp.isinf(k.value) else least for k in found[depth - 1]]
            continue
        if side and not same:  # a hair inside the domain: a closed form may be 0/0 on its boundary
            vc = side * mp.sqrt(va * vb) * (1 - hair)
        na, nb = w2 * mp.re(first(va, va, va)) + s2, w2 * mp.re(second(vb, vb, vb)) + s2
        if min(na, nb) < 0:
            raise Lost
        new = na if same else w2 * mp.re(cross(va, vb, vc)) + s2
        ends = [abs(w2 * mp.re(cross(va, vb, end)) + s2) for end in _within(va, vb, large)]
        large = max(abs(new), *ends, w2 * whole(va, vb, large) + s2 if whole else 0)
        factors = [_factor(form, va, vb, vc, side, same) for form in given]
        state = [
            Exact(
                value := new + (k.value * w2 * f if f else 0),
                large + (k.size * w2 * abs(f) if f else 0),
                max(k.peak, abs(value)),
            )
            for k, f in zip(state, factors, strict=True)
        ]
        found[depth] = state
        if not same:
            side = _side(na, nb, new, hair) if side else 0
        va, vb, vc = na, nb, new
    return [[found[depth][i] for depth in depths] for i in range(len(given))]



def _factor(given: Any, va: mp.mpf, vb: mp.mpf, vc: mp.mpf, side: int, same: bool) -> mp.mpf:
    """E[s1 s2]; infinite at parallel points where it has a pole."""
    factor, limit = given[3:]
    if factor is None:
        return mp.mpf(0)
    if same:
        return limit(va, va, va)
    f = mp.re(factor(va, vb, vc))
    return mp.sign(f) * mp.inf if side and _pole(factor, side, mp.sqrt(va / vb)) else f


@lru_cache(maxsize=1024)
def _pole(factor: Form, side: int, ratio: mp.mpf) -> bool:
    """Whether a factor grows without bound as c -> +-ratio at a = ratio^2, b = 1: with a threshold other than
    0 only at equal rows."""
    with mp.workdps(500):
        steps = (0.5, *(1 - mp.mpf(10) ** -k for k in (400, 440)))
        sizes = [abs(mp.re(factor(ratio**2, mp.mpf(1), side * ratio * step))) for step in steps]
        return bool(sizes[2] > max(1e5 * sizes[1], sizes[0]))  # not what rounding leaves of a zero


def _within(va: mp.mpf, vb: mp.mpf, large: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """Plus and minus large, no larger than a covariance can be."""
    top = min(large, mp.sqrt(va * vb) * (1 - mp.mpf(10) ** (-mp.mp.dps // 2)))
    return top, -top


def _side(na: mp.mpf, nb: mp.mpf, new: mp.mpf, hair: mp.mpf) -> int:
    """Whether parallel points are parallel again."""
    if na * nb == 0:
        return 0
    r = new / mp.sqrt(na * nb)
    return int(mp.sign(r)) if 1 - abs(r) <= hair**0.45 else 0


def ulps(value: float, wanted: Exact) -> float:
    """The error of a value in units of 2^-52 of what is wanted; infinite for NaN and misplaced infinities.

    Relative to the value or, where it passes through zero (is below an eighth of it), to the sum of the
    absolute values of its terms. Values beyond the range of floats must be infinite, as those may be that a
    layer before led beyond it; below the range they must be no larger than it.
    """
    if wanted.value == 0 or mp.isinf(wanted.value):
        return 0.0 if value == wanted.value else float("inf")
    if abs(wanted.value) > max(1.7e308, wanted.size / 8):
        return 0.0 if value == mp.sign(wanted.value) * mp.inf else float("inf")
    if wanted.peak > 1.7e308 and np.isinf(value):
        return 0.0
    if not np.isfinite(value):
        return float("inf")
    error = abs(mp.mpf(float(value)) - wanted.value)
    if error < 1e-307:
        return 0.0
    scale = abs(wanted.value) if abs(wanted.value) > wanted.size / 8 else wanted.size
    return float(error / scale) * 2.0**52
