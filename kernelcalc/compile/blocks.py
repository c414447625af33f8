"""Blocks of a matrix product and of a transposed write, for tiles that stay in the cache.

Every inner product is summed in the same order, by fused multiply-adds, whatever its place in a block: it is
symmetric, equal rows have equal products to the last bit, a row's product with itself is its squared norm.
"""

from typing import Any

from kernelcalc.compile.layout import CHUNK, PANEL, PRODUCT_SPACE, STRIDE, STRIP, TILE
from kernelcalc.compile.primitives import fma, inline, offset, transpose8, wide
from kernelcalc.compile.registers import add_products, address, settle, stream_line

__all__ = [
    "PRODUCT_SPACE",
    "STRIDE",
    "TILE",
    "inner_product",
    "product",
    "settle",
    "stream",
    "stream_transposed",
    "write_transposed",
]

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
    """panel[(j // STRIP terms + k) STRIP + j % STRIP] = y[j d + k], filled up with zeros to whole strips."""
    for j in range(0, columns, 8):
        strip = offset(panel, j // STRIP * STRIP * terms + j % STRIP)
        for k in range(0, terms, 8):
            if j + 8 <= columns and k + 8 <= terms:
                transpose8(offset(y, j * d + k), d, offset(strip, k * STRIP), STRIP)
            else:
                for term in range(k, min(k + 8, terms)):
                    for row in range(8):
                        strip[term * STRIP + row] = y[(j + row) * d + term] if j + row < columns else 0.0
    for j in range((columns + 7) // 8 * 8, (columns + STRIP - 1) // STRIP * STRIP):
        for k in range(terms):
            panel[(j // STRIP * terms + k) * STRIP + j % STRIP] = 0.0


@inline
def _pad(x: Pointer, rows: int, d: int, terms: int, target: Pointer) -> None:
    """target[r CHUNK + k] = x[r d + k], rows of zeros up to the eighth."""
    for r in range(8):
        for k in range(terms):
            target[r * CHUNK + k] = x[r * d + k] if r < rows else 0.0


@inline
def product(x: Pointer, rows: int, y: Pointer, columns: int, d: int, space: Pointer, out: Pointer) -> None:
    """out[i STRIDE + j] = <x_i, y_j> for rows of length d at x + i d, y + j d; rows, columns <= TILE.

    Reads nothing beyond the rows given; fills up rows and columns of `out` to multiples of 8 and STRIP.
    `space` has room for PRODUCT_SPACE numbers.
    """
    wide()
    padded, whole = offset(space, PANEL), rows // 8 * 8
    for start in range(0, d, CHUNK):
        terms = min(CHUNK, d - start)
        _pack(offset(y, start), d, terms, columns, space)
        if whole < rows:
            _pad(offset(x, whole * d + start), rows - whole, d, terms, padded)
        for j in range(0, columns, STRIP):  # a strip of the panel stays in the first-level cache
            strip = offset(space, j * terms)
            target = offset(out, j)
            for i in range(0, whole, 8):
                xi = offset(x, i * d + start)
                add_products(xi, d, strip, terms, offset(target, i * STRIDE), STRIDE, start)
            if whole < rows:
                add_products(padded, CHUNK, strip, terms, offset(target, whole * STRIDE), STRIDE, start)


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


@inline
def stream(source: Pointer, count: int, target: Pointer) -> None:
    """target[j] = source[j] past the caches: a matrix larger than they are need not be read to be written."""
    size = address(offset(target, 1)) - address(target)
    line = 64 // size
    start = min(-(address(target) // size) % line, count)
    for j in range(start):
        target[j] = source[j]
    for j in range(start, count - line + 1, line):
        stream_line(offset(source, j), offset(target, j))
    for j in range(count - (count - start) % line, count):
        target[j] = source[j]


@inline
def stream_transposed(
    tile: Pointer, rows: int, columns: int, target: Pointer, stride: int, space: Pointer
) -> None:
    """write_transposed past the caches; `space` has room for 8 STRIDE numbers."""
    for j in range(0, columns, 8):
        wide_enough = min(8, columns - j)
        write_transposed(offset(tile, j), rows, wide_enough, space, STRIDE)
        for column in range(wide_enough):
            stream(offset(space, column * STRIDE), rows, offset(target, (j + column) * stride))
