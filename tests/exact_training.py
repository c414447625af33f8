"""Trained networks in mpmath, by definition: closed-form kernels and the matrix exponential."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

Layer = Callable[[mpf, mpf, mpf], tuple[mpf, mpf]]  # variances, covariance -> E f f, E f' s
DIGITS = 60


def sign_erf(a: mpf, b: mpf, c: mpf) -> tuple[mpf, mpf]:
    """sign with the surrogate erf': E sign sign, E 2 delta(x) erf'(y). The first argument has the delta."""
    return 2 / mp.pi * mp.asin(c / mp.sqrt(a * b)), 2 / mp.pi / mp.sqrt(a * (b + mpf(1) / 2) - c**2)


def erf(a: mpf, b: mpf, c: mpf) -> tuple[mpf, mpf]:
    """erf: E f f, E f' f'."""
    u, v = 1 + 2 * a, 1 + 2 * b
    return 2 / mp.pi * mp.asin(2 * c / mp.sqrt(u * v)), 4 / mp.pi / mp.sqrt(u * v - 4 * c**2)


def relu(a: mpf, b: mpf, c: mpf) -> tuple[mpf, mpf]:
    """ReLU: E f f, E f' f'."""
    cosine = min(max(c / mp.sqrt(a * b), mpf(-1)), mpf(1))
    angle = mp.acos(cosine)
    first = mp.sqrt(a * b) / (2 * mp.pi) * (mp.sin(angle) + (mp.pi - angle) * cosine)
    return first, (mp.pi - angle) / (2 * mp.pi)


def kernel(
    layer: Layer,
    x: Sequence[float],
    y: Sequence[float],
    depth: int,
    sw: float,
    sb: float,
    *,
    nngp: bool = False,
) -> mpf:
    """The tangent kernel of the pair, or the NNGP kernel, on the exact float64 inputs."""
    w, s = mpf(sw) ** 2, mpf(sb) ** 2

    def first(u: Sequence[float], v: Sequence[float]) -> mpf:
        return w / len(u) * sum(mpf(float(p)) * mpf(float(q)) for p, q in zip(u, v, strict=True)) + s

    a, b, c = first(x, x), first(y, y), first(x, y)
    tangent = c
    for _ in range(depth - 1):
        value, factor = layer(a, b, c)
        a, b = (w * layer(u, u, u)[0] + s for u in (a, b))
        c = w * value + s
        tangent = c + w * tangent * factor
    return c if nngp else tangent


def gram(layer: Layer, X: Any, Z: Any, depth: int, sw: float, sb: float, *, nngp: bool = False) -> Any:
    """The matrix of the kernel; twice the digits, as angles near 0 cost half of them."""
    with mp.workdps(2 * mp.dps + 20):
        return mp.matrix([[kernel(layer, x, z, depth, sw, sb, nngp=nngp) for z in Z] for x in X])


def projection(K: Any, cross: Any, span: float) -> Any:
    """K(T, X) K(X, X)^-1 (1 - exp(-span K(X, X))), as it is written."""
    if span == math.inf:
        return cross * mp.inverse(K)
    return cross * mp.inverse(K) * (mp.eye(K.rows) - mp.expm(-mpf(span) * K, method="taylor"))


def trained(
    layer: Layer,
    X: Any,
    Y: Any,
    T: Any,
    spans: Sequence[float],
    *,
    depth: int = 3,
    sw: float = 1.0,
    sb: float = 0.1,
) -> list[tuple[Any, Any]]:
    """Mean (p,) and covariance (p, p) as float64, for every span = rate * t."""
    with mp.workdps(DIGITS):
        where = {"depth": depth, "sw": sw, "sb": sb}
        K, cross = gram(layer, X, X, **where), gram(layer, T, X, **where)  # type: ignore[arg-type]  # of one dict
        S, S_cross, S_test = (gram(layer, U, V, nngp=True, **where) for U, V in ((X, X), (T, X), (T, T)))  # type: ignore[arg-type]  # as above
        values = mp.matrix([mpf(float(y)) for y in Y])
        found = []
        for span in spans:
            P = projection(K, cross, span)
            covariance = S_test - P * S_cross.T - S_cross * P.T + P * S * P.T
            found.append((floats(P * values)[:, 0], floats(covariance)))
    return found


def floats(matrix: Any) -> Any:
    return np.array([[float(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)])
