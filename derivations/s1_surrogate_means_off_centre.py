"""Means of surrogate derivatives off the centre: G(mu, v) = E s(Z), Z ~ N(mu, v).

Neurons that fire at a threshold theta need them, with mu = c theta/a - theta. They exist where the shifted
function stays in the class of the rules; a pair of poles gives the real part of the Faddeeva function w.
"""

from __future__ import annotations

from ._families import family, mean_claim

m, r = "(mu - z_0)", "sqrt(2*v)"

CLAIMS = (
    mean_claim("surrogate/F2/G-mu", family("StepSurrogate"), "step", "l + (h - l)*Phi((mu - tau)/sqrt(v))",
               off_centre=True),
    mean_claim("surrogate/F3/G-mu", family("OddSign"), "minus the sign", f"-A*erf(mu/{r})", off_centre=True),
    mean_claim("surrogate/F4/G-mu", family("Box"), "box",
               "A_0 + (A - A_0)*(Phi((W - mu)/sqrt(v)) - Phi((-W - mu)/sqrt(v)))", off_centre=True),
    mean_claim("surrogate/F4b/G-mu", family("OneSidedBox"), "box [0, u]",
               "Phi((u - mu)/sqrt(v)) - Phi(-mu/sqrt(v))", off_centre=True),
    mean_claim("surrogate/F5/G-mu", family("Triangle"), "triangle",
               "A/W*(R(mu + W, v) - 2*R(mu, v) + R(mu - W, v))", off_centre=True),
    mean_claim("surrogate/F6/G-mu", family("Laplace"), "Laplace",
               f"A/2*exp(-{m}**2/(2*v))*(erfcx((beta*v - {m})/{r}) + erfcx((beta*v + {m})/{r}))",
               off_centre=True),
    mean_claim("surrogate/F6b/G-mu", family("OneSidedExponential"), "one-sided exponential",
               f"A*(Phi(mu/sqrt(v)) + exp(-mu**2/(2*v))*erfcx((v/tau + mu)/{r})/2)", off_centre=True),
    mean_claim("surrogate/F7/G-mu", family("GaussianSurrogate"), "Gaussian",
               f"A/sqrt(1 + 2*kappa*v)*exp(-kappa*{m}**2/(1 + 2*kappa*v))", off_centre=True),
    mean_claim("surrogate/F10/G-mu", family("ATanSurrogate"), "ATan",
               f"A*sqrt(pi)/(kappa*{r})*Re_w(mu/{r}, 1/(kappa*{r}))", off_centre=True),
    mean_claim("surrogate/F15/G-mu", family("SquareWaveFourier", n=2), "one wave of a square wave",
               "4/T*exp(-2*pi**2*v/T**2)*cos(2*pi*mu/T)", off_centre=True),
    mean_claim("surrogate/F21/G-mu", family("HardTanhPlusOne"), "1 + hard tanh",
               "beta*(R(mu + 1/beta, v) - R(mu - 1/beta, v))", off_centre=True),
    mean_claim("surrogate/F22/G-mu", family("ExponentialEscape"), "exponential escape rate",
               "p_0/delta*exp(mu/delta + v/(2*delta**2))", off_centre=True),
)  # fmt: skip
