"""Tapes in double-double for LANES pairs at once, each number with a bound of its error.

Register k is three rows of LANES floats: high parts, low parts, bounds. A bound is first-order, from the
rounding errors (LOST of each result) and the derivatives of the operations: an estimate of what cancels, not
a proof. Operations that matter for time are branch-free, so that their loops become vector code.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from kernelcalc.compile.arithmetic import twofold
from kernelcalc.compile.arithmetic._coefficients import PI, SERIES_LIMIT
from kernelcalc.compile.arithmetic.branchless import acute, over, plus, root, times
from kernelcalc.compile.arithmetic.lookup import lookup_far, lookup_side
from kernelcalc.compile.arithmetic.primitives import apart, fma, inline, offset, wide
from kernelcalc.compile.arithmetic.twofold import Two

LANES = 64
LOW, WRONG, SIZE = LANES, 2 * LANES, 3 * LANES
LOST = 2.0**-102
ROUGHLY = 2.0**-20  # relative error with which a number is known well enough to overflow
LEAST = 2.0**-1070  # rounding errors below the normal range
WORDS = 8  # of an instruction: operation, three results, four operands
Register = Any


def _coefficient(k: int) -> Two:
    """2 (k + 1)/(2 k + 3)!."""
    exact = Fraction(2 * (k + 1), math.factorial(2 * k + 3))
    high = float(exact)
    return high, float(exact - Fraction(high))


CUBIC = tuple(_coefficient(k) for k in range(9))
CUBIC_9, CUBIC_10, CUBIC_11, CUBIC_12, CUBIC_13 = (_coefficient(k)[0] for k in range(9, 14))
ROOT_HALF = (0.7071067811865476, -4.833646656726457e-17)


# --- operations on registers: d, e, f results, x, y, z operands


@inline
def bound(d: float, wrong: float, sure: bool) -> float:
    """The bound of a result: that of numbers known well enough may be infinite, and is then exact."""
    beyond = 0.0 if sure & (abs(d) == math.inf) else math.inf
    return fma(abs(d), LOST, wrong) if abs(d) < math.inf else beyond


@inline
def known(a: float, wrong: float) -> bool:
    return (wrong <= ROUGHLY * abs(a)) & (wrong < math.inf)


@inline
def copy(d: Register, x: Register) -> None:
    wide()
    apart()
    for j in range(SIZE):
        d[j] = x[j]


@inline
def add(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        d[j], d[LOW + j] = plus(x[j], x[LOW + j], y[j], y[LOW + j])
        wrong = x[WRONG + j] + y[WRONG + j]
        d[WRONG + j] = bound(d[j], wrong, wrong < math.inf)


@inline
def mul(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        a, b = x[j], y[j]
        d[j], d[LOW + j] = times(a, x[LOW + j], b, y[LOW + j])
        u, v = x[WRONG + j], y[WRONG + j]
        wrong = fma(abs(a), v, fma(abs(b), u, u * v))
        none = ((a == 0.0) & (u == 0.0)) | ((b == 0.0) & (v == 0.0))  # exactly 0, as between equal rows
        d[WRONG + j] = bound(d[j], wrong + (0.0 if none else LEAST), known(a, u) & known(b, v))


@inline
def div(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        b = y[j]
        d[j], d[LOW + j] = over(x[j], x[LOW + j], b, y[LOW + j])
        finite = abs(b) < math.inf
        wrong = fma(abs(d[j]), y[WRONG + j], x[WRONG + j]) / abs(b)
        beyond = abs(x[j]) * 2.0**-1022  # the most that is left over an exponential beyond the range
        sure = known(x[j], x[WRONG + j]) & known(b, y[WRONG + j])
        d[WRONG + j] = bound(d[j], (wrong if finite else beyond) + LEAST, sure)


@inline
def sqrt(d: Register, x: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        a, wrong = x[j], x[WRONG + j]
        d[j], d[LOW + j] = root(a, x[LOW + j])
        under = d[j] + math.sqrt(wrong)
        some = fma(d[j], LOST, wrong / (under if under > 0.0 else 1.0) + LEAST)
        d[WRONG + j] = 0.0 if (a == 0.0) & (wrong == 0.0) else some


@inline
def hypot(d: Register, x: Register, y: Register) -> None:
    """sqrt(x^2 + y^2), x, y >= 0."""
    wide()
    apart()
    for j in range(LANES):
        a, al, b, bl = x[j], x[LOW + j], y[j], y[LOW + j]
        less = a < b
        large, largel = b if less else a, bl if less else al
        small, smalll = a if less else b, al if less else bl
        none = large == 0.0
        t, tl = over(small, smalll, 1.0 if none else large, largel)
        t, tl = times(t, tl, t, tl)
        t, tl = plus(1.0, 0.0, t, tl)
        t, tl = root(t, tl)
        d[j], d[LOW + j] = times(large, largel, t, tl)
        d[WRONG + j] = fma(d[j], LOST, x[WRONG + j] + y[WRONG + j])


@inline
def neg(d: Register, x: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        d[j], d[LOW + j], d[WRONG + j] = -x[j], -x[LOW + j], x[WRONG + j]


@inline
def absolute(d: Register, x: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        sign = -1.0 if x[j] < 0.0 else 1.0
        d[j], d[LOW + j], d[WRONG + j] = sign * x[j], sign * x[LOW + j], x[WRONG + j]


@inline
def signed(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        sign = 1.0 if math.copysign(1.0, x[j]) == math.copysign(1.0, y[j]) else -1.0
        d[j], d[LOW + j], d[WRONG + j] = sign * x[j], sign * x[LOW + j], x[WRONG + j]


@inline
def apart_by(a: float, b: float, wrong: float) -> bool:
    """Whether a comparison of two numbers is sure, whose bounds are wrong together."""
    return (wrong == 0.0) | (abs(a - b) > wrong)


@inline
def less(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        a, b = x[j], y[j]
        low = x[LOW + j] < y[LOW + j]
        d[j], d[LOW + j] = 1.0 if a < b or (a == b and low) else 0.0, 0.0
        d[WRONG + j] = 0.0 if apart_by(a, b, x[WRONG + j] + y[WRONG + j]) else 1.0


@inline
def equal(d: Register, x: Register, y: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        same = x[j] == y[j] and x[LOW + j] == y[LOW + j]
        d[j], d[LOW + j] = 1.0 if same else 0.0, 0.0
        d[WRONG + j] = 0.0 if apart_by(x[j], y[j], x[WRONG + j] + y[WRONG + j]) else 1.0


@inline
def select(d: Register, x: Register, y: Register, z: Register) -> None:
    wide()
    apart()
    for j in range(LANES):
        first = x[j] != 0.0
        a, b, c = y[j], y[LOW + j], y[WRONG + j]
        s, t, u = z[j], z[LOW + j], z[WRONG + j]
        either = abs(a - s) + abs(b - t) + max(c, u)
        d[j], d[LOW + j] = a if first else s, b if first else t
        d[WRONG + j] = (c if first else u) if x[WRONG + j] < 0.5 else either


@inline
def root_angles(d: Register, e: Register, f: Register, x: Register, y: Register, z: Register) -> None:
    """theta, pi - theta and pi/2 - theta from sqrt(q), sqrt(p) and r."""
    wide()
    apart()
    for j in range(LANES):
        q, ql, wq = x[j], x[LOW + j], x[WRONG + j]
        p, pl, wp = y[j], y[LOW + j], y[WRONG + j]
        r, rl, wr = z[j], z[LOW + j], z[WRONG + j]
        outer, near, right = abs(r) > 0.5, q < p, r >= 0.0
        sine, sinel = times(q, ql, p, pl)
        small, smalll = q if near else p, ql if near else pl
        large, largel = p if near else q, pl if near else ql
        first, firstl = small if outer else abs(r), smalll if outer else (rl if right else -rl)
        second, secondl = large if outer else 2.0 * sine, largel if outer else 2.0 * sinel
        found, foundl = acute(first, firstl, second, secondl)
        angle, anglel = 2.0 * found, 2.0 * foundl  # the acute angle, or (inner) what it lacks to pi/2
        rest, restl = plus(0.5 * PI[0], 0.5 * PI[1], -angle, -anglel)
        inner, innerl = plus(0.5 * PI[0], 0.5 * PI[1], -found, -foundl)
        angle, anglel = angle if outer else inner, anglel if outer else innerl
        rest, restl = rest if outer else found, restl if outer else foundl
        obtuse, obtusel = plus(PI[0], PI[1], -angle, -anglel)
        wrong = 2.0 * fma(q, wp, p * wq) if outer else 1.2 * wr
        d[j], d[LOW + j] = angle if right else obtuse, anglel if right else obtusel
        e[j], e[LOW + j] = obtuse if right else angle, obtusel if right else anglel
        f[j], f[LOW + j] = rest if right else -rest, restl if right else -restl
        d[WRONG + j] = fma(d[j], LOST, wrong)
        e[WRONG + j] = fma(e[j], LOST, wrong)
        f[WRONG + j] = fma(abs(f[j]), LOST, wrong)


@inline
def angles(d: Register, e: Register, x: Register, y: Register) -> None:
    """theta = atan2(x, y) and pi - theta, x >= 0."""
    wide()
    apart()
    for j in range(LANES):
        s, sl = x[j], x[LOW + j]
        right = y[j] >= 0.0
        c, cl = y[j] if right else -y[j], y[LOW + j] if right else -y[LOW + j]
        steep = s > c
        found, foundl = acute(c if steep else s, cl if steep else sl, s if steep else c, sl if steep else cl)
        rest, restl = plus(0.5 * PI[0], 0.5 * PI[1], -found, -foundl)
        found, foundl = rest if steep else found, restl if steep else foundl
        other, otherl = plus(PI[0], PI[1], -found, -foundl)
        d[j], d[LOW + j] = found if right else other, foundl if right else otherl
        e[j], e[LOW + j] = other if right else found, otherl if right else foundl
        wrong = fma(s, y[WRONG + j], c * x[WRONG + j]) / fma(s, s, c * c)
        d[WRONG + j], e[WRONG + j] = fma(d[j], LOST, wrong), fma(e[j], LOST, wrong)


@inline
def sin_minus_t_cos(d: Register, x: Register, y: Register, z: Register) -> None:
    """sin t - t cos t from t, sin t and cos t: t^3 (1/3 - t^2/30 + ...) below SERIES_LIMIT."""
    wide()
    apart()
    for j in range(LANES):
        t, tl, c, cl = x[j], x[LOW + j], z[j], z[LOW + j]
        small = t < SERIES_LIMIT
        v, vl = times(t if small else 0.0, tl if small else 0.0, t, tl)
        u, ul = -v, -vl
        s = fma(u, fma(u, fma(u, fma(u, CUBIC_13, CUBIC_12), CUBIC_11), CUBIC_10), CUBIC_9)
        s, sl = times(u, ul, s, 0.0)
        s, sl = plus(CUBIC[8][0], CUBIC[8][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[7][0], CUBIC[7][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[6][0], CUBIC[6][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[5][0], CUBIC[5][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[4][0], CUBIC[4][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[3][0], CUBIC[3][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[2][0], CUBIC[2][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[1][0], CUBIC[1][1], s, sl)
        s, sl = times(u, ul, s, sl)
        s, sl = plus(CUBIC[0][0], CUBIC[0][1], s, sl)
        s, sl = times(v, vl, s, sl)
        s, sl = times(t, tl, s, sl)
        b, bl = times(t, tl, c, cl)
        b, bl = plus(y[j], y[LOW + j], -b, -bl)
        d[j], d[LOW + j] = s if small else b, sl if small else bl
        wrong = 0.0 if small else y[WRONG + j] + t * z[WRONG + j]
        d[WRONG + j] = fma(abs(d[j]), LOST, fma(t * t, x[WRONG + j], wrong))


# --- operations pair by pair: series whose length depends on the argument

ROUGH = 64.0 * LOST  # of the functions below
FINITE = 1e300  # a bound that an infinite argument is beyond
ENDING = 1e8  # of erf and its like: beyond it they are their limits


@inline
def _density(x: float, wrong: float) -> float:
    """Not below |d erf/dx| anywhere within wrong of x >= 0."""
    nearest = max(x - min(wrong, FINITE), 0.0)
    return 1.13 * math.exp(-min(nearest * nearest, 700.0))


@inline
def _within(x: Two) -> Two:
    """The same or, beyond ENDING, that: infinite ones would make NaN."""
    return (math.copysign(ENDING, x[0]), 0.0) if abs(x[0]) > ENDING else x


@inline
def _phi(x: Two) -> Two:
    return twofold.scale(twofold.erfc(twofold.neg(twofold.mul(x, ROOT_HALF))), 0.5)


@inline
def function(operation: int, d: Register, x: Register) -> None:
    for j in range(LANES):
        t, wrong = (x[j], x[LOW + j]), x[WRONG + j]
        size = abs(t[0])
        if operation == EXP:
            y = twofold.exp(t)
            # exponents below 0 stay there, whatever their errors
            wrong = min(wrong, 1.0) * math.exp(min(t[0] + wrong, 0.0)) if t[0] < 0.0 else wrong * y[0]
        elif operation == LOG:
            y = twofold.log(t)
            wrong /= size
        elif operation == ERF:
            y = twofold.erf(_within(t))
            wrong *= _density(size, wrong)
        elif operation == ERFC:
            y = twofold.erfc(_within(t))
            wrong *= _density(size, wrong)
        elif operation == ERFCX:
            y = twofold.erfcx(t)
            wrong *= 1.13 + 2.0 * abs(y[0] * min(t[0], 0.0)) if size < 1.0 or t[0] < 0.0 else abs(y[0]) / size
        elif operation == SINH:
            y = twofold.sinh(t)
            wrong *= abs(y[0]) + 1.0
        elif operation == COSH:
            y = twofold.cosh(t)
            wrong *= abs(y[0])
        elif operation == ASIN:
            y = twofold.asin(t)
            wrong /= math.sqrt(max((1.0 - size) * (1.0 + size), wrong + 1e-300))
        else:
            y = _phi(_within(t))
            wrong *= _density(size * ROOT_HALF[0], wrong)
        d[j], d[LOW + j] = y
        d[WRONG + j] = fma(abs(y[0]), ROUGH, wrong + LEAST)


@inline
def looked_up(d: Register, x: Register, table: Register) -> None:
    """The means of means.py, as exact as they are."""
    for j in range(LANES):
        d[j], d[LOW + j], d[WRONG + j] = lookup_far(x[j], table), 0.0, 0.0


@inline
def looked_up_side(d: Register, x: Register, y: Register, table: Register) -> None:
    for j in range(LANES):
        d[j], d[LOW + j], d[WRONG + j] = lookup_side(x[j], y[j], table), 0.0, 0.0


# --- tapes

(COPY, ADD, MUL, DIV, SQRT, NEG, ABS, COPYSIGN, LESS, EQUAL, SELECT) = range(11)
ROOT_ANGLES, ANGLES, SIN_MINUS_T_COS = range(11, 14)
(EXP, LOG, ERF, ERFC, ERFCX, SINH, COSH, ASIN, PHI, LOOKUP, LOOKUP_SIDE, HYPOT) = range(14, 26)


@inline
def step(i: Any, w: Register, table: Register) -> None:
    """One instruction on the registers in w."""
    operation = i[0]
    d, e, f = offset(w, i[1] * SIZE), offset(w, i[2] * SIZE), offset(w, i[3] * SIZE)
    x, y, z = offset(w, i[4] * SIZE), offset(w, i[5] * SIZE), offset(w, i[6] * SIZE)
    if operation == COPY:
        copy(d, x)
    elif operation == ADD:
        add(d, x, y)
    elif operation == MUL:
        mul(d, x, y)
    elif operation == DIV:
        div(d, x, y)
    elif operation == SQRT:
        sqrt(d, x)
    elif operation == HYPOT:
        hypot(d, x, y)
    elif operation == NEG:
        neg(d, x)
    elif operation == ABS:
        absolute(d, x)
    elif operation == COPYSIGN:
        signed(d, x, y)
    elif operation == LESS:
        less(d, x, y)
    elif operation == EQUAL:
        equal(d, x, y)
    elif operation == SELECT:
        select(d, x, y, z)
    elif operation == ROOT_ANGLES:
        root_angles(d, e, f, x, y, z)
    elif operation == ANGLES:
        angles(d, e, x, y)
    elif operation == SIN_MINUS_T_COS:
        sin_minus_t_cos(d, x, y, z)
    elif operation == LOOKUP:
        looked_up(d, x, table)
    elif operation == LOOKUP_SIDE:
        looked_up_side(d, x, y, table)
    else:
        function(operation, d, x)


@inline
def run(code: Any, count: int, w: Register, table: Register) -> None:
    """The instructions on the registers in w."""
    for n in range(count):
        step(offset(code, n * WORDS), w, table)
