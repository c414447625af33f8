"""blocks.py: products that round alike wherever they stand, transposed writes, all shapes of a tile."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelcalc.compile import cache
from kernelcalc.compile.arithmetic import blocks
from kernelcalc.compile.layout import TILE

Matrix = NDArray[np.float64]
RNG = np.random.default_rng(11)
SHAPES = [
    (1, 1, 1),
    (3, 5, 2),
    (4, 8, 8),
    (7, 9, 13),
    (12, TILE - 1, 32),
    (TILE, TILE, 17),
    (37, 64, 128),
    (9, 21, 300),
]
SOURCE = """
from kernelcalc.compile.arithmetic.blocks import (
    STRIDE, inner_product, pack_single, product, product_single, write_transposed
)

def run_product(x, rows, y, columns, d, space, out):
    product(x, rows, y, columns, d, False, space, out)

def run_pack(x, rows, d, packed):
    pack_single(x, rows, d, packed)

def run_single(x, rows, y, columns, d, lower, out):
    product_single(x, rows, y, columns, d, lower == 1, out)

def run_inner(x, y, d, out):
    out[0] = inner_product(x, y, d)

def run_transposed(tile, rows, columns, target, stride):
    write_transposed(tile, STRIDE, rows, columns, target, stride)
"""
POINTER, SINGLE, INTEGER = "float64*", "float32*", "int64"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        for entry, arguments in (
            ("run_product", (POINTER, INTEGER, POINTER, INTEGER, INTEGER, POINTER, POINTER)),
            ("run_pack", (POINTER, INTEGER, INTEGER, SINGLE)),
            ("run_single", (SINGLE, INTEGER, SINGLE, INTEGER, INTEGER, INTEGER, POINTER)),
            ("run_inner", (POINTER, POINTER, INTEGER, POINTER)),
            ("run_transposed", (POINTER, INTEGER, INTEGER, POINTER, INTEGER)),
        ):
            FUNCTIONS[entry] = cache.function(SOURCE, entry, arguments)


FUNCTIONS: dict[str, Callable[..., None]] = {}


def product(x: Matrix, y: Matrix) -> Matrix:
    space = np.empty(blocks.PRODUCT_SPACE)
    out = np.full((TILE, blocks.STRIDE), math.nan)
    FUNCTIONS["run_product"](
        x.ctypes.data, len(x), y.ctypes.data, len(y), x.shape[1], space.ctypes.data, out.ctypes.data
    )
    assert np.isnan(out[-(-len(x) // 8) * 8 :]).all()
    assert np.isnan(out[: len(x), -(-len(y) // 24) * 24 :]).all()
    return out[: len(x), : len(y)]


def inner(x: Matrix, y: Matrix) -> float:
    out = np.empty(1)
    FUNCTIONS["run_inner"](x.ctypes.data, y.ctypes.data, x.size, out.ctypes.data)
    return float(out[0])


@pytest.mark.parametrize(("rows", "columns", "d"), SHAPES)
def test_product_is_the_inner_product_to_the_last_bit(rows: int, columns: int, d: int) -> None:
    x, y = RNG.normal(size=(rows, d)), RNG.normal(size=(columns, d))
    out = product(x, y)
    for i in {0, rows // 2, rows - 1}:
        for j in {0, columns // 2, columns - 1}:
            assert out[i, j] == inner(x[i], y[j])
    assert (out == product(y, x).T).all()
    assert np.allclose(out, x @ y.T, rtol=1e-13, atol=1e-13)


def product_single(x: Matrix, y: Matrix, lower: int = 0) -> Matrix:
    d = x.shape[1]
    packed = np.full((2, TILE * d), np.nan, np.float32)
    for rows, place in zip((x, y), packed, strict=True):
        FUNCTIONS["run_pack"](rows.ctypes.data, len(rows), d, place.ctypes.data)
    out = np.full((TILE, blocks.STRIDE), math.nan)
    sides = packed[0].ctypes.data, len(x), packed[1].ctypes.data, len(y)
    FUNCTIONS["run_single"](*sides, d, lower, out.ctypes.data)
    return out[: len(x), : len(y)]


@pytest.mark.parametrize(("rows", "columns", "d"), [*SHAPES, (5, 50, 1000)])
def test_product_of_float32_is_within_its_bound(rows: int, columns: int, d: int) -> None:
    x, y = RNG.normal(size=(rows, d)), 1e8 * RNG.normal(size=(columns, d))
    out, size = product_single(x, y), np.abs(x) @ np.abs(y).T
    chunk = 16 if d <= 64 else 32 if d <= 256 else 64
    error = np.abs(out - x @ y.T) / size
    assert 0 < error.max() <= (min(chunk, d) + 2) * 2.0**-24
    assert (np.abs(out - x @ y.T) <= 2.0**-22 * np.outer(*(np.linalg.norm(z, axis=1) for z in (x, y)))).all()
    assert (out == product_single(y, x).T).all()
    assert product_single(x[rows // 2 :].copy(), y[-1:].copy())[0, 0] == out[rows // 2, -1]


def test_product_of_float32_of_whole_numbers_is_exact() -> None:
    x, y = (RNG.integers(-16, 17, size=(n, 784)).astype(float) for n in (60, 33))
    assert (product_single(x, y) == x @ y.T).all()


def test_the_lower_triangle_of_a_product() -> None:
    x = RNG.normal(size=(100, 40))
    whole = product_single(x, x)
    rows, columns = np.tril_indices(100)
    assert (product_single(x, x, lower=1)[rows, columns] == whole[rows, columns]).all()


@pytest.mark.parametrize("d", [32, 784, 5000])
def test_squared_norms_are_accurate(d: int) -> None:
    for _ in range(20):
        x = RNG.normal(size=d)
        exact = math.fsum([float(v) * float(v) for v in x])
        assert abs(inner(x, x) - exact) <= 8 * math.ulp(exact)


@pytest.mark.parametrize(
    ("rows", "columns", "extra"), [(1, 1, 0), (8, 8, 3), (16, 24, 0), (13, 9, 5), (TILE, TILE - 5, 1)]
)
def test_transposed_write(rows: int, columns: int, extra: int) -> None:
    tile = RNG.normal(size=(TILE, blocks.STRIDE))
    target = np.zeros((columns, rows + extra))
    FUNCTIONS["run_transposed"](tile.ctypes.data, rows, columns, target.ctypes.data, rows + extra)
    assert (target[:, :rows] == tile[:rows, :columns].T).all()
    assert (target[:, rows:] == 0).all()
