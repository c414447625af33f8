"""Properties of a function of z: pieces, jumps, kinks, derivative, parity, bounds.

Everything rests on ``pieces``: the real line is cut where an Abs, sign, Heaviside, Max, Min or Piecewise
switches and where a denominator, a logarithm or a root vanishes; on each open piece the function is one
analytic expression. Zeros are found exactly. Parameters may stay symbols where their assumptions settle
every comparison; where they do not, and where the mathematics is out of reach, InputError says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cmp_to_key, lru_cache, reduce
from itertools import combinations, pairwise
from operator import add, mul
from typing import NamedTuple

import mpmath as mp
import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.simplify.fu import TR8

from kernelcalc.errors import InputError
from kernelcalc.symbols import z

HYPERBOLIC = (sp.sinh, sp.cosh, sp.tanh, sp.sech)
SMOOTH = (sp.exp, sp.log, sp.sin, sp.cos, *HYPERBOLIC, sp.atan, sp.asinh, sp.erf, sp.erfc)
STEPS = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)
STRUCTURE = (sp.Symbol, sp.Add, sp.Mul, sp.Pow, Relational, sp.And, sp.Or, sp.Not, sp.ITE, ExprCondPair)
MAX_WAVES = 100  # periods in an interval
MAX_STEPS = 400  # of resolving one switching term on one interval
MAX_EXTREMA = 10  # arguments of one Max or Min: all pairs are compared
MAX_DEGREE = 16  # of a polynomial whose zeros are sought, save a + b z**n and the like
MAX_NESTING = 30  # operations in a zero; SymPy needs exponential time for the digits of nested exponentials
MAX_TERMS = 2000  # of an expanded expression whose zeros or leading terms are sought
MAX_SIZE = 300  # operations in what sp.limit is asked for
INVERSE: dict[type, tuple[Callable[[sp.Expr], sp.Expr], sp.Expr, sp.Expr]] = {  # g: inverse, range of g
    sp.exp: (sp.log, sp.S.Zero, sp.oo),
    sp.log: (sp.exp, -sp.oo, sp.oo),
    sp.erf: (sp.erfinv, -sp.S.One, sp.S.One),
    sp.erfc: (lambda y: sp.erfinv(1 - y), sp.S.Zero, sp.Integer(2)),  # SymPy has no digits of erfcinv
    sp.tanh: (sp.atanh, -sp.S.One, sp.S.One),
    sp.atan: (sp.tan, -sp.pi / 2, sp.pi / 2),
    sp.asinh: (sp.sinh, -sp.oo, sp.oo),
    sp.sinh: (sp.asinh, -sp.oo, sp.oo),
}


class Piece(NamedTuple):
    """One analytic expression on the open interval (lo, hi)."""

    lo: sp.Expr
    hi: sp.Expr
    expr: sp.Expr


class _Unsolved(Exception):
    """No exact list of the zeros."""


# ---------------------------------------------------------------- comparisons and numbers


def _is_null(value: sp.Expr) -> bool:
    """Whether a result of sp.N is 0, or stands for one: all of the 100 digits it tries had cancelled."""
    return bool(value == 0 or (value.is_Float and value._prec == 1))


def compare(a: sp.Expr, b: sp.Expr) -> int:
    """-1, 0 or 1 for a < b, a = b, a > b; InputError if symbolic parameters leave it open."""
    difference = a - b
    if a == b or difference == 0:
        return 0
    if a in (sp.oo, -sp.oo) or b in (sp.oo, -sp.oo):
        return 1 if a == sp.oo or b == -sp.oo else -1
    if difference.is_number:
        value = sp.N(difference, 15)
        if not value.is_extended_real:
            raise InputError(f"{a} and {b} are not both real")
        return 0 if _is_null(value) else (1 if value > 0 else -1)
    for form in (difference, sp.factor(sp.together(difference))):
        if form.is_extended_positive or form.is_extended_negative:
            return 1 if form.is_extended_positive else -1
    raise InputError(f"whether {a} < {b} depends on the parameters; give them numbers")


def _distinct(values: Iterable[sp.Expr]) -> list[sp.Expr]:
    """In increasing order, each once."""
    ordered = sorted(values, key=cmp_to_key(compare))
    return [t for i, t in enumerate(ordered) if i == 0 or compare(ordered[i - 1], t) < 0]


def _largest(values: Iterable[sp.Expr]) -> sp.Expr:
    best, *others = sorted(values, key=sp.count_ops)  # of equal values the simplest form
    for value in others:
        symbolic = (best - value).free_symbols  # numbers are compared by their digits, which is far quicker
        if not (symbolic and (best - value).is_extended_nonnegative) and compare(value, best) > 0:
            best = value
    return best


def _expand(e: sp.Expr) -> sp.Expr:
    return sp.expand(e, power_base=False)  # sqrt(-z) must not become I*sqrt(z)


def inside(lo: sp.Expr, hi: sp.Expr, t: sp.Expr) -> sp.Expr:
    """The point of (lo, hi) that t > 0 stands for."""
    if lo.is_infinite:
        return sp.log(t) if hi.is_infinite else hi - 1 / t
    return lo + t if hi.is_infinite else (lo + hi * t) / (1 + t)


def _is_zero(e: sp.Expr, lo: sp.Expr = -sp.oo, hi: sp.Expr = sp.oo) -> bool:
    """Whether e vanishes identically on (lo, hi): decided at four generic points, to 100 digits."""
    if e == 0 or e.is_Rational:
        return bool(e == 0)
    tried = False
    for i in range(4):
        symbols = sorted((e.free_symbols | lo.free_symbols | hi.free_symbols) - {z}, key=str)
        at = {
            s: sp.Integer(2 + i + j) if s.is_integer else sp.Rational(37 + 10 * i + 7 * j, 29)
            for j, s in enumerate(symbols)
        }
        at = {s: -value if s.is_negative else value for s, value in at.items()}
        point = inside(lo.subs(at), hi.subs(at), sp.Rational(13 + 11 * i, 17))
        value = sp.N(e.subs(at).subs(z, point), 15)
        if value.is_finite and not _is_null(value):
            return False
        tried = tried or bool(value.is_finite)
    return tried


def is_infinite(x: sp.Expr) -> bool:
    """InputError if symbolic parameters leave it open."""
    known = not sp.N(x).is_finite if x.is_number else x.is_infinite
    if known is None:
        raise InputError(f"whether {x} is infinite depends on the parameters; give them numbers")
    return bool(known)


@lru_cache(maxsize=512)
def _float_function(e: sp.Expr) -> Callable[[float], float]:
    """e as a function of a float; NaN where it overflows or has no real value."""
    if e.free_symbols - {z}:
        raise InputError(f"{e} has symbolic parameters; give them numbers")
    f = sp.lambdify(z, sp.N(e.replace(sp.sech, lambda w: 1 / sp.cosh(w)), 17), "math")  # math has no sech

    def value(x: float) -> float:
        try:
            return float(f(x))
        except (OverflowError, ValueError, ZeroDivisionError, TypeError):  # TypeError: complex
            return math.nan

    return value


def _grid(lo: sp.Expr, hi: sp.Expr) -> list[float]:
    """Floats in (lo, hi): geometric from the finite ends, and a unit scale resolved to 1/16 from there."""
    if lo.free_symbols | hi.free_symbols:
        raise InputError(f"the interval ({lo}, {hi}) has symbolic ends; give the parameters numbers")
    decades = [10 ** (k / 30) for k in range(-180, 181)]
    if lo.is_finite and hi.is_finite:
        a, b = float(lo), float(hi)
        steps = [*decades, *(k / (512 - k) for k in range(1, 512))]
        return sorted(x for x in (a + (b - a) * (t / (1 + t)) for t in steps) if a < x < b)
    steps = [*decades, *(k / 16 for k in range(1, 641))]
    if lo.is_finite or hi.is_finite:
        end, way = (float(lo), 1) if lo.is_finite else (float(hi), -1)
        return sorted(x for x in (end + way * t for t in steps) if x != end)
    return sorted([0.0, *steps, *(-t for t in steps)])


# ---------------------------------------------------------------- exact zeros


def _terms(e: sp.Expr) -> int:
    """An upper bound for the number of terms after expansion."""
    if e.is_Add:
        return sum(_terms(t) for t in e.args)
    if e.is_Mul:
        return math.prod(_terms(t) for t in e.args)
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        n = _terms(e.base)
        return math.comb(int(e.exp) + n - 1, n - 1)
    return 1


def _generators(e: sp.Expr) -> set[sp.Expr]:
    """The terms in which e is a polynomial: z, exp(z), ..."""
    if not e.has(z):
        return set()
    if e.is_Add or e.is_Mul:
        return set().union(*(_generators(t) for t in e.args))
    return _generators(e.base) if e.is_Pow and e.exp.is_Integer and e.exp > 0 else {e}


def _real_roots(poly: sp.Poly) -> list[sp.Expr]:
    """The real roots of a polynomial in one variable."""
    exponents = [n for (n,) in poly.monoms()]
    low, step = min(exponents), math.gcd(*(n - min(exponents) for n in exponents))
    coefficients = [poly.coeff_monomial(poly.gen**n) for n in range(low, max(exponents) + 1, step or 1)]
    zero = [sp.S.Zero] if low else []
    if len(coefficients) == 1:
        return zero
    if len(coefficients) == 2:
        roots = [-coefficients[0] / coefficients[1]]
    elif len(coefficients) == 3:
        q, p = (sp.cancel(t / coefficients[2]) for t in coefficients[:2])
        square = p**2 / 4 - q
        roots = [] if compare(square, sp.S.Zero) < 0 else [-p / 2 - sp.sqrt(square), -p / 2 + sp.sqrt(square)]
    else:
        monic = [sp.cancel(t / coefficients[-1]) for t in coefficients[::-1]]
        if len(monic) > MAX_DEGREE + 1 or not all(t.is_Rational for t in monic):
            raise _Unsolved
        roots = list(set(sp.Poly(monic, poly.gen).real_roots()))
    if step > 1:  # y = x^step
        found = [(y, compare(y, sp.S.Zero)) for y in roots]
        zero += [sp.S.Zero for _, sign in found if not sign]
        signs = {1: (1,) if step % 2 else (1, -1), -1: (-1,) if step % 2 else (), 0: ()}
        roots = [s * (sign * y) ** sp.Rational(1, step) for y, sign in found for s in signs[sign]]
    return zero + roots


def _preimages(g: sp.Expr, y: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """Solutions of g(z) = y, g one of the generators."""
    if g == z:
        return {y}
    w = g.args[0]
    if y.count_ops() > MAX_NESTING:
        raise _Unsolved
    if type(g) in INVERSE:
        inverse, low, high = INVERSE[type(g)]
        return _solutions(w - inverse(y), lo, hi) if compare(low, y) < 0 < compare(high, y) else set()
    if isinstance(g, sp.cosh):
        if compare(y, sp.S.One) < 0:
            return set()
        return _solutions(w - sp.acosh(y), lo, hi) | _solutions(w + sp.acosh(y), lo, hi)
    if isinstance(g, sp.sin | sp.cos):
        if compare(abs(y), sp.S.One) > 0:
            return set()
        rate, first = w.diff(z), sp.asin(y) if isinstance(g, sp.sin) else sp.acos(y)
        if rate.has(z) or lo.is_infinite or hi.is_infinite:
            raise _Unsolved  # infinitely many
        second = sp.pi - first if isinstance(g, sp.sin) else -first
        turns = [w.subs(z, t) / (2 * sp.pi) for t in (lo, hi)]
        if not all(t.is_number for t in turns) or abs(turns[1] - turns[0]) > MAX_WAVES:
            raise _Unsolved
        whole = range(sp.floor(sp.Min(*turns)) - 1, sp.ceiling(sp.Max(*turns)) + 2)
        return {sp.expand((f + 2 * sp.pi * k - w.subs(z, 0)) / rate) for f in (first, second) for k in whole}
    if g.is_Pow and not g.exp.has(z) and not (g.exp.is_negative and y == 0):
        return set() if compare(y, sp.S.Zero) < 0 else _solutions(g.base - y ** (1 / g.exp), lo, hi)
    if g.is_Pow and not g.base.has(z):
        return set() if compare(y, sp.S.Zero) <= 0 else _solutions(g.exp - sp.log(y) / sp.log(g.base), lo, hi)
    raise _Unsolved


def _solutions(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> set[sp.Expr]:
    """A finite set that holds every zero of u in (lo, hi); _Unsolved if there is no way to it."""
    constant, rest = u.as_independent(z, as_Add=True)
    factor, rest = rest.as_independent(z, as_Add=False)
    if rest == z:
        return {-constant / factor}
    if not u.has(z) or u.is_nonzero or u.is_positive or u.is_negative:
        return set()
    if u.is_Mul:
        return set().union(*(_solutions(t, lo, hi) for t in u.args))
    if u.is_Pow:
        return set() if u.exp.is_negative or u.exp.has(z) else _solutions(u.base, lo, hi)
    u = sp.numer(sp.together(u))
    if _terms(u) > MAX_TERMS or u.count_ops() > 10 * MAX_SIZE:
        raise _Unsolved
    u = _expand(u)
    if len(_generators(u)) > 1 and u.has(*HYPERBOLIC):
        u = _expand(sp.numer(sp.together(u.rewrite(list(HYPERBOLIC), sp.exp))))
    if len(_generators(u)) > 1 and u.has(sp.sin, sp.cos):
        u = _expand(sp.expand_trig(u))
    named: dict[sp.Expr, sp.Expr] = {}  # symbol -> generator
    exponents = sorted((g.args[0] for g in _generators(u) if isinstance(g, sp.exp)), key=sp.default_sort_key)
    ratios = [sp.cancel(w / exponents[0]) for w in exponents]
    if len(ratios) > 1 and all(r.is_Rational for r in ratios):  # all are powers of one exponential
        unit = sp.Rational(math.gcd(*(r.p for r in ratios)), math.lcm(*(r.q for r in ratios)))
        one = sp.Dummy("exp", positive=True)
        named[one] = sp.exp(exponents[0] * unit)
        u = u.xreplace({sp.exp(w): one ** (r / unit) for w, r in zip(exponents, ratios, strict=True)})
        u = _expand(u * one ** max(0, *(-r / unit for r in ratios)))
    named |= {sp.Dummy(): g for g in sorted(_generators(u), key=sp.default_sort_key)}
    u = u.xreplace({g: name for name, g in named.items()})
    present = [name for name in named if u.has(name)]
    if u.has(z) or not present:
        raise _Unsolved
    try:
        common, rest = sp.Poly(u, *present).terms_gcd()
    except sp.PolynomialError as error:
        raise _Unsolved from error
    found: set[sp.Expr] = set()
    for name, power in zip(present, common, strict=True):
        if power:
            found |= _preimages(named[name], sp.S.Zero, lo, hi)
    left = [name for name in present if rest.degree(name) > 0]
    if len(left) > 1:
        factors = [f for f, _ in rest.factor_list()[1]] if rest.domain.is_ZZ or rest.domain.is_QQ else []
        if len(factors) < 2:
            raise _Unsolved
        return found.union(*(_solutions(f.as_expr().xreplace(named), lo, hi) for f in factors))
    for name in left:
        for y in _real_roots(sp.Poly(rest.as_expr(), name)):
            found |= _preimages(named[name], y, lo, hi)
    return found


def _zeros(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    """The zeros of u in the open interval (lo, hi), exact, in order, each once."""
    within = (t for t in _solutions(u, lo, hi) if compare(lo, t) < 0 < compare(hi, t))
    return _distinct(within)


def _crossings(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[sp.Expr]:
    """_zeros, or none where u keeps its sign on a fine grid; else InputError."""
    try:
        return _zeros(u, lo, hi)
    except _Unsolved:
        values = [y for y in map(_float_function(u), _grid(lo, hi)) if not math.isnan(y)]
        if values and (min(values) > 0 or max(values) < 0):
            return []
    raise InputError(
        f"cannot find all zeros of {u} exactly, or there are infinitely many; "
        "use simpler arguments in abs, sign, heaviside, max, min, where and in denominators"
    )


# ---------------------------------------------------------------- pieces


def _sign_on(u: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> int:
    """The sign of u on (lo, hi), where it has no zeros or is 0 throughout."""
    if not u.has(z):
        return compare(u, sp.S.Zero)
    if (u.free_symbols | lo.free_symbols | hi.free_symbols) - {z}:
        t = sp.Dummy(positive=True) if lo.is_finite or hi.is_finite else sp.Dummy(real=True)
        return compare(u.subs(z, inside(lo, hi, t) if t.is_positive else t), sp.S.Zero)
    points = [sp.Rational(sp.N(inside(lo, hi, sp.Rational(k, 4)), 30)) for k in (4, 1, 13)]
    if u.is_polynomial(z):
        return compare(u.subs(z, points[0]), sp.S.Zero)
    for point in points:
        value = _float_function(u)(float(point))
        if abs(value) > 1e-9:
            return 1 if value > 0 else -1
        if not math.isnan(value) and (sign := compare(u.subs(z, point), sp.S.Zero)):  # no overflow: cheap
            return sign
    if u.is_positive or u.is_negative:
        return 1 if u.is_positive else -1
    if _is_zero(u, lo, hi):
        return 0
    raise InputError(f"{u} has no finite real value at z = {', '.join(map(str, points))}")


def _is_singular(e: sp.Expr) -> bool:
    """A logarithm or power whose argument is not known to keep away from 0."""
    if isinstance(e, sp.log):
        return not e.args[0].is_positive
    if not e.is_Pow or (e.exp.is_integer and e.exp.is_nonnegative):
        return False
    return not (e.base.is_positive or (e.exp.is_integer and e.base.is_nonzero))


@lru_cache(maxsize=1024)
def _is_plain(e: sp.Basic) -> bool:
    """Whether nothing in e switches or is singular."""
    return not any(isinstance(n, STEPS) or _is_singular(n) for n in sp.preorder_traversal(e))


def _value(func: type, arguments: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr) -> sp.Expr:
    """func(*arguments) on (lo, hi), where none of its switches vanishes."""
    if func in (sp.Max, sp.Min):
        way, best = (1 if func is sp.Max else -1), arguments[0]
        for other in arguments[1:]:
            best = other if _sign_on(other - best, lo, hi) == way else best
        return best
    sign = _sign_on(arguments[0], lo, hi)
    if func is sp.Abs:
        return sign * arguments[0]
    if func in (sp.sign, sp.Heaviside):
        return func(sign, *arguments[1:])
    whole = func(*arguments)
    if sign == 0 or (sign < 0 and not (whole.is_Pow and whole.exp.is_integer)):
        raise InputError(f"{whole} is not real for z in ({lo}, {hi})")
    return whole


def split(expr: sp.Expr) -> list[Piece]:
    """As ``pieces``, but cut also where nothing changes in the end; every zero of a denominator is a cut."""
    steps = 0

    def cut(switches: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
        nonlocal steps
        ends = [lo, *_distinct([t for u in switches for t in _crossings(u, lo, hi)]), hi]
        steps += len(ends) - 1 if switches else 0
        if steps > MAX_STEPS:
            raise InputError("the formula is too complicated: too many pieces, or nested too often")
        return list(pairwise(ends))

    def together(
        terms: Sequence[sp.Expr], lo: sp.Expr, hi: sp.Expr
    ) -> Iterator[tuple[sp.Expr, sp.Expr, list[sp.Expr]]]:
        """All terms resolved, on their common pieces."""
        rows = [resolve(t, lo, hi) for t in terms]
        cuts = _distinct([p.lo for row in rows for p in row[1:]])
        for left, right in pairwise([lo, *cuts, hi]):
            for row in rows:
                if len(row) > 1 and compare(row[1].lo, left) <= 0:
                    row.pop(0)
            yield left, right, [row[0].expr for row in rows]

    def resolve(e: sp.Expr, lo: sp.Expr, hi: sp.Expr) -> list[Piece]:
        if not e.has(z) or _is_plain(e):
            return [Piece(lo, hi, e)]
        if isinstance(e, sp.Piecewise):
            return resolve_piecewise(e, lo, hi)
        if e.is_Mul:  # the simple factors first: where they vanish, the others do not matter
            simple = [t for t in e.args if t.has(*STEPS) and not t.has(*SMOOTH)]
            result = [Piece(x, y, sp.Mul(*terms)) for x, y, terms in together(simple, lo, hi)]
            for factor in (t for t in e.args if t not in simple):
                result = [
                    Piece(x, y, c * f)
                    for left, right, c in result
                    for x, y, f in (resolve(factor, left, right) if c != 0 else [(left, right, c)])
                ]
            return result
        result = []
        for left, right, terms in together(e.args, lo, hi):
            if isinstance(e, STEPS):
                if len(terms) > MAX_EXTREMA:
                    raise InputError(f"Max or Min of {len(terms)} terms; at most {MAX_EXTREMA} are compared")
                extremum = isinstance(e, sp.Max | sp.Min)
                switches = [s - t for s, t in combinations(terms, 2)] if extremum else terms[:1]
            else:
                switches = terms[:1] if _is_singular(e.func(*terms)) else []
            result += [
                Piece(x, y, _value(e.func, terms, x, y) if switches else e.func(*terms))
                for x, y in cut(switches, left, right)
            ]
        return result

    def resolve_piecewise(e: sp.Piecewise, lo: sp.Expr, hi: sp.Expr) -> list[Piece]:
        relations = sorted(set().union(*(c.atoms(Relational) for _, c in e.args)), key=sp.default_sort_key)
        result = []
        for left, right, sides in together([r.lhs - r.rhs for r in relations], lo, hi):
            for x, y in cut(sides, left, right):
                truth = {
                    r: sp.true if r.func(_sign_on(u, x, y), 0) else sp.false
                    for r, u in zip(relations, sides, strict=True)
                }
                branch = next((value for value, c in e.args if c.xreplace(truth) == sp.true), None)
                if branch is None:
                    raise InputError(f"{e} is not defined for z in ({x}, {y})")
                result += resolve(branch, x, y)
        return result

    return resolve(expr, -sp.oo, sp.oo)


def _regular(e: sp.Expr, t: sp.Expr) -> bool:
    """Whether e is analytic at t (no denominator, root or logarithm vanishes there)."""
    return not any(_is_singular(n) and _is_zero(n.args[0].subs(z, t)) for n in sp.preorder_traversal(e))


@lru_cache(maxsize=256)
def pieces(expr: sp.Expr) -> tuple[Piece, ...]:
    """(lo, hi, smooth expression) from left to right: expr with every Abs, sign, Heaviside, Max, Min and
    Piecewise resolved on the open interval. Neighbours differ as analytic functions, or a denominator, root
    or logarithm vanishes between them. Values at the cuts themselves are not kept.

    Raises InputError for functions it does not know, for values that are not real, and where the cuts cannot
    be found exactly or are infinitely many (abs(sin(z))).
    """
    for node in sp.preorder_traversal(expr):
        known = isinstance(node, (*SMOOTH, *STEPS, *STRUCTURE)) or not node.has(z)
        if not known or (node.is_Pow and node.base.has(z) and node.exp.has(z)):
            raise InputError(f"cannot analyse {node}: no known function ({type(node).__name__})")
    merged: list[Piece] = []
    for piece in split(expr):
        if merged:
            last = merged[-1]
            same = last.expr == piece.expr or _is_zero(last.expr - piece.expr, piece.lo, piece.hi)
            if same and _regular(piece.expr, piece.lo) and _regular(last.expr, piece.lo):
                merged[-1] = Piece(last.lo, piece.hi, last.expr)
                continue
        merged.append(piece)
    return tuple(merged)


# ---------------------------------------------------------------- limits


def limits(e: sp.Expr, t: sp.Expr, side: str) -> tuple[sp.Expr, sp.Expr]:
    """Lower and upper limit of a smooth e at t (all may be infinite) from the side "+" or "-"; bounds of them
    if e oscillates. InputError if they cannot be found."""
    value = e.subs(z, t)
    loose = (sp.nan, sp.zoo, sp.AccumBounds) if t.is_finite else (sp.nan, sp.zoo)
    if value.has(*loose) or (value.has(sp.AccumBounds) and value.has(sp.oo, -sp.oo)):
        value = _asymptotic_limit(e, t) if t.is_infinite else None
    if value is None or (t.is_finite and value.has(sp.oo, -sp.oo)):
        if e.count_ops() > MAX_SIZE:
            raise InputError(f"cannot find the limit at z = {t} of a part with {e.count_ops()} operations")
        try:
            value = sp.limit(e, z, t, side)
        except (NotImplementedError, ValueError, TypeError, AttributeError, sp.PoleError) as error:
            raise InputError(f"cannot find the limit of {e} at z = {t}") from error
    value = _collapse(value)
    if isinstance(value, sp.AccumBounds):
        return value.min, value.max
    if value.has(sp.AccumBounds) and value.has(sp.oo, -sp.oo):
        return -sp.oo, sp.oo
    if value.has(sp.nan, sp.zoo, sp.Limit, sp.AccumBounds):
        raise InputError(f"cannot find the limit of {e} at z = {t}")
    return value, value


def _collapse(value: sp.Expr) -> sp.Expr:
    """Sums and products of AccumBounds, which SymPy leaves standing, carried out."""
    if value.is_Add or value.is_Mul:
        return reduce(add if value.is_Add else mul, map(_collapse, value.args))
    if not isinstance(value, sp.AccumBounds):
        return value
    low, high = _collapse(value.min), _collapse(value.max)
    low = low.min if isinstance(low, sp.AccumBounds) else low
    return sp.AccumBounds(low, high.max if isinstance(high, sp.AccumBounds) else high)


def _sign_at_end(p: sp.Expr, end: sp.Expr) -> int:
    """-1, 1 for a polynomial p that tends to -oo, oo; 0 for a constant."""
    poly = sp.Poly(p, z)
    n = poly.degree()
    return compare(poly.LC(), sp.S.Zero) * (-1 if end == -sp.oo and n % 2 else 1) if n > 0 else 0


def _leading(e: sp.Expr, end: sp.Expr) -> tuple[sp.Expr, sp.Expr, int] | None:
    """(c, p, k) with e ~ c exp(p) z**k at the infinite end, p a polynomial; None if e is of another kind."""
    if _terms(e) > MAX_TERMS or e.count_ops() > 10 * MAX_SIZE:
        return None
    total: dict[tuple[sp.Expr, int], sp.Expr] = {}
    rough: set[tuple[sp.Expr, int]] = set()  # where c is a limit: if it cancels, what is left is not known
    e = _expand(e)
    for term in sp.Add.make_args(e) if e != 0 else ():
        c, p, k, exact = sp.S.One, sp.S.Zero, 0, True
        for f in sp.Mul.make_args(term):
            if isinstance(f, sp.exp) and f.args[0].is_polynomial(z):
                p += f.args[0]
            elif f == z or (f.is_Pow and f.base == z and f.exp.is_Integer):
                k += int(f.as_base_exp()[1])
            else:
                c *= f.subs(z, end)
                exact = exact and not f.has(z)
        if not c.is_finite or c.has(sp.AccumBounds) or c.is_zero:
            return None
        total[p, k] = total.get((p, k), sp.S.Zero) + c
        rough |= set() if exact else {(p, k)}

    def order(s: tuple[sp.Expr, int], t: tuple[sp.Expr, int]) -> int:
        return _sign_at_end(s[0] - t[0], end) or s[1] - t[1]

    for p, k in sorted(total, key=cmp_to_key(order), reverse=True):
        if not _is_zero(total[p, k]):
            return total[p, k], p, k
        if (p, k) in rough:
            return None
    return sp.S.Zero, sp.S.Zero, 0


def _asymptotic_limit(e: sp.Expr, end: sp.Expr) -> sp.Expr | None:
    """The limit at an infinite end by leading terms: milliseconds where sp.limit may take seconds.

    erf and log give their limit and the leading correction; if these cancel, so does the leading term and the
    answer is None.
    """

    def erf(w: sp.Expr) -> sp.Expr:
        sign = _sign_at_end(w, end) if w.is_polynomial(z) else 0
        return sign - sp.exp(-(w**2)) / (sp.sqrt(sp.pi) * w) if sign else sp.erf(w)

    def log(u: sp.Expr) -> sp.Expr:
        lead = _leading(u, end)
        if lead is None or lead[2]:
            return sp.log(u)
        main = lead[0] * sp.exp(lead[1])
        return sp.log(lead[0]) + lead[1] + (u - main) / main

    def hyperbolic(node: sp.Expr) -> sp.Expr:
        lead = _leading(node.args[0], end)
        return node if lead and lead[1] != 0 else node.rewrite(sp.exp)  # tanh(exp(z)) has its limit

    e = e.replace(lambda node: isinstance(node, HYPERBOLIC), hyperbolic)
    e = e.replace(sp.erfc, lambda w: 1 - sp.erf(w)).replace(sp.erf, erf).replace(sp.log, log)
    above, below = (_leading(part, end) for part in sp.together(e).as_numer_denom())
    if above is None or below is None or above[0] == 0:
        return None if above is None or below is None else sp.S.Zero
    c, growth, k = above[0] / below[0], _sign_at_end(above[1] - below[1], end), above[2] - below[2]
    if growth == 0 == k:
        return c
    sign = (-1) ** (k if end == -sp.oo else 0)
    return sp.S.Zero if growth < 0 or (growth == 0 and k < 0) else c * sign * sp.oo


# ---------------------------------------------------------------- jumps, kinks, derivative


class _Break(NamedTuple):
    """A cut: both limits of f there, and the order of the lowest discontinuous derivative, if any is."""

    at: sp.Expr
    left: sp.Expr
    right: sp.Expr
    order: int | None

    @property
    def infinite(self) -> bool:
        return is_infinite(self.left) or is_infinite(self.right)


def _diff(e: sp.Expr) -> sp.Expr:
    slope = e.diff(z)
    symbolic = any(n.is_Pow and n.exp.free_symbols - {z} for n in sp.preorder_traversal(slope))
    return sp.powsimp(slope) if symbolic else slope  # k*z**k/z would be undefined at 0


@lru_cache(maxsize=256)
def _breaks(expr: sp.Expr) -> tuple[_Break, ...]:
    result = []
    for (_, t, below), (_, _, above) in pairwise(pieces(expr)):
        order, values, left, right = None, [], below, above
        for k in range(4):
            (x, low), (y, high) = limits(left, t, "-"), limits(right, t, "+")
            if x != low or y != high:
                raise InputError(f"{expr} oscillates without limit at z = {t}")
            values += [x, y]
            if is_infinite(x) or is_infinite(y) or not _is_zero(x - y):
                order = k
                break
            left, right = _diff(left), _diff(right)
        else:
            order = None if _is_zero(below - above, t, t + 1) else 4
        result.append(_Break(t, values[0], values[1], order))
    return tuple(result)


def breakpoints(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """Where the function is not smooth, in order: jumps, kinks, infinite values, and jumps of a higher
    derivative (z**2*Heaviside(z) at 0), which a quadrature must know just as well."""
    return tuple(b.at for b in _breaks(expr) if b.order is not None)


def jumps(expr: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """Pairs (location, height): height = limit from the right minus limit from the left, both finite."""
    finite = [b for b in _breaks(expr) if b.order == 0 and not b.infinite]
    return tuple((b.at, _tidy(b.right - b.left)) for b in finite)


def kinks(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """Where the function is continuous and its derivative jumps or is infinite."""
    return tuple(b.at for b in _breaks(expr) if b.order == 1)


def derivative(expr: sp.Expr) -> tuple[sp.Expr, tuple[tuple[sp.Expr, sp.Expr], ...]]:
    """The derivative as a distribution: regular part, and masses as pairs (location, weight), one per jump.

    The regular part is written by the chain rule (Abs(z) gives sign(z)) or as a sum of Heaviside terms,
    whichever is shorter, or else, where these would divide by 0, as a Piecewise; its value at the breakpoints
    means nothing. InputError if f is infinite at one.
    """
    for b in _breaks(expr):
        if b.infinite:
            raise InputError(f"{expr} is infinite at z = {b.at}; its derivative there is no measure")
    parts = pieces(expr)
    rebuilt = _diff(parts[0].expr)
    for before, after in pairwise(parts):
        rebuilt += (_diff(after.expr) - _diff(before.expr)) * sp.Heaviside(z - after.lo)
    direct = _diff(expr).replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    if direct.has(sp.Derivative, sp.Subs, sp.re, sp.im) or sp.count_ops(rebuilt) < sp.count_ops(direct):
        direct = rebuilt
    if len(parts) > 1 and not _is_safe(direct, breakpoints(expr)):
        *first, last = [(_diff(e), z < hi) for _, hi, e in parts]
        direct = sp.Piecewise(*first, (last[0], True))
    return direct, jumps(expr)


def _is_safe(e: sp.Expr, known: tuple[sp.Expr, ...]) -> bool:
    """Whether no denominator, root or logarithm in e is undefined other than at the known breakpoints, even
    where it is multiplied by 0: numbers do not see the 0."""
    for node in sp.preorder_traversal(e):
        if node.has(z) and _is_singular(node):
            try:
                signs = split(sp.sign(node.args[0]))
            except InputError:
                return False
            whole = node.is_Pow and node.exp.is_integer
            undefined = any(s == 0 or (s < 0 and not whole) for _, _, s in signs)
            if undefined or any(p.lo not in known for p in signs[1:]):
                return False
    return True


# ---------------------------------------------------------------- parity and bounds


def parity(expr: sp.Expr) -> str | None:
    """ "even", "odd" or None, values at the breakpoints aside (0 is "even"): pieces are compared with their
    mirror images at generic points, to 100 digits."""
    pairs = list(zip(pieces(expr), reversed(pieces(expr)), strict=True))
    if all(p.lo == -q.hi or _is_zero(p.lo + q.hi) for p, q in pairs):
        for name, sign in (("even", 1), ("odd", -1)):
            if all(_is_zero(p.expr - sign * q.expr.subs(z, -z), p.lo, p.hi) for p, q in pairs):
                return name
    return None


def bounded(expr: sp.Expr) -> bool:
    """Whether sup |f| is finite: exactly if every piece has finite limits at its ends."""
    ends = [(e, t, side) for lo, hi, e in pieces(expr) for t, side in ((lo, "+"), (hi, "-"))]
    values = [limit for e, t, side in ends for limit in limits(e, t, side)]
    return not (any(x.is_infinite for x in values) or any(is_infinite(x) for x in values))


def bound(expr: sp.Expr) -> sp.Expr:
    """sup |f|, or oo. See ``_range`` for when it is a rational slightly above instead."""
    return _supremum(pieces(expr))


def lipschitz(expr: sp.Expr) -> sp.Expr | None:
    """The Lipschitz constant sup |f'|; None if f jumps or f' is unbounded. See ``_range`` for when it is a
    rational slightly above instead."""
    if any(b.order == 0 for b in _breaks(expr)):
        return None
    slope = _supremum(tuple(Piece(lo, hi, _diff(e)) for lo, hi, e in pieces(expr)))
    return None if is_infinite(slope) else slope


@lru_cache(maxsize=256)
def envelope(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(c, m) with |f(u)| <= c + m |u| for all real u (condition S50); None if there is none.

    (sup |f|, 0) for bounded f; otherwise m = limsup |f(u)/u| if some c goes with it, else m + 1, and the
    least such c. See ``_range`` for when c is a rational slightly above instead.
    """
    top = bound(expr)
    if not is_infinite(top):
        return top, sp.S.Zero
    if any(b.infinite for b in _breaks(expr)):
        return None
    zero, halves = sp.S.Zero, []
    for lo, hi, e in pieces(expr):
        cut = compare(lo, zero) < 0 < compare(hi, zero)
        halves += [Piece(lo, zero, e), Piece(zero, hi, e)] if cut else [Piece(lo, hi, e)]
    ends = [(e, t, side) for lo, hi, e in halves for t, side in ((lo, "+"), (hi, "-")) if t.is_infinite]
    slope = _largest([abs(x) for e, t, side in ends for x in limits(_expand(e / z), t, side)])
    if is_infinite(slope):
        return None
    for m, falls in ((slope, False), (slope + 1, True)):  # m = slope + 1: then |f| - m |u| tends to -oo
        lines = [(lo, hi, e, m * z if compare(lo, zero) >= 0 else -m * z) for lo, hi, e in halves]
        excess = [
            _range(Piece(lo, hi, _expand(s * e - line)), falls)[1]
            for lo, hi, e, line in lines
            for s in (1, -1)
        ]
        if not any(is_infinite(x) for x in excess):
            return _largest([zero, *excess]), m
    return None


def _supremum(parts: tuple[Piece, ...]) -> sp.Expr:
    """sup of |e| over all pieces."""
    extremes = [value for p in parts for value in _range(p)]
    top = sp.oo if any(is_infinite(x) for x in extremes) else _largest([abs(x) for x in extremes])
    return _tidy(top)


def _tidy(value: sp.Expr) -> sp.Expr:
    """Simplified, where this is quick."""
    quick = value.count_ops() < 12 or (
        (value.free_symbols or value.is_algebraic) and not value.has(sp.CRootOf)
    )
    return min(value, sp.simplify(value), key=sp.count_ops) if quick and value.count_ops() < 100 else value


def _waves(e: sp.Expr) -> list[sp.Expr]:
    return sorted((w for w in e.atoms(sp.sin, sp.cos) if w.has(z)), key=sp.default_sort_key)


def _period(waves: list[sp.Expr], g: sp.Expr) -> sp.Expr | None:
    """The period of g if z enters through these sines and cosines only, and their rates are commensurable."""
    rates = [abs(w.args[0].diff(z)) for w in waves]
    if not waves or g.xreplace({w: sp.Dummy() for w in waves}).has(z) or any(r.has(z) for r in rates):
        return None
    ratios = [sp.cancel(r / rates[0]) for r in rates]
    if not all(r.is_Rational for r in ratios):
        return None
    return 2 * sp.pi / rates[0] * math.lcm(*(r.q for r in ratios)) / math.gcd(*(r.p for r in ratios))


@lru_cache(maxsize=256)
def _range(piece: Piece, falls: bool = False) -> tuple[sp.Expr, sp.Expr]:
    """(inf, sup) of an analytic expression on its interval; infinite limits give +-oo.

    Exact if all zeros of the derivative have closed forms. If not, local extremes are found on a grid of a
    thousand points and refined at 30 digits, and a rational within 2e-12 (relative) beyond the extreme is
    returned: safe for functions whose features are no narrower than the grid (1/16 within 40 of a finite end
    or of 0; 8 % of the distance beyond), not proven. Where the expression oscillates at infinity, the bounds
    there come from interval arithmetic and may be wider than the range.
    falls: the expression is known to tend to -oo at the infinite ends.
    """
    lo, hi, e = piece
    if not e.has(z):
        return e, e
    waves = _waves(e)
    if waves and _terms(e) <= MAX_WAVES and all(g in waves or not _waves(g) for g in _generators(_expand(e))):
        e = TR8(_expand(e))  # products of waves as sums: single waves have exact extremes
        waves = _waves(e)
    period = _period(waves, e) if lo.is_infinite or hi.is_infinite else None
    if period is not None:
        amplitude = sp.cancel(e.diff(z) / waves[0].diff(z))
        if not amplitude.has(z):  # e = level + amplitude * wave
            level = sp.expand(e - amplitude * waves[0])
            return level - abs(amplitude), level + abs(amplitude)
        lo, hi = sp.S.Zero, period
    values = [
        -sp.oo if falls and t.is_infinite else limit
        for t, side in ((lo, "+"), (hi, "-"))
        for limit in limits(e, t, side)
    ]
    if sp.oo in values and -sp.oo in values:
        return -sp.oo, sp.oo
    slope = _diff(e)
    try:
        critical = _zeros(slope, lo, hi)
        if any(t.has(sp.CRootOf) for t in critical):
            raise _Unsolved  # a value at the root of a quintic is no closed form, and slow
        values += [e.subs(z, t) for t in critical]
    except _Unsolved:
        if compare(lo, sp.S.Zero) < 0 < compare(hi, sp.S.Zero) and slope.subs(z, 0) == 0:
            values.append(e.subs(z, 0))
        values += _numeric_extremes(e, lo, hi, values)
    return -_largest([-x for x in values]), _largest(values)


def _numeric_extremes(e: sp.Expr, lo: sp.Expr, hi: sp.Expr, exact: list[sp.Expr]) -> list[sp.Expr]:
    """Rationals just beyond the greatest and the least value, where these exceed the exact ones."""
    f = _float_function(e)
    samples = [(x, y) for x, y in ((x, f(x)) for x in _grid(lo, hi)) if math.isfinite(y)]
    triples = [
        (p, y, q, a, b) for (a, p), (_, y), (b, q) in zip(samples, samples[1:], samples[2:], strict=False)
    ]
    result = []
    with mp.workdps(30):
        precise = sp.lambdify(z, e, "mpmath")
        for way in (1, -1):
            peaks = [(way * y, a, b) for p, y, q, a, b in triples if way * (y - p) >= 0 <= way * (y - q)]
            best = max((mp.mpf(str(sp.N(way * x, 30))) for x in exact if x.is_finite), default=-mp.inf)
            for _, a, b in sorted(peaks, reverse=True)[:3]:
                top = way * precise(_peak(precise, way, mp.mpf(a), mp.mpf(b)))
                if top > best + mp.mpf(10) ** -20:
                    digits = 12 - int(mp.floor(mp.log10(abs(top)))) if top else 12
                    above = int(mp.ceil(top * mp.mpf(10) ** digits)) + 1
                    result.append(way * above / sp.Integer(10) ** digits)
    return result


def _peak(f: Callable[[mp.mpf], mp.mpf], way: int, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    """Where way * f, with one local maximum on [a, b], is greatest."""
    for _ in range(90):
        c, d = (2 * a + b) / 3, (a + 2 * b) / 3
        a, b = (c, b) if way * f(c) < way * f(d) else (a, d)
    return (a + b) / 2
