"""Duals of monomials, polynomials, Hermite polynomials and their rectified kind."""

from __future__ import annotations

from functools import partial

import sympy as sp

import kernelcalc as kc
from kernelcalc.symbols import a, b, c

from ._catalogue import LAWS, both, rho, theta

S, C, u = sp.sqrt(1 - rho**2), rho, sp.pi - theta
J = (  # (a b)^(k/2) J_k(theta)/(2 pi) = E[X_+^k Y_+^k] (Cho and Saul 2009)
    u,
    S + u * C,
    3 * S * C + u * (1 + 2 * C**2),
    4 * S**3 + 15 * S * C**2 + u * (9 * S**2 * C + 15 * C**3),
    S * C * (50 * C**2 + 55) + u * (24 * C**4 + 72 * C**2 + 9),
)
COEFFICIENTS = tuple(map(sp.Rational, ("1/2", "-1", "2/3", "1/4")))


def monomial(k: int) -> sp.Expr:
    """E[X^k Y^k]."""
    terms = (
        (sp.factorial(k) / (2**i * sp.factorial(i))) ** 2
        * (a * b) ** i
        * c ** (k - 2 * i)
        / sp.factorial(k - 2 * i)
        for i in range(k // 2 + 1)
    )
    return sp.Add(*terms)


def rectified(k: int) -> sp.Expr:
    return (a * b) ** sp.Rational(k, 2) * J[k] / (2 * sp.pi)


def hermite(k: int) -> sp.Expr:
    """E of the product of He_k/sqrt(k!)."""
    terms = (
        ((a - 1) * (b - 1) / 4) ** i / sp.factorial(i) ** 2 * c ** (k - 2 * i) / sp.factorial(k - 2 * i)
        for i in range(k // 2 + 1)
    )
    return sp.factorial(k) * sp.Add(*terms)


def component(order: int, v: sp.Expr) -> sp.Expr:
    """r_l(v): the coefficients of X^l in the Wick-ordered polynomial."""
    terms = (
        p * sp.factorial(j) * v ** ((j - order) // 2)
        / (2 ** ((j - order) // 2) * sp.factorial((j - order) // 2) * sp.factorial(order))
        for j, p in enumerate(COEFFICIENTS)
        if j >= order and (j - order) % 2 == 0
    )
    return sp.Add(*terms)


def polynomial(slope: bool) -> sp.Expr:
    parts = ((n, component(n, a) * component(n, b) * sp.factorial(n)) for n in range(len(COEFFICIENTS)))
    return sp.Add(*(n * part * c ** (n - 1) if slope else part * c**n for n, part in parts if n or not slope))


def rectified_power(p: sp.Expr) -> sp.Expr:
    """E[X_+^p Y_+^p] for real p > -1/2: two of Gauss's series, even and odd in the correlation."""
    even = sp.gamma((p + 1) / 2) ** 2 / 4 * sp.hyper((-p / 2, -p / 2), (sp.Rational(1, 2),), rho**2)
    odd = rho * sp.gamma(p / 2 + 1) ** 2 / 2 * sp.hyper(
        ((1 - p) / 2, (1 - p) / 2), (sp.Rational(3, 2),), rho**2
    )
    return (2 * sp.sqrt(a * b)) ** p / sp.pi * (even + odd)


p = sp.Symbol("p", positive=True)

CLAIMS = (
    *(
        claim
        for k in (2, 3, 4)
        for claim in both(
            f"mono{k}", f"x^{k}", partial(kc.Monomial, k), monomial(k), k**2 * monomial(k - 1)
        )
    ),
    *(
        claim
        for k in (2, 3, 4)
        for claim in both(
            f"rectmono{k}",
            f"max(x, 0)^{k}",
            partial(kc.RectifiedMonomial, k),
            rectified(k),
            k**2 * rectified(k - 1) if k == 4 else None,
        )
    ),
    *(
        claim
        for k in (2, 3, 5)
        for claim in both(
            f"hermite{k}", f"He_{k}(x)/sqrt({k}!)", partial(kc.Hermite, k), hermite(k), k * hermite(k - 1)
        )
    ),
    *both(
        "rectpower",
        "max(x, 0)^p",
        kc.RectifiedPower,
        rectified_power(p),
        None,
        {p: "3/2"},
        laws=LAWS[:2],
    ),
    *both(
        "poly",
        "1/2 - x + 2/3 x^2 + 1/4 x^3",
        lambda: kc.Polynomial(COEFFICIENTS),
        polynomial(slope=False),
        polynomial(slope=True),
    ),
)
