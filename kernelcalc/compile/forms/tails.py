"""Exponentials times normal integrals as one function each: neither factor stays in the range of floats.

R12 of stable.py. With Q = (h^2 - 2 rho h k + k^2)/(1 - rho^2), the squared distance of the corner (h, k),

    exp(w^2/2) Phi(-w) = erfcx(w/sqrt(2))/2,      exp(Q/2) Phi2(-h, -k, rho) = scaled(h, k, rho).

Means of exp(k z) on a half line are of this kind: what grows there is compensated at any variance.
"""

from __future__ import annotations

import sympy as sp

from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.functions.special import erfcx
from kernelcalc.symbols import a, b, c

scaled = sp.Function("scaled", real=True)  # (h, k, rho) -> exp(Q/2) P(X > h, Y > k)
_X, _Y = sp.symbols("x y", positive=True)
_R = sp.Symbol("r", real=True)


def tails(form: sp.Expr) -> sp.Expr:
    """R12 wherever it applies."""
    if not (form.has(sp.exp) and form.has(Phi, Phi2)):
        return form
    return form.replace(lambda e: e.is_Mul and e.has(sp.exp) and e.has(Phi, Phi2), _product)


def by_erf(form: sp.Expr) -> sp.Expr:
    """With Phi(w) as (1 + erf(w/sqrt(2)))/2: where variances are large, it is differences that are small."""
    other = form.replace(Phi, lambda w: (1 + sp.erf(w / sp.sqrt(2))) / 2)
    return sp.expand_mul(other) if other != form else form


def _product(product: sp.Expr) -> sp.Expr:
    powers = [factor for factor in product.args if isinstance(factor, sp.exp)]
    exponent = sp.Add(*(power.args[0] for power in powers))
    for call in product.args:
        found = _scaled(call, exponent)
        if found is not None:
            return found * sp.Mul(*(x for x in product.args if x is not call and x not in powers))
    return product


def _scaled(call: sp.Expr, exponent: sp.Expr) -> sp.Expr | None:
    """exp(exponent) times a normal integral."""
    if isinstance(call, Phi) and _same(2 * exponent, call.args[0] ** 2):
        return erfcx(-call.args[0] / sp.sqrt(2)) / 2
    if isinstance(call, Phi2) and call.args[2].has(c):
        h, k, rho = call.args
        if _same(2 * exponent * (1 - rho**2), h**2 - 2 * rho * h * k + k**2):
            return scaled(-h, -k, rho)
    return None


def _same(u: sp.Expr, v: sp.Expr) -> bool:
    """Whether two forms in a, b, c are equal, as rational functions of the deviations and r."""
    put = {a: _X**2, b: _Y**2, c: _R * _X * _Y}
    return bool(sp.cancel(sp.together(sp.expand((u - v).subs(put, simultaneous=True)))) == 0)
