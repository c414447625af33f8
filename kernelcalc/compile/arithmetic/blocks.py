"""Blocks of a matrix product and of a transposed write, for tiles that stay in the cache.

Every inner product is summed in the same order, by fused multiply-adds, whatever its place in a block: it is
symmetric, equal rows have equal products to the last bit, a row's product with itself is its squared norm.
"""

from typing import Any

from kernelcalc.compile.arithmetic.primitives import fma, inline, offset, wide
from kernelcalc.compile.arithmetic.registers import add_products, address, settle, stream_line
from kernelcalc.compile.arithmetic.shuffles import transpose8
from kernelcalc.compile.layout import (
    CHUNK,
    PANEL,
    PRODUCT_SPACE,
    STRIDE,
    STRIP,
    STRIP_SINGLE,
    TILE,
)

__all__ = [
    "PRODUCT_SPACE",
    "STRIDE",
    "TILE",
    "inner_product",
    "pack_single",
    "product",
    "product_single",
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
def _pack(y: Pointer, d: int, terms: int, columns: int, strip: int, panel: Pointer) -> None:
    """panel[(j // strip terms + k) strip + j % strip] = y[j d + k], filled up with zeros to whole strips."""
    for j in range(0, columns, 8):
        place = offset(panel, j // strip * strip * terms + j % strip)
        for k in range(0, terms, 8):
            if j + 8 <= columns and k + 8 <= terms:
                transpose8(offset(y, j * d + k), d, offset(place, k * strip), strip)
            else:
                for term in range(k, min(k + 8, terms)):
                    for row in range(8):
                        place[term * strip + row] = y[(j + row) * d + term] if j + row < columns else 0.0
    for j in range((columns + 7) // 8 * 8, (columns + strip - 1) // strip * strip):
        for k in range(terms):
            panel[(j // strip * terms + k) * strip + j % strip] = 0.0


@inline
def _pad(x: Pointer, rows: int, d: int, terms: int, target: Pointer) -> None:
    """target[r CHUNK + k] = x[r d + k], rows of zeros up to the eighth."""
    for r in range(8):
        for k in range(terms):
            target[r * CHUNK + k] = x[r * d + k] if r < rows else 0.0


@inline
def product(
    x: Pointer, rows: int, y: Pointer, columns: int, d: int, lower: bool, space: Pointer, out: Pointer
) -> None:
    """out[i STRIDE + j] = <x_i, y_j> for rows of length d at x + i d, y + j d; rows, columns <= TILE.

    Reads nothing beyond the rows given; fills up rows and columns of `out` to multiples of 8 and STRIP.
    lower: only what is needed of the lower triangle. `space` has room for PRODUCT_SPACE numbers.
    """
    wide()
    padded, whole = offset(space, PANEL), rows // 8 * 8
    for start in range(0, d, CHUNK):
        terms = min(CHUNK, d - start)
        _pack(offset(y, start), d, terms, columns, STRIP, space)
        if whole < rows:
            _pad(offset(x, whole * d + start), rows - whole, d, terms, padded)
        for j in range(0, columns, STRIP):  # a strip of the panel stays in the first-level cache
            strip = offset(space, j * terms)
            target = offset(out, j)
            for i in range(j if lower else 0, whole, 8):
                xi = offset(x, i * d + start)
                add_products(xi, d, 1, strip, terms, offset(target, i * STRIDE), STRIDE, start)
            if whole < rows:
                add_products(padded, CHUNK, 1, strip, terms, offset(target, whole * STRIDE), STRIDE, start)


@inline
def _chunk_single(d: int) -> int:
    return 32 if d <= 64 else 64 if d <= 256 else 128


@inline
def pack_single(x: Pointer, rows: int, d: int, packed: Pointer) -> None:
    """A tile of rows rounded to float32, as product_single takes it; there is room for TILE rows."""
    chunk = _chunk_single(d)
    for start in range(0, d, chunk):
        terms = min(chunk, d - start)
        _pack(offset(x, start), d, terms, rows, STRIP_SINGLE, offset(packed, start * TILE))


@inline
def product_single(
    x: Pointer, rows: int, y: Pointer, columns: int, d: int, lower: bool, out: Pointer
) -> None:
    """As product, to the digits of float32, of packed tiles; fills up to STRIP_SINGLE columns.

    Half chunks of terms are summed in float32, and the chunks in float64, so the error is at most
    (chunk/2 + 3) 2^-24 sum_k |x_k y_k|. A chunk is a small part of a long row, its sums are small against
    |x| |y|, and so are their roundings: together about 2^-25 |x| |y| where they are independent.
    """
    wide()
    chunk = _chunk_single(d)
    for start in range(0, d, chunk):
        terms = min(chunk, d - start)
        left, right = offset(x, start * TILE), offset(y, start * TILE)
        for j in range(0, columns, STRIP_SINGLE):
            strip = offset(right, j * terms)
            for i in range(j if lower else 0, rows, 8):
                at = offset(left, i // STRIP_SINGLE * STRIP_SINGLE * terms + i % STRIP_SINGLE)
                target = offset(out, i * STRIDE + j)
                add_products(at, 1, STRIP_SINGLE, strip, terms, target, STRIDE, start)


@inline
def write_transposed(
    tile: Pointer, tile_stride: int, rows: int, columns: int, target: Pointer, stride: int
) -> None:
    """target[j stride + i] = tile[i tile_stride + j]."""
    for j in range(0, columns, 8):
        for i in range(0, rows, 8):
            if j + 8 <= columns and i + 8 <= rows:
                source = offset(tile, i * tile_stride + j)
                transpose8(source, tile_stride, offset(target, j * stride + i), stride)
            else:
                for column in range(j, min(j + 8, columns)):
                    for row in range(i, min(i + 8, rows)):
                        target[column * stride + row] = tile[row * tile_stride + column]


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
    tile: Pointer,
    tile_stride: int,
    rows: int,
    columns: int,
    target: Pointer,
    stride: int,
    space: Pointer,
) -> None:
    """write_transposed past the caches; `space` has room for 8 STRIDE numbers."""
    for j in range(0, columns, 8):
        wide_enough = min(8, columns - j)
        write_transposed(offset(tile, j), tile_stride, rows, wide_enough, space, STRIDE)
        for column in range(wide_enough):
            stream(offset(space, column * STRIDE), rows, offset(target, (j + column) * stride))
