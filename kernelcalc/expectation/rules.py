"""The rules: each turns one expectation into a linear combination of simpler ones, or does not apply.

A rule is a function  problem -> Reduction | None.  The engine tries them in the order of MEAN_RULES and
DUAL_RULES; where a rule looks at the first argument only, the engine offers it the swapped problem too.
D = a b - c^2 throughout. Exponents s of exp(s z) may be complex (sin and cos): both sides of the rules that
admit them are entire functions of s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy as sp

from kernelcalc.expectation.atoms import (
    ONE,
    ZERO,
    Atom,
    Delta,
    Erf,
    Kind,
    Opaque,
    Sgn,
    Step,
    derivative,
    shifted,
    smooth_atoms,
)
from kernelcalc.expectation.intervals import interval_mean
from kernelcalc.expectation.problem import Dual, Mean, NoRule, Problem
from kernelcalc.functions import analysis
from kernelcalc.functions.normal import Phi, Phi2
from kernelcalc.symbols import v, z


@dataclass(frozen=True)
class Reduction:
    """problem = constant + sum of weight * subproblem; via: an integral in between, by the rule named."""

    rule: str
    parts: tuple[tuple[sp.Expr, Problem], ...] = ()
    constant: sp.Expr = ZERO
    needs: str = ""
    via: sp.Expr | None = None


MeanRule = Callable[[Mean], Reduction | None]
DualRule = Callable[[Dual], Reduction | None]

# ---------------------------------------------------------------- one variable


def mean_linearity(p: Mean) -> Reduction | None:
    """E[w F] = w E[F]."""
    if p.atom.coef == 1:
        return None
    return Reduction("linearity", ((p.atom.coef, Mean(p.atom.bare, p.v)),))


def mean_parity(p: Mean) -> Reduction | None:
    """An odd function has mean zero."""
    return Reduction("parity") if p.atom.parity == -1 else None


def mean_delta(p: Mean) -> Reduction | None:
    """E[delta(Z - t) F(Z)] = F(t) exp(-t^2/2v) / sqrt(2 pi v)."""
    if not isinstance(p.atom.kind, Delta):
        return None
    t = p.atom.kind.t
    value = replace(p.atom, kind=Kind()).expr(t)
    return Reduction("delta", constant=value * sp.exp(-(t**2) / (2 * p.v)) / sp.sqrt(2 * sp.pi * p.v))


def mean_tilt(p: Mean) -> Reduction | None:
    """E[exp(-k Z^2) F(Z)] = (1 + 2kv)^(-1/2) E_{v/(1+2kv)}[F]."""
    if p.atom.k == 0:
        return None
    q = _tilt(p.atom.k, p.v)
    part = Mean(replace(p.atom, k=ZERO), sp.cancel(p.v / q))
    return Reduction("tilt", ((1 / sp.sqrt(q), part),), needs="1 + 2kv > 0")


def _tilt(k: sp.Expr, v: sp.Expr) -> sp.Expr:
    """1 + 2kv, where that is positive for every variance."""
    if not k.is_positive:
        raise NoRule(f"exp({-k}*z^2) has a mean only for variances v with 1 + 2*({k})*v > 0")
    return sp.factor(1 + 2 * k * v)


def mean_shift(p: Mean) -> Reduction | None:
    """E[exp(sZ) F(Z)] = exp(s^2 v/2) E[F(Z + sv)] (Cameron-Martin)."""
    s = p.atom.s
    if s == 0 or not _may_shift(p.atom.kind, s):
        return None
    weight = sp.exp(s**2 * p.v / 2)
    parts = shifted(replace(p.atom, s=ZERO), s * p.v)
    return Reduction("exponential", tuple((weight, Mean(part, p.v)) for part in parts))


def mean_wave(p: Mean) -> Reduction | None:
    """E[exp(sZ) sgn Z] = exp(s^2 v/2) erf(s sqrt(v/2)): Cameron-Martin, continued to complex s."""
    if p.atom.n or p.atom.k != 0 or p.atom.s == 0 or p.atom.kind != Sgn():
        return None
    s = p.atom.s
    return Reduction("exponential", constant=sp.exp(s**2 * p.v / 2) * sp.erf(s * sp.sqrt(p.v / 2)))


def mean_stein(p: Mean) -> Reduction | None:
    """E[Z F(Z)] = v E[F'(Z)]."""
    if p.atom.n == 0 or p.atom.k != 0 or isinstance(p.atom.kind, Opaque):
        return None
    lowered = derivative(replace(p.atom, n=p.atom.n - 1))
    return Reduction("Stein", tuple((p.v * d.coef, Mean(d.bare, p.v)) for d in lowered))


def mean_base(p: Mean) -> Reduction | None:
    """E 1 = 1;  E sgn(Z - t) = -erf(t / sqrt(2v));  E erf(lam Z + tau) = erf(tau / sqrt(1 + 2 lam^2 v)).

    The second is the definition of erf; the third is the second for the sum of two Gaussians,
    erf(w) = E sgn(w - N) with N ~ N(0, 1/2).  P(side (Z - t) > 0) = Phi(-side t / sqrt(v)).
    """
    kind = p.atom.kind
    if p.atom.n or p.atom.k != 0 or p.atom.s != 0:
        return None
    if isinstance(kind, Sgn):
        return Reduction("definition of erf", constant=-sp.erf(kind.t / sp.sqrt(2 * p.v)))
    if isinstance(kind, Erf):
        return Reduction("sum of Gaussians", constant=sp.erf(kind.tau / sp.sqrt(1 + 2 * kind.lam**2 * p.v)))
    if isinstance(kind, Step):
        return Reduction("definition of Phi", constant=Phi(-kind.side * kind.t / sp.sqrt(p.v)))
    return Reduction("E[1] = 1", constant=ONE) if type(kind) is Kind else None


def mean_pieces(p: Mean) -> Reduction | None:
    """E[g(Z)] = sum over the pieces of g of E[g(Z); Z in the piece]; an even g: twice those at z > 0."""
    kind = p.atom.kind
    if not isinstance(kind, Opaque) or p.atom.s != 0 or p.atom.k != 0 or not kind.whole:
        return None
    pieces = analysis.pieces(kind.g)
    if len(pieces) == 1:
        return None
    parts: list[tuple[sp.Expr, Problem]] = []
    for lo, hi, g in pieces:
        weight = ONE
        if p.atom.parity == 1 and not (lo.is_negative and hi.is_positive):
            weight = sp.Integer(2) if lo.is_nonnegative else ZERO
        if weight == 0 or g == 0:
            continue
        known = smooth_atoms(g)
        if known is None or any(type(atom.kind) is not Kind for atom in known):
            parts.append((weight, Mean(replace(p.atom, kind=replace(kind, g=g, lo=lo, hi=hi)), p.v)))
            continue
        for atom in known:
            for w, part in moved(atom, kind.shift):
                whole = replace(part, n=part.n + p.atom.n)
                sides = _indicator(kind, lo, hi)
                parts += [(weight * w * x, Mean(replace(whole, kind=k), p.v)) for x, k in sides]
    return Reduction("pieces", tuple(parts))


def _indicator(kind: Opaque, lo: sp.Expr, hi: sp.Expr) -> list[tuple[sp.Expr, Kind]]:
    """[lo < z + shift < hi] = (sgn(z + shift - lo) - sgn(z + shift - hi))/2."""
    half = sp.S.Half
    below = (half, Kind()) if lo == -sp.oo else (half, Sgn(lo - kind.shift))
    above = (half, Kind()) if hi == sp.oo else (-half, Sgn(hi - kind.shift))
    return [below, above]


def mean_interval(p: Mean) -> Reduction | None:
    """The integrals of ``intervals``: half lines, the whole line, tails."""
    kind = p.atom.kind
    if not isinstance(kind, Opaque) or p.atom.s != 0 or p.atom.k != 0:
        return None
    g = kind.g.subs(z, z + kind.shift) * z**p.atom.n
    value = interval_mean(g, kind.lo - kind.shift, kind.hi - kind.shift)
    return Reduction("integral over an interval", constant=value.subs(v, p.v))


# ---------------------------------------------------------------- two variables


def dual_linearity(p: Dual) -> Reduction | None:
    """E[w F(X) u G(Y)] = w u E[F(X) G(Y)]."""
    weight = p.f.coef * p.g.coef
    if weight == 1:
        return None
    return Reduction("linearity", ((weight, replace(p, f=p.f.bare, g=p.g.bare)),))


def dual_parity(p: Dual) -> Reduction | None:
    """(X, Y) and (-X, -Y) have the same law: a product of odd parity has mean zero."""
    return Reduction("parity") if p.f.parity * p.g.parity == -1 else None


def dual_constant(p: Dual) -> Reduction | None:
    """E[1 G(Y)] = E[G(Y)]."""
    return Reduction("marginal", ((ONE, Mean(p.g, p.b)),)) if p.f == Atom(ONE) else None


def dual_delta(p: Dual) -> Reduction | None:
    """E[delta(X - t) F(X) G(Y)] = F(t) exp(-t^2/2a)/sqrt(2 pi a) E[G(Y) | X = t]  (S78).

    Given X = t, Y ~ N(ct/a, D/a).
    """
    if not isinstance(p.f.kind, Delta):
        return None
    t = p.f.kind.t
    weight = replace(p.f, kind=Kind()).expr(t) * sp.exp(-(t**2) / (2 * p.a)) / sp.sqrt(2 * sp.pi * p.a)
    v = sp.cancel(p.det / p.a)
    parts = tuple((weight * w, Mean(atom, v)) for w, atom in moved(p.g, p.c * t / p.a))
    return Reduction("delta", parts, needs="D > 0")


def moved(atom: Atom, h: sp.Expr) -> tuple[tuple[sp.Expr, Atom], ...]:
    """atom(z + h) as weights and atoms, exponential factors included."""
    if h == 0:
        return ((ONE, atom),)
    weight = sp.exp(-atom.k * h**2 + atom.s * h)
    inner = shifted(replace(atom, k=ZERO, s=ZERO), h)
    return tuple((weight, replace(part, k=atom.k, s=atom.s - 2 * atom.k * h)) for part in inner)


def dual_tilt(p: Dual) -> Reduction | None:
    """E[exp(-k X^2) F(X, Y)] = q^(-1/2) E'[F],  q = 1 + 2ka: a' = a/q, c' = c/q, b' = (b + 2kD)/q."""
    k = p.f.k
    if k == 0:
        return None
    q = _tilt(k, p.a)
    a, b, c = (sp.cancel(part / q) for part in (p.a, p.b + 2 * k * p.det, p.c))
    return Reduction(
        "tilt", ((1 / sp.sqrt(q), Dual(replace(p.f, k=ZERO), p.g, a, b, c)),), needs="1 + 2ka > 0"
    )


def dual_shift(p: Dual) -> Reduction | None:
    """E[exp(sX) F(X) G(Y)] = exp(s^2 a/2) E[F(X + sa) G(Y + sc)] (Cameron-Martin)."""
    s = p.f.s
    if s == 0 or not (_may_shift(p.f.kind, s) and _may_shift(p.g.kind, s)):
        return None
    weight = sp.exp(s**2 * p.a / 2)
    left = shifted(replace(p.f, s=ZERO), s * p.a)
    right = moved(p.g, s * p.c)
    return Reduction("exponential", tuple((weight * w, replace(p, f=f, g=g)) for f in left for w, g in right))


def _may_shift(kind: Kind, s: sp.Expr) -> bool:
    """A complex shift moves entire factors only."""
    return not s.has(sp.I) or type(kind) in (Kind, Erf)


def dual_wave(p: Dual) -> Reduction | None:
    """E[exp(sX) sgn Y] = exp(s^2 a/2) erf(s c / sqrt(2b)): Cameron-Martin, continued to complex s."""
    s = p.f.s
    if s == 0 or replace(p.f, s=ZERO) != Atom(ONE) or p.g != Atom(ONE, kind=Sgn()):
        return None
    return Reduction("exponential", constant=sp.exp(s**2 * p.a / 2) * sp.erf(s * p.c / sp.sqrt(2 * p.b)))


def dual_moment(p: Dual) -> Reduction | None:
    """E[X^n G(Y)] = sum_j n!/(j! (n-2j)! 2^j) (D/b)^j (c/b)^(n-2j) E[Y^(n-2j) G(Y)].

    These are the moments of X given Y, which is N(cY/b, D/b).
    """
    n = p.f.n
    if n == 0 or p.f != Atom(ONE, n) or not isinstance(p.g.kind, Opaque):
        return None
    rest = p.det / p.b
    parts = tuple(
        (
            sp.factorial(n)
            / (sp.factorial(j) * sp.factorial(n - 2 * j) * 2**j)
            * rest**j
            * (p.c / p.b) ** (n - 2 * j),
            Mean(replace(p.g, n=p.g.n + n - 2 * j), p.b),
        )
        for j in range(n // 2 + 1)
    )
    return Reduction("conditioning", parts)


def dual_stein(p: Dual) -> Reduction | None:
    """E[X F(X) G(Y)] = a E[F'(X) G(Y)] + c E[F(X) G'(Y)]."""
    if p.f.n == 0 or any(atom.k != 0 or isinstance(atom.kind, Opaque | Delta) for atom in (p.f, p.g)):
        return None
    lowered = replace(p.f, n=p.f.n - 1)
    first = tuple((p.a, replace(p, f=d)) for d in derivative(lowered))
    second = tuple((p.c, replace(p, f=lowered, g=d)) for d in derivative(p.g))
    return Reduction("Stein", first + second)


def dual_quadrant(p: Dual) -> Reduction | None:
    """Steps at U > u and V > v: P(U > u, V > v) = Phi2(-u/sqrt(Var U), -v/sqrt(Var V), correlation).

    [side (X - t) > 0]: U = side X;  sgn(X - t) = 2 [X > t] - 1;  erf(lam X + tau) = E(2 [U > u] - 1 | X) with
    U = sqrt(2) lam X - N, u = -sqrt(2) tau, N standard normal. With K = w [U > u] + k and L = x [V > v] + l:
    E[K L] = w x P(U > u, V > v) + l E[K] + k E[L] - k l.  Two odd factors have an arcsine, by Price.
    """
    sides = [_threshold(p.f, p.a), _threshold(p.g, p.b)]
    if None in sides or (p.f.parity and p.g.parity):
        return None
    (w, k, slope, h), (x, m, other, j) = (side for side in sides if side is not None)
    value = Phi2(h, j, slope * other * p.c)
    parts = ((m, Mean(p.f, p.a)), (k, Mean(p.g, p.b)))
    kept = tuple((sp.Integer(weight), part) for weight, part in parts if weight)
    return Reduction("definition of Phi2", kept, sp.Integer(w * x) * value - k * m, needs="D >= 0")


def dual_polar(p: Dual) -> Reduction | None:
    """E[X_+^n Y_+^n] = (ab)^(n/2) 2^n Gamma(n+1)/(2 pi) B(1/2, n+1) P^(n+1/2) 2F1(1/2, 1/2; n + 3/2; P).

    X = sqrt(a) R cos(phi), Y = sqrt(b) R cos(phi - t) with c = sqrt(ab) cos(t) and R^2/2 ~ Exp(1) of uniform
    phi; cos(phi) cos(phi - t) = P - sin(phi - t/2)^2, P = cos(t/2)^2 = (1 + c/sqrt(ab))/2. With
    sin(phi - t/2) = sqrt(P) sin(s) what is left is Euler's integral. Half lines on two sides: -c for c.
    """
    powers = [_half_power(atom) for atom in (p.f, p.g)]
    if None in powers:
        return None
    (first, side, n), (second, other, m) = (power for power in powers if power is not None)
    if n != m:
        return None
    s = sp.Symbol("s", real=True)
    P = sp.S.Half + side * other * p.c / (2 * sp.sqrt(p.a) * sp.sqrt(p.b))
    front = first * second * 2**n * sp.gamma(n + 1) / (2 * sp.pi) * (p.a * p.b) ** (n / 2)
    front *= P ** (n + sp.S.Half)
    inside = sp.cos(s) ** (2 * n + 1) / sp.sqrt(1 - P * sp.sin(s) ** 2)
    beta = sp.sqrt(sp.pi) * sp.gamma(n + 1) / sp.gamma(n + sp.Rational(3, 2))
    value = front * beta * sp.hyper((sp.S.Half, sp.S.Half), (n + sp.Rational(3, 2),), P)
    via = 2 * front * sp.Integral(inside, (s, 0, sp.pi / 2))
    return Reduction("polar coordinates", constant=value, needs="D > 0", via=via)


def _half_power(atom: Atom) -> tuple[sp.Expr, int, sp.Expr] | None:
    """w, side = +-1 and n > -1 of an atom w (side z)^n where side z > 0, and 0 elsewhere; else None."""
    kind = atom.kind
    if not isinstance(kind, Opaque) or atom != Atom(ONE, kind=kind) or kind != Opaque(kind.g):
        return None
    pieces = analysis.pieces(kind.g)
    if len(pieces) != 2 or pieces[1].lo != 0 or ZERO not in (pieces[0].expr, pieces[1].expr):
        return None
    side = 1 if pieces[0].expr == 0 else -1
    x = sp.Symbol("x", positive=True)
    power = sp.powsimp(sp.Add(*(piece.expr for piece in pieces)).subs(z, side * x))
    weight, rest = power.as_independent(x, as_Add=False)
    base, n = rest.as_base_exp()
    return (weight, side, n) if base == x and (n + 1).is_positive else None


def _threshold(atom: Atom, v: sp.Expr) -> tuple[int, int, sp.Expr, sp.Expr] | None:
    """w, k, d sd(U)/d X / sd(U) and -u/sd(U) of an atom that is a bare step; None for others."""
    kind = atom.kind
    if atom != Atom(ONE, kind=kind) or kind.expr(ONE).has(sp.I):
        return None
    if isinstance(kind, Step):
        return 1, 0, kind.side / sp.sqrt(v), -kind.side * kind.t / sp.sqrt(v)
    if isinstance(kind, Sgn):
        return 2, -1, 1 / sp.sqrt(v), -kind.t / sp.sqrt(v)
    if isinstance(kind, Erf):
        root = sp.sqrt(1 + 2 * kind.lam**2 * v)
        return 2, -1, sp.sqrt(2) * kind.lam / root, sp.sqrt(2) * kind.tau / root
    return None


MEAN_RULES: tuple[MeanRule, ...] = (
    mean_linearity, mean_delta, mean_tilt, mean_parity, mean_shift, mean_wave, mean_stein, mean_base,
    mean_pieces, mean_interval,
)  # fmt: skip
DUAL_RULES: tuple[DualRule, ...] = (
    dual_linearity, dual_delta, dual_tilt, dual_parity, dual_constant, dual_shift, dual_wave, dual_moment,
    dual_stein, dual_quadrant, dual_polar,
)  # fmt: skip
