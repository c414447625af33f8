"""Pairs of rows in double-double, LANES at once: their first layer from the rows, later ones by a tape."""

from __future__ import annotations

import math
from typing import Any

from kernelcalc.compile.arithmetic import twofold
from kernelcalc.compile.arithmetic.lanes import (
    LANES,
    LEAST,
    LOST,
    LOW,
    ROOT_HALF,
    SIZE,
    WORDS,
    WRONG,
    Register,
)
from kernelcalc.compile.arithmetic.pairs import area, dot, scaled
from kernelcalc.compile.arithmetic.primitives import fma, inline, offset
from kernelcalc.compile.arithmetic.twofold import Two, two_sum

TAMED = 10  # layers after which bounds grow no more relative to the state
ENDED, BELOW = 2.0**-1018, 2.0**-1022  # variances so small have lost digits, or have become 0
HAIR = 2.0**-1000  # stands for those


@inline
def _put(w: Register, k: int, x: Two, wrong: float, least: float = LEAST) -> None:
    w[k], w[LOW + k], w[WRONG + k] = x[0], x[1], fma(abs(x[0]), wrong, least)


@inline
def _hypot(x: Two, y: Two) -> Two:
    power = 2.0**500 if max(x[0], y[0]) < 2.0**-400 else 1.0
    u, v = twofold.scale(x, power), twofold.scale(y, power)
    return twofold.scale(twofold.sqrt(twofold.add(twofold.mul(u, u), twofold.mul(v, v))), 1.0 / power)


@inline
def _times_power(x: Two, power: float) -> Two:
    """x / power for a power of two in any part of the range."""
    return x[0] / power, x[1] / power


@inline
def _first_layer(
    k: int,
    rows: tuple[Register, Register],
    n: int,
    powers: tuple[float, float],
    scale: Two,
    s2: Two,
    close: int,
    state: Any,
    w: Register,
) -> None:
    """The first layer of one pair of rows, to lane k of the registers of its state.

    rows: x and y times the powers of two; state: the registers of sqrt(q), sqrt(p), r, d, a_x, a_y (close) or
    q, p, r, a_x, a_y, then c, T, S.
    """
    x, y = rows
    px, py = powers
    pm = px if px < py else py
    xx, yy, xy = dot(x, x, n), dot(y, y, n), dot(x, y, n)
    distance, spread, touched = twofold.ZERO, twofold.ZERO, 0.0
    off, sum_off = 0.0, s2[0]  # 0 only between rows that are equal, or opposite without a bias
    for i in range(n):
        touched += abs(x[i] * y[i])
        u, v = x[i] / px * pm, y[i] / py * pm
        near, far = two_sum(u, -v), two_sum(u, v)
        off, sum_off = max(off, abs(near[0])), max(sum_off, abs(far[0]))
        distance = twofold.add(distance, twofold.mul(near, near))
        spread = twofold.add(spread, twofold.mul(near, far))
    size = twofold.sqrt(scale)
    first, second = twofold.mul(size, twofold.sqrt(xx)), twofold.mul(size, twofold.sqrt(yy))
    ax = twofold.add(_times_power(_times_power(twofold.mul(first, first), px), px), s2)
    ay = twofold.add(_times_power(_times_power(twofold.mul(second, second), py), py), s2)
    c = twofold.add(_times_power(_times_power(twofold.mul(scale, xy), px), py), s2)
    d = twofold.mul(scale, _times_power(_times_power(spread, pm), pm))
    dx, dy = twofold.sqrt(ax), twofold.sqrt(ay)
    tilt, gap = twofold.ZERO, twofold.ZERO
    if distance[0] > 0.0:
        if xx[0] > 0.0 and yy[0] > 0.0:
            sine = twofold.quotient(area(x, y, n), twofold.mul(twofold.sqrt(xx), twofold.sqrt(yy)))
            left = twofold.quotient(_times_power(first, px), dx)
            tilt = twofold.mul(sine, twofold.mul(left, twofold.quotient(_times_power(second, py), dy)))
        gap = twofold.quotient(twofold.mul(size, _times_power(twofold.sqrt(distance), pm)), dx)
        gap = twofold.mul(gap, twofold.quotient(twofold.sqrt(s2), dy))
    root = _hypot(tilt, gap)
    r = twofold.quotient(twofold.quotient(c, dx), dy)
    positive = c[0] >= 0.0
    more = twofold.plus(r if positive else twofold.neg(r), 1.0)
    small = twofold.quotient(root, twofold.sqrt(twofold.scale(more, 2.0)))
    large = twofold.sqrt(twofold.plus(twofold.neg(twofold.mul(small, small)), 1.0))
    q, p = (small, large) if positive else (large, small)
    wrong = LOST * (8.0 + n)
    lost = wrong + LEAST / min(ax[0], ay[0])
    parallel = (off == 0.0) | (sum_off == 0.0)
    bent, least = (0.0, 0.0) if parallel else (lost, LEAST)
    m = 0
    if close:
        _put(w, state[0] * SIZE + k, q, bent, least)
        _put(w, state[1] * SIZE + k, p, bent, least)
        _put(w, state[3] * SIZE + k, d, wrong)
        m = 1
    else:
        _put(w, state[0] * SIZE + k, twofold.mul(q, q), bent, least)
        _put(w, state[1] * SIZE + k, twofold.mul(p, p), bent, least)
    _put(w, state[2] * SIZE + k, r, lost)
    w[state[2] * SIZE + WRONG + k] += wrong * touched / math.sqrt(xx[0] * yy[0] + 1e-300)
    _put(w, state[3 + m] * SIZE + k, ax, wrong)
    _put(w, state[4 + m] * SIZE + k, ay, wrong)
    for t in range(5 + m, 8 + m):
        _put(w, state[t] * SIZE + k, c, wrong)


@inline
def _tamed(state: Any, count: int, w: Register, before: Register, start: int) -> None:
    """Errors of the state grow no more, relative to it, than to the largest of one of its numbers: their
    bounds would pile up without end."""
    for j in range(LANES):
        if start:
            before[j] = 0.0
        for t in range(count):
            register = offset(w, state[t] * SIZE)
            size = abs(register[j])
            if start:
                before[j] = max(before[j], register[WRONG + j] / size if size > 0.0 else 0.0)
            else:
                register[WRONG + j] = min(register[WRONG + j], (before[j] + LOST) * size)


@inline
def _doubted(state: Any, kind: int, w: Register) -> None:
    """Where a variance has left the range of floats it may be anything below; the correlation is unknown."""
    first = 3 + kind if kind < 2 else 0
    for j in range(LANES):
        ended = False
        for t in range(first, 1 if kind == 2 else first + 2):
            register = offset(w, state[t] * SIZE)
            if register[j] < ENDED:
                register[WRONG + j] = max(register[WRONG + j], BELOW)
                ended = True
        for t in range(first if ended else 0):
            register = offset(w, state[t] * SIZE)
            register[WRONG + j] = max(register[WRONG + j], 1.0 if t < 3 else BELOW)


@inline
def _raised(state: Any, kind: int, w: Register) -> None:
    """A hair for variances that are 0 for floats, as of thresholds out of reach, and no correlation: known
    so badly that what depends on either gets a bound that shows it."""
    first = 3 + kind if kind < 2 else 0
    for j in range(LANES):
        raised = False
        for t in range(first, 1 if kind == 2 else first + 2):
            register = offset(w, state[t] * SIZE)
            if (register[j] < BELOW) & (register[WRONG + j] < HAIR):  # not those that lost all their digits
                register[j], register[LOW + j], register[WRONG + j] = HAIR, 0.0, 0.25 * HAIR
                raised = True
        for t in range(3 if raised and kind < 2 else 0):
            register = offset(w, state[t] * SIZE)
            half = 0.0 if t == 2 else 0.5 if kind == 0 else ROOT_HALF[0]
            register[j], register[LOW + j], register[WRONG + j] = half, 0.0, 0.125


@inline
def evaluate(
    run: Any,
    X: Register,
    Y: Register,
    places: Any,
    count: int,
    width: int,
    depth: int,
    power_row: Register,
    power_column: Register,
    numbers: Register,
    kind: int,
    state: Any,
    code: Any,
    counts: Any,
    fixed: Register,
    table: Register,
    w: Register,
    out: Register,
    variances: Register,
) -> None:
    """k of the pairs (places[2n], places[2n + 1]) to out[4n..]: K(x, y), its bound, K(y, x), its bound.

    run: of lanes.py or lanes_normal.py; kind: 0 and 1 for tapes of far and close pairs; 2 for k(x, x) of
    places[2n], and then the variance of layer l goes to variances[2l count + n], its bound to
    variances[(2l + 1) count + n]. counts: instructions of the first, the middle and the last part of code;
    fixed registers; 0, 1, 2 where the result is c, T, or T and S; registers.
    """
    scale, s2 = (numbers[0], numbers[1]), (numbers[2], numbers[3])
    first, middle, kept, tangent = counts[0], counts[1], counts[3], counts[4]
    xs = offset(w, counts[5] * SIZE)
    ys = offset(xs, width)
    before = offset(ys, width)
    states = 1 if kind == 2 else 5 + kind
    result = state[states + (1 if tangent else 0)] * SIZE
    mirrored = state[states + tangent] * SIZE
    for start in range(0, count, LANES):
        m = min(LANES, count - start)
        for t in range(kept * SIZE):
            w[t] = fixed[t]
        for k in range(LANES):
            n = start + (k if k < m else 0)
            i, j = places[2 * n], places[2 * n + 1]
            scaled(offset(X, i * width), width, power_row[i], xs)
            if kind == 2:
                _first_variance(k, xs, width, power_row[i], scale, s2, state, w)
            else:
                scaled(offset(Y, j * width), width, power_column[j], ys)
                powers = power_row[i], power_column[j]
                _first_layer(k, (xs, ys), width, powers, scale, s2, kind, state, w)
        for layer in range(depth):
            begin = 0 if layer == 0 else first
            steps = first if layer == 0 else middle
            if layer > 0 and layer == depth - 1 and kind < 2:
                begin, steps = first + middle, counts[2]
            _raised(state, kind, w)
            if layer > TAMED:
                _tamed(state, states, w, before, 1)
            run(offset(code, begin * WORDS), steps, w, table)
            if layer > TAMED:
                _tamed(state, states, w, before, 0)
            _doubted(state, kind, w)
            if kind == 2:
                for k in range(m):
                    a, wrong = w[state[0] * SIZE + k], w[state[0] * SIZE + WRONG + k]
                    place = 2 * layer * count + start + k
                    variances[place], variances[place + count] = a, wrong
        for k in range(m):
            n = 4 * (start + k)
            out[n], out[n + 1] = w[result + k], w[result + WRONG + k]
            out[n + 2], out[n + 3] = w[mirrored + k], w[mirrored + WRONG + k]


@inline
def _first_variance(
    k: int, x: Register, n: int, power: float, scale: Two, s2: Two, state: Any, w: Register
) -> None:
    a = twofold.mul(scale, dot(x, x, n))
    a = twofold.add(_times_power(_times_power(a, power), power), s2)
    for t in range(4):
        _put(w, state[t] * SIZE + k, a, LOST * (8.0 + n))
