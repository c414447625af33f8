"""P(X > h, Y > k) for vector code: what belongs to one point is computed once a point.

The quarter plane is the signed sum of two triangles W(h, A), W(k, B) (normal.py). h belongs to a point, A to
a pair, and for one h W is a function of one variable,

    2 pi W(h, A) = atan(h/A) - h p(A),                       s/(A + s) > 2/3 and h < CORNER,
    2 pi W(h, A) = exp(-(h^2 + A^2)/2) h/((h^2 + A^2)(A + s)) p(A)    elsewhere,

where p is smooth: a polynomial in s/(A + s) on each third of [0, 1]. `wedges` finds the coefficients of a
point, themselves polynomials in h between two of CUTS; `quarter` evaluates all at a pair.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from kernelcalc import gauss
from kernelcalc.compile.arithmetic.chebyshev import Long, nodes_to_powers
from kernelcalc.compile.arithmetic.normal import (
    FAR,
    INVERSE_TWO_PI,
    STEEP,
    TINY,
    _exp_minus_half_squares,
    phi,
)
from kernelcalc.compile.arithmetic.primitives import constants, fma, inline
from kernelcalc.compile.arithmetic.roots import quotient
from kernelcalc.compile.arithmetic.vecmath import angles
from kernelcalc.compile.layout import STRIDE, WEDGE_TERMS

Pointer = Any

CORNER = 0.875
CUTS = (0.0, 0.4375, CORNER, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 10.0, 14.0, 20.0, 28.0, FAR)
SHIFTS = (1.75, 1.5, 2.0, 2.0, 2.0, 2.5, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0, 12.0)  # s
THIRDS = 3
LEAST = 1e-290  # of the squared distance of the corner
DEGREES = 16  # terms in h
COUNT = THIRDS * WEDGE_TERMS
END = 84.0  # the integrand is left off where it is below exp(-END/2)
PANELS = (0.0, 0.03, 0.1, 0.25, 0.55, 1.0)  # of what is left
ORDER = 32


def _rule() -> tuple[Long, Long]:
    """Nodes and weights of Gauss and Legendre on all panels of [0, 1]."""
    x, weights = gauss.fine(ORDER)
    edges: Any = np.array(PANELS, np.longdouble)[:, None]
    width = edges[1:] - edges[:-1]
    return (edges[:-1] + width * (1 + x) / 2).ravel(), (width * weights / 2).ravel()


def _entire(h: Long, A: Long, rule: tuple[Long, Long]) -> Long:
    """(atan(h/A) - 2 pi W)/h = Int_A^oo (1 - exp(-(h^2 + y^2)/2))/(h^2 + y^2) dy."""
    x, weights = rule
    end = np.sqrt(np.longdouble(END))
    y = A[..., None] + (end - A[..., None]) * x
    square = h[..., None] ** 2 + y * y
    return np.asarray((-np.expm1(-square / 2) / square) @ weights * (end - A) + np.arctan(h / end) / h)


def _smooth(h: Long, A: Long, rule: tuple[Long, Long]) -> Long:
    """2 pi W exp((h^2 + A^2)/2) (h^2 + A^2)/h."""
    x, weights = rule
    T = END / (A + np.sqrt(A * A + END))
    t = T[..., None] * x
    values = np.exp(-t * (A[..., None] + t / 2)) / (h[..., None] ** 2 + (A[..., None] + t) ** 2)
    return np.asarray(values @ weights * T * (h * h + A * A))


def table() -> list[float]:
    """For every piece: 2/width, -middle/(width/2) and s; then per power of h the coefficients of all thirds
    of s/(A + s), the first those of the smallest, over 2 pi."""
    rule = _rule()
    (across, to_h, of_h), (along, to_u, of_u) = nodes_to_powers(DEGREES), nodes_to_powers(WEDGE_TERMS)
    found = []
    for (low, high), s in zip(pairwise(CUTS), SHIFTS, strict=True):
        h: Long = np.longdouble(low) + np.longdouble(high - low) * (1 + across[:, None]) / 2
        parts = []
        for third in range(THIRDS):
            A: Long = s * (THIRDS / (third + (1 + along) / 2) - 1) + 0 * h
            entire = third == THIRDS - 1 and high <= CORNER
            values = _entire(h, A, rule) if entire else _smooth(h, A, rule) * (A + s)
            parts.append(of_h @ (to_h @ values @ to_u.T) @ of_u.T)
        found += [2 / (high - low), -(high + low) / (high - low), s]
        whole = np.concatenate(parts, axis=1) * np.longdouble(INVERSE_TWO_PI)
        found += whole.astype(np.float64).ravel().tolist()
    return found


SIZE = 3 + DEGREES * COUNT
cuts, pieces = constants("wedge_cuts", CUTS), constants("wedge_pieces", table())


@inline
def wedges(h: float, w: Pointer) -> None:
    """What W(|h|, A) needs of h, at multiples of STRIDE: P(X > |h|), s and COUNT coefficients."""
    size, ends = min(abs(h), FAR), cuts()
    at = 0
    for i in range(1, len(CUTS) - 1):
        at += 1 if size >= ends[i] else 0
    place = at * SIZE
    piece = pieces()
    t = fma(size, piece[place], piece[place + 1])
    w[0], w[STRIDE] = phi(-size), piece[place + 2]
    for k in range(COUNT):
        total = 0.0
        for m in range(DEGREES):
            total = fma(total, t, piece[place + 3 + (DEGREES - 1 - m) * COUNT + k])
        w[(2 + k) * STRIDE] = total


@inline
def _picked(w: Pointer, k: int, near: bool, middle: bool) -> float:
    """The coefficient of one of three polynomials: all are loaded, as vectors do not branch."""
    first, second = w[(2 + k) * STRIDE], w[(2 + WEDGE_TERMS + k) * STRIDE]
    third = w[(2 + 2 * WEDGE_TERMS + k) * STRIDE]
    second = second if middle else first
    picked: float = third if near else second
    return picked


@inline
def _along(u: float, near: bool, middle: bool, w: Pointer) -> float:
    v = u * u
    even, odd = _picked(w, WEDGE_TERMS - 1, near, middle), _picked(w, WEDGE_TERMS - 2, near, middle)
    for i in range((WEDGE_TERMS - 3) // 2):
        even = fma(v, even, _picked(w, WEDGE_TERMS - 3 - 2 * i, near, middle))
        odd = fma(v, odd, _picked(w, WEDGE_TERMS - 4 - 2 * i, near, middle))
    return fma(v, even, fma(u, odd, _picked(w, 0, near, middle)))


@inline
def _wedge(h: float, A: float, corner: float, w: Pointer) -> float:
    """sgn(h) W(|h|, A) for any h and A, given exp(-(h^2 + A^2)/2)."""
    size, tilt = abs(h), abs(A)
    size = FAR if size > FAR else size
    size = TINY if size < TINY else size
    tilt = STEEP if tilt > STEEP else tilt
    s = w[STRIDE]
    square = fma(size, size, tilt * tilt)
    square = LEAST if square < LEAST else square
    y = quotient(1.0, square * (tilt + s))
    near, middle = tilt < 0.5 * s, tilt < 2.0 * s
    place = s * (y * square)
    pole = near and size < CORNER
    angle, _ = angles(size, tilt)
    u = fma(6.0, place, -5.0 if near else (-3.0 if middle else -1.0))
    part = _along(u, near, middle, w) * (-size if pole else corner * (size * y))
    found = fma(INVERSE_TWO_PI, angle, part) if pole else part
    found = w[0] - found if A < 0.0 else found
    return -found if h < 0.0 else found


@inline
def quarter(h: float, k: float, A: float, B: float, x: Pointer, y: Pointer) -> float:
    """P(X > h, Y > k) as quadrant of normal.py has it, given the wedges x of h and y of k."""
    both = 1.0 if h < 0.0 and k < 0.0 else 0.0
    size, tilt = abs(h), abs(A)
    size, tilt = FAR if size > FAR else size, STEEP if tilt > STEEP else tilt
    corner = _exp_minus_half_squares(size, tilt)
    return both + (_wedge(h, A, corner, x) + _wedge(k, B, corner, y))
