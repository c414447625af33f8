"""Pairs of rows that kernels find hard, by family, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]
Pair = tuple[Row, Row]
DIMENSION = 8


def families(rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], Pair]]]:
    """Name and a source of pairs."""

    def noise(d: int = DIMENSION) -> Row:
        return rng.standard_normal(d)

    def pair(second: Callable[[Row], Row], left: float = 1.0, right: float = 1.0, d: int = DIMENSION) -> Pair:
        x = noise(d)
        return left * x, right * second(x)

    def near(e: float, sign: float = 1.0) -> Callable[[Row], Row]:
        return lambda x: sign * x + e * noise(len(x))

    def across(x: Row) -> Row:
        y = noise(len(x))
        return y - x * (x @ y) / (x @ x)

    def neighbour(x: Row) -> Row:
        y = x.copy()
        y[3] = np.nextafter(y[3], 9.0)
        return y

    def other(x: Row) -> Row:
        return noise(len(x))

    yield "random", lambda: pair(other)
    yield "random, 1 dimension", lambda: pair(other, d=1)
    yield "random, 2 dimensions", lambda: pair(other, d=2)
    yield "random, 300 dimensions", lambda: pair(other, d=300)
    yield "duplicate", lambda: pair(np.copy)
    yield "opposite", lambda: pair(np.negative)
    for k in range(1, 17):
        yield f"parallel 1e-{k}", partial(pair, near(10.0**-k))
        yield f"antiparallel 1e-{k}", partial(pair, near(10.0**-k, -1.0))
    yield "parallel 1e-7, 300 dimensions", lambda: pair(near(1e-7), d=300)
    yield "one ulp apart", lambda: pair(neighbour)
    yield "orthogonal", lambda: pair(across)
    yield "orthogonal 1e-9", lambda: pair(lambda x: across(x) + 1e-9 * noise())
    for factor in (2.0, -0.5, 2.0**20, 1.3, 1 + 1e-6, 1 + 1e-12, -1.7):
        yield f"multiple {factor:g}", partial(pair, partial(np.multiply, factor))
    for e in (1e-3, 1e-6, 1e-10, 1e-15):
        yield f"100 times, parallel {e:g}", partial(pair, near(e), right=100.0)
        yield f"1e-4 times, antiparallel {e:g}", partial(pair, near(e, -1.0), right=1e-4)
    for size in (1e-150, 1e-30, 1e-8, 1e8, 1e30, 1e150):
        label = f"norm {size:g}"
        yield label, partial(pair, other, size, size)
        for e in (1e-4, 1e-8, 1e-15):
            yield f"{label}, parallel {e:g}", partial(pair, near(e), size, size)
        yield f"{label}, antiparallel 1e-8", partial(pair, near(1e-8, -1.0), size, size)
        yield f"{label}, duplicate", partial(pair, np.copy, size, size)
        yield f"{label}, opposite", partial(pair, np.negative, size, size)
    for left, right in ((1e-150, 1e150), (1e-8, 1e8), (1.0, 1e10), (1e-12, 1.0)):
        yield f"norms {left:g}, {right:g}", partial(pair, other, left, right)
        yield (
            f"norms {left:g}, {right:g}, parallel 1e-9",
            partial(pair, near(1e-9), left, right),
        )
    yield "zero row", lambda: pair(other, 0.0)
    yield "zero rows", lambda: pair(other, 0.0, 0.0)
