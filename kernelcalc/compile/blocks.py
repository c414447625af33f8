"""Blocks of a matrix product and of a transposed write, for tiles that stay in the cache.

Every inner product is summed in the same order, by fused multiply-adds, whatever its place in a block: it is
symmetric, equal rows have equal products to the last bit, a row's product with itself is its squared norm.
"""

from typing import Any

from kernelcalc.compile.layout import CHUNK, PANEL, PRODUCT_SPACE, STRIDE, TILE
from kernelcalc.compile.primitives import fma, inline, offset, transpose8, wide

__all__ = ["PRODUCT_SPACE", "STRIDE", "TILE", "inner_product", "product", "write_transposed"]

Pointer = Any


@inline
def inner_product(x: Pointer, y: Pointer, d: int) -> float:
    """<x, y> rounded as `product` does."""
    total = 0.0
    for start in range(0, d, CHUNK):
        s = 0.0
        for k in range(start, min(start + CHUNK, d)):
            s = fma(x[k], y[k], s)
        total += s
    return total


@inline
def _pack(y: Pointer, d: int, terms: int, columns: int, panel: Pointer) -> None:
    """panel[k STRIDE + j] = y[j d + k]."""
    for j in range(0, columns, 8):
        for k in range(0, terms, 8):
            if j + 8 <= columns and k + 8 <= terms:
                transpose8(offset(y, j * d + k), d, offset(panel, k * STRIDE + j), STRIDE)
            else:
                for row in range(j, min(j + 8, columns)):
                    for term in range(k, min(k + 8, terms)):
                        panel[term * STRIDE + row] = y[row * d + term]


@inline
def _four_rows(x: Pointer, d: int, terms: int, columns: int, panel: Pointer, s: Pointer) -> None:
    """s[r STRIDE + j] += sum_k x[r d + k] panel[k STRIDE + j] for r < 4; four terms to a load of s."""
    wide()
    for k in range(0, terms - 3, 4):
        a0, a1, a2, a3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        b0, b1, b2, b3 = x[d + k], x[d + k + 1], x[d + k + 2], x[d + k + 3]
        c0, c1, c2, c3 = x[2 * d + k], x[2 * d + k + 1], x[2 * d + k + 2], x[2 * d + k + 3]
        d0, d1, d2, d3 = x[3 * d + k], x[3 * d + k + 1], x[3 * d + k + 2], x[3 * d + k + 3]
        base = k * STRIDE
        for j in range(columns):
            p0, p1 = panel[base + j], panel[base + STRIDE + j]
            p2, p3 = panel[base + 2 * STRIDE + j], panel[base + 3 * STRIDE + j]
            a = fma(a3, p3, fma(a2, p2, fma(a1, p1, fma(a0, p0, s[j]))))
            b = fma(b3, p3, fma(b2, p2, fma(b1, p1, fma(b0, p0, s[STRIDE + j]))))
            c = fma(c3, p3, fma(c2, p2, fma(c1, p1, fma(c0, p0, s[2 * STRIDE + j]))))
            e = fma(d3, p3, fma(d2, p2, fma(d1, p1, fma(d0, p0, s[3 * STRIDE + j]))))
            s[j] = a
            s[STRIDE + j] = b
            s[2 * STRIDE + j] = c
            s[3 * STRIDE + j] = e
    for k in range(terms - terms % 4, terms):
        for r in range(4):
            _add_multiple(x[r * d + k], offset(panel, k * STRIDE), columns, offset(s, r * STRIDE))


@inline
def _add_multiple(factor: float, p: Pointer, columns: int, s: Pointer) -> None:
    wide()
    for j in range(columns):
        s[j] = fma(factor, p[j], s[j])


@inline
def _fill(value: float, count: int, s: Pointer) -> None:
    for j in range(count):
        s[j] = value


@inline
def _add(t: Pointer, count: int, s: Pointer) -> None:
    for j in range(count):
        s[j] += t[j]


@inline
def product(x: Pointer, rows: int, y: Pointer, columns: int, d: int, space: Pointer, out: Pointer) -> None:
    """out[i STRIDE + j] = <x_i, y_j> for rows of length d at x + i d, y + j d; rows, columns <= TILE.

    Reads nothing beyond the rows given. `space` has room for PRODUCT_SPACE numbers.
    """
    s = offset(space, PANEL)
    for i in range(rows):
        _fill(0.0, columns, offset(out, i * STRIDE))
    for start in range(0, d, CHUNK):
        terms = min(CHUNK, d - start)
        _pack(offset(y, start), d, terms, columns, space)
        for i in range(0, rows, 4):
            _fill(0.0, 4 * STRIDE, s)
            xi = offset(x, i * d + start)
            if i + 4 <= rows:
                _four_rows(xi, d, terms, columns, space, s)
            else:
                for r in range(rows - i):
                    for k in range(terms):
                        _add_multiple(
                            xi[r * d + k], offset(space, k * STRIDE), columns, offset(s, r * STRIDE)
                        )
            for r in range(min(4, rows - i)):
                _add(offset(s, r * STRIDE), columns, offset(out, (i + r) * STRIDE))


@inline
def write_transposed(tile: Pointer, rows: int, columns: int, target: Pointer, stride: int) -> None:
    """target[j stride + i] = tile[i STRIDE + j]."""
    for j in range(0, columns, 8):
        for i in range(0, rows, 8):
            if j + 8 <= columns and i + 8 <= rows:
                transpose8(offset(tile, i * STRIDE + j), STRIDE, offset(target, j * stride + i), stride)
            else:
                for column in range(j, min(j + 8, columns)):
                    for row in range(i, min(i + 8, rows)):
                        target[column * stride + row] = tile[row * STRIDE + column]
