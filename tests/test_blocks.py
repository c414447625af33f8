"""blocks.py: products that round alike wherever they stand, transposed writes, all shapes of a tile."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelcalc.compile import blocks, cache

Matrix = NDArray[np.float64]
RNG = np.random.default_rng(11)
SHAPES = [
    (1, 1, 1),
    (3, 5, 2),
    (4, 8, 8),
    (7, 9, 13),
    (12, blocks.TILE - 1, 32),
    (blocks.TILE, blocks.TILE, 17),
    (37, 64, 128),
    (9, 21, 300),
]
SOURCE = """
from kernelcalc.compile.blocks import STRIDE, inner_product, product, write_transposed

def run_product(x, rows, y, columns, d, space, out):
    product(x, rows, y, columns, d, False, space, out)

def run_inner(x, y, d, out):
    out[0] = inner_product(x, y, d)

def run_transposed(tile, rows, columns, target, stride):
    write_transposed(tile, STRIDE, rows, columns, target, stride)
"""
POINTER, INTEGER = "float64*", "int64"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        for entry, arguments in (
            ("run_product", (POINTER, INTEGER, POINTER, INTEGER, INTEGER, POINTER, POINTER)),
            ("run_inner", (POINTER, POINTER, INTEGER, POINTER)),
            ("run_transposed", (POINTER, INTEGER, INTEGER, POINTER, INTEGER)),
        ):
            FUNCTIONS[entry] = cache.function(SOURCE, entry, arguments)


FUNCTIONS: dict[str, Callable[..., None]] = {}


def product(x: Matrix, y: Matrix) -> Matrix:
    space = np.empty(blocks.PRODUCT_SPACE)
    out = np.full((blocks.TILE, blocks.STRIDE), math.nan)
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


@pytest.mark.parametrize("d", [32, 784, 5000])
def test_squared_norms_are_accurate(d: int) -> None:
    for _ in range(20):
        x = RNG.normal(size=d)
        exact = math.fsum([float(v) * float(v) for v in x])
        assert abs(inner(x, x) - exact) <= 8 * math.ulp(exact)


@pytest.mark.parametrize(
    ("rows", "columns", "extra"), [(1, 1, 0), (8, 8, 3), (16, 24, 0), (13, 9, 5), (blocks.TILE, blocks.TILE - 5, 1)]
)
def test_transposed_write(rows: int, columns: int, extra: int) -> None:
    tile = RNG.normal(size=(blocks.TILE, blocks.STRIDE))
    target = np.zeros((columns, rows + extra))
    FUNCTIONS["run_transposed"](tile.ctypes.data, rows, columns, target.ctypes.data, rows + extra)
    assert (target[:, :rows] == tile[:rows, :columns].T).all()
    assert (target[:, rows:] == 0).all()
