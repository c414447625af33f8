"""The means of hard_cases.py in mpmath: each matrix has a structure that 60 digits can use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from exact_training import DIGITS, erf, floats, gram, relu
from hard_cases import Case
from mpmath import mp, mpf


def phi(x: mpf, span: float) -> mpf:
    """(1 - exp(-span x))/x."""
    return 1 / x if span == math.inf else -mp.expm1(-mpf(span) * x) / x


def column(values: Any) -> Any:
    return mp.matrix([mpf(float(value)) for value in values])


def without_bias(case: Case, spans: Sequence[float]) -> list[Any]:
    """Rank 2: a ReLU network without bias is linear on both sides of 0. At oo: of minimal norm."""

    def sides(points: Any) -> Any:
        return mp.matrix([[max(side * mpf(float(x)), mpf(0)) for side in (-1, 1)] for x in points[:, 0]])

    unit = gram(relu, [[-1.0], [1.0]], [[-1.0], [1.0]], 3, 1.0, 0.0)
    basis = sides(case.X)  # K(X, X) = basis unit basis^T
    small = basis.T * basis * unit
    found = []
    for span in spans:
        filtered = mp.inverse(small)
        if span < math.inf:
            filtered *= mp.eye(2) - mp.expm(-mpf(span) * small)
        found.append(floats(sides(case.T) * unit * filtered * basis.T * column(case.Y))[:, 0])
    return found


def by_eigenvalues(case: Case, spans: Sequence[float]) -> list[Any]:
    layer = {"erf": erf, "relu": relu}[case.activation]
    values, vectors = mp.eigsy(gram(layer, case.X, case.X, 3, 1.0, case.sigma_b))
    coefficients = vectors.T * column(case.Y)
    before = gram(layer, case.T, case.X, 3, 1.0, case.sigma_b) * vectors
    found = []
    for span in spans:
        filtered = [phi(x, span) * q for x, q in zip(values, coefficients, strict=True)]
        found.append(floats(before * mp.matrix(filtered))[:, 0])
    return found


def on_the_ring(case: Case, spans: Sequence[float]) -> list[Any]:
    """On equidistant points of the circle the target cos(3 alpha) is an eigenvector: one sum is enough."""
    step = 2 * mp.pi / len(case.X)
    cosines = [mp.cos(3 * step * j) for j in range(len(case.X))]
    ring = [(mp.sin(step * j), mp.cos(step * j)) for j in range(len(case.X))]

    def row(x: Any) -> mpf:
        return mp.fdot(cosines, (_on_circle(x, z) for z in ring))

    value = row(ring[0])
    tests = [row([mpf(float(u)) for u in t]) for t in case.T]
    return [floats(mp.matrix([test * phi(value, span) for test in tests]))[:, 0] for span in spans]


def _on_circle(x: Any, z: Any) -> mpf:
    """The erf NTK of depth 3 at points of the unit circle, sigma_w = 1, sigma_b = 0.1."""
    s = mpf(0.1) ** 2
    a = b = mpf(1) / 2 + s
    c = tangent = (x[0] * z[0] + x[1] * z[1]) / 2 + s
    for _ in range(2):
        value, factor = erf(a, b, c)
        a, b = (erf(u, u, u)[0] + s for u in (a, b))
        c = value + s
        tangent = c + tangent * factor
    return tangent


def at_infinity(case: Case, spans: Sequence[float]) -> list[Any]:
    """K(T, X) K(X, X)^-1 Y, for t = oo alone."""
    assert list(spans) == [math.inf]
    solution = mp.lu_solve(gram(relu, case.X, case.X, 3, 1.0, case.sigma_b), column(case.Y))
    return [floats(gram(relu, case.T, case.X, 3, 1.0, case.sigma_b) * solution)[:, 0]]


METHODS: dict[str, Callable[[Case, Sequence[float]], list[Any]]] = {
    "line, no bias": without_bias,
    "line": at_infinity,
    "pairs": by_eigenvalues,
    "ring": on_the_ring,
}


def exact_means(name: str, case: Case, spans: Sequence[float]) -> list[Any]:
    """The mean at the test points, as float64, for every span = rate * t."""
    with mp.workdps(DIGITS):
        return METHODS[name](case, spans)
