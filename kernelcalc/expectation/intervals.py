"""Means over an interval, E[g(Z); lo < Z < hi] with Z ~ N(0, v), of functions that are analytic there."""

from __future__ import annotations

import mpmath as mp
import sympy as sp

from kernelcalc.expectation.problem import NoRule
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.special import erfcx, faddeeva_im, faddeeva_re, goodwin_staton, half_line, hyperu
from kernelcalc.symbols import v, z

NAMED = (sp.erf, sp.erfc, sp.erfi, sp.exp, sp.log, sp.Ei, sp.expint, sp.besselk, sp.Abs)  # what people use
MAX_ORDER = 4  # of a pole; the formulas of higher orders fill pages
ROOT = sp.Symbol("r", positive=True)  # sqrt(2 v)
Y = sp.Symbol("y", positive=True)


def interval_mean(g: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """E[g(Z); lo < Z < hi] in v. Raises NoRule where nothing but unnamed functions comes out."""
    reflected = g.subs(z, -z)
    value: sp.Expr | None = None
    if lo == -sp.oo and hi == sp.oo:
        value = _whole_line(g)
    elif lo == 0 and hi == sp.oo:
        value = _half_line(g)
    elif lo == -sp.oo and hi == 0:
        value = _half_line(reflected)
    elif hi == sp.oo and lo.is_positive:
        value = _tail(g, lo)
    elif lo == -sp.oo and hi.is_negative:
        value = _tail(reflected, -hi)
    if value is None:
        words = "" if (lo, hi) == (-sp.oo, sp.oo) else f" between {lo} and {hi}"
        raise NoRule(f"no closed form known for the mean of {g}{words}")
    return tidy(value.subs(ROOT, sp.sqrt(2 * v)))


# ---------------------------------------------------------------- the whole line


def _whole_line(g: sp.Expr) -> sp.Expr | None:
    """Sums of polynomials, of (A z + B)/(z-quadratic)^n, and of C (q + k^2 z^2)^(-p)."""
    if not g.is_rational_function(z):
        return _power_of_quadratic(g)
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.apart(sp.together(g), z)):
        part = _moment(term) if term.is_polynomial(z) else _poles(term)
        if part is None:
            return None
        total += part
    return total


def _moment(polynomial: sp.Expr) -> sp.Expr:
    """E Z^n = (n - 1)!! v^(n/2) for even n."""
    terms = sp.Poly(polynomial, z).terms()
    return sp.Add(*(x * sp.factorial2(n - 1) * v ** (n // 2) for (n,), x in terms if n % 2 == 0))


def _poles(term: sp.Expr) -> sp.Expr | None:
    """E (A (Z - h) + B)/(k ((Z - h)^2 + q))^n.

    For n = 1 from E 1/(Z - h - i s) = i sqrt(pi/2v) w((h + i s)/sqrt(2v)), s = sqrt(q); for h = 0 and higher
    n by -1/n d/dq.
    """
    numerator, denominator = sp.fraction(sp.together(term))
    factor, powers = sp.factor_list(denominator, z)
    if len(powers) != 1 or sp.degree(powers[0][0], z) != 2:
        return None
    quadratic, n = powers[0]
    k, linear, constant = sp.Poly(quadratic, z).all_coeffs()
    h = sp.cancel(-linear / (2 * k))
    q = sp.factor(sp.cancel(constant / k - h**2))
    slope, level = (sp.Poly(numerator, z).coeff_monomial(z**j) for j in (1, 0))
    if not q.is_positive or sp.degree(numerator, z) > 1 or (n > 1 and (h != 0 or n > MAX_ORDER)):
        return None
    point = h / ROOT, sp.sqrt(q) / ROOT
    front = sp.sqrt(sp.pi) / (ROOT * factor * k**n)
    if n == 1:
        centred = (level + slope * h) * faddeeva_re(*point) / sp.sqrt(q)
        return front * (centred - slope * faddeeva_im(*point))
    size = sp.Dummy("q", positive=True)
    value = erfcx(sp.sqrt(size) / ROOT) / sp.sqrt(size)
    for order in range(1, n):
        value = -sp.diff(value, size) / order
    return front * level * value.subs(size, q)


def _power_of_quadratic(g: sp.Expr) -> sp.Expr | None:
    """E (q + k Z^2)^(-p) = q^(-p) y U(1/2, 3/2 - p, y^2), y = sqrt(q/(2 k v)): DLMF 13.4.4 at k Z^2/q."""
    factor, rest = g.as_independent(z, as_Add=False)
    base, exponent = rest.as_base_exp()
    if exponent.has(z) or not base.is_polynomial(z) or sp.degree(base, z) != 2:
        return None
    k, linear, q = sp.Poly(base, z).all_coeffs()
    if linear != 0 or not (k.is_positive and q.is_positive):
        return None
    y = sp.sqrt(q / k) / ROOT
    return factor * q**exponent * y * hyperu(sp.S.Half, sp.Rational(3, 2) + exponent, y**2)


# ---------------------------------------------------------------- half lines


def _half_line(g: sp.Expr) -> sp.Expr | None:
    """E[g(Z); Z > 0] = integral of g(sqrt(2v) y) exp(-y^2) over y > 0, over sqrt(pi).

    Powers of y give Gamma functions; poles at negative z are integrated by ``pole``, powers of one linear
    form by name, the rest by SymPy's Meijer-G integrator.
    """
    scaled = sp.simplify(g.subs(z, ROOT * Y))
    value = _by_poles(scaled, Y)
    if value is None:
        value = _power(scaled)
    if value is None:
        value = _power_of_line(scaled)
    if value is None and scaled.is_algebraic_expr(Y):
        integrand = scaled * sp.exp(-(Y**2))
        value = sp.integrate(integrand, (Y, 0, sp.oo), meijerg=True, conds="none")  # so check it
        if not _named(value) or not _agree(value, integrand, Y):
            value = None
    return None if value is None else value / sp.sqrt(sp.pi)


def _by_poles(g: sp.Expr, y: sp.Symbol) -> sp.Expr | None:
    """The integral of g(y) exp(-y^2) over y > 0, g rational with real poles at y < 0."""
    if not g.is_rational_function(y):
        return None
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.apart(sp.together(g), y)):
        numerator, denominator = sp.fraction(sp.together(term))
        factor, powers = sp.factor_list(denominator, y)
        (linear, n), *others = powers or [(y, 0)]
        if n > MAX_ORDER:
            raise NoRule(f"no closed form known for a pole of order {n}")
        if others or sp.degree(linear, y) != 1 or (n and numerator.has(y)):
            return None
        slope, start = linear.coeff(y, 1), linear.coeff(y, 0)
        if n and not (start / slope).is_positive:
            return None
        for (degree,), coefficient in sp.Poly(numerator, y).terms():
            part = pole(n, start / slope) if n else sp.gamma(sp.Rational(degree + 1, 2)) / 2
            total += coefficient / (factor * slope**n) * part
    return total


def pole(n: int, t: sp.Expr) -> sp.Expr:
    """Integral of exp(-y^2) / (y + t)^n over y > 0, t > 0: n I(n+1) = t^(-n) - 2 I(n-1) + 2 t I(n)."""
    if n == 0:
        return sp.sqrt(sp.pi) / 2
    if n == 1:
        return goodwin_staton(t)
    return sp.expand((t ** (1 - n) - 2 * pole(n - 2, t) + 2 * t * pole(n - 1, t)) / (n - 1))


def _power(g: sp.Expr) -> sp.Expr | None:
    """The integral of C y^n exp(-y^2) over y > 0 is C Gamma((n + 1)/2)/2, n > -1."""
    factor, rest = sp.powsimp(g).as_independent(Y, as_Add=False)
    base, n = rest.as_base_exp()
    return factor * sp.gamma((n + 1) / 2) / 2 if base == Y and (n + 1).is_positive else None


def _power_of_line(g: sp.Expr) -> sp.Expr | None:
    """The integral of C (start + slope y)^(-p) exp(-y^2) over y > 0, p no integer."""
    factor, rest = g.as_independent(Y, as_Add=False)
    base, exponent = rest.as_base_exp()
    if exponent.has(Y) or not base.is_polynomial(Y) or sp.degree(base, Y) != 1 or exponent.is_integer:
        return None
    slope, start = sp.Poly(base, Y).all_coeffs()
    if not (exponent.is_Rational and slope.is_positive and start.is_positive):
        return None
    return factor * slope**exponent * half_line(-exponent, start / slope)


def _named(value: sp.Expr) -> bool:
    """Whether an integral came out in functions that people use."""
    if value.has(sp.Integral, sp.zoo, sp.nan, sp.oo):
        return False
    return all(isinstance(part, NAMED) for part in value.atoms(sp.Function))


def _agree(value: sp.Expr, integrand: sp.Expr, y: sp.Symbol) -> bool:
    """Whether an integral over y > 0 has the value claimed, to 12 digits at two points."""
    for shift in (1, 2):
        point = {
            s: sp.Rational(2 * i + 5 * shift, 7) for i, s in enumerate(sorted(value.free_symbols, key=str))
        }
        call = sp.lambdify(y, integrand.subs(point), "mpmath")
        with mp.workdps(25):
            exact = mp.quad(call, [0, mp.mpf(1) / 4, 1, 3, 9, mp.inf])
            if not abs(exact - mp.mpmathify(value.subs(point).evalf(25))) <= mp.mpf(10) ** -12 * abs(exact):
                return False
    return True


def _tail(g: sp.Expr, start: sp.Expr) -> sp.Expr | None:
    """E[Z^(-n); Z > B] = B^(1-n) E_((n+1)/2)(B^2/2v) / (2 sqrt(2 pi v)), B > 0 (DLMF 8.19.3)."""
    factor, rest = g.as_independent(z, as_Add=False)
    base, exponent = rest.as_base_exp()
    if base != z or not (exponent.is_Integer and exponent < 0):
        return None
    n = -exponent
    return (
        factor * start ** (1 - n) * sp.expint(sp.Rational(n + 1, 2), start**2 / ROOT**2)
        / (2 * sp.sqrt(sp.pi) * ROOT)
    )  # fmt: skip
