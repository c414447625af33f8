"""Means of the surrogate derivatives that libraries train with: G(v) = E s(Z), Z ~ N(0, v).

The limit kernel of a sign network needs nothing else of a surrogate derivative (S78). Steps, boxes and
triangles give erf; exponentials e^(p) erfc(u), written erfcx; poles at negative arguments the Goodwin-Staton
integral gs(t), the integral of e^(-y^2)/(y + t) over y > 0; a tail 1/z the exponential integral E1; powers of
1 + (kappa z)^2 Tricomi's U. No closed form: the logistic density and what is made of it, and SFS.
"""

from __future__ import annotations

import sympy as sp

from ._families import family, mean_claim

t, x = "(1/(beta*sqrt(2*v)))", "(alpha*sqrt(2*v))"

CLAIMS = (
    mean_claim("surrogate/F2/G", family("StepSurrogate"), "step", "l + (h - l)*Phi(-tau/sqrt(v))"),
    mean_claim("surrogate/F4/G", family("Box"), "box", "A_0 + (A - A_0)*erf(W/sqrt(2*v))"),
    mean_claim("surrogate/F4b/G", family("OneSidedBox"), "box [0, u]", "erf(u/sqrt(2*v))/2"),
    mean_claim("surrogate/F5/G", family("Triangle"), "triangle",
               "A*(erf(W/sqrt(2*v)) - sqrt(2*v/pi)*(1 - exp(-W**2/(2*v)))/W)"),
    mean_claim("surrogate/F6/G", family("Laplace", z_0=0), "Laplace", "A*erfcx(beta*sqrt(v/2))"),
    mean_claim("surrogate/F6b/G", family("OneSidedExponential"), "one-sided exponential",
               "A*(1 + erfcx(sqrt(v/2)/tau))/2"),
    mean_claim("surrogate/F7/G", family("GaussianSurrogate", z_0=0), "Gaussian", "A/sqrt(1 + 2*kappa*v)"),
    mean_claim("surrogate/F8/G", family("MultiGaussian"), "multi-Gaussian",
               "gamma*((1 + h)/sqrt(2*pi*(sigma**2 + v)) - 2*h*exp(-sigma**2/(2*(s**2*sigma**2 + v)))"
               "/sqrt(2*pi*(s**2*sigma**2 + v)))"),
    mean_claim("surrogate/F9/G", family("SuperSpike"), "SuperSpike",
               f"2*A/sqrt(pi)*{t}**2*(1/{t} - sqrt(pi) + 2*{t}*gs({t}))"),
    mean_claim("surrogate/F9b/G", family("OneSidedSuperSpike"), "one-sided SuperSpike",
               f"A/2 + A/sqrt(pi)*{t}**2*(1/{t} - sqrt(pi) + 2*{t}*gs({t}))"),
    mean_claim("surrogate/F10/G", family("ATanSurrogate"), "ATan",
               "A*sqrt(pi)/(kappa*sqrt(2*v))*erfcx(1/(kappa*sqrt(2*v)))"),
    mean_claim("surrogate/F11/G", family("LogAbs"), "log-abs", f"2/sqrt(2*pi*v)*gs(1/{x})"),
    mean_claim("surrogate/F12/G-half", family("QPseudoSpike", alpha=sp.Rational(5, 2)),
               "q-pseudo, alpha = 5/2",
               "2/sqrt(pi)*(gamma*sqrt(2*v))**Rational(-5, 2)*J(Rational(5, 2), 1/(gamma*sqrt(2*v)))"),
    mean_claim("surrogate/F12/G-third", family("QPseudoSpike", alpha=3), "q-pseudo, alpha = 3",
               "2/sqrt(pi)*(gamma*sqrt(2*v))**(-3)*((gamma*sqrt(2*v))**2 - 2*gs(1/(gamma*sqrt(2*v)))"
               " + 2/(gamma*sqrt(2*v))*(gamma*sqrt(2*v) - sqrt(pi) + 2/(gamma*sqrt(2*v))"
               "*gs(1/(gamma*sqrt(2*v)))))/2"),
    mean_claim("surrogate/F14/G", family("Circ"), "circ",
               "alpha/sqrt(2*v)*U(Rational(1, 2), 0, alpha**2/(2*v))"),
    mean_claim("surrogate/F14b/G", family("StudentSurrogate", p=sp.Rational(7, 3)), "Student, p = 7/3",
               "U(Rational(1, 2), Rational(-5, 6), 1/(2*kappa**2*v))/(kappa*sqrt(2*v))"),
    mean_claim("surrogate/F15/G", family("SquareWaveFourier", n=3), "two waves of a square wave",
               "4/T*(exp(-2*pi**2*v/T**2) + exp(-18*pi**2*v/T**2))"),
    mean_claim("surrogate/F17/G", family("FakeNumericalGradient"), "min(1/|z|, alpha)",
               f"alpha*erf(1/{x}) + E1(1/{x}**2)/sqrt(2*pi*v)"),
    mean_claim("surrogate/F18/G", family("LogTailedReLU"), "log-tailed ReLU",
               "alpha/2 + erf(1/sqrt(2*v))/2 + E1(1/(2*v))/(2*sqrt(2*pi*v))"),
    mean_claim("surrogate/F20/G", family("StochasticSpike"), "noise below 0, on average", "(m*q + 1)/2"),
    mean_claim("surrogate/F22/G", family("ExponentialEscape"), "exponential escape rate",
               "p_0/delta*exp(v/(2*delta**2))"),
)  # fmt: skip
