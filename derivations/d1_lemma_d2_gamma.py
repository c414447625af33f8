"""Lemma D.2, end of the proof: dV/dlambda is the derivative of 2/pi arcsin(gamma(lambda)), (S26) and (S27).

The announcement of the idea lacks the factor 2/pi; in three lines lambda stands where lambda^2 is meant.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import sympy as sp

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.symbols import a, b, c
from kernelcalc.verify.claim import Claim, Point

from ._d1 import closed, gamma, lam, number, points, slope
from .d1_lemma_d2_derivative import S26

PI = sp.pi
LAMBDAS = points((a, b, c, lam), "1 2 1/2 1/2", "3/2 1/3 0 2", "2 1 -1 3/2", "1 1 99/100 1/3")
PRINTED_1, RIGHT_1 = 1 + 2 * lam * a, 1 + 2 * lam**2 * a  # 1 + 2 lambda x'Sigma x where lambda^2 is meant
LOST = "the exponent of lambda^2 may have been lost in the text of the PDF"
LAW = "a = x'Sigma x, b = y'Sigma y, c = x'Sigma y"


def slope_of_closed_form() -> sp.Expr:
    return trace.diff(closed(kc.Erf(lam), kc.Erf()), lam)


def gamma_factor(one: sp.Expr) -> sp.Expr:
    return sp.sqrt(one * (1 + 2 * b) / (one * (1 + 2 * b) - 4 * lam**2 * c**2))


def chain_second(one: sp.Expr) -> sp.Expr:
    root = sp.sqrt(one * (1 + 2 * b) - 4 * lam**2 * c**2)
    top = 2 / PI * sp.sqrt(one) * sp.sqrt(1 + 2 * b) * 2 * c / sp.sqrt(1 + 2 * b)
    return top / root / sp.sqrt(RIGHT_1) ** 3


def chain_third(one: sp.Expr) -> sp.Expr:
    return 2 / PI / sp.sqrt(one * (1 + 2 * b) - 4 * lam**2 * c**2) * 2 * c / RIGHT_1


def left_of_S27() -> sp.Expr:
    return 2 / PI * (1 - gamma**2) ** sp.Rational(-1, 2) * trace.diff(gamma, lam)


def numeric_gamma(point: Point, digits: int) -> Any:
    p, q, r, t = (number(point[key]) for key in (a, b, c, lam))
    return 1 / mp.sqrt(1 - (2 * t * r / mp.sqrt((1 + 2 * t * t * p) * (1 + 2 * q))) ** 2)


CLAIMS = (
    Claim(
        tag="S26/engine",
        title="dV/dlambda from the engine's closed form",
        source="Lemma D.2, proof (S26)",
        statement="d/dlambda E[erf(lambda X) erf(Y)] = (S26)",
        conditions=LAW,
        printed=S26,
        derive=slope_of_closed_form,
        witness=slope,
        points=LAMBDAS,
        digits=30,
    ),
    Claim(
        tag="D.2/proof/gamma",
        title="(1 - gamma^2)^(-1/2)",
        source="Lemma D.2, proof, after (S27)",
        statement="(1 - gamma^2)^(-1/2) = ((1 + 2 lambda a)(1 + 2b) / "
        "((1 + 2 lambda a)(1 + 2b) - 4 lambda^2 c^2))^(1/2)",
        conditions=LAW,
        printed=gamma_factor(PRINTED_1),
        corrected=gamma_factor(RIGHT_1),
        doubtful=LOST,
        note="lambda must be lambda^2 in 1 + 2 lambda x'Sigma x",
        derive=lambda: (1 - gamma**2) ** sp.Rational(-1, 2),
        witness=numeric_gamma,
        points=LAMBDAS,
    ),
    Claim(
        tag="D.2/proof/root",
        title="the derivative of the other factor of gamma",
        source="Lemma D.2, proof, after (S27)",
        statement="d/dlambda (lambda (1 + 2 lambda^2 a)^(-1/2)) = (1 + 2 lambda^2 a)^(-3/2)",
        conditions=LAW,
        printed=RIGHT_1 ** sp.Rational(-3, 2),
        derive=lambda: trace.diff((lam**-2 + 2 * a) ** sp.Rational(-1, 2), lam),
        witness=lambda point, _: mp.diff(
            lambda t: t / mp.sqrt(1 + 2 * t**2 * number(point[a])), number(point[lam])
        ),
        points=LAMBDAS,
    ),
    Claim(
        tag="D.2/proof/chain-2",
        title="2/pi (1 - gamma^2)^(-1/2) dgamma/dlambda, second line",
        source="Lemma D.2, proof, last display",
        statement="= 2/pi sqrt(1 + 2 lambda a) sqrt(1 + 2b) / "
        "sqrt((1 + 2 lambda a)(1 + 2b) - 4 lambda^2 c^2) 2c/sqrt(1 + 2b) (1 + 2 lambda^2 a)^(-3/2)",
        conditions=LAW,
        printed=chain_second(PRINTED_1),
        corrected=chain_second(RIGHT_1),
        doubtful=LOST,
        note="lambda must be lambda^2 in both places where 1 + 2 lambda x'Sigma x stands",
        derive=left_of_S27,
        witness=slope,
        points=LAMBDAS,
        digits=30,
    ),
    Claim(
        tag="D.2/proof/chain-3",
        title="2/pi (1 - gamma^2)^(-1/2) dgamma/dlambda, third line",
        source="Lemma D.2, proof, last display",
        statement="= 2/pi ((1 + 2 lambda a)(1 + 2b) - 4 lambda^2 c^2)^(-1/2) 2c/(1 + 2 lambda^2 a)",
        conditions=LAW,
        printed=chain_third(PRINTED_1),
        corrected=chain_third(RIGHT_1),
        doubtful=LOST,
        note="lambda must be lambda^2 under the root",
        derive=left_of_S27,
        witness=slope,
        points=LAMBDAS,
        digits=30,
    ),
    Claim(
        tag="S27",
        title="dV/dlambda by gamma",
        source="Lemma D.2, proof (S27)",
        statement="2/pi (1 - gamma^2)^(-1/2) dgamma/dlambda = dV/dlambda",
        conditions=f"{LAW}; the right side as in (S26)",
        printed=S26,
        derive=left_of_S27,
        witness=slope,
        points=LAMBDAS,
        digits=30,
    ),
    Claim(
        tag="D.2/proof/idea",
        title="the idea of the proof",
        source="Lemma D.2, proof, first paragraph",
        statement="dV/dlambda = (1 - gamma^2)^(-1/2) dgamma/dlambda",
        conditions=LAW,
        printed=(1 - gamma**2) ** sp.Rational(-1, 2) * trace.diff(gamma, lam),
        corrected=2 / PI * (1 - gamma**2) ** sp.Rational(-1, 2) * trace.diff(gamma, lam),
        note="the factor 2/pi is missing here; (S27) has it",
        derive=slope_of_closed_form,
        witness=slope,
        points=LAMBDAS,
        digits=30,
    ),
)
