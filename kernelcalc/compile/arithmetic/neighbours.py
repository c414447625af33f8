"""The first layer of close pairs: one row against many, from the rows themselves.

A mark names a pair of a tile, i TILE + j; TILE^2 is added where the correlation is negative, and the mark of
equal rows is turned into -1 - mark. Let x be the longer row of the two, so that exchanging them changes no
bit. With D = y - t x for any number t, each element rounded once,

    |x|^2 |y|^2 - <x, y>^2 = |x|^2 |D|^2 - <x, D>^2,      <x, y> = t |x|^2 + <x, D>,
    |x - y|^2 = (1 - t)^2 |x|^2 - 2 (1 - t) <x, D> + |D|^2,
    |x|^2 - |y|^2 = (1 - t^2) |x|^2 - 2 t <x, D> - |D|^2

and nothing cancels unless D is nearly parallel to x. For rows of about one length t = +-1 will do, else
t = <x, y>/|x|^2; multiples of a row and rows of extreme size go the longer ways of pairs.py.
"""

from __future__ import annotations

from typing import Any, cast

from kernelcalc.compile.arithmetic.pairs import (
    comparison,
    gram_determinant,
    inner,
    largest,
    parallel_determinant,
    rejection,
    scaled,
)
from kernelcalc.compile.arithmetic.primitives import F, fma, inline, offset, wide
from kernelcalc.compile.arithmetic.roots import hypot, sqrt
from kernelcalc.compile.layout import STRIDE, TILE, A, B, C, D, P, Q, R, S, T
from kernelcalc.compile.lowering import Inlined

Pointer = Any

STEEP = 0.25  # least share of |D|^2 that must be orthogonal to x


def _fused(function: F) -> F:
    """As pairs.summed, with products fused into the sums."""
    return cast(F, Inlined(function, fastmath={"reassoc", "nsz", "contract"}))


@_fused
def _difference(x: Pointer, y: Pointer, n: int, t: float) -> tuple[float, float]:
    """|D|^2 and <x, D> for D = y - t x."""
    wide()
    square = 0.0
    share = 0.0
    for k in range(n):
        difference = fma(-t, x[k], y[k])
        square += difference * difference
        share += x[k] * difference
    return square, share


@inline
def along(mark: int) -> int:
    """The column of a mark."""
    return (-1 - mark if mark < 0 else mark) % TILE


@inline
def together(a: Pointer, start: int, count: int, out: Pointer) -> int:
    """Copy the variances of a tile's points, filled up to whole vectors; how many there are then."""
    whole = (count + 7) // 8 * 8
    for k in range(whole):
        out[k] = a[start + min(k, count - 1)]
    return whole


@inline
def gathered(table: Pointer, quantities: int, run: Pointer, count: int, out: Pointer) -> None:
    """The columns of a point table that the marks name, side by side."""
    for q in range(quantities):
        for k in range(count):
            out[q * STRIDE + k] = table[q * STRIDE + along(run[k])]


@inline
def _long_way(
    x: Pointer,
    y: Pointer,
    width: int,
    powers: tuple[float, float],
    variances: tuple[float, float],
    scale: float,
    rows: tuple[Pointer, Pointer, Pointer],
) -> tuple[float, float, float, float]:
    """scale sqrt(det(x, y)/(a_x a_y)), |x - y| sqrt(scale/a_x), scale <x, y>, scale (|x|^2 - |y|^2).

    Any pair; rows of extreme size are scaled by powers of two, so that no square overflows.
    """
    xs, ys, zs = rows
    px, py = powers
    a_x, a_y = variances
    pm = px if px < py else py
    if px != 1.0 or py != 1.0:
        scaled(x, width, pm, xs)
        scaled(y, width, pm, ys)
        _, _, distance, spread = comparison(xs, ys, width)
        scaled(x, width, px, xs)
        scaled(y, width, py, ys)
        x, y = xs, ys
        yy, xy, _, _ = comparison(x, y, width)
    else:
        yy, xy, distance, spread = comparison(x, y, width)
    xx = inner(x, x, width)
    sine = 0.0
    if xx > 0.0 and yy > 0.0 and distance > 0.0:
        rr, xr, _ = rejection(x, y, width, xy / xx)
        determinant, found = gram_determinant(xx, rr, xr)
        if not found:
            determinant = parallel_determinant(x, y, width, xx, largest(x, width), zs)
        sine = determinant / (xx * yy)
    lengths = sqrt(scale / a_x) * (sqrt(xx) / px) * (sqrt(scale / a_y) * (sqrt(yy) / py))
    gap = sqrt(scale / a_x) * (sqrt(distance) / pm)
    return lengths * sqrt(sine), gap, scale * (xy / px / py), scale * (spread / pm / pm)


@inline
def _short_way(w: Pointer, m: int, scale: float) -> None:
    """What _long_way returns, in lanes Q, P, C, D; |x|^2 in Q, t in R, |D|^2 in T, <x, D> in C, a in A, B."""
    wide()
    for k in range(m):
        xx, t, square, share = w[Q + k], w[R + k], w[T + k], w[C + k]
        less, more, root = 1.0 - t, 1.0 + t, sqrt(scale / w[A + k])
        w[Q + k] = root * sqrt(scale / w[B + k]) * sqrt(fma(xx, square, -share * share))
        w[P + k] = root * sqrt(fma(less, fma(less, xx, -2.0 * share), square))
        w[C + k] = scale * fma(t, xx, share)
        w[D + k] = scale * fma(less, more * xx, fma(-2.0 * t, share, -square))


@inline
def _state(w: Pointer, m: int, s2: float) -> None:
    """sqrt(q), sqrt(p), r, c, T, S in their lanes, from what _long_way returns."""
    wide()
    for k in range(m):
        a_x, a_y, gap = w[A + k], w[B + k], w[P + k]
        angle = hypot(w[Q + k], gap * sqrt(s2 / a_y))
        c = w[C + k] + s2
        square = gap * gap
        near = c > 0.0 and square < 0.25 and square * a_x < 0.25 * a_y
        c = 0.5 * (a_x * (1.0 - square) + a_y) if near else c
        r = c / (sqrt(a_x) * sqrt(a_y))
        small = angle / sqrt(2.0 + 2.0 * abs(r))
        large = sqrt(1.0 - small * small)
        w[Q + k] = small if c >= 0.0 else large
        w[P + k] = large if c >= 0.0 else small
        w[R + k], w[C + k], w[T + k], w[S + k] = r, c, c, c


@inline
def first_layer(
    X: Pointer,
    Y: Pointer,
    i: int,
    j0: int,
    width: int,
    run: Pointer,
    count: int,
    alike: int,
    of_rows: tuple[Pointer, Pointer, Pointer],
    of_columns: tuple[Pointer, Pointer, Pointer],
    scale: float,
    s2: float,
    rows: tuple[Pointer, Pointer, Pointer],
    w: Pointer,
) -> None:
    """The state of `count` marked pairs of row i of X, in lanes; marks of equal rows change if `alike`.

    of_rows, of_columns: powers of two, squared norms and variances of the points; rows: work space.
    """
    whole = (count + 7) // 8 * 8
    for k in range(count):
        j, t = j0 + run[k] % TILE, 1.0 if run[k] < TILE * TILE else -1.0
        x, y = offset(X, i * width), offset(Y, j * width)
        power, xx, a_x = of_rows[0][i], of_rows[1][i], of_rows[2][i]
        other, yy, a_y = of_columns[0][j], of_columns[1][j], of_columns[2][j]
        exchanged = yy > xx
        if exchanged:
            x, y, xx, a_x, a_y = y, x, yy, a_y, a_x
        square, share = _difference(x, y, width, t)
        steep = xx * square - share * share >= STEEP * (xx * square)
        if not steep:
            t += share / xx
            square, share = _difference(x, y, width, t)
            steep = square > 0.0 and xx * square - share * share >= STEEP * (xx * square)
        w[Q + k], w[R + k], w[T + k], w[C + k], w[A + k], w[B + k] = xx, t, square, share, a_x, a_y
        w[S + k] = 1.0 if steep and power == 1.0 and other == 1.0 else 0.0
    _short_way(w, whole, scale)
    for k in range(count):
        j = j0 + run[k] % TILE
        exchanged = of_columns[1][j] > of_rows[1][i]
        if w[S + k] == 0.0:
            x, y = offset(X, i * width), offset(Y, j * width)
            px, py, a_x, a_y = of_rows[0][i], of_columns[0][j], of_rows[2][i], of_columns[2][j]
            if exchanged:
                x, y, px, py, a_x, a_y = y, x, py, px, a_y, a_x
            found = _long_way(x, y, width, (px, py), (a_x, a_y), scale, rows)
            w[Q + k], w[P + k], w[C + k], w[D + k] = found
        if exchanged:
            w[D + k] = -w[D + k]
        if alike and w[P + k] == 0.0:
            run[k] = -1 - run[k]
    _state(w, whole, s2)
