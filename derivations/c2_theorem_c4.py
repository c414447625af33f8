"""Theorem C.4 (Lee et al. 2019, Theorem 2.2): the critical learning rate.

Discrete gradient descent of step eta multiplies the residual along an eigenvector of Theta by
1 - eta lambda. At eta = 2/(lambda_min + lambda_max) the slowest and the fastest mode contract equally; it is
the best constant step, and everything below it converges. The theorem as printed lacks the inverse.
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp

from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number

low, gap, eta = sp.symbols("lambda_min g eta", positive=True)
high = low + gap  # lambda_max


def balanced_step() -> sp.Expr:
    """The step at which 1 - eta lambda_min and 1 - eta lambda_max are opposite."""
    (step,) = sp.solve((1 - eta * low) + (1 - eta * high), eta)
    return step


def best_step(point: Point, digits: int) -> mp.mpf:
    """The step of least contraction factor max |1 - eta lambda|, by bisection of the better direction."""
    smallest, largest = number(point[low]), number(point[low] + point[gap])
    left, right = mp.mpf(0), 2 / smallest
    while right - left > mp.mpf(10) ** (-digits - 5) * right:
        middle = (left + right) / 2
        if abs(1 - middle * largest) < abs(1 - middle * smallest):
            left = middle  # the slow mode decides: a larger step is better
        else:
            right = middle
    return left


CLAIMS = (
    Claim(
        tag="C.4/eta",
        title="critical learning rate",
        source="Theorem C.4",
        statement="eta_critical := 2 (lambda_min(Theta(X,X)) + lambda_max(Theta(X,X)))",
        printed=2 * (low + high),
        corrected=2 / (low + high),
        note="the inverse is missing: 2 (lambda_min + lambda_max)^-1, as in Lee et al. (2019);"
        " steps above 2/lambda_max diverge",
        derive=balanced_step,
        witness=best_step,
        points=(
            {low: 1, gap: 2},
            {low: "1/10", gap: 5},
            {low: "3/2", gap: "1/7"},
            {low: "1/3", gap: "100/3"},
        ),
        conditions="lambda_max = lambda_min + g",
    ),
)
