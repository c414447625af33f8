"""The second paper, Appendix A.4: dual activations as power series, and positive definiteness on spheres.

Lemma 2: if mu = sum a_i h_i in orthonormal Hermite polynomials, then E[mu(X) mu(Y)] = sum a_i^2 rho^i for
unit variances and correlation rho. With a bias beta > 0, rho = (1 - q) <x,x'> + q on the unit sphere,
q = n0 beta^2/(1 + n0 beta^2); the binomial theorem then makes all coefficients of powers of <x,x'> positive,
also those that vanish without bias (even ones for sign, odd ones beyond the first for ReLU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import quadrature, trace
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, v, z
from kernelcalc.verify.claim import Claim, Point

from ._linear_flow import number

Expr = Any  # SymPy carries no types

ORDER = 6  # coefficients of rho^0, ..., rho^5
q = sp.Symbol("q", positive=True)


def hermite(i: int) -> Expr:
    """The orthonormal Hermite polynomial h_i for N(0, 1)."""
    x = sp.Dummy()
    return sp.expand(
        2 ** -sp.Rational(i, 2) * sp.hermite(i, x).subs(x, z / sp.sqrt(2)) / sp.sqrt(sp.factorial(i))
    )


def dual_of(activation: Function, variance: Expr = 1) -> Expr:
    """E[mu(X) mu(Y)] as a function of the correlation, here the symbol c."""
    form: Expr = kc.dual(activation).expr
    return form.subs({a: variance, b: variance, c: variance * c}, simultaneous=True)


def power_series(form: Expr) -> sp.Matrix:
    """The Taylor coefficients in the correlation."""
    found, slope = [], form
    for i in range(ORDER):
        found.append(trace.simplify(slope.subs(c, 0)) / sp.factorial(i))
        slope = trace.diff(slope, c)
    return sp.Matrix(found)


def squares(activation: Callable[[Point], Function]) -> Any:
    """a_i^2 by quadrature of a_i = E[mu(Z) h_i(Z)]."""

    def witness(point: Point, digits: int) -> mp.matrix:
        mu = activation(point).expr
        products = [Function("mu h", mu * hermite(i)) for i in range(ORDER)]
        return mp.matrix([quadrature.mean(f, 1, digits=digits) ** 2 for f in products])

    return witness


def erf_of_variance(point: Point) -> Function:
    """erf(sqrt(v) z) at a v that is a square."""
    mu: Function = kc.Erf(sp.sqrt(point[v]))
    return mu


# -- the squares of the Hermite coefficients


def sign_square(i: int) -> Expr:
    """2/pi ((i-2)!!)^2/i! for odd i, 0 for even i."""
    return 2 / sp.pi * sp.factorial2(i - 2) ** 2 / sp.factorial(i) if i % 2 else sp.Integer(0)


def relu_square(i: int) -> Expr:
    """1/(2 pi), 1/4, 1/(4 pi) and ((i-3)!!)^2/(2 pi i!) for even i, 0 for odd i > 1."""
    if i % 2:
        return sp.Rational(1, 4) if i == 1 else sp.Integer(0)
    return sp.factorial2(i - 3) ** 2 / (2 * sp.pi * sp.factorial(i))


SIGN = sp.Matrix([sign_square(i) for i in range(ORDER)])
RELU = sp.Matrix([relu_square(i) for i in range(ORDER)])
ERF = sp.Matrix([sign_square(i) * (2 * v / (1 + 2 * v)) ** i for i in range(ORDER)])

# -- with a bias: the coefficient of <x,x'>^j is sum_i a_i^2 binomial(i, j) (1 - q)^j q^(i - j)


def shifted_coefficient(activation: Function, j: int) -> Expr:
    """The coefficient of t^j in the dual at correlation (1 - q) t + q."""
    t = sp.Symbol("t", real=True)
    form = dual_of(activation).subs(c, (1 - q) * t + q)
    return (trace.diff(form, t, j) / sp.factorial(j)).subs(t, 0)


def summed(square: Callable[[int], Expr], j: int) -> Any:
    def witness(point: Point, digits: int) -> mp.mpf:
        shift = number(point[q])
        total, i, small = mp.mpf(0), j, mp.mpf(10) ** (-digits - 10)
        while i < j + 10 or shift ** (i - j) * i ** (j + 1) > small * (1 - shift):
            coefficient = mp.mpmathify(square(i).evalf(mp.mp.dps))
            total += coefficient * mp.binomial(i, j) * (1 - shift) ** j * shift ** (i - j)
            i += 1
        return total

    return witness


SHIFTS = ({q: "1/3"}, {q: "1/10"}, {q: "1/2"})

CLAIMS = (
    Claim(
        tag="N/lemma-2/sign",
        title="dual of sign: coefficients are squares of Hermite coefficients",
        source="Jacot et al. 2018, Lemma 2, for sign",
        statement="E[mu(X) mu(Y)] = sum_i a_i^2 rho^i, a_i^2 = 2/pi ((i-2)!!)^2/i! for odd i, else 0",
        printed=SIGN,
        derive=lambda: power_series(dual_of(kc.Sign())),
        witness=squares(lambda _: kc.Sign()),
        conditions="i < 6, unit variances",
    ),
    Claim(
        tag="N/lemma-2/relu",
        title="dual of ReLU: coefficients are squares of Hermite coefficients",
        source="Jacot et al. 2018, Lemma 2, for ReLU",
        statement="E[mu(X) mu(Y)] = sum_i a_i^2 rho^i, a_1^2 = 1/4, a_i^2 = ((i-3)!!)^2/(2 pi i!), i even",
        printed=RELU,
        derive=lambda: power_series(dual_of(kc.ReLU())),
        witness=squares(lambda _: kc.ReLU()),
        conditions="i < 6, unit variances",
    ),
    Claim(
        tag="N/lemma-2/erf",
        title="dual of erf(sqrt(v) z): coefficients are squares of Hermite coefficients",
        source="Jacot et al. 2018, Lemma 2, for erf",
        statement="E[mu(X) mu(Y)] = sum_i a_i^2 rho^i, a_i^2 = 2/pi ((i-2)!!)^2/i! (2v/(1+2v))^i for odd i",
        printed=ERF,
        derive=lambda: power_series(dual_of(kc.Erf(), v)),
        witness=squares(erf_of_variance),
        points=({v: 4}, {v: "1/4"}),
        conditions="i < 6",
    ),
    Claim(
        tag="N/A.4/sign-even",
        title="a bias gives sign an even coefficient: that of <x,x'>^2",
        source="Jacot et al. 2018, Appendix A.4, last step",
        statement="infinitely many even and odd coefficients are positive for beta > 0; for sign the"
        " second is (1-q)^2 q/(pi (1-q^2)^(3/2))",
        printed=(1 - q) ** 2 * q / (sp.pi * (1 - q**2) ** sp.Rational(3, 2)),
        derive=lambda: shifted_coefficient(kc.Sign(), 2),
        witness=summed(sign_square, 2),
        points=SHIFTS,
        conditions="q = n0 beta^2/(1 + n0 beta^2), unit sphere; 0 for beta = 0",
    ),
    Claim(
        tag="N/A.4/relu-odd",
        title="a bias gives ReLU an odd coefficient: that of <x,x'>^3",
        source="Jacot et al. 2018, Appendix A.4, last step",
        statement="infinitely many even and odd coefficients are positive for beta > 0; for ReLU (divided by"
        " 1/n0 + beta^2) the third is (1-q)^3 q/(12 pi (1-q^2)^(3/2))",
        printed=(1 - q) ** 3 * q / (12 * sp.pi * (1 - q**2) ** sp.Rational(3, 2)),
        derive=lambda: shifted_coefficient(kc.ReLU(), 3),
        witness=summed(relu_square, 3),
        points=SHIFTS,
        conditions="q = n0 beta^2/(1 + n0 beta^2), unit sphere; 0 for beta = 0",
    ),
)
