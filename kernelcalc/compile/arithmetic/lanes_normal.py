"""Tapes in double-double with integrals over quarter planes; apart from lanes.py, as they compile slowly."""

from __future__ import annotations

import math
from typing import Any

from kernelcalc.compile.arithmetic import twofold
from kernelcalc.compile.arithmetic.lanes import (
    LANES,
    LEAST,
    LOST,
    LOW,
    ROUGH,
    SIZE,
    WORDS,
    WRONG,
    Register,
    step,
)
from kernelcalc.compile.arithmetic.lookup import lookup_plane
from kernelcalc.compile.arithmetic.primitives import inline, offset
from kernelcalc.compile.arithmetic.twofold import ZERO
from kernelcalc.compile.arithmetic.twofold_normal import SERIES, scaled_side, scaled_slopes, side, slopes

QUADRANT, SCALED, PLANE = 26, 27, 28


@inline
def _quadrant(d: Register, h: Register, k: Register, A: Register, B: Register) -> None:
    """P(X > h, Y > k), as normal.py has it."""
    for j in range(LANES):
        total = (1.0 if h[j] < 0.0 and k[j] < 0.0 else 0.0), 0.0
        wrong = 0.0
        for second in range(2):
            first = second == 0
            x = (h[j] if first else k[j]), (h[LOW + j] if first else k[LOW + j])
            y = (A[j] if first else B[j]), (A[LOW + j] if first else B[LOW + j])
            part = side(x, y)
            by_x, by_y = slopes(x[0], y[0])
            wrong += by_x * (h[WRONG + j] if first else k[WRONG + j])
            wrong += by_y * (A[WRONG + j] if first else B[WRONG + j])
            off = h[WRONG + j] if first else k[WRONG + j]
            if off > 0.0 and off >= abs(x[0]):  # whose sign is not known: by_x at 0, or a half plane
                wrong += 0.16 * off / abs(y[0]) if abs(y[0]) > off else 0.5
            near = x[0] * x[0] + y[0] * y[0] <= SERIES
            wrong += LOST if near else 2.0 * ROUGH * abs(part[0]) + 64.0 * LEAST
            total = twofold.add(total, part)
        d[j], d[LOW + j] = total
        d[WRONG + j] = min(wrong, 1.0) if wrong < math.inf else math.inf


@inline
def _scaled_quadrant(d: Register, h: Register, k: Register, A: Register, B: Register) -> None:
    """exp((h^2 + A^2)/2) P(X > h, Y > k)."""
    for j in range(LANES):
        total, wrong = ZERO, 0.0
        if h[j] < 0.0 and k[j] < 0.0:
            x, y = (h[j], h[LOW + j]), (A[j], A[LOW + j])
            total = twofold.exp(twofold.scale(twofold.add(twofold.mul(x, x), twofold.mul(y, y)), 0.5))
            wrong = total[0] * (abs(x[0]) * h[WRONG + j] + abs(y[0]) * A[WRONG + j])
        for second in range(2):
            first = second == 0
            x = (h[j] if first else k[j]), (h[LOW + j] if first else k[LOW + j])
            y = (A[j] if first else B[j]), (A[LOW + j] if first else B[LOW + j])
            off, tilted = h[WRONG + j] if first else k[WRONG + j], A[WRONG + j] if first else B[WRONG + j]
            part = scaled_side(x, y)
            by_x, by_y = scaled_slopes(x[0], y[0], part[0])
            wrong += by_x * off + by_y * tilted
            if off > 0.0 and off >= abs(x[0]):  # whose sign is not known
                wrong = math.inf
            square = x[0] * x[0] + y[0] * y[0]
            near = LOST * math.exp(0.5 * min(square, SERIES))
            wrong += near if square <= SERIES else 2.0 * ROUGH * abs(part[0]) + 64.0 * LEAST
            total = twofold.add(total, part)
        d[j], d[LOW + j] = total
        d[WRONG + j] = wrong + ROUGH * abs(total[0]) if wrong < math.inf else math.inf


@inline
def _looked_up(d: Register, x: Register, y: Register, table: Register) -> None:
    """The means of planes.py, as exact as they are."""
    for j in range(LANES):
        d[j], d[LOW + j], d[WRONG + j] = lookup_plane(x[j], y[j], table), 0.0, 0.0


@inline
def run(code: Any, count: int, w: Register, table: Register) -> None:
    """As lanes.run."""
    for n in range(count):
        i = offset(code, n * WORDS)
        d, x, y = offset(w, i[1] * SIZE), offset(w, i[4] * SIZE), offset(w, i[5] * SIZE)
        if i[0] == QUADRANT:
            _quadrant(d, x, y, offset(w, i[6] * SIZE), offset(w, i[7] * SIZE))
        elif i[0] == SCALED:
            _scaled_quadrant(d, x, y, offset(w, i[6] * SIZE), offset(w, i[7] * SIZE))
        elif i[0] == PLANE:
            _looked_up(d, x, y, table)
        else:
            step(i, w, table)
