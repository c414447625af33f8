"""Beyond the paper: the covariance of sign networks at large depth, a fixed point with correlation below 1.

On the diagonal every layer has variance q = sigma_w^2 + sigma_b^2, so the correlation r of x and y is
mapped to (sigma_w^2 (2/pi) arcsin(r) + sigma_b^2)/q. The fixed point r = 1 repels (the slope there is
infinite), and one rho < 1 attracts, geometrically. So the sign network does not become singular with depth;
its tangent kernel off the diagonal tends to c*/(1 - rate).
"""

from __future__ import annotations

import mpmath as mp
import sympy as sp
from mpmath import mpf

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.kernels import Kernel
from kernelcalc.limits import expand
from kernelcalc.symbols import T, a, b, c, rho, sigma_b, sigma_w
from kernelcalc.verify.claim import Claim

from ._d2 import Number, Point, number, opposite

BEYOND = "kernelcalc: beyond the paper (section D.2)"
s, beta = sigma_w**2, sigma_b**2
q = s + beta

POINTS = tuple(
    {rho: sp.Rational(r), sigma_w: sp.Rational(w)}
    for r, w in (("0", "1"), ("1/2", "3/2"), ("99/100", "2/3"), ("1/7", "2"))
)


def sign_kernel(**options: object) -> Kernel:
    return kc.NTK(kc.Erf(), "L", **options).limit("m", kc.oo)


def correlation_map() -> sp.Expr:
    """r -> the next correlation, both layers with variance q."""
    covariance = sign_kernel(sigma_w=sigma_w, sigma_b=sigma_b).covariance_map()
    return trace.simplify(covariance.subs({a: q, b: q, c: rho * q}, simultaneous=True) / q)


def bias_for_fixed_point() -> sp.Expr:
    """The sigma_b^2 at which rho is the fixed point, solved from the map."""
    unknown = sp.Symbol("beta", nonnegative=True)
    equation = (correlation_map() - rho).subs(sigma_b, sp.sqrt(unknown))
    (found,) = sp.solve(sp.numer(sp.together(equation)), unknown)
    return found


def rate() -> sp.Expr:
    return trace.diff(correlation_map(), rho).subs(sigma_b, sp.sqrt(bias_for_fixed_point()))


def bias_number(point: Point) -> Number:
    """sigma_b^2 by the definition of the fixed point: rho (s + beta) = s E sign sign + beta."""
    r, w2 = number(point[rho]), number(point[sigma_w]) ** 2
    return w2 * (r - average(r)) / (1 - r)


def average(r: Number) -> Number:
    """E sign(X) sign(Y) at correlation r."""
    return 1 - 2 * opposite(r / mp.sqrt(1 - r**2))


def next_correlation(r: Number, s2: Number, b2: Number) -> Number:
    return (s2 * average(r) + b2) / (s2 + b2)


def rate_number(point: Point, digits: int) -> Number:
    """By how much one layer shrinks a small distance from the fixed point, averaged over both sides."""
    r, w2 = number(point[rho]), number(point[sigma_w]) ** 2
    small = mpf(10) ** -(digits // 2 + 5)
    with mp.workdps(digits + digits // 2 + 12):
        b2 = bias_number(point)
        return (next_correlation(r + small, w2, b2) - next_correlation(r - small, w2, b2)) / (2 * small)


def slope_at_one() -> sp.Expr:
    """The slope of the correlation map near r = 1 times sqrt(1 - r), in the limit."""
    u = sp.Symbol("u", positive=True)
    return expand(trace.diff(correlation_map(), rho).subs(rho, 1 - u) * sp.sqrt(u), u, sp.Integer(0))


def slope_at_one_number(point: Point, digits: int) -> Number:
    """From the gap: (1 - next)/sqrt(u) tends to twice that constant."""
    u = mpf(10) ** -(digits + 10)
    w2, b2 = number(point[sigma_w]) ** 2, number(point[sigma_b]) ** 2
    gap = 2 * w2 * opposite((1 - u) / mp.sqrt(u * (2 - u))) / (w2 + b2)
    return gap / mp.sqrt(u) / 2


def fixed_kernel() -> sp.Expr:
    """T = c* + T Sdot(c*) solved for T, in rho and sigma_w."""
    step = sign_kernel(sigma_w=sigma_w, sigma_b=sigma_b).recursion()["T"]
    at = step.subs({a: q, b: q, c: rho * q}, simultaneous=True)
    (found,) = sp.solve(at - T, T)
    return found.subs(sigma_b, sp.sqrt(bias_for_fixed_point()))


def fixed_kernel_number(point: Point, digits: int) -> Number:
    """Theta^(L)(x, y) of 30 layers from a correlation beside rho, extrapolated in L by Shanks."""
    with mp.workdps(2 * digits + 15):
        w2, b2, r = number(point[sigma_w]) ** 2, bias_number(point), number(point[rho])
        variance = w2 + b2
        r += (1 - r) / 50
        kernels = [r * variance]
        for _ in range(29):
            factor = 4 * w2 / (2 * mp.pi * variance * mp.sqrt(1 - r**2))
            r = next_correlation(r, w2, b2)
            kernels.append(r * variance + kernels[-1] * factor)
        return mp.shanks(kernels)[-1][-1]


NETWORKS = tuple(
    {sigma_w: sp.Rational(w), sigma_b: sp.Rational(bias)}
    for w, bias in (("1", "0"), ("3/2", "1/2"), ("2/3", "2"))
)
bias2 = s * (rho - 2 / sp.pi * sp.asin(rho)) / (1 - rho)
slope = 2 / sp.pi * (1 - rho) / ((1 - 2 / sp.pi * sp.asin(rho)) * sp.sqrt(1 - rho**2))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        tag="D.3/depth/fixed-point",
        title="which bias has which correlation at large depth",
        source=BEYOND,
        statement="rho < 1 is a fixed point of the correlation iff sigma_b^2 = sigma_w^2 (rho - 2/pi "
        "arcsin(rho))/(1 - rho)",
        conditions="0 <= rho < 1",
        printed=bias2,
        derive=bias_for_fixed_point,
        witness=lambda point, _: bias_number(point),
        points=POINTS,
    ),
    Claim(
        tag="D.3/depth/rate",
        title="the rate at which the fixed point is approached",
        source=BEYOND,
        statement="the distance to rho shrinks per layer by 2/pi (1 - rho)/((1 - 2/pi arcsin(rho)) sqrt(1 "
        "- rho^2))",
        conditions="0 <= rho < 1",
        printed=slope,
        derive=rate,
        witness=rate_number,
        points=POINTS,
    ),
    Claim(
        tag="D.3/depth/repelling",
        title="correlation 1 is left at once",
        source=BEYOND,
        statement="the slope of the correlation map at r = 1 - u is ~ sqrt(2)/pi sigma_w^2/(sigma_w^2 + "
        "sigma_b^2) u^(-1/2)",
        printed=sp.sqrt(2) / sp.pi * s / q,
        derive=slope_at_one,
        witness=slope_at_one_number,
        points=NETWORKS,
    ),
    Claim(
        tag="D.3/depth/kernel",
        title="the tangent kernel of sign networks at large depth",
        source=BEYOND,
        statement="Theta_oo^(L)(x,y) -> c*/(1 - rate) as L -> oo, c* = rho (sigma_w^2 + sigma_b^2), x, y "
        "not parallel",
        conditions="0 <= rho < 1 the fixed point",
        printed=rho * (s + bias2) / (1 - slope),
        derive=fixed_kernel,
        witness=fixed_kernel_number,
        points=POINTS,
        digits=30,
    ),
)
